/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recovery/events.h"

#include <stdio.h>
#include <stdlib.h>

static int by_size(const void *one, const void *other)
{
    unsigned long a = *(const unsigned long *)one, b = *(const unsigned long *)other;

    return (a > b) - (a < b);
}

static unsigned long *points_of(const run_options *options)
{
    unsigned long *points = calloc(options->points + 1, sizeof(*points));

    if (points == NULL)
        die("no memory");
    srandom((unsigned)options->seed);
    for (unsigned long i = 0; i < options->points; i++)
        points[i] = 1 + (unsigned long)random() % (options->count - 1);
    qsort(points, options->points, sizeof(*points), by_size);
    return points;
}

void conduct(sign_run *run, const other_user *user)
{
    const run_options *options = run->options;
    unsigned long *points = points_of(options);

    (void)printf("seed %lu, events at", options->seed);
    for (unsigned long i = 0; i < options->points; i++)
        (void)printf(" %lu", points[i]);
    (void)printf("\n");
    for (unsigned long i = 0; i < options->points && options->event != NULL; i++) {
        run_wait(run, points[i]);
        atomic_store(&run->slowly, true);
        event_fire(options->event, user, i);
        atomic_store(&run->slowly, false);
        if (options->apart)
            run_wait_well(run);
    }
    free(points);
}
