/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs11: URIs as a store. A login is made for private keys alone, and only where
 * they are asked for: by what the application expects, or by type=private.
 */
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "provider/provider.h"

typedef struct store_ctx {
    prov_ctx *prov;
    char *uri;
    bool names_object, says_type;
    unsigned classes; /* that the URI leaves */
    int expected;     /* OSSL_STORE_INFO_; 0: anything */
    /* what certificates, and by their label other objects, are searched by */
    X509_NAME *subject, *issuer;
    ASN1_INTEGER *serial;
    char *digest, *alias;
    sigb_buf fingerprint;
    bool is_read; /* items are there */
    bool is_over; /* after an error nothing comes any more */
    bridge_items items;
    size_t next, given;
    bool has_twins; /* private keys of one name: told behind all that have one of their own */
    sigb_diag twins;
} store_ctx;

static void store_free(store_ctx *store)
{
    OPENSSL_free(store->uri);
    X509_NAME_free(store->subject);
    X509_NAME_free(store->issuer);
    ASN1_INTEGER_free(store->serial);
    OPENSSL_free(store->digest);
    OPENSSL_free(store->alias);
    sigb_buf_free(&store->fingerprint);
    bridge_items_free(&store->items);
    OPENSSL_free(store);
}

static void *store_open(void *provctx, const char *uri)
{
    store_ctx *store = OPENSSL_zalloc(sizeof(*store));
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    if (store == NULL)
        return NULL;
    store->prov = provctx;
    store->uri = OPENSSL_strdup(uri);
    rc = store->uri == NULL
             ? SIGB_E_MEMORY
             : bridge_uri_scope(uri, &store->names_object, &store->classes, &store->says_type, &diag);
    if (rc == SIGB_OK)
        return store;
    (void)prov_fail(store->prov, rc, &diag);
    store_free(store);
    return NULL;
}

static int store_close(void *arg)
{
    store_free(arg);
    return 1;
}

/* ---- what is searched for ---- */

static const OSSL_PARAM *settable_ctx_params(void *provctx)
{
    static const OSSL_PARAM settable[] = {OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
                                          OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0),
                                          OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, NULL, 0),
                                          OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_DIGEST, NULL, 0),
                                          OSSL_PARAM_octet_string(OSSL_STORE_PARAM_FINGERPRINT, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_INPUT_TYPE, NULL, 0),
                                          OSSL_PARAM_END};

    (void)provctx;
    return settable;
}

static bool take_name(const OSSL_PARAM params[], const char *name, X509_NAME **to)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    const void *der = NULL;
    const unsigned char *at;
    size_t len = 0;

    if (p == NULL)
        return true;
    if (!OSSL_PARAM_get_octet_string_ptr(p, &der, &len) || len > LONG_MAX)
        return false;
    at = der;
    X509_NAME_free(*to);
    *to = d2i_X509_NAME(NULL, &at, (long)len);
    return *to != NULL;
}

static bool take_serial(const OSSL_PARAM params[], ASN1_INTEGER **to)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_SERIAL);
    BIGNUM *number = NULL;

    if (p == NULL)
        return true;
    ASN1_INTEGER_free(*to);
    *to = OSSL_PARAM_get_BN(p, &number) ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    BN_free(number);
    return *to != NULL;
}

static bool take_text(const OSSL_PARAM params[], const char *name, char **to)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL)
        return true;
    OPENSSL_free(*to);
    *to = NULL;
    return OSSL_PARAM_get_utf8_string(p, to, 0);
}

static bool take_fingerprint(const OSSL_PARAM params[], sigb_buf *to)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_FINGERPRINT);
    const void *bytes = NULL;
    size_t len = 0;

    if (p == NULL)
        return true;
    if (!OSSL_PARAM_get_octet_string_ptr(p, &bytes, &len))
        return false;
    to->len = 0;
    sigb_buf_append(to, sigb_bytes_of(bytes, len));
    return !to->failed;
}

static int set_ctx_params(void *arg, const OSSL_PARAM params[])
{
    store_ctx *store = arg;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);

    if (p != NULL && !OSSL_PARAM_get_int(p, &store->expected))
        return 0;
    return take_name(params, OSSL_STORE_PARAM_SUBJECT, &store->subject) &&
           take_name(params, OSSL_STORE_PARAM_ISSUER, &store->issuer) &&
           take_serial(params, &store->serial) &&
           take_text(params, OSSL_STORE_PARAM_DIGEST, &store->digest) &&
           take_text(params, OSSL_STORE_PARAM_ALIAS, &store->alias) &&
           take_fingerprint(params, &store->fingerprint);
}

static bool has_fingerprint(const store_ctx *store, const X509 *cert)
{
    const p11_hash *hash = bridge_hash_named(store->digest == NULL ? "SHA1" : store->digest);
    const EVP_MD *md = hash == NULL ? NULL : bridge_digest(hash->name);
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return md != NULL && X509_digest(cert, md, made, &len) == 1 &&
           sigb_bytes_equal(sigb_bytes_of(made, len), sigb_buf_bytes(&store->fingerprint));
}

static bool cert_fits(const store_ctx *store, const X509 *cert)
{
    if (store->subject != NULL && X509_NAME_cmp(store->subject, X509_get_subject_name(cert)) != 0)
        return false;
    if (store->issuer != NULL && X509_NAME_cmp(store->issuer, X509_get_issuer_name(cert)) != 0)
        return false;
    if (store->serial != NULL && ASN1_INTEGER_cmp(store->serial, X509_get0_serialNumber(cert)) != 0)
        return false;
    return store->fingerprint.len == 0 || has_fingerprint(store, cert);
}

static bool searches_certs(const store_ctx *store)
{
    return store->subject != NULL || store->issuer != NULL || store->serial != NULL ||
           store->fingerprint.len > 0;
}

/* The token tells it, and it is of a kind that is known here. A private key is opened to find out. */
static bool can_be_shown(const bridge_item *item)
{
    return item->class == BRIDGE_PRIVATE || item->der.len > 0;
}

static bool fits(const store_ctx *store, const bridge_item *item)
{
    const unsigned char *at = item->der.ptr;
    X509 *cert;
    bool good;

    if (!can_be_shown(item))
        return false;
    if (store->alias != NULL && strcmp(store->alias, item->label) != 0)
        return false;
    if (!searches_certs(store))
        return true;
    if (item->class != BRIDGE_CERT || item->der.len > LONG_MAX)
        return false;
    cert = d2i_X509(NULL, &at, (long)item->der.len);
    good = cert != NULL && cert_fits(store, cert);
    X509_free(cert);
    return good;
}

/* ---- reading ---- */

static unsigned expected_classes(const store_ctx *store)
{
    switch (store->expected) {
    case 0:
        return store->classes;
    case OSSL_STORE_INFO_PKEY:
        return store->classes & BRIDGE_PRIVATE;
    case OSSL_STORE_INFO_PUBKEY:
        return store->classes & BRIDGE_PUBLIC;
    case OSSL_STORE_INFO_CERT:
        return store->classes & BRIDGE_CERT;
    default:
        return 0;
    }
}

/* One private key is wanted: it is opened by the URI as it stands, and of several none is chosen silently. */
static bool wants_one_key(const store_ctx *store)
{
    return store->expected == OSSL_STORE_INFO_PKEY && store->alias == NULL &&
           expected_classes(store) == BRIDGE_PRIVATE;
}

static bool wants_login(const store_ctx *store, unsigned classes)
{
    if (store->prov->config->login_behaviour == CONFIG_LOGIN_ALWAYS)
        return true;
    return (classes & BRIDGE_PRIVATE) != 0 && (store->expected == OSSL_STORE_INFO_PKEY || store->says_type);
}

/* What cannot be shown is passed over for the sake of the others; where there are none, it is told. */
static bool require_shown(store_ctx *store)
{
    const bridge_items *items = &store->items;

    for (size_t i = 0; i < items->count; i++)
        if (can_be_shown(&items->item[i]))
            return true;
    return items->count == 0 ||
           prov_refuse(
               store->prov, SIGB_E_KEY_UNSUPPORTED,
               "the token does not tell what is in %s, or it is of a kind that is not known here; choose "
               "another object",
               items->item[0].uri);
}

static bool require_some(store_ctx *store)
{
    return store->items.count > 0 || !store->names_object || searches_certs(store) || store->alias != NULL ||
           prov_refuse(
               store->prov, SIGB_E_KEY_ABSENT,
               "the token shows no object of the kind that is wanted by that name; list what it holds, "
               "and compare object=, id= and type=");
}

/* type= of a URI that names an object leaves nothing of the kind that the program wants. */
static bool refuse_type(const store_ctx *store)
{
    switch (store->expected) {
    case OSSL_STORE_INFO_PKEY:
        return prov_refuse(store->prov, SIGB_E_KEY_ABSENT,
                           "a private key is wanted here, and type= of the URI names something else; say "
                           "type=private, or leave type= out");
    case OSSL_STORE_INFO_PUBKEY:
        return prov_refuse(store->prov, SIGB_E_KEY_ABSENT,
                           "a public key is wanted here, and type= of the URI names something else; say "
                           "type=public, or leave type= out");
    case OSSL_STORE_INFO_CERT:
        return prov_refuse(store->prov, SIGB_E_CERT_ABSENT,
                           "a certificate is wanted here, and type= of the URI names something else; say "
                           "type=cert, or leave type= out");
    default:
        return true;
    }
}

static bool read_items(store_ctx *store, prov_asker *asker)
{
    const sigb_pkcs11_options options = prov_options(asker);
    const bridge_rules rules = prov_rules(store->prov);
    unsigned classes = expected_classes(store);
    sigb_diag diag = {{0}, 0};
    bool log_in;
    sigb_rc rc;

    store->is_read = true;
    if (classes == 0)
        return !store->names_object || refuse_type(store);
    if (!prov_hold_module(store->prov))
        return false;
    log_in = wants_login(store, classes);
    rc = bridge_list(store->uri, classes, log_in, &options, &rules, &store->items, &diag);
    if (rc == SIGB_OK && store->items.count == 0 && !log_in &&
        store->prov->config->login_behaviour == CONFIG_LOGIN_AUTO) {
        bridge_items_free(&store->items);
        rc = bridge_list(store->uri, classes, true, &options, &rules, &store->items, &diag);
    }
    if (rc != SIGB_OK)
        return prov_fail(store->prov, rc, &diag);
    return require_some(store) && require_shown(store);
}

/* ---- giving ---- */

static int give_cert(const bridge_item *item, OSSL_CALLBACK *callback, void *arg)
{
    int type = OSSL_OBJECT_CERT;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        {OSSL_OBJECT_PARAM_DATA, OSSL_PARAM_OCTET_STRING, item->der.ptr, item->der.len, 0},
        OSSL_PARAM_END};

    return callback(params, arg);
}

int prov_give_key(prov_key *key, OSSL_CALLBACK *callback, void *arg)
{
    prov_reference reference = {key};
    int type = OSSL_OBJECT_PKEY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
        {OSSL_OBJECT_PARAM_DATA_TYPE, OSSL_PARAM_UTF8_STRING, (void *)(uintptr_t)key->type->name,
         strlen(key->type->name), 0},
        {OSSL_OBJECT_PARAM_REFERENCE, OSSL_PARAM_OCTET_STRING, &reference, sizeof(reference), 0},
        OSSL_PARAM_END};
    int good = callback(params, arg);

    prov_key_free(reference.key);
    return good;
}

static int give_public(const store_ctx *store, const bridge_item *item, OSSL_CALLBACK *callback, void *arg)
{
    prov_key *key = prov_key_from_spki(store->prov, sigb_buf_bytes(&item->der));

    return key != NULL && prov_give_key(key, callback, arg);
}

/*
 * *pass: it is nothing that can be shown, which only opening it tells; or one of several of a name, in a listing: where
 * the URI names an object, no other takes its place.
 */
static int give_private(store_ctx *store, const bridge_item *item, const prov_asker *asker,
                        OSSL_CALLBACK *callback, void *arg, bool *pass)
{
    sigb_diag diag = {{0}, 0};
    prov_key *key = NULL;
    sigb_rc rc = prov_key_open_found(item->uri, store->uri, asker, &key, &diag);
    bool is_last = store->next == store->items.count;

    if (rc == SIGB_OK)
        return prov_give_key(key, callback, arg);
    if (rc == SIGB_E_KEY_AMBIGUOUS && !store->names_object) {
        store->has_twins = *pass = true;
        store->twins = diag;
        return 0;
    }
    *pass = (rc == SIGB_E_KEY_UNSUPPORTED || rc == SIGB_E_KEY_NO_SIGN) && (store->given > 0 || !is_last);
    return *pass ? 0 : prov_fail(store->prov, rc, &diag);
}

static int give(store_ctx *store, const bridge_item *item, const prov_asker *asker, OSSL_CALLBACK *callback,
                void *arg, bool *pass)
{
    *pass = false;
    if (item->class == BRIDGE_CERT)
        return give_cert(item, callback, arg);
    if (item->class == BRIDGE_PUBLIC)
        return give_public(store, item, callback, arg);
    return give_private(store, item, asker, callback, arg, pass);
}

/* The next one that fits, NULL at the end. */
static const bridge_item *next_item(store_ctx *store)
{
    while (store->next < store->items.count && !fits(store, &store->items.item[store->next]))
        store->next++;
    return store->next < store->items.count ? &store->items.item[store->next] : NULL;
}

static int load_one_key(store_ctx *store, const prov_asker *asker, OSSL_CALLBACK *callback, void *arg)
{
    prov_key *key;

    store->is_over = true;
    if (!prov_hold_module(store->prov))
        return 0;
    key = prov_key_open(store->prov, store->uri, asker->callback, asker->callback_arg);
    return key != NULL && prov_give_key(key, callback, arg);
}

static int load_next(store_ctx *store, prov_asker *asker, OSSL_CALLBACK *callback, void *arg)
{
    const bridge_item *item;
    bool pass = true;
    int good = 0;

    if (!store->is_read && !read_items(store, asker))
        return 0;
    while (pass && (item = next_item(store)) != NULL) {
        store->next++;
        good = give(store, item, asker, callback, arg, &pass);
    }
    store->given += good ? 1 : 0;
    return pass && store->has_twins ? prov_fail(store->prov, SIGB_E_KEY_AMBIGUOUS, &store->twins) : good;
}

/* After an error nothing comes any more: callers try until the end. */
static int store_load(void *arg, OSSL_CALLBACK *callback, void *callback_arg, OSSL_PASSPHRASE_CALLBACK *ask,
                      void *ask_arg)
{
    store_ctx *store = arg;
    prov_asker asker = {store->prov, ask, ask_arg};
    int good = !store->is_over && (wants_one_key(store) ? load_one_key(store, &asker, callback, callback_arg)
                                                        : load_next(store, &asker, callback, callback_arg));

    store->is_over |= !good || (store->is_read && !store->has_twins && next_item(store) == NULL);
    return good;
}

static int store_eof(void *arg)
{
    const store_ctx *store = arg;

    return store->is_over;
}

/* For a key management of another provider: what a key of ours exports. */
static int export_object(void *arg, const void *bytes, size_t size, OSSL_CALLBACK *callback,
                         void *callback_arg)
{
    prov_reference reference;
    OSSL_PARAM *params = NULL;
    int good;

    (void)arg;
    if (bytes == NULL || size != sizeof(reference))
        return 0;
    memcpy(&reference, bytes, sizeof(reference));
    if (reference.key == NULL || reference.key->secret != NULL)
        return 0;
    good = EVP_PKEY_todata(reference.key->pkey, EVP_PKEY_PUBLIC_KEY, &params) > 0 &&
           callback(params, callback_arg);
    OSSL_PARAM_free(params);
    return good;
}

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_STORE_##id, (void (*)(void))(function)                                                     \
    }

static const OSSL_DISPATCH STORE[] = {FUNCTION(OPEN, store_open),
                                      FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params),
                                      FUNCTION(SET_CTX_PARAMS, set_ctx_params),
                                      FUNCTION(LOAD, store_load),
                                      FUNCTION(EOF, store_eof),
                                      FUNCTION(CLOSE, store_close),
                                      FUNCTION(EXPORT_OBJECT, export_object),
                                      {0, NULL}};

const OSSL_ALGORITHM PROV_STORES[] = {
    {"pkcs11", "", STORE, "PKCS#11 tokens"},
    {NULL, NULL, NULL, NULL},
};
