/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates of a token come along with a key. */
#include "tests/support/support.h"

#include <stdio.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/pubkey.h"
#include "base/text.h"
#include "tests/support/softhsm.h"

static softhsm *hsm;
static EVP_PKEY *ca_key;

static int set_up(void **state)
{
    static const softhsm_key key = {.type = "P-256", .label = "key", .id = "key"};

    (void)state;
    ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    hsm = softhsm_new();
    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &key);
    return ca_key == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(ca_key);
    softhsm_free(hsm);
    return 0;
}

static void add_ca_extension(X509 *cert)
{
    BASIC_CONSTRAINTS *ca = BASIC_CONSTRAINTS_new();

    assert_non_null(ca);
    ca->ca = 1;
    assert_int_equal(X509_add1_ext_i2d(cert, NID_basic_constraints, ca, 1, 0), 1);
    BASIC_CONSTRAINTS_free(ca);
}

/* A certificate for `key`, signed by ca_key. */
static void make_cert(EVP_PKEY *key, long serial, bool ca, sigb_buf *der)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"x", 1, -1, 0), 1);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial), 1);
    assert_int_equal(X509_set_subject_name(cert, name), 1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    if (ca)
        add_ca_extension(cert);
    assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    assert_int_equal(cert_put(cert, der, NULL), SIGB_OK);
    X509_NAME_free(name);
    X509_free(cert);
}

static void write_cert(EVP_PKEY *key, long serial, bool ca, const char *id, sigb_buf *der)
{
    char label[32];

    (void)snprintf(label, sizeof(label), "cert-%ld", serial);
    make_cert(key, serial, ca, der);
    softhsm_cert(hsm, "release", label, id, der->ptr, der->len);
}

static void keep_note(void *arg, const char *text)
{
    text_put(arg, text);
}

static sigb_signer *opened(sigb_buf *heard)
{
    const sigb_pkcs11_options options = {
        .module = softhsm_module(), .pin = softhsm_pin, .notes = {keep_note, heard}};
    sigb_signer *signer = NULL;

    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, NULL), SIGB_OK);
    return signer;
}

static EVP_PKEY *token_key(void)
{
    sigb_buf heard = SIGB_BUF_INIT;
    sigb_signer *signer = opened(&heard);
    EVP_PKEY *key = NULL;

    assert_int_equal(pubkey_parse(sigb_signer_spki(signer), &key, NULL), SIGB_OK);
    sigb_signer_free(signer);
    sigb_buf_free(&heard);
    return key;
}

static bool holds(sigb_bytes certs, sigb_bytes wanted)
{
    sigb_bytes one;

    while (sigb_certs_next(&certs, &one))
        if (sigb_bytes_equal(one, wanted))
            return true;
    return false;
}

static void no_certificate_is_no_failure(void **state)
{
    sigb_buf heard = SIGB_BUF_INIT;
    sigb_signer *signer = opened(&heard);

    (void)state;
    assert_int_equal(sigb_signer_certs(signer).len, 0);
    assert_int_equal(heard.len, 0);
    sigb_signer_free(signer);
}

static void certificates_come_along_and_one_that_cannot_be_read_does_not(void **state)
{
    EVP_PKEY *key = token_key();
    sigb_buf leaf = SIGB_BUF_INIT, ca = SIGB_BUF_INIT, heard = SIGB_BUF_INIT;
    sigb_signer *signer;
    sigb_bytes certs;

    (void)state;
    write_cert(ca_key, 1, true, NULL, &ca);
    write_cert(key, 2, false, "another id", &leaf);
    softhsm_cert(hsm, "release", "rubbish", "key", "not DER", 7);
    signer = opened(&heard);
    certs = sigb_signer_certs(signer);
    assert_int_equal(certs_count(certs), 2);
    assert_true(holds(certs, sigb_buf_bytes(&ca)));
    assert_true(holds(certs, sigb_buf_bytes(&leaf)));
    assert_non_null(strstr(text_c_str(&heard), "a certificate on the token is passed over"));
    sigb_signer_free(signer);
    softhsm_destroy(hsm, "release", CKO_CERTIFICATE, "rubbish");
    EVP_PKEY_free(key);
    sigb_buf_free(&leaf);
    sigb_buf_free(&ca);
    sigb_buf_free(&heard);
}

static void certificates_that_are_not_wanted_are_not_read(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin, .no_certs = true};
    sigb_signer *signer = NULL;

    (void)state;
    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, NULL), SIGB_OK);
    assert_int_equal(sigb_signer_certs(signer).len, 0);
    assert_true(sigb_signer_spki(signer).len > 0);
    sigb_signer_free(signer);
}

/* The token has the key's certificates and a CA's from before; 20 others are written, then the last of the key. */
static void a_full_token_gives_the_keys_certificates_and_cas_first(void **state)
{
    EVP_PKEY *key = token_key(), *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    sigb_buf ca = SIGB_BUF_INIT, renewed = SIGB_BUF_INIT, by_id = SIGB_BUF_INIT, heard = SIGB_BUF_INIT;
    sigb_signer *signer;
    sigb_bytes certs;

    (void)state;
    for (long serial = 10; serial < 30; serial++) {
        sigb_buf filler = SIGB_BUF_INIT;
        write_cert(other, serial, false, NULL, &filler);
        sigb_buf_free(&filler);
    }
    write_cert(other, 30, true, NULL, &ca);
    write_cert(key, 31, false, NULL, &renewed);
    write_cert(other, 32, false, "key", &by_id);
    signer = opened(&heard);
    certs = sigb_signer_certs(signer);
    assert_int_equal(certs_count(certs), SIGB_MAX_CERTS);
    assert_true(holds(certs, sigb_buf_bytes(&ca)));
    assert_true(holds(certs, sigb_buf_bytes(&renewed)));
    assert_true(holds(certs, sigb_buf_bytes(&by_id)));
    assert_non_null(strstr(text_c_str(&heard), "of 25 certificates on the token, 16 come along"));
    sigb_signer_free(signer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    sigb_buf_free(&ca);
    sigb_buf_free(&renewed);
    sigb_buf_free(&by_id);
    sigb_buf_free(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_certificate_is_no_failure),
        cmocka_unit_test(certificates_come_along_and_one_that_cannot_be_read_does_not),
        cmocka_unit_test(certificates_that_are_not_wanted_are_not_read),
        cmocka_unit_test(a_full_token_gives_the_keys_certificates_and_cas_first),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
