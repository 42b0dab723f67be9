/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <cbor.h>

#include "cose/sig_structure.h"
#include "cose/writer.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void assert_written(sigb_buf *out, const char *wanted)
{
    sigb_buf room = SIGB_BUF_INIT;

    assert_false(out->failed);
    assert_true(sigb_bytes_equal(sigb_buf_bytes(out), hex_put(&room, wanted)));
    sigb_buf_free(&room);
    sigb_buf_free(out);
}

static void numbers_have_shortest_heads(void **state)
{
    static const struct {
        int64_t value;
        const char *hex;
    } rows[] = {
        {0, "00"},
        {23, "17"},
        {24, "1818"},
        {255, "18ff"},
        {256, "190100"},
        {65535, "19ffff"},
        {65536, "1a00010000"},
        {4294967295, "1affffffff"},
        {4294967296, "1b0000000100000000"},
        {INT64_MAX, "1b7fffffffffffffff"},
        {-1, "20"},
        {-24, "37"},
        {-25, "3818"},
        {-7, "26"},
        {-37, "3824"},
        {-256, "38ff"},
        {-257, "390100"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf out = SIGB_BUF_INIT;
        print_message("%s\n", rows[i].hex);
        put_int(&out, rows[i].value);
        assert_written(&out, rows[i].hex);
    }
}

static void heads_of_strings_and_containers(void **state)
{
    sigb_buf out = SIGB_BUF_INIT;

    (void)state;
    put_tag(&out, 18);
    put_array(&out, 4);
    put_map(&out, 24);
    put_bstr_head(&out, 256);
    put_bstr_head(&out, 65536);
    put_tstr(&out, "svn");
    put_bstr(&out, SIGB_BYTES_NONE);
    put_null(&out);
    assert_written(&out, "d2 84 b818 590100 5a00010000 6373766e 40 f6");
    assert_int_equal(head_len(23), 1);
    assert_int_equal(head_len(24), 2);
    assert_int_equal(head_len(65536), 5);
}

/* Of each major type, at each edge. */
static void heads_are_those_of_libcbor(void **state)
{
    static const uint64_t edges[] = {
        0, 23, 24, UINT8_MAX, UINT8_MAX + 1, UINT16_MAX, UINT16_MAX + 1, UINT32_MAX, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++) {
        sigb_buf out = SIGB_BUF_INIT;
        uint8_t wanted[8 * 9];
        size_t len = 0;

        put_int(&out, (int64_t)edges[i]);
        len += cbor_encode_uint(edges[i], wanted + len, sizeof(wanted) - len);
        put_int(&out, -1 - (int64_t)edges[i]);
        len += cbor_encode_negint(edges[i], wanted + len, sizeof(wanted) - len);
        put_bstr_head(&out, edges[i]);
        len += cbor_encode_bytestring_start(edges[i], wanted + len, sizeof(wanted) - len);
        put_array(&out, edges[i]);
        len += cbor_encode_array_start(edges[i], wanted + len, sizeof(wanted) - len);
        put_map(&out, edges[i]);
        len += cbor_encode_map_start(edges[i], wanted + len, sizeof(wanted) - len);
        put_tag(&out, edges[i]);
        len += cbor_encode_tag(edges[i], wanted + len, sizeof(wanted) - len);
        put_null(&out);
        len += cbor_encode_null(wanted + len, sizeof(wanted) - len);
        put_bool(&out, i % 2 == 0);
        len += cbor_encode_bool(i % 2 == 0, wanted + len, sizeof(wanted) - len);
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&out), sigb_bytes_of(wanted, len)));
        sigb_buf_free(&out);
    }
}

/* Shortest heads whatever the statement had; the protected bytes as they stand. */
static void sig_structure_is_what_rfc_9052_says(void **state)
{
    sigb_buf out = SIGB_BUF_INIT;
    const uint8_t body_protected[] = {0xA1, 0x18, 0x01, 0x38, 0x06};

    (void)state;
    sig_structure_put(&out, sigb_bytes_of(body_protected, sizeof(body_protected)),
                      sigb_bytes_text("payload"));
    assert_written(&out, "84 6a 5369676e617475726531 45 a118013806 40 47 7061796c6f6164");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_shortest_heads),
        cmocka_unit_test(heads_of_strings_and_containers),
        cmocka_unit_test(heads_are_those_of_libcbor),
        cmocka_unit_test(sig_structure_is_what_rfc_9052_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
