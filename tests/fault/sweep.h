/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries every cell of a table (table.h): one fault, one result. It is wrong as
 * well if a call is made that has no row, if a cell was never injected, if a PIN
 * is tried again that the token may have judged, if what failed does not come
 * back when the fault is over, and if anything crashes, leaks or hangs.
 */
#ifndef SIGB_TESTS_SWEEP_H
#define SIGB_TESTS_SWEEP_H

#include "tests/support/support.h"

#include "tests/fault/table.h"
#include "tests/support/fault.h"
#include "tests/support/softhsm.h"

/* What is tried: where it begins, with which fault. */
typedef struct sweep_run {
    unsigned serial;     /* of the token: what it refused once is remembered under its name */
    unsigned timeout_ms; /* of whatever is opened; 0: none */
    const char *fault;   /* a rule of a plan; "": none */
    void *opened;        /* NULL: nothing is */
    sigb_rc rc;
    sigb_diag diag;
} sweep_run;

/* What may happen before it is done once more; the first in which a call is made is the one to spoil it in. */
typedef struct sweep_event {
    const char *name, *rule; /* the rule of a plan that brings it about; "": none does */
    void (*happen)(void);    /* or this; NULL: nothing */
} sweep_event;

#define SWEEP_EVENTS 5

/* What the words of a refusal hold where it is not the name of the code. */
typedef struct sweep_words {
    const char *call;
    CK_RV code; /* CKR_OK: any */
    const char *says;
} sweep_words;

typedef struct sweep {
    const char *name;
    const fault_row *own; /* rows for this one alone: in place of those that all share, or besides */
    size_t own_count;
    bool is_whole;   /* every row that all share is for it: then NEVER is so, and nothing else is */
    bool opens_anew; /* each time: where NEVER stands for later, it is as at first */
    bool is_alike;   /* and nothing is open in between: only what is not called at first is tried later */
    const sweep_words *words;
    size_t word_count;
    sweep_event events[SWEEP_EVENTS]; /* as far as they have a name */
    void (*open)(
        sweep_run *run); /* opens and does it: SIGB_OK, and it is good. Leaves `opened` where it can */
    void (*again)(sweep_run *run); /* once more, with what is open */
    void (*close)(sweep_run *run);
} sweep;

/* Where it plays. */
typedef struct sweep_scene {
    softhsm *hsm;
    const fault_control *fault;
    void (*begin)(struct sweep_scene *scene); /* in each process: fills in the two above */
    void (*end)(struct sweep_scene *scene);
} sweep_scene;

/* What was left behind at a deadline may still call the module: returns when nobody does any more. */
void sweep_wait_for_quiet(void);

/*
 * The main() of a sweep: the cells are dealt to several processes, for most of their time is waiting.
 *   ..._sweep_test [NAME [CALL]]   one sweep alone; and of it the cells of one call
 */
int sweep_all(sweep_scene *scene, const sweep *sweeps, size_t count, int argc, char **argv);

#endif
