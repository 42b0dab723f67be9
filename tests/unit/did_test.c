/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/base64.h"
#include "issuer/did.h"
#include "tests/support/corpus.h"

#define FP256 "I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s"
#define FP384 "xZeG3w_612bVx_YcHnqOGd-3clmV67SYk1SD5ewQqcgypPi9Iz5pyHrCG9ptNTCC"
#define FP512 FP384 "I__iuL25oXEVFdTP_aBLxA"
#define PIN   "did:x509:0:sha256:" FP256

static void what_is_read_is_written_again(void **state)
{
    static const char *const rows[] = {
        PIN "::eku:1.3.6.1.4.1.311.76.59.1.2",
        PIN "::eku:1.2.3::eku:1.2.4",
        PIN "::subject:C:US:ST:California:O:Example%20Organisation",
        PIN "::subject:1.2.840.113549.1.9.1:test%40example.com",
        PIN "::san:uri:https%3A%2F%2Fexample.com%2fpath",
        PIN "::san:dns:a.example::san:email:b%40c",
        PIN "::fulcio-issuer:accounts.google.com",
        PIN "::subject:CN:%7Etilde%00nul%ff",
        "did:x509:0:sha384:" FP384 "::eku:2.25.1",
        "did:x509:0:sha512:" FP512 "::eku:0.39",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf text = SIGB_BUF_INIT;
        did *parsed = NULL;

        print_message("%s\n", rows[i]);
        assert_int_equal(did_parse(sigb_bytes_text(rows[i]), &parsed, NULL), SIGB_OK);
        assert_int_equal(did_format(parsed, &text, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&text), sigb_bytes_text(rows[i])));
        assert_int_equal(did_has_eku(parsed), strstr(rows[i], "::eku:") != NULL);
        sigb_buf_free(&text);
        did_free(parsed);
    }
}

static void other_methods_are_told_from_bad_spelling(void **state)
{
    static const char *const rows[] = {"",          "did:web:example.com", "did:attestedsvc:msft-css-dev::x",
                                       "https://x", "DID:x509:0:",         "did:x509"};
    did *parsed = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(did_parse(sigb_bytes_text(rows[i]), &parsed, diag), SIGB_E_ISSUER_METHOD,
                       "not a did:x509");
    assert_null(parsed);
}

static void every_other_spelling_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"did:x509:", "version"},
        {"did:x509:00:sha256:" FP256 "::eku:1.2", "version"},
        {"did:x509:1:sha256:" FP256 "::eku:1.2", "version"},
        {"did:x509:0:sha1:HFAx6WegyY98jzMqLUpTdIdtnvk::eku:1.2", "hash"},
        {"did:x509:0:SHA256:" FP256 "::eku:1.2", "hash"},
        {"did:x509:0:sha256sha256sha256:" FP256 "::eku:1.2", "hash"},
        {"did:x509:0:sha256:" FP256 "=::eku:1.2", "base64url"},
        {"did:x509:0:sha256:I//iuL25oXEVFdTP+aBLx/eT1RPHbCQ/ECBQfYZpt9s::eku:1.2", "base64url"},
        {"did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9t::eku:1.2", "base64url"},
        {"did:x509:0:sha256:" FP384 "::eku:1.2", "48 bytes where sha256 has 32"},
        {"did:x509:0:sha256:::eku:1.2", "0 bytes"},
        {"did:x509:0:sha384:" FP256 "::eku:1.2", "32 bytes where sha384 has 48"},
        {PIN, "no predicate"},
        {PIN ":eku:1.2", "base64url"},
        {PIN ":x::eku:1.2", "base64url"},
        {PIN "::", "none of subject"},
        {PIN "::eku:1.2::", "none of subject"},
        {PIN "::eku:1.2:::", "none of subject"},
        {PIN "::eku", "empty"},
        {PIN "::eku:", "empty"},
        {PIN "::EKU:1.2", "none of subject"},
        {PIN "::issuer:x", "none of subject"},
        {PIN "::eku:1", "dotted OID"},
        {PIN "::eku:1.2.", "dotted OID"},
        {PIN "::eku:01.2", "dotted OID"},
        {PIN "::eku:1.02", "dotted OID"},
        {PIN "::eku:1.40", "dotted OID"},
        {PIN "::eku:3.1", "dotted OID"},
        {PIN "::eku:1%2E2", "dotted OID"},
        {PIN "::eku:codeSigning", "dotted OID"},
        {PIN "::eku:1.2:1.3", "dotted OID"},
        {PIN "::subject:CN", "pairs"},
        {PIN "::subject:CN:a:O", "pairs"},
        {PIN "::subject:CN:", "empty"},
        {PIN "::subject:CN::O:a", "pairs"},
        {PIN "::subject:CN:a:CN:b", "twice"},
        {PIN "::subject:O:x:CN:a:L:y:CN:a", "twice"},
        {PIN "::subject:DC:a", "subject key"},
        {PIN "::subject:cn:a", "subject key"},
        {PIN "::san:dns", "one type and one value"},
        {PIN "::san:dns:a:b", "one type and one value"},
        {PIN "::san:dn:a", "email, dns or uri"},
        {PIN "::san:ip:a", "email, dns or uri"},
        {PIN "::fulcio-issuer:a:b", "one value"},
        {PIN "::subject:CN:a b", "byte 0x20"},
        {PIN "::subject:CN:a~b", "%7E"},
        {PIN "::subject:CN:a+b", "byte 0x2b"},
        {PIN "::subject:CN:\xc3\xa9", "byte 0xc3"},
        {PIN "::subject:CN:a%2", "hexadecimal"},
        {PIN "::subject:CN:a%", "hexadecimal"},
        {PIN "::subject:CN:a%zz", "hexadecimal"},
        {PIN "::subject:CN:a%%20", "hexadecimal"},
        {PIN "::subject:CN:a/b", "path"},
        {PIN "::subject:CN:a?b", "query"},
        {PIN "::subject:CN:a#b", "fragment"},
    };
    did *parsed = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].text);
        assert_refused(did_parse(sigb_bytes_text(rows[i].text), &parsed, diag), SIGB_E_DID, rows[i].says);
    }
    assert_refused(
        did_parse(sigb_bytes_of(PIN "::subject:CN:a\0b", sizeof(PIN "::subject:CN:a\0b") - 1), &parsed, diag),
        SIGB_E_DID, "byte 0x00");
    assert_null(parsed);
}

static void a_did_longer_than_the_limit_is_refused(void **state)
{
    static char text[SIGB_MAX_DID + 2];
    did *parsed = NULL;

    (void)state;
    memset(text, 'a', SIGB_MAX_DID + 1);
    assert_refused(did_parse(sigb_bytes_text(text), &parsed, diag), SIGB_E_LIMIT, "at most 8192");
}

static void values_are_encoded_byte_by_byte(void **state)
{
    static const char all[] = "Az09-._~ /:%\x7f\xc3\xa9";
    sigb_buf text = SIGB_BUF_INIT, back = SIGB_BUF_INIT;

    (void)state;
    did_put_value(&text, sigb_bytes_of(all, sizeof(all))); /* the terminator too */
    assert_true(
        sigb_bytes_equal(sigb_buf_bytes(&text), sigb_bytes_text("Az09-._%7E%20%2F%3A%25%7F%C3%A9%00")));
    did_put_decoded(&back, sigb_buf_bytes(&text));
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&back), sigb_bytes_of(all, sizeof(all))));
    sigb_buf_free(&text);
    sigb_buf_free(&back);
}

/* ---- the published vectors ---- */

static void put_chain(sigb_buf *chain, const json_t *certs)
{
    const json_t *one;
    size_t i;

    json_array_foreach(certs, i, one)
        assert_true(base64url_decode(chain, sigb_bytes_text(json_string_value(one))));
}

static void the_published_vectors_agree(void **state)
{
    sigb_buf file = SIGB_BUF_INIT;
    const json_t *row;
    json_t *rows;
    size_t i;

    (void)state;
    if (!corpus_is_here())
        return;
    (void)corpus_read(&file, "did-x509/vectors.json");
    rows = json_loadb((const char *)file.ptr, file.len, 0, NULL);
    assert_true(json_array_size(rows) >= 29);
    json_array_foreach(rows, i, row)
    {
        const json_t *input = json_object_get(row, "input"), *output = json_object_get(row, "output");
        const char *wanted = json_string_value(json_object_get(output, "error"));
        sigb_buf chain = SIGB_BUF_INIT;
        sigb_diag diag = {{0}, 0};
        sigb_rc rc;

        put_chain(&chain, json_object_get(input, "chain"));
        rc = sigb_did_resolve(json_string_value(json_object_get(input, "did")), sigb_buf_bytes(&chain),
                              SIGB_TIME_UNCHECKED, &diag);
        print_message("%s: %s %s\n    wanted: %s\n", json_string_value(json_object_get(row, "id")),
                      sigb_rc_name(rc), diag.text, wanted == NULL ? "resolves" : wanted);
        assert_int_equal(rc == SIGB_OK, wanted == NULL);
        assert_int_not_equal(sigb_rc_exit(rc), sigb_rc_exit(SIGB_E_MEMORY));
        sigb_buf_free(&chain);
    }
    json_decref(rows);
    sigb_buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(other_methods_are_told_from_bad_spelling),
        cmocka_unit_test(every_other_spelling_is_refused),
        cmocka_unit_test(a_did_longer_than_the_limit_is_refused),
        cmocka_unit_test(values_are_encoded_byte_by_byte),
        cmocka_unit_test(the_published_vectors_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
