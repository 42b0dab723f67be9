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

/* Changes the module's own table, so for all its users; before it is opened, and while nobody is in it. */
void soak_begin(const softhsm *hsm);

/* Nothing fails before this is called, nor once it is called with false. */
void soak_strike(bool now);

/* Prints how often each fault struck. False: one never did, which proves nothing. */
bool soak_all_struck(void);

#endif
