/* SPDX-License-Identifier: Apache-2.0 */
/* The pauses between tries. The test has a nanosleep() of its own, which writes down for how long, and does not wait. */
#include "tests/support/support.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/pkcs11.h"
#include "pkcs11/retry.h"

#define TRIES 24

/* The pauses of one operation that goes on failing, in milliseconds. */
typedef struct pauses {
    size_t count;
    long ms[TRIES];
} pauses;

static _Thread_local pauses *written;

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)left;
    if (written != NULL && written->count < TRIES)
        written->ms[written->count++] = (long)wanted->tv_sec * 1000 + wanted->tv_nsec / 1000000;
    return 0;
}

/* Without a deadline and without a budget, as long as the device is dead. */
static void fail_on(pauses *into)
{
    const sigb_diag dead = {"", CKR_DEVICE_ERROR};
    p11_retry retry = {.until = {.never = true}};

    written = into;
    for (int i = 0; i < TRIES; i++)
        if (!p11_retry_failed(&retry, SIGB_E_TOKEN, &dead))
            break;
    written = NULL;
}

static void the_first_repair_comes_at_once_and_pauses_double_up_to_a_quarter_of_a_second(void **state)
{
    pauses p = {0};
    long whole = 4;

    (void)state;
    fail_on(&p);
    assert_int_equal(p.count, TRIES - 1);
    for (size_t i = 0; i < p.count; i++) {
        assert_true(p.ms[i] >= whole / 2 && p.ms[i] <= whole);
        whole = 2 * whole < 250 ? 2 * whole : 250;
    }
}

/* ---- who failed together does not come back together ---- */

static bool are_same(const pauses *one, const pauses *other)
{
    return one->count == other->count && memcmp(one->ms, other->ms, one->count * sizeof(one->ms[0])) == 0;
}

static void assert_all_differ(const pauses *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].count, TRIES - 1);
        for (size_t j = 0; j < i; j++)
            assert_false(are_same(&all[i], &all[j]));
    }
}

#define CROWD 16

static void no_two_processes_wait_the_same(void **state)
{
    const size_t size = CROWD * sizeof(pauses);
    pauses *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[CROWD];

    (void)state;
    assert_true(all != MAP_FAILED);
    for (size_t i = 0; i < CROWD; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            fail_on(&all[i]);
            _exit(0);
        }
    }
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
    assert_all_differ(all, CROWD);
    assert_int_equal(munmap(all, size), 0);
}

static void *fail_in_thread(void *into)
{
    fail_on(into);
    return NULL;
}

static void no_two_threads_wait_the_same(void **state)
{
    static pauses all[CROWD];
    pthread_t threads[CROWD];

    (void)state;
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fail_in_thread, &all[i]), 0);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_all_differ(all, CROWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_repair_comes_at_once_and_pauses_double_up_to_a_quarter_of_a_second),
        cmocka_unit_test(no_two_processes_wait_the_same),
        cmocka_unit_test(no_two_threads_wait_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
