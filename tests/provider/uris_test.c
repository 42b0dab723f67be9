/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URIs and files that anybody may have written: what they may not make the provider
 * do, unless the configuration allows just that; and that a file which is read as
 * anything but a private key does nothing. After a refusal nothing comes any more.
 */
#include "tests/provider/stage.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "pkcs11/wrap.h"

#define KEY          TOKEN ";object=P-256"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define DESCRIPTION  "PKCS#11 Provider URI v1.0"

/* ---- files ---- */

static size_t put(unsigned char *to, unsigned char tag, const void *value, size_t len)
{
    size_t used = 0;

    assert_true(len < 256);
    to[used++] = tag;
    if (len >= 128)
        to[used++] = 0x81;
    to[used++] = (unsigned char)len;
    memcpy(to + used, value, len);
    return used + len;
}

/* By hand, for what is tested is refused where such files are made. */
static BIO *wrapped(const char *uri)
{
    unsigned char members[600], der[600];
    size_t len = put(members, V_ASN1_VISIBLESTRING, DESCRIPTION, strlen(DESCRIPTION));
    BIO *bio = BIO_new(BIO_s_mem());

    len += put(members + len, V_ASN1_UTF8STRING, uri, strlen(uri));
    len = put(der, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, members, len);
    assert_true(PEM_write_bio(bio, WRAP_PEM_NAME, "", der, (long)len) > 0);
    return bio;
}

static EVP_PKEY *open_file(const prov_stage *s, const char *uri)
{
    BIO *bio = wrapped(uri);
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, s->ctx, NULL);

    BIO_free(bio);
    return key;
}

static EVP_PKEY *open_uri(const prov_stage *s, const char *uri)
{
    return prov_stage_open(s, uri);
}

/* ---- what a URI may not do ---- */

#define NO_MODULE "# no module-path\n"

/* A module that the configuration names goes before every URI's. */
static const struct rule_row {
    const char *allowed, *query;
    sigb_rc rc;
    const char *words;
} RULES[] = {
    {"", "module-path=/absent.so", SIGB_OK, NULL},
    {"", "module-name=absent", SIGB_OK, NULL},
    {"allow-uri-pin = yes", "module-path=/absent.so", SIGB_OK, NULL},
    {"allow-uri-pin = yes", "module-name=absent", SIGB_OK, NULL},
    {"allow-uri-module = yes", "module-path=/absent.so", SIGB_OK, NULL},
    {"allow-uri-module = yes", "module-name=absent", SIGB_OK, NULL},
    {NO_MODULE "allow-uri-module = yes", "module-path=/absent.so", SIGB_E_MODULE, "/absent.so"},
    {NO_MODULE "allow-uri-module = yes", "module-name=absent", SIGB_E_MODULE, "absent"},
    {NO_MODULE "allow-uri-module = yes", "module-path=" FAULT_MODULE, SIGB_OK, NULL},
    {"", "pin-value=" SOFTHSM_PIN, SIGB_E_URI, "the URI holds a PIN (pin-value)"},
    {"", "module-path=/absent.so&pin-value=" SOFTHSM_PIN, SIGB_E_URI, "the URI holds a PIN (pin-value)"},
    {"allow-uri-module = yes", "pin-value=" SOFTHSM_PIN, SIGB_E_URI, "say allow-uri-pin = yes"},
    {"allow-uri-pin = yes", "pin-value=" SOFTHSM_PIN, SIGB_OK, NULL},
    {"allow-uri-pin = yes", "module-path=/absent.so&pin-value=" SOFTHSM_PIN, SIGB_OK, NULL},
    {"allow-uri-pin = yes", "pin-value=987654", SIGB_E_PIN_INCORRECT, "is not tried again"},
    {"", "pin-source=%7Ctrue", SIGB_E_URI, "commands and other sources are not run"},
    {"allow-uri-pin = yes", "pin-source=%7Ctrue", SIGB_E_URI, "commands and other sources are not run"},
    {"allow-uri-pin = yes", "pin-source=|true", SIGB_E_URI, "commands and other sources are not run"},
    {"allow-uri-module = yes", "pin-source=%7Ctrue", SIGB_E_URI, "commands and other sources are not run"},
    {"", "pin-source=http%3A%2F%2F127.0.0.1", SIGB_E_URI, "commands and other sources are not run"},
};

/* What is refused for the URI is refused before anything is done on its token. */
static void assert_judged(const prov_stage *s, const struct rule_row *row,
                          EVP_PKEY *(*open)(const prov_stage *s, const char *uri))
{
    char uri[256];
    EVP_PKEY *key;

    (void)snprintf(uri, sizeof(uri), KEY "?%s", row->query);
    prov_stage_plan(s, "");
    key = open(s, uri);
    if (row->rc == SIGB_OK) {
        assert_non_null(key);
        assert_true(prov_stage_sign(s, key, "SHA256"));
    } else {
        assert_null(key);
        assert_raised(row->rc, row->words);
    }
    if (row->rc == SIGB_E_URI)
        assert_int_equal(s->fault->calls("C_OpenSession") + s->fault->calls("C_Login"), 0);
    EVP_PKEY_free(key);
}

static void what_the_configuration_does_not_allow_a_uri_does_not_get(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(RULES); i++) {
        print_message("%s: %s\n", RULES[i].allowed, RULES[i].query);
        for (int from_file = 0; from_file < 2; from_file++) {
            prov_stage_configure(s, RULES[i].allowed);
            assert_judged(s, &RULES[i], from_file ? open_file : open_uri);
        }
    }
    prov_stage_configure(s, "");
}

/* No PIN of a URI is in what is said of it. */
static void a_refusal_does_not_show_the_pin(void **state)
{
    prov_stage *s = *state;
    const char *words = NULL;
    unsigned long code;
    int flags = 0;

    assert_null(open_uri(s, KEY "?pin-value=987654"));
    assert_null(open_file(s, KEY "?pin-value=987654"));
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &words, &flags)) != 0)
        assert_null(strstr(words, "987654"));
}

/* ---- files that are read as something else ---- */

/* A decoder that is told the selection alone; 0: whatever is there. */
static EVP_PKEY *decode(const prov_stage *s, int selection)
{
    EVP_PKEY *key = NULL;
    BIO *bio = wrapped(KEY);
    OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, selection, s->ctx, NULL);

    assert_non_null(ctx);
    (void)OSSL_DECODER_from_bio(ctx, bio); /* some versions call it a success to have found no key */
    OSSL_DECODER_CTX_free(ctx);
    BIO_free(bio);
    return key;
}

static void read_as_others(const prov_stage *s)
{
    BIO *bio = wrapped(KEY);

    assert_null(PEM_read_bio_PUBKEY_ex(bio, NULL, NULL, NULL, s->ctx, NULL));
    BIO_free(bio);
    bio = wrapped(KEY);
    assert_null(PEM_read_bio_Parameters_ex(bio, NULL, s->ctx, NULL));
    BIO_free(bio);
    bio = wrapped(KEY);
    assert_null(PEM_read_bio_X509(bio, NULL, NULL, NULL));
    BIO_free(bio);
}

static void a_file_read_as_anything_but_a_private_key_calls_nothing(void **state)
{
    static const char *const lines[] = {"", "login-behavior = auto", "login-behavior = always"};
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(lines); i++) {
        EVP_PKEY *key;

        prov_stage_configure(s, lines[i]);
        prov_stage_plan(s, "");
        read_as_others(s);
        assert_null(decode(s, EVP_PKEY_PUBLIC_KEY));
        assert_null(decode(s, EVP_PKEY_KEY_PARAMETERS));
        assert_null(decode(s, 0));
        assert_int_equal(s->fault->calls("*"), 0);
        key = decode(s, EVP_PKEY_KEYPAIR);
        assert_non_null(key);
        assert_int_equal(s->fault->calls("C_Login"), 1);
        assert_true(prov_stage_sign(s, key, "SHA256"));
        EVP_PKEY_free(key);
        ERR_clear_error();
    }
    prov_stage_configure(s, "");
}

/* ---- errors are the end ---- */

static void after_an_error_nothing_comes_any_more(void **state)
{
    static const struct {
        const char *uri, *plan;
        int expected;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {TOKEN, "", OSSL_STORE_INFO_PKEY, SIGB_E_KEY_AMBIGUOUS, "2 private keys match"},
        {TOKEN ";object=none", "", OSSL_STORE_INFO_PKEY, SIGB_E_KEY_ABSENT, "shows no private key"},
        {TOKEN ";object=none", "", 0, SIGB_E_KEY_ABSENT, "shows no object of the kind that is wanted"},
        {"pkcs11:token=absent", "", 0, SIGB_E_TOKEN_ABSENT, "absent"},
        {TOKEN ";type=private?pin-value=1", "", 0, SIGB_E_URI, "holds a PIN"},
        {TOKEN, "C_FindObjectsInit,rv=0x70", 0, SIGB_E_MECHANISM, "C_FindObjectsInit"},
        {KEY, "C_FindObjectsInit,rv=0x70", OSSL_STORE_INFO_PKEY, SIGB_E_MECHANISM, "C_FindObjectsInit"},
    };
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        OSSL_STORE_CTX *store = OSSL_STORE_open_ex(rows[i].uri, s->ctx, NULL, NULL, NULL, NULL, NULL, NULL);
        unsigned long calls;

        print_message("%s %s\n", rows[i].uri, rows[i].plan);
        assert_non_null(store);
        prov_stage_plan(s, rows[i].plan);
        assert_int_equal(OSSL_STORE_expect(store, rows[i].expected), 1);
        assert_int_equal(OSSL_STORE_eof(store), 0);
        assert_null(OSSL_STORE_load(store));
        assert_int_equal(OSSL_STORE_eof(store), 1);
        assert_raised(rows[i].rc, rows[i].words);
        calls = s->fault->calls("*");
        assert_null(OSSL_STORE_load(store));
        assert_int_equal(s->fault->calls("*"), calls);
        assert_int_equal(OSSL_STORE_close(store), 1);
        ERR_clear_error();
        prov_stage_plan(s, "");
    }
}

static void every_candidate_is_listed(void **state)
{
    prov_stage *s = *state;
    static const char *const labels[] = {"object=P-256;type=private", "object=RSA-2048;type=private"};

    for (size_t i = 0; i < COUNT(labels); i++) {
        assert_null(open_uri(s, TOKEN));
        assert_raised(SIGB_E_KEY_AMBIGUOUS, labels[i]);
        assert_null(open_file(s, TOKEN));
        assert_raised(SIGB_E_KEY_AMBIGUOUS, labels[i]);
    }
}

/* ---- one stage for all ---- */

static int begin(void **state)
{
    static const char *const types[] = {"P-256", "RSA-2048"};

    (void)prov_stage_begin_for_all(state, types, sizeof(types) / sizeof(types[0]));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_configuration_does_not_allow_a_uri_does_not_get),
        cmocka_unit_test(a_refusal_does_not_show_the_pin),
        cmocka_unit_test(a_file_read_as_anything_but_a_private_key_calls_nothing),
        cmocka_unit_test(after_an_error_nothing_comes_any_more),
        cmocka_unit_test(every_candidate_is_listed),
    };

    return cmocka_run_group_tests(tests, begin, prov_stage_end_for_all);
}
