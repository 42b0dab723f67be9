/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/claims.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "cose/statement.h"
#include "cose/writer.h"

/* ---- shape ---- */

static sigb_rc require_alg(int64_t id, sigb_profile profile, const alg_row **found, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(id);

    if (id == 0)
        return sigb_fail(diag, SIGB_E_HEADER,
                         "the statement names no algorithm (label 1); have its maker sign it anew with one");
    if (row == NULL)
        return sigb_fail(diag, profile == SIGB_PROFILE_MST ? SIGB_E_PROFILE : SIGB_E_UNSUPPORTED,
                         "the statement's algorithm %" PRId64 " is not one that is judged here", id);
    if (profile == SIGB_PROFILE_MST && !row->mst)
        return sigb_fail(diag, SIGB_E_PROFILE,
                         "%s is outside the mst profile: its ledger resolves EC and RSA keys alone; judge it "
                         "by the cose profile if you mean to accept it",
                         row->name);
    *found = row;
    return SIGB_OK;
}

/* As the ledger takes it: tag, array, protected, an empty map, payload, signature. Receipts came later. */
static size_t registered_size(const sigb_statement *statement)
{
    const sigb_bytes parts[] = {statement_protected(statement), sigb_statement_payload(statement),
                                statement_signature(statement)};
    size_t size = 3;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        size += head_len(parts[i].len) + parts[i].len;
    return size;
}

static sigb_rc require_mst_shape(const sigb_statement *statement, sigb_diag *diag)
{
    size_t size = registered_size(statement);

    if (sigb_statement_detached(statement))
        return sigb_fail(
            diag, SIGB_E_PROFILE,
            "a detached payload is outside the mst profile: its ledger takes attached payloads and "
            "hash envelopes; judge it by the cose profile if you mean to accept it");
    if (sigb_statement_payload(statement).len == 0)
        return sigb_fail(
            diag, SIGB_E_PAYLOAD,
            "the payload is empty: outside the mst profile; ask its maker for one that says something");
    if (size > SIGB_MAX_MST_STATEMENT)
        return sigb_fail(diag, SIGB_E_SIZE,
                         "a statement of %zu bytes is outside the mst profile: at most %d; judge it by the "
                         "cose profile if you mean to accept it",
                         size, SIGB_MAX_MST_STATEMENT);
    if (!statement_crit_fits(statement, SIGB_PROFILE_MST))
        return sigb_fail(diag, SIGB_E_CRIT,
                         "crit lists more than 15 and 33: outside the mst profile, its ledger refuses it; "
                         "judge it by the cose profile if you mean to accept it");
    return SIGB_OK;
}

sigb_rc shape_require(const sigb_statement *statement, sigb_profile profile, const alg_row **row,
                      sigb_diag *diag)
{
    sigb_rc rc = require_alg(sigb_statement_alg(statement), profile, row, diag);

    if (rc == SIGB_OK && profile == SIGB_PROFILE_MST)
        rc = require_mst_shape(statement, diag);
    if (rc == SIGB_OK && statement_x5chain(statement).len == 0)
        rc = sigb_fail(diag, SIGB_E_HEADER,
                       "the protected header has no certificate chain (label 33); have its maker sign it "
                       "anew with its chain");
    if (rc == SIGB_OK && statement_is_envelope(statement) && sigb_statement_hash(statement) == SIGB_HASH_NONE)
        rc = sigb_fail(diag, SIGB_E_UNSUPPORTED,
                       "the hash envelope is by a hash other than SHA-256, SHA-384 and SHA-512; have its "
                       "maker use one of them");
    return rc;
}

static sigb_rc require_digest_len(const sigb_statement *statement, const char *what, size_t len,
                                  sigb_diag *diag)
{
    const hash_row *row = hash_row_of(sigb_statement_hash(statement));

    if (row == NULL || len == row->len)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_DIGEST_LEN,
                     "%s has %zu bytes where a %s digest has %zu; give the whole digest, by that hash", what,
                     len, row->name, row->len);
}

sigb_rc beside_require(const sigb_statement *statement, const sigb_beside *beside, sigb_bytes *payload,
                       sigb_diag *diag)
{
    bool detached = sigb_statement_detached(statement);
    sigb_rc rc = SIGB_OK;

    if (detached && !beside->has_payload)
        return sigb_fail(diag, SIGB_E_PAYLOAD,
                         "the payload is detached: without it nothing can be judged; give it");
    if (!detached && beside->has_payload)
        return sigb_fail(diag, SIGB_E_PAYLOAD,
                         "a payload was given, and the statement holds its own; leave it out");
    if (beside->has_digest && !statement_is_envelope(statement))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "an artifact was given, and the statement is no hash envelope: it holds its "
                         "payload; leave the artifact out");
    *payload = detached ? beside->payload : sigb_statement_payload(statement);
    if (beside->has_digest)
        rc = require_digest_len(statement, "the artifact's digest", beside->digest.len, diag);
    return rc == SIGB_OK ? require_digest_len(statement, "the payload", payload->len, diag) : rc;
}

/* ---- claims ---- */

/* What was found, escaped, beside what was wanted. */
static sigb_rc fail_subject(sigb_bytes found, const char *wanted, sigb_diag *diag)
{
    sigb_buf text = SIGB_BUF_INIT;
    const char *words;
    sigb_rc rc;

    sigb_text_escape(&text, found);
    words = text_c_str(&text);
    rc = words == NULL
             ? sigb_no_memory(diag)
             : sigb_fail(diag, SIGB_E_SUBJECT,
                         "the subject is '%.160s' where '%.160s' is wanted; get the statement about that one",
                         words, wanted);
    sigb_buf_free(&text);
    return rc;
}

static sigb_rc require_subject(const sigb_statement *statement, const sigb_policy *policy, sigb_diag *diag)
{
    sigb_bytes subject = sigb_statement_subject(statement);

    if (policy->profile == SIGB_PROFILE_MST && subject.len == 0)
        return sigb_fail(diag, SIGB_E_SUBJECT,
                         "the statement has no subject (CWT claim 2): outside the mst profile; judge it by "
                         "the cose profile if you mean to accept it");
    if (policy->subject != NULL && !sigb_bytes_equal(subject, sigb_bytes_text(policy->subject)))
        return fail_subject(subject, policy->subject, diag);
    return SIGB_OK;
}

static sigb_rc require_svn(const sigb_statement *statement, const sigb_policy *policy, sigb_diag *diag)
{
    int64_t svn = 0;
    bool there = sigb_statement_svn(statement, &svn);

    if (!there && policy->profile == SIGB_PROFILE_MST)
        return sigb_fail(
            diag, SIGB_E_SVN,
            "the statement has no svn: outside the mst profile; judge it by the cose profile if you "
            "mean to accept it");
    if (!there && policy->has_min_svn)
        return sigb_fail(diag, SIGB_E_SVN,
                         "the statement has no svn, and at least %" PRId64
                         " is wanted; get one that names its svn",
                         policy->min_svn);
    if (there && svn < 0 && policy->profile == SIGB_PROFILE_MST)
        return sigb_fail(
            diag, SIGB_E_SVN,
            "the svn is %" PRId64
            ": negative, outside the mst profile; judge it by the cose profile if you mean to accept it",
            svn);
    if (policy->has_min_svn && svn < policy->min_svn)
        return sigb_fail(diag, SIGB_E_SVN,
                         "the svn is %" PRId64 " where at least %" PRId64
                         " is wanted; get the statement of a newer release",
                         svn, policy->min_svn);
    return SIGB_OK;
}

sigb_rc claims_require(const sigb_statement *statement, const sigb_policy *policy, sigb_diag *diag)
{
    sigb_rc rc = require_subject(statement, policy, diag);

    if (rc == SIGB_OK)
        rc = require_svn(statement, policy, diag);
    if (rc == SIGB_OK && policy->profile == SIGB_PROFILE_MST &&
        sigb_statement_content_type(statement).len == 0)
        rc = sigb_fail(diag, SIGB_E_CONTENT_TYPE,
                       "the statement has no content type as text (label 3, or 259): outside the mst "
                       "profile; judge it by the cose profile if you mean to accept it");
    return rc;
}

sigb_rc artifact_require(const sigb_beside *beside, sigb_bytes payload, sigb_diag *diag)
{
    if (!beside->has_digest || sigb_bytes_equal(beside->digest, payload))
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_ARTIFACT,
                     "the artifact is not the one that was signed: its digest differs from the statement's; "
                     "use it for nothing, and get it anew");
}
