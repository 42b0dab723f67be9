/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/verified.h"

#include <openssl/crypto.h>

#include <sigbridge/timestamp.h>

#include "base/error.h"
#include "cose/statement.h"

#define MAX_UNCHECKED 16

struct sigb_verified {
    checked *chain;
    judged_receipts receipts;
    judged_stamp stamp;
    sigb_bytes issuer, subject, content_type, payload, location; /* views into text */
    uint8_t *text;
    bool has_svn, has_iat;
    int64_t svn, iat, at;
    sigb_alg alg;
    sigb_hash hash;
    const char *time_source;
    const char *unchecked[MAX_UNCHECKED];
};

/* ---- what was not checked ---- */

static bool no_crl(const findings *f)
{
    return f->policy->crls == NULL;
}

static bool artifact_open(const findings *f)
{
    return statement_is_envelope(f->statement) && !f->beside->has_digest;
}

static bool key_usage_open(const findings *f)
{
    return f->chain->key_usage_absent;
}

static bool eku_open(const findings *f)
{
    return !f->chain->eku_pinned;
}

static bool root_open(const findings *f)
{
    return f->policy->roots == NULL;
}

static bool subject_open(const findings *f)
{
    return f->policy->subject == NULL;
}

static bool svn_open(const findings *f)
{
    int64_t svn;

    return !f->policy->has_min_svn && sigb_statement_svn(f->statement, &svn);
}

static bool iat_open(const findings *f)
{
    int64_t iat;

    return sigb_statement_issued_at(f->statement, &iat);
}

static bool dates_open(const findings *f)
{
    return statement_has_dates(f->statement);
}

static bool receipts_open(const findings *f)
{
    return f->policy->ledger_keys == NULL && sigb_statement_receipts(f->statement) > 0;
}

static bool receipts_left(const findings *f)
{
    return f->receipts.unjudged > 0;
}

static bool has_stamp(const findings *f)
{
    return sigb_statement_timestamp(f->statement, SIGB_TIMESTAMP_SIGNATURE).len > 0;
}

static bool stamp_open(const findings *f)
{
    return f->policy->tsa_roots.len == 0 && has_stamp(f);
}

static bool ledger_claimed(const findings *f)
{
    for (size_t i = 0; i < f->receipts.good_count; i++)
        if (!f->receipts.good[i].pinned)
            return true;
    return false;
}

static const struct {
    bool (*open)(const findings *found);
    const char *words;
} CHECKS[] = {
    {no_crl, "revocation not checked"},
    {artifact_open, "artifact not compared"},
    {key_usage_open, "keyUsage absent on the leaf: not restricted to signing"},
    {eku_open, "EKU not pinned"},
    {root_open, "root not pinned: trusted because the issuer expected names a CA of the chain"},
    {subject_open, "subject not compared"},
    {svn_open, "svn not compared with a floor"},
    {iat_open, "issued-at is the signer's own word"},
    {dates_open, "the claims exp and nbf not judged"},
    {receipts_open, "receipts not checked"},
    {receipts_left, "receipts behind the first 4096 not checked"},
    {stamp_open, "time stamp not checked"},
    {has_stamp,
     "the time stamp of the signature (label 270) does not survive registration: a ledger drops it"},
    {ledger_claimed, "a receipt's key is trusted, and which ledger it is of is the receipt's own word"},
};

static void list_unchecked(sigb_verified *made, const findings *found)
{
    size_t count = 0;

    for (size_t i = 0; i < sizeof(CHECKS) / sizeof(CHECKS[0]); i++)
        if (CHECKS[i].open(found))
            made->unchecked[count++] = CHECKS[i].words;
}

/* ---- making it ---- */

static uint8_t *copy(uint8_t *to, sigb_bytes from, sigb_bytes *view)
{
    if (from.len > 0)
        memcpy(to, from.ptr, from.len);
    *view = sigb_bytes_of(to, from.len);
    return to + from.len;
}

/* The statement may go before the result does: everything is copied, into one block. */
static bool copy_text(sigb_verified *made, const findings *found)
{
    const sigb_statement *statement = found->statement;
    sigb_bytes issuer = sigb_statement_issuer(statement), subject = sigb_statement_subject(statement);
    sigb_bytes type = sigb_statement_content_type(statement), location = sigb_statement_location(statement);
    uint8_t *to = OPENSSL_malloc(issuer.len + 1 + subject.len + type.len + location.len + found->payload.len);

    if (to == NULL)
        return false;
    made->text = to;
    to = copy(to, issuer, &made->issuer);
    *to++ = '\0';
    to = copy(to, subject, &made->subject);
    to = copy(to, type, &made->content_type);
    to = copy(to, location, &made->location);
    (void)copy(to, found->payload, &made->payload);
    return true;
}

sigb_rc verified_new(findings *found, sigb_verified **verified, sigb_diag *diag)
{
    sigb_verified *made = OPENSSL_zalloc(sizeof(*made));

    if (made == NULL || !copy_text(made, found)) {
        OPENSSL_free(made);
        return sigb_no_memory(diag);
    }
    made->chain = checked_ref(found->chain);
    made->has_svn = sigb_statement_svn(found->statement, &made->svn);
    made->has_iat = sigb_statement_issued_at(found->statement, &made->iat);
    made->at = found->at;
    made->alg = (sigb_alg)sigb_statement_alg(found->statement);
    made->hash = sigb_statement_hash(found->statement);
    made->time_source = found->time_source;
    list_unchecked(made, found);
    made->receipts = found->receipts;
    memset(&found->receipts, 0, sizeof(found->receipts));
    made->stamp = found->stamp;
    memset(&found->stamp, 0, sizeof(found->stamp));
    *verified = made;
    return SIGB_OK;
}

void sigb_verified_free(sigb_verified *verified)
{
    if (verified == NULL)
        return;
    checked_free(verified->chain);
    receipts_free(&verified->receipts);
    stamped_free(&verified->stamp);
    OPENSSL_free(verified->text);
    OPENSSL_free(verified);
}

/* ---- getters ---- */

const char *sigb_verified_issuer(const sigb_verified *verified)
{
    return (const char *)verified->issuer.ptr;
}

sigb_bytes sigb_verified_subject(const sigb_verified *verified)
{
    return verified->subject;
}

sigb_bytes sigb_verified_content_type(const sigb_verified *verified)
{
    return verified->content_type;
}

bool sigb_verified_svn(const sigb_verified *verified, int64_t *svn)
{
    if (verified->has_svn)
        *svn = verified->svn;
    return verified->has_svn;
}

bool sigb_verified_issued_at(const sigb_verified *verified, int64_t *iat)
{
    if (verified->has_iat)
        *iat = verified->iat;
    return verified->has_iat;
}

sigb_alg sigb_verified_alg(const sigb_verified *verified)
{
    return verified->alg;
}

sigb_hash sigb_verified_hash(const sigb_verified *verified)
{
    return verified->hash;
}

sigb_bytes sigb_verified_payload(const sigb_verified *verified)
{
    return verified->payload;
}

sigb_bytes sigb_verified_location(const sigb_verified *verified)
{
    return verified->location;
}

sigb_bytes sigb_verified_chain(const sigb_verified *verified)
{
    return sigb_buf_bytes(&verified->chain->certs);
}

int64_t sigb_verified_time(const sigb_verified *verified)
{
    return verified->at;
}

const char *sigb_verified_time_source(const sigb_verified *verified)
{
    return verified->time_source;
}

const char *sigb_verified_unchecked(const sigb_verified *verified, size_t index)
{
    return index < MAX_UNCHECKED ? verified->unchecked[index] : NULL;
}

size_t sigb_verified_receipts(const sigb_verified *verified)
{
    return verified->receipts.good_count;
}

const sigb_receipt_facts *sigb_verified_receipt(const sigb_verified *verified, size_t index)
{
    return index < verified->receipts.good_count ? &verified->receipts.good[index] : NULL;
}

sigb_rc sigb_verified_refused_receipt(const sigb_verified *verified, size_t index, size_t *place,
                                      const char **why)
{
    const refused_receipt *refused = verified->receipts.refused + index;

    if (index >= verified->receipts.refused_count)
        return SIGB_OK;
    *place = refused->place;
    *why = refused->why;
    return refused->rc;
}

bool sigb_verified_timestamp(const sigb_verified *verified, int64_t *at)
{
    if (verified->stamp.good)
        *at = verified->stamp.latest;
    return verified->stamp.good;
}

sigb_rc sigb_verified_refused_timestamp(const sigb_verified *verified, const char **why)
{
    if (verified->stamp.rc != SIGB_OK)
        *why = verified->stamp.why;
    return verified->stamp.rc;
}
