/* SPDX-License-Identifier: Apache-2.0 */
/* The time stamp of a statement's signature (label 270), judged for a policy that pins roots of TSAs. */
#ifndef SIGB_VERIFY_STAMPED_H
#define SIGB_VERIFY_STAMPED_H

#include "verify/policy.h"

typedef struct judged_stamp {
    bool good;
    int64_t latest; /* the signature existed at this second for sure */
    sigb_rc rc;     /* why not; SIGB_OK: there is none, or nobody asked */
    char *why;
} judged_stamp;

/*
 * A stamp that is not good is no failure: nobody signs what stands there. Fails
 * where nothing could be judged: SIGB_E_MEMORY, SIGB_E_INTERNAL. The caller frees with stamped_free().
 */
SIGB_CHECK sigb_rc stamped_judge(judged_stamp *made, const sigb_statement *statement,
                                 const sigb_policy *policy, sigb_diag *diag);
void stamped_free(judged_stamp *judged);

#endif
