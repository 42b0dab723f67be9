/* SPDX-License-Identifier: Apache-2.0 */
/* The fault module (its path is FAULT_MODULE) in front of SoftHSM, and what steers it from a C test. */
#ifndef SIGB_TESTS_FAULT_H
#define SIGB_TESTS_FAULT_H

#include "tests/fault/control.h"

/* Loads it, with an empty plan. It stays for the process's life. */
const fault_control *fault_load(void);

#endif
