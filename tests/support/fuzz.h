/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests/fuzz/<noun>_fuzz.c defines. libFuzzer calls it with bytes of its
 * own making (ci/check-fuzz); fuzz_replay.c calls it with the committed corpus,
 * as a test. A property that does not hold aborts.
 */
#ifndef SIGB_TESTS_FUZZ_H
#define SIGB_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert(), not gone in a build with NDEBUG. */
#define FUZZ_REQUIRE(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
