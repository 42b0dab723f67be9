/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the token while others sign. Some events are made here, by
 * another user of the module in the same process, through bare Cryptoki; one
 * asks whoever started the process to make it; one has the fault module
 * (tests/fault) play a broken device.
 */
#ifndef SIGB_TESTS_RECOVERY_EVENTS_H
#define SIGB_TESTS_RECOVERY_EVENTS_H

#include <p11-kit/pkcs11.h>

#include "tests/fault/control.h"
#include "tests/recovery/signing.h"

/* A module as its other user has it. Others change its state meanwhile. */
typedef struct other_user {
    CK_FUNCTION_LIST *calls;
    const fault_control *faults; /* NULL: not the fault module */
} other_user;

/* path may be NULL: then no event of ours can be fired. */
void other_user_load(other_user *user, const char *path);

/* Ends the process where there is no event of this name, or where it does not come off. */
void event_fire(const char *name, const other_user *user, unsigned long number);

/* The event of the run's options at random points, which are printed: --seed plays them again. */
void conduct(sign_run *run, const other_user *user);

#endif
