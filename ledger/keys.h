/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of ledgers: the set, how files of each form get into it, and how receipts find them. */
#ifndef SIGB_LEDGER_KEYS_H
#define SIGB_LEDGER_KEYS_H

#include <sigbridge/receipt.h>

#include "base/pubkey.h"
#include "ledger/hash.h"

#define KID_TEXT (2 * HASH_LEN + 1)

typedef struct service_key {
    hash id;            /* SHA-256 of the SubjectPublicKeyInfo */
    char kid[KID_TEXT]; /* the same as text: what ledgers of the CCF profile call a key */
    sigb_buf named;     /* what its file calls it, where that is something else */
    char *issuer;       /* NULL: pinned to none */
    verifier *verifies; /* shared by all receipts */
} service_key;

struct sigb_keys {
    service_key **all;
    size_t count, room;
};

/*
 * The key for a receipt of this issuer with this kid. Two forms of a kid name a
 * key by its hash, and cannot be mistaken for one another: 64 characters of
 * lower-case hexadecimal, and 32 bytes. What its file calls it counts for pinned
 * keys alone: there, the file is known to be the ledger's.
 * SIGB_E_RECEIPT_LEDGER, SIGB_E_RECEIPT_KEY.
 */
SIGB_CHECK sigb_rc keys_find(const sigb_keys *keys, sigb_bytes issuer, sigb_bytes kid,
                             const service_key **found, sigb_diag *diag);

/* ---- reading files ---- */

/* Where the keys of a file go. */
typedef struct key_sink {
    sigb_keys *keys;
    const char *issuer; /* NULL: pinned to none */
    size_t found;       /* how many could be used, those that were there already included */
    sigb_diag *diag;
} key_sink;

/* Takes the key, whatever is returned; NULL is passed over. `named` may be empty. */
SIGB_CHECK sigb_rc sink_put(key_sink *to, EVP_PKEY *key, sigb_bytes named);

/* SIGB_E_LEDGER_KEYS with words. */
SIGB_CHECK sigb_rc sink_refuse(key_sink *to, const char *what);

SIGB_CHECK sigb_rc keys_read_cose(key_sink *to, sigb_bytes file);
SIGB_CHECK sigb_rc keys_read_json(key_sink *to, sigb_bytes file);
SIGB_CHECK sigb_rc keys_read_pem(key_sink *to, sigb_bytes file);
SIGB_CHECK sigb_rc keys_read_der(key_sink *to, sigb_bytes file);

/* The key of one DER certificate; nothing else of it is looked at. */
SIGB_CHECK sigb_rc sink_put_cert(key_sink *to, sigb_bytes der);

/* ---- keys by their numbers: COSE_Key (RFC 9053, 7) and JWK (RFC 7518, 6) ---- */

typedef enum key_kind { KEY_OKP = 1, KEY_EC2 = 2, KEY_RSA = 3 } key_kind; /* as COSE numbers kty */

typedef struct key_curve {
    int64_t crv;     /* COSE number */
    const char *jwk; /* JWK name */
    key_kind kind;
    const char *openssl; /* group, or type of an OKP */
    size_t coord;        /* bytes of x, and of y */
} key_curve;

/* NULL if it is not known. By number, or by name where that is not NULL. */
const key_curve *key_curve_of(key_kind kind, int64_t crv, const char *jwk);

/* The curve of a key, NULL for others. */
const key_curve *key_curve_of_key(const EVP_PKEY *key);

/* EC2: x and y. OKP: x. RSA: n and e. */
typedef struct key_numbers {
    key_kind kind;
    const key_curve *curve;
    sigb_bytes first, second;
} key_numbers;

/* SIGB_E_LEDGER_KEYS: they are no key of this kind. */
SIGB_CHECK sigb_rc sink_put_numbers(key_sink *to, const key_numbers *numbers, sigb_bytes named);

/* ---- writing files ---- */

typedef enum keys_form { KEYS_COSE, KEYS_JWK } keys_form;

/* Appends all of them as a set; each kid is the key's hash in hexadecimal. Issuers are not written. */
SIGB_CHECK sigb_rc keys_write(const sigb_keys *keys, keys_form form, sigb_buf *out, sigb_diag *diag);

#endif
