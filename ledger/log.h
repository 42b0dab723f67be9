/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that takes entries into a tree and gives receipts for them: the heart of
 * a ledger. It has no network, no clock (the time is given) and no global state,
 * and what it must remember goes to a store, which may be any that only appends.
 *
 *   append, append, ... seal          one signature for everything up to here
 *   append, ... seal                  and the next
 *   receipt(entry, seal)              any number, without another signature
 *
 * One thread at a time.
 */
#ifndef SIGB_LEDGER_LOG_H
#define SIGB_LEDGER_LOG_H

#include <sigbridge/receipt.h>
#include <sigbridge/signer.h>

#include "ledger/hash.h"

/* ---- what it remembers ---- */

typedef enum log_kind {
    LOG_LEAF, /* one for each leaf of the tree */
    LOG_SEAL, /* one for each signature */
    LOG_KEY,  /* one for each key, a SubjectPublicKeyInfo */
    LOG_KINDS
} log_kind;

/*
 * Three rows of records that only grow. A record counts once append() has
 * returned SIGB_OK, and must be the same bytes ever after; read() gives a view
 * that lives until the next call.
 */
typedef struct log_store {
    void *impl;
    sigb_rc (*append)(void *impl, log_kind kind, sigb_bytes record, sigb_diag *diag);
    sigb_rc (*read)(void *impl, log_kind kind, uint64_t index, sigb_bytes *record, sigb_diag *diag);
    uint64_t (*count)(void *impl, log_kind kind);
} log_store;

/* A store in memory. SIGB_E_MEMORY. The caller frees impl with log_memory_free(). */
SIGB_CHECK sigb_rc log_memory_new(log_store *made, sigb_diag *diag);
void log_memory_free(log_store *done);

/* ---- the log ---- */

typedef struct sigb_log sigb_log;

typedef struct log_options {
    sigb_vds vds;
    const char *issuer;  /* iss of its receipts */
    const char *subject; /* sub; NULL: none */
    uint64_t view;       /* CCF: first half of its transaction numbers */
    log_store store;     /* borrowed; what is in it already is taken up again */
} log_options;

/* SIGB_E_USAGE, _RECEIPT_MALFORMED (the store holds something else), _MEMORY. Strings are copied. */
SIGB_CHECK sigb_rc log_open(const log_options *options, sigb_log **made, sigb_diag *diag);
void log_free(sigb_log *log);

/*
 * Signs with this key from now on; borrowed. Keys that signed before stay in the
 * sets. SIGB_E_USAGE: its public key is not known.
 */
SIGB_CHECK sigb_rc log_use_signer(sigb_log *log, sigb_signer *signer, sigb_diag *diag);

/* Takes an entry in (what sigb_statement_entry() gives); *index is its leaf. */
SIGB_CHECK sigb_rc log_append(sigb_log *log, sigb_bytes entry, uint64_t *index, sigb_diag *diag);

/*
 * Signs the root of everything up to here; *seal is its number. In a CCF tree a
 * signature is a transaction itself, and the next leaf. Nothing is kept before the
 * signature has been verified.
 * SIGB_E_USAGE: no signer, or nothing to sign. What the signer returns.
 */
SIGB_CHECK sigb_rc log_seal(sigb_log *log, int64_t at, uint64_t *seal, sigb_diag *diag);

uint64_t log_size(const sigb_log *log);  /* leaves */
uint64_t log_seals(const sigb_log *log); /* signatures */

/* Of the tree that this seal has signed. */
SIGB_CHECK sigb_rc log_root(sigb_log *log, uint64_t seal, hash *root, sigb_diag *diag);

/* What a receipt proves; at least one of both. */
typedef struct log_receipt_options {
    bool has_entry;
    uint64_t entry; /* the leaf of this number is in the tree */
    bool has_older;
    uint64_t older;    /* the tree that this earlier seal signed is a part of it */
    bool with_payload; /* RFC 9162: the root stands in the receipt */
} log_receipt_options;

/* Appends a receipt by this seal. SIGB_E_USAGE: it covers no such leaf, or is not younger than the older one. */
SIGB_CHECK sigb_rc log_receipt(sigb_log *log, uint64_t seal, const log_receipt_options *options,
                               sigb_buf *receipt, sigb_diag *diag);

/* Append the keys that have signed, as a COSE_Key set or a JWK set. */
SIGB_CHECK sigb_rc log_put_cose_keys(const sigb_log *log, sigb_buf *out, sigb_diag *diag);
SIGB_CHECK sigb_rc log_put_jwks(const sigb_log *log, sigb_buf *out, sigb_diag *diag);

#endif
