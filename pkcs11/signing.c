/* SPDX-License-Identifier: Apache-2.0 */
/* One signature of a key in a token: two calls, and what is done when one of them fails. */
#include "pkcs11/internal.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"

/* ---- one signature, as an operation ---- */

typedef struct signing {
    p11_key *key;
    p11_request what;
    p11_made *made;
    uint8_t prepared[DIGEST_INFO_ROOM + EVP_MAX_MD_SIZE];
    deadline until;
    sigb_pin *pin;          /* that was asked for */
    sigb_pin_kind pin_kind; /* to log in with, or for this signature alone */
    sigb_pin_kind asks;     /* what for, if asks_pin */
    bool asks_pin;
    size_t asks_at;      /* which replica */
    size_t given_up;     /* replicas that have lost the key for good */
    unsigned generation; /* of the token, when it signed */
    bool unproven; /* the key was found again, and no signature of it has proven yet that it is the same */
} signing;

/* One that may outlive the call: what is signed is copied, for nobody knows when the token will have read it. */
static signing *signing_new(p11_key *key, const p11_request *what)
{
    signing *s = OPENSSL_zalloc(sizeof(*s));
    uint8_t *input = OPENSSL_malloc(what->input.len + 1); /* of no bytes, OpenSSL allocates nothing */
    p11_made *made = OPENSSL_malloc(sizeof(*made));

    if (s == NULL || input == NULL || made == NULL) {
        OPENSSL_free(s);
        OPENSSL_free(input);
        OPENSSL_free(made);
        return NULL;
    }
    if (what->input.len > 0)
        memcpy(input, what->input.ptr, what->input.len);
    key_share(key);
    *s = (signing){.key = key, .what = *what, .made = made};
    s->what.input.ptr = input;
    return s;
}

static void signing_free(void *arg)
{
    signing *s = arg;

    OPENSSL_clear_free((void *)(uintptr_t)s->what.input.ptr, s->what.input.len);
    OPENSSL_free(s->made);
    secret_free(s->pin);
    key_drop(s->key);
    OPENSSL_free(s);
}

/* Appends the digest at prepared + at. */
static sigb_rc put_digest(signing *s, size_t *at, sigb_diag *diag)
{
    const p11_request *what = &s->what;
    const p11_hash *hash = what->scheme.hash;
    const EVP_MD *md;
    unsigned len = 0;

    if (what->hashed) {
        if (hash != NULL && what->input.len != hash->len)
            return sigb_fail(diag, SIGB_E_USAGE, "a %s digest has %zu bytes, and not %zu", hash->name,
                             hash->len, what->input.len);
        memcpy(s->prepared + *at, what->input.ptr, what->input.len);
        *at += what->input.len;
        return SIGB_OK;
    }
    md = libctx_digest(hash->name);
    if (md == NULL || EVP_Digest(what->input.ptr, what->input.len, s->prepared + *at, &len, md, NULL) != 1)
        return sigb_openssl_failed(diag, "to hash");
    if (len != hash->len)
        return sigb_fail(diag, SIGB_E_INTERNAL, "%s gave %u bytes", hash->name, len);
    *at += len;
    return SIGB_OK;
}

static size_t cut(const p11_request *what, size_t len)
{
    return what->order_len > 0 && len > what->order_len ? what->order_len : len;
}

/*
 * What the token is given: the message, or the digest, whose length some tokens
 * do not check, in its DigestInfo where PKCS#1 wants one. ECDSA uses as much of
 * it as the group has, which some tokens leave to us.
 */
static sigb_rc input_for(signing *s, const p11_mechanism *mechanism, sigb_bytes *input, sigb_diag *diag)
{
    const p11_request *what = &s->what;
    size_t len = 0;
    sigb_rc rc;

    *input = what->input;
    if (!mechanism->takes_digest)
        return SIGB_OK;
    if (what->scheme.hash == NULL) {
        input->len = cut(what, input->len);
        return SIGB_OK;
    }
    if (what->scheme.family == P11_RSA_PKCS1)
        len = hash_digest_info(what->scheme.hash, s->prepared);
    rc = put_digest(s, &len, diag);
    *input = sigb_bytes_of(s->prepared, cut(what, len));
    return rc;
}

/* ---- keys that ask before every signature ---- */

typedef struct context_login {
    const signing *signing;
    p11_replica *replica;
    const sigb_pin *pin; /* NULL: the token's keypad */
} context_login;

/* A p11_between_fn. What fails here is not tried again. */
static sigb_rc login_for_key(void *arg, CK_SESSION_HANDLE session, sigb_diag *diag)
{
    const context_login *login = arg;
    const p11_key *key = login->signing->key;
    const p11_slot slot = token_slot(login->replica->token);
    const p11_login_how how = {CKU_CONTEXT_SPECIFIC, login->pin, key->options.allow_final_pin_try,
                               login->signing->until};
    bool again;
    sigb_rc rc = login_once(key->module, &slot, session, &how, &again, diag);

    if (rc == SIGB_E_PIN_INCORRECT && login->pin != NULL && login->pin != login->signing->pin)
        token_forget_pin(login->replica->token);
    return rc;
}

/* The PIN that was asked for, else the kept one; false: it is to be asked for. */
static bool take_context_pin(signing *s, const p11_replica *replica, sigb_pin *kept, context_login *login)
{
    const p11_slot slot = token_slot(replica->token);

    if (slot_has_keypad(&slot))
        return true;
    token_copy_pin(replica->token, kept);
    login->pin = s->pin != NULL && s->pin_kind == SIGB_PIN_CONTEXT ? s->pin : kept;
    return login->pin->len > 0;
}

/* ---- the two calls ---- */

static sigb_rc sign_object(signing *s, p11_signing *what, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = p11_sign(s->key->module, what, s->made, diag);

    *fault = fault_of(rc, diag);
    if (what->between_failed)
        fault->class = CKR_FINAL;
    return rc;
}

static sigb_rc sign_asking_first(signing *s, p11_replica *replica, const p11_signing *prepared,
                                 p11_lease *lease, p11_fault *fault, sigb_diag *diag)
{
    context_login login = {s, replica, NULL};
    p11_signing what = *prepared;
    sigb_pin *kept = secret_new();
    sigb_rc rc = kept == NULL ? sigb_no_memory(diag) : SIGB_OK;

    *fault = (p11_fault){CKR_FINAL, false};
    if (rc == SIGB_OK && !take_context_pin(s, replica, kept, &login)) {
        fault->asks_pin = true;
        s->asks = SIGB_PIN_CONTEXT;
        rc = sigb_fail(diag, SIGB_E_PIN_NEEDED, "the key asks for a PIN before every signature");
    }
    what.between = login_for_key;
    what.between_arg = &login;
    if (rc == SIGB_OK)
        rc = sign_object(s, &what, fault, diag);
    lease->unfinished = what.between_failed; /* C_SignInit was called, and C_Sign was not */
    secret_free(kept);
    return rc;
}

static sigb_rc sign_in_session(signing *s, p11_replica *replica, p11_lease *lease, p11_fault *fault,
                               sigb_diag *diag)
{
    p11_signing what = {.session = lease->session};
    sigb_rc rc = replica_object(s->key, replica, lease, NULL, &what.key, &s->unproven, diag);

    s->generation = lease->generation;
    if (rc == SIGB_OK)
        rc = mechanism_for(&replica->mechanisms, &s->what.scheme, s->what.hashed, &what.mechanism, diag);
    if (rc == SIGB_OK)
        rc = input_for(s, &what.mechanism, &what.input, diag);
    if (rc != SIGB_OK) {
        *fault = fault_of(rc, diag);
        return rc;
    }
    return replica->always_authenticate ? sign_asking_first(s, replica, &what, lease, fault, diag)
                                        : sign_object(s, &what, fault, diag);
}

/* New sessions, logins and handles did not help: the module has lost its device, and has to start anew. */
static bool is_no_better(const p11_retry *retry, ckr_class class)
{
    return class == CKR_OTHER ? retry->others > 0 : class >= CKR_STALE && retry->stales > 1;
}

#define ANEW_TRIES 4 /* one key may fail for ever where the others of its token serve */

/* A device that failed, came back, served and fails again: its tries begin anew, and so does what is tried. */
static void begin_anew(p11_retry *retry, const p11_fault *fault, p11_token *token, const p11_lease *lease)
{
    if (fault->class != CKR_OTHER || retry->others == 0 || retry->anew == ANEW_TRIES ||
        !token_has_served(token, lease))
        return;
    retry->anew++;
    retry->others = 0;
}

/* What a failure says of the token; *fault goes on to say what may be done for the signature. */
RARE static p11_fault told_by(p11_fault *fault, p11_retry *retry, p11_token *token, const p11_lease *lease)
{
    p11_fault told = *fault;

    begin_anew(retry, fault, token, lease);
    if (is_no_better(retry, fault->class))
        told.class = CKR_DEAD;
    else if (fault->class ==
             CKR_MISNAMED) /* a handle from before somebody's C_Finalize names whatever came first after */
        told.class = CKR_STALE;
    if (fault->class == CKR_OTHER && token_was_repaired(token, lease))
        fault->class = CKR_STALE; /* not one of the few tries for a token as it is now */
    return told;
}

static sigb_rc sign_once(signing *s, p11_retry *retry, p11_fault *fault, sigb_diag *diag)
{
    size_t at = atomic_load(&s->key->current) % s->key->count;
    p11_replica *replica = &s->key->replicas[at];
    p11_repair how = key_repair(s->key, s->until, retry->tries);
    p11_lease lease;
    p11_fault told = {CKR_FINAL, false};
    sigb_rc rc;

    s->asks_at = at;
    s->asks = SIGB_PIN_USER;
    how.may_log_in = !s->key->options.no_relogin;
    how.pin = s->pin_kind == SIGB_PIN_USER ? s->pin : NULL;
    rc = token_lease(replica->token, &how, &lease, fault, diag);
    if (rc != SIGB_OK)
        return rc;
    rc = sign_in_session(s, replica, &lease, fault, diag);
    if (rc != SIGB_OK)
        told = told_by(fault, retry, replica->token, &lease);
    token_return(replica->token, &lease, rc, &told, diag);
    return rc;
}

/* The next replica serves from now on, unless another thread has said so already. */
static void change_replica(p11_key *key, size_t failed)
{
    if (key->count > 1)
        (void)atomic_compare_exchange_strong(&key->current, &failed, (failed + 1) % key->count);
}

/* A session, a handle or the key itself that does not come back: another replica may have what this one lost. */
static bool is_lost(sigb_rc rc, ckr_class class)
{
    return rc == SIGB_E_KEY_ABSENT || (class >= CKR_MISNAMED && class <= CKR_GONE);
}

/* True: once more, with a replica that was not given up yet. */
static bool give_up(signing *s, p11_retry *retry, sigb_rc rc, ckr_class class)
{
    if (s->given_up + 1 >= s->key->count || !is_lost(rc, class) || !retry_allowed(retry))
        return false;
    s->given_up++;
    change_replica(s->key, s->asks_at);
    retry->misnamed = retry->stales = retry->others = 0;
    return true;
}

/* An operation. */
static sigb_rc signing_run(void *arg, sigb_diag *diag)
{
    signing *s = arg;
    p11_retry retry = {.until = s->until,
                       .budget_ms = s->until.never ? REPAIR_BUDGET_MS : s->key->options.timeout_ms};
    p11_fault fault;
    sigb_rc rc;

    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    do {
        diag->text[0] = '\0';
        diag->native = 0;
        fault = (p11_fault){CKR_FINAL, false};
        rc = sign_once(s, &retry, &fault, diag);
        s->asks_pin = rc != SIGB_OK && fault.asks_pin;
        if (rc != SIGB_OK && fault.class >= CKR_OTHER)
            change_replica(s->key, s->asks_at);
    } while (rc != SIGB_OK && !s->asks_pin &&
             (retry_again(&retry, &fault) || give_up(s, &retry, rc, fault.class)));
    (void)ERR_pop_to_mark();
    return rc;
}

/* ---- in the caller's thread ---- */

static sigb_rc fetch_pin(signing *s, sigb_diag *diag)
{
    const p11_key *key = s->key;
    const p11_slot slot = token_slot(key->replicas[s->asks_at].token);

    secret_free(s->pin);
    s->pin = secret_new();
    s->pin_kind = s->asks;
    if (s->pin == NULL)
        return sigb_no_memory(diag);
    return s->asks == SIGB_PIN_CONTEXT ? pin_ask(&slot, s->asks, &key->options, s->pin, diag)
                                       : pin_fetch(&slot, key->uri, &key->options, s->pin, diag);
}

/* Runs, asks, and runs again. A PIN is asked for once to log in, and once for the signature, of each replica. */
static sigb_rc run_asking(signing *s, bool *left_behind, sigb_diag *diag)
{
    const operation what = {signing_run, signing_free, s};
    unsigned timeout = s->key->options.timeout_ms;
    size_t asked = 0, most = 2 * s->key->count;
    sigb_rc rc;

    for (;;) {
        deadline outer = deadline_in(timeout);

        s->until = deadline_in(timeout - timeout / 10);
        rc = deadline_run(&what, outer, &s->key->tracer, left_behind, diag);
        if (*left_behind || rc == SIGB_OK || !s->asks_pin || asked++ == most)
            return rc;
        rc = fetch_pin(s, diag);
        if (rc != SIGB_OK)
            return rc;
    }
}

static void look_again(p11_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        token_doubt(key->replicas[i].token);
}

/* A signature was wrong although nothing had been lost. Who says so verifies the next one as well. */
void key_doubt(p11_key *key)
{
    atomic_store(&key->doubted, true);
    look_again(key);
}

/* Another key may go by the name of ours since the token was repaired: nobody sees a signature of that one. */
static sigb_rc require_same_key(const signing *s, const p11_request *what, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (!s->unproven)
        return SIGB_OK;
    if (!atomic_exchange(&s->key->doubted, false)) /* else who doubted verifies, until a signature is good */
        rc = s->key->verify(s->key->verify_arg, what, sigb_bytes_of(s->made->bytes, s->made->len));
    if (rc == SIGB_OK) {
        replica_prove(&s->key->replicas[s->asks_at], s->generation);
        return SIGB_OK;
    }
    look_again(s->key);
    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    return sigb_fail(
        diag, SIGB_E_KEY_CHANGED,
        "the key was found again after the token had lost it, and its signature does not verify with the "
        "public key that was opened; nothing was written: find out who replaced the key");
}

static sigb_rc sign_the_same(signing *s, const p11_request *what, bool *left_behind, sigb_diag *diag)
{
    sigb_rc rc = run_asking(s, left_behind, diag);

    return rc == SIGB_OK && !*left_behind ? require_same_key(s, what, diag) : rc;
}

static sigb_rc sign_with_deadline(p11_key *key, const p11_request *what, p11_made *made, sigb_diag *diag)
{
    signing *s = signing_new(key, what);
    bool left_behind = false;
    size_t at = atomic_load(&key->current);
    sigb_rc rc;

    if (s == NULL)
        return sigb_no_memory(diag);
    rc = sign_the_same(s, what, &left_behind, diag);
    if (left_behind) {
        change_replica(key, at);
        return rc;
    }
    if (rc == SIGB_OK) {
        memcpy(made->bytes, s->made->bytes, s->made->len);
        made->len = s->made->len;
    }
    signing_free(s);
    return rc;
}

/* Nothing that this leads to can outlive it. */
static sigb_rc sign_here(p11_key *key, const p11_request *what, p11_made *made, sigb_diag *diag)
{
    signing s = {.key = key, .what = *what, .made = made};
    bool left_behind = false;
    sigb_rc rc = sign_the_same(&s, what, &left_behind, diag);

    secret_free(s.pin);
    return rc;
}

sigb_rc key_sign(p11_key *key, const p11_request *what, p11_made *made, sigb_diag *diag)
{
    sigb_diag why;

    if (diag == NULL)
        diag = &why;
    if (what->scheme.hash != NULL && what->hashed && what->input.len > EVP_MAX_MD_SIZE)
        return sigb_fail(diag, SIGB_E_USAGE, "a digest has at most %d bytes", EVP_MAX_MD_SIZE);
    return key->options.timeout_ms > 0 ? sign_with_deadline(key, what, made, diag)
                                       : sign_here(key, what, made, diag);
}

/* ---- the end ---- */

static sigb_rc drop_run(void *arg, sigb_diag *diag)
{
    (void)diag;
    key_drop(arg);
    return SIGB_OK;
}

/* Closing may hang as signing may. */
void key_close(p11_key *key)
{
    const operation what = {drop_run, NULL, key};
    const p11_tracer tracer = key->tracer;
    bool left_behind;

    key->verify = NULL;
    (void)!deadline_run(&what, deadline_in(key->options.timeout_ms), &tracer, &left_behind, NULL);
}
