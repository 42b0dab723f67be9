/* SPDX-License-Identifier: Apache-2.0 */
/* What MODULE_OPTIONS and SIGNER_OPTIONS say, for the library. */
#ifndef SIGB_CLI_MODULE_H
#define SIGB_CLI_MODULE_H

#include <sigbridge/signer.h>

#include "cli/pin.h"
#include "cli/report.h"

/* How to reach the module and ask for PINs; no timeout. */
sigb_pkcs11_options module_options(const module_args *args, struct pins *pins, struct report *report);

/* What --token-timeout says; NULL: the default. SIGB_E_USAGE. */
SIGB_CHECK sigb_rc timeout_option(const char *text, unsigned *timeout_ms, sigb_diag *diag);

/* Adds how the key is held. SIGB_E_USAGE: a timeout that is no number of seconds. */
SIGB_CHECK sigb_rc signer_options(const signer_args *args, sigb_pkcs11_options *options, sigb_diag *diag);

#endif
