/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer of a statement is derived, never typed: a chain is ordered and
 * checked against pinned roots first, then the issuer is
 * did:x509:0:<hash>:<fingerprint of the root>::eku:<OID>
 * (draft-birkholz-did-x509-03). The same key and root always give the same
 * string, byte for byte, because ledger policies compare it whole.
 *
 * Threads: a sigb_issuer is immutable and may be shared.
 */
#ifndef SIGBRIDGE_ISSUER_H
#define SIGBRIDGE_ISSUER_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Times are seconds since 1970-01-01T00:00:00Z. */
#define SIGB_TIME_NOW       INT64_MIN       /* the system clock, at the call */
#define SIGB_TIME_UNCHECKED (INT64_MIN + 1) /* validity periods are not judged */

/*
 * Reads "2026-07-01T12:00:00Z" (RFC 3339 with any offset; fractions are cut
 * off) or whole seconds since the epoch. SIGB_E_USAGE for anything else.
 */
SIGB_CHECK sigb_rc sigb_time_parse(const char *text, int64_t *time, sigb_diag *diag);

/* What to derive from. Zero-initialise, then set; `at` to SIGB_TIME_NOW. Borrowed for the call. */
typedef struct sigb_issuer_options {
    sigb_bytes certs; /* DER, any order: the leaf or several candidates, intermediates. Given by a
                         person: one that belongs to no candidate's chain is refused */
    sigb_bytes pool;  /* DER, any order: what a token happens to hold (sigb_signer_certs()). Used
                         like certs where it fits; what is unrelated in it is ignored */
    sigb_bytes roots; /* DER: the pinned roots, at least one */
    sigb_bytes spki;  /* the signing key; leaf candidates are the certificates that carry it.
                         None: the one certificate of certs that issued no other */
    const char *eku;  /* dotted OID, up to SIGB_MAX_OID characters. NULL: the only one that the leaf has;
                         where it has several, one must be named */
    int64_t at;       /* time for validity periods, or SIGB_TIME_NOW, SIGB_TIME_UNCHECKED */
    sigb_hash hash;   /* of the fingerprint; SIGB_HASH_NONE means SHA-256 */
} sigb_issuer_options;

typedef struct sigb_issuer sigb_issuer;

/*
 * Orders the chain, completes a missing root from the pinned ones, checks it
 * exactly as it will be embedded, and derives the DID. Required: RFC 5280 by
 * OpenSSL's strict mode at security level 2; last certificate byte-equal to a
 * pinned root; at least two certificates; every validity period; leaf not a
 * CA, keyUsage present with digitalSignature, the EKU present.
 * Leaf candidates come from certs; from the pool where certs has none but CAs.
 * Those that fail root, EKU or time drop out; more than one left is
 * SIGB_E_CERT_AMBIGUOUS (lists serials), none left gives the reason of the
 * one that is valid longest. The order of certs, pool and roots plays no role.
 * Refusals: SIGB_E_CERT_ABSENT, _CERT_OTHER_KEY, _CERT_AMBIGUOUS, _CERT_DER,
 * _CHAIN_*, _CHAIN, _EKU_*, _EKU, _EXPIRED, _NOT_YET_VALID, _LEAF_CA,
 * _KEY_USAGE, _WEAK_KEY, _WEAK_DIGEST, _ANCHOR, _USAGE, _LIMIT, _MEMORY.
 * Not checked: revocation.
 */
SIGB_CHECK sigb_rc sigb_issuer_derive(const sigb_issuer_options *options, sigb_issuer **issuer,
                                      sigb_diag *diag);

/* The DID. Valid as long as the issuer. */
const char *sigb_issuer_did(const sigb_issuer *issuer);

/* The checked chain, DER one behind the other, leaf first, root last. */
sigb_bytes sigb_issuer_chain(const sigb_issuer *issuer);

/* DER SubjectPublicKeyInfo of the leaf. */
sigb_bytes sigb_issuer_spki(const sigb_issuer *issuer);

void sigb_issuer_free(sigb_issuer *issuer);

/*
 * Resolves a DID against `chain` (DER, leaf first, in order, at least two): a
 * fragment ("#0") is left aside, the DID parsed strictly, the chain checked with its last certificate as
 * anchor, the fingerprint found among the non-leaf certificates, and every
 * predicate (subject, san, eku, fulcio-issuer) held against the leaf.
 * `at` is usually SIGB_TIME_UNCHECKED: the method itself judges no time.
 * SIGB_OK: it resolves. SIGB_E_DID, _ISSUER_METHOD, _DID_MISMATCH, _CHAIN_*,
 * _CHAIN, _CERT_DER, _EXPIRED, _NOT_YET_VALID, _KEY_USAGE, _EKU_MALFORMED,
 * _WEAK_KEY, _WEAK_DIGEST, _USAGE, _LIMIT, _MEMORY.
 * Not checked: whether the CA is one to trust. A DID that resolves is an
 * identity, not a permission.
 */
SIGB_CHECK sigb_rc sigb_did_resolve(const char *did, sigb_bytes chain, int64_t at, sigb_diag *diag);

/*
 * Appends what a person should know of each certificate to `text`, one line
 * each: subject, issuer, serial, validity, key, EKUs. Escaped. Judges nothing.
 */
SIGB_CHECK sigb_rc sigb_certs_describe(sigb_bytes certs, sigb_buf *text, sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
