/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token doctor: one step after the other, and what each found is told when it
 * ends. A step on the device may never end: it is then left behind with its exam,
 * and what needs no device goes on with an empty one.
 */
#include "token/doctor.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/text.h"
#include "pkcs11/deadline.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- the exam ---- */

/* A sigb_pin_fn: what was asked for beforehand, in the caller's thread. */
static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    const exam *e = arg;

    if (e->pin != NULL)
        return sigb_pin_copy(pin, e->pin, diag);
    return sigb_fail(diag, SIGB_E_PIN_NEEDED, "token %s asks for a PIN, and none was given", request->token);
}

/* A note of the device's thread waits for the caller's. */
static void keep_note(void *arg, const char *text)
{
    exam *e = arg;

    sigb_buf_append(&e->notes, sigb_bytes_of(text, strlen(text) + 1));
}

static bool copy_text(const char *text, char **copy)
{
    *copy = text == NULL ? NULL : OPENSSL_strdup(text);
    return text == NULL || *copy != NULL;
}

exam *exam_new(p11_uri *uri, const sigb_pkcs11_options *options)
{
    exam *e = OPENSSL_zalloc(sizeof(*e));

    if (e == NULL)
        return NULL;
    if (!copy_text(options->module, &e->module_path) || !copy_text(options->init_args, &e->init_args)) {
        exam_free(e);
        return NULL;
    }
    e->at.uri = uri;
    e->options = *options;
    e->options.module = e->module_path;
    e->options.init_args = e->init_args;
    e->has_source = options->pin != NULL ||
                    (uri != NULL && (p11_uri_has_pin(uri) || p11_uri_pin_source(uri) != NULL));
    e->options.pin = give_pin;
    e->options.pin_arg = e;
    e->options.notes = (sigb_notes){keep_note, e};
    return e;
}

void exam_free(void *examined)
{
    exam *e = examined;

    if (e == NULL)
        return;
    place_close(&e->at);
    for (size_t i = 0; i < CHECKS; i++)
        sigb_buf_free(&e->of[i].found);
    sigb_pin_free(e->pin);
    sigb_buf_free(&e->spki);
    sigb_buf_free(&e->certs);
    sigb_buf_free(&e->same_id);
    sigb_buf_free(&e->notes);
    OPENSSL_free(e->module_path);
    OPENSSL_free(e->init_args);
    OPENSSL_free(e);
}

/* ---- telling ---- */

/* One examination, as its caller has it. */
typedef struct doctor {
    const char *uri;
    const sigb_doctor_request *request;
    const sigb_pkcs11_options *options;
    sigb_finding_fn finding;
    void *finding_arg;
    exam *e;
    size_t told;        /* how many checks have been */
    const char *cause;  /* the first essential check that did not pass; what needs it is not examined */
    sigb_rc failed;     /* of the first essential check that failed */
    sigb_rc unanswered; /* of the first that could not be judged for want of something */
    sigb_diag why_failed, why_unanswered;
} doctor;

/* The first of its kind decides. */
static void settle(sigb_rc *rc, sigb_diag *why, const sigb_finding *finding)
{
    if (*rc == SIGB_OK)
        *rc = sigb_fail_native(why, finding->rc, finding->native, "%s: %s", finding->check, finding->found);
}

static void weigh(doctor *d, const sigb_finding *finding)
{
    if (!finding->essential || finding->verdict == SIGB_VERDICT_OK || finding->rc == SIGB_OK)
        return;
    if (d->cause == NULL)
        d->cause = finding->check;
    if (finding->verdict == SIGB_VERDICT_FAIL)
        settle(&d->failed, &d->why_failed, finding);
    else if (finding->verdict == SIGB_VERDICT_NOT_CHECKED)
        settle(&d->unanswered, &d->why_unanswered, finding);
}

/* What the exam had no chance to judge. */
static void put_unexamined(const doctor *d, sigb_buf *words)
{
    if (d->cause == NULL)
        text_put(words, "not examined: what it is judged by is not known");
    else
        text_putf(words, "not examined: \"%s\" comes first", d->cause);
}

static sigb_rc tell_one(doctor *d, check which)
{
    outcome *of = &d->e->of[which];
    sigb_finding finding = check_describe(which);

    finding.verdict = of->made ? of->verdict : SIGB_VERDICT_NOT_CHECKED;
    finding.rc = of->rc;
    finding.native = of->native;
    finding.advice = of->made ? check_advice(which, of->verdict, of->rc) : "";
    if (!of->made)
        put_unexamined(d, &of->found);
    finding.found = text_c_str(&of->found);
    if (finding.found == NULL)
        return SIGB_E_MEMORY;
    weigh(d, &finding);
    d->finding(d->finding_arg, &finding);
    return SIGB_OK;
}

/* Notes come before the checks that they are about. */
static sigb_rc tell_notes(doctor *d)
{
    sigb_buf *notes = &d->e->notes;

    if (notes->failed)
        return SIGB_E_MEMORY;
    for (size_t at = 0; at < notes->len; at += strlen((const char *)notes->ptr + at) + 1)
        sigb_note(&d->options->notes, "%s", (const char *)notes->ptr + at);
    notes->len = 0;
    return SIGB_OK;
}

/* Every check up to `last`, in order, each once. */
static sigb_rc tell_until(doctor *d, check last, sigb_diag *diag)
{
    sigb_rc rc = d->e->no_memory ? SIGB_E_MEMORY : tell_notes(d);

    while (rc == SIGB_OK && d->told <= (size_t)last)
        rc = tell_one(d, (check)d->told++);
    return rc == SIGB_OK ? SIGB_OK : sigb_no_memory(diag);
}

/* ---- on the device ---- */

static sigb_rc run_within(const doctor *d, const operation *what, bool *left_behind, sigb_diag *diag)
{
    const p11_tracer tracer = {d->options->trace, d->options->trace_arg};

    return deadline_run(what, deadline_in(d->options->timeout_ms), &tracer, left_behind, diag);
}

static bool always(const exam *e)
{
    (void)e;
    return true;
}

static bool module_is_open(const exam *e)
{
    return e->at.module != NULL;
}

static bool token_is_there(const exam *e)
{
    return e->has_slot;
}

static bool session_is_open(const exam *e)
{
    return e->at.session != CK_INVALID_HANDLE;
}

static const struct step {
    check first, last; /* what it judges; a step that hangs, hangs in the first */
    bool (*ready)(const exam *e);
    void (*run)(exam *e);
} STEPS[] = {
    {CHECK_MODULE, CHECK_MODULE, always, examine_module},
    {CHECK_TOKEN, CHECK_PIN, module_is_open, examine_token},
    {CHECK_MECHANISMS, CHECK_MECHANISMS, token_is_there, examine_mechanisms},
    {CHECK_LOGIN, CHECK_LOGIN, session_is_open, examine_login},
    {CHECK_KEY, CHECK_PUBLIC_KEY, session_is_open, examine_key},
};

/* The run() of an operation: what failed is written in the exam. */
static sigb_rc run_task(void *arg, sigb_diag *diag)
{
    exam *e = arg;

    (void)diag;
    place_bind(&e->at);
    e->task(e);
    return SIGB_OK;
}

/* SIGB_E_TIMEOUT: where the task took the exam along, an empty one has its place. */
static sigb_rc run_on_device(doctor *d, void (*task)(exam *e), sigb_diag *diag)
{
    const operation what = {run_task, exam_free, d->e};
    bool left_behind = false;
    sigb_rc rc;

    d->e->task = task;
    rc = run_within(d, &what, &left_behind, diag);
    if (!left_behind)
        return rc;
    d->e = exam_new(NULL, d->options);
    return d->e == NULL ? sigb_no_memory(diag) : rc;
}

/* A person is asked in the caller's thread, and without a deadline. */
static sigb_rc ask_pin(doctor *d, sigb_diag *diag)
{
    const sigb_pin_request request = {SIGB_PIN_USER, d->e->at.slot.label, d->e->at.slot.serial};
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (!login_wants_pin(d->e) || d->options->pin == NULL)
        return SIGB_OK;
    d->e->pin = sigb_pin_new();
    if (d->e->pin == NULL)
        return sigb_no_memory(diag);
    rc = d->options->pin(d->options->pin_arg, &request, d->e->pin, &why);
    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    if (rc != SIGB_OK) {
        d->e->login = LOGIN_REFUSED;
        found_refused(d->e, CHECK_LOGIN, SIGB_VERDICT_FAIL, rc, &why);
    }
    return SIGB_OK;
}

static sigb_rc take_step(doctor *d, const struct step *step, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = SIGB_OK;

    if (step->ready(d->e)) {
        if (step->first == CHECK_LOGIN)
            rc = ask_pin(d, &why);
        if (rc == SIGB_OK)
            rc = run_on_device(d, step->run, &why);
    }
    if (rc == SIGB_E_TIMEOUT)
        found_refused(d->e, step->first, SIGB_VERDICT_FAIL, rc, &why);
    else if (rc != SIGB_OK)
        return sigb_fail_native(diag, rc, why.native, "%s", why.text);
    return tell_until(d, step->last, diag);
}

static sigb_rc close_place(void *arg, sigb_diag *diag)
{
    (void)diag;
    place_close(arg);
    return SIGB_OK;
}

static void drop_place(void *arg)
{
    place_close(arg);
    OPENSSL_free(arg);
}

/* Leaves the token; should that hang, it takes nothing along of what is known by now. */
static sigb_rc leave_device(doctor *d, sigb_diag *diag)
{
    operation what = {close_place, drop_place, OPENSSL_zalloc(sizeof(place))};
    bool left_behind = false;
    sigb_rc rc;

    if (what.arg == NULL)
        return sigb_no_memory(diag);
    memcpy(what.arg, &d->e->at, sizeof(place));
    memset(&d->e->at, 0, sizeof(place));
    rc = run_within(d, &what, &left_behind, diag);
    if (!left_behind)
        drop_place(what.arg);
    return rc == SIGB_E_TIMEOUT ? SIGB_OK : rc;
}

/* ---- without it ---- */

static void examine_signing(doctor *d, sigb_bytes spki)
{
    exam *e = d->e;

    if (!d->request->sign)
        text_put(found(e, CHECK_SIGNATURE, SIGB_VERDICT_NOT_CHECKED, SIGB_OK), "not asked for");
    else if (e->has_key && spki.len > 0)
        examine_signature(e, d->uri, d->options, spki);
}

static sigb_rc examine_rest(doctor *d, sigb_diag *diag)
{
    sigb_buf leaf_spki = SIGB_BUF_INIT;
    sigb_bytes spki;
    sigb_rc rc;

    examine_certs(d->e, d->request, &leaf_spki);
    spki = d->e->spki.len > 0 ? sigb_buf_bytes(&d->e->spki) : sigb_buf_bytes(&leaf_spki);
    examine_algorithm(d->e, spki, d->request->profile);
    rc = tell_until(d, CHECK_ISSUER, diag);
    if (rc == SIGB_OK) {
        examine_signing(d, spki);
        rc = tell_until(d, CHECK_SIGNATURE, diag);
    }
    sigb_buf_free(&leaf_spki);
    return rc;
}

/* ---- together ---- */

static sigb_rc examine_uri(doctor *d, sigb_diag *diag)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    p11_uri *uri = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = p11_uri_parse(d->uri, &d->options->notes, &uri, &why);

    if (rc == SIGB_OK && p11_uri_class(uri, &class) && class != CKO_PRIVATE_KEY)
        rc = sigb_fail(&why, SIGB_E_URI, "type= in the URI names no private key");
    d->e = exam_new(rc == SIGB_OK ? uri : NULL, d->options);
    if (rc != SIGB_OK || d->e == NULL)
        p11_uri_free(uri);
    if (d->e == NULL)
        return sigb_no_memory(diag);
    if (rc != SIGB_OK)
        found_refused(d->e, CHECK_URI, SIGB_VERDICT_FAIL, rc, &why);
    else
        text_put(found(d->e, CHECK_URI, SIGB_VERDICT_OK, SIGB_OK), "well-formed");
    return tell_until(d, CHECK_URI, diag);
}

static sigb_rc examine(doctor *d, sigb_diag *diag)
{
    sigb_rc rc = examine_uri(d, diag);

    for (size_t i = 0; rc == SIGB_OK && d->e->at.uri != NULL && i < COUNT(STEPS); i++)
        rc = take_step(d, &STEPS[i], diag);
    if (rc == SIGB_OK)
        rc = leave_device(d, diag);
    return rc == SIGB_OK ? examine_rest(d, diag) : rc;
}

/* Read once before anything is examined: a file that cannot be read is no finding about a key. */
static sigb_rc require_certs(sigb_bytes der, sigb_diag *diag)
{
    STACK_OF(X509) *certs = NULL;
    sigb_rc rc = certs_parse(der, &certs, diag);

    sk_X509_pop_free(certs, X509_free);
    return rc;
}

static sigb_rc require_request(const doctor *d, sigb_diag *diag)
{
    sigb_rc rc;

    if (d->uri == NULL || d->options == NULL || d->finding == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a doctor needs a URI, options and somebody to tell");
    rc = require_certs(d->request->certs, diag);
    return rc == SIGB_OK ? require_certs(d->request->roots, diag) : rc;
}

static sigb_rc result_of(const doctor *d, sigb_diag *diag)
{
    bool failed = d->failed != SIGB_OK;
    sigb_rc rc = failed ? d->failed : d->unanswered;

    if (rc != SIGB_OK && diag != NULL)
        *diag = failed ? d->why_failed : d->why_unanswered;
    return rc;
}

sigb_rc sigb_token_doctor(const char *uri, const sigb_doctor_request *request,
                          const sigb_pkcs11_options *options, sigb_finding_fn finding, void *finding_arg,
                          sigb_diag *diag)
{
    static const sigb_doctor_request nothing;
    doctor d = {.uri = uri,
                .request = request == NULL ? &nothing : request,
                .options = options,
                .finding = finding,
                .finding_arg = finding_arg};
    sigb_rc rc = require_request(&d, diag);

    if (rc != SIGB_OK)
        return rc;
    (void)ERR_set_mark();
    rc = examine(&d, diag);
    exam_free(d.e);
    (void)ERR_pop_to_mark();
    return rc == SIGB_OK ? result_of(&d, diag) : rc;
}
