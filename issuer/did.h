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

typedef enum did_predicate_name { DID_SUBJECT, DID_SAN, DID_EKU, DID_FULCIO_ISSUER } did_predicate_name;

/* As it stands in the text; values stay percent-encoded, so that formatting gives the same text again. */
typedef struct did_predicate {
    did_predicate_name name;
    sigb_bytes value;
} did_predicate;

typedef struct did {
    sigb_buf text; /* owns what the predicates point to */
    sigb_hash hash;
    sigb_buf fingerprint; /* decoded */
    did_predicate *predicates;
    size_t count;
} did;

/* SIGB_E_ISSUER_METHOD: not did:x509 at all. SIGB_E_DID: did:x509, and malformed (strict grammar). _LIMIT, _MEMORY. */
SIGB_CHECK sigb_rc did_parse(sigb_bytes text, did **parsed, sigb_diag *diag);
void did_free(did *parsed);

/* Appends the canonical text; parsing it gives the same, and for what did_parse took it is the same text. */
SIGB_CHECK sigb_rc did_format(const did *parsed, sigb_buf *text, sigb_diag *diag);

/* The hash of a certificate's DER, as long as hash_row_of(hash)->len says. */
SIGB_CHECK sigb_rc cert_fingerprint(X509 *cert, sigb_hash hash, uint8_t digest[64], sigb_diag *diag);

/* Appends `did:x509:0:<hash>:<fingerprint of ca>::eku:<oid>`, without a terminator. */
SIGB_CHECK sigb_rc did_put_eku(sigb_buf *text, sigb_hash hash, X509 *ca, sigb_bytes oid, sigb_diag *diag);

/* Appends a value as predicates hold it: everything but letters, digits, '-', '.', '_' as %XX ('~' too). */
void did_put_value(sigb_buf *text, sigb_bytes value);

/* True if an eku predicate is among them. */
bool did_has_eku(const did *parsed);

/* Takes the part before the next ':' off the front of a predicate's value; false at the end. */
bool did_next_part(sigb_bytes *rest, sigb_bytes *part);

/* Appends a part with its %XX decoded. The parser has seen that they are well-formed. */
void did_put_decoded(sigb_buf *out, sigb_bytes part);

/* ---- match.c ---- */

/*
 * Holds fingerprint and predicates against a chain that has been checked (leaf
 * first). *ca_index, may be NULL: which certificate the fingerprint names.
 * SIGB_E_DID_MISMATCH says which predicate failed.
 */
SIGB_CHECK sigb_rc did_match(const did *parsed, STACK_OF(X509) * chain, int *ca_index, sigb_diag *diag);

#endif
