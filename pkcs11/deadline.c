/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/deadline.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/gate.h"
#include "base/libctx.h"

#define MAX_LEFT_BEHIND 32 /* calls that never came back; more are not risked */

/* ---- time ---- */

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

deadline deadline_in(unsigned timeout_ms)
{
    return (deadline){timeout_ms == 0, timeout_ms == 0 ? 0 : now_ms() + timeout_ms};
}

unsigned deadline_left_ms(deadline until, unsigned most)
{
    uint64_t now;

    if (until.never)
        return most;
    now = now_ms();
    if (now >= until.at_ms)
        return 0;
    return until.at_ms - now < most ? (unsigned)(until.at_ms - now) : most;
}

bool deadline_passed(deadline until)
{
    return !until.never && now_ms() >= until.at_ms;
}

deadline deadline_sooner(deadline a, deadline b)
{
    if (a.never || (!b.never && b.at_ms < a.at_ms))
        return b;
    return a;
}

int deadline_wait(pthread_cond_t *changed, pthread_mutex_t *lock, deadline until)
{
    struct timespec at = {(time_t)(until.at_ms / 1000), (long)(until.at_ms % 1000) * 1000000};

    return until.never ? pthread_cond_wait(changed, lock) : pthread_cond_timedwait(changed, lock, &at);
}

void deadline_cond_init(pthread_cond_t *changed)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* ---- helper threads ---- */

/* One operation under way. It belongs to its caller, or once it is left behind to its helper. */
typedef struct job {
    operation what;
    p11_tracer tracer;
    gate_ticket ticket;
    bool done, left_behind;
    sigb_rc rc;
    sigb_diag diag;
    pthread_cond_t ended;       /* or something is to be called */
    void (*to_call)(void *arg); /* by whoever waits; NULL: nothing */
    void *to_call_arg;
    pthread_cond_t called;
} job;

static _Thread_local job *running; /* by this helper */

typedef struct helper {
    struct helper *next; /* of those that wait for work */
    pthread_t thread;
    pthread_cond_t woken;
    job *job;
    bool quits;
} helper;

/* Over all that follows; a helper runs a job without it. */
static pthread_mutex_t helpers_lock = PTHREAD_MUTEX_INITIALIZER;
static helper *idle;
static unsigned left_behind_count;
static unsigned helpers_epoch; /* a child has none of its parent's threads */

static void notice_fork(void)
{
    if (helpers_epoch == gate_epoch())
        return;
    helpers_epoch = gate_epoch();
    idle = NULL;
    left_behind_count = 0;
}

static void job_free(job *j)
{
    (void)pthread_cond_destroy(&j->ended);
    (void)pthread_cond_destroy(&j->called);
    OPENSSL_free(j);
}

static void run(job *j)
{
    const p11_tracer *before;

    gate_use_ticket(&j->ticket);
    running = j;
    libctx_meet_thread();
    before = trace_begin(&j->tracer);
    j->rc = j->what.run(j->what.arg, &j->diag);
    trace_end(before);
    (void)call_bind(NULL, 0);
    running = NULL;
    gate_use_ticket(NULL);
}

bool deadline_ask(void (*call)(void *arg), void *arg)
{
    job *j = running;
    bool waited_for;

    if (j == NULL) {
        call(arg);
        return true;
    }
    (void)pthread_mutex_lock(&helpers_lock);
    waited_for = !j->left_behind;
    if (waited_for) {
        j->to_call = call;
        j->to_call_arg = arg;
        (void)pthread_cond_signal(&j->ended);
    }
    while (j->to_call != NULL && !j->left_behind)
        (void)pthread_cond_wait(&j->called, &helpers_lock);
    waited_for = waited_for && j->to_call == NULL;
    (void)pthread_mutex_unlock(&helpers_lock);
    return waited_for;
}

/* With the lock held. Whoever waits for the job finds its helper there for the next one. */
static void put_idle(helper *self)
{
    self->job = NULL;
    self->next = idle;
    idle = self;
}

/* Throws away the result of a job that nobody waits for any more. */
static void finish_left_behind(helper *self, job *j)
{
    if (j->what.drop != NULL)
        j->what.drop(j->what.arg);
    job_free(j);
    (void)pthread_mutex_lock(&helpers_lock);
    put_idle(self);
    (void)pthread_mutex_unlock(&helpers_lock);
}

/* Hands the result over. */
static void finish(helper *self, job *j)
{
    bool left_behind;

    (void)pthread_mutex_lock(&helpers_lock);
    left_behind = j->left_behind;
    left_behind_count -= left_behind;
    j->done = true;
    if (!left_behind)
        put_idle(self);
    (void)pthread_cond_signal(&j->ended);
    (void)pthread_mutex_unlock(&helpers_lock);
    if (left_behind)
        finish_left_behind(self, j);
}

/* The next job; NULL when the helper is to end. */
static job *await_job(helper *self)
{
    job *next;

    (void)pthread_mutex_lock(&helpers_lock);
    while (self->job == NULL && !self->quits)
        (void)pthread_cond_wait(&self->woken, &helpers_lock);
    next = self->job;
    (void)pthread_mutex_unlock(&helpers_lock);
    return next;
}

static void *help(void *arg)
{
    helper *self = arg;

    for (job *next = await_job(self); next != NULL; next = await_job(self)) {
        run(next);
        finish(self, next);
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static bool helper_begin(helper *made)
{
    sigset_t all, before;
    bool began;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    began = pthread_create(&made->thread, NULL, help, made) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return began;
}

static void helper_free(helper *of)
{
    (void)pthread_cond_destroy(&of->woken);
    OPENSSL_free(of);
}

static bool helper_new(job *first)
{
    helper *made = OPENSSL_zalloc(sizeof(*made));

    if (made == NULL)
        return false;
    (void)pthread_cond_init(&made->woken, NULL);
    made->job = first;
    if (helper_begin(made))
        return true;
    helper_free(made);
    return false;
}

/* False: no helper waits. */
static bool wake_idle(job *j)
{
    helper *woken;

    (void)pthread_mutex_lock(&helpers_lock);
    notice_fork();
    woken = idle;
    if (woken != NULL) {
        idle = woken->next;
        woken->job = j;
        (void)pthread_cond_signal(&woken->woken);
    }
    (void)pthread_mutex_unlock(&helpers_lock);
    return woken != NULL;
}

static sigb_rc too_many_left_behind(sigb_diag *diag)
{
    unsigned count;

    (void)pthread_mutex_lock(&helpers_lock);
    notice_fork();
    count = left_behind_count;
    (void)pthread_mutex_unlock(&helpers_lock);
    if (count < MAX_LEFT_BEHIND)
        return SIGB_OK;
    return sigb_fail(
        diag, SIGB_E_TIMEOUT,
        "%u calls of PKCS#11 modules have not come back; no more are made: start the process anew", count);
}

static job *job_new(const operation *what, const p11_tracer *tracer)
{
    job *j = OPENSSL_zalloc(sizeof(*j));

    if (j == NULL)
        return NULL;
    j->what = *what;
    if (tracer != NULL)
        j->tracer = *tracer;
    gate_ticket_init(&j->ticket);
    deadline_cond_init(&j->ended);
    (void)pthread_cond_init(&j->called, NULL);
    return j;
}

/* With the lock given up meanwhile. The time that it takes does not count. */
static void call_for(job *j, deadline *until)
{
    uint64_t began = now_ms();

    (void)pthread_mutex_unlock(&helpers_lock);
    j->to_call(j->to_call_arg);
    (void)pthread_mutex_lock(&helpers_lock);
    until->at_ms += now_ms() - began;
    j->to_call = NULL;
    (void)pthread_cond_signal(&j->called);
}

/* True: it ended in time. Else it is its helper's from now on. */
static bool await_end(job *j, deadline until)
{
    bool done;

    (void)pthread_mutex_lock(&helpers_lock);
    while (!j->done && !deadline_passed(until)) {
        if (j->to_call != NULL)
            call_for(j, &until);
        else
            (void)deadline_wait(&j->ended, &helpers_lock, until);
    }
    done = j->done;
    if (!done) {
        j->left_behind = true;
        (void)pthread_cond_signal(&j->called);
        left_behind_count++;
        (void)gate_abandon(&j->ticket);
    }
    (void)pthread_mutex_unlock(&helpers_lock);
    return done;
}

static sigb_rc run_here(const operation *what, const p11_tracer *tracer, sigb_diag *diag)
{
    const p11_tracer *before = trace_begin(tracer);
    const p11_binding binding = call_bind(NULL, 0);
    sigb_rc rc;

    libctx_meet_thread();
    rc = what->run(what->arg, diag);
    (void)call_bind(binding.module, binding.starts);
    trace_end(before);
    return rc;
}

static sigb_rc hand_over(job *j, deadline until, bool *left_behind, sigb_diag *diag)
{
    sigb_rc rc;

    *left_behind = !await_end(j, until);
    if (*left_behind)
        return sigb_fail(
            diag, SIGB_E_TIMEOUT,
            "the token did not answer in time; the call is left behind: check the device and the "
            "connection to it, or allow more time");
    rc = j->rc;
    if (rc != SIGB_OK && diag != NULL)
        *diag = j->diag;
    job_free(j);
    return rc;
}

sigb_rc deadline_run(const operation *what, deadline until, const p11_tracer *tracer, bool *left_behind,
                     sigb_diag *diag)
{
    job *j;
    sigb_rc rc;

    *left_behind = false;
    if (until.never)
        return run_here(what, tracer, diag);
    gate_guard(&helpers_lock);
    rc = too_many_left_behind(diag);
    if (rc != SIGB_OK)
        return rc;
    j = job_new(what, tracer);
    if (j == NULL)
        return sigb_no_memory(diag);
    if (!wake_idle(j) && !helper_new(j)) {
        job_free(j);
        return sigb_fail(diag, SIGB_E_MEMORY, "no thread can be had for a call with a deadline");
    }
    return hand_over(j, until, left_behind, diag);
}

void deadline_stop_idle(void)
{
    helper *list;

    (void)pthread_mutex_lock(&helpers_lock);
    notice_fork();
    list = idle;
    idle = NULL;
    for (helper *one = list; one != NULL; one = one->next) {
        one->quits = true;
        (void)pthread_cond_signal(&one->woken);
    }
    (void)pthread_mutex_unlock(&helpers_lock);
    while (list != NULL) {
        helper *one = list;

        list = one->next;
        (void)pthread_join(one->thread, NULL);
        helper_free(one);
    }
}
