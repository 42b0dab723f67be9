/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   TimeStampResp  ::= SEQUENCE { status PKIStatusInfo, timeStampToken TimeStampToken OPTIONAL }
 *   TimeStampToken ::= ContentInfo                      -- CMS SignedData over a TSTInfo (RFC 5652)
 *   TSTInfo        ::= SEQUENCE { version INTEGER { v1(1) }, policy OBJECT IDENTIFIER,
 *                        messageImprint, serialNumber INTEGER, genTime GeneralizedTime,
 *                        accuracy OPTIONAL, ordering BOOLEAN DEFAULT FALSE, nonce INTEGER OPTIONAL,
 *                        tsa [0] GeneralName OPTIONAL, extensions [1] OPTIONAL }   (RFC 3161, 2.4.2)
 *
 * The bytes of the token are cut out of the response and never encoded again.
 * OpenSSL's TS_ functions read the TSTInfo here, and verify nothing: theirs run in
 * its default library context, whose openssl.cnf could lead anywhere.
 */
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <sigbridge/issuer.h>

#include "base/certs.h"
#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/text.h"
#include "issuer/name.h"
#include "timestamp/timestamp.h"

#define DER_INTEGER     0x02
#define DER_UTF8_STRING 0x0C
#define DER_OID         0x06
#define DER_SEQUENCE    0x30

#define STATUS_MODIFIED                                                                                      \
    1 /* PKIStatus grantedWithMods: this and granted, 0, bring a token (RFC 3161, 2.4.2) */

#define SECONDS_LEN  14                     /* of YYYYMMDDhhmmss */
#define NANOSECONDS  1000000000             /* of a second */
#define MICROSECONDS 1000000                /* of a second */
#define MAX_ACCURACY ((int64_t)366 * 86400) /* seconds: a clock that is off by more tells no time */

static sigb_rc malformed(sigb_diag *diag, const char *what)
{
    return sigb_openssl_refused(diag, SIGB_E_TIMESTAMP_MALFORMED,
                                "%s; take the response anew from the TSA, as it came", what);
}

/* ---- the response around it ---- */

/* What the TSA says about it, if anything: the first line of statusString. */
static sigb_bytes status_words(sigb_bytes status)
{
    sigb_bytes list, words = SIGB_BYTES_NONE;

    if (der_open(&status, DER_SEQUENCE, &list))
        (void)der_open(&list, DER_UTF8_STRING, &words);
    return words;
}

static sigb_rc refused(unsigned status, sigb_bytes words, sigb_diag *diag)
{
    static const char *const names[] = {"granted, yet without a token",
                                        "granted with changes, yet without a token",
                                        "rejection",
                                        "waiting",
                                        "revocation is imminent",
                                        "revocation has occurred"};
    size_t len = words.len > 200 ? 200 : words.len;

    return sigb_fail(diag, SIGB_E_TIMESTAMP_REFUSED,
                     "the TSA gave no time stamp: status %u (%s)%s%.*s; ask it why, and ask again", status,
                     status < sizeof(names) / sizeof(names[0]) ? names[status] : "unknown",
                     len == 0 ? "" : ", ", (int)len, len == 0 ? "" : (const char *)words.ptr);
}

/* Response or token: a SEQUENCE that begins with a SEQUENCE, or with an OID. */
static sigb_rc find_token(sigb_bytes input, sigb_bytes *token, sigb_diag *diag)
{
    sigb_bytes rest = input, content, info, status;

    if (!der_open(&rest, DER_SEQUENCE, &content) || rest.len != 0 || content.len == 0)
        return malformed(diag, "not one DER SEQUENCE, as time stamp tokens and responses are");
    *token = input;
    if (content.ptr[0] == DER_OID)
        return SIGB_OK;
    if (!der_open(&content, DER_SEQUENCE, &info) || !der_open(&info, DER_INTEGER, &status) || status.len != 1)
        return malformed(diag, "neither a time stamp token nor a response of a TSA (RFC 3161, 2.4.2)");
    *token = content;
    if (status.ptr[0] > STATUS_MODIFIED || content.len == 0)
        return refused(status.ptr[0], status_words(info), diag);
    return SIGB_OK;
}

/* ---- the CMS ---- */

static bool is_type(const ASN1_OBJECT *type, int nid)
{
    return type != NULL && OBJ_obj2nid(type) == nid;
}

sigb_bytes token_content(CMS_ContentInfo *cms)
{
    ASN1_OCTET_STRING **content = CMS_get0_content(cms);

    if (content == NULL || *content == NULL)
        return SIGB_BYTES_NONE;
    return sigb_bytes_of(ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
}

/* d2i keeps the library context of the structure that it is given: all that CMS does later happens in it. */
sigb_rc token_open(sigb_bytes der, CMS_ContentInfo **cms, sigb_diag *diag)
{
    const unsigned char *p = der.ptr;
    OSSL_LIB_CTX *ctx = NULL;
    CMS_ContentInfo *read;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc != SIGB_OK)
        return rc;
    ERR_clear_error();
    read = CMS_ContentInfo_new_ex(ctx, NULL);
    if (read == NULL)
        return sigb_openssl_failed(diag, "a CMS structure");
    if (d2i_CMS_ContentInfo(&read, &p, (long)der.len) == NULL || p != der.ptr + der.len)
        rc = malformed(diag, "the time stamp token is not one CMS structure (RFC 5652)");
    else if (!is_type(CMS_get0_type(read), NID_pkcs7_signed))
        rc = malformed(diag, "the time stamp token is not signed: its CMS type is not SignedData");
    else if (!is_type(CMS_get0_eContentType(read), NID_id_smime_ct_TSTInfo) || token_content(read).len == 0)
        rc = malformed(diag, "what the token signs is no TSTInfo (RFC 3161, 2.4.2)");
    if (rc == SIGB_OK)
        *cms = read;
    else
        CMS_ContentInfo_free(read); /* d2i sets it to NULL if it failed */
    return rc;
}

sigb_rc token_signer(CMS_ContentInfo *cms, CMS_SignerInfo **signer, sigb_diag *diag)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    int count = sk_CMS_SignerInfo_num(signers);

    if (count != 1)
        return sigb_fail(diag, SIGB_E_TIMESTAMP_MALFORMED,
                         "the time stamp token has %d signers; a TSA alone signs it (RFC 3161, 2.4.2)",
                         count < 0 ? 0 : count);
    *signer = sk_CMS_SignerInfo_value(signers, 0);
    return SIGB_OK;
}

static sigb_rc put_certs(sigb_timestamp *made, STACK_OF(X509) * certs, CMS_SignerInfo *signer,
                         sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (sk_X509_num(certs) > SIGB_MAX_CERTS)
        return sigb_fail(diag, SIGB_E_LIMIT, "the time stamp token brings more than %d certificates",
                         SIGB_MAX_CERTS);
    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        rc = cert_put(cert, &made->certs, diag);
        if (rc == SIGB_OK && made->signer.len == 0 && CMS_SignerInfo_cert_cmp(signer, cert) == 0)
            rc = cert_put(cert, &made->signer, diag);
    }
    return rc;
}

static sigb_rc read_certs(sigb_timestamp *made, CMS_ContentInfo *cms, sigb_diag *diag)
{
    CMS_SignerInfo *signer = NULL;
    STACK_OF(X509) * certs;
    sigb_rc rc = token_signer(cms, &signer, diag);

    if (rc != SIGB_OK)
        return rc;
    ERR_clear_error();
    certs = CMS_get1_certs(cms); /* NULL where it brings none */
    if (certs == NULL && ERR_peek_error() != 0)
        return sigb_openssl_failed(diag, "to read the certificates of a time stamp token");
    rc = put_certs(made, certs, signer, diag);
    sk_X509_pop_free(certs, X509_free);
    return rc;
}

/* ---- the TSTInfo ---- */

/* Digits behind the point: beyond nanoseconds they are cut off. */
static bool read_fraction(sigb_timestamp *made, const char *digits, int count)
{
    uint32_t unit = NANOSECONDS / 10;

    for (int i = 0; i < count; i++, unit /= 10) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        made->nanoseconds += unit * (uint32_t)(digits[i] - '0');
    }
    return count > 0;
}

/* 20260701120000.123Z: seconds are there, and the zone is Z (RFC 3161, 2.4.2). */
static bool read_time(sigb_timestamp *made, const ASN1_GENERALIZEDTIME *time)
{
    const char *text = (const char *)ASN1_STRING_get0_data(time);
    int len = ASN1_STRING_length(time);
    char plain[sizeof("2026-07-01T12:00:00Z")];

    if (len <= SECONDS_LEN || text[len - 1] != 'Z')
        return false;
    (void)snprintf(plain, sizeof(plain), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6, text + 8,
                   text + 10, text + 12);
    if (sigb_time_parse(plain, &made->time, NULL) != SIGB_OK)
        return false;
    if (len == SECONDS_LEN + 1)
        return true;
    return text[SECONDS_LEN] == '.' && read_fraction(made, text + SECONDS_LEN + 1, len - SECONDS_LEN - 2);
}

static bool read_number(const ASN1_INTEGER *number, int64_t most, int64_t *value)
{
    *value = 0;
    return number == NULL || (ASN1_INTEGER_get_int64(value, number) == 1 && *value >= 0 && *value <= most);
}

/* Accuracy ::= SEQUENCE { seconds INTEGER OPTIONAL, millis [0] (1..999) OPTIONAL, micros [1] (1..999) OPTIONAL } */
static bool read_accuracy(sigb_timestamp *made, TS_ACCURACY *accuracy)
{
    int64_t seconds, millis, micros;

    made->has_accuracy = accuracy != NULL;
    if (accuracy == NULL)
        return true;
    if (!read_number(TS_ACCURACY_get_seconds(accuracy), MAX_ACCURACY, &seconds) ||
        !read_number(TS_ACCURACY_get_millis(accuracy), 999, &millis) ||
        !read_number(TS_ACCURACY_get_micros(accuracy), 999, &micros))
        return false;
    made->accuracy = seconds * MICROSECONDS + millis * 1000 + micros;
    return true;
}

static sigb_rc read_policy(sigb_timestamp *made, sigb_diag *diag)
{
    ERR_clear_error();
    if (!oid_put(&made->policy, TS_TST_INFO_get_policy_id(made->info)))
        return malformed(diag, "the policy of the time stamp token is no OID");
    return text_c_str(&made->policy) == NULL ? sigb_no_memory(diag) : SIGB_OK;
}

static sigb_rc read_info(sigb_timestamp *made, sigb_bytes der, sigb_diag *diag)
{
    const unsigned char *p = der.ptr;
    long version;

    made->info = d2i_TS_TST_INFO(NULL, &p, (long)der.len);
    if (made->info == NULL || p != der.ptr + der.len)
        return malformed(
            diag, "the TSTInfo of the time stamp token, or its genTime, cannot be read (RFC 3161, 2.4.2)");
    version = TS_TST_INFO_get_version(made->info);
    if (version != 1)
        return sigb_openssl_refused(
            diag, SIGB_E_TIMESTAMP_UNSUPPORTED,
            "the time stamp token has version %ld; 1 is what there is (RFC 3161, 2.4.2)", version);
    if (!read_time(made, TS_TST_INFO_get_time(made->info)))
        return malformed(diag, "the genTime of the time stamp token is no time to the second, in UTC");
    if (!read_accuracy(made, TS_TST_INFO_get_accuracy(made->info)))
        return malformed(diag, "the accuracy of the time stamp token is out of range");
    return read_policy(made, diag);
}

/* ---- all of it ---- */

static sigb_rc read_timestamp(sigb_timestamp *made, sigb_bytes bytes, sigb_diag *diag)
{
    CMS_ContentInfo *cms = NULL;
    sigb_bytes token = SIGB_BYTES_NONE;
    sigb_rc rc = find_token(bytes, &token, diag);

    if (rc != SIGB_OK)
        return rc;
    sigb_buf_append(&made->token, token);
    rc = made->token.failed ? sigb_no_memory(diag) : token_open(sigb_buf_bytes(&made->token), &cms, diag);
    if (rc == SIGB_OK)
        rc = read_info(made, token_content(cms), diag);
    if (rc == SIGB_OK)
        rc = read_certs(made, cms, diag);
    CMS_ContentInfo_free(cms);
    return rc;
}

sigb_rc sigb_timestamp_parse(sigb_bytes bytes, sigb_timestamp **timestamp, sigb_diag *diag)
{
    sigb_timestamp *made;
    sigb_rc rc;

    if (timestamp == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the time stamp");
    if (bytes.len > SIGB_MAX_TIMESTAMP)
        return sigb_fail(diag, SIGB_E_LIMIT, "a time stamp of %zu bytes: at most %d are read", bytes.len,
                         SIGB_MAX_TIMESTAMP);
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return sigb_no_memory(diag);
    rc = read_timestamp(made, bytes, diag);
    ERR_clear_error();
    if (rc == SIGB_OK)
        *timestamp = made;
    else
        sigb_timestamp_free(made);
    return rc;
}

void sigb_timestamp_free(sigb_timestamp *timestamp)
{
    if (timestamp == NULL)
        return;
    TS_TST_INFO_free(timestamp->info);
    sigb_buf_free(&timestamp->token);
    sigb_buf_free(&timestamp->policy);
    sigb_buf_free(&timestamp->certs);
    sigb_buf_free(&timestamp->signer);
    OPENSSL_free(timestamp);
}

/* ---- getters ---- */

sigb_bytes sigb_timestamp_token(const sigb_timestamp *timestamp)
{
    return sigb_buf_bytes(&timestamp->token);
}

int64_t sigb_timestamp_time(const sigb_timestamp *timestamp)
{
    return timestamp->time;
}

uint32_t sigb_timestamp_nanoseconds(const sigb_timestamp *timestamp)
{
    return timestamp->nanoseconds;
}

bool sigb_timestamp_accuracy(const sigb_timestamp *timestamp, int64_t *microseconds)
{
    *microseconds = timestamp->accuracy;
    return timestamp->has_accuracy;
}

bool sigb_timestamp_ordering(const sigb_timestamp *timestamp)
{
    return TS_TST_INFO_get_ordering(timestamp->info) != 0;
}

const char *sigb_timestamp_policy(const sigb_timestamp *timestamp)
{
    return (const char *)timestamp->policy.ptr;
}

sigb_hash sigb_timestamp_hash(const sigb_timestamp *timestamp)
{
    const hash_row *row = NULL;

    if (stamp_hash(TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(timestamp->info)), "it", &row, NULL) !=
        SIGB_OK)
        return SIGB_HASH_NONE;
    return row->id;
}

sigb_bytes sigb_timestamp_imprint(const sigb_timestamp *timestamp)
{
    const ASN1_OCTET_STRING *imprint = TS_MSG_IMPRINT_get_msg(TS_TST_INFO_get_msg_imprint(timestamp->info));

    return sigb_bytes_of(ASN1_STRING_get0_data(imprint), (size_t)ASN1_STRING_length(imprint));
}

sigb_bytes sigb_timestamp_signer(const sigb_timestamp *timestamp)
{
    return sigb_buf_bytes(&timestamp->signer);
}

sigb_bytes sigb_timestamp_certs(const sigb_timestamp *timestamp)
{
    return sigb_buf_bytes(&timestamp->certs);
}
