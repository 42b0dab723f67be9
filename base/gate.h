/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that a fork waits for. What must not be cut in two by a fork, calls
 * of a PKCS#11 module above all, is done inside: fork() waits until nobody is,
 * for a bounded time, and holds newcomers back until it is over.
 *
 * A thread may enter again while it is inside (a module may call back, or fork).
 * Nobody waits for anything but the module while inside.
 */
#ifndef SIGB_BASE_GATE_H
#define SIGB_BASE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Has fork() wait from now on. Once is enough; more does nothing. */
void gate_install(void);

/*
 * A mutex that a fork takes and gives back, so that a child never finds it in
 * the hands of a thread that it does not have. For statics that guard a few
 * lines: nobody who holds one enters the gate or takes another. Once is enough.
 */
void gate_guard(pthread_mutex_t *lock);

/*
 * Waits while a fork is under way. False: this thread must not go on, for the
 * process is ending, or the thread's work was abandoned; nothing was entered.
 */
bool gate_enter(void);

/* False: the thread was abandoned meanwhile. Nobody waits for it any more, and what it has belongs to nobody. */
bool gate_leave(void);

/*
 * Work of OpenSSL that takes its locks goes between these two: a child has no
 * thread that would give them back. It is done also where the gate is closed;
 * the second takes what the first returned.
 */
bool gate_shelter(void);
void gate_end_shelter(bool entered);

/* Grows in every child that a fork makes: what was learned under another number is the parent's. */
unsigned gate_epoch(void);

/* True in a child whose fork could not wait: calls may have been cut in two, so no module is touched any more. */
bool gate_is_broken(void);

/* No entrance from now on, for the process ends. False: somebody is still inside after the time given. */
bool gate_close(unsigned wait_ms);
bool gate_is_closed(void);

/*
 * A ticket makes what a thread does inside revocable: once it is abandoned, a
 * fork no longer waits for the thread, and the thread cannot enter again.
 */
typedef struct gate_ticket {
    atomic_int state;
} gate_ticket;

/* Before the thread begins. */
void gate_ticket_init(gate_ticket *ticket);

/* The ticket of this thread from now on; NULL: none. */
void gate_use_ticket(gate_ticket *ticket);

/* The ticket of this thread; NULL: none. */
const gate_ticket *gate_own_ticket(void);

/* True: this thread's ticket was abandoned. */
bool gate_is_abandoned(void);
bool gate_ticket_is_abandoned(const gate_ticket *ticket);

/* From another thread. True: its owner is inside, and may never come back. */
bool gate_abandon(gate_ticket *ticket);

#endif
