/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alg.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <sigbridge/signer.h>

#include "base/error.h"
#include "base/pubkey.h"

#define P256 "prime256v1"
#define P384 "secp384r1"
#define P521 "secp521r1"

/*
 * RFC 9053 (ES*, EdDSA), RFC 8230 (PS*), RFC 9864 (fully specified), RFC 9964 (ML-DSA).
 * The mst column is what the ledger's did:x509 path accepts. The order is the
 * order of preference where a key fits several rows.
 */
/* clang-format off */
static const alg_row ALGS[] = {
    /* id              name         family       digest      len  key          group  coord mst */
    {SIGB_ES256,      "ES256",     ALG_ECDSA,   "SHA2-256", 32,  "EC",        P256,  32,   true},
    {SIGB_ES384,      "ES384",     ALG_ECDSA,   "SHA2-384", 48,  "EC",        P384,  48,   true},
    {SIGB_ES512,      "ES512",     ALG_ECDSA,   "SHA2-512", 64,  "EC",        P521,  66,   true},
    {SIGB_PS256,      "PS256",     ALG_RSA_PSS, "SHA2-256", 32,  "RSA",       NULL,  0,    true},
    {SIGB_PS384,      "PS384",     ALG_RSA_PSS, "SHA2-384", 48,  "RSA",       NULL,  0,    true},
    {SIGB_PS512,      "PS512",     ALG_RSA_PSS, "SHA2-512", 64,  "RSA",       NULL,  0,    true},
    {SIGB_EDDSA,      "EdDSA",     ALG_PURE,    NULL,       0,   "ED25519",   NULL,  0,    false},
    {SIGB_ED25519,    "Ed25519",   ALG_PURE,    NULL,       0,   "ED25519",   NULL,  0,    false},
    {SIGB_ED448,      "Ed448",     ALG_PURE,    NULL,       0,   "ED448",     NULL,  0,    false},
    {SIGB_ESP256,     "ESP256",    ALG_ECDSA,   "SHA2-256", 32,  "EC",        P256,  32,   false},
    {SIGB_ESP384,     "ESP384",    ALG_ECDSA,   "SHA2-384", 48,  "EC",        P384,  48,   false},
    {SIGB_ESP512,     "ESP512",    ALG_ECDSA,   "SHA2-512", 64,  "EC",        P521,  66,   false},
    {SIGB_ML_DSA_44,  "ML-DSA-44", ALG_PURE,    NULL,       0,   "ML-DSA-44", NULL,  0,    false},
    {SIGB_ML_DSA_65,  "ML-DSA-65", ALG_PURE,    NULL,       0,   "ML-DSA-65", NULL,  0,    false},
    {SIGB_ML_DSA_87,  "ML-DSA-87", ALG_PURE,    NULL,       0,   "ML-DSA-87", NULL,  0,    false},
};
/* clang-format on */

/* RFC 9054 */
static const hash_row HASHES[] = {
    {SIGB_SHA256, "sha256", "SHA2-256", 32},
    {SIGB_SHA384, "sha384", "SHA2-384", 48},
    {SIGB_SHA512, "sha512", "SHA2-512", 64},
};

/* RSA: the digest grows with the key. */
static const struct {
    int bits;
    sigb_alg alg;
} RSA_DEFAULTS[] = {{4096, SIGB_PS512}, {3072, SIGB_PS384}, {2048, SIGB_PS256}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const alg_row *alg_row_of(int64_t id)
{
    for (size_t i = 0; i < COUNT(ALGS); i++)
        if (ALGS[i].id == id)
            return &ALGS[i];
    return NULL;
}

const hash_row *hash_row_of(int64_t id)
{
    for (size_t i = 0; i < COUNT(HASHES); i++)
        if (HASHES[i].id == id)
            return &HASHES[i];
    return NULL;
}

const char *sigb_alg_name(sigb_alg alg)
{
    const alg_row *row = alg_row_of(alg);

    return row == NULL ? NULL : row->name;
}

sigb_alg sigb_alg_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT(ALGS); i++)
        if (strcmp(ALGS[i].name, name) == 0)
            return ALGS[i].id;
    return SIGB_ALG_NONE;
}

const char *sigb_hash_name(sigb_hash hash)
{
    const hash_row *row = hash_row_of(hash);

    return row == NULL ? NULL : row->name;
}

sigb_hash sigb_hash_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT(HASHES); i++)
        if (strcmp(HASHES[i].name, name) == 0)
            return HASHES[i].id;
    return SIGB_HASH_NONE;
}

/* EVP_PKEY_is_a() asks the same, and allocates to do so: without memory it would say no. */
static bool type_is(const EVP_PKEY *key, const char *name)
{
    const char *type = EVP_PKEY_get0_type_name(key);

    return type != NULL && strcasecmp(type, name) == 0;
}

#define GROUP_ROOM 64

/* The curve of an EC key, by its OpenSSL name; "" where there is none, or no memory to tell. */
static const char *group_of(const EVP_PKEY *key, char room[GROUP_ROOM])
{
    room[0] = '\0';
    if (type_is(key, "EC") &&
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, room, GROUP_ROOM, NULL) != 1)
        room[0] = '\0';
    return room;
}

static bool fits(const alg_row *row, const EVP_PKEY *key, const char *group)
{
    if (!type_is(key, row->key))
        return row->id == SIGB_EDDSA && type_is(key, "ED448"); /* -8 serves both curves */
    if (row->family == ALG_RSA_PSS)
        return EVP_PKEY_get_bits(key) >= RSA_DEFAULTS[COUNT(RSA_DEFAULTS) - 1].bits;
    return row->group == NULL || strcmp(row->group, group) == 0;
}

bool alg_fits_key(const alg_row *row, const EVP_PKEY *key)
{
    char group[GROUP_ROOM];

    return fits(row, key, group_of(key, group));
}

static const alg_row *default_for(const EVP_PKEY *key, const char *group)
{
    if (type_is(key, "RSA")) {
        for (size_t i = 0; i < COUNT(RSA_DEFAULTS); i++)
            if (EVP_PKEY_get_bits(key) >= RSA_DEFAULTS[i].bits)
                return alg_row_of(RSA_DEFAULTS[i].alg);
        return NULL;
    }
    for (size_t i = 0; i < COUNT(ALGS); i++)
        if (fits(&ALGS[i], key, group))
            return &ALGS[i];
    return NULL;
}

const alg_row *alg_default_for(const EVP_PKEY *key)
{
    char group[GROUP_ROOM];

    return default_for(key, group_of(key, group));
}

size_t alg_signature_len(const alg_row *row, const EVP_PKEY *key)
{
    int size = EVP_PKEY_get_size(key);

    return row->family == ALG_ECDSA ? 2 * row->coord : size < 0 ? 0 : (size_t)size;
}

static sigb_rc key_fits_nothing(const EVP_PKEY *key, sigb_diag *diag)
{
    const char *type = EVP_PKEY_get0_type_name(key);

    if (type_is(key, "RSA"))
        return sigb_fail(diag, SIGB_E_WEAK_KEY,
                         "RSA key of %d bits: at least 2048 are wanted; use a larger key",
                         EVP_PKEY_get_bits(key));
    return sigb_openssl_refused(
        diag, SIGB_E_KEY_UNSUPPORTED,
        "a key of type %s fits no algorithm; wanted: EC on P-256, P-384 or P-521, RSA, or Ed25519",
        type == NULL ? "unknown" : type);
}

sigb_rc alg_choose(const EVP_PKEY *key, sigb_alg wanted, sigb_profile profile, sigb_alg *alg, sigb_diag *diag)
{
    char room[GROUP_ROOM];
    const char *group = group_of(key, room); /* once: were it refused in between, another row would fit */
    const alg_row *fitting = default_for(key, group);
    const alg_row *row = wanted == SIGB_ALG_NONE ? fitting : alg_row_of(wanted);

    if (fitting == NULL)
        return key_fits_nothing(key, diag);
    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no algorithm has the number %d", (int)wanted);
    if (!fits(row, key, group))
        return sigb_fail(diag, SIGB_E_ALG_KEY,
                         "%s does not fit the key, which signs with %s; leave the algorithm out", row->name,
                         fitting->name);
    if (profile == SIGB_PROFILE_MST && !row->mst)
        return sigb_fail(diag, SIGB_E_PROFILE,
                         "the mst profile does not accept %s: its ledger resolves only EC and RSA keys; "
                         "use ES256, ES384, ES512, PS256, PS384 or PS512, or the cose profile",
                         row->name);
    *alg = row->id;
    return SIGB_OK;
}

sigb_rc sigb_alg_for_key(sigb_bytes spki, sigb_alg wanted, sigb_profile profile, sigb_alg *alg,
                         sigb_diag *diag)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, diag);

    if (rc == SIGB_OK)
        rc = alg_choose(key, wanted, profile, alg, diag);
    EVP_PKEY_free(key);
    return rc;
}
