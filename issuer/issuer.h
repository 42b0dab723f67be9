/* SPDX-License-Identifier: Apache-2.0 */
/* A derived issuer as cose/ sees it: what was checked once need not be parsed or checked again per signature. */
#ifndef SIGB_ISSUER_ISSUER_H
#define SIGB_ISSUER_ISSUER_H

#include <openssl/types.h>

#include <sigbridge/issuer.h>

#include "base/pubkey.h"

/* The leaf's public key, in the private library context. Valid as long as the issuer. */
EVP_PKEY *issuer_key(const sigb_issuer *issuer);

/* The same key, ready to verify. */
const verifier *issuer_verifier(const sigb_issuer *issuer);

/*
 * The validity periods of the whole chain still hold at `at` (resolved seconds).
 * SIGB_E_EXPIRED, SIGB_E_NOT_YET_VALID.
 */
SIGB_CHECK sigb_rc issuer_require_current(const sigb_issuer *issuer, int64_t at, sigb_diag *diag);

/*
 * The did resolves against the chain (DER, leaf first): both are, byte for byte,
 * what this issuer was derived with and resolved then. SIGB_E_DID_MISMATCH.
 */
SIGB_CHECK sigb_rc issuer_require_resolved(const sigb_issuer *issuer, sigb_bytes did, sigb_bytes chain,
                                           sigb_diag *diag);

#endif
