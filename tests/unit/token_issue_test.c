/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by a signer that is two functions over a key in memory: what they say, and who accepts them. */
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/ecdsa.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/text.h"
#include "token/issue.h"

#define NOON INT64_C(1782907200) /* 2026-07-01T12:00:00Z */
#define EKU  "2.25.329800735698586629295641978511506172918"

/* ---- a key in memory that signs as COSE wants ---- */

static bool digest_sign(EVP_PKEY *key, const alg_row *row, sigb_bytes tbs, uint8_t *made, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool done = EVP_DigestSignInit_ex(ctx, &pctx, row->digest, libctx_get(), NULL, key, NULL) == 1;

    if (done && row->family == ALG_RSA_PSS)
        done = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    done = done && EVP_DigestSign(ctx, made, len, tbs.ptr, tbs.len) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

static sigb_rc soft_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    uint8_t made[1024];
    size_t len = sizeof(made);

    assert_true(digest_sign(impl, row, tbs, made, &len));
    if (row->family == ALG_ECDSA)
        return ecdsa_der_to_raw(sigb_bytes_of(made, len), row->coord, signature, diag);
    sigb_buf_append(signature, sigb_bytes_of(made, len));
    return SIGB_OK;
}

typedef struct soft_key {
    EVP_PKEY *key;
    sigb_buf spki;
    sigb_signer *signer;
} soft_key;

static const sigb_signer_ops SOFT_OPS = {soft_sign, NULL};

static void soft_open(soft_key *soft, const char *type, const char *detail)
{
    memset(soft, 0, sizeof(*soft));
    if (strcmp(type, "RSA") == 0)
        soft->key = EVP_PKEY_Q_keygen(libctx_get(), NULL, "RSA", (size_t)atoi(detail));
    else if (strcmp(type, "EC") == 0)
        soft->key = EVP_PKEY_Q_keygen(libctx_get(), NULL, "EC", detail);
    else
        soft->key = EVP_PKEY_Q_keygen(libctx_get(), NULL, type);
    assert_non_null(soft->key);
    assert_int_equal(pubkey_put_spki(soft->key, &soft->spki, NULL), SIGB_OK);
    assert_int_equal(
        sigb_signer_from_ops(&SOFT_OPS, soft->key, sigb_buf_bytes(&soft->spki), &soft->signer, NULL),
        SIGB_OK);
}

static void soft_close(soft_key *soft)
{
    sigb_signer_free(soft->signer);
    sigb_buf_free(&soft->spki);
    EVP_PKEY_free(soft->key);
}

/* ---- plans ---- */

static cert_plan plan_of(sigb_cert_role role, const soft_key *key, X509 *issuer)
{
    static const char *const subjects[] = {"CN=Root,O=Example", "CN=Issuing CA,O=Example",
                                           "CN=Leaf,O=Example"};

    return (cert_plan){.role = role,
                       .subject = subjects[role],
                       .eku = role == SIGB_CERT_LEAF ? EKU : NULL,
                       .from = NOON,
                       .days = 30,
                       .spki = sigb_buf_bytes(&key->spki),
                       .issuer = issuer};
}

static X509 *issued(const cert_plan *plan, const soft_key *by)
{
    sigb_buf der = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    X509 *cert = NULL;

    if (cert_issue(plan, by->signer, &der, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    assert_int_equal(cert_parse(sigb_buf_bytes(&der), &cert, NULL), SIGB_OK);
    sigb_buf_free(&der);
    assert_int_equal(ERR_peek_error(), 0);
    return cert;
}

static X509 *issued_role(sigb_cert_role role, const soft_key *key, X509 *issuer, const soft_key *by)
{
    cert_plan plan = plan_of(role, key, issuer);

    return issued(&plan, by);
}

/* X509_verify_cert as a ledger runs it: strict, security level 2. Returns OpenSSL's reason. */
static int strict_reason(X509 *leaf, X509 *ca, X509 *root)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx_get(), NULL);
    STACK_OF(X509) *between = sk_X509_new_null();
    int reason;

    assert_true(sk_X509_push(between, ca) > 0);
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, between), 1);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 2);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)NOON + 60);
    (void)X509_verify_cert(ctx);
    reason = X509_STORE_CTX_get_error(ctx);
    sk_X509_free(between);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return reason;
}

/* ---- tests ---- */

typedef struct key_type {
    const char *type, *detail;
    int signature; /* what it signs certificates with */
} key_type;

#define P256                                                                                                 \
    {                                                                                                        \
        "EC", "P-256", NID_ecdsa_with_SHA256                                                                 \
    }
#define P384                                                                                                 \
    {                                                                                                        \
        "EC", "P-384", NID_ecdsa_with_SHA384                                                                 \
    }
#define P521                                                                                                 \
    {                                                                                                        \
        "EC", "P-521", NID_ecdsa_with_SHA512                                                                 \
    }
#define RSA2048                                                                                              \
    {                                                                                                        \
        "RSA", "2048", NID_rsassaPss                                                                         \
    }
#define RSA3072                                                                                              \
    {                                                                                                        \
        "RSA", "3072", NID_rsassaPss                                                                         \
    }
#define RSA4096                                                                                              \
    {                                                                                                        \
        "RSA", "4096", NID_rsassaPss                                                                         \
    }
#define ED25519                                                                                              \
    {                                                                                                        \
        "ED25519", NULL, NID_ED25519                                                                         \
    }
#define ED448                                                                                                \
    {                                                                                                        \
        "ED448", NULL, NID_ED448                                                                             \
    }

/* Every type signs and is certified; large RSA keys once, they take long to make. */
static void chains_of_every_key_pass_the_strict_check(void **state)
{
    static const key_type rows[][3] = {
        {P256, P256, P256},          {P384, P384, P384},          {P521, P521, P521},
        {ED25519, ED25519, ED25519}, {RSA4096, RSA3072, RSA2048}, {RSA2048, ED448, P256},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        soft_key keys[3];
        X509 *root, *ca, *leaf;

        print_message("%s %s\n", rows[i][0].type, rows[i][0].detail == NULL ? "" : rows[i][0].detail);
        for (size_t j = 0; j < 3; j++)
            soft_open(&keys[j], rows[i][j].type, rows[i][j].detail);
        root = issued_role(SIGB_CERT_ROOT, &keys[0], NULL, &keys[0]);
        ca = issued_role(SIGB_CERT_CA, &keys[1], root, &keys[0]);
        leaf = issued_role(SIGB_CERT_LEAF, &keys[2], ca, &keys[1]);
        assert_string_equal(X509_verify_cert_error_string(strict_reason(leaf, ca, root)), "ok");
        assert_int_equal(X509_get_signature_nid(root), rows[i][0].signature);
        assert_int_equal(X509_get_signature_nid(ca), rows[i][0].signature);
        assert_int_equal(X509_get_signature_nid(leaf), rows[i][1].signature);
        X509_free(leaf);
        X509_free(ca);
        X509_free(root);
        for (size_t j = 0; j < 3; j++)
            soft_close(&keys[j]);
    }
}

/* RFC 4055, 3.1: the digest, MGF1 over it, the salt; nothing left to defaults that mean SHA-1. */
static void pss_parameters_are_explicit(void **state)
{
    soft_key key;
    X509 *root;
    const X509_ALGOR *outer;
    int md = 0, pkey = 0, bits = 0;
    uint32_t flags = 0;

    (void)state;
    soft_open(&key, "RSA", "3072");
    root = issued_role(SIGB_CERT_ROOT, &key, NULL, &key);
    X509_get0_signature(NULL, &outer, root);
    assert_int_equal(X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(root)), 0);
    assert_int_equal(X509_get_signature_info(root, &md, &pkey, &bits, &flags), 1);
    assert_int_equal(md, NID_sha384);
    assert_int_equal(pkey, EVP_PKEY_RSA_PSS);
    assert_int_equal(bits, 192);
    X509_free(root);
    soft_close(&key);
}

static int extension_critical(X509 *cert, int nid)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);

    return at < 0 ? -1 : X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

static void assert_extensions(X509 *cert, int basic, int usage, int eku, int ski, int aki)
{
    assert_int_equal(extension_critical(cert, NID_basic_constraints), basic);
    assert_int_equal(extension_critical(cert, NID_key_usage), usage);
    assert_int_equal(extension_critical(cert, NID_ext_key_usage), eku);
    assert_int_equal(extension_critical(cert, NID_subject_key_identifier), ski);
    assert_int_equal(extension_critical(cert, NID_authority_key_identifier), aki);
}

static void each_role_has_its_extensions(void **state)
{
    soft_key key, other;
    X509 *root, *ca, *leaf;

    (void)state;
    soft_open(&key, "EC", "P-256");
    soft_open(&other, "EC", "P-256");
    root = issued_role(SIGB_CERT_ROOT, &key, NULL, &key);
    ca = issued_role(SIGB_CERT_CA, &other, root, &key);
    leaf = issued_role(SIGB_CERT_LEAF, &key, ca, &other);
    assert_extensions(root, 1, 1, -1, 0, -1);
    assert_extensions(ca, 1, 1, -1, 0, 0);
    assert_extensions(leaf, 1, 1, 0, 0, 0);
    assert_int_equal(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_pathlen(root), -1);
    assert_int_equal(X509_get_pathlen(ca), 0);
    assert_int_equal(X509_check_ca(leaf), 0);
    assert_int_equal(X509_get_version(leaf), X509_VERSION_3);
    X509_free(leaf);
    X509_free(ca);
    X509_free(root);
    soft_close(&key);
    soft_close(&other);
}

static void serials_are_sixteen_random_positive_bytes(void **state)
{
    soft_key key;
    X509 *certs[8];

    (void)state;
    soft_open(&key, "EC", "P-256");
    for (size_t i = 0; i < 8; i++) {
        certs[i] = issued_role(SIGB_CERT_ROOT, &key, NULL, &key);
        assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(certs[i])),
                         V_ASN1_INTEGER); /* not negative */
        assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(certs[i])), 16);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(
                ASN1_INTEGER_cmp(X509_get0_serialNumber(certs[i]), X509_get0_serialNumber(certs[j])), 0);
    }
    for (size_t i = 0; i < 8; i++)
        X509_free(certs[i]);
    soft_close(&key);
}

/* RFC 5280, 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
static void dates_have_the_form_of_their_century(void **state)
{
    static const struct {
        int64_t from;
        int days;
        int begin, end;
        const char *last;
    } rows[] = {
        {NOON, 30, V_ASN1_UTCTIME, V_ASN1_UTCTIME, "260731120000Z"},
        {NOON, 36500, V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME, "21260607120000Z"},
        {INT64_C(2524607999), 1, V_ASN1_UTCTIME, V_ASN1_GENERALIZEDTIME, "20500101235959Z"},
        {INT64_C(2524608000), 1, V_ASN1_GENERALIZEDTIME, V_ASN1_GENERALIZEDTIME, "20500102000000Z"},
    };
    soft_key key;

    (void)state;
    soft_open(&key, "EC", "P-256");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cert_plan plan = plan_of(SIGB_CERT_ROOT, &key, NULL);
        X509 *root;
        const ASN1_TIME *end;

        print_message("row %zu\n", i);
        plan.from = rows[i].from;
        plan.days = rows[i].days;
        root = issued(&plan, &key);
        end = X509_get0_notAfter(root);
        assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(root)), rows[i].begin);
        assert_int_equal(ASN1_STRING_type(end), rows[i].end);
        assert_int_equal(ASN1_STRING_length(end), strlen(rows[i].last));
        assert_memory_equal(ASN1_STRING_get0_data(end), rows[i].last, strlen(rows[i].last));
        X509_free(root);
    }
    soft_close(&key);
}

#define TEN     "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void ekus_of_a_hundred_digits_are_kept_whole(void **state)
{
    soft_key root_key, leaf_key;
    X509 *root, *leaf;
    cert_plan plan;
    EXTENDED_KEY_USAGE *ekus;
    ASN1_OBJECT *first = OBJ_txt2obj("2.25." HUNDRED, 1),
                *second = OBJ_txt2obj("1.3.6.1.4.1.311.76.59.1.2", 1);

    (void)state;
    soft_open(&root_key, "EC", "P-256");
    soft_open(&leaf_key, "EC", "P-256");
    root = issued_role(SIGB_CERT_ROOT, &root_key, NULL, &root_key);
    plan = plan_of(SIGB_CERT_LEAF, &leaf_key, root);
    plan.eku = "2.25." HUNDRED ",1.3.6.1.4.1.311.76.59.1.2";
    leaf = issued(&plan, &root_key);
    ekus = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    assert_int_equal(sk_ASN1_OBJECT_num(ekus), 2);
    assert_int_equal(OBJ_cmp(sk_ASN1_OBJECT_value(ekus, 0), first), 0);
    assert_int_equal(OBJ_cmp(sk_ASN1_OBJECT_value(ekus, 1), second), 0);
    EXTENDED_KEY_USAGE_free(ekus);
    ASN1_OBJECT_free(first);
    ASN1_OBJECT_free(second);
    X509_free(leaf);
    X509_free(root);
    soft_close(&root_key);
    soft_close(&leaf_key);
}

/* ---- refusals ---- */

typedef struct pki {
    soft_key root_key, ca_key, leaf_key;
    X509 *root, *ca, *leaf;
} pki;

static int pki_open(void **state)
{
    pki *made = test_calloc(1, sizeof(*made));

    soft_open(&made->root_key, "EC", "P-256");
    soft_open(&made->ca_key, "EC", "P-384");
    soft_open(&made->leaf_key, "RSA", "2048");
    made->root = issued_role(SIGB_CERT_ROOT, &made->root_key, NULL, &made->root_key);
    made->ca = issued_role(SIGB_CERT_CA, &made->ca_key, made->root, &made->root_key);
    made->leaf = issued_role(SIGB_CERT_LEAF, &made->leaf_key, made->ca, &made->ca_key);
    *state = made;
    return 0;
}

static int pki_close(void **state)
{
    pki *made = *state;

    X509_free(made->leaf);
    X509_free(made->ca);
    X509_free(made->root);
    soft_close(&made->leaf_key);
    soft_close(&made->ca_key);
    soft_close(&made->root_key);
    test_free(made);
    return 0;
}

#define assert_plan_refused(plan, by, code, words)                                                           \
    do {                                                                                                     \
        sigb_buf none = SIGB_BUF_INIT;                                                                       \
        assert_refused(cert_issue(&(plan), (by)->signer, &none, diag), code, words);                         \
        assert_int_equal(none.len, 0);                                                                       \
        assert_int_equal(ERR_peek_error(), 0);                                                               \
        sigb_buf_free(&none);                                                                                \
    } while (0)

static void mixed_key_types_chain(void **state)
{
    pki *p = *state;

    assert_string_equal(X509_verify_cert_error_string(strict_reason(p->leaf, p->ca, p->root)), "ok");
}

static void roles_and_ekus_that_contradict_are_refused(void **state)
{
    pki *p = *state;
    cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);

    plan.eku = NULL;
    assert_plan_refused(plan, &p->ca_key, SIGB_E_USAGE, "a leaf needs an EKU");
    plan = plan_of(SIGB_CERT_CA, &p->ca_key, p->root);
    plan.eku = EKU;
    assert_plan_refused(plan, &p->root_key, SIGB_E_USAGE, "an issuing CA takes no EKU");
    plan = plan_of(SIGB_CERT_CA, &p->ca_key, NULL);
    assert_plan_refused(plan, &p->ca_key, SIGB_E_USAGE, "needs its issuer's certificate");
    plan = plan_of(SIGB_CERT_ROOT, &p->root_key, p->root);
    assert_plan_refused(plan, &p->root_key, SIGB_E_USAGE, "leave the issuer out");
    plan.role = (sigb_cert_role)7;
    assert_plan_refused(plan, &p->root_key, SIGB_E_USAGE, "a root, an issuing CA or a leaf");
}

static void ekus_that_name_nothing_are_refused(void **state)
{
    static const struct {
        const char *eku;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"", SIGB_E_USAGE, "'' is not a dotted OID"},
        {"codeSigning", SIGB_E_USAGE, "is not a dotted OID"},
        {"1.2.3,", SIGB_E_USAGE, "'' is not a dotted OID"},
        {"1.2.3 ,1.2.4", SIGB_E_USAGE, "is not a dotted OID"},
        {"1.2.3,1.2.3", SIGB_E_USAGE, "1.2.3 is given twice"},
        {"2.5.29.37.0", SIGB_E_EKU_ANY, "anyExtendedKeyUsage names no issuer"},
    };
    pki *p = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);

        print_message("\"%s\"\n", rows[i].eku);
        plan.eku = rows[i].eku;
        assert_plan_refused(plan, &p->ca_key, rows[i].rc, rows[i].words);
    }
}

static void issuers_that_may_not_issue_are_refused(void **state)
{
    pki *p = *state;
    cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->ca_key, p->leaf);

    plan.subject = "CN=Below a leaf";
    assert_plan_refused(plan, &p->leaf_key, SIGB_E_USAGE, "is not a CA");
    plan = plan_of(SIGB_CERT_CA, &p->leaf_key, p->ca);
    plan.subject = "CN=Below an issuing CA";
    assert_plan_refused(plan, &p->ca_key, SIGB_E_USAGE, "path length 0");
    plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);
    plan.subject = "CN=Issuing CA,O=Example";
    assert_plan_refused(plan, &p->ca_key, SIGB_E_USAGE, "the subject is the issuer's own");
    plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);
    assert_plan_refused(plan, &p->root_key, SIGB_E_CERT_OTHER_KEY, "");
}

static void nothing_outlives_its_issuer(void **state)
{
    pki *p = *state;
    cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);

    plan.from = NOON + 86400;
    assert_plan_refused(plan, &p->ca_key, SIGB_E_USAGE,
                        "would end at 2026-08-01T12:00:00Z, after its issuer, which ends at "
                        "2026-07-31T12:00:00Z; ask for at most 29 days");
    plan.from = NOON - 1;
    assert_plan_refused(plan, &p->ca_key, SIGB_E_NOT_YET_VALID, "before its issuer does");
    plan.from = NOON + INT64_C(30) * 86400;
    assert_plan_refused(plan, &p->ca_key, SIGB_E_EXPIRED, "ended at 2026-07-31T12:00:00Z");
}

static void dates_out_of_reach_are_refused(void **state)
{
    static const struct {
        int64_t from;
        int days;
        const char *words;
    } rows[] = {
        {NOON, 0, "0 days: 1 to 36500"},
        {NOON, -1, "-1 days"},
        {NOON, 36501, "36501 days"},
        {INT64_C(253402300799), 1, "between the years 1950 and 9999"},
        {INT64_MAX, 1, "between the years"},
        {INT64_MIN, 1, "between the years"},
        {INT64_C(-631152001), 1, "between the years"},
    };
    pki *p = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cert_plan plan = plan_of(SIGB_CERT_ROOT, &p->root_key, NULL);

        plan.from = rows[i].from;
        plan.days = rows[i].days;
        assert_plan_refused(plan, &p->root_key, SIGB_E_USAGE, rows[i].words);
    }
}

static void weak_keys_get_no_certificate(void **state)
{
    pki *p = *state;
    cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);
    EVP_PKEY *weak = EVP_PKEY_Q_keygen(libctx_get(), NULL, "RSA", (size_t)1024);
    sigb_buf spki = SIGB_BUF_INIT;

    assert_int_equal(pubkey_put_spki(weak, &spki, NULL), SIGB_OK);
    plan.spki = sigb_buf_bytes(&spki);
    assert_plan_refused(plan, &p->ca_key, SIGB_E_WEAK_KEY, "1024 bits");
    EVP_PKEY_free(weak);
    sigb_buf_free(&spki);
}

static sigb_rc wrong_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    sigb_rc rc = soft_sign(impl, alg, tbs, signature, diag);

    signature->ptr[5] ^= 1;
    return rc;
}

static void a_wrong_signature_never_becomes_a_certificate(void **state)
{
    static const sigb_signer_ops ops = {wrong_sign, NULL};
    pki *p = *state;
    cert_plan plan = plan_of(SIGB_CERT_LEAF, &p->leaf_key, p->ca);
    soft_key faulty = p->ca_key;

    assert_int_equal(
        sigb_signer_from_ops(&ops, p->ca_key.key, sigb_buf_bytes(&p->ca_key.spki), &faulty.signer, NULL),
        SIGB_OK);
    for (int i = 0; i < 2; i++)
        assert_plan_refused(plan, &faulty, SIGB_E_SIGNATURE_FAULT, "nothing was written");
    sigb_signer_free(faulty.signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_every_key_pass_the_strict_check),
        cmocka_unit_test(pss_parameters_are_explicit),
        cmocka_unit_test(each_role_has_its_extensions),
        cmocka_unit_test(serials_are_sixteen_random_positive_bytes),
        cmocka_unit_test(dates_have_the_form_of_their_century),
        cmocka_unit_test(ekus_of_a_hundred_digits_are_kept_whole),
        cmocka_unit_test(mixed_key_types_chain),
        cmocka_unit_test(roles_and_ekus_that_contradict_are_refused),
        cmocka_unit_test(ekus_that_name_nothing_are_refused),
        cmocka_unit_test(issuers_that_may_not_issue_are_refused),
        cmocka_unit_test(nothing_outlives_its_issuer),
        cmocka_unit_test(dates_out_of_reach_are_refused),
        cmocka_unit_test(weak_keys_get_no_certificate),
        cmocka_unit_test(a_wrong_signature_never_becomes_a_certificate),
    };

    return cmocka_run_group_tests(tests, pki_open, pki_close);
}
