/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --key says, for the library: a pkcs11: URI leads to a token, store:URI and
 * a file to OpenSSL's providers. Options of the one road are refused on the other.
 */
#ifndef SIGB_CLI_KEY_H
#define SIGB_CLI_KEY_H

#include <sigbridge/signer.h>

#include "cli/module.h"

struct key_road {
    const char *uri;
    bool is_store;
    sigb_pkcs11_options token;
    sigb_store_options store;
    sigb_store_provider providers[OPTION_LIST_MAX];
    sigb_buf names[OPTION_LIST_MAX]; /* of providers that have a path */
};

/*
 * Chooses the road and fills its options; key_road_free() in any case.
 * SIGB_E_USAGE: an option belongs to the other road. SIGB_E_IO: no such file.
 */
SIGB_CHECK sigb_rc key_choose(const key_args *key, struct pins *pins, struct report *report,
                              struct key_road *road, sigb_diag *diag);

/* Who is asked for PINs, in place of the pins that were named. */
void key_ask(struct key_road *road, sigb_pin_fn pin, void *arg);

SIGB_CHECK sigb_rc key_open(const struct key_road *road, sigb_signer **signer, sigb_diag *diag);

void key_road_free(struct key_road *road);

#endif
