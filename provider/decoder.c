/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that wrap a key URI. The first step finds the PEM among others, the
 * second opens the key: only where a private key is explicitly wanted, for a file
 * that is read as a public key, a certificate or anything at all comes from
 * nobody knows where, and must not log in.
 */
#include <pthread.h>
#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <sigbridge/limits.h>

#include "base/error.h"
#include "pkcs11/wrap.h"
#include "provider/provider.h"

#define STRUCTURE "pkcs11-uri" /* of what goes from the first step to the second */
#define MAX_FILE  ((size_t)1 << 20)

static void *new_ctx(void *provctx)
{
    return provctx;
}

static void free_ctx(void *ctx)
{
    (void)ctx;
}

static int wants_private(void *provctx, int selection)
{
    (void)provctx;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* ---- reading ---- */

/* Appends until so many bytes are there, or no more come. */
static void read_up_to(const prov_ctx *ctx, OSSL_CORE_BIO *from, sigb_buf *to, size_t most)
{
    unsigned char room[4096];
    size_t got = 1;

    while (to->len < most && got > 0) {
        size_t want = most - to->len < sizeof(room) ? most - to->len : sizeof(room);

        if (ctx->bio_read(from, room, want, &got) != 1)
            break;
        sigb_buf_append(to, sigb_bytes_of(room, got));
        OPENSSL_cleanse(room, got); /* it may be another's private key */
    }
}

/* False: longer than any file of ours, or no memory. */
static bool read_all(const prov_ctx *ctx, OSSL_CORE_BIO *from, sigb_buf *to)
{
    read_up_to(ctx, from, to, MAX_FILE + 1);
    return to->len <= MAX_FILE && !to->failed;
}

static void forget(sigb_buf *text)
{
    if (text->len > 0)
        OPENSSL_cleanse(text->ptr, text->len);
    sigb_buf_free(text);
}

/* ---- the first block of a file ---- */

/* A file as PEM_read_bio() takes it, line by line: whoever reads on begins behind the block. */
typedef struct prov_lines {
    const prov_ctx *ctx;
    OSSL_CORE_BIO *from;
    size_t left; /* of MAX_FILE */
} prov_lines;

static int next_line(BIO *bio, char *line, int room)
{
    prov_lines *of = BIO_get_data(bio);
    int got = room > 0 && (size_t)room <= of->left ? of->ctx->bio_gets(of->from, line, room) : 0;

    if (got > 0)
        of->left -= (size_t)got;
    return got;
}

/* Appends what our PEM wraps, where it is the first that comes. */
static bool take_block(BIO *in, sigb_buf *der)
{
    char *name = NULL, *header = NULL;
    unsigned char *bytes = NULL;
    long len = 0;
    bool ours;

    if (PEM_read_bio(in, &name, &header, &bytes, &len) != 1)
        return false;
    ours = strcmp(name, WRAP_PEM_NAME) == 0;
    if (ours)
        sigb_buf_append(der, sigb_bytes_of(bytes, (size_t)len));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(bytes, len > 0 ? (size_t)len : 0);
    return ours && !der->failed;
}

/*
 * The block is taken off, whosever it is: the next decoder is set back to its beginning, and who reads a file
 * block after block counts on it that each try gets on.
 */
static bool read_pem(const prov_ctx *ctx, OSSL_CORE_BIO *from, sigb_buf *der)
{
    prov_lines lines = {ctx, from, MAX_FILE};
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "lines of a file");
    BIO *in = method != NULL && BIO_meth_set_gets(method, next_line) ? BIO_new(method) : NULL;
    bool found = false;

    if (in != NULL) {
        BIO_set_data(in, &lines);
        BIO_set_init(in, 1);
        found = take_block(in, der);
    }
    BIO_free(in);
    BIO_meth_free(method);
    return found;
}

/* So that no key further behind is tried, with the same PIN, or signs in place of the one that was refused. */
static void skip_rest(const prov_ctx *ctx, OSSL_CORE_BIO *from)
{
    unsigned char room[4096];
    size_t got = 1;

    for (size_t left = MAX_FILE; left >= sizeof(room) && got > 0; left -= sizeof(room))
        if (ctx->bio_read(from, room, sizeof(room), &got) != 1)
            break;
    OPENSSL_cleanse(room, sizeof(room));
}

/*
 * Where nothing is left of a file, it is no error that nothing came of its last block. Of a pipe, which has no
 * place to go back to, the byte that is looked at would be lost.
 */
static void notice_end(const prov_ctx *ctx, OSSL_CORE_BIO *from)
{
    FILE *file = NULL;
    bool is_file = ctx->bio_ctrl(from, BIO_C_GET_FILE_PTR, 0, &file) > 0;
    long here = is_file ? ctx->bio_ctrl(from, BIO_C_FILE_TELL, 0, NULL) : -1;
    unsigned char next;
    size_t got = 0;

    if (here < 0 || ctx->bio_read(from, &next, 1, &got) != 1 || got == 0)
        return;
    (void)ctx->bio_ctrl(from, BIO_C_FILE_SEEK, here, NULL);
}

/* ---- refusals ---- */

/*
 * What the second step raises OpenSSL's store takes back: it goes on to try what wraps the URI as other kinds of
 * objects. So the first step, which ends behind all that, raises it again.
 */
typedef struct prov_refusal {
    pthread_t thread;
    sigb_rc rc;
    sigb_diag diag;
} prov_refusal;

/* Of this thread; another's stays. NULL: there is none. */
static prov_refusal *take_refusal(prov_ctx *ctx)
{
    prov_refusal *refusal = atomic_exchange(&ctx->refusal, NULL);

    if (refusal == NULL || pthread_equal(refusal->thread, pthread_self()))
        return refusal;
    OPENSSL_free(atomic_exchange(&ctx->refusal, refusal));
    return NULL;
}

/* The last error in the queue is ours. Of two threads that are refused at once one may keep OpenSSL's words alone. */
static void keep_refusal(prov_ctx *ctx)
{
    prov_refusal *made = OPENSSL_zalloc(sizeof(*made));
    const char *words = "";
    int flags = 0;

    if (made == NULL)
        return;
    made->thread = pthread_self();
    made->rc = (sigb_rc)ERR_GET_REASON(ERR_peek_last_error_all(NULL, NULL, NULL, &words, &flags));
    (void)snprintf(made->diag.text, sizeof(made->diag.text), "%s",
                   (flags & ERR_TXT_STRING) != 0 ? words : "");
    OPENSSL_free(atomic_exchange(&ctx->refusal, made));
}

/* False: nothing was refused, nobody wanted a private key. */
static bool tell_refusal(prov_ctx *ctx)
{
    prov_refusal *kept = take_refusal(ctx);

    if (kept == NULL)
        return false;
    if (ERR_GET_REASON(ERR_peek_last_error()) != (int)kept->rc)
        (void)prov_fail(ctx, kept->rc, &kept->diag);
    OPENSSL_free(kept);
    return true;
}

/* ---- the two steps ---- */

/* The private key is selected, or nothing is, and who constructs the object knows what is wanted. */
static bool may_want_private(int selection)
{
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* Gives the second step what is wrapped. */
static int pass_on(prov_ctx *ctx, OSSL_CORE_BIO *from, sigb_buf *der, OSSL_CALLBACK *callback,
                   void *callback_arg)
{
    int type = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
                                 {OSSL_OBJECT_PARAM_DATA, OSSL_PARAM_OCTET_STRING, der->ptr, der->len, 0},
                                 {OSSL_OBJECT_PARAM_DATA_STRUCTURE, OSSL_PARAM_UTF8_STRING,
                                  (void *)(uintptr_t)STRUCTURE, sizeof(STRUCTURE) - 1, 0},
                                 OSSL_PARAM_END};

    OPENSSL_free(take_refusal(ctx)); /* of something else */
    if (callback(params, callback_arg))
        return 1;
    if (tell_refusal(ctx))
        skip_rest(ctx, from);
    else
        notice_end(ctx, from);
    return 0;
}

/* The first step. What is no such file is nothing to complain about: others read it. */
static int decode_pem(void *arg, OSSL_CORE_BIO *from, int selection, OSSL_CALLBACK *callback,
                      void *callback_arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    prov_ctx *ctx = arg;
    sigb_buf der = SIGB_BUF_INIT;
    int good = 1;

    (void)ask;
    (void)ask_arg;
    if (read_pem(ctx, from, &der) && may_want_private(selection))
        good = pass_on(ctx, from, &der, callback, callback_arg);
    forget(&der);
    return good;
}

/* The URI that is wrapped; the caller frees it. NULL: there is none. A module that decodes its own keys comes by here, for each. */
static char *read_uri(const prov_ctx *ctx, OSSL_CORE_BIO *from)
{
    sigb_buf der = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    char *uri = NULL;
    bool found;

    read_up_to(ctx, from, &der, WRAP_HEAD);
    found = wrap_begins(sigb_buf_bytes(&der)) && read_all(ctx, from, &der) &&
            wrap_read(sigb_buf_bytes(&der), &uri, &diag) == SIGB_OK;
    forget(&der);
    return found ? uri : NULL;
}

/*
 * The second step; asked under the name of each type of key in turn, until one
 * answers: the first does. Returning 0 ends that, so a PIN is tried once.
 */
static int decode_uri(void *arg, OSSL_CORE_BIO *from, int selection, OSSL_CALLBACK *callback,
                      void *callback_arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    prov_ctx *ctx = arg;
    char *uri = wants_private(ctx, selection) ? read_uri(ctx, from) : NULL;
    prov_key *key;

    if (uri == NULL)
        return 1;
    key = prov_hold_module(ctx) ? prov_key_open(ctx, uri, ask, ask_arg) : NULL;
    OPENSSL_free(uri);
    if (key == NULL)
        keep_refusal(ctx);
    return key != NULL && prov_give_key(key, callback, callback_arg);
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_DECODER_##id, (void (*)(void))(function)                                                   \
    }

static const OSSL_DISPATCH PEM[] = {
    FUNCTION(NEWCTX, new_ctx), FUNCTION(FREECTX, free_ctx), FUNCTION(DECODE, decode_pem), {0, NULL}};

static const OSSL_DISPATCH URI[] = {FUNCTION(NEWCTX, new_ctx),
                                    FUNCTION(FREECTX, free_ctx),
                                    FUNCTION(DOES_SELECTION, wants_private),
                                    FUNCTION(DECODE, decode_uri),
                                    {0, NULL}};

#define FROM_URI "input=der,structure=" STRUCTURE

const OSSL_ALGORITHM PROV_DECODERS[] = {
    {"DER", "input=pem", PEM, "PEM that wraps a PKCS#11 URI"},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", FROM_URI, URI, "key that a PKCS#11 URI names"},
    {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", FROM_URI, URI, "key that a PKCS#11 URI names"},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", FROM_URI, URI, "key that a PKCS#11 URI names"},
    {"ED25519:1.3.101.112", FROM_URI, URI, "key that a PKCS#11 URI names"},
    {"ED448:1.3.101.113", FROM_URI, URI, "key that a PKCS#11 URI names"},
    {NULL, NULL, NULL, NULL},
};
