/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements: COSE_Sign1 (RFC 9052) with CWT claims (RFC 9597), x5chain and x5t
 * (RFC 9360), and either the payload or its digest (hash envelope, RFC 9995).
 *
 * A sigb_statement is parsed and untrusted: it can be printed, nothing more.
 * Only verify.h turns it into something that has claims.
 *
 * Threads: a sigb_statement is immutable and may be shared; a sigb_builder
 * belongs to one thread at a time.
 */
#ifndef SIGBRIDGE_STATEMENT_H
#define SIGBRIDGE_STATEMENT_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/issuer.h>
#include <sigbridge/signer.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- making one ---- */

/* What the statement says. Zero-initialise, then set. Strings are UTF-8, borrowed for the call. */
typedef struct sigb_claims {
    const char *subject;      /* CWT sub: immutable name of what the statement is about */
    const char *content_type; /* media type of the payload or of the artifact */
    bool has_svn;
    int64_t svn;         /* security version number: > 0 */
    bool allow_svn_zero; /* accept 0 */
    int64_t issued_at;   /* CWT iat; SIGB_TIME_NOW for the system clock */
    const char *issuer;  /* if set, must equal the derived DID: SIGB_E_ISS otherwise */
} sigb_claims;

typedef struct sigb_builder sigb_builder;

/*
 * A builder for one statement. Checks the claims and the algorithm; the issuer
 * is borrowed until the builder is freed. `alg` SIGB_ALG_NONE: by the key.
 * SIGB_E_SUBJECT, _SVN, _CONTENT_TYPE, _ISS, _ALG_KEY, _PROFILE, _USAGE, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_builder_new(const sigb_issuer *issuer, const sigb_claims *claims, sigb_alg alg,
                                    sigb_profile profile, sigb_builder **builder, sigb_diag *diag);

/* Exactly one of the next three. */

/* The payload travels inside. Borrowed until finish. Empty: SIGB_E_PAYLOAD. */
SIGB_CHECK sigb_rc sigb_builder_attach(sigb_builder *builder, sigb_bytes payload, sigb_diag *diag);

/* The payload travels beside (nil inside). Borrowed until finish. MST: SIGB_E_PROFILE. */
SIGB_CHECK sigb_rc sigb_builder_detach(sigb_builder *builder, sigb_bytes payload, sigb_diag *diag);

/*
 * Hash envelope: the digest of an artifact, of any size, is the payload.
 * `location` (label 260) may be NULL. The content type becomes label 259.
 * SIGB_E_DIGEST_LEN: the digest is not as long as `hash` makes it. SIGB_E_USAGE:
 * no such hash, or a location that is empty or no plain text.
 */
SIGB_CHECK sigb_rc sigb_builder_envelope(sigb_builder *builder, sigb_hash hash, sigb_bytes digest,
                                         const char *location, sigb_diag *diag);

/*
 * Appends the Sig_structure to be signed (RFC 9052, 4.4) to `tbs`. For keys that
 * are reached by other means: sign all of it, then finish. The validity periods
 * of the chain are judged by the system clock, whatever time the issuer was
 * derived for.
 * SIGB_E_EXPIRED, _NOT_YET_VALID, _SIZE, _LIMIT, _USAGE (no payload set), _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_builder_prepare(sigb_builder *builder, sigb_buf *tbs, sigb_diag *diag);

/*
 * Takes the raw COSE signature over what prepare gave (see sigb_signer_ops) and
 * appends the statement to `statement`, after verifying the signature with the
 * leaf's key and resolving the issuer over the finished bytes.
 * SIGB_E_SIGNATURE_FAULT, SIGB_E_USAGE (not prepared), SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_builder_finish(sigb_builder *builder, sigb_bytes signature, sigb_buf *statement,
                                       sigb_diag *diag);

/* prepare, sigb_signer_sign, finish. The signer's key must be the leaf's. */
SIGB_CHECK sigb_rc sigb_builder_sign(sigb_builder *builder, sigb_signer *signer, sigb_buf *statement,
                                     sigb_diag *diag);

/* The algorithm that was chosen. */
sigb_alg sigb_builder_alg(const sigb_builder *builder);

void sigb_builder_free(sigb_builder *builder);

/*
 * Reads "7": decimal digits only, no sign, no leading zero, at most 2^63-1.
 * SIGB_E_SVN for anything else, negative numbers included.
 */
SIGB_CHECK sigb_rc sigb_svn_parse(const char *text, int64_t *svn, sigb_diag *diag);

/* Called now and then with the bytes read so far; total is -1 if unknown. */
typedef void (*sigb_progress_fn)(void *arg, int64_t done, int64_t total);

/*
 * Appends the digest of everything readable from `fd`, in constant memory. A
 * regular file whose size or modification time changed meanwhile: SIGB_E_CHANGED.
 * SIGB_E_IO, SIGB_E_USAGE, SIGB_E_MEMORY. progress may be NULL.
 */
SIGB_CHECK sigb_rc sigb_artifact_digest(int fd, sigb_hash hash, sigb_progress_fn progress, void *progress_arg,
                                        sigb_buf *digest, sigb_diag *diag);

/* ---- reading one ---- */

typedef struct sigb_statement sigb_statement;

/*
 * Parses a tagged COSE_Sign1: a statement or a receipt. Copies the bytes.
 * Refused: SIGB_E_CBOR, _INDEFINITE (in the envelope), _DUPLICATE, _TRAILING,
 * _DEPTH, _TAG, _COSE, _HEADER (a known label of the wrong type, or in the
 * wrong bucket, or in both), _CRIT, _ENVELOPE, _DIGEST_LEN, _LIMIT, _MEMORY,
 * _UNSUPPORTED (a map key that is neither a number nor a string).
 * Tolerated: non-shortest heads anywhere, and indefinite lengths in the values
 * of labels that are not known. Checks no signature, no certificate and no claim.
 */
SIGB_CHECK sigb_rc sigb_statement_parse(sigb_bytes bytes, sigb_statement **statement, sigb_diag *diag);

void sigb_statement_free(sigb_statement *statement);

/* Getters of *unverified* content. Views live as long as the statement; empty where absent. */
int64_t sigb_statement_alg(const sigb_statement *statement); /* label 1; 0 if absent */
sigb_bytes sigb_statement_issuer(const sigb_statement *statement);
sigb_bytes sigb_statement_subject(const sigb_statement *statement);
sigb_bytes sigb_statement_content_type(const sigb_statement *statement); /* 259 or 3, if text */
bool sigb_statement_svn(const sigb_statement *statement, int64_t *svn);  /* false if absent */
bool sigb_statement_issued_at(const sigb_statement *statement, int64_t *iat);
bool sigb_statement_detached(const sigb_statement *statement);       /* payload is nil */
sigb_bytes sigb_statement_payload(const sigb_statement *statement);  /* or the envelope's digest */
sigb_hash sigb_statement_hash(const sigb_statement *statement);      /* 258; NONE: no envelope */
sigb_bytes sigb_statement_location(const sigb_statement *statement); /* 260 */
sigb_bytes sigb_statement_certs(const sigb_statement *statement);    /* x5chain as DER, as embedded */
size_t sigb_statement_receipts(const sigb_statement *statement);     /* how many label 394 holds */

/*
 * Appends everything in it to `text`, a line for each header and claim, nested
 * ones indented, escaped, unknown labels in CBOR diagnostic notation
 * (RFC 8949, 8). Says nowhere that anything is verified.
 */
SIGB_CHECK sigb_rc sigb_statement_dump(const sigb_statement *statement, sigb_buf *text, sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
