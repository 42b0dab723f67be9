/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that nobody has the private half of: enough to ask which algorithm fits. */
#ifndef SIGB_TESTS_PUBKEYS_H
#define SIGB_TESTS_PUBKEYS_H

#include <openssl/types.h>

/* "P-256", "P-384", "P-521", "secp256k1", "Ed25519", "X25519", "RSA-<bits>". The caller frees. */
EVP_PKEY *pubkey_of_nobody(const char *type);

#endif
