/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that start a slice together, and live through all slices: what a thread pays once is paid before. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "pair.h"

typedef struct bench_crew bench_crew;

/* One thread is the caller's own. NULL on failure. */
bench_crew *bench_crew_new(unsigned threads);

/* Seconds from the common start until the last has made so many rounds, each thread; negative when a round fails. */
double bench_crew_run(bench_crew *crew, bench_side *side, unsigned long rounds, bench_time time);

void bench_crew_free(bench_crew *crew);

#endif
