/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token list: URIs that --key takes as they are. */
#include "cli/module.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

struct list_args {
    struct token_args token;
    bool login;
};

/* clang-format off */
static const option OPTIONS[] = {
    {"login", 0, OPTION_FLAG, OPTIONAL, offsetof(struct list_args, login), NULL, NULL,
     "log in, with a PIN from the terminal if no source is named, to see private keys that are hidden"},
    TIMEOUT_OPTION(TOKEN_AT(timeout), "30"),
    TOKEN_OPTIONS(OPTIONAL, "list what it matches; else everything"),
};
/* clang-format on */

struct listing {
    struct report *report;
    json_t *items;
};

static void put_item(void *arg, const sigb_token_item *item)
{
    struct listing *listing = arg;

    if (json_array_append_new(listing->items, token_item_json(listing->report, item)) != 0)
        listing->report->failed = true;
    token_item_put(&listing->report->data, item);
}

static sigb_rc list_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct list_args *args = arguments;
    struct listing listing = {report, json_array()};
    struct pins pins = {0};
    sigb_pkcs11_options options = token_options(&args->token, &pins, report);
    sigb_rc rc = timeout_option(args->token.timeout, TIMEOUT_MS, &options.timeout_ms, diag);

    if (rc == SIGB_OK)
        rc = pins_open(&pins, &args->token.pin, NULL, report, diag);
    if (!args->login && !pins_named(&args->token.pin))
        options.pin = NULL;
    if (rc == SIGB_OK)
        rc = sigb_token_list(token_uri(&args->token), &options, put_item, &listing, diag);
    report_json(report, "items", listing.items);
    pins_close(&pins);
    return rc;
}

const struct verb VERB_TOKEN_LIST = {"token list", "List tokens and what is on them, as URIs.", ROWS(OPTIONS),
                                     sizeof(struct list_args), list_run};
