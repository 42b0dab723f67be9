/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two commands timed against each other, a fresh process for every run, ours and
 * theirs in turn.
 *
 *   bench_process NAME AGAINST PAIRS TARGET higher|lower MAX-MIB OURS... --vs THEIRS...
 *
 * "higher": the ratio is our speed through theirs; "lower": our time through
 * theirs. Words NAME=VALUE before a command are its environment's. MAX-MIB bounds
 * the peak memory of ours and gives a line of its own; 0 asks for none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pair.h"
#include "report.h"

#define MAX_PAIRS 101

typedef struct process_plan {
    const char *name, *against;
    size_t pairs;
    double target;
    bool higher;
    double max_mib;
    char **ours, **theirs;
} process_plan;

typedef struct process_result {
    double ratio, seconds, peak_mib;
} process_result;

/* Both outputs of a child go here, and are shown only when it fails. */
static int said = -1;

static _Noreturn void run_child(char **command)
{
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    for (; strchr(*command, '=') != NULL; command++)
        (void)putenv(*command);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

static void show_what_was_said(const char *command, int status)
{
    char text[4096];
    ssize_t len = pread(said, text, sizeof(text), 0);

    fprintf(stderr, "%s ended with status %#x: %.*s\n", command, (unsigned)status, len > 0 ? (int)len : 0,
            text);
}

/* Seconds from fork to exit; negative on failure. This process stays small: until exec the child's peak is ours. */
static double run(char **command, double *peak_mib)
{
    struct rusage usage;
    int status = 0;
    double start, seconds;
    pid_t child;

    if (ftruncate(said, 0) != 0 || lseek(said, 0, SEEK_SET) != 0)
        return -1;
    start = bench_clock();
    child = fork();
    if (child == 0)
        run_child(command);
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return -1;
    seconds = bench_clock() - start;
    if (status != 0) {
        show_what_was_said(command[0], status);
        return -1;
    }
    if ((double)usage.ru_maxrss / 1024 > *peak_mib)
        *peak_mib = (double)usage.ru_maxrss / 1024;
    return seconds;
}

static bool measure(const process_plan *plan, process_result *result)
{
    double ratios[MAX_PAIRS], times[MAX_PAIRS], ignored = 0;

    result->peak_mib = 0;
    for (size_t i = 0; i < plan->pairs; i++) {
        double ours = i % 2 == 0 ? run(plan->ours, &result->peak_mib) : 0;
        double theirs = run(plan->theirs, &ignored);

        if (i % 2 == 1)
            ours = run(plan->ours, &result->peak_mib);
        if (ours < 0 || theirs < 0)
            return false;
        ratios[i] = plan->higher ? theirs / ours : ours / theirs;
        times[i] = ours;
    }
    result->ratio = bench_median(ratios, plan->pairs);
    result->seconds = bench_median(times, plan->pairs);
    return true;
}

static bench_outcome report_peak(const process_plan *plan, double peak_mib)
{
    char name[128];
    bench_line line = {name, peak_mib, "MiB", "a fixed limit", peak_mib / plan->max_mib, 1, false};

    if (plan->max_mib <= 0)
        return BENCH_MET;
    snprintf(name, sizeof(name), "%s, peak memory", plan->name);
    return bench_line_print(&line);
}

static bench_outcome bench(const process_plan *plan)
{
    process_result result = {0};
    bench_outcome outcome;
    bench_line line = {plan->name, 0, "s", plan->against, 0, plan->target, plan->higher};

    for (int i = 0; i < BENCH_TRIES; i++) {
        if (!measure(plan, &result))
            return BENCH_FAILED;
        line.value = result.seconds;
        line.ratio = result.ratio;
        if (bench_line_met(&line))
            break;
    }
    outcome = bench_line_print(&line);
    return bench_worse(outcome, report_peak(plan, result.peak_mib));
}

static bool split(process_plan *plan, char **words)
{
    plan->ours = words;
    for (; *words != NULL; words++)
        if (strcmp(*words, "--vs") == 0) {
            *words = NULL;
            plan->theirs = words + 1;
            return plan->ours[0] != NULL && plan->theirs[0] != NULL;
        }
    return false;
}

int main(int argc, char **argv)
{
    process_plan plan = {0};

    if (argc < 10 || !split(&plan, argv + 7)) {
        fprintf(stderr, "usage: %s NAME AGAINST PAIRS TARGET higher|lower MAX-MIB OURS... --vs THEIRS...\n",
                argv[0]);
        return BENCH_FAILED;
    }
    plan.name = argv[1];
    plan.against = argv[2];
    plan.pairs = strtoul(argv[3], NULL, 10);
    plan.target = strtod(argv[4], NULL);
    plan.higher = strcmp(argv[5], "higher") == 0;
    plan.max_mib = strtod(argv[6], NULL);
    if (plan.pairs == 0 || plan.pairs > MAX_PAIRS) {
        fprintf(stderr, "%s: 1 to %d pairs, not %s\n", argv[0], MAX_PAIRS, argv[3]);
        return BENCH_FAILED;
    }
    said = memfd_create("said", MFD_CLOEXEC);
    if (said < 0) {
        perror("memfd_create");
        return BENCH_FAILED;
    }
    return (int)bench(&plan);
}
