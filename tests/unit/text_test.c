/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "base/text.h"

static void assert_escaped(sigb_bytes raw, const char *wanted)
{
    sigb_buf out = SIGB_BUF_INIT;

    sigb_text_escape(&out, raw);
    assert_string_equal(text_c_str(&out), wanted);
    assert_true(sigb_text_is_utf8(sigb_buf_bytes(&out)));
    sigb_buf_free(&out);
}

static void escape_leaves_printable_text_alone(void **state)
{
    (void)state;
    assert_escaped(sigb_bytes_text("svc.example 7"), "svc.example 7");
    assert_escaped(sigb_bytes_text("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x91"),
                   "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x91");
}

static void escape_disarms_what_steers_a_terminal(void **state)
{
    static const struct {
        const char *raw;
        size_t len;
        const char *wanted;
    } rows[] = {
        {"\x1b[2J", 4, "\\x1b[2J"},       /* C0: clears the screen */
        {"a\0b", 3, "a\\x00b"},           /* NUL */
        {"\r\n\t", 3, "\\x0d\\x0a\\x09"}, /* line forging */
        {"\x7f", 1, "\\x7f"},             /* DEL */
        {"\xc2\x9b"
         "31m",
         5, "\\u{9b}31m"}, /* C1 CSI */
        {"\xe2\x80\xae"
         "exe",
         6, "\\u{202e}exe"},                   /* right-to-left override */
        {"\xe2\x81\xa6", 3, "\\u{2066}"},      /* isolate */
        {"\xe2\x80\xa8", 3, "\\u{2028}"},      /* line separator */
        {"\xe2\x80\x8b", 3, "\\u{200b}"},      /* zero width */
        {"\xef\xbb\xbf", 3, "\\u{feff}"},      /* byte order mark */
        {"\xf3\xa0\x81\x81", 4, "\\u{e0041}"}, /* tag character */
        {"\\x1b", 4, "\\\\x1b"},               /* what looks escaped already */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_escaped(sigb_bytes_of(rows[i].raw, rows[i].len), rows[i].wanted);
}

static void bytes_that_are_no_utf8_are_shown_one_by_one(void **state)
{
    static const struct {
        const char *raw, *wanted;
    } rows[] = {
        {"\x80", "\\x80"},                            /* a tail alone */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong '/' */
        {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond the last plane */
        {"\xf5", "\\xf5"},
        {"a\xe2\x82", "a\\xe2\\x82"}, /* cut off */
        {"\xe2\x82"
         "b",
         "\\xe2\\x82"
         "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(sigb_text_is_utf8(sigb_bytes_text(rows[i].raw)));
        assert_escaped(sigb_bytes_text(rows[i].raw), rows[i].wanted);
    }
}

/* Injective: the text can be turned back, so no two inputs share one. */
static void every_two_bytes_have_a_text_of_their_own(void **state)
{
    sigb_buf last = SIGB_BUF_INIT;

    (void)state;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            const uint8_t raw[2] = {(uint8_t)a, (uint8_t)b};
            sigb_buf out = SIGB_BUF_INIT;
            sigb_text_escape(&out, sigb_bytes_of(raw, 2));
            assert_true(out.len >= 2);
            assert_false(sigb_bytes_equal(sigb_buf_bytes(&out), sigb_buf_bytes(&last)));
            sigb_buf_free(&last);
            last = out;
        }
    sigb_buf_free(&last);
}

static void hex_and_formats(void **state)
{
    sigb_buf out = SIGB_BUF_INIT;

    (void)state;
    text_put_hex(&out, sigb_bytes_of("\x00\x9f\xff", 3));
    text_putf(&out, " %d", 7);
    assert_string_equal(text_c_str(&out), "009fff 7");
    text_putf(&out, "%2000d", 1);
    assert_true(out.failed);
    assert_null(text_c_str(&out));
    sigb_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape_leaves_printable_text_alone),
        cmocka_unit_test(escape_disarms_what_steers_a_terminal),
        cmocka_unit_test(bytes_that_are_no_utf8_are_shown_one_by_one),
        cmocka_unit_test(every_two_bytes_have_a_text_of_their_own),
        cmocka_unit_test(hex_and_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
