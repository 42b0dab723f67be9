/* SPDX-License-Identifier: Apache-2.0 */
/* The signer handle, as back ends see it. */
#ifndef SIGB_BASE_SIGNER_H
#define SIGB_BASE_SIGNER_H

#include <sigbridge/signer.h>

/*
 * Like sigb_signer_from_ops(), for back ends of ours: spki may be empty where a
 * token hides the public key (sigb_signer_expect() then pins one before the
 * first signature), and certs (DER, may be empty; copied) are what
 * sigb_signer_certs() gives. Takes impl, also on failure.
 */
SIGB_CHECK sigb_rc signer_new(const sigb_signer_ops *ops, void *impl, sigb_bytes spki, sigb_bytes certs,
                              sigb_signer **signer, sigb_diag *diag);

/*
 * The next signature is verified against the pinned public key before it is
 * returned, as the first one is. A back end says so, before it signs, whenever
 * it has found its key anew.
 */
void signer_doubt(sigb_signer *signer);

/*
 * Like sigb_signer_sign(), for a caller that verifies every signature itself:
 * the length alone is checked.
 */
SIGB_CHECK sigb_rc signer_make(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature,
                               sigb_diag *diag);

/* The pinned public key, parsed; NULL while it is not known. */
const EVP_PKEY *signer_key(const sigb_signer *signer);

#endif
