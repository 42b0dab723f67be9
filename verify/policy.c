/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/policy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"

sigb_policy *sigb_policy_new(void)
{
    sigb_policy *made = OPENSSL_zalloc(sizeof(*made));

    if (made == NULL)
        return NULL;
    made->profile = SIGB_PROFILE_MST;
    made->at = SIGB_TIME_NOW;
    memory_init(&made->memory);
    return made;
}

void sigb_policy_free(sigb_policy *policy)
{
    if (policy == NULL)
        return;
    sk_X509_pop_free(policy->roots, X509_free);
    sk_X509_CRL_pop_free(policy->crls, X509_CRL_free);
    OPENSSL_free(policy->eku);
    OPENSSL_free(policy->issuer);
    OPENSSL_free(policy->subject);
    for (size_t i = 0; i < policy->ledger_count; i++)
        OPENSSL_free(policy->ledgers[i]);
    sigb_buf_free(&policy->tsa_roots);
    sigb_buf_free(&policy->tsa_certs);
    memory_destroy(&policy->memory);
    OPENSSL_free(policy);
}

static sigb_rc require_policy(sigb_policy *policy, sigb_diag *diag)
{
    if (policy == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no policy to set");
    memory_clear(&policy->memory);
    return SIGB_OK;
}

static sigb_rc set_text(char **place, const char *text, sigb_diag *diag)
{
    char *copy = OPENSSL_strdup(text);

    if (copy == NULL)
        return sigb_no_memory(diag);
    OPENSSL_free(*place);
    *place = copy;
    return SIGB_OK;
}

/* ---- anchors ---- */

/*
 * OpenSSL reads extensions when they are first asked for: here, and not in the
 * threads that share the roots. Unreadable ones are for the chain's check to judge.
 */
static sigb_rc read_extensions(STACK_OF(X509) * roots, sigb_diag *diag)
{
    ERR_clear_error();
    for (int i = 0; i < sk_X509_num(roots); i++)
        if (X509_check_purpose(sk_X509_value(roots, i), -1, 0) != 1 &&
            sigb_openssl_refused(diag, SIGB_E_CHAIN, "unreadable extensions") == SIGB_E_MEMORY)
            return SIGB_E_MEMORY;
    return SIGB_OK;
}

/* Moves all of `more` behind `roots`; nothing can fail once there is room. */
static sigb_rc add_roots(STACK_OF(X509) * *roots, STACK_OF(X509) * more, sigb_diag *diag)
{
    STACK_OF(X509) *all = sk_X509_dup(*roots == NULL ? more : *roots);

    if (all == NULL || (*roots != NULL && sk_X509_reserve(all, sk_X509_num(more)) != 1)) {
        sk_X509_free(all);
        return sigb_no_memory(diag);
    }
    for (int i = 0; *roots != NULL && i < sk_X509_num(more); i++)
        (void)sk_X509_push(all, sk_X509_value(more, i));
    sk_X509_free(*roots);
    *roots = all;
    return SIGB_OK;
}

sigb_rc sigb_policy_put_roots(sigb_policy *policy, sigb_bytes certs, sigb_diag *diag)
{
    STACK_OF(X509) *more = NULL;
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK && certs.len == 0)
        rc = sigb_fail(diag, SIGB_E_ANCHOR, "no root certificate in it");
    if (rc == SIGB_OK)
        rc = certs_parse(certs, &more, diag);
    if (rc == SIGB_OK)
        rc = read_extensions(more, diag);
    if (rc == SIGB_OK)
        rc = add_roots(&policy->roots, more, diag);
    if (rc == SIGB_OK)
        sk_X509_free(more); /* the certificates have moved */
    else
        sk_X509_pop_free(more, X509_free);
    return rc;
}

sigb_rc sigb_policy_set_eku(sigb_policy *policy, const char *oid, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc != SIGB_OK)
        return rc;
    if (oid == NULL || !oid_is_valid(sigb_bytes_text(oid)))
        return sigb_fail(diag, SIGB_E_USAGE, "the EKU '%.64s' is not a dotted OID", oid == NULL ? "" : oid);
    if (strcmp(oid, "2.5.29.37.0") == 0)
        return sigb_fail(diag, SIGB_E_EKU_ANY,
                         "anyExtendedKeyUsage (2.5.29.37.0) cannot name an issuer: it fits everybody; use "
                         "the EKU of the service");
    return set_text(&policy->eku, oid, diag);
}

sigb_rc sigb_policy_set_issuer(sigb_policy *policy, const char *text, sigb_diag *diag)
{
    did *parsed = NULL;
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK && text == NULL)
        rc = sigb_fail(diag, SIGB_E_USAGE, "no issuer to expect");
    if (rc == SIGB_OK)
        rc = did_parse(sigb_bytes_text(text), &parsed, diag);
    if (rc == SIGB_OK)
        rc = set_text(&policy->issuer, text, diag);
    did_free(parsed);
    return rc;
}

static bool demands_receipts(const sigb_policy *policy)
{
    return policy->least_receipts > 0 || policy->all_receipts || policy->ledger_count > 0;
}

sigb_rc policy_require_anchor(const sigb_policy *policy, sigb_diag *diag)
{
    if (demands_receipts(policy) && policy->ledger_keys == NULL)
        return sigb_fail(
            diag, SIGB_E_ANCHOR,
            "receipts are demanded, and there are no keys of ledgers to judge them with; give the "
            "keys of the ledgers that you trust");
    if (policy->issuer != NULL || (policy->roots != NULL && policy->eku != NULL))
        return SIGB_OK;
    if (policy->roots != NULL)
        return sigb_fail(
            diag, SIGB_E_ANCHOR,
            "a root certificate is pinned and no EKU: say which EKU of that root's you trust, or "
            "the exact issuer");
    return sigb_fail(
        diag, SIGB_E_ANCHOR,
        "nothing to trust: pin a root certificate and an EKU, or give the exact issuer expected");
}

/* ---- demands ---- */

sigb_rc sigb_policy_set_subject(sigb_policy *policy, const char *subject, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc != SIGB_OK)
        return rc;
    if (subject == NULL || subject[0] == '\0')
        return sigb_fail(diag, SIGB_E_SUBJECT, "the subject to expect is empty");
    return set_text(&policy->subject, subject, diag);
}

sigb_rc sigb_policy_set_min_svn(sigb_policy *policy, int64_t svn, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc != SIGB_OK)
        return rc;
    if (svn < 0)
        return sigb_fail(diag, SIGB_E_SVN, "the least svn to accept is negative; 0 or more is wanted");
    policy->min_svn = svn;
    policy->has_min_svn = true;
    return SIGB_OK;
}

sigb_rc sigb_policy_set_time(sigb_policy *policy, int64_t at, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc != SIGB_OK)
        return rc;
    if (at == SIGB_TIME_UNCHECKED)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "verification without a time is not offered; give the time to judge at");
    policy->at = at;
    return SIGB_OK;
}

sigb_rc sigb_policy_set_profile(sigb_policy *policy, sigb_profile profile, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc != SIGB_OK)
        return rc;
    if (profile != SIGB_PROFILE_MST && profile != SIGB_PROFILE_COSE)
        return sigb_fail(diag, SIGB_E_USAGE, "no profile has the number %d", (int)profile);
    policy->profile = profile;
    return SIGB_OK;
}

/* ---- time stamps ---- */

sigb_rc sigb_policy_put_tsa(sigb_policy *policy, sigb_bytes roots, sigb_bytes certs, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);
    size_t before;

    if (rc == SIGB_OK && roots.len == 0)
        rc = sigb_fail(diag, SIGB_E_USAGE, "a TSA is believed by a root that is pinned, and none is given");
    if (rc != SIGB_OK)
        return rc;
    before = policy->tsa_roots.len;
    rc = sigb_certs_append(&policy->tsa_roots, roots, diag);
    if (rc == SIGB_OK && certs.len > 0)
        rc = sigb_certs_append(&policy->tsa_certs, certs, diag);
    if (rc != SIGB_OK)
        policy->tsa_roots.len = before;
    return rc;
}

/* ---- CRLs ---- */

static sigb_rc put_crl(STACK_OF(X509_CRL) * crls, X509_CRL *crl, sigb_diag *diag)
{
    if (sk_X509_CRL_num(crls) >= SIGB_MAX_CERTS) {
        X509_CRL_free(crl);
        return sigb_fail(diag, SIGB_E_LIMIT, "more than %d CRLs", SIGB_MAX_CERTS);
    }
    if (sk_X509_CRL_push(crls, crl) > 0)
        return SIGB_OK;
    X509_CRL_free(crl);
    return sigb_no_memory(diag);
}

/* One DER CRL off the front of `der`. */
static sigb_rc take_crl(sigb_bytes *der, STACK_OF(X509_CRL) * crls, sigb_diag *diag)
{
    OSSL_LIB_CTX *ctx = NULL;
    X509_CRL *crl;
    const unsigned char *p;
    sigb_bytes one;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc != SIGB_OK)
        return rc;
    if (!sigb_certs_next(der, &one))
        return sigb_fail(diag, SIGB_E_CERT_DER, "%zu bytes are not a CRL; PEM or DER is wanted", der->len);
    if (one.len > SIGB_MAX_CRL_LEN)
        return sigb_fail(diag, SIGB_E_LIMIT, "a CRL of %zu bytes: at most %d are read", one.len,
                         SIGB_MAX_CRL_LEN);
    ERR_clear_error();
    crl = X509_CRL_new_ex(ctx, NULL);
    if (crl == NULL)
        return sigb_no_memory(diag);
    p = one.ptr;
    if (d2i_X509_CRL(&crl, &p, (long)one.len) == NULL || p != one.ptr + one.len) {
        rc = sigb_openssl_refused(diag, SIGB_E_CERT_DER, "%zu bytes are not a CRL", one.len);
        X509_CRL_free(crl); /* NULL if d2i failed itself */
        return rc;
    }
    return put_crl(crls, crl, diag);
}

/* Every CRL of PEM text; other blocks are passed over. */
static sigb_rc read_pem(sigb_bytes pem, STACK_OF(X509_CRL) * crls, sigb_diag *diag)
{
    BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    sigb_rc rc = in == NULL ? sigb_no_memory(diag) : SIGB_OK;

    while (rc == SIGB_OK && PEM_read_bio(in, &name, &header, &data, &len) == 1) {
        sigb_bytes der = sigb_bytes_of(data, len < 0 ? 0 : (size_t)len);

        if (strcmp(name, PEM_STRING_X509_CRL) == 0)
            rc = take_crl(&der, crls, diag);
        if (rc == SIGB_OK && strcmp(name, PEM_STRING_X509_CRL) == 0 && der.len != 0)
            rc = sigb_fail(diag, SIGB_E_CERT_DER, "%zu bytes behind a CRL", der.len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        name = header = NULL;
        data = NULL;
    }
    if (rc == SIGB_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = sigb_openssl_refused(diag, SIGB_E_CERT_DER, "the PEM text cannot be read");
    ERR_clear_error();
    BIO_free(in);
    return rc;
}

static sigb_rc read_crls(sigb_bytes bytes, STACK_OF(X509_CRL) * crls, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (bytes.len > SIGB_MAX_CRL_LEN * 2UL)
        return sigb_fail(diag, SIGB_E_LIMIT, "%zu bytes of CRLs", bytes.len);
    if (bytes.len > 0 && bytes.ptr[0] != 0x30)
        rc = read_pem(bytes, crls, diag);
    else
        while (rc == SIGB_OK && bytes.len > 0)
            rc = take_crl(&bytes, crls, diag);
    if (rc == SIGB_OK && sk_X509_CRL_num(crls) == 0)
        rc = sigb_fail(diag, SIGB_E_CERT_DER, "no CRL in %zu bytes; PEM or DER is wanted", bytes.len);
    return rc;
}

/* What was there and what is new, as one; takes references. */
static sigb_rc join_crls(STACK_OF(X509_CRL) * old, sigb_bytes bytes, STACK_OF(X509_CRL) * *joined,
                         sigb_diag *diag)
{
    STACK_OF(X509_CRL) *all = sk_X509_CRL_new_null();
    sigb_rc rc = all == NULL ? sigb_no_memory(diag) : read_crls(bytes, all, diag);

    for (int i = 0; rc == SIGB_OK && i < sk_X509_CRL_num(old); i++) {
        (void)X509_CRL_up_ref(sk_X509_CRL_value(old, i));
        rc = put_crl(all, sk_X509_CRL_value(old, i), diag);
    }
    if (rc == SIGB_OK)
        *joined = all;
    else
        sk_X509_CRL_pop_free(all, X509_CRL_free);
    return rc;
}

sigb_rc sigb_policy_put_crls(sigb_policy *policy, sigb_bytes crls, sigb_diag *diag)
{
    STACK_OF(X509_CRL) *joined = NULL;
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK)
        rc = join_crls(policy->crls, crls, &joined, diag);
    if (rc != SIGB_OK)
        return rc;
    sk_X509_CRL_pop_free(policy->crls, X509_CRL_free);
    policy->crls = joined;
    return SIGB_OK;
}

/* ---- receipts ---- */

sigb_rc sigb_policy_set_ledger_keys(sigb_policy *policy, const sigb_keys *keys, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK && (keys == NULL || sigb_keys_count(keys) == 0))
        rc = sigb_fail(diag, SIGB_E_USAGE, "no keys of ledgers in it");
    if (rc == SIGB_OK)
        policy->ledger_keys = keys;
    return rc;
}

sigb_rc sigb_policy_require_receipts(sigb_policy *policy, size_t least, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK && (least == 0 || least > SIGB_MAX_RECEIPTS))
        rc = sigb_fail(diag, SIGB_E_USAGE, "%zu receipts cannot be demanded; 1 to %d can", least,
                       SIGB_MAX_RECEIPTS);
    if (rc == SIGB_OK)
        policy->least_receipts = least;
    return rc;
}

sigb_rc sigb_policy_require_all_receipts(sigb_policy *policy, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK)
        policy->all_receipts = true;
    return rc;
}

sigb_rc sigb_policy_require_ledger(sigb_policy *policy, const char *issuer, sigb_diag *diag)
{
    sigb_rc rc = require_policy(policy, diag);

    if (rc == SIGB_OK && (issuer == NULL || issuer[0] == '\0' || strlen(issuer) > SIGB_MAX_ISSUER))
        rc = sigb_fail(diag, SIGB_E_USAGE, "a ledger's name has 1 to %d characters", SIGB_MAX_ISSUER);
    if (rc == SIGB_OK && policy->ledger_count == SIGB_MAX_LEDGERS)
        rc = sigb_fail(diag, SIGB_E_LIMIT, "receipts of more than %d ledgers are demanded", SIGB_MAX_LEDGERS);
    if (rc == SIGB_OK)
        rc = set_text(&policy->ledgers[policy->ledger_count], issuer, diag);
    if (rc == SIGB_OK)
        policy->ledger_count++;
    return rc;
}
