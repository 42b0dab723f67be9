/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs statements from several threads while something happens to the token at
 * random points: see events.h. Prints the seed of those points (--seed plays a
 * run again), the account, and exits 0 if every statement came out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/recovery/events.h"
#include "tests/recovery/patient.h"
#include "tests/recovery/signing.h"

int main(int argc, char **argv)
{
    static sign_run run;
    run_options options;
    other_user user;

    run_options_parse(&options, argc, argv);
    other_user_load(&user, options.module);
    if (user.calls != NULL)
        patient_make(user.calls);
    run_open(&run, &options);
    run_start(&run);
    conduct(&run, &user);
    return run_end(&run) && run_is_good(&run) ? EXIT_SUCCESS : EXIT_FAILURE;
}
