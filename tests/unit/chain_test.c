/* SPDX-License-Identifier: Apache-2.0 */
/* Chains, EKUs and what did:x509 asks of certificates: each defect planted, each refusal by its code and words. */
#include "tests/support/support.h"

#include <openssl/err.h>

#include "issuer/chain.h"
#include "issuer/did.h"
#include "tests/support/pki.h"

static pki *ca;
static pki_key *root_key, *issuing_key, *leaf_key, *other_key;
static X509 *root, *issuing, *leaf, *other_root;

/* The usual certificates, with what a test wants otherwise: LEAF(.usage = ""). */
#define ROOT(...)    root_with((pki_cert){.ca = true, __VA_ARGS__})
#define ISSUING(...) issuing_with((pki_cert){.ca = true, __VA_ARGS__})
#define LEAF(...)    leaf_with((pki_cert){.ca = false, __VA_ARGS__})

#define OR(field, usual) wanted.field = wanted.field == NULL ? (usual) : wanted.field

static X509 *root_with(pki_cert wanted)
{
    OR(key, root_key);
    OR(name, "Test Root");
    return pki_issue(ca, &wanted);
}

static X509 *issuing_with(pki_cert wanted)
{
    OR(key, issuing_key);
    OR(issuer, root);
    OR(signer, root_key);
    OR(name, "Test Issuing CA");
    return pki_issue(ca, &wanted);
}

static X509 *leaf_with(pki_cert wanted)
{
    OR(key, leaf_key);
    OR(issuer, issuing);
    OR(signer, issuing_key);
    OR(name, "Test Leaf");
    return pki_issue(ca, &wanted);
}

static int make_pki(void **state)
{
    (void)state;
    ca = pki_new();
    root_key = pki_keygen(ca, "P-256", "root");
    issuing_key = pki_keygen(ca, "P-256", "issuing");
    leaf_key = pki_keygen(ca, "P-256", "leaf");
    other_key = pki_keygen(ca, "P-256", "other");
    root = ROOT();
    issuing = ISSUING();
    leaf = LEAF();
    other_root = ROOT(.key = other_key, .name = "Other Root");
    return 0;
}

static int free_pki(void **state)
{
    (void)state;
    pki_free(ca);
    return 0;
}

/* ---- stacks of borrowed certificates ---- */

static STACK_OF(X509) * stack_of(X509 *a, X509 *b, X509 *c, X509 *d)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    X509 *all[] = {a, b, c, d};

    for (size_t i = 0; i < 4; i++)
        if (all[i] != NULL)
            assert_true(sk_X509_push(certs, all[i]) > 0);
    return certs;
}

static sigb_rc check(X509 *a, X509 *b, X509 *c, const chain_rules *rules, sigb_diag *diag)
{
    STACK_OF(X509) *chain = stack_of(a, b, c, NULL);
    chain_window window = {0, 0};
    sigb_rc rc = chain_check(chain, rules, &window, diag);

    assert_int_equal(ERR_peek_error(), 0);
    if (rc == SIGB_OK && rules->at != SIGB_TIME_UNCHECKED)
        assert_true(window.not_before <= rules->at && rules->at <= window.not_after);
    sk_X509_free(chain);
    return rc;
}

/* As for signing, with the root pinned. */
static sigb_rc check_leaf(X509 *end, X509 *middle, sigb_diag *diag)
{
    STACK_OF(X509) *roots = stack_of(other_root, root, NULL, NULL);
    chain_rules rules = {.use = CHAIN_SIGN, .roots = roots, .at = PKI_NOW};
    sigb_rc rc = check(end, middle, root, &rules, diag);

    sk_X509_free(roots);
    return rc;
}

static void a_good_chain_passes_for_every_use(void **state)
{
    STACK_OF(X509) *roots = stack_of(root, NULL, NULL, NULL);

    (void)state;
    for (chain_use use = CHAIN_RESOLVE; use <= CHAIN_SIGN; use++) {
        chain_rules rules = {.use = use, .roots = roots, .at = PKI_NOW};

        assert_int_equal(check(leaf, issuing, root, &rules, NULL), SIGB_OK);
        rules.at = SIGB_TIME_UNCHECKED;
        assert_int_equal(check(leaf, issuing, root, &rules, NULL), SIGB_OK);
        rules.roots = NULL;
        assert_int_equal(check(leaf, issuing, root, &rules, NULL), SIGB_OK);
        assert_int_equal(check(leaf, issuing, NULL, &rules, NULL),
                         SIGB_OK); /* a CA of any height is an anchor there */
    }
    sk_X509_free(roots);
}

static void the_window_is_what_all_certificates_share(void **state)
{
    X509 *late = ISSUING(.from = PKI_NOW - 100), *early = LEAF(.issuer = late, .to = PKI_NOW + 100);
    STACK_OF(X509) *chain = stack_of(early, late, root, NULL);
    chain_rules rules = {.use = CHAIN_SIGN, .at = PKI_NOW};
    chain_window window = {0, 0};

    (void)state;
    assert_int_equal(chain_check(chain, &rules, &window, NULL), SIGB_OK);
    assert_int_equal(window.not_before, PKI_NOW - 100);
    assert_int_equal(window.not_after, PKI_NOW + 99);
    sk_X509_free(chain);
}

static void every_key_type_passes(void **state)
{
    static const char *const types[] = {"P-384", "P-521", "RSA-2048", "Ed25519"};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        pki_key *key = pki_keygen(ca, types[i], types[i]);
        X509 *middle = ISSUING(.key = key);

        print_message("%s\n", types[i]);
        assert_int_equal(check_leaf(LEAF(.issuer = middle, .signer = key), middle, NULL), SIGB_OK);
        assert_int_equal(check_leaf(LEAF(.key = key), issuing, NULL), SIGB_OK);
    }
}

static void dates_are_judged(void **state)
{
    X509 *expired = LEAF(.to = PKI_NOW - 1), *future = LEAF(.from = PKI_NOW + 1);
    X509 *old_ca = ISSUING(.to = PKI_NOW - 1);

    (void)state;
    assert_refused(check_leaf(expired, issuing, diag), SIGB_E_EXPIRED, "certificate 1 of 3, 'CN=Test Leaf'");
    assert_refused(check_leaf(expired, issuing, diag), SIGB_E_EXPIRED,
                   "to 2026-06-30T23:59:59Z, judged at 2026-07-01");
    assert_refused(check_leaf(future, issuing, diag), SIGB_E_NOT_YET_VALID, "2026-07-01T00:00:01Z");
    assert_refused(check_leaf(leaf, old_ca, diag), SIGB_E_EXPIRED, "certificate 2 of 3");
}

static void the_anchor_must_be_pinned(void **state)
{
    STACK_OF(X509) *roots = stack_of(other_root, NULL, NULL, NULL);
    chain_rules rules = {.use = CHAIN_VERIFY, .roots = roots, .at = PKI_NOW};
    X509 *renewed = ROOT(.serial = 77); /* same name and key, other bytes */

    (void)state;
    assert_refused(check(leaf, issuing, root, &rules, diag), SIGB_E_CHAIN_ROOT,
                   "'CN=Test Root', which is none of the 1");
    assert_refused(check(leaf, issuing, renewed, &rules, diag), SIGB_E_CHAIN_ROOT, "none of the 1 pinned");
    assert_refused(check(leaf, issuing, other_root, &rules, diag), SIGB_E_CHAIN_INCOMPLETE,
                   "certificate 2 of 3");
    sk_X509_free(roots);
}

static void missing_and_superfluous_certificates_are_refused(void **state)
{
    STACK_OF(X509) *roots = stack_of(root, NULL, NULL, NULL);
    chain_rules rules = {.use = CHAIN_VERIFY, .roots = roots, .at = PKI_NOW};
    X509 *direct = LEAF(.issuer = root, .signer = root_key);

    (void)state;
    assert_refused(check(leaf, root, NULL, &rules, diag), SIGB_E_CHAIN_INCOMPLETE,
                   "add the certificate of its issuer");
    assert_refused(check(root, NULL, NULL, &rules, diag), SIGB_E_CHAIN_INCOMPLETE,
                   "at least two certificates");
    assert_refused(check(NULL, NULL, NULL, &rules, diag), SIGB_E_CHAIN_INCOMPLETE, "empty");
    assert_refused(check(direct, issuing, root, &rules, diag), SIGB_E_CHAIN_UNRELATED,
                   "certificate 2 of 3, 'CN=Test Issuing CA'");
    rules.roots = NULL;
    assert_refused(check(leaf, root, issuing, &rules, diag), SIGB_E_CHAIN_UNRELATED,
                   "certificate 2 of 3, 'CN=Test Root'");
    sk_X509_free(roots);
}

static void each_defect_of_a_certificate_has_its_code_and_words(void **state)
{
    pki_key *small = pki_keygen(ca, "RSA-1024", "small");
    const struct {
        const char *name;
        X509 *leaf, *issuing;
        sigb_rc rc;
        const char *says;
    } rows[] = {
        {"signature", LEAF(.broken = true), issuing, SIGB_E_CHAIN,
         "certificate 1 of 3, 'CN=Test Leaf': certificate signature failure"},
        {"signature of the CA", leaf, ISSUING(.broken = true), SIGB_E_CHAIN, "certificate 2 of 3"},
        {"leaf a CA", LEAF(.basic = "critical,CA:TRUE", .usage = "critical,digitalSignature,keyCertSign"),
         issuing, SIGB_E_LEAF_CA, "'CN=Test Leaf' is a CA certificate"},
        {"no keyUsage", LEAF(.usage = ""), issuing, SIGB_E_KEY_USAGE, "'CN=Test Leaf': keyUsage is absent"},
        {"other keyUsage", LEAF(.usage = "critical,keyAgreement"), issuing, SIGB_E_KEY_USAGE,
         "digitalSignature is wanted"},
        {"RSA-1024 leaf", LEAF(.key = small), issuing, SIGB_E_WEAK_KEY, "certificate 1 of 3"},
        {"SHA-1 leaf", LEAF(.sha1 = true), issuing, SIGB_E_WEAK_DIGEST, "signed over SHA-1"},
        {"SHA-1 CA", leaf, ISSUING(.sha1 = true), SIGB_E_WEAK_DIGEST, "certificate 2 of 3"},
        {"EKU twice", LEAF(.more = {"extendedKeyUsage = 1.2.3"}), issuing, SIGB_E_EKU_MALFORMED,
         "more than once"},
        {"EKU unreadable", LEAF(.eku = "DER:0500"), issuing, SIGB_E_EKU_MALFORMED, "cannot be read"},
        {"CA:FALSE", leaf, ISSUING(.basic = "critical,CA:FALSE", .usage = "critical,digitalSignature"),
         SIGB_E_CHAIN, "invalid CA certificate"},
        {"no basicConstraints", leaf, ISSUING(.basic = "", .usage = "critical,digitalSignature"),
         SIGB_E_CHAIN, "certificate 2 of 3, 'CN=Test Issuing CA': "},
        {"basicConstraints not critical", leaf, ISSUING(.basic = "CA:TRUE"), SIGB_E_CHAIN,
         "Basic Constraints of CA cert not marked critical"},
        {"CA without keyUsage", leaf, ISSUING(.usage = ""), SIGB_E_CHAIN,
         "CA cert does not include key usage extension"},
        {"CA without keyCertSign", leaf, ISSUING(.usage = "critical,cRLSign"), SIGB_E_CHAIN,
         "certificate 2 of 3, 'CN=Test Issuing CA': "},
        {"CA without SKI", leaf, ISSUING(.subject_id = ""), SIGB_E_CHAIN, "Missing Subject Key Identifier"},
        {"leaf without AKI", LEAF(.issuer_id = ""), issuing, SIGB_E_CHAIN,
         "Missing Authority Key Identifier"},
        {"CA without subject", leaf, ISSUING(.name = ""), SIGB_E_CHAIN_INCOMPLETE, "certificate 1 of 3"},
        {"leaf without subject", LEAF(.name = ""), issuing, SIGB_E_CHAIN,
         "a certificate without a name: Subject name empty"},
        {"unknown critical extension", LEAF(.more = {"1.2.3.4 = critical,ASN1:NULL"}), issuing, SIGB_E_CHAIN,
         "unhandled critical extension"},
        {"name constraints", LEAF(.san = "DNS:b.example"),
         ISSUING(.more = {"nameConstraints = critical,permitted;DNS:a.example"}), SIGB_E_CHAIN,
         "permitted subtree violation"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_refused(check_leaf(rows[i].leaf, rows[i].issuing, diag), rows[i].rc, rows[i].says);
    }
}

static void a_weak_ca_key_is_refused(void **state)
{
    pki_key *small = pki_keygen(ca, "RSA-1024", "small-ca");
    X509 *middle = ISSUING(.key = small), *end = LEAF(.issuer = middle, .signer = small);

    (void)state;
    assert_refused(check_leaf(end, middle, diag), SIGB_E_WEAK_KEY, "certificate 2 of 3");
}

static void keyusage_is_judged_by_use(void **state)
{
    X509 *none = LEAF(.usage = ""), *agrees = LEAF(.usage = "critical,keyAgreement");
    X509 *neither = LEAF(.usage = "critical,keyEncipherment");
    X509 *is_ca = LEAF(.basic = "critical,CA:TRUE", .usage = "critical,digitalSignature,keyCertSign");
    chain_rules resolve = {.use = CHAIN_RESOLVE, .at = PKI_NOW},
                verify = {.use = CHAIN_VERIFY, .at = PKI_NOW};

    (void)state;
    assert_int_equal(check(none, issuing, root, &resolve, NULL), SIGB_OK);
    assert_int_equal(check(none, issuing, root, &verify, NULL), SIGB_OK);
    assert_int_equal(check(agrees, issuing, root, &resolve, NULL), SIGB_OK);
    assert_refused(check(agrees, issuing, root, &verify, diag), SIGB_E_KEY_USAGE, "digitalSignature");
    assert_refused(check(neither, issuing, root, &resolve, diag), SIGB_E_KEY_USAGE,
                   "digitalSignature or keyAgreement");
    assert_int_equal(check(is_ca, issuing, root, &resolve, NULL), SIGB_OK);
    assert_refused(check(is_ca, issuing, root, &verify, diag), SIGB_E_LEAF_CA, "end entity");
}

static void hostile_names_are_escaped_and_cut(void **state)
{
    X509 *hostile = LEAF(.name = "\x1b[2J\xe2\x80\xae-", .broken = true);
    X509 *lengthy;
    char type[128] = "2.5.4.10=";
    char room[CERT_NAME_ROOM];

    (void)state;
    for (int i = 0; i < 50; i++)
        strcat(type, "\xc3\xa9");
    lengthy = LEAF(.type = type);
    assert_refused(check_leaf(hostile, issuing, diag), SIGB_E_CHAIN, "\\x1b[2J\\u{202e}-");
    assert_true(strlen(cert_name(lengthy, room)) < CERT_NAME_ROOM);
    assert_true(sigb_text_is_utf8(sigb_bytes_text(room)));
    assert_non_null(strstr(room, "...'"));
}

/* ---- order ---- */

static sigb_rc order(X509 *end, STACK_OF(X509) * certs, STACK_OF(X509) * roots, X509 *wanted[3],
                     sigb_diag *diag)
{
    STACK_OF(X509) *chain = NULL;
    sigb_rc rc = chain_order(end, certs, roots, &chain, diag);

    if (rc == SIGB_OK) {
        assert_int_equal(sk_X509_num(chain), 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(X509_cmp(sk_X509_value(chain, i), wanted[i]), 0);
    } else {
        assert_null(chain);
    }
    sk_X509_pop_free(chain, X509_free);
    sk_X509_free(certs);
    sk_X509_free(roots);
    assert_int_equal(ERR_peek_error(), 0);
    return rc;
}

static void any_order_becomes_the_same_chain(void **state)
{
    X509 *wanted[] = {leaf, issuing, root};

    (void)state;
    assert_int_equal(
        order(leaf, stack_of(leaf, issuing, root, NULL), stack_of(root, NULL, NULL, NULL), wanted, NULL),
        SIGB_OK);
    assert_int_equal(order(leaf, stack_of(root, issuing, leaf, NULL), stack_of(other_root, root, NULL, NULL),
                           wanted, NULL),
                     SIGB_OK);
    assert_int_equal(order(leaf, stack_of(issuing, other_root, issuing, NULL),
                           stack_of(root, root, NULL, NULL), wanted, NULL),
                     SIGB_OK);
}

static void a_gap_is_told_from_an_unpinned_root(void **state)
{
    (void)state;
    assert_refused(
        order(leaf, stack_of(leaf, root, NULL, NULL), stack_of(root, NULL, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_INCOMPLETE, "that issued 'CN=Test Leaf' is missing: 'CN=Test Issuing CA' is wanted");
    assert_refused(
        order(leaf, stack_of(leaf, issuing, NULL, NULL), stack_of(other_root, NULL, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_INCOMPLETE, "'CN=Test Root' is wanted; add it to the chain, or pin it");
    assert_refused(
        order(leaf, stack_of(leaf, issuing, root, NULL), stack_of(other_root, NULL, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_ROOT, "ends in 'CN=Test Root', which is none of the 1 pinned");
}

static void two_paths_are_refused(void **state)
{
    X509 *cross = ISSUING(.issuer = other_root, .signer = other_key);
    X509 *renewed = ISSUING();
    X509 *wanted[] = {leaf, issuing, root};

    (void)state;
    assert_refused(
        order(leaf, stack_of(issuing, cross, NULL, NULL), stack_of(root, other_root, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_AMBIGUOUS, "two paths lead from 'CN=Test Leaf' to a pinned root, to 'CN=");
    assert_refused(
        order(leaf, stack_of(issuing, renewed, NULL, NULL), stack_of(root, NULL, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_AMBIGUOUS, "part at serials 0x");
    assert_refused(
        order(leaf, stack_of(issuing, NULL, NULL, NULL), stack_of(root, issuing, NULL, NULL), NULL, diag),
        SIGB_E_CHAIN_AMBIGUOUS, "to 'CN=Test Issuing CA' and to 'CN=Test Root'");
    /* the other root is not pinned: one path is left */
    assert_int_equal(order(leaf, stack_of(issuing, cross, other_root, NULL), stack_of(root, NULL, NULL, NULL),
                           wanted, NULL),
                     SIGB_OK);
}

/* A CA of the same name and no key identifiers: only the signature tells. */
static void the_signature_tells_namesakes_apart(void **state)
{
    X509 *namesake = ISSUING(.key = other_key);
    X509 *bare = LEAF(.issuer_id = "");
    X509 *wanted[] = {bare, issuing, root};

    (void)state;
    assert_int_equal(
        order(bare, stack_of(namesake, issuing, NULL, NULL), stack_of(root, NULL, NULL, NULL), wanted, NULL),
        SIGB_OK);
}

static void a_heap_of_cross_signed_cas_is_refused_in_time(void **state)
{
    STACK_OF(X509) *heap = sk_X509_new_null(), *roots = stack_of(other_root, NULL, NULL, NULL);
    STACK_OF(X509) *chain = NULL;

    (void)state;
    for (int i = 0; i < 14; i++) /* one name, one key: each can have issued each */
        assert_true(sk_X509_push(heap, ROOT(.key = issuing_key, .name = "Test Issuing CA")) > 0);
    assert_refused(chain_order(leaf, heap, roots, &chain, diag), SIGB_E_LIMIT, "too many ways");
    sk_X509_free(heap);
    sk_X509_free(roots);
}

/* ---- EKU ---- */

static void an_eku_is_required_as_an_object(void **state)
{
    char long_oid[160] = "2.25.1", longer[161];
    X509 *with_long, *any = LEAF(.eku = "anyExtendedKeyUsage"), *none = LEAF(.eku = "");

    (void)state;
    memset(long_oid + 6, '7', 120);
    (void)snprintf(longer, sizeof(longer), "%s7", long_oid);
    with_long = LEAF(.eku = long_oid);
    assert_int_equal(eku_require(leaf, PKI_EKU, NULL), SIGB_OK);
    assert_int_equal(eku_require(with_long, long_oid, NULL), SIGB_OK);
    assert_refused(eku_require(with_long, longer, diag), SIGB_E_EKU, "it has: 2.25.17777");
    assert_refused(eku_require(leaf, "1.2.3", diag), SIGB_E_EKU,
                   "or use another certificate; it has: " PKI_EKU);
    assert_refused(eku_require(leaf, "2.5.29.37.0", diag), SIGB_E_EKU_ANY, "fits everybody");
    assert_refused(eku_require(any, PKI_EKU, diag), SIGB_E_EKU, "it has: 2.5.29.37.0");
    assert_refused(eku_require(none, PKI_EKU, diag), SIGB_E_EKU_ABSENT, "has no extended key usage");
    assert_refused(eku_require(leaf, "1.2..3", diag), SIGB_E_USAGE, "not a dotted OID");
}

static void one_eku_names_the_issuer_or_none_does(void **state)
{
    static const struct {
        const char *eku, *only;
        sigb_rc rc;
        const char *says;
    } rows[] = {
        {"1.2.3", "1.2.3", SIGB_OK, NULL},
        {"codeSigning,1.2.3", NULL, SIGB_E_EKU_AMBIGUOUS, "with --eku: 1.3.6.1.5.5.7.3.3, 1.2.3"},
        {"codeSigning", "1.3.6.1.5.5.7.3.3", SIGB_OK, NULL},
        {"anyExtendedKeyUsage,1.2.3", NULL, SIGB_E_EKU_AMBIGUOUS, "2.5.29.37.0, 1.2.3"},
        {"1.3.6.1.5.5.7.3", "1.3.6.1.5.5.7.3", SIGB_OK, NULL},
        {"1.2.3,codeSigning,1.2.4", NULL, SIGB_E_EKU_AMBIGUOUS,
         "none was named; name the one of your service with --eku: 1.2.3, 1.3.6.1.5.5.7.3.3, 1.2.4"},
        {"codeSigning,timeStamping", NULL, SIGB_E_EKU_AMBIGUOUS, "1.3.6.1.5.5.7.3.3, 1.3.6.1.5.5.7.3.8"},
        {"anyExtendedKeyUsage", NULL, SIGB_E_EKU_ANY, "cannot name an issuer"},
        {"", NULL, SIGB_E_EKU_ABSENT, "has no extended key usage"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509 *cert = LEAF(.eku = rows[i].eku);
        sigb_buf oid = SIGB_BUF_INIT;

        print_message("%s\n", rows[i].eku);
        if (rows[i].rc == SIGB_OK) {
            assert_int_equal(eku_only(cert, &oid, NULL), SIGB_OK);
            assert_true(sigb_bytes_equal(sigb_buf_bytes(&oid), sigb_bytes_text(rows[i].only)));
        } else {
            assert_refused(eku_only(cert, &oid, diag), rows[i].rc, rows[i].says);
            assert_int_equal(oid.len, 0);
        }
        sigb_buf_free(&oid);
    }
}

/* ---- what did:x509 asks of certificates ---- */

static sigb_rc match(X509 *end, X509 *middle, const char *predicates, sigb_diag *diag)
{
    STACK_OF(X509) *chain = stack_of(end, middle, root, NULL);
    sigb_buf text = SIGB_BUF_INIT;
    did *parsed = NULL;
    sigb_rc rc;
    int index = 0;

    assert_int_equal(did_put_eku(&text, SIGB_SHA256, root, sigb_bytes_text("1.2"), NULL), SIGB_OK);
    text.len -= strlen("::eku:1.2");
    sigb_buf_append(&text, sigb_bytes_text(predicates));
    assert_int_equal(did_parse(sigb_buf_bytes(&text), &parsed, NULL), SIGB_OK);
    rc = did_match(parsed, chain, &index, diag);
    assert_int_equal(index, rc == SIGB_OK ? 2 : 0);
    did_free(parsed);
    sigb_buf_free(&text);
    sk_X509_free(chain);
    return rc;
}

static void predicates_are_held_against_the_leaf(void **state)
{
    X509 *rich = LEAF(.name = "A~b \xc3\xa9", .type = "1.2.840.113549.1.9.1=a@b",
                      .san = "DNS:h.example,email:a@b,URI:https://u/x", .eku = "1.2.3,1.2.4",
                      .more = {"1.3.6.1.4.1.57264.1.1 = DER:68747470733a2f2f6163636f756e7473"});
    static const struct {
        const char *predicates, *says;
    } rows[] = {
        {"::eku:1.2.3", NULL},
        {"::eku:1.2.3::eku:1.2.4", NULL},
        {"::eku:1.2.3::eku:1.2.5", "lacks the EKU"},
        {"::subject:CN:A%7Eb%20%C3%A9", NULL},
        {"::subject:1.2.840.113549.1.9.1:a%40b:CN:A%7eb%20%c3%a9", NULL},
        {"::subject:CN:A", "has CN:A%7Eb%20%C3%A9, not the value"},
        {"::subject:CN:A%7Eb%20%C3%A9%00", "not the value"},
        {"::subject:O:x", "lacks a subject attribute"},
        {"::subject:2.5.4.3:A%7Eb%20%C3%A9", "names CN by OID; write CN"},
        {"::san:dns:h.example", NULL},
        {"::san:email:a%40b", NULL},
        {"::san:uri:https%3A%2F%2Fu%2Fx", NULL},
        {"::san:dns:H.example", "lacks the subjectAltName"},
        {"::san:email:h.example", "lacks the subjectAltName"},
        {"::fulcio-issuer:accounts", NULL},
        {"::fulcio-issuer:accounts2", "another Fulcio issuer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].predicates);
        if (rows[i].says == NULL)
            assert_int_equal(match(rich, issuing, rows[i].predicates, NULL), SIGB_OK);
        else
            assert_refused(match(rich, issuing, rows[i].predicates, diag), SIGB_E_DID_MISMATCH, rows[i].says);
    }
    assert_refused(match(leaf, issuing, "::fulcio-issuer:x", diag), SIGB_E_DID_MISMATCH, "no Fulcio");
    assert_refused(match(leaf, issuing, "::san:dns:x", diag), SIGB_E_DID_MISMATCH,
                   "lacks the subjectAltName");
}

static void certificates_that_cannot_be_described_do_not_resolve(void **state)
{
    const struct {
        const char *name;
        X509 *leaf, *issuing;
        const char *says;
    } rows[] = {
        {"attribute twice", LEAF(.type = "2.5.4.3=again"), issuing, "repeats an attribute"},
        {"attribute twice in the issuer", LEAF(.issuer = ISSUING(.type = "2.5.4.3=again")), issuing,
         "repeats an attribute"},
        {"attribute twice in the CA", leaf, ISSUING(.type = "2.5.4.3=again"), "repeats an attribute"},
        {"IP address", LEAF(.san = "IP:127.0.0.1"), issuing, "none of email, dns, uri"},
        {"IP address in the CA", leaf, ISSUING(.san = "DNS:x,IP:127.0.0.1"),
         "'CN=Test Issuing CA' has a subjectAltName"},
        {"unreadable", LEAF(.san = "DER:0500"), issuing, "cannot be read"},
        {"critical CRL distribution point", LEAF(.more = {"crlDistributionPoints = critical,URI:http://x"}),
         issuing, "critical extension"},
        {"an extension twice", LEAF(.more = {"1.2.3 = ASN1:NULL", "1.2.3 = ASN1:NULL"}), issuing,
         "an extension twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_refused(match(rows[i].leaf, rows[i].issuing, "::eku:" PKI_EKU, diag), SIGB_E_DID_MISMATCH,
                       rows[i].says);
    }
}

static void the_fingerprint_is_a_cas(void **state)
{
    static const sigb_hash hashes[] = {SIGB_SHA256, SIGB_SHA384, SIGB_SHA512};
    STACK_OF(X509) *chain = stack_of(leaf, issuing, root, NULL);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        X509 *certs[] = {leaf, issuing, root, other_root};

        for (int j = 0; j < 4; j++) {
            sigb_buf text = SIGB_BUF_INIT;
            did *parsed = NULL;
            int index = 0;

            assert_int_equal(did_put_eku(&text, hashes[i], certs[j], sigb_bytes_text(PKI_EKU), NULL),
                             SIGB_OK);
            assert_int_equal(did_parse(sigb_buf_bytes(&text), &parsed, NULL), SIGB_OK);
            if (j == 1 || j == 2)
                assert_int_equal(did_match(parsed, chain, &index, NULL), SIGB_OK);
            else
                assert_refused(did_match(parsed, chain, &index, diag), SIGB_E_DID_MISMATCH,
                               "none of the 2 CA certificates");
            assert_int_equal(index, j == 1 || j == 2 ? j : 0);
            did_free(parsed);
            sigb_buf_free(&text);
        }
    }
    sk_X509_free(chain);
}

static void oids_are_read_exactly(void **state)
{
    static const char *const good[] = {"0.0",   "1.39", "2.40", "2.999.1", "1.3.6.1.4.1.311.76.59.1.2",
                                       "2.25.0"};
    static const char *const bad[] = {"",     "1",    ".1.2",  "1.2.", "1..2",  "01.2", "1.02",
                                      "1.40", "0.40", "0.100", "3.1",  "1.2.a", "1.2 ", "-1.2"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(oid_is_valid(sigb_bytes_text(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(oid_is_valid(sigb_bytes_text(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain_passes_for_every_use),
        cmocka_unit_test(the_window_is_what_all_certificates_share),
        cmocka_unit_test(every_key_type_passes),
        cmocka_unit_test(dates_are_judged),
        cmocka_unit_test(the_anchor_must_be_pinned),
        cmocka_unit_test(missing_and_superfluous_certificates_are_refused),
        cmocka_unit_test(each_defect_of_a_certificate_has_its_code_and_words),
        cmocka_unit_test(a_weak_ca_key_is_refused),
        cmocka_unit_test(keyusage_is_judged_by_use),
        cmocka_unit_test(hostile_names_are_escaped_and_cut),
        cmocka_unit_test(any_order_becomes_the_same_chain),
        cmocka_unit_test(a_gap_is_told_from_an_unpinned_root),
        cmocka_unit_test(two_paths_are_refused),
        cmocka_unit_test(the_signature_tells_namesakes_apart),
        cmocka_unit_test(a_heap_of_cross_signed_cas_is_refused_in_time),
        cmocka_unit_test(an_eku_is_required_as_an_object),
        cmocka_unit_test(one_eku_names_the_issuer_or_none_does),
        cmocka_unit_test(predicates_are_held_against_the_leaf),
        cmocka_unit_test(certificates_that_cannot_be_described_do_not_resolve),
        cmocka_unit_test(the_fingerprint_is_a_cas),
        cmocka_unit_test(oids_are_read_exactly),
    };

    return cmocka_run_group_tests(tests, make_pki, free_pki);
}
