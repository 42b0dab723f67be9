/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/time.h"

#define SECURITY_LEVEL 2 /* 112 bits: RSA 2048, EC 224, SHA-224 and more */

/*
 * No purpose is ever set: a purpose would judge EKUs by rules that are not
 * did:x509's. NO_CHECK_TIME is added where no time is judged.
 */
#define CHAIN_FLAGS X509_V_FLAG_PARTIAL_CHAIN /* the last certificate is the anchor, whatever it is */

/* Reasons of OpenSSL that have a code of their own here; every other one is SIGB_E_CHAIN. */
static const struct reason_row {
    int error;
    sigb_rc rc;
    const char *advice;
} REASONS[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, SIGB_E_CHAIN_INCOMPLETE, "add the certificate of its issuer"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, SIGB_E_CHAIN_INCOMPLETE,
     "add the certificate of its issuer"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, SIGB_E_CHAIN_INCOMPLETE,
     "add the certificate of its issuer"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, SIGB_E_CHAIN_ROOT,
     "it issued itself; a certificate from the pinned root is wanted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, SIGB_E_CHAIN_ROOT,
     "it issued itself; a certificate from the pinned root is wanted"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, SIGB_E_CHAIN,
     "the certificate behind it did not sign it, or its bytes were changed"},
    {X509_V_ERR_CERT_HAS_EXPIRED, SIGB_E_EXPIRED, "renew it"},
    {X509_V_ERR_CERT_NOT_YET_VALID, SIGB_E_NOT_YET_VALID, "wait, or correct the clock"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, SIGB_E_WEAK_KEY, "RSA of 2048 bits or EC P-256 is the least"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, SIGB_E_WEAK_KEY, "RSA of 2048 bits or EC P-256 is the least"},
    {X509_V_ERR_CA_MD_TOO_WEAK, SIGB_E_WEAK_DIGEST,
     "it is signed over SHA-1 or weaker; have it re-issued over SHA-256"},
    {X509_V_ERR_CERT_REVOKED, SIGB_E_REVOKED, "it must not be used any more"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, SIGB_E_REVOKED, "give the CRL of its issuer"},
    {X509_V_ERR_CRL_NOT_YET_VALID, SIGB_E_REVOKED, "give a CRL that is current at the time of the check"},
    {X509_V_ERR_CRL_HAS_EXPIRED, SIGB_E_REVOKED, "give a CRL that is current at the time of the check"},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, SIGB_E_REVOKED, "give the CRL as its issuer published it"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, SIGB_E_REVOKED, "give the CRL as its issuer published it"},
    {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, SIGB_E_REVOKED, "give the CRL as its issuer published it"},
    {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, SIGB_E_REVOKED, "give the CRL as its issuer published it"},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, SIGB_E_REVOKED, "give a CRL of its issuer"},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, SIGB_E_REVOKED, "its issuer's keyUsage must have cRLSign"},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, SIGB_E_REVOKED, "give a full CRL without extras"},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, SIGB_E_REVOKED, "give a CRL that covers it"},
    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, SIGB_E_REVOKED, "give a CRL of its issuer"},
};

static const struct reason_row *reason_of(int error)
{
    for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
        if (REASONS[i].error == error)
            return &REASONS[i];
    return NULL;
}

/* ", valid from X to Y, judged at Z" behind a refusal that is about time. */
static const char *validity_text(X509 *cert, int64_t at, char text[3 * TIME_TEXT + 32])
{
    char from[TIME_TEXT], to[TIME_TEXT], now[TIME_TEXT];
    int64_t not_before, not_after;

    text[0] = '\0';
    if (der_seconds(X509_get0_notBefore(cert), &not_before) &&
        der_seconds(X509_get0_notAfter(cert), &not_after))
        (void)snprintf(text, 3 * TIME_TEXT + 32, " (valid %s to %s, judged at %s)",
                       time_text(not_before, from), time_text(not_after, to), time_text(at, now));
    return text;
}

/* OpenSSL's verdict as a refusal: which certificate, what is wrong with it, what to do. */
static sigb_rc fail_as(X509_STORE_CTX *ctx, STACK_OF(X509) * chain, int64_t at, sigb_diag *diag)
{
    int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
    const struct reason_row *row = reason_of(error);
    sigb_rc rc = row == NULL ? SIGB_E_CHAIN : row->rc;
    char name[CERT_NAME_ROOM], validity[3 * TIME_TEXT + 32] = "";

    if (error == X509_V_ERR_OUT_OF_MEM)
        return sigb_no_memory(diag);
    if (cert == NULL)
        cert = sk_X509_value(chain, depth < sk_X509_num(chain) ? depth : 0);
    if (rc == SIGB_E_EXPIRED || rc == SIGB_E_NOT_YET_VALID)
        (void)validity_text(cert, at, validity);
    return sigb_openssl_refused(diag, rc, "certificate %d of %d, %s: %s%s; %s", depth + 1, sk_X509_num(chain),
                                cert_name(cert, name), X509_verify_cert_error_string(error), validity,
                                row == NULL ? "have it re-issued as RFC 5280 demands" : row->advice);
}

/* The anchor is pinned: no CRL is asked for it. */
static int forgive_root_without_crl(int ok, X509_STORE_CTX *ctx)
{
    if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL ||
        X509_STORE_CTX_get_error_depth(ctx) + 1 != sk_X509_num(X509_STORE_CTX_get0_chain(ctx)))
        return ok;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static bool set_rules(X509_STORE_CTX *ctx, const chain_rules *rules)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    unsigned long flags = CHAIN_FLAGS;

    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    if (rules->use != CHAIN_STAMP)
        flags |= X509_V_FLAG_X509_STRICT;
    if (rules->roots == NULL)
        flags |= X509_V_FLAG_CHECK_SS_SIGNATURE; /* not byte-equal to anything known */
    if (rules->at == SIGB_TIME_UNCHECKED)
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    else
        X509_VERIFY_PARAM_set_time(param, (time_t)rules->at);
    if (rules->crls != NULL) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
        X509_STORE_CTX_set0_crls(ctx, rules->crls);
        X509_STORE_CTX_set_verify_cb(ctx, forgive_root_without_crl);
    }
    return X509_VERIFY_PARAM_set_flags(param, flags) == 1;
}

/* OpenSSL builds its own path: one that leaves out, adds or moves a certificate is not the chain that was given. */
static sigb_rc require_same(STACK_OF(X509) * chain, STACK_OF(X509) * built, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];
    int at = 0;

    while (at < sk_X509_num(chain) && at < sk_X509_num(built) &&
           X509_cmp(sk_X509_value(chain, at), sk_X509_value(built, at)) == 0)
        at++;
    if (at == sk_X509_num(chain) && at == sk_X509_num(built))
        return SIGB_OK;
    if (at == sk_X509_num(chain))
        at--;
    return sigb_openssl_refused(
        diag, SIGB_E_CHAIN_UNRELATED,
        "certificate %d of %d, %s, is not the next on the path from the leaf to the last one; "
        "leave out what does not belong to the chain",
        at + 1, sk_X509_num(chain), cert_name(sk_X509_value(chain, at), name));
}

/* The anchor alone, and what lies between it and the leaf. Borrowed references. */
static bool split(STACK_OF(X509) * chain, STACK_OF(X509) * anchor, STACK_OF(X509) * between)
{
    int last = sk_X509_num(chain) - 1;

    for (int i = 1; i < last; i++)
        if (sk_X509_push(between, sk_X509_value(chain, i)) <= 0)
            return false;
    return sk_X509_push(anchor, sk_X509_value(chain, last)) > 0;
}

static sigb_rc verify_path(STACK_OF(X509) * chain, const chain_rules *rules, sigb_diag *diag)
{
    STACK_OF(X509) *anchor = sk_X509_new_null(), *between = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx_get(), NULL);
    sigb_rc rc;

    ERR_clear_error();
    if (anchor == NULL || between == NULL || ctx == NULL || !split(chain, anchor, between) ||
        X509_STORE_CTX_init(ctx, NULL, sk_X509_value(chain, 0), between) != 1) {
        rc = sigb_no_memory(diag);
        goto out;
    }
    X509_STORE_CTX_set0_trusted_stack(ctx, anchor);
    if (!set_rules(ctx, rules))
        rc = sigb_openssl_failed(diag, "the rules of a chain");
    else if (X509_verify_cert(ctx) != 1)
        rc = fail_as(ctx, chain, rules->at, diag);
    else
        rc = require_same(chain, X509_STORE_CTX_get0_chain(ctx), diag);
out:
    ERR_clear_error();
    X509_STORE_CTX_free(ctx);
    sk_X509_free(anchor);
    sk_X509_free(between);
    return rc;
}

static sigb_rc require_pinned(STACK_OF(X509) * chain, STACK_OF(X509) * roots, sigb_diag *diag)
{
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    char name[CERT_NAME_ROOM];

    for (int i = 0; i < sk_X509_num(roots); i++)
        if (X509_cmp(sk_X509_value(roots, i), last) == 0)
            return SIGB_OK;
    return sigb_openssl_refused(
        diag, SIGB_E_CHAIN_ROOT,
        "the chain ends in %s, which is none of the %d pinned root certificates; pin it if you "
        "trust it, or use a chain that ends in a pinned one",
        cert_name(last, name), sk_X509_num(roots));
}

static sigb_rc require_length(STACK_OF(X509) * chain, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];

    if (sk_X509_num(chain) >= 2)
        return SIGB_OK;
    if (sk_X509_num(chain) < 1)
        return sigb_fail(diag, SIGB_E_CHAIN_INCOMPLETE, "the chain is empty: the leaf and its CA are wanted");
    return sigb_openssl_refused(
        diag, SIGB_E_CHAIN_INCOMPLETE,
        "the chain is %s alone: at least two certificates are wanted, the leaf and its CA; add "
        "the CA's",
        cert_name(sk_X509_value(chain, 0), name));
}

/* RFC 5280, 4.2.1.9, part of the strict mode; later versions of OpenSSL leave it out. */
static sigb_rc require_critical_constraints(STACK_OF(X509) * chain, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];

    for (int i = 1; i < sk_X509_num(chain); i++) {
        X509 *ca = sk_X509_value(chain, i);
        int at = X509_get_ext_by_NID(ca, NID_basic_constraints, -1);

        if (at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(ca, at)) != 1)
            return sigb_openssl_refused(diag, SIGB_E_CHAIN,
                                        "certificate %d of %d, %s: %s; have it re-issued as RFC 5280 demands",
                                        i + 1, sk_X509_num(chain), cert_name(ca, name),
                                        X509_verify_cert_error_string(X509_V_ERR_CA_BCONS_NOT_CRITICAL));
    }
    return SIGB_OK;
}

static sigb_rc fail_key_usage(X509 *leaf, const char *found, const char *wanted, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];

    return sigb_openssl_refused(diag, SIGB_E_KEY_USAGE,
                                "%s: keyUsage %s where %s is wanted; have the certificate re-issued",
                                cert_name(leaf, name), found, wanted);
}

/* What keyUsage may have, one of it at least. */
static const struct {
    uint32_t usage;
    const char *lacks, *wanted;
} USES[] = {
    [CHAIN_RESOLVE] = {KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT, "is without both",
                       "digitalSignature or keyAgreement"},
    [CHAIN_VERIFY] = {KU_DIGITAL_SIGNATURE, "is without it", "digitalSignature"},
    [CHAIN_SIGN] = {KU_DIGITAL_SIGNATURE, "is without it", "digitalSignature"},
    [CHAIN_STAMP] = {KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, "is without both",
                     "digitalSignature or nonRepudiation"},
};

sigb_rc leaf_require_use(X509 *leaf, chain_use use, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];

    if (use != CHAIN_RESOLVE && X509_check_ca(leaf) != 0)
        return sigb_openssl_refused(diag, SIGB_E_LEAF_CA,
                                    "%s is a CA certificate: a %s is signed by an end entity; use a "
                                    "certificate without CA rights",
                                    cert_name(leaf, name), use == CHAIN_STAMP ? "time stamp" : "statement");
    if ((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) == 0)
        return use == CHAIN_SIGN ? fail_key_usage(leaf, "is absent", USES[use].wanted, diag) : SIGB_OK;
    if ((X509_get_key_usage(leaf) & USES[use].usage) != 0)
        return SIGB_OK;
    return fail_key_usage(leaf, USES[use].lacks, USES[use].wanted, diag);
}

static void narrow(chain_window *window, const ASN1_TIME *from, const ASN1_TIME *to)
{
    int64_t not_before = INT64_MAX, not_after = INT64_MIN; /* unreadable: nothing is inside */

    if (from != NULL)
        (void)der_seconds(from, &not_before);
    if (to == NULL)
        not_after = INT64_MAX; /* a CRL need not say when the next one comes */
    else if (der_seconds(to, &not_after))
        not_after--; /* OpenSSL counts the last second as over */
    if (not_before > window->not_before)
        window->not_before = not_before;
    if (not_after < window->not_after)
        window->not_after = not_after;
}

static void set_window(chain_window *window, STACK_OF(X509) * chain, const chain_rules *rules)
{
    *window = (chain_window){INT64_MIN, INT64_MAX};
    for (int i = 0; i < sk_X509_num(chain); i++)
        narrow(window, X509_get0_notBefore(sk_X509_value(chain, i)),
               X509_get0_notAfter(sk_X509_value(chain, i)));
    for (int i = 0; rules->crls != NULL && i < sk_X509_CRL_num(rules->crls); i++)
        narrow(window, X509_CRL_get0_lastUpdate(sk_X509_CRL_value(rules->crls, i)),
               X509_CRL_get0_nextUpdate(sk_X509_CRL_value(rules->crls, i)));
}

/* An EKU extension that is there twice makes OpenSSL refuse without saying why: say it first. */
static sigb_rc require_readable_eku(X509 *leaf, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc = eku_read(leaf, &ekus, diag);

    EXTENDED_KEY_USAGE_free(ekus);
    return rc;
}

sigb_rc chain_check(STACK_OF(X509) * chain, const chain_rules *rules, chain_window *window, sigb_diag *diag)
{
    X509 *leaf = sk_X509_value(chain, 0);
    sigb_rc rc = require_length(chain, diag);

    if (rc == SIGB_OK && rules->roots != NULL)
        rc = require_pinned(chain, rules->roots, diag);
    if (rc == SIGB_OK)
        rc = require_readable_eku(leaf, diag);
    if (rc == SIGB_OK && rules->use != CHAIN_STAMP)
        rc = require_critical_constraints(chain, diag);
    if (rc == SIGB_OK)
        rc = verify_path(chain, rules, diag);
    if (rc == SIGB_OK)
        rc = leaf_require_use(leaf, rules->use, diag);
    if (rc == SIGB_OK && window != NULL)
        set_window(window, chain, rules);
    return rc;
}
