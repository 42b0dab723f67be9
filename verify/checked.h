/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain that passed every check of one policy, and a bounded memory of such
 * chains. What is remembered is the chain, never a signature: each statement's
 * own is always verified with the leaf key kept here.
 */
#ifndef SIGB_VERIFY_CHECKED_H
#define SIGB_VERIFY_CHECKED_H

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/x509.h>

#include "base/pubkey.h"
#include "issuer/chain.h"

/* Immutable once it is shared; the last reference frees it. */
typedef struct checked {
    atomic_int references;
    sigb_buf x5chain, iss; /* the bytes it was checked for, as they stand in the statement */
    sigb_buf certs;        /* DER, leaf first */
    verifier *leaf;        /* its key */
    uint8_t sha256[64];    /* of the leaf: 32 bytes of it */
    chain_window window;
    bool key_usage_absent;
    bool eku_pinned;
} checked;

checked *checked_new(void);
checked *checked_ref(checked *chain);
void checked_free(checked *chain); /* gives one reference back; NULL is allowed */

#define MEMORY_ROOM 8

typedef struct chain_memory {
    pthread_mutex_t lock;
    checked *chains[MEMORY_ROOM];
    size_t next; /* the oldest, to be replaced */
} chain_memory;

void memory_init(chain_memory *memory);

/* Forgets everything: another policy may judge otherwise. */
void memory_clear(chain_memory *memory);
void memory_destroy(chain_memory *memory);

/* The chain that was checked for exactly these bytes and still holds at this time, with a reference; or NULL. */
checked *memory_find(chain_memory *memory, sigb_bytes x5chain, sigb_bytes iss, int64_t at);

/* Remembers it in place of the oldest. */
void memory_put(chain_memory *memory, checked *chain);

#endif
