/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge receipt list: which receipts a statement has. Nothing is checked. */
#include "cli/input.h"
#include "cli/receipts.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct list_args {
    common_args common;
    const char *statement;
};

/* clang-format off */
#define AT(field) offsetof(struct list_args, field)
static const option OPTIONS[] = {
    {NULL, 0, OPTION_TEXT, NEEDED, AT(statement), "STATEMENT", NULL, "the statement, - for standard input"},
};
#undef AT
/* clang-format on */

/* What it claims, or why it is none. */
static void put_line(struct report *report, size_t number, sigb_bytes bytes)
{
    sigb_receipt *receipt = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, &why);

    text_put_int(&report->data, (int64_t)number);
    if (rc == SIGB_OK) {
        text_put(&report->data, " tree ");
        text_put_int(&report->data, sigb_receipt_vds(receipt));
        text_put(&report->data, " ledger ");
        text_put_raw(&report->data, sigb_receipt_issuer(receipt));
        text_put(&report->data, " (claimed) entry ");
        text_put_raw(&report->data, sigb_receipt_entry_txid(receipt));
        text_put(&report->data, " kid ");
        text_put_raw(&report->data, sigb_receipt_kid(receipt));
    } else {
        text_put(&report->data, " ");
        text_put(&report->data, sigb_rc_name(rc));
        text_put(&report->data, ": ");
        text_put_raw(&report->data, sigb_bytes_text(why.text));
    }
    text_put(&report->data, "\n");
    sigb_receipt_free(receipt);
}

static sigb_rc list_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct list_args *args = arguments;
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    sigb_rc rc = input_read(args->statement, "statement", &bytes, diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(sigb_buf_bytes(&bytes), &statement, diag);
    if (rc == SIGB_OK) {
        sigb_bytes rest = sigb_statement_receipt_list(statement), receipt;

        for (size_t i = 1; sigb_receipts_next(&rest, &receipt, NULL); i++)
            put_line(report, i, receipt);
        report_lines(report, "receipts", sigb_buf_bytes(&report->data));
        report_bool(report, "checked", false);
        text_put(&report->text, "nothing of this has been checked\n");
    }
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    return rc;
}

const struct verb VERB_RECEIPT_LIST = {"receipt list", "List the receipts of a statement.", ROWS(OPTIONS),
                                       sizeof(struct list_args), list_run};
