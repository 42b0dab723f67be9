/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3161 without COSE: requests, tokens, and their judgement. cose/stamp.c knows what of a statement is stamped. */
#ifndef SIGB_TIMESTAMP_TIMESTAMP_H
#define SIGB_TIMESTAMP_TIMESTAMP_H

#include <openssl/cms.h>
#include <openssl/ts.h>

#include <sigbridge/timestamp.h>

#include "base/alg.h"

struct sigb_timestamp {
    sigb_buf token;    /* ContentInfo, DER */
    TS_TST_INFO *info; /* of the token, as its signer wrote it */
    int64_t time, accuracy;
    uint32_t nanoseconds;
    bool has_accuracy;
    sigb_buf policy;        /* a C string */
    sigb_buf certs, signer; /* DER */
};

/* ---- token.c ---- */

/* Reads a token in the private library context; the caller frees *cms. SIGB_E_TIMESTAMP_MALFORMED. */
SIGB_CHECK sigb_rc token_open(sigb_bytes der, CMS_ContentInfo **cms, sigb_diag *diag);

/* The TSTInfo that was signed, DER. */
sigb_bytes token_content(CMS_ContentInfo *cms);

/* The one signer. SIGB_E_TIMESTAMP_MALFORMED: none, or several. */
SIGB_CHECK sigb_rc token_signer(CMS_ContentInfo *cms, CMS_SignerInfo **signer, sigb_diag *diag);

/* ---- hash.c ---- */

/* The row of an AlgorithmIdentifier. SIGB_E_TIMESTAMP_WEAK, SIGB_E_TIMESTAMP_UNSUPPORTED; `what` is hashed by it. */
SIGB_CHECK sigb_rc stamp_hash(const X509_ALGOR *algorithm, const char *what, const hash_row **row,
                              sigb_diag *diag);

/* SIGB_E_INTERNAL where OpenSSL cannot. */
SIGB_CHECK sigb_rc stamp_digest(const hash_row *row, sigb_bytes bytes, uint8_t digest[EVP_MAX_MD_SIZE],
                                sigb_diag *diag);

/* ---- request.c ---- */

/* Appends a TimeStampReq for these bytes. */
SIGB_CHECK sigb_rc request_put(sigb_bytes stamped, sigb_hash hash, sigb_buf *request, sigb_diag *diag);

/* ---- ess.c ---- */

/* The signed attributes name this certificate (RFC 3161, 2.4.2; RFC 5816). SIGB_E_TIMESTAMP_CERT, _WEAK, _UNSUPPORTED. */
SIGB_CHECK sigb_rc ess_require(CMS_SignerInfo *signer, X509 *cert, sigb_diag *diag);

/* ---- judge.c ---- */

/* The imprint is of these bytes. SIGB_E_TIMESTAMP_IMPRINT, _WEAK, _UNSUPPORTED. */
SIGB_CHECK sigb_rc stamp_require_imprint(const sigb_timestamp *timestamp, sigb_bytes stamped,
                                         sigb_diag *diag);

/* sigb_timestamp_verify() of bytes. facts may be NULL. */
SIGB_CHECK sigb_rc stamp_judge(const sigb_timestamp *timestamp, sigb_timestamp_kind kind, sigb_bytes stamped,
                               const sigb_timestamp_trust *trust, sigb_timestamp_facts *facts,
                               sigb_diag *diag);

/* ---- dump.c ---- */

/* sigb_timestamp_dump(), so many times two blanks in. */
SIGB_CHECK sigb_rc stamp_put(const sigb_timestamp *timestamp, unsigned indent, sigb_buf *text,
                             sigb_diag *diag);

#endif
