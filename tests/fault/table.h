/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes out of one fault: for each Cryptoki call that opening a key and
 * making a statement cause, and each code that the call may plausibly answer,
 * the one result. fault_sweep_test.c tries every cell.
 */
#ifndef SIGB_TESTS_FAULT_TABLE_H
#define SIGB_TESTS_FAULT_TABLE_H

#include <p11-kit/pkcs11.h>

#include <sigbridge/error.h>

#define NEVER (-1) /* the call is not made there */

/*
 * Results, SIGB_OK standing for a statement that verifies. "once": the call
 * answers so one time; "always": every time from then on. "first": from the
 * opening on. "later": in the second statement of a signer, after whatever
 * brings the call about (the sweep knows): nothing, lost sessions, a dead device.
 */
typedef struct fault_row {
    const char *call;
    CK_RV code;
    int first_once, first_always, later_once, later_always; /* a sigb_rc, or NEVER */
} fault_row;

extern const fault_row FAULT_ROWS[];
extern const size_t FAULT_ROW_COUNT;

#endif
