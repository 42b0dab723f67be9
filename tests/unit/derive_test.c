/* SPDX-License-Identifier: Apache-2.0 */
/* Deriving an issuer: which certificates serve, which drop out, and what is refused. Keys are made in a token. */
#include "tests/support/support.h"

#include <openssl/err.h>

#include "base/certs.h"
#include "issuer/issuer.h"
#include "tests/support/pki.h"

static pki *ca;
static pki_key *root_key, *issuing_key, *leaf_key, *other_key;
static X509 *root, *issuing, *leaf, *other_root, *other_leaf;

#define LEAF(...) leaf_with((pki_cert){.ca = false, __VA_ARGS__})

static X509 *leaf_with(pki_cert wanted)
{
    wanted.key = wanted.key == NULL ? leaf_key : wanted.key;
    wanted.issuer = wanted.issuer == NULL ? issuing : wanted.issuer;
    wanted.signer = wanted.signer == NULL ? issuing_key : wanted.signer;
    wanted.name = "Test Leaf";
    return pki_issue(ca, &wanted);
}

static int make_pki(void **state)
{
    (void)state;
    ca = pki_new();
    root_key = pki_keygen(ca, "P-256", "root");
    issuing_key = pki_keygen(ca, "P-256", "issuing");
    leaf_key = pki_keygen(ca, "P-384", "leaf");
    other_key = pki_keygen(ca, "P-256", "other");
    root = pki_issue(ca, &(pki_cert){.key = root_key, .ca = true, .name = "Test Root"});
    issuing = pki_issue(
        ca,
        &(pki_cert){
            .key = issuing_key, .issuer = root, .signer = root_key, .ca = true, .name = "Test Issuing CA"});
    other_root = pki_issue(ca, &(pki_cert){.key = other_key, .ca = true, .name = "Other Root"});
    leaf = LEAF(.serial = 1001);
    other_leaf = LEAF(.key = other_key);
    return 0;
}

static int free_pki(void **state)
{
    (void)state;
    pki_free(ca);
    return 0;
}

/* Options over certificates; the buffers live until wipe(). */
typedef struct given {
    sigb_buf certs, pool, roots;
    sigb_issuer_options options;
} given;

static void give(given *g, X509 *a, X509 *b, X509 *c, X509 *d)
{
    X509 *all[] = {a, b, c, d};

    *g = (given){.certs = SIGB_BUF_INIT, .pool = SIGB_BUF_INIT, .roots = SIGB_BUF_INIT};
    for (size_t i = 0; i < 4; i++)
        if (all[i] != NULL)
            (void)pki_der(&g->certs, all[i], (X509 *)NULL);
    g->options.certs = sigb_buf_bytes(&g->certs);
    g->options.roots = pki_der(&g->roots, root, (X509 *)NULL);
    g->options.spki = pki_spki(leaf_key);
    g->options.at = PKI_NOW;
}

static void wipe(given *g)
{
    sigb_buf_free(&g->certs);
    sigb_buf_free(&g->pool);
    sigb_buf_free(&g->roots);
}

/* Derives and gives everything back; *serial is the leaf's that was chosen. */
static sigb_rc derive(given *g, long *serial, sigb_diag *diag)
{
    sigb_issuer *issuer = NULL;
    sigb_rc rc = sigb_issuer_derive(&g->options, &issuer, diag);
    sigb_bytes rest, der;
    X509 *cert = NULL;

    assert_int_equal(ERR_peek_error(), 0);
    if (rc == SIGB_OK) {
        rest = sigb_issuer_chain(issuer);
        assert_int_equal(certs_count(rest), 3);
        assert_true(sigb_certs_next(&rest, &der));
        assert_int_equal(cert_parse(der, &cert, NULL), SIGB_OK);
        if (serial != NULL)
            *serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));
        assert_true(sigb_bytes_equal(sigb_issuer_spki(issuer), pki_spki(leaf_key)));
        X509_free(cert);
    } else {
        assert_null(issuer);
    }
    sigb_issuer_free(issuer);
    wipe(g);
    return rc;
}

#define assert_derives(given_, wanted)                                                                       \
    do {                                                                                                     \
        long serial_ = 0;                                                                                    \
        assert_int_equal(derive(given_, &serial_, NULL), SIGB_OK);                                           \
        assert_int_equal(serial_, wanted);                                                                   \
    } while (0)

static void the_same_key_and_root_give_the_same_string(void **state)
{
    X509 *orders[][4] = {{leaf, issuing, root, NULL},
                         {root, issuing, leaf, NULL},
                         {issuing, leaf, NULL, NULL},
                         {leaf, leaf, issuing, root}};
    char first[256] = "";
    sigb_buf chain = SIGB_BUF_INIT;

    (void)state;
    (void)pki_der(&chain, leaf, issuing, root, (X509 *)NULL);
    for (size_t i = 0; i < 4; i++) {
        given g;
        sigb_issuer *issuer = NULL;

        give(&g, orders[i][0], orders[i][1], orders[i][2], orders[i][3]);
        assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
        if (i == 0)
            (void)snprintf(first, sizeof(first), "%s", sigb_issuer_did(issuer));
        assert_string_equal(sigb_issuer_did(issuer), first);
        assert_true(sigb_bytes_equal(sigb_issuer_chain(issuer), sigb_buf_bytes(&chain)));
        assert_int_equal(sigb_did_resolve(first, sigb_issuer_chain(issuer), PKI_NOW, NULL), SIGB_OK);
        sigb_issuer_free(issuer);
        wipe(&g);
    }
    assert_memory_equal(first, "did:x509:0:sha256:", 18);
    assert_string_equal(first + 18 + 43, "::eku:" PKI_EKU);
    sigb_buf_free(&chain);
}

static void the_fingerprints_hash_can_be_chosen(void **state)
{
    given g;
    sigb_issuer *issuer = NULL;

    (void)state;
    give(&g, leaf, issuing, NULL, NULL);
    g.options.hash = SIGB_SHA512;
    assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
    assert_memory_equal(sigb_issuer_did(issuer), "did:x509:0:sha512:", 18);
    assert_int_equal(strlen(sigb_issuer_did(issuer)), 18 + 86 + strlen("::eku:" PKI_EKU));
    sigb_issuer_free(issuer);
    g.options.hash = (sigb_hash)-99;
    assert_refused(sigb_issuer_derive(&g.options, &issuer, diag), SIGB_E_USAGE, "no hash has the number -99");
    wipe(&g);
}

static void oids_of_hundreds_of_digits_are_kept_whole(void **state)
{
    char oid[320] = "2.25.";
    given g;
    sigb_issuer *issuer = NULL;

    (void)state;
    memset(oid + 5, '8', 300);
    for (int explicitly = 0; explicitly < 2; explicitly++) {
        give(&g, LEAF(.eku = oid), issuing, NULL, NULL);
        g.options.eku = explicitly ? oid : NULL;
        assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
        assert_string_equal(strstr(sigb_issuer_did(issuer), "::eku:") + 6, oid);
        sigb_issuer_free(issuer);
        if (explicitly) {
            oid[304] = '9'; /* the last digit alone differs */
            assert_refused(sigb_issuer_derive(&g.options, &issuer, diag), SIGB_E_EKU,
                           "lacks the EKU asked for");
        }
        wipe(&g);
    }
}

static void the_renewed_certificate_is_found_beside_the_old(void **state)
{
    X509 *expired = LEAF(.serial = 2001, .to = PKI_NOW - 10),
         *future = LEAF(.serial = 2002, .from = PKI_NOW + 10);
    X509 *other_eku = LEAF(.serial = 2003, .eku = "1.2.3"),
         *self = pki_issue(ca, &(pki_cert){.key = leaf_key});
    given g;

    (void)state;
    give(&g, expired, leaf, issuing, NULL);
    assert_derives(&g, 1001);
    give(&g, issuing, leaf, future, expired);
    assert_derives(&g, 1001);
    give(&g, self, issuing, leaf, NULL); /* what some tokens make with a key */
    assert_derives(&g, 1001);
    give(&g, other_eku, leaf, issuing, NULL);
    g.options.eku = "1.2.3";
    assert_derives(&g, 2003);
    give(&g, other_eku, leaf, issuing, NULL);
    g.options.eku = PKI_EKU;
    assert_derives(&g, 1001);
}

static void several_that_pass_are_refused_and_listed(void **state)
{
    X509 *second = LEAF(.serial = 0x2BC);
    given g;

    (void)state;
    give(&g, leaf, second, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_AMBIGUOUS,
                   "several certificates of the key pass every check");
    give(&g, second, leaf, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_AMBIGUOUS, "0x02bc");
    give(&g, second, leaf, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_AMBIGUOUS, "0x03e9");
}

static void with_none_left_the_newest_tells_why(void **state)
{
    X509 *older = LEAF(.serial = 3001, .to = PKI_NOW - 200),
         *newer = LEAF(.serial = 3002, .to = PKI_NOW - 100, .usage = "");
    X509 *unused = LEAF(.usage = "", .to = PKI_TO - 1);
    given g;

    (void)state;
    give(&g, older, newer, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EXPIRED, "to 2026-06-30T23:58:20Z");
    give(&g, newer, older, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EXPIRED, "to 2026-06-30T23:58:20Z");
    give(&g, older, unused, issuing, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_KEY_USAGE, "keyUsage is absent");
}

static void the_key_picks_its_certificate(void **state)
{
    given g;

    (void)state;
    give(&g, issuing, root, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_ABSENT, "none of 2 certificates is the signing key's");
    give(&g, NULL, NULL, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_ABSENT, "none of 0");
    give(&g, other_leaf, issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_OTHER_KEY,
                   "'CN=Test Leaf' is the certificate of another key");
    give(&g, leaf, issuing, root, NULL);
    g.options.spki = SIGB_BYTES_NONE;
    assert_derives(&g, 1001);
    give(&g, leaf, issuing, other_leaf, NULL);
    g.options.spki = SIGB_BYTES_NONE;
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_AMBIGUOUS,
                   "both issued no other, and their keys differ");
}

static void unrelated_certificates_are_refused_unless_a_token_held_them(void **state)
{
    X509 *retired = pki_issue(ca, &(pki_cert){.key = other_key, .ca = true, .name = "Retired CA"});
    X509 *old = LEAF(.issuer = retired, .signer = other_key);
    given g;

    (void)state;
    give(&g, leaf, issuing, other_root, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_UNRELATED,
                   "'CN=Other Root' does not belong to the chain");
    give(&g, leaf, issuing, other_leaf, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_UNRELATED, "'CN=Test Leaf' does not belong");
    give(&g, leaf, issuing, old, retired); /* another CA's, of the same key: it drops out, with its CA */
    assert_derives(&g, 1001);
    give(&g, leaf, NULL, NULL, NULL);
    (void)pki_der(&g.pool, other_root, other_leaf, issuing, (X509 *)NULL);
    sigb_buf_append(&g.pool, sigb_bytes_of("\x30\x01\x00", 3)); /* not a certificate at all */
    (void)pki_der(&g.pool, retired, (X509 *)NULL);
    g.options.pool = sigb_buf_bytes(&g.pool);
    assert_derives(&g, 1001);
    give(&g, NULL, NULL, NULL, NULL);
    g.options.pool = pki_der(&g.pool, other_leaf, leaf, issuing, root, (X509 *)NULL);
    assert_derives(&g, 1001);
}

static void a_leaf_that_is_given_goes_before_the_tokens(void **state)
{
    X509 *renewed = LEAF(.serial = 5001);
    given g;

    (void)state;
    give(&g, renewed, NULL, NULL, NULL);
    g.options.pool = pki_der(&g.pool, leaf, issuing, (X509 *)NULL);
    assert_derives(&g, 5001);
    give(&g, issuing, NULL, NULL, NULL); /* only its CA is given */
    g.options.pool = pki_der(&g.pool, leaf, (X509 *)NULL);
    assert_derives(&g, 1001);
    give(&g, other_leaf, NULL, NULL, NULL); /* a wrong one is not mended behind the person's back */
    g.options.pool = pki_der(&g.pool, leaf, issuing, (X509 *)NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_OTHER_KEY, "certificate of another key");
}

static void every_refusal_of_the_chain_comes_through(void **state)
{
    X509 *cross = pki_issue(ca, &(pki_cert){.key = issuing_key,
                                            .issuer = other_root,
                                            .signer = other_key,
                                            .ca = true,
                                            .name = "Test Issuing CA"});
    X509 *pinned_leaf = pki_issue(ca, &(pki_cert){.key = leaf_key, .name = "Alone"});
    given g;

    (void)state;
    give(&g, leaf, NULL, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_INCOMPLETE, "that issued 'CN=Test Leaf' is missing");
    give(&g, LEAF(.issuer = cross), cross, other_root, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_ROOT, "ends in 'CN=Other Root'");
    give(&g, leaf, issuing, cross, NULL);
    g.options.roots = pki_der(&g.roots, other_root, (X509 *)NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_AMBIGUOUS, "two paths");
    give(&g, LEAF(.broken = true), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN, "certificate signature failure");
    give(&g, LEAF(.usage = ""), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_KEY_USAGE, "keyUsage is absent");
    give(&g, LEAF(.eku = ""), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EKU_ABSENT, "no extended key usage");
    give(&g, LEAF(.more = {"extendedKeyUsage = 1.2.3"}), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EKU_MALFORMED, "more than once");
    give(&g, LEAF(.eku = "1.2.3,1.2.4"), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EKU_AMBIGUOUS, "1.2.3, 1.2.4");
    give(&g, LEAF(.eku = "anyExtendedKeyUsage"), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EKU_ANY, "cannot name an issuer");
    give(&g, LEAF(.san = "IP:127.0.0.1"), issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_DID_MISMATCH, "none of email, dns, uri");
    give(&g, pinned_leaf, NULL, NULL, NULL);
    g.roots.len = 0;
    g.options.roots = pki_der(&g.roots, pinned_leaf, (X509 *)NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_CHAIN_INCOMPLETE, "'CN=Alone' alone");
}

static void options_are_checked_first(void **state)
{
    given g;
    sigb_issuer *issuer = NULL;

    (void)state;
    give(&g, leaf, issuing, NULL, NULL);
    g.options.eku = "2.5.29.37.0";
    assert_refused(derive(&g, NULL, diag), SIGB_E_EKU_ANY, "fits everybody");
    give(&g, leaf, issuing, NULL, NULL);
    g.options.eku = "codeSigning";
    assert_refused(derive(&g, NULL, diag), SIGB_E_USAGE, "the EKU 'codeSigning' is not a dotted OID");
    give(&g, leaf, issuing, NULL, NULL);
    g.options.roots = SIGB_BYTES_NONE;
    assert_refused(derive(&g, NULL, diag), SIGB_E_ANCHOR, "no root certificate is pinned");
    give(&g, leaf, issuing, NULL, NULL);
    g.options.certs.len--;
    assert_refused(derive(&g, NULL, diag), SIGB_E_CERT_DER, "behind the last certificate");
    assert_refused(sigb_issuer_derive(NULL, &issuer, diag), SIGB_E_USAGE, "options");
}

static void time_is_the_callers_choice(void **state)
{
    X509 *expired = LEAF(.serial = 4001, .to = PKI_NOW - 10);
    given g;

    (void)state;
    give(&g, expired, issuing, NULL, NULL);
    assert_refused(derive(&g, NULL, diag), SIGB_E_EXPIRED, "certificate 1 of 3");
    give(&g, expired, issuing, NULL, NULL);
    g.options.at = PKI_NOW - 20;
    assert_derives(&g, 4001);
    give(&g, expired, issuing, NULL, NULL);
    g.options.at = SIGB_TIME_UNCHECKED;
    assert_derives(&g, 4001);
}

static void what_was_derived_for_no_time_signs_nothing_out_of_time(void **state)
{
    X509 *expired = LEAF(.serial = 4001, .to = PKI_NOW - 10);
    sigb_issuer *issuer = NULL;
    given g;

    (void)state;
    give(&g, expired, issuing, NULL, NULL);
    g.options.at = SIGB_TIME_UNCHECKED;
    assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
    assert_int_equal(issuer_require_current(issuer, PKI_NOW - 20, NULL), SIGB_OK);
    assert_refused(issuer_require_current(issuer, PKI_NOW, diag), SIGB_E_EXPIRED, "renew it");
    sigb_issuer_free(issuer);
    wipe(&g);
}

static void an_issuer_knows_how_long_it_holds(void **state)
{
    given g;
    sigb_issuer *issuer = NULL;

    (void)state;
    give(&g, leaf, issuing, NULL, NULL);
    assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
    assert_non_null(issuer_key(issuer));
    assert_int_equal(issuer_require_current(issuer, PKI_NOW, NULL), SIGB_OK);
    assert_refused(issuer_require_current(issuer, PKI_TO, diag), SIGB_E_EXPIRED,
                   "expired on 2026-12-31T23:59:59Z");
    assert_refused(issuer_require_current(issuer, PKI_FROM - 1, diag), SIGB_E_NOT_YET_VALID,
                   "not valid before 2026-01-01");
    assert_int_equal(issuer_require_resolved(issuer, sigb_bytes_text(sigb_issuer_did(issuer)),
                                             sigb_issuer_chain(issuer), NULL),
                     SIGB_OK);
    assert_refused(
        issuer_require_resolved(issuer, sigb_bytes_text("did:x509:0:"), sigb_issuer_chain(issuer), diag),
        SIGB_E_DID_MISMATCH, "not what was derived");
    sigb_issuer_free(issuer);
    sigb_issuer_free(NULL);
    wipe(&g);
}

static void certificates_are_described_a_line_each(void **state)
{
    sigb_buf certs = SIGB_BUF_INIT, text = SIGB_BUF_INIT;

    (void)state;
    (void)pki_der(&certs, leaf, root, LEAF(.eku = "DER:0500"), (X509 *)NULL);
    assert_int_equal(sigb_certs_describe(sigb_buf_bytes(&certs), &text, NULL), SIGB_OK);
    sigb_buf_append(&text, sigb_bytes_of("", 1));
    assert_non_null(strstr((char *)text.ptr,
                           "subject 'CN=Test Leaf'; issuer 'CN=Test Issuing CA'; serial 0x03e9; valid "
                           "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z; key EC secp384r1; EKU " PKI_EKU
                           "\n"));
    assert_non_null(strstr((char *)text.ptr, "subject 'CN=Test Root'"));
    assert_non_null(strstr((char *)text.ptr, "; CA\n"));
    assert_non_null(strstr((char *)text.ptr, "; EKU unreadable\n"));
    certs.len--;
    assert_refused(sigb_certs_describe(sigb_buf_bytes(&certs), &text, diag), SIGB_E_CERT_DER,
                   "behind the last");
    assert_refused(sigb_certs_describe(sigb_buf_bytes(&certs), NULL, diag), SIGB_E_USAGE, "no buffer");
    sigb_buf_free(&certs);
    sigb_buf_free(&text);
}

static void a_did_resolves_against_the_chain_it_is_given_with(void **state)
{
    sigb_buf good = SIGB_BUF_INIT, short_chain = SIGB_BUF_INIT;
    sigb_issuer *issuer = NULL;
    given g;
    char url[512];

    (void)state;
    give(&g, leaf, issuing, NULL, NULL);
    assert_int_equal(sigb_issuer_derive(&g.options, &issuer, NULL), SIGB_OK);
    (void)pki_der(&good, leaf, issuing, root, (X509 *)NULL);
    (void)pki_der(&short_chain, leaf, issuing, (X509 *)NULL);
    (void)snprintf(url, sizeof(url), "%s#0", sigb_issuer_did(issuer));
    assert_int_equal(
        sigb_did_resolve(sigb_issuer_did(issuer), sigb_buf_bytes(&good), SIGB_TIME_UNCHECKED, NULL), SIGB_OK);
    assert_int_equal(sigb_did_resolve(url, sigb_buf_bytes(&good), PKI_NOW, NULL), SIGB_OK);
    assert_refused(sigb_did_resolve(url, sigb_buf_bytes(&good), PKI_TO + 1, diag), SIGB_E_EXPIRED, "expired");
    assert_refused(sigb_did_resolve(url, sigb_buf_bytes(&short_chain), PKI_NOW, diag), SIGB_E_DID_MISMATCH,
                   "none of the 1 CA");
    assert_refused(sigb_did_resolve("did:web:x", sigb_buf_bytes(&good), PKI_NOW, diag), SIGB_E_ISSUER_METHOD,
                   "did:x509");
    assert_refused(sigb_did_resolve(url, SIGB_BYTES_NONE, PKI_NOW, diag), SIGB_E_CHAIN_INCOMPLETE, "empty");
    assert_refused(sigb_did_resolve(NULL, sigb_buf_bytes(&good), PKI_NOW, diag), SIGB_E_USAGE, "no DID");
    sigb_issuer_free(issuer);
    sigb_buf_free(&good);
    sigb_buf_free(&short_chain);
    wipe(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_and_root_give_the_same_string),
        cmocka_unit_test(the_fingerprints_hash_can_be_chosen),
        cmocka_unit_test(oids_of_hundreds_of_digits_are_kept_whole),
        cmocka_unit_test(the_renewed_certificate_is_found_beside_the_old),
        cmocka_unit_test(several_that_pass_are_refused_and_listed),
        cmocka_unit_test(with_none_left_the_newest_tells_why),
        cmocka_unit_test(the_key_picks_its_certificate),
        cmocka_unit_test(unrelated_certificates_are_refused_unless_a_token_held_them),
        cmocka_unit_test(a_leaf_that_is_given_goes_before_the_tokens),
        cmocka_unit_test(every_refusal_of_the_chain_comes_through),
        cmocka_unit_test(options_are_checked_first),
        cmocka_unit_test(time_is_the_callers_choice),
        cmocka_unit_test(what_was_derived_for_no_time_signs_nothing_out_of_time),
        cmocka_unit_test(an_issuer_knows_how_long_it_holds),
        cmocka_unit_test(certificates_are_described_a_line_each),
        cmocka_unit_test(a_did_resolves_against_the_chain_it_is_given_with),
    };

    return cmocka_run_group_tests(tests, make_pki, free_pki);
}
