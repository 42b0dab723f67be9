/* SPDX-License-Identifier: Apache-2.0 */
/* The signer handle, as back ends see it. */
#ifndef SIGB_BASE_SIGNER_H
#define SIGB_BASE_SIGNER_H

#include <sigbridge/signer.h>

/* A back end of ours, which may know what to do when its signature is wrong. */
typedef struct signer_backend {
    sigb_signer_ops ops;
    void (*doubt)(void *impl); /* look for the key again before the next signature; may be NULL */
} signer_backend;

/*
 * Like sigb_signer_from_ops(), for back ends of ours: spki may be empty where a
 * token hides the public key (sigb_signer_expect() then pins one before the
 * first signature), and certs (DER, may be empty; copied) are what
 * sigb_signer_certs() gives. Takes impl, also on failure.
 */
SIGB_CHECK sigb_rc signer_new(const signer_backend *backend, void *impl, sigb_bytes spki, sigb_bytes certs,
                              sigb_signer **signer, sigb_diag *diag);

/*
 * A signature of this signer did not verify. True: the back end looks for its
 * key again, so that a handle that has come to name something else is not used
 * twice, and one more try makes sense.
 */
bool signer_doubt(sigb_signer *signer);

/*
 * Like sigb_signer_sign(), for a caller that verifies every signature itself:
 * the length alone is checked. `made` is empty, and after a failure of no use.
 */
SIGB_CHECK sigb_rc signer_make(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *made,
                               sigb_diag *diag);

/* Against the pinned public key; SIGB_E_SIGNATURE. While none is known: SIGB_OK. */
SIGB_CHECK sigb_rc signer_verify(const sigb_signer *signer, sigb_alg alg, sigb_bytes tbs,
                                 sigb_bytes signature, sigb_diag *diag);

/* The pinned public key, parsed; NULL while it is not known. */
const EVP_PKEY *signer_key(const sigb_signer *signer);

#endif
