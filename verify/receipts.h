/* SPDX-License-Identifier: Apache-2.0 */
/* The receipts of one statement, each judged by itself: a bad one harms no good one, and none goes unreported. */
#ifndef SIGB_VERIFY_RECEIPTS_H
#define SIGB_VERIFY_RECEIPTS_H

#include <sigbridge/receipt.h>

#include "verify/policy.h"

/* One that is not good. */
typedef struct refused_receipt {
    size_t place; /* in label 394, from 0 */
    sigb_rc rc;
    char *why;
} refused_receipt;

typedef struct judged_receipts {
    sigb_receipt **kept; /* the good ones: facts are views into them */
    sigb_receipt_facts *good;
    size_t good_count;
    refused_receipt *refused;
    size_t refused_count;
    size_t unjudged; /* behind the first SIGB_MAX_RECEIPTS */
} judged_receipts;

/*
 * Judges each with the policy's keys; without keys, or receipts, nothing is
 * judged. `payload` is of a detached statement. Fails only where nothing can be
 * judged: SIGB_E_MEMORY, SIGB_E_INTERNAL. The caller frees with receipts_free().
 */
SIGB_CHECK sigb_rc receipts_judge(judged_receipts *made, const sigb_statement *statement, sigb_bytes payload,
                                  const sigb_policy *policy, sigb_diag *diag);
void receipts_free(judged_receipts *judged);

/* Those that the policy demands are there. SIGB_E_RECEIPT_NEEDED says what was found instead. */
SIGB_CHECK sigb_rc receipts_require(const judged_receipts *judged, const sigb_policy *policy,
                                    sigb_diag *diag);

/* The earliest time that an accepted receipt gives; false if none does. */
bool receipts_time(const judged_receipts *judged, const sigb_policy *policy, int64_t *at);

#endif
