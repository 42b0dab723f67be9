/* SPDX-License-Identifier: Apache-2.0 */
/* One measurement, one line of JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

#define BENCH_TRIES 3 /* a measurement that misses its target is taken so often before it counts */

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

/* Prints the line; true when the target is met. */
bool bench_line_print(const bench_line *line);

/* True if the line printed last missed its target: what ended the program then is no error. */
bool bench_last_missed(void);

#endif
