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
    if (EVP_PKEY_get_base_id(arm->key) != EVP_PKEY_RSA)
        return;
    arm->padding[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, pss, 0);
    arm->padding[1] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt, 0);
    arm->padding[2] = OSSL_PARAM_construct_end();
}

bare_arm *bare_arm_new(const bare_input *input)
{
    bare_arm *arm = calloc(1, sizeof(*arm));

    if (arm == NULL)
        return NULL;
    arm->input = input;
    arm->key = leaf_key(input->certs[0]);
    arm->verify = EVP_MD_CTX_new();
    if (arm->key == NULL || arm->verify == NULL) {
        bare_arm_free(arm);
        return NULL;
    }
    set_padding(arm);
    if (EVP_DigestVerifyInit_ex(arm->verify, NULL, input->digest, NULL, NULL, arm->key, arm->padding) != 1) {
        bare_arm_free(arm);
        return NULL;
    }
    return arm;
}

void bare_arm_free(bare_arm *arm)
{
    if (arm == NULL)
        return;
    EVP_MD_CTX_free(arm->verify);
    EVP_PKEY_free(arm->key);
    free(arm);
}
