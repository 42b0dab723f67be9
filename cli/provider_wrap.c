/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge provider wrap: a key file that holds the URI of a token key, for software that takes key files alone. */
#include <sigbridge/provider.h>

#include "cli/output.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct wrap_args {
    common_args common;
    const char *uri, *out;
};

/* clang-format off */
#define AT(field) offsetof(struct wrap_args, field)
static const option OPTIONS[] = {
    {"output", 'o', OPTION_TEXT, OPTIONAL, AT(out), "FILE", NULL, "file to write; standard output if not given"},
    {NULL,     0,   OPTION_TEXT, NEEDED,   AT(uri), "URI",  NULL, "pkcs11: URI of the private key, without a PIN"},
};
#undef AT
/* clang-format on */

static bool goes_to_file(const struct wrap_args *args)
{
    return args->out != NULL && strcmp(args->out, "-") != 0;
}

static sigb_rc check_output(const struct wrap_args *args, const struct report *report, sigb_diag *diag)
{
    sigb_rc rc = output_check_distinct(args->out, report->result, diag);

    if (rc != SIGB_OK || args->out == NULL)
        return rc;
    if (goes_to_file(args))
        return output_check(args->out, args->common.force, diag);
    if (report->json)
        return fail(diag, SIGB_E_USAGE,
                    "--json and the key file cannot share standard output; name a file with -o");
    return SIGB_OK;
}

/* Without a file it is text on standard output, and part of the document. */
static void show(const struct wrap_args *args, struct report *report, sigb_bytes pem)
{
    report_text(report, "pem", pem);
    if (!goes_to_file(args))
        sigb_buf_append(&report->data, pem);
    else
        report_say(report, "wrote", sigb_bytes_text(args->out));
}

static sigb_rc wrap_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct wrap_args *args = arguments;
    const sigb_notes notes = {report_note, report};
    sigb_buf pem = SIGB_BUF_INIT;
    sigb_rc rc = check_output(args, report, diag);

    if (rc == SIGB_OK)
        rc = sigb_provider_wrap(args->uri, &notes, &pem, diag);
    if (rc == SIGB_OK && goes_to_file(args)) {
        report_text(report, "output", sigb_bytes_text(args->out));
        rc = output_file(args->out, args->common.force, sigb_buf_bytes(&pem), diag);
    }
    if (rc == SIGB_OK)
        show(args, report, sigb_buf_bytes(&pem));
    sigb_buf_free(&pem);
    return rc;
}

const struct verb VERB_PROVIDER_WRAP = {"provider wrap", "Make a key file for OpenSSL of a token key's URI.",
                                        ROWS(OPTIONS), sizeof(struct wrap_args), wrap_run};
