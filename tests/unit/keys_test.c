/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "cose/writer.h"
#include "ledger/keys.h"
#include "tests/support/corpus.h"
#include "tests/support/hex.h"
#include "tests/support/ledgers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static ledgers *token;
static pki_key *ca_key;
static X509 *ca;

static int open_token(void **state)
{
    (void)state;
    token = ledgers_new();
    ca_key = pki_keygen(token->pki, "P-384", "ca");
    ca = pki_issue(token->pki, &(pki_cert){.key = ca_key, .signer = ca_key, .ca = true});
    return 0;
}

static int close_token(void **state)
{
    (void)state;
    ledgers_free(token);
    return 0;
}

/* Every key of the token, in one set. */
static sigb_keys *all_keys(void)
{
    sigb_keys *keys = sigb_keys_new();

    for (size_t i = 0; i < LEDGER_KEYS; i++)
        assert_refused(sigb_keys_put(keys, sigb_signer_spki(token->signers[i]), NULL, diag), SIGB_OK, "");
    assert_int_equal(sigb_keys_count(keys), LEDGER_KEYS);
    return keys;
}

static void kid_of(sigb_bytes spki, char kid[65])
{
    uint8_t digest[32];
    sigb_buf text = SIGB_BUF_INIT;

    assert_int_equal(EVP_Digest(spki.ptr, spki.len, digest, NULL, EVP_sha256(), NULL), 1);
    text_put_hex(&text, sigb_bytes_of(digest, 32));
    (void)snprintf(kid, 65, "%s", text_c_str(&text));
    sigb_buf_free(&text);
}

/* ---- forms ---- */

static void assert_ca_alone(sigb_bytes file)
{
    sigb_keys *keys = sigb_keys_new();
    char kid[65];

    kid_of(pki_spki(ca_key), kid);
    assert_refused(sigb_keys_put(keys, file, NULL, diag), SIGB_OK, "");
    assert_int_equal(sigb_keys_count(keys), 1);
    assert_string_equal(sigb_keys_kid(keys, 0), kid);
    assert_null(sigb_keys_issuer(keys, 0));
    assert_null(sigb_keys_kid(keys, 1));
    assert_null(sigb_keys_issuer(keys, 1));
    sigb_keys_free(keys);
}

static void put_pem(sigb_buf *file, const char *name, sigb_bytes der)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    long len;

    assert_true(PEM_write_bio(pem, name, "", der.ptr, (long)der.len) > 0);
    len = BIO_get_mem_data(pem, &text);
    sigb_buf_append(file, sigb_bytes_of(text, (size_t)len));
    BIO_free(pem);
}

static void certificates_and_public_keys(void **state)
{
    sigb_buf file = SIGB_BUF_INIT, der = SIGB_BUF_INIT;

    (void)state;
    (void)pki_der(&der, ca, NULL);
    assert_ca_alone(sigb_buf_bytes(&der));
    assert_ca_alone(pki_spki(ca_key));
    put_pem(&file, "CERTIFICATE", sigb_buf_bytes(&der));
    assert_ca_alone(sigb_buf_bytes(&file));
    text_put(&file, "text between\n");
    put_pem(&file, "PUBLIC KEY", pki_spki(ca_key));
    put_pem(&file, "EC PARAMETERS", sigb_bytes_text("passed over"));
    assert_ca_alone(sigb_buf_bytes(&file)); /* one key, given three times */
    sigb_buf_free(&file);
    sigb_buf_free(&der);
}

static void parameters_of_older_services(void **state)
{
    sigb_buf file = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
    unsigned char text[2048];

    (void)state;
    (void)pki_der(&der, ca, NULL);
    assert_true(EVP_EncodeBlock(text, der.ptr, (int)der.len) > 0);
    text_putf(&file, " \n{\"parameters\":[{\"serviceCertificate\":\"%s\",\"signatureAlgorithm\":\"ES256\"},",
              text);
    text_putf(&file, "{\"serviceCertificate\":\"%s\",\"serviceId\":\"decoration\"}]}", text);
    assert_ca_alone(sigb_buf_bytes(&file));
    sigb_buf_free(&file);
    sigb_buf_free(&der);
}

static void the_parameters_of_the_corpus(void **state)
{
    sigb_buf file = SIGB_BUF_INIT;
    sigb_keys *keys;

    (void)state;
    if (!corpus_is_here())
        return;
    keys = sigb_keys_new();
    (void)corpus_read(&file, "mst/esrp-cts-db.json");
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), "a.example", diag), SIGB_OK, "");
    assert_int_equal(sigb_keys_count(keys), 2); /* of eight certificates */
    assert_string_equal(sigb_keys_issuer(keys, 1), "a.example");
    sigb_keys_free(keys);
    sigb_buf_free(&file);
}

/* What is written is read back, key by key, whole sets and single ones. */
static void sets_of_every_kind_of_key(void **state)
{
    static const keys_form forms[] = {KEYS_COSE, KEYS_JWK};
    sigb_keys *all = all_keys();

    (void)state;
    for (size_t f = 0; f < COUNT(forms); f++) {
        sigb_buf file = SIGB_BUF_INIT;
        sigb_keys *back = sigb_keys_new();

        assert_refused(keys_write(all, forms[f], &file, diag), SIGB_OK, "");
        assert_refused(sigb_keys_put(back, sigb_buf_bytes(&file), NULL, diag), SIGB_OK, "");
        assert_int_equal(sigb_keys_count(back), LEDGER_KEYS);
        for (size_t i = 0; i < LEDGER_KEYS; i++)
            assert_string_equal(sigb_keys_kid(back, i), sigb_keys_kid(all, i));
        assert_refused(sigb_keys_put(back, sigb_buf_bytes(&file), NULL, diag), SIGB_OK, "");
        assert_int_equal(sigb_keys_count(back), LEDGER_KEYS); /* nothing new */
        sigb_keys_free(back);
        sigb_buf_free(&file);
    }
    sigb_keys_free(all);
}

static void a_single_key(void **state)
{
    sigb_keys *one = sigb_keys_new(), *back = sigb_keys_new();
    sigb_buf set = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_keys_put(one, pki_spki(ca_key), NULL, NULL), SIGB_OK);
    assert_int_equal(keys_write(one, KEYS_COSE, &set, NULL), SIGB_OK);
    assert_ca_alone(sigb_bytes_of(set.ptr + 1, set.len - 1)); /* without the array's head */
    sigb_buf_free(&set);
    assert_int_equal(keys_write(one, KEYS_JWK, &set, NULL), SIGB_OK);
    assert_ca_alone(sigb_bytes_of(set.ptr + strlen("{\"keys\":["), set.len - strlen("{\"keys\":[]}")));
    sigb_buf_free(&set);
    sigb_keys_free(one);
    sigb_keys_free(back);
}

static void a_jwk_set_is_written_as_others_read_it(void **state)
{
    sigb_keys *one = sigb_keys_new();
    sigb_buf set = SIGB_BUF_INIT;
    const char *text;

    (void)state;
    assert_int_equal(sigb_keys_put(one, pki_spki(ca_key), NULL, NULL), SIGB_OK);
    assert_int_equal(keys_write(one, KEYS_JWK, &set, NULL), SIGB_OK);
    text = text_c_str(&set);
    assert_non_null(strstr(text, "{\"keys\":[{\"kty\":\"EC\",\"kid\":\""));
    assert_non_null(strstr(text, sigb_keys_kid(one, 0)));
    assert_non_null(strstr(text, "\"crv\":\"P-384\",\"x\":\""));
    sigb_buf_free(&set);
    sigb_keys_free(one);
}

/* ---- what is passed over ---- */

#define B32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OKP "a3 0101 2006 21 5820" B32 /* an Ed25519 key of nobody */

static void keys_of_kinds_that_are_not_known(void **state)
{
    static const char *const sets[] = {
        "82 " OKP " a2 0104 20 4131",                 /* a symmetric key */
        "82 " OKP " a2 01 6161 20 4131",              /* a type that is text */
        "82 " OKP " a3 0102 2008 21 5820" B32,        /* secp256k1 */
        "82 " OKP " a3 0102 20 6161 21 5820" B32,     /* a curve that is text */
        "82 " OKP " a3 0103 20 4103 21 43010001",     /* an RSA key of two bits */
        "81 a5 0101 2006 21 5820" B32 " 03 26 0480",  /* what it says of algorithm and use */
        "81 a4 0101 2006 21 5820" B32 " 6178 bf01ff", /* a label that is not known, but for its length */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(sets); i++) {
        sigb_keys *keys = sigb_keys_new();
        sigb_buf file = SIGB_BUF_INIT;
        sigb_rc rc;

        print_message("%s\n", sets[i]);
        rc = sigb_keys_put(keys, hex_put(&file, sets[i]), NULL, NULL);
        assert_int_equal(rc, i + 1 < COUNT(sets) ? SIGB_OK : SIGB_E_LEDGER_KEYS);
        assert_int_equal(sigb_keys_count(keys), rc == SIGB_OK);
        sigb_keys_free(keys);
        sigb_buf_free(&file);
    }
}

/* ---- what is refused ---- */

#define PRIVATE "PRIVATE KEY" /* apart from its marks: no key lies in the tree */
#define X32     "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static const struct {
    const char *hex, *text, *words;
} REFUSED[] = {
    {"", NULL, "the file is empty"},
    {NULL, "no keys here", "neither CBOR nor JSON, PEM or DER"},
    {NULL, "[1]", "neither CBOR nor JSON"},
    {"00", NULL, "neither CBOR nor JSON"},
    /* COSE */
    {"80", NULL, "no key in it that can be used"},
    {"a0", NULL, "has no type"},
    {"81 01", NULL, "something else than keys"},
    {"81 " OKP " 00", NULL, "not a COSE_Key set: 1 bytes behind the end"},
    {"81 a3 0101 2006", NULL, "not a COSE_Key set"},
    {"9f " OKP " ff", NULL, "not a COSE_Key set"},
    {"81 a4 0101 0101 2006 21 5820" B32, NULL, "has a key twice"},
    {"81 a2 2006 21 5820" B32, NULL, "has no type"},
    {"81 a4 0101 02 6161 2006 21 5820" B32, NULL, "a kid that is no byte string"},
    {"81 a2 0101 21 5820" B32, NULL, "has no curve"},
    {"81 a2 0101 2006", NULL, "lacks a coordinate"},
    {"81 a3 0101 2006 21 6161", NULL, "lacks a coordinate"},
    {"81 a3 0101 2006 21 581f" B32, NULL, "not a COSE_Key set"},
    {"81 a3 0101 2006 21 4100", NULL, "a key of the ledger is malformed: 1 bytes are no ED25519 key"},
    {"81 a3 0102 2001 21 5820" B32, NULL, "lacks a coordinate"},
    {"81 a4 0102 2001 21 5820" B32 "22 f5", NULL, "a compressed point, which is not read"},
    {"81 a4 0102 2001 21 5820" B32 "22 5820" B32, NULL, "malformed: a point that is not on its curve"},
    {"81 a4 0102 2002 21 5820" B32 "22 5820" B32, NULL, "a point of 32 and 32 bytes, where 48 each"},
    {"81 a4 0101 2006 21 5820" B32 "23 5820" B32, NULL, "there is a private key in it"},
    {"81 a5 0102 2001 21 5820" B32 "22 5820" B32 "23 5820" B32, NULL, "there is a private key in it"},
    {"81 a4 0103 20 4103 21 4103 22 4103", NULL, "there is a private key in it"},
    {"81 a2 0103 20 4103", NULL, "lacks its modulus or its exponent"},
    {"81 a3 0103 20 4100 21 4103", NULL, "are no RSA key"},
    /* DER */
    {"3003020101", NULL, "are not one DER certificate"},
    {"3000 00", NULL, "are not one DER certificate"},
    /* JSON */
    {NULL, "{", "not JSON"},
    {NULL, "{}", "neither a JWK set nor the parameters"},
    {NULL, "{\"keys\":[],\"keys\":[]}", "not JSON: duplicate object key"},
    {NULL, "{\"keys\":[]} x", "not JSON"},
    {NULL, "{\"keys\":{}}", "not an array"},
    {NULL, "{\"keys\":[1]}", "something else than keys"},
    {NULL, "{\"keys\":[]}", "no key in it that can be used"},
    {NULL, "{\"keys\":[{}]}", "a JWK has no type"},
    {NULL, "{\"keys\":[{\"kty\":7}]}", "a JWK has no type"},
    {NULL, "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "there is a private key in it"},
    {NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X32 "\",\"d\":\"" X32 "\"}",
     "a private key in it"},
    {NULL, "{\"kty\":\"OKP\"}", "a JWK has no curve"},
    {NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "lacks a number of its key"},
    {NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"+/==\"}", "it is not base64url"},
    {NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "3 bytes are no ED25519 key"},
    {NULL, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\"}", "lacks a number of its key"},
    {NULL, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", "not on its curve"},
    {NULL, "{\"kty\":\"EC\",\"crv\":\"P-257\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}",
     "no key in it that can be used"},
    {NULL, "{\"kty\":\"new\"}", "no key in it that can be used"},
    {NULL, "{\"parameters\":[{}]}", "without serviceCertificate"},
    {NULL, "{\"parameters\":[{\"serviceCertificate\":\"\"}]}", "is not base64"},
    {NULL, "{\"parameters\":[{\"serviceCertificate\":\"AAA\"}]}", "is not base64"},
    {NULL, "{\"parameters\":[{\"serviceCertificate\":\"AA_A\"}]}", "is not base64"},
    {NULL, "{\"parameters\":[{\"serviceCertificate\":\"AAAA\"}]}", "not one DER certificate"},
    /* PEM */
    {NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not one DER certificate"},
    {NULL, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "a PEM block cannot be read"},
    {NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n", "a PEM block cannot be read"},
    {NULL, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key cannot be read"},
    {NULL, "-----BEGIN " PRIVATE "-----\nAAAA\n-----END " PRIVATE "-----\n", "there is a private key in it"},
    {NULL, "-----BEGIN EC " PRIVATE "-----\nAAAA\n-----END EC " PRIVATE "-----\n", "a private key in it"},
    {NULL, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no key in it that can be used"},
};

static void files_that_are_refused(void **state)
{

    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        sigb_keys *keys = sigb_keys_new();
        sigb_buf file = SIGB_BUF_INIT;

        print_message("%s\n", REFUSED[i].text == NULL ? REFUSED[i].hex : REFUSED[i].text);
        if (REFUSED[i].text != NULL)
            text_put(&file, REFUSED[i].text);
        else
            (void)hex_put(&file, REFUSED[i].hex);
        assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), NULL, diag), SIGB_E_LEDGER_KEYS,
                       REFUSED[i].words);
        assert_int_equal(sigb_keys_count(keys), 0);
        sigb_keys_free(keys);
        sigb_buf_free(&file);
    }
}

/* A file with one bad key adds none of the good ones before it. */
static void all_or_none(void **state)
{
    sigb_keys *keys = all_keys();
    sigb_buf file = SIGB_BUF_INIT;

    (void)state;
    (void)hex_put(&file, "82 " OKP " a3 0101 2006 21 4100");
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), NULL, diag), SIGB_E_LEDGER_KEYS, "malformed");
    assert_int_equal(sigb_keys_count(keys), LEDGER_KEYS);
    sigb_keys_free(keys);
    sigb_buf_free(&file);
}

static void limits_and_arguments(void **state)
{
    static const char *const issuers[] = {"", "two words", "tab\there", "\xc3\xa4.example"};
    sigb_keys *keys = sigb_keys_new();
    sigb_buf file = SIGB_BUF_INIT;
    char long_name[SIGB_MAX_ISSUER + 2];
    static uint8_t huge[SIGB_MAX_KEY_FILE + 1];

    (void)state;
    put_array(&file, SIGB_MAX_KEYS + 1);
    for (size_t i = 0; i <= SIGB_MAX_KEYS; i++) {
        uint8_t raw[32] = {(uint8_t)i, (uint8_t)(i >> 8), 7};

        (void)hex_put(&file, "a3 0101 2006 21");
        put_bstr(&file, sigb_bytes_of(raw, 32));
    }
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), NULL, diag), SIGB_E_LIMIT,
                   "more than 256 keys");
    assert_int_equal(sigb_keys_count(keys), 0);
    assert_refused(sigb_keys_put(NULL, sigb_buf_bytes(&file), NULL, diag), SIGB_E_USAGE,
                   "no place for the keys");
    assert_refused(sigb_keys_put(keys, sigb_bytes_of(huge, sizeof(huge)), NULL, diag), SIGB_E_LIMIT,
                   "1048577 bytes: at most 1048576");
    for (size_t i = 0; i < COUNT(issuers); i++)
        assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), issuers[i], diag), SIGB_E_USAGE,
                       "a ledger's name is a host");
    memset(long_name, 'a', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), long_name, diag), SIGB_E_USAGE, "is a host");
    sigb_keys_free(keys);
    sigb_keys_free(NULL);
    sigb_buf_free(&file);
}

/* ---- names ---- */

static sigb_rc find(const sigb_keys *keys, const char *issuer, sigb_bytes kid, sigb_diag *diag)
{
    const service_key *found = NULL;

    return keys_find(keys, sigb_bytes_text(issuer), kid, &found, diag);
}

/* What a file calls a key counts where the file is known to be the ledger's, and nowhere else. */
static void names_that_are_no_hash(void **state)
{
    sigb_keys *keys = sigb_keys_new();
    sigb_buf file = SIGB_BUF_INIT;
    const sigb_bytes name = sigb_bytes_text("test-key-1");

    (void)state;
    (void)hex_put(&file, "81 a4 0101 02 4a746573742d6b65792d31 2006 21 5820" B32);
    assert_int_equal(sigb_keys_put(keys, sigb_buf_bytes(&file), NULL, NULL), SIGB_OK);
    assert_refused(find(keys, "a.example", name, diag), SIGB_E_RECEIPT_LEDGER, "of the ledger 'a.example'");
    assert_int_equal(sigb_keys_put(keys, sigb_buf_bytes(&file), "a.example", NULL), SIGB_OK);
    assert_int_equal(sigb_keys_count(keys), 2);
    assert_int_equal(find(keys, "a.example", name, NULL), SIGB_OK);
    assert_int_equal(find(keys, "A.EXAMPLE", name, NULL), SIGB_OK);
    assert_refused(find(keys, "a.example:443", name, diag), SIGB_E_RECEIPT_LEDGER, "a.example:443");
    assert_refused(find(keys, "", name, diag), SIGB_E_RECEIPT_LEDGER, "of the ledger ''");
    sigb_keys_free(keys);
    sigb_buf_free(&file);
}

static void a_hash_names_a_key_in_two_forms(void **state)
{
    sigb_keys *keys = sigb_keys_new();
    sigb_buf file = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_keys_put(keys, hex_put(&file, "81 " OKP), NULL, NULL), SIGB_OK);
    assert_int_equal(find(keys, "x", sigb_bytes_text(sigb_keys_kid(keys, 0)), NULL), SIGB_OK);
    sigb_buf_free(&file);
    assert_int_equal(find(keys, "x", hex_put(&file, sigb_keys_kid(keys, 0)), NULL), SIGB_OK);
    file.ptr[0] ^= 1;
    assert_int_equal(find(keys, "x", sigb_buf_bytes(&file), NULL), SIGB_E_RECEIPT_LEDGER);
    assert_refused(find(keys, "x", SIGB_BYTES_NONE, diag), SIGB_E_RECEIPT_KEY, "names no key");
    sigb_keys_free(keys);
    sigb_buf_free(&file);
}

static void two_keys_of_one_name(void **state)
{
    sigb_keys *keys = sigb_keys_new();
    sigb_buf file = SIGB_BUF_INIT;

    (void)state;
    (void)hex_put(&file, "82 a4 0101 02 4161 2006 21 5820" B32 "a4 0101 02 4161 2006 21 5820" B32);
    file.ptr[file.len - 1] ^= 1;
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), "a.example", diag), SIGB_E_LEDGER_KEYS,
                   "two keys of one issuer have the same kid");
    assert_int_equal(sigb_keys_count(keys), 0);
    assert_int_equal(sigb_keys_put(keys, sigb_buf_bytes(&file), NULL, NULL),
                     SIGB_OK); /* there, names do not count */
    assert_int_equal(sigb_keys_count(keys), 2);
    sigb_keys_free(keys);
    sigb_buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_and_public_keys),
        cmocka_unit_test(parameters_of_older_services),
        cmocka_unit_test(the_parameters_of_the_corpus),
        cmocka_unit_test(sets_of_every_kind_of_key),
        cmocka_unit_test(a_single_key),
        cmocka_unit_test(a_jwk_set_is_written_as_others_read_it),
        cmocka_unit_test(keys_of_kinds_that_are_not_known),
        cmocka_unit_test(files_that_are_refused),
        cmocka_unit_test(all_or_none),
        cmocka_unit_test(limits_and_arguments),
        cmocka_unit_test(names_that_are_no_hash),
        cmocka_unit_test(a_hash_names_a_key_in_two_forms),
        cmocka_unit_test(two_keys_of_one_name),
    };

    return cmocka_run_group_tests(tests, open_token, close_token);
}
