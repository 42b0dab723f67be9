/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge receipt attach: puts a ledger's receipt into the statement that it is for. */
#include "cli/input.h"
#include "cli/receipts.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct attach_args {
    common_args common;
    option_list ledger_keys;
    const char *statement, *receipt, *out;
};

/* clang-format off */
#define AT(field) offsetof(struct attach_args, field)
static const option OPTIONS[] = {
    LEDGER_KEYS_OPTION(AT(ledger_keys)),
    {"receipt", 0,  OPTION_TEXT, NEEDED, AT(receipt),   "FILE",      NULL, "the receipt, as the ledger gave it"},
    {"output", 'o', OPTION_TEXT, NEEDED, AT(out),       "FILE",      NULL, "the statement with the receipt, - for standard output"},
    {NULL,      0,  OPTION_TEXT, NEEDED, AT(statement), "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

static sigb_rc judge(const receipts_job *job, const sigb_keys *keys, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_receipt_facts facts;
    json_t *list = json_array();
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, diag);

    if (rc == SIGB_OK)
        rc = sigb_receipt_verify(receipt, job->statement, keys, &facts, diag);
    if (rc == SIGB_OK)
        receipts_tell_good(job->report, list, &facts);
    report_json(job->report, "receipts", list);
    sigb_receipt_free(receipt);
    return rc;
}

/* Where no keys are given it is only said to be a receipt. */
static sigb_rc verify(const struct attach_args *args, const receipts_job *job, sigb_bytes bytes,
                      sigb_diag *diag)
{
    sigb_keys *keys = NULL;
    sigb_rc rc = receipts_read_keys(&args->ledger_keys, &keys, diag);

    if (rc == SIGB_OK && keys != NULL)
        rc = judge(job, keys, bytes, diag);
    if (rc == SIGB_OK && keys == NULL)
        report_note(job->report, "the receipt is not verified: no keys of ledgers are given (--ledger-keys)");
    report_bool(job->report, "verified", keys != NULL);
    sigb_keys_free(keys);
    return rc;
}

static sigb_rc attach_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct attach_args *args = arguments;
    receipts_job job = {
        .from = args->statement, .to = args->out, .force = args->common.force, .report = report};
    sigb_buf receipt = SIGB_BUF_INIT;
    sigb_rc rc = receipts_job_begin(&job, diag);

    if (rc == SIGB_OK)
        rc = input_read(args->receipt, "receipt", &receipt, diag);
    if (rc == SIGB_OK)
        rc = verify(args, &job, sigb_buf_bytes(&receipt), diag);
    if (rc == SIGB_OK)
        rc = sigb_statement_attach_receipt(job.statement, sigb_buf_bytes(&receipt), &job.made, diag);
    if (rc == SIGB_OK)
        rc = receipts_job_end(&job, "receipt attached", diag);
    sigb_buf_free(&receipt);
    receipts_job_free(&job);
    return rc;
}

const struct verb VERB_RECEIPT_ATTACH = {"receipt attach", "Put a ledger's receipt into a statement.",
                                         ROWS(OPTIONS), sizeof(struct attach_args), attach_run};
