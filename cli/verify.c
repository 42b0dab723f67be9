/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge verify: is this statement by who I trust, and about what I hold? */
#include <unistd.h>

#include <sigbridge/statement.h>
#include <sigbridge/verify.h>

#include "cli/digest.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/receipts.h"
#include "cli/stamp.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct verify_args {
    common_args common;
    option_list root, crl, ledger_keys, require_receipt;
    struct tsa_args tsa;
    const char *eku, *issuer, *subject, *min_svn, *at, *artifact, *payload, *payload_out, *profile,
        *statement;
};

/* clang-format off */
#define AT(field) offsetof(struct verify_args, field)
static const option OPTIONS[] = {
    {"root",        0, OPTION_LIST, OPTIONAL, AT(root),        "FILE", NULL, "pinned root certificates; with --eku"},
    {"eku",         0, OPTION_TEXT, OPTIONAL, AT(eku),         "OID",  NULL, "extended key usage that the signer must have"},
    {"issuer",      0, OPTION_TEXT, OPTIONAL, AT(issuer),      "DID",  NULL, "the one issuer expected; instead of a root and an EKU, or beside them"},
    {"subject",     0, OPTION_TEXT, OPTIONAL, AT(subject),     "TEXT", NULL, "the subject expected"},
    {"sub",         0, OPTION_TEXT, OPTIONAL, AT(subject),     "TEXT", NULL, "the same as --subject"},
    {"min-svn",     0, OPTION_TEXT, OPTIONAL, AT(min_svn),     "N",    NULL, "refuse a lower security version number"},
    {"at",          0, OPTION_TEXT, OPTIONAL, AT(at),          "TIME", NULL, "judge validity at this time (RFC 3339, or seconds since 1970), not now"},
    {"crl",         0, OPTION_LIST, OPTIONAL, AT(crl),         "FILE", NULL, "certificate revocation lists; every issuer of the chain then needs one"},
    LEDGER_KEYS_OPTION(AT(ledger_keys)),
    {"require-receipt", 0, OPTION_LIST, OPTIONAL, AT(require_receipt), "WHAT", NULL, "good receipts wanted: any, all, a number, or a ledger by its name"},
    TSA_OPTIONS(AT(tsa), "pinned roots of TSAs, whose time stamp says when validity is judged where no receipt does"),
    {"artifact",    0, OPTION_TEXT, OPTIONAL, AT(artifact),    "FILE", NULL, "what a hash envelope is about, - for standard input"},
    {"payload",     0, OPTION_TEXT, OPTIONAL, AT(payload),     "FILE", NULL, "the payload of a detached statement"},
    {"payload-out", 0, OPTION_TEXT, OPTIONAL, AT(payload_out), "FILE", NULL, "write the payload, - for standard output; on success alone"},
    {"profile",     0, OPTION_TEXT, OPTIONAL, AT(profile),     "NAME", PROFILE_CHOICES, "rules to hold it against; mst if not given"},
    {NULL,          0, OPTION_TEXT, NEEDED,   AT(statement),   "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

struct verifying {
    const struct verify_args *args;
    struct report *report;
    sigb_policy *policy;
    sigb_keys *keys;
    sigb_buf bytes, payload, digest;
    sigb_statement *statement;
    sigb_beside beside;
    sigb_verified *verified;
};

/* ---- the policy ---- */

static sigb_rc check_output(struct verifying *v, sigb_diag *diag)
{
    const char *out = v->args->payload_out;
    sigb_rc rc = output_check_distinct(out, v->report->result, diag);

    if (rc != SIGB_OK || out == NULL)
        return rc;
    if (v->report->json && strcmp(out, "-") == 0)
        return fail(diag, SIGB_E_USAGE,
                    "--json and the payload cannot share standard output; name a file, or use --result");
    if (input_is_same_file(v->args->statement, out))
        return fail(diag, SIGB_E_USAGE, "the payload would replace the statement '%.200s'; name another file",
                    out);
    return output_check(out, v->args->common.force, diag);
}

static sigb_rc put_anchors(struct verifying *v, sigb_diag *diag)
{
    const struct verify_args *args = v->args;
    sigb_buf roots = SIGB_BUF_INIT;
    sigb_rc rc = input_certs(&args->root, "root", &roots, diag);

    if (rc == SIGB_OK && args->root.count > 0)
        rc = sigb_policy_put_roots(v->policy, sigb_buf_bytes(&roots), diag);
    if (rc == SIGB_OK && args->eku != NULL)
        rc = sigb_policy_set_eku(v->policy, args->eku, diag);
    if (rc == SIGB_OK && args->issuer != NULL)
        rc = sigb_policy_set_issuer(v->policy, args->issuer, diag);
    sigb_buf_free(&roots);
    return rc;
}

/* What is wrong with a number on the command line is no verdict on the statement. */
static sigb_rc put_min_svn(struct verifying *v, sigb_diag *diag)
{
    int64_t floor;

    if (sigb_svn_parse(v->args->min_svn, &floor, diag) != SIGB_OK)
        return fail(diag, SIGB_E_USAGE, "'%.40s' is no floor for the svn; wanted is a number such as 7",
                    v->args->min_svn);
    return sigb_policy_set_min_svn(v->policy, floor, diag);
}

static sigb_rc put_time(struct verifying *v, sigb_diag *diag)
{
    int64_t at;
    sigb_rc rc = sigb_time_parse(v->args->at, &at, diag);

    return rc == SIGB_OK ? sigb_policy_set_time(v->policy, at, diag) : rc;
}

static sigb_rc put_demands(struct verifying *v, sigb_diag *diag)
{
    const struct verify_args *args = v->args;
    sigb_rc rc = SIGB_OK;

    if (args->profile != NULL && strcmp(args->profile, "cose") == 0)
        rc = sigb_policy_set_profile(v->policy, SIGB_PROFILE_COSE, diag);
    if (rc == SIGB_OK && args->subject != NULL)
        rc = sigb_policy_set_subject(v->policy, args->subject, diag);
    if (rc == SIGB_OK && args->min_svn != NULL)
        rc = put_min_svn(v, diag);
    if (rc == SIGB_OK && args->at != NULL)
        rc = put_time(v, diag);
    return rc;
}

static sigb_rc put_crl(struct verifying *v, const char *path, sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = input_read(path, "CRL", &content, diag);

    if (rc == SIGB_OK) {
        rc = sigb_policy_put_crls(v->policy, sigb_buf_bytes(&content), &why);
        if (rc != SIGB_OK)
            (void)fail(diag, rc, "CRL '%.200s': %.280s", path, why.text);
    }
    sigb_buf_free(&content);
    return rc;
}

static sigb_rc put_crls(struct verifying *v, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < v->args->crl.count; i++)
        rc = put_crl(v, v->args->crl.items[i], diag);
    return rc;
}

static sigb_rc make_policy(struct verifying *v, sigb_diag *diag)
{
    v->policy = sigb_policy_new();
    return v->policy == NULL ? fail_memory(diag) : SIGB_OK;
}

static sigb_rc put_ledgers(struct verifying *v, sigb_diag *diag)
{
    sigb_rc rc = receipts_read_keys(&v->args->ledger_keys, &v->keys, diag);

    if (rc == SIGB_OK && v->keys != NULL)
        rc = sigb_policy_set_ledger_keys(v->policy, v->keys, diag);
    return rc == SIGB_OK ? receipts_put_demands(&v->args->require_receipt, v->keys, v->policy, diag) : rc;
}

static sigb_rc put_tsa(struct verifying *v, sigb_diag *diag)
{
    sigb_buf roots = SIGB_BUF_INIT, certs = SIGB_BUF_INIT;
    sigb_timestamp_trust trust;
    sigb_rc rc = stamp_require_root(&v->args->tsa, diag);

    if (rc != SIGB_OK || v->args->tsa.root.count == 0)
        return rc;
    rc = stamp_read_trust(&v->args->tsa, &roots, &certs, &trust, diag);
    if (rc == SIGB_OK)
        rc = sigb_policy_put_tsa(v->policy, trust.roots, trust.certs, diag);
    sigb_buf_free(&roots);
    sigb_buf_free(&certs);
    return rc;
}

/* ---- the statement and what lies beside it ---- */

static sigb_rc read_statement(struct verifying *v, sigb_diag *diag)
{
    sigb_rc rc = input_read(v->args->statement, "statement", &v->bytes, diag);

    return rc == SIGB_OK ? sigb_statement_parse(sigb_buf_bytes(&v->bytes), &v->statement, diag) : rc;
}

static sigb_rc read_payload(struct verifying *v, sigb_diag *diag)
{
    sigb_rc rc;

    if (v->args->payload == NULL)
        return SIGB_OK;
    rc = input_read(v->args->payload, "payload", &v->payload, diag);
    v->beside.has_payload = true;
    v->beside.payload = sigb_buf_bytes(&v->payload);
    return rc;
}

static sigb_rc read_artifact(struct verifying *v, sigb_diag *diag)
{
    sigb_hash hash = sigb_statement_hash(v->statement);
    int fd;
    sigb_rc rc;

    if (v->args->artifact == NULL)
        return SIGB_OK;
    if (hash == SIGB_HASH_NONE)
        return fail(
            diag, SIGB_E_PAYLOAD,
            "--artifact is for a hash envelope, and this statement holds no digest; its payload is %s",
            sigb_statement_detached(v->statement) ? "given with --payload" : "inside");
    rc = input_open(v->args->artifact, "artifact", &fd, diag);
    if (rc != SIGB_OK)
        return rc;
    rc = digest_artifact(v->report, fd, hash, &v->digest, diag);
    (void)close(fd);
    v->beside.has_digest = true;
    v->beside.digest = sigb_buf_bytes(&v->digest);
    return rc;
}

static sigb_rc verify(struct verifying *v, sigb_diag *diag)
{
    return sigb_statement_verify(v->statement, v->policy, &v->beside, &v->verified, diag);
}

static sigb_rc write_payload(struct verifying *v, sigb_diag *diag)
{
    if (v->args->payload_out == NULL)
        return SIGB_OK;
    return output_file(v->args->payload_out, v->args->common.force, sigb_verified_payload(v->verified), diag);
}

/* ---- telling: what was verified, and nothing else ---- */

static void tell_text(struct report *report, const char *key, const char *label, sigb_bytes raw)
{
    if (raw.ptr == NULL)
        return;
    report_text(report, key, raw);
    report_say(report, label, raw);
}

static void tell_number(struct report *report, const char *key, const char *label, int64_t number)
{
    report_int(report, key, number);
    text_put(&report->text, label);
    text_put(&report->text, ": ");
    text_put_int(&report->text, number);
    text_put(&report->text, "\n");
}

static void tell_claims(struct report *report, const sigb_verified *verified)
{
    int64_t number;

    tell_text(report, "issuer", "issuer", sigb_bytes_text(sigb_verified_issuer(verified)));
    tell_text(report, "subject", "subject", sigb_verified_subject(verified));
    if (sigb_verified_svn(verified, &number))
        tell_number(report, "svn", "svn", number);
    tell_text(report, "content_type", "content type", sigb_verified_content_type(verified));
    tell_text(report, "alg", "algorithm", sigb_bytes_text(sigb_alg_name(sigb_verified_alg(verified))));
    if (sigb_verified_issued_at(verified, &number))
        report_time(report, "issued_at", number);
}

static void tell_payload(struct report *report, const sigb_verified *verified)
{
    const char *hash = sigb_hash_name(sigb_verified_hash(verified));

    if (hash == NULL) {
        report_int(report, "payload_bytes", (int64_t)sigb_verified_payload(verified).len);
        return;
    }
    tell_text(report, "hash", "hash", sigb_bytes_text(hash));
    report_hex(report, "digest", sigb_verified_payload(verified));
    if (sigb_verified_location(verified).len > 0)
        tell_text(report, "location", "location", sigb_verified_location(verified));
}

static void tell_time(struct report *report, const sigb_verified *verified)
{
    const char *source = sigb_verified_time_source(verified);

    report_time(report, "time", sigb_verified_time(verified));
    report_text(report, "time_source", sigb_bytes_text(source));
    text_put(&report->text, "validity judged at: ");
    text_put_time(&report->text, sigb_verified_time(verified));
    text_put(&report->text, " (");
    text_put(&report->text, source);
    text_put(&report->text, ")\n");
}

/* Without keys nothing is known of receipts, and the note of what was not checked says so. */
static void tell_receipts(struct report *report, const struct verifying *v)
{
    json_t *list = json_array();
    const char *why;
    size_t place = 0;
    sigb_rc rc;

    for (size_t i = 0; i < sigb_verified_receipts(v->verified); i++)
        receipts_tell_good(report, list, sigb_verified_receipt(v->verified, i));
    for (size_t i = 0; (rc = sigb_verified_refused_receipt(v->verified, i, &place, &why)) != SIGB_OK; i++)
        receipts_tell_refused(report, list, place, rc, why);
    report_json(report, "receipts", list);
    if (v->keys == NULL)
        return;
    report_bool(report, "transparent", sigb_verified_receipts(v->verified) > 0);
    report_say(
        report, "transparent",
        sigb_bytes_text(sigb_verified_receipts(v->verified) > 0 ? "yes" : "no, it has no good receipt"));
}

static void tell_stamp(struct report *report, const sigb_verified *verified)
{
    const char *why;
    int64_t at;
    sigb_rc rc = sigb_verified_refused_timestamp(verified, &why);

    if (sigb_verified_timestamp(verified, &at)) {
        report_text(report, "timestamp", sigb_bytes_text("good"));
        report_time(report, "timestamp_time", at);
        text_put(&report->text, "time stamp: good, the signature was there at ");
        text_put_time(&report->text, at);
        text_put(&report->text, "\n");
    } else if (rc != SIGB_OK) {
        report_text(report, "timestamp", sigb_bytes_text(sigb_rc_name(rc)));
        report_text(report, "timestamp_why", sigb_bytes_text(why));
        text_put(&report->text, "time stamp not good: ");
        text_put(&report->text, sigb_rc_name(rc));
        text_put(&report->text, ": ");
        text_put_raw(&report->text, sigb_bytes_text(why));
        text_put(&report->text, "\n");
    }
}

static void tell_unchecked(struct report *report, const sigb_verified *verified)
{
    json_t *list = json_array();
    const char *sentence;

    for (size_t i = 0; (sentence = sigb_verified_unchecked(verified, i)) != NULL; i++) {
        if (json_array_append_new(list, json_string(sentence)) != 0)
            report->failed = true;
        report_say(report, "note", sigb_bytes_text(sentence));
    }
    report_json(report, "unchecked", list);
}

static sigb_rc tell(struct verifying *v, sigb_diag *diag)
{
    struct report *report = v->report;

    report_text(report, "statement", sigb_bytes_text(v->args->statement));
    text_put(&report->text, "verified ");
    text_put_raw(&report->text, sigb_bytes_text(v->args->statement));
    text_put(&report->text, "\n");
    tell_claims(report, v->verified);
    tell_payload(report, v->verified);
    tell_time(report, v->verified);
    tell_receipts(report, v);
    tell_stamp(report, v->verified);
    if (v->args->payload_out != NULL)
        tell_text(report, "payload_out", "payload written to", sigb_bytes_text(v->args->payload_out));
    tell_unchecked(report, v->verified);
    return facts_chain(report, sigb_verified_chain(v->verified), diag);
}

static void verifying_free(struct verifying *v)
{
    sigb_verified_free(v->verified);
    sigb_statement_free(v->statement);
    sigb_policy_free(v->policy);
    sigb_keys_free(v->keys);
    sigb_buf_free(&v->bytes);
    sigb_buf_free(&v->payload);
    sigb_buf_free(&v->digest);
}

static sigb_rc (*const STEPS[])(struct verifying *, sigb_diag *) = {
    check_output,   make_policy,  put_anchors,   put_demands, put_crls,      put_ledgers, put_tsa,
    read_statement, read_payload, read_artifact, verify,      write_payload, tell,
};

static sigb_rc verify_run(const void *args, struct report *report, sigb_diag *diag)
{
    struct verifying v = {.args = args, .report = report};
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < sizeof(STEPS) / sizeof(STEPS[0]); i++)
        rc = STEPS[i](&v, diag);
    verifying_free(&v);
    return rc;
}

const struct verb VERB_VERIFY = {"verify", "Check a signed statement against what you trust.", ROWS(OPTIONS),
                                 sizeof(struct verify_args), verify_run};
