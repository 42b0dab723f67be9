/* SPDX-License-Identifier: Apache-2.0 */
#include "token/tbs.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/text.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "token/subject.h"

#define DAY          86400
#define MAX_DAYS     36500
#define FIRST_SECOND INT64_C(-631152000)   /* 1950-01-01, where UTCTime begins */
#define LAST_SECOND  INT64_C(253402300799) /* 9999-12-31T23:59:59Z, where GeneralizedTime ends */
#define SERIAL_LEN   16
#define KEY_ID_LEN   20 /* RFC 7093, 2: the leftmost 160 bits of SHA-256 of the key */

/* Bits of keyUsage (RFC 5280, 4.2.1.3) */
#define DIGITAL_SIGNATURE 0
#define KEY_CERT_SIGN     5
#define CRL_SIGN          6

/* One row a role. */
static const struct role {
    const char *words;
    bool ca;
    long path_len; /* -1: no limit */
    int usage[2];
    int usages;
} ROLES[] = {
    [SIGB_CERT_ROOT] = {"a root", true, -1, {KEY_CERT_SIGN, CRL_SIGN}, 2},
    [SIGB_CERT_CA] = {"an issuing CA", true, 0, {KEY_CERT_SIGN, CRL_SIGN}, 2},
    [SIGB_CERT_LEAF] = {"a leaf", false, -1, {DIGITAL_SIGNATURE}, 1},
};

static const struct role *role_of(const cert_plan *plan)
{
    return (unsigned)plan->role < sizeof(ROLES) / sizeof(ROLES[0]) ? &ROLES[plan->role] : NULL;
}

/* ---- EKUs ---- */

/* Appends one OID to the list; refuses what is none, what is there already, and what means anything at all. */
static sigb_rc eku_put(EXTENDED_KEY_USAGE *ekus, sigb_bytes text, sigb_diag *diag)
{
    ASN1_OBJECT *oid = NULL;
    sigb_rc rc = oid_parse(text, &oid, diag);

    if (rc == SIGB_OK && OBJ_obj2nid(oid) == NID_anyExtendedKeyUsage)
        rc =
            sigb_fail(diag, SIGB_E_EKU_ANY,
                      "anyExtendedKeyUsage names no issuer; give an OID of your own, under 2.25 for example");
    for (int i = 0; rc == SIGB_OK && i < sk_ASN1_OBJECT_num(ekus); i++)
        if (OBJ_cmp(sk_ASN1_OBJECT_value(ekus, i), oid) == 0)
            rc = sigb_fail(diag, SIGB_E_USAGE, "EKU %.*s is given twice", (int)text.len,
                           (const char *)text.ptr);
    if (rc == SIGB_OK && sk_ASN1_OBJECT_push(ekus, oid) <= 0)
        rc = sigb_no_memory(diag);
    if (rc != SIGB_OK)
        ASN1_OBJECT_free(oid);
    return rc;
}

static sigb_rc ekus_parse(const char *list, EXTENDED_KEY_USAGE **ekus, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *made = sk_ASN1_OBJECT_new_null();
    sigb_rc rc = made == NULL ? sigb_no_memory(diag) : SIGB_OK;
    bool more = true;

    for (const char *at = list; rc == SIGB_OK && more; at += strcspn(at, ",") + 1) {
        rc = eku_put(made, sigb_bytes_of(at, strcspn(at, ",")), diag);
        more = at[strcspn(at, ",")] == ',';
    }
    if (rc == SIGB_OK)
        *ekus = made;
    else
        sk_ASN1_OBJECT_pop_free(made, ASN1_OBJECT_free);
    return rc;
}

/* ---- what is refused ---- */

static int64_t plan_end(const cert_plan *plan)
{
    return plan->from + (int64_t)plan->days * DAY;
}

static sigb_rc check_dates(const cert_plan *plan, sigb_diag *diag)
{
    char from[TIME_TEXT];

    if (plan->days < 1 || plan->days > MAX_DAYS)
        return sigb_fail(diag, SIGB_E_USAGE, "validity of %d days: 1 to %d are wanted", plan->days, MAX_DAYS);
    if (plan->from < FIRST_SECOND || plan->from > LAST_SECOND - (int64_t)plan->days * DAY)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "%d days from %s: a certificate's dates lie between the years 1950 and 9999",
                         plan->days, time_text(plan->from, from));
    return SIGB_OK;
}

static sigb_rc check_issuer_dates(const cert_plan *plan, sigb_diag *diag)
{
    int64_t begin = 0, end = 0;
    char wanted[TIME_TEXT], has[TIME_TEXT];

    if (!der_seconds(X509_get0_notBefore(plan->issuer), &begin) ||
        !der_seconds(X509_get0_notAfter(plan->issuer), &end))
        return sigb_openssl_refused(diag, SIGB_E_CERT_DER, "the issuing certificate's dates cannot be read");
    if (plan->from < begin)
        return sigb_fail(diag, SIGB_E_NOT_YET_VALID,
                         "the certificate would begin at %s, before its issuer does at %s; begin later",
                         time_text(plan->from, wanted), time_text(begin, has));
    if (plan->from >= end)
        return sigb_fail(diag, SIGB_E_EXPIRED,
                         "the issuing certificate ended at %s; renew it before it issues anything",
                         time_text(end, has));
    if (plan_end(plan) > end)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the certificate would end at %s, after its issuer, which ends at %s; ask for at "
                         "most %lld days",
                         time_text(plan_end(plan), wanted), time_text(end, has),
                         (long long)((end - plan->from) / DAY));
    return SIGB_OK;
}

static sigb_rc check_issuer(const cert_plan *plan, sigb_diag *diag)
{
    uint32_t flags = X509_get_extension_flags(plan->issuer);
    long path_len = X509_get_pathlen(plan->issuer);

    if ((flags & EXFLAG_INVALID) != 0)
        return sigb_openssl_refused(diag, SIGB_E_CERT_DER,
                                    "the issuing certificate has extensions that cannot be read");
    if ((flags & EXFLAG_CA) == 0 || (X509_get_key_usage(plan->issuer) & KU_KEY_CERT_SIGN) == 0)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the issuing certificate is not a CA that may sign certificates; give a root or an "
                         "issuing CA");
    if (plan->role == SIGB_CERT_CA && path_len == 0)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the issuing certificate may issue leaves only (path length 0); have the root sign "
                         "an issuing CA");
    if (X509_get0_subject_key_id(plan->issuer) == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the issuing certificate has no subject key identifier, which strict checks demand; "
                         "renew it");
    return check_issuer_dates(plan, diag);
}

static sigb_rc check_ekus(const cert_plan *plan, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc;

    if ((plan->role == SIGB_CERT_LEAF) != (plan->eku != NULL))
        return sigb_fail(diag, SIGB_E_USAGE, "%s %s EKU: it stands in the leaf and nowhere else",
                         role_of(plan)->words, plan->eku == NULL ? "needs an" : "takes no");
    if (plan->eku == NULL)
        return SIGB_OK;
    rc = ekus_parse(plan->eku, &ekus, diag);
    sk_ASN1_OBJECT_pop_free(ekus, ASN1_OBJECT_free);
    return rc;
}

static sigb_rc check_subject(const cert_plan *plan, sigb_diag *diag)
{
    X509_NAME *subject = NULL;
    sigb_rc rc = subject_parse(plan->subject, &subject, diag);

    if (rc == SIGB_OK && plan->issuer != NULL &&
        X509_NAME_cmp(X509_get_subject_name(plan->issuer), subject) == 0)
        rc = sigb_fail(diag, SIGB_E_USAGE,
                       "the subject is the issuer's own; a certificate needs a name that differs from it");
    X509_NAME_free(subject);
    return rc;
}

sigb_rc plan_check(const cert_plan *plan, sigb_diag *diag)
{
    sigb_rc rc;

    if (role_of(plan) == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a certificate is for a root, an issuing CA or a leaf");
    if ((plan->role == SIGB_CERT_ROOT) != (plan->issuer == NULL))
        return sigb_fail(diag, SIGB_E_USAGE, "%s",
                         plan->issuer == NULL ? "an issuing CA or a leaf needs its issuer's certificate"
                                              : "a root signs itself; leave the issuer out");
    rc = check_ekus(plan, diag);
    if (rc == SIGB_OK)
        rc = check_subject(plan, diag);
    if (rc == SIGB_OK)
        rc = check_dates(plan, diag);
    return rc == SIGB_OK && plan->issuer != NULL ? check_issuer(plan, diag) : rc;
}

/* ---- extensions ---- */

static sigb_rc extension_put(X509 *tbs, int nid, void *value, bool critical, sigb_diag *diag)
{
    if (X509_add1_ext_i2d(tbs, nid, value, critical, X509V3_ADD_DEFAULT) != 1)
        return sigb_openssl_failed(diag, "to write an extension");
    return SIGB_OK;
}

static sigb_rc put_key_id(X509 *tbs, sigb_diag *diag)
{
    const EVP_MD *sha256 = libctx_digest("SHA2-256");
    uint8_t digest[EVP_MAX_MD_SIZE];
    ASN1_OCTET_STRING *id = NULL;
    sigb_rc rc;

    if (sha256 == NULL || X509_pubkey_digest(tbs, sha256, digest, NULL) != 1)
        return sigb_openssl_failed(diag, "a key identifier");
    id = ASN1_OCTET_STRING_new();
    if (id == NULL || ASN1_OCTET_STRING_set(id, digest, KEY_ID_LEN) != 1)
        rc = sigb_openssl_failed(diag, "a key identifier");
    else
        rc = extension_put(tbs, NID_subject_key_identifier, id, false, diag);
    ASN1_OCTET_STRING_free(id);
    return rc;
}

static sigb_rc put_issuer_key_id(X509 *tbs, X509 *issuer, sigb_diag *diag)
{
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    sigb_rc rc;

    if (authority == NULL ||
        (authority->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(issuer))) == NULL)
        rc = sigb_openssl_failed(diag, "an issuer's key identifier");
    else
        rc = extension_put(tbs, NID_authority_key_identifier, authority, false, diag);
    AUTHORITY_KEYID_free(authority);
    return rc;
}

static sigb_rc put_basic_constraints(X509 *tbs, const struct role *role, sigb_diag *diag)
{
    BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
    sigb_rc rc;

    if (basic == NULL)
        return sigb_openssl_failed(diag, "basic constraints");
    basic->ca = role->ca ? 0xFF : 0;
    if (role->path_len >= 0 && ((basic->pathlen = ASN1_INTEGER_new()) == NULL ||
                                ASN1_INTEGER_set(basic->pathlen, role->path_len) != 1))
        rc = sigb_openssl_failed(diag, "basic constraints");
    else
        rc = extension_put(tbs, NID_basic_constraints, basic, true, diag);
    BASIC_CONSTRAINTS_free(basic);
    return rc;
}

static sigb_rc put_key_usage(X509 *tbs, const struct role *role, sigb_diag *diag)
{
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    bool set = usage != NULL;
    sigb_rc rc;

    for (int i = 0; set && i < role->usages; i++)
        set = ASN1_BIT_STRING_set_bit(usage, role->usage[i], 1) == 1;
    rc = set ? extension_put(tbs, NID_key_usage, usage, true, diag)
             : sigb_openssl_failed(diag, "a key usage");
    ASN1_BIT_STRING_free(usage);
    return rc;
}

static sigb_rc put_ekus(X509 *tbs, const char *list, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc = ekus_parse(list, &ekus, diag);

    if (rc == SIGB_OK)
        rc = extension_put(tbs, NID_ext_key_usage, ekus, false, diag);
    sk_ASN1_OBJECT_pop_free(ekus, ASN1_OBJECT_free);
    return rc;
}

/* What RFC 5280, 4.2 and OpenSSL's strict mode demand of the role. */
static sigb_rc put_extensions(X509 *tbs, const cert_plan *plan, sigb_diag *diag)
{
    const struct role *role = role_of(plan);
    sigb_rc rc = put_basic_constraints(tbs, role, diag);

    if (rc == SIGB_OK)
        rc = put_key_usage(tbs, role, diag);
    if (rc == SIGB_OK && plan->eku != NULL)
        rc = put_ekus(tbs, plan->eku, diag);
    if (rc == SIGB_OK)
        rc = put_key_id(tbs, diag);
    if (rc == SIGB_OK && plan->issuer != NULL)
        rc = put_issuer_key_id(tbs, plan->issuer, diag);
    return rc;
}

/* ---- fields ---- */

/* Always 16 bytes and positive: the first two bits are 01. */
static sigb_rc put_serial(X509 *tbs, sigb_diag *diag)
{
    uint8_t bytes[SERIAL_LEN];
    BIGNUM *number = NULL;
    sigb_rc rc = SIGB_OK;

    if (RAND_bytes_ex(libctx_get(), bytes, sizeof(bytes), 0) != 1)
        return sigb_openssl_failed(diag, "random bytes");
    bytes[0] = (uint8_t)((bytes[0] & 0x3F) | 0x40);
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    if (number == NULL || BN_to_ASN1_INTEGER(number, X509_get_serialNumber(tbs)) == NULL)
        rc = sigb_openssl_failed(diag, "a serial number");
    BN_free(number);
    return rc;
}

/* UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5): ASN1_TIME_set() knows. */
static sigb_rc put_validity(X509 *tbs, const cert_plan *plan, sigb_diag *diag)
{
    if (ASN1_TIME_set(X509_getm_notBefore(tbs), (time_t)plan->from) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(tbs), (time_t)plan_end(plan)) == NULL)
        return sigb_openssl_failed(diag, "a date");
    return SIGB_OK;
}

static sigb_rc put_names(X509 *tbs, const cert_plan *plan, sigb_diag *diag)
{
    X509_NAME *subject = NULL;
    const X509_NAME *issuer = plan->issuer == NULL ? NULL : X509_get_subject_name(plan->issuer);
    sigb_rc rc = subject_parse(plan->subject, &subject, diag);

    if (rc != SIGB_OK)
        return rc;
    if (X509_set_subject_name(tbs, subject) != 1 ||
        X509_set_issuer_name(tbs, issuer == NULL ? subject : issuer) != 1)
        rc = sigb_openssl_failed(diag, "to write a name");
    X509_NAME_free(subject);
    return rc;
}

static sigb_rc put_key(X509 *tbs, sigb_bytes spki, sigb_diag *diag)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, diag);

    if (rc == SIGB_OK && X509_set_pubkey(tbs, key) != 1)
        rc = sigb_openssl_failed(diag, "to write a public key");
    EVP_PKEY_free(key);
    return rc;
}

static sigb_rc put_fields(X509 *tbs, const cert_plan *plan, sigb_diag *diag)
{
    sigb_rc rc = X509_set_version(tbs, X509_VERSION_3) == 1 ? SIGB_OK
                                                            : sigb_openssl_failed(diag, "a version");

    if (rc == SIGB_OK)
        rc = put_serial(tbs, diag);
    if (rc == SIGB_OK)
        rc = put_names(tbs, plan, diag);
    if (rc == SIGB_OK)
        rc = put_validity(tbs, plan, diag);
    if (rc == SIGB_OK)
        rc = put_key(tbs, plan->spki, diag);
    return rc;
}

sigb_rc tbs_build(const cert_plan *plan, X509 **tbs, sigb_diag *diag)
{
    OSSL_LIB_CTX *ctx = NULL;
    X509 *made = NULL;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc == SIGB_OK && (made = X509_new_ex(ctx, NULL)) == NULL)
        rc = sigb_openssl_failed(diag, "a certificate");
    if (rc == SIGB_OK)
        rc = put_fields(made, plan, diag);
    if (rc == SIGB_OK)
        rc = put_extensions(made, plan, diag);
    if (rc == SIGB_OK)
        *tbs = made;
    else
        X509_free(made);
    return rc;
}
