/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/text.h"
#include "issuer/name.h"

/* A hostile heap of cross-signed certificates has more paths than there is time. */
#define MAX_STEPS 4096

/* The search goes from the leaf upwards, through every issuer that fits, to every pinned root. */
typedef struct search {
    STACK_OF(X509) * all; /* certificates and roots, each once */
    STACK_OF(X509) * roots;
    X509 *path[SIGB_MAX_CERTS];
    int depth;
    X509 *found[SIGB_MAX_CERTS], *other[SIGB_MAX_CERTS]; /* the first two paths */
    int found_len, other_len;
    X509 *dead_end; /* the highest certificate that the search could not go on from */
    int dead_depth;
    int steps;
} search;

static bool contains(STACK_OF(X509) * certs, X509 *cert)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_cmp(sk_X509_value(certs, i), cert) == 0)
            return true;
    return false;
}

bool cert_issued(X509 *issuer, X509 *cert)
{
    switch (X509_check_issued(issuer, cert)) {
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
    case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
        return false;
    default:
        return true; /* the issuer by name; if it is a bad one, the check says how */
    }
}

static bool is_self_issued(X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

static bool on_path(const search *s, X509 *cert)
{
    for (int i = 0; i < s->depth; i++)
        if (X509_cmp(s->path[i], cert) == 0)
            return true;
    return false;
}

/* Puts every certificate that can have issued `cert` into `issuers`. */
static bool list_issuers(const search *s, X509 *cert, STACK_OF(X509) * issuers)
{
    for (int i = 0; i < sk_X509_num(s->all); i++) {
        X509 *candidate = sk_X509_value(s->all, i);

        if (!on_path(s, candidate) && cert_issued(candidate, cert) && sk_X509_push(issuers, candidate) <= 0)
            return false;
    }
    return true;
}

/* Among several of one name the signature tells; if it tells against all, they stay for the check to judge. */
static sigb_rc keep_signers(X509 *cert, STACK_OF(X509) * issuers, sigb_diag *diag)
{
    bool signer[3 * SIGB_MAX_CERTS] = {false};
    int count = sk_X509_num(issuers), signers = 0;

    if (count < 2)
        return SIGB_OK;
    if (count > (int)(sizeof(signer) / sizeof(signer[0])))
        return sigb_fail(diag, SIGB_E_LIMIT, "%d certificates of one name", count);
    ERR_clear_error();
    for (int i = 0; i < count; i++) {
        signer[i] = X509_verify(cert, X509_get0_pubkey(sk_X509_value(issuers, i))) == 1;
        signers += signer[i];
        if (!signer[i] && sigb_openssl_refused(diag, SIGB_E_SIGNATURE, "not its issuer") == SIGB_E_MEMORY)
            return SIGB_E_MEMORY;
    }
    for (int i = count - 1; signers > 0 && i >= 0; i--)
        if (!signer[i])
            (void)sk_X509_delete(issuers, i);
    return SIGB_OK;
}

static void keep_path(search *s)
{
    if (s->found_len == 0) {
        memcpy(s->found, s->path, sizeof(s->found));
        s->found_len = s->depth;
    } else if (s->other_len == 0) {
        memcpy(s->other, s->path, sizeof(s->other));
        s->other_len = s->depth;
    }
}

static sigb_rc climb(search *s, X509 *cert, sigb_diag *diag);

static sigb_rc climb_further(search *s, X509 *cert, sigb_diag *diag)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    sigb_rc rc = SIGB_OK;

    if (issuers == NULL || !list_issuers(s, cert, issuers))
        rc = sigb_no_memory(diag);
    else
        rc = keep_signers(cert, issuers, diag);
    if (rc == SIGB_OK && sk_X509_num(issuers) == 0 && s->depth > s->dead_depth) {
        s->dead_end = cert;
        s->dead_depth = s->depth;
    }
    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(issuers); i++)
        rc = climb(s, sk_X509_value(issuers, i), diag);
    sk_X509_free(issuers);
    return rc;
}

/* Depth first; stops at the second path. A pinned certificate ends a path, and may lie on a longer one. */
static sigb_rc climb(search *s, X509 *cert, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;
    bool pinned = contains(s->roots, cert);

    if (s->depth == SIGB_MAX_CERTS || ++s->steps > MAX_STEPS)
        return sigb_fail(diag, SIGB_E_LIMIT,
                         "the certificates cross-sign each other in too many ways, or the chain is longer "
                         "than %d; give the chain's own certificates only",
                         SIGB_MAX_CERTS);
    s->path[s->depth++] = cert;
    if (pinned)
        keep_path(s);
    if (s->other_len == 0 && !(pinned && is_self_issued(cert)))
        rc = climb_further(s, cert, diag);
    s->depth--;
    return rc;
}

static sigb_rc fail_dead_end(const search *s, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];
    sigb_buf issuer = SIGB_BUF_INIT;
    const char *wanted;
    sigb_rc rc;

    if (s->dead_end == NULL || is_self_issued(s->dead_end))
        return sigb_openssl_refused(
            diag, SIGB_E_CHAIN_ROOT,
            "the chain ends in %s, which is none of the %d pinned root certificates; pin it if "
            "you trust it, or use a chain that ends in a pinned one",
            s->dead_end == NULL ? "itself" : cert_name(s->dead_end, name), sk_X509_num(s->roots));
    name_put(&issuer, X509_get_issuer_name(s->dead_end));
    wanted = text_c_str(&issuer);
    rc = wanted == NULL
             ? sigb_no_memory(diag)
             : sigb_openssl_refused(
                   diag, SIGB_E_CHAIN_INCOMPLETE,
                   "the certificate that issued %s is missing: '%.128s' is wanted; add it to the chain, "
                   "or pin it if it is the root",
                   cert_name(s->dead_end, name), wanted);
    sigb_buf_free(&issuer);
    return rc;
}

static sigb_rc fail_ambiguous(const search *s, sigb_diag *diag)
{
    char leaf[CERT_NAME_ROOM], one[CERT_NAME_ROOM], two[CERT_NAME_ROOM];
    sigb_buf serials = SIGB_BUF_INIT;
    int at = 0;
    const char *text;
    sigb_rc rc;

    while (at + 1 < s->found_len && at + 1 < s->other_len && s->found[at] == s->other[at])
        at++;
    if (s->found[at] == s->other[at]) /* one path is the other's beginning */
        at = s->found_len > s->other_len ? s->other_len : at;
    serial_put(&serials, s->found[at < s->found_len ? at : s->found_len - 1]);
    text_put(&serials, " and ");
    serial_put(&serials, s->other[at < s->other_len ? at : s->other_len - 1]);
    text = text_c_str(&serials);
    rc = text == NULL
             ? sigb_no_memory(diag)
             : sigb_openssl_refused(diag, SIGB_E_CHAIN_AMBIGUOUS,
                                    "two paths lead from %s to a pinned root, to %s and to %s; they part at "
                                    "serials %.96s: leave one certificate or one root out",
                                    cert_name(s->found[0], leaf), cert_name(s->found[s->found_len - 1], one),
                                    cert_name(s->other[s->other_len - 1], two), text);
    sigb_buf_free(&serials);
    return rc;
}

static bool gather(STACK_OF(X509) * all, STACK_OF(X509) * more)
{
    for (int i = 0; i < sk_X509_num(more); i++)
        if (!contains(all, sk_X509_value(more, i)) && sk_X509_push(all, sk_X509_value(more, i)) <= 0)
            return false;
    return true;
}

static sigb_rc take_path(const search *s, STACK_OF(X509) * *chain, sigb_diag *diag)
{
    STACK_OF(X509) *taken = sk_X509_new_reserve(NULL, s->found_len);

    if (taken == NULL)
        return sigb_no_memory(diag);
    for (int i = 0; i < s->found_len; i++) {
        (void)X509_up_ref(s->found[i]);
        (void)sk_X509_push(taken, s->found[i]); /* reserved */
    }
    *chain = taken;
    return SIGB_OK;
}

sigb_rc chain_order(X509 *leaf, STACK_OF(X509) * certs, STACK_OF(X509) * roots, STACK_OF(X509) * *chain,
                    sigb_diag *diag)
{
    search s = {.all = sk_X509_new_null(), .roots = roots};
    sigb_rc rc;

    if (s.all == NULL || !gather(s.all, certs) || !gather(s.all, roots))
        rc = sigb_no_memory(diag);
    else
        rc = climb(&s, leaf, diag);
    if (rc == SIGB_OK && s.found_len == 0)
        rc = fail_dead_end(&s, diag);
    if (rc == SIGB_OK && s.other_len > 0)
        rc = fail_ambiguous(&s, diag);
    if (rc == SIGB_OK)
        rc = take_path(&s, chain, diag);
    sk_X509_free(s.all);
    return rc;
}
