/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/hash.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"

sigb_rc hasher_init(hasher *made, sigb_diag *diag)
{
    const EVP_MD *md = libctx_digest("SHA2-256");

    *made = (hasher){EVP_MD_CTX_new(), false};
    if (md != NULL && made->ctx != NULL && EVP_DigestInit_ex(made->ctx, md, NULL) == 1)
        return SIGB_OK;
    hasher_free(made);
    return sigb_openssl_failed(diag, "to hash");
}

void hasher_free(hasher *done)
{
    EVP_MD_CTX_free(done->ctx);
    done->ctx = NULL;
}

void hash_parts(hasher *with, const sigb_bytes *parts, size_t count, hash *out)
{
    bool good = EVP_DigestInit_ex(with->ctx, NULL, NULL) == 1;

    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestUpdate(with->ctx, parts[i].ptr, parts[i].len) == 1;
    good = good && EVP_DigestFinal_ex(with->ctx, out->bytes, NULL) == 1;
    with->failed |= !good;
}

void hash_pair(hasher *with, sigb_bytes left, sigb_bytes right, hash *out)
{
    const sigb_bytes parts[] = {left, right};

    hash_parts(with, parts, 2, out);
}

sigb_rc hasher_check(const hasher *with, sigb_diag *diag)
{
    return with->failed ? sigb_openssl_failed(diag, "to hash") : SIGB_OK;
}
