/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token, its sessions and their repair. The lock guards the numbers alone: no
 * C_ call is made under it. docs/architecture.md has the states as pictures.
 */
#include "pkcs11/internal.h"

#include <pthread.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/gate.h"

#define IDLE_ROOM 32 /* sessions kept open beyond this are of no use to anybody */
#define SOUND     CKR_FINAL

struct p11_token {
    p11_token *next;
    p11_module *module;
    unsigned users;
    p11_slot slot;
    sigb_pin *pin;     /* with which the token was logged in to, NULL if it is not kept */
    ckr_class ailment; /* what has to be repaired; SOUND: nothing */
    bool repairing;    /* one thread does, and nobody else changes slot and pin meanwhile */
    unsigned generation, batch;
    unsigned starts;       /* of the module, when the sessions were opened */
    unsigned starts_tried; /* of the module, that did not bring them back */
    unsigned epoch;
    pthread_cond_t changed;
    CK_SESSION_HANDLE idle[IDLE_ROOM];
    size_t idle_count;
    size_t out;
    size_t limit; /* of sessions, as the token has shown; 0: none yet */
};

/* Over all tokens: what it guards is a few numbers, and a fork has one lock to hold. */
static pthread_mutex_t tokens_lock = PTHREAD_MUTEX_INITIALIZER;
static p11_token *tokens;

static void lock(void)
{
    (void)pthread_mutex_lock(&tokens_lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&tokens_lock);
}

/* ---- who shares a token ---- */

static p11_token *token_find(const p11_module *module, const p11_slot *slot)
{
    p11_token *token = tokens;

    while (token != NULL &&
           (token->module != module || token->slot.id != slot->id ||
            strcmp(token->slot.serial, slot->serial) != 0 || strcmp(token->slot.label, slot->label) != 0))
        token = token->next;
    if (token != NULL)
        token->users++;
    return token;
}

static p11_token *token_new(p11_module *module, const p11_slot *slot)
{
    p11_token *token = OPENSSL_zalloc(sizeof(*token));

    if (token == NULL)
        return NULL;
    token->module = module;
    token->slot = *slot;
    token->users = 1;
    token->ailment = CKR_GONE;
    token->starts = token->starts_tried = p11_module_starts(module);
    token->epoch = gate_epoch();
    deadline_cond_init(&token->changed);
    return token;
}

static void token_free(p11_token *token)
{
    if (token == NULL)
        return;
    secret_free(token->pin);
    (void)pthread_cond_destroy(&token->changed);
    OPENSSL_free(token);
}

/* The one that others have, or else `made`, which is taken then. */
static p11_token *find_or_add(const p11_module *module, const p11_slot *slot, p11_token **made)
{
    p11_token *token;

    lock();
    token = token_find(module, slot);
    if (token == NULL && *made != NULL) {
        token = *made;
        *made = NULL;
        token->next = tokens;
        tokens = token;
    }
    unlock();
    return token;
}

p11_token *token_join(p11_module *module, const p11_slot *slot)
{
    p11_token *made = NULL, *token;

    gate_guard(&tokens_lock);
    token = find_or_add(module, slot, &made);
    if (token == NULL && (made = token_new(module, slot)) != NULL)
        token = find_or_add(module, slot, &made);
    token_free(made);
    return token;
}

static void tokens_remove(const p11_token *token)
{
    p11_token **at = &tokens;

    while (*at != token)
        at = &(*at)->next;
    *at = token->next;
}

/* Sessions of an earlier start of the module, or of the parent, are not ours to close. */
static bool owns_sessions(const p11_token *token)
{
    return token->epoch == gate_epoch() && token->starts == p11_module_starts(token->module);
}

void token_leave(p11_token *token)
{
    bool last;

    if (token == NULL)
        return;
    lock();
    last = --token->users == 0;
    if (last)
        tokens_remove(token);
    unlock();
    if (!last)
        return;
    while (token->idle_count > 0 && owns_sessions(token))
        p11_session_close(token->module, token->idle[--token->idle_count]);
    token_free(token);
}

p11_slot token_slot(p11_token *token)
{
    p11_slot slot;

    lock();
    slot = token->slot;
    unlock();
    return slot;
}

void token_copy_pin(p11_token *token, sigb_pin *copy)
{
    lock();
    if (token->pin != NULL) {
        memcpy(copy->page, token->pin->page, token->pin->len);
        copy->len = token->pin->len;
    }
    unlock();
}

/* ---- repair: of a token that this thread alone works at ---- */

/* What a repair begins with, as the lock showed it, and what it ends with. */
typedef struct repaired {
    ckr_class ailment;
    p11_slot slot; /* where the token is; others read the token's own meanwhile */
    CK_SESSION_HANDLE session;
    unsigned starts;
    bool sessions_gone;
} repaired;

static sigb_rc asks_pin(const p11_token *token, const p11_slot *slot, const p11_repair *how, p11_fault *fault,
                        sigb_diag *diag)
{
    sigb_rc rc = pin_require_tries(token->module, slot, how->allow_final_try, diag);

    *fault = (p11_fault){CKR_FINAL, rc == SIGB_OK};
    if (rc != SIGB_OK)
        return rc;
    return sigb_fail(diag, SIGB_E_PIN_NEEDED, "token %s (serial %s) asks for a PIN", slot->label,
                     slot->serial);
}

/* Takes `pin`; NULL: none is kept. */
static void change_pin(p11_token *token, sigb_pin *pin)
{
    sigb_pin *old;

    lock();
    old = token->pin;
    token->pin = pin;
    unlock();
    secret_free(old);
}

static sigb_rc keep_pin(p11_token *token, const sigb_pin *pin, sigb_diag *diag)
{
    sigb_pin *copy = secret_new();
    sigb_rc rc = copy == NULL ? sigb_no_memory(diag) : sigb_pin_copy(copy, pin, diag);

    if (rc == SIGB_OK)
        change_pin(token, copy);
    else
        secret_free(copy);
    return rc;
}

/* Of a login that may be tried again: codes that would be final elsewhere are here a token that is busy. */
static ckr_class class_of_login(CK_RV rv)
{
    ckr_class class = ckr_classify(rv);

    return class == CKR_FINAL || class == CKR_OTHER ? CKR_BUSY : class;
}

static sigb_rc log_in(p11_token *token, const p11_repair *how, const repaired *done, p11_fault *fault,
                      sigb_diag *diag)
{
    const p11_slot *slot = &done->slot;
    const p11_login_how login = {CKU_USER, how->pin != NULL ? how->pin : token->pin, how->allow_final_try,
                                 how->until};
    bool again = false;
    sigb_rc rc;

    if (!how->may_log_in)
        return sigb_fail(
            diag, SIGB_E_PIN_NEEDED,
            "the login to token %s (serial %s) was lost, and its PIN was not kept, as was asked for; "
            "open the key anew",
            slot->label, slot->serial);
    if (login.pin == NULL && !slot_has_keypad(slot))
        return asks_pin(token, slot, how, fault, diag);
    rc = login_once(token->module, slot, done->session, &login, &again, diag);
    if (rc == SIGB_OK && how->keep_pin && how->pin != NULL)
        rc = keep_pin(token, how->pin, diag);
    if (rc == SIGB_E_PIN_INCORRECT)
        change_pin(token, NULL);
    if (rc != SIGB_OK)
        *fault = (p11_fault){again ? class_of_login(diag->native) : CKR_FINAL, false};
    return rc;
}

/* A session, if there is none, and a login, if there is none. */
static sigb_rc reopen(p11_token *token, const p11_repair *how, repaired *done, p11_fault *fault,
                      sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (done->session == CK_INVALID_HANDLE)
        rc = p11_session_open(token->module, &done->slot, false, &done->session, diag);
    *fault = fault_of(rc, diag);
    if (rc != SIGB_OK || !login_is_needed(token->module, &done->slot, done->session))
        return rc;
    rc = log_in(token, how, done, fault, diag);
    if (rc == SIGB_OK)
        return SIGB_OK;
    p11_session_close(token->module, done->session);
    done->session = CK_INVALID_HANDLE;
    return rc;
}

/* A device that fails is given a new session first: starting the module anew ends those of all its users. */
static bool must_restart(const p11_token *token, const p11_repair *how, ckr_class ailment)
{
    return ailment == CKR_DEAD && (how->tries > 1 || !module_is_touchable(token->module));
}

static sigb_rc restart(p11_token *token, const p11_repair *how, ckr_class ailment, p11_fault *fault,
                       sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (must_restart(token, how, ailment))
        rc = p11_module_restart(token->module, token->starts_tried, diag);
    *fault = fault_of(rc, diag);
    if (rc == SIGB_E_MODULE)
        fault->class = CKR_DEAD; /* it does not start now */
    return rc;
}

static sigb_rc repair(p11_token *token, const p11_repair *how, repaired *done, p11_fault *fault,
                      sigb_diag *diag)
{
    sigb_rc rc = restart(token, how, done->ailment, fault, diag);

    done->starts = p11_module_starts(token->module);
    done->sessions_gone = done->ailment >= CKR_GONE || done->starts != token->starts;
    if (rc == SIGB_OK && done->sessions_gone && token->generation > 0) {
        rc = p11_slot_again(token->module, &done->slot, diag);
        *fault = fault_of(rc, diag);
    }
    return rc == SIGB_OK ? reopen(token, how, done, fault, diag) : rc;
}

/* ---- the states; with the lock held ---- */

/* A child has neither its parent's sessions nor its threads. */
static void notice_fork(p11_token *token)
{
    if (token->epoch == gate_epoch())
        return;
    token->epoch = gate_epoch();
    token->ailment = CKR_DEAD;
    token->repairing = false;
    token->idle_count = token->out = token->limit = 0;
    deadline_cond_init(&token->changed);
    if (token->pin != NULL)
        secret_lock_memory(token->pin);
}

static void notice_restart(p11_token *token)
{
    if (token->ailment < CKR_GONE && token->starts != p11_module_starts(token->module))
        token->ailment = CKR_GONE;
}

/* Sessions that may be alive, to be closed once the lock is free. */
typedef struct leftovers {
    CK_SESSION_HANDLE sessions[IDLE_ROOM];
    size_t count;
} leftovers;

static void settle(p11_token *token, const repaired *done, leftovers *old)
{
    if (done->sessions_gone) {
        /* after CKR_GONE or a restart their numbers may be another user's by now */
        if (token->ailment != CKR_GONE && owns_sessions(token)) {
            memcpy(old->sessions, token->idle, sizeof(old->sessions));
            old->count = token->idle_count;
        }
        token->idle_count = 0;
        token->batch++;
        token->limit = 0;
    }
    token->ailment = SOUND;
    token->slot = done->slot;
    token->starts = token->starts_tried = done->starts;
    token->generation++;
    if (token->idle_count == IDLE_ROOM)
        old->sessions[old->count++] = token->idle[--token->idle_count];
    token->idle[token->idle_count++] = done->session;
}

/* Repairs with the lock given up meanwhile. */
static sigb_rc repair_unlocked(p11_token *token, const p11_repair *how, p11_fault *fault, sigb_diag *diag)
{
    repaired done = {.ailment = token->ailment, .slot = token->slot, .session = CK_INVALID_HANDLE};
    leftovers old = {.count = 0};
    sigb_rc rc;

    token->repairing = true;
    if (token->ailment == CKR_STALE && token->idle_count > 0)
        done.session = token->idle[--token->idle_count]; /* the token may have no other */
    unlock();
    rc = repair(token, how, &done, fault, diag);
    lock();
    token->repairing = false;
    if (rc == SIGB_OK)
        settle(token, &done, &old);
    else if (fault->class == CKR_DEAD)
        token->starts_tried = done.starts;
    if (rc != SIGB_OK && fault->class >= CKR_STALE && fault->class > token->ailment)
        token->ailment = fault->class;
    (void)pthread_cond_broadcast(&token->changed);
    if (old.count == 0)
        return rc;
    unlock();
    while (old.count > 0)
        p11_session_close(token->module, old.sessions[--old.count]);
    lock();
    return rc;
}

static sigb_rc wait_for_change(p11_token *token, const p11_repair *how, p11_fault *fault, sigb_diag *diag)
{
    if (!deadline_passed(how->until)) {
        (void)deadline_wait(&token->changed, &tokens_lock, how->until);
        return SIGB_OK;
    }
    *fault = (p11_fault){CKR_FINAL, false};
    return sigb_fail(
        diag, SIGB_E_TIMEOUT,
        "no session of token %s became free in time (%zu are in use); allow more time, or sign in "
        "fewer threads",
        token->slot.label, token->out);
}

/* One more session, with the lock given up meanwhile. */
static sigb_rc open_one_more(p11_token *token, CK_SESSION_HANDLE *session, p11_fault *fault, sigb_diag *diag)
{
    p11_slot slot = token->slot;
    sigb_rc rc;

    token->out++;
    unlock();
    rc = p11_session_open(token->module, &slot, false, session, diag);
    lock();
    token->out--;
    if (rc == SIGB_OK)
        return SIGB_OK;
    *fault = fault_of(rc, diag);
    (void)pthread_cond_broadcast(
        &token->changed); /* who waits for the last one that is out waits for nothing */
    if (fault->class == CKR_BUSY && token->out + token->idle_count > 0) {
        token->limit = token->out + token->idle_count;
        memset(diag, 0, sizeof(*diag));
        return SIGB_OK; /* without a session: to be waited for */
    }
    if (fault->class > token->ailment && fault->class >= CKR_STALE)
        token->ailment = fault->class;
    return rc;
}

static bool is_at_limit(const p11_token *token)
{
    return token->limit > 0 && token->out >= token->limit;
}

/* One step on the way to a session: repair, wait, or take one. */
static sigb_rc step(p11_token *token, const p11_repair *how, CK_SESSION_HANDLE *session, p11_fault *fault,
                    sigb_diag *diag)
{
    if (token->repairing)
        return wait_for_change(token, how, fault, diag);
    notice_restart(token);
    if (token->ailment != SOUND)
        return repair_unlocked(token, how, fault, diag);
    if (token->idle_count > 0) {
        *session = token->idle[--token->idle_count];
        return SIGB_OK;
    }
    return is_at_limit(token) ? wait_for_change(token, how, fault, diag)
                              : open_one_more(token, session, fault, diag);
}

sigb_rc token_lease(p11_token *token, const p11_repair *how, p11_lease *lease, p11_fault *fault,
                    sigb_diag *diag)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    sigb_rc rc = SIGB_OK;

    lock();
    notice_fork(token);
    while (rc == SIGB_OK && session == CK_INVALID_HANDLE)
        rc = step(token, how, &session, fault, diag);
    if (rc == SIGB_OK) {
        token->out++;
        *lease = (p11_lease){session, token->generation, token->batch, token->starts, token->epoch};
    }
    unlock();
    return rc;
}

/* ---- giving back ---- */

/* The last session takes the login with it, so its successor is opened first. */
static CK_SESSION_HANDLE successor(p11_token *token, bool is_last)
{
    CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;
    p11_slot slot;

    if (!is_last)
        return CK_INVALID_HANDLE;
    slot = token_slot(token);
    return p11_session_open(token->module, &slot, false, &fresh, NULL) == SIGB_OK ? fresh : CK_INVALID_HANDLE;
}

static bool put_idle(p11_token *token, CK_SESSION_HANDLE session, unsigned batch)
{
    bool kept = session != CK_INVALID_HANDLE && batch == token->batch && token->idle_count < IDLE_ROOM;

    if (kept)
        token->idle[token->idle_count++] = session;
    return kept;
}

static bool is_last(const p11_token *token)
{
    return token->out == 1 && token->idle_count == 0;
}

static void mark(p11_token *token, const p11_lease *lease, const p11_fault *fault)
{
    bool repairable = fault->class >= CKR_STALE;

    if (repairable && lease->generation == token->generation && fault->class > token->ailment)
        token->ailment = fault->class;
}

/* A session on which a call failed: its number is closed unless it may be another user's by now. */
static void give_bad(p11_token *token, const p11_lease *lease, const p11_fault *fault)
{
    CK_SESSION_HANDLE fresh;
    bool last;

    lock();
    last = is_last(token) && fault->class < CKR_STALE;
    unlock();
    fresh = successor(token, last);
    if (fault->class != CKR_GONE && lease->starts == p11_module_starts(token->module))
        p11_session_close(token->module, lease->session);
    lock();
    token->out--;
    mark(token, lease, fault);
    if (!put_idle(token, fresh, lease->batch))
        last = false;
    (void)pthread_cond_signal(&token->changed);
    unlock();
    if (!last)
        p11_session_close(token->module, fresh);
}

static void give_good(p11_token *token, const p11_lease *lease)
{
    bool kept;

    lock();
    token->out--;
    kept = put_idle(token, lease->session, lease->batch);
    (void)pthread_cond_signal(&token->changed);
    unlock();
    if (!kept)
        p11_session_close(token->module, lease->session);
}

/* No call failed, and nothing was found that makes the session suspect. */
static bool is_good(sigb_rc rc, const p11_fault *fault, const sigb_diag *diag)
{
    return rc == SIGB_OK || (diag->native == CKR_OK && fault->class == CKR_FINAL);
}

void token_return(p11_token *token, const p11_lease *lease, sigb_rc rc, const p11_fault *fault,
                  const sigb_diag *diag)
{
    if (lease->epoch != gate_epoch())
        return;
    if (gate_is_abandoned()) {
        lock();
        token->out--;
        unlock();
    } else if (is_good(rc, fault, diag)) {
        give_good(token, lease);
    } else {
        give_bad(token, lease, fault);
    }
}

bool token_keeps_pin(p11_token *token)
{
    bool keeps;

    lock();
    keeps = token->pin != NULL;
    unlock();
    return keeps;
}

void token_doubt(p11_token *token)
{
    lock();
    if (token->ailment < CKR_STALE)
        token->ailment = CKR_STALE;
    unlock();
}
