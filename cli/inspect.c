/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge inspect: what is in it. Nothing is checked, and nothing that is shown may be trusted. */
#include <sigbridge/statement.h>

#include "cli/facts.h"
#include "cli/input.h"
#include "cli/receipts.h"
#include "cli/stamp.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct inspect_args {
    common_args common;
    const char *file;
};

/* clang-format off */
#define AT(field) offsetof(struct inspect_args, field)
static const option OPTIONS[] = {
    {NULL, 0, OPTION_TEXT, NEEDED, AT(file), "FILE", NULL, "a COSE statement or receipt, or certificates (DER, PEM); - for standard input"},
};
#undef AT
/* clang-format on */

static sigb_rc show_statement(struct report *report, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_statement *statement = NULL;
    sigb_rc rc = sigb_statement_parse(bytes, &statement, diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_dump(statement, &report->data, diag);
    if (rc == SIGB_OK) {
        report_text(report, "kind", sigb_bytes_text("cose-sign1"));
        facts_statement(report, statement);
        report_lines(report, "dump", sigb_buf_bytes(&report->data));
        rc = stamp_list(report, statement, diag);
    }
    if (rc == SIGB_OK)
        rc = receipts_show(report, statement, diag);
    sigb_statement_free(statement);
    return rc;
}

static sigb_rc show_certs(struct report *report, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_buf certs = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_certs_append(&certs, bytes, &why);

    if (rc != SIGB_OK)
        rc = fail(diag, rc, "no COSE statement begins like this, and as certificates: %s", why.text);
    else
        rc = sigb_certs_describe(sigb_buf_bytes(&certs), &report->data, diag);
    if (rc == SIGB_OK) {
        report_text(report, "kind", sigb_bytes_text("certificates"));
        report_lines(report, "certificates", sigb_buf_bytes(&report->data));
    }
    sigb_buf_free(&certs);
    return rc;
}

/*
 * The first byte tells: COSE begins with a tag or an array, which are bytes from
 * 0x80 on; DER certificates with 0x30; what is left can only be PEM.
 */
static bool is_cose(sigb_bytes bytes)
{
    return bytes.len > 0 && bytes.ptr[0] >= 0x80;
}

static sigb_rc inspect_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct inspect_args *args = arguments;
    sigb_buf content = SIGB_BUF_INIT;
    sigb_bytes bytes;
    sigb_rc rc = input_read(args->file, "file", &content, diag);

    bytes = sigb_buf_bytes(&content);
    if (rc == SIGB_OK && bytes.len == 0)
        rc = fail(diag, SIGB_E_CBOR, "'%.200s' is empty; wanted is a COSE statement or certificates",
                  args->file);
    if (rc == SIGB_OK)
        rc = is_cose(bytes) ? show_statement(report, bytes, diag) : show_certs(report, bytes, diag);
    if (rc == SIGB_OK) {
        report_text(report, "file", sigb_bytes_text(args->file));
        report_bool(report, "checked", false);
        text_put(&report->text, "nothing of this has been checked\n");
    }
    sigb_buf_free(&content);
    return rc;
}

const struct verb VERB_INSPECT = {"inspect", "Show what a statement, receipt or certificate file holds.",
                                  ROWS(OPTIONS), sizeof(struct inspect_args), inspect_run};
