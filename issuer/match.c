/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/did.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/alg.h"
#include "base/error.h"
#include "base/text.h"
#include "issuer/chain.h"
#include "issuer/name.h"

#define FULCIO_ISSUER_OID "1.3.6.1.4.1.57264.1.1"

/* Attributes that a subject predicate names by label, never by OID. */
static const struct {
    const char *label;
    int nid;
} LABELS[] = {{"CN", NID_commonName},
              {"L", NID_localityName},
              {"ST", NID_stateOrProvinceName},
              {"O", NID_organizationName},
              {"OU", NID_organizationalUnitName},
              {"C", NID_countryName},
              {"STREET", NID_streetAddress}};

static const struct {
    const char *type;
    int gen;
} SAN_KINDS[] = {{"email", GEN_EMAIL}, {"dns", GEN_DNS}, {"uri", GEN_URI}};

/* Extensions that may be critical in any certificate of the chain (draft-birkholz-did-x509-03, resolution). */
static const int MAY_BE_CRITICAL[] = {NID_ext_key_usage,   NID_subject_alt_name,     NID_basic_constraints,
                                      NID_key_usage,       NID_name_constraints,     NID_policy_constraints,
                                      NID_policy_mappings, NID_certificate_policies, NID_inhibit_any_policy};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static sigb_rc mismatch(X509 *cert, sigb_diag *diag, const char *what)
{
    char name[CERT_NAME_ROOM];

    return sigb_openssl_refused(diag, SIGB_E_DID_MISMATCH, "the did:x509 does not resolve: %s %s",
                                cert_name(cert, name), what);
}

/* ---- what did:x509 cannot describe, in any certificate of the chain ---- */

static bool name_repeats(const X509_NAME *name)
{
    int count = X509_NAME_entry_count(name);

    for (int i = 1; i < count; i++)
        for (int j = 0; j < i; j++)
            if (OBJ_cmp(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i)),
                        X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, j))) == 0)
                return true;
    return false;
}

static bool is_ascii(const ASN1_STRING *string)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);

    for (int i = 0; i < ASN1_STRING_length(string); i++)
        if (bytes[i] > 0x7F)
            return false;
    return true;
}

static bool san_is_supported(const GENERAL_NAME *san)
{
    int type;
    const void *value = GENERAL_NAME_get0_value(san, &type);

    if (type == GEN_DIRNAME)
        return !name_repeats(value);
    return (type == GEN_EMAIL || type == GEN_DNS || type == GEN_URI) && is_ascii(value);
}

/* *sans is NULL where the certificate has none. */
static sigb_rc read_sans(X509 *cert, GENERAL_NAMES **sans, sigb_diag *diag)
{
    int found = -1;

    ERR_clear_error();
    *sans = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);
    return *sans != NULL || found == -1 ? SIGB_OK
                                        : mismatch(cert, diag, "has a subjectAltName that cannot be read");
}

static sigb_rc require_sans(X509 *cert, sigb_diag *diag)
{
    GENERAL_NAMES *sans = NULL;
    sigb_rc rc = read_sans(cert, &sans, diag);

    for (int i = 0; rc == SIGB_OK && i < sk_GENERAL_NAME_num(sans); i++)
        if (!san_is_supported(sk_GENERAL_NAME_value(sans, i)))
            rc = mismatch(cert, diag,
                          "has a subjectAltName that is none of email, dns, uri or a plain directory name");
    GENERAL_NAMES_free(sans);
    return rc;
}

static bool may_be_critical(const ASN1_OBJECT *name)
{
    int nid = OBJ_obj2nid(name);

    for (size_t i = 0; i < COUNT(MAY_BE_CRITICAL); i++)
        if (MAY_BE_CRITICAL[i] == nid)
            return true;
    return false;
}

static sigb_rc require_extensions(X509 *cert, sigb_diag *diag)
{
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        const ASN1_OBJECT *name = X509_EXTENSION_get_object(X509_get_ext(cert, i));

        if (X509_EXTENSION_get_critical(X509_get_ext(cert, i)) && !may_be_critical(name))
            return mismatch(cert, diag, "has a critical extension that did:x509 does not allow");
        if (X509_get_ext_by_OBJ(cert, name, i) >= 0)
            return mismatch(cert, diag, "has an extension twice");
    }
    return SIGB_OK;
}

static sigb_rc require_describable(X509 *cert, sigb_diag *diag)
{
    sigb_rc rc = require_extensions(cert, diag);

    if (rc == SIGB_OK &&
        (name_repeats(X509_get_subject_name(cert)) || name_repeats(X509_get_issuer_name(cert))))
        rc = mismatch(cert, diag, "repeats an attribute in its subject or issuer");
    return rc == SIGB_OK ? require_sans(cert, diag) : rc;
}

/* ---- fingerprint ---- */

static sigb_rc find_ca(const did *parsed, STACK_OF(X509) * chain, int *index, sigb_diag *diag)
{
    uint8_t digest[64];
    sigb_rc rc = SIGB_OK;

    for (int i = 1; rc == SIGB_OK && i < sk_X509_num(chain); i++) {
        rc = cert_fingerprint(sk_X509_value(chain, i), parsed->hash, digest, diag);
        if (rc == SIGB_OK && memcmp(digest, parsed->fingerprint.ptr, parsed->fingerprint.len) == 0) {
            *index = i;
            return SIGB_OK;
        }
    }
    if (rc == SIGB_OK)
        rc = sigb_fail(diag, SIGB_E_DID_MISMATCH,
                       "the did:x509 does not resolve: its fingerprint is of none of the %d CA certificates "
                       "of the chain (the leaf does not count)",
                       sk_X509_num(chain) - 1);
    return rc;
}

/* ---- predicates ---- */

static sigb_rc match_eku(X509 *leaf, sigb_bytes value, sigb_diag *diag)
{
    ASN1_OBJECT *wanted = NULL;
    EXTENDED_KEY_USAGE *ekus = NULL;
    bool match = false;
    sigb_rc rc = oid_parse(value, &wanted, diag);

    if (rc == SIGB_OK)
        rc = eku_read(leaf, &ekus, diag);
    for (int i = 0; rc == SIGB_OK && i < sk_ASN1_OBJECT_num(ekus); i++)
        match |= OBJ_cmp(sk_ASN1_OBJECT_value(ekus, i), wanted) == 0;
    if (rc == SIGB_OK && !match)
        rc = mismatch(leaf, diag,
                      ekus == NULL ? "has no EKU, and an eku predicate asks for one"
                                   : "lacks the EKU that the eku predicate asks for");
    ASN1_OBJECT_free(wanted);
    EXTENDED_KEY_USAGE_free(ekus);
    return rc;
}

static sigb_rc match_san(X509 *leaf, sigb_bytes value, sigb_diag *diag)
{
    GENERAL_NAMES *sans = NULL;
    sigb_buf wanted = SIGB_BUF_INIT;
    sigb_bytes type = SIGB_BYTES_NONE;
    int gen = -1, found;
    bool match = false;
    sigb_rc rc = read_sans(leaf, &sans, diag);

    (void)did_next_part(&value, &type);
    did_put_decoded(&wanted, value);
    if (rc == SIGB_OK && wanted.failed)
        rc = sigb_no_memory(diag);
    for (size_t i = 0; i < COUNT(SAN_KINDS); i++)
        if (sigb_bytes_equal(type, sigb_bytes_text(SAN_KINDS[i].type)))
            gen = SAN_KINDS[i].gen;
    for (int i = 0; rc == SIGB_OK && i < sk_GENERAL_NAME_num(sans); i++) {
        const ASN1_STRING *san = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(sans, i), &found);

        match |= found == gen &&
                 sigb_bytes_equal(sigb_buf_bytes(&wanted),
                                  sigb_bytes_of(ASN1_STRING_get0_data(san), (size_t)ASN1_STRING_length(san)));
    }
    if (rc == SIGB_OK && !match)
        rc = mismatch(leaf, diag, "lacks the subjectAltName that the san predicate asks for");
    sigb_buf_free(&wanted);
    GENERAL_NAMES_free(sans);
    return rc;
}

static sigb_rc match_fulcio(X509 *leaf, sigb_bytes value, sigb_diag *diag)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(FULCIO_ISSUER_OID, 1);
    int at = oid == NULL ? -1 : X509_get_ext_by_OBJ(leaf, oid, -1);
    const ASN1_OCTET_STRING *held = at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(leaf, at));
    sigb_buf wanted = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    text_put(&wanted, "https://");
    did_put_decoded(&wanted, value);
    if (oid == NULL || wanted.failed)
        rc = sigb_no_memory(diag);
    else if (held == NULL)
        rc = mismatch(leaf, diag, "has no Fulcio issuer extension");
    else if (!sigb_bytes_equal(sigb_buf_bytes(&wanted),
                               sigb_bytes_of(ASN1_STRING_get0_data(held), (size_t)ASN1_STRING_length(held))))
        rc = mismatch(leaf, diag, "has another Fulcio issuer than the fulcio-issuer predicate asks for");
    ASN1_OBJECT_free(oid);
    sigb_buf_free(&wanted);
    return rc;
}

/* The OID of a subject key. An attribute that has a label is not found by its OID: one attribute, one spelling. */
static sigb_rc key_oid(sigb_bytes key, ASN1_OBJECT **oid, sigb_diag *diag)
{
    sigb_rc rc;

    for (size_t i = 0; i < COUNT(LABELS); i++)
        if (sigb_bytes_equal(key, sigb_bytes_text(LABELS[i].label))) {
            *oid = OBJ_nid2obj(LABELS[i].nid); /* static */
            return SIGB_OK;
        }
    rc = oid_parse(key, oid, diag);
    for (size_t i = 0; rc == SIGB_OK && i < COUNT(LABELS); i++)
        if (OBJ_obj2nid(*oid) == LABELS[i].nid)
            rc = sigb_fail(diag, SIGB_E_DID_MISMATCH,
                           "the did:x509 does not resolve: its subject predicate names %s by OID; write %s",
                           LABELS[i].label, LABELS[i].label);
    return rc;
}

/* Words of what the leaf has instead, spelled as a predicate would. */
static sigb_rc fail_attribute(X509 *leaf, sigb_bytes key, sigb_bytes held, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];
    sigb_buf spelled = SIGB_BUF_INIT;
    const char *text;
    sigb_rc rc;

    did_put_value(&spelled, held);
    text = text_c_str(&spelled);
    rc = text == NULL
             ? sigb_no_memory(diag)
             : sigb_openssl_refused(
                   diag, SIGB_E_DID_MISMATCH,
                   "the did:x509 does not resolve: %s has %.*s:%.128s, not the value that the "
                   "subject predicate asks for",
                   cert_name(leaf, name), key.len > 64 ? 64 : (int)key.len, (const char *)key.ptr, text);
    sigb_buf_free(&spelled);
    return rc;
}

static sigb_rc compare_attribute(X509 *leaf, const X509_NAME_ENTRY *entry, sigb_bytes key, sigb_bytes value,
                                 sigb_diag *diag)
{
    sigb_buf wanted = SIGB_BUF_INIT;
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    sigb_bytes held = sigb_bytes_of(utf8, len < 0 ? 0 : (size_t)len);
    sigb_rc rc = SIGB_OK;

    did_put_decoded(&wanted, value);
    if (wanted.failed)
        rc = sigb_no_memory(diag);
    else if (len < 0)
        rc = mismatch(leaf, diag, "has a subject attribute that is not text");
    else if (!sigb_bytes_equal(sigb_buf_bytes(&wanted), held))
        rc = fail_attribute(leaf, key, held, diag);
    OPENSSL_free(utf8);
    sigb_buf_free(&wanted);
    return rc;
}

static sigb_rc match_attribute(X509 *leaf, sigb_bytes key, sigb_bytes value, sigb_diag *diag)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    ASN1_OBJECT *oid = NULL;
    int at;
    sigb_rc rc = key_oid(key, &oid, diag);

    if (rc == SIGB_OK) {
        at = X509_NAME_get_index_by_OBJ(subject, oid, -1);
        rc = at < 0 ? mismatch(leaf, diag, "lacks a subject attribute that the subject predicate asks for")
                    : compare_attribute(leaf, X509_NAME_get_entry(subject, at), key, value, diag);
    }
    ASN1_OBJECT_free(oid); /* does nothing to a static one */
    return rc;
}

static sigb_rc match_subject(X509 *leaf, sigb_bytes rest, sigb_diag *diag)
{
    sigb_bytes key, value;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && did_next_part(&rest, &key) && did_next_part(&rest, &value))
        rc = match_attribute(leaf, key, value, diag);
    return rc;
}

static sigb_rc (*const MATCHERS[])(X509 *leaf, sigb_bytes value, sigb_diag *diag) = {
    [DID_SUBJECT] = match_subject,
    [DID_SAN] = match_san,
    [DID_EKU] = match_eku,
    [DID_FULCIO_ISSUER] = match_fulcio,
};

sigb_rc did_match(const did *parsed, STACK_OF(X509) * chain, int *ca_index, sigb_diag *diag)
{
    int index = 0;
    sigb_rc rc = SIGB_OK;

    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(chain); i++)
        rc = require_describable(sk_X509_value(chain, i), diag);
    if (rc == SIGB_OK)
        rc = find_ca(parsed, chain, &index, diag);
    for (size_t i = 0; rc == SIGB_OK && i < parsed->count; i++)
        rc = MATCHERS[parsed->predicates[i].name](sk_X509_value(chain, 0), parsed->predicates[i].value, diag);
    if (rc == SIGB_OK && ca_index != NULL)
        *ca_index = index;
    ERR_clear_error();
    return rc;
}
