/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OpenSSL provider that does nothing but what no provider can leave out: it
 * hashes, calls C_SignInit and C_Sign, and writes ECDSA's two numbers as DER. One
 * key, no checks, no repair. What OpenSSL itself costs around a signature is in
 * it, and so it is what ours is held against.
 *
 * The program that measures loads the same file and finds the control in it by
 * name.
 */
#ifndef BENCH_NULL_PROVIDER_H
#define BENCH_NULL_PROVIDER_H

#include "bare/bare.h"

#define NULL_PROVIDER "bench_null" /* the name under which it is loaded */
#define NULL_CONTROL  "bench_null_control"
#define NULL_SESSIONS 2 /* so many threads sign at once */

typedef struct bench_null {
    /* Before the provider is loaded: what its key is, and how it signs; borrowed. */
    bool (*open)(const bare_input *input);
    /* bare_counts_*() of the arms in there; the list is BARE_LOOP_CALLS. */
    void (*counts_reset)(void);
    void (*counts_hand_in)(void);
    bool (*counts_match)(unsigned long rounds);
} bench_null;

#endif
