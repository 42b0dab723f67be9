/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/facts.h"

#include "cli/text.h"

static void put_if(struct report *report, const char *key, sigb_bytes raw)
{
    if (raw.ptr != NULL)
        report_text(report, key, raw);
}

static void put_alg(struct report *report, int64_t number)
{
    const char *name = number < INT32_MIN || number > INT32_MAX ? NULL : sigb_alg_name((sigb_alg)number);

    if (name != NULL)
        report_text(report, "alg", sigb_bytes_text(name));
    else
        report_int(report, "alg", number);
}

static void put_payload(struct report *report, const sigb_statement *statement)
{
    const char *hash = sigb_hash_name(sigb_statement_hash(statement));
    sigb_bytes payload = sigb_statement_payload(statement);

    report_bool(report, "detached", sigb_statement_detached(statement));
    if (hash == NULL) {
        report_int(report, "payload_bytes", (int64_t)payload.len);
        return;
    }
    report_text(report, "hash", sigb_bytes_text(hash));
    report_hex(report, "digest", payload);
    put_if(report, "location", sigb_statement_location(statement));
}

void facts_statement(struct report *report, const sigb_statement *statement)
{
    int64_t number;

    put_alg(report, sigb_statement_alg(statement));
    put_if(report, "issuer", sigb_statement_issuer(statement));
    put_if(report, "subject", sigb_statement_subject(statement));
    if (sigb_statement_svn(statement, &number))
        report_int(report, "svn", number);
    put_if(report, "content_type", sigb_statement_content_type(statement));
    if (sigb_statement_issued_at(statement, &number))
        report_time(report, "issued_at", number);
    put_payload(report, statement);
    report_int(report, "receipts", (int64_t)sigb_statement_receipts(statement));
}

sigb_rc facts_chain(struct report *report, sigb_bytes certs, sigb_diag *diag)
{
    sigb_buf lines = SIGB_BUF_INIT;
    sigb_rc rc;

    if (!report->json && report->result == NULL && !report->verbose)
        return SIGB_OK; /* nobody reads it, and reading certificates is a good part of a short run */
    rc = sigb_certs_describe(certs, &lines, diag);
    if (rc == SIGB_OK)
        report_lines(report, "chain", sigb_buf_bytes(&lines));
    if (rc == SIGB_OK && report->verbose)
        sigb_buf_append(&report->text, sigb_buf_bytes(&lines));
    sigb_buf_free(&lines);
    return rc;
}
