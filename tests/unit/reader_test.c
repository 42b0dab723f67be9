/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "cose/reader.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static sigb_rc read_hex(const char *text, reader_lengths lengths, sigb_diag *diag)
{
    sigb_buf room = SIGB_BUF_INIT;
    reader in = reader_over(hex_put(&room, text), diag);
    sigb_rc rc = reader_item(&in, lengths, NULL);

    if (rc == SIGB_OK)
        rc = reader_end(&in);
    sigb_buf_free(&room);
    return rc;
}

/* The well-formed examples of RFC 8949, appendix A, of definite length, and non-shortest heads. */
static void well_formed_items_are_read(void **state)
{
    static const char *const rows[] = {
        "00",
        "17",
        "1818",
        "1903e8",
        "1a000f4240",
        "1bffffffffffffffff",
        "20",
        "3903e7",
        "3bffffffffffffffff",
        "f90000",
        "fb3ff199999999999a",
        "fa47c35000",
        "f97e00",
        "f4",
        "f5",
        "f6",
        "f7",
        "f0",
        "f8ff",
        "f820",
        "c11a514b67b0",
        "d74401020304",
        "d818456449455446",
        "40",
        "4401020304",
        "60",
        "6161",
        "62c3bc",
        "64f0908591",
        "80",
        "83010203",
        "8301820203820405",
        "a0",
        "a201020304",
        "a26161016162820203",
        "a1410105",
        "1801",
        "190001",
        "1a00000001",
        "1b0000000000000001",
        "5801ff",
        "7b000000000000000161",
        "9801f6",
        "b90001 01 02",
        "d81801",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_diag diag = {{0}, 0};
        print_message("%s\n", rows[i]);
        assert_int_equal(read_hex(rows[i], LENGTHS_DEFINITE, &diag), SIGB_OK);
    }
}

static void indefinite_lengths_pass_only_where_asked(void **state)
{
    static const char *const rows[] = {
        "5f42010243030405ff",
        "7f657374726561646d696e67ff",
        "9fff",
        "9f018202039f0405ffff",
        "bfff",
        "bf6161016162 9f0203ff ff",
        "5fff",
        "7fff",
        "c1 9fff",
        "81 9fff",
        "a1 01 9fff",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i]);
        assert_refused(read_hex(rows[i], LENGTHS_DEFINITE, diag), SIGB_E_INDEFINITE, "indefinite length");
        assert_refused(read_hex(rows[i], LENGTHS_ANY, diag), SIGB_OK, "");
    }
}

static void what_is_not_well_formed_is_refused(void **state)
{
    static const struct {
        const char *hex;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"", SIGB_E_CBOR, "ends at byte 0"},
        {"18", SIGB_E_CBOR, "ends at byte 1"},
        {"1900", SIGB_E_CBOR, "ends at byte 1"},
        {"1a000000", SIGB_E_CBOR, "ends"},
        {"1b00000000000000", SIGB_E_CBOR, "ends"},
        {"8201", SIGB_E_CBOR, "an array of length 2 at byte 1, where 1 bytes are left"},
        {"828100", SIGB_E_CBOR, "ends at byte 3"},
        {"a2010203", SIGB_E_CBOR, "a map of length 2"},
        {"a1 01 81", SIGB_E_CBOR, "an array of length 1 at byte 3"},
        {"a101", SIGB_E_CBOR, "a map of length 1"},
        {"c1", SIGB_E_CBOR, "ends at byte 1"},
        {"41", SIGB_E_CBOR, "a byte string of length 1"},
        {"6261", SIGB_E_CBOR, "a text of length 2"},
        {"5bffffffffffffffff00", SIGB_E_CBOR, "a byte string of length 18446744073709551615"},
        {"9bffffffffffffffff00", SIGB_E_CBOR, "an array of length 18446744073709551615"},
        {"bb8000000000000001 0000", SIGB_E_CBOR, "a map of length 9223372036854775809"},
        {"9a0fffffff", SIGB_E_CBOR, "an array of length 268435455"},
        {"1c", SIGB_E_CBOR, "reserved additional information 28"},
        {"3d", SIGB_E_CBOR, "reserved additional information 29"},
        {"fe", SIGB_E_CBOR, "reserved additional information 30"},
        {"1f", SIGB_E_CBOR, "a number cannot have an indefinite length"},
        {"3f", SIGB_E_CBOR, "a negative number cannot have an indefinite length"},
        {"df00", SIGB_E_CBOR, "a tagged item cannot have an indefinite length"},
        {"ff", SIGB_E_CBOR, "a break where none belongs"},
        {"81ff", SIGB_E_CBOR, "a break where none belongs"},
        {"a1ff00", SIGB_E_CBOR, "a break where none belongs"},
        {"a101ff", SIGB_E_CBOR, "a break where none belongs"},
        {"c1ff", SIGB_E_CBOR, "a break where none belongs"},
        {"bf01ff", SIGB_E_CBOR, "a break where none belongs"},
        {"f800", SIGB_E_CBOR, "simple value 0 in two bytes"},
        {"f81f", SIGB_E_CBOR, "simple value 31 in two bytes"},
        {"f8", SIGB_E_CBOR, "ends"},
        {"f93c", SIGB_E_CBOR, "ends"},
        {"61ff", SIGB_E_CBOR, "not UTF-8"},
        {"62c080", SIGB_E_CBOR, "not UTF-8"},
        {"63eda080", SIGB_E_CBOR, "not UTF-8"},
        {"64f4908080", SIGB_E_CBOR, "not UTF-8"},
        {"a161ff00", SIGB_E_CBOR, "not UTF-8"},
        {"8161ff", SIGB_E_CBOR, "not UTF-8"},
        {"7f61ffff", SIGB_E_CBOR, "not UTF-8"},
        {"7f61c361bcff", SIGB_E_CBOR, "not UTF-8"}, /* each chunk stands alone (RFC 8949, 3.2.3) */
        {"5f4100", SIGB_E_CBOR, "ends at byte 3"},
        {"5f6100ff", SIGB_E_CBOR, "a text among the chunks"},
        {"7f4100ff", SIGB_E_CBOR, "a byte string among the chunks"},
        {"5f5f4100ffff", SIGB_E_CBOR, "among the chunks"},
        {"5f00ff", SIGB_E_CBOR, "a number among the chunks"},
        {"9f01", SIGB_E_CBOR, "ends at byte 2"},
        {"bf0102", SIGB_E_CBOR, "ends at byte 3"},
        {"0000", SIGB_E_TRAILING, "1 bytes behind the end, from byte 1"},
        {"8000ff", SIGB_E_TRAILING, "2 bytes behind the end"},
        {"a201020103", SIGB_E_DUPLICATE, "twice"},
        {"a2010218 0103", SIGB_E_DUPLICATE, "twice, before byte 5"},
        {"a2 20 00 3800 00", SIGB_E_DUPLICATE, "twice"},
        {"a2 6161 00 780161 00", SIGB_E_DUPLICATE, "twice"},
        {"a2 4161 00 580161 00", SIGB_E_DUPLICATE, "twice"},
        {"a2 60 00 60 00", SIGB_E_DUPLICATE, "twice"},
        {"a4 0100 0200 0300 1b0000000000000002 00", SIGB_E_DUPLICATE, "twice"},
        {"81a201000100", SIGB_E_DUPLICATE, "twice"},
        {"bf 0100 190001 00 ff", SIGB_E_DUPLICATE, "twice"},
        {"a1 8100 00", SIGB_E_UNSUPPORTED, "an array as a map key"},
        {"a1 a0 00", SIGB_E_UNSUPPORTED, "a map as a map key"},
        {"a1 f4 00", SIGB_E_UNSUPPORTED, "a simple value as a map key"},
        {"a1 f93c00 00", SIGB_E_UNSUPPORTED, "a float as a map key"},
        {"a1 c100 00", SIGB_E_UNSUPPORTED, "a tagged item as a map key"},
        {"a1 5f4100ff 00", SIGB_E_INDEFINITE, "a byte string of indefinite length"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].hex);
        assert_refused(read_hex(rows[i].hex, LENGTHS_ANY, diag), rows[i].rc, rows[i].words);
    }
}

/* Different kinds and different lengths are different keys. */
static void keys_that_differ_stand_together(void **state)
{
    (void)state;
    assert_refused(read_hex("a8 01f6 20f6 6131f6 4131f6 623131f6 60f6 40f6 190100f6", LENGTHS_DEFINITE, diag),
                   SIGB_OK, "");
    assert_refused(read_hex("a3 623132f6 623131f6 623133f6", LENGTHS_DEFINITE, diag), SIGB_OK, "");
}

static sigb_rc read_nested(uint8_t head, size_t depth)
{
    uint8_t bytes[64] = {0};
    reader in = reader_over(sigb_bytes_of(bytes, depth + 1), NULL);

    memset(bytes, head, depth);
    bytes[depth] = 0x00;
    return reader_item(&in, LENGTHS_DEFINITE, NULL);
}

static void nesting_ends_at_the_limit(void **state)
{
    (void)state;
    assert_int_equal(read_nested(0x81, SIGB_MAX_DEPTH), SIGB_OK);
    assert_int_equal(read_nested(0x81, SIGB_MAX_DEPTH + 1), SIGB_E_DEPTH);
    assert_int_equal(read_nested(0xC1, SIGB_MAX_DEPTH), SIGB_OK);
    assert_int_equal(read_nested(0xC1, SIGB_MAX_DEPTH + 1), SIGB_E_DEPTH);
    assert_refused(read_hex("8181818181818181818181818181818181 00", LENGTHS_ANY, diag), SIGB_E_DEPTH,
                   "deeper than 16 before byte 17");
}

/* A map as the key of a map as the key of a map: each is looked at once, none is entered. */
static void keys_do_not_nest(void **state)
{
    static uint8_t bytes[100000];
    reader in = reader_over(sigb_bytes_of(bytes, sizeof(bytes)), NULL);

    (void)state;
    memset(bytes, 0xA1, sizeof(bytes));
    assert_int_equal(reader_item(&in, LENGTHS_ANY, NULL), SIGB_E_UNSUPPORTED);
}

/* A map of `count` entries whose keys are three bytes each, descending: the worst order for a sorted insertion. */
static sigb_bytes descending_map(sigb_buf *room, unsigned count)
{
    uint8_t head[] = {0xB9, (uint8_t)(count >> 8), (uint8_t)count};

    sigb_buf_append(room, sigb_bytes_of(head, sizeof(head)));
    for (unsigned i = count; i > 0; i--) {
        uint8_t entry[] = {0x19, (uint8_t)(i >> 8), (uint8_t)i, 0xF6};
        sigb_buf_append(room, sigb_bytes_of(entry, sizeof(entry)));
    }
    return sigb_buf_bytes(room);
}

static void maps_end_at_the_limit(void **state)
{
    static const struct {
        unsigned count;
        sigb_rc rc;
    } rows[] = {{SIGB_MAX_MAP, SIGB_OK}, {SIGB_MAX_MAP + 1, SIGB_E_LIMIT}, {65535, SIGB_E_LIMIT}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf room = SIGB_BUF_INIT;
        reader in = reader_over(descending_map(&room, rows[i].count), NULL);
        assert_int_equal(reader_item(&in, LENGTHS_DEFINITE, NULL), rows[i].rc);
        sigb_buf_free(&room);
    }
}

static void numbers_fit_or_do_not(void **state)
{
    static const struct {
        const char *hex;
        bool fits;
        int64_t value;
    } rows[] = {
        {"00", true, 0},
        {"1b7fffffffffffffff", true, INT64_MAX},
        {"1b8000000000000000", false, 0},
        {"3b7fffffffffffffff", true, INT64_MIN},
        {"3b8000000000000000", false, 0},
        {"26", true, -7},
        {"3806", true, -7},
        {"f90000", false, 0},
        {"40", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf room = SIGB_BUF_INIT;
        item number = item_of(hex_put(&room, rows[i].hex));
        int64_t value = 0;
        print_message("%s\n", rows[i].hex);
        assert_int_equal(item_int(&number, &value), rows[i].fits);
        assert_true(value == rows[i].value);
        sigb_buf_free(&room);
    }
}

static void parts_are_taken_in_turn(void **state)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_bytes rest = hex_put(&room, "a2 01 820203 04 f6");
    item map = item_take(&rest), key = item_take(&rest);

    (void)state;
    assert_int_equal(map.kind, ITEM_MAP);
    assert_int_equal(map.value, 2);
    assert_int_equal(key.value, 1);
    assert_int_equal(item_take_whole(&rest).len, 3);
    assert_int_equal(item_take_whole(&rest).ptr[0], 0x04);
    assert_true(item_is_null(&(item){.kind = ITEM_SIMPLE, .value = SIMPLE_NULL}));
    key = item_take(&rest);
    assert_true(item_is_null(&key));
    assert_int_equal(item_take(&rest).kind, ITEM_NONE);
    assert_int_equal(item_take_whole(&rest).len, 0);
    assert_int_equal(rest.len, 0);
    sigb_buf_free(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_items_are_read),
        cmocka_unit_test(indefinite_lengths_pass_only_where_asked),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(keys_that_differ_stand_together),
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(keys_do_not_nest),
        cmocka_unit_test(maps_end_at_the_limit),
        cmocka_unit_test(numbers_fit_or_do_not),
        cmocka_unit_test(parts_are_taken_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
