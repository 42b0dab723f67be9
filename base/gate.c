/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gate.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/tally.h"

#define DRAIN_MS 2000 /* how long a fork waits at most */
#define POLL_NS  50000
#define PAUSE_MS 100 /* a rest between two looks that took longer counts as this long */

enum { TICKET_OUTSIDE, TICKET_INSIDE, TICKET_ABANDONED };

static tally inside;        /* threads, but those that were abandoned there */
static atomic_bool forking; /* newcomers wait */
static atomic_bool closed;  /* newcomers are turned away */
static atomic_bool broken;
static atomic_uint epoch;
static pthread_mutex_t fork_lock = PTHREAD_MUTEX_INITIALIZER; /* held from before a fork until after it */

/*
 * Per thread, for two reasons that nothing else serves: a module that forks while
 * it is called must not wait for itself, and a call cannot be told who makes it.
 */
static _Thread_local unsigned depth;
static _Thread_local gate_ticket *current;

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What this thread adds to `inside`: nothing any more once it was abandoned there. */
static unsigned own_share(void)
{
    return depth > 0 && (current == NULL || atomic_load(&current->state) == TICKET_INSIDE) ? 1 : 0;
}

/*
 * True once no other thread is inside. Polls: whoever leaves must not pay for a fork that nearly never comes.
 * A rest takes longer than it is told, so the clock decides; but it goes on while a process is stopped or a
 * machine is paused, when nobody can leave.
 */
static bool drain(unsigned wait_ms)
{
    static const struct timespec rest = {0, POLL_NS};
    uint64_t waited = 0, last = now_ms();
    bool empty;

    while (!(empty = tally_sum(&inside) <= own_share()) && waited < wait_ms) {
        uint64_t now;
        (void)nanosleep(&rest, NULL);
        now = now_ms();
        waited += now - last < PAUSE_MS ? now - last : PAUSE_MS;
        last = now;
    }
    return empty;
}

/* ---- fork ---- */

#define MAX_GUARDED 8

static bool drained; /* under fork_lock */
static pthread_mutex_t guard_lock =
    PTHREAD_MUTEX_INITIALIZER; /* over the next two: who is inside may add to them */
static pthread_mutex_t *guarded[MAX_GUARDED];
static size_t guarded_count;

static void before_fork(void)
{
    (void)pthread_mutex_lock(&fork_lock);
    atomic_store(&forking, true);
    drained = drain(DRAIN_MS);
    (void)pthread_mutex_lock(&guard_lock);
    for (size_t i = 0; i < guarded_count; i++)
        (void)pthread_mutex_lock(guarded[i]);
}

static void after_fork(void)
{
    for (size_t i = guarded_count; i > 0; i--)
        (void)pthread_mutex_unlock(guarded[i - 1]);
    (void)pthread_mutex_unlock(&guard_lock);
    atomic_store(&forking, false);
    (void)pthread_mutex_unlock(&fork_lock);
}

/* One thread is left, this one. */
static void in_child(void)
{
    if (!drained)
        atomic_store(&broken, true);
    tally_clear(&inside);
    if (own_share() > 0)
        tally_raise(&inside);
    atomic_fetch_add(&epoch, 1);
    after_fork();
}

static void install(void)
{
    (void)pthread_atfork(before_fork, after_fork, in_child);
}

void gate_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install);
}

void gate_guard(pthread_mutex_t *lock)
{
    size_t at = 0;

    (void)pthread_mutex_lock(&guard_lock);
    while (at < guarded_count && guarded[at] != lock)
        at++;
    if (at == guarded_count && at < MAX_GUARDED)
        guarded[guarded_count++] = lock;
    (void)pthread_mutex_unlock(&guard_lock);
}

unsigned gate_epoch(void)
{
    return atomic_load_explicit(&epoch, memory_order_relaxed);
}

bool gate_is_broken(void)
{
    return atomic_load_explicit(&broken, memory_order_relaxed);
}

/* ---- entering ---- */

static void count_in(void)
{
    tally_raise(&inside);
    while (atomic_load(&forking)) {
        tally_lower(&inside);
        (void)pthread_mutex_lock(&fork_lock); /* until the fork is over */
        (void)pthread_mutex_unlock(&fork_lock);
        tally_raise(&inside);
    }
}

static bool ticket_move(gate_ticket *ticket, int from, int to)
{
    return ticket == NULL || atomic_compare_exchange_strong(&ticket->state, &from, to);
}

bool gate_enter(void)
{
    if (depth > 0) {
        depth++;
        return true;
    }
    count_in();
    if (atomic_load(&closed) || !ticket_move(current, TICKET_OUTSIDE, TICKET_INSIDE)) {
        tally_lower(&inside);
        return false;
    }
    depth = 1;
    return true;
}

/* Who was abandoned inside is not counted any more. */
bool gate_leave(void)
{
    if (--depth > 0)
        return true;
    if (!ticket_move(current, TICKET_INSIDE, TICKET_OUTSIDE))
        return false;
    tally_lower(&inside);
    return true;
}

bool gate_shelter(void)
{
    return gate_enter();
}

void gate_end_shelter(bool entered)
{
    if (entered)
        (void)gate_leave();
}

bool gate_close(unsigned wait_ms)
{
    atomic_store(&closed, true);
    return drain(wait_ms);
}

bool gate_is_closed(void)
{
    return atomic_load_explicit(&closed, memory_order_relaxed);
}

/* ---- tickets ---- */

void gate_ticket_init(gate_ticket *ticket)
{
    atomic_init(&ticket->state, TICKET_OUTSIDE);
}

void gate_use_ticket(gate_ticket *ticket)
{
    current = ticket;
}

const gate_ticket *gate_own_ticket(void)
{
    return current;
}

bool gate_ticket_is_abandoned(const gate_ticket *ticket)
{
    return atomic_load(&ticket->state) == TICKET_ABANDONED;
}

bool gate_is_abandoned(void)
{
    return current != NULL && gate_ticket_is_abandoned(current);
}

bool gate_abandon(gate_ticket *ticket)
{
    bool was_inside = atomic_exchange(&ticket->state, TICKET_ABANDONED) == TICKET_INSIDE;

    if (was_inside)
        tally_lower(&inside);
    return was_inside;
}
