/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledgers for tests: logs of ours whose keys live in a SoftHSM token, statements
 * for them to take in, and receipts taken apart so that each byte can be changed.
 */
#ifndef SIGB_TESTS_LEDGERS_H
#define SIGB_TESTS_LEDGERS_H

#include "ledger/log.h"
#include "tests/support/pki.h"

/* Keys of the token, each with a signer through the product's own road. */
enum ledger_key {
    LEDGER_P256,
    LEDGER_P384,
    LEDGER_P521,
    LEDGER_P256_LATER,
    LEDGER_RSA,
    LEDGER_ED25519,
    LEDGER_KEYS
};

typedef struct ledgers {
    pki *pki;
    sigb_signer *signers[LEDGER_KEYS];
} ledgers;

ledgers *ledgers_new(void);
void ledgers_free(ledgers *made);

/* A statement without a chain, over this payload, signed by a token key: all that a log asks for. */
void ledgers_statement(const ledgers *in, const char *payload, sigb_buf *statement);

/* A log with a store of its own. */
typedef struct ledger {
    log_store store;
    sigb_log *log;
} ledger;

void ledger_open(const ledgers *in, ledger *made, sigb_vds vds, const char *issuer, enum ledger_key key);
void ledger_close(ledger *done);

/* Takes the entry of a statement in; returns its leaf. */
uint64_t ledger_take(ledger *to, sigb_bytes statement);

/* Takes `count` entries in that are nobody's. */
void ledger_fill(ledger *to, size_t count);

/* Signs, and appends the receipt for that leaf. Returns the seal. */
uint64_t ledger_receipt(ledger *of, uint64_t leaf, sigb_buf *receipt);

/* Puts its keys, as a COSE_Key set, pinned to `issuer` (NULL: to none). */
void ledger_put_keys(const ledger *of, const char *issuer, sigb_keys *keys);

/* ---- COSE_Sign1 taken apart ---- */

typedef struct cose_parts {
    bool untagged;
    sigb_buf protected_map;                   /* content of the byte string */
    sigb_buf unprotected, payload, signature; /* encoded items */
} cose_parts;

/* Views become copies that may be changed. */
void cose_split(sigb_bytes bytes, cose_parts *parts);

/* Appends it again, and frees the parts. */
void cose_join(cose_parts *parts, sigb_buf *out);

/* Replaces what occurs exactly once in `bytes`; both are hexadecimal. */
void bytes_replace(sigb_buf *bytes, const char *old, const char *new);

#endif
