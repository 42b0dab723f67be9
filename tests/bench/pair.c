/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS         31
#define SLICE_SECONDS 0.05
#define PROBE_ROUNDS  5

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_clock(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

/* Neither arm waits for anything but the processor: time that other processes had is not part of it. */
static double work_clock(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
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

/* Seconds of one round; negative when one fails. */
static double slice(bench_side *side, unsigned long rounds)
{
    double start = work_clock();

    for (unsigned long i = 0; i < rounds; i++, side->rounds++)
        if (!side->round(side->arm))
            return -1;
    return (work_clock() - start) / (double)rounds;
}

/* How many rounds fill a slice; 0 when one fails. */
static unsigned long slice_rounds(bench_side *side)
{
    double each = slice(side, PROBE_ROUNDS);

    if (each < 0)
        return 0;
    return each >= SLICE_SECONDS ? 1 : (unsigned long)(SLICE_SECONDS / each) + 1;
}

bool bench_pair_run(bench_side *ours, bench_side *theirs, bench_pair *result)
{
    double ratios[PAIRS], our_times[PAIRS], their_times[PAIRS];
    unsigned long our_rounds = slice_rounds(ours), their_rounds = slice_rounds(theirs);

    if (our_rounds == 0 || their_rounds == 0) {
        fprintf(stderr, "%s arm fails at its first rounds\n", our_rounds == 0 ? "our" : "the bare");
        return false;
    }
    for (size_t i = 0; i < PAIRS; i++) {
        if (i % 2 == 0)
            our_times[i] = slice(ours, our_rounds);
        their_times[i] = slice(theirs, their_rounds);
        if (i % 2 == 1)
            our_times[i] = slice(ours, our_rounds);
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
