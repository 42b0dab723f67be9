/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/evp.h>

#include "tests/support/corpus.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define GOLDEN      "mst/uvm-transparent.cose"
#define GOLDEN_KEYS "mst/esrp-cts-db.json"
#define GOLDEN_ISS  "esrp-cts-db.confidential-ledger.azure.com"
#define GOLDEN_KID  "da7694f16def5a056ca96afb21e89a9450e4cc875e2de351da76d99544a3e849"

static bool is_text(sigb_bytes bytes, const char *text)
{
    return sigb_bytes_equal(bytes, sigb_bytes_text(text));
}

static void assert_hex(sigb_bytes bytes, const char *hex)
{
    sigb_buf room = SIGB_BUF_INIT;

    assert_true(sigb_bytes_equal(bytes, hex_put(&room, hex)));
    sigb_buf_free(&room);
}

/* ---- the corpus: a production statement ---- */

typedef struct golden {
    sigb_buf bytes;
    sigb_statement *statement;
    sigb_receipt *receipt;
    sigb_keys *keys;
} golden;

static void golden_open(golden *made, const char *issuer)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_bytes rest, one;
    sigb_receipt_form form;

    memset(made, 0, sizeof(*made));
    assert_int_equal(sigb_statement_parse(corpus_read(&made->bytes, GOLDEN), &made->statement, NULL),
                     SIGB_OK);
    rest = sigb_statement_receipt_list(made->statement);
    assert_true(sigb_receipts_next(&rest, &one, &form));
    assert_int_equal(form, SIGB_RECEIPT_WRAPPED);
    assert_refused(sigb_receipt_parse(one, &made->receipt, diag), SIGB_OK, "");
    assert_false(sigb_receipts_next(&rest, &one, &form));
    made->keys = sigb_keys_new();
    assert_non_null(made->keys);
    assert_refused(sigb_keys_put(made->keys, corpus_read(&room, GOLDEN_KEYS), issuer, diag), SIGB_OK, "");
    sigb_buf_free(&room);
}

static void golden_close(golden *made)
{
    sigb_statement_free(made->statement);
    sigb_receipt_free(made->receipt);
    sigb_keys_free(made->keys);
    sigb_buf_free(&made->bytes);
}

static void what_the_production_receipt_says(void **state)
{
    golden g;
    int64_t at = 0;

    (void)state;
    if (!corpus_is_here())
        return;
    golden_open(&g, NULL);
    assert_int_equal(sigb_receipt_alg(g.receipt), SIGB_ES384);
    assert_int_equal(sigb_receipt_vds(g.receipt), SIGB_VDS_CCF);
    assert_true(is_text(sigb_receipt_kid(g.receipt), GOLDEN_KID));
    assert_true(is_text(sigb_receipt_issuer(g.receipt), GOLDEN_ISS));
    assert_true(is_text(sigb_receipt_entry_txid(g.receipt), "458.12440"));
    assert_true(is_text(sigb_receipt_signature_txid(g.receipt), "458.12441"));
    assert_true(sigb_receipt_time(g.receipt, &at));
    assert_int_equal(at, 1766437888);
    assert_int_equal(sigb_receipt_inclusions(g.receipt), 1);
    assert_int_equal(sigb_receipt_consistencies(g.receipt), 0);
    golden_close(&g);
}

static void the_entry_of_the_production_statement(void **state)
{
    golden g;
    sigb_buf entry = SIGB_BUF_INIT;
    uint8_t digest[32];

    (void)state;
    if (!corpus_is_here())
        return;
    golden_open(&g, NULL);
    assert_refused(sigb_statement_entry(g.statement, SIGB_BYTES_NONE, &entry, diag), SIGB_OK, "");
    assert_int_equal(entry.len, 5519);
    assert_int_equal(EVP_Digest(entry.ptr, entry.len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_hex(sigb_bytes_of(digest, 32), "a60138fb1591fe6c433b41128b0349cf3636bce74fc8c2e7140bc13b74612649");
    assert_refused(sigb_statement_entry(g.statement, sigb_bytes_text("x"), &entry, diag), SIGB_E_PAYLOAD,
                   "holds its payload");
    sigb_buf_free(&entry);
    golden_close(&g);
}

static void the_production_receipt_is_good(void **state)
{
    static const char *const issuers[] = {NULL, GOLDEN_ISS, "ESRP-CTS-DB.Confidential-Ledger.Azure.com"};

    (void)state;
    for (size_t i = 0; i < COUNT(issuers) && corpus_is_here(); i++) {
        sigb_receipt_facts facts;
        golden g;

        golden_open(&g, issuers[i]);
        assert_int_equal(sigb_keys_count(g.keys), 2);
        assert_refused(sigb_receipt_verify(g.receipt, g.statement, g.keys, &facts, diag), SIGB_OK, "");
        assert_true(is_text(facts.issuer, GOLDEN_ISS));
        assert_int_equal(facts.pinned, issuers[i] != NULL);
        assert_string_equal(facts.kid, GOLDEN_KID);
        assert_int_equal(facts.alg, SIGB_ES384);
        assert_int_equal(facts.vds, SIGB_VDS_CCF);
        assert_true(facts.has_time);
        assert_int_equal(facts.time, 1766437888);
        assert_true(is_text(facts.entry_txid, "458.12440"));
        assert_true(is_text(facts.signature_txid, "458.12441"));
        assert_hex(sigb_bytes_of(facts.leaf, 32),
                   "64bd996fc2a6dd1a268b6d0f90a311d9ba3c1e874fb7841d17c7318062a102cd");
        assert_hex(sigb_bytes_of(facts.root, 32),
                   "9a9b439497b18eed7d5a1f3177c3206cb221e12e46e6f66bac935c62053b0466");
        golden_close(&g);
    }
}

static void the_production_receipt_of_another_issuer(void **state)
{
    golden g;

    (void)state;
    if (!corpus_is_here())
        return;
    golden_open(&g, "other.example");
    assert_refused(sigb_receipt_verify(g.receipt, g.statement, g.keys, NULL, diag), SIGB_E_RECEIPT_LEDGER,
                   "of the ledger '" GOLDEN_ISS "', of which no key is known");
    golden_close(&g);
}

static char *dump_of(const sigb_receipt *receipt, sigb_buf *text)
{
    assert_refused(sigb_receipt_dump(receipt, text, diag), SIGB_OK, "");
    sigb_buf_append(text, sigb_bytes_of("", 1));
    return (char *)text->ptr;
}

static void assert_lines(const char *text, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, lines[i]) == NULL)
            fail_msg("no line '%s' in:\n%s", lines[i], text);
}

static void the_production_receipt_dumped(void **state)
{
    static const char *const lines[] = {
        "receipt, 619 bytes, not checked:\n  tree: CCF (2)\n  algorithm: ES384 (-35)\n  kid: \"" GOLDEN_KID
        "\"\n",
        "\n  issuer: \"" GOLDEN_ISS "\"\n  time: 1766437888 (2025-12-22T21:11:28Z)\n  entry: \"458.12440\"\n",
        "\n  signed in: \"458.12441\"\n  inclusion proof:\n    internal transaction hash: h'4f6d2566",
        "\n    evidence: \"ce:458.12440:858e0a6db787c523ac940e640a781efcd0635a5e22bdf186d46acef29759f4c1\"\n",
        "\n    data hash: h'a60138fb1591fe6c433b41128b0349cf3636bce74fc8c2e7140bc13b74612649'\n    path, "
        "5:\n",
        "\n      left  dcca11d1f7ce42c6ad444b4f0a0dce80b124e4d9a47682482af97217aa3ef831\n      left  "
        "12fb1e0f",
        "\n  signature: h'44e20226",
    };
    golden g;
    sigb_buf text = SIGB_BUF_INIT;

    (void)state;
    if (!corpus_is_here())
        return;
    golden_open(&g, NULL);
    assert_lines(dump_of(g.receipt, &text), lines, COUNT(lines));
    sigb_buf_free(&text);
    golden_close(&g);
}

/* ---- other shapes ---- */

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void dumps_of_other_receipts(void **state)
{
    static const struct {
        const char *hex;
        const char *lines[4];
    } rows[] = {
        /* hostile text, an algorithm and a tree that are not known, a kid of bytes */
        {"d2 84 57 a4 0139ffff 04 42fffe 19018b03 0fa1 01 66 1b5b326a2241 a0 f6 41ff",
         {"tree: unknown (3)\n  algorithm: unknown (-65536)\n  kid: h'fffe'\n", "issuer: \"\\x1b[2j\\\"A\"\n",
          "signature: h'ff'\n", ""}},
        {"d2 84 47 a20126 19018b01 a1 19018c a2 20 81 5826 83 02 01 81 5820" ZEROS
         " 21 81 5826 83 01 02 81 5820" ZEROS " 5820" ZEROS " 41ff",
         {"tree: RFC 9162 (1)\n", "inclusion proof:\n    leaf 1 of 2\n    path, 1:\n      " ZEROS "\n",
          "consistency proof:\n    from 1 to 2 leaves\n    path, 1:\n", "root: h'" ZEROS "'\n"}},
        {"d2 84 47 a20126 19018b02 a1 19018c a1 21 81 584a a2 01 5820" ZEROS " 02 81 82 f4 5820" ZEROS
         " f6 41ff",
         {"tree: CCF (2)\n",
          "consistency proof:\n    anchor: h'" ZEROS "'\n    path, 1:\n      right " ZEROS "\n",
          "signature: h'ff'\n", ""}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf room = SIGB_BUF_INIT, text = SIGB_BUF_INIT;
        sigb_receipt *receipt = NULL;

        assert_refused(sigb_receipt_parse(hex_put(&room, rows[i].hex), &receipt, diag), SIGB_OK, "");
        assert_lines(dump_of(receipt, &text), rows[i].lines, COUNT(rows[i].lines));
        sigb_receipt_free(receipt);
        sigb_buf_free(&room);
        sigb_buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_production_receipt_says),
        cmocka_unit_test(the_entry_of_the_production_statement),
        cmocka_unit_test(the_production_receipt_is_good),
        cmocka_unit_test(the_production_receipt_of_another_issuer),
        cmocka_unit_test(the_production_receipt_dumped),
        cmocka_unit_test(dumps_of_other_receipts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
