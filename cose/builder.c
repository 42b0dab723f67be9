/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a statement: prepare gives what is to be signed, finish takes the
 * signature and lets nothing out that would not verify.
 *
 *   COSE_Sign1_Tagged = #6.18([ protected: bstr, unprotected: {}, payload: bstr / nil, signature: bstr ])
 *
 *   protected = {
 *     1: alg,
 *     ? 3: content type,                          ; unless 258 is there
 *     15: { 1: iss, 2: sub, 6: iat, ? "svn": svn },
 *     33: [ leaf, ..., root ],
 *     34: [ -16, SHA-256 of the leaf ],
 *     ? 258: hash, ? 259: content type, ? 260: location,
 *     ? 269: time stamp token of the payload
 *   }                                             ; labels ascending, heads shortest
 */
#include <openssl/evp.h>

#include <sigbridge/statement.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/signer.h"
#include "base/text.h"
#include "base/time.h"
#include "cose/claims.h"
#include "cose/labels.h"
#include "cose/sig_structure.h"
#include "cose/stamp.h"
#include "cose/statement.h"
#include "cose/writer.h"
#include "issuer/issuer.h"

#define X5T_LEN 32

typedef enum payload_form { FORM_NONE, FORM_ATTACHED, FORM_DETACHED, FORM_ENVELOPE } payload_form;

struct sigb_builder {
    const sigb_issuer *issuer;
    const alg_row *alg;
    sigb_profile profile;
    sigb_buf claims;       /* encoded CWT claims */
    sigb_buf content_type; /* a C string */
    payload_form form;
    sigb_bytes payload; /* borrowed, or a view of digest */
    sigb_hash hash;     /* of an envelope */
    uint8_t digest[EVP_MAX_MD_SIZE];
    sigb_buf location;   /* a C string; empty: none */
    sigb_buf timestamp;  /* token over the payload, verified; empty: none */
    sigb_buf header_map; /* encoded protected header, once prepared */
};

/* ---- what it says ---- */

static sigb_rc fill(sigb_builder *made, const sigb_claims *claims, sigb_alg wanted, sigb_diag *diag)
{
    const char *did = sigb_issuer_did(made->issuer);
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_rc rc = claims_check(claims, did, made->profile, diag);

    if (rc == SIGB_OK)
        rc = alg_choose(issuer_key(made->issuer), wanted, made->profile, &alg, diag);
    if (rc != SIGB_OK)
        return rc;
    made->alg = alg_row_of(alg);
    claims_put(&made->claims, claims, did);
    text_put(&made->content_type, claims->content_type);
    if (made->claims.failed || text_c_str(&made->content_type) == NULL)
        return sigb_no_memory(diag);
    return SIGB_OK;
}

sigb_rc sigb_builder_new(const sigb_issuer *issuer, const sigb_claims *claims, sigb_alg alg,
                         sigb_profile profile, sigb_builder **builder, sigb_diag *diag)
{
    sigb_builder *made;
    sigb_rc rc;

    if (issuer == NULL || claims == NULL || builder == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a statement needs an issuer, claims and a place to be put");
    if (profile != SIGB_PROFILE_MST && profile != SIGB_PROFILE_COSE)
        return sigb_fail(diag, SIGB_E_USAGE, "no profile has the number %d", (int)profile);
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return sigb_no_memory(diag);
    made->issuer = issuer;
    made->profile = profile;
    rc = fill(made, claims, alg, diag);
    if (rc != SIGB_OK) {
        sigb_builder_free(made);
        return rc;
    }
    *builder = made;
    return SIGB_OK;
}

void sigb_builder_free(sigb_builder *builder)
{
    if (builder == NULL)
        return;
    sigb_buf_free(&builder->claims);
    sigb_buf_free(&builder->content_type);
    sigb_buf_free(&builder->location);
    sigb_buf_free(&builder->timestamp);
    sigb_buf_free(&builder->header_map);
    OPENSSL_free(builder);
}

sigb_alg sigb_builder_alg(const sigb_builder *builder)
{
    return builder->alg->id;
}

/* ---- what it is about ---- */

static sigb_rc require_no_payload_yet(const sigb_builder *builder, sigb_diag *diag)
{
    if (builder == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no builder");
    if (builder->form != FORM_NONE)
        return sigb_fail(diag, SIGB_E_USAGE, "the statement has its payload already; one is wanted");
    return SIGB_OK;
}

static sigb_rc take_payload(sigb_builder *builder, payload_form form, sigb_bytes payload, sigb_diag *diag)
{
    if (payload.len == 0)
        return sigb_fail(diag, SIGB_E_PAYLOAD, "the payload is empty; there must be something to sign");
    builder->form = form;
    builder->payload = payload;
    return SIGB_OK;
}

sigb_rc sigb_builder_attach(sigb_builder *builder, sigb_bytes payload, sigb_diag *diag)
{
    sigb_rc rc = require_no_payload_yet(builder, diag);

    return rc == SIGB_OK ? take_payload(builder, FORM_ATTACHED, payload, diag) : rc;
}

sigb_rc sigb_builder_detach(sigb_builder *builder, sigb_bytes payload, sigb_diag *diag)
{
    sigb_rc rc = require_no_payload_yet(builder, diag);

    if (rc == SIGB_OK && builder->profile == SIGB_PROFILE_MST)
        rc = sigb_fail(
            diag, SIGB_E_PROFILE,
            "the mst profile does not accept a detached payload; attach it, or use a hash envelope");
    return rc == SIGB_OK ? take_payload(builder, FORM_DETACHED, payload, diag) : rc;
}

static sigb_rc check_envelope(const hash_row *row, sigb_bytes digest, const char *location, sigb_diag *diag)
{
    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a hash envelope takes sha256, sha384 or sha512");
    if (digest.len != row->len)
        return sigb_fail(diag, SIGB_E_DIGEST_LEN,
                         "a digest of %zu bytes where a %s digest has %zu; give the whole digest, as bytes",
                         digest.len, row->name, row->len);
    if (location != NULL && (*location == '\0' || !text_is_clean(location)))
        return sigb_fail(
            diag, SIGB_E_USAGE,
            "the payload's location is empty, not UTF-8 or holds control characters; give a URI");
    return SIGB_OK;
}

sigb_rc sigb_builder_envelope(sigb_builder *builder, sigb_hash hash, sigb_bytes digest, const char *location,
                              sigb_diag *diag)
{
    sigb_rc rc = require_no_payload_yet(builder, diag);

    if (rc == SIGB_OK)
        rc = check_envelope(hash_row_of(hash), digest, location, diag);
    if (rc != SIGB_OK)
        return rc;
    text_put(&builder->location, location);
    if (location != NULL && text_c_str(&builder->location) == NULL) {
        sigb_buf_free(&builder->location);
        return sigb_no_memory(diag);
    }
    memcpy(builder->digest, digest.ptr, digest.len);
    builder->hash = hash;
    builder->form = FORM_ENVELOPE;
    builder->payload = sigb_bytes_of(builder->digest, digest.len);
    return SIGB_OK;
}

/* ---- its time stamp ---- */

static sigb_rc require_payload(const sigb_builder *builder, sigb_diag *diag)
{
    if (builder == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no builder");
    if (builder->form == FORM_NONE)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the payload is what is stamped: attach one, detach one, or give its digest first");
    return SIGB_OK;
}

sigb_rc sigb_builder_timestamp_request(const sigb_builder *builder, sigb_buf *request, sigb_diag *diag)
{
    sigb_rc rc = require_payload(builder, diag);

    if (rc == SIGB_OK && request == NULL)
        rc = sigb_fail(diag, SIGB_E_USAGE, "no place for the request");
    return rc == SIGB_OK ? request_put(builder->payload, stamp_hash_for(builder->alg), request, diag) : rc;
}

sigb_rc sigb_builder_timestamp(sigb_builder *builder, const sigb_timestamp *timestamp,
                               const sigb_timestamp_trust *trust, sigb_timestamp_facts *facts,
                               sigb_diag *diag)
{
    sigb_timestamp_facts found;
    sigb_rc rc = require_payload(builder, diag);

    if (rc != SIGB_OK)
        return rc;
    if (timestamp == NULL || builder->timestamp.len > 0)
        return sigb_fail(diag, SIGB_E_USAGE, "one time stamp is wanted; the statement %s",
                         timestamp == NULL ? "is given none" : "has one already");
    rc = stamp_judge(timestamp, SIGB_TIMESTAMP_PAYLOAD, builder->payload, trust, &found, diag);
    if (rc != SIGB_OK)
        return rc;
    sigb_buf_append(&builder->timestamp, sigb_timestamp_token(timestamp));
    if (builder->timestamp.failed) {
        sigb_buf_free(&builder->timestamp);
        return sigb_no_memory(diag);
    }
    if (facts != NULL)
        *facts = found;
    return SIGB_OK;
}

/* ---- the protected header ---- */

/* [ leaf, ..., root ] */
static void put_x5chain(sigb_buf *out, sigb_bytes chain)
{
    sigb_bytes cert;

    put_array(out, certs_count(chain));
    while (sigb_certs_next(&chain, &cert))
        put_bstr(out, cert);
}

/* [ -16, SHA-256 of the leaf ]    (RFC 9360, 2) */
static sigb_rc put_x5t(sigb_buf *out, sigb_bytes chain, sigb_diag *diag)
{
    const EVP_MD *md = libctx_digest("SHA2-256");
    uint8_t digest[X5T_LEN];
    sigb_bytes leaf = SIGB_BYTES_NONE;

    if (md == NULL || !sigb_certs_next(&chain, &leaf) ||
        EVP_Digest(leaf.ptr, leaf.len, digest, NULL, md, NULL) != 1)
        return sigb_openssl_failed(diag, "to hash a certificate");
    put_array(out, 2);
    put_int(out, SIGB_SHA256);
    put_bstr(out, sigb_bytes_of(digest, sizeof(digest)));
    return SIGB_OK;
}

static size_t count_headers(const sigb_builder *builder)
{
    size_t more = builder->timestamp.len > 0; /* 269 */

    if (builder->form != FORM_ENVELOPE)
        return 5 + more;                                /* 1, 3, 15, 33, 34 */
    return (builder->location.len == 0 ? 6 : 7) + more; /* 1, 15, 33, 34, 258, 259, perhaps 260 */
}

static void put_envelope(sigb_buf *out, const sigb_builder *builder)
{
    put_int(out, COSE_PAYLOAD_HASH);
    put_int(out, builder->hash);
    put_int(out, COSE_PREIMAGE_TYPE);
    put_tstr(out, (const char *)builder->content_type.ptr);
    if (builder->location.len > 0) {
        put_int(out, COSE_LOCATION);
        put_tstr(out, (const char *)builder->location.ptr);
    }
}

static sigb_rc put_protected(sigb_buf *out, const sigb_builder *builder, sigb_diag *diag)
{
    sigb_bytes chain = sigb_issuer_chain(builder->issuer);
    sigb_rc rc;

    put_map(out, count_headers(builder));
    put_int(out, COSE_ALG);
    put_int(out, builder->alg->id);
    if (builder->form != FORM_ENVELOPE) {
        put_int(out, COSE_CONTENT_TYPE);
        put_tstr(out, (const char *)builder->content_type.ptr);
    }
    put_int(out, COSE_CWT_CLAIMS);
    sigb_buf_append(out, sigb_buf_bytes(&builder->claims));
    put_int(out, COSE_X5CHAIN);
    put_x5chain(out, chain);
    put_int(out, COSE_X5T);
    rc = put_x5t(out, chain, diag);
    if (rc == SIGB_OK && builder->form == FORM_ENVELOPE)
        put_envelope(out, builder);
    if (rc == SIGB_OK && builder->timestamp.len > 0) {
        put_int(out, COSE_TTC);
        put_bstr(out, sigb_buf_bytes(&builder->timestamp));
    }
    return rc == SIGB_OK && out->failed ? sigb_no_memory(diag) : rc;
}

/* ---- prepare ---- */

static size_t bstr_len(size_t content)
{
    return head_len(content) + content;
}

/* Known before anything is signed, because the key fixes the signature's length. */
static size_t statement_len(const sigb_builder *builder)
{
    size_t signature = alg_signature_len(builder->alg, issuer_key(builder->issuer));
    size_t payload = builder->form == FORM_DETACHED ? 1 : bstr_len(builder->payload.len);

    return 2 + bstr_len(builder->header_map.len) + 1 + payload + bstr_len(signature);
}

static sigb_rc check_size(const sigb_builder *builder, sigb_diag *diag)
{
    size_t len = statement_len(builder);

    if (builder->profile == SIGB_PROFILE_MST && len > SIGB_MAX_MST_STATEMENT)
        return sigb_fail(
            diag, SIGB_E_SIZE,
            "the statement would have %zu bytes and the mst profile's ledger accepts %d; sign the "
            "payload's digest instead, in a hash envelope",
            len, SIGB_MAX_MST_STATEMENT);
    if (len > SIGB_MAX_STATEMENT || builder->payload.len > SIGB_MAX_STATEMENT)
        return sigb_fail(diag, SIGB_E_LIMIT,
                         "the statement would have %zu bytes with its payload; at most %d are written: sign "
                         "the payload's digest instead, in a hash envelope",
                         len, SIGB_MAX_STATEMENT);
    return SIGB_OK;
}

static sigb_rc make_header(sigb_builder *builder, sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = put_protected(&made, builder, diag);

    if (rc != SIGB_OK) {
        sigb_buf_free(&made);
        return rc;
    }
    sigb_buf_free(&builder->header_map);
    builder->header_map = made;
    return SIGB_OK;
}

sigb_rc sigb_builder_prepare(sigb_builder *builder, sigb_buf *tbs, sigb_diag *diag)
{
    size_t before;
    sigb_rc rc;

    if (builder == NULL || tbs == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "what is to be signed needs a builder and a place to be put");
    if (builder->form == FORM_NONE)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the statement has no payload yet: attach one, detach one, or give its digest");
    rc = issuer_require_current(builder->issuer, time_resolve(SIGB_TIME_NOW), diag);
    if (rc == SIGB_OK)
        rc = make_header(builder, diag);
    if (rc == SIGB_OK)
        rc = check_size(builder, diag);
    if (rc != SIGB_OK) {
        sigb_buf_free(&builder->header_map); /* what was refused cannot be finished */
        return rc;
    }
    before = tbs->len;
    sig_structure_put(tbs, sigb_buf_bytes(&builder->header_map), builder->payload);
    if (!tbs->failed)
        return SIGB_OK;
    tbs->len = before;
    return sigb_no_memory(diag);
}

/* ---- finish ---- */

static void put_statement(sigb_buf *out, const sigb_builder *builder, sigb_bytes signature)
{
    put_tag(out, COSE_TAG_SIGN1);
    put_array(out, 4);
    put_bstr(out, sigb_buf_bytes(&builder->header_map));
    put_map(out, 0);
    if (builder->form == FORM_DETACHED)
        put_null(out);
    else
        put_bstr(out, builder->payload);
    put_bstr(out, signature);
}

static sigb_rc check_signature(const sigb_builder *builder, const sigb_statement *made, sigb_diag *diag)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    sig_structure_put(&tbs, statement_protected(made),
                      sigb_statement_detached(made) ? builder->payload : sigb_statement_payload(made));
    rc = tbs.failed ? sigb_no_memory(&why)
                    : verifier_check(issuer_verifier(builder->issuer), builder->alg->id, sigb_buf_bytes(&tbs),
                                     statement_signature(made), &why);
    sigb_buf_free(&tbs);
    if (rc == SIGB_E_SIGNATURE)
        return sigb_fail_native(
            diag, SIGB_E_SIGNATURE_FAULT, why.native,
            "%s: it does not verify with the leaf's key, so nothing was written; sign what "
            "prepare gave, with the key of the certificate, and check the token",
            why.text);
    return rc == SIGB_OK ? rc : sigb_fail_native(diag, rc, why.native, "%s", why.text);
}

/* Reads the finished bytes as anybody will, and holds them against key, issuer and chain. */
static sigb_rc check_finished(const sigb_builder *builder, sigb_bytes finished, sigb_diag *diag)
{
    sigb_statement *made = NULL;
    sigb_rc rc = sigb_statement_parse(finished, &made, diag);

    if (rc != SIGB_OK && rc != SIGB_E_MEMORY)
        return sigb_fail(diag, SIGB_E_INTERNAL,
                         "the finished statement cannot be read (%s); nothing was written", sigb_rc_name(rc));
    if (rc == SIGB_OK)
        rc = check_signature(builder, made, diag);
    if (rc == SIGB_OK)
        rc = issuer_require_resolved(builder->issuer, sigb_statement_issuer(made), sigb_statement_certs(made),
                                     diag);
    sigb_statement_free(made);
    return rc;
}

sigb_rc sigb_builder_finish(sigb_builder *builder, sigb_bytes signature, sigb_buf *statement, sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc;

    if (builder == NULL || statement == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a statement needs a builder and a place to be put");
    if (builder->header_map.len == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "the statement is not prepared; sign what prepare gives");
    if (signature.len > SIGB_MAX_SIGNATURE)
        return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT, "a signature of %zu bytes; at most %d are taken",
                         signature.len, SIGB_MAX_SIGNATURE);
    put_statement(&made, builder, signature);
    rc = made.failed ? sigb_no_memory(diag) : check_finished(builder, sigb_buf_bytes(&made), diag);
    if (rc == SIGB_OK) {
        sigb_buf_append(statement, sigb_buf_bytes(&made));
        rc = statement->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    sigb_buf_free(&made);
    return rc;
}

/* The signature is verified once, by finish. */
static sigb_rc make_and_finish(sigb_builder *builder, sigb_signer *signer, sigb_bytes tbs,
                               sigb_buf *statement, sigb_diag *diag)
{
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_rc rc = signer_make(signer, builder->alg->id, tbs, &signature, diag);

    if (rc == SIGB_OK)
        rc = sigb_builder_finish(builder, sigb_buf_bytes(&signature), statement, diag);
    sigb_buf_free(&signature);
    return rc;
}

sigb_rc sigb_builder_sign(sigb_builder *builder, sigb_signer *signer, sigb_buf *statement, sigb_diag *diag)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_rc rc;

    if (builder == NULL || signer == NULL || statement == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a statement needs a builder, a signer and a place to be put");
    if (statement->failed) /* before anything is signed */
        return sigb_no_memory(diag);
    rc = sigb_signer_expect(signer, sigb_issuer_spki(builder->issuer), diag);
    if (rc == SIGB_OK)
        rc = sigb_builder_prepare(builder, &tbs, diag);
    if (rc == SIGB_OK)
        rc = make_and_finish(builder, signer, sigb_buf_bytes(&tbs), statement, diag);
    if (rc == SIGB_E_SIGNATURE_FAULT && signer_doubt(signer))
        rc = make_and_finish(builder, signer, sigb_buf_bytes(&tbs), statement, diag);
    sigb_buf_free(&tbs);
    return rc;
}
