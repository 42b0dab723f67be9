/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The malloc sweep: every allocation that a public function causes is refused
 * in turn. OpenSSL's memory functions are replaced; the file that asks tells
 * whether an allocation is ours or OpenSSL's.
 */
#ifndef SIGB_TESTS_SWEEP_H
#define SIGB_TESTS_SWEEP_H

#include "tests/support/support.h"

/* One call of a public function. run() makes the call, frees what it gave, and returns its result. */
typedef struct scenario {
    const char *function; /* the public function that is called last */
    const char *name;     /* with what */
    sigb_rc wanted;       /* with memory enough */
    sigb_rc (*run)(void);
} scenario;

/* Before anything else in main(): from then on allocations can be counted and refused. */
void sweep_start(void);

/*
 * A PKCS#11 module may use OpenSSL in the same process; its allocations are
 * not refused while *inside is not 0.
 */
void sweep_spare_while(const volatile int *inside);

/*
 * OpenSSL's store and decoders crash by themselves when memory runs out in them (3.0): what
 * OpenSSL allocates between the two is not refused. Ours is.
 */
void sweep_spare_openssl(bool spared);

/* From here to the end of run() there is memory enough: for taking away what the call has made. */
void sweep_over(void);

/*
 * Allocations of ours, refused one by one: each must give SIGB_E_MEMORY and
 * leave nothing allocated. Returns how many there were.
 */
size_t sweep_ours(const scenario *row);

/*
 * OpenSSL's allocations, refused one by one, each in a child of its own: it must
 * not crash, and must never say SIGB_OK to what must be refused. Returns how many.
 */
size_t sweep_openssl(const scenario *row);

#endif
