/* SPDX-License-Identifier: Apache-2.0 */
/* What the arms keep between rounds, and the parts that are not timed. */
#ifndef BARE_ARM_H
#define BARE_ARM_H

#include "bare.h"

#include <openssl/core.h>
#include <openssl/evp.h>

struct bare_arm {
    const bare_input *input;
    EVP_MD_CTX *verify; /* initialised once with the leaf's key */
    EVP_PKEY *key;
    OSSL_PARAM padding[3]; /* RSASSA-PSS with the digest's length of salt; empty for ECDSA */

    CK_FUNCTION_LIST *functions; /* counted; the two calls alone */
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    unsigned char digest[64];
    CK_ULONG digest_len;
};

/* An arm that has the leaf's key ready for verification. NULL on failure. */
bare_arm *bare_arm_new(const bare_input *input);

/* Loads the module, logs in, finds the key, and hashes what is to be signed. */
bool bare_token_open(bare_arm *arm);

/* Verifies the input's signature with the key that the arm has. */
bool bare_digest_verify(bare_arm *arm);

#endif
