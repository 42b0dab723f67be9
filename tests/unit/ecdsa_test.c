/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "base/ecdsa.h"

static void der_and_raw_agree(void **state)
{
    static const struct {
        const char *name;
        uint8_t raw[4];
        uint8_t der[12];
        size_t der_len;
    } rows[] = {
        {"small numbers", {0, 1, 0, 2}, {0x30, 6, 2, 1, 1, 2, 1, 2}, 8},
        {"high bit", {0x80, 0, 0, 0xff}, {0x30, 9, 2, 3, 0, 0x80, 0, 2, 2, 0, 0xff}, 11},
        {"zero r", {0, 0, 0x12, 0x34}, {0x30, 7, 2, 1, 0, 2, 2, 0x12, 0x34}, 9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf raw = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
        print_message("%s\n", rows[i].name);
        assert_int_equal(ecdsa_raw_to_der(sigb_bytes_of(rows[i].raw, 4), 2, &der, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&der), sigb_bytes_of(rows[i].der, rows[i].der_len)));
        assert_int_equal(ecdsa_der_to_raw(sigb_buf_bytes(&der), 2, &raw, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&raw), sigb_bytes_of(rows[i].raw, 4)));
        sigb_buf_free(&raw);
        sigb_buf_free(&der);
    }
}

/* P-521 needs the long form of the length; r and s are padded to 66 bytes, never stripped. */
static void every_width_survives_a_round_trip(void **state)
{
    static const size_t coords[] = {32, 48, 66};
    uint8_t bytes[132];

    (void)state;
    for (size_t c = 0; c < 3; c++)
        for (unsigned seed = 0; seed < 200; seed++) {
            sigb_buf raw = SIGB_BUF_INIT, der = SIGB_BUF_INIT;
            size_t coord = coords[c];
            for (size_t i = 0; i < 2 * coord; i++)
                bytes[i] = (uint8_t)(i % coord < seed % coord ? 0 : seed * 31 + i * 7 + 128);
            assert_int_equal(ecdsa_raw_to_der(sigb_bytes_of(bytes, 2 * coord), coord, &der, NULL), SIGB_OK);
            assert_int_equal(ecdsa_der_to_raw(sigb_buf_bytes(&der), coord, &raw, NULL), SIGB_OK);
            assert_true(sigb_bytes_equal(sigb_buf_bytes(&raw), sigb_bytes_of(bytes, 2 * coord)));
            sigb_buf_free(&raw);
            sigb_buf_free(&der);
        }
}

static void der_to_raw_refuses_what_tokens_get_wrong(void **state)
{
    static const struct {
        const char *name;
        uint8_t der[12];
        size_t len;
        const char *says;
    } rows[] = {
        {"empty", {0}, 0, "not one DER"},
        {"no sequence", {0x31, 6, 2, 1, 1, 2, 1, 1}, 8, "not one DER"},
        {"cut off", {0x30, 6, 2, 1, 1, 2, 1}, 7, "not one DER"},
        {"trailing byte", {0x30, 6, 2, 1, 1, 2, 1, 1, 0xff}, 9, "not one DER"},
        {"s too wide", {0x30, 8, 2, 1, 1, 2, 3, 0x7f, 1, 1}, 10, "does not fit 2 bytes"},
        {"negative r", {0x30, 6, 2, 1, 0xff, 2, 1, 1}, 8, "not one DER"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf raw = SIGB_BUF_INIT;
        print_message("%s\n", rows[i].name);
        assert_refused(ecdsa_der_to_raw(sigb_bytes_of(rows[i].der, rows[i].len), 2, &raw, diag),
                       SIGB_E_SIGNATURE_FAULT, rows[i].says);
        assert_int_equal(raw.len, 0);
    }
}

static void raw_to_der_refuses_other_lengths(void **state)
{
    uint8_t bytes[200] = {1};
    sigb_buf der = SIGB_BUF_INIT;

    (void)state;
    assert_refused(ecdsa_raw_to_der(sigb_bytes_of(bytes, 63), 32, &der, diag), SIGB_E_SIGNATURE,
                   "63 bytes where 64 are wanted");
    assert_refused(ecdsa_raw_to_der(sigb_bytes_of(bytes, 0), 0, &der, diag), SIGB_E_SIGNATURE, "wanted");
    assert_refused(ecdsa_raw_to_der(sigb_bytes_of(bytes, 134), 67, &der, diag), SIGB_E_SIGNATURE, "wanted");
    assert_int_equal(der.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_and_raw_agree),
        cmocka_unit_test(every_width_survives_a_round_trip),
        cmocka_unit_test(der_to_raw_refuses_what_tokens_get_wrong),
        cmocka_unit_test(raw_to_der_refuses_other_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
