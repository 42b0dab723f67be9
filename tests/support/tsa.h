/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamp tokens as no TSA should make them: every part can be another than
 * the usual one, and is signed by a token key all the same.
 */
#ifndef SIGB_TESTS_TSA_H
#define SIGB_TESTS_TSA_H

#include "tests/support/pki.h"

#define TSA_EKU    "critical,timeStamping"
#define TSA_POLICY "1.2.3.4.1"

typedef enum tsa_names { TSA_NAMES_V2, TSA_NAMES_V1, TSA_NAMES_BOTH, TSA_NAMES_NONE } tsa_names;

/* Zero and NULL: the usual. Parts are DER as hexadecimal; "" leaves one out. */
typedef struct tsa_token {
    sigb_bytes stamped;
    X509 *cert; /* the TSA's; its key signs */
    const pki_key *key;
    sigb_bytes certs;                              /* that the token brings */
    const char *version, *policy, *hash, *serial;  /* of the TSTInfo; hash is the AlgorithmIdentifier */
    const char *time;                              /* "20260701000000Z" */
    const char *accuracy, *ordering, *nonce, *tsa; /* left out, usually */
    const char *more;                              /* behind the TSTInfo, inside what is signed */
    const char *cms_type, *content_type,
        *content_says;     /* OIDs: of the ContentInfo, of the content, as signed */
    const char *digest;    /* AlgorithmIdentifier of the signature's hash */
    tsa_names names;       /* how the certificate is named */
    X509 *named;           /* another certificate is named */
    const char *name_hash; /* AlgorithmIdentifier before the hash in a second-version name */
    bool usual;            /* nothing: so that what follows may be nothing too */
    bool no_certs, no_signer, two_signers;
    bool changed; /* the content, behind the signer's back */
    bool broken;  /* a flipped bit in the signature */
} tsa_token;

/* Appends a token. */
void tsa_put(pki *in, const tsa_token *says, sigb_buf *token);

/* Appends a response: PKIStatusInfo as hexadecimal, and a token or none. */
void tsa_put_response(const char *status, sigb_bytes token, sigb_buf *response);

#define TSA_GRANTED "3003020100"

#endif
