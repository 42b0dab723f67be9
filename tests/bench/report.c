/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>

bench_outcome bench_worse(bench_outcome a, bench_outcome b)
{
    return a > b ? a : b;
}

bool bench_line_met(const bench_line *line)
{
    return line->higher ? line->ratio >= line->target : line->ratio <= line->target;
}

static void print_measured(const bench_line *line)
{
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"against\":\"%s\",\"ratio\":%.3f", line->name,
           line->value, line->unit, line->against, line->ratio);
}

bench_outcome bench_line_print(const bench_line *line)
{
    print_measured(line);
    printf(",\"target\":%.2f,\"better\":\"%s\"}\n", line->target, line->higher ? "higher" : "lower");
    fflush(stdout);
    return bench_line_met(line) ? BENCH_MET : BENCH_MISSED;
}

void bench_line_state(const bench_line *line)
{
    print_measured(line);
    printf("}\n");
    fflush(stdout);
}
