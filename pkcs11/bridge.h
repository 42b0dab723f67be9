/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library does for the OpenSSL provider of the same build: keys that
 * sign with any scheme, and lists of what tokens hold. Exported under a version
 * of its own, SIGBRIDGE_PRIVATE: no other program may use it, and it changes
 * without notice. A key is used by several threads at once.
 */
#ifndef SIGB_PKCS11_BRIDGE_H
#define SIGB_PKCS11_BRIDGE_H

#include <openssl/types.h>

#include <sigbridge/signer.h>

#include "pkcs11/scheme.h"

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* What is to be signed, and how. */
typedef struct p11_request {
    p11_scheme scheme;
    bool hashed;      /* input is the digest */
    size_t order_len; /* bytes of the group's order, to which ECDSA cuts a digest; 0: the digest fits */
    sigb_bytes input;
} p11_request;

/* Where a signature goes: the caller's bytes, and how many of them it took. */
typedef struct p11_place {
    uint8_t *ptr;
    size_t room, len;
} p11_place;

/* How URIs are read: they come from files and callers that nobody vouches for. */
typedef struct bridge_rules {
    bool uri_may_name_module; /* else module-path and module-name are ignored */
    bool uri_may_hold_pin;    /* else pin-value is refused, SIGB_E_URI */
} bridge_rules;

/* ---- one private key ---- */

typedef struct bridge_key bridge_key;

/*
 * Opens the one private key that the URI names, as sigb_signer_from_pkcs11() does,
 * and with the same refusals. The token, or a certificate with the key's CKA_ID,
 * must tell the public key, else SIGB_E_KEY_UNSUPPORTED. options->pin is asked by
 * this call, and later while options->pin_arg says that somebody can answer.
 */
SIGB_CHECK sigb_rc bridge_key_open(const char *uri, const sigb_pkcs11_options *options,
                                   const bridge_rules *rules, bridge_key **key, sigb_diag *diag);

void bridge_key_free(bridge_key *key);

/* The public key, in the library's own OSSL_LIB_CTX; borrowed. */
EVP_PKEY *bridge_key_public(const bridge_key *key);
sigb_bytes bridge_key_spki(const bridge_key *key);

/* The URI that it was opened by, without PIN. */
const char *bridge_key_uri(const bridge_key *key);

/* True where CKA_ALLOWED_MECHANISMS leaves RSASSA-PSS alone. */
bool bridge_key_is_pss(const bridge_key *key);

/*
 * Puts the signature: DER for ECDSA. The length is judged; the bytes are verified
 * if `verify`, after opening, and after each repair; until then nothing is put.
 * SIGB_E_SIGNATURE_FAULT, _KEY_CHANGED, _MECHANISM, and what repairs end with;
 * SIGB_E_USAGE: there is too little room for the longest that the key makes; the
 * token is not asked then.
 */
SIGB_CHECK sigb_rc bridge_key_sign(bridge_key *key, const p11_request *what, bool verify,
                                   p11_place *signature, sigb_diag *diag);

/*
 * Of a message that comes in pieces: it has to be kept whole, for the token signs
 * no digest by this scheme and hashes by itself. Else its digest is enough. Costs
 * no call into the module. SIGB_E_MECHANISM: the token does neither.
 */
SIGB_CHECK sigb_rc bridge_key_wants_whole(const bridge_key *key, const p11_scheme *scheme, bool *whole,
                                          sigb_diag *diag);

/* ---- what tokens hold ---- */

typedef enum bridge_class { BRIDGE_CERT = 1, BRIDGE_PUBLIC = 2, BRIDGE_PRIVATE = 4 } bridge_class;

typedef struct bridge_item {
    bridge_class class;
    char *uri;    /* that names it and nothing else, if its token names its objects apart */
    char *label;  /* CKA_LABEL, "" where there is none */
    sigb_buf der; /* the certificate, or SubjectPublicKeyInfo; empty where the token does not tell */
} bridge_item;

typedef struct bridge_items {
    const bridge_item *item;
    size_t count;
    struct bridge_listing *listing; /* that they belong to; it keeps the login */
} bridge_items;

/*
 * All objects of these classes (a sum) that the URI matches, on all tokens that it
 * matches. Logs in only if `log_in`; without a login
 * those are listed that the token shows. SIGB_E_TOKEN_ABSENT: there is no such
 * token. Finding none is SIGB_OK. The caller frees with bridge_items_free(), until
 * which a login that was made stays.
 */
SIGB_CHECK sigb_rc bridge_list(const char *uri, unsigned classes, bool log_in,
                               const sigb_pkcs11_options *options, const bridge_rules *rules,
                               bridge_items *items, sigb_diag *diag);
void bridge_items_free(bridge_items *items);

/* True: the URI names an object (object= or id=) and not a token alone. `classes`: what type= says, else all. */
SIGB_CHECK sigb_rc bridge_uri_scope(const char *uri, bool *names_object, unsigned *classes, bool *says_type,
                                    sigb_diag *diag);

/*
 * Where a new key goes, and its name: the URI as the rules let it be used, without
 * trailing NUL in `label` and `id`, which are appended to. The caller frees
 * *usable with bridge_uri_free().
 */
SIGB_CHECK sigb_rc bridge_uri_place(const char *uri, const bridge_rules *rules, char **usable,
                                    sigb_buf *label, sigb_buf *id, sigb_diag *diag);
void bridge_uri_free(char *usable);

/* ---- for the rest of the provider ---- */

/* The library's own context, in which software does its part: the default provider alone. NULL: out of memory. */
OSSL_LIB_CTX *bridge_libctx(void);
const EVP_MD *bridge_digest(const char *name);

/* Work of OpenSSL that takes its locks goes between these two, so that no fork cuts it (base/gate.h). */
bool bridge_shelter(void);
void bridge_end_shelter(bool entered);

/* Parses a SubjectPublicKeyInfo in that context; the caller frees. */
SIGB_CHECK sigb_rc bridge_public_key(sigb_bytes spki, EVP_PKEY **key, sigb_diag *diag);

/* By any of its OpenSSL names; NULL: none that signatures are made with here. */
const p11_hash *bridge_hash_named(const char *name);

/* Keeps a module from being finalised between two uses; NULL where it cannot be had. */
typedef struct bridge_module bridge_module;
bridge_module *bridge_module_hold(const sigb_pkcs11_options *options);
void bridge_module_release(bridge_module *held);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
