/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>

bool bench_line_met(const bench_line *line)
{
    return line->higher ? line->ratio >= line->target : line->ratio <= line->target;
}

bool bench_line_print(const bench_line *line)
{
    printf(
        "{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"against\":\"%s\",\"ratio\":%.3f,\"target\":%.2f,"
        "\"better\":\"%s\"}\n",
        line->name, line->value, line->unit, line->against, line->ratio, line->target,
        line->higher ? "higher" : "lower");
    fflush(stdout);
    return bench_line_met(line);
}
