/* SPDX-License-Identifier: Apache-2.0 */
/* token cert on real SoftHSM tokens: chains of every key type, judged by other programs; nothing overwritten. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include <libp11.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/text.h"
#include "pkcs11/pkcs11.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"
#include "token/place.h"

#define EKU "2.25.329800735698586629295641978511506172918"

#define TEN     "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static int rig_open(void **state)
{
    softhsm *hsm = softhsm_new();

    softhsm_token(hsm, "release");
    softhsm_token(hsm, "ca's own");
    *state = hsm;
    return 0;
}

static int rig_close(void **state)
{
    softhsm_free(*state);
    return 0;
}

/* ---- making ---- */

static void keygen(const char *token_uri, const char *type, const char *label)
{
    sigb_pkcs11_options options = softhsm_options();
    const sigb_keygen wanted = {.type = type, .label = label};
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    if (sigb_token_keygen(token_uri, &wanted, &options, &made, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    sigb_buf_free(&made);
}

static sigb_cert_request request_of(sigb_cert_role role, const char *key)
{
    static const char *const subjects[] = {"CN=Root,O=Example", "CN=Issuing CA,O=Example",
                                           "CN=Leaf,O=Example"};

    return (sigb_cert_request){.role = role,
                               .subject = subjects[role],
                               .eku = role == SIGB_CERT_LEAF ? EKU : NULL,
                               .days = 30 - (int)role, /* each one within its issuer */
                               .from = SIGB_TIME_NOW,
                               .key = key};
}

static void make(const sigb_cert_request *request, sigb_buf *der)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_diag diag = {{0}, 0};

    if (sigb_token_cert(request, &options, der, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
}

typedef struct chain {
    sigb_buf root, ca, leaf;
} chain;

static void chain_free(chain *made)
{
    sigb_buf_free(&made->root);
    sigb_buf_free(&made->ca);
    sigb_buf_free(&made->leaf);
}

static void issue(sigb_cert_request request, const char *issuer_key, const sigb_buf *issuer, sigb_buf *der)
{
    request.issuer_key = issuer_key;
    request.issuer_cert = issuer == NULL ? SIGB_BYTES_NONE : sigb_buf_bytes(issuer);
    make(&request, der);
}

/* Three keys of these types, three certificates; `name` tells the keys from those of other chains. */
static void chain_make(const char *token_uri, const char *name, const char *const types[3], chain *made)
{
    static const char *const roles[] = {"root", "ca", "leaf"};
    char label[64], keys[3][160];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(label, sizeof(label), "%s-%s", name, roles[i]);
        keygen(token_uri, affordable_type(types[i]), label);
        (void)snprintf(keys[i], sizeof(keys[i]), "%s;object=%s", token_uri, label);
    }
    issue(request_of(SIGB_CERT_ROOT, keys[0]), NULL, NULL, &made->root);
    issue(request_of(SIGB_CERT_CA, keys[1]), keys[0], &made->root, &made->ca);
    issue(request_of(SIGB_CERT_LEAF, keys[2]), keys[1], &made->ca, &made->leaf);
}

/* ---- judges that share no code with us ---- */

static void write_pem(const softhsm *hsm, const char *name, const sigb_buf *der)
{
    char path[512];
    X509 *cert = NULL;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", softhsm_dir(hsm), name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(cert_parse(sigb_buf_bytes(der), &cert, NULL), SIGB_OK);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(cert);
}

static void assert_openssl_verifies(const softhsm *hsm, const chain *made)
{
    char command[1024];

    write_pem(hsm, "root.pem", &made->root);
    write_pem(hsm, "ca.pem", &made->ca);
    write_pem(hsm, "leaf.pem", &made->leaf);
    (void)snprintf(command, sizeof(command),
                   "cd '%s' && openssl verify -x509_strict -auth_level 2 -check_ss_sig -CAfile root.pem "
                   "-untrusted ca.pem leaf.pem >verify.txt 2>&1 || { cat verify.txt >&2; false; }",
                   softhsm_dir(hsm));
    assert_int_equal(system(command), 0);
}

static void assert_issuer_derives(const chain *made, const char *eku)
{
    sigb_buf certs = SIGB_BUF_INIT;
    sigb_issuer *issuer = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_issuer_options options = {.roots = sigb_buf_bytes(&made->root), .at = SIGB_TIME_NOW};

    sigb_buf_append(&certs, sigb_buf_bytes(&made->leaf));
    sigb_buf_append(&certs, sigb_buf_bytes(&made->ca));
    options.certs = sigb_buf_bytes(&certs);
    if (sigb_issuer_derive(&options, &issuer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    assert_non_null(strstr(sigb_issuer_did(issuer), "did:x509:0:sha256:"));
    assert_non_null(strstr(sigb_issuer_did(issuer), "::eku:"));
    assert_string_equal(strstr(sigb_issuer_did(issuer), "::eku:") + 6, eku);
    sigb_issuer_free(issuer);
    sigb_buf_free(&certs);
}

/* Every type signs and is certified; large RSA keys once, they take long to make. */
static void chains_of_every_key_pass_the_strict_check(void **state)
{
    static const struct {
        const char *name;
        const char *types[3];
    } rows[] = {
        {"p256", {"P-256", "P-256", "P-256"}},         {"p384", {"P-384", "P-384", "P-384"}},
        {"p521", {"P-521", "P-521", "P-521"}},         {"ed", {"Ed25519", "Ed25519", "Ed25519"}},
        {"rsa", {"RSA-4096", "RSA-3072", "RSA-2048"}}, {"mixed", {"RSA-2048", "P-384", "P-256"}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        chain made = {SIGB_BUF_INIT, SIGB_BUF_INIT, SIGB_BUF_INIT};

        print_message("%s\n", rows[i].name);
        chain_make("pkcs11:token=release", rows[i].name, rows[i].types, &made);
        assert_openssl_verifies(*state, &made);
        assert_issuer_derives(&made, EKU);
        chain_free(&made);
    }
}

/* ---- the object on the token ---- */

static void assert_attribute(const place *at, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                             const void *wanted, size_t len)
{
    sigb_buf value = SIGB_BUF_INIT;

    assert_int_equal(p11_attribute(at->module, at->session, object, type, &value, NULL), SIGB_OK);
    assert_int_equal(value.len, len);
    assert_memory_equal(value.ptr, wanted, len);
    sigb_buf_free(&value);
}

static CK_OBJECT_HANDLE the_cert(const place *at, const char *label)
{
    CK_OBJECT_HANDLE *objects = NULL, found;
    size_t count = 0;

    assert_int_equal(
        place_find(at, CKO_CERTIFICATE, sigb_bytes_text(label), SIGB_BYTES_NONE, &objects, &count, NULL),
        SIGB_OK);
    assert_int_equal(count, 1);
    found = objects[0];
    OPENSSL_free(objects);
    return found;
}

static void a_certificate_lies_beside_its_key_under_its_id(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_cert_request request = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=beside");
    sigb_buf der = SIGB_BUF_INIT;
    unsigned char *name = NULL, *serial = NULL;
    int name_len, serial_len;
    X509 *cert = NULL;
    CK_OBJECT_HANDLE object;
    place at = {0};
    listing list;

    (void)state;
    keygen("pkcs11:token=release", "P-256", "beside");
    make(&request, &der);
    assert_int_equal(cert_parse(sigb_buf_bytes(&der), &cert, NULL), SIGB_OK);
    name_len = i2d_X509_NAME(X509_get_subject_name(cert), &name);
    serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &serial);
    listing_take(&list, "pkcs11:token=release;object=beside", &options);
    assert_string_equal(listing_find(&list, "cert", "beside")->note, "CN=Root,O=Example");
    assert_int_equal(place_open("pkcs11:token=release", &options, &at, NULL), SIGB_OK);
    object = the_cert(&at, "beside");
    assert_attribute(&at, object, CKA_VALUE, der.ptr, der.len);
    assert_attribute(&at, object, CKA_ID, listing_find(&list, "private", "beside")->id, 16);
    assert_attribute(&at, object, CKA_SUBJECT, name, (size_t)name_len);
    assert_attribute(&at, object, CKA_ISSUER, name, (size_t)name_len);
    assert_attribute(&at, object, CKA_SERIAL_NUMBER, serial, (size_t)serial_len);
    assert_false(p11_attribute_true(at.module, at.session, object, CKA_MODIFIABLE, true));
    assert_false(p11_attribute_true(at.module, at.session, object, CKA_PRIVATE, true));
    assert_true(p11_attribute_true(at.module, at.session, object, CKA_TOKEN, false));
    place_close(&at);
    OPENSSL_free(name);
    OPENSSL_free(serial);
    X509_free(cert);
    sigb_buf_free(&der);
}

/* As many applications will look for it. */
static unsigned libp11_count(PKCS11_TOKEN *token, const char *label)
{
    PKCS11_CERT *certs = NULL;
    unsigned count = 0, found = 0;

    assert_int_equal(PKCS11_enumerate_certs(token, &certs, &count), 0);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(certs[i].label, label) == 0) {
            found++;
            assert_int_equal(certs[i].id_len, 16);
            assert_int_equal(X509_verify(certs[i].x509, X509_get0_pubkey(certs[i].x509)), 1);
        }
    return found;
}

static void libp11_finds_the_certificate(void **state)
{
    PKCS11_CTX *ctx = PKCS11_CTX_new();
    PKCS11_SLOT *slots = NULL;
    unsigned count = 0, found = 0;
    sigb_cert_request request = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=beside");
    sigb_buf der = SIGB_BUF_INIT;

    (void)state;
    keygen("pkcs11:token=release", "P-256", "beside");
    make(&request, &der);
    sigb_buf_free(&der);
    assert_int_equal(PKCS11_CTX_load(ctx, softhsm_module()), 0);
    assert_int_equal(PKCS11_enumerate_slots(ctx, &slots, &count), 0);
    for (unsigned i = 0; i < count; i++)
        if (slots[i].token != NULL && strcmp(slots[i].token->label, "release") == 0)
            found += libp11_count(slots[i].token, "beside");
    assert_int_equal(found, 1);
    PKCS11_release_all_slots(ctx, slots, count);
    PKCS11_CTX_unload(ctx);
    PKCS11_CTX_free(ctx);
}

/* ---- asked for in other ways ---- */

static void the_signing_key_may_be_on_another_token(void **state)
{
    chain made = {SIGB_BUF_INIT, SIGB_BUF_INIT, SIGB_BUF_INIT};
    int asked = 0;
    sigb_pkcs11_options options = softhsm_options();
    sigb_cert_request request = request_of(SIGB_CERT_CA, "pkcs11:token=release;object=far%20ca");

    keygen("pkcs11:token=ca's%20own", "P-521", "far root");
    keygen("pkcs11:token=release", "P-384", "far ca");
    keygen("pkcs11:token=release", "P-256", "far leaf");
    issue(request_of(SIGB_CERT_ROOT, "pkcs11:token=ca's%20own;object=far%20root"), NULL, NULL, &made.root);
    request.issuer_key = "pkcs11:token=ca's%20own;object=far%20root";
    request.issuer_cert = sigb_buf_bytes(&made.root);
    options.pin_arg = &asked;
    assert_int_equal(sigb_token_cert(&request, &options, &made.ca, NULL), SIGB_OK);
    assert_int_equal(asked, 2); /* once a token */
    issue(request_of(SIGB_CERT_LEAF, "pkcs11:token=release;object=far%20leaf"),
          "pkcs11:token=release;object=far%20ca", &made.ca, &made.leaf);
    assert_openssl_verifies(*state, &made);
    chain_free(&made);
}

static void the_pin_is_asked_once_for_keys_of_one_token(void **state)
{
    chain made = {SIGB_BUF_INIT, SIGB_BUF_INIT, SIGB_BUF_INIT};
    int asked = 0;
    sigb_pkcs11_options options = softhsm_options();
    sigb_cert_request request = request_of(SIGB_CERT_CA, "pkcs11:token=release;object=once%20ca");

    (void)state;
    keygen("pkcs11:token=release", "P-256", "once root");
    keygen("pkcs11:token=release", "P-256", "once ca");
    issue(request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=once%20root"), NULL, NULL, &made.root);
    request.issuer_key = "pkcs11:token=release;object=once%20root";
    request.issuer_cert = sigb_buf_bytes(&made.root);
    options.pin_arg = &asked;
    assert_int_equal(sigb_token_cert(&request, &options, &made.ca, NULL), SIGB_OK);
    assert_int_equal(asked, 1);
    chain_free(&made);
}

static void a_key_that_asks_before_every_signature_gets_one_too(void **state)
{
    sigb_cert_request request = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=always");
    sigb_buf der = SIGB_BUF_INIT;

    softhsm_keygen(
        *state, "release",
        &(softhsm_key){.type = "P-256", .label = "always", .id = "al", .always_authenticate = true});
    make(&request, &der);
    assert_true(der.len > 0);
    sigb_buf_free(&der);
}

static void an_eku_of_a_hundred_digits_reaches_the_issuer(void **state)
{
    chain made = {SIGB_BUF_INIT, SIGB_BUF_INIT, SIGB_BUF_INIT};
    sigb_cert_request leaf = request_of(SIGB_CERT_LEAF, "pkcs11:token=release;object=long%20leaf");

    keygen("pkcs11:token=release", "P-256", "long root");
    keygen("pkcs11:token=release", "P-256", "long ca");
    keygen("pkcs11:token=release", "P-256", "long leaf");
    issue(request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=long%20root"), NULL, NULL, &made.root);
    issue(request_of(SIGB_CERT_CA, "pkcs11:token=release;object=long%20ca"),
          "pkcs11:token=release;object=long%20root", &made.root, &made.ca);
    leaf.eku = "2.25." HUNDRED;
    issue(leaf, "pkcs11:token=release;object=long%20ca", &made.ca, &made.leaf);
    assert_openssl_verifies(*state, &made);
    assert_issuer_derives(&made, leaf.eku);
    chain_free(&made);
}

/* ---- refusals ---- */

static void assert_cert_refused(const sigb_cert_request *request, sigb_rc rc, const char *words)
{
    sigb_pkcs11_options options = softhsm_options();
    listing before, after;
    sigb_buf der = SIGB_BUF_INIT;

    listing_take(&before, "pkcs11:type=cert", &options);
    assert_refused(sigb_token_cert(request, &options, &der, diag), rc, words);
    assert_int_equal(der.len, 0);
    listing_take(&after, "pkcs11:type=cert", &options);
    assert_int_equal(after.count, before.count);
    sigb_buf_free(&der);
}

/* A renewed certificate lies beside the old one, under a label of its own. */
static void a_label_that_exists_is_never_overwritten(void **state)
{
    sigb_cert_request request = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=renewed");
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf first = SIGB_BUF_INIT, second = SIGB_BUF_INIT;
    listing list;

    (void)state;
    keygen("pkcs11:token=release", "P-256", "renewed");
    make(&request, &first);
    assert_cert_refused(&request, SIGB_E_EXISTS, "has a certificate with this label; it is not overwritten");
    request.label = "renewed 2027";
    make(&request, &second);
    listing_take(&list, "pkcs11:token=release;type=cert", &options);
    assert_int_equal(listing_find(&list, "cert", "renewed")->id_len, 16);
    assert_memory_equal(listing_find(&list, "cert", "renewed")->id,
                        listing_find(&list, "cert", "renewed 2027")->id, 16);
    sigb_buf_free(&first);
    sigb_buf_free(&second);
}

static void requests_that_cannot_be_met_are_refused(void **state)
{
    sigb_buf root = SIGB_BUF_INIT;
    sigb_cert_request good, bad;

    (void)state;
    keygen("pkcs11:token=release", "P-256", "bad root");
    keygen("pkcs11:token=release", "P-256", "bad leaf");
    good = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=bad%20root");
    make(&good, &root);
    good = request_of(SIGB_CERT_LEAF, "pkcs11:token=release;object=bad%20leaf");
    good.issuer_key = "pkcs11:token=release;object=bad%20root";
    good.issuer_cert = sigb_buf_bytes(&root);

    bad = good;
    bad.issuer_key = "pkcs11:token=release;object=bad%20leaf";
    assert_cert_refused(&bad, SIGB_E_CERT_OTHER_KEY, "");
    bad = good;
    bad.key = "pkcs11:token=release;object=absent";
    assert_cert_refused(&bad, SIGB_E_KEY_ABSENT, "no such private key");
    bad.key = "pkcs11:token=release";
    assert_cert_refused(&bad, SIGB_E_KEY_AMBIGUOUS, "add id= to name one");
    bad.key = NULL;
    assert_cert_refused(&bad, SIGB_E_USAGE, "the URI of the key");
    bad = good;
    bad.issuer_key = NULL;
    assert_cert_refused(&bad, SIGB_E_USAGE, "needs its issuer's key and certificate");
    bad = good;
    bad.role = SIGB_CERT_ROOT;
    assert_cert_refused(&bad, SIGB_E_USAGE, "a root signs itself");
    bad = good;
    bad.issuer_cert = sigb_bytes_text("junk");
    assert_cert_refused(&bad, SIGB_E_CERT_DER, "not one DER certificate");
    bad = good;
    bad.days = 31;
    assert_cert_refused(&bad, SIGB_E_USAGE, "after its issuer");
    bad = good;
    bad.eku = NULL;
    assert_cert_refused(&bad, SIGB_E_USAGE, "a leaf needs an EKU");
    bad = good;
    bad.subject = "CN=a\x1b[0m";
    assert_cert_refused(&bad, SIGB_E_USAGE, "control characters");
    bad = good;
    bad.label = "a\nb";
    assert_cert_refused(&bad, SIGB_E_USAGE, "the certificate's label has");
    sigb_buf_free(&root);
}

/* The public half is a claim of the token's; the private one must sign before it is certified. */
static void a_public_key_that_is_not_the_keys_is_found_out(void **state)
{
    softhsm *hsm = *state;
    sigb_buf root = SIGB_BUF_INIT;
    sigb_cert_request request;

    keygen("pkcs11:token=release", "P-256", "pop root");
    request = request_of(SIGB_CERT_ROOT, "pkcs11:token=release;object=pop%20root");
    make(&request, &root);
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "mixed", .id = "mixed"});
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "other", .id = "mixed"});
    softhsm_destroy(hsm, "release", CKO_PUBLIC_KEY, "mixed");
    request = request_of(SIGB_CERT_LEAF, "pkcs11:token=release;object=mixed");
    request.issuer_key = "pkcs11:token=release;object=pop%20root";
    request.issuer_cert = sigb_buf_bytes(&root);
    assert_cert_refused(&request, SIGB_E_SIGNATURE_FAULT, "does not verify");
    sigb_buf_free(&root);
}

/* A folder of its own for each: SoftHSM reads every object of a token whenever it is opened. */
#define in_a_rig(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_rig(chains_of_every_key_pass_the_strict_check),
        in_a_rig(a_certificate_lies_beside_its_key_under_its_id),
        in_a_rig(libp11_finds_the_certificate),
        in_a_rig(the_signing_key_may_be_on_another_token),
        in_a_rig(the_pin_is_asked_once_for_keys_of_one_token),
        in_a_rig(a_key_that_asks_before_every_signature_gets_one_too),
        in_a_rig(an_eku_of_a_hundred_digits_reaches_the_issuer),
        in_a_rig(a_label_that_exists_is_never_overwritten),
        in_a_rig(requests_that_cannot_be_met_are_refused),
        in_a_rig(a_public_key_that_is_not_the_keys_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
