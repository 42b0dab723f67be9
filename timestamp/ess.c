/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   SigningCertificate   ::= SEQUENCE { certs SEQUENCE OF ESSCertID, ... }           (RFC 2634, 5.4)
 *   ESSCertID            ::= SEQUENCE { certHash OCTET STRING, ... }                 -- SHA-1
 *   SigningCertificateV2 ::= SEQUENCE { certs SEQUENCE OF ESSCertIDv2, ... }         (RFC 5035, 3)
 *   ESSCertIDv2          ::= SEQUENCE { hashAlgorithm DEFAULT sha256, certHash OCTET STRING, ... }
 *
 * The first of certs is the signer's. A token without such a name could be shown
 * with another certificate of the same key, of another policy or validity. OpenSSL's
 * own check hashes in its default library context: hence this one.
 *
 * SHA-1 is what RFC 3161 has, and stands: to be of use here, a second certificate
 * with the hash of a given one would have to be found.
 */
#include <openssl/evp.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "timestamp/timestamp.h"

#define DER_OCTET_STRING 0x04
#define DER_SEQUENCE     0x30

static const hash_row ESS_SHA1 = {SIGB_HASH_NONE, "sha1", "SHA1", 20};

/* The attribute's only value; false if it is not there, or there twice, or has several. */
static bool signed_value(CMS_SignerInfo *signer, int nid, sigb_bytes *value)
{
    const ASN1_STRING *found = CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(nid), -3, V_ASN1_SEQUENCE);

    if (found == NULL)
        return false;
    *value = sigb_bytes_of(ASN1_STRING_get0_data(found), (size_t)ASN1_STRING_length(found));
    return true;
}

/* hashAlgorithm, if it stands there. */
static sigb_rc take_hash(sigb_bytes *id, const hash_row **row, sigb_diag *diag)
{
    const unsigned char *p = id->ptr;
    sigb_bytes before = *id, content;
    X509_ALGOR *algorithm;
    sigb_rc rc;

    *row = hash_row_of(SIGB_SHA256);
    if (!der_open(id, DER_SEQUENCE, &content))
        return SIGB_OK;
    algorithm = d2i_X509_ALGOR(NULL, &p, (long)(before.len - id->len));
    if (algorithm == NULL)
        return sigb_openssl_refused(diag, SIGB_E_TIMESTAMP_CERT,
                                    "the hash that names the certificate is unreadable");
    rc = stamp_hash(algorithm, "the name of the TSA's certificate", row, diag);
    X509_ALGOR_free(algorithm);
    return rc;
}

static sigb_rc compare(const hash_row *row, sigb_bytes named, X509 *cert, sigb_diag *diag)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    const EVP_MD *md = libctx_digest(row->digest);

    if (md == NULL || X509_digest(cert, md, digest, NULL) != 1)
        return sigb_openssl_failed(diag, "to hash a certificate");
    if (!sigb_bytes_equal(named, sigb_bytes_of(digest, row->len)))
        return sigb_fail(
            diag, SIGB_E_TIMESTAMP_CERT,
            "the time stamp names another certificate than the one it is shown with; take it anew from "
            "the TSA");
    return SIGB_OK;
}

static sigb_rc require(sigb_bytes value, bool second_version, X509 *cert, sigb_diag *diag)
{
    const hash_row *row = &ESS_SHA1;
    sigb_bytes attribute, certs, id, named;
    sigb_rc rc = SIGB_OK;

    if (!der_open(&value, DER_SEQUENCE, &attribute) || !der_open(&attribute, DER_SEQUENCE, &certs) ||
        !der_open(&certs, DER_SEQUENCE, &id))
        return sigb_fail(diag, SIGB_E_TIMESTAMP_CERT,
                         "the name of the TSA's certificate in the token is unreadable");
    if (second_version)
        rc = take_hash(&id, &row, diag);
    if (rc == SIGB_OK && !der_open(&id, DER_OCTET_STRING, &named))
        rc = sigb_fail(diag, SIGB_E_TIMESTAMP_CERT,
                       "the name of the TSA's certificate in the token has no hash");
    return rc == SIGB_OK ? compare(row, named, cert, diag) : rc;
}

sigb_rc ess_require(CMS_SignerInfo *signer, X509 *cert, sigb_diag *diag)
{
    sigb_bytes first, second;
    bool has_first = signed_value(signer, NID_id_smime_aa_signingCertificate, &first);
    bool has_second = signed_value(signer, NID_id_smime_aa_signingCertificateV2, &second);
    sigb_rc rc = SIGB_OK;

    if (!has_first && !has_second)
        return sigb_fail(
            diag, SIGB_E_TIMESTAMP_CERT,
            "the time stamp does not name the certificate of its TSA (RFC 3161, 2.4.2; RFC 5816); use "
            "a TSA that does");
    if (has_first)
        rc = require(first, false, cert, diag);
    if (rc == SIGB_OK && has_second)
        rc = require(second, true, cert, diag);
    return rc;
}
