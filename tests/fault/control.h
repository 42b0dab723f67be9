/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a test in the same process steers the fault module while it runs, in any
 * thread. Counts are in memory that is shared with children: what they do is
 * counted too. The grammar of plans is at the top of fault_module.c.
 */
#ifndef SIGB_TESTS_FAULT_CONTROL_H
#define SIGB_TESTS_FAULT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fault_control {
    /* Another plan from now on, with every count at 0 and the device alive. False: not a plan; nothing changed. */
    bool (*plan)(const char *text);

    /* How often this function was called, spoilt or not; all of them for "*". */
    unsigned long (*calls)(const char *function);

    /* How often this rule of the plan struck; the first is 0. */
    unsigned long (*hits)(size_t rule);

    /* What C_Login answered, in order; how many there are, of which `room` at most are written. */
    size_t (*logins)(unsigned long *codes, size_t room);

    /* Calls that hang go on. */
    void (*release)(void);

    /* How many calls have not come back yet. */
    unsigned (*inside)(void);
} fault_control;

/* The symbol that the module exports, a fault_control. */
#define FAULT_CONTROL "fault_controls"

#endif
