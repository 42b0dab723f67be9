/* SPDX-License-Identifier: Apache-2.0 */
/* The key: how many match, what may be done with it and has been, what it signs with. */
#include "token/doctor.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/libctx.h"
#include "base/pubkey.h"
#include "base/error.h"
#include "base/text.h"
#include "token/item.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What a search by the label and id of the URI gave. */
typedef struct matches {
    CK_OBJECT_HANDLE *objects;
    size_t count;
} matches;

static sigb_rc find_matches(exam *e, CK_OBJECT_CLASS class, matches *match, sigb_diag *why)
{
    return place_find(&e->at, class, sigb_bytes_text(p11_uri_object(e->at.uri)), p11_uri_id(e->at.uri),
                      &match->objects, &match->count, why);
}

/* "P-384 pkcs11:token=..." of each, with a comma between. */
static sigb_rc put_keys(exam *e, CK_OBJECT_CLASS class, const matches *match, sigb_buf *words, sigb_diag *why)
{
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < match->count; i++) {
        described key = {0};

        rc = item_of_object(e->at.module, &e->at.slot, e->at.session, match->objects[i], class, &key, why);
        if (rc == SIGB_OK) {
            text_put(words, i == 0 ? "" : ", ");
            text_put(words, key.item.type);
            text_put(words, " ");
            text_put(words, key.item.uri);
        }
        item_free(&key);
    }
    return rc;
}

/* ---- several, and none ---- */

/* True where all of them tell one public key. */
static sigb_rc are_replicas(exam *e, const matches *match, bool *same, sigb_diag *why)
{
    sigb_buf first = SIGB_BUF_INIT;
    sigb_rc rc = key_spki(e->at.module, e->at.session, match->objects[0], &first, why);

    *same = rc == SIGB_OK && first.len > 0;
    for (size_t i = 1; rc == SIGB_OK && *same && i < match->count; i++) {
        sigb_buf other = SIGB_BUF_INIT;

        rc = key_spki(e->at.module, e->at.session, match->objects[i], &other, why);
        *same = sigb_bytes_equal(sigb_buf_bytes(&first), sigb_buf_bytes(&other));
        sigb_buf_free(&other);
    }
    sigb_buf_free(&first);
    return rc;
}

static sigb_rc found_keys(exam *e, const matches *match, sigb_diag *why)
{
    bool same = match->count == 1;
    sigb_rc rc = same ? SIGB_OK : are_replicas(e, match, &same, why);
    sigb_buf *words;

    if (rc != SIGB_OK)
        return rc;
    e->has_key = match->count == 1 || (same && e->options.replicas);
    e->key = e->has_key ? match->objects[0] : CK_INVALID_HANDLE;
    words = found(e, CHECK_KEY, e->has_key ? SIGB_VERDICT_OK : SIGB_VERDICT_FAIL,
                  e->has_key ? SIGB_OK : SIGB_E_KEY_AMBIGUOUS);
    if (match->count > 1)
        text_putf(words, "%zu private keys match%s: ", match->count,
                  same ? ", copies with one public key" : " where one is wanted");
    return put_keys(e, CKO_PRIVATE_KEY, match, words, why);
}

/* Without a login a token shows public keys at most: the one of this name stands in for the pair. */
static sigb_rc found_no_key(exam *e, sigb_diag *why)
{
    bool hidden = e->login != LOGIN_DONE && e->login != LOGIN_NOT_NEEDED;
    sigb_rc cause = e->of[CHECK_LOGIN].rc != SIGB_OK ? e->of[CHECK_LOGIN].rc : e->of[CHECK_PIN].rc;
    matches public = {NULL, 0};
    sigb_rc rc = find_matches(e, CKO_PUBLIC_KEY, &public, why);
    sigb_buf *words = found(e, CHECK_KEY, hidden ? SIGB_VERDICT_NOT_CHECKED : SIGB_VERDICT_FAIL,
                            hidden ? cause : SIGB_E_KEY_ABSENT);

    text_put(words, hidden ? "private keys are hidden until login; "
                           : "no private key matches, after the login that shows all; ");
    text_putf(words, "public keys of this name: %zu", public.count);
    text_put(words, public.count > 0 ? ": " : "");
    if (rc == SIGB_OK)
        rc = put_keys(e, CKO_PUBLIC_KEY, &public, words, why);
    if (rc == SIGB_OK && public.count == 1)
        e->key = public.objects[0];
    OPENSSL_free(public.objects);
    return rc;
}

static void find_key(exam *e)
{
    matches private = {NULL, 0};
    sigb_diag why = {{0}, 0};
    sigb_rc rc = find_matches(e, CKO_PRIVATE_KEY, &private, &why);

    if (rc == SIGB_OK)
        rc = private.count > 0 ? found_keys(e, &private, &why) : found_no_key(e, &why);
    OPENSSL_free(private.objects);
    if (rc != SIGB_OK) {
        e->has_key = false;
        e->key = CK_INVALID_HANDLE;
        sigb_buf_free(&e->of[CHECK_KEY].found);
        found_refused(e, CHECK_KEY, SIGB_VERDICT_FAIL, rc, &why);
    }
}

/* ---- attributes ---- */

#define ATTRIBUTES 3

/* clang-format off */
static const struct attribute_row {
    check which;
    sigb_verdict otherwise; /* where one is not as wanted */
    sigb_rc rc;
    struct wanted {
        CK_ATTRIBUTE_TYPE type;
        bool value;
        const char *name;
    } of[ATTRIBUTES];
} ATTRIBUTE_CHECKS[] = {
    {CHECK_SIGN,                SIGB_VERDICT_FAIL, SIGB_E_KEY_NO_SIGN, {{CKA_SIGN, true, "CKA_SIGN"}}},
    {CHECK_SENSITIVE,           SIGB_VERDICT_WARN, SIGB_OK, {{CKA_SENSITIVE, true, "CKA_SENSITIVE"}}},
    {CHECK_EXTRACTABLE,         SIGB_VERDICT_WARN, SIGB_OK, {{CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"}}},
    {CHECK_LOCAL,               SIGB_VERDICT_WARN, SIGB_OK, {{CKA_LOCAL, true, "CKA_LOCAL"},
                                                             {CKA_ALWAYS_SENSITIVE, true, "CKA_ALWAYS_SENSITIVE"},
                                                             {CKA_NEVER_EXTRACTABLE, true, "CKA_NEVER_EXTRACTABLE"}}},
    {CHECK_ALWAYS_AUTHENTICATE, SIGB_VERDICT_WARN, SIGB_OK, {{CKA_ALWAYS_AUTHENTICATE, false, "CKA_ALWAYS_AUTHENTICATE"}}},
};
/* clang-format on */

/* One that the token does not tell is told of neither way. */
static sigb_verdict judge_attribute(exam *e, const struct wanted *wanted, sigb_buf *words)
{
    bool value = p11_attribute_true(e->at.module, e->at.session, e->key, wanted->type, false);
    bool told = value || !p11_attribute_true(e->at.module, e->at.session, e->key, wanted->type, true);

    text_putf(words, "%s%s %s", words->len == 0 ? "" : ", ", wanted->name,
              !told   ? "is not told"
              : value ? "is true"
                      : "is false");
    return !told ? SIGB_VERDICT_NOT_CHECKED : value == wanted->value ? SIGB_VERDICT_OK : SIGB_VERDICT_WARN;
}

static void examine_attributes(exam *e, const struct attribute_row *row)
{
    sigb_buf *words = found(e, row->which, SIGB_VERDICT_OK, SIGB_OK);

    for (size_t i = 0; i < ATTRIBUTES && row->of[i].name != NULL; i++) {
        sigb_verdict one = judge_attribute(e, &row->of[i], words);
        outcome *all = &e->of[row->which];

        if (one == SIGB_VERDICT_WARN) {
            all->verdict = row->otherwise;
            all->rc = row->rc;
        } else if (one == SIGB_VERDICT_NOT_CHECKED && all->verdict == SIGB_VERDICT_OK) {
            all->verdict = one;
        }
    }
}

/* ---- public half, mechanisms, certificates ---- */

static void put_fingerprint(sigb_buf *words, sigb_bytes spki)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = libctx_digest("SHA2-256");

    if (md == NULL || EVP_Digest(spki.ptr, spki.len, digest, &len, md, NULL) != 1)
        words->failed = true;
    text_put(words, "SubjectPublicKeyInfo with SHA-256 ");
    text_put_hex(words, sigb_bytes_of(digest, len));
}

static void examine_public_key(exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = key_spki(e->at.module, e->at.session, e->key, &e->spki, &why);

    if (rc != SIGB_OK)
        found_refused(e, CHECK_PUBLIC_KEY, SIGB_VERDICT_WARN, rc, &why);
    else if (e->spki.len == 0)
        text_put(found(e, CHECK_PUBLIC_KEY, SIGB_VERDICT_WARN, SIGB_OK),
                 "neither the key nor one public key object tells the public half");
    else
        put_fingerprint(found(e, CHECK_PUBLIC_KEY, SIGB_VERDICT_OK, SIGB_OK), sigb_buf_bytes(&e->spki));
}

/* What the slot has and the key allows; a failure was told as one of the slot. */
static void probe_for_key(exam *e)
{
    sigb_buf allowed = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = p11_attribute(e->at.module, e->at.session, e->key, CKA_ALLOWED_MECHANISMS, &allowed, &why);

    if (rc == SIGB_OK)
        rc = mechanisms_probe(e->at.module, e->at.slot.id, sigb_buf_bytes(&allowed), &e->mechanisms, &why);
    e->probed = rc == SIGB_OK;
    if (rc != SIGB_OK)
        found_refused(e, CHECK_MECHANISM, SIGB_VERDICT_FAIL, rc, &why);
    sigb_buf_free(&allowed);
}

static sigb_rc collect_same_id(exam *e, sigb_diag *why)
{
    CK_OBJECT_HANDLE *objects = NULL;
    sigb_buf id = SIGB_BUF_INIT;
    size_t count = 0;
    sigb_rc rc = p11_attribute(e->at.module, e->at.session, e->key, CKA_ID, &id, why);

    if (rc == SIGB_OK && id.len > 0)
        rc = place_find(&e->at, CKO_CERTIFICATE, SIGB_BYTES_NONE, sigb_buf_bytes(&id), &objects, &count, why);
    for (size_t i = 0; rc == SIGB_OK && i < count && i < SIGB_MAX_CERTS; i++)
        rc = p11_attribute(e->at.module, e->at.session, objects[i], CKA_VALUE, &e->same_id, why);
    OPENSSL_free(objects);
    sigb_buf_free(&id);
    return rc;
}

static void collect_certs(exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = certs_collect(e->at.module, e->at.session, e->key, sigb_buf_bytes(&e->spki),
                               &e->options.notes, &e->certs, &why);

    if (rc == SIGB_OK && e->key != CK_INVALID_HANDLE)
        rc = collect_same_id(e, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_CERTIFICATE, SIGB_VERDICT_FAIL, rc, &why);
}

void examine_key(exam *e)
{
    find_key(e);
    for (size_t i = 0; e->has_key && i < COUNT(ATTRIBUTE_CHECKS); i++)
        examine_attributes(e, &ATTRIBUTE_CHECKS[i]);
    if (e->key != CK_INVALID_HANDLE)
        examine_public_key(e);
    if (e->has_key)
        probe_for_key(e);
    collect_certs(e);
}

/* ---- the algorithm ---- */

static void examine_mechanism(exam *e, const alg_row *alg)
{
    p11_mechanism mechanism;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (!e->probed || e->of[CHECK_MECHANISM].made)
        return;
    rc = mechanism_require(&e->mechanisms, alg, &mechanism, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_MECHANISM, SIGB_VERDICT_FAIL, rc, &why);
    else
        text_putf(found(e, CHECK_MECHANISM, SIGB_VERDICT_OK, SIGB_OK), "%s makes %s signatures; %s",
                  mechanism.name, alg->name,
                  mechanism.takes_digest ? "what is signed is hashed here"
                                         : "the token is given the whole message");
}

void examine_algorithm(exam *e, sigb_bytes spki, sigb_profile profile)
{
    sigb_alg alg = SIGB_ALG_NONE;
    EVP_PKEY *key = NULL;
    sigb_diag why = {{0}, 0}, ignored = {{0}, 0};
    sigb_rc rc;

    if (spki.len == 0)
        return;
    rc = pubkey_parse(spki, &key, &why);
    if (rc == SIGB_OK)
        rc = alg_choose(key, SIGB_ALG_NONE, profile, &alg, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_ALGORITHM, SIGB_VERDICT_FAIL, rc, &why);
    else
        text_putf(found(e, CHECK_ALGORITHM, SIGB_VERDICT_OK, SIGB_OK), "%s, by the type of the key",
                  alg_row_of(alg)->name);
    if (rc == SIGB_E_PROFILE) /* the mechanism can be judged all the same */
        rc = alg_choose(key, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, &ignored);
    if (rc == SIGB_OK)
        examine_mechanism(e, alg_row_of(alg));
    EVP_PKEY_free(key);
}
