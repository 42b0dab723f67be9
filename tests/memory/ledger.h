/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts and the keys of ledgers, for the sweep. */
#ifndef SIGB_TESTS_MEMORY_LEDGER_H
#define SIGB_TESTS_MEMORY_LEDGER_H

#include "tests/memory/sweep.h"

extern const scenario LEDGER_SCENARIOS[];
extern const size_t LEDGER_SCENARIO_COUNT;

/* A log with the world's statement in it, signed by the world's key; before the sweep begins. */
void ledger_make(void);
void ledger_free(void);

#endif
