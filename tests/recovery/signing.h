/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that make statement after statement with one signer, and an account of what came of it. */
#ifndef SIGB_TESTS_RECOVERY_SIGNING_H
#define SIGB_TESTS_RECOVERY_SIGNING_H

#include <pthread.h>
#include <stdatomic.h>

#include <sigbridge/sigbridge.h>

#include "tests/recovery/options.h"

#define MOST_THREADS 64
#define RESULTS      128 /* more than any sigb_rc */

typedef struct sign_account {
    unsigned long good, refused[RESULTS];
    char words[RESULTS][SIGB_DIAG_TEXT]; /* of the first refusal with this code */
    unsigned long slowest_ms;
} sign_account;

typedef struct sign_run {
    const run_options *options;
    sigb_signer *signer;
    sigb_issuer *issuer;
    atomic_ulong begun;  /* statements, each with a number of its own */
    atomic_bool slowly;  /* an event is under way: pace it, or thousands would be made meanwhile */
    atomic_bool settled; /* no event will come: the threads end with the last statement */
    pthread_mutex_t lock;
    sign_account account;
    pthread_t threads[MOST_THREADS];
} sign_run;

/* Opens the key of the options; ends the process where that fails. */
void run_open(sign_run *run, const run_options *options);

/* The same over a signer that somebody made; the run frees it. */
void run_open_with(sign_run *run, const run_options *options, sigb_signer *signer);

void run_start(sign_run *run);

/* Waits until this many statements were begun. */
void run_wait(const sign_run *run, unsigned long begun);

/* Waits until as many statements as there are threads are good from now on; ends the process if that never comes. */
void run_wait_well(sign_run *run);

/* Waits for the threads, frees what the run holds, prints the account. False: something took too long. */
bool run_end(sign_run *run);

/* True when enough statements were made and none was refused, or each thread was, where that ends it. */
bool run_is_good(const sign_run *run);

#endif
