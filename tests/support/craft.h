/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as nobody should make them: any header, signed by a token key all the same. */
#ifndef SIGB_TESTS_CRAFT_H
#define SIGB_TESTS_CRAFT_H

#include "tests/support/pki.h"

/* What it says. Zero leaves a header or claim out. */
typedef struct craft {
    sigb_alg alg;     /* what is signed with */
    int64_t claimed;  /* what label 1 says, if not alg */
    const char *crit; /* encoded value of label 2, as hexadecimal */
    const char *type; /* label 3, or 259 of an envelope */
    const char *iss, *sub;
    bool no_claims;
    int64_t iat;
    bool has_svn, has_exp;
    int64_t svn;
    sigb_bytes chain; /* DER */
    sigb_hash x5t;
    bool wrong_x5t;
    sigb_hash hash; /* 258: the payload is a digest */
    int64_t claimed_hash;
    bool detached;
    sigb_bytes payload;
    bool broken;             /* a flipped bit in the signature */
    bool cut;                /* a byte short */
    const char *unprotected; /* the encoded map, as hexadecimal; NULL: empty */
} craft;

/* Appends the statement. */
void craft_put(pki *in, const pki_key *key, const craft *says, sigb_buf *statement);

#define CRAFT_DAY 86400

/*
 * A statement over "payload" whose leaf was valid for a day before and a day after
 * PKI_NOW alone: whether it still is depends on a witness. Appends the root of its
 * chain, the statement, and the same with its payload beside it (NULL: not wanted).
 */
void craft_short_lived(pki *in, sigb_buf *root, sigb_buf *plain, sigb_buf *detached);

#endif
