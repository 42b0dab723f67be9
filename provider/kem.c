/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key encapsulation with a key of ours, in software (twin.c): RSASVE with RSA, DHKEM with EC where OpenSSL has it, from
 * 3.2 on. With a key on a token nothing is decapsulated; a software key that OpenSSL brought us does both.
 *
 * Only our keys name this operation, by names that nobody else has.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "provider/provider.h"

static int encapsulate_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return prov_twin_begin(ctx, EVP_PKEY_encapsulate_init, key, params);
}

static int decapsulate_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return prov_twin_begin_private(ctx, EVP_PKEY_decapsulate_init, key, params, "decapsulate");
}

/* What both return is the twin's: -2 has a meaning. It makes keys and fetches, and a fork waits for that. */
static int encapsulate(void *arg, unsigned char *out, size_t *len, unsigned char *secret, size_t *secret_len)
{
    const prov_twin *twin = arg;
    bool entered = bridge_shelter();
    int result = twin->ctx == NULL ? 0 : EVP_PKEY_encapsulate(twin->ctx, out, len, secret, secret_len);

    bridge_end_shelter(entered);
    return result;
}

static int decapsulate(void *arg, unsigned char *secret, size_t *len, const unsigned char *in, size_t in_len)
{
    const prov_twin *twin = arg;
    bool entered = bridge_shelter();
    int result = twin->ctx == NULL ? 0 : EVP_PKEY_decapsulate(twin->ctx, secret, len, in, in_len);

    bridge_end_shelter(entered);
    return result;
}

static const OSSL_PARAM *gettable_ctx_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM usual[] = {OSSL_PARAM_END};

    (void)provctx;
    return prov_twin_gettable(ctx, usual);
}

static const OSSL_PARAM *settable_ctx_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM usual[] = {OSSL_PARAM_utf8_string(OSSL_KEM_PARAM_OPERATION, NULL, 0),
                                       OSSL_PARAM_END};

    (void)provctx;
    return prov_twin_settable(ctx, usual);
}

/* ---- DHKEM: the sender's key may take part ---- */

#ifdef OSSL_FUNC_KEM_AUTH_ENCAPSULATE_INIT
typedef int auth_init(EVP_PKEY_CTX *ctx, EVP_PKEY *sender, const OSSL_PARAM params[]);

/* What has begun without the sender begins anew. */
static int begin_with(const prov_twin *twin, auth_init *init, const prov_key *sender,
                      const OSSL_PARAM params[])
{
    bool entered = bridge_shelter(), good = sender->pkey != NULL && init(twin->ctx, sender->pkey, params) > 0;

    bridge_end_shelter(entered);
    return good;
}

static int auth_encapsulate_init(void *arg, void *key, void *sender, const OSSL_PARAM params[])
{
    const prov_twin *twin = arg;
    const prov_key *from = sender;

    if (from->secret != NULL)
        return prov_refuse(twin->prov, SIGB_E_MECHANISM,
                           "keys of a token sign here, and authenticate nothing that is encapsulated; "
                           "encapsulate with another provider or the token's own tool");
    return encapsulate_init(arg, key, NULL) && begin_with(twin, EVP_PKEY_auth_encapsulate_init, from, params);
}

static int auth_decapsulate_init(void *twin, void *key, void *sender, const OSSL_PARAM params[])
{
    return decapsulate_init(twin, key, NULL) &&
           begin_with(twin, EVP_PKEY_auth_decapsulate_init, sender, params);
}
#endif

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_KEM_##id, (void (*)(void))(function)                                                       \
    }

#define FUNCTIONS                                                                                            \
    FUNCTION(NEWCTX, prov_twin_new), FUNCTION(FREECTX, prov_twin_free), FUNCTION(DUPCTX, prov_twin_dup),     \
        FUNCTION(ENCAPSULATE_INIT, encapsulate_init), FUNCTION(ENCAPSULATE, encapsulate),                    \
        FUNCTION(DECAPSULATE_INIT, decapsulate_init), FUNCTION(DECAPSULATE, decapsulate),                    \
        FUNCTION(GET_CTX_PARAMS, prov_twin_get_params), FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),  \
        FUNCTION(SET_CTX_PARAMS, prov_twin_set_params), FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params)

static const OSSL_DISPATCH RSA_KEM[] = {FUNCTIONS, {0, NULL}};
#ifdef OSSL_FUNC_KEM_AUTH_ENCAPSULATE_INIT
static const OSSL_DISPATCH EC_KEM[] = {FUNCTIONS,
                                       FUNCTION(AUTH_ENCAPSULATE_INIT, auth_encapsulate_init),
                                       FUNCTION(AUTH_DECAPSULATE_INIT, auth_decapsulate_init),
                                       {0, NULL}};
#endif

const OSSL_ALGORITHM PROV_KEMS[] = {
    {PROV_OWN("RSA"), "", RSA_KEM, "RSA key encapsulation for a key of a token"},
#ifdef OSSL_FUNC_KEM_AUTH_ENCAPSULATE_INIT
    {PROV_OWN("EC"), "", EC_KEM, "EC key encapsulation for a key of a token"},
#endif
    {NULL, NULL, NULL, NULL},
};
