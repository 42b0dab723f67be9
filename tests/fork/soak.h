/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SoftHSM whose calls fail now and then as if sessions, the login, the module
 * or the device were lost, for threads that sign on it for a while; and at which
 * ThreadSanitizer does not look.
 */
#ifndef SIGB_TESTS_SOAK_H
#define SIGB_TESTS_SOAK_H

#include "tests/support/softhsm.h"

#define SOAK_THREADS 16
#define SOAK_WORDS   SIGB_DIAG_TEXT

/* Changes the module's own table, so for all its users; before it is opened, and while nobody is in it. */
void soak_begin(const softhsm *hsm);

/*
 * What each thread does all the time, with its part of an array of its own kind. The nth one that it makes (of those
 * that were good) is good, or it is false and `words` say why.
 */
typedef struct soak_work {
    const char *what; /* is made: "statements" */
    bool (*make)(void *worker, size_t nth, char words[SOAK_WORDS]);
    void *workers; /* SOAK_THREADS of them */
    size_t size;   /* of one */
} soak_work;

/* For so many seconds, with calls that fail meanwhile, and not before nor after. True: all that was made was good. */
bool soak_for(unsigned seconds, const soak_work *work);

/* The SECONDS of the command line; 0: there are none, and how it is used was printed. */
unsigned soak_seconds(int argc, char **argv);

/* Prints how often each fault struck. False: one never did, which proves nothing. */
bool soak_all_struck(void);

#endif
