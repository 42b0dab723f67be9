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

    EVP_MD_CTX *hash; /* initialised once with the digest */

    CK_FUNCTION_LIST *functions; /* counted */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    unsigned char digest[64];
    CK_ULONG digest_len;
    unsigned char signature[512]; /* the last that was made */
    CK_ULONG signature_len;
};

/* An arm with nothing but its input. NULL on failure. */
bare_arm *bare_arm_new(const bare_input *input);

/* The arm if all is good; else it is freed, and NULL. */
bare_arm *bare_arm_made(bare_arm *arm, bool good);

/* Has the leaf's key ready for verification. */
bool bare_arm_read_key(bare_arm *arm);

/* Has the ledger's key ready for verification. */
bool bare_arm_read_ledger_key(bare_arm *arm);

/* Has SHA-256 ready, which trees are made with. */
bool bare_arm_ready_tree_hash(bare_arm *arm);

/* Has the digest ready: a round begins by an initialisation that names none. */
bool bare_arm_ready_hash(bare_arm *arm);

/* Loads the module, initialises it, and finds the token. */
bool bare_token_reach(bare_arm *arm);

/* Opens a session, logs in, and finds the key. */
bool bare_token_enter(bare_arm *arm);

/* Both. */
bool bare_token_open(bare_arm *arm);

/* C_SignInit and C_Sign over the digest that the arm has. */
bool bare_token_sign(bare_arm *arm);

/* Hashes what is to be signed. */
bool bare_hash(bare_arm *arm);

/* Verifies the input's signature with the key that the arm has. */
bool bare_digest_verify(bare_arm *arm);

#endif
