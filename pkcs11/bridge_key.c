/* SPDX-License-Identifier: Apache-2.0 */
/* A key for the provider: signs with any scheme, and is verified by OpenSSL in software. */
#include "pkcs11/bridge.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/certs.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/gate.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "pkcs11/internal.h"

struct bridge_key {
    p11_key *key;
    EVP_PKEY *pub;
    sigb_buf spki;
    char *uri;
    size_t coord;         /* bytes of r and s; 0 unless EC */
    size_t signature_len; /* of the token, for a scheme of this key */
    size_t most;          /* that OpenSSL's form of it takes */
    bool is_pss;
};

/* ---- verification ---- */

static bool set_rsa(EVP_PKEY_CTX *ctx, const p11_scheme *scheme, const EVP_MD *md)
{
    bool is_pss = scheme->family == P11_RSA_PSS;

    if (EVP_PKEY_CTX_set_rsa_padding(ctx, is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) <= 0)
        return false;
    if (md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, md) <= 0)
        return false;
    return !is_pss || (EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)scheme->salt) > 0 &&
                       EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, scheme->mgf->name, NULL) > 0);
}

/* 1: it verifies, 0: it does not, else OpenSSL failed. */
static int verify_digest(EVP_PKEY *pub, const p11_request *what, sigb_bytes digest, sigb_bytes signature)
{
    const EVP_MD *md = what->scheme.hash == NULL ? NULL : libctx_digest(what->scheme.hash->name);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx_get(), pub, NULL);
    int good = -1;

    if (ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
        (what->scheme.family == P11_ECDSA || set_rsa(ctx, &what->scheme, md)))
        good = EVP_PKEY_verify(ctx, signature.ptr, signature.len, digest.ptr, digest.len);
    EVP_PKEY_CTX_free(ctx);
    return good;
}

static int verify_message(EVP_PKEY *pub, sigb_bytes message, sigb_bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = -1;

    if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx_get(), NULL, pub, NULL) > 0)
        good = EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len);
    EVP_MD_CTX_free(ctx);
    return good;
}

static int verify_request(EVP_PKEY *pub, const p11_request *what, sigb_bytes signature)
{
    uint8_t room[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md;

    if (what->scheme.family == P11_EDDSA)
        return verify_message(pub, what->input, signature);
    if (what->hashed || what->scheme.hash == NULL)
        return verify_digest(pub, what, what->input, signature);
    md = libctx_digest(what->scheme.hash->name);
    if (md == NULL || EVP_Digest(what->input.ptr, what->input.len, room, &len, md, NULL) != 1)
        return -1;
    return verify_digest(pub, what, sigb_bytes_of(room, len), signature);
}

/* SIGB_E_SIGNATURE_FAULT: it has not the length of one. */
static sigb_rc require_length(const bridge_key *key, sigb_bytes raw, sigb_diag *diag)
{
    if (raw.len == key->signature_len)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the token returned a signature of %zu bytes where this key makes %zu; nothing was "
                     "given out: update the module, or test the device",
                     raw.len, key->signature_len);
}

/* The signature as OpenSSL writes it; `der` has room for one of ECDSA. */
static sigb_bytes written(const bridge_key *key, sigb_bytes raw, uint8_t der[ECDSA_DER_ROOM])
{
    return key->coord == 0 ? raw : sigb_bytes_of(der, ecdsa_put_der(raw.ptr, key->coord, der));
}

static sigb_rc check_signature(const bridge_key *key, const p11_request *what, sigb_bytes signature)
{
    bool entered = gate_shelter();
    int good;

    (void)ERR_set_mark();
    good = verify_request(key->pub, what, signature);
    (void)ERR_pop_to_mark();
    gate_end_shelter(entered);
    return good == 1 ? SIGB_OK : SIGB_E_SIGNATURE;
}

/* A p11_verify_fn, over what the token returned. */
static sigb_rc verify_raw(void *arg, const p11_request *what, sigb_bytes raw)
{
    const bridge_key *key = arg;
    uint8_t der[ECDSA_DER_ROOM];
    sigb_rc rc = require_length(key, raw, NULL);

    return rc == SIGB_OK ? check_signature(key, what, written(key, raw, der)) : rc;
}

/* ---- signing ---- */

static sigb_rc require_right(bridge_key *key, const p11_request *what, sigb_bytes signature, sigb_diag *diag)
{
    if (check_signature(key, what, signature) == SIGB_OK)
        return SIGB_OK;
    key_doubt(key->key);
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the signature that the token returned does not verify with the key's public half; it "
                     "was not given out: find out whether the device or the key is wrong");
}

/* Before the token is asked: a signature that finds no place is one too many where they are counted. */
static sigb_rc require_room(const bridge_key *key, const p11_place *place, sigb_diag *diag)
{
    if (place->room >= key->most)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_USAGE,
                     "the signature may have %zu bytes, and there is room for %zu; nothing was signed",
                     key->most, place->room);
}

static void put(sigb_bytes signature, p11_place *place)
{
    memcpy(place->ptr, signature.ptr, signature.len);
    place->len = signature.len;
}

sigb_rc bridge_key_sign(bridge_key *key, const p11_request *asked, bool verify, p11_place *place,
                        sigb_diag *diag)
{
    p11_request what = *asked;
    p11_made made;
    uint8_t der[ECDSA_DER_ROOM];
    sigb_bytes signature;
    sigb_rc rc = require_room(key, place, diag);

    what.order_len = key->coord;
    if (rc == SIGB_OK)
        rc = key_sign(key->key, &what, &made, diag);
    if (rc == SIGB_OK)
        rc = require_length(key, sigb_bytes_of(made.bytes, made.len), diag);
    if (rc != SIGB_OK)
        return rc;
    signature = written(key, sigb_bytes_of(made.bytes, made.len), der);
    if (verify)
        rc = require_right(key, &what, signature, diag);
    if (rc == SIGB_OK)
        put(signature, place);
    return rc;
}

/* Of several replicas one that hashes is enough; one that cannot sign at all says so when it is its turn. */
sigb_rc bridge_key_wants_whole(const bridge_key *key, const p11_scheme *scheme, bool *whole, sigb_diag *diag)
{
    p11_mechanism mechanism;
    bool signs = false;
    sigb_rc rc = SIGB_OK;

    *whole = false;
    for (size_t i = 0; i < key->key->count; i++) {
        rc = mechanism_for(&key->key->replicas[i].mechanisms, scheme, false, &mechanism, diag);
        signs |= rc == SIGB_OK;
        *whole |= rc == SIGB_OK && !mechanism.takes_digest;
    }
    return signs ? SIGB_OK : rc;
}

/* ---- the public half ---- */

/* An operation. */
typedef struct cert_search {
    p11_key *key;
    sigb_buf spki;
} cert_search;

static void cert_search_free(void *arg)
{
    cert_search *s = arg;

    key_drop(s->key);
    sigb_buf_free(&s->spki);
    OPENSSL_free(s);
}

static sigb_rc put_cert_spki(sigb_bytes der, sigb_buf *spki, sigb_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    sigb_rc rc = certs_parse(der, &certs, diag);

    if (rc == SIGB_OK)
        rc = cert_put_spki(sk_X509_value(certs, 0), spki, diag);
    sk_X509_pop_free(certs, X509_free);
    return rc;
}

/* The public key of the certificates among these, if they agree. */
static sigb_rc agreed_cert_spki(cert_search *s, CK_SESSION_HANDLE session, const CK_OBJECT_HANDLE *certs,
                                size_t count, sigb_diag *diag)
{
    bool agreed = true;
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < count; i++) {
        sigb_buf der = SIGB_BUF_INIT, one = SIGB_BUF_INIT;
        rc = p11_attribute(s->key->module, session, certs[i], CKA_VALUE, &der, diag);
        if (rc == SIGB_OK && der.len > 0)
            rc = put_cert_spki(sigb_buf_bytes(&der), &one, diag);
        if (rc == SIGB_OK && s->spki.len == 0)
            sigb_buf_append(&s->spki, sigb_buf_bytes(&one));
        else if (rc == SIGB_OK && one.len > 0)
            agreed = agreed && sigb_bytes_equal(sigb_buf_bytes(&one), sigb_buf_bytes(&s->spki));
        sigb_buf_free(&der);
        sigb_buf_free(&one);
    }
    if (!agreed)
        s->spki.len = 0;
    return rc == SIGB_OK && s->spki.failed ? sigb_no_memory(diag) : rc;
}

/* Certificates bear the CKA_ID of the key that they are for. */
static sigb_rc find_certs(cert_search *s, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, sigb_diag *diag)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_OBJECT_HANDLE *certs = NULL;
    sigb_buf id = SIGB_BUF_INIT;
    size_t count = 0;
    sigb_rc rc = p11_attribute(s->key->module, session, object, CKA_ID, &id, diag);

    if (rc == SIGB_OK && id.len > 0) {
        CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_ID, id.ptr, id.len}};
        rc = p11_objects_find(s->key->module, session, wanted, COUNT(wanted), &certs, &count, diag);
    }
    if (rc == SIGB_OK)
        rc = agreed_cert_spki(s, session, certs, count, diag);
    OPENSSL_free(certs);
    sigb_buf_free(&id);
    return rc;
}

static sigb_rc cert_search_run(void *arg, sigb_diag *diag)
{
    cert_search *s = arg;
    p11_replica *replica = &s->key->replicas[0];
    p11_repair how = key_repair(s->key, deadline_in(s->key->options.timeout_ms), 0);
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    p11_fault fault;
    p11_lease lease;
    bool unproven;
    sigb_rc rc = token_lease(replica->token, &how, &lease, &fault, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = replica_object(s->key, replica, &lease, NULL, &object, &unproven, diag);
    if (rc == SIGB_OK)
        rc = find_certs(s, lease.session, object, diag);
    fault = fault_of(rc, diag);
    token_return(replica->token, &lease, rc, &fault, diag);
    return rc;
}

/* The token hides the key's public half: its certificate tells it. */
static sigb_rc spki_of_certs(p11_key *key, sigb_buf *spki, sigb_diag *diag)
{
    cert_search *s = OPENSSL_zalloc(sizeof(*s));
    operation what = {cert_search_run, cert_search_free, s};
    bool left_behind = false;
    sigb_rc rc;

    if (s == NULL)
        return sigb_no_memory(diag);
    key_share(key);
    s->key = key;
    rc = deadline_run(&what, deadline_in(key->options.timeout_ms), &key->tracer, &left_behind, diag);
    if (left_behind)
        return rc;
    if (rc == SIGB_OK && s->spki.len == 0)
        rc = sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                       "the token does not tell the public half of the key, and holds no certificate with "
                       "the key's CKA_ID; put the public key or the certificate on the token");
    if (rc == SIGB_OK)
        sigb_buf_append(spki, sigb_buf_bytes(&s->spki));
    cert_search_free(s);
    return rc == SIGB_OK && spki->failed ? sigb_no_memory(diag) : rc;
}

/* ---- a key ---- */

/* ECDSA signs r || s, RSA as wide as the modulus, EdDSA what the curve fixes. */
static sigb_rc learn_sizes(bridge_key *key, sigb_diag *diag)
{
    int bits = EVP_PKEY_get_bits(key->pub), size = EVP_PKEY_get_size(key->pub);

    if (bits <= 0 || size <= 0)
        return sigb_openssl_failed(diag, "to measure the public key");
    key->coord = EVP_PKEY_is_a(key->pub, "EC") ? ((size_t)bits + 7) / 8 : 0;
    if (key->coord > ECDSA_MAX_COORD)
        return sigb_fail(
            diag, SIGB_E_KEY_UNSUPPORTED,
            "the order of the key's curve has %d bits, where at most those of P-521 are known; use a key "
            "on another curve",
            bits);
    key->most = (size_t)size;
    key->signature_len = key->coord > 0 ? 2 * key->coord : key->most;
    return SIGB_OK;
}

static sigb_rc learn_public(bridge_key *key, sigb_diag *diag)
{
    bool entered = gate_shelter();
    sigb_rc rc;

    sigb_buf_append(&key->spki, sigb_buf_bytes(&key->key->spki));
    rc = key->spki.len > 0 ? SIGB_OK : spki_of_certs(key->key, &key->spki, diag);
    if (rc == SIGB_OK)
        rc = pubkey_parse(sigb_buf_bytes(&key->spki), &key->pub, diag);
    if (rc == SIGB_OK)
        rc = learn_sizes(key, diag);
    gate_end_shelter(entered);
    return rc;
}

/* Nobody has verified a signature of it yet, so the first one is. */
static void require_proof(bridge_key *key)
{
    key->key->verify = verify_raw;
    key->key->verify_arg = key;
    for (size_t i = 0; i < key->key->count; i++)
        key->key->replicas[i].proven = 0;
    key->is_pss = key->key->replicas[0].mechanisms.pss_alone;
}

sigb_rc bridge_key_open(const char *uri, const sigb_pkcs11_options *options, const bridge_rules *rules,
                        bridge_key **key, sigb_diag *diag)
{
    bridge_key *made = OPENSSL_zalloc(sizeof(*made));
    sigb_diag why = {{0}, 0};
    char *clean = NULL;
    sigb_rc rc;

    if (made == NULL)
        return sigb_no_memory(diag);
    if (diag == NULL)
        diag = &why;
    rc = bridge_uri_clean(uri, rules, &clean, &made->uri, diag);
    if (rc == SIGB_OK)
        rc = key_open(clean, options, &made->key, NULL, diag);
    if (rc == SIGB_OK)
        rc = learn_public(made, diag);
    bridge_uri_free(clean);
    if (rc != SIGB_OK) {
        bridge_key_free(made);
        return rc;
    }
    require_proof(made);
    *key = made;
    return SIGB_OK;
}

void bridge_key_free(bridge_key *key)
{
    if (key == NULL)
        return;
    if (key->key != NULL)
        key_close(key->key);
    EVP_PKEY_free(key->pub);
    sigb_buf_free(&key->spki);
    OPENSSL_free(key->uri);
    OPENSSL_free(key);
}

EVP_PKEY *bridge_key_public(const bridge_key *key)
{
    return key->pub;
}

sigb_bytes bridge_key_spki(const bridge_key *key)
{
    return sigb_buf_bytes(&key->spki);
}

const char *bridge_key_uri(const bridge_key *key)
{
    return key->uri;
}

bool bridge_key_is_pss(const bridge_key *key)
{
    return key->is_pss;
}

/* ---- for the rest of the provider ---- */

OSSL_LIB_CTX *bridge_libctx(void)
{
    return libctx_get();
}

const EVP_MD *bridge_digest(const char *name)
{
    return libctx_digest(name);
}

bool bridge_shelter(void)
{
    return gate_shelter();
}

void bridge_end_shelter(bool entered)
{
    gate_end_shelter(entered);
}

sigb_rc bridge_public_key(sigb_bytes spki, EVP_PKEY **key, sigb_diag *diag)
{
    return pubkey_parse(spki, key, diag);
}

const p11_hash *bridge_hash_named(const char *name)
{
    return p11_hash_named(name);
}
