/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are looked at when they end: see ends_main.c, reload_main.c, evp_ends_main.c. */
#ifndef SIGB_TESTS_ENDING_H
#define SIGB_TESTS_ENDING_H

/*
 * Runs the program (absolute path first, NULL last) some times, for an end is a race which is not lost each time: it must
 * end with status 0 and say nothing. SIGBRIDGE_WRAPPER names a command that it is run by, once: ci/check-valgrind's.
 */
void ending_run(const char *const argv[]);

#endif
