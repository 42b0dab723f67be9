/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pin.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/input.h"
#include "cli/text.h"

/* ---- named sources ---- */

bool pins_named(const pin_args *args)
{
    return args->file != NULL || args->fd != NULL || args->env != NULL;
}

static sigb_rc read_fd(sigb_pin *pin, const char *number, sigb_diag *diag)
{
    size_t len = strspn(number, "0123456789");
    long fd = len == 0 || len > 9 || number[len] != '\0' ? -1 : strtol(number, NULL, 10);
    sigb_rc rc = SIGB_OK;

    if (fd < 0)
        return fail(diag, SIGB_E_USAGE, "a PIN's descriptor must be a number such as 3");
    if (fd == STDIN_FILENO)
        rc = input_take_stdin("PIN", diag);
    return rc == SIGB_OK ? sigb_pin_read_fd(pin, (int)fd, diag) : rc;
}

static sigb_rc read_named(const pin_args *args, sigb_pin *pin, const sigb_notes *notes, sigb_diag *diag)
{
    if (args->file != NULL)
        return sigb_pin_read_file(pin, args->file, notes, diag);
    if (args->fd != NULL)
        return read_fd(pin, args->fd, diag);
    return sigb_pin_take_env(pin, args->env, diag);
}

/* A variable that is empty or not set is as if it were not named: CI systems define them so. */
static sigb_rc source_open(struct pin_source *source, const pin_args *args, struct report *report,
                           sigb_diag *diag)
{
    sigb_notes notes = {report_note, report};
    sigb_rc rc;

    source->args = args;
    if (!pins_named(args))
        return SIGB_OK;
    if ((args->file != NULL) + (args->fd != NULL) + (args->env != NULL) > 1)
        return fail(diag, SIGB_E_USAGE,
                    "two sources are named for one PIN; name a file, a descriptor or a variable");
    source->pin = sigb_pin_new();
    if (source->pin == NULL)
        return fail_memory(diag);
    rc = read_named(args, source->pin, &notes, diag);
    if (rc == SIGB_E_PIN_NEEDED && args->env != NULL) {
        sigb_pin_free(source->pin);
        source->pin = NULL;
        return SIGB_OK;
    }
    return rc;
}

sigb_rc pins_open(struct pins *pins, const pin_args *user, const pin_args *so, struct report *report,
                  sigb_diag *diag)
{
    sigb_rc rc = source_open(&pins->user, user, report, diag);

    if (rc == SIGB_OK && so != NULL)
        rc = source_open(&pins->so, so, report, diag);
    return rc;
}

/* ---- the terminal ---- */

/* By kind: what is asked for, and whether it is new and therefore typed twice. */
static const struct prompt_row {
    sigb_pin_kind kind;
    const char *words;
    bool twice;
} PROMPTS[] = {
    {SIGB_PIN_USER, "PIN of token '", false},
    {SIGB_PIN_CONTEXT, "PIN of token '", false},
    {SIGB_PIN_SO, "New security officer's PIN for token '", true},
    {SIGB_PIN_NEW_USER, "New user PIN for token '", true},
    {SIGB_PIN_STORE, "PIN or passphrase of '", false},
};

static void put_prompt(sigb_buf *out, const char *before, const char *words, const sigb_pin_request *request)
{
    text_put(out, before);
    text_put(out, words);
    text_put_raw(out, sigb_bytes_text(request->token));
    if (request->kind != SIGB_PIN_STORE) {
        text_put(out, "' (serial ");
        text_put_raw(out, sigb_bytes_text(request->serial));
    }
    text_put(out, request->kind == SIGB_PIN_STORE ? "': " : "): ");
}

static sigb_rc read_prompted(const char *before, const char *words, const sigb_pin_request *request,
                             sigb_pin *pin, sigb_diag *diag)
{
    sigb_buf prompt = SIGB_BUF_INIT;
    sigb_rc rc;

    put_prompt(&prompt, before, words, request);
    rc = sigb_pin_read_terminal(pin, text_c_str(&prompt), diag);
    sigb_buf_free(&prompt);
    return rc;
}

static sigb_rc read_again(const char *words, const sigb_pin_request *request, const sigb_pin *first,
                          sigb_diag *diag)
{
    sigb_pin *again = sigb_pin_new();
    sigb_rc rc = again == NULL ? fail_memory(diag) : read_prompted("Again: ", words, request, again, diag);

    if (rc == SIGB_OK && !sigb_pin_equal(first, again))
        rc = fail(diag, SIGB_E_REFUSED, "the two PINs differ; nothing was changed");
    sigb_pin_free(again);
    return rc;
}

static sigb_rc read_terminal(const struct pin_source *source, const sigb_pin_request *request, sigb_pin *pin,
                             sigb_diag *diag)
{
    const struct prompt_row *row = &PROMPTS[0];
    sigb_rc rc;

    for (size_t i = 0; i < sizeof(PROMPTS) / sizeof(PROMPTS[0]); i++)
        if (PROMPTS[i].kind == request->kind)
            row = &PROMPTS[i];
    rc = read_prompted("", row->words, request, pin, diag);
    if (rc == SIGB_OK && row->twice)
        rc = read_again(row->words, request, pin, diag);
    if (rc == SIGB_E_PIN_NEEDED)
        (void)fail(diag, rc,
                   "%s'%.64s' needs a PIN, %s%.64s%sand there is no terminal to ask for one; see --help "
                   "for its sources",
                   request->kind == SIGB_PIN_STORE ? "" : "token ", request->token,
                   source->args->env == NULL ? "" : "the variable ",
                   source->args->env == NULL ? "" : source->args->env,
                   source->args->env == NULL ? "" : " is empty ");
    return rc;
}

/* ---- asking ---- */

static void put_token(sigb_buf *out, const sigb_pin_request *request)
{
    sigb_buf_append(out, sigb_bytes_of(request->serial, strlen(request->serial) + 1));
    text_put(out, request->token);
}

/* A PIN that was typed is remembered for that token: two keys on it are one question. */
static sigb_rc ask_once(struct pin_source *source, const sigb_pin_request *request, sigb_diag *diag)
{
    sigb_buf token = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    put_token(&token, request);
    if (source->pin == NULL || !sigb_bytes_equal(sigb_buf_bytes(&token), sigb_buf_bytes(&source->token))) {
        sigb_pin_free(source->pin);
        source->pin = sigb_pin_new();
        rc = source->pin == NULL ? fail_memory(diag) : read_terminal(source, request, source->pin, diag);
        sigb_buf_free(&source->token);
        source->token = token;
        return rc;
    }
    sigb_buf_free(&token);
    return rc;
}

sigb_rc pins_ask(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    struct pins *pins = arg;
    struct pin_source *source = request->kind == SIGB_PIN_SO ? &pins->so : &pins->user;
    bool named = source->pin != NULL && source->token.len == 0;
    sigb_rc rc = named ? SIGB_OK : ask_once(source, request, diag);

    return rc == SIGB_OK ? sigb_pin_copy(pin, source->pin, diag) : rc;
}

void pins_close(struct pins *pins)
{
    sigb_pin_free(pins->user.pin);
    sigb_pin_free(pins->so.pin);
    sigb_buf_free(&pins->user.token);
    sigb_buf_free(&pins->so.token);
    *pins = (struct pins){0};
}
