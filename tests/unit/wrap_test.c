/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "pkcs11/wrap.h"
#include "tests/support/hex.h"

#define URI "pkcs11:token=t;object=k;type=private"
#define HEAD                                                                                                 \
    "1a19"                                                                                                   \
    "504b4353233131 20 50726f7669646572 20 555249 20 76312e30" /* the description */

/* As Python's asn1crypto writes it, which is what uri2pem.py of pkcs11-provider uses. */
static const char PEM[] = "-----BEGIN PKCS#11 PROVIDER URI-----\n"
                          "MEEaGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAMJHBrY3MxMTp0b2tlbj10O29i\n"
                          "amVjdD1rO3R5cGU9cHJpdmF0ZQ==\n"
                          "-----END PKCS#11 PROVIDER URI-----\n";

static sigb_rc read_hex(const char *text, sigb_diag *diag)
{
    sigb_buf der = SIGB_BUF_INIT;
    char *uri = NULL;
    sigb_rc rc;

    hex_put(&der, text);
    rc = wrap_read(sigb_buf_bytes(&der), &uri, diag);
    assert_true((rc == SIGB_OK) == (uri != NULL));
    OPENSSL_free(uri);
    sigb_buf_free(&der);
    return rc;
}

static sigb_rc write_uri(const char *uri, sigb_diag *diag)
{
    sigb_buf pem = SIGB_BUF_INIT;
    sigb_rc rc = wrap_write(uri, NULL, &pem, diag);

    assert_true((rc == SIGB_OK) == (pem.len > 0));
    sigb_buf_free(&pem);
    return rc;
}

/* The DER of a PEM text; the caller frees it. */
static void unarmour(sigb_bytes pem, sigb_buf *der)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;

    assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &len), 1);
    assert_string_equal(name, WRAP_PEM_NAME);
    assert_string_equal(header, "");
    sigb_buf_append(der, sigb_bytes_of(data, (size_t)len));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
}

static void the_file_is_the_one_others_write(void **state)
{
    sigb_buf pem = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(wrap_write(URI, NULL, &pem, NULL), SIGB_OK);
    assert_string_equal(text_c_str(&pem), PEM);
    sigb_buf_free(&pem);
}

static void what_is_appended_follows_what_is_there(void **state)
{
    sigb_buf pem = SIGB_BUF_INIT;

    (void)state;
    text_put(&pem, "before\n");
    assert_int_equal(wrap_write(URI, NULL, &pem, NULL), SIGB_OK);
    assert_memory_equal(pem.ptr, "before\n-----BEGIN", 17);
    assert_int_equal(pem.len, 7 + strlen(PEM));
    sigb_buf_free(&pem);
}

/* Lengths on both sides of each form of a DER length, for the URI and for what is around it. */
static void every_length_reads_back(void **state)
{
    static const size_t lengths[] = {7,   60,  95,  96,  97,  100, 127, 128,  129,
                                     224, 225, 226, 227, 255, 256, 257, 4000, SIGB_MAX_URI};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        sigb_buf uri = SIGB_BUF_INIT, pem = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
        char *back = NULL;

        text_put(&uri, lengths[i] > 15 ? "pkcs11:object=" : "pkcs11:");
        while (uri.len < lengths[i])
            text_put(&uri, "x");
        assert_int_equal(wrap_write(text_c_str(&uri), NULL, &pem, NULL), SIGB_OK);
        unarmour(sigb_buf_bytes(&pem), &der);
        assert_true(wrap_begins(sigb_bytes_of(der.ptr, WRAP_HEAD)));
        assert_int_equal(wrap_read(sigb_buf_bytes(&der), &back, NULL), SIGB_OK);
        assert_string_equal(back, text_c_str(&uri));
        OPENSSL_free(back);
        sigb_buf_free(&uri);
        sigb_buf_free(&pem);
        sigb_buf_free(&der);
    }
}

static void no_secret_and_nothing_but_a_private_key_is_written(void **state)
{
    (void)state;
    assert_refused(write_uri("pkcs11:object=k?pin-value=1234", diag), SIGB_E_URI, "pin-source=file:/PATH");
    assert_refused(write_uri("pkcs11:object=k;type=cert", diag), SIGB_E_URI, "another kind of object");
    assert_refused(write_uri("pkcs11:object=k;type=public", diag), SIGB_E_URI, "type=private");
    assert_refused(write_uri("file:/etc/key.pem", diag), SIGB_E_URI, "pkcs11:");
    assert_refused(write_uri("pkcs11:object=a b", diag), SIGB_E_URI, "position 16");
    assert_refused(write_uri("pkcs11:object=k?pin-source=|cat /run/pin", diag), SIGB_E_URI,
                   "cannot stand there");
    assert_int_equal(write_uri("pkcs11:object=k?pin-source=file:/run/pin", NULL), SIGB_OK);
}

static void the_public_call_is_the_same(void **state)
{
    sigb_buf pem = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_provider_wrap(URI, NULL, &pem, NULL), SIGB_OK);
    assert_string_equal(text_c_str(&pem), PEM);
    assert_refused(sigb_provider_wrap(NULL, NULL, &pem, diag), SIGB_E_USAGE, "no URI to wrap");
    assert_refused(sigb_provider_wrap(URI, NULL, NULL, diag), SIGB_E_USAGE, "no buffer");
    sigb_buf_free(&pem);
}

/* What others find with the file must be the private key, whatever else has its label. */
static void a_key_is_wrapped_as_a_private_one(void **state)
{
    static const struct {
        const char *uri, *wrapped;
    } rows[] = {
        {"pkcs11:token=t;object=k", "pkcs11:token=t;object=k;type=private"},
        {"pkcs11:object=k?pin-source=file:/run/pin", "pkcs11:object=k;type=private?pin-source=file:/run/pin"},
        {"pkcs11:object=a:", "pkcs11:object=a:;type=private"},
        {"pkcs11:", "pkcs11:type=private"},
        {"pkcs11:type=private;object=k", "pkcs11:type=private;object=k"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf pem = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
        char *back = NULL;

        assert_int_equal(sigb_provider_wrap(rows[i].uri, NULL, &pem, NULL), SIGB_OK);
        unarmour(sigb_buf_bytes(&pem), &der);
        assert_int_equal(wrap_read(sigb_buf_bytes(&der), &back, NULL), SIGB_OK);
        assert_string_equal(back, rows[i].wrapped);
        OPENSSL_free(back);
        sigb_buf_free(&pem);
        sigb_buf_free(&der);
    }
}

/* What other keys look like at the head, and heads that are cut off. */
static void the_head_tells_a_wrap_from_a_key(void **state)
{
    static const char *const others[] = {
        "", /* nothing */
        "30",
        "301e",
        "30821020",       /* cut off behind the length */
        "302e02010030",   /* PKCS#8, Ed25519 */
        "308187020100",   /* PKCS#8, P-256 */
        "308206fd0201",   /* PKCS#8, RSA-3072 */
        "307702010104",   /* a private key of RFC 5915 */
        "30820122300d",   /* SubjectPublicKeyInfo */
        "3084000000011a", /* a length of four bytes */
        "30801a19504b",   /* of none */
        "311e1a19504b",   /* another tag */
        "301e0c19504b"    /* another string */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        sigb_buf der = SIGB_BUF_INIT;
        unsigned char *exact;

        hex_put(&der, others[i]);
        exact = malloc(der.len); /* so that a step too far is seen */
        if (der.len > 0)
            memcpy(exact, der.ptr, der.len);
        assert_false(wrap_begins(sigb_bytes_of(exact, der.len)));
        free(exact);
        sigb_buf_free(&der);
    }
}

static void other_structures_are_refused(void **state)
{
    /* clang-format off */
    static const struct { const char *name, *der; sigb_rc rc; const char *says; } rows[] = {
        {"nothing",              "",                                     SIGB_E_URI, "not one DER SEQUENCE"},
        {"tag alone",            "30",                                   SIGB_E_URI, "not one DER SEQUENCE"},
        {"empty",                "3000",                                 SIGB_E_URI, "does not begin with"},
        {"another tag",          "3100",                                 SIGB_E_URI, "not one DER SEQUENCE"},
        {"indefinite",           "3080" HEAD "0c01780000",               SIGB_E_URI, "not one DER SEQUENCE"},
        {"length cut off",       "3082",                                 SIGB_E_URI, "not one DER SEQUENCE"},
        {"length of 4 bytes",    "308400000001" "00",                    SIGB_E_URI, "not one DER SEQUENCE"},
        {"length of 127 bytes",  "30ff00",                               SIGB_E_URI, "not one DER SEQUENCE"},
        {"length not shortest",  "30811e" HEAD "0c0178",                 SIGB_E_URI, "not one DER SEQUENCE"},
        {"length 2 not shortest", "3082001e" HEAD "0c0178",              SIGB_E_URI, "not one DER SEQUENCE"},
        {"longer than there is", "301f" HEAD "0c0178",                   SIGB_E_URI, "not one DER SEQUENCE"},
        {"bytes behind",         "301e" HEAD "0c017800",                 SIGB_E_URI, "bytes follow"},
        {"third member",         "3020" HEAD "0c01780500",               SIGB_E_URI, "not one UTF8String"},
        {"no URI",               "301b" HEAD,                            SIGB_E_URI, "not one UTF8String"},
        {"URI of another type",  "301e" HEAD "160178",                   SIGB_E_URI, "not one UTF8String"},
        {"URI cut off",          "301e" HEAD "0c0278",                   SIGB_E_URI, "not one UTF8String"},
        {"URI empty",            "301d" HEAD "0c00",                     SIGB_E_URI, "is empty"},
        {"URI with NUL",         "3020" HEAD "0c03610062",               SIGB_E_URI, "holds NUL"},
        {"another version",      "301e" "1a19 504b4353233131 20 50726f7669646572 20 555249 20 76322e30" "0c0178",
                                                                         SIGB_E_URI, "does not begin with"},
        {"description UTF8",     "301e" "0c19 504b4353233131 20 50726f7669646572 20 555249 20 76312e30" "0c0178",
                                                                         SIGB_E_URI, "does not begin with"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_refused(read_hex(rows[i].der, diag), rows[i].rc, rows[i].says);
    }
    assert_int_equal(read_hex("301e" HEAD "0c0178", NULL), SIGB_OK);
}

static void a_uri_over_the_limit_is_refused(void **state)
{
    /* SEQUENCE of 27 + 4 + 4097 bytes, which is 4128 */
    sigb_buf der = SIGB_BUF_INIT;
    char *uri = NULL;

    (void)state;
    hex_put(&der, "30821020" HEAD "0c821001");
    while (der.len < 4 + 4128)
        text_put(&der, "x");
    assert_refused(wrap_read(sigb_buf_bytes(&der), &uri, diag), SIGB_E_LIMIT,
                   "4097 characters; at most 4096");
    assert_null(uri);
    sigb_buf_free(&der);
}

/* One byte changed, cut or added at a time: never another structure that is taken for this one. */
static void every_mutation_is_refused_or_another_uri(void **state)
{
    sigb_buf pem = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
    size_t before;

    (void)state;
    assert_int_equal(wrap_write(URI, NULL, &pem, NULL), SIGB_OK);
    unarmour(sigb_buf_bytes(&pem), &der);
    before = der.len - strlen(URI);
    for (size_t len = 0; len < der.len; len++) {
        char *uri = NULL,
             *cut = OPENSSL_memdup(der.ptr, len + 1); /* on the heap, so that a step too far is seen */
        assert_int_equal(wrap_read(sigb_bytes_of(cut, len), &uri, NULL), SIGB_E_URI);
        assert_null(uri);
        OPENSSL_free(cut);
    }
    for (size_t at = 0; at < der.len; at++)
        for (unsigned flip = 1; flip < 256; flip++) {
            char *uri = NULL;
            sigb_rc rc;

            der.ptr[at] ^= (uint8_t)flip;
            rc = wrap_read(sigb_buf_bytes(&der), &uri, NULL);
            der.ptr[at] ^= (uint8_t)flip;
            /* the URI's own bytes are another's to judge; everything before them stands for itself */
            assert_int_equal(rc, at < before || (uint8_t)URI[at - before] == flip ? SIGB_E_URI : SIGB_OK);
            assert_true(rc == SIGB_OK ? strlen(uri) == strlen(URI) : uri == NULL);
            OPENSSL_free(uri);
        }
    assert_int_equal(ERR_peek_error(), 0);
    sigb_buf_free(&pem);
    sigb_buf_free(&der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_the_one_others_write),
        cmocka_unit_test(what_is_appended_follows_what_is_there),
        cmocka_unit_test(every_length_reads_back),
        cmocka_unit_test(no_secret_and_nothing_but_a_private_key_is_written),
        cmocka_unit_test(the_public_call_is_the_same),
        cmocka_unit_test(a_key_is_wrapped_as_a_private_one),
        cmocka_unit_test(the_head_tells_a_wrap_from_a_key),
        cmocka_unit_test(other_structures_are_refused),
        cmocka_unit_test(a_uri_over_the_limit_is_refused),
        cmocka_unit_test(every_mutation_is_refused_or_another_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
