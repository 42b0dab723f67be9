/* SPDX-License-Identifier: Apache-2.0 */
/* The two calls that make a signature. */
#include "pkcs11/internal.h"

#include "base/error.h"

static CK_RV begin(CK_FUNCTION_LIST *calls, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                   const p11_mechanism *mechanism)
{
    CK_RSA_PKCS_PSS_PARAMS params = mechanism->params;
    CK_MECHANISM how = {mechanism->type, NULL, 0};

    if (mechanism->has_params) {
        how.pParameter = &params;
        how.ulParameterLen = sizeof(params);
    }
    return calls->C_SignInit(session, &how, key);
}

sigb_rc p11_sign(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                 const p11_mechanism *mechanism, sigb_bytes input, p11_between_fn between, void *arg,
                 sigb_buf *signature, sigb_diag *diag)
{
    CK_FUNCTION_LIST *calls = p11_module_calls(module);
    uint8_t made[SIGB_MAX_SIGNATURE];
    CK_ULONG made_len = sizeof(made);
    sigb_rc rc = SIGB_OK;
    CK_RV rv = begin(calls, session, key, mechanism);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_SignInit");
    if (between != NULL)
        rc = between(arg, session, diag);
    if (rc != SIGB_OK)
        return rc;
    /* Cryptoki has no const: it reads the input only */
    rv = calls->C_Sign(session, (CK_BYTE *)(uintptr_t)input.ptr, input.len, made, &made_len);
    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_Sign");
    if (made_len > sizeof(made))
        return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT, "the token claims a signature of %lu bytes", made_len);
    sigb_buf_append(signature, sigb_bytes_of(made, made_len));
    return signature->failed ? sigb_no_memory(diag) : SIGB_OK;
}
