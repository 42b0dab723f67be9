/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/issuer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/alg.h"
#include "base/certs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "issuer/did.h"
#include "issuer/name.h"

struct sigb_issuer {
    sigb_buf did; /* with its terminator behind len */
    sigb_buf chain, spki;
    verifier *verifier; /* of the leaf's key */
    chain_window window;
};

/* One certificate that carries the signing key, and how it fared. */
typedef struct candidate {
    X509 *leaf; /* borrowed from certs or pool */
    STACK_OF(X509) * chain;
    sigb_buf eku;
    chain_window window;
    sigb_rc rc;
    sigb_diag why;
} candidate;

/* Everything parsed, for one derivation. */
typedef struct derivation {
    STACK_OF(X509) * certs, *pool, *roots;
    STACK_OF(X509) * all; /* certs and pool, borrowed */
    candidate *candidates;
    int count;
    const char *eku;
    int64_t at;
    sigb_hash hash;
} derivation;

/* ---- input ---- */

static bool holds(STACK_OF(X509) * certs, sigb_bytes der)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (cert_is(sk_X509_value(certs, i), der))
            return true;
    return false;
}

/*
 * What a token happens to hold is not all readable, nor of a bounded number: the
 * rest is passed over. So is what was given by other means too: reading a
 * certificate is slow.
 */
static sigb_rc parse_pool(const derivation *d, sigb_bytes der, STACK_OF(X509) * *pool, sigb_diag *diag)
{
    STACK_OF(X509) *parsed = sk_X509_new_null();
    sigb_bytes one;
    sigb_rc rc = parsed == NULL ? sigb_no_memory(diag) : SIGB_OK;

    while (rc == SIGB_OK && sigb_certs_next(&der, &one)) {
        X509 *cert = NULL;

        if (holds(d->certs, one) || holds(d->roots, one))
            continue;
        rc = cert_parse(one, &cert, diag);
        if (rc == SIGB_OK && sk_X509_push(parsed, cert) <= 0) {
            X509_free(cert);
            rc = sigb_no_memory(diag);
        } else if (rc == SIGB_E_CERT_DER || rc == SIGB_E_LIMIT) {
            rc = SIGB_OK;
        }
    }
    *pool = parsed;
    return rc;
}

static bool borrow_all(STACK_OF(X509) * to, STACK_OF(X509) * from)
{
    for (int i = 0; i < sk_X509_num(from); i++)
        if (sk_X509_push(to, sk_X509_value(from, i)) <= 0)
            return false;
    return true;
}

static sigb_rc require_options(const sigb_issuer_options *options, sigb_diag *diag)
{
    if (options->roots.len == 0)
        return sigb_fail(diag, SIGB_E_ANCHOR,
                         "no root certificate is pinned; give the one that your chain must end in");
    if (options->eku != NULL && !oid_is_valid(sigb_bytes_text(options->eku)))
        return sigb_fail(diag, SIGB_E_USAGE, "the EKU '%.64s' is not a dotted OID", options->eku);
    if (options->hash != SIGB_HASH_NONE && hash_row_of(options->hash) == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no hash has the number %d", (int)options->hash);
    return SIGB_OK;
}

static sigb_rc read_options(derivation *d, const sigb_issuer_options *options, sigb_diag *diag)
{
    sigb_rc rc = require_options(options, diag);

    if (rc == SIGB_OK)
        rc = certs_parse(options->certs, &d->certs, diag);
    if (rc == SIGB_OK)
        rc = certs_parse(options->roots, &d->roots, diag);
    if (rc == SIGB_OK)
        rc = parse_pool(d, options->pool, &d->pool, diag);
    if (rc != SIGB_OK)
        return rc;
    d->eku = options->eku;
    d->at = time_resolve(options->at);
    d->hash = options->hash == SIGB_HASH_NONE ? SIGB_SHA256 : options->hash;
    d->all = sk_X509_new_null();
    if (d->all == NULL || !borrow_all(d->all, d->certs) || !borrow_all(d->all, d->pool))
        return sigb_no_memory(diag);
    return SIGB_OK;
}

/* ---- candidates ---- */

static sigb_rc carries(X509 *cert, sigb_bytes spki, bool *same, sigb_diag *diag)
{
    sigb_buf own = SIGB_BUF_INIT;
    sigb_rc rc = cert_put_spki(cert, &own, diag);

    *same = rc == SIGB_OK && sigb_bytes_equal(sigb_buf_bytes(&own), spki);
    sigb_buf_free(&own);
    return rc;
}

static bool is_candidate(const derivation *d, X509 *cert)
{
    for (int i = 0; i < d->count; i++)
        if (X509_cmp(d->candidates[i].leaf, cert) == 0)
            return true;
    return false;
}

static void add_candidate(derivation *d, X509 *cert)
{
    if (!is_candidate(d, cert))
        d->candidates[d->count++] = (candidate){.leaf = cert, .eku = SIGB_BUF_INIT};
}

static sigb_rc find_by_key(derivation *d, STACK_OF(X509) * certs, sigb_bytes spki, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;
    bool same;

    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(certs); i++) {
        rc = carries(sk_X509_value(certs, i), spki, &same, diag);
        if (rc == SIGB_OK && same)
            add_candidate(d, sk_X509_value(certs, i));
    }
    return rc;
}

static X509 *find_end_entity(STACK_OF(X509) * certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_check_ca(sk_X509_value(certs, i)) == 0)
            return sk_X509_value(certs, i);
    return NULL;
}

/* What a person gave goes first: the pool is looked at where no leaf was given, not to mend a wrong one. */
static sigb_rc find_given_or_pooled(derivation *d, sigb_bytes spki, sigb_diag *diag)
{
    sigb_rc rc = find_by_key(d, d->certs, spki, diag);

    if (rc == SIGB_OK && d->count == 0 && find_end_entity(d->certs) == NULL)
        rc = find_by_key(d, d->pool, spki, diag);
    return rc;
}

static bool issued_another(const derivation *d, X509 *cert)
{
    for (int i = 0; i < sk_X509_num(d->certs); i++)
        if (X509_cmp(sk_X509_value(d->certs, i), cert) != 0 && cert_issued(cert, sk_X509_value(d->certs, i)))
            return true;
    return false;
}

/* Without a key the leaf is what issued no other; CAs count only if nothing else is there. */
static void find_by_place(derivation *d)
{
    for (int with_cas = 0; d->count == 0 && with_cas < 2; with_cas++)
        for (int i = 0; i < sk_X509_num(d->certs); i++) {
            X509 *cert = sk_X509_value(d->certs, i);

            if (!issued_another(d, cert) && (with_cas || X509_check_ca(cert) == 0))
                add_candidate(d, cert);
        }
}

static sigb_rc fail_without_candidate(const derivation *d, sigb_diag *diag)
{
    X509 *other = find_end_entity(d->certs);
    char name[CERT_NAME_ROOM];

    if (other != NULL)
        return sigb_openssl_refused(diag, SIGB_E_CERT_OTHER_KEY,
                                    "%s is the certificate of another key than the signing key; give the one "
                                    "that was issued for this key",
                                    cert_name(other, name));
    return sigb_fail(diag, SIGB_E_CERT_ABSENT,
                     "none of %d certificates is the signing key's; give the one that was issued for it",
                     sk_X509_num(d->all));
}

/* Two keys' certificates, and nothing says which of them signs. */
static sigb_rc require_one_key(const derivation *d, sigb_diag *diag)
{
    char one[CERT_NAME_ROOM], two[CERT_NAME_ROOM];
    sigb_buf spki = SIGB_BUF_INIT;
    bool same = true;
    sigb_rc rc = cert_put_spki(d->candidates[0].leaf, &spki, diag);

    for (int i = 1; rc == SIGB_OK && same && i < d->count; i++) {
        rc = carries(d->candidates[i].leaf, sigb_buf_bytes(&spki), &same, diag);
        if (rc == SIGB_OK && !same)
            rc = sigb_openssl_refused(
                diag, SIGB_E_CERT_AMBIGUOUS,
                "%s and %s both issued no other, and their keys differ; give one of them only",
                cert_name(d->candidates[0].leaf, one), cert_name(d->candidates[i].leaf, two));
    }
    sigb_buf_free(&spki);
    return rc;
}

static sigb_rc find_candidates(derivation *d, sigb_bytes spki, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    d->candidates = OPENSSL_zalloc((size_t)(sk_X509_num(d->all) + 1) * sizeof(candidate));
    if (d->candidates == NULL)
        return sigb_no_memory(diag);
    if (spki.len > 0)
        rc = find_given_or_pooled(d, spki, diag);
    else
        find_by_place(d);
    if (rc == SIGB_OK && d->count == 0)
        rc = fail_without_candidate(d, diag);
    return rc == SIGB_OK ? require_one_key(d, diag) : rc;
}

/* ---- judging them ---- */

static sigb_rc judge(const derivation *d, candidate *c, sigb_diag *diag)
{
    chain_rules rules = {.use = CHAIN_SIGN, .roots = d->roots, .at = d->at};
    sigb_rc rc = chain_order(c->leaf, d->all, d->roots, &c->chain, diag);

    if (rc == SIGB_OK)
        rc = chain_check(c->chain, &rules, &c->window, diag);
    if (rc != SIGB_OK)
        return rc;
    if (d->eku == NULL)
        return eku_only(c->leaf, &c->eku, diag);
    rc = eku_require(c->leaf, d->eku, diag);
    if (rc == SIGB_OK)
        text_put(&c->eku, d->eku);
    return rc == SIGB_OK && c->eku.failed ? sigb_no_memory(diag) : rc;
}

/* These are not one certificate's fault: another candidate must not cover them up. */
static bool ends_it(sigb_rc rc)
{
    return rc == SIGB_E_MEMORY || rc == SIGB_E_INTERNAL || rc == SIGB_E_LIMIT ||
           rc == SIGB_E_CHAIN_AMBIGUOUS || rc == SIGB_E_EKU_AMBIGUOUS || rc == SIGB_E_EKU_ANY;
}

static sigb_rc fail_ambiguous(const derivation *d, sigb_diag *diag)
{
    sigb_buf serials = SIGB_BUF_INIT;
    const char *text;
    sigb_rc rc;

    for (int i = 0; i < d->count; i++)
        if (d->candidates[i].rc == SIGB_OK) {
            text_put(&serials, serials.len == 0 ? "" : ", ");
            serial_put(&serials, d->candidates[i].leaf);
        }
    text = text_c_str(&serials);
    rc = text == NULL
             ? sigb_no_memory(diag)
             : sigb_fail(diag, SIGB_E_CERT_AMBIGUOUS,
                         "several certificates of the key pass every check; leave all but one out, by "
                         "serial: %s",
                         text);
    sigb_buf_free(&serials);
    return rc;
}

/* An order that does not depend on files: the longest valid first, then by the bytes. */
static int compare_candidates(const void *a, const void *b)
{
    X509 *one = ((const candidate *)a)->leaf, *two = ((const candidate *)b)->leaf;
    int by_time = ASN1_TIME_compare(X509_get0_notAfter(two), X509_get0_notAfter(one));

    return by_time != 0 ? by_time : X509_cmp(one, two);
}

static sigb_rc choose(derivation *d, const candidate **chosen, sigb_diag *diag)
{
    int passed = 0;

    qsort(d->candidates, (size_t)d->count, sizeof(candidate), compare_candidates);
    for (int i = 0; i < d->count; i++) {
        candidate *c = &d->candidates[i];

        c->rc = judge(d, c, &c->why);
        if (ends_it(c->rc))
            return sigb_fail_native(diag, c->rc, c->why.native, "%s", c->why.text);
        if (c->rc == SIGB_OK) {
            *chosen = c;
            passed++;
        }
    }
    if (passed == 0)
        return sigb_fail_native(diag, d->candidates[0].rc, d->candidates[0].why.native, "%s",
                                d->candidates[0].why.text);
    return passed == 1 ? SIGB_OK : fail_ambiguous(d, diag);
}

/* ---- what belongs to none of the candidates ---- */

/* Marks everything that can lie above a candidate: a renewed certificate may have had another CA. */
static void mark_related(const derivation *d, bool *related)
{
    int count = sk_X509_num(d->all);
    bool more = true;

    for (int i = 0; i < count; i++)
        related[i] = is_candidate(d, sk_X509_value(d->all, i));
    while (more) {
        more = false;
        for (int i = 0; i < count; i++)
            for (int j = 0; !related[i] && j < count; j++)
                if (related[j] && cert_issued(sk_X509_value(d->all, i), sk_X509_value(d->all, j)))
                    related[i] = more = true;
    }
}

static sigb_rc require_related(const derivation *d, sigb_diag *diag)
{
    bool *related = OPENSSL_zalloc((size_t)sk_X509_num(d->all) + 1);
    char name[CERT_NAME_ROOM];
    sigb_rc rc = SIGB_OK;

    if (related == NULL)
        return sigb_no_memory(diag);
    mark_related(d, related);
    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(d->certs); i++) /* certs come first in all */
        if (!related[i])
            rc = sigb_openssl_refused(diag, SIGB_E_CHAIN_UNRELATED,
                                      "%s does not belong to the chain of the signing key; leave it out",
                                      cert_name(sk_X509_value(d->certs, i), name));
    OPENSSL_free(related);
    return rc;
}

/* ---- the issuer ---- */

static sigb_rc put_chain(sigb_buf *out, STACK_OF(X509) * chain, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(chain); i++)
        rc = cert_put(sk_X509_value(chain, i), out, diag);
    return rc;
}

/* What is written must resolve: did:x509 knows chains that RFC 5280 allows and it cannot describe. */
static sigb_rc require_resolvable(sigb_bytes text, STACK_OF(X509) * chain, sigb_diag *diag)
{
    did *parsed = NULL;
    sigb_rc rc = did_parse(text, &parsed, diag);

    if (rc == SIGB_OK)
        rc = did_match(parsed, chain, NULL, diag);
    did_free(parsed);
    return rc;
}

static sigb_rc fill(sigb_issuer *issuer, const derivation *d, const candidate *c, sigb_diag *diag)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): choose() gives a candidate, or refuses */
    X509 *root = sk_X509_value(c->chain, sk_X509_num(c->chain) - 1);
    EVP_PKEY *key;
    sigb_rc rc = did_put_eku(&issuer->did, d->hash, root, sigb_buf_bytes(&c->eku), diag);

    if (rc == SIGB_OK && text_c_str(&issuer->did) == NULL)
        rc = sigb_no_memory(diag);
    if (rc == SIGB_OK)
        rc = require_resolvable(sigb_buf_bytes(&issuer->did), c->chain, diag);
    if (rc == SIGB_OK)
        rc = put_chain(&issuer->chain, c->chain, diag);
    if (rc == SIGB_OK)
        rc = cert_put_spki(c->leaf, &issuer->spki, diag);
    if (rc != SIGB_OK)
        return rc;
    issuer->window = c->window;
    key = X509_get0_pubkey(c->leaf);
    return key == NULL
               ? sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED, "the certificate's key cannot be read")
               : verifier_new(key, SIGB_ALG_NONE, &issuer->verifier, diag);
}

static sigb_rc make(const derivation *d, const candidate *chosen, sigb_issuer **issuer, sigb_diag *diag)
{
    sigb_issuer *made = OPENSSL_zalloc(sizeof(*made));
    sigb_rc rc = made == NULL ? sigb_no_memory(diag) : fill(made, d, chosen, diag);

    if (rc == SIGB_OK)
        *issuer = made;
    else
        sigb_issuer_free(made);
    return rc;
}

static void derivation_clear(derivation *d)
{
    for (int i = 0; i < d->count; i++) {
        sk_X509_pop_free(d->candidates[i].chain, X509_free);
        sigb_buf_free(&d->candidates[i].eku);
    }
    OPENSSL_free(d->candidates);
    sk_X509_free(d->all);
    sk_X509_pop_free(d->certs, X509_free);
    sk_X509_pop_free(d->pool, X509_free);
    sk_X509_pop_free(d->roots, X509_free);
    ERR_clear_error();
}

sigb_rc sigb_issuer_derive(const sigb_issuer_options *options, sigb_issuer **issuer, sigb_diag *diag)
{
    derivation d = {0};
    const candidate *chosen = NULL;
    sigb_rc rc;

    if (options == NULL || issuer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "an issuer needs options, and a place to be put");
    rc = read_options(&d, options, diag);
    if (rc == SIGB_OK)
        rc = find_candidates(&d, options->spki, diag);
    if (rc == SIGB_OK)
        rc = choose(&d, &chosen, diag);
    if (rc == SIGB_OK)
        rc = require_related(&d, diag);
    if (rc == SIGB_OK)
        rc = make(&d, chosen, issuer, diag);
    derivation_clear(&d);
    return rc;
}

void sigb_issuer_free(sigb_issuer *issuer)
{
    if (issuer == NULL)
        return;
    sigb_buf_free(&issuer->did);
    sigb_buf_free(&issuer->chain);
    sigb_buf_free(&issuer->spki);
    verifier_free(issuer->verifier);
    OPENSSL_free(issuer);
}

const char *sigb_issuer_did(const sigb_issuer *issuer)
{
    return (const char *)issuer->did.ptr;
}

sigb_bytes sigb_issuer_chain(const sigb_issuer *issuer)
{
    return sigb_buf_bytes(&issuer->chain);
}

sigb_bytes sigb_issuer_spki(const sigb_issuer *issuer)
{
    return sigb_buf_bytes(&issuer->spki);
}

EVP_PKEY *issuer_key(const sigb_issuer *issuer)
{
    return verifier_key(issuer->verifier);
}

const verifier *issuer_verifier(const sigb_issuer *issuer)
{
    return issuer->verifier;
}

sigb_rc issuer_require_current(const sigb_issuer *issuer, int64_t at, sigb_diag *diag)
{
    char end[TIME_TEXT], now[TIME_TEXT];

    if (at < issuer->window.not_before)
        return sigb_fail(diag, SIGB_E_NOT_YET_VALID,
                         "a certificate of the chain is not valid before %s, and it is %s; wait, or correct "
                         "the clock",
                         time_text(issuer->window.not_before, end), time_text(at, now));
    if (at > issuer->window.not_after)
        return sigb_fail(diag, SIGB_E_EXPIRED,
                         "a certificate of the chain expired on %s, and it is %s; renew it",
                         time_text(issuer->window.not_after, end), time_text(at, now));
    return SIGB_OK;
}

sigb_rc issuer_require_resolved(const sigb_issuer *issuer, sigb_bytes did_text, sigb_bytes chain,
                                sigb_diag *diag)
{
    if (sigb_bytes_equal(did_text, sigb_buf_bytes(&issuer->did)) &&
        sigb_bytes_equal(chain, sigb_buf_bytes(&issuer->chain)))
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_DID_MISMATCH, "the statement's issuer or chain is not what was derived");
}
