/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/fork/children.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_ALIVE 16
#define ENOUGH     4 /* children lost show that it does not work */

void *shared_new(size_t len)
{
    void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

void shared_free(void *memory, size_t len)
{
    if (memory != NULL)
        assert_int_equal(munmap(memory, len), 0);
}

void report_put(report *mine, sigb_rc rc, const sigb_diag *diag, const sigb_buf *made)
{
    mine->rc = rc;
    (void)snprintf(mine->words, sizeof(mine->words), "%s", diag->text);
    mine->len = rc == SIGB_OK && made->len <= sizeof(mine->made) ? made->len : 0;
    if (mine->len > 0)
        memcpy(mine->made, made->ptr, mine->len);
    atomic_store(&mine->done, true);
}

sigb_bytes report_made(const report *of)
{
    return sigb_bytes_of(of->made, of->len);
}

/* ---- running them ---- */

typedef struct child {
    pid_t pid; /* 0: none */
    time_t began;
    size_t number;
} child;

static time_t now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void start(child *one, size_t number, child_fn work, void *arg, report *reports)
{
    *one = (child){.began = now_s(), .number = number};
    one->pid = fork();
    assert_true(one->pid >= 0);
    if (one->pid == 0) {
        work(arg, number, &reports[number]);
        _exit(0);
    }
}

/* True once it has gone, by itself or because its time was over. */
static bool has_ended(child *one, const report *reports, size_t *lost)
{
    int status = 0;
    bool late = now_s() - one->began > CHILD_S;

    if (late)
        (void)kill(one->pid, SIGKILL);
    if (waitpid(one->pid, &status, late ? 0 : WNOHANG) != one->pid)
        return false;
    if (late || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !atomic_load(&reports[one->number].done)) {
        print_message("child %zu %s (status 0x%x)\n", one->number, late ? "hung" : "crashed",
                      (unsigned)status);
        ++*lost;
    }
    one->pid = 0;
    return true;
}

size_t children_run(size_t count, size_t alive, child_fn work, void *arg, report *reports)
{
    static const struct timespec rest = {0, 500000};
    child all[MOST_ALIVE] = {{0}};
    size_t started = 0, ended = 0, lost = 0;

    assert_true(alive <= MOST_ALIVE);
    while (ended < count) {
        for (size_t i = 0; i < alive; i++) {
            if (all[i].pid != 0 && has_ended(&all[i], reports, &lost))
                ended++;
            if (all[i].pid == 0 && started < count)
                start(&all[i], started++, work, arg, reports);
        }
        if (lost >= ENOUGH)
            count = started;
        (void)nanosleep(&rest, NULL);
    }
    return lost;
}

/* ---- the same for every road to a key ---- */

static forks_fn *forks_of_story;

static void three_hundred_children_one_by_one(void **state)
{
    (void)state;
    forks_of_story(false, 1);
}

static void three_hundred_children_four_at_once(void **state)
{
    (void)state;
    forks_of_story(false, 4);
}

static void three_hundred_children_sixteen_at_once(void **state)
{
    (void)state;
    forks_of_story(false, 16);
}

static void three_hundred_children_one_by_one_of_a_module_that_resets(void **state)
{
    (void)state;
    forks_of_story(true, 1);
}

static void three_hundred_children_four_at_once_of_a_module_that_resets(void **state)
{
    (void)state;
    forks_of_story(true, 4);
}

static void three_hundred_children_sixteen_at_once_of_a_module_that_resets(void **state)
{
    (void)state;
    forks_of_story(true, 16);
}

int children_run_stories(forks_fn *forks)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_hundred_children_one_by_one),
        cmocka_unit_test(three_hundred_children_four_at_once),
        cmocka_unit_test(three_hundred_children_sixteen_at_once),
        cmocka_unit_test(three_hundred_children_one_by_one_of_a_module_that_resets),
        cmocka_unit_test(three_hundred_children_four_at_once_of_a_module_that_resets),
        cmocka_unit_test(three_hundred_children_sixteen_at_once_of_a_module_that_resets),
    };

    forks_of_story = forks;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
