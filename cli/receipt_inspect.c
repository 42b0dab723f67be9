/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge receipt inspect: everything that a receipt says, its path included. Nothing is checked. */
#include "cli/input.h"
#include "cli/receipts.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct inspect_args {
    common_args common;
    const char *number, *file;
};

/* clang-format off */
#define AT(field) offsetof(struct inspect_args, field)
static const option OPTIONS[] = {
    {"number", 0, OPTION_TEXT, OPTIONAL, AT(number), "N",    NULL, "of a statement's receipts this one, 1 is the first; without, FILE is a receipt"},
    {NULL,     0, OPTION_TEXT, NEEDED,   AT(file),   "FILE", NULL, "a receipt, or with --number a statement; - for standard input"},
};
#undef AT
/* clang-format on */

static sigb_rc show(struct report *report, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, diag);

    if (rc == SIGB_OK)
        rc = sigb_receipt_dump(receipt, &report->data, diag);
    if (rc == SIGB_OK) {
        report_lines(report, "dump", sigb_buf_bytes(&report->data));
        report_bool(report, "checked", false);
        text_put(&report->text, "nothing of this has been checked\n");
    }
    sigb_receipt_free(receipt);
    return rc;
}

static sigb_rc show_of_statement(struct report *report, const char *number, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_statement *statement = NULL;
    sigb_bytes receipt = SIGB_BYTES_NONE;
    size_t place = 0;
    sigb_rc rc = receipts_number(number, &place, diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(bytes, &statement, diag);
    if (rc == SIGB_OK)
        rc = receipts_find(statement, place, &receipt, diag);
    if (rc == SIGB_OK)
        rc = show(report, receipt, diag);
    sigb_statement_free(statement);
    return rc;
}

static sigb_rc inspect_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct inspect_args *args = arguments;
    sigb_buf content = SIGB_BUF_INIT;
    sigb_rc rc = input_read(args->file, "file", &content, diag);

    if (rc == SIGB_OK)
        rc = args->number == NULL ? show(report, sigb_buf_bytes(&content), diag)
                                  : show_of_statement(report, args->number, sigb_buf_bytes(&content), diag);
    sigb_buf_free(&content);
    return rc;
}

const struct verb VERB_RECEIPT_INSPECT = {"receipt inspect", "Show everything that a receipt says.",
                                          ROWS(OPTIONS), sizeof(struct inspect_args), inspect_run};
