/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two arms timed against each other: slices of about 50 ms, ours and theirs in
 * turn, each pair with the other order, so that whatever else the machine does
 * meets both. Time is processor time of the whole process. The ratio is the
 * median of the pairs.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <stdbool.h>
#include <stddef.h>

/* One unit of work; false when it fails. */
typedef bool (*bench_round_fn)(void *arm);

typedef struct bench_side {
    bench_round_fn round;
    void *arm;
    unsigned long rounds; /* made so far */
} bench_side;

typedef struct bench_pair {
    double ratio;  /* our speed through theirs: 1 is level, more is faster */
    double ours;   /* seconds of one round of ours, median of the slices */
    double theirs; /* the same of the other arm */
} bench_pair;

/* False when a round fails; the reason is on stderr. */
bool bench_pair_run(bench_side *ours, bench_side *theirs, bench_pair *result);

/* The median; sorts `values`. */
double bench_median(double *values, size_t count);

/* Seconds of a wall clock that only moves forward. */
double bench_clock(void);

#endif
