/* SPDX-License-Identifier: Apache-2.0 */
/* What any way to sign must keep to, apart from its speed. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include "pair.h"
#include "report.h"
#include "through.h"

/* The control of the module that counts, with `module` behind it. NULL with words on stderr. */
bench_through *bench_through_load(const char *path, const char *module);

/* C_SignInit and C_Sign for each round, and nothing else; a round before settles what the first signature has to. */
bench_outcome bench_hold_calls(const char *name, bench_through *through, bench_round_fn round, void *arm);

#define BENCH_GROWN_SIGNATURES 100000

/* No growth of the heap, the module's own included, over so many rounds. */
bench_outcome bench_hold_growth(const char *name, bench_round_fn round, void *arm, unsigned rounds);

#endif
