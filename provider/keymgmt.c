/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key management. All that concerns the public half is asked of its software
 * twin, so that it comes out as software writes it, and no question touches a
 * token. A private half on a token is never exported: OpenSSL then stays with
 * this provider for what needs it.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "provider/provider.h"

/* ---- life ---- */

/* NULL: as the key is called. */
static const char *operation_of(const prov_type *type, int operation)
{
    switch (operation) {
    case OSSL_OP_SIGNATURE:
        return type->operation;
    case OSSL_OP_ASYM_CIPHER:
        return type->cipher;
    case OSSL_OP_KEM:
        return type->kem;
    default:
        return NULL;
    }
}

#define NEW(Name, row)                                                                                       \
    static void *new_##Name(void *provctx)                                                                   \
    {                                                                                                        \
        return prov_key_new(provctx, &PROV_TYPE[row]);                                                       \
    }                                                                                                        \
    static void *gen_init_##Name(void *provctx, int selection, const OSSL_PARAM params[])                    \
    {                                                                                                        \
        return prov_gen_init(provctx, &PROV_TYPE[row], selection, params);                                   \
    }                                                                                                        \
    static const char *operation_##Name(int operation)                                                       \
    {                                                                                                        \
        return operation_of(&PROV_TYPE[row], operation);                                                     \
    }

NEW(rsa, PROV_RSA)
NEW(rsa_pss, PROV_RSA_PSS)
NEW(ec, PROV_EC)
NEW(ed25519, PROV_ED25519)
NEW(ed448, PROV_ED448)

static void release(void *key)
{
    prov_key_free(key);
}

static void *load(const void *bytes, size_t size)
{
    static const prov_reference taken = {NULL};
    prov_reference reference;

    if (size != sizeof(reference))
        return NULL;
    memcpy(&reference, bytes, sizeof(reference));
    memcpy((void *)(uintptr_t)bytes, &taken, sizeof(taken));
    return reference.key;
}

/* A key on a token is shared, one of software is copied, as far as is asked for. */
static void *duplicate(const void *from, int selection)
{
    const prov_key *key = from;
    prov_key *made;

    if (key->secret != NULL || key->pkey == NULL)
        return prov_key_share(key);
    (void)selection;
    made = prov_key_new(key->ctx, key->type);
    if (made != NULL)
        made->pkey = EVP_PKEY_dup(key->pkey);
    if (made != NULL && made->pkey == NULL) {
        prov_key_free(made);
        return NULL;
    }
    return made;
}

/* ---- what there is ---- */

/* What the software twin can be exported with tells what it has. */
static bool twin_has(const prov_key *key, int selection)
{
    OSSL_PARAM *params = NULL;
    bool has = EVP_PKEY_todata(key->pkey, selection, &params) > 0;

    if (has && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        has = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PRIV_KEY) != NULL ||
              OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_RSA_D) != NULL;
    OSSL_PARAM_free(params);
    return has;
}

static bool has_private(const prov_key *key)
{
    return key->secret != NULL || twin_has(key, OSSL_KEYMGMT_SELECT_ALL);
}

static int has(const void *keydata, int selection)
{
    const prov_key *key = keydata;
    size_t point = 0;

    if (key == NULL || key->pkey == NULL)
        return 0;
    if (key->secret != NULL)
        return 1;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return has_private(key);
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && key->type == &PROV_TYPE[PROV_EC])
        return EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, &point) == 1;
    return 1;
}

static int match(const void *keydata1, const void *keydata2, int selection)
{
    const prov_key *one = keydata1, *other = keydata2;

    if (one->pkey == NULL || other->pkey == NULL || one->type != other->type)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
        return EVP_PKEY_parameters_eq(one->pkey, other->pkey) == 1;
    return EVP_PKEY_eq(one->pkey, other->pkey) == 1;
}

static int validate(const void *keydata, int selection, int checktype)
{
    const prov_key *key = keydata;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(bridge_libctx(), key->pkey, NULL);
    int good = 0;

    (void)checktype;
    if (ctx != NULL && key->secret == NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        good = EVP_PKEY_pairwise_check(ctx);
    else if (ctx != NULL && (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0)
        good = EVP_PKEY_public_check(ctx);
    else if (ctx != NULL)
        good = EVP_PKEY_param_check(ctx);
    EVP_PKEY_CTX_free(ctx);
    return good == 1;
}

/* ---- in and out ---- */

static int import(void *keydata, int selection, const OSSL_PARAM params[])
{
    prov_key *key = keydata;
    EVP_PKEY_CTX *ctx;
    int good;

    if (key->pkey != NULL)
        return 0;
    ctx = EVP_PKEY_CTX_new_from_name(bridge_libctx(), key->type->name, NULL);
    good = ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0 &&
           EVP_PKEY_fromdata(ctx, &key->pkey, selection, (OSSL_PARAM *)(uintptr_t)params) > 0;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

/*
 * Not for selections with the private half: with a part of the key OpenSSL would
 * go to another provider, and find the private half missing there.
 */
static int export(void *keydata, int selection, OSSL_CALLBACK *callback, void *arg)
{
    const prov_key *key = keydata;
    OSSL_PARAM *params = NULL;
    int good;

    if (key->pkey == NULL || (key->secret != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0))
        return 0;
    if (key->secret == NULL && !has_private(key))
        selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
    good = EVP_PKEY_todata(key->pkey, selection, &params) > 0 && callback(params, arg);
    OSSL_PARAM_free(params);
    return good;
}

/* Asked by providers that want to know what may come; nothing of it is read before the key is there. */
static const OSSL_PARAM *types_rsa(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0), OSSL_PARAM_END};

    (void)selection;
    return types;
}

static const OSSL_PARAM *types_ec(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0), OSSL_PARAM_END};

    (void)selection;
    return types;
}

static const OSSL_PARAM *types_edwards(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
                                       OSSL_PARAM_END};

    (void)selection;
    return types;
}

/* ---- parameters: the software twin's ---- */

static int get_params(void *keydata, OSSL_PARAM params[])
{
    const prov_key *key = keydata;

    return key->pkey != NULL && EVP_PKEY_get_params(key->pkey, params);
}

/* How a public key is written, and not what it is. */
static bool is_form(const OSSL_PARAM *param)
{
    static const char *const forms[] = {OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                        OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC};

    for (size_t i = 0; i < COUNT(forms); i++)
        if (strcmp(param->key, forms[i]) == 0)
            return true;
    return false;
}

/* The group of an ephemeral key's peer, where OpenSSL makes those here. A token's key is what it is. */
static int set_params(void *keydata, const OSSL_PARAM params[])
{
    const prov_key *key = keydata;

    for (const OSSL_PARAM *p = params; key->secret != NULL && p != NULL && p->key != NULL; p++)
        if (!is_form(p))
            return 0;
    return key->pkey != NULL && EVP_PKEY_set_params(key->pkey, (OSSL_PARAM *)(uintptr_t)params);
}

#define COMMON_PARAMS                                                                                        \
    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),         \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),                                                      \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),                                     \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0)

static const OSSL_PARAM *gettable_rsa(void *provctx)
{
    static const OSSL_PARAM gettable[] = {COMMON_PARAMS, OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                          OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static const OSSL_PARAM *gettable_ec(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        COMMON_PARAMS,
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
        OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static const OSSL_PARAM *gettable_edwards(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        COMMON_PARAMS, OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static const OSSL_PARAM *settable(void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL), OSSL_PARAM_END};

    (void)provctx;
    return settable;
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(function)                                                   \
    }

#define DISPATCH(Name, kind)                                                                                 \
    static const OSSL_DISPATCH DISPATCH_##Name[] = {FUNCTION(NEW, new_##Name),                               \
                                                    FUNCTION(FREE, release),                                 \
                                                    FUNCTION(LOAD, load),                                    \
                                                    FUNCTION(DUP, duplicate),                                \
                                                    FUNCTION(HAS, has),                                      \
                                                    FUNCTION(MATCH, match),                                  \
                                                    FUNCTION(VALIDATE, validate),                            \
                                                    FUNCTION(IMPORT, import),                                \
                                                    FUNCTION(IMPORT_TYPES, types_##kind),                    \
                                                    FUNCTION(EXPORT, export),                                \
                                                    FUNCTION(EXPORT_TYPES, types_##kind),                    \
                                                    FUNCTION(GET_PARAMS, get_params),                        \
                                                    FUNCTION(GETTABLE_PARAMS, gettable_##kind),              \
                                                    FUNCTION(SET_PARAMS, set_params),                        \
                                                    FUNCTION(SETTABLE_PARAMS, settable),                     \
                                                    FUNCTION(QUERY_OPERATION_NAME, operation_##Name),        \
                                                    FUNCTION(GEN_INIT, gen_init_##Name),                     \
                                                    FUNCTION(GEN_SET_TEMPLATE, prov_gen_set_template),       \
                                                    FUNCTION(GEN_SET_PARAMS, prov_gen_set_params),           \
                                                    FUNCTION(GEN_SETTABLE_PARAMS, prov_gen_settable_params), \
                                                    FUNCTION(GEN, prov_gen),                                 \
                                                    FUNCTION(GEN_CLEANUP, prov_gen_cleanup),                 \
                                                    {0, NULL}}

DISPATCH(rsa, rsa);
DISPATCH(rsa_pss, rsa);
DISPATCH(ec, ec);
DISPATCH(ed25519, edwards);
DISPATCH(ed448, edwards);

/* clang-format off */
const OSSL_ALGORITHM PROV_KEYMGMTS[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1",      "", DISPATCH_rsa,     "RSA key of a token"},
    {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10",    "", DISPATCH_rsa_pss, "RSA-PSS key of a token"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1",         "", DISPATCH_ec,      "EC key of a token"},
    {"ED25519:1.3.101.112",                         "", DISPATCH_ed25519, "Ed25519 key of a token"},
    {"ED448:1.3.101.113",                           "", DISPATCH_ed448,   "Ed448 key of a token"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
