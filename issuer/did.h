/* SPDX-License-Identifier: Apache-2.0 */
/*
 * did:x509 (draft-birkholz-did-x509-03, 3):
 *
 *   did-x509        = "did:x509:0:" hash ":" fingerprint 1*("::" name ":" value)
 *   hash            = "sha256" / "sha384" / "sha512"
 *   fingerprint     = base64url without padding, of the DER of a CA of the chain
 *   name            = "subject" / "san" / "eku" / "fulcio-issuer"
 */
#ifndef SIGB_ISSUER_DID_H
#define SIGB_ISSUER_DID_H

#include <openssl/x509.h>

#include <sigbridge/issuer.h>

typedef struct did did;

/* SIGB_E_ISSUER_METHOD: not did:x509 at all. SIGB_E_DID: did:x509, and malformed (strict grammar). _LIMIT, _MEMORY. */
SIGB_CHECK sigb_rc did_parse(sigb_bytes text, did **parsed, sigb_diag *diag);
void did_free(did *parsed);

/* Appends the canonical text; parsing it gives the same, and for what did_parse took it is the same text. */
SIGB_CHECK sigb_rc did_format(const did *parsed, sigb_buf *text, sigb_diag *diag);

/* True if an eku predicate is among them. */
bool did_has_eku(const did *parsed);

/*
 * Holds fingerprint and predicates against a chain that has been checked (leaf
 * first). *ca_index, may be NULL: which certificate the fingerprint names.
 * SIGB_E_DID_MISMATCH says which predicate failed.
 */
SIGB_CHECK sigb_rc did_match(const did *parsed, STACK_OF(X509) * chain, int *ca_index, sigb_diag *diag);

#endif
