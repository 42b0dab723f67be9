/* SPDX-License-Identifier: Apache-2.0 */
/* A key as an application of OpenSSL has it, and what it signs with it. */
#ifndef BENCH_EVP_KEY_H
#define BENCH_EVP_KEY_H

#include <openssl/evp.h>

#include "key.h"

/* What is done with a type of key. */
typedef struct bench_scheme {
    const char *key;    /* "P-256" */
    const char *digest; /* NULL: signs messages, not digests */
    bool rsa;           /* RSASSA-PSS; else ECDSA or EdDSA */
} bench_scheme;

/* NULL with words on stderr. */
const bench_scheme *bench_scheme_of(const char *key_name);

typedef struct bench_evp {
    const bench_scheme *scheme;
    OSSL_LIB_CTX *libctx; /* with what its configuration names */
    EVP_PKEY *key;
} bench_evp;

/* By its URI, through OSSL_STORE. False with words on stderr. To be closed in either case. */
bool bench_evp_open(bench_evp *evp, const bench_key *key, const char *configuration);
void bench_evp_close(bench_evp *evp);

/* Prints OpenSSL's errors. False. */
bool bench_evp_failed(const char *what);

/* One thread's. */
typedef struct bench_evp_arm {
    const bench_evp *evp;
    EVP_PKEY_CTX *ctx; /* for all signatures over the digest */
    uint8_t message[1024];
    uint8_t digest[EVP_MAX_MD_SIZE]; /* of the message */
    size_t digest_len;
    uint8_t signature[512]; /* the last that was made */
    size_t len;
} bench_evp_arm;

/* False with words on stderr. To be freed in either case. NULL ctx where the key signs no digests. */
bool bench_evp_arm_ready(bench_evp_arm *arm, const bench_evp *evp);
void bench_evp_arm_free(bench_evp_arm *arm);

/* Have bench_evp_sign_round() ready. */
bool bench_evp_arm_reuse(bench_evp_arm *arm);

/* EVP_PKEY_sign, in the context that is there already. A bench_round_fn, as the next one. */
bool bench_evp_sign_round(void *arm);

/* A context for one signature over a message. NULL with words on stderr. */
EVP_MD_CTX *bench_evp_begin(const bench_evp_arm *arm);

/* EVP_DigestSign over the message, in a context that is made for it. */
bool bench_evp_digest_round(void *arm);

/* Software's judgement of the last signature. `key` has the public half. */
bool bench_evp_require_right(const bench_evp_arm *arm, EVP_PKEY *key);

#endif
