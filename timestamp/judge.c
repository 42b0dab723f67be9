/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a token good? In this order: is it of these bytes; is its signature the
 * named certificate's; is that certificate for time stamps; does it lead to a
 * pinned root, at the time that the token says. Everything in the private library
 * context.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "timestamp/timestamp.h"

#define MICROSECONDS 1000000 /* of a second */
#define NANOSECONDS  1000    /* of a microsecond */

/* ---- what was stamped ---- */

sigb_rc stamp_require_imprint(const sigb_timestamp *timestamp, sigb_bytes stamped, sigb_diag *diag)
{
    const X509_ALGOR *algorithm = TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(timestamp->info));
    uint8_t digest[EVP_MAX_MD_SIZE];
    const hash_row *row = NULL;
    sigb_rc rc = stamp_hash(algorithm, "what was stamped", &row, diag);

    if (rc == SIGB_OK)
        rc = stamp_digest(row, stamped, digest, diag);
    if (rc != SIGB_OK)
        return rc;
    if (!sigb_bytes_equal(sigb_timestamp_imprint(timestamp), sigb_bytes_of(digest, row->len)))
        return sigb_fail(
            diag, SIGB_E_TIMESTAMP_IMPRINT,
            "the time stamp is of other bytes than these: its %s imprint differs; give the token that "
            "was made for them",
            row->name);
    return SIGB_OK;
}

/* ---- the signature ---- */

/* An attribute that must be signed, once, with one value of this type. */
static const void *signed_attribute(CMS_SignerInfo *signer, int nid, int type)
{
    return CMS_signed_get0_data_by_OBJ(signer, OBJ_nid2obj(nid), -3, type);
}

/*
 * CMS: what is signed are the attributes, and those say what the content is, and
 * its digest (RFC 5652, 5.4, 11.1, 11.2). They are compared here, and not by
 * CMS_verify(), which would hash the content by every algorithm that a token lists.
 */
static sigb_rc require_content(CMS_ContentInfo *cms, CMS_SignerInfo *signer, const hash_row *row,
                               sigb_diag *diag)
{
    const ASN1_OBJECT *type = signed_attribute(signer, NID_pkcs9_contentType, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *said = signed_attribute(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);
    uint8_t digest[EVP_MAX_MD_SIZE];
    sigb_rc rc;

    if (type == NULL || said == NULL || OBJ_obj2nid(type) != NID_id_smime_ct_TSTInfo)
        return sigb_openssl_refused(
            diag, SIGB_E_TIMESTAMP_SIGNATURE,
            "the time stamp's signature does not say that it is over a TSTInfo; reject it");
    rc = stamp_digest(row, token_content(cms), digest, diag);
    if (rc != SIGB_OK)
        return rc;
    if (!sigb_bytes_equal(sigb_bytes_of(ASN1_STRING_get0_data(said), (size_t)ASN1_STRING_length(said)),
                          sigb_bytes_of(digest, row->len)))
        return sigb_openssl_refused(
            diag, SIGB_E_TIMESTAMP_SIGNATURE,
            "the time stamp's signature is over another content; it was changed: reject it");
    return SIGB_OK;
}

static sigb_rc require_signature(CMS_ContentInfo *cms, CMS_SignerInfo *signer, X509 *cert, sigb_diag *diag)
{
    const hash_row *row = NULL;
    X509_ALGOR *digest = NULL;
    sigb_rc rc;

    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
    rc = stamp_hash(digest, "the time stamp's signature", &row, diag);
    if (rc == SIGB_OK)
        rc = require_content(cms, signer, row, diag);
    if (rc != SIGB_OK)
        return rc;
    ERR_clear_error();
    CMS_SignerInfo_set1_signer_cert(signer, cert);
    if (CMS_SignerInfo_verify(signer) != 1)
        return sigb_openssl_refused(diag, SIGB_E_TIMESTAMP_SIGNATURE,
                                    "the time stamp's signature is wrong; reject it");
    return ess_require(signer, cert, diag);
}

/* ---- the certificate ---- */

/* EKU: there, critical, timeStamping and nothing else (RFC 3161, 2.3). */
static sigb_rc require_purpose(X509 *cert, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];
    int at = X509_get_ext_by_NID(cert, NID_ext_key_usage, -1);
    bool critical = at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at)) != 0;
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc = eku_read(cert, &ekus, diag);
    bool alone = sk_ASN1_OBJECT_num(ekus) == 1 &&
                 OBJ_obj2nid(sk_ASN1_OBJECT_value(ekus, 0)) == NID_time_stamp;

    EXTENDED_KEY_USAGE_free(ekus);
    if (rc == SIGB_OK && (!critical || !alone))
        rc = sigb_openssl_refused(
            diag, SIGB_E_TIMESTAMP_CERT,
            "%s is no certificate of a TSA: its EKU is %s; timeStamping alone, and critical, is "
            "wanted (RFC 3161, 2.3)",
            cert_name(cert, name),
            at < 0   ? "absent"
            : !alone ? "another, or one of several"
                     : "not critical");
    return rc;
}

/* What is said of a chain, as it is said of a TSA's. */
static const struct {
    sigb_rc chain, stamp;
} OUTCOMES[] = {
    {SIGB_E_CHAIN_INCOMPLETE, SIGB_E_TIMESTAMP_UNTRUSTED},
    {SIGB_E_CHAIN_ROOT, SIGB_E_TIMESTAMP_UNTRUSTED},
    {SIGB_E_CHAIN_AMBIGUOUS, SIGB_E_TIMESTAMP_UNTRUSTED},
    {SIGB_E_CHAIN_UNRELATED, SIGB_E_TIMESTAMP_UNTRUSTED},
    {SIGB_E_CHAIN, SIGB_E_TIMESTAMP_UNTRUSTED},
    {SIGB_E_EXPIRED, SIGB_E_TIMESTAMP_EXPIRED},
    {SIGB_E_NOT_YET_VALID, SIGB_E_TIMESTAMP_EXPIRED},
    {SIGB_E_LEAF_CA, SIGB_E_TIMESTAMP_CERT},
    {SIGB_E_KEY_USAGE, SIGB_E_TIMESTAMP_CERT},
    {SIGB_E_EKU_MALFORMED, SIGB_E_TIMESTAMP_CERT},
    {SIGB_E_WEAK_KEY, SIGB_E_TIMESTAMP_WEAK},
    {SIGB_E_WEAK_DIGEST, SIGB_E_TIMESTAMP_WEAK},
};

static sigb_rc of_tsa(sigb_rc rc, const sigb_diag *why, sigb_diag *diag)
{
    for (size_t i = 0; i < sizeof(OUTCOMES) / sizeof(OUTCOMES[0]); i++)
        if (OUTCOMES[i].chain == rc)
            return sigb_fail_native(diag, OUTCOMES[i].stamp, why->native, "the TSA's chain: %.470s",
                                    why->text);
    return rc == SIGB_OK ? rc : sigb_fail_native(diag, rc, why->native, "%s", why->text);
}

static sigb_rc check_chain(X509 *cert, STACK_OF(X509) * certs, STACK_OF(X509) * roots, int64_t at,
                           sigb_diag *diag)
{
    chain_rules rules = {.use = CHAIN_STAMP, .roots = roots, .at = at};
    STACK_OF(X509) *chain = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = require_purpose(cert, &why);

    if (rc == SIGB_OK)
        rc = chain_order(cert, certs, roots, &chain, &why);
    if (rc == SIGB_OK)
        rc = chain_check(chain, &rules, NULL, &why);
    sk_X509_pop_free(chain, X509_free);
    if (rc == SIGB_E_TIMESTAMP_CERT)
        return sigb_fail_native(diag, rc, why.native, "%s", why.text);
    return of_tsa(rc, &why, diag);
}

static sigb_rc read_all(sigb_bytes own, sigb_bytes more, STACK_OF(X509) * *certs, sigb_diag *diag)
{
    sigb_buf both = SIGB_BUF_INIT;
    sigb_rc rc;

    sigb_buf_append(&both, own);
    sigb_buf_append(&both, more);
    rc = both.failed ? sigb_no_memory(diag) : certs_parse(sigb_buf_bytes(&both), certs, diag);
    sigb_buf_free(&both);
    return rc;
}

/* ---- the judgement ---- */

/* The certificate that the signer names: of those in the token, or of those beside it. */
static sigb_rc find_signer(CMS_SignerInfo *signer, STACK_OF(X509) * certs, X509 **cert, sigb_diag *diag)
{
    for (int i = 0; *cert == NULL && i < sk_X509_num(certs); i++)
        if (CMS_SignerInfo_cert_cmp(signer, sk_X509_value(certs, i)) == 0)
            *cert = sk_X509_value(certs, i);
    if (*cert != NULL)
        return SIGB_OK;
    return sigb_openssl_refused(
        diag, SIGB_E_TIMESTAMP_CERT,
        "the time stamp does not bring the certificate that signed it; give it as well");
}

static sigb_rc check_signer(const sigb_timestamp *timestamp, STACK_OF(X509) * certs, X509 **cert,
                            sigb_diag *diag)
{
    CMS_ContentInfo *cms = NULL;
    CMS_SignerInfo *signer = NULL;
    sigb_rc rc = token_open(sigb_buf_bytes(&timestamp->token), &cms, diag); /* anew: verifying changes it */

    if (rc == SIGB_OK)
        rc = token_signer(cms, &signer, diag);
    if (rc == SIGB_OK)
        rc = find_signer(signer, certs, cert, diag);
    if (rc == SIGB_OK)
        rc = require_signature(cms, signer, *cert, diag);
    CMS_ContentInfo_free(cms);
    return rc;
}

static sigb_rc check_token(const sigb_timestamp *timestamp, const sigb_timestamp_trust *trust,
                           sigb_diag *diag)
{
    STACK_OF(X509) *roots = NULL, *certs = NULL;
    X509 *cert = NULL; /* of certs */
    sigb_rc rc = certs_parse(trust->roots, &roots, diag);

    if (rc == SIGB_OK)
        rc = read_all(sigb_buf_bytes(&timestamp->certs), trust->certs, &certs, diag);
    if (rc == SIGB_OK)
        rc = check_signer(timestamp, certs, &cert, diag);
    if (rc == SIGB_OK)
        rc = check_chain(cert, certs, roots, timestamp->time, diag);
    ERR_clear_error();
    sk_X509_pop_free(roots, X509_free);
    sk_X509_pop_free(certs, X509_free);
    return rc;
}

static int64_t latest_second(const sigb_timestamp *timestamp)
{
    int64_t behind = timestamp->accuracy + (timestamp->nanoseconds + NANOSECONDS - 1) / NANOSECONDS;

    return timestamp->time + (behind + MICROSECONDS - 1) / MICROSECONDS;
}

static void tell(const sigb_timestamp *timestamp, sigb_timestamp_kind kind, sigb_timestamp_facts *facts)
{
    *facts = (sigb_timestamp_facts){
        .kind = kind,
        .time = timestamp->time,
        .nanoseconds = timestamp->nanoseconds,
        .has_accuracy = timestamp->has_accuracy,
        .accuracy = timestamp->accuracy,
        .latest = latest_second(timestamp),
        .ordering = sigb_timestamp_ordering(timestamp),
        .policy = sigb_timestamp_policy(timestamp),
        .hash = sigb_timestamp_hash(timestamp),
        .tsa = sigb_timestamp_signer(timestamp),
    };
}

sigb_rc stamp_judge(const sigb_timestamp *timestamp, sigb_timestamp_kind kind, sigb_bytes stamped,
                    const sigb_timestamp_trust *trust, sigb_timestamp_facts *facts, sigb_diag *diag)
{
    sigb_rc rc;

    if (trust == NULL || trust->roots.len == 0)
        return sigb_fail(diag, SIGB_E_ANCHOR, "no root of a TSA is pinned; give the one that you trust");
    rc = stamp_require_imprint(timestamp, stamped, diag);
    if (rc == SIGB_OK)
        rc = check_token(timestamp, trust, diag);
    if (rc == SIGB_OK && facts != NULL)
        tell(timestamp, kind, facts);
    return rc;
}
