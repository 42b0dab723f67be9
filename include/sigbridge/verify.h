/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that judges. A sigb_verified exists only for a statement whose
 * signature, chain, issuer and claims passed every check of a policy; there is
 * no flag that leaves a check out, and no policy without an anchor.
 *
 * All cryptography runs in a library context of this library's own, whatever
 * openssl.cnf says, unless the application named another (sigb_use_libctx()).
 *
 * Threads: set a policy up in one thread; then any number of threads may verify
 * with it. It remembers chains that it has checked (same bytes, same anchors,
 * still within their validity), never signatures.
 */
#ifndef SIGBRIDGE_VERIFY_H
#define SIGBRIDGE_VERIFY_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/issuer.h>
#include <sigbridge/receipt.h>
#include <sigbridge/statement.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct sigb_policy sigb_policy;
typedef struct sigb_verified sigb_verified;

/* What is wanted of a statement. NULL when out of memory. Profile MST until set otherwise. */
sigb_policy *sigb_policy_new(void);
void sigb_policy_free(sigb_policy *policy);

/* Anchors: roots and an EKU, or an exact issuer, or both (then all must hold). */
SIGB_CHECK sigb_rc sigb_policy_put_roots(sigb_policy *policy, sigb_bytes certs, sigb_diag *diag);
SIGB_CHECK sigb_rc sigb_policy_set_eku(sigb_policy *policy, const char *oid, sigb_diag *diag);
SIGB_CHECK sigb_rc sigb_policy_set_issuer(sigb_policy *policy, const char *did, sigb_diag *diag);

/* Further demands; each is off until set. */
SIGB_CHECK sigb_rc sigb_policy_set_subject(sigb_policy *policy, const char *subject, sigb_diag *diag);
SIGB_CHECK sigb_rc sigb_policy_set_min_svn(sigb_policy *policy, int64_t svn, sigb_diag *diag);

/* Judge validity periods at this time instead of now; SIGB_TIME_UNCHECKED is refused. */
SIGB_CHECK sigb_rc sigb_policy_set_time(sigb_policy *policy, int64_t at, sigb_diag *diag);

/*
 * Adds CRLs (PEM or DER). Once one is set, every certificate but the root needs
 * a CRL of its issuer that is current at the time of the check, or SIGB_E_REVOKED.
 */
SIGB_CHECK sigb_rc sigb_policy_put_crls(sigb_policy *policy, sigb_bytes crls, sigb_diag *diag);

/* ---- receipts ---- */

/*
 * Judges the receipts of statements with these keys, which are borrowed until
 * the policy is freed and must not grow meanwhile. Without keys no receipt is
 * judged. A receipt that is not good harms none that is.
 */
SIGB_CHECK sigb_rc sigb_policy_set_ledger_keys(sigb_policy *policy, const sigb_keys *keys, sigb_diag *diag);

/*
 * Demands, any of which may be made together: so many good receipts; all good,
 * and one at least; a good one of this ledger by a key that is pinned to it
 * (called again: of each), whose receipts alone then say what time it was.
 * A demand without keys refuses every statement: SIGB_E_ANCHOR.
 */
SIGB_CHECK sigb_rc sigb_policy_require_receipts(sigb_policy *policy, size_t least, sigb_diag *diag);
SIGB_CHECK sigb_rc sigb_policy_require_all_receipts(sigb_policy *policy, sigb_diag *diag);
SIGB_CHECK sigb_rc sigb_policy_require_ledger(sigb_policy *policy, const char *issuer, sigb_diag *diag);

/* ---- time stamps ---- */

/*
 * Believes the time stamp of a statement's signature (label 270, RFC 9921) if it is
 * by a TSA whose chain ends in one of these roots: then it says when validity is
 * judged, unless a time is set or a receipt says so. PEM or DER; `certs`, which may
 * be empty, are further ones of that chain, where the token lacks some. Adds both,
 * and copies. Without roots no time stamp is judged. One that is not good harms
 * nothing, for nobody signs what stands there, and is told.
 * SIGB_E_CERT_DER, _LIMIT, _USAGE (no root), _MEMORY; then nothing was added.
 */
SIGB_CHECK sigb_rc sigb_policy_put_tsa(sigb_policy *policy, sigb_bytes roots, sigb_bytes certs,
                                       sigb_diag *diag);

SIGB_CHECK sigb_rc sigb_policy_set_profile(sigb_policy *policy, sigb_profile profile, sigb_diag *diag);

/* What the verifier holds beside the statement. Zero-initialise. Borrowed for the call. */
typedef struct sigb_beside {
    bool has_payload;
    sigb_bytes payload; /* of a detached statement, which cannot be verified without it */
    bool has_digest;
    sigb_bytes digest; /* of the artifact, by sigb_artifact_digest() with the envelope's hash */
} sigb_beside;

/*
 * Verifies. `beside` may be NULL. Order: anchor, issuer method, shape and
 * profile, algorithm and key, signature, chain to the anchors at the time of the
 * check, issuer, EKU, claims, x5t, artifact, receipts demanded. The first failure
 * is the result.
 * SIGB_E_ANCHOR, _ISSUER_METHOD, _HEADER, _CRIT, _PROFILE, _SIZE, _UNSUPPORTED,
 * _PAYLOAD, _DIGEST_LEN, _DID, _ALG_KEY, _KEY_UNSUPPORTED, _SIGNATURE, _CERT_DER,
 * _CHAIN_*, _CHAIN, _WEAK_KEY, _WEAK_DIGEST, _LEAF_CA, _KEY_USAGE, _EXPIRED,
 * _NOT_YET_VALID, _REVOKED, _ISSUER, _DID_MISMATCH, _EKU_ABSENT, _EKU_MALFORMED,
 * _EKU, _SUBJECT, _SVN, _CONTENT_TYPE, _X5T, _ARTIFACT, _RECEIPT_NEEDED, _USAGE,
 * _LIMIT, _MEMORY.
 * What was not checked is told by sigb_verified_unchecked().
 */
SIGB_CHECK sigb_rc sigb_statement_verify(const sigb_statement *statement, sigb_policy *policy,
                                         const sigb_beside *beside, sigb_verified **verified,
                                         sigb_diag *diag);

void sigb_verified_free(sigb_verified *verified);

/* Verified content; views live as long as the sigb_verified. Subjects are raw: escape to show. */
const char *sigb_verified_issuer(const sigb_verified *verified);
sigb_bytes sigb_verified_subject(const sigb_verified *verified);      /* may be empty (cose) */
sigb_bytes sigb_verified_content_type(const sigb_verified *verified); /* may be empty (cose) */
bool sigb_verified_svn(const sigb_verified *verified, int64_t *svn);
bool sigb_verified_issued_at(const sigb_verified *verified, int64_t *iat); /* self-asserted */
sigb_alg sigb_verified_alg(const sigb_verified *verified);
sigb_hash sigb_verified_hash(const sigb_verified *verified); /* NONE: no hash envelope */
sigb_bytes sigb_verified_payload(const sigb_verified *verified);
sigb_bytes sigb_verified_location(const sigb_verified *verified);
sigb_bytes sigb_verified_chain(const sigb_verified *verified); /* DER, leaf first */

/*
 * The time that validity was judged at, and where it came from: "--at"
 * (sigb_policy_set_time), "earliest receipt" (of those accepted), "time stamp"
 * (genTime and accuracy), "system clock".
 */
int64_t sigb_verified_time(const sigb_verified *verified);
const char *sigb_verified_time_source(const sigb_verified *verified);

/*
 * Receipts that are good: how many, and what the nth says, NULL behind the last.
 * Views live as long as the sigb_verified. A statement with one is transparent.
 */
size_t sigb_verified_receipts(const sigb_verified *verified);
const sigb_receipt_facts *sigb_verified_receipt(const sigb_verified *verified, size_t index);

/*
 * Receipts that are not: the outcome of the nth, SIGB_OK behind the last. `place`
 * is its place in label 394, from 0; `why` the words, raw: escape to show.
 */
sigb_rc sigb_verified_refused_receipt(const sigb_verified *verified, size_t index, size_t *place,
                                      const char **why);

/*
 * The time stamp of the signature: true if a TSA of the policy made it; then *at is
 * a second at which the signature existed for sure.
 */
bool sigb_verified_timestamp(const sigb_verified *verified, int64_t *at);

/*
 * Why the time stamp is not good: its code, as sigb_timestamp_parse() and
 * sigb_timestamp_verify() give it, and words that live as long as the
 * sigb_verified. SIGB_OK: it is good, or there is none, or no TSA is believed.
 */
sigb_rc sigb_verified_refused_timestamp(const sigb_verified *verified, const char **why);

/*
 * What was not checked, one sentence each ("revocation not checked",
 * "artifact not compared"); NULL behind the last. Static text.
 */
const char *sigb_verified_unchecked(const sigb_verified *verified, size_t index);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
