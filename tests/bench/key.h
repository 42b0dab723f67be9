/* SPDX-License-Identifier: Apache-2.0 */
/* The key that a benchmark signs with, as its command line names it. */
#ifndef BENCH_KEY_H
#define BENCH_KEY_H

#include <sigbridge/sigbridge.h>

#include "bare/bare.h"

typedef struct bench_key {
    const char *name; /* "P-256": said with each figure */
    const char *module, *token, *label;
    char *pin_file;
    char pin[64];
} bench_key;

#define BENCH_KEY_USAGE "KEY-NAME MODULE TOKEN KEY PIN-FILE"
#define BENCH_KEY_WORDS 5

/* From these words of a command line; reads the PIN. False with words on stderr. */
bool bench_key_read(bench_key *key, char **words);

/* A signer; module and PIN of `options` are set here. NULL with words on stderr. */
sigb_signer *bench_key_open(bench_key *key, const sigb_pkcs11_options *options);

/* A signer at work: what a round signs, and how. */
typedef struct bench_signing {
    sigb_signer *signer;
    sigb_alg alg; /* the key's own */
    uint8_t tbs[1024];
} bench_signing;

/* Opens the key. False with words on stderr. To be closed in either case. */
bool bench_signing_open(bench_signing *signing, bench_key *key, const sigb_pkcs11_options *options);
void bench_signing_close(bench_signing *signing);

/* One signature. A bench_round_fn: `arm` is a bench_signing, which threads may share. */
bool bench_sign_round(void *arm);

/* What a bare arm needs to do the same with the same key; borrows from both. False with words on stderr. */
bool bench_bare_input(const bench_key *key, const bench_signing *signing, bare_input *input);

/* True for SIGB_OK; else false with words on stderr. */
bool bench_done(sigb_rc rc, const sigb_diag *diag, const char *what);

#endif
