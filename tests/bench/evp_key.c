/* SPDX-License-Identifier: Apache-2.0 */
#include "evp_key.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/x509.h>

bool bench_evp_failed(const char *what)
{
    fprintf(stderr, "%s fails\n", what);
    ERR_print_errors_fp(stderr);
    return false;
}

const bench_scheme *bench_scheme_of(const char *key_name)
{
    static const bench_scheme schemes[] = {{"P-256", "SHA2-256", false},
                                           {"P-384", "SHA2-384", false},
                                           {"P-521", "SHA2-512", false},
                                           {"RSA-3072", "SHA2-384", true},
                                           {"Ed25519", NULL, false}};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strcmp(schemes[i].key, key_name) == 0)
            return &schemes[i];
    fprintf(stderr, "%s: nobody has said how it signs\n", key_name);
    return NULL;
}

/* ---- the key ---- */

static EVP_PKEY *load(OSSL_LIB_CTX *libctx, const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        while (key == NULL && !OSSL_STORE_eof(store)) {
            OSSL_STORE_INFO *info = OSSL_STORE_load(store);

            if (info == NULL)
                break;
            key = OSSL_STORE_INFO_get1_PKEY(info);
            OSSL_STORE_INFO_free(info);
        }
    OSSL_STORE_close(store);
    return key;
}

bool bench_evp_open(bench_evp *evp, const bench_key *key, const char *configuration)
{
    char uri[256];

    snprintf(uri, sizeof(uri), "pkcs11:token=%s;object=%s;type=private", key->token, key->label);
    *evp = (bench_evp){.scheme = bench_scheme_of(key->name), .libctx = OSSL_LIB_CTX_new()};
    if (evp->scheme == NULL)
        return false;
    if (evp->libctx == NULL || OSSL_LIB_CTX_load_config(evp->libctx, configuration) != 1)
        return bench_evp_failed(configuration);
    evp->key = load(evp->libctx, uri);
    return evp->key != NULL || bench_evp_failed(uri);
}

void bench_evp_close(bench_evp *evp)
{
    EVP_PKEY_free(evp->key);
    OSSL_LIB_CTX_free(evp->libctx);
    *evp = (bench_evp){0};
}

/* ---- signatures ---- */

static const OSSL_PARAM *padding(const bench_scheme *scheme)
{
    static char mode[] = OSSL_PKEY_RSA_PAD_MODE_PSS, salt[] = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;
    static const OSSL_PARAM pss[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, mode, sizeof(mode) - 1),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt, sizeof(salt) - 1), OSSL_PARAM_END};

    return scheme->rsa ? pss : NULL;
}

bool bench_evp_arm_ready(bench_evp_arm *arm, const bench_evp *evp)
{
    memset(arm, 0, sizeof(*arm));
    memset(arm->message, 'x', sizeof(arm->message));
    arm->evp = evp;
    if (evp->scheme->digest == NULL)
        return true;
    return EVP_Q_digest(NULL, evp->scheme->digest, NULL, arm->message, sizeof(arm->message), arm->digest,
                        &arm->digest_len) == 1 ||
           bench_evp_failed(evp->scheme->digest);
}

bool bench_evp_arm_reuse(bench_evp_arm *arm)
{
    const bench_evp *evp = arm->evp;
    EVP_MD *md = EVP_MD_fetch(evp->libctx, evp->scheme->digest, NULL);
    bool ready;

    arm->ctx = EVP_PKEY_CTX_new_from_pkey(evp->libctx, evp->key, NULL);
    ready = md != NULL && arm->ctx != NULL && EVP_PKEY_sign_init_ex(arm->ctx, padding(evp->scheme)) == 1 &&
            EVP_PKEY_CTX_set_signature_md(arm->ctx, md) == 1;
    EVP_MD_free(md);
    return ready || bench_evp_failed("EVP_PKEY_sign_init_ex");
}

void bench_evp_arm_free(bench_evp_arm *arm)
{
    EVP_PKEY_CTX_free(arm->ctx);
    arm->ctx = NULL;
}

bool bench_evp_sign_round(void *arg)
{
    bench_evp_arm *arm = arg;

    arm->len = sizeof(arm->signature);
    return EVP_PKEY_sign(arm->ctx, arm->signature, &arm->len, arm->digest, arm->digest_len) == 1 ||
           bench_evp_failed("EVP_PKEY_sign");
}

EVP_MD_CTX *bench_evp_begin(const bench_evp_arm *arm)
{
    const bench_evp *evp = arm->evp;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, evp->scheme->digest, evp->libctx, NULL, evp->key,
                                             padding(evp->scheme)) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    (void)bench_evp_failed("EVP_DigestSignInit_ex");
    return NULL;
}

bool bench_evp_digest_round(void *arg)
{
    bench_evp_arm *arm = arg;
    EVP_MD_CTX *ctx = bench_evp_begin(arm);
    bool good;

    arm->len = sizeof(arm->signature);
    good = ctx != NULL &&
           EVP_DigestSign(ctx, arm->signature, &arm->len, arm->message, sizeof(arm->message)) == 1;
    EVP_MD_CTX_free(ctx);
    return good || bench_evp_failed("EVP_DigestSign");
}

/* ---- what software says of them ---- */

static EVP_PKEY *public_half(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    const unsigned char *at = der;
    EVP_PKEY *pub = len <= 0 ? NULL : d2i_PUBKEY(NULL, &at, len);

    OPENSSL_free(der);
    return pub;
}

bool bench_evp_require_right(const bench_evp_arm *arm, EVP_PKEY *key)
{
    const bench_scheme *scheme = arm->evp->scheme;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *pub = public_half(key);
    bool good = ctx != NULL && pub != NULL &&
                EVP_DigestVerifyInit_ex(ctx, NULL, scheme->digest, NULL, NULL, pub, padding(scheme)) == 1 &&
                EVP_DigestVerify(ctx, arm->signature, arm->len, arm->message, sizeof(arm->message)) == 1;

    EVP_PKEY_free(pub);
    EVP_MD_CTX_free(ctx);
    return good || bench_evp_failed("the signature's verification");
}
