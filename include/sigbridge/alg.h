/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature and hash algorithms by their COSE numbers (IANA "COSE Algorithms";
 * RFC 9053, RFC 8230, RFC 9054, RFC 9864, RFC 9964), and the profiles that
 * choose among them.
 */
#ifndef SIGBRIDGE_ALG_H
#define SIGBRIDGE_ALG_H

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef enum sigb_alg {
    SIGB_ALG_NONE = 0, /* "the one that fits the key" where an algorithm is asked for */
    SIGB_ES256 = -7,
    SIGB_EDDSA = -8,
    SIGB_ESP256 = -9,
    SIGB_ED25519 = -19,
    SIGB_ES384 = -35,
    SIGB_ES512 = -36,
    SIGB_PS256 = -37,
    SIGB_PS384 = -38,
    SIGB_PS512 = -39,
    SIGB_ML_DSA_44 = -48,
    SIGB_ML_DSA_65 = -49,
    SIGB_ML_DSA_87 = -50,
    SIGB_ESP384 = -51,
    SIGB_ESP512 = -52,
    SIGB_ED448 = -53
} sigb_alg;

/* Hashes of x5t (34), of hash envelopes (258) and of did:x509 fingerprints. */
typedef enum sigb_hash {
    SIGB_HASH_NONE = 0,
    SIGB_SHA256 = -16,
    SIGB_SHA384 = -43,
    SIGB_SHA512 = -44
} sigb_hash;

typedef enum sigb_profile {
    SIGB_PROFILE_MST = 0, /* what Microsoft's Signing Transparency accepts */
    SIGB_PROFILE_COSE = 1 /* any COSE_Sign1 with a did:x509 issuer: EdDSA, detached payloads, no svn */
} sigb_profile;

/* "ES256"; NULL for a number that is not in the table. Static. */
const char *sigb_alg_name(sigb_alg alg);

/* By name, exactly as sigb_alg_name() gives it; SIGB_ALG_NONE if there is none. */
sigb_alg sigb_alg_find(const char *name);

/* "sha256"; NULL for a number that is not in the table. Static. */
const char *sigb_hash_name(sigb_hash hash);

/* By name: "sha256", "sha384", "sha512"; SIGB_HASH_NONE if there is none. */
sigb_hash sigb_hash_find(const char *name);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
