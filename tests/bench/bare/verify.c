/* SPDX-License-Identifier: Apache-2.0 */
#include "arm.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

/* ---- warm ---- */

const bare_count BARE_WARM_CALLS[] = {
    {CALL_EVP_DigestVerifyInit_ex, 1},
    {CALL_EVP_DigestVerify, 1},
    {0, 0},
};

bare_arm *bare_warm_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm, arm != NULL && bare_arm_read_key(arm));
}

static bool digest_verify(EVP_MD_CTX *ctx, const bare_input *input)
{
    return EVP_DigestVerify(ctx, input->signature.ptr, input->signature.len, input->tbs.ptr,
                            input->tbs.len) == 1;
}

/* The context keeps digest and key; a new round begins by an initialisation that names neither. */
bool bare_digest_verify(bare_arm *arm)
{
    return EVP_DigestVerifyInit_ex(arm->verify, NULL, NULL, NULL, NULL, NULL, arm->padding) == 1 &&
           digest_verify(arm->verify, arm->input);
}

bool bare_warm_round(bare_arm *arm)
{
    return bare_digest_verify(arm);
}

/* ---- cold ---- */

const bare_count BARE_COLD_CALLS[] = {
    {CALL_d2i_X509, 3},
    {CALL_X509_STORE_new, 1},
    {CALL_X509_STORE_add_cert, 1},
    {CALL_OPENSSL_sk_new_null, 1},
    {CALL_OPENSSL_sk_push, 1},
    {CALL_X509_STORE_CTX_new, 1},
    {CALL_X509_STORE_CTX_init, 1},
    {CALL_X509_STORE_CTX_get0_param, 1},
    {CALL_X509_VERIFY_PARAM_set_flags, 1},
    {CALL_X509_VERIFY_PARAM_set_auth_level, 1},
    {CALL_X509_verify_cert, 1},
    {CALL_X509_get0_pubkey, 1},
    {CALL_EVP_MD_CTX_new, 1},
    {CALL_EVP_DigestVerifyInit_ex, 1},
    {CALL_EVP_DigestVerify, 1},
    {CALL_EVP_MD_CTX_free, 1},
    {CALL_X509_STORE_CTX_free, 1},
    {CALL_OPENSSL_sk_free, 1},
    {CALL_X509_STORE_free, 1},
    {CALL_X509_free, 3},
    {0, 0},
};

bare_arm *bare_cold_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm, arm != NULL && bare_arm_read_key(arm));
}

static X509 *read_cert(bare_bytes der)
{
    const unsigned char *p = der.ptr;

    return d2i_X509(NULL, &p, (long)der.len);
}

static bool chain_good(X509 *leaf, X509 *ca, X509 *root, unsigned long flags)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool good = X509_STORE_add_cert(store, root) == 1 && sk_X509_push(untrusted, ca) == 1 &&
                X509_STORE_CTX_init(ctx, store, leaf, untrusted) == 1;

    if (good) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

        X509_VERIFY_PARAM_set_flags(param, flags);
        X509_VERIFY_PARAM_set_auth_level(param, 2);
        good = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    X509_STORE_free(store);
    return good;
}

static bool signature_good(X509 *leaf, const bare_arm *arm)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    bool good = EVP_DigestVerifyInit_ex(ctx, NULL, arm->input->digest, NULL, NULL, key, arm->padding) == 1 &&
                digest_verify(ctx, arm->input);

    EVP_MD_CTX_free(ctx);
    return good;
}

bool bare_cold_round(bare_arm *arm)
{
    const bare_input *input = arm->input;
    X509 *leaf = read_cert(input->certs[0]), *ca = read_cert(input->certs[1]),
         *root = read_cert(input->certs[2]);
    bool good = chain_good(leaf, ca, root, input->x509_flags) && signature_good(leaf, arm);

    X509_free(leaf);
    X509_free(ca);
    X509_free(root);
    return good;
}
