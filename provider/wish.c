/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Padding and salt as RSA-PSS is usually asked for. Whoever knows them needs no
 * twin, and the twin of each context is dearer than all else that is done for a
 * signature here. What is unusual, or wrong, is left to the twin to judge.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "provider/provider.h"

typedef struct word {
    const char *text;
    int value;
} word;

/* A number, or one of these words for it. */
static bool read_number(const OSSL_PARAM *param, const word *words, size_t count, int *value)
{
    const char *text = param->data;
    size_t len;

    if (text == NULL || param->data_type != OSSL_PARAM_UTF8_STRING)
        return text != NULL && OSSL_PARAM_get_int(param, value) > 0;
    len = strnlen(text, param->data_size);
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i].text) == len && memcmp(words[i].text, text, len) == 0) {
            *value = words[i].value;
            return true;
        }
    return false;
}

static bool take_padding(prov_wish *wish, const OSSL_PARAM *param)
{
    static const word words[] = {{OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING}};
    int padding = 0;

    wish->pss = read_number(param, words, COUNT(words), &padding) && padding == RSA_PKCS1_PSS_PADDING;
    return wish->pss;
}

/* Only PSS has a salt. */
static bool take_salt(prov_wish *wish, const OSSL_PARAM *param)
{
    static const word words[] = {{OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST},
                                 {OSSL_PKEY_RSA_PSS_SALT_LEN_MAX, RSA_PSS_SALTLEN_MAX},
                                 {OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO, RSA_PSS_SALTLEN_AUTO}};

    wish->has_salt = wish->pss && read_number(param, words, COUNT(words), &wish->salt) &&
                     wish->salt >= RSA_PSS_SALTLEN_MAX;
    return wish->has_salt;
}

bool prov_wish_take(prov_wish *wish, const OSSL_PARAM params[])
{
    prov_wish taken = *wish;
    bool good = true;

    for (const OSSL_PARAM *p = params; good && p->key != NULL; p++) {
        if (strcmp(p->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0)
            good = take_padding(&taken, p);
        else
            good = strcmp(p->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0 && take_salt(&taken, p);
    }
    if (good)
        *wish = taken;
    return good;
}

bool prov_wish_tell(const prov_wish *wish, EVP_PKEY_CTX *twin)
{
    return (!wish->pss || EVP_PKEY_CTX_set_rsa_padding(twin, RSA_PKCS1_PSS_PADDING) > 0) &&
           (!wish->has_salt || EVP_PKEY_CTX_set_rsa_pss_saltlen(twin, wish->salt) > 0);
}
