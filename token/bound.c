/* SPDX-License-Identifier: Apache-2.0 */
#include "token/bound.h"

#include <openssl/crypto.h>

#include "base/error.h"
#include "pkcs11/deadline.h"

#define MAX_COPIES 16

struct bound {
    const bound_verb *verb;
    void *args;
    sigb_pkcs11_options options;        /* for the verb: its callbacks lead to those of the caller */
    const sigb_pkcs11_options *callers; /* theirs, while they wait */
    sigb_buf made;
    struct {
        void *ptr;
        size_t len;
    } copies[MAX_COPIES];
    size_t count;
    bool failed; /* no memory for one of them */
};

/* ---- copies ---- */

static void *copy(bound *b, const void *from, size_t len)
{
    void *made = b->count == MAX_COPIES ? NULL : OPENSSL_memdup(from, len);

    if (made == NULL) {
        b->failed = true;
        return NULL;
    }
    b->copies[b->count].ptr = made;
    b->copies[b->count++].len = len;
    return made;
}

const char *bound_text(bound *b, const char *text)
{
    return text == NULL ? NULL : copy(b, text, strlen(text) + 1);
}

sigb_bytes bound_bytes(bound *b, sigb_bytes bytes)
{
    if (bytes.len > 0)
        bytes.ptr = copy(b, bytes.ptr, bytes.len);
    return bytes;
}

/* A URI may hold a PIN. */
static void bound_free(void *arg)
{
    bound *b = arg;

    while (b->count > 0) {
        b->count--;
        OPENSSL_clear_free(b->copies[b->count].ptr, b->copies[b->count].len);
    }
    sigb_buf_free(&b->made);
    OPENSSL_free(b);
}

/* ---- what is called in the caller's thread ---- */

typedef struct question {
    const sigb_pkcs11_options *options;
    const sigb_pin_request *request;
    sigb_pin *pin;
    sigb_diag *diag;
    sigb_rc rc;
} question;

static void put_question(void *arg)
{
    question *q = arg;

    q->rc = q->options->pin(q->options->pin_arg, q->request, q->pin, q->diag);
}

/* A sigb_pin_fn. */
static sigb_rc ask_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    const bound *b = arg;
    question q = {b->callers, request, pin, diag, SIGB_E_INTERNAL};

    if (!deadline_ask(put_question, &q))
        return sigb_fail(diag, SIGB_E_TIMEOUT, "nobody waits for this any more");
    return q.rc;
}

typedef struct remark {
    const sigb_notes *notes;
    const char *text;
} remark;

static void put_remark(void *arg)
{
    const remark *r = arg;

    sigb_note(r->notes, "%s", r->text);
}

/* A sigb_note_fn. */
static void tell_note(void *arg, const char *text)
{
    const bound *b = arg;
    remark r = {&b->callers->notes, text};

    (void)deadline_ask(put_remark, &r);
}

/* ---- running ---- */

/* The deadline is the verb's as a whole: keys that it opens have none of their own. */
static void options_set(bound *b, const sigb_pkcs11_options *options)
{
    b->callers = options;
    b->options = *options;
    b->options.timeout_ms = 0;
    b->options.module = bound_text(b, options->module);
    b->options.init_args = bound_text(b, options->init_args);
    b->options.notes = (sigb_notes){tell_note, b};
    if (options->pin != NULL) {
        b->options.pin = ask_pin;
        b->options.pin_arg = b;
    }
}

static bound *bound_new(const bound_verb *verb, const void *args, const sigb_pkcs11_options *options,
                        const sigb_buf *made)
{
    bound *b = OPENSSL_zalloc(sizeof(*b));

    if (b == NULL)
        return NULL;
    b->verb = verb;
    b->args = copy(b, args, verb->size);
    if (b->args != NULL)
        verb->copy(b, b->args);
    options_set(b, options);
    if (made != NULL)
        sigb_buf_append(&b->made,
                        sigb_buf_bytes(made)); /* what is there already, so that nothing is left to fail */
    if (!b->failed && !b->made.failed)
        return b;
    bound_free(b);
    return NULL;
}

/* An operation. */
static sigb_rc run(void *arg, sigb_diag *diag)
{
    bound *b = arg;
    p11_tracer tracer = {b->options.trace, b->options.trace_arg};
    const p11_tracer *before = trace_begin(&tracer);
    sigb_rc rc = b->verb->run(b->args, &b->options, &b->made, diag);

    trace_end(before);
    return rc;
}

static void take(bound *b, sigb_buf *made)
{
    sigb_buf old = *made;

    *made = b->made;
    b->made = old;
}

sigb_rc bound_run(const bound_verb *verb, const void *args, const sigb_pkcs11_options *options,
                  sigb_buf *made, sigb_diag *diag)
{
    bound *b = bound_new(verb, args, options, made);
    const operation what = {run, bound_free, b};
    bool left_behind;
    sigb_rc rc;

    if (b == NULL)
        return sigb_no_memory(diag);
    rc = deadline_run(&what, deadline_in(options->timeout_ms), NULL, &left_behind, diag);
    if (left_behind)
        return sigb_fail(
            diag, SIGB_E_TIMEOUT,
            "the token did not answer in time; the call is left behind, and may still take effect: look at "
            "what is on the token, check the device and the connection to it, or allow more time");
    if (rc == SIGB_OK && made != NULL)
        take(b, made);
    bound_free(b);
    return rc;
}
