/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/statement.h"

#include "base/alg.h"
#include "cose/labels.h"
#include "cose/parsed.h"

static sigb_bytes text_of(sigb_bytes value)
{
    item head = item_of(value);

    return head.kind == ITEM_TSTR ? head.body : SIGB_BYTES_NONE;
}

static bool int_of(sigb_bytes value, int64_t *number)
{
    item head = item_of(value);

    return item_int(&head, number);
}

int64_t sigb_statement_alg(const sigb_statement *statement)
{
    int64_t alg = 0;

    (void)int_of(statement->protected_slots[H_ALG], &alg);
    return alg;
}

sigb_bytes sigb_statement_issuer(const sigb_statement *statement)
{
    return text_of(statement->claim_slots[C_ISS]);
}

sigb_bytes sigb_statement_subject(const sigb_statement *statement)
{
    return text_of(statement->claim_slots[C_SUB]);
}

sigb_bytes sigb_statement_content_type(const sigb_statement *statement)
{
    const sigb_bytes *slots = statement->protected_slots;

    return text_of(statement_is_envelope(statement) ? slots[H_PREIMAGE_TYPE] : slots[H_CONTENT_TYPE]);
}

bool sigb_statement_svn(const sigb_statement *statement, int64_t *svn)
{
    return int_of(statement->claim_slots[C_SVN], svn);
}

/* A number of seconds, or tag 1 around one as other signers write it; anything else counts as absent. */
bool sigb_statement_issued_at(const sigb_statement *statement, int64_t *iat)
{
    sigb_bytes value = statement->claim_slots[C_IAT];
    item head = item_take(&value);

    if (head.kind == ITEM_TAG && head.value == CBOR_TAG_EPOCH)
        head = item_take(&value);
    return item_int(&head, iat);
}

bool sigb_statement_detached(const sigb_statement *statement)
{
    return statement->detached;
}

sigb_bytes sigb_statement_payload(const sigb_statement *statement)
{
    return statement->payload;
}

sigb_hash sigb_statement_hash(const sigb_statement *statement)
{
    int64_t id = 0;
    const hash_row *row;

    (void)int_of(statement->protected_slots[H_PAYLOAD_HASH], &id);
    row = hash_row_of(id);
    return row == NULL ? SIGB_HASH_NONE : row->id;
}

sigb_bytes sigb_statement_location(const sigb_statement *statement)
{
    return text_of(statement->protected_slots[H_LOCATION]);
}

sigb_bytes sigb_statement_certs(const sigb_statement *statement)
{
    return sigb_buf_bytes(&statement->certs);
}

size_t sigb_statement_receipts(const sigb_statement *statement)
{
    return (size_t)item_of(statement->unprotected_slots[H_RECEIPTS]).value;
}

sigb_bytes statement_protected(const sigb_statement *statement)
{
    return statement->protected_map;
}

sigb_bytes statement_signature(const sigb_statement *statement)
{
    return statement->signature;
}

sigb_bytes statement_x5chain(const sigb_statement *statement)
{
    return statement->protected_slots[H_X5CHAIN];
}

bool statement_x5t(const sigb_statement *statement, sigb_hash *hash, sigb_bytes *digest)
{
    sigb_bytes rest = statement->protected_slots[H_X5T];
    item array = item_take(&rest), name = item_take(&rest), value = item_take(&rest);
    const hash_row *row;
    int64_t id = 0;

    if (array.kind == ITEM_NONE)
        return false;
    (void)item_int(&name, &id);
    row = hash_row_of(id);
    *hash = row == NULL ? SIGB_HASH_NONE : row->id;
    *digest = value.body;
    return true;
}

bool statement_has_claims(const sigb_statement *statement)
{
    return statement->protected_slots[H_CLAIMS].len > 0;
}

bool statement_has_dates(const sigb_statement *statement)
{
    return statement->claim_slots[C_EXP].len > 0 || statement->claim_slots[C_NBF].len > 0;
}

bool statement_is_envelope(const sigb_statement *statement)
{
    return statement->protected_slots[H_PAYLOAD_HASH].len > 0;
}

/* The mst ledger takes a critical header for 15 and 33 alone (its label table knows no more). */
bool statement_crit_fits(const sigb_statement *statement, sigb_profile profile)
{
    sigb_bytes rest = statement->protected_slots[H_CRIT];

    (void)item_take(&rest);
    while (profile == SIGB_PROFILE_MST && rest.len > 0) {
        item label = item_take(&rest);
        int64_t number = 0;

        if (!item_int(&label, &number) || (number != COSE_CWT_CLAIMS && number != COSE_X5CHAIN))
            return false;
    }
    return true;
}
