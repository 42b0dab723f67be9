/* SPDX-License-Identifier: Apache-2.0 */
/* Signature schemes, as callers ask for them: COSE knows eleven, OpenSSL many more. */
#ifndef SIGB_PKCS11_SCHEME_H
#define SIGB_PKCS11_SCHEME_H

#include <p11-kit/pkcs11.h>

#include <sigbridge/bytes.h>

#include "base/alg.h"

typedef enum p11_family {
    P11_ECDSA,     /* r || s */
    P11_RSA_PKCS1, /* RSASSA-PKCS1-v1_5 */
    P11_RSA_PSS,
    P11_EDDSA
} p11_family;

#define P11_FAMILIES 4

/* A hash, and what PKCS#11 and RFC 8017 call it. */
typedef struct p11_hash {
    const char *name; /* as OpenSSL names it */
    size_t len;       /* bytes */
    CK_MECHANISM_TYPE type;
    CK_RSA_PKCS_MGF_TYPE mgf; /* MGF1 over it; 0: PKCS#11 has none */
    uint8_t arc;              /* last of its OID, 2.16.840.1.101.3.4.2.arc; 0: SHA-1, which has another */
} p11_hash;

/* By any of its OpenSSL names; NULL: none that signatures are made with here. */
const p11_hash *p11_hash_named(const char *name);

typedef struct p11_scheme {
    p11_family family;
    const p11_hash
        *hash; /* NULL: EdDSA; RSASSA-PKCS1-v1_5 over what is padded as it stands; ECDSA over bytes */
    const p11_hash *mgf; /* RSASSA-PSS */
    size_t salt;         /* bytes; RSASSA-PSS */
    const alg_row *alg;  /* of COSE; NULL: asked for by another name */
} p11_scheme;

p11_scheme scheme_of_alg(const alg_row *alg);

/* "ES256", or "RSA-PSS with SHA2-256", into room. */
const char *scheme_name(const p11_scheme *scheme, char room[48]);

/* DigestInfo up to the digest (RFC 8017, 9.2); returns its length. */
#define DIGEST_INFO_ROOM 19
size_t hash_digest_info(const p11_hash *hash, uint8_t room[DIGEST_INFO_ROOM]);

#endif
