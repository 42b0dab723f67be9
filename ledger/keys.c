/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/keys.h"

#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"
#include "base/text.h"

static void key_free(service_key *key)
{
    if (key == NULL)
        return;
    sigb_buf_free(&key->named);
    OPENSSL_free(key->issuer);
    verifier_free(key->verifies);
    OPENSSL_free(key);
}

static void keep_first(sigb_keys *keys, size_t count)
{
    while (keys->count > count)
        key_free(keys->all[--keys->count]);
}

sigb_keys *sigb_keys_new(void)
{
    return OPENSSL_zalloc(sizeof(sigb_keys));
}

void sigb_keys_free(sigb_keys *keys)
{
    if (keys == NULL)
        return;
    keep_first(keys, 0);
    OPENSSL_free(keys->all);
    OPENSSL_free(keys);
}

size_t sigb_keys_count(const sigb_keys *keys)
{
    return keys->count;
}

const char *sigb_keys_kid(const sigb_keys *keys, size_t index)
{
    return index < keys->count ? keys->all[index]->kid : NULL;
}

const char *sigb_keys_issuer(const sigb_keys *keys, size_t index)
{
    return index < keys->count ? keys->all[index]->issuer : NULL;
}

/* ---- finding ---- */

/* Host names have no case. */
static bool is_of(const service_key *key, sigb_bytes issuer)
{
    return key->issuer != NULL && strlen(key->issuer) == issuer.len &&
           strncasecmp(key->issuer, (const char *)issuer.ptr, issuer.len) == 0;
}

static bool is_named(const service_key *key, sigb_bytes kid)
{
    return sigb_bytes_equal(kid, sigb_bytes_text(key->kid)) || sigb_bytes_equal(kid, hash_bytes(&key->id)) ||
           (key->issuer != NULL && key->named.len > 0 && sigb_bytes_equal(kid, sigb_buf_bytes(&key->named)));
}

static sigb_rc refuse_unknown(sigb_bytes issuer, bool pinned, sigb_diag *diag)
{
    int len = issuer.len > 160 ? 160 : (int)issuer.len;
    const char *name = len == 0 ? "" : (const char *)issuer.ptr;

    if (pinned)
        return sigb_fail(diag, SIGB_E_RECEIPT_KEY,
                         "the receipt is by a key that is not among those of '%.*s'; get the ledger's keys "
                         "anew, it may have a new one",
                         len, name);
    return sigb_fail(diag, SIGB_E_RECEIPT_LEDGER,
                     "the receipt is of the ledger '%.*s', of which no key is known; if you trust it, give "
                     "its keys",
                     len, name);
}

sigb_rc keys_find(const sigb_keys *keys, sigb_bytes issuer, sigb_bytes kid, const service_key **found,
                  sigb_diag *diag)
{
    const service_key *unpinned = NULL;
    bool pinned = false;

    if (kid.len == 0)
        return sigb_fail(diag, SIGB_E_RECEIPT_KEY,
                         "the receipt names no key (kid, label 4); have its ledger name it");
    for (size_t i = 0; i < keys->count; i++) {
        const service_key *key = keys->all[i];
        bool is_issuers = is_of(key, issuer);

        pinned |= is_issuers;
        if ((!is_issuers && key->issuer != NULL) || !is_named(key, kid))
            continue;
        if (is_issuers) {
            *found = key;
            return SIGB_OK;
        }
        unpinned = key;
    }
    if (pinned || unpinned == NULL) /* keys of a pinned issuer judge it alone */
        return refuse_unknown(issuer, pinned, diag);
    *found = unpinned;
    return SIGB_OK;
}

/* ---- putting ---- */

sigb_rc sink_refuse(key_sink *to, const char *what)
{
    return sigb_fail(to->diag, SIGB_E_LEDGER_KEYS,
                     "%s; give the keys as the ledger serves them, its certificate, or its public key", what);
}

static bool same_issuer(const service_key *key, const char *issuer)
{
    return issuer == NULL ? key->issuer == NULL : is_of(key, sigb_bytes_text(issuer));
}

static bool is_held(const key_sink *to, const service_key *key)
{
    for (size_t i = 0; i < to->keys->count; i++) {
        const service_key *other = to->keys->all[i];

        if (memcmp(other->id.bytes, key->id.bytes, HASH_LEN) == 0 && same_issuer(other, to->issuer))
            return true;
    }
    return false;
}

/* Two keys of one name: which is meant could not be told. */
static bool is_name_taken(const key_sink *to, const service_key *key)
{
    for (size_t i = 0; i < to->keys->count; i++)
        if (same_issuer(to->keys->all[i], to->issuer) &&
            is_named(to->keys->all[i], sigb_buf_bytes(&key->named)))
            return true;
    return false;
}

static sigb_rc make_room(sigb_keys *keys, sigb_diag *diag)
{
    size_t room = keys->room == 0 ? 8 : 2 * keys->room;
    service_key **all;

    if (keys->count == SIGB_MAX_KEYS)
        return sigb_fail(diag, SIGB_E_LIMIT,
                         "more than %d keys of ledgers; give those of the ledgers that you trust alone",
                         SIGB_MAX_KEYS);
    if (keys->count < keys->room)
        return SIGB_OK;
    all = OPENSSL_realloc(keys->all, room * sizeof(service_key *));
    if (all == NULL)
        return sigb_no_memory(diag);
    keys->all = all;
    keys->room = room;
    return SIGB_OK;
}

static sigb_rc set_id(service_key *key, EVP_PKEY *public_key, sigb_diag *diag)
{
    sigb_buf spki = SIGB_BUF_INIT, text = SIGB_BUF_INIT;
    sigb_rc rc = pubkey_put_spki(public_key, &spki, diag);

    if (rc == SIGB_OK &&
        EVP_Digest(spki.ptr, spki.len, key->id.bytes, NULL, libctx_digest("SHA2-256"), NULL) != 1)
        rc = sigb_openssl_failed(diag, "the hash of a key");
    if (rc == SIGB_OK) {
        text_put_hex(&text, hash_bytes(&key->id));
        rc = text.failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    if (rc == SIGB_OK)
        memcpy(key->kid, text.ptr, sizeof(key->kid) - 1); /* zeroed when made */
    sigb_buf_free(&spki);
    sigb_buf_free(&text);
    return rc;
}

static sigb_rc set_name(service_key *key, const key_sink *to, sigb_bytes named)
{
    if (!is_named(key, named))
        sigb_buf_append(&key->named, named);
    if (to->issuer != NULL)
        key->issuer = OPENSSL_strdup(to->issuer);
    if (key->named.failed || (to->issuer != NULL && key->issuer == NULL))
        return sigb_no_memory(to->diag);
    return SIGB_OK;
}

static sigb_rc add(key_sink *to, service_key *key, EVP_PKEY *public_key, sigb_alg alg, sigb_bytes named)
{
    sigb_rc rc = set_name(key, to, named);

    if (rc == SIGB_OK && to->issuer != NULL && key->named.len > 0 && is_name_taken(to, key))
        rc = sink_refuse(to, "two keys of one issuer have the same kid");
    if (rc == SIGB_OK)
        rc = verifier_new(public_key, alg, &key->verifies, to->diag);
    if (rc == SIGB_OK)
        rc = make_room(to->keys, to->diag);
    if (rc == SIGB_OK)
        to->keys->all[to->keys->count++] = key;
    return rc;
}

static sigb_rc put_usable(key_sink *to, EVP_PKEY *public_key, sigb_alg alg, sigb_bytes named)
{
    service_key *key = OPENSSL_zalloc(sizeof(*key));
    sigb_rc rc;

    if (key == NULL)
        return sigb_no_memory(to->diag);
    rc = set_id(key, public_key, to->diag);
    to->found++;
    if (rc == SIGB_OK && is_held(to, key)) {
        key_free(key);
        return SIGB_OK;
    }
    if (rc == SIGB_OK)
        rc = add(to, key, public_key, alg, named);
    if (rc != SIGB_OK)
        key_free(key);
    return rc;
}

/* A key of a curve or size that nothing here verifies with is passed over. */
static sigb_rc put(key_sink *to, EVP_PKEY *public_key, sigb_bytes named)
{
    sigb_alg alg;
    sigb_rc rc = alg_choose(public_key, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, to->diag);

    if (rc == SIGB_E_KEY_UNSUPPORTED || rc == SIGB_E_WEAK_KEY)
        return SIGB_OK;
    return rc == SIGB_OK ? put_usable(to, public_key, alg, named) : rc;
}

sigb_rc sink_put(key_sink *to, EVP_PKEY *key, sigb_bytes named)
{
    sigb_rc rc = key == NULL ? SIGB_OK : put(to, key, named);

    EVP_PKEY_free(key);
    return rc;
}

/* ---- files ---- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* By the first byte that is no blank. */
static sigb_rc read_file(key_sink *to, sigb_bytes file)
{
    size_t blanks = 0;
    uint8_t first;

    while (blanks < file.len && is_blank(file.ptr[blanks]))
        blanks++;
    first = blanks < file.len ? file.ptr[blanks] : 0;
    if (first == '{')
        return keys_read_json(to, file);
    if (file.len > 0 && file.ptr[0] == 0x30 && first == 0x30)
        return keys_read_der(to, file);
    if (file.len > 0 && file.ptr[0] >= 0x80 && file.ptr[0] <= 0xbf) /* an array or a map (RFC 8949, 3.1) */
        return keys_read_cose(to, file);
    return keys_read_pem(to, file);
}

static bool is_plain(const char *issuer)
{
    size_t len = strlen(issuer);

    for (size_t i = 0; i < len; i++)
        if (issuer[i] <= ' ' || issuer[i] > '~')
            return false;
    return len > 0 && len <= SIGB_MAX_ISSUER;
}

static sigb_rc require_arguments(const sigb_keys *keys, sigb_bytes file, const char *issuer, sigb_diag *diag)
{
    if (keys == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the keys");
    if (issuer != NULL && !is_plain(issuer))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a ledger's name is a host, with port if it has one; '%.64s' is none", issuer);
    if (file.len > SIGB_MAX_KEY_FILE)
        return sigb_fail(diag, SIGB_E_LIMIT,
                         "a file of keys of %zu bytes: at most %d are read; give keys alone", file.len,
                         SIGB_MAX_KEY_FILE);
    return SIGB_OK;
}

sigb_rc sigb_keys_put(sigb_keys *keys, sigb_bytes file, const char *issuer, sigb_diag *diag)
{
    key_sink to = {keys, issuer, 0, diag};
    sigb_rc rc = require_arguments(keys, file, issuer, diag);
    size_t before;

    if (rc != SIGB_OK)
        return rc;
    before = keys->count;
    ERR_clear_error();
    rc = read_file(&to, file);
    if (rc == SIGB_OK && to.found == 0)
        rc = sink_refuse(&to,
                         "there is no key in it that can be used: EC on P-256, P-384 or P-521, RSA from 2048 "
                         "bits, and Ed25519 are");
    if (rc != SIGB_OK)
        keep_first(keys, before);
    return rc;
}
