/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt as verify/ sees it: judged for an entry whose hashes are made once, however many receipts there are. */
#ifndef SIGB_LEDGER_RECEIPT_H
#define SIGB_LEDGER_RECEIPT_H

#include <sigbridge/receipt.h>

#include "cose/reader.h"
#include "ledger/entry.h"
#include "ledger/tree.h"

/* Byte strings, one a proof, as label 396 holds them. */
typedef struct proof_list {
    sigb_bytes rest; /* encoded, for proofs_next() */
    size_t count;
} proof_list;

struct sigb_receipt {
    sigb_statement *cose; /* everything below is a view into it */
    int64_t vds;
    const tree_row *tree; /* NULL: not known, and its proofs are not read */
    proof_list inclusions, consistencies;
};

/* Takes the content of the next proof's byte string; false behind the last. */
bool proofs_next(proof_list *list, sigb_bytes *content);

/* sigb_receipt_verify() for an entry and with a hasher of the caller's. facts may be NULL. */
SIGB_CHECK sigb_rc receipt_judge(const sigb_receipt *receipt, entry *about, hasher *with,
                                 const sigb_keys *keys, sigb_receipt_facts *facts, sigb_diag *diag);

#endif
