/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge timestamp request: what to send to a TSA for the signature of a statement. */
#include <sigbridge/timestamp.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct request_args {
    common_args common;
    const char *statement, *out;
};

/* clang-format off */
#define AT(field) offsetof(struct request_args, field)
static const option OPTIONS[] = {
    {"output", 'o', OPTION_TEXT, NEEDED, AT(out),       "FILE",      NULL, "the request (DER, RFC 3161), - for standard output"},
    {NULL,      0,  OPTION_TEXT, NEEDED, AT(statement), "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

static sigb_rc check_output(const struct request_args *args, const struct report *report, sigb_diag *diag)
{
    sigb_rc rc = output_check_distinct(args->out, report->result, diag);

    if (rc == SIGB_OK && report->json && strcmp(args->out, "-") == 0)
        rc = fail(diag, SIGB_E_USAGE,
                  "--json and the request cannot share standard output; name a file with -o");
    if (rc == SIGB_OK && input_is_same_file(args->statement, args->out))
        rc = fail(diag, SIGB_E_USAGE, "the request would replace the statement '%.200s'; name another file",
                  args->out);
    return rc == SIGB_OK ? output_check(args->out, args->common.force, diag) : rc;
}

static sigb_rc make_request(const char *path, sigb_buf *request, sigb_diag *diag)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    sigb_rc rc = input_read(path, "statement", &bytes, diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(sigb_buf_bytes(&bytes), &statement, diag);
    if (rc == SIGB_OK)
        rc = sigb_timestamp_request(statement, request, diag);
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    return rc;
}

static sigb_rc request_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct request_args *args = arguments;
    sigb_buf request = SIGB_BUF_INIT;
    sigb_rc rc = check_output(args, report, diag);

    if (rc == SIGB_OK)
        rc = make_request(args->statement, &request, diag);
    if (rc == SIGB_OK)
        rc = output_file(args->out, args->common.force, sigb_buf_bytes(&request), diag);
    sigb_buf_free(&request);
    if (rc != SIGB_OK)
        return rc;
    report_text(report, "statement", sigb_bytes_text(args->statement));
    report_text(report, "request", sigb_bytes_text(args->out));
    text_put(&report->text, "request for a time stamp of the signature in ");
    text_put_raw(&report->text, sigb_bytes_text(args->statement));
    text_put(&report->text, " -> ");
    text_put_raw(&report->text, sigb_bytes_text(args->out));
    text_put(&report->text, "\n");
    return SIGB_OK;
}

const struct verb VERB_TIMESTAMP_REQUEST = {"timestamp request", "Write what to ask a TSA for a statement.",
                                            ROWS(OPTIONS), sizeof(struct request_args), request_run};
