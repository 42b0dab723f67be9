/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts: what a ledger gives for a statement that it has taken in. A receipt
 * is a COSE_Sign1 over the root of a Merkle tree, with the proof that the
 * statement is in that tree (RFC 9942); the tree is that of the CCF profile
 * (draft-ietf-scitt-receipts-ccf-profile), as Microsoft's Signing Transparency
 * has it, or that of RFC 9162. A statement carries its receipts in label 394 of
 * the unprotected header, where anybody can add some and nobody's signature
 * covers them.
 *
 * A sigb_receipt is parsed and untrusted: it can be printed, nothing more.
 * sigb_receipt_verify() says whether it is good, with keys that the caller
 * trusts, and needs no network. Whether a receipt is enough is for a policy
 * (verify.h) to say.
 *
 * Threads: put keys in one thread; then a sigb_keys may be shared. A
 * sigb_receipt is immutable and may be shared.
 */
#ifndef SIGBRIDGE_RECEIPT_H
#define SIGBRIDGE_RECEIPT_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/statement.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- the keys of ledgers ---- */

typedef struct sigb_keys sigb_keys;

/* No keys yet. NULL when out of memory. */
sigb_keys *sigb_keys_new(void);

/* NULL is allowed. */
void sigb_keys_free(sigb_keys *keys);

/*
 * Adds every key of a file, recognised by its content: a COSE_Key set or one
 * COSE_Key (RFC 9052, 7), as a ledger gives it under /.well-known/scitt-keys; a
 * JWK set or one JWK (RFC 7517); certificates or public keys, PEM or DER; the
 * parameters of older services, {"parameters": [{"serviceCertificate": ...}]}.
 *
 * `issuer` pins the keys to a ledger, as its receipts name it: a host, with port
 * if it has one. A receipt that claims a pinned issuer is judged by that
 * issuer's keys alone, and a pinned key never judges for another issuer. With
 * NULL the keys vouch for receipts whose kid is the SHA-256 of the key; which
 * ledger it is, is then claimed by the receipt and not known.
 *
 * Only public keys count: dates, names and signatures of certificates, and what
 * the file says about algorithms, are not believed. Keys of types and curves
 * that are not known are passed over. A key that is given twice is kept once.
 *
 * SIGB_E_LEDGER_KEYS: none of these forms, or malformed, or no key in it that
 * can be used, or a private key in it. SIGB_E_LIMIT, _USAGE, _MEMORY. On error
 * `keys` is as it was.
 */
SIGB_CHECK sigb_rc sigb_keys_put(sigb_keys *keys, sigb_bytes file, const char *issuer, sigb_diag *diag);

/* How many different keys there are; a key of two issuers counts twice. */
size_t sigb_keys_count(const sigb_keys *keys);

/* Lower-case hexadecimal of the SHA-256 of the nth key's SubjectPublicKeyInfo; NULL behind the last. */
const char *sigb_keys_kid(const sigb_keys *keys, size_t index);

/* The issuer that the nth key is pinned to; NULL if to none. */
const char *sigb_keys_issuer(const sigb_keys *keys, size_t index);

/* ---- receipts ---- */

/* Verifiable data structures (label 395): which tree it is. */
typedef enum sigb_vds {
    SIGB_VDS_RFC9162 = 1, /* RFC 9942, 5.1 */
    SIGB_VDS_CCF = 2      /* CCF profile */
} sigb_vds;

typedef struct sigb_receipt sigb_receipt;

/*
 * Parses a receipt: the tagged COSE_Sign1. Copies the bytes. A tree that is not
 * known is no reason to refuse here: it can be printed.
 * SIGB_E_RECEIPT_MALFORMED: not a receipt, or its proofs are not what its tree
 * demands, or a payload stands where the tree has none. SIGB_E_RECEIPT_LEGACY:
 * a receipt as services gave it before there were COSE receipts.
 * SIGB_E_RECEIPT_UNSUPPORTED: a critical header that is not understood.
 * SIGB_E_LIMIT, _USAGE, _MEMORY. Checks no signature and no proof.
 */
SIGB_CHECK sigb_rc sigb_receipt_parse(sigb_bytes bytes, sigb_receipt **receipt, sigb_diag *diag);

/* NULL is allowed. */
void sigb_receipt_free(sigb_receipt *receipt);

/* Getters of *unverified* content. Views live as long as the receipt; empty where absent. */
int64_t sigb_receipt_alg(const sigb_receipt *receipt);               /* label 1 */
int64_t sigb_receipt_vds(const sigb_receipt *receipt);               /* label 395 */
sigb_bytes sigb_receipt_kid(const sigb_receipt *receipt);            /* label 4, as it stands */
sigb_bytes sigb_receipt_issuer(const sigb_receipt *receipt);         /* CWT iss */
bool sigb_receipt_time(const sigb_receipt *receipt, int64_t *iat);   /* CWT iat; false if absent */
sigb_bytes sigb_receipt_entry_txid(const sigb_receipt *receipt);     /* CCF: transaction of the entry */
sigb_bytes sigb_receipt_signature_txid(const sigb_receipt *receipt); /* CCF: transaction of the signature */
size_t sigb_receipt_inclusions(const sigb_receipt *receipt);         /* how many inclusion proofs */
size_t sigb_receipt_consistencies(const sigb_receipt *receipt);      /* how many consistency proofs */

/*
 * Appends everything in it to `text`, a line for each fact, paths included,
 * escaped. Says nowhere that anything is verified. SIGB_E_USAGE, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_receipt_dump(const sigb_receipt *receipt, sigb_buf *text, sigb_diag *diag);

/* What a good receipt says. Views live as long as the receipt. */
typedef struct sigb_receipt_facts {
    sigb_bytes issuer;         /* may be empty; claimed unless `pinned`. Raw: escape to show */
    bool pinned;               /* the key is pinned to this issuer */
    char kid[65];              /* of the key that verified it, as sigb_keys_kid() gives it */
    int64_t alg;               /* that verified it */
    int64_t vds;               /* the tree */
    bool has_time;             /* the receipt has an iat */
    int64_t time;              /* iat: when the ledger signed, by its own clock */
    sigb_bytes entry_txid;     /* CCF: transaction of the entry, "458.12440"; may be empty */
    sigb_bytes signature_txid; /* CCF: transaction of the signature, "458.12441"; may be empty */
    uint8_t leaf[32];          /* hash of the leaf, by the last inclusion proof */
    uint8_t root[32];          /* of the tree, recomputed, as the ledger signed it */
    uint64_t size;             /* RFC 9162: leaves of the tree; else 0. Its proof says so: it is not signed */
    uint64_t index;            /* RFC 9162: place of the leaf, from 0; likewise */
} sigb_receipt_facts;

/*
 * Verifies that a ledger whose key is in `keys` has this statement: algorithm
 * and key, the statement's place in the tree by each inclusion proof, one root,
 * and the signature over it. The statement counts without its unprotected
 * header; its own signature, chain and claims are not looked at.
 *
 * Outcomes, each of its own:
 * SIGB_OK; then `facts` (may be NULL) are filled.
 * SIGB_E_RECEIPT_LEDGER: no key is pinned to this issuer, none unpinned has this kid.
 * SIGB_E_RECEIPT_KEY: keys are pinned to this issuer, none has this kid; or the receipt names no key.
 * SIGB_E_RECEIPT_SIGNATURE: wrong; or the path is, or the algorithm does not fit
 *   the key. With RFC 9162 and no payload in the receipt also: of another statement.
 * SIGB_E_RECEIPT_UNBOUND: it is for another statement, or this one was changed.
 * SIGB_E_RECEIPT_MALFORMED: no inclusion proof, or its proofs lead to different roots.
 * SIGB_E_RECEIPT_UNSUPPORTED: a tree or an algorithm that is not known.
 * SIGB_E_PAYLOAD: a detached statement: use sigb_statement_entry() and
 *   sigb_receipt_verify_entry(). SIGB_E_USAGE, _MEMORY, _INTERNAL.
 */
SIGB_CHECK sigb_rc sigb_receipt_verify(const sigb_receipt *receipt, const sigb_statement *statement,
                                       const sigb_keys *keys, sigb_receipt_facts *facts, sigb_diag *diag);

/*
 * The same for an entry that is given as bytes: what sigb_statement_entry()
 * gives, or whatever else the ledger is known to put into its tree.
 */
SIGB_CHECK sigb_rc sigb_receipt_verify_entry(const sigb_receipt *receipt, sigb_bytes entry,
                                             const sigb_keys *keys, sigb_receipt_facts *facts,
                                             sigb_diag *diag);

/*
 * Verifies that the tree of a receipt continues one that is trusted: one of its
 * consistency proofs at least begins at `older`, the root of 32 bytes that an
 * earlier receipt of the same ledger verified with, and leads to the root that
 * this receipt signs. Outcomes as above, and SIGB_E_RECEIPT_FORKED: none begins
 * there. SIGB_E_RECEIPT_MALFORMED: no consistency proof.
 */
SIGB_CHECK sigb_rc sigb_receipt_verify_consistency(const sigb_receipt *receipt, sigb_bytes older,
                                                   const sigb_keys *keys, sigb_receipt_facts *facts,
                                                   sigb_diag *diag);

/*
 * Appends what a ledger has of a statement: tag, protected header, an empty
 * unprotected header, payload and signature, as they stand in it, their heads
 * shortest. CCF: its SHA-256 is the data-hash of the leaf. `payload` is wanted
 * for a detached statement, and SIGB_BYTES_NONE otherwise: SIGB_E_PAYLOAD.
 * SIGB_E_USAGE, SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_statement_entry(const sigb_statement *statement, sigb_bytes payload, sigb_buf *entry,
                                        sigb_diag *diag);

/* ---- receipts in a statement ---- */

/* How a receipt stands in label 394. */
typedef enum sigb_receipt_form {
    SIGB_RECEIPT_WRAPPED, /* in a byte string (RFC 9942): the view is its content */
    SIGB_RECEIPT_BARE,    /* the tagged item itself, as other software writes it */
    SIGB_RECEIPT_OTHER    /* something that can be no receipt: the view is the encoded item */
} sigb_receipt_form;

/* What label 394 holds, for sigb_receipts_next(). Lives as long as the statement; empty where absent. */
sigb_bytes sigb_statement_receipt_list(const sigb_statement *statement);

/*
 * Takes the first receipt off `rest` into `receipt` and moves `rest` behind it.
 * False when `rest` is empty. `form` may be NULL. All of them take one pass.
 */
bool sigb_receipts_next(sigb_bytes *rest, sigb_bytes *receipt, sigb_receipt_form *form);

/*
 * Appends the statement with one more receipt, behind those it has. Only label
 * 394 and the count of its map are written anew: receipts in byte strings, with
 * shortest heads. Not verified: do so first.
 * SIGB_E_RECEIPT_MALFORMED, _RECEIPT_LEGACY, _RECEIPT_UNSUPPORTED: not a receipt.
 * SIGB_E_EXISTS: the statement has it. SIGB_E_LIMIT, _USAGE, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_statement_attach_receipt(const sigb_statement *statement, sigb_bytes receipt,
                                                 sigb_buf *out, sigb_diag *diag);

#define SIGB_RECEIPTS_ALL SIZE_MAX

/*
 * Appends the statement without the nth receipt (from 0), or without any. With
 * the last one label 394 goes too.
 * SIGB_E_USAGE: it has no such receipt, or none at all. SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_statement_detach_receipt(const sigb_statement *statement, size_t index, sigb_buf *out,
                                                 sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
