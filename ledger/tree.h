/* SPDX-License-Identifier: Apache-2.0 */
/* The trees that receipts speak of, one row each: a new one is a file. */
#ifndef SIGB_LEDGER_TREE_H
#define SIGB_LEDGER_TREE_H

#include <sigbridge/receipt.h>

#include "cose/reader.h"
#include "ledger/entry.h"
#include "ledger/hash.h"
#include "ledger/merkle.h"

/* One proof, read: views into the receipt. What its tree does not have is empty or 0. */
typedef struct proof {
    sigb_bytes internal, evidence, data_hash; /* CCF, inclusion: the leaf */
    sigb_bytes anchor;                        /* CCF, consistency */
    uint64_t index;  /* RFC 9162: the leaf's; of a consistency proof the older size */
    uint64_t size;   /* RFC 9162 */
    hash leaf;       /* of an inclusion proof, once its root is computed */
    sigb_bytes path; /* encoded elements, checked */
    size_t steps;    /* how many */
} proof;

typedef struct tree_row {
    int64_t vds;
    const char *name;
    bool has_payload; /* the root may stand in the receipt as its payload */

    /* From the content of a proof's byte string. SIGB_E_RECEIPT_MALFORMED. */
    sigb_rc (*read_inclusion)(sigb_bytes content, proof *made, sigb_diag *diag);
    sigb_rc (*read_consistency)(sigb_bytes content, proof *made, sigb_diag *diag);

    /* The root that the proof leads to. SIGB_E_RECEIPT_UNBOUND: its leaf is another entry. */
    sigb_rc (*inclusion_root)(proof *of, entry *about, hasher *with, hash *root, sigb_diag *diag);

    /* The newer root. SIGB_E_RECEIPT_FORKED: the proof does not begin at the older one. */
    sigb_rc (*consistency_root)(const proof *of, const hash *older, hasher *with, hash *newer,
                                sigb_diag *diag);

    /* ---- for a log that makes such receipts ---- */

    node_fn *node;
    bool has_transactions; /* entries and signatures are transactions, and have leaves, alike */

    /* Appends what a log keeps of an entry; the transaction is of no account where there are none. */
    void (*put_record)(sigb_buf *record, const char *txid, entry *about, hasher *with);

    /* The leaf's hash by such a record. SIGB_E_RECEIPT_MALFORMED. */
    sigb_rc (*record_leaf)(sigb_bytes record, hasher *with, hash *leaf, sigb_diag *diag);

    /* Append the content of a proof's byte string. */
    void (*put_inclusion)(sigb_buf *out, sigb_bytes record, uint64_t index, uint64_t size,
                          const merkle_path *path);
    void (*put_consistency)(sigb_buf *out, const hash *anchor, uint64_t older, uint64_t size,
                            const merkle_path *path);
} tree_row;

extern const tree_row TREE_CCF, TREE_RFC9162;

/* NULL if it is not known. */
const tree_row *tree_row_of(int64_t vds);

/* ---- what their files share ---- */

/* Checks that the content is one item of this kind, and takes its head. SIGB_E_RECEIPT_MALFORMED. */
SIGB_CHECK sigb_rc proof_open(sigb_bytes *content, item_kind kind, item *head, sigb_diag *diag);

/* The bytes of an encoded item, if it is a byte string of a digest's length; else no bytes. */
sigb_bytes digest_of(const item *value);

/* SIGB_E_RECEIPT_FORKED unless what was recomputed is the older root. */
SIGB_CHECK sigb_rc require_older(const hash *recomputed, const hash *older, sigb_diag *diag);

#endif
