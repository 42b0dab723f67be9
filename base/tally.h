/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A count that many threads raise and lower at once, and hardly anybody reads.
 * Each thread has its part of it, in a line of the processor's cache that other
 * threads rarely write to: nobody waits for memory that another one has.
 */
#ifndef SIGB_BASE_TALLY_H
#define SIGB_BASE_TALLY_H

#include <stdatomic.h>

#define TALLY_PARTS 8
#define CACHE_LINE  64 /* bytes; where it is another number, threads wait longer and nothing else */

/* Zeroed memory is a count of nothing, and may lie anywhere: the first part keeps away from what stands before. */
typedef struct tally {
    char apart[CACHE_LINE];
    struct {
        atomic_uint count; /* below zero, wrapped round, where another thread took back */
        char apart[CACHE_LINE - sizeof(atomic_uint)];
    } parts[TALLY_PARTS];
} tally;

void tally_raise(tally *counted);

/* By any thread, once for what any thread raised. */
void tally_lower(tally *counted);

/*
 * What was raised and not lowered. The parts are read one after another: of what
 * others do meanwhile some is in it and some is not. So zero tells that nobody is
 * there only once newcomers are turned away: whoever raises looks for that
 * afterwards, whoever reads says it before. All of it is sequentially consistent.
 */
unsigned tally_sum(const tally *counted);

/* Where no other thread knows of it. */
void tally_clear(tally *counted);

#endif
