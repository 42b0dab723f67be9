/* SPDX-License-Identifier: Apache-2.0 */
/* The two calls that make a signature. */
#include "pkcs11/internal.h"

#include "base/error.h"

static CK_RV begin(p11_module *module, const p11_signing *what)
{
    CK_RSA_PKCS_PSS_PARAMS params = what->mechanism.params;
    CK_MECHANISM how = {what->mechanism.type, NULL, 0};

    if (what->mechanism.has_params) {
        how.pParameter = &params;
        how.ulParameterLen = sizeof(params);
    }
    return p11_C_SignInit(module, what->session, &how, what->key);
}

/* Cryptoki has no const: it reads the input only. */
static CK_RV end(p11_module *module, const p11_signing *what, p11_made *made, CK_ULONG *len)
{
    *len = sizeof(made->bytes);
    return p11_C_Sign(module, what->session, (CK_BYTE *)(uintptr_t)what->input.ptr, what->input.len,
                      made->bytes, len);
}

sigb_rc p11_sign(p11_module *module, p11_signing *what, p11_made *made, sigb_diag *diag)
{
    CK_ULONG len;
    sigb_rc rc = SIGB_OK;
    CK_RV rv = begin(module, what);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_SignInit");
    if (what->between != NULL)
        rc = what->between(what->between_arg, what->session, diag);
    what->between_failed = rc != SIGB_OK;
    if (rc != SIGB_OK)
        return rc;
    rv = end(module, what, made, &len);
    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_Sign");
    if (len > sizeof(made->bytes))
        return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT, "the token claims a signature of %lu bytes", len);
    made->len = len;
    return SIGB_OK;
}
