/* SPDX-License-Identifier: Apache-2.0 */
/* What a statement says, held against a policy and its profile: everything but signature, chain and issuer. */
#ifndef SIGB_VERIFY_CLAIMS_H
#define SIGB_VERIFY_CLAIMS_H

#include "base/alg.h"
#include "verify/policy.h"

/*
 * Algorithm, claims and chain are there, and the shape is one that the profile
 * takes. *row is the algorithm. SIGB_E_HEADER, _UNSUPPORTED, _PROFILE, _SIZE,
 * _CRIT, _PAYLOAD.
 */
SIGB_CHECK sigb_rc shape_require(const sigb_statement *statement, sigb_profile profile, const alg_row **row,
                                 sigb_diag *diag);

/* What `beside` holds fits the kind of statement; *payload is what was signed. SIGB_E_PAYLOAD, _USAGE, _DIGEST_LEN. */
SIGB_CHECK sigb_rc beside_require(const sigb_statement *statement, const sigb_beside *beside,
                                  sigb_bytes *payload, sigb_diag *diag);

/* Subject, svn, content type. SIGB_E_SUBJECT, _SVN, _CONTENT_TYPE. */
SIGB_CHECK sigb_rc claims_require(const sigb_statement *statement, const sigb_policy *policy,
                                  sigb_diag *diag);

/* The artifact's digest, if given, is the payload. SIGB_E_ARTIFACT. */
SIGB_CHECK sigb_rc artifact_require(const sigb_beside *beside, sigb_bytes payload, sigb_diag *diag);

#endif
