/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pubkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/alg.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/libctx.h"

sigb_rc pubkey_parse(sigb_bytes spki, EVP_PKEY **key, sigb_diag *diag)
{
    const unsigned char *p = spki.ptr;
    OSSL_LIB_CTX *ctx = NULL;
    EVP_PKEY *parsed = NULL;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc != SIGB_OK)
        return rc;
    if (spki.len > 0 && spki.len <= SIGB_MAX_CERT_LEN)
        parsed = d2i_PUBKEY_ex(NULL, &p, (long)spki.len, ctx, NULL);
    if (parsed == NULL || p != spki.ptr + spki.len) {
        rc = sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                  "public key cannot be read: %zu bytes are not one SubjectPublicKeyInfo",
                                  spki.len);
        EVP_PKEY_free(parsed);
        return rc;
    }
    *key = parsed;
    return SIGB_OK;
}

sigb_rc pubkey_put_spki(const EVP_PKEY *key, sigb_buf *spki, sigb_diag *diag)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    if (len <= 0)
        return sigb_openssl_failed(diag, "to write a public key");
    sigb_buf_append(spki, sigb_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    return spki->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* PSS as RFC 8230 has it: salt as long as the digest, MGF1 over the same digest (OpenSSL's default). */
static bool set_pss(EVP_PKEY_CTX *ctx, const alg_row *row)
{
    return row->family != ALG_RSA_PSS || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
                                          EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)row->digest_len) > 0);
}

/* 1 good, 0 wrong, negative: OpenSSL could not say. */
static int verify_with(EVP_PKEY *key, const alg_row *row, sigb_bytes tbs, sigb_bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
    int good = -1;

    if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, &pctx, row->digest, libctx_get(), NULL, key, NULL) == 1 &&
        set_pss(pctx, row))
        good = EVP_DigestVerify(ctx, signature.ptr, signature.len, tbs.ptr, tbs.len);
    EVP_MD_CTX_free(ctx);
    return good;
}

static sigb_rc verify_in_openssl_form(EVP_PKEY *key, const alg_row *row, sigb_bytes tbs, sigb_bytes signature,
                                      sigb_diag *diag)
{
    ERR_clear_error();
    if (verify_with(key, row, tbs, signature) == 1)
        return SIGB_OK;
    return sigb_openssl_refused(diag, SIGB_E_SIGNATURE, "the %s signature is wrong", row->name);
}

sigb_rc pubkey_verify(EVP_PKEY *key, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    sigb_buf der = SIGB_BUF_INIT;
    size_t wanted;
    sigb_rc rc;

    if (row == NULL || !alg_fits_key(row, key))
        return sigb_openssl_refused(diag, SIGB_E_ALG_KEY, "algorithm %s does not fit the key",
                                    row == NULL ? "unknown" : row->name);
    wanted = alg_signature_len(row, key);
    if (signature.len != wanted)
        return sigb_fail(diag, SIGB_E_SIGNATURE, "%s signature of %zu bytes where %zu are wanted", row->name,
                         signature.len, wanted);
    if (row->family != ALG_ECDSA)
        return verify_in_openssl_form(key, row, tbs, signature, diag);
    rc = ecdsa_raw_to_der(signature, row->coord, &der, diag);
    if (rc == SIGB_OK)
        rc = verify_in_openssl_form(key, row, tbs, sigb_buf_bytes(&der), diag);
    sigb_buf_free(&der);
    return rc;
}
