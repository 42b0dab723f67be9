/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "base/base64.h"

static void bytes_and_text_agree(void **state)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xfb\xff\xfe", "-__-"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf text = SIGB_BUF_INIT, back = SIGB_BUF_INIT;
        base64url_encode(&text, sigb_bytes_text(rows[i].bytes));
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&text), sigb_bytes_text(rows[i].text)));
        assert_true(base64url_decode(&back, sigb_buf_bytes(&text)));
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&back), sigb_bytes_text(rows[i].bytes)));
        sigb_buf_free(&text);
        sigb_buf_free(&back);
    }
}

static void decode_refuses_every_other_spelling(void **state)
{
    static const char *const rows[] = {"Z",    "Zg=",  "Zg==",  "Zh",     "Zm9",
                                       "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n", "Zm9vA"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf out = SIGB_BUF_INIT;
        print_message("%s\n", rows[i]);
        assert_false(base64url_decode(&out, sigb_bytes_text(rows[i])));
        assert_int_equal(out.len, 0);
        sigb_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_text_agree),
        cmocka_unit_test(decode_refuses_every_other_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
