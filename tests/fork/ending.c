/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/fork/ending.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMES 5
#define MOST  8 /* arguments, with the wrapper and NULL */

extern char **environ;

/* Its output and errors go to `said`. */
static pid_t begin(const char *const argv[], int said)
{
    posix_spawn_file_actions_t actions;
    pid_t child = -1;

    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, said, STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO), 0);
    assert_int_equal(posix_spawn(&child, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return child;
}

static void require_silence(const char *story, int said)
{
    char words[512];
    ssize_t len = pread(said, words, sizeof(words) - 1, 0);

    assert_true(len >= 0);
    words[len] = '\0';
    if (len > 0)
        fail_msg("%s says: %s", story, words);
}

static void run_once(const char *const argv[], const char *story)
{
    char path[] = "/tmp/sigbridge-ending-XXXXXX";
    int said = mkstemp(path), status = 0;
    pid_t child;

    assert_true(said >= 0);
    (void)unlink(path);
    child = begin(argv, said);
    assert_int_equal(waitpid(child, &status, 0), child);
    require_silence(story, said);
    (void)close(said);
    if (WIFSIGNALED(status))
        fail_msg("%s was ended by signal %d", story, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail_msg("%s ended with %d", story, WEXITSTATUS(status));
}

void ending_run(const char *const argv[])
{
    const char *wrapper = getenv("SIGBRIDGE_WRAPPER");
    const char *run[MOST] = {wrapper};
    size_t used = wrapper != NULL;

    for (size_t i = 0; argv[i] != NULL; i++) {
        assert_true(used + 1 < MOST);
        run[used++] = argv[i];
    }
    print_message("%s\n", argv[1]);
    for (int i = 0; i < (wrapper == NULL ? TIMES : 1); i++)
        run_once(run, argv[1]);
}
