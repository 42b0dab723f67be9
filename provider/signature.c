/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures. What concerns no private key is done by software in the library's
 * own context: a twin of each context of ours judges padding, salt and digest,
 * tells the algorithm identifier, and verifies. A key on a token then signs what
 * the twin says; a software key signs in its twin.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "provider/provider.h"

typedef enum signature_use { USE_NONE, USE_SIGN, USE_VERIFY, USE_RECOVER } signature_use;

typedef struct signature_ctx {
    prov_ctx *prov;
    prov_key *key;
    signature_use use;
    bool is_digesting;   /* the message comes in, and not its digest */
    const char *fixed;   /* digest of an algorithm that fixes it; NULL: the caller chooses */
    char digest[64];     /* name; "" where none was chosen */
    prov_wish wish;      /* that the twin is still to be told, if there will be one */
    EVP_PKEY_CTX *twin;  /* of USE_SIGN and the others; made when it is needed */
    EVP_MD_CTX *twin_md; /* the same with a message coming in; owns its EVP_PKEY_CTX, which is twin */
    EVP_MD_CTX *hashing; /* of a message that comes in pieces */
    bool keeps;          /* the pieces themselves, and no digest of them */
    sigb_buf kept;       /* failed: a piece was refused, so the message is not whole */
    sigb_buf judged;     /* the signature that a message in pieces is to have */
    bool has_scheme;     /* as the twin says; forgotten when parameters change */
    p11_scheme scheme;
} signature_ctx;

/* ---- life ---- */

static void *new_ctx(void *provctx, const char *properties)
{
    signature_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    (void)properties;
    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void forget_twin(signature_ctx *ctx)
{
    if (ctx->twin_md == NULL)
        EVP_PKEY_CTX_free(ctx->twin);
    EVP_MD_CTX_free(ctx->twin_md);
    ctx->twin = NULL;
    ctx->twin_md = NULL;
    ctx->has_scheme = false;
}

static void forget(signature_ctx *ctx)
{
    forget_twin(ctx);
    ctx->wish = (prov_wish){.pss = false};
    EVP_MD_CTX_free(ctx->hashing);
    ctx->hashing = NULL;
    ctx->keeps = false;
    sigb_buf_free(&ctx->kept);
    sigb_buf_free(&ctx->judged);
    prov_key_free(ctx->key);
    ctx->key = NULL;
}

static void free_ctx(void *arg)
{
    signature_ctx *ctx = arg;

    if (ctx == NULL)
        return;
    forget(ctx);
    OPENSSL_free(ctx);
}

static bool copy_md_ctx(EVP_MD_CTX **to, const EVP_MD_CTX *from)
{
    if (from == NULL)
        return true;
    *to = EVP_MD_CTX_new();
    return *to != NULL && EVP_MD_CTX_copy_ex(*to, from) > 0;
}

static bool copy_buf(sigb_buf *to, const sigb_buf *from)
{
    sigb_buf_append(to, sigb_buf_bytes(from));
    if (to->failed)
        return false;
    to->failed = from->failed;
    return true;
}

static bool copy_twin(signature_ctx *to, const signature_ctx *from)
{
    if (from->twin == NULL)
        return true;
    if (from->twin_md != NULL) {
        if (!copy_md_ctx(&to->twin_md, from->twin_md))
            return false;
        to->twin = EVP_MD_CTX_get_pkey_ctx(to->twin_md);
    } else {
        to->twin = EVP_PKEY_CTX_dup(from->twin);
    }
    return to->twin != NULL;
}

/* At any moment: what has come in so far is in both. */
static void *dup_ctx(void *arg)
{
    const signature_ctx *from = arg;
    signature_ctx *to = OPENSSL_memdup(from, sizeof(*from));

    if (to == NULL)
        return NULL;
    to->twin = NULL;
    to->twin_md = to->hashing = NULL;
    to->kept = to->judged = (sigb_buf)SIGB_BUF_INIT;
    to->key = from->key == NULL ? NULL : prov_key_hold(from->key);
    if (!copy_twin(to, from) || !copy_md_ctx(&to->hashing, from->hashing) ||
        !copy_buf(&to->kept, &from->kept) || !copy_buf(&to->judged, &from->judged)) {
        free_ctx(to);
        return NULL;
    }
    return to;
}

/* ---- the twin ---- */

static bool begin_twin_md(signature_ctx *ctx)
{
    const char *digest = ctx->digest[0] == '\0' ? NULL : ctx->digest;
    OSSL_LIB_CTX *libctx = bridge_libctx();

    ctx->twin_md = EVP_MD_CTX_new();
    if (ctx->twin_md == NULL)
        return false;
    return (ctx->use == USE_SIGN
                ? EVP_DigestSignInit_ex(ctx->twin_md, &ctx->twin, digest, libctx, NULL, ctx->key->pkey, NULL)
                : EVP_DigestVerifyInit_ex(ctx->twin_md, &ctx->twin, digest, libctx, NULL, ctx->key->pkey,
                                          NULL)) > 0;
}

static bool init_twin(const signature_ctx *ctx)
{
    switch (ctx->use) {
    case USE_SIGN:
        return EVP_PKEY_sign_init(ctx->twin) > 0;
    case USE_VERIFY:
        return EVP_PKEY_verify_init(ctx->twin) > 0;
    case USE_RECOVER:
        return EVP_PKEY_verify_recover_init(ctx->twin) > 0;
    case USE_NONE:
    default:
        return false;
    }
}

static bool set_twin_digest(signature_ctx *ctx)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, ctx->digest, 0), OSSL_PARAM_END};

    return ctx->digest[0] == '\0' || EVP_PKEY_CTX_set_params(ctx->twin, params) > 0;
}

static bool begin_twin_plain(signature_ctx *ctx)
{
    ctx->twin = EVP_PKEY_CTX_new_from_pkey(bridge_libctx(), ctx->key->pkey, NULL);
    return ctx->twin != NULL && init_twin(ctx) && set_twin_digest(ctx);
}

/* Public keys begin a signature in software too; they just cannot end it. */
static bool has_twin(signature_ctx *ctx)
{
    bool entered, good;

    if (ctx->twin != NULL)
        return true;
    if (ctx->key == NULL)
        return false;
    entered = bridge_shelter();
    good = (ctx->is_digesting ? begin_twin_md(ctx) : begin_twin_plain(ctx)) &&
           prov_wish_tell(&ctx->wish, ctx->twin);
    bridge_end_shelter(entered);
    if (!good)
        forget_twin(ctx);
    return good;
}

static bool is_of_token(const signature_ctx *ctx)
{
    return ctx->key != NULL && ctx->key->secret != NULL;
}

/* ---- beginning ---- */

static int set_ctx_params(void *arg, const OSSL_PARAM params[]);

static int begin(signature_ctx *ctx, signature_use use, bool is_digesting, const char *digest, prov_key *key,
                 const OSSL_PARAM params[])
{
    if (key == NULL)
        key = ctx->key;
    if (key == NULL || key->pkey == NULL)
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "there is no key to sign or verify with");
    (void)prov_key_hold(key); /* it may be the one that is forgotten */
    forget(ctx);
    ctx->key = key;
    ctx->use = use;
    ctx->is_digesting = is_digesting;
    if (digest == NULL)
        digest = ctx->fixed == NULL ? "" : ctx->fixed;
    if (OPENSSL_strlcpy(ctx->digest, digest, sizeof(ctx->digest)) >= sizeof(ctx->digest))
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "no digest has a name of %zu letters", strlen(digest));
    if (params != NULL && params[0].key != NULL)
        return set_ctx_params(ctx, params);
    return use == USE_SIGN && is_of_token(ctx) ? 1 : has_twin(ctx);
}

static int sign_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_SIGN, false, NULL, key, params);
}

static int verify_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_VERIFY, false, NULL, key, params);
}

static int verify_recover_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_RECOVER, false, NULL, key, params);
}

static bool is_edwards(const signature_ctx *ctx)
{
    return ctx->key->type == &PROV_TYPE[PROV_ED25519] || ctx->key->type == &PROV_TYPE[PROV_ED448];
}

/* Without a name the digest is the key's default, as software chooses it. */
static int digest_sign_init(void *arg, const char *digest, void *key, const OSSL_PARAM params[])
{
    signature_ctx *ctx = arg;

    if (!begin(ctx, USE_SIGN, true, digest, key, params))
        return 0;
    if (is_edwards(ctx) && ctx->digest[0] != '\0')
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "%s takes no digest: it signs the message itself",
                           ctx->key->type->name);
    return 1;
}

static int digest_verify_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_VERIFY, true, digest, key, params);
}

/* ---- what the twin says ---- */

static bool twin_text(signature_ctx *ctx, const char *name, char *text, size_t room)
{
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(name, text, room), OSSL_PARAM_END};

    text[0] = '\0';
    params[0].data_size = room;
    return EVP_PKEY_CTX_get_params(ctx->twin, params) > 0;
}

static bool twin_int(signature_ctx *ctx, const char *name, int *value)
{
    OSSL_PARAM params[] = {OSSL_PARAM_int(name, value), OSSL_PARAM_END};

    return EVP_PKEY_CTX_get_params(ctx->twin, params) > 0;
}

/* RFC 8017, 9.1.1: what the encoded message leaves for the salt. */
static int most_salt(const prov_key *key, const p11_hash *hash)
{
    return (EVP_PKEY_get_bits(key->pkey) - 1 + 7) / 8 - (int)hash->len - 2;
}

/* The special values are OpenSSL's: as long as the digest, the most there is room for, or the lesser. */
static int salt_meant(int asked, int digest, int most)
{
    if (asked == RSA_PSS_SALTLEN_DIGEST)
        return digest;
    if (asked == RSA_PSS_SALTLEN_AUTO || asked == RSA_PSS_SALTLEN_MAX)
        return most;
    if (asked < 0)
        return most < digest ? most : digest;
    return asked;
}

/* False: it does not fit. */
static bool salt_length(const prov_key *key, const p11_hash *hash, int asked, size_t *salt)
{
    int most = most_salt(key, hash), meant = salt_meant(asked, (int)hash->len, most);

    *salt = (size_t)meant;
    return meant >= 0 && meant <= most;
}

static bool ask_salt(signature_ctx *ctx, const p11_hash *hash, size_t *salt)
{
    int asked = 0;

    if (!twin_int(ctx, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &asked))
        return false;
    return salt_length(ctx->key, hash, asked, salt) ||
           prov_refuse(ctx->prov, SIGB_E_USAGE,
                       "a salt of %d bytes does not fit into this key with %s; at most %d do",
                       salt_meant(asked, (int)hash->len, most_salt(ctx->key, hash)), hash->name,
                       most_salt(ctx->key, hash));
}

static const p11_hash *require_hash(signature_ctx *ctx, const char *name)
{
    const p11_hash *hash = bridge_hash_named(name);

    if (hash == NULL)
        (void)prov_refuse(
            ctx->prov, SIGB_E_MECHANISM,
            "no signature is made over %s with a token; choose a digest of the SHA-2 or SHA-3 family", name);
    return hash;
}

static bool rsa_pss_scheme(signature_ctx *ctx, p11_scheme *scheme)
{
    char mgf[64];

    scheme->family = P11_RSA_PSS;
    if (!twin_text(ctx, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf, sizeof(mgf)))
        return false;
    scheme->mgf = mgf[0] == '\0' ? scheme->hash : require_hash(ctx, mgf);
    if (scheme->hash != NULL && scheme->mgf != NULL && (scheme->hash->mgf == 0 || scheme->mgf->mgf == 0))
        return prov_refuse(ctx->prov, SIGB_E_MECHANISM,
                           "PKCS#11 has no RSA-PSS over %s; choose another digest", scheme->hash->name);
    return scheme->hash != NULL && scheme->mgf != NULL && ask_salt(ctx, scheme->hash, &scheme->salt);
}

static bool rsa_scheme(signature_ctx *ctx, p11_scheme *scheme)
{
    int padding = 0;

    if (!twin_int(ctx, OSSL_SIGNATURE_PARAM_PAD_MODE, &padding))
        return false;
    if (padding == RSA_PKCS1_PSS_PADDING)
        return rsa_pss_scheme(ctx, scheme);
    scheme->family = P11_RSA_PKCS1;
    return padding == RSA_PKCS1_PADDING ||
           prov_refuse(ctx->prov, SIGB_E_MECHANISM,
                       "a token signs with PKCS#1 v1.5 or PSS padding; choose one of them");
}

static bool ask_scheme(signature_ctx *ctx)
{
    char digest[64];

    ctx->scheme = (p11_scheme){.family = P11_EDDSA};
    if (is_edwards(ctx))
        return true;
    if (!has_twin(ctx) || !twin_text(ctx, OSSL_SIGNATURE_PARAM_DIGEST, digest, sizeof(digest)))
        return false;
    if (digest[0] != '\0' && (ctx->scheme.hash = require_hash(ctx, digest)) == NULL)
        return false;
    ctx->scheme.family = P11_ECDSA;
    return ctx->key->type == &PROV_TYPE[PROV_EC] || rsa_scheme(ctx, &ctx->scheme);
}

/* The mask of a usual wish is made with the digest. */
static bool guess_pss(const signature_ctx *ctx, p11_scheme *scheme)
{
    scheme->family = P11_RSA_PSS;
    scheme->mgf = scheme->hash;
    return ctx->wish.has_salt && scheme->hash != NULL && scheme->hash->mgf != 0 &&
           salt_length(ctx->key, scheme->hash, ctx->wish.salt, &scheme->salt);
}

/* The usual case needs no twin: a digest by name, and no wish but the usual one. */
static bool guess_scheme(signature_ctx *ctx)
{
    const bool is_pkcs1 = ctx->key->type == &PROV_TYPE[PROV_RSA],
               is_ec = ctx->key->type == &PROV_TYPE[PROV_EC];

    if (ctx->twin != NULL || !(is_pkcs1 || is_ec) || (ctx->is_digesting && ctx->digest[0] == '\0'))
        return false;
    ctx->scheme = (p11_scheme){.family = is_ec ? P11_ECDSA : P11_RSA_PKCS1,
                               .hash = ctx->digest[0] == '\0' ? NULL : bridge_hash_named(ctx->digest)};
    if (ctx->wish.pss)
        return guess_pss(ctx, &ctx->scheme);
    return ctx->digest[0] == '\0' || ctx->scheme.hash != NULL;
}

static bool has_scheme(signature_ctx *ctx)
{
    bool entered;

    if (ctx->has_scheme)
        return true;
    ctx->has_scheme = guess_scheme(ctx);
    if (!ctx->has_scheme) {
        entered = bridge_shelter();
        ctx->has_scheme = ask_scheme(ctx);
        bridge_end_shelter(entered);
    }
    return ctx->has_scheme;
}

/* ---- signing with a token ---- */

/* OpenSSL asks for the length first, and it costs no call into the module. */
static int tell_length(const signature_ctx *ctx, size_t *len)
{
    int size = EVP_PKEY_get_size(ctx->key->pkey);

    if (size <= 0)
        return 0;
    *len = (size_t)size;
    return 1;
}

static int sign_with_token(signature_ctx *ctx, sigb_bytes input, bool hashed, unsigned char *sig, size_t *len,
                           size_t room)
{
    p11_request what = {.hashed = hashed, .input = input};
    p11_place place = {NULL, room, 0};
    sigb_diag diag;
    sigb_rc rc;

    place.ptr = sig;
    if (sig == NULL)
        return tell_length(ctx, len);
    if (!has_scheme(ctx))
        return 0;
    what.scheme = ctx->scheme;
    rc = bridge_key_sign(ctx->key->secret->key, &what, ctx->prov->config->verify_signatures, &place, &diag);
    if (rc != SIGB_OK)
        return prov_fail(ctx->prov, rc, &diag);
    *len = place.len;
    return 1;
}

/* ---- signing ---- */

static int sign(void *arg, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs,
                size_t tbs_len)
{
    signature_ctx *ctx = arg;

    if (is_of_token(ctx))
        return sign_with_token(ctx, sigb_bytes_of(tbs, tbs_len), true, sig, len, room);
    *len = room;
    return has_twin(ctx) && EVP_PKEY_sign(ctx->twin, sig, len, tbs, tbs_len) > 0;
}

static bool begin_hashing(signature_ctx *ctx)
{
    const EVP_MD *md = bridge_digest(ctx->scheme.hash->name);

    ctx->hashing = EVP_MD_CTX_new();
    return md != NULL && ctx->hashing != NULL && EVP_DigestInit_ex2(ctx->hashing, md, NULL) > 0;
}

/* Hashed as it comes in, or kept for a token that signs no digest. */
static bool has_begun(signature_ctx *ctx)
{
    sigb_diag diag;
    sigb_rc rc;

    if (ctx->hashing != NULL || ctx->keeps)
        return true;
    if (!has_scheme(ctx))
        return false;
    if (ctx->scheme.hash == NULL)
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "a message in pieces needs a digest; none was named");
    rc = bridge_key_wants_whole(ctx->key->secret->key, &ctx->scheme, &ctx->keeps, &diag);
    if (rc != SIGB_OK)
        return prov_fail(ctx->prov, rc, &diag);
    return ctx->keeps || begin_hashing(ctx);
}

static bool is_whole(const signature_ctx *ctx)
{
    return !ctx->kept.failed ||
           prov_refuse(ctx->prov, SIGB_E_USAGE,
                       "a piece of the message was refused, so the message is not signed; begin anew");
}

static bool keep(signature_ctx *ctx, sigb_bytes piece)
{
    if (!is_whole(ctx))
        return false;
    if (piece.len > SIGB_MAX_KEPT_MESSAGE - ctx->kept.len) {
        sigb_buf_free(&ctx->kept);
        ctx->kept.failed = true;
        return prov_refuse(ctx->prov, SIGB_E_LIMIT,
                           "the token signs no digest with this key and hashes by itself, so the message is "
                           "kept until its end, and at most %d MiB of it; sign a shorter one, give it in one "
                           "call, or use a token that signs digests",
                           SIGB_MAX_KEPT_MESSAGE >> 20);
    }
    sigb_buf_append(&ctx->kept, piece);
    return !ctx->kept.failed || prov_refuse(ctx->prov, SIGB_E_MEMORY, "there is no memory for the message");
}

static int digest_sign_update(void *arg, const unsigned char *data, size_t len)
{
    signature_ctx *ctx = arg;

    if (!is_of_token(ctx))
        return has_twin(ctx) && EVP_DigestSignUpdate(ctx->twin_md, data, len) > 0;
    if (!has_begun(ctx))
        return 0;
    return ctx->keeps ? keep(ctx, sigb_bytes_of(data, len)) : EVP_DigestUpdate(ctx->hashing, data, len) > 0;
}

/* What came in goes on: OpenSSL may ask for more signatures of one context. */
static int digest_of(const signature_ctx *ctx, unsigned char *digest, unsigned *len)
{
    EVP_MD_CTX *copy = NULL;
    int good = copy_md_ctx(&copy, ctx->hashing) && EVP_DigestFinal_ex(copy, digest, len) > 0;

    EVP_MD_CTX_free(copy);
    return good;
}

static int digest_sign_final(void *arg, unsigned char *sig, size_t *len, size_t room)
{
    signature_ctx *ctx = arg;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    if (!is_of_token(ctx)) {
        *len = room;
        return has_twin(ctx) && EVP_DigestSignFinal(ctx->twin_md, sig, len) > 0;
    }
    if (sig == NULL)
        return tell_length(ctx, len);
    if (!has_begun(ctx))
        return 0;
    if (ctx->keeps)
        return is_whole(ctx) && sign_with_token(ctx, sigb_buf_bytes(&ctx->kept), false, sig, len, room);
    return digest_of(ctx, digest, &digest_len) &&
           sign_with_token(ctx, sigb_bytes_of(digest, digest_len), true, sig, len, room);
}

static int digest_sign(void *arg, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs,
                       size_t tbs_len)
{
    signature_ctx *ctx = arg;

    if (is_of_token(ctx))
        return sign_with_token(ctx, sigb_bytes_of(tbs, tbs_len), false, sig, len, room);
    *len = room;
    return has_twin(ctx) && EVP_DigestSign(ctx->twin_md, sig, len, tbs, tbs_len) > 0;
}

/* ---- verifying: software's ---- */

static int verify(void *arg, const unsigned char *sig, size_t len, const unsigned char *tbs, size_t tbs_len)
{
    signature_ctx *ctx = arg;

    return has_twin(ctx) && EVP_PKEY_verify(ctx->twin, sig, len, tbs, tbs_len) == 1;
}

static int verify_recover(void *arg, unsigned char *out, size_t *len, size_t room, const unsigned char *sig,
                          size_t sig_len)
{
    signature_ctx *ctx = arg;

    *len = room;
    return has_twin(ctx) && EVP_PKEY_verify_recover(ctx->twin, out, len, sig, sig_len) > 0;
}

static int digest_verify_update(void *arg, const unsigned char *data, size_t len)
{
    signature_ctx *ctx = arg;

    return has_twin(ctx) && EVP_DigestVerifyUpdate(ctx->twin_md, data, len) > 0;
}

static int digest_verify_final(void *arg, const unsigned char *sig, size_t len)
{
    signature_ctx *ctx = arg;

    return has_twin(ctx) && EVP_DigestVerifyFinal(ctx->twin_md, sig, len) == 1;
}

static int digest_verify(void *arg, const unsigned char *sig, size_t len, const unsigned char *tbs,
                         size_t tbs_len)
{
    signature_ctx *ctx = arg;

    return has_twin(ctx) && EVP_DigestVerify(ctx->twin_md, sig, len, tbs, tbs_len) == 1;
}

/* ---- parameters: the twin's ---- */

static const OSSL_PARAM GETTABLE[] = {OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
                                      OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
                                      OSSL_PARAM_END};

static const OSSL_PARAM SETTABLE[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
                                      OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
                                      OSSL_PARAM_END};

static int get_ctx_params(void *arg, OSSL_PARAM params[])
{
    signature_ctx *ctx = arg;

    return has_twin(ctx) && EVP_PKEY_CTX_get_params(ctx->twin, params) > 0;
}

#ifdef OSSL_SIGNATURE_PARAM_INSTANCE
/* Another instance of EdDSA, or another way to choose ECDSA's nonce: the token would sign, and something else. */
static bool token_does(signature_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *instance = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_INSTANCE),
                     *context = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_CONTEXT_STRING),
                     *nonce = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_NONCE_TYPE);
    const char *name = NULL;
    unsigned kind = 0;

    if (instance != NULL && (!OSSL_PARAM_get_utf8_string_ptr(instance, &name) ||
                             OPENSSL_strcasecmp(name, ctx->key->type->name) != 0))
        return prov_refuse(ctx->prov, SIGB_E_MECHANISM, "a token signs with pure %s, and not with %s",
                           ctx->key->type->name, name == NULL ? "that" : name);
    if (context != NULL && context->data_size != 0)
        return prov_refuse(ctx->prov, SIGB_E_MECHANISM,
                           "a token signs with pure %s, which has no context string", ctx->key->type->name);
    if (nonce != NULL && (!OSSL_PARAM_get_uint(nonce, &kind) || kind != 0))
        return prov_refuse(ctx->prov, SIGB_E_MECHANISM,
                           "a token chooses its nonces itself: leave nonce-type out, or set it to 0");
    return true;
}
#else
static bool token_does(const signature_ctx *ctx, const OSSL_PARAM params[])
{
    (void)ctx;
    (void)params;
    return true;
}
#endif

/* An algorithm that fixes its digest takes the signature to judge, and refuses what it would have to ignore. */
static int set_fixed_params(signature_ctx *ctx, const OSSL_PARAM params[])
{
#ifdef OSSL_SIGNATURE_PARAM_SIGNATURE
    const OSSL_PARAM *signature = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_SIGNATURE);
    const void *bytes = NULL;
    size_t len = 0;

    if (signature != NULL) {
        if (!OSSL_PARAM_get_octet_string_ptr(signature, &bytes, &len))
            return 0;
        sigb_buf_free(&ctx->judged);
        sigb_buf_append(&ctx->judged, sigb_bytes_of(bytes, len));
    }
#endif
    for (const OSSL_PARAM *p = SETTABLE; p->key != NULL; p++)
        if (OSSL_PARAM_locate_const(params, p->key) != NULL)
            return prov_refuse(
                ctx->prov, SIGB_E_USAGE,
                "the algorithm fixes digest (%s) and padding; take %s, which leaves \"%s\" to you",
                ctx->fixed, ctx->key->type->signature, p->key);
    return !ctx->judged.failed;
}

/* Of a key that may be used with any padding. */
static bool can_wish(const signature_ctx *ctx)
{
    return ctx->twin == NULL && ctx->use == USE_SIGN && is_of_token(ctx) &&
           ctx->key->type == &PROV_TYPE[PROV_RSA];
}

static int set_ctx_params(void *arg, const OSSL_PARAM params[])
{
    signature_ctx *ctx = arg;

    if (ctx->fixed != NULL)
        return set_fixed_params(ctx, params);
    if (is_of_token(ctx) && ctx->use == USE_SIGN && !token_does(ctx, params))
        return 0;
    ctx->has_scheme = false;
    if (can_wish(ctx) && prov_wish_take(&ctx->wish, params))
        return 1;
    return has_twin(ctx) && EVP_PKEY_CTX_set_params(ctx->twin, params) > 0;
}

/* What the twin tells and takes is more in later versions of OpenSSL. */
static const OSSL_PARAM *gettable_ctx_params(void *arg, void *provctx)
{
    signature_ctx *ctx = arg;

    (void)provctx;
    return ctx != NULL && has_twin(ctx) ? EVP_PKEY_CTX_gettable_params(ctx->twin) : GETTABLE;
}

static const OSSL_PARAM *settable_ctx_params(void *arg, void *provctx)
{
    signature_ctx *ctx = arg;

    (void)provctx;
    return ctx != NULL && has_twin(ctx) ? EVP_PKEY_CTX_settable_params(ctx->twin) : SETTABLE;
}

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
/* ---- whole messages, and algorithms that fix their digest ---- */

static int sign_message_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_SIGN, true, NULL, key, params);
}

static int verify_message_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return begin(ctx, USE_VERIFY, true, NULL, key, params);
}

/* Of the digest, or of the message, as it began. */
static int sign_either(void *arg, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs,
                       size_t tbs_len)
{
    const signature_ctx *ctx = arg;

    return (ctx->is_digesting ? digest_sign : sign)(arg, sig, len, room, tbs, tbs_len);
}

static int verify_either(void *arg, const unsigned char *sig, size_t len, const unsigned char *tbs,
                         size_t tbs_len)
{
    const signature_ctx *ctx = arg;

    return (ctx->is_digesting ? digest_verify : verify)(arg, sig, len, tbs, tbs_len);
}

static int verify_message_final(void *arg)
{
    const signature_ctx *ctx = arg;

    if (ctx->judged.len == 0)
        return prov_refuse(ctx->prov, SIGB_E_USAGE, "there is no signature to judge: set it first");
    return digest_verify_final(arg, ctx->judged.ptr, ctx->judged.len);
}

static const OSSL_PARAM *settable_fixed_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_SIGNATURE, NULL, 0),
                                          OSSL_PARAM_END};

    (void)ctx;
    (void)provctx;
    return settable;
}

static void *new_fixed_ctx(void *provctx, const char *digest)
{
    signature_ctx *ctx = new_ctx(provctx, NULL);

    if (ctx != NULL)
        ctx->fixed = digest;
    return ctx;
}
#endif

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(function)                                                 \
    }

/* The types of key that an algorithm takes, where OpenSSL asks; else it goes by the algorithm's name. */
#ifdef OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES
#define KEY_TYPES(algorithm, ...)                                                                            \
    static const char **key_types_##algorithm(void)                                                          \
    {                                                                                                        \
        static const char *types[] = {__VA_ARGS__, NULL};                                                    \
        return types;                                                                                        \
    }
#define TAKES(algorithm) FUNCTION(QUERY_KEY_TYPES, key_types_##algorithm),
#else
#define KEY_TYPES(algorithm, ...)
#define TAKES(algorithm)
#endif

KEY_TYPES(rsa, "RSA", "RSA-PSS")
KEY_TYPES(pkcs1, "RSA")
KEY_TYPES(ecdsa, "EC")
KEY_TYPES(ed25519, "ED25519")
KEY_TYPES(ed448, "ED448")

#define OF_ANY_DIGEST(name, algorithm)                                                                       \
    static const OSSL_DISPATCH name[] = {FUNCTION(NEWCTX, new_ctx),                                          \
                                         FUNCTION(FREECTX, free_ctx),                                        \
                                         FUNCTION(DUPCTX, dup_ctx),                                          \
                                         FUNCTION(SIGN_INIT, sign_init),                                     \
                                         FUNCTION(SIGN, sign),                                               \
                                         FUNCTION(VERIFY_INIT, verify_init),                                 \
                                         FUNCTION(VERIFY, verify),                                           \
                                         FUNCTION(VERIFY_RECOVER_INIT, verify_recover_init),                 \
                                         FUNCTION(VERIFY_RECOVER, verify_recover),                           \
                                         FUNCTION(DIGEST_SIGN_INIT, digest_sign_init),                       \
                                         FUNCTION(DIGEST_SIGN_UPDATE, digest_sign_update),                   \
                                         FUNCTION(DIGEST_SIGN_FINAL, digest_sign_final),                     \
                                         FUNCTION(DIGEST_SIGN, digest_sign),                                 \
                                         FUNCTION(DIGEST_VERIFY_INIT, digest_verify_init),                   \
                                         FUNCTION(DIGEST_VERIFY_UPDATE, digest_verify_update),               \
                                         FUNCTION(DIGEST_VERIFY_FINAL, digest_verify_final),                 \
                                         FUNCTION(DIGEST_VERIFY, digest_verify),                             \
                                         FUNCTION(GET_CTX_PARAMS, get_ctx_params),                           \
                                         FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),                 \
                                         FUNCTION(SET_CTX_PARAMS, set_ctx_params),                           \
                                         FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params),                 \
                                         TAKES(algorithm){0, NULL}};
OF_ANY_DIGEST(RSA_ANY, rsa)
OF_ANY_DIGEST(ECDSA_ANY, ecdsa)

/* OpenSSL streams no message into EdDSA: it signs in one piece. */
#define EDDSA_FUNCTIONS                                                                                      \
    FUNCTION(NEWCTX, new_ctx), FUNCTION(FREECTX, free_ctx), FUNCTION(DUPCTX, dup_ctx),                       \
        FUNCTION(DIGEST_SIGN_INIT, digest_sign_init), FUNCTION(DIGEST_SIGN, digest_sign),                    \
        FUNCTION(DIGEST_VERIFY_INIT, digest_verify_init), FUNCTION(DIGEST_VERIFY, digest_verify),            \
        FUNCTION(GET_CTX_PARAMS, get_ctx_params), FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),        \
        FUNCTION(SET_CTX_PARAMS, set_ctx_params), FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params)

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
#define EDDSA(name, algorithm)                                                                               \
    static const OSSL_DISPATCH name[] = {EDDSA_FUNCTIONS,                                                    \
                                         FUNCTION(SIGN_MESSAGE_INIT, sign_message_init),                     \
                                         FUNCTION(SIGN, sign_either),                                        \
                                         FUNCTION(VERIFY_MESSAGE_INIT, verify_message_init),                 \
                                         FUNCTION(VERIFY, verify_either),                                    \
                                         TAKES(algorithm){0, NULL}};

/* As OpenSSL names them; each: its functions, what it is of, its digest, its names. */
/* clang-format off */
#define FIXED(ROW)                                                                                           \
    ROW(RSA_1,       pkcs1, "SHA1",         "RSA-SHA1:RSA-SHA-1:sha1WithRSAEncryption:1.2.840.113549.1.1.5")   \
    ROW(RSA_224,     pkcs1, "SHA2-224",     "RSA-SHA2-224:RSA-SHA224:sha224WithRSAEncryption:1.2.840.113549.1.1.14") \
    ROW(RSA_256,     pkcs1, "SHA2-256",     "RSA-SHA2-256:RSA-SHA256:sha256WithRSAEncryption:1.2.840.113549.1.1.11") \
    ROW(RSA_384,     pkcs1, "SHA2-384",     "RSA-SHA2-384:RSA-SHA384:sha384WithRSAEncryption:1.2.840.113549.1.1.12") \
    ROW(RSA_512,     pkcs1, "SHA2-512",     "RSA-SHA2-512:RSA-SHA512:sha512WithRSAEncryption:1.2.840.113549.1.1.13") \
    ROW(RSA_512_224, pkcs1, "SHA2-512/224", "RSA-SHA2-512/224:RSA-SHA512-224:sha512-224WithRSAEncryption:1.2.840.113549.1.1.15") \
    ROW(RSA_512_256, pkcs1, "SHA2-512/256", "RSA-SHA2-512/256:RSA-SHA512-256:sha512-256WithRSAEncryption:1.2.840.113549.1.1.16") \
    ROW(RSA_3_224,   pkcs1, "SHA3-224",     "RSA-SHA3-224:id-rsassa-pkcs1-v1_5-with-sha3-224:2.16.840.1.101.3.4.3.13") \
    ROW(RSA_3_256,   pkcs1, "SHA3-256",     "RSA-SHA3-256:id-rsassa-pkcs1-v1_5-with-sha3-256:2.16.840.1.101.3.4.3.14") \
    ROW(RSA_3_384,   pkcs1, "SHA3-384",     "RSA-SHA3-384:id-rsassa-pkcs1-v1_5-with-sha3-384:2.16.840.1.101.3.4.3.15") \
    ROW(RSA_3_512,   pkcs1, "SHA3-512",     "RSA-SHA3-512:id-rsassa-pkcs1-v1_5-with-sha3-512:2.16.840.1.101.3.4.3.16") \
    ROW(EC_1,        ecdsa, "SHA1",         "ECDSA-SHA1:ECDSA-SHA-1:ecdsa-with-SHA1:1.2.840.10045.4.1")        \
    ROW(EC_224,      ecdsa, "SHA2-224",     "ECDSA-SHA2-224:ECDSA-SHA224:ecdsa-with-SHA224:1.2.840.10045.4.3.1") \
    ROW(EC_256,      ecdsa, "SHA2-256",     "ECDSA-SHA2-256:ECDSA-SHA256:ecdsa-with-SHA256:1.2.840.10045.4.3.2") \
    ROW(EC_384,      ecdsa, "SHA2-384",     "ECDSA-SHA2-384:ECDSA-SHA384:ecdsa-with-SHA384:1.2.840.10045.4.3.3") \
    ROW(EC_512,      ecdsa, "SHA2-512",     "ECDSA-SHA2-512:ECDSA-SHA512:ecdsa-with-SHA512:1.2.840.10045.4.3.4") \
    ROW(EC_3_224,    ecdsa, "SHA3-224",     "ECDSA-SHA3-224:ecdsa_with_SHA3-224:id-ecdsa-with-sha3-224:2.16.840.1.101.3.4.3.9") \
    ROW(EC_3_256,    ecdsa, "SHA3-256",     "ECDSA-SHA3-256:ecdsa_with_SHA3-256:id-ecdsa-with-sha3-256:2.16.840.1.101.3.4.3.10") \
    ROW(EC_3_384,    ecdsa, "SHA3-384",     "ECDSA-SHA3-384:ecdsa_with_SHA3-384:id-ecdsa-with-sha3-384:2.16.840.1.101.3.4.3.11") \
    ROW(EC_3_512,    ecdsa, "SHA3-512",     "ECDSA-SHA3-512:ecdsa_with_SHA3-512:id-ecdsa-with-sha3-512:2.16.840.1.101.3.4.3.12")
/* clang-format on */

#define FIXED_DISPATCH(name, algorithm, digest, names)                                                       \
    static void *new_##name(void *provctx, const char *properties)                                           \
    {                                                                                                        \
        (void)properties;                                                                                    \
        return new_fixed_ctx(provctx, digest);                                                               \
    }                                                                                                        \
    static const OSSL_DISPATCH name[] = {FUNCTION(NEWCTX, new_##name),                                       \
                                         FUNCTION(FREECTX, free_ctx),                                        \
                                         FUNCTION(DUPCTX, dup_ctx),                                          \
                                         FUNCTION(SIGN_INIT, sign_init),                                     \
                                         FUNCTION(SIGN, sign_either),                                        \
                                         FUNCTION(SIGN_MESSAGE_INIT, sign_message_init),                     \
                                         FUNCTION(SIGN_MESSAGE_UPDATE, digest_sign_update),                  \
                                         FUNCTION(SIGN_MESSAGE_FINAL, digest_sign_final),                    \
                                         FUNCTION(VERIFY_INIT, verify_init),                                 \
                                         FUNCTION(VERIFY, verify_either),                                    \
                                         FUNCTION(VERIFY_MESSAGE_INIT, verify_message_init),                 \
                                         FUNCTION(VERIFY_MESSAGE_UPDATE, digest_verify_update),              \
                                         FUNCTION(VERIFY_MESSAGE_FINAL, verify_message_final),               \
                                         FUNCTION(VERIFY_RECOVER_INIT, verify_recover_init),                 \
                                         FUNCTION(VERIFY_RECOVER, verify_recover),                           \
                                         TAKES(algorithm) FUNCTION(GET_CTX_PARAMS, get_ctx_params),          \
                                         FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),                 \
                                         FUNCTION(SET_CTX_PARAMS, set_ctx_params),                           \
                                         FUNCTION(SETTABLE_CTX_PARAMS, settable_fixed_params),               \
                                         {0, NULL}};
FIXED(FIXED_DISPATCH)
#else
#define FIXED(ROW)
#define EDDSA(name, algorithm) static const OSSL_DISPATCH name[] = {EDDSA_FUNCTIONS, {0, NULL}};
#endif

EDDSA(ED25519, ed25519)
EDDSA(ED448, ed448)

#define FIXED_ALGORITHM(name, algorithm, digest, names)                                                      \
    {names, "", name, #algorithm " signatures of a token, " digest},

const OSSL_ALGORITHM PROV_SIGNATURES[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", "", RSA_ANY, "RSA signatures of a token"},
    {PROV_OWN("RSA"), "", RSA_ANY, "RSA signatures of a token"},
    {"ECDSA", "", ECDSA_ANY, "ECDSA signatures of a token"},
    {PROV_OWN("ECDSA"), "", ECDSA_ANY, "ECDSA signatures of a token"},
    {"ED25519:1.3.101.112", "", ED25519, "Ed25519 signatures of a token"},
    {PROV_OWN("ED25519"), "", ED25519, "Ed25519 signatures of a token"},
    {"ED448:1.3.101.113", "", ED448, "Ed448 signatures of a token"},
    {PROV_OWN("ED448"), "", ED448, "Ed448 signatures of a token"},
    FIXED(FIXED_ALGORITHM){NULL, NULL, NULL, NULL},
};
