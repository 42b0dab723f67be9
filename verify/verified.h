/* SPDX-License-Identifier: Apache-2.0 */
/* What verification makes, and only it. */
#ifndef SIGB_VERIFY_VERIFIED_H
#define SIGB_VERIFY_VERIFIED_H

#include "verify/policy.h"
#include "verify/receipts.h"
#include "verify/stamped.h"

/* What one verification had before it and found. */
typedef struct findings {
    const sigb_statement *statement;
    const sigb_policy *policy;
    const sigb_beside *beside;
    sigb_bytes payload;
    checked *chain;
    judged_receipts receipts; /* moved into the result, as the next */
    judged_stamp stamp;
    int64_t at;
    const char *time_source; /* static */
} findings;

/* Keeps all of it, copied; takes a reference to the chain. SIGB_E_MEMORY. */
SIGB_CHECK sigb_rc verified_new(findings *found, sigb_verified **verified, sigb_diag *diag);

#endif
