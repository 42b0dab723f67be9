/* SPDX-License-Identifier: Apache-2.0 */
/* A signer over a key that OpenSSL has: in memory or in a provider, the application's or of a store that we opened. */
#include <stdatomic.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/alg.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/pubkey.h"
#include "base/signer.h"
#include "store/internal.h"

typedef struct evp_key {
    store_context *context; /* NULL: the key is of a library context of the application's */
    EVP_PKEY *pkey;
    char *query;        /* which provider signs; NULL: the key's own, as OpenSSL finds it */
    bool has_pin;       /* one was given to open it, and may be wrong: TPMs judge it when they sign */
    atomic_bool worked; /* it has signed, so the PIN was right */
    atomic_bool failed; /* its first signature was refused: with a PIN it is not asked again */
} evp_key;

static void evp_key_free(void *impl)
{
    evp_key *key = impl;

    EVP_PKEY_free(key->pkey);
    OPENSSL_free(key->query);
    context_free(key->context);
    OPENSSL_free(key);
}

/*
 * The same digest for MGF1 is what PSS has anyway; a provider that has no name for it knows no other. Nor have keys of
 * no provider, engines' and libp11's: OpenSSL fails to look up this name for them.
 */
static bool set_mgf1(EVP_PKEY_CTX *ctx, const EVP_PKEY *pkey, const alg_row *row)
{
    bool asks = row->family == ALG_RSA_PSS && EVP_PKEY_get0_provider(pkey) != NULL;
    int done = asks ? EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, row->digest, NULL) : 1;

    return done > 0 || done == -2;
}

/* Where no library context is named, OpenSSL goes to the provider that holds the key, wherever it was loaded. */
static bool sign_into(const evp_key *key, const alg_row *row, sigb_bytes tbs, uint8_t *made, size_t *len)
{
    OSSL_LIB_CTX *lib = key->context == NULL ? NULL : key->context->lib;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
    bool done = ctx != NULL &&
                EVP_DigestSignInit_ex(ctx, &pctx, row->digest, lib, key->query, key->pkey, NULL) == 1 &&
                pubkey_set_padding(pctx, row) && set_mgf1(pctx, key->pkey, row) &&
                EVP_DigestSign(ctx, made, len, tbs.ptr, tbs.len) == 1;

    EVP_MD_CTX_free(ctx);
    return done;
}

static sigb_rc refused(const alg_row *row, sigb_diag *diag)
{
    store_reason why = reason_take(SIGB_E_TOKEN);

    if (why.rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    return sigb_fail_native(diag, why.rc == SIGB_OK ? SIGB_E_TOKEN : why.rc, why.native,
                            "the key's provider refused to sign with %s: %s", row->name, why.text);
}

static sigb_rc evp_key_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    evp_key *key = impl;
    const alg_row *row = alg_row_of(alg);
    uint8_t made[SIGB_MAX_SIGNATURE];
    size_t len = sizeof(made);

    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no algorithm has the number %d", (int)alg);
    if (key->has_pin && atomic_load(&key->failed) && !atomic_load(&key->worked))
        return sigb_fail(
            diag, SIGB_E_TOKEN,
            "the provider refused the first signature after a PIN was given, which may be wrong; "
            "it is not tried again: open the key anew with the right one");
    ERR_clear_error();
    if (!sign_into(key, row, tbs, made, &len)) {
        atomic_store(&key->failed, true);
        return refused(row, diag);
    }
    atomic_store(&key->worked, true);
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

/* Takes key. */
static sigb_rc make(evp_key *key, sigb_bytes certs, sigb_signer **signer, sigb_diag *diag)
{
    static const signer_backend backend = {{evp_key_sign, evp_key_free}, NULL};
    sigb_buf spki = SIGB_BUF_INIT;
    sigb_alg alg;
    sigb_rc rc = read_spki(key->pkey, &spki, diag);

    if (rc == SIGB_OK)
        rc = sigb_alg_for_key(sigb_buf_bytes(&spki), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    if (rc == SIGB_OK)
        rc = signer_new(&backend, key, sigb_buf_bytes(&spki), certs, signer, diag);
    else
        evp_key_free(key);
    sigb_buf_free(&spki);
    return rc;
}

sigb_rc evp_signer_new(store_context *context, EVP_PKEY *pkey, char *query, bool has_pin, sigb_bytes certs,
                       sigb_signer **signer, sigb_diag *diag)
{
    evp_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key == NULL) {
        EVP_PKEY_free(pkey);
        OPENSSL_free(query);
        context_free(context);
        return sigb_no_memory(diag);
    }
    key->context = context;
    key->pkey = pkey;
    key->query = query;
    key->has_pin = has_pin;
    atomic_init(&key->worked, false);
    atomic_init(&key->failed, false);
    return make(key, certs, signer, diag);
}

sigb_rc sigb_signer_from_evp_pkey(EVP_PKEY *pkey, sigb_signer **signer, sigb_diag *diag)
{
    if (pkey == NULL || signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs a key, and a place to be put");
    if (EVP_PKEY_up_ref(pkey) != 1)
        return sigb_openssl_failed(diag, "a reference to the key");
    return evp_signer_new(NULL, pkey, NULL, false, SIGB_BYTES_NONE, signer, diag);
}
