/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy lets pass and what it refuses, by statements made for the purpose with keys in a token. */
#include "tests/support/support.h"

#include <pthread.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/libctx.h"
#include "issuer/did.h"
#include "tests/support/craft.h"
#include "verify/checked.h"

#define SUBJECT "svc.example"

static pki *ca;
static pki_key *root_key, *issuing_key, *leaf_key, *other_key;
static X509 *root, *issuing, *leaf, *other_root;
static sigb_buf roots, chain;
static char did_text[256];

#define LEAF(...) leaf_with((pki_cert){.ca = false, __VA_ARGS__})

static X509 *leaf_with(pki_cert wanted)
{
    wanted.key = wanted.key == NULL ? leaf_key : wanted.key;
    wanted.issuer = wanted.issuer == NULL ? issuing : wanted.issuer;
    wanted.signer = wanted.signer == NULL ? issuing_key : wanted.signer;
    wanted.name = "Test Leaf";
    return pki_issue(ca, &wanted);
}

static void name_issuer(X509 *anchor, const char *oid, char text[256])
{
    sigb_buf made = SIGB_BUF_INIT;

    assert_int_equal(did_put_eku(&made, SIGB_SHA256, anchor, sigb_bytes_text(oid), NULL), SIGB_OK);
    assert_true(made.len < 256);
    memcpy(text, made.ptr, made.len);
    text[made.len] = '\0';
    sigb_buf_free(&made);
}

static int make_pki(void **state)
{
    (void)state;
    ca = pki_new();
    root_key = pki_keygen(ca, "P-256", "root");
    issuing_key = pki_keygen(ca, "P-256", "issuing");
    leaf_key = pki_keygen(ca, "P-256", "leaf");
    other_key = pki_keygen(ca, "P-256", "other");
    root = pki_issue(ca, &(pki_cert){.key = root_key, .ca = true, .name = "Test Root"});
    issuing = pki_issue(
        ca,
        &(pki_cert){
            .key = issuing_key, .issuer = root, .signer = root_key, .ca = true, .name = "Test Issuing CA"});
    other_root = pki_issue(ca, &(pki_cert){.key = other_key, .ca = true, .name = "Other Root"});
    leaf = LEAF(.serial = 1001);
    (void)pki_der(&roots, root, (X509 *)NULL);
    (void)pki_der(&chain, leaf, issuing, root, (X509 *)NULL);
    name_issuer(root, PKI_EKU, did_text);
    return 0;
}

static int free_pki(void **state)
{
    (void)state;
    sigb_buf_free(&roots);
    sigb_buf_free(&chain);
    pki_free(ca);
    return 0;
}

/* ---- the usual ---- */

static craft usual(void)
{
    return (craft){
        .alg = SIGB_ES256,
        .type = "application/json",
        .iss = did_text,
        .sub = SUBJECT,
        .iat = PKI_NOW,
        .has_svn = true,
        .svn = 7,
        .chain = sigb_buf_bytes(&chain),
        .x5t = SIGB_SHA256,
        .payload = sigb_bytes_text("{}"),
    };
}

static sigb_policy *policy_new(void)
{
    sigb_policy *policy = sigb_policy_new();

    assert_non_null(policy);
    assert_int_equal(sigb_policy_put_roots(policy, sigb_buf_bytes(&roots), NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    return policy;
}

static sigb_statement *statement_by(const pki_key *key, const craft *says)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    sigb_diag diag = {{0}, 0};

    craft_put(ca, key, says, &bytes);
    if (sigb_statement_parse(sigb_buf_bytes(&bytes), &statement, &diag) != SIGB_OK)
        fail_msg("does not parse: %s", diag.text);
    sigb_buf_free(&bytes);
    return statement;
}

static sigb_rc verify_beside(const craft *says, sigb_policy *policy, const sigb_beside *beside,
                             sigb_diag *diag)
{
    sigb_statement *statement = statement_by(leaf_key, says);
    sigb_verified *verified = NULL;
    sigb_rc rc = sigb_statement_verify(statement, policy, beside, &verified, diag);

    assert_int_equal(verified != NULL, rc == SIGB_OK);
    assert_int_equal(ERR_peek_error(), 0);
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    return rc;
}

static sigb_rc verify(const craft *says, sigb_policy *policy, sigb_diag *diag)
{
    return verify_beside(says, policy, NULL, diag);
}

/* Under a policy of its own. */
static sigb_rc verify_as(const craft *says, sigb_profile profile, sigb_diag *diag)
{
    sigb_policy *policy = policy_new();
    sigb_rc rc;

    assert_int_equal(sigb_policy_set_profile(policy, profile, NULL), SIGB_OK);
    rc = verify(says, policy, diag);
    sigb_policy_free(policy);
    return rc;
}

static bool unchecked(const sigb_verified *verified, const char *words)
{
    for (size_t i = 0; sigb_verified_unchecked(verified, i) != NULL; i++)
        if (strstr(sigb_verified_unchecked(verified, i), words) != NULL)
            return true;
    return false;
}

/* ---- what is told ---- */

static void what_was_verified_outlives_statement_and_policy(void **state)
{
    craft says = usual();
    sigb_policy *policy = policy_new();
    sigb_statement *statement = statement_by(leaf_key, &says);
    sigb_verified *verified = NULL;
    int64_t number = 0;

    (void)state;
    assert_int_equal(sigb_policy_set_subject(policy, SUBJECT, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_min_svn(policy, 7, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_verify(statement, policy, NULL, &verified, NULL), SIGB_OK);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
    assert_string_equal(sigb_verified_issuer(verified), did_text);
    assert_true(sigb_bytes_equal(sigb_verified_subject(verified), sigb_bytes_text(SUBJECT)));
    assert_true(sigb_bytes_equal(sigb_verified_content_type(verified), sigb_bytes_text("application/json")));
    assert_true(sigb_bytes_equal(sigb_verified_payload(verified), sigb_bytes_text("{}")));
    assert_true(sigb_bytes_equal(sigb_verified_chain(verified), sigb_buf_bytes(&chain)));
    assert_int_equal(sigb_verified_location(verified).len, 0);
    assert_true(sigb_verified_svn(verified, &number));
    assert_int_equal(number, 7);
    assert_true(sigb_verified_issued_at(verified, &number));
    assert_int_equal(number, PKI_NOW);
    assert_int_equal(sigb_verified_alg(verified), SIGB_ES256);
    assert_int_equal(sigb_verified_hash(verified), SIGB_HASH_NONE);
    assert_int_equal(sigb_verified_time(verified), PKI_NOW);
    assert_true(unchecked(verified, "revocation not checked"));
    assert_true(unchecked(verified, "signer's own word"));
    assert_false(unchecked(verified, "artifact"));
    assert_false(unchecked(verified, "subject"));
    assert_false(unchecked(verified, "svn"));
    assert_false(unchecked(verified, "EKU"));
    assert_false(unchecked(verified, "root"));
    assert_false(unchecked(verified, "keyUsage"));
    sigb_verified_free(verified);
    sigb_verified_free(NULL);
}

static void what_was_left_open_is_told(void **state)
{
    sigb_buf bare = SIGB_BUF_INIT;
    char subject_did[256];
    craft says = usual();
    sigb_policy *policy = sigb_policy_new();
    sigb_statement *statement;
    sigb_verified *verified = NULL;

    (void)state;
    name_issuer(root, "1.2", subject_did);
    (void)strcpy(strstr(subject_did, "::eku"), "::subject:CN:Test%20Leaf");
    says.iss = subject_did;
    says.chain = pki_der(&bare, LEAF(.usage = ""), issuing, root, (X509 *)NULL);
    says.has_exp = true;
    assert_int_equal(sigb_policy_set_issuer(policy, subject_did, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    statement = statement_by(leaf_key, &says);
    assert_int_equal(sigb_statement_verify(statement, policy, NULL, &verified, NULL), SIGB_OK);
    assert_true(unchecked(verified, "EKU not pinned"));
    assert_true(unchecked(verified, "root not pinned"));
    assert_true(unchecked(verified, "keyUsage absent on the leaf"));
    assert_true(unchecked(verified, "subject not compared"));
    assert_true(unchecked(verified, "svn not compared"));
    assert_true(unchecked(verified, "exp and nbf"));
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
    sigb_buf_free(&bare);
}

static void every_algorithm_verifies_and_fits_its_key_alone(void **state)
{
    static const struct {
        const char *type;
        sigb_alg alg;
        bool mst;
    } rows[] = {
        {"P-256", SIGB_ES256, true},    {"P-384", SIGB_ES384, true},      {"P-521", SIGB_ES512, true},
        {"RSA-2048", SIGB_PS256, true}, {"RSA-2048", SIGB_PS384, true},   {"RSA-2048", SIGB_PS512, true},
        {"Ed25519", SIGB_EDDSA, false}, {"Ed25519", SIGB_ED25519, false}, {"P-256", SIGB_ESP256, false},
        {"P-384", SIGB_ESP384, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char label[16];
        pki_key *key;
        sigb_buf own = SIGB_BUF_INIT;
        craft says = usual();
        sigb_policy *policy = policy_new();
        sigb_statement *statement;
        sigb_verified *verified = NULL;

        print_message("%s\n", sigb_alg_name(rows[i].alg));
        (void)snprintf(label, sizeof(label), "alg%zu", i);
        key = pki_keygen(ca, rows[i].type, label);
        says.alg = rows[i].alg;
        says.chain = pki_der(&own, LEAF(.key = key), issuing, root, (X509 *)NULL);
        statement = statement_by(key, &says);
        if (!rows[i].mst) {
            assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_PROFILE,
                           sigb_alg_name(rows[i].alg));
            assert_int_equal(sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL), SIGB_OK);
        }
        for (int again = 0; again < 3; again++) {
            assert_int_equal(sigb_statement_verify(statement, policy, NULL, &verified, NULL), SIGB_OK);
            sigb_verified_free(verified);
        }
        sigb_statement_free(statement);
        says.broken = true;
        statement = statement_by(key, &says);
        for (int again = 0; again < 2; again++)
            assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_SIGNATURE,
                           "signature is wrong");
        sigb_statement_free(statement);
        sigb_policy_free(policy);
        sigb_buf_free(&own);
    }
}

/* ---- anchors ---- */

static void without_an_anchor_nothing_is_verified(void **state)
{
    craft says = usual();
    sigb_policy *policy = sigb_policy_new();

    (void)state;
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_ANCHOR, "nothing to trust");
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_ANCHOR, "nothing to trust");
    sigb_policy_free(policy);
    policy = sigb_policy_new();
    assert_int_equal(sigb_policy_put_roots(policy, sigb_buf_bytes(&roots), NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_ANCHOR, "no EKU");
    sigb_policy_free(policy);
    sigb_policy_free(NULL);
}

static void all_anchors_must_hold(void **state)
{
    char other[256];
    craft says = usual();
    sigb_policy *policy = policy_new();
    sigb_buf more = SIGB_BUF_INIT;

    (void)state;
    name_issuer(issuing, PKI_EKU, other);
    assert_int_equal(sigb_policy_set_issuer(policy, did_text, NULL), SIGB_OK);
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_issuer(policy, other, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_ISSUER, "is wanted");
    says.iss = other; /* of the issuing CA: it resolves too */
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, "1.2.3", NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_EKU, "lacks the EKU asked for");
    sigb_policy_free(policy);
    policy = sigb_policy_new();
    assert_int_equal(sigb_policy_put_roots(policy, pki_der(&more, other_root, (X509 *)NULL), NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_CHAIN_ROOT, "none of the 1 pinned");
    assert_int_equal(sigb_policy_put_roots(policy, sigb_buf_bytes(&roots), NULL), SIGB_OK);
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    sigb_policy_free(policy);
    sigb_buf_free(&more);
}

static void setters_refuse_what_makes_no_sense(void **state)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;

    (void)state;
    assert_refused(sigb_policy_put_roots(policy, SIGB_BYTES_NONE, diag), SIGB_E_ANCHOR,
                   "no root certificate");
    assert_refused(sigb_policy_put_roots(policy, sigb_bytes_text("x"), diag), SIGB_E_CERT_DER,
                   "behind the last");
    assert_refused(sigb_policy_set_eku(policy, "codeSigning", diag), SIGB_E_USAGE, "not a dotted OID");
    assert_refused(sigb_policy_set_eku(policy, NULL, diag), SIGB_E_USAGE, "not a dotted OID");
    assert_refused(sigb_policy_set_eku(policy, "2.5.29.37.0", diag), SIGB_E_EKU_ANY, "fits everybody");
    assert_refused(sigb_policy_set_issuer(policy, "did:web:x", diag), SIGB_E_ISSUER_METHOD, "did:x509");
    assert_refused(sigb_policy_set_issuer(policy, "did:x509:0:sha256:x", diag), SIGB_E_DID, "base64url");
    assert_refused(sigb_policy_set_issuer(policy, NULL, diag), SIGB_E_USAGE, "no issuer");
    assert_refused(sigb_policy_set_subject(policy, "", diag), SIGB_E_SUBJECT, "empty");
    assert_refused(sigb_policy_set_min_svn(policy, -1, diag), SIGB_E_SVN, "negative");
    assert_refused(sigb_policy_set_time(policy, SIGB_TIME_UNCHECKED, diag), SIGB_E_USAGE, "without a time");
    assert_refused(sigb_policy_set_profile(policy, (sigb_profile)7, diag), SIGB_E_USAGE, "number 7");
    assert_refused(sigb_policy_put_crls(policy, sigb_bytes_text("x"), diag), SIGB_E_CERT_DER, "no CRL in");
    assert_refused(sigb_policy_put_crls(policy, sigb_bytes_of("\x30\x01\x00", 3), diag), SIGB_E_CERT_DER,
                   "not a CRL");
    assert_refused(sigb_policy_set_subject(NULL, "x", diag), SIGB_E_USAGE, "no policy");
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_USAGE,
                   "needs a statement");
    sigb_policy_free(policy);
}

/* ---- refusals ---- */

typedef struct refusal {
    const char *name;
    sigb_profile profile;
    craft says;
    sigb_rc rc;
    const char *words;
} refusal;

/* The usual with one member changed. */
#define WITH(...)                                                                                            \
    {                                                                                                        \
        .alg = SIGB_ES256, .iat = PKI_NOW, .chain = sigb_buf_bytes(&chain),                                  \
        .payload = sigb_bytes_text("{}"), __VA_ARGS__                                                        \
    }
#define MST_CLAIMS .type = "application/json", .has_svn = true, .svn = 7, .sub = SUBJECT

static void each_fault_of_a_statement_has_its_code_and_words(void **state)
{
    const refusal rows[] = {
        {"broken signature", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .broken = true),
         SIGB_E_SIGNATURE, "ES256 signature is wrong"},
        {"short signature", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .cut = true),
         SIGB_E_SIGNATURE, "63 bytes where 64"},
        {"another algorithm", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .claimed = SIGB_ES384),
         SIGB_E_ALG_KEY, "ES384, which does not fit"},
        {"unknown algorithm", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .claimed = -257),
         SIGB_E_PROFILE, "algorithm -257"},
        {"unknown algorithm", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = did_text, .claimed = -257),
         SIGB_E_UNSUPPORTED, "algorithm -257"},
        {"no claims", SIGB_PROFILE_COSE, WITH(.no_claims = true), SIGB_E_HEADER, "has no issuer"},
        {"no issuer", SIGB_PROFILE_COSE, WITH(MST_CLAIMS), SIGB_E_HEADER, "has no issuer"},
        {"another method", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = "did:web:example.com"),
         SIGB_E_ISSUER_METHOD, "not a did:x509"},
        {"malformed", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = "did:x509:0:sha256:x::eku:1.2"), SIGB_E_DID,
         "base64url"},
        {"of another CA", SIGB_PROFILE_COSE,
         WITH(MST_CLAIMS, .iss = "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.2"),
         SIGB_E_DID_MISMATCH, "none of the 2 CA"},
        {"detached", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .detached = true), SIGB_E_PROFILE,
         "detached payload is outside the mst profile"},
        {"detached", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = did_text, .detached = true), SIGB_E_PAYLOAD,
         "without it nothing can be judged"},
        {"empty payload",
         SIGB_PROFILE_MST,
         {.alg = SIGB_ES256, MST_CLAIMS, .iss = did_text, .chain = sigb_buf_bytes(&chain)},
         SIGB_E_PAYLOAD,
         "empty"},
        {"crit", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .crit = "8101"), SIGB_E_CRIT,
         "more than 15 and 33"},
        {"no subject", SIGB_PROFILE_MST, WITH(.type = "a/b", .has_svn = true, .svn = 7, .iss = did_text),
         SIGB_E_SUBJECT, "no subject"},
        {"no svn", SIGB_PROFILE_MST, WITH(.type = "a/b", .sub = SUBJECT, .iss = did_text), SIGB_E_SVN,
         "has no svn: outside the mst profile"},
        {"negative svn", SIGB_PROFILE_MST,
         WITH(.type = "a/b", .sub = SUBJECT, .has_svn = true, .svn = -1, .iss = did_text), SIGB_E_SVN,
         "the svn is -1"},
        {"no content type", SIGB_PROFILE_MST,
         WITH(.sub = SUBJECT, .has_svn = true, .svn = 7, .iss = did_text), SIGB_E_CONTENT_TYPE,
         "no content type"},
        {"x5t", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = did_text, .x5t = SIGB_SHA256, .wrong_x5t = true),
         SIGB_E_X5T, "not the hash of the leaf"},
        {"x5t", SIGB_PROFILE_COSE, WITH(MST_CLAIMS, .iss = did_text, .x5t = SIGB_SHA512, .wrong_x5t = true),
         SIGB_E_X5T, "not the hash of the leaf"},
        {"unknown hash", SIGB_PROFILE_MST, WITH(MST_CLAIMS, .iss = did_text, .claimed_hash = -15),
         SIGB_E_UNSUPPORTED, "other than SHA-256"},
        {"no chain",
         SIGB_PROFILE_COSE,
         {.alg = SIGB_ES256, MST_CLAIMS, .iss = did_text, .payload = sigb_bytes_text("{}")},
         SIGB_E_HEADER,
         "no certificate chain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_refused(verify_as(&rows[i].says, rows[i].profile, diag), rows[i].rc, rows[i].words);
    }
}

static void what_mst_demands_cose_does_not(void **state)
{
    const craft bare = WITH(.iss = did_text),
                zero = WITH(.type = "a/b", .sub = SUBJECT, .has_svn = true, .iss = did_text);
    const craft good_x5t = WITH(MST_CLAIMS, .iss = did_text, .x5t = SIGB_SHA384, .crit = "820f1821");

    (void)state;
    assert_int_equal(verify_as(&bare, SIGB_PROFILE_COSE, NULL), SIGB_OK);
    assert_int_equal(verify_as(&zero, SIGB_PROFILE_MST, NULL), SIGB_OK); /* 0 is accepted when verifying */
    assert_int_equal(verify_as(&good_x5t, SIGB_PROFILE_MST, NULL), SIGB_OK);
}

static void a_statement_larger_than_the_ledger_takes_is_outside_mst(void **state)
{
    static uint8_t large[SIGB_MAX_MST_STATEMENT];
    craft says = usual();

    (void)state;
    says.payload = sigb_bytes_of(large, sizeof(large));
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_SIZE, "at most 1048576");
    assert_int_equal(verify_as(&says, SIGB_PROFILE_COSE, NULL), SIGB_OK);
}

static void faults_of_the_chain_come_through(void **state)
{
    const struct {
        X509 *leaf;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {LEAF(.to = PKI_NOW - 1), SIGB_E_EXPIRED, "certificate 1 of 3"},
        {LEAF(.from = PKI_NOW + 1), SIGB_E_NOT_YET_VALID, "certificate 1 of 3"},
        {LEAF(.broken = true), SIGB_E_CHAIN, "certificate signature failure"},
        {LEAF(.sha1 = true), SIGB_E_WEAK_DIGEST, "SHA-1"},
        {LEAF(.usage = "critical,keyAgreement"), SIGB_E_KEY_USAGE, "digitalSignature"},
        {LEAF(.basic = "critical,CA:TRUE", .usage = "critical,digitalSignature,keyCertSign"), SIGB_E_LEAF_CA,
         "CA certificate"},
        {LEAF(.more = {"extendedKeyUsage = 1.2.3"}), SIGB_E_EKU_MALFORMED, "more than once"},
        {LEAF(.eku = ""), SIGB_E_DID_MISMATCH, "has no EKU"},
        {LEAF(.eku = "1.2.3"), SIGB_E_DID_MISMATCH, "lacks the EKU"},
        {LEAF(.san = "IP:127.0.0.1"), SIGB_E_DID_MISMATCH, "subjectAltName"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf own = SIGB_BUF_INIT;
        craft says = usual();

        says.chain = pki_der(&own, rows[i].leaf, issuing, root, (X509 *)NULL);
        assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), rows[i].rc, rows[i].words);
        sigb_buf_free(&own);
    }
}

static void a_small_rsa_key_is_named_as_such(void **state)
{
    pki_key *small = pki_keygen(ca, "RSA-1024", "small");
    sigb_buf own = SIGB_BUF_INIT;
    craft says = usual();

    (void)state;
    says.claimed = SIGB_PS256;
    says.chain = pki_der(&own, LEAF(.key = small), issuing, root, (X509 *)NULL);
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_WEAK_KEY,
                   "1024 bits where at least 2048");
    sigb_buf_free(&own);
}

static void chains_are_judged_as_embedded(void **state)
{
    sigb_buf a = SIGB_BUF_INIT, b = SIGB_BUF_INIT, c = SIGB_BUF_INIT, d = SIGB_BUF_INIT;
    craft says = usual();

    (void)state;
    says.chain = pki_der(&a, leaf, root, issuing, (X509 *)NULL);
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_CHAIN_ROOT,
                   "ends in 'CN=Test Issuing CA'");
    says.chain = pki_der(&b, leaf, root, (X509 *)NULL);
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_CHAIN_INCOMPLETE,
                   "add the certificate of its issuer");
    says.chain = pki_der(&c, leaf, issuing, other_root, root, (X509 *)NULL);
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_CHAIN_UNRELATED, "certificate 3 of 4");
    says.chain = pki_der(&d, leaf, (X509 *)NULL);
    assert_refused(verify_as(&says, SIGB_PROFILE_MST, diag), SIGB_E_CHAIN_INCOMPLETE, "'CN=Test Leaf' alone");
    sigb_buf_free(&a);
    sigb_buf_free(&b);
    sigb_buf_free(&c);
    sigb_buf_free(&d);
}

static void demands_on_claims_are_compared(void **state)
{
    craft says = usual(), without = WITH(.iss = did_text);
    sigb_policy *policy = policy_new();

    (void)state;
    assert_int_equal(sigb_policy_set_subject(policy, "svc.other", NULL), SIGB_OK);
    says.sub = "svc\x1b.example";
    assert_refused(verify(&says, policy, diag), SIGB_E_SUBJECT,
                   "is 'svc\\x1b.example' where 'svc.other' is wanted");
    assert_int_equal(sigb_policy_set_subject(policy, SUBJECT, NULL), SIGB_OK);
    says.sub = SUBJECT;
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_min_svn(policy, 8, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_SVN, "the svn is 7 where at least 8 is wanted");
    says.svn = INT64_MAX;
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL), SIGB_OK);
    without.sub = SUBJECT;
    assert_refused(verify(&without, policy, diag), SIGB_E_SVN, "no svn, and at least 8 is wanted");
    sigb_policy_free(policy);
}

/* ---- beside the statement ---- */

static void an_artifact_is_compared_with_its_envelope(void **state)
{
    uint8_t digest[32] = {1}, other[32] = {2};
    craft says = usual(), plain = usual();
    sigb_beside beside = {.has_digest = true, .digest = sigb_bytes_of(digest, 32)};
    sigb_policy *policy = policy_new();

    (void)state;
    says.hash = SIGB_SHA256;
    says.payload = sigb_bytes_of(digest, 32);
    assert_int_equal(verify_beside(&says, policy, &beside, NULL), SIGB_OK);
    beside.digest = sigb_bytes_of(other, 32);
    assert_refused(verify_beside(&says, policy, &beside, diag), SIGB_E_ARTIFACT,
                   "not the one that was signed");
    beside.digest = sigb_bytes_of(digest, 31);
    assert_refused(verify_beside(&says, policy, &beside, diag), SIGB_E_DIGEST_LEN,
                   "31 bytes where a sha256 digest has 32");
    assert_refused(verify_beside(&plain, policy, &beside, diag), SIGB_E_USAGE, "no hash envelope");
    sigb_policy_free(policy);
}

static void a_detached_payload_is_what_was_signed(void **state)
{
    craft says = usual();
    sigb_beside beside = {.has_payload = true, .payload = sigb_bytes_text("{}")};
    sigb_policy *policy = policy_new();

    (void)state;
    assert_int_equal(sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL), SIGB_OK);
    assert_refused(verify_beside(&says, policy, &beside, diag), SIGB_E_PAYLOAD, "holds its own");
    says.detached = true;
    assert_int_equal(verify_beside(&says, policy, &beside, NULL), SIGB_OK);
    beside.payload = sigb_bytes_text("{ }");
    assert_refused(verify_beside(&says, policy, &beside, diag), SIGB_E_SIGNATURE, "wrong");
    says.hash = SIGB_SHA256;
    assert_refused(verify_beside(&says, policy, &beside, diag), SIGB_E_DIGEST_LEN, "3 bytes where a sha256");
    sigb_policy_free(policy);
}

/* ---- revocation ---- */

static sigb_rc verify_with_crls(sigb_bytes crls, sigb_diag *diag)
{
    craft says = usual();
    sigb_policy *policy = policy_new();
    sigb_rc rc = sigb_policy_put_crls(policy, crls, diag);

    if (rc == SIGB_OK)
        rc = verify(&says, policy, diag);
    sigb_policy_free(policy);
    return rc;
}

static sigb_bytes crls_of(sigb_buf *room, long revoked_leaf, long revoked_ca, int64_t to)
{
    room->len = 0;
    pki_crl(ca, root, root_key, revoked_ca, PKI_FROM, to, room);
    pki_crl(ca, issuing, issuing_key, revoked_leaf, PKI_FROM, to, room);
    return sigb_buf_bytes(room);
}

static void crls_are_judged_at_the_time_of_the_check(void **state)
{
    sigb_buf room = SIGB_BUF_INIT;
    long issuing_serial = ASN1_INTEGER_get(X509_get0_serialNumber(issuing));

    (void)state;
    assert_int_equal(verify_with_crls(crls_of(&room, 4711, 0, PKI_TO), NULL), SIGB_OK);
    assert_refused(verify_with_crls(crls_of(&room, 1001, 0, PKI_TO), diag), SIGB_E_REVOKED,
                   "certificate 1 of 3, 'CN=Test Leaf': certificate revoked");
    assert_refused(verify_with_crls(crls_of(&room, 0, issuing_serial, PKI_TO), diag), SIGB_E_REVOKED,
                   "certificate 2 of 3");
    assert_refused(verify_with_crls(crls_of(&room, 0, 0, PKI_NOW - 1), diag), SIGB_E_REVOKED,
                   "CRL has expired");
    room.len = 0;
    pki_crl(ca, issuing, issuing_key, 0, PKI_FROM, PKI_TO, &room);
    assert_refused(verify_with_crls(sigb_buf_bytes(&room), diag), SIGB_E_REVOKED,
                   "certificate 2 of 3, 'CN=Test Issuing CA': unable to get certificate CRL; give the CRL of "
                   "its issuer");
    room.len = 0;
    pki_crl(ca, root, root_key, 0, PKI_FROM, PKI_TO, &room);
    pki_crl(ca, issuing, other_key, 0, PKI_FROM, PKI_TO, &room);
    assert_refused(verify_with_crls(sigb_buf_bytes(&room), diag), SIGB_E_REVOKED, "CRL signature failure");
    sigb_buf_free(&room);
}

/* A pinned CA that is no root of its own has a CRL from above that nobody needs. */
static void the_pinned_anchor_needs_no_crl(void **state)
{
    sigb_buf crls = SIGB_BUF_INIT, short_chain = SIGB_BUF_INIT, anchor = SIGB_BUF_INIT;
    char iss[256];
    craft says = usual();
    sigb_policy *policy = sigb_policy_new();

    (void)state;
    name_issuer(issuing, PKI_EKU, iss);
    says.iss = iss;
    says.chain = pki_der(&short_chain, leaf, issuing, (X509 *)NULL);
    pki_crl(ca, issuing, issuing_key, 0, PKI_FROM, PKI_TO, &crls);
    assert_int_equal(sigb_policy_put_roots(policy, pki_der(&anchor, issuing, (X509 *)NULL), NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_put_crls(policy, sigb_buf_bytes(&crls), NULL), SIGB_OK);
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    sigb_policy_free(policy);
    sigb_buf_free(&crls);
    sigb_buf_free(&short_chain);
    sigb_buf_free(&anchor);
}

static void crls_come_as_pem_too(void **state)
{
    sigb_buf der = SIGB_BUF_INIT, pem = SIGB_BUF_INIT;
    char base64[4096], line[128];

    (void)state;
    pki_crl(ca, root, root_key, 0, PKI_FROM, PKI_TO, &der);
    sigb_buf_append(&pem, sigb_bytes_text("words before\n-----BEGIN X509 CRL-----\n"));
    (void)EVP_EncodeBlock((unsigned char *)base64, der.ptr, (int)der.len);
    for (size_t at = 0; at < strlen(base64); at += 64) {
        (void)snprintf(line, sizeof(line), "%.64s\n", base64 + at);
        sigb_buf_append(&pem, sigb_bytes_text(line));
    }
    sigb_buf_append(&pem, sigb_bytes_text("-----END X509 CRL-----\n"));
    assert_refused(verify_with_crls(sigb_buf_bytes(&pem), diag), SIGB_E_REVOKED,
                   "certificate 1 of 3"); /* the other is missing */
    pem.len -= 30;
    assert_refused(verify_with_crls(sigb_buf_bytes(&pem), diag), SIGB_E_CERT_DER, "PEM");
    sigb_buf_free(&der);
    sigb_buf_free(&pem);
}

/* ---- what a policy remembers ---- */

static void a_remembered_chain_vouches_for_no_signature(void **state)
{
    craft says = usual(), broken = usual();
    sigb_policy *policy = policy_new();

    (void)state;
    broken.broken = true;
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_refused(verify(&broken, policy, diag), SIGB_E_SIGNATURE, "wrong");
    broken = usual();
    broken.claimed = SIGB_ES384;
    assert_refused(verify(&broken, policy, diag), SIGB_E_ALG_KEY, "does not fit");
    broken = usual();
    broken.iss = "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.2";
    assert_refused(verify(&broken, policy, diag), SIGB_E_DID_MISMATCH, "none of the 2 CA");
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    sigb_policy_free(policy);
}

static void a_changed_policy_remembers_nothing(void **state)
{
    craft says = usual();
    sigb_policy *policy = policy_new();
    sigb_buf crls = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_TO + 1, NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_EXPIRED, "expired");
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, "1.2.3", NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_EKU, "lacks");
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    assert_int_equal(verify(&says, policy, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_put_crls(policy, crls_of(&crls, 1001, 0, PKI_TO), NULL), SIGB_OK);
    assert_refused(verify(&says, policy, diag), SIGB_E_REVOKED, "revoked");
    sigb_buf_free(&crls);
    sigb_policy_free(policy);
}

static checked *checked_for(const char *x5chain, const char *iss, chain_window window)
{
    checked *made = checked_new();

    assert_non_null(made);
    sigb_buf_append(&made->x5chain, sigb_bytes_text(x5chain));
    sigb_buf_append(&made->iss, sigb_bytes_text(iss));
    made->window = window;
    return made;
}

/* Found again by all of its bytes alone, and only within what every certificate of it shares. */
static void a_remembered_chain_is_forgotten_with_its_validity(void **state)
{
    const sigb_bytes x = sigb_bytes_text("chain"), iss = sigb_bytes_text("issuer");
    chain_memory memory;
    checked *kept = checked_for("chain", "issuer", (chain_window){10, 20});

    (void)state;
    memset(&memory, 0, sizeof(memory));
    memory_init(&memory);
    memory_put(&memory, kept);
    for (int64_t at = 9; at <= 21; at++) {
        checked *found = memory_find(&memory, x, iss, at);

        assert_int_equal(found != NULL, at >= 10 && at <= 20);
        checked_free(found);
    }
    assert_null(memory_find(&memory, iss, iss, 15));
    assert_null(memory_find(&memory, x, x, 15));
    for (size_t i = 0; i < MEMORY_ROOM; i++) {
        checked *other = checked_for("other", "issuer", (chain_window){INT64_MIN, INT64_MAX});

        memory_put(&memory, other);
        checked_free(other);
    }
    assert_null(memory_find(&memory, x, iss, 15)); /* the oldest made room */
    memory_destroy(&memory);
    assert_int_equal(kept->references, 1);
    checked_free(kept);
}

#define THREADS 4

typedef struct worker {
    pthread_t thread;
    sigb_policy *policy;
    const sigb_statement *statements[12];
    int good;
} worker;

static void *work(void *arg)
{
    worker *self = arg;
    sigb_verified *verified;

    for (int i = 0; i < 120; i++) {
        verified = NULL;
        if (sigb_statement_verify(self->statements[i % 12], self->policy, NULL, &verified, NULL) == SIGB_OK)
            self->good++;
        sigb_verified_free(verified);
    }
    return NULL;
}

/* Twelve chains through a memory of eight. */
static void threads_share_a_policy(void **state)
{
    worker workers[THREADS] = {0};
    sigb_statement *statements[12];
    sigb_policy *policy = policy_new();

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        sigb_buf own = SIGB_BUF_INIT;
        craft says = usual();

        says.chain = pki_der(&own, LEAF(), issuing, root, (X509 *)NULL);
        statements[i] = statement_by(leaf_key, &says);
        sigb_buf_free(&own);
    }
    for (size_t t = 0; t < THREADS; t++) {
        workers[t].policy = policy;
        for (size_t i = 0; i < 12; i++)
            workers[t].statements[i] = statements[(i + t) % 12];
        assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(workers[t].thread, NULL), 0);
        assert_int_equal(workers[t].good, 120);
    }
    for (size_t i = 0; i < 12; i++)
        sigb_statement_free(statements[i]);
    sigb_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_verified_outlives_statement_and_policy),
        cmocka_unit_test(what_was_left_open_is_told),
        cmocka_unit_test(every_algorithm_verifies_and_fits_its_key_alone),
        cmocka_unit_test(without_an_anchor_nothing_is_verified),
        cmocka_unit_test(all_anchors_must_hold),
        cmocka_unit_test(setters_refuse_what_makes_no_sense),
        cmocka_unit_test(each_fault_of_a_statement_has_its_code_and_words),
        cmocka_unit_test(what_mst_demands_cose_does_not),
        cmocka_unit_test(a_statement_larger_than_the_ledger_takes_is_outside_mst),
        cmocka_unit_test(faults_of_the_chain_come_through),
        cmocka_unit_test(a_small_rsa_key_is_named_as_such),
        cmocka_unit_test(chains_are_judged_as_embedded),
        cmocka_unit_test(demands_on_claims_are_compared),
        cmocka_unit_test(an_artifact_is_compared_with_its_envelope),
        cmocka_unit_test(a_detached_payload_is_what_was_signed),
        cmocka_unit_test(crls_are_judged_at_the_time_of_the_check),
        cmocka_unit_test(the_pinned_anchor_needs_no_crl),
        cmocka_unit_test(crls_come_as_pem_too),
        cmocka_unit_test(a_remembered_chain_vouches_for_no_signature),
        cmocka_unit_test(a_changed_policy_remembers_nothing),
        cmocka_unit_test(a_remembered_chain_is_forgotten_with_its_validity),
        cmocka_unit_test(threads_share_a_policy),
    };

    return cmocka_run_group_tests(tests, make_pki, free_pki);
}
