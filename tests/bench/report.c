/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>

bool bench_line_met(const bench_line *line)
{
    return line->higher ? line->ratio >= line->target : line->ratio <= line->target;
}

static bool last_missed;

bool bench_last_missed(void)
{
    return last_missed;
}

bool bench_line_print(const bench_line *line)
{
    printf(
        "{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\",\"against\":\"%s\",\"ratio\":%.3f,\"target\":%.2f,"
        "\"better\":\"%s\"}\n",
        line->name, line->value, line->unit, line->against, line->ratio, line->target,
        line->higher ? "higher" : "lower");
    fflush(stdout);
    last_missed = !bench_line_met(line);
    return !last_missed;
}
