/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes with an open signer end cleanly, whatever way they end, and so does
 * the library that is closed and loaded again.
 */
#include "tests/support/support.h"

#include "tests/fork/ending.h"
#include "tests/fork/shop.h"

static shop at;

static int set_up(void **state)
{
    (void)state;
    shop_make(&at);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shop_free(&at);
    return 0;
}

/* ENDS is linked with the library, and does not look at the last argument. */
static void run(const char *program, const char *story)
{
    const bool is_linked = strcmp(program, ENDS) == 0;
    const char *const argv[] = {
        program, story, softhsm_module(), SHOP_KEY, is_linked ? NULL : SIGBRIDGE_LIBRARY, NULL};

    ending_run(argv);
}

static void a_process_ends_cleanly_with_a_signer_open(void **state)
{
    static const char *const stories[] = {"returns",
                                          "frees",
                                          "exits-while-threads-sign",
                                          "exits-while-threads-sign-with-a-deadline",
                                          "exits-in-a-thread-that-signed",
                                          "is-used-after-the-librarys-own-handler"};

    (void)state;
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        run(ENDS, stories[i]);
}

static void a_child_ends_cleanly_and_leaves_its_parents_token_alone(void **state)
{
    (void)state;
    run(ENDS, "a-child-exits");
    run(ENDS, "a-child-signs-and-exits");
    run(ENDS, "a-child-signs-and-exits-while-threads-sign");
}

static void the_library_is_closed_and_loaded_again(void **state)
{
    (void)state;
    run(RELOAD, "between-uses");
    run(RELOAD, "without-freeing");
}

static void the_library_is_closed_and_loaded_again_while_threads_sign(void **state)
{
    (void)state;
    run(RELOAD, "while-threads-sign");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_ends_cleanly_with_a_signer_open),
        cmocka_unit_test(a_child_ends_cleanly_and_leaves_its_parents_token_alone),
        cmocka_unit_test(the_library_is_closed_and_loaded_again),
        cmocka_unit_test(the_library_is_closed_and_loaded_again_while_threads_sign),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
