/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and schemes: facts in tables. */
#include "pkcs11/scheme.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pkcs11/internal.h"

/* PKCS#11 3.0; p11-kit's header of today stops before SHA-3. */
#define SHA3_224_TYPE 0x2b5UL
#define SHA3_256_TYPE 0x2b0UL
#define SHA3_384_TYPE 0x2c0UL
#define SHA3_512_TYPE 0x2d0UL
#define SHA3_224_MGF  0x6UL
#define SHA3_256_MGF  0x7UL
#define SHA3_384_MGF  0x8UL
#define SHA3_512_MGF  0x9UL

/* RFC 8017, 9.2 and B.1; FIPS 202's from the NIST's list of object identifiers. */
/* clang-format off */
static const struct hash_names {
    p11_hash hash;
    const char *also;
} HASHES[] = {
    {{"SHA2-256", 32, CKM_SHA256,    CKG_MGF1_SHA256,  1}, "SHA256"},
    {{"SHA2-384", 48, CKM_SHA384,    CKG_MGF1_SHA384,  2}, "SHA384"},
    {{"SHA2-512", 64, CKM_SHA512,    CKG_MGF1_SHA512,  3}, "SHA512"},
    {{"SHA1",     20, CKM_SHA_1,     CKG_MGF1_SHA1,    0}, "SHA-1"},
    {{"SHA2-224", 28, CKM_SHA224,    CKG_MGF1_SHA224,  4}, "SHA224"},
    {{"SHA2-512/224", 28, CKM_SHA512_224, 0,          5}, "SHA512-224"},
    {{"SHA2-512/256", 32, CKM_SHA512_256, 0,          6}, "SHA512-256"},
    {{"SHA3-224", 28, SHA3_224_TYPE, SHA3_224_MGF,     7}, NULL},
    {{"SHA3-256", 32, SHA3_256_TYPE, SHA3_256_MGF,     8}, NULL},
    {{"SHA3-384", 48, SHA3_384_TYPE, SHA3_384_MGF,     9}, NULL},
    {{"SHA3-512", 64, SHA3_512_TYPE, SHA3_512_MGF,    10}, NULL},
};
/* clang-format on */

/* OpenSSL's names of SHA-2 are with and without a dash, and two. */
static bool is_named(const struct hash_names *row, const char *name)
{
    const char *plain = row->also;

    if (strcasecmp(row->hash.name, name) == 0 || (plain != NULL && strcasecmp(plain, name) == 0))
        return true;
    return plain != NULL && strncasecmp(name, "SHA-", 4) == 0 && strcasecmp(plain + 3, name + 4) == 0;
}

const p11_hash *p11_hash_named(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT(HASHES); i++)
        if (is_named(&HASHES[i], name))
            return &HASHES[i].hash;
    return NULL;
}

p11_scheme scheme_of_alg(const alg_row *alg)
{
    p11_scheme made = {.family = P11_EDDSA, .alg = alg};

    if (alg->family == ALG_PURE)
        return made;
    made.family = alg->family == ALG_ECDSA ? P11_ECDSA : P11_RSA_PSS;
    made.hash = p11_hash_named(alg->digest);
    if (made.family == P11_RSA_PSS) {
        made.mgf = made.hash;
        made.salt = alg->digest_len;
    }
    return made;
}

const char *scheme_name(const p11_scheme *scheme, char room[48])
{
    static const char *const families[P11_FAMILIES] = {"ECDSA", "RSA PKCS#1", "RSA-PSS", "EdDSA"};

    if (scheme->alg != NULL)
        return scheme->alg->name;
    (void)snprintf(room, 48, "%s%s%s", families[scheme->family], scheme->hash == NULL ? "" : " with ",
                   scheme->hash == NULL ? "" : scheme->hash->name);
    return room;
}

size_t hash_digest_info(const p11_hash *hash, uint8_t room[DIGEST_INFO_ROOM])
{
    static const uint8_t sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                   0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};
    static const uint8_t nist[DIGEST_INFO_ROOM] = {0x30, 0,    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                   0x65, 0x03, 0x04, 0x02, 0,    0x05, 0x00, 0x04, 0};

    if (hash->arc == 0) {
        memcpy(room, sha1, sizeof(sha1));
        return sizeof(sha1);
    }
    memcpy(room, nist, sizeof(nist));
    room[1] = (uint8_t)(sizeof(nist) - 2 + hash->len);
    room[14] = hash->arc;
    room[18] = (uint8_t)hash->len;
    return sizeof(nist);
}
