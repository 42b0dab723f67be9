/* SPDX-License-Identifier: Apache-2.0 */
/* A signer whose key is in a token: opening it once, then two calls a signature. */
#include "pkcs11/internal.h"

#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"
#include "base/signer.h"

/*
 * What was found on the token, valid together: handles of one initialisation and
 * login. Whoever repairs a key replaces it as a whole, counts it up, and says
 * signer_doubt() before the next signature.
 */
typedef struct generation {
    unsigned number;
    CK_OBJECT_HANDLE object;
    p11_mechanisms mechanisms;
    bool always_authenticate;
} generation;

typedef struct p11_key {
    p11_module *module;
    p11_slot slot;
    p11_pool *pool;
    generation now;
    sigb_pkcs11_options options; /* the PIN callback alone is used after opening */
    pthread_mutex_t pin_lock;    /* over the two below; never held while a module or callback runs */
    sigb_pin *pin;               /* NULL if none was needed */
    bool pin_refused;            /* by the token: never tried again */
} p11_key;

static void key_free(void *impl)
{
    p11_key *key = impl;

    if (key == NULL)
        return;
    pool_free(key->pool);
    secret_free(key->pin);
    p11_module_close(key->module);
    (void)pthread_mutex_destroy(&key->pin_lock);
    OPENSSL_free(key);
}

/* ---- keys that ask before every signature ---- */

/* A copy of the kept PIN: no bytes if none is kept. False if the token has refused one. */
static bool copy_pin(p11_key *key, sigb_pin *copy)
{
    bool usable;

    (void)pthread_mutex_lock(&key->pin_lock);
    usable = !key->pin_refused;
    if (usable && key->pin != NULL) {
        memcpy(copy->page, key->pin->page, key->pin->len);
        copy->len = key->pin->len;
    }
    (void)pthread_mutex_unlock(&key->pin_lock);
    return usable;
}

static void give_up_pin(p11_key *key)
{
    (void)pthread_mutex_lock(&key->pin_lock);
    key->pin_refused = true;
    if (key->pin != NULL)
        secret_cleanse(key->pin);
    (void)pthread_mutex_unlock(&key->pin_lock);
}

static sigb_rc fetch_context_pin(p11_key *key, sigb_pin *pin, sigb_diag *diag)
{
    sigb_rc rc;

    if (!copy_pin(key, pin))
        return sigb_fail(diag, SIGB_E_PIN_INCORRECT,
                         "the token has refused this key's PIN; it is not tried again: open the key anew");
    rc = pin_require_tries(key->module, &key->slot, diag);
    if (rc != SIGB_OK || pin->len > 0 || (key->slot.token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0)
        return rc;
    return pin_ask(&key->slot, SIGB_PIN_CONTEXT, &key->options, pin, diag);
}

/* A p11_between_fn. */
static sigb_rc login_for_key(void *arg, CK_SESSION_HANDLE session, sigb_diag *diag)
{
    p11_key *key = arg;
    sigb_pin *pin = secret_new();
    sigb_rc rc = pin == NULL ? sigb_no_memory(diag) : fetch_context_pin(key, pin, diag);

    if (rc == SIGB_OK) {
        CK_RV rv = p11_C_Login(key->module, session, CKU_CONTEXT_SPECIFIC, pin->len == 0 ? NULL : pin->page,
                               pin->len);
        rc = rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_Login (for this signature)");
        if (rc == SIGB_E_PIN_INCORRECT || rc == SIGB_E_PIN_LOCKED)
            give_up_pin(key);
    }
    secret_free(pin);
    return rc;
}

/* ---- signing ---- */

/* What the token is given: the digest, whose length some tokens do not check, or the message. */
static sigb_rc input_for(const p11_mechanism *mechanism, const alg_row *alg, sigb_bytes tbs,
                         uint8_t digest[EVP_MAX_MD_SIZE], sigb_bytes *input, sigb_diag *diag)
{
    const EVP_MD *md;
    unsigned len = 0;

    *input = tbs;
    if (!mechanism->takes_digest)
        return SIGB_OK;
    md = libctx_digest(alg->digest);
    if (md == NULL || EVP_Digest(tbs.ptr, tbs.len, digest, &len, md, NULL) != 1)
        return sigb_openssl_failed(diag, "to hash");
    if (len != alg->digest_len)
        return sigb_fail(diag, SIGB_E_INTERNAL, "%s gave %u bytes", alg->digest, len);
    *input = sigb_bytes_of(digest, len);
    return SIGB_OK;
}

static sigb_rc sign_in_session(p11_key *key, const p11_mechanism *mechanism, sigb_bytes input,
                               sigb_buf *signature, sigb_diag *diag)
{
    p11_signing what = {.key = key->now.object,
                        .mechanism = mechanism,
                        .input = input,
                        .between = key->now.always_authenticate ? login_for_key : NULL,
                        .between_arg = key};
    sigb_rc rc = pool_take(key->pool, &what.session, diag);

    if (rc != SIGB_OK)
        return rc;
    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    rc = p11_sign(key->module, &what, signature, diag);
    (void)ERR_pop_to_mark();
    pool_give(key->pool, what.session, rc == SIGB_OK);
    return rc;
}

static sigb_rc key_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    p11_key *key = impl;
    const alg_row *row = alg_row_of(alg);
    const p11_mechanism *mechanism = NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    sigb_bytes input = SIGB_BYTES_NONE;
    sigb_rc rc;

    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no algorithm has the number %d", (int)alg);
    rc = mechanism_require(&key->now.mechanisms, row, &mechanism, diag);
    if (rc == SIGB_OK)
        rc = input_for(mechanism, row, tbs, digest, &input, diag);
    if (rc == SIGB_OK)
        rc = sign_in_session(key, mechanism, input, signature, diag);
    return rc;
}

/* ---- opening ---- */

/* What opening gathers besides the key itself. */
typedef struct opening {
    p11_key *key;
    p11_uri *uri;
    CK_SESSION_HANDLE session;
    sigb_buf spki, certs;
} opening;

static sigb_rc require_private(const p11_uri *uri, sigb_diag *diag)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;

    if (p11_uri_class(uri, &class) && class != CKO_PRIVATE_KEY)
        return sigb_fail(diag, SIGB_E_URI,
                         "type= in the URI names no private key, and only a private key signs; write "
                         "type=private or leave it out");
    return SIGB_OK;
}

static sigb_rc reach_token(opening *o, const char *text, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    p11_key *key = o->key;
    sigb_rc rc = p11_uri_parse(text, &options->notes, &o->uri, diag);

    if (rc == SIGB_OK)
        rc = require_private(o->uri, diag);
    if (rc == SIGB_OK)
        rc = p11_module_open(o->uri, options, &key->module, diag);
    if (rc == SIGB_OK)
        rc = p11_slot_require(key->module, o->uri, &key->slot, diag);
    if (rc == SIGB_OK)
        rc = p11_session_open(key->module, &key->slot, false, &o->session, diag);
    if (rc == SIGB_OK)
        rc = p11_login_keeping(key->module, &key->slot, o->session, o->uri, options, &key->pin, diag);
    return rc;
}

static sigb_rc probe(opening *o, sigb_diag *diag)
{
    p11_key *key = o->key;
    generation *now = &key->now;
    sigb_buf allowed = SIGB_BUF_INIT;
    sigb_rc rc = p11_attribute(key->module, o->session, now->object, CKA_ALLOWED_MECHANISMS, &allowed, diag);

    now->always_authenticate = p11_attribute_true(key->module, o->session, now->object,
                                                  CKA_ALWAYS_AUTHENTICATE, false);
    if (rc == SIGB_OK)
        rc = mechanisms_probe(key->module, key->slot.id, sigb_buf_bytes(&allowed), &now->mechanisms, diag);
    sigb_buf_free(&allowed);
    return rc;
}

static sigb_rc read_key(opening *o, const sigb_notes *notes, sigb_diag *diag)
{
    p11_key *key = o->key;
    generation *now = &key->now;
    sigb_rc rc = key_find(key->module, &key->slot, o->session, o->uri, &now->object, diag);

    if (rc == SIGB_OK)
        rc = key_require_sign(key->module, o->session, now->object, diag);
    if (rc == SIGB_OK)
        rc = key_spki(key->module, o->session, now->object, &o->spki, diag);
    if (rc == SIGB_OK)
        rc = probe(o, diag);
    if (rc == SIGB_OK)
        rc = certs_collect(key->module, o->session, now->object, sigb_buf_bytes(&o->spki), notes, &o->certs,
                           diag);
    return rc;
}

/* The session that logged in becomes the first of the pool. */
static sigb_rc start_pool(opening *o, sigb_diag *diag)
{
    o->key->pool = pool_new(o->key->module, &o->key->slot);
    if (o->key->pool == NULL)
        return sigb_no_memory(diag);
    pool_adopt(o->key->pool);
    pool_give(o->key->pool, o->session, true);
    o->session = CK_INVALID_HANDLE;
    o->key->now.number++;
    return SIGB_OK;
}

static sigb_rc key_open(opening *o, const char *text, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    sigb_rc rc;

    o->key = OPENSSL_zalloc(sizeof(*o->key));
    if (o->key == NULL)
        return sigb_no_memory(diag);
    (void)pthread_mutex_init(&o->key->pin_lock, NULL);
    o->key->options = (sigb_pkcs11_options){.pin = options->pin, .pin_arg = options->pin_arg};
    rc = reach_token(o, text, options, diag);
    if (rc == SIGB_OK)
        rc = read_key(o, &options->notes, diag);
    if (rc == SIGB_OK)
        rc = start_pool(o, diag);
    if (rc != SIGB_OK && o->session != CK_INVALID_HANDLE)
        p11_session_close(o->key->module, o->session);
    return rc;
}

/* The token must be able to make what the key signs with by default; other algorithms are judged when asked for. */
static sigb_rc require_mechanism(const p11_key *key, const sigb_signer *made, sigb_diag *diag)
{
    const p11_mechanism *mechanism = NULL;
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_rc rc;

    if (signer_key(made) == NULL)
        return SIGB_OK;
    rc = alg_choose(signer_key(made), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    return rc == SIGB_OK ? mechanism_require(&key->now.mechanisms, alg_row_of(alg), &mechanism, diag) : rc;
}

/* Takes what was opened. */
static sigb_rc make_signer(opening *o, sigb_signer **signer, sigb_diag *diag)
{
    static const sigb_signer_ops ops = {key_sign, key_free};
    sigb_signer *made = NULL;
    sigb_rc rc = signer_new(&ops, o->key, sigb_buf_bytes(&o->spki), sigb_buf_bytes(&o->certs), &made, diag);

    if (rc == SIGB_OK)
        rc = require_mechanism(o->key, made, diag);
    if (rc == SIGB_OK)
        *signer = made;
    else
        sigb_signer_free(made);
    return rc;
}

sigb_rc sigb_signer_from_pkcs11(const char *uri, const sigb_pkcs11_options *options, sigb_signer **signer,
                                sigb_diag *diag)
{
    static const sigb_pkcs11_options nothing;
    opening o = {.session = CK_INVALID_HANDLE};
    sigb_rc rc;

    if (uri == NULL || signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs a pkcs11: URI, and a place to be put");
    (void)ERR_set_mark();
    rc = key_open(&o, uri, options == NULL ? &nothing : options, diag);
    (void)ERR_pop_to_mark();
    if (rc == SIGB_OK)
        rc = make_signer(&o, signer, diag);
    else
        key_free(o.key);
    p11_uri_free(o.uri);
    sigb_buf_free(&o.spki);
    sigb_buf_free(&o.certs);
    return rc;
}
