/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token init: a free slot becomes a token. */
#include "cli/module.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

struct init_args {
    struct token_args token;
    const char *label;
    pin_args so;
};

/* clang-format off */
static const option OPTIONS[] = {
    {"label", 0, OPTION_TEXT, NEEDED, offsetof(struct init_args, label), "TEXT", NULL, "label of the new token"},
    PIN_OPTIONS("so-pin-", "security officer's PIN", offsetof(struct init_args, so)),
    TIMEOUT_OPTION(TOKEN_AT(timeout), "30"),
    TOKEN_OPTIONS(OPTIONAL, "the free token, by slot-id or serial; else the first that is free"),
};
/* clang-format on */

static sigb_rc init_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct init_args *args = arguments;
    struct pins pins = {0};
    sigb_pkcs11_options options = token_options(&args->token, &pins, report);
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = timeout_option(args->token.timeout, TIMEOUT_MS, &options.timeout_ms, diag);

    if (rc == SIGB_OK)
        rc = pins_open(&pins, &args->token.pin, &args->so, report, diag);
    if (rc == SIGB_OK)
        rc = sigb_token_init(token_uri(&args->token), args->label, &options, &made, diag);
    if (rc == SIGB_OK)
        token_tell_uri(report, "initialised the token", &made);
    sigb_buf_free(&made);
    pins_close(&pins);
    return rc;
}

const struct verb VERB_TOKEN_INIT = {"token init", "Initialise a free token and set its PINs.", ROWS(OPTIONS),
                                     sizeof(struct init_args), init_run};
