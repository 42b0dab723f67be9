/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that hands each call on to another one, counts it, and can
 * make C_Sign take longer. The program that measures loads the same file and
 * finds the control in it by name.
 */
#ifndef BENCH_THROUGH_H
#define BENCH_THROUGH_H

#include <stdatomic.h>

#define THROUGH_MODULE  "BENCH_THROUGH_MODULE" /* environment: path of the module behind this one */
#define THROUGH_CONTROL "bench_through_control"

typedef struct bench_through {
    atomic_ulong calls;        /* of any function, the next two included */
    atomic_ulong sign_inits;   /* C_SignInit */
    atomic_ulong signs;        /* C_Sign */
    atomic_uint sign_sleep_us; /* before each C_Sign */
} bench_through;

#endif
