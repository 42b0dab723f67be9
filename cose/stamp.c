/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamp tokens in statements (RFC 9921), one for each label:
 *
 *   270 3161-ctt, unprotected: MessageImprint = hash of the encoded signature, bstr head and all
 *   269 3161-ttc, protected:   MessageImprint = hash of the payload's bytes, without the bstr head
 */
#include "cose/stamp.h"

#include <string.h>

#include "base/error.h"
#include "cose/labels.h"
#include "cose/parsed.h"
#include "cose/unprotected.h"
#include "cose/writer.h"

sigb_hash stamp_hash_for(const alg_row *alg)
{
    static const sigb_hash hashes[] = {SIGB_SHA256, SIGB_SHA384, SIGB_SHA512};

    for (size_t i = 0; alg != NULL && alg->digest != NULL && i < sizeof(hashes) / sizeof(hashes[0]); i++)
        if (strcmp(hash_row_of(hashes[i])->digest, alg->digest) == 0)
            return hashes[i];
    return SIGB_SHA512; /* the algorithm signs the message itself */
}

sigb_rc sigb_timestamp_request(const sigb_statement *statement, sigb_buf *request, sigb_diag *diag)
{
    if (statement == NULL || request == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a request for a time stamp needs a statement and a place to be put");
    return request_put(statement->signature_item, stamp_hash_for(alg_row_of(sigb_statement_alg(statement))),
                       request, diag);
}

sigb_bytes sigb_statement_timestamp(const sigb_statement *statement, sigb_timestamp_kind kind)
{
    const sigb_bytes *value = kind == SIGB_TIMESTAMP_PAYLOAD ? &statement->protected_slots[H_TTC]
                                                             : &statement->unprotected_slots[H_CTT];

    return item_of(*value).body;
}

/* ---- adding one ---- */

sigb_rc sigb_statement_attach_timestamp(const sigb_statement *statement, const sigb_timestamp *timestamp,
                                        sigb_buf *out, sigb_diag *diag)
{
    sigb_buf value = SIGB_BUF_INIT;
    sigb_rc rc;

    if (statement == NULL || timestamp == NULL || out == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "attaching needs a statement, a time stamp and a place to be put");
    if (statement->unprotected_slots[H_CTT].len > 0)
        return sigb_fail(
            diag, SIGB_E_EXISTS,
            "the statement has a time stamp of its signature in label 270, which holds one (RFC 9921, 3); "
            "stamp the statement as it was without it");
    rc = stamp_require_imprint(timestamp, statement->signature_item, diag);
    if (rc != SIGB_OK)
        return rc;
    put_bstr(&value, sigb_buf_bytes(&timestamp->token));
    rc = value.failed ? sigb_no_memory(diag)
                      : unprotected_splice(statement, COSE_CTT, sigb_buf_bytes(&value), out, diag);
    sigb_buf_free(&value);
    return rc;
}

/* ---- verifying one ---- */

/* The payload is inside, or it is given: never both, never neither. */
static sigb_rc find_payload(const sigb_statement *statement, sigb_bytes given, sigb_bytes *payload,
                            sigb_diag *diag)
{
    if (statement->detached != (given.len > 0))
        return sigb_fail(diag, SIGB_E_PAYLOAD,
                         statement->detached ? "the payload was stamped, and is detached; give it as well"
                                             : "the statement has its payload inside; give none beside it");
    *payload = statement->detached ? given : statement->payload;
    return SIGB_OK;
}

sigb_rc sigb_timestamp_verify(const sigb_timestamp *timestamp, const sigb_statement *statement,
                              sigb_timestamp_kind kind, sigb_bytes payload, const sigb_timestamp_trust *trust,
                              sigb_timestamp_facts *facts, sigb_diag *diag)
{
    sigb_bytes stamped;
    sigb_rc rc = SIGB_OK;

    if (timestamp == NULL || statement == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "verifying needs a time stamp and its statement");
    if (kind == SIGB_TIMESTAMP_SIGNATURE)
        stamped = statement->signature_item;
    else if (kind == SIGB_TIMESTAMP_PAYLOAD)
        rc = find_payload(statement, payload, &stamped, diag);
    else
        rc = sigb_fail(diag, SIGB_E_USAGE, "%d is no kind of time stamp; 269 and 270 are", (int)kind);
    return rc == SIGB_OK ? stamp_judge(timestamp, kind, stamped, trust, facts, diag) : rc;
}
