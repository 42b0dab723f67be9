/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/entry.h"

#include <sigbridge/receipt.h>

#include "base/error.h"
#include "cose/statement.h"

static const uint8_t ENVELOPE[] = {0xd2, 0x84}; /* tag 18, array of 4 (RFC 9052, 4.2) */
static const uint8_t EMPTY_MAP[] = {0xa0};
static const uint8_t LEAF_PREFIX[] = {0x00}; /* RFC 9162, 2.1.1 */

static void put_part(entry *made, sigb_bytes part)
{
    made->parts[made->count++] = part;
}

static void put_string(entry *made, uint8_t head[HEAD_ROOM], sigb_bytes content)
{
    put_part(made, sigb_bytes_of(head, bstr_head(head, content.len)));
    put_part(made, content);
}

static void start(entry *made)
{
    made->count = 0;
    made->has_data_hash = made->has_leaf = false;
}

sigb_rc entry_of_statement(entry *made, const sigb_statement *statement, sigb_bytes payload, sigb_diag *diag)
{
    bool detached = sigb_statement_detached(statement);

    if (detached && payload.len == 0)
        return sigb_fail(diag, SIGB_E_PAYLOAD,
                         "the statement is detached: a ledger has its payload too; give the payload");
    if (!detached && payload.len > 0)
        return sigb_fail(diag, SIGB_E_PAYLOAD, "the statement holds its payload; give no other");
    start(made);
    put_part(made, sigb_bytes_of(ENVELOPE, sizeof(ENVELOPE)));
    put_string(made, made->heads[0], statement_protected(statement));
    put_part(made, sigb_bytes_of(EMPTY_MAP, sizeof(EMPTY_MAP)));
    put_string(made, made->heads[1], detached ? payload : sigb_statement_payload(statement));
    put_string(made, made->heads[2], statement_signature(statement));
    return SIGB_OK;
}

void entry_of_bytes(entry *made, sigb_bytes bytes)
{
    start(made);
    put_part(made, bytes);
}

const hash *entry_data_hash(entry *of, hasher *with)
{
    if (!of->has_data_hash)
        hash_parts(with, of->parts, of->count, &of->data_hash);
    of->has_data_hash = true;
    return &of->data_hash;
}

/* MTH({d(0)}) = HASH(0x00 || d(0))    (RFC 9162, 2.1.1) */
const hash *entry_leaf(entry *of, hasher *with)
{
    sigb_bytes parts[1 + ENTRY_PARTS] = {sigb_bytes_of(LEAF_PREFIX, sizeof(LEAF_PREFIX))};

    memcpy(parts + 1, of->parts, of->count * sizeof(parts[0]));
    if (!of->has_leaf)
        hash_parts(with, parts, 1 + of->count, &of->leaf);
    of->has_leaf = true;
    return &of->leaf;
}

sigb_rc sigb_statement_entry(const sigb_statement *statement, sigb_bytes payload, sigb_buf *out,
                             sigb_diag *diag)
{
    entry made;
    size_t before;
    sigb_rc rc;

    if (statement == NULL || out == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "an entry needs a statement and a place to be put");
    before = out->len;
    rc = entry_of_statement(&made, statement, payload, diag);
    for (size_t i = 0; rc == SIGB_OK && i < made.count; i++)
        sigb_buf_append(out, made.parts[i]);
    if (rc != SIGB_OK || !out->failed)
        return rc;
    out->len = before;
    return sigb_no_memory(diag);
}
