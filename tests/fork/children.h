/* SPDX-License-Identifier: Apache-2.0 */
/* Children that work: each leaves a report in shared memory, and has a limited time. */
#ifndef SIGB_TESTS_CHILDREN_H
#define SIGB_TESTS_CHILDREN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "tests/fork/shop.h"

#define CHILD_S                                                                                              \
    60 /* seconds that a child may take before it counts as hung, on a machine that does other things too */

typedef struct report {
    atomic_bool done; /* the child came to the end of its work */
    sigb_rc rc;
    char words[SIGB_DIAG_TEXT];
    size_t len; /* of what it made */
    uint8_t made[SHOP_STATEMENT];
} report;

/* Memory that children share with whoever made it; zeroes. */
void *shared_new(size_t len);
void shared_free(void *memory, size_t len);

/* Puts what a child has to say in its report. */
void report_put(report *mine, sigb_rc rc, const sigb_diag *diag, const sigb_buf *made);

/* The report of one child, as bytes. */
sigb_bytes report_made(const report *of);

/* What a child does, by its number; no assertion may be made here. */
typedef void (*child_fn)(void *arg, size_t number, report *mine);

/*
 * Forks `count` children, `alive` of them at once, and waits for all. Returns how
 * many did not come to their end: those that hung are killed.
 */
size_t children_run(size_t count, size_t alive, child_fn work, void *arg, report *reports);

/* 300 forks, `alive` children at once, of a SoftHSM that resets itself in a child or does not. */
typedef void forks_fn(bool reset, size_t alive);

/* Six tests, a program's whole main(): 1, 4 and 16 children at once, with and without the reset. */
int children_run_stories(forks_fn *forks);

#endif
