/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by their numbers, as COSE_Key and JWK have them. */
#include "ledger/keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/error.h"

/* RFC 9053, 7.1 and 7.2; RFC 7518, 6.2; RFC 8037, 2 */
static const key_curve CURVES[] = {
    {1, "P-256", KEY_EC2, "prime256v1", 32}, {2, "P-384", KEY_EC2, "secp384r1", 48},
    {3, "P-521", KEY_EC2, "secp521r1", 66},  {6, "Ed25519", KEY_OKP, "ED25519", 32},
    {7, "Ed448", KEY_OKP, "ED448", 57},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const key_curve *key_curve_of(key_kind kind, int64_t crv, const char *jwk)
{
    for (size_t i = 0; i < COUNT(CURVES); i++)
        if (CURVES[i].kind == kind && (jwk == NULL ? CURVES[i].crv == crv : strcmp(CURVES[i].jwk, jwk) == 0))
            return &CURVES[i];
    return NULL;
}

/* By the algorithm that fits it: each curve has one. */
const key_curve *key_curve_of_key(const EVP_PKEY *key)
{
    const alg_row *row = alg_default_for(key);

    for (size_t i = 0; row != NULL && i < COUNT(CURVES); i++)
        if (strcmp(CURVES[i].openssl, row->group != NULL ? row->group : row->key) == 0)
            return &CURVES[i];
    return NULL;
}

static sigb_rc key_of(const key_numbers *numbers, EVP_PKEY **key, sigb_diag *diag)
{
    switch (numbers->kind) {
    case KEY_EC2:
        return pubkey_of_point(numbers->curve->openssl, numbers->first, numbers->second, key, diag);
    case KEY_OKP:
        return pubkey_of_raw(numbers->curve->openssl, numbers->first, key, diag);
    case KEY_RSA:
        return pubkey_of_modulus(numbers->first, numbers->second, key, diag);
    }
    return sigb_fail(diag, SIGB_E_INTERNAL, "a key of no kind");
}

sigb_rc sink_put_numbers(key_sink *to, const key_numbers *numbers, sigb_bytes named)
{
    EVP_PKEY *key = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = key_of(numbers, &key, &why);

    if (rc == SIGB_OK)
        return sink_put(to, key, named);
    if (rc != SIGB_E_KEY_UNSUPPORTED)
        return sigb_fail(to->diag, rc, "%s", why.text);
    return sigb_fail(to->diag, SIGB_E_LEDGER_KEYS, "a key of the ledger is malformed: %s; get the keys anew",
                     why.text);
}
