/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates for tests, good ones and defective ones. Every private key, the
 * CAs' too, is made in a SoftHSM token and never leaves it: OpenSSL writes what
 * is to be signed, bare Cryptoki signs it. Every failure fails the test.
 */
#ifndef SIGB_TESTS_PKI_H
#define SIGB_TESTS_PKI_H

#include <openssl/x509.h>

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>

#include "tests/support/softhsm.h"

#define PKI_TOKEN "pki"
#define PKI_EKU   "2.25.329800735698586629295641978511506172918"

/* Everything is valid within this year, and PKI_NOW lies in the middle. */
#define PKI_FROM 1767225600 /* 2026-01-01 */
#define PKI_NOW  1782864000 /* 2026-07-01 */
#define PKI_TO   1798761600 /* 2027-01-01 */

typedef struct pki pki;
typedef struct pki_key pki_key;

/* A SoftHSM of its own with one token, open and logged in. */
pki *pki_new(void);
void pki_free(pki *made);
softhsm *pki_hsm(pki *made);

/* Generates a key in the token; types as in softhsm_key. Belongs to the pki. */
pki_key *pki_keygen(pki *in, const char *type, const char *label);
sigb_bytes pki_spki(const pki_key *key);

/* Signs as COSE has it: r || s, or PSS with a salt as long as the digest. */
void pki_sign(pki *in, const pki_key *key, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature);

/* What a certificate says. Zero, NULL: the usual; "" leaves an extension out. */
typedef struct pki_cert {
    const char *name;   /* common name; NULL: the key's label; "": no subject at all */
    const char *type;   /* further attribute "OID=value" of the subject, or NULL */
    const pki_key *key; /* the subject's */
    X509 *issuer;       /* NULL: self-issued */
    const pki_key *signer;
    bool ca;
    long serial; /* 0: a number of its own */
    int64_t from, to;
    const char *basic, *usage, *eku, *subject_id, *issuer_id, *san; /* as openssl.cnf spells them */
    const char *more[4];                                            /* "name = value", added as they stand */
    bool sha1;                                                      /* signed over SHA-1 */
    bool broken;                                                    /* a flipped bit in the signature */
} pki_cert;

/* The caller frees, or lets the pki do it: certificates live as long as the pki. */
X509 *pki_issue(pki *in, const pki_cert *wanted);

/* A CRL of this CA that revokes one serial number, or none (0). Appends DER. */
void pki_crl(pki *in, X509 *ca, const pki_key *signer, long revoked, int64_t from, int64_t to, sigb_buf *der);

/* Certificates behind one another, ended by NULL. Returns all of room. */
sigb_bytes pki_der(sigb_buf *room, ...) __attribute__((sentinel));

#endif
