/* SPDX-License-Identifier: Apache-2.0 */
/* What a store holds: its one private key, and its certificates. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/text.h"
#include "store/internal.h"

#define MOST_OBJECTS 256 /* that are looked at: blocks of a file, objects of a token */

/* One look through the store, for objects of one type. take() returns what ends it if it is not SIGB_OK. */
typedef struct pass {
    const store_context *context;
    const char *uri;
    store_asker *asker;
    int type; /* OSSL_STORE_INFO_; 0: any */
    sigb_rc (*take)(struct pass *pass, const OSSL_STORE_INFO *info, sigb_diag *diag);
    /* what take() fills */
    EVP_PKEY *key;
    size_t keys;
    sigb_buf list; /* of keys, or of types */
    sigb_buf *certs;
    size_t cert_count;
} pass;

/* ---- passing through ---- */

static sigb_rc no_scheme(const pass *p, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_SETUP,
                     "no provider that is loaded opens %.200s; name the one that does, or give its "
                     "configuration",
                     p->asker->uri);
}

static sigb_rc cannot_open(const pass *p, sigb_diag *diag)
{
    unsigned long last = ERR_peek_last_error();
    bool no_file = ERR_SYSTEM_ERROR(last);
    store_reason why = reason_take(no_file ? SIGB_E_IO : SIGB_E_TOKEN);

    if (why.rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    if (why.rc == SIGB_OK || (why.rc == SIGB_E_TOKEN && !no_file))
        return no_scheme(p, diag);
    return sigb_fail_native(diag, why.rc, why.native, "%.200s cannot be opened: %.280s", p->asker->uri,
                            no_file ? strerror(ERR_GET_REASON(last)) : why.text);
}

static sigb_rc open_store(const pass *p, OSSL_STORE_CTX **store, sigb_diag *diag)
{
    OSSL_STORE_CTX *opened;

    p->asker->is_used = false;
    ERR_clear_error();
    opened = OSSL_STORE_open_ex(p->uri, p->context->lib, p->asker->options->propquery, p->asker->method,
                                p->asker, NULL, NULL, NULL);
    if (opened == NULL)
        return cannot_open(p, diag);
    if (p->type != 0 && OSSL_STORE_expect(opened, p->type) != 1) {
        (void)OSSL_STORE_close(opened);
        return sigb_openssl_failed(diag, "to look for objects of one type");
    }
    *store = opened;
    return SIGB_OK;
}

/* A key that does not come, though it was asked for and a PIN was given, or so OpenSSL says. */
static bool is_wrong_pin(const pass *p, const store_reason *why)
{
    return p->asker->is_used && ((why->rc == SIGB_OK && p->type == OSSL_STORE_INFO_PKEY) ||
                                 (why->rc == SIGB_E_PIN_INCORRECT && !why->ours));
}

/*
 * Nothing came. A block of a file that no decoder knows is passed over; after an
 * error of any other kind, or with a PIN in play, nothing more is tried: some
 * providers log in for each try. At the end, behind a key, words of our provider
 * alone count: it refused another key.
 */
static sigb_rc nothing_came(const pass *p, bool is_end, sigb_diag *diag)
{
    store_reason why = reason_take(SIGB_E_TOKEN);

    if (why.rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    if (p->keys > 0 && is_end && !why.ours)
        return SIGB_OK;
    if (p->asker->rc != SIGB_OK)
        return p->asker->rc; /* diag has its words */
    if (is_wrong_pin(p, &why))
        return sigb_fail(diag, SIGB_E_PIN_INCORRECT,
                         "no key of %.200s can be read with the PIN or passphrase that was given; it was "
                         "tried once: give the right one",
                         p->asker->uri);
    if (why.rc == SIGB_OK)
        return SIGB_OK;
    return sigb_fail_native(diag, why.rc, why.native, "%.100s: %s", p->asker->uri, why.text);
}

static sigb_rc take_next(pass *p, OSSL_STORE_CTX *store, sigb_diag *diag)
{
    OSSL_STORE_INFO *info;
    sigb_rc rc;

    ERR_clear_error();
    info = OSSL_STORE_load(store);
    if (info == NULL)
        return nothing_came(p, OSSL_STORE_eof(store) != 0, diag);
    rc = p->type == 0 || OSSL_STORE_INFO_get_type(info) == p->type ? p->take(p, info, diag) : SIGB_OK;
    OSSL_STORE_INFO_free(info);
    return rc;
}

static sigb_rc pass_through(pass *p, sigb_diag *diag)
{
    OSSL_STORE_CTX *store = NULL;
    size_t looked_at = 0;
    sigb_rc rc = open_store(p, &store, diag);

    while (rc == SIGB_OK && !OSSL_STORE_eof(store)) {
        rc = take_next(p, store, diag);
        if (rc == SIGB_OK && ++looked_at > MOST_OBJECTS)
            rc = sigb_fail(diag, SIGB_E_LIMIT,
                           "%.200s holds more than %d objects; name the key by a URI of its own",
                           p->asker->uri, MOST_OBJECTS);
    }
    (void)OSSL_STORE_close(store);
    ERR_clear_error();
    return rc;
}

/* ---- the key ---- */

/* "EC of 256 bits, SHA-256 of its public key 0123456789abcdef" */
static void put_key(sigb_buf *list, const EVP_PKEY *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const char *type = EVP_PKEY_get0_type_name(key);
    sigb_buf spki = SIGB_BUF_INIT;
    unsigned len = 0;

    text_put(list, list->len == 0 ? "" : "; ");
    text_putf(list, "%.40s of %d bits", type == NULL ? "key" : type, EVP_PKEY_get_bits(key));
    if (pubkey_put_spki(key, &spki, NULL) == SIGB_OK &&
        EVP_Digest(spki.ptr, spki.len, digest, &len, libctx_digest("SHA2-256"), NULL) == 1) {
        text_put(list, ", SHA-256 of its public key ");
        text_put_hex(list, sigb_bytes_of(digest, 8));
    }
    list->failed |= spki.failed;
    sigb_buf_free(&spki);
}

static sigb_rc take_key(pass *p, const OSSL_STORE_INFO *info, sigb_diag *diag)
{
    EVP_PKEY *key = OSSL_STORE_INFO_get0_PKEY(info);

    put_key(&p->list, key);
    if (p->list.failed || EVP_PKEY_up_ref(key) != 1)
        return sigb_no_memory(diag);
    if (p->keys++ == 0)
        p->key = key;
    else
        EVP_PKEY_free(key);
    return SIGB_OK;
}

/* ---- what there is where no key is ---- */

static sigb_rc take_type(pass *p, const OSSL_STORE_INFO *info, sigb_diag *diag)
{
    const char *type = OSSL_STORE_INFO_type_string(OSSL_STORE_INFO_get_type(info));

    (void)diag;
    if (p->keys++ < 8) {
        text_put(&p->list, p->list.len == 0 ? "" : ", ");
        text_put(&p->list, type == NULL ? "an object" : type);
    }
    return SIGB_OK;
}

static sigb_rc no_key(const pass *searched, sigb_diag *diag)
{
    pass look = {searched->context, searched->uri, searched->asker, .take = take_type};
    sigb_rc rc;

    searched->asker->is_closed = true;
    rc = pass_through(&look, NULL);
    if (rc == SIGB_E_MEMORY || look.list.failed || text_c_str(&look.list) == NULL)
        rc = sigb_no_memory(diag);
    else
        rc =
            sigb_fail(diag, SIGB_E_KEY_ABSENT,
                      "%.200s holds no private key that the providers can read (found: %.120s); name one, or "
                      "the provider that reads it",
                      searched->asker->uri, look.list.len == 0 ? "nothing" : (const char *)look.list.ptr);
    sigb_buf_free(&look.list);
    return rc;
}

static sigb_rc several_keys(pass *searched, sigb_diag *diag)
{
    const char *list = text_c_str(&searched->list);

    if (list == NULL)
        return sigb_no_memory(diag);
    return sigb_fail(diag, SIGB_E_KEY_AMBIGUOUS,
                     "%.100s holds %zu private keys; name one of them by a URI or file of its own: %.300s",
                     searched->asker->uri, searched->keys, list);
}

sigb_rc read_key(const store_context *context, const char *uri, store_asker *asker, EVP_PKEY **key,
                 sigb_diag *diag)
{
    pass p = {context, uri, asker, .type = OSSL_STORE_INFO_PKEY, .take = take_key};
    sigb_rc rc = pass_through(&p, diag);

    if (rc == SIGB_OK && p.keys == 0)
        rc = no_key(&p, diag);
    if (rc == SIGB_OK && p.keys > 1)
        rc = several_keys(&p, diag);
    if (rc == SIGB_OK)
        *key = p.key;
    else
        EVP_PKEY_free(p.key);
    sigb_buf_free(&p.list);
    return rc;
}

/* ---- certificates ---- */

static sigb_rc take_cert(pass *p, const OSSL_STORE_INFO *info, sigb_diag *diag)
{
    if (p->cert_count++ >= SIGB_MAX_CERTS)
        return SIGB_OK;
    return cert_put(OSSL_STORE_INFO_get0_CERT(info), p->certs, diag);
}

sigb_rc read_certs(const store_context *context, const char *uri, store_asker *asker, sigb_buf *certs,
                   sigb_diag *diag)
{
    pass p = {context, uri, asker, .type = OSSL_STORE_INFO_CERT, .take = take_cert, .certs = certs};
    sigb_rc rc = pass_through(&p, diag);

    if (p.cert_count > SIGB_MAX_CERTS)
        sigb_note(&asker->options->notes, "of %zu certificates that %s holds, the first %d come along",
                  p.cert_count, asker->uri, SIGB_MAX_CERTS);
    return rc == SIGB_E_MEMORY || asker->is_used || asker->rc != SIGB_OK ? rc : SIGB_OK;
}
