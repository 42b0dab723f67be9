/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA encryption with a key of ours, in software (twin.c). With a key on a token nothing is decrypted; a software key
 * that OpenSSL brought us does both.
 *
 * Only our keys name this operation, by a name that nobody else has.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "provider/provider.h"

static int encrypt_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return prov_twin_begin(ctx, EVP_PKEY_encrypt_init_ex, key, params);
}

static int decrypt_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return prov_twin_begin_private(ctx, EVP_PKEY_decrypt_init_ex, key, params, "decrypt");
}

static int encrypt(void *arg, unsigned char *out, size_t *len, size_t room, const unsigned char *in,
                   size_t in_len)
{
    const prov_twin *twin = arg;
    bool entered = bridge_shelter(), good;

    *len = room;
    good = twin->ctx != NULL && EVP_PKEY_encrypt(twin->ctx, out, len, in, in_len) > 0;
    bridge_end_shelter(entered);
    return good;
}

static int decrypt(void *arg, unsigned char *out, size_t *len, size_t room, const unsigned char *in,
                   size_t in_len)
{
    const prov_twin *twin = arg;
    bool entered = bridge_shelter(), good;

    *len = room;
    good = twin->ctx != NULL && EVP_PKEY_decrypt(twin->ctx, out, len, in, in_len) > 0;
    bridge_end_shelter(entered);
    return good;
}

#define PADDING_PARAMS                                                                                       \
    OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),                                        \
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),                                 \
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),                                 \
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),                                    \
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL)

static const OSSL_PARAM *gettable_ctx_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM usual[] = {
        PADDING_PARAMS, OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return prov_twin_gettable(ctx, usual);
}

static const OSSL_PARAM *settable_ctx_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM usual[] = {
        PADDING_PARAMS, OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return prov_twin_settable(ctx, usual);
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_ASYM_CIPHER_##id, (void (*)(void))(function)                                               \
    }

static const OSSL_DISPATCH RSA_CIPHER[] = {FUNCTION(NEWCTX, prov_twin_new),
                                           FUNCTION(FREECTX, prov_twin_free),
                                           FUNCTION(DUPCTX, prov_twin_dup),
                                           FUNCTION(ENCRYPT_INIT, encrypt_init),
                                           FUNCTION(ENCRYPT, encrypt),
                                           FUNCTION(DECRYPT_INIT, decrypt_init),
                                           FUNCTION(DECRYPT, decrypt),
                                           FUNCTION(GET_CTX_PARAMS, prov_twin_get_params),
                                           FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),
                                           FUNCTION(SET_CTX_PARAMS, prov_twin_set_params),
                                           FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params),
                                           {0, NULL}};

const OSSL_ALGORITHM PROV_CIPHERS[] = {
    {PROV_OWN("RSA"), "", RSA_CIPHER, "RSA encryption for a key of a token"},
    {NULL, NULL, NULL, NULL},
};
