/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA encryption with a key of ours, which needs the public half alone: software does it, in a twin of each context,
 * in the library's own. With a key on a token nothing is decrypted, and whoever asks is told so. A software key that
 * OpenSSL brought us does both.
 *
 * Only our keys name this operation, by a name that nobody else has.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "provider/provider.h"

typedef struct cipher_ctx {
    prov_ctx *prov;
    EVP_PKEY_CTX *twin; /* NULL until it begins */
} cipher_ctx;

/* ---- life ---- */

static void *new_ctx(void *provctx)
{
    cipher_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void free_ctx(void *arg)
{
    cipher_ctx *ctx = arg;

    if (ctx == NULL)
        return;
    EVP_PKEY_CTX_free(ctx->twin);
    OPENSSL_free(ctx);
}

static void *dup_ctx(void *arg)
{
    const cipher_ctx *from = arg;
    cipher_ctx *to = new_ctx(from->prov);

    if (to == NULL || from->twin == NULL)
        return to;
    to->twin = EVP_PKEY_CTX_dup(from->twin);
    if (to->twin == NULL) {
        free_ctx(to);
        return NULL;
    }
    return to;
}

/* ---- beginning ---- */

typedef int (*init_fn)(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

static int begin(cipher_ctx *ctx, init_fn init, const prov_key *key, const OSSL_PARAM params[])
{
    bool entered, good;

    EVP_PKEY_CTX_free(ctx->twin);
    ctx->twin = NULL;
    if (key == NULL || key->pkey == NULL)
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "there is no key to encrypt or decrypt with");
    entered = bridge_shelter();
    ctx->twin = EVP_PKEY_CTX_new_from_pkey(bridge_libctx(), key->pkey, NULL);
    good = ctx->twin != NULL && init(ctx->twin, params) > 0;
    bridge_end_shelter(entered);
    return good;
}

static int encrypt_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, EVP_PKEY_encrypt_init_ex, key, params);
}

static int decrypt_init(void *arg, void *keydata, const OSSL_PARAM params[])
{
    cipher_ctx *ctx = arg;
    const prov_key *key = keydata;

    if (key != NULL && key->secret != NULL)
        return prov_refuse(ctx->prov, SIGB_E_MECHANISM,
                           "keys of a token sign here, and decrypt nothing; decrypt with another provider or "
                           "the token's own tool");
    return begin(ctx, EVP_PKEY_decrypt_init_ex, key, params);
}

/* ---- the work, and its parameters: the twin's ---- */

static int encrypt(void *arg, unsigned char *out, size_t *len, size_t room, const unsigned char *in,
                   size_t in_len)
{
    const cipher_ctx *ctx = arg;

    *len = room;
    return ctx->twin != NULL && EVP_PKEY_encrypt(ctx->twin, out, len, in, in_len) > 0;
}

static int decrypt(void *arg, unsigned char *out, size_t *len, size_t room, const unsigned char *in,
                   size_t in_len)
{
    const cipher_ctx *ctx = arg;

    *len = room;
    return ctx->twin != NULL && EVP_PKEY_decrypt(ctx->twin, out, len, in, in_len) > 0;
}

static int get_ctx_params(void *arg, OSSL_PARAM params[])
{
    const cipher_ctx *ctx = arg;

    return ctx->twin != NULL && EVP_PKEY_CTX_get_params(ctx->twin, params) > 0;
}

static int set_ctx_params(void *arg, const OSSL_PARAM params[])
{
    const cipher_ctx *ctx = arg;

    return ctx->twin != NULL && EVP_PKEY_CTX_set_params(ctx->twin, params) > 0;
}

#define PADDING_PARAMS                                                                                       \
    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),                                        \
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),                                 \
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),                                 \
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),                                    \
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL)

/* What the twin tells and takes is more in later versions of OpenSSL. */
static const OSSL_PARAM *gettable_ctx_params(void *arg, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        PADDING_PARAMS, OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0), OSSL_PARAM_END};
    const cipher_ctx *ctx = arg;

    (void)provctx;
    return ctx != NULL && ctx->twin != NULL ? EVP_PKEY_CTX_gettable_params(ctx->twin) : gettable;
}

static const OSSL_PARAM *settable_ctx_params(void *arg, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        PADDING_PARAMS, OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0), OSSL_PARAM_END};
    const cipher_ctx *ctx = arg;

    (void)provctx;
    return ctx != NULL && ctx->twin != NULL ? EVP_PKEY_CTX_settable_params(ctx->twin) : settable;
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_ASYM_CIPHER_##id, (void (*)(void))(function)                                               \
    }

static const OSSL_DISPATCH RSA_CIPHER[] = {FUNCTION(NEWCTX, new_ctx),
                                           FUNCTION(FREECTX, free_ctx),
                                           FUNCTION(DUPCTX, dup_ctx),
                                           FUNCTION(ENCRYPT_INIT, encrypt_init),
                                           FUNCTION(ENCRYPT, encrypt),
                                           FUNCTION(DECRYPT_INIT, decrypt_init),
                                           FUNCTION(DECRYPT, decrypt),
                                           FUNCTION(GET_CTX_PARAMS, get_ctx_params),
                                           FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),
                                           FUNCTION(SET_CTX_PARAMS, set_ctx_params),
                                           FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params),
                                           {0, NULL}};

const OSSL_ALGORITHM PROV_CIPHERS[] = {
    {PROV_OWN("RSA"), "", RSA_CIPHER, "RSA encryption for a key of a token"},
    {NULL, NULL, NULL, NULL},
};
