/* SPDX-License-Identifier: Apache-2.0 */
/* What the bare arms are given of COSE: signatures and chains as libcrypto takes them. */
#ifndef BENCH_COSE_H
#define BENCH_COSE_H

#include <sigbridge/bytes.h>

#include "bare/bare.h"

/* r || s as a SEQUENCE, allocated by OpenSSL; its length, or 0 on failure. */
size_t bench_ecdsa_der(sigb_bytes raw, unsigned char **der);

/* Leaf, issuing CA and root of a chain of exactly these, borrowed. */
bool bench_chain_split(sigb_bytes chain, bare_input *input);

/* Of a COSE_Sign1 with ES256 or ES384: the bytes that are signed, and a signature in DER. */
typedef struct bench_cose {
    sigb_buf tbs;       /* Sig_structure */
    unsigned char *der; /* the signature */
    size_t der_len;
    bool is_p256;
} bench_cose;

/* `payload`: of a detached one. False with words on stderr. To be closed in either case. */
bool bench_cose_open(bench_cose *made, sigb_bytes bytes, sigb_bytes payload);
void bench_cose_close(bench_cose *done);

const char *bench_cose_digest(const bench_cose *of);
bare_bytes bench_cose_tbs(const bench_cose *of);
bare_bytes bench_cose_signature(const bench_cose *of);

#endif
