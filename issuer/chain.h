/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains: the order, and the check by RFC 5280 as OpenSSL's strict mode judges
 * it, always in the private library context and at security level 2.
 * For issuer/derive.c (signing) and verify/.
 */
#ifndef SIGB_ISSUER_CHAIN_H
#define SIGB_ISSUER_CHAIN_H

#include <openssl/x509.h>

#include <sigbridge/issuer.h>

/* What the leaf is judged for. */
typedef enum chain_use {
    CHAIN_RESOLVE, /* did:x509: keyUsage, if present, has digitalSignature or keyAgreement */
    CHAIN_VERIFY,  /* keyUsage, if present, has digitalSignature; the leaf is not a CA */
    CHAIN_SIGN,    /* the same, and keyUsage must be present */
    CHAIN_STAMP    /* a TSA: keyUsage, if present, has digitalSignature or nonRepudiation; not a CA; and the
                      chain is judged without the strict mode, as TSAs are by their users */
} chain_use;

/* How a chain is to be judged. */
typedef struct chain_rules {
    chain_use use;
    STACK_OF(X509) * roots;    /* the last certificate must be byte-equal to one of them; NULL: the
                                chain's own last certificate is the anchor (did:x509 resolution) */
    STACK_OF(X509_CRL) * crls; /* NULL: revocation is not judged */
    int64_t at;                /* resolved seconds, or SIGB_TIME_UNCHECKED */
} chain_rules;

/* Within it the answer stays: validity of the certificates (and CRLs) that were judged. */
typedef struct chain_window {
    int64_t not_before, not_after; /* inclusive */
} chain_window;

/*
 * Judges `chain` exactly as it stands: leaf first, anchor last, every
 * certificate used and in order. One X509_verify_cert. window may be NULL.
 * SIGB_E_CHAIN_INCOMPLETE, _CHAIN_ROOT, _CHAIN_UNRELATED, _CHAIN (names the
 * certificate and OpenSSL's reason), _EXPIRED, _NOT_YET_VALID, _REVOKED,
 * _LEAF_CA, _KEY_USAGE, _EKU_MALFORMED, _WEAK_KEY, _WEAK_DIGEST.
 */
SIGB_CHECK sigb_rc chain_check(STACK_OF(X509) * chain, const chain_rules *rules, chain_window *window,
                               sigb_diag *diag);

/*
 * The leaf alone: not a CA, and its keyUsage as `use` has it. SIGB_E_LEAF_CA, _KEY_USAGE.
 */
SIGB_CHECK sigb_rc leaf_require_use(X509 *leaf, chain_use use, sigb_diag *diag);

/*
 * Puts the certificates in order behind `leaf`: each one's issuer next, the
 * pinned root last (taken from roots where certs lacks it). References are
 * taken. Certificates that are not needed are left out.
 * SIGB_E_CHAIN_INCOMPLETE, _CHAIN_ROOT, _CHAIN_AMBIGUOUS, _LIMIT.
 */
SIGB_CHECK sigb_rc chain_order(X509 *leaf, STACK_OF(X509) * certs, STACK_OF(X509) * roots,
                               STACK_OF(X509) * *chain, sigb_diag *diag);

/* True if `issuer` can have issued `cert`, by names and key identifiers; signatures are not verified. */
bool cert_issued(X509 *issuer, X509 *cert);

/*
 * A certificate for a person: its subject, escaped and cut to fit. Returns room.
 * For the words of sigb_openssl_refused(): a lack of memory is left on OpenSSL's queue.
 */
#define CERT_NAME_ROOM 96
const char *cert_name(X509 *cert, char room[CERT_NAME_ROOM]);

/* ---- eku.c ---- */

/* The leaf must have this EKU. SIGB_E_EKU_ABSENT, _EKU_MALFORMED, _EKU; _EKU_ANY if oid is anyExtendedKeyUsage. */
SIGB_CHECK sigb_rc eku_require(X509 *leaf, const char *oid, sigb_diag *diag);

/*
 * The only EKU of the leaf: appends the dotted OID. Never chosen among several,
 * whatever they are for: SIGB_E_EKU_AMBIGUOUS lists them. _EKU_ANY, _EKU_ABSENT.
 */
SIGB_CHECK sigb_rc eku_only(X509 *leaf, sigb_buf *oid, sigb_diag *diag);

/*
 * The extension as it stands; *ekus NULL where there is none. The caller frees
 * with EXTENDED_KEY_USAGE_free(). SIGB_E_EKU_MALFORMED: unreadable, or there twice.
 */
SIGB_CHECK sigb_rc eku_read(X509 *leaf, STACK_OF(ASN1_OBJECT) * *ekus, sigb_diag *diag);

/* True for a dotted OID: digits and dots, two arcs and more, no leading zeros, 2.x or 0|1.(0..39), any length. */
bool oid_is_valid(sigb_bytes text);

/* Reads one; OIDs are compared as objects, never as text in a fixed buffer. SIGB_E_USAGE. */
SIGB_CHECK sigb_rc oid_parse(sigb_bytes text, ASN1_OBJECT **oid, sigb_diag *diag);

#endif
