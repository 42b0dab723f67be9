/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <ctype.h>

#include "base/text.h"
#include "cose/diag.h"
#include "cose/writer.h"
#include "tests/support/corpus.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The examples of RFC 8949, appendix A, and what hostile text and size come to. */
static void notation_is_that_of_rfc_8949(void **state)
{
    static const struct {
        const char *hex, *notation;
    } rows[] = {
        {"00", "0"},
        {"1bffffffffffffffff", "18446744073709551615"},
        {"20", "-1"},
        {"3903e7", "-1000"},
        {"3bffffffffffffffff", "-18446744073709551616"},
        {"f90000", "0.0"},
        {"f98000", "-0.0"},
        {"f93c00", "1.0"},
        {"f93e00", "1.5"},
        {"f97bff", "65504.0"},
        {"f90001", "5.9604644775390625e-08"},
        {"f90400", "6.103515625e-05"},
        {"f9c400", "-4.0"},
        {"fa47c35000", "100000.0"},
        {"fb3ff199999999999a", "1.1"},
        {"fb7e37e43c8800759c", "1e+300"},
        {"f97c00", "Infinity"},
        {"f97e00", "NaN"},
        {"f9fc00", "-Infinity"},
        {"faff800000", "-Infinity"},
        {"fb7ff8000000000000", "NaN"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "null"},
        {"f7", "undefined"},
        {"f0", "simple(16)"},
        {"f8ff", "simple(255)"},
        {"c11a514b67b0", "1(1363896240)"},
        {"d74401020304", "23(h'01020304')"},
        {"40", "h''"},
        {"60", "\"\""},
        {"62225c", "\"\\\"\\\\\""},
        {"62c3bc", "\"\xc3\xbc\""},
        {"83010203", "[1, 2, 3]"},
        {"8301820203820405", "[1, [2, 3], [4, 5]]"},
        {"a0", "{}"},
        {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"},
        {"5f42010243030405ff", "(_ h'0102', h'030405')"},
        {"7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")"},
        {"9fff", "[_ ]"},
        {"9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]"},
        {"bf61610161629f0203ffff", "{_ \"a\": 1, \"b\": [_ 2, 3]}"},
        {"83018202039f0405ff", "[1, [2, 3], [_ 4, 5]]"},
        {"651b5b324a07", "\"\\x1b[2J\\x07\""},
        {"63e280ae", "\"\\u{202e}\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf room = SIGB_BUF_INIT, out = SIGB_BUF_INIT;
        print_message("%s\n", rows[i].hex);
        diag_put(&out, hex_put(&room, rows[i].hex));
        assert_string_equal(text_c_str(&out), rows[i].notation);
        sigb_buf_free(&room);
        sigb_buf_free(&out);
    }
}

static void assert_cut(const sigb_buf *encoded, const char *words, size_t most)
{
    sigb_buf out = SIGB_BUF_INIT;

    diag_put(&out, sigb_buf_bytes(encoded));
    assert_true(out.len <= most);
    assert_non_null(strstr(text_c_str(&out), words));
    sigb_buf_free(&out);
}

static void large_items_are_cut(void **state)
{
    static uint8_t bytes[100000];
    sigb_buf encoded = SIGB_BUF_INIT;

    (void)state;
    put_bstr(&encoded, sigb_bytes_of(bytes, sizeof(bytes)));
    assert_cut(&encoded, "'... (100000 bytes)", 600);
    encoded.len = 0;
    memset(bytes, 'a', sizeof(bytes) - 1);
    put_tstr(&encoded, (const char *)bytes);
    assert_cut(&encoded, "\"... (99999 bytes)", SIGB_MAX_SUBJECT + 100);
    encoded.len = 0;
    put_array(&encoded, sizeof(bytes));
    sigb_buf_append(&encoded, sigb_bytes_of(memset(bytes, 0, sizeof(bytes)), sizeof(bytes)));
    assert_cut(&encoded, " ...] (100005 bytes of CBOR)", 17000);
    sigb_buf_free(&encoded);
}

/* ---- statements ---- */

static const char *dump_of(sigb_bytes bytes, sigb_buf *out)
{
    sigb_statement *statement = NULL;

    assert_refused(sigb_statement_parse(bytes, &statement, diag), SIGB_OK, "");
    assert_refused(sigb_statement_dump(statement, out, diag), SIGB_OK, "");
    sigb_statement_free(statement);
    return text_c_str(out);
}

static void assert_dump(const char *statement, const char *const *lines, size_t count)
{
    sigb_buf room = SIGB_BUF_INIT, out = SIGB_BUF_INIT;
    const char *text = dump_of(hex_put(&room, statement), &out);

    for (size_t i = 0; i < count; i++) {
        if (strstr(text, lines[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", lines[i], text);
    }
    assert_null(strstr(text, "verif"));
    sigb_buf_free(&room);
    sigb_buf_free(&out);
}

static void every_header_has_a_line(void **state)
{
    static const char *const lines[] = {
        "COSE_Sign1, 91 bytes, not checked:\n",
        "\n  protected header, 65 bytes:\n",
        "\n    alg (1): ES256 (-7)\n",
        "\n    content type (3): \"a/b\"\n",
        "\n    CWT claims (15):\n",
        "\n      iss (1): \"d:x\"\n",
        "\n      sub (2): \"\\x1b[2J\"\n",
        "\n      iat (6): 1(1000) (1970-01-01T00:16:40Z)\n",
        "\n      svn (\"svn\"): 7\n",
        "\n      \"more\": [1, {2: 3}]\n",
        "\n    x5chain (33): 1 certificate, leaf first\n      unreadable certificate of 3 bytes\n",
        "\n    x5t (34): unknown (\"x\") h'01'\n",
        "\n    1024: [_ ]\n",
        "\n    \"k\\u{202e}\": null\n",
        "\n  unprotected header, 17 bytes:\n",
        "\n    receipts (394): 2\n",
        "\n      receipt 1:\n        COSE_Sign1, 6 bytes, not checked:\n",
        "\n          protected header, 0 bytes:\n",
        "\n          payload: detached\n          signature, 0 bytes: h''\n",
        "\n      receipt 2: not a COSE_Sign1 (a number where tag 18 (COSE_Sign1) must stand first; ",
        "COSE_Sign1 itself, as its maker wrote it, tag included): h'00'\n",
        "\n  payload, 2 bytes: h'0102'\n",
        "\n  signature, 1 bytes: h'ff'\n",
    };

    (void)state;
    assert_dump(
        "d284 5841 a7 0126 0363612f62 0f a5 0163643a78 02641b5b324a 06c11903e8 6373766e07 646d6f7265 82"
        "01a10203 1821 43300101 1822 82 6178 4101 190400 9fff 64 6be280ae f6"
        "a2 19018a 82 46d28440a0f640 4100 044101 420102 41ff",
        lines, COUNT(lines));
}

static void hostile_receipts_are_bounded(void **state)
{
    sigb_buf bytes = SIGB_BUF_INIT, out = SIGB_BUF_INIT;
    static const uint8_t zeros[100000];
    const char *text;

    (void)state;
    hex_put(&bytes, "d2 84 40 a1 19018a");
    put_array(&bytes, sizeof(zeros));
    sigb_buf_append(&bytes, sigb_bytes_of(zeros, sizeof(zeros)));
    text = dump_of(hex_put(&bytes, "f6 40"), &out);
    assert_non_null(strstr(text, "receipts (394): 100000\n"));
    assert_non_null(strstr(text, "... and 99984 more\n"));
    assert_true(out.len < 10000);
    sigb_buf_free(&bytes);
    sigb_buf_free(&out);
}

/* A receipt that holds receipts: the inner ones are shown, not entered. */
static void receipts_are_entered_once(void **state)
{
    static const char *const lines[] = {"\n        COSE_Sign1, 17 bytes",
                                        "\n            receipts (394): [h'd28440a0f640']\n"};

    (void)state;
    assert_dump("d28440 a1 19018a 81 51 d28440 a1 19018a 81 46d28440a0f640 f6 40 f6 40", lines, COUNT(lines));
}

static void usage(void **state)
{
    sigb_buf out = SIGB_BUF_INIT;

    (void)state;
    assert_refused(sigb_statement_dump(NULL, &out, diag), SIGB_E_USAGE, "a dump needs a statement");
}

static void assert_printable(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        assert_true(*at == '\n' || *at >= 0x80 || isprint(*at));
    assert_true(sigb_text_is_utf8(sigb_bytes_text(text)));
}

static void statements_of_others_are_shown(void **state)
{
    static const struct {
        const char *name, *lines[6];
    } rows[] = {
        {"mst/uvm-transparent.cose",
         {"alg (1): PS384 (-38)\n",
          "iss (1): "
          "\"did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2\"",
          "svn (\"svn\"): 104\n", "payload hash (258): sha384 (-43)\n",
          "receipts (394): 1\n      receipt 1:\n", "iss (1): \"esrp-cts-db.confidential-ledger.azure.com\""}},
        {"mst/cosesigntool-readme.cose",
         {"alg (1): ES256 (-7)\n", "sub (2): \"unknown.intent\"\n",
          "x5chain (33): 2 certificates, leaf first\n", "x5t (34): sha256 (-16) h'",
          "payload, 10301 bytes: h'", "'... (10301 bytes)\n"}},
        {"mst/attestedsvc.cose",
         {"crit (2): [\"attestedsvc\"]\n", "attested service (\"attestedsvc\"): {\"",
          "sub (2): \"my-subject\"\n", "\"auth_token_uti\": \"BBgeBLDnk0GKXnsitaRqAA\"\n",
          "svn (\"svn\"): 0\n", "iat (6): 1772459414 (2026-"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows) && corpus_is_here(); i++) {
        sigb_buf room = SIGB_BUF_INIT, out = SIGB_BUF_INIT;
        const char *text = dump_of(corpus_read(&room, rows[i].name), &out);
        for (size_t j = 0; j < COUNT(rows[i].lines); j++)
            if (strstr(text, rows[i].lines[j]) == NULL)
                fail_msg("\"%s\" is not in:\n%s", rows[i].lines[j], text);
        assert_null(strstr(text, "verif"));
        assert_printable(text);
        sigb_buf_free(&room);
        sigb_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notation_is_that_of_rfc_8949),   cmocka_unit_test(large_items_are_cut),
        cmocka_unit_test(every_header_has_a_line),        cmocka_unit_test(hostile_receipts_are_bounded),
        cmocka_unit_test(receipts_are_entered_once),      cmocka_unit_test(usage),
        cmocka_unit_test(statements_of_others_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
