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

#define IDLE_ROOM  32 /* sessions kept open beyond this are of no use to anybody */
#define BUSY_TRIES 6  /* about 60 ms: others that log in at the same time are done by then */
#define SOUND      CKR_FINAL
#define LOOK_MS    100 /* how often those who wait for a repair look whether it was left behind */

/* Sessions that may be alive, to be closed once the lock is free. */
typedef struct leftovers {
    CK_SESSION_HANDLE sessions[IDLE_ROOM];
    size_t count;
    unsigned starts; /* of the module: after another one their numbers are somebody else's */
} leftovers;

struct p11_token {
    p11_token *next;
    p11_module *module;
    unsigned users;
    p11_slot slot;
    sigb_pin *pin;               /* with which the token was logged in to, NULL if it is not kept */
    ckr_class ailment;           /* what has to be repaired; SOUND: nothing */
    bool repairing;              /* one thread does */
    const gate_ticket *repairer; /* its ticket: nobody waits for one that was left behind */
    unsigned repairs;            /* that were begun: one that was left behind is not the last */
    bool renewed;                /* it has new sessions for a device that failed, and none has served yet */
    unsigned served;             /* the generation in which a session last did */
    sigb_rc refusal;             /* of the last repair, if it failed and another may not; SIGB_OK: none did */
    sigb_diag why;               /* and its words */
    unsigned generation, batch;
    unsigned alive_since; /* sessions of earlier batches have gone, and their numbers may be another user's */
    unsigned starts;      /* of the module, when the sessions were opened */
    unsigned starts_tried; /* of the module, that did not bring them back */
    unsigned epoch;
    pthread_cond_t changed;
    CK_SESSION_HANDLE idle[IDLE_ROOM];
    size_t idle_count;
    size_t out;
    size_t closing;    /* of those that are out */
    leftovers orphans; /* of calls that were left behind and came back */
    size_t limit;      /* of sessions, as the token has shown; 0: none yet */
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
    token->starts = token->starts_tried = slot->starts;
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

static bool may_close(const p11_token *token, const p11_lease *lease)
{
    return lease->epoch == gate_epoch() && lease->starts == p11_module_starts(token->module) &&
           (int)(lease->batch - token->alive_since) >= 0;
}

bool token_may_close(p11_token *token, const p11_lease *lease)
{
    bool may;

    lock();
    may = may_close(token, lease);
    unlock();
    return may;
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
    call_bind(token->module, token->starts);
    while (token->idle_count > 0 && token->ailment != CKR_GONE && owns_sessions(token))
        p11_session_close(token->module, token->idle[--token->idle_count]);
    call_bind(NULL, 0);
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

/* ---- repair ---- */

/* What one repair works with. It may be left behind: then another begins, and this one changes nothing any more. */
typedef struct repair_work {
    p11_token *token;
    const p11_repair *how;
    unsigned number;
    ckr_class ailment; /* these as they were when it began */
    unsigned starts_before, starts_tried;
    bool is_first;
    bool renewed;
    p11_slot slot; /* found again, if need be */
    CK_SESSION_HANDLE session;
    unsigned starts;
    bool sessions_gone;
} repair_work;

/* Nobody is asked in vain, as far as the token has told; the login looks again. */
static sigb_rc asks_pin(const repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = pin_require_tries(&work->slot, work->how->allow_final_try, diag);

    *fault = (p11_fault){CKR_FINAL, rc == SIGB_OK};
    if (rc != SIGB_OK)
        return rc;
    return sigb_fail(diag, SIGB_E_PIN_NEEDED, "token %s (serial %s) asks for a PIN", work->slot.label,
                     work->slot.serial);
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

/*
 * Of a login that may be tried again: codes that would be final elsewhere are here a token that is busy. A module that
 * goes on so has lost its token (SoftHSM, whose folder was away for a while), and only starting it anew helps.
 */
static ckr_class class_of_login(CK_RV rv, unsigned tries)
{
    ckr_class class = ckr_classify(rv);

    if (class != CKR_FINAL && class != CKR_OTHER)
        return class;
    return tries < BUSY_TRIES ? CKR_BUSY : CKR_DEAD;
}

/* `pin`: NULL for the token's keypad. */
static sigb_rc log_in_with(const repair_work *work, const sigb_pin *pin, p11_fault *fault, sigb_diag *diag)
{
    const p11_repair *how = work->how;
    const p11_login_how login = {CKU_USER, pin, how->allow_final_try, how->until};
    bool again = false;
    sigb_rc rc = login_once(work->token->module, &work->slot, work->session, &login, &again, diag);

    if (rc == SIGB_OK && how->keep_pin && how->pin != NULL)
        rc = keep_pin(work->token, how->pin, diag);
    if (rc == SIGB_E_PIN_INCORRECT)
        change_pin(work->token, NULL);
    if (rc != SIGB_OK)
        *fault = (p11_fault){again ? class_of_login(diag->native, how->tries) : CKR_FINAL, false};
    return rc;
}

/* With a copy of what is kept, for that may change meanwhile. */
static sigb_rc log_in_with_kept(const repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    sigb_pin *kept;
    sigb_rc rc;

    if (!token_keeps_pin(work->token))
        return asks_pin(work, fault, diag);
    kept = secret_new();
    if (kept == NULL)
        return sigb_no_memory(diag);
    token_copy_pin(work->token, kept);
    rc = kept->len > 0 ? log_in_with(work, kept, fault, diag) : asks_pin(work, fault, diag);
    secret_free(kept);
    return rc;
}

static sigb_rc log_in(const repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    if (!work->how->may_log_in)
        return sigb_fail(
            diag, SIGB_E_PIN_NEEDED,
            "the login to token %s (serial %s) was lost, and its PIN was not kept, as was asked for; "
            "open the key anew",
            work->slot.label, work->slot.serial);
    if (work->how->pin != NULL || slot_has_keypad(&work->slot))
        return log_in_with(work, work->how->pin, fault, diag);
    return log_in_with_kept(work, fault, diag);
}

/* A session, if there is none, and a login, if there is none. */
static sigb_rc reopen(repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    p11_module *module = work->token->module;
    sigb_rc rc = SIGB_OK;

    if (work->session == CK_INVALID_HANDLE)
        rc = p11_session_open(module, &work->slot, false, &work->session, diag);
    *fault = fault_of(rc, diag);
    if (rc != SIGB_OK || !login_is_needed(module, &work->slot, work->session))
        return rc;
    rc = log_in(work, fault, diag);
    if (rc == SIGB_OK)
        return SIGB_OK;
    if (fault->class != CKR_GONE)
        p11_session_close(module, work->session);
    work->session = CK_INVALID_HANDLE;
    return rc;
}

/*
 * A device that fails is given a new session first, by whichever thread: starting the module anew ends those of all its
 * users.
 */
static bool must_restart(const repair_work *work)
{
    return work->ailment == CKR_DEAD &&
           (work->how->tries > 1 || work->renewed || !module_is_touchable(work->token->module));
}

static sigb_rc restart(const repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (must_restart(work))
        rc = p11_module_restart(work->token->module, work->starts_tried,
                                work->starts_tried != work->starts_before, diag);
    *fault = fault_of(rc, diag);
    if (rc == SIGB_E_MODULE)
        fault->class = CKR_DEAD; /* it does not start now */
    return rc;
}

/* What was found in an earlier start may be in another slot now, and another token in its slot. */
static bool must_find_slot(const repair_work *work)
{
    return work->sessions_gone && (!work->is_first || work->starts != work->slot.starts);
}

/* A session to work with, after the module is up. Another thread may start it anew meanwhile: then this one's calls are refused. */
static sigb_rc renew(repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    call_bind(work->token->module, work->starts);
    if (must_find_slot(work)) {
        rc = p11_slot_again(work->token->module, &work->slot, diag);
        *fault = fault_of(rc, diag);
    }
    if (rc == SIGB_OK)
        rc = reopen(work, fault, diag);
    call_bind(NULL, 0);
    return rc;
}

static sigb_rc repair(repair_work *work, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = restart(work, fault, diag);

    work->starts = p11_module_starts(work->token->module);
    work->sessions_gone = work->ailment >= CKR_GONE || work->starts != work->starts_before;
    if (work->sessions_gone)
        work->session = CK_INVALID_HANDLE;
    return rc == SIGB_OK ? renew(work, fault, diag) : rc;
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
    token->refusal = SIGB_OK;
    token->renewed = false;
    token->idle_count = token->out = token->closing = token->limit = token->orphans.count = 0;
    deadline_cond_init(&token->changed);
    if (token->pin != NULL)
        secret_lock_memory(token->pin);
}

static void notice_restart(p11_token *token)
{
    if (token->ailment < CKR_GONE && token->starts != p11_module_starts(token->module))
        token->ailment = CKR_GONE;
}

/* Closes them with the lock given up meanwhile. */
static void close_leftovers(p11_token *token, leftovers *old)
{
    if (old->count == 0)
        return;
    unlock();
    call_bind(token->module, old->starts);
    while (old->count > 0)
        p11_session_close(token->module, old->sessions[--old->count]);
    call_bind(NULL, 0);
    lock();
}

static void put_orphan(p11_token *token, CK_SESSION_HANDLE session)
{
    if (session != CK_INVALID_HANDLE && token->orphans.count < IDLE_ROOM)
        token->orphans.sessions[token->orphans.count++] = session;
}

/* A token with few sessions has none to spare for them. The lock is given up meanwhile. */
static void close_orphans(p11_token *token)
{
    leftovers old = token->orphans;

    old.starts = token->starts;
    token->orphans.count = 0;
    if (token->ailment != CKR_GONE && owns_sessions(token))
        close_leftovers(token, &old);
}

/* The sessions of before are forgotten; those that may be alive are left to be closed. */
static void end_batch(p11_token *token, const repair_work *work, leftovers *old)
{
    bool lost = work->ailment == CKR_GONE || !owns_sessions(token);

    if (!lost) {
        memcpy(old->sessions, token->idle, sizeof(old->sessions));
        old->count = token->idle_count;
    }
    token->idle_count = 0;
    token->limit = 0;
    token->batch++;
    if (lost) {
        token->alive_since = token->batch;
        token->orphans.count = 0;
    }
}

static void settle(p11_token *token, const repair_work *work, leftovers *old)
{
    old->starts = token->starts;
    if (work->sessions_gone)
        end_batch(token, work, old);
    token->ailment = SOUND;
    token->refusal = SIGB_OK;
    token->renewed = work->ailment >= CKR_OTHER && work->starts == work->starts_before && !work->is_first;
    token->slot = work->slot;
    token->starts = token->starts_tried = work->starts;
    token->generation++;
    if (token->idle_count == IDLE_ROOM)
        old->sessions[old->count++] = token->idle[--token->idle_count];
    token->idle[token->idle_count++] = work->session;
}

/* With the lock held: the work to be done without it. */
static repair_work repair_begin(p11_token *token, const p11_repair *how)
{
    repair_work work = {.token = token,
                        .how = how,
                        .number = ++token->repairs,
                        .ailment = token->ailment,
                        .starts_before = token->starts,
                        .starts_tried = token->starts_tried,
                        .is_first = token->generation == 0,
                        .renewed = token->renewed,
                        .slot = token->slot,
                        .session = CK_INVALID_HANDLE};

    token->repairing = true;
    token->repairer = gate_own_ticket();
    if (work.ailment == CKR_STALE && token->idle_count > 0)
        work.session = token->idle[--token->idle_count]; /* the token may have no other */
    return work;
}

/* False: it was left behind, and what it found is of no use. */
static bool repair_end(p11_token *token, const repair_work *work)
{
    bool is_last = token->repairs == work->number;

    if (is_last) {
        token->repairing = false;
        token->repairer = NULL;
        (void)pthread_cond_broadcast(&token->changed);
    }
    if (is_last && !gate_is_abandoned())
        return true;
    if (work->starts == p11_module_starts(token->module))
        put_orphan(token, work->session);
    return false;
}

/* Who waits in vain for the next repair tells what this one found. */
static void note_failure(p11_token *token, const repair_work *work, sigb_rc rc, const p11_fault *fault,
                         const sigb_diag *diag)
{
    if (fault->class == CKR_DEAD)
        token->starts_tried = work->starts;
    if (fault->class >= CKR_STALE && fault->class > token->ailment)
        token->ailment = fault->class;
    if (fault->class == CKR_FINAL)
        return;
    token->refusal = rc;
    token->why = *diag;
}

/* Repairs with the lock given up meanwhile. */
static sigb_rc repair_unlocked(p11_token *token, const p11_repair *how, p11_fault *fault, sigb_diag *diag)
{
    repair_work work = repair_begin(token, how);
    leftovers old = {.count = 0};
    sigb_rc rc;

    unlock();
    rc = repair(&work, fault, diag);
    lock();
    if (!repair_end(token, &work)) {
        *fault = (p11_fault){CKR_FINAL, false};
        return rc != SIGB_OK ? rc : sigb_fail(diag, SIGB_E_TIMEOUT, "a repair was left behind");
    }
    if (rc == SIGB_OK)
        settle(token, &work, &old);
    else
        note_failure(token, &work, rc, fault, diag);
    close_leftovers(token, &old);
    return rc;
}

static bool is_being_repaired(const p11_token *token)
{
    return token->repairing && (token->repairer == NULL || !gate_ticket_is_abandoned(token->repairer));
}

static sigb_rc waited_in_vain(const p11_token *token, sigb_diag *diag)
{
    if (token->repairing && token->refusal != SIGB_OK) {
        *diag = token->why;
        return token->refusal;
    }
    if (token->repairing)
        return sigb_fail(diag, SIGB_E_TIMEOUT,
                         "token %s (serial %s) was lost, and another thread has not brought it back in time; "
                         "check the device and the connection to it, or allow more time",
                         token->slot.label, token->slot.serial);
    return sigb_fail(
        diag, SIGB_E_TIMEOUT,
        "no session of token %s became free in time (%zu are in use); allow more time, or sign in "
        "fewer threads",
        token->slot.label, token->out);
}

/* Nobody tells of a repair that is left behind, so those who wait for one look at times. */
static sigb_rc wait_for_change(p11_token *token, const p11_repair *how, p11_fault *fault, sigb_diag *diag)
{
    if (!deadline_passed(how->until)) {
        (void)deadline_wait(&token->changed, &tokens_lock,
                            token->repairing ? deadline_sooner(how->until, deadline_in(LOOK_MS))
                                             : how->until);
        return SIGB_OK;
    }
    *fault = (p11_fault){CKR_FINAL, false};
    return waited_in_vain(token, diag);
}

/* The token got new sessions while one more was being opened: whatever came of that belongs to the old ones. */
static void drop_overtaken(p11_token *token, const p11_lease *was, CK_SESSION_HANDLE *session)
{
    if (may_close(token, was))
        put_orphan(token, *session);
    *session = CK_INVALID_HANDLE;
}

/* What the failure to open one more says of the token. */
static sigb_rc note_shortage(p11_token *token, sigb_rc rc, p11_fault *fault, sigb_diag *diag)
{
    *fault = fault_of(rc, diag);
    if (fault->class == CKR_BUSY && token->out + token->idle_count > 0) {
        token->limit = token->out + token->idle_count;
        memset(diag, 0, sizeof(*diag));
        return SIGB_OK; /* without a session: to be waited for */
    }
    if (fault->class > token->ailment && fault->class >= CKR_STALE && !gate_is_abandoned())
        token->ailment = fault->class;
    return rc;
}

/* One more session, with the lock given up meanwhile; SIGB_OK without one: to be tried again. */
static sigb_rc open_one_more(p11_token *token, CK_SESSION_HANDLE *session, p11_fault *fault, sigb_diag *diag)
{
    const p11_lease was = {CK_INVALID_HANDLE, token->generation, token->batch,
                           token->starts,     token->epoch,      false};
    p11_slot slot = token->slot;
    sigb_rc rc;

    token->out++;
    call_bind(token->module, was.starts);
    unlock();
    rc = p11_session_open(token->module, &slot, false, session, diag);
    lock();
    call_bind(NULL, 0);
    token->out--;
    if (rc != SIGB_OK) /* who waits for the last one that is out waits for nothing */
        (void)pthread_cond_broadcast(&token->changed);
    if (was.batch == token->batch)
        return rc == SIGB_OK ? rc : note_shortage(token, rc, fault, diag);
    memset(diag, 0, sizeof(*diag));
    drop_overtaken(token, &was, session);
    return SIGB_OK;
}

static bool is_at_limit(const p11_token *token)
{
    return token->limit > 0 && token->out >= token->limit;
}

/* One step on the way to a session: repair, wait, or take one. */
static sigb_rc step(p11_token *token, const p11_repair *how, CK_SESSION_HANDLE *session, p11_fault *fault,
                    sigb_diag *diag)
{
    if (is_being_repaired(token))
        return wait_for_change(token, how, fault, diag);
    notice_restart(token);
    if (token->orphans.count > 0) {
        close_orphans(token);
        return SIGB_OK;
    }
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
        *lease = (p11_lease){session, token->generation, token->batch, token->starts, token->epoch, false};
        call_bind(token->module, lease->starts);
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

/* No other session would be left; two that are closed at once must not both leave it to the other. */
static bool is_last(const p11_token *token)
{
    return token->out - token->closing == 1 && token->idle_count == 0;
}

/* A session, a login or a handle has ended, and nobody of ours has ended it. */
static bool tells_of_others(const p11_token *token, const p11_lease *lease, sigb_rc rc, const sigb_diag *diag)
{
    ckr_class class = fault_of(rc, diag).class;

    return lease->starts == p11_module_starts(token->module) &&
           (class == CKR_MISNAMED || class == CKR_STALE || class == CKR_GONE);
}

/* New sessions that served no thread are not given again. */
static void mark(p11_token *token, const p11_lease *lease, const p11_fault *fault)
{
    ckr_class class = fault->class == CKR_OTHER && token->renewed ? CKR_DEAD : fault->class;

    if (class >= CKR_STALE && lease->generation == token->generation && class > token->ailment)
        token->ailment = class;
}

bool token_was_repaired(p11_token *token, const p11_lease *lease)
{
    bool was;

    lock();
    was = lease->generation != token->generation;
    unlock();
    return was;
}

bool token_has_served(p11_token *token, const p11_lease *lease)
{
    bool has;

    lock();
    has = token->served == lease->generation;
    unlock();
    return has;
}

/* A session on which a call failed: its number is closed unless it may be another user's by now. */
static void give_bad(p11_token *token, const p11_lease *lease, const p11_fault *fault)
{
    CK_SESSION_HANDLE fresh;
    bool last;

    lock();
    last = is_last(token) && fault->class != CKR_GONE;
    token->closing++;
    unlock();
    fresh = successor(token, last);
    if (fault->class != CKR_GONE && token_may_close(token, lease))
        p11_session_close(token->module, lease->session);
    lock();
    token->out--;
    token->closing--;
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
    bool kept, closes;

    lock();
    token->out--;
    if (lease->generation == token->generation) {
        token->renewed = false;
        token->served = lease->generation;
    }
    kept = put_idle(token, lease->session, lease->batch);
    closes = !kept && may_close(token, lease);
    (void)pthread_cond_signal(&token->changed);
    unlock();
    if (closes)
        p11_session_close(token->module, lease->session);
}

/* Of a call that was left behind and came back: this thread can close nothing any more. */
static void give_orphan(p11_token *token, const p11_lease *lease)
{
    lock();
    token->out--;
    if (may_close(token, lease))
        put_orphan(token, lease->session);
    (void)pthread_cond_broadcast(&token->changed);
    unlock();
}

/* No call failed, and nothing was found that makes the session suspect. */
static bool is_good(sigb_rc rc, const p11_fault *fault, const sigb_diag *diag)
{
    return rc == SIGB_OK || (diag->native == CKR_OK && fault->class == CKR_FINAL);
}

void token_return(p11_token *token, const p11_lease *lease, sigb_rc rc, const p11_fault *fault,
                  const sigb_diag *diag)
{
    bool is_ours = lease->epoch == gate_epoch();

    if (is_ours && rc != SIGB_OK && tells_of_others(token, lease, rc, diag))
        module_is_shared(token->module);
    if (!is_ours) {
        /* the parent's */
    } else if (gate_is_abandoned()) {
        give_orphan(token, lease);
    } else if (is_good(rc, fault, diag) && !lease->unfinished) {
        give_good(token, lease);
    } else {
        give_bad(token, lease, fault);
    }
    call_bind(NULL, 0);
}

bool token_keeps_pin(p11_token *token)
{
    bool keeps;

    lock();
    keeps = token->pin != NULL;
    unlock();
    return keeps;
}

void token_forget_pin(p11_token *token)
{
    change_pin(token, NULL);
}

void token_doubt(p11_token *token)
{
    lock();
    if (token->ailment < CKR_STALE)
        token->ailment = CKR_STALE;
    unlock();
}
