/* SPDX-License-Identifier: Apache-2.0 */
/* token keygen: a key pair whose private half signs and does nothing else, ever. */
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/error.h"
#include "token/bound.h"
#include "base/libctx.h"
#include "base/text.h"
#include "token/item.h"
#include "token/place.h"
#include "token/template.h"

#define LABEL_ROOM 255
#define RANDOM_ID  16

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- key types ---- */

/* The curve as DER (RFC 5480, 2.1.1.1; PKCS#11 3.0, 2.3.5 names the Edwards curves), or the size of the modulus. */
static const struct type_row {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG bits;
    uint8_t curve[16];
    size_t curve_len;
} TYPES[] = {
    {"P-256", CKM_EC_KEY_PAIR_GEN, 0, {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, 10},
    {"P-384", CKM_EC_KEY_PAIR_GEN, 0, {6, 5, 0x2b, 0x81, 4, 0, 0x22}, 7},
    {"P-521", CKM_EC_KEY_PAIR_GEN, 0, {6, 5, 0x2b, 0x81, 4, 0, 0x23}, 7},
    {"RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, {0}, 0},
    {"RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, {0}, 0},
    {"RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, {0}, 0},
    {"Ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, 0,
     "\x13\x0c"
     "edwards25519",
     14},
    {"Ed448", CKM_EC_EDWARDS_KEY_PAIR_GEN, 0,
     "\x13\x0a"
     "edwards448",
     12},
};

/* Of a key for RSASSA-PSS alone (RFC 4055, 1.2: id-RSASSA-PSS without parameters). */
static const CK_MECHANISM_TYPE PSS_MECHANISMS[] = {CKM_RSA_PKCS_PSS,        CKM_SHA1_RSA_PKCS_PSS,
                                                   CKM_SHA224_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
                                                   CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS};

static const struct type_row *type_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < COUNT(TYPES); i++)
        if (strcmp(TYPES[i].name, name) == 0)
            return &TYPES[i];
    return NULL;
}

/* ---- attributes ---- */

/*
 * What is asked for and, once made, read back. `missing` is what silence of the
 * token counts as: a use that it does not name is no use, but a protection that
 * it does not confirm is none.
 */
static const struct attribute_row {
    CK_ATTRIBUTE_TYPE type;
    bool asked; /* stands in the template; the others the token sets by itself */
    bool wanted, missing;
    const char *words; /* what the key is if it is not as wanted */
} PRIVATE_ROWS[] =
    {
        {CKA_TOKEN, true, true, true, "not kept in the token"},
        {CKA_PRIVATE, true, true, false, "usable without a login"},
        {CKA_SENSITIVE, true, true, false, "not sensitive"},
        {CKA_EXTRACTABLE, true, false, true, "extractable"},
        {CKA_SIGN, true, true, false, "not for signing"},
        {CKA_SIGN_RECOVER, true, false, false, "for signing with recovery"},
        {CKA_DECRYPT, true, false, false, "for decrypting"},
        {CKA_UNWRAP, true, false, false, "for unwrapping"},
        {CKA_DERIVE, true, false, false, "for deriving"},
        {CKA_MODIFIABLE, true, false, true, "modifiable"},
        {CKA_ALWAYS_SENSITIVE, false, true, false, "not sensitive from the start"},
        {CKA_NEVER_EXTRACTABLE, false, true, false, "or was extractable"},
        {CKA_LOCAL, false, true, false, "not made in the token"},
},
  PUBLIC_ROWS[] = {
      {CKA_TOKEN, true, true, true, "not kept in the token"},
      {CKA_PRIVATE, true, false, false, "hidden without a login"},
      {CKA_VERIFY, true, true, false, "not for verifying"},
      {CKA_VERIFY_RECOVER, true, false, false, "for verifying with recovery"},
      {CKA_ENCRYPT, true, false, false, "for encrypting"},
      {CKA_WRAP, true, false, false, "for wrapping"},
      {CKA_DERIVE, true, false, false, "for deriving"},
      {CKA_MODIFIABLE, true, false, true, "modifiable"},
};

static void put_rows(template *list, const struct attribute_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].asked)
            template_put_bool(list, rows[i].type, rows[i].wanted);
}

/* ---- a pair in the making ---- */

typedef struct pair {
    const struct type_row *type;
    sigb_bytes label, id;
    template public, private;
    bool asks_uncopyable; /* CKA_COPYABLE false stands in the template */
    bool pss_only;
    CK_OBJECT_HANDLE public_key, private_key;
} pair;

static void fill_templates(pair *made, bool copyable)
{
    static const uint8_t exponent[] = {1, 0, 1};

    put_rows(&made->private, PRIVATE_ROWS, COUNT(PRIVATE_ROWS));
    put_rows(&made->public, PUBLIC_ROWS, COUNT(PUBLIC_ROWS));
    template_put(&made->private, CKA_LABEL, made->label);
    template_put(&made->private, CKA_ID, made->id);
    template_put(&made->public, CKA_LABEL, made->label);
    template_put(&made->public, CKA_ID, made->id);
    made->asks_uncopyable = !copyable; /* being copyable is the rule and needs no attribute */
    if (made->asks_uncopyable)
        template_put_bool(&made->private, CKA_COPYABLE, false);
    if (made->pss_only)
        template_put(&made->private, CKA_ALLOWED_MECHANISMS,
                     sigb_bytes_of((const uint8_t *)PSS_MECHANISMS, sizeof(PSS_MECHANISMS)));
    if (made->type->bits != 0) {
        template_put_number(&made->public, CKA_MODULUS_BITS, &made->type->bits);
        template_put(&made->public, CKA_PUBLIC_EXPONENT, sigb_bytes_of(exponent, sizeof(exponent)));
    } else {
        template_put(&made->public, CKA_EC_PARAMS, sigb_bytes_of(made->type->curve, made->type->curve_len));
    }
}

static CK_RV generate(const place *at, pair *made)
{
    CK_MECHANISM mechanism = {made->type->mechanism, NULL, 0};

    return p11_C_GenerateKeyPair(at->module, at->session, &mechanism, made->public.at, made->public.count,
                                 made->private.at, made->private.count, &made->public_key,
                                 &made->private_key);
}

/* CKA_COPYABLE is young (PKCS#11 2.30): a token that does not know it makes the key without. */
static bool rejects_an_attribute(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT;
}

/* Codes of a call that was not carried out; after others there may be a key, and another one is not made. */
static bool was_not_begun(CK_RV rv)
{
    static const CK_RV codes[] = {CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
                                  CKR_CRYPTOKI_NOT_INITIALIZED};

    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i] == rv)
            return true;
    return false;
}

static sigb_rc make(const place *at, pair *made, const sigb_notes *notes, bool *again, sigb_diag *diag)
{
    CK_RV rv = generate(at, made);

    if (made->asks_uncopyable && rejects_an_attribute(rv)) {
        template_drop(&made->private, CKA_COPYABLE);
        made->asks_uncopyable = false;
        rv = generate(at, made);
        if (rv == CKR_OK)
            sigb_note(notes,
                      "the token does not know CKA_COPYABLE: whoever logs in can copy the key within it");
    }
    *again = was_not_begun(rv);
    if (rv == CKR_MECHANISM_INVALID)
        return sigb_fail_native(diag, SIGB_E_MECHANISM, rv, "the token cannot generate %s keys",
                                made->type->name);
    return rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_GenerateKeyPair");
}

/* ---- reading back ---- */

static const char *first_difference(const place *at, CK_OBJECT_HANDLE object,
                                    const struct attribute_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (p11_attribute_true(at->module, at->session, object, rows[i].type, rows[i].missing) !=
            rows[i].wanted)
            return rows[i].words;
    return NULL;
}

/* Type, size, curve, label and id, as anybody who lists the token will see them. */
static sigb_rc check_identity(const place *at, const pair *made, CK_OBJECT_HANDLE object,
                              CK_OBJECT_CLASS class, const char **difference, sigb_diag *diag)
{
    described seen = {0};
    sigb_rc rc = item_of_object(at->module, &at->slot, at->session, object, class, &seen, diag);

    if (rc == SIGB_OK && strcmp(seen.item.type, made->type->name) != 0)
        *difference = "of another type";
    else if (rc == SIGB_OK && (!sigb_bytes_equal(sigb_buf_bytes(&seen.label), made->label) ||
                               !sigb_bytes_equal(sigb_buf_bytes(&seen.id), made->id)))
        *difference = "under another label or id";
    item_free(&seen);
    return rc;
}

static bool is_for_pss(sigb_bytes allowed)
{
    CK_MECHANISM_TYPE type;

    if (allowed.len == 0 || allowed.len % sizeof(type) != 0)
        return false;
    for (size_t at = 0; at < allowed.len; at += sizeof(type)) {
        size_t row = 0;

        memcpy(&type, allowed.ptr + at, sizeof(type));
        while (row < COUNT(PSS_MECHANISMS) && PSS_MECHANISMS[row] != type)
            row++;
        if (row == COUNT(PSS_MECHANISMS))
            return false;
    }
    return true;
}

static sigb_rc check_mechanisms(const place *at, const pair *made, const char **difference, sigb_diag *diag)
{
    sigb_buf allowed = SIGB_BUF_INIT;
    sigb_rc rc;

    if (!made->pss_only)
        return SIGB_OK;
    rc = p11_attribute(at->module, at->session, made->private_key, CKA_ALLOWED_MECHANISMS, &allowed, diag);
    if (rc == SIGB_OK && !is_for_pss(sigb_buf_bytes(&allowed)))
        *difference = "not bound to RSASSA-PSS";
    sigb_buf_free(&allowed);
    return rc;
}

static sigb_rc compare(const place *at, const pair *made, const char **difference, sigb_diag *diag)
{
    sigb_rc rc = check_identity(at, made, made->private_key, CKO_PRIVATE_KEY, difference, diag);

    if (rc == SIGB_OK && *difference == NULL)
        rc = check_identity(at, made, made->public_key, CKO_PUBLIC_KEY, difference, diag);
    if (rc == SIGB_OK && *difference == NULL)
        *difference = first_difference(at, made->private_key, PRIVATE_ROWS, COUNT(PRIVATE_ROWS));
    if (rc == SIGB_OK && *difference == NULL)
        *difference = first_difference(at, made->public_key, PUBLIC_ROWS, COUNT(PUBLIC_ROWS));
    if (rc == SIGB_OK && *difference == NULL && made->asks_uncopyable &&
        p11_attribute_true(at->module, at->session, made->private_key, CKA_COPYABLE, true))
        *difference = "copyable";
    return rc == SIGB_OK && *difference == NULL ? check_mechanisms(at, made, difference, diag) : rc;
}

static bool destroy(const place *at, const pair *made)
{
    CK_RV private = p11_C_DestroyObject(at->module, at->session, made->private_key);
    CK_RV public = p11_C_DestroyObject(at->module, at->session, made->public_key);

    return private == CKR_OK && public == CKR_OK;
}

static sigb_rc tell_left(const place *at, sigb_rc rc, sigb_diag *diag)
{
    sigb_diag why = diag == NULL ? (sigb_diag){{0}, 0} : *diag;

    return sigb_fail_native(
        diag, rc, why.native,
        "the key was made on token %s and could neither be read nor destroyed, so it is there "
        "still: delete it. %s",
        at->slot.label, why.text);
}

/* *again, if it fails: the key is gone. */
static sigb_rc check_made(const place *at, const pair *made, bool *again, sigb_diag *diag)
{
    const char *difference = NULL;
    sigb_rc rc = compare(at, made, &difference, diag);
    bool gone;

    if (rc == SIGB_OK && difference == NULL)
        return SIGB_OK;
    gone = destroy(at, made);
    *again = rc != SIGB_OK && gone;
    if (rc != SIGB_OK)
        return gone ? rc : tell_left(at, rc, diag);
    return sigb_fail(diag, SIGB_E_TOKEN, "the token made a key that is %s, which was not asked for; %s",
                     difference,
                     gone ? "it was destroyed: use another token, or a mode of it that keeps such keys"
                          : "it could not be destroyed: delete it before anything trusts it");
}

/* ---- what exists is not overwritten ---- */

static sigb_rc require_free(const place *at, sigb_bytes label, sigb_bytes id, const char *what,
                            sigb_diag *diag)
{
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = place_find(at, CK_UNAVAILABLE_INFORMATION, label, id, &objects, &count, diag);

    OPENSSL_free(objects);
    if (rc == SIGB_OK && count > 0)
        rc = sigb_fail(diag, SIGB_E_EXISTS,
                       "token \"%s\" has an object with this %s; it is not overwritten: choose another, or "
                       "delete the old one first",
                       at->slot.label, what);
    return rc;
}

static sigb_rc keygen_at(const place *at, pair *made, const sigb_notes *notes, bool *again, sigb_diag *diag)
{
    sigb_rc rc = require_free(at, made->label, SIGB_BYTES_NONE, "label", diag);

    if (rc == SIGB_OK)
        rc = require_free(at, SIGB_BYTES_NONE, made->id, "id", diag);
    *again = rc != SIGB_OK;
    if (rc == SIGB_OK)
        rc = make(at, made, notes, again, diag);
    if (rc == SIGB_OK)
        rc = check_made(at, made, again, diag);
    return rc;
}

/* ---- the request ---- */

static sigb_rc check_request(const sigb_keygen *keygen, sigb_diag *diag)
{
    const struct type_row *type = type_find(keygen->type);

    if (type == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "key type \"%s\" is not made; wanted: P-256, P-384, P-521, RSA-2048, RSA-3072, "
                         "RSA-4096, Ed25519 or Ed448",
                         keygen->type == NULL ? "" : keygen->type);
    if (keygen->pss_only && type->bits == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "a key for RSASSA-PSS is an RSA key, and not %s", type->name);
    if (keygen->id.len > SIGB_MAX_KEY_ID)
        return sigb_fail(diag, SIGB_E_USAGE, "id of %zu bytes: 1 to %d are wanted", keygen->id.len,
                         SIGB_MAX_KEY_ID);
    return label_check(keygen->label, LABEL_ROOM, "the key's label", diag);
}

static sigb_rc choose_id(sigb_bytes asked, uint8_t random[RANDOM_ID], sigb_bytes *id, sigb_diag *diag)
{
    OSSL_LIB_CTX *ctx = NULL;
    sigb_rc rc;

    *id = asked;
    if (asked.len > 0)
        return SIGB_OK;
    rc = libctx_require(&ctx, diag);
    if (rc == SIGB_OK && RAND_bytes_ex(ctx, random, RANDOM_ID, 0) != 1)
        rc = sigb_openssl_failed(diag, "random bytes");
    *id = sigb_bytes_of(random, RANDOM_ID);
    return rc;
}

/* The token's key is there; a caller that cannot be told its name would never find it: then it goes again. */
static sigb_rc tell(const place *at, const pair *pair_made, const sigb_keygen *keygen, sigb_buf *made,
                    sigb_diag *diag)
{
    place_uri(&at->slot, keygen->label, pair_made->id, "private", made);
    if (!made->failed)
        return SIGB_OK;
    (void)destroy(at, pair_made);
    return sigb_no_memory(diag);
}

typedef struct keygen_args {
    const char *uri;
    sigb_keygen wanted;
} keygen_args;

static void keygen_copy(bound *b, void *args)
{
    keygen_args *copied = args;

    copied->uri = bound_text(b, copied->uri);
    copied->wanted.type = bound_text(b, copied->wanted.type);
    copied->wanted.label = bound_text(b, copied->wanted.label);
    copied->wanted.id = bound_bytes(b, copied->wanted.id);
}

typedef struct keygen_job {
    const sigb_keygen *wanted;
    const sigb_notes *notes;
    pair pair;
    sigb_buf *made;
} keygen_job;

/* A place_work. */
static sigb_rc keygen_here(const place *at, void *arg, bool *again, sigb_diag *diag)
{
    keygen_job *job = arg;
    sigb_rc rc = keygen_at(at, &job->pair, job->notes, again, diag);

    if (rc != SIGB_OK)
        return rc;
    *again = false;
    return tell(at, &job->pair, job->wanted, job->made, diag);
}

static sigb_rc keygen_run(const void *arguments, const sigb_pkcs11_options *options, sigb_buf *made,
                          sigb_diag *diag)
{
    const keygen_args *args = arguments;
    const sigb_keygen *keygen = &args->wanted;
    keygen_job job = {.wanted = keygen, .notes = &options->notes, .made = made};
    uint8_t random[RANDOM_ID];
    sigb_rc rc = choose_id(keygen->id, random, &job.pair.id, diag);

    if (rc != SIGB_OK)
        return rc;
    job.pair.type = type_find(keygen->type);
    job.pair.label = sigb_bytes_text(keygen->label);
    job.pair.pss_only = keygen->pss_only;
    fill_templates(&job.pair, keygen->copyable);
    return place_run(args->uri, options, keygen_here, &job, diag);
}

sigb_rc sigb_token_keygen(const char *uri, const sigb_keygen *keygen, const sigb_pkcs11_options *options,
                          sigb_buf *made, sigb_diag *diag)
{
    static const bound_verb verb = {sizeof(keygen_args), keygen_copy, keygen_run};
    keygen_args args;
    sigb_rc rc;

    if (uri == NULL || keygen == NULL || options == NULL || made == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a key needs a token's URI, a description, options and a place "
                         "for its URI");
    args = (keygen_args){uri, *keygen};
    rc = check_request(keygen, diag);
    return rc == SIGB_OK ? bound_run(&verb, &args, options, made, diag) : rc;
}
