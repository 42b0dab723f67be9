/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge receipt detach: takes receipts out of a statement. */
#include "cli/output.h"
#include "cli/receipts.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct detach_args {
    common_args common;
    const char *statement, *number, *receipt_out, *out;
};

/* clang-format off */
#define AT(field) offsetof(struct detach_args, field)
static const option OPTIONS[] = {
    {"number",      0,  OPTION_TEXT, OPTIONAL, AT(number),      "N",         NULL, "which one, 1 is the first; all if not given"},
    {"receipt-out", 0,  OPTION_TEXT, OPTIONAL, AT(receipt_out), "FILE",      NULL, "keep the receipt with this --number in a file of its own"},
    {"output",     'o', OPTION_TEXT, NEEDED,   AT(out),         "FILE",      NULL, "the statement without it, - for standard output"},
    {NULL,          0,  OPTION_TEXT, NEEDED,   AT(statement),   "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

static sigb_rc check_receipt_out(const struct detach_args *args, sigb_diag *diag)
{
    sigb_rc rc;

    if (args->receipt_out == NULL)
        return SIGB_OK;
    if (args->number == NULL)
        return fail(diag, SIGB_E_USAGE, "--receipt-out keeps one receipt: say which with --number");
    rc = output_check_distinct(args->receipt_out, args->out, diag);
    return rc == SIGB_OK ? output_check(args->receipt_out, args->common.force, diag) : rc;
}

static sigb_rc detach_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct detach_args *args = arguments;
    receipts_job job = {
        .from = args->statement, .to = args->out, .force = args->common.force, .report = report};
    sigb_bytes receipt = SIGB_BYTES_NONE;
    size_t place = SIGB_RECEIPTS_ALL;
    sigb_rc rc = args->number == NULL ? SIGB_OK : receipts_number(args->number, &place, diag);

    if (rc == SIGB_OK)
        rc = check_receipt_out(args, diag);
    if (rc == SIGB_OK)
        rc = receipts_job_begin(&job, diag);
    if (rc == SIGB_OK && args->number != NULL)
        rc = receipts_find(job.statement, place, &receipt, diag);
    if (rc == SIGB_OK)
        rc = sigb_statement_detach_receipt(job.statement, place, &job.made, diag);
    if (rc == SIGB_OK && args->receipt_out != NULL)
        rc = output_file(args->receipt_out, args->common.force, receipt, diag);
    if (rc == SIGB_OK)
        rc = receipts_job_end(&job, "receipt detached", diag);
    receipts_job_free(&job);
    return rc;
}

const struct verb VERB_RECEIPT_DETACH = {"receipt detach", "Take receipts out of a statement.", ROWS(OPTIONS),
                                         sizeof(struct detach_args), detach_run};
