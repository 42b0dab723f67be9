/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/craft.h"

#include <openssl/evp.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/libctx.h"
#include "cose/labels.h"
#include "cose/sig_structure.h"
#include "cose/writer.h"
#include "issuer/did.h"
#include "tests/support/hex.h"

static void put_claims(sigb_buf *out, const craft *says)
{
    put_map(out, (size_t)(says->iss != NULL) + (says->sub != NULL) + says->has_exp + (says->iat != 0) +
                     says->has_svn);
    if (says->iss != NULL) {
        put_int(out, CWT_ISS);
        put_tstr(out, says->iss);
    }
    if (says->sub != NULL) {
        put_int(out, CWT_SUB);
        put_tstr(out, says->sub);
    }
    if (says->has_exp) {
        put_int(out, CWT_EXP);
        put_int(out, 1);
    }
    if (says->iat != 0) {
        put_int(out, CWT_IAT);
        put_int(out, says->iat);
    }
    if (says->has_svn) {
        put_tstr(out, CWT_SVN);
        put_int(out, says->svn);
    }
}

static void put_chain(sigb_buf *out, sigb_bytes chain)
{
    sigb_bytes one;

    put_array(out, certs_count(chain));
    while (sigb_certs_next(&chain, &one))
        put_bstr(out, one);
}

static void put_x5t(sigb_buf *out, const craft *says)
{
    sigb_bytes rest = says->chain, leaf = SIGB_BYTES_NONE;
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;

    (void)sigb_certs_next(&rest, &leaf);
    assert_int_equal(
        EVP_Q_digest(libctx_get(), hash_row_of(says->x5t)->digest, NULL, leaf.ptr, leaf.len, digest, &len),
        1);
    digest[0] ^= says->wrong_x5t;
    put_array(out, 2);
    put_int(out, says->x5t);
    put_bstr(out, sigb_bytes_of(digest, len));
}

static void put_protected(sigb_buf *out, const craft *says)
{
    bool envelope = says->hash != SIGB_HASH_NONE || says->claimed_hash != 0;

    put_map(out, 1U + (says->crit != NULL) + (says->type != NULL) + !says->no_claims + (says->chain.len > 0) +
                     (says->x5t != SIGB_HASH_NONE) + envelope);
    put_int(out, COSE_ALG);
    put_int(out, says->claimed != 0 ? says->claimed : (int64_t)says->alg);
    if (says->crit != NULL) {
        put_int(out, COSE_CRIT);
        (void)hex_put(out, says->crit);
    }
    if (says->type != NULL && !envelope) {
        put_int(out, COSE_CONTENT_TYPE);
        put_tstr(out, says->type);
    }
    if (!says->no_claims) {
        put_int(out, COSE_CWT_CLAIMS);
        put_claims(out, says);
    }
    if (says->chain.len > 0) {
        put_int(out, COSE_X5CHAIN);
        put_chain(out, says->chain);
    }
    if (says->x5t != SIGB_HASH_NONE) {
        put_int(out, COSE_X5T);
        put_x5t(out, says);
    }
    if (envelope) {
        put_int(out, COSE_PAYLOAD_HASH);
        put_int(out, says->claimed_hash != 0 ? says->claimed_hash : (int64_t)says->hash);
    }
    if (envelope && says->type != NULL) {
        put_int(out, COSE_PREIMAGE_TYPE);
        put_tstr(out, says->type);
    }
}

void craft_put(pki *in, const pki_key *key, const craft *says, sigb_buf *statement)
{
    sigb_buf protected = SIGB_BUF_INIT, tbs = SIGB_BUF_INIT, signature = SIGB_BUF_INIT;

    put_protected(&protected, says);
    sig_structure_put(&tbs, sigb_buf_bytes(&protected), says->payload);
    pki_sign(in, key, says->alg, sigb_buf_bytes(&tbs), &signature);
    signature.ptr[0] ^= says->broken;
    signature.len -= says->cut;
    put_tag(statement, COSE_TAG_SIGN1);
    put_array(statement, 4);
    put_bstr(statement, sigb_buf_bytes(&protected));
    (void)hex_put(statement, says->unprotected == NULL ? "a0" : says->unprotected);
    if (says->detached)
        put_null(statement);
    else
        put_bstr(statement, says->payload);
    put_bstr(statement, sigb_buf_bytes(&signature));
    sigb_buf_free(&protected);
    sigb_buf_free(&tbs);
    sigb_buf_free(&signature);
}

void craft_short_lived(pki *in, sigb_buf *root_der, sigb_buf *plain, sigb_buf *detached)
{
    pki_key *root_key = pki_keygen(in, "P-256", "root"), *leaf_key = pki_keygen(in, "P-256", "leaf");
    X509 *root = pki_issue(in, &(pki_cert){.key = root_key, .ca = true, .name = "Root"});
    X509 *leaf = pki_issue(in, &(pki_cert){.key = leaf_key,
                                           .issuer = root,
                                           .signer = root_key,
                                           .name = "Leaf",
                                           .from = PKI_NOW - CRAFT_DAY,
                                           .to = PKI_NOW + CRAFT_DAY});
    sigb_buf chain = SIGB_BUF_INIT, issuer = SIGB_BUF_INIT;
    craft says = {.alg = SIGB_ES256, .type = "text/plain", .sub = "svc.example", .has_svn = true, .svn = 7};

    assert_int_equal(did_put_eku(&issuer, SIGB_SHA256, root, sigb_bytes_text(PKI_EKU), NULL), SIGB_OK);
    sigb_buf_append(&issuer, sigb_bytes_of("", 1));
    (void)pki_der(root_der, root, (X509 *)NULL);
    says.chain = pki_der(&chain, leaf, root, (X509 *)NULL);
    says.iss = (const char *)issuer.ptr;
    says.payload = sigb_bytes_text("payload");
    craft_put(in, leaf_key, &says, plain);
    says.detached = true;
    if (detached != NULL)
        craft_put(in, leaf_key, &says, detached);
    sigb_buf_free(&chain);
    sigb_buf_free(&issuer);
}
