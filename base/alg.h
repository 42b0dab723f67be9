/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms: adding one is adding a row to alg.c. */
#ifndef SIGB_BASE_ALG_H
#define SIGB_BASE_ALG_H

#include <openssl/types.h>

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>

typedef enum alg_family {
    ALG_ECDSA,   /* signature r || s */
    ALG_RSA_PSS, /* MGF1 and salt by the same digest (RFC 8230) */
    ALG_PURE     /* signs the message itself: EdDSA, ML-DSA */
} alg_family;

typedef struct alg_row {
    sigb_alg id;
    const char *name;
    alg_family family;
    const char *digest; /* OpenSSL name of the digest; NULL for ALG_PURE */
    size_t digest_len;  /* bytes; also the PSS salt */
    const char *key;    /* type of the key, as OpenSSL names it */
    const char *group;  /* EC group, as OpenSSL names it; NULL otherwise */
    size_t coord;       /* bytes of r and of s; 0 unless ALG_ECDSA */
    bool mst;           /* accepted by the mst profile */
} alg_row;

/* NULL if the table has no such row. */
const alg_row *alg_row_of(int64_t id);

/* True if a signature of this algorithm can be made with this key (type, curve, RSA of 2048 bits and more). */
bool alg_fits_key(const alg_row *row, const EVP_PKEY *key);

/* The row that stands for this key by default, NULL if the key fits none. */
const alg_row *alg_default_for(const EVP_PKEY *key);

/* sigb_alg_for_key() for a key that is parsed already. */
SIGB_CHECK sigb_rc alg_choose(const EVP_PKEY *key, sigb_alg wanted, sigb_profile profile, sigb_alg *alg,
                              sigb_diag *diag);

/* Exact length of a raw signature: 2 * coord, the modulus, or what the scheme fixes. */
size_t alg_signature_len(const alg_row *row, const EVP_PKEY *key);

typedef struct hash_row {
    sigb_hash id;
    const char *name;   /* as in did:x509: "sha256" */
    const char *digest; /* OpenSSL name */
    size_t len;         /* bytes */
} hash_row;

/* NULL if the table has no such row. */
const hash_row *hash_row_of(int64_t id);

#endif
