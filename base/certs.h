/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates one by one, in the private library context. Sets of them: sigbridge/bytes.h. */
#ifndef SIGB_BASE_CERTS_H
#define SIGB_BASE_CERTS_H

#include <openssl/x509.h>

#include <sigbridge/bytes.h>

/* Reads one DER certificate without trailing bytes. The caller frees *cert. SIGB_E_CERT_DER. */
SIGB_CHECK sigb_rc cert_parse(sigb_bytes der, X509 **cert, sigb_diag *diag);

/* Reads all of a set, in order; the caller frees with sk_X509_pop_free(, X509_free). SIGB_E_LIMIT too. */
SIGB_CHECK sigb_rc certs_parse(sigb_bytes der, STACK_OF(X509) * *certs, sigb_diag *diag);

/* True if a parsed certificate is exactly these bytes. */
bool cert_is(X509 *cert, sigb_bytes der);

/* Appends the DER of a certificate. */
SIGB_CHECK sigb_rc cert_put(X509 *cert, sigb_buf *der, sigb_diag *diag);

/* Appends the DER SubjectPublicKeyInfo exactly as the certificate has it. */
SIGB_CHECK sigb_rc cert_put_spki(X509 *cert, sigb_buf *spki, sigb_diag *diag);

/* How many certificates a set holds, without parsing them. */
size_t certs_count(sigb_bytes der);

#endif
