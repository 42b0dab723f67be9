/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate before it is signed: every field but the signature (RFC 5280, 4.1.2). */
#ifndef SIGB_TOKEN_TBS_H
#define SIGB_TOKEN_TBS_H

#include <openssl/x509.h>

#include <sigbridge/token.h>

/* What a certificate is to say. Borrowed for the call. */
typedef struct cert_plan {
    sigb_cert_role role;
    const char *subject; /* as subject_parse() reads it */
    const char *eku;     /* leaf: dotted OIDs, comma separated; NULL otherwise */
    int64_t from;        /* resolved seconds */
    int days;
    sigb_bytes spki; /* of the certificate's key, DER */
    X509 *issuer;    /* NULL: self-signed */
} cert_plan;

/*
 * Refuses a plan that cannot be read, or contradicts itself or its issuer: an
 * EKU where none belongs or none where one does, days out of range, an issuer
 * that is no CA, may not issue a CA, or ends before the certificate would. Needs
 * no key: plan->spki may be empty.
 * SIGB_E_USAGE, _LIMIT, _EKU_ANY, _EXPIRED, _NOT_YET_VALID.
 */
SIGB_CHECK sigb_rc plan_check(const cert_plan *plan, sigb_diag *diag);

/* Makes it, in the private library context, signature algorithm unset. The caller frees *tbs. */
SIGB_CHECK sigb_rc tbs_build(const cert_plan *plan, X509 **tbs, sigb_diag *diag);

#endif
