/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where PINs come from: a file, a descriptor or a variable if one is named,
 * else the terminal. Named sources are read before any module is loaded, so
 * that no program which a module starts finds them.
 */
#ifndef SIGB_CLI_PIN_H
#define SIGB_CLI_PIN_H

#include <sigbridge/pin.h>

#include "cli/report.h"

struct pin_source {
    const pin_args *args;
    sigb_pin *pin;  /* what was read or typed; NULL: nothing yet */
    sigb_buf token; /* typed for this token alone: serial and label; empty for a named source */
};

struct pins {
    struct pin_source user, so;
};

/* Reads the named sources; `so` may be NULL. SIGB_E_USAGE: two sources, or no number. */
SIGB_CHECK sigb_rc pins_open(struct pins *pins, const pin_args *user, const pin_args *so,
                             struct report *report, sigb_diag *diag);

/* True if a source is named for the user's PIN. */
bool pins_named(const pin_args *args);

/* The sigb_pin_fn; arg is struct pins. */
SIGB_CHECK sigb_rc pins_ask(void *pins, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag);

void pins_close(struct pins *pins);

#endif
