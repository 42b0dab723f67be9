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

/* Cryptoki has no const: it reads the input only. An empty message is somewhere, too: modules refuse NULL. */
static CK_RV end(p11_module *module, const p11_signing *what, p11_made *made, CK_ULONG *len)
{
    const CK_BYTE *input = what->input.len == 0 ? (const CK_BYTE *)"" : what->input.ptr;

    *len = sizeof(made->bytes);
    return p11_C_Sign(module, what->session, (CK_BYTE *)(uintptr_t)input, what->input.len, made->bytes, len);
}

/* Of a digest, mask or salt that its RSA-PSS does not have SoftHSM says what others say of broken calls. No repair helps. */
static bool lacks_pss(const p11_signing *what, CK_RV rv)
{
    return what->mechanism.has_params && (rv == CKR_ARGUMENTS_BAD || rv == CKR_MECHANISM_PARAM_INVALID);
}

static sigb_rc cannot_begin(const p11_signing *what, CK_RV rv, sigb_diag *diag)
{
    char room[24];

    if (!lacks_pss(what, rv))
        return ckr_fail(diag, rv, "C_SignInit");
    return sigb_fail_native(
        diag, SIGB_E_MECHANISM, CKR_MECHANISM_PARAM_INVALID,
        "C_SignInit: %s: the token makes no RSA-PSS with this digest, mask and salt; choose a digest of the "
        "SHA-2 family, the same for the mask, and a salt as long as the digest",
        ckr_name(rv, room));
}

sigb_rc p11_sign(p11_module *module, p11_signing *what, p11_made *made, sigb_diag *diag)
{
    CK_ULONG len;
    sigb_rc rc = SIGB_OK;
    CK_RV rv = begin(module, what);

    if (rv != CKR_OK)
        return cannot_begin(what, rv, diag);
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
