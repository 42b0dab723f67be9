/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates: whose, for what, until when, up to which root; and the issuer that they give. */
#include "token/doctor.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/der.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "issuer/name.h"

#define SOON_DAYS   30
#define DAY_SECONDS 86400

/* Everything parsed, and what was made of it. */
typedef struct papers {
    const sigb_doctor_request *request;
    STACK_OF(X509) * given, *pool, *same_id, *roots;
    STACK_OF(X509) * all;   /* given and pool, borrowed */
    X509 *leaf;             /* borrowed; NULL: none */
    STACK_OF(X509) * chain; /* from leaf to root; NULL: not known */
    sigb_issuer *issuer;
    sigb_rc derive_rc;
    sigb_diag derive_why;
} papers;

static void papers_clear(papers *p)
{
    sigb_issuer_free(p->issuer);
    sk_X509_free(p->all);
    sk_X509_pop_free(p->chain, X509_free);
    sk_X509_pop_free(p->given, X509_free);
    sk_X509_pop_free(p->pool, X509_free);
    sk_X509_pop_free(p->same_id, X509_free);
    sk_X509_pop_free(p->roots, X509_free);
    ERR_clear_error();
}

static bool borrow(STACK_OF(X509) * to, STACK_OF(X509) * from)
{
    for (int i = 0; i < sk_X509_num(from); i++)
        if (sk_X509_push(to, sk_X509_value(from, i)) <= 0)
            return false;
    return true;
}

/* What a token keeps under an id need not be a certificate: that is no failure of the key. */
static sigb_rc parse_same_id(sigb_bytes der, STACK_OF(X509) * *certs, sigb_diag *diag)
{
    sigb_rc rc = certs_parse(der, certs, diag);

    return rc == SIGB_E_CERT_DER || rc == SIGB_E_LIMIT ? SIGB_OK : rc;
}

static sigb_rc papers_read(papers *p, const exam *e, sigb_diag *diag)
{
    sigb_rc rc = certs_parse(p->request->certs, &p->given, diag);

    if (rc == SIGB_OK)
        rc = certs_parse(p->request->roots, &p->roots, diag);
    if (rc == SIGB_OK)
        rc = certs_parse(sigb_buf_bytes(&e->certs), &p->pool, diag);
    if (rc == SIGB_OK)
        rc = parse_same_id(sigb_buf_bytes(&e->same_id), &p->same_id, diag);
    if (rc == SIGB_OK) {
        p->all = sk_X509_new_null();
        if (p->all == NULL || !borrow(p->all, p->given) || !borrow(p->all, p->pool))
            rc = sigb_no_memory(diag);
    }
    return rc;
}

/* ---- the leaf ---- */

static bool carries(exam *e, X509 *cert, sigb_bytes spki)
{
    sigb_buf own = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = cert_put_spki(cert, &own, &why);
    bool same = rc == SIGB_OK && sigb_bytes_equal(sigb_buf_bytes(&own), spki);

    e->no_memory |= rc == SIGB_E_MEMORY;
    sigb_buf_free(&own);
    return same;
}

/* Of those with this key the one that is valid longest; `spki` without bytes: of all that are no CA. */
static X509 *longest_valid(exam *e, STACK_OF(X509) * certs, sigb_bytes spki)
{
    X509 *best = NULL;

    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        if (spki.len > 0 ? !carries(e, cert, spki) : X509_check_ca(cert) != 0)
            continue;
        if (best == NULL || ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(best)) > 0)
            best = cert;
    }
    return best;
}

static void put_cert(exam *e, check which, X509 *cert)
{
    sigb_buf der = SIGB_BUF_INIT, *words = &e->of[which].found;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = cert_put(cert, &der, &why);

    if (rc == SIGB_OK)
        rc = sigb_certs_describe(sigb_buf_bytes(&der), words, &why);
    if (rc == SIGB_OK && words->len > 0)
        words->len--; /* the end of its line */
    e->no_memory |= rc == SIGB_E_MEMORY;
    sigb_buf_free(&der);
}

static void found_other_key(exam *e, X509 *other, const char *where)
{
    text_putf(found(e, CHECK_CERTIFICATE, SIGB_VERDICT_FAIL, SIGB_E_CERT_OTHER_KEY),
              "the certificate %s is of another key: ", where);
    put_cert(e, CHECK_CERTIFICATE, other);
}

/* Signing without one is refused; that it comes from a file then, nobody has said yet where no root is given. */
static void found_no_cert(papers *p, exam *e)
{
    bool judged = sk_X509_num(p->roots) > 0 || sk_X509_num(p->given) > 0;

    text_putf(found(e, CHECK_CERTIFICATE, judged ? SIGB_VERDICT_FAIL : SIGB_VERDICT_WARN, SIGB_E_CERT_ABSENT),
              "no certificate of the key, among %d given and %d on the token", sk_X509_num(p->given),
              sk_X509_num(p->pool));
}

/* A given leaf comes before those of the token, as in signing. */
static void find_leaf_of(papers *p, exam *e, sigb_bytes spki)
{
    X509 *given = longest_valid(e, p->given, spki), *other = longest_valid(e, p->given, SIGB_BYTES_NONE);

    if (given == NULL && other != NULL) {
        found_other_key(e, other, "that was given");
        return;
    }
    p->leaf = given != NULL ? given : longest_valid(e, p->pool, spki);
    if (p->leaf != NULL) {
        text_putf(found(e, CHECK_CERTIFICATE, SIGB_VERDICT_OK, SIGB_OK),
                  "of this key, %s: ", given != NULL ? "given" : "on the token");
        put_cert(e, CHECK_CERTIFICATE, p->leaf);
    } else if (sk_X509_num(p->same_id) > 0) {
        found_other_key(e, sk_X509_value(p->same_id, 0), "under the key's id");
    } else {
        found_no_cert(p, e);
    }
}

/* Whose it is nobody can tell; the rest of it can be judged. */
static void find_leaf_of_unknown(papers *p, exam *e)
{
    p->leaf = longest_valid(e, p->given, SIGB_BYTES_NONE);
    if (p->leaf == NULL)
        p->leaf = longest_valid(e, p->same_id, SIGB_BYTES_NONE);
    if (p->leaf != NULL) {
        text_put(found(e, CHECK_CERTIFICATE, SIGB_VERDICT_NOT_CHECKED, SIGB_OK),
                 "whether it is of this key cannot be judged, for the public key is not known: ");
        put_cert(e, CHECK_CERTIFICATE, p->leaf);
    } else if (e->has_key) {
        found_no_cert(p, e);
    } else {
        text_putf(found(e, CHECK_CERTIFICATE, SIGB_VERDICT_NOT_CHECKED, SIGB_OK),
                  "the key was not seen; certificates: %d given, %d on the token", sk_X509_num(p->given),
                  sk_X509_num(p->pool));
    }
}

/* ---- chain and issuer ---- */

/* As signing does it. */
static void derive(papers *p, const exam *e)
{
    sigb_issuer_options options = {.certs = p->request->certs,
                                   .roots = p->request->roots,
                                   .spki = sigb_buf_bytes(&e->spki),
                                   .eku = p->request->eku,
                                   .at = SIGB_TIME_NOW};

    if (options.spki.len == 0 && options.certs.len == 0)
        options.certs = sigb_buf_bytes(&e->certs);
    else
        options.pool = sigb_buf_bytes(&e->certs);
    p->derive_rc = sigb_issuer_derive(&options, &p->issuer, &p->derive_why);
}

/* Where no issuer comes of it, the chain is judged for itself, and time apart from it. */
static sigb_rc make_chain(papers *p, sigb_diag *why)
{
    const chain_rules rules = {.use = CHAIN_VERIFY, .roots = p->roots, .at = SIGB_TIME_UNCHECKED};
    sigb_rc rc;

    if (p->issuer != NULL)
        return certs_parse(sigb_issuer_chain(p->issuer), &p->chain, why);
    rc = chain_order(p->leaf, p->all, p->roots, &p->chain, why);
    return rc == SIGB_OK ? chain_check(p->chain, &rules, NULL, why) : rc;
}

static void put_chain(exam *e, STACK_OF(X509) * chain)
{
    sigb_buf *words = found(e, CHECK_CHAIN, SIGB_VERDICT_OK, SIGB_OK);

    for (int i = 0; i < sk_X509_num(chain); i++) {
        text_put(words, i == 0 ? "'" : " <- '");
        name_put(words, X509_get_subject_name(sk_X509_value(chain, i)));
        text_put(words, "'");
    }
}

static void examine_chain(papers *p, exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (sk_X509_num(p->roots) == 0) {
        text_put(found(e, CHECK_CHAIN, SIGB_VERDICT_NOT_CHECKED, SIGB_OK),
                 "no root was given: whether the certificate leads to one that you trust cannot be judged");
        return;
    }
    rc = make_chain(p, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_CHAIN, SIGB_VERDICT_FAIL, rc, &why);
    else
        put_chain(e, p->chain);
}

static void examine_issuer(papers *p, exam *e)
{
    if (sk_X509_num(p->roots) == 0)
        text_put(found(e, CHECK_ISSUER, SIGB_VERDICT_NOT_CHECKED, SIGB_OK),
                 "no root was given: the issuer is named by the root and one EKU");
    else if (p->derive_rc != SIGB_OK)
        found_refused(e, CHECK_ISSUER, SIGB_VERDICT_FAIL, p->derive_rc, &p->derive_why);
    else
        text_put(found(e, CHECK_ISSUER, SIGB_VERDICT_OK, SIGB_OK), sigb_issuer_did(p->issuer));
}

/* ---- the leaf by itself ---- */

static void examine_usage(papers *p, exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = leaf_require_use(p->leaf, CHAIN_SIGN, &why);

    if (rc == SIGB_OK)
        text_put(found(e, CHECK_USAGE, SIGB_VERDICT_OK, SIGB_OK),
                 "an end entity with keyUsage digitalSignature");
    else
        found_refused(e, CHECK_USAGE, SIGB_VERDICT_FAIL, rc, &why);
}

static void examine_eku(papers *p, exam *e)
{
    const char *eku = p->request->eku;
    sigb_buf only = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = eku == NULL ? eku_only(p->leaf, &only, &why) : eku_require(p->leaf, eku, &why);

    if (rc != SIGB_OK) {
        found_refused(e, CHECK_EKU, rc == SIGB_E_EKU_AMBIGUOUS ? SIGB_VERDICT_WARN : SIGB_VERDICT_FAIL, rc,
                      &why);
    } else {
        sigb_buf *words = found(e, CHECK_EKU, SIGB_VERDICT_OK, SIGB_OK);

        text_put(words, eku == NULL ? "the only one: " : "among those that it has: ");
        sigb_buf_append(words, eku == NULL ? sigb_buf_bytes(&only) : sigb_bytes_text(eku));
    }
    sigb_buf_free(&only);
}

/* ---- time ---- */

/* OK, EXPIRED or NOT_YET_VALID; *until is when it ends. */
static sigb_rc validity_of(X509 *cert, int64_t now, int64_t *from, int64_t *until)
{
    *from = INT64_MAX;
    *until = INT64_MIN;
    if (!der_seconds(X509_get0_notBefore(cert), from) || !der_seconds(X509_get0_notAfter(cert), until) ||
        now >= *until)
        return SIGB_E_EXPIRED;
    return now < *from ? SIGB_E_NOT_YET_VALID : SIGB_OK;
}

static void put_validity(sigb_buf *words, X509 *cert, int64_t from, int64_t until, int64_t now)
{
    char at[TIME_TEXT];

    text_put(words, "'");
    name_put(words, X509_get_subject_name(cert));
    text_put(words, "' is valid ");
    if (now < from)
        text_putf(words, "from %s ", time_text(from, at));
    text_putf(words, "until %s", time_text(until, at));
    if (now >= from && now < until)
        text_putf(words, ", %lld days more", (long long)((until - now) / DAY_SECONDS));
    else
        text_putf(words, "; it is %s", time_text(now, at));
}

/* The first that is not valid; else the one that ends first. */
static void examine_validity(exam *e, STACK_OF(X509) * certs)
{
    int64_t now = time_resolve(SIGB_TIME_NOW), from, until, first_from = 0, first_until = INT64_MAX;
    X509 *first = NULL;
    sigb_rc rc = SIGB_OK;

    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(certs); i++) {
        rc = validity_of(sk_X509_value(certs, i), now, &from, &until);
        if (rc != SIGB_OK || first == NULL || until < first_until) {
            first = sk_X509_value(certs, i);
            first_from = from;
            first_until = until;
        }
    }
    if (first == NULL)
        return;
    if (rc != SIGB_OK)
        (void)found(e, CHECK_VALIDITY, SIGB_VERDICT_FAIL, rc);
    else if (first_until - now < (int64_t)SOON_DAYS * DAY_SECONDS)
        (void)found(e, CHECK_VALIDITY, SIGB_VERDICT_WARN, SIGB_OK);
    else
        (void)found(e, CHECK_VALIDITY, SIGB_VERDICT_OK, SIGB_OK);
    put_validity(&e->of[CHECK_VALIDITY].found, first, first_from, first_until, now);
}

static void examine_time(papers *p, exam *e)
{
    STACK_OF(X509) *alone = p->chain == NULL ? sk_X509_new_null() : NULL;

    if (p->chain != NULL)
        examine_validity(e, p->chain);
    else if (alone == NULL || sk_X509_push(alone, p->leaf) <= 0)
        e->no_memory = true;
    else
        examine_validity(e, alone);
    sk_X509_free(alone);
}

/* ---- together ---- */

/* What was derived says which of several certificates of the key is used. */
static void settle_leaf(papers *p)
{
    sigb_bytes rest = p->issuer == NULL ? SIGB_BYTES_NONE : sigb_issuer_chain(p->issuer), first;

    if (!sigb_certs_next(&rest, &first))
        return;
    for (int i = 0; i < sk_X509_num(p->all); i++)
        if (cert_is(sk_X509_value(p->all, i), first))
            p->leaf = sk_X509_value(p->all, i);
}

static void judge(papers *p, exam *e, sigb_buf *leaf_spki, sigb_diag *why)
{
    if (sk_X509_num(p->roots) > 0)
        derive(p, e);
    settle_leaf(p);
    examine_usage(p, e);
    examine_eku(p, e);
    examine_chain(p, e);
    examine_time(p, e);
    examine_issuer(p, e);
    e->no_memory |= p->derive_rc == SIGB_E_MEMORY || cert_put_spki(p->leaf, leaf_spki, why) == SIGB_E_MEMORY;
}

void examine_certs(exam *e, const sigb_doctor_request *request, sigb_buf *leaf_spki)
{
    papers p = {.request = request};
    sigb_diag why = {{0}, 0};
    sigb_rc rc = papers_read(&p, e, &why);

    if (rc != SIGB_OK) {
        found_refused(e, CHECK_CERTIFICATE, SIGB_VERDICT_FAIL, rc, &why);
    } else if (!e->of[CHECK_CERTIFICATE].made) {
        if (e->spki.len > 0)
            find_leaf_of(&p, e, sigb_buf_bytes(&e->spki));
        else
            find_leaf_of_unknown(&p, e);
        if (p.leaf != NULL)
            judge(&p, e, leaf_spki, &why);
    }
    papers_clear(&p);
}
