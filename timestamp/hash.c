/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"
#include "timestamp/timestamp.h"

/* Hashes of imprints, of signatures and of certificate names in a token. What has no row is unknown here. */
static const struct {
    int nid;
    sigb_hash hash; /* NONE: too weak */
} HASHES[] = {{NID_sha256, SIGB_SHA256},       {NID_sha384, SIGB_SHA384},   {NID_sha512, SIGB_SHA512},
              {NID_sha1, SIGB_HASH_NONE},      {NID_md5, SIGB_HASH_NONE},   {NID_md4, SIGB_HASH_NONE},
              {NID_ripemd160, SIGB_HASH_NONE}, {NID_sha224, SIGB_HASH_NONE}};

static sigb_rc fail_hash(const ASN1_OBJECT *oid, sigb_rc rc, const char *what, sigb_diag *diag)
{
    char name[64];

    (void)OBJ_obj2txt(name, sizeof(name), oid, 0);
    return sigb_fail(diag, rc,
                     "%s is hashed by %s, which is %s; have the TSA use SHA-256, SHA-384 or SHA-512", what,
                     name, rc == SIGB_E_TIMESTAMP_WEAK ? "too weak" : "not judged here");
}

sigb_rc stamp_hash(const X509_ALGOR *algorithm, const char *what, const hash_row **row, sigb_diag *diag)
{
    const ASN1_OBJECT *oid;
    int nid;

    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    nid = OBJ_obj2nid(oid);
    for (size_t i = 0; i < sizeof(HASHES) / sizeof(HASHES[0]); i++) {
        if (HASHES[i].nid != nid)
            continue;
        *row = hash_row_of(HASHES[i].hash);
        return *row == NULL ? fail_hash(oid, SIGB_E_TIMESTAMP_WEAK, what, diag) : SIGB_OK;
    }
    return fail_hash(oid, SIGB_E_TIMESTAMP_UNSUPPORTED, what, diag);
}

sigb_rc stamp_digest(const hash_row *row, sigb_bytes bytes, uint8_t digest[EVP_MAX_MD_SIZE], sigb_diag *diag)
{
    const EVP_MD *md = libctx_digest(row->digest);

    if (md == NULL || EVP_Digest(bytes.ptr, bytes.len, digest, NULL, md, NULL) != 1)
        return sigb_openssl_failed(diag, "to hash what is stamped");
    return SIGB_OK;
}
