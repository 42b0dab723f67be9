/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as OpenSSL holds them. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#include "base/text.h"
#include "provider/provider.h"

#ifdef OSSL_FUNC_KEM_AUTH_ENCAPSULATE_INIT
#define EC_KEM PROV_OWN("EC")
#else
#define EC_KEM NULL
#endif

const prov_type PROV_TYPE[PROV_TYPES] = {
    [PROV_RSA] = {"RSA", "RSA", PROV_OWN("RSA"), PROV_OWN("RSA"), PROV_OWN("RSA")},
    [PROV_RSA_PSS] = {"RSA-PSS", "RSA", PROV_OWN("RSA"), NULL, NULL},
    [PROV_EC] = {"EC", "ECDSA", PROV_OWN("ECDSA"), NULL, EC_KEM},
    [PROV_ED25519] = {"ED25519", "ED25519", PROV_OWN("ED25519"), NULL, NULL},
    [PROV_ED448] = {"ED448", "ED448", PROV_OWN("ED448"), NULL, NULL},
};

prov_key *prov_key_new(prov_ctx *ctx, const prov_type *type)
{
    prov_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key != NULL) {
        atomic_init(&key->users, 1);
        key->ctx = ctx;
        key->type = type;
    }
    return key;
}

static void secret_drop(prov_secret *secret)
{
    if (secret == NULL || atomic_fetch_sub(&secret->users, 1) > 1)
        return;
    bridge_key_free(secret->key);
    OPENSSL_free(secret);
}

void prov_key_free(prov_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->users, 1) > 1)
        return;
    secret_drop(key->secret);
    EVP_PKEY_free(key->pkey);
    OPENSSL_free(key);
}

prov_key *prov_key_hold(prov_key *key)
{
    (void)atomic_fetch_add(&key->users, 1);
    return key;
}

prov_key *prov_key_share(const prov_key *key)
{
    prov_key *made = prov_key_new(key->ctx, key->type);

    if (made == NULL || (key->pkey != NULL && EVP_PKEY_up_ref(key->pkey) != 1)) {
        OPENSSL_free(made);
        return NULL;
    }
    made->pkey = key->pkey;
    made->secret = key->secret;
    if (made->secret != NULL)
        (void)atomic_fetch_add(&made->secret->users, 1);
    return made;
}

static const prov_type *type_of(const EVP_PKEY *pkey)
{
    for (size_t i = 0; i < PROV_TYPES; i++)
        if (EVP_PKEY_is_a(pkey, PROV_TYPE[i].name))
            return &PROV_TYPE[i];
    return NULL;
}

prov_key *prov_key_from_spki(prov_ctx *ctx, sigb_bytes spki)
{
    bool entered = bridge_shelter();
    prov_key *key = prov_key_new(ctx, NULL);
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = key == NULL ? SIGB_E_MEMORY : bridge_public_key(spki, &key->pkey, &diag);

    if (rc == SIGB_OK) {
        key->type = type_of(key->pkey);
        rc = key->type == NULL ? SIGB_E_KEY_UNSUPPORTED : SIGB_OK;
    }
    bridge_end_shelter(entered);
    if (rc == SIGB_OK)
        return key;
    (void)prov_fail(ctx, rc, &diag);
    prov_key_free(key);
    return NULL;
}

/* ---- RSA keys that are for RSASSA-PSS alone ---- */

/* The same modulus and exponent under the other type. */
static EVP_PKEY *as_pss(EVP_PKEY *rsa)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(bridge_libctx(), PROV_TYPE[PROV_RSA_PSS].name, NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *made = NULL;

    if (ctx == NULL || EVP_PKEY_todata(rsa, EVP_PKEY_PUBLIC_KEY, &params) <= 0 ||
        EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        made = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return made;
}

/* ---- private keys ---- */

static sigb_rc take_public(prov_key *key, sigb_diag *diag)
{
    EVP_PKEY *pub = bridge_key_public(key->secret->key);
    bool entered;

    if (EVP_PKEY_is_a(pub, PROV_TYPE[PROV_RSA].name) && bridge_key_is_pss(key->secret->key)) {
        entered = bridge_shelter();
        key->pkey = as_pss(pub);
        bridge_end_shelter(entered);
    } else if (EVP_PKEY_up_ref(pub) == 1) {
        key->pkey = pub;
    }
    key->type = key->pkey == NULL ? NULL : type_of(key->pkey);
    (void)diag;
    return key->pkey == NULL ? SIGB_E_MEMORY : key->type == NULL ? SIGB_E_KEY_UNSUPPORTED : SIGB_OK;
}

static sigb_rc open_key(prov_ctx *ctx, const char *uri, OSSL_PASSPHRASE_CALLBACK *callback,
                        void *callback_arg, prov_key **opened, sigb_diag *diag)
{
    const bridge_rules rules = prov_rules(ctx);
    prov_key *key = prov_key_new(ctx, NULL);
    prov_secret *secret = OPENSSL_zalloc(sizeof(*secret));
    sigb_pkcs11_options options;
    sigb_rc rc = SIGB_E_MEMORY;

    if (key != NULL && secret != NULL) {
        atomic_init(&secret->users, 1);
        secret->asker = (prov_asker){ctx, callback, callback_arg};
        options = prov_options(&secret->asker);
        rc = bridge_key_open(uri, &options, &rules, &secret->key, diag);
        secret->asker.callback = NULL;
        key->secret = secret;
        secret = NULL;
    }
    OPENSSL_free(secret);
    if (rc == SIGB_OK)
        rc = take_public(key, diag);
    if (rc == SIGB_OK)
        *opened = key;
    else
        prov_key_free(key);
    return rc;
}

prov_key *prov_key_open(prov_ctx *ctx, const char *uri, OSSL_PASSPHRASE_CALLBACK *callback,
                        void *callback_arg)
{
    sigb_diag diag = {{0}, 0};
    prov_key *key = NULL;
    sigb_rc rc = open_key(ctx, uri, callback, callback_arg, &key, &diag);

    if (rc != SIGB_OK)
        (void)prov_fail(ctx, rc, &diag);
    return key;
}

sigb_rc prov_key_open_found(const char *found, const char *asked, const prov_asker *asker, prov_key **key,
                            sigb_diag *diag)
{
    const char *query = strchr(asked, '?');
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_E_MEMORY;

    text_put(&uri, found);
    text_put(&uri, query == NULL ? "" : query);
    if (text_c_str(&uri) != NULL)
        rc = open_key(asker->ctx, (const char *)uri.ptr, asker->callback, asker->callback_arg, key, diag);
    sigb_buf_free(&uri);
    return rc;
}
