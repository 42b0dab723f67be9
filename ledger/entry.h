/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger has of a statement, as pieces of the statement's own bytes:
 *
 *   entry = d2 84 protected:bstr a0 payload:bstr signature:bstr
 *
 * Contents are never encoded again; the heads of the three strings are written
 * shortest, as ledgers do that store what they have read (mst-profile).
 */
#ifndef SIGB_LEDGER_ENTRY_H
#define SIGB_LEDGER_ENTRY_H

#include <sigbridge/statement.h>

#include "cose/writer.h"
#include "ledger/hash.h"

#define ENTRY_PARTS 8

/* Borrows from the statement; its parts point into itself, so it is never copied. */
typedef struct entry {
    sigb_bytes parts[ENTRY_PARTS];
    size_t count;
    uint8_t heads[3][HEAD_ROOM];
    bool has_data_hash, has_leaf;
    hash data_hash; /* CCF: SHA-256 of it; made once for many receipts */
    hash leaf;      /* RFC 9162: SHA-256 of 00 and it */
} entry;

/* Of a statement; SIGB_E_PAYLOAD unless `payload` is given for a detached one, and for no other. */
SIGB_CHECK sigb_rc entry_of_statement(entry *made, const sigb_statement *statement, sigb_bytes payload,
                                      sigb_diag *diag);

/* Of bytes that a caller has. */
void entry_of_bytes(entry *made, sigb_bytes bytes);

const hash *entry_data_hash(entry *of, hasher *with);
const hash *entry_leaf(entry *of, hasher *with);

#endif
