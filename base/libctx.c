/* SPDX-License-Identifier: Apache-2.0 */
#include "base/libctx.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <sigbridge/sigbridge.h>

#include "base/error.h"
#include "base/gate.h"

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(OSSL_LIB_CTX *) the_context;

/* The first fetch enters the names of all algorithms: here, so that two threads never both do that. */
static OSSL_LIB_CTX *context_new(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    EVP_MD *first = NULL;

    if (ctx != NULL && OSSL_PROVIDER_load(ctx, "default") != NULL)
        first = EVP_MD_fetch(ctx, "SHA2-256", NULL);
    if (first == NULL) {
        OSSL_LIB_CTX_free(ctx);
        return NULL;
    }
    EVP_MD_free(first);
    return ctx;
}

void libctx_meet_thread(void)
{
    static _Thread_local bool met;
    bool sheltered;

    if (met)
        return;
    sheltered = gate_shelter();
    (void)ERR_set_mark();
    (void)ERR_pop_to_mark();
    gate_end_shelter(sheltered);
    met = true;
}

bool libctx_is_made(void)
{
    return atomic_load_explicit(&the_context, memory_order_acquire) != NULL;
}

OSSL_LIB_CTX *libctx_get(void)
{
    OSSL_LIB_CTX *ctx = atomic_load_explicit(&the_context, memory_order_acquire);

    if (ctx != NULL)
        return ctx;
    gate_guard(&making);
    (void)pthread_mutex_lock(&making);
    ctx = atomic_load_explicit(&the_context, memory_order_relaxed);
    if (ctx == NULL) {
        ctx = context_new();
        atomic_store_explicit(&the_context, ctx, memory_order_release);
    }
    (void)pthread_mutex_unlock(&making);
    return ctx;
}

sigb_rc sigb_use_libctx(OSSL_LIB_CTX *ctx, sigb_diag *diag)
{
    OSSL_LIB_CTX *used;

    if (ctx == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no library context to use");
    (void)pthread_mutex_lock(&making); /* nobody is half-way through making one */
    used = atomic_load_explicit(&the_context, memory_order_relaxed);
    if (used == NULL)
        atomic_store_explicit(&the_context, ctx, memory_order_release);
    (void)pthread_mutex_unlock(&making);
    if (used == NULL || used == ctx)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_USAGE,
                     "another library context is in use; name yours before any other call of this library");
}

sigb_rc libctx_require(OSSL_LIB_CTX **ctx, sigb_diag *diag)
{
    OSSL_LIB_CTX *made = libctx_get();

    if (made == NULL)
        return sigb_openssl_failed(diag, "a library context");
    *ctx = made;
    return SIGB_OK;
}

/* The digests of base/alg.c, and what else signatures are made over (pkcs11/scheme.c). A fetch costs a lock and a look-up in OpenSSL, each time. */
static struct digest_slot {
    const char *name;
    _Atomic(EVP_MD *) md;
} digests[] = {{"SHA2-256", NULL}, {"SHA2-384", NULL},     {"SHA2-512", NULL},    {"SHA1", NULL},
               {"SHA2-224", NULL}, {"SHA3-224", NULL},     {"SHA3-256", NULL},    {"SHA3-384", NULL},
               {"SHA3-512", NULL}, {"SHA2-512/224", NULL}, {"SHA2-512/256", NULL}};

static EVP_MD *slot_fetch(struct digest_slot *slot)
{
    OSSL_LIB_CTX *ctx = libctx_get();
    EVP_MD *fetched = ctx == NULL ? NULL : EVP_MD_fetch(ctx, slot->name, NULL);
    EVP_MD *first = NULL;

    if (fetched == NULL || atomic_compare_exchange_strong(&slot->md, &first, fetched))
        return fetched;
    EVP_MD_free(fetched);
    return first;
}

const EVP_MD *libctx_digest(const char *name)
{
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        EVP_MD *md;

        if (strcmp(digests[i].name, name) != 0)
            continue;
        md = atomic_load_explicit(&digests[i].md, memory_order_acquire);
        return md != NULL ? md : slot_fetch(&digests[i]);
    }
    return NULL;
}

void libctx_start(void)
{
    (void)libctx_digest("SHA2-256");
}
