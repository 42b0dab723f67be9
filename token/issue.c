/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate ::= SEQUENCE {          (RFC 5280, 4.1)
 *     tbsCertificate       TBSCertificate,      OpenSSL writes it (tbs.c)
 *     signatureAlgorithm   AlgorithmIdentifier, the same one stands inside
 *     signatureValue       BIT STRING }         by the signer
 */
#include "token/issue.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/der.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"

/* ---- AlgorithmIdentifier ---- */

/* RFC 5758, 3.2: no parameters. */
static const struct ecdsa_oid {
    sigb_alg alg;
    int nid;
} ECDSA_OIDS[] = {
    {SIGB_ES256, NID_ecdsa_with_SHA256},
    {SIGB_ES384, NID_ecdsa_with_SHA384},
    {SIGB_ES512, NID_ecdsa_with_SHA512},
};

static int ecdsa_nid(sigb_alg alg)
{
    for (size_t i = 0; i < sizeof(ECDSA_OIDS) / sizeof(ECDSA_OIDS[0]); i++)
        if (ECDSA_OIDS[i].alg == alg)
            return ECDSA_OIDS[i].nid;
    return NID_undef;
}

/* RSASSA-PSS-params (RFC 4055, 3.1): the digest, MGF1 over the same, the salt as long as it. */
static RSA_PSS_PARAMS *pss_params(const alg_row *row)
{
    RSA_PSS_PARAMS *params = RSA_PSS_PARAMS_new();
    const EVP_MD *md = libctx_digest(row->digest);
    ASN1_STRING *hash = NULL;

    if (params == NULL || md == NULL || (params->hashAlgorithm = X509_ALGOR_new()) == NULL ||
        (params->maskGenAlgorithm = X509_ALGOR_new()) == NULL ||
        (params->saltLength = ASN1_INTEGER_new()) == NULL ||
        ASN1_INTEGER_set(params->saltLength, (long)row->digest_len) != 1 ||
        X509_ALGOR_set0(params->hashAlgorithm, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) != 1)
        goto fail;
    hash = ASN1_item_pack(params->hashAlgorithm, ASN1_ITEM_rptr(X509_ALGOR), NULL);
    if (hash == NULL ||
        X509_ALGOR_set0(params->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, hash) != 1)
        goto fail;
    return params;
fail:
    ASN1_STRING_free(hash);
    RSA_PSS_PARAMS_free(params);
    return NULL;
}

static bool set_pss(X509_ALGOR *algorithm, const alg_row *row)
{
    RSA_PSS_PARAMS *params = pss_params(row);
    ASN1_STRING *packed = params == NULL ? NULL
                                         : ASN1_item_pack(params, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
    bool set = packed != NULL &&
               X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, packed) == 1;

    if (!set)
        ASN1_STRING_free(packed);
    RSA_PSS_PARAMS_free(params);
    return set;
}

/* The key's own OID stands for the signature too (RFC 8410, 3; RFC 9881 for ML-DSA). */
static int pure_nid(const EVP_PKEY *key)
{
    const char *type = EVP_PKEY_get0_type_name(key);

    return type == NULL ? NID_undef : OBJ_txt2nid(type);
}

static sigb_rc set_algorithm(X509_ALGOR *algorithm, const alg_row *row, const EVP_PKEY *key, sigb_diag *diag)
{
    int nid = row->family == ALG_PURE ? pure_nid(key) : ecdsa_nid(row->id);

    if (row->family == ALG_RSA_PSS)
        return set_pss(algorithm, row) ? SIGB_OK : sigb_openssl_failed(diag, "an algorithm identifier");
    if (nid == NID_undef)
        return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                    "this OpenSSL has no certificate signature for %s", row->name);
    if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_UNDEF, NULL) != 1)
        return sigb_openssl_failed(diag, "an algorithm identifier");
    return SIGB_OK;
}

/* ---- signing ---- */

/* OpenSSL shows the inner AlgorithmIdentifier and has no function that sets it; the certificate is ours. */
static X509_ALGOR *inner_algorithm(X509 *tbs)
{
    return (X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(tbs);
}

static void put_head(sigb_buf *out, int tag, size_t len)
{
    unsigned char head[8];
    unsigned char *end = head;

    ASN1_put_object(&end, tag == V_ASN1_SEQUENCE, (int)len, tag, V_ASN1_UNIVERSAL);
    sigb_buf_append(out, sigb_bytes_of(head, (size_t)(end - head)));
}

/* signatureValue: raw as COSE has it, or DER for ECDSA, in a BIT STRING without unused bits. */
static sigb_rc put_signature(sigb_buf *out, const alg_row *row, sigb_bytes raw, sigb_diag *diag)
{
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    if (row->family == ALG_ECDSA) {
        rc = ecdsa_raw_to_der(raw, row->coord, &der, diag);
        raw = sigb_buf_bytes(&der);
    }
    if (rc == SIGB_OK) {
        put_head(out, V_ASN1_BIT_STRING, 1 + raw.len);
        sigb_buf_append(out, sigb_bytes_of("", 1));
        sigb_buf_append(out, raw);
    }
    sigb_buf_free(&der);
    return rc;
}

static sigb_rc put_tbs(sigb_buf *out, X509 *tbs, sigb_diag *diag)
{
    unsigned char *bytes = NULL;
    int len = i2d_re_X509_tbs(tbs, &bytes);

    return der_take(out, bytes, len, "to write a certificate", diag);
}

static sigb_rc put_algorithm(sigb_buf *out, X509 *tbs, sigb_diag *diag)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509_ALGOR(X509_get0_tbs_sigalg(tbs), &bytes);

    return der_take(out, bytes, len, "to write a certificate", diag);
}

/* Appends the content of the outer SEQUENCE. */
static sigb_rc sign(X509 *tbs, sigb_signer *signer, const alg_row *row, sigb_buf *content, sigb_diag *diag)
{
    sigb_buf raw = SIGB_BUF_INIT;
    sigb_rc rc = put_tbs(content, tbs, diag);

    if (rc == SIGB_OK)
        rc = sigb_signer_sign(signer, row->id, sigb_buf_bytes(content), &raw, diag);
    if (rc == SIGB_OK)
        rc = put_algorithm(content, tbs, diag);
    if (rc == SIGB_OK)
        rc = put_signature(content, row, sigb_buf_bytes(&raw), diag);
    sigb_buf_free(&raw);
    return rc == SIGB_OK && content->failed ? sigb_no_memory(diag) : rc;
}

/* Reads back what was written and verifies it as anybody will. */
static sigb_rc check_made(sigb_bytes der, const cert_plan *plan, EVP_PKEY *key, sigb_diag *diag)
{
    X509 *cert = NULL;
    sigb_rc rc = cert_parse(der, &cert, diag);

    if (rc != SIGB_OK)
        return rc;
    if (X509_verify(cert, key) != 1)
        rc = sigb_openssl_refused(
            diag, SIGB_E_SIGNATURE_FAULT,
            "the certificate does not verify with its issuer's key; nothing was written");
    else if (X509_check_issued(plan->issuer == NULL ? cert : plan->issuer, cert) != X509_V_OK)
        rc = sigb_openssl_refused(diag, SIGB_E_INTERNAL, "the certificate does not name its issuer");
    X509_free(cert);
    return rc;
}

static sigb_rc issue_with(const cert_plan *plan, sigb_signer *signer, EVP_PKEY *key, sigb_alg alg,
                          sigb_buf *der, sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT, whole = SIGB_BUF_INIT;
    const alg_row *row = alg_row_of(alg);
    X509 *tbs = NULL;
    sigb_rc rc = tbs_build(plan, &tbs, diag);

    if (rc == SIGB_OK)
        rc = set_algorithm(inner_algorithm(tbs), row, key, diag);
    if (rc == SIGB_OK)
        rc = sign(tbs, signer, row, &content, diag);
    if (rc == SIGB_OK) {
        put_head(&whole, V_ASN1_SEQUENCE, content.len);
        sigb_buf_append(&whole, sigb_buf_bytes(&content));
        rc = whole.failed ? sigb_no_memory(diag) : check_made(sigb_buf_bytes(&whole), plan, key, diag);
    }
    if (rc == SIGB_OK) {
        sigb_buf_append(der, sigb_buf_bytes(&whole));
        rc = der->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    X509_free(tbs);
    sigb_buf_free(&content);
    sigb_buf_free(&whole);
    return rc;
}

/* Appends the public key that the certificate must verify with: its issuer's, or its own. */
static sigb_rc put_signing_key(const cert_plan *plan, sigb_buf *spki, sigb_diag *diag)
{
    if (plan->issuer != NULL)
        return cert_put_spki(plan->issuer, spki, diag);
    sigb_buf_append(spki, plan->spki);
    return spki->failed ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc cert_issue(const cert_plan *plan, sigb_signer *signer, sigb_buf *der, sigb_diag *diag)
{
    sigb_buf spki = SIGB_BUF_INIT;
    EVP_PKEY *key = NULL;
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_rc rc = plan_check(plan, diag);

    if (rc == SIGB_OK) /* a key that could never sign a statement gets no certificate either */
        rc = sigb_alg_for_key(plan->spki, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    if (rc == SIGB_OK)
        rc = put_signing_key(plan, &spki, diag);
    if (rc == SIGB_OK)
        rc = sigb_signer_expect(signer, sigb_buf_bytes(&spki), diag);
    if (rc == SIGB_OK)
        rc = sigb_alg_for_key(sigb_buf_bytes(&spki), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    if (rc == SIGB_OK)
        rc = pubkey_parse(sigb_buf_bytes(&spki), &key, diag);
    if (rc == SIGB_OK)
        rc = issue_with(plan, signer, key, alg, der, diag);
    EVP_PKEY_free(key);
    sigb_buf_free(&spki);
    return rc;
}
