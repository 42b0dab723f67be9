/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mechanisms, found by asking the token: SoftHSM signs digests alone, others
 * hash for themselves, remoting drops some. What a token offers never changes
 * the algorithm, only the road to it.
 */
#include "pkcs11/internal.h"

#include <openssl/crypto.h>

#include "base/error.h"

#define MAX_MECHANISMS 4096

/*
 * PKCS#11 2.40 mechanisms, 2.1.8 to 2.1.12 (RSA), 2.3.6 (ECDSA); 3.0, 2.3.14
 * (EdDSA). Each family's first row signs a digest of ours, and EdDSA's the
 * message; the others hash for themselves. The first is preferred.
 */
/* clang-format off */
static const struct mechanism_row {
    p11_family family;
    CK_MECHANISM_TYPE type;
    const char *name;
    CK_MECHANISM_TYPE hash; /* that it makes itself; NO_MECHANISM: none */
} ROWS[MECHANISM_ROWS] = {
    {P11_ECDSA,     CKM_ECDSA,               "CKM_ECDSA",               NO_MECHANISM},
    {P11_ECDSA,     CKM_ECDSA_SHA1,          "CKM_ECDSA_SHA1",          CKM_SHA_1},
    {P11_ECDSA,     CKM_ECDSA_SHA224,        "CKM_ECDSA_SHA224",        CKM_SHA224},
    {P11_ECDSA,     CKM_ECDSA_SHA256,        "CKM_ECDSA_SHA256",        CKM_SHA256},
    {P11_ECDSA,     CKM_ECDSA_SHA384,        "CKM_ECDSA_SHA384",        CKM_SHA384},
    {P11_ECDSA,     CKM_ECDSA_SHA512,        "CKM_ECDSA_SHA512",        CKM_SHA512},
    {P11_RSA_PKCS1, CKM_RSA_PKCS,            "CKM_RSA_PKCS",            NO_MECHANISM},
    {P11_RSA_PKCS1, CKM_SHA1_RSA_PKCS,       "CKM_SHA1_RSA_PKCS",       CKM_SHA_1},
    {P11_RSA_PKCS1, CKM_SHA224_RSA_PKCS,     "CKM_SHA224_RSA_PKCS",     CKM_SHA224},
    {P11_RSA_PKCS1, CKM_SHA256_RSA_PKCS,     "CKM_SHA256_RSA_PKCS",     CKM_SHA256},
    {P11_RSA_PKCS1, CKM_SHA384_RSA_PKCS,     "CKM_SHA384_RSA_PKCS",     CKM_SHA384},
    {P11_RSA_PKCS1, CKM_SHA512_RSA_PKCS,     "CKM_SHA512_RSA_PKCS",     CKM_SHA512},
    {P11_RSA_PSS,   CKM_RSA_PKCS_PSS,        "CKM_RSA_PKCS_PSS",        NO_MECHANISM},
    {P11_RSA_PSS,   CKM_SHA1_RSA_PKCS_PSS,   "CKM_SHA1_RSA_PKCS_PSS",   CKM_SHA_1},
    {P11_RSA_PSS,   CKM_SHA224_RSA_PKCS_PSS, "CKM_SHA224_RSA_PKCS_PSS", CKM_SHA224},
    {P11_RSA_PSS,   CKM_SHA256_RSA_PKCS_PSS, "CKM_SHA256_RSA_PKCS_PSS", CKM_SHA256},
    {P11_RSA_PSS,   CKM_SHA384_RSA_PKCS_PSS, "CKM_SHA384_RSA_PKCS_PSS", CKM_SHA384},
    {P11_RSA_PSS,   CKM_SHA512_RSA_PKCS_PSS, "CKM_SHA512_RSA_PKCS_PSS", CKM_SHA512},
    {P11_EDDSA,     CKM_EDDSA,               "CKM_EDDSA",               NO_MECHANISM},
};
/* clang-format on */

/* The token's list; the caller frees. */
static sigb_rc list_of(p11_module *module, CK_SLOT_ID slot, CK_MECHANISM_TYPE **list, CK_ULONG *count,
                       sigb_diag *diag)
{
    CK_MECHANISM_TYPE *types;
    CK_ULONG room = 0, found;
    CK_RV rv = p11_C_GetMechanismList(module, slot, NULL, &room);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetMechanismList");
    if (room > MAX_MECHANISMS)
        return sigb_fail(diag, SIGB_E_LIMIT, "the token tells of %lu mechanisms; at most %d are read", room,
                         MAX_MECHANISMS);
    types = OPENSSL_zalloc((room + 1) * sizeof(*types));
    if (types == NULL)
        return sigb_no_memory(diag);
    found = room;
    rv = p11_C_GetMechanismList(module, slot, types, &found);
    if (rv != CKR_OK) {
        OPENSSL_free(types);
        return ckr_fail(diag, rv, "C_GetMechanismList");
    }
    *list = types;
    *count = found < room ? found : room;
    return SIGB_OK;
}

static bool is_listed(CK_MECHANISM_TYPE type, const CK_MECHANISM_TYPE *list, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (list[i] == type)
            return true;
    return false;
}

/* `allowed` is a row of CK_MECHANISM_TYPE, not aligned. */
static bool is_allowed(CK_MECHANISM_TYPE type, sigb_bytes allowed)
{
    CK_MECHANISM_TYPE one;

    for (size_t at = 0; at + sizeof(one) <= allowed.len; at += sizeof(one)) {
        memcpy(&one, allowed.ptr + at, sizeof(one));
        if (one == type)
            return true;
    }
    return allowed.len == 0;
}

/* What a token lists and then does not know, it does not have. */
static sigb_rc signs(p11_module *module, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, bool *yes, sigb_diag *diag)
{
    CK_MECHANISM_INFO info;
    CK_RV rv;

    memset(&info, 0, sizeof(info));
    rv = p11_C_GetMechanismInfo(module, slot, type, &info);
    *yes = rv == CKR_OK && (info.flags & CKF_SIGN) != 0;
    return rv == CKR_OK || ckr_classify(rv) == CKR_FINAL ? SIGB_OK : ckr_fail(diag, rv, "C_GetMechanismInfo");
}

/* What the token lists, and what the key allows. */
typedef struct offered {
    const CK_MECHANISM_TYPE *list;
    CK_ULONG count;
    sigb_bytes allowed;
} offered;

/* A family whose first row serves needs no other. */
static sigb_rc probe_rows(p11_module *module, CK_SLOT_ID slot, const offered *of, p11_mechanisms *found,
                          sigb_diag *diag)
{
    bool served[P11_FAMILIES] = {false};
    sigb_rc rc = SIGB_OK;

    memset(found, 0, sizeof(*found));
    for (size_t i = 0; rc == SIGB_OK && i < COUNT(ROWS); i++) {
        const struct mechanism_row *row = &ROWS[i];

        if (served[row->family] || !is_listed(row->type, of->list, of->count) ||
            !is_allowed(row->type, of->allowed))
            continue;
        rc = signs(module, slot, row->type, &found->usable[i], diag);
        served[row->family] = row->hash == NO_MECHANISM && found->usable[i];
    }
    return rc;
}

/* True where the key is for RSASSA-PSS and no other RSA signature. */
static bool is_pss_alone(sigb_bytes allowed)
{
    bool pss = false, other = is_allowed(CKM_RSA_X_509, allowed);

    for (size_t i = 0; allowed.len > 0 && i < COUNT(ROWS); i++)
        if (is_allowed(ROWS[i].type, allowed)) {
            pss |= ROWS[i].family == P11_RSA_PSS;
            other |= ROWS[i].family != P11_RSA_PSS;
        }
    return pss && !other;
}

sigb_rc mechanisms_probe(p11_module *module, CK_SLOT_ID slot, sigb_bytes allowed, p11_mechanisms *found,
                         sigb_diag *diag)
{
    CK_MECHANISM_TYPE *list = NULL;
    CK_ULONG count = 0;
    sigb_rc rc = list_of(module, slot, &list, &count, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = probe_rows(module, slot, &(offered){list, count, allowed}, found, diag);
    found->pss_alone = is_pss_alone(allowed);
    OPENSSL_free(list);
    return rc;
}

/* ---- which one makes a scheme ---- */

static bool serves(const struct mechanism_row *row, const p11_scheme *scheme, bool hashed)
{
    if (row->family != scheme->family)
        return false;
    return row->hash == NO_MECHANISM || (!hashed && scheme->hash != NULL && row->hash == scheme->hash->type);
}

static p11_mechanism mechanism_of(const struct mechanism_row *row, const p11_scheme *scheme)
{
    p11_mechanism made;

    memset(&made, 0, sizeof(made));
    made.type = row->type;
    made.name = row->name;
    made.takes_digest = row->hash == NO_MECHANISM && row->family != P11_EDDSA;
    made.has_params = row->family == P11_RSA_PSS;
    if (made.has_params)
        made.params = (CK_RSA_PKCS_PSS_PARAMS){scheme->hash->type, scheme->mgf->mgf, scheme->salt};
    return made;
}

/* What the token has for the message, if not for its digest; NULL: nothing. */
static const char *for_message(const p11_mechanisms *found, const p11_scheme *scheme)
{
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (found->usable[i] && ROWS[i].family == scheme->family && ROWS[i].hash != NO_MECHANISM &&
            (scheme->hash == NULL || ROWS[i].hash == scheme->hash->type))
            return ROWS[i].name;
    return NULL;
}

/* Names what would have served. */
static sigb_rc lacks(const p11_mechanisms *found, const p11_scheme *scheme, bool hashed, sigb_diag *diag)
{
    const char *names[2] = {NULL, NULL}, *hashing = hashed ? for_message(found, scheme) : NULL;
    char room[48];

    for (size_t i = 0, n = 0; i < COUNT(ROWS) && n < COUNT(names); i++)
        if (serves(&ROWS[i], scheme, hashed))
            names[n++] = ROWS[i].name;
    if (hashing != NULL)
        return sigb_fail(diag, SIGB_E_MECHANISM,
                         "%s of a digest that is made already needs %s, which the token lacks or forbids for "
                         "this key; it has %s, which hashes by itself: give the message and not its digest",
                         scheme_name(scheme, room), names[0], hashing);
    return sigb_fail(diag, SIGB_E_MECHANISM,
                     "%s needs %s%s%s, which the token lacks or forbids for this key; use a key of "
                     "another type or token",
                     scheme_name(scheme, room), names[0], names[1] == NULL ? "" : " or ",
                     names[1] == NULL ? "" : names[1]);
}

sigb_rc mechanism_for(const p11_mechanisms *found, const p11_scheme *scheme, bool hashed,
                      p11_mechanism *mechanism, sigb_diag *diag)
{
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (found->usable[i] && serves(&ROWS[i], scheme, hashed)) {
            *mechanism = mechanism_of(&ROWS[i], scheme);
            return SIGB_OK;
        }
    return lacks(found, scheme, hashed, diag);
}

sigb_rc mechanism_require(const p11_mechanisms *found, const alg_row *alg, p11_mechanism *mechanism,
                          sigb_diag *diag)
{
    const p11_scheme scheme = scheme_of_alg(alg);

    return mechanism_for(found, &scheme, false, mechanism, diag);
}
