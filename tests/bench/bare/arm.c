/* SPDX-License-Identifier: Apache-2.0 */
/* Made once, before any clock runs. */
#include "arm.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/x509.h>

static EVP_PKEY *leaf_key(bare_bytes der)
{
    const unsigned char *p = der.ptr;
    X509 *leaf = d2i_X509(NULL, &p, (long)der.len);
    EVP_PKEY *key = leaf == NULL ? NULL : X509_get_pubkey(leaf);

    X509_free(leaf);
    return key;
}

static void set_padding(bare_arm *arm)
{
    static char pss[] = OSSL_PKEY_RSA_PAD_MODE_PSS, salt[] = OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST;

    arm->padding[0] = OSSL_PARAM_construct_end();
    if (!arm->input->rsa)
        return;
    arm->padding[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, pss, 0);
    arm->padding[1] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt, 0);
    arm->padding[2] = OSSL_PARAM_construct_end();
}

bare_arm *bare_arm_new(const bare_input *input)
{
    bare_arm *arm = calloc(1, sizeof(*arm));

    if (arm != NULL)
        arm->input = input;
    return arm;
}

static bool ready_verify(bare_arm *arm)
{
    arm->verify = EVP_MD_CTX_new();
    if (arm->key == NULL || arm->verify == NULL)
        return false;
    set_padding(arm);
    return EVP_DigestVerifyInit_ex(arm->verify, NULL, arm->input->digest, NULL, NULL, arm->key,
                                   arm->padding) == 1;
}

bool bare_arm_read_key(bare_arm *arm)
{
    arm->key = leaf_key(arm->input->certs[0]);
    return ready_verify(arm);
}

bool bare_arm_read_ledger_key(bare_arm *arm)
{
    const unsigned char *p = arm->input->spki.ptr;

    arm->key = d2i_PUBKEY(NULL, &p, (long)arm->input->spki.len);
    return ready_verify(arm);
}

bool bare_hash(bare_arm *arm)
{
    size_t len = 0;
    bare_bytes tbs = arm->input->tbs;

    if (EVP_Q_digest(NULL, arm->input->digest, NULL, tbs.ptr, tbs.len, arm->digest, &len) != 1)
        return false;
    arm->digest_len = len;
    return true;
}

static bool ready_hash(bare_arm *arm, const char *digest)
{
    EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
    bool ready;

    arm->hash = EVP_MD_CTX_new();
    ready = md != NULL && arm->hash != NULL && EVP_DigestInit_ex2(arm->hash, md, NULL) == 1;
    EVP_MD_free(md); /* the context has a reference */
    return ready;
}

bool bare_arm_ready_hash(bare_arm *arm)
{
    return ready_hash(arm, arm->input->digest);
}

bool bare_arm_ready_tree_hash(bare_arm *arm)
{
    return ready_hash(arm, "SHA2-256");
}

bare_arm *bare_arm_made(bare_arm *arm, bool good)
{
    if (good)
        return arm;
    bare_arm_free(arm);
    return NULL;
}

void bare_arm_free(bare_arm *arm)
{
    if (arm == NULL)
        return;
    EVP_MD_CTX_free(arm->hash);
    EVP_MD_CTX_free(arm->verify);
    EVP_PKEY_free(arm->key);
    free(arm);
}
