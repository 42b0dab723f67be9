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
#define NONE           NO_MECHANISM

/*
 * PKCS#11 2.40 mechanisms, 2.1.8 to 2.1.12 (RSA), 2.3.6 (ECDSA); 3.0, 2.3.14
 * (EdDSA). The road over a digest is preferred: we hash, the token signs.
 */
/* clang-format off */
static const struct mechanism_row {
    sigb_alg alg;
    CK_MECHANISM_TYPE digest;  /* signs a digest of ours */
    const char *digest_name;
    CK_MECHANISM_TYPE message; /* hashes by itself, or signs the message whole */
    const char *message_name;
    CK_MECHANISM_TYPE hash;    /* RSASSA-PSS: what it was hashed with, and MGF1 over the same */
    CK_RSA_PKCS_MGF_TYPE mgf;
} ROWS[MECHANISM_ROWS] = {
    {SIGB_ES256,   CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA256,        "CKM_ECDSA_SHA256",        0,          0},
    {SIGB_ES384,   CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA384,        "CKM_ECDSA_SHA384",        0,          0},
    {SIGB_ES512,   CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA512,        "CKM_ECDSA_SHA512",        0,          0},
    {SIGB_ESP256,  CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA256,        "CKM_ECDSA_SHA256",        0,          0},
    {SIGB_ESP384,  CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA384,        "CKM_ECDSA_SHA384",        0,          0},
    {SIGB_ESP512,  CKM_ECDSA,        "CKM_ECDSA",        CKM_ECDSA_SHA512,        "CKM_ECDSA_SHA512",        0,          0},
    {SIGB_PS256,   CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", CKM_SHA256_RSA_PKCS_PSS, "CKM_SHA256_RSA_PKCS_PSS", CKM_SHA256, CKG_MGF1_SHA256},
    {SIGB_PS384,   CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", CKM_SHA384_RSA_PKCS_PSS, "CKM_SHA384_RSA_PKCS_PSS", CKM_SHA384, CKG_MGF1_SHA384},
    {SIGB_PS512,   CKM_RSA_PKCS_PSS, "CKM_RSA_PKCS_PSS", CKM_SHA512_RSA_PKCS_PSS, "CKM_SHA512_RSA_PKCS_PSS", CKM_SHA512, CKG_MGF1_SHA512},
    {SIGB_EDDSA,   NONE,             NULL,               CKM_EDDSA,               "CKM_EDDSA",               0,          0},
    {SIGB_ED25519, NONE,             NULL,               CKM_EDDSA,               "CKM_EDDSA",               0,          0},
};
/* clang-format on */

const alg_row *mechanism_alg(size_t row)
{
    return alg_row_of(ROWS[row].alg);
}

const char *mechanism_name(const p11_mechanism *mechanism)
{
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (mechanism->type == ROWS[i].message)
            return ROWS[i].message_name;
        else if (ROWS[i].digest != NONE && mechanism->type == ROWS[i].digest)
            return ROWS[i].digest_name;
    return "none";
}

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

static p11_mechanism mechanism_of(const struct mechanism_row *row, CK_MECHANISM_TYPE type)
{
    const alg_row *alg = alg_row_of(row->alg);
    p11_mechanism made;

    memset(&made, 0, sizeof(made));
    made.type = type;
    made.takes_digest = type == row->digest;
    made.has_params = row->mgf != 0;
    if (made.has_params && alg != NULL)
        made.params = (CK_RSA_PKCS_PSS_PARAMS){row->hash, row->mgf, alg->digest_len};
    return made;
}

/* What the token lists, and what the key allows. */
typedef struct offered {
    const CK_MECHANISM_TYPE *list;
    CK_ULONG count;
    sigb_bytes allowed;
} offered;

static sigb_rc probe_row(p11_module *module, CK_SLOT_ID slot, const struct mechanism_row *row,
                         const offered *of, p11_mechanism *found, sigb_diag *diag)
{
    const CK_MECHANISM_TYPE roads[] = {row->digest, row->message};
    bool yes = false;
    sigb_rc rc = SIGB_OK;

    found->type = NONE;
    for (size_t j = 0; rc == SIGB_OK && !yes && j < COUNT(roads); j++) {
        if (roads[j] == NONE || !is_listed(roads[j], of->list, of->count) ||
            !is_allowed(roads[j], of->allowed))
            continue;
        rc = signs(module, slot, roads[j], &yes, diag);
        if (rc == SIGB_OK && yes)
            *found = mechanism_of(row, roads[j]);
    }
    return rc;
}

sigb_rc mechanisms_probe(p11_module *module, CK_SLOT_ID slot, sigb_bytes allowed, p11_mechanisms *found,
                         sigb_diag *diag)
{
    CK_MECHANISM_TYPE *list = NULL;
    CK_ULONG count = 0;
    sigb_rc rc = list_of(module, slot, &list, &count, diag);

    if (rc != SIGB_OK)
        return rc;
    for (size_t i = 0; rc == SIGB_OK && i < COUNT(ROWS); i++)
        rc = probe_row(module, slot, &ROWS[i], &(offered){list, count, allowed}, &found->of[i], diag);
    OPENSSL_free(list);
    return rc;
}

sigb_rc mechanism_require(const p11_mechanisms *found, const alg_row *alg, const p11_mechanism **mechanism,
                          sigb_diag *diag)
{
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        if (ROWS[i].alg != alg->id)
            continue;
        if (found->of[i].type == NONE)
            return sigb_fail(diag, SIGB_E_MECHANISM,
                             "%s needs %s%s%s, which the token lacks or forbids for this key; use a key of "
                             "another type or token",
                             alg->name, ROWS[i].digest_name == NULL ? "" : ROWS[i].digest_name,
                             ROWS[i].digest_name == NULL ? "" : " or ", ROWS[i].message_name);
        *mechanism = &found->of[i];
        return SIGB_OK;
    }
    return sigb_fail(diag, SIGB_E_MECHANISM, "no PKCS#11 mechanism is known for %s", alg->name);
}
