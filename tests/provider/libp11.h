/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the stage's token as applications of libp11 have it: an EVP_PKEY. Through the fault module. */
#ifndef SIGB_TESTS_PROVIDER_LIBP11_H
#define SIGB_TESTS_PROVIDER_LIBP11_H

#include <libp11.h>

typedef struct libp11_key {
    PKCS11_CTX *ctx;
    PKCS11_SLOT *slots;
    unsigned count;
    EVP_PKEY *pkey;
} libp11_key;

/* Logs in to the first token there is; fails the test where it has no such key. */
void libp11_open(libp11_key *key, const char *label);
void libp11_close(libp11_key *key);

#endif
