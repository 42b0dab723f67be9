/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate by a signer: OpenSSL writes what is signed, the signer signs it, and nothing leaves unverified. */
#ifndef SIGB_TOKEN_ISSUE_H
#define SIGB_TOKEN_ISSUE_H

#include "token/tbs.h"

/*
 * Checks the plan, builds the certificate, has it signed and verifies it with
 * the signer's public key; appends it to `der`. The signer's key is the
 * issuer's, or the certificate's own where plan->issuer is NULL.
 * As plan_check(); SIGB_E_CERT_OTHER_KEY: the signer has another key.
 */
SIGB_CHECK sigb_rc cert_issue(const cert_plan *plan, sigb_signer *signer, sigb_buf *der, sigb_diag *diag);

#endif
