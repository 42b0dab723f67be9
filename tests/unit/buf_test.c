/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

static void append_grows_and_keeps_what_was_there(void **state)
{
    sigb_buf buf = SIGB_BUF_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++)
        sigb_buf_append(&buf, sigb_bytes_text("0123456789"));
    assert_false(buf.failed);
    assert_int_equal(buf.len, 10000);
    for (size_t i = 0; i < buf.len; i++)
        assert_int_equal(buf.ptr[i], '0' + i % 10);
    sigb_buf_free(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.len, 0);
}

static void append_of_nothing_allocates_nothing(void **state)
{
    sigb_buf buf = SIGB_BUF_INIT;

    (void)state;
    sigb_buf_append(&buf, SIGB_BYTES_NONE);
    sigb_buf_append(&buf, sigb_bytes_text(NULL));
    assert_null(buf.ptr);
    assert_false(buf.failed);
    sigb_buf_free(NULL);
}

static void append_of_more_than_memory_can_hold_sticks(void **state)
{
    sigb_buf buf = SIGB_BUF_INIT;

    (void)state;
    sigb_buf_append(&buf, sigb_bytes_text("abc"));
    sigb_buf_append(&buf, sigb_bytes_of("x", SIZE_MAX - 1));
    assert_true(buf.failed);
    assert_int_equal(buf.len, 3);
    sigb_buf_append(&buf, sigb_bytes_text("d"));
    assert_true(buf.failed);
    assert_int_equal(buf.len, 3);
    sigb_buf_free(&buf);
    assert_false(buf.failed);
}

static void equality_is_of_length_and_bytes(void **state)
{
    (void)state;
    assert_true(sigb_bytes_equal(SIGB_BYTES_NONE, sigb_bytes_of("x", 0)));
    assert_true(sigb_bytes_equal(sigb_bytes_text("ab"), sigb_bytes_of("abc", 2)));
    assert_false(sigb_bytes_equal(sigb_bytes_text("ab"), sigb_bytes_text("abc")));
    assert_false(sigb_bytes_equal(sigb_bytes_text("ab"), sigb_bytes_text("ac")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(append_grows_and_keeps_what_was_there),
        cmocka_unit_test(append_of_nothing_allocates_nothing),
        cmocka_unit_test(append_of_more_than_memory_can_hold_sticks),
        cmocka_unit_test(equality_is_of_length_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
