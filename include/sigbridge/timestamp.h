/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps: tokens of a Time Stamping Authority (TSA, RFC 3161) in a
 * statement (RFC 9921). There are two, and they prove different things:
 *
 *   SIGB_TIMESTAMP_SIGNATURE  label 270, unprotected: over the signature. The
 *       signature existed at that time. Ledgers drop the unprotected header when
 *       they take a statement in: this token does not survive registration.
 *   SIGB_TIMESTAMP_PAYLOAD    label 269, protected: over the payload. The payload
 *       existed at that time. It says nothing about when it was signed, and must
 *       not be used to judge whether a certificate was still valid (RFC 9921, 5.1).
 *
 * Each label holds one token. Nothing here talks to a TSA: a request goes to it by
 * other means, and its response comes back as bytes.
 *
 * A sigb_timestamp is parsed and untrusted: it can be printed, nothing more.
 * sigb_timestamp_verify() says whether it is good, with roots that the caller pins.
 *
 * Threads: a sigb_timestamp is immutable and may be shared.
 */
#ifndef SIGBRIDGE_TIMESTAMP_H
#define SIGBRIDGE_TIMESTAMP_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/statement.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The label says which. */
typedef enum sigb_timestamp_kind {
    SIGB_TIMESTAMP_PAYLOAD = 269,  /* 3161-ttc: timestamp, then COSE */
    SIGB_TIMESTAMP_SIGNATURE = 270 /* 3161-ctt: COSE, then timestamp */
} sigb_timestamp_kind;

/* ---- asking for one ---- */

/*
 * Appends a TimeStampReq (DER) for the signature of a statement: version 1, the
 * hash of the signature's byte string as it stands in the statement, its head
 * included, a random nonce of 64 bits, and the wish for the TSA's certificates. The
 * hash is that of the signing algorithm, SHA-512 where the algorithm has none.
 * The request can also be made by `openssl ts -query`; this one knows what to hash.
 * SIGB_E_USAGE, _INTERNAL, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_timestamp_request(const sigb_statement *statement, sigb_buf *request,
                                          sigb_diag *diag);

/*
 * The same for the payload of a statement that is still to be signed: what was
 * given to sigb_builder_attach(), _detach() or _envelope(), which comes first
 * (SIGB_E_USAGE). Of a hash envelope the payload is the digest.
 */
SIGB_CHECK sigb_rc sigb_builder_timestamp_request(const sigb_builder *builder, sigb_buf *request,
                                                  sigb_diag *diag);

/* ---- reading one ---- */

typedef struct sigb_timestamp sigb_timestamp;

/*
 * Parses a TimeStampToken, or the TimeStampResp around one, DER without trailing
 * bytes; which of both it is shows by itself. Copies the bytes.
 * SIGB_E_TIMESTAMP_MALFORMED: neither of them, or not as RFC 3161 demands.
 * SIGB_E_TIMESTAMP_REFUSED: a response that brings no token; the words have the
 * TSA's own. SIGB_E_TIMESTAMP_UNSUPPORTED: another version. SIGB_E_LIMIT: more than
 * SIGB_MAX_TIMESTAMP bytes. SIGB_E_USAGE, _MEMORY.
 * Checks no signature, no certificate, and not what was stamped.
 */
SIGB_CHECK sigb_rc sigb_timestamp_parse(sigb_bytes bytes, sigb_timestamp **timestamp, sigb_diag *diag);

/* NULL is allowed. */
void sigb_timestamp_free(sigb_timestamp *timestamp);

/* Getters of *unverified* content. Views live as long as the timestamp; empty where absent. */
sigb_bytes sigb_timestamp_token(const sigb_timestamp *timestamp); /* the TimeStampToken, DER */
int64_t sigb_timestamp_time(const sigb_timestamp *timestamp);     /* genTime: whole seconds, rounded down */
uint32_t sigb_timestamp_nanoseconds(const sigb_timestamp *timestamp); /* genTime: behind the seconds */
bool sigb_timestamp_accuracy(const sigb_timestamp *timestamp, int64_t *microseconds); /* false if absent */
bool sigb_timestamp_ordering(
    const sigb_timestamp *timestamp); /* the TSA says that its tokens can be ordered */
const char *sigb_timestamp_policy(const sigb_timestamp *timestamp); /* dotted OID */
sigb_hash sigb_timestamp_hash(const sigb_timestamp *timestamp);     /* NONE: not one that is judged here */
sigb_bytes sigb_timestamp_imprint(const sigb_timestamp *timestamp); /* the digest that was stamped */
sigb_bytes
sigb_timestamp_signer(const sigb_timestamp *timestamp); /* DER: the certificate that the token names */
sigb_bytes sigb_timestamp_certs(const sigb_timestamp *timestamp); /* DER: all that it brings, in its order */

/*
 * Appends everything in it to `text`, a line for each fact, escaped. Says nowhere
 * that anything is verified. SIGB_E_USAGE, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_timestamp_dump(const sigb_timestamp *timestamp, sigb_buf *text, sigb_diag *diag);

/*
 * Refuses a token that does not answer this request (DER): other hash or
 * imprint, SIGB_E_TIMESTAMP_IMPRINT; other nonce or policy, or none, where the
 * request has one, SIGB_E_TIMESTAMP_NONCE. SIGB_E_TIMESTAMP_MALFORMED: not a
 * request. Only whoever kept the request can check this; the nonce is of no use later.
 * Checks no signature: verify as well.
 */
SIGB_CHECK sigb_rc sigb_timestamp_check_answer(const sigb_timestamp *timestamp, sigb_bytes request,
                                               sigb_diag *diag);

/* ---- in a statement ---- */

/* The token that stands in a statement, unverified; empty where there is none. Lives as long as the statement. */
sigb_bytes sigb_statement_timestamp(const sigb_statement *statement, sigb_timestamp_kind kind);

/*
 * Appends the statement with this token in label 270, behind what its unprotected
 * header has. Every other byte stays, but for the count of that map. The token
 * must be of this statement's signature: SIGB_E_TIMESTAMP_IMPRINT, _WEAK,
 * _UNSUPPORTED. SIGB_E_EXISTS: it has a token already, and may have one only.
 * SIGB_E_LIMIT, _USAGE, _MEMORY. Does not check the TSA: verify first.
 */
SIGB_CHECK sigb_rc sigb_statement_attach_timestamp(const sigb_statement *statement,
                                                   const sigb_timestamp *timestamp, sigb_buf *out,
                                                   sigb_diag *diag);

/* Whom to believe. */
typedef struct sigb_timestamp_trust {
    sigb_bytes roots; /* DER: pinned; the TSA's chain ends in one of them. Wanted */
    sigb_bytes certs; /* DER: further certificates of that chain, where the token lacks some. May be empty */
} sigb_timestamp_trust;

/* What a good token says. Views live as long as the timestamp. */
typedef struct sigb_timestamp_facts {
    sigb_timestamp_kind kind; /* what existed at that time: the payload, or the signature */
    int64_t time;             /* genTime, whole seconds, rounded down */
    uint32_t nanoseconds;     /* and what is behind them */
    bool has_accuracy;        /* the TSA says how far its clock may be off */
    int64_t accuracy;         /* in microseconds; 0 where it does not say */
    int64_t latest;           /* genTime and accuracy, rounded up: it existed at this second for sure */
    bool ordering;            /* the TSA says that its tokens are ordered by genTime alone */
    const char *policy;       /* dotted OID, under which the TSA works */
    sigb_hash hash;           /* of the imprint */
    sigb_bytes tsa; /* DER: the certificate that signed it; empty where the token does not bring it */
} sigb_timestamp_facts;

/*
 * Verifies that a TSA of these roots stamped the signature, or the payload, of
 * this statement: imprint; one signer, whose signature covers the TSTInfo; the
 * certificate is the one that the token names (RFC 3161, RFC 5816), is for time
 * stamps alone, its EKU critical; its chain leads to a pinned root, judged at
 * genTime; nothing weaker than 112 bits. `payload` is that of a detached
 * statement, for SIGB_TIMESTAMP_PAYLOAD, and SIGB_BYTES_NONE otherwise:
 * SIGB_E_PAYLOAD.
 *
 * Outcomes, each of its own:
 * SIGB_OK; then `facts` (may be NULL) are filled.
 * SIGB_E_TIMESTAMP_IMPRINT: it is for other bytes.
 * SIGB_E_TIMESTAMP_WEAK: a hash or key that is too weak.
 * SIGB_E_TIMESTAMP_UNSUPPORTED: a hash that is not SHA-256, SHA-384 or SHA-512.
 * SIGB_E_TIMESTAMP_SIGNATURE: wrong.
 * SIGB_E_TIMESTAMP_CERT: the certificate is missing, or not the one that the
 *   token names, or not for time stamps.
 * SIGB_E_TIMESTAMP_EXPIRED: its chain was not valid at genTime.
 * SIGB_E_TIMESTAMP_UNTRUSTED: its chain does not lead to a pinned root.
 * SIGB_E_TIMESTAMP_MALFORMED: several signers, or none.
 * SIGB_E_ANCHOR: no root. SIGB_E_CERT_DER, _LIMIT, _USAGE, _MEMORY, _INTERNAL.
 *
 * Does not look at the statement's own signature and chain, nor at revocation of
 * the TSA's certificates, nor at the policy. The chain is judged as RFC 5280 has
 * it, without the strict mode that chains of statements must pass.
 */
SIGB_CHECK sigb_rc sigb_timestamp_verify(const sigb_timestamp *timestamp, const sigb_statement *statement,
                                         sigb_timestamp_kind kind, sigb_bytes payload,
                                         const sigb_timestamp_trust *trust, sigb_timestamp_facts *facts,
                                         sigb_diag *diag);

/*
 * Has the statement that is being made carry this token in label 269, after
 * verifying it as sigb_timestamp_verify() does, over the builder's payload, which
 * comes first (SIGB_E_USAGE, as for a second token). Copies the token. `facts` may be NULL.
 */
SIGB_CHECK sigb_rc sigb_builder_timestamp(sigb_builder *builder, const sigb_timestamp *timestamp,
                                          const sigb_timestamp_trust *trust, sigb_timestamp_facts *facts,
                                          sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
