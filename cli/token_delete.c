/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token delete: asks first, and shows everything that would go. */
#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/module.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

struct delete_args {
    struct token_args token;
    bool yes;
};

/* clang-format off */
static const option OPTIONS[] = {
    {"yes", 0, OPTION_FLAG, OPTIONAL, offsetof(struct delete_args, yes), NULL, NULL, "do not ask"},
    TIMEOUT_OPTION(TOKEN_AT(timeout), "30"),
    TOKEN_OPTIONS(NEEDED, "the objects to delete; it must have object= or id="),
};
/* clang-format on */

struct deleting {
    const struct delete_args *args;
    struct report *report;
    json_t *items;
    bool no_terminal;
};

/* A line from the terminal, without what is typed beyond the room. */
static bool answer_is_yes(int tty)
{
    char line[64];
    ssize_t len;

    do
        len = read(tty, line, sizeof(line));
    while (len < 0 && errno == EINTR);
    return len == 4 && memcmp(line, "yes\n", 4) == 0;
}

static bool ask(struct deleting *d, const sigb_token_item *items, size_t count)
{
    int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    sigb_buf question = SIGB_BUF_INIT;
    sigb_diag ignored;
    bool yes;

    d->no_terminal = tty < 0;
    if (tty < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        token_item_put(&question, &items[i]);
    text_put(&question, "delete ");
    text_put_int(&question, (int64_t)count);
    text_put(&question, count == 1 ? " object? type yes: " : " objects? type yes: ");
    (void)tcflush(tty, TCIFLUSH); /* what was typed before the question answers nothing */
    yes = !question.failed &&
          output_write(tty, sigb_buf_bytes(&question), "the terminal", &ignored) == SIGB_OK &&
          answer_is_yes(tty);
    sigb_buf_free(&question);
    (void)close(tty);
    return yes;
}

static bool confirm(void *arg, const sigb_token_item *items, size_t count)
{
    struct deleting *d = arg;

    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(d->items, token_item_json(d->report, &items[i])) != 0)
            d->report->failed = true;
    return d->args->yes || ask(d, items, count);
}

static void tell(struct deleting *d)
{
    size_t count = json_array_size(d->items);

    text_put(&d->report->text, "deleted ");
    text_put_int(&d->report->text, (int64_t)count);
    text_put(&d->report->text, count == 1 ? " object\n" : " objects\n");
}

static sigb_rc delete_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct delete_args *args = arguments;
    struct deleting d = {args, report, json_array(), false};
    struct pins pins = {0};
    sigb_pkcs11_options options = token_options(&args->token, &pins, report);
    sigb_rc rc = timeout_option(args->token.timeout, TIMEOUT_MS, &options.timeout_ms, diag);

    if (rc == SIGB_OK)
        rc = pins_open(&pins, &args->token.pin, NULL, report, diag);
    if (rc == SIGB_OK)
        rc = sigb_token_delete(args->token.uri, &options, confirm, &d, diag);
    if (rc == SIGB_E_REFUSED && d.no_terminal)
        (void)fail(diag, rc,
                   "there is no terminal to confirm on, and nothing was deleted; add --yes if that is meant");
    if (rc == SIGB_OK)
        tell(&d);
    report_json(report, "deleted", d.items);
    pins_close(&pins);
    return rc;
}

const struct verb VERB_TOKEN_DELETE = {"token delete", "Delete objects on a token, after asking.",
                                       ROWS(OPTIONS), sizeof(struct delete_args), delete_run};
