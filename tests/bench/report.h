/* SPDX-License-Identifier: Apache-2.0 */
/* One measurement, one line of JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#define BENCH_TRIES 3 /* a measurement that misses its target is taken so often before it counts */

/* Also the exit status of every program here; the higher number is the worse. */
typedef enum bench_outcome {
    BENCH_MET,
    BENCH_MISSED, /* measured, and not as good as wanted */
    BENCH_FAILED, /* not measured, or measured to be wrong */
} bench_outcome;

bench_outcome bench_worse(bench_outcome a, bench_outcome b);

typedef struct bench_line {
    const char *name; /* of what was measured, with the key */
    double value;
    const char *unit;
    const char *against;
    double ratio;
    double target;
    bool higher; /* a higher ratio is better */
} bench_line;

bool bench_line_met(const bench_line *line);

/* Prints the line, and judges it. */
bench_outcome bench_line_print(const bench_line *line);

/* Prints a line that has no target. */
void bench_line_state(const bench_line *line);

#endif
