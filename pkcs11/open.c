/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a key: its module, its token or replicas, the key itself, and what the
 * token holds for it. PINs are asked for in the caller's thread, between runs of
 * an operation that goes on where it stopped.
 */
#include "pkcs11/internal.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/error.h"
#include "base/text.h"

typedef struct opening {
    p11_key *key;
    sigb_pkcs11_options options; /* strings are copies */
    char *module, *init_args;
    deadline until;
    p11_retry retry;
    size_t at;     /* the replica that is being opened */
    sigb_pin *pin; /* for it, once it was asked for */
    bool asks_pin; /* for it */
    bool wants_certs;
    sigb_buf certs;
    sigb_buf notes_text; /* each with its terminator: told when the caller has its thread back */
} opening;

static void opening_free(void *arg)
{
    opening *o = arg;

    if (o == NULL)
        return;
    key_drop(o->key);
    secret_free(o->pin);
    OPENSSL_free(o->module);
    OPENSSL_free(o->init_args);
    sigb_buf_free(&o->certs);
    sigb_buf_free(&o->notes_text);
    OPENSSL_free(o);
}

/* NULL stays NULL. False: out of memory. */
static bool copy_string(const char *from, char **to)
{
    *to = from == NULL ? NULL : OPENSSL_strdup(from);
    return from == NULL || *to != NULL;
}

static opening *opening_new(const sigb_pkcs11_options *options)
{
    opening *o = OPENSSL_zalloc(sizeof(*o));

    if (o == NULL)
        return NULL;
    o->options = *options;
    o->key = key_new(options);
    if (o->key == NULL || !copy_string(options->module, &o->module) ||
        !copy_string(options->init_args, &o->init_args)) {
        opening_free(o);
        return NULL;
    }
    o->options.module = o->module;
    o->options.init_args = o->init_args;
    o->retry = (p11_retry){.until = {.never = true}, .budget_ms = OPENING_BUDGET_MS};
    return o;
}

static void put_note(void *arg, const char *text)
{
    opening *o = arg;

    sigb_buf_append(&o->notes_text, sigb_bytes_of(text, strlen(text) + 1));
}

static void tell_notes(opening *o, const sigb_notes *notes)
{
    const char *at = (const char *)o->notes_text.ptr;

    for (size_t left = o->notes_text.len; left > 0 && !o->notes_text.failed;) {
        sigb_note(notes, "%s", at);
        left -= strlen(at) + 1;
        at += strlen(at) + 1;
    }
    o->notes_text.len = 0;
}

static sigb_rc require_private(const p11_uri *uri, sigb_diag *diag)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;

    if (p11_uri_class(uri, &class) && class != CKO_PRIVATE_KEY)
        return sigb_fail(diag, SIGB_E_URI,
                         "type= in the URI names no private key, and only a private key signs; write "
                         "type=private or leave it out");
    return SIGB_OK;
}

/* ---- tokens ---- */

static sigb_rc join(opening *o, const p11_slot *slots, size_t count, sigb_diag *diag)
{
    p11_key *key = o->key;

    if (count > MAX_REPLICAS)
        return sigb_fail(diag, SIGB_E_TOKEN_AMBIGUOUS, "%zu tokens match the URI; at most %d can be replicas",
                         count, MAX_REPLICAS);
    for (size_t i = 0; i < count; i++) {
        p11_token *token = token_join(key->module, &slots[i]);
        if (token == NULL)
            return sigb_no_memory(diag);
        key->replicas[key->count++].token = token;
    }
    return SIGB_OK;
}

static sigb_rc find_tokens(opening *o, sigb_diag *diag)
{
    p11_slot one, *slots = NULL;
    size_t count = 0;
    sigb_rc rc;

    if (!o->options.replicas) {
        rc = p11_slot_require(o->key->module, o->key->uri, &one, diag);
        return rc == SIGB_OK ? join(o, &one, 1, diag) : rc;
    }
    rc = p11_slots_require(o->key->module, o->key->uri, &slots, &count, diag);
    if (rc == SIGB_OK)
        rc = join(o, slots, count, diag);
    OPENSSL_free(slots);
    return rc;
}

/* Tokens of a module that was just started may not be readable yet: starting it anew is part of trying again. */
static sigb_rc reach_tokens(opening *o, sigb_diag *diag)
{
    p11_key *key = o->key;
    unsigned starts = 0;
    sigb_rc rc = SIGB_OK;

    if (key->count > 0)
        return SIGB_OK;
    if (key->module == NULL)
        rc = p11_module_open(key->uri, &o->options, &key->module, diag);
    if (rc == SIGB_OK) {
        starts = p11_module_starts(key->module);
        rc = find_tokens(o, diag);
    }
    if (rc != SIGB_OK) {
        p11_module_give_up(key->module, starts, o->retry.tries, diag);
        key->module = NULL;
    }
    return rc;
}

/* ---- the key on each of them ---- */

static sigb_rc read_certs(opening *o, const p11_lease *lease, CK_OBJECT_HANDLE object, sigb_diag *diag)
{
    const sigb_notes notes = {put_note, o};

    if (o->at > 0 || !o->wants_certs)
        return SIGB_OK;
    o->certs.len = 0;
    return certs_collect(o->key->module, lease->session, object, sigb_buf_bytes(&o->key->spki), &notes,
                         &o->certs, diag);
}

static sigb_rc open_replica(opening *o, p11_fault *fault, sigb_diag *diag)
{
    const sigb_notes notes = {put_note, o};
    p11_replica *replica = &o->key->replicas[o->at];
    p11_repair how = key_repair(o->key, o->until, o->retry.tries);
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    p11_lease lease;
    bool unproven;
    sigb_rc rc;

    how.pin = o->pin;
    rc = token_lease(replica->token, &how, &lease, fault, diag);
    o->asks_pin = rc != SIGB_OK && fault->asks_pin;
    if (rc != SIGB_OK)
        return rc;
    rc = replica_object(o->key, replica, &lease, &notes, &object, &unproven, diag);
    if (rc == SIGB_OK)
        rc = read_certs(o, &lease, object, diag);
    *fault = fault_of(rc, diag);
    token_return(replica->token, &lease, rc, fault, diag);
    return rc;
}

/* Keys on several tokens are one only if that can be seen. */
static sigb_rc require_replicas(const p11_key *key, sigb_diag *diag)
{
    if (key->count > 1 && key->spki.len == 0)
        return sigb_fail(
            diag, SIGB_E_KEY_AMBIGUOUS,
            "%zu tokens hold a key that matches, and do not tell its public half, so they cannot be "
            "known to be replicas; name one of them by serial=",
            key->count);
    return SIGB_OK;
}

static sigb_rc open_replicas(opening *o, p11_fault *fault, sigb_diag *diag)
{
    while (o->at < o->key->count) {
        sigb_rc rc = open_replica(o, fault, diag);

        if (rc == SIGB_E_KEY_CHANGED)
            return sigb_fail(
                diag, SIGB_E_KEY_AMBIGUOUS,
                "tokens that match the URI hold different keys by this name; name one of them by "
                "serial=");
        if (rc != SIGB_OK)
            return rc;
        secret_free(o->pin);
        o->pin = NULL;
        o->at++;
    }
    return require_replicas(o->key, diag);
}

static sigb_rc try_open(opening *o, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = reach_tokens(o, diag);

    *fault = fault_of(rc, diag);
    if (rc == SIGB_OK)
        rc = open_replicas(o, fault, diag);
    return rc;
}

/* A token that is no replica of the key, or does not serve now, is done without where there are others. */
static bool can_do_without(opening *o, sigb_rc rc, const char *why)
{
    const sigb_notes notes = {put_note, o};
    p11_key *key = o->key;

    if (key->count <= 1 || o->at == key->count || rc == SIGB_E_KEY_AMBIGUOUS || rc == SIGB_E_MEMORY)
        return false;
    sigb_note(&notes, "a token that matches the URI is done without: %s", why);
    replica_leave(key, &key->replicas[o->at]);
    for (size_t i = o->at; i + 1 < key->count; i++)
        key->replicas[i] = key->replicas[i + 1];
    key->replicas[--key->count] = (p11_replica){0};
    o->retry.tries = o->retry.others = 0;
    o->retry.until = o->until;
    return true;
}

/* Tries again, or goes on without what does not serve; false: neither. */
static bool may_go_on(opening *o, sigb_rc rc, const p11_fault *fault, const sigb_diag *diag)
{
    if (o->asks_pin)
        return false;
    return retry_again(&o->retry, fault) || can_do_without(o, rc, diag->text);
}

/* An operation. */
static sigb_rc opening_run(void *arg, sigb_diag *diag)
{
    opening *o = arg;
    p11_fault fault;
    sigb_rc rc;

    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    do {
        memset(diag, 0, sizeof(*diag));
        fault = (p11_fault){CKR_FINAL, false};
        rc = try_open(o, &fault, diag);
    } while (rc != SIGB_OK && may_go_on(o, rc, &fault, diag));
    (void)ERR_pop_to_mark();
    return rc;
}

/* ---- in the caller's thread ---- */

static sigb_rc fetch_pin(opening *o, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    const p11_slot slot = token_slot(o->key->replicas[o->at].token);

    o->asks_pin = false;
    secret_free(o->pin);
    o->pin = secret_new();
    return o->pin == NULL ? sigb_no_memory(diag) : pin_fetch(&slot, o->key->uri, options, o->pin, diag);
}

/* Runs, asks, and runs again, until it is open or refused. */
static sigb_rc open_asking(opening **o, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    const operation what = {opening_run, opening_free, *o};
    bool left_behind = false;
    sigb_rc rc;

    for (;;) {
        deadline outer = deadline_in(options->timeout_ms);

        (*o)->until = deadline_in(options->timeout_ms - options->timeout_ms / 10);
        (*o)->retry = (p11_retry){.until = (*o)->until, .budget_ms = OPENING_BUDGET_MS};
        rc = deadline_run(&what, outer, &(*o)->key->tracer, &left_behind, diag);
        if (left_behind) {
            *o = NULL;
            return rc;
        }
        tell_notes(*o, &options->notes);
        if (!(*o)->asks_pin)
            return rc;
        rc = fetch_pin(*o, options, diag);
        if (rc != SIGB_OK)
            return rc;
    }
}

/* A PIN that tokens keep need not be kept twice. */
static bool keeps_pins(const p11_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        if (!token_keeps_pin(key->replicas[i].token))
            return false;
    return true;
}

static sigb_rc hand_out(opening *o, p11_key **key, sigb_buf *certs, sigb_diag *diag)
{
    if (certs != NULL)
        sigb_buf_append(certs, sigb_buf_bytes(&o->certs));
    if (certs != NULL && certs->failed)
        return sigb_no_memory(diag);
    if (o->options.no_relogin || keeps_pins(o->key))
        p11_uri_forget_pin(o->key->uri);
    *key = o->key;
    o->key = NULL;
    return SIGB_OK;
}

sigb_rc key_open(const char *uri, const sigb_pkcs11_options *options, p11_key **key, sigb_buf *certs,
                 sigb_diag *diag)
{
    opening *o = opening_new(options);
    sigb_rc rc;

    if (o == NULL)
        return sigb_no_memory(diag);
    o->wants_certs = certs != NULL;
    rc = p11_uri_parse(uri, &options->notes, &o->key->uri, diag);
    if (rc == SIGB_OK)
        rc = require_private(o->key->uri, diag);
    if (rc == SIGB_OK)
        rc = open_asking(&o, options, diag);
    if (o == NULL) /* left behind */
        return rc;
    if (rc == SIGB_OK)
        rc = hand_out(o, key, certs, diag);
    opening_free(o);
    return rc;
}
