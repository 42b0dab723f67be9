/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations with a deadline. A call into a module cannot be stopped, so it is
 * made in another thread, which is left behind when the time is over: one hop
 * for each operation. What an operation touches belongs to it, for it may go on
 * when nobody waits any more.
 */
#ifndef SIGB_PKCS11_DEADLINE_H
#define SIGB_PKCS11_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "pkcs11/pkcs11.h"

/* A point in time, by a clock that only moves forward. */
typedef struct deadline {
    bool never;
    uint64_t at_ms;
} deadline;

/* `timeout_ms` from now; 0: never. */
deadline deadline_in(unsigned timeout_ms);
bool deadline_passed(deadline until);

/* How long is left, `most` at most. */
unsigned deadline_left_ms(deadline until, unsigned most);

/* The sooner of the two. */
deadline deadline_sooner(deadline a, deadline b);

/* pthread_cond_timedwait() by that clock, on what deadline_cond_init() made. */
int deadline_wait(pthread_cond_t *changed, pthread_mutex_t *lock, deadline until);
void deadline_cond_init(pthread_cond_t *changed);

/*
 * What is run. `arg` and all that it leads to are the operation's until it is
 * given back. run() may call the module; drop() releases arg.
 */
typedef struct operation {
    sigb_rc (*run)(void *arg, sigb_diag *diag);
    void (*drop)(void *arg);
    void *arg;
} operation;

/*
 * Runs the operation: here where there is no deadline, else in a helper thread.
 * If *left_behind (SIGB_E_TIMEOUT) it still runs, and drops arg by itself when it
 * ends: the caller must not use arg any more. Else arg is the caller's again, who
 * drops it. Calls of the operation are told to `tracer`, which is copied; none
 * after it was left behind.
 */
SIGB_CHECK sigb_rc deadline_run(const operation *what, deadline until, const p11_tracer *tracer,
                                bool *left_behind, sigb_diag *diag);

/*
 * Has call(arg) made by whoever waits for the operation that this thread runs, in
 * their thread, while their clock stands still; without one it is made here.
 * False: nobody waits any more, and nothing was called.
 */
bool deadline_ask(void (*call)(void *arg), void *arg);

/* Ends the helper threads that wait for work. */
void deadline_stop_idle(void);

#endif
