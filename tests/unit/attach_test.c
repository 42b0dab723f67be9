/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "cose/writer.h"
#include "tests/support/hex.h"
#include "tests/support/ledgers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A receipt that parses: {1: -7, 395: 3}, of a tree that is not known. Its last byte tells one from another. */
#define RECEIPT_A "d2 84 47 a20126 19018b03 a0 f6 41 0a"
#define RECEIPT_B "d2 84 47 a20126 19018b03 a0 f6 41 0b"
#define WRAPPED_A "4e" RECEIPT_A
#define WRAPPED_B "4e" RECEIPT_B

/* A statement with this unprotected map: tag, head and protected header before it, payload and signature behind. */
#define BEFORE "d2 84 43 a10126 "
#define BEHIND " 43 010203 42 0405"

static sigb_statement *statement_with(const char *unprotected)
{
    sigb_statement *statement = NULL;
    sigb_buf room = SIGB_BUF_INIT;

    (void)hex_put(&room, BEFORE);
    (void)hex_put(&room, unprotected);
    (void)hex_put(&room, BEHIND);
    assert_refused(sigb_statement_parse(sigb_buf_bytes(&room), &statement, diag), SIGB_OK, "");
    sigb_buf_free(&room);
    return statement;
}

static void assert_statement(const sigb_buf *made, const char *unprotected)
{
    sigb_buf room = SIGB_BUF_INIT;

    (void)hex_put(&room, BEFORE);
    (void)hex_put(&room, unprotected);
    (void)hex_put(&room, BEHIND);
    assert_int_equal(made->len, room.len);
    assert_memory_equal(made->ptr, room.ptr, room.len);
    sigb_buf_free(&room);
}

static sigb_rc attach(const char *unprotected, const char *receipt, sigb_buf *made, sigb_diag *diag)
{
    sigb_statement *statement = statement_with(unprotected);
    sigb_buf room = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_attach_receipt(statement, hex_put(&room, receipt), made, diag);

    sigb_statement_free(statement);
    sigb_buf_free(&room);
    return rc;
}

static sigb_rc detach(const char *unprotected, size_t index, sigb_buf *made, sigb_diag *diag)
{
    sigb_statement *statement = statement_with(unprotected);
    sigb_rc rc = sigb_statement_detach_receipt(statement, index, made, diag);

    sigb_statement_free(statement);
    return rc;
}

static void only_label_394_changes(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"a0", "a1 19018a 81 " WRAPPED_A},
        {"b800", "a1 19018a 81 " WRAPPED_A},
        {"a1 04 4131", "a2 04 4131 19018a 81 " WRAPPED_A},
        {"a1 19018a 81 " WRAPPED_B, "a1 19018a 82 " WRAPPED_B WRAPPED_A},
        /* others stay, in their order and as they were encoded */
        {"a3 6161 bf0102ff 19018a 81 " WRAPPED_B " 1804 580131",
         "a3 6161 bf0102ff 19018a 82 " WRAPPED_B WRAPPED_A " 1804 580131"},
        /* what is there is written as it should have been */
        {"a1 19018a 81 " RECEIPT_B, "a1 19018a 82 " WRAPPED_B WRAPPED_A},
        {"a1 19018a 9801 580e" RECEIPT_B, "a1 19018a 82 " WRAPPED_B WRAPPED_A},
        {"a1 1a0000018a 81 " WRAPPED_B, "a1 1a0000018a 82 " WRAPPED_B WRAPPED_A},
        /* and what is no receipt is left alone */
        {"a1 19018a 82 01 8201820203", "a1 19018a 83 01 8201820203 " WRAPPED_A},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf made = SIGB_BUF_INIT;

        print_message("%s\n", rows[i].before);
        assert_refused(attach(rows[i].before, RECEIPT_A, &made, diag), SIGB_OK, "");
        assert_statement(&made, rows[i].after);
        sigb_buf_free(&made);
    }
}

static void what_is_not_attached(void **state)
{
    static const struct {
        const char *before, *receipt;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"a0", "", SIGB_E_RECEIPT_MALFORMED, "cannot be read"},
        {"a0", WRAPPED_A, SIGB_E_RECEIPT_MALFORMED, "a byte string where tag 18"},
        {"a0", "82 4e a168747265655f616c6763434346 80", SIGB_E_RECEIPT_LEGACY, "before COSE receipts"},
        {"a0", "d2 84 43 a10126 a0 f6 4100", SIGB_E_RECEIPT_MALFORMED, "names no tree"},
        {"a0", "d2 84 4b a301260281 01 19018b03 a0 f6 4100", SIGB_E_RECEIPT_MALFORMED, "cannot be read"},
        {"a1 19018a 81 " WRAPPED_A, RECEIPT_A, SIGB_E_EXISTS, "has this receipt already"},
        {"a1 19018a 81 " RECEIPT_A, RECEIPT_A, SIGB_E_EXISTS, "has this receipt already"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf made = SIGB_BUF_INIT;

        assert_refused(attach(rows[i].before, rows[i].receipt, &made, diag), rows[i].rc, rows[i].words);
        assert_int_equal(made.len, 0);
    }
}

static void a_map_that_is_full(void **state)
{
    sigb_statement *statement = NULL;
    sigb_buf room = SIGB_BUF_INIT, made = SIGB_BUF_INIT, receipt = SIGB_BUF_INIT;

    (void)state;
    (void)hex_put(&room, BEFORE);
    put_map(&room, SIGB_MAX_MAP);
    for (int i = 0; i < SIGB_MAX_MAP; i++) {
        put_int(&room, 1000 + i);
        put_int(&room, 0);
    }
    (void)hex_put(&room, BEHIND);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&room), &statement, NULL), SIGB_OK);
    assert_refused(sigb_statement_attach_receipt(statement, hex_put(&receipt, RECEIPT_A), &made, diag),
                   SIGB_E_LIMIT, "more than 128 entries");
    assert_int_equal(made.len, 0);
    sigb_statement_free(statement);
    sigb_buf_free(&room);
    sigb_buf_free(&receipt);
}

static void detaching(void **state)
{
    static const struct {
        const char *before;
        size_t index;
        const char *after;
    } rows[] = {
        {"a1 19018a 81 " WRAPPED_A, 0, "a0"},
        {"a1 19018a 82 " WRAPPED_A WRAPPED_B, 0, "a1 19018a 81 " WRAPPED_B},
        {"a1 19018a 82 " WRAPPED_A WRAPPED_B, 1, "a1 19018a 81 " WRAPPED_A},
        {"a1 19018a 82 " WRAPPED_A WRAPPED_B, SIGB_RECEIPTS_ALL, "a0"},
        {"a2 6161 bf0102ff 19018a 81 " WRAPPED_A, 0, "a1 6161 bf0102ff"},
        {"a3 04 4131 19018a 82 " WRAPPED_A RECEIPT_B " 1904d2 00", 0,
         "a3 04 4131 19018a 81 " WRAPPED_B " 1904d2 00"},
        {"a1 19018a 82 01 " WRAPPED_A, 1, "a1 19018a 81 01"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf made = SIGB_BUF_INIT;

        assert_refused(detach(rows[i].before, rows[i].index, &made, diag), SIGB_OK, "");
        assert_statement(&made, rows[i].after);
        sigb_buf_free(&made);
    }
}

static void what_cannot_be_detached(void **state)
{
    sigb_buf made = SIGB_BUF_INIT;

    (void)state;
    assert_refused(detach("a0", 0, &made, diag), SIGB_E_USAGE, "has no receipt to detach");
    assert_refused(detach("a0", SIGB_RECEIPTS_ALL, &made, diag), SIGB_E_USAGE, "has no receipt to detach");
    assert_refused(detach("a1 19018a 81 " WRAPPED_A, 1, &made, diag), SIGB_E_USAGE,
                   "has 1 receipts; there is no number 1");
    assert_refused(sigb_statement_detach_receipt(NULL, 0, &made, diag), SIGB_E_USAGE, "from a statement");
    assert_refused(sigb_statement_attach_receipt(NULL, SIGB_BYTES_NONE, &made, diag), SIGB_E_USAGE,
                   "to a statement");
    assert_int_equal(made.len, 0);
}

/* What is attached is good, read in both forms, and taken off again leaves what there was. */
static void there_and_back(void **state)
{
    ledgers *token = ledgers_new();
    sigb_buf bytes = SIGB_BUF_INIT, receipt = SIGB_BUF_INIT, with = SIGB_BUF_INIT, without = SIGB_BUF_INIT;
    sigb_statement *plain = NULL, *transparent = NULL;
    sigb_keys *keys = sigb_keys_new();
    sigb_receipt *read = NULL;
    sigb_receipt_form form;
    sigb_bytes rest, one;
    ledger of;

    (void)state;
    ledgers_statement(token, "{}", &bytes);
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    ledger_fill(&of, 1);
    (void)ledger_receipt(&of, ledger_take(&of, sigb_buf_bytes(&bytes)), &receipt);
    ledger_put_keys(&of, NULL, keys);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&bytes), &plain, NULL), SIGB_OK);
    assert_refused(sigb_statement_attach_receipt(plain, sigb_buf_bytes(&receipt), &with, diag), SIGB_OK, "");
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&with), &transparent, NULL), SIGB_OK);
    rest = sigb_statement_receipt_list(transparent);
    assert_true(sigb_receipts_next(&rest, &one, &form));
    assert_int_equal(form, SIGB_RECEIPT_WRAPPED);
    assert_true(sigb_bytes_equal(one, sigb_buf_bytes(&receipt)));
    assert_int_equal(sigb_receipt_parse(one, &read, NULL), SIGB_OK);
    assert_refused(sigb_receipt_verify(read, transparent, keys, NULL, diag), SIGB_OK, "");
    assert_refused(sigb_statement_detach_receipt(transparent, SIGB_RECEIPTS_ALL, &without, diag), SIGB_OK,
                   "");
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&without), sigb_buf_bytes(&bytes)));
    sigb_receipt_free(read);
    sigb_statement_free(plain);
    sigb_statement_free(transparent);
    sigb_keys_free(keys);
    sigb_buf_free(&bytes);
    sigb_buf_free(&receipt);
    sigb_buf_free(&with);
    sigb_buf_free(&without);
    ledger_close(&of);
    ledgers_free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_label_394_changes),  cmocka_unit_test(what_is_not_attached),
        cmocka_unit_test(a_map_that_is_full),      cmocka_unit_test(detaching),
        cmocka_unit_test(what_cannot_be_detached), cmocka_unit_test(there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
