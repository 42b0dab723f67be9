/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes with an open signer end cleanly, whatever way they end, and so does
 * the library that is closed and loaded again. SIGBRIDGE_WRAPPER names a command
 * that each is run by: ci/check-valgrind's.
 */
#include "tests/support/support.h"

#include <spawn.h>
#include <sys/wait.h>

#include "tests/fork/shop.h"

#define TIMES 5 /* an end is a race, which is not lost each time */

extern char **environ;

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

static void run_once(const char *program, const char *story)
{
    const char *wrapper = getenv("SIGBRIDGE_WRAPPER");
    const char *const argv[] = {wrapper, program, story, softhsm_module(), SHOP_KEY, SIGBRIDGE_LIBRARY, NULL};
    const char *const *from = wrapper == NULL ? argv + 1 : argv;
    const size_t last = strcmp(program, ENDS) == 0 ? 5 : 6; /* ENDS is linked with the library */
    const char *run[7] = {NULL};
    pid_t child;
    int status = 0;

    memcpy(run, from, (size_t)(argv + last - from) * sizeof(*run));
    assert_int_equal(posix_spawn(&child, run[0], NULL, NULL, (char **)(uintptr_t)run, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        fail_msg("%s was ended by signal %d", story, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("%s ended with %d", story, WEXITSTATUS(status));
}

static void run(const char *program, const char *story)
{
    int times = getenv("SIGBRIDGE_WRAPPER") == NULL ? TIMES : 1;

    print_message("%s\n", story);
    for (int i = 0; i < times; i++)
        run_once(program, story);
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
