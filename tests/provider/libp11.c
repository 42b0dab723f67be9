/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/provider/libp11.h"

#include <openssl/evp.h>

#include "tests/support/softhsm.h"

static PKCS11_TOKEN *open_token(libp11_key *key)
{
    key->ctx = PKCS11_CTX_new();
    assert_non_null(key->ctx);
    assert_int_equal(PKCS11_CTX_load(key->ctx, FAULT_MODULE), 0);
    assert_int_equal(PKCS11_enumerate_slots(key->ctx, &key->slots, &key->count), 0);
    for (unsigned i = 0; i < key->count; i++)
        if (key->slots[i].token != NULL && key->slots[i].token->initialized) {
            assert_int_equal(PKCS11_open_session(&key->slots[i], 0), 0);
            assert_int_equal(PKCS11_login(&key->slots[i], 0, SOFTHSM_PIN), 0);
            return key->slots[i].token;
        }
    fail_msg("libp11 finds no token");
    return NULL;
}

void libp11_open(libp11_key *key, const char *label)
{
    PKCS11_TOKEN *token;
    PKCS11_KEY *keys = NULL;
    unsigned count = 0;

    memset(key, 0, sizeof(*key));
    token = open_token(key);
    assert_int_equal(PKCS11_enumerate_keys(token, &keys, &count), 0);
    for (unsigned i = 0; i < count; i++)
        if (keys[i].label != NULL && strcmp(keys[i].label, label) == 0)
            key->pkey = PKCS11_get_private_key(&keys[i]);
    assert_non_null(key->pkey);
}

void libp11_close(libp11_key *key)
{
    EVP_PKEY_free(key->pkey);
    PKCS11_release_all_slots(key->ctx, key->slots, key->count);
    PKCS11_CTX_unload(key->ctx);
    PKCS11_CTX_free(key->ctx);
}
