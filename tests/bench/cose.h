/* SPDX-License-Identifier: Apache-2.0 */
/* What the bare arms are given of a COSE_Sign1 with ES256 or ES384: the bytes that are signed, and a signature in DER. */
#ifndef BENCH_COSE_H
#define BENCH_COSE_H

#include <sigbridge/bytes.h>

#include "bare/bare.h"

typedef struct bench_cose {
    sigb_buf tbs;       /* Sig_structure */
    unsigned char *der; /* the signature */
    int der_len;
    bool is_p256;
} bench_cose;

/* `payload`: of a detached one. False with words on stderr. To be closed in either case. */
bool bench_cose_open(bench_cose *made, sigb_bytes bytes, sigb_bytes payload);
void bench_cose_close(bench_cose *done);

const char *bench_cose_digest(const bench_cose *of);
bare_bytes bench_cose_tbs(const bench_cose *of);
bare_bytes bench_cose_signature(const bench_cose *of);

#endif
