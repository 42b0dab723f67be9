/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/libctx.h"
#include "base/pubkey.h"

#define MAX_KEYS  32
#define MAX_CERTS 128

struct pki_key {
    const char *type, *label;
    CK_OBJECT_HANDLE private;
    EVP_PKEY *public;
    sigb_buf spki;
};

struct pki {
    softhsm *hsm;
    CK_FUNCTION_LIST *calls;
    CK_SESSION_HANDLE session;
    pki_key keys[MAX_KEYS];
    X509 *certs[MAX_CERTS];
    size_t key_count, cert_count;
    long serial;
};

#define assert_ckr(call) assert_int_equal((call), CKR_OK)

/* ---- the token ---- */

static CK_SLOT_ID slot_of_token(pki *in)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_TOKEN_INFO info;

    assert_ckr(in->calls->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        assert_ckr(in->calls->C_GetTokenInfo(slots[i], &info));
        if (memcmp(info.label, PKI_TOKEN " ", strlen(PKI_TOKEN) + 1) == 0)
            return slots[i];
    }
    fail_msg("the token is gone");
    return 0;
}

pki *pki_new(void)
{
    static char pin[] = SOFTHSM_PIN;
    pki *made = calloc(1, sizeof(*made));

    assert_non_null(made);
    made->hsm = softhsm_new();
    softhsm_token(made->hsm, PKI_TOKEN);
    made->calls = softhsm_calls(made->hsm);
    assert_ckr(made->calls->C_Initialize(NULL));
    assert_ckr(made->calls->C_OpenSession(slot_of_token(made), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                          NULL, &made->session));
    assert_ckr(made->calls->C_Login(made->session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)));
    return made;
}

void pki_free(pki *made)
{
    if (made == NULL)
        return;
    for (size_t i = 0; i < made->cert_count; i++)
        X509_free(made->certs[i]);
    for (size_t i = 0; i < made->key_count; i++) {
        EVP_PKEY_free(made->keys[i].public);
        sigb_buf_free(&made->keys[i].spki);
    }
    assert_ckr(made->calls->C_Finalize(NULL));
    softhsm_free(made->hsm);
    free(made);
}

softhsm *pki_hsm(pki *made)
{
    return made->hsm;
}

/* ---- keys ---- */

static size_t attribute(pki *in, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *room, size_t len)
{
    CK_ATTRIBUTE wanted = {type, room, len};

    assert_ckr(in->calls->C_GetAttributeValue(in->session, object, &wanted, 1));
    return wanted.ulValueLen;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx_get(), type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_public(pki *in, CK_OBJECT_HANDLE object)
{
    uint8_t n[512], e[8];
    size_t n_len = attribute(in, object, CKA_MODULUS, n, sizeof(n));
    size_t e_len = attribute(in, object, CKA_PUBLIC_EXPONENT, e, sizeof(e));
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key;

    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent), 1);
    key = key_from("RSA", build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* CKA_EC_POINT is an OCTET STRING around the point. */
static EVP_PKEY *ec_public(pki *in, CK_OBJECT_HANDLE object, const char *type)
{
    uint8_t point[160];
    size_t len = attribute(in, object, CKA_EC_POINT, point, sizeof(point));
    const unsigned char *p = point;
    ASN1_OCTET_STRING *inner = d2i_ASN1_OCTET_STRING(NULL, &p, (long)len);
    const unsigned char *bytes = ASN1_STRING_get0_data(inner);
    size_t count = (size_t)ASN1_STRING_length(inner);
    OSSL_PARAM_BLD *build;
    EVP_PKEY *key;

    if (strcmp(type, "Ed25519") == 0) {
        key = EVP_PKEY_new_raw_public_key_ex(libctx_get(), "ED25519", NULL, bytes, count);
    } else {
        build = OSSL_PARAM_BLD_new();
        assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, type, 0), 1);
        assert_int_equal(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, bytes, count), 1);
        key = key_from("EC", build);
    }
    ASN1_OCTET_STRING_free(inner);
    return key;
}

pki_key *pki_keygen(pki *in, const char *type, const char *label)
{
    pki_key *key = &in->keys[in->key_count++];
    CK_OBJECT_HANDLE public;

    assert_true(in->key_count <= MAX_KEYS);
    softhsm_keygen(in->hsm, PKI_TOKEN, &(softhsm_key){.type = type, .label = label, .id = label});
    key->type = type;
    key->label = label;
    key->private = softhsm_the_object(in->calls, in->session, CKO_PRIVATE_KEY, label);
    public = softhsm_the_object(in->calls, in->session, CKO_PUBLIC_KEY, label);
    key->public = strncmp(type, "RSA", 3) == 0 ? rsa_public(in, public) : ec_public(in, public, type);
    assert_non_null(key->public);
    assert_int_equal(pubkey_put_spki(key->public, &key->spki, NULL), SIGB_OK);
    return key;
}

sigb_bytes pki_spki(const pki_key *key)
{
    return sigb_buf_bytes(&key->spki);
}

/* ---- signing ---- */

static void token_sign(pki *in, const pki_key *key, CK_MECHANISM *mechanism, sigb_bytes data,
                       sigb_buf *signature)
{
    uint8_t made[512];
    CK_ULONG len = sizeof(made);

    assert_ckr(in->calls->C_SignInit(in->session, mechanism, key->private));
    assert_ckr(in->calls->C_Sign(in->session, (CK_BYTE *)(uintptr_t)data.ptr, data.len, made, &len));
    sigb_buf_append(signature, sigb_bytes_of(made, len));
}

static void digest_and_sign(pki *in, const pki_key *key, const char *digest, CK_MECHANISM *mechanism,
                            sigb_bytes tbs, sigb_buf *signature)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t len = 0;

    assert_int_equal(EVP_Q_digest(libctx_get(), digest, NULL, tbs.ptr, tbs.len, hash, &len), 1);
    token_sign(in, key, mechanism, sigb_bytes_of(hash, len), signature);
}

void pki_sign(pki *in, const pki_key *key, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature)
{
    const alg_row *row = alg_row_of(alg);
    CK_RSA_PKCS_PSS_PARAMS pss[] = {{CKM_SHA256, CKG_MGF1_SHA256, 32},
                                    {CKM_SHA384, CKG_MGF1_SHA384, 48},
                                    {CKM_SHA512, CKG_MGF1_SHA512, 64}};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};

    if (row->family == ALG_PURE) {
        mechanism.mechanism = CKM_EDDSA;
        token_sign(in, key, &mechanism, tbs, signature);
        return;
    }
    if (row->family == ALG_RSA_PSS)
        mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &pss[row->digest_len / 16 - 2], sizeof(pss[0])};
    digest_and_sign(in, key, row->digest, &mechanism, tbs, signature);
}

/* How a key signs certificates: the name of the algorithm, the mechanism, the digest (NULL: the token's work). */
typedef struct cert_alg {
    const char *type;
    bool sha1;
    int nid;
    CK_MECHANISM_TYPE mechanism;
    const char *digest;
} cert_alg;

static const cert_alg CERT_ALGS[] = {
    {"P-256", false, NID_ecdsa_with_SHA256, CKM_ECDSA, "SHA2-256"},
    {"P-384", false, NID_ecdsa_with_SHA384, CKM_ECDSA, "SHA2-384"},
    {"P-521", false, NID_ecdsa_with_SHA512, CKM_ECDSA, "SHA2-512"},
    {"P-256", true, NID_ecdsa_with_SHA1, CKM_ECDSA, "SHA1"},
    {"Ed25519", false, NID_ED25519, CKM_EDDSA, NULL},
    {"RSA-1024", false, NID_sha256WithRSAEncryption, CKM_SHA256_RSA_PKCS, NULL},
    {"RSA-2048", false, NID_sha256WithRSAEncryption, CKM_SHA256_RSA_PKCS, NULL},
    {"RSA-2048", true, NID_sha1WithRSAEncryption, CKM_SHA1_RSA_PKCS, NULL},
    {"RSA-3072", false, NID_sha256WithRSAEncryption, CKM_SHA256_RSA_PKCS, NULL},
    {"RSA-4096", false, NID_sha256WithRSAEncryption, CKM_SHA256_RSA_PKCS, NULL},
};

static const cert_alg *cert_alg_of(const pki_key *key, bool sha1)
{
    for (size_t i = 0; i < sizeof(CERT_ALGS) / sizeof(CERT_ALGS[0]); i++)
        if (strcmp(CERT_ALGS[i].type, key->type) == 0 && CERT_ALGS[i].sha1 == sha1)
            return &CERT_ALGS[i];
    fail_msg("no way to sign certificates with %s", key->type);
    abort();
}

static void raw_to_der(sigb_buf *signature)
{
    size_t half = signature->len / 2;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int len;

    assert_int_equal(ECDSA_SIG_set0(pair, BN_bin2bn(signature->ptr, (int)half, NULL),
                                    BN_bin2bn(signature->ptr + half, (int)half, NULL)),
                     1);
    len = i2d_ECDSA_SIG(pair, &der);
    signature->len = 0;
    sigb_buf_append(signature, sigb_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
}

static void sign_tbs(pki *in, const pki_key *key, const cert_alg *alg, sigb_bytes tbs, sigb_buf *signature)
{
    CK_MECHANISM mechanism = {alg->mechanism, NULL, 0};

    if (alg->digest == NULL) {
        token_sign(in, key, &mechanism, tbs, signature);
    } else {
        digest_and_sign(in, key, alg->digest, &mechanism, tbs, signature);
        raw_to_der(signature);
    }
}

static void set_alg(X509_ALGOR *name, const cert_alg *alg)
{
    int parameter = alg->mechanism == CKM_SHA256_RSA_PKCS || alg->mechanism == CKM_SHA1_RSA_PKCS
                        ? V_ASN1_NULL
                        : V_ASN1_UNDEF;

    assert_int_equal(X509_ALGOR_set0(name, OBJ_nid2obj(alg->nid), parameter, NULL), 1);
}

static void put_head(sigb_buf *der, int tag, int constructed, size_t len)
{
    unsigned char head[8], *p = head;

    ASN1_put_object(&p, constructed, (int)len, tag, V_ASN1_UNIVERSAL);
    sigb_buf_append(der, sigb_bytes_of(head, (size_t)(p - head)));
}

/* SEQUENCE { tbs, algorithm, BIT STRING } */
static void wrap(pki *in, const pki_key *key, const cert_alg *alg, sigb_bytes tbs, bool broken, sigb_buf *der)
{
    static const uint8_t no_unused_bits = 0;
    sigb_buf signature = SIGB_BUF_INIT, bits = SIGB_BUF_INIT;
    X509_ALGOR *name = X509_ALGOR_new();
    unsigned char *name_der = NULL;
    int name_len;

    sign_tbs(in, key, alg, tbs, &signature);
    if (broken)
        signature.ptr[signature.len - 1] ^= 1;
    set_alg(name, alg);
    name_len = i2d_X509_ALGOR(name, &name_der);
    put_head(&bits, V_ASN1_BIT_STRING, 0, 1 + signature.len);
    sigb_buf_append(&bits, sigb_bytes_of(&no_unused_bits, 1));
    sigb_buf_append(&bits, sigb_buf_bytes(&signature));
    put_head(der, V_ASN1_SEQUENCE, 1, tbs.len + (size_t)name_len + bits.len);
    sigb_buf_append(der, tbs);
    sigb_buf_append(der, sigb_bytes_of(name_der, (size_t)name_len));
    sigb_buf_append(der, sigb_buf_bytes(&bits));
    OPENSSL_free(name_der);
    X509_ALGOR_free(name);
    sigb_buf_free(&bits);
    sigb_buf_free(&signature);
}

/* ---- certificates ---- */

static X509_NAME *subject_of(const pki_cert *wanted)
{
    X509_NAME *name = X509_NAME_new();
    const char *common = wanted->name == NULL ? wanted->key->label : wanted->name;
    const char *equals = wanted->type == NULL ? NULL : strchr(wanted->type, '=');
    char oid[64] = "";

    if (common[0] != '\0')
        assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                    (const unsigned char *)common, -1, -1, 0),
                         1);
    if (equals != NULL) {
        memcpy(oid, wanted->type, (size_t)(equals - wanted->type));
        assert_int_equal(X509_NAME_add_entry_by_txt(name, oid, MBSTRING_UTF8,
                                                    (const unsigned char *)equals + 1, -1, -1, 0),
                         1);
    }
    return name;
}

static void add_extension(X509 *cert, X509V3_CTX *ctx, const char *name, const char *value)
{
    X509_EXTENSION *extension;

    if (value[0] == '\0')
        return;
    extension = X509V3_EXT_nconf(NULL, ctx, name, value);
    if (extension == NULL)
        fail_msg("extension %s = %s", name, value);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static const char *or_usual(const char *given, const char *usual)
{
    return given == NULL ? usual : given;
}

static void add_extensions(X509 *cert, const pki_cert *wanted)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, wanted->issuer == NULL ? cert : wanted->issuer, cert, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    add_extension(cert, &ctx, "basicConstraints",
                  or_usual(wanted->basic, wanted->ca ? "critical,CA:TRUE" : ""));
    add_extension(
        cert, &ctx, "keyUsage",
        or_usual(wanted->usage, wanted->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"));
    add_extension(cert, &ctx, "extendedKeyUsage", or_usual(wanted->eku, wanted->ca ? "" : PKI_EKU));
    add_extension(cert, &ctx, "subjectKeyIdentifier", or_usual(wanted->subject_id, "hash"));
    add_extension(cert, &ctx, "authorityKeyIdentifier", or_usual(wanted->issuer_id, "keyid"));
    add_extension(cert, &ctx, "subjectAltName", or_usual(wanted->san, ""));
    for (size_t i = 0; i < 4 && wanted->more[i] != NULL; i++) {
        char name[64] = "";
        const char *equals = strstr(wanted->more[i], " = ");

        assert_non_null(equals);
        memcpy(name, wanted->more[i], (size_t)(equals - wanted->more[i]));
        add_extension(cert, &ctx, name, equals + 3);
    }
}

static X509 *fill_tbs(pki *in, const pki_cert *wanted, const cert_alg *alg)
{
    X509 *cert = X509_new_ex(libctx_get(), NULL);
    X509_NAME *subject = subject_of(wanted);

    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(
        ASN1_INTEGER_set(X509_get_serialNumber(cert), wanted->serial == 0 ? ++in->serial : wanted->serial),
        1);
    assert_non_null(
        ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(wanted->from == 0 ? PKI_FROM : wanted->from)));
    assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(wanted->to == 0 ? PKI_TO : wanted->to)));
    assert_int_equal(X509_set_subject_name(cert, subject), 1);
    assert_int_equal(
        X509_set_issuer_name(cert, wanted->issuer == NULL ? subject : X509_get_subject_name(wanted->issuer)),
        1);
    assert_int_equal(X509_set_pubkey(cert, wanted->key->public), 1);
    add_extensions(cert, wanted);
    set_alg((X509_ALGOR *)(uintptr_t)X509_get0_tbs_sigalg(cert), alg);
    X509_NAME_free(subject);
    return cert;
}

X509 *pki_issue(pki *in, const pki_cert *wanted)
{
    const pki_key *signer = wanted->signer == NULL ? wanted->key : wanted->signer;
    const cert_alg *alg = cert_alg_of(signer, wanted->sha1);
    X509 *tbs = fill_tbs(in, wanted, alg), *cert = NULL;
    unsigned char *bytes = NULL;
    int len = i2d_re_X509_tbs(tbs, &bytes);
    sigb_buf der = SIGB_BUF_INIT;

    assert_true(len > 0);
    wrap(in, signer, alg, sigb_bytes_of(bytes, (size_t)len), wanted->broken, &der);
    assert_int_equal(cert_parse(sigb_buf_bytes(&der), &cert, NULL), SIGB_OK);
    OPENSSL_free(bytes);
    X509_free(tbs);
    sigb_buf_free(&der);
    assert_true(in->cert_count < MAX_CERTS);
    in->certs[in->cert_count++] = cert;
    return cert;
}

/* Appends what i2d wrote. */
static void put_der(sigb_buf *out, unsigned char *bytes, int len)
{
    assert_true(len > 0);
    sigb_buf_append(out, sigb_bytes_of(bytes, (size_t)len));
    OPENSSL_free(bytes);
}

static void put_sequence(sigb_buf *out, sigb_bytes content)
{
    put_head(out, V_ASN1_SEQUENCE, 1, content.len);
    sigb_buf_append(out, content);
}

static void put_time(sigb_buf *out, int64_t at)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)at);
    unsigned char *bytes = NULL;
    int len = i2d_ASN1_TIME(time, &bytes);

    put_der(out, bytes, len);
    ASN1_TIME_free(time);
}

/* revokedCertificates = SEQUENCE OF SEQUENCE { serial, time } */
static void put_revoked(sigb_buf *out, long serial, int64_t when)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    sigb_buf entry = SIGB_BUF_INIT, list = SIGB_BUF_INIT;
    unsigned char *bytes = NULL;
    int len;

    assert_int_equal(ASN1_INTEGER_set(number, serial), 1);
    len = i2d_ASN1_INTEGER(number, &bytes);
    put_der(&entry, bytes, len);
    put_time(&entry, when);
    put_sequence(&list, sigb_buf_bytes(&entry));
    put_sequence(out, sigb_buf_bytes(&list));
    ASN1_INTEGER_free(number);
    sigb_buf_free(&entry);
    sigb_buf_free(&list);
}

/* TBSCertList, version 1: SEQUENCE { algorithm, issuer, thisUpdate, nextUpdate, revokedCertificates? } */
void pki_crl(pki *in, X509 *ca, const pki_key *signer, long revoked, int64_t from, int64_t to, sigb_buf *der)
{
    const cert_alg *alg = cert_alg_of(signer, false);
    X509_ALGOR *name = X509_ALGOR_new();
    sigb_buf content = SIGB_BUF_INIT, tbs = SIGB_BUF_INIT;
    unsigned char *bytes = NULL;
    int len;

    set_alg(name, alg);
    len = i2d_X509_ALGOR(name, &bytes);
    put_der(&content, bytes, len);
    bytes = NULL;
    len = i2d_X509_NAME(X509_get_subject_name(ca), &bytes);
    put_der(&content, bytes, len);
    put_time(&content, from);
    put_time(&content, to);
    if (revoked != 0)
        put_revoked(&content, revoked, from);
    put_sequence(&tbs, sigb_buf_bytes(&content));
    wrap(in, signer, alg, sigb_buf_bytes(&tbs), false, der);
    X509_ALGOR_free(name);
    sigb_buf_free(&content);
    sigb_buf_free(&tbs);
}

sigb_bytes pki_der(sigb_buf *room, ...)
{
    va_list certs;

    va_start(certs, room);
    for (X509 *cert = va_arg(certs, X509 *); cert != NULL; cert = va_arg(certs, X509 *))
        assert_int_equal(cert_put(cert, room, NULL), SIGB_OK);
    va_end(certs);
    return sigb_buf_bytes(room);
}
