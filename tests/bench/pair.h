/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two arms timed against each other: slices of about 50 ms, ours and theirs in
 * turn, each pair with the other order, so that whatever else the machine does
 * meets both. The ratio is the median of the pairs.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_MAX_THREADS 16

/* One unit of work; false when it fails. */
typedef bool (*bench_round_fn)(void *arm);

typedef struct bench_side {
    bench_round_fn round;
    void *arms[BENCH_MAX_THREADS]; /* one for each thread */
    unsigned long rounds;          /* made so far, by all threads */
    void (*rest)(void);            /* called by each thread after its rounds of a slice; may be NULL */
} bench_side;

typedef enum bench_time {
    BENCH_PROCESSOR, /* of the whole process: for arms that wait for nothing but the processor */
    BENCH_WALL,      /* for arms whose threads wait for each other, or for time to pass */
} bench_time;

typedef struct bench_pair {
    double ratio;  /* our speed through theirs: 1 is level, more is faster */
    double ours;   /* seconds that a thread takes for a round of ours, median of the slices */
    double theirs; /* the same of the other arm */
} bench_pair;

/* In so many threads, all of which make the same number of rounds. False when a round fails; the reason is on stderr. */
bool bench_pair_run(bench_side *ours, bench_side *theirs, unsigned threads, bench_time time,
                    bench_pair *result);

/* The median; sorts `values`. */
double bench_median(double *values, size_t count);

/* Seconds of a wall clock that only moves forward. */
double bench_clock(void);

#endif
