/* SPDX-License-Identifier: Apache-2.0 */
/* A signer over a key that the application has in OpenSSL: in memory, a provider, an engine. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include <sigbridge/signer.h>

#include "base/alg.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/pubkey.h"

static void pkey_free(void *impl)
{
    EVP_PKEY_free(impl);
}

/* No library context is named: OpenSSL then goes to the provider that holds the key, wherever it was loaded. */
static bool sign_into(EVP_PKEY *key, const alg_row *row, sigb_bytes tbs, uint8_t *made, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
    bool done = ctx != NULL && EVP_DigestSignInit_ex(ctx, &pctx, row->digest, NULL, NULL, key, NULL) == 1 &&
                pubkey_set_padding(pctx, row) && EVP_DigestSign(ctx, made, len, tbs.ptr, tbs.len) == 1;

    EVP_MD_CTX_free(ctx);
    return done;
}

static sigb_rc pkey_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    uint8_t made[SIGB_MAX_SIGNATURE];
    size_t len = sizeof(made);

    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no algorithm has the number %d", (int)alg);
    ERR_clear_error();
    if (!sign_into(impl, row, tbs, made, &len))
        return sigb_openssl_refused(diag, SIGB_E_TOKEN, "the key's provider refused to sign with %s",
                                    row->name);
    if (row->family == ALG_ECDSA)
        return ecdsa_der_to_raw(sigb_bytes_of(made, len), row->coord, signature, diag);
    sigb_buf_append(signature, sigb_bytes_of(made, len));
    return signature->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* A key that does not tell its public half cannot be pinned, so it cannot be used. */
static sigb_rc read_spki(const EVP_PKEY *pkey, sigb_buf *spki, sigb_diag *diag)
{
    sigb_rc rc = pubkey_put_spki(pkey, spki, diag);

    if (rc == SIGB_E_INTERNAL)
        rc = sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED, "the key does not tell its public half");
    return rc;
}

sigb_rc sigb_signer_from_evp_pkey(EVP_PKEY *pkey, sigb_signer **signer, sigb_diag *diag)
{
    static const sigb_signer_ops ops = {pkey_sign, pkey_free};
    sigb_buf spki = SIGB_BUF_INIT;
    sigb_rc rc;

    if (pkey == NULL || signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs a key, and a place to be put");
    rc = read_spki(pkey, &spki, diag);
    if (rc == SIGB_OK && EVP_PKEY_up_ref(pkey) != 1)
        rc = sigb_openssl_failed(diag, "a reference to the key");
    if (rc == SIGB_OK)
        rc = sigb_signer_from_ops(&ops, pkey, sigb_buf_bytes(&spki), signer, diag);
    sigb_buf_free(&spki);
    return rc;
}
