/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that decides that a statement is good. Every check below is a
 * line of judge(); none can be left out, and the first that fails is the answer.
 */
#include <sigbridge/verify.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/time.h"
#include "cose/sig_structure.h"
#include "cose/statement.h"
#include "verify/claims.h"
#include "verify/policy.h"
#include "verify/verified.h"

/* ---- signature ---- */

/* A key that is too small fits no algorithm; say that, not which algorithm it fails to fit. */
static sigb_rc require_fitting_key(EVP_PKEY *key, const alg_row *row, sigb_diag *diag)
{
    if (key == NULL)
        return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED, "the leaf's public key cannot be read");
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < 2048)
        return sigb_fail(
            diag, SIGB_E_WEAK_KEY,
            "the leaf's RSA key has %d bits where at least 2048 are wanted; have it signed with a larger key",
            EVP_PKEY_get_bits(key));
    if (!alg_fits_key(row, key))
        return sigb_fail(diag, SIGB_E_ALG_KEY,
                         "the statement is signed with %s, which does not fit the leaf's key; have it signed "
                         "with the algorithm of its key",
                         row->name);
    return SIGB_OK;
}

static sigb_rc require_signature(const sigb_statement *statement, const verifier *leaf, const alg_row *row,
                                 sigb_bytes payload, sigb_diag *diag)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    sig_structure_put(&tbs, statement_protected(statement), payload);
    rc = tbs.failed
             ? sigb_no_memory(&why)
             : verifier_check(leaf, row->id, sigb_buf_bytes(&tbs), statement_signature(statement), &why);
    sigb_buf_free(&tbs);
    if (rc == SIGB_OK)
        return rc;
    return sigb_fail_native(diag, rc, why.native, "%s%s", why.text,
                            rc == SIGB_E_SIGNATURE
                                ? "; the statement or its payload is not what the leaf's key "
                                  "signed: take it anew from its source"
                                : "");
}

/* ---- chain and issuer ---- */

/* A pinned root is at hand, parsed: the same bytes need not be parsed again. */
static sigb_rc take_cert(const sigb_policy *policy, sigb_bytes der, X509 **cert, sigb_diag *diag)
{
    for (int i = 0; i < sk_X509_num(policy->roots); i++) {
        X509 *root = sk_X509_value(policy->roots, i);

        if (cert_is(root, der)) {
            (void)X509_up_ref(root);
            *cert = root;
            return SIGB_OK;
        }
    }
    return cert_parse(der, cert, diag);
}

static sigb_rc parse_chain(const sigb_policy *policy, sigb_bytes der, STACK_OF(X509) * chain, sigb_diag *diag)
{
    sigb_bytes one;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && sigb_certs_next(&der, &one)) {
        X509 *cert = NULL;

        rc = take_cert(policy, one, &cert, diag);
        if (rc == SIGB_OK && sk_X509_push(chain, cert) <= 0) {
            X509_free(cert);
            rc = sigb_no_memory(diag);
        }
    }
    return rc;
}

static sigb_rc require_issuer(const sigb_policy *policy, sigb_bytes iss, sigb_diag *diag)
{
    if (policy->issuer == NULL || sigb_bytes_equal(iss, sigb_bytes_text(policy->issuer)))
        return SIGB_OK;
    return sigb_fail(
        diag, SIGB_E_ISSUER,
        "the statement's issuer is '%.*s' where '%.160s' is wanted; get the statement of that issuer",
        iss.len > 160 ? 160 : (int)iss.len, (const char *)iss.ptr,
        policy->issuer); /* a parsed DID: plain characters only */
}

/* The chain by RFC 5280 to its anchor, the issuer resolved against it, the EKU. */
static sigb_rc judge_chain(const findings *found, STACK_OF(X509) * certs, const did *iss,
                           chain_window *window, sigb_diag *diag)
{
    const sigb_policy *policy = found->policy;
    chain_rules rules = {.use = CHAIN_VERIFY, .roots = policy->roots, .crls = policy->crls, .at = found->at};
    sigb_rc rc = chain_check(certs, &rules, window, diag);

    if (rc == SIGB_OK)
        rc = require_issuer(policy, sigb_statement_issuer(found->statement), diag);
    if (rc == SIGB_OK)
        rc = did_match(iss, certs, NULL, diag);
    if (rc == SIGB_OK && policy->eku != NULL)
        rc = eku_require(sk_X509_value(certs, 0), policy->eku, diag);
    return rc;
}

/* What later statements with the same chain and issuer need not ask again. */
static sigb_rc keep(const findings *found, X509 *leaf, const did *iss, checked *chain, sigb_diag *diag)
{
    sigb_buf_append(&chain->x5chain, statement_x5chain(found->statement));
    sigb_buf_append(&chain->iss, sigb_statement_issuer(found->statement));
    sigb_buf_append(&chain->certs, sigb_statement_certs(found->statement));
    if (chain->x5chain.failed || chain->iss.failed || chain->certs.failed)
        return sigb_no_memory(diag);
    chain->key_usage_absent = (X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) == 0;
    chain->eku_pinned = found->policy->eku != NULL || did_has_eku(iss);
    return cert_fingerprint(leaf, SIGB_SHA256, chain->sha256, diag);
}

/* The whole road, for a chain that has not been met: parsed once, one signature, one path. */
static sigb_rc judge_signed_chain(const findings *found, const alg_row *row, const did *iss,
                                  STACK_OF(X509) * certs, checked *chain, sigb_diag *diag)
{
    X509 *leaf = sk_X509_value(certs, 0);
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    sigb_rc rc = require_fitting_key(key, row, diag);

    if (rc == SIGB_OK)
        rc = verifier_new(key, row->id, &chain->leaf, diag);
    if (rc == SIGB_OK)
        rc = require_signature(found->statement, chain->leaf, row, found->payload, diag);
    if (rc == SIGB_OK)
        rc = judge_chain(found, certs, iss, &chain->window, diag);
    return rc == SIGB_OK ? keep(found, leaf, iss, chain, diag) : rc;
}

static sigb_rc meet_chain(findings *found, const alg_row *row, const did *iss, sigb_diag *diag)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    checked *chain = checked_new();
    sigb_rc rc = certs == NULL || chain == NULL
                     ? sigb_no_memory(diag)
                     : parse_chain(found->policy, sigb_statement_certs(found->statement), certs, diag);

    if (rc == SIGB_OK)
        rc = judge_signed_chain(found, row, iss, certs, chain, diag);
    if (rc == SIGB_OK)
        found->chain = chain;
    else
        checked_free(chain);
    sk_X509_pop_free(certs, X509_free);
    return rc;
}

/* The issuer is read first: of other methods nothing more can be said than that they are others. */
static sigb_rc meet_issuer(findings *found, const alg_row *row, sigb_policy *policy, sigb_diag *diag)
{
    did *iss = NULL;
    sigb_rc rc = did_parse(sigb_statement_issuer(found->statement), &iss, diag);

    if (rc == SIGB_OK)
        rc = meet_chain(found, row, iss, diag);
    if (rc == SIGB_OK)
        memory_put(&policy->memory, found->chain);
    did_free(iss);
    return rc;
}

/* Known or not, the signature is verified. */
static sigb_rc judge_signature_and_chain(findings *found, const alg_row *row, sigb_policy *policy,
                                         sigb_diag *diag)
{
    found->chain = memory_find(&policy->memory, statement_x5chain(found->statement),
                               sigb_statement_issuer(found->statement), found->at);
    if (found->chain == NULL)
        return meet_issuer(found, row, policy, diag);
    return require_signature(found->statement, found->chain->leaf, row, found->payload, diag);
}

/* ---- the rest ---- */

static sigb_rc require_supported_issuer(const sigb_statement *statement, sigb_diag *diag)
{
    static const char method[] = "did:x509:";
    sigb_bytes iss = sigb_statement_issuer(statement);

    if (!statement_has_claims(statement) || iss.len == 0)
        return sigb_fail(diag, SIGB_E_HEADER,
                         "the protected header has no issuer (label 15, claim 1); a did:x509 is wanted");
    if (iss.len >= strlen(method) && memcmp(iss.ptr, method, strlen(method)) == 0)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_ISSUER_METHOD,
                     "the statement's issuer is not a did:x509: no other issuer method is supported; judge "
                     "it with its own service's software");
}

static sigb_rc require_x5t(const findings *found, sigb_diag *diag)
{
    sigb_bytes digest, rest = sigb_buf_bytes(&found->chain->certs), leaf;
    sigb_hash hash;
    uint8_t other[64];
    const hash_row *row;

    if (!statement_x5t(found->statement, &hash, &digest))
        return SIGB_OK;
    row = hash_row_of(hash);
    if (row == NULL)
        return sigb_fail(diag, SIGB_E_UNSUPPORTED,
                         "x5t (label 34) is by a hash that is not judged here; have its maker use SHA-256");
    if (hash == SIGB_SHA256)
        memcpy(other, found->chain->sha256, sizeof(other));
    else if (!sigb_certs_next(&rest, &leaf) ||
             EVP_Digest(leaf.ptr, leaf.len, other, NULL, libctx_digest(row->digest), NULL) != 1)
        return sigb_openssl_failed(diag, "the hash of a certificate");
    if (sigb_bytes_equal(digest, sigb_bytes_of(other, row->len)))
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_X5T,
                     "x5t (label 34) is not the hash of the leaf certificate; have its maker sign it anew");
}

/* A time that was asked for, else that of a receipt that is accepted, else that of a time stamp, else now. */
static void settle_time(findings *found)
{
    found->at = time_resolve(found->policy->at);
    found->time_source = "--at";
    if (found->policy->at != SIGB_TIME_NOW)
        return;
    found->time_source = "system clock";
    if (found->stamp.good) {
        found->at = found->stamp.latest;
        found->time_source = "time stamp";
    }
    if (receipts_time(&found->receipts, found->policy, &found->at))
        found->time_source = "earliest receipt";
}

/* Before the rest: they say when the statement was there already. */
static sigb_rc judge_witnesses(findings *found, sigb_diag *diag)
{
    sigb_bytes payload = sigb_statement_detached(found->statement) ? found->payload : SIGB_BYTES_NONE;
    sigb_rc rc = receipts_judge(&found->receipts, found->statement, payload, found->policy, diag);

    if (rc == SIGB_OK)
        rc = stamped_judge(&found->stamp, found->statement, found->policy, diag);
    settle_time(found);
    return rc;
}

static sigb_rc judge(findings *found, sigb_policy *policy, sigb_diag *diag)
{
    const alg_row *row = NULL;
    sigb_rc rc = policy_require_anchor(policy, diag);

    if (rc == SIGB_OK)
        rc = require_supported_issuer(found->statement, diag);
    if (rc == SIGB_OK)
        rc = shape_require(found->statement, policy->profile, &row, diag);
    if (rc == SIGB_OK)
        rc = beside_require(found->statement, found->beside, &found->payload, diag);
    if (rc == SIGB_OK)
        rc = judge_witnesses(found, diag);
    if (rc == SIGB_OK)
        rc = judge_signature_and_chain(found, row, policy, diag);
    if (rc == SIGB_OK)
        rc = claims_require(found->statement, policy, diag);
    if (rc == SIGB_OK)
        rc = require_x5t(found, diag);
    if (rc == SIGB_OK)
        rc = artifact_require(found->beside, found->payload, diag);
    if (rc == SIGB_OK)
        rc = receipts_require(&found->receipts, policy, diag);
    return rc;
}

sigb_rc sigb_statement_verify(const sigb_statement *statement, sigb_policy *policy, const sigb_beside *beside,
                              sigb_verified **verified, sigb_diag *diag)
{
    static const sigb_beside nothing = {.has_payload = false};
    findings found = {.statement = statement, .policy = policy, .beside = beside == NULL ? &nothing : beside};
    sigb_rc rc;

    if (statement == NULL || policy == NULL || verified == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "verification needs a statement, a policy, and a place for the result");
    rc = judge(&found, policy, diag);
    if (rc == SIGB_OK)
        rc = verified_new(&found, verified, diag);
    checked_free(found.chain);
    receipts_free(&found.receipts);
    stamped_free(&found.stamp);
    return rc;
}
