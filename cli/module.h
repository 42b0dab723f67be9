/* SPDX-License-Identifier: Apache-2.0 */
/* What MODULE_OPTIONS and SIGNER_OPTIONS say, for the library. */
#ifndef SIGB_CLI_MODULE_H
#define SIGB_CLI_MODULE_H

#include <sigbridge/signer.h>

#include "cli/pin.h"
#include "cli/report.h"

/* How to reach the module and ask for PINs; no timeout. */
sigb_pkcs11_options module_options(const module_args *args, struct pins *pins, struct report *report);

#define TIMEOUT_MS        30000
#define KEYGEN_TIMEOUT_MS 300000 /* devices look for primes for minutes */

/* What --token-timeout says; where it does not, text is NULL: unsaid_ms. SIGB_E_USAGE. */
SIGB_CHECK sigb_rc timeout_option(const char *text, unsigned unsaid_ms, unsigned *timeout_ms,
                                  sigb_diag *diag);

/* Adds how the key is held. SIGB_E_USAGE: a timeout that is no number of seconds. */
SIGB_CHECK sigb_rc signer_options(const signer_args *args, sigb_pkcs11_options *options, sigb_diag *diag);

#endif
