/* SPDX-License-Identifier: Apache-2.0 */
/* A count in parts: what threads raise and lower, their own or another's, adds up. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/tally.h"

#define THREADS (2 * TALLY_PARTS + 1) /* more than there are parts */
#define ROUNDS  20000

static tally counted;
static pthread_barrier_t all_begun;

static void begin(void **state)
{
    (void)state;
    tally_clear(&counted);
}

static void run_threads(void *(*work)(void *))
{
    pthread_t threads[THREADS];

    assert_int_equal(pthread_barrier_init(&all_begun, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&all_begun), 0);
}

/* Each leaves one raised. */
static void *come_and_go(void *arg)
{
    (void)pthread_barrier_wait(&all_begun);
    for (unsigned i = 0; i < ROUNDS; i++) {
        tally_raise(&counted);
        tally_raise(&counted);
        tally_lower(&counted);
        if (i + 1 < ROUNDS)
            tally_lower(&counted);
    }
    return arg;
}

static void *lower_once(void *arg)
{
    (void)pthread_barrier_wait(&all_begun);
    tally_lower(&counted);
    return arg;
}

static void what_is_left_of_many_threads_is_counted(void **state)
{
    begin(state);
    assert_int_equal(tally_sum(&counted), 0);
    run_threads(come_and_go);
    assert_int_equal(tally_sum(&counted), THREADS);
}

static void a_thread_lowers_what_another_raised(void **state)
{
    begin(state);
    run_threads(come_and_go);
    for (unsigned left = THREADS; left > 0; left--) {
        assert_int_equal(tally_sum(&counted), left);
        tally_lower(&counted);
    }
    assert_int_equal(tally_sum(&counted), 0);

    for (size_t i = 0; i < THREADS; i++)
        tally_raise(&counted);
    run_threads(lower_once);
    assert_int_equal(tally_sum(&counted), 0);
}

static void cleared_it_counts_nothing_of_anybody(void **state)
{
    begin(state);
    run_threads(come_and_go);
    tally_clear(&counted);
    assert_int_equal(tally_sum(&counted), 0);
    tally_raise(&counted);
    assert_int_equal(tally_sum(&counted), 1);
}

/* Of a count that lies anywhere, whatever stands around it. */
static void no_two_parts_share_a_line(void **state)
{
    (void)state;
    assert_true(offsetof(tally, parts[0].count) >= CACHE_LINE);
    assert_true(sizeof(counted.parts[0]) >= CACHE_LINE);
    assert_true(sizeof(tally) - offsetof(tally, parts[TALLY_PARTS - 1].count) >= CACHE_LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_of_many_threads_is_counted),
        cmocka_unit_test(a_thread_lowers_what_another_raised),
        cmocka_unit_test(cleared_it_counts_nothing_of_anybody),
        cmocka_unit_test(no_two_parts_share_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
