/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs about tokens share. */
#ifndef SIGB_CLI_TOKEN_H
#define SIGB_CLI_TOKEN_H

#include <sigbridge/token.h>

#include "cli/pin.h"
#include "cli/report.h"

/* The first member of their arguments. */
struct token_args {
    common_args common;
    const char *uri;
    module_args module;
    pin_args pin;
    const char *timeout; /* not of each of them */
};

/* clang-format off */
#define TOKEN_AT(field) offsetof(struct token_args, field)

/* Rows that each of them has; need is that of the URI. */
#define TOKEN_OPTIONS(need, words) \
    {"uri",   0, OPTION_TEXT, OPTIONAL, TOKEN_AT(uri), "URI", NULL, "the same as the argument URI"}, \
    {"token", 0, OPTION_TEXT, OPTIONAL, TOKEN_AT(uri), "URI", NULL, "the same as the argument URI"}, \
    MODULE_OPTIONS(TOKEN_AT(module)), \
    PIN_OPTIONS("pin-", "PIN", TOKEN_AT(pin)), \
    {NULL,    0, OPTION_TEXT, need,     TOKEN_AT(uri), "URI", NULL, words}
/* clang-format on */

/* The URI that was given, or the one that names everything. */
const char *token_uri(const struct token_args *args);

/* How to reach the module and ask for PINs. */
sigb_pkcs11_options token_options(const struct token_args *args, struct pins *pins, struct report *report);

/* One thing on a token, as JSON. */
json_t *token_item_json(struct report *report, const sigb_token_item *item);

/* Two lines for people: kind, type, URI; and what is to be said of it. */
void token_item_put(sigb_buf *out, const sigb_token_item *item);

/* A URI that was made: data, and a fact. */
void token_tell_uri(struct report *report, const char *did, const sigb_buf *uri);

#endif
