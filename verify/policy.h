/* SPDX-License-Identifier: Apache-2.0 */
/* A policy from inside: what is wanted, and the chains that it has checked. */
#ifndef SIGB_VERIFY_POLICY_H
#define SIGB_VERIFY_POLICY_H

#include <sigbridge/limits.h>
#include <sigbridge/verify.h>

#include "issuer/did.h"
#include "verify/checked.h"

struct sigb_policy {
    STACK_OF(X509) * roots;    /* NULL: none pinned */
    STACK_OF(X509_CRL) * crls; /* NULL: revocation is not judged */
    char *eku;                 /* dotted OID, or NULL */
    char *issuer;              /* a did:x509, or NULL */
    char *subject;             /* NULL: any */
    bool has_min_svn;
    int64_t min_svn;
    const sigb_keys *ledger_keys; /* the caller's; NULL: receipts are not judged */
    size_t least_receipts;
    bool all_receipts;
    char *ledgers[SIGB_MAX_LEDGERS]; /* a good receipt of each is demanded */
    size_t ledger_count;
    sigb_buf tsa_roots, tsa_certs; /* DER; without roots no time stamp is judged */
    int64_t at;                    /* SIGB_TIME_NOW until set */
    sigb_profile profile;
    chain_memory memory;
};

/* Roots with an EKU, or an issuer; keys, if receipts are demanded. SIGB_E_ANCHOR says what is missing. */
SIGB_CHECK sigb_rc policy_require_anchor(const sigb_policy *policy, sigb_diag *diag);

#endif
