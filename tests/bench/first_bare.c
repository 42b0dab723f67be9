/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same as first.c by hand, in a process that knows nothing of this project.
 *
 *   bench_first_bare MODULE TOKEN KEY PIN
 */
#include <stdio.h>
#include <string.h>

#include "bare/bare.h"
#include "report.h"

int main(int argc, char **argv)
{
    static unsigned char tbs[1024];
    bare_input input = {.digest = "SHA2-256", .tbs = {tbs, sizeof(tbs)}};
    bare_arm *arm;
    bool good;

    if (argc != 5) {
        fprintf(stderr, "usage: %s MODULE TOKEN KEY PIN\n", argv[0]);
        return BENCH_FAILED;
    }
    memset(tbs, 'x', sizeof(tbs));
    input.module = argv[1];
    input.token = argv[2];
    input.key = argv[3];
    input.pin = argv[4];
    arm = bare_first_new(&input);
    good = arm != NULL && bare_first_round(arm) && bare_counts_match(BARE_FIRST_CALLS, 1);
    bare_arm_free(arm);
    return good ? BENCH_MET : BENCH_FAILED;
}
