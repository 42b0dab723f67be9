/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS         31
#define SLICE_SECONDS 0.05
#define PROBE_ROUNDS  5

double bench_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), by_value);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* How both sides are timed. */
typedef struct terms {
    bench_crew *crew;
    bench_time time;
} terms;

/* Seconds of one round; negative when one fails. */
static double slice(const terms *by, bench_side *side, unsigned long rounds)
{
    return bench_crew_run(by->crew, side, rounds, by->time) / (double)rounds;
}

/* How many rounds fill a slice; 0 when one fails. */
static unsigned long slice_rounds(const terms *by, bench_side *side)
{
    double each = slice(by, side, PROBE_ROUNDS);

    if (each < 0)
        return 0;
    return each >= SLICE_SECONDS ? 1 : (unsigned long)(SLICE_SECONDS / each) + 1;
}

static bool take_pairs(const terms *by, bench_side *ours, bench_side *theirs, bench_pair *result)
{
    double ratios[PAIRS], our_times[PAIRS], their_times[PAIRS];
    unsigned long our_rounds = slice_rounds(by, ours), their_rounds = slice_rounds(by, theirs);

    if (our_rounds == 0 || their_rounds == 0) {
        fprintf(stderr, "%s arm fails at its first rounds\n", our_rounds == 0 ? "our" : "the bare");
        return false;
    }
    for (size_t i = 0; i < PAIRS; i++) {
        if (i % 2 == 0)
            our_times[i] = slice(by, ours, our_rounds);
        their_times[i] = slice(by, theirs, their_rounds);
        if (i % 2 == 1)
            our_times[i] = slice(by, ours, our_rounds);
        if (our_times[i] < 0 || their_times[i] < 0) {
            fprintf(stderr, "%s arm fails in pair %zu\n", our_times[i] < 0 ? "our" : "the bare", i);
            return false;
        }
        ratios[i] = their_times[i] / our_times[i];
    }
    result->ratio = bench_median(ratios, PAIRS);
    result->ours = bench_median(our_times, PAIRS);
    result->theirs = bench_median(their_times, PAIRS);
    return true;
}

bool bench_pair_run(bench_side *ours, bench_side *theirs, unsigned threads, bench_time time,
                    bench_pair *result)
{
    terms by = {bench_crew_new(threads), time};
    bool taken = by.crew != NULL && take_pairs(&by, ours, theirs, result);

    bench_crew_free(by.crew);
    return taken;
}
