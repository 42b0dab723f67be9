/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "base/time.h"

static void times_are_read_as_rfc_3339_and_as_seconds(void **state)
{
    static const struct {
        const char *text;
        int64_t at;
    } rows[] = {
        {"0", 0},
        {"1766437887", 1766437887},
        {"1970-01-01T00:00:00Z", 0},
        {"2025-12-22T21:11:27Z", 1766437887},
        {"2025-12-22t22:11:27.999+01:00", 1766437887},
        {"2025-12-22T16:11:27-05:00", 1766437887},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2100-03-01T00:00:00Z", 4107542400},
        {"1969-12-31T23:59:59Z", -1},
        {"9999-12-31T23:59:59Z", 253402300799},
        {"2016-12-31T23:59:60Z", 1483228800}, /* a leap second */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t at = -7;
        print_message("%s\n", rows[i].text);
        assert_int_equal(sigb_time_parse(rows[i].text, &at, NULL), SIGB_OK);
        assert_true(at == rows[i].at);
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "now",
        "-1",
        "1.5",
        "12345678901234",
        "2025-12-22",
        "2025-12-22T21:11:27",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2025-01-01T24:00:00Z",
        "2025-01-01T00:60:00Z",
        "2025-01-01T00:00:00Zx",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00+1:00",
        "2025-01-01T00:00:00+24:00",
        "2025-1-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-01-00T00:00:00Z",
        " 1",
        "1 ",
        "2025/01/01T00:00:00Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t at = -7;
        print_message("%s\n", rows[i]);
        assert_refused(sigb_time_parse(rows[i], &at, diag), SIGB_E_USAGE, "is not a time; wanted: 2026-");
        assert_true(at == -7);
    }
}

static void writing_and_reading_agree_on_every_day(void **state)
{
    char text[TIME_TEXT];

    (void)state;
    for (int64_t at = -62167219200; at < 253402300800; at += 86400 * 13 + 3601) {
        int64_t back;
        assert_int_equal(sigb_time_parse(time_text(at, text), &back, NULL), SIGB_OK);
        assert_true(back == at);
    }
    assert_string_equal(time_text(253402300800, text), "253402300800");
}

static void now_is_the_system_clock(void **state)
{
    (void)state;
    assert_true(time_resolve(SIGB_TIME_NOW) > 1700000000);
    assert_true(time_resolve(5) == 5);
    assert_true(time_resolve(SIGB_TIME_UNCHECKED) == SIGB_TIME_UNCHECKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_rfc_3339_and_as_seconds),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(writing_and_reading_agree_on_every_day),
        cmocka_unit_test(now_is_the_system_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
