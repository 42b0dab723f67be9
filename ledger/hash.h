/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 over parts: what the leaves and nodes of both trees are made with. */
#ifndef SIGB_LEDGER_HASH_H
#define SIGB_LEDGER_HASH_H

#include <openssl/types.h>

#include <sigbridge/bytes.h>

#define HASH_LEN 32

typedef struct hash {
    uint8_t bytes[HASH_LEN];
} hash;

/* One context for many hashes: to make one costs more than a short hash. Belongs to one thread at a time. */
typedef struct hasher {
    EVP_MD_CTX *ctx;
    bool failed; /* OpenSSL refused; what was made since then is of no use */
} hasher;

/* SIGB_E_MEMORY. End with hasher_free(). */
SIGB_CHECK sigb_rc hasher_init(hasher *made, sigb_diag *diag);
void hasher_free(hasher *done);

/* The digest of the parts behind one another; `out` may be among them. */
void hash_parts(hasher *with, const sigb_bytes *parts, size_t count, hash *out);

/* The same of two. */
void hash_pair(hasher *with, sigb_bytes left, sigb_bytes right, hash *out);

static inline sigb_bytes hash_bytes(const hash *h)
{
    return sigb_bytes_of(h->bytes, HASH_LEN);
}

/* A refusal if anything failed: to be asked before a digest is used. */
SIGB_CHECK sigb_rc hasher_check(const hasher *with, sigb_diag *diag);

#endif
