/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes out of one fault: for each Cryptoki call that something causes, and
 * each code that the call may plausibly answer, the one result. sweep.c tries
 * every cell.
 */
#ifndef SIGB_TESTS_FAULT_TABLE_H
#define SIGB_TESTS_FAULT_TABLE_H

#include <p11-kit/pkcs11.h>

#include <sigbridge/error.h>

#define NEVER (-1) /* the call is not made there */

/*
 * Results, SIGB_OK standing for what is wanted, and good. "once": the call
 * answers so one time; "always": every time from then on. "first": from the
 * opening on. "later": when it is done once more with what is open, after
 * whatever brings the call about (the sweep knows): nothing, lost sessions, a
 * dead device.
 */
typedef struct fault_row {
    const char *call;
    CK_RV code;
    int first_once, first_always, later_once, later_always; /* a sigb_rc, or NEVER */
} fault_row;

/*
 * For whatever opens a key and signs, and for what reads without one: it comes to
 * the same. What differs in one sweep stands beside it.
 */
extern const fault_row FAULT_ROWS[];
extern const size_t FAULT_ROW_COUNT;

#endif
