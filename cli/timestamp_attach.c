/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge timestamp attach: puts what the TSA answered into the statement, beside its signature. */
#include <sigbridge/timestamp.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/stamp.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct attach_args {
    common_args common;
    const char *statement, *out;
    struct stamp_args stamp;
};

/* clang-format off */
#define AT(field) offsetof(struct attach_args, field)
static const option OPTIONS[] = {
    STAMP_OPTIONS(NEEDED, AT(stamp), "refuse unless it answers this request: imprint, nonce and policy"),
    {"output", 'o', OPTION_TEXT, NEEDED, AT(out),       "FILE",      NULL, "the statement with the time stamp, - for standard output"},
    {NULL,      0,  OPTION_TEXT, NEEDED, AT(statement), "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

struct attaching {
    const struct attach_args *args;
    struct report *report;
    sigb_buf bytes, roots, certs, made;
    sigb_statement *statement;
    sigb_timestamp *timestamp;
};

static sigb_rc check_output(struct attaching *a, sigb_diag *diag)
{
    const struct attach_args *args = a->args;
    sigb_rc rc = output_check_distinct(args->out, a->report->result, diag);

    if (rc == SIGB_OK && a->report->json && strcmp(args->out, "-") == 0)
        rc = fail(diag, SIGB_E_USAGE,
                  "--json and the statement cannot share standard output; name a file with -o");
    if (rc == SIGB_OK && input_is_same_file(args->statement, args->out))
        rc = fail(diag, SIGB_E_USAGE, "the result would replace the statement '%.200s'; name another file",
                  args->out);
    if (rc == SIGB_OK)
        rc = stamp_require_root(&args->stamp.tsa, diag);
    return rc == SIGB_OK ? output_check(args->out, args->common.force, diag) : rc;
}

static sigb_rc read_statement(struct attaching *a, sigb_diag *diag)
{
    sigb_rc rc = input_read(a->args->statement, "statement", &a->bytes, diag);

    return rc == SIGB_OK ? sigb_statement_parse(sigb_buf_bytes(&a->bytes), &a->statement, diag) : rc;
}

static sigb_rc read_stamp(struct attaching *a, sigb_diag *diag)
{
    return stamp_read(&a->args->stamp, &a->timestamp, diag);
}

/* Where no root is pinned the imprint is compared, by the library, and nothing else: that is said. */
static sigb_rc verify(struct attaching *a, sigb_diag *diag)
{
    sigb_timestamp_trust trust;
    sigb_timestamp_facts facts;
    sigb_rc rc;

    if (a->args->stamp.tsa.root.count == 0) {
        report_note(a->report, "the time stamp is not verified: no TSA root is pinned (--tsa-root)");
        return SIGB_OK;
    }
    rc = stamp_read_trust(&a->args->stamp.tsa, &a->roots, &a->certs, &trust, diag);
    if (rc == SIGB_OK)
        rc = sigb_timestamp_verify(a->timestamp, a->statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                   &trust, &facts, diag);
    if (rc == SIGB_OK)
        stamp_tell(a->report, &facts);
    return rc;
}

static sigb_rc write_statement(struct attaching *a, sigb_diag *diag)
{
    sigb_rc rc = sigb_statement_attach_timestamp(a->statement, a->timestamp, &a->made, diag);

    return rc == SIGB_OK ? output_file(a->args->out, a->args->common.force, sigb_buf_bytes(&a->made), diag)
                         : rc;
}

static sigb_rc tell(struct attaching *a, sigb_diag *diag)
{
    struct report *report = a->report;

    (void)diag;
    report_text(report, "statement", sigb_bytes_text(a->args->out));
    report_int(report, "statement_bytes", (int64_t)a->made.len);
    report_bool(report, "verified", a->args->stamp.tsa.root.count > 0);
    report_bool(report, "survives_registration", false);
    text_put(&report->text, "time stamp attached: ");
    text_put_raw(&report->text, sigb_bytes_text(a->args->statement));
    text_put(&report->text, " -> ");
    text_put_raw(&report->text, sigb_bytes_text(a->args->out));
    text_put(&report->text,
             "\na ledger drops label 270 when it takes the statement in: keep this file as well\n");
    return SIGB_OK;
}

static void attaching_free(struct attaching *a)
{
    sigb_timestamp_free(a->timestamp);
    sigb_statement_free(a->statement);
    sigb_buf_free(&a->bytes);
    sigb_buf_free(&a->roots);
    sigb_buf_free(&a->certs);
    sigb_buf_free(&a->made);
}

static sigb_rc (*const STEPS[])(struct attaching *, sigb_diag *) = {check_output, read_statement,  read_stamp,
                                                                    verify,       write_statement, tell};

static sigb_rc attach_run(const void *args, struct report *report, sigb_diag *diag)
{
    struct attaching a = {.args = args, .report = report};
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < sizeof(STEPS) / sizeof(STEPS[0]); i++)
        rc = STEPS[i](&a, diag);
    attaching_free(&a);
    return rc;
}

const struct verb VERB_TIMESTAMP_ATTACH = {"timestamp attach", "Put a TSA's time stamp into a statement.",
                                           ROWS(OPTIONS), sizeof(struct attach_args), attach_run};
