/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that a token failed, and that are tried again where that may help. */
#ifndef SIGB_PKCS11_RETRY_H
#define SIGB_PKCS11_RETRY_H

#include "pkcs11/deadline.h"

/* How often an operation is tried again, and for how long. */
typedef struct p11_retry {
    deadline until;
    unsigned budget_ms; /* from the first failure on; a few tries are made whatever it is */
    deadline budget;    /* its end, once there was a failure */
    unsigned tries, misnamed, stales, others;
    unsigned anew; /* how often `others` began anew, for the token had served meanwhile */
} p11_retry;

#define REPAIR_BUDGET_MS  3000 /* where there is no deadline */
#define OPENING_BUDGET_MS 250  /* a name that is wrong should be told soon */

/* True: it failed in a way that may pass, and is to be done once more, after the pause that this made. */
bool p11_retry_failed(p11_retry *retry, sigb_rc rc, const sigb_diag *why);

#endif
