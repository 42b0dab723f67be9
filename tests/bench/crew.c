/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct bench_crew {
    unsigned threads;
    pthread_t hands[BENCH_MAX_THREADS];
    unsigned hired; /* of the hands; the first arm is the caller's */
    atomic_uint next_arm;
    pthread_barrier_t start, finish;
    bench_side *side; /* of the slice under way; NULL: go home */
    unsigned long rounds;
    atomic_bool failed;
};

static void make_rounds(bench_crew *crew, unsigned arm)
{
    const bench_side *side = crew->side;
    bool good = true;

    for (unsigned long i = 0; good && i < crew->rounds; i++)
        good = side->round(side->arms[arm]);
    if (!good)
        atomic_store(&crew->failed, true);
    if (side->rest != NULL)
        side->rest();
}

static void *work(void *arg)
{
    bench_crew *crew = arg;
    unsigned arm = atomic_fetch_add(&crew->next_arm, 1);

    for (;;) {
        (void)pthread_barrier_wait(&crew->start);
        if (crew->side == NULL)
            return NULL;
        make_rounds(crew, arm);
        (void)pthread_barrier_wait(&crew->finish);
    }
}

bench_crew *bench_crew_new(unsigned threads)
{
    bench_crew *crew = calloc(1, sizeof(*crew));

    if (crew == NULL)
        return NULL;
    crew->threads = threads;
    atomic_init(&crew->next_arm, 1);
    (void)pthread_barrier_init(&crew->start, NULL, threads);
    (void)pthread_barrier_init(&crew->finish, NULL, threads);
    for (; crew->hired + 1 < threads; crew->hired++)
        if (pthread_create(&crew->hands[crew->hired], NULL, work, crew) != 0)
            abort(); /* those who were hired wait for the others */
    return crew;
}

static double seconds_of(bench_time time)
{
    struct timespec now;

    clock_gettime(time == BENCH_WALL ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_crew_run(bench_crew *crew, bench_side *side, unsigned long rounds, bench_time time)
{
    double began, ended;

    crew->side = side;
    crew->rounds = rounds;
    (void)pthread_barrier_wait(&crew->start);
    began = seconds_of(time);
    make_rounds(crew, 0);
    (void)pthread_barrier_wait(&crew->finish);
    ended = seconds_of(time);
    side->rounds += rounds * crew->threads;
    return atomic_load(&crew->failed) ? -1 : ended - began;
}

void bench_crew_free(bench_crew *crew)
{
    if (crew == NULL)
        return;
    crew->side = NULL;
    (void)pthread_barrier_wait(&crew->start);
    for (unsigned i = 0; i < crew->hired; i++)
        (void)pthread_join(crew->hands[i], NULL);
    (void)pthread_barrier_destroy(&crew->start);
    (void)pthread_barrier_destroy(&crew->finish);
    free(crew);
}
