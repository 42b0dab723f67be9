/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt for each PIN, by this process and all children it ever has: what a
 * token has refused is remembered in memory that they share, as salted
 * fingerprints, and only one of them logs in to a token at a time. (Some tokens
 * break when several processes do.)
 */
#include "pkcs11/internal.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/error.h"
#include "base/libctx.h"

#define BUCKETS     64 /* tokens share one by chance, and then wait for each other */
#define REFUSED     8  /* PINs that a bucket remembers; then the oldest goes */
#define FINGERPRINT 32 /* SHA-256 */
#define PATIENCE_MS 60000

typedef struct bucket {
    pthread_mutex_t lock; /* held while a login is tried; robust: whoever holds it may be killed */
    unsigned refused_count;
    uint8_t refused[REFUSED][FINGERPRINT];
} bucket;

typedef struct record {
    uint8_t salt[FINGERPRINT];
    bucket buckets[BUCKETS];
} record;

static record *shared; /* NULL: such memory cannot be had */

static void bucket_init(bucket *b)
{
    pthread_mutexattr_t robust;

    (void)pthread_mutexattr_init(&robust);
    (void)pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    (void)pthread_mutex_init(&b->lock, &robust);
    (void)pthread_mutexattr_destroy(&robust);
}

/*
 * A short PIN can be found from its fingerprint by trying: no core may hold it either. The salt is the kernel's: to set
 * up a generator of OpenSSL's takes longer than to start a module.
 */
static void record_new(void)
{
    record *made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (made == MAP_FAILED)
        return;
    if (madvise(made, sizeof(*made), MADV_DONTDUMP) != 0 ||
        getrandom(made->salt, sizeof(made->salt), 0) != (ssize_t)sizeof(made->salt)) {
        (void)munmap(made, sizeof(*made));
        return;
    }
    (void)mlock(made, sizeof(*made));
    for (size_t i = 0; i < BUCKETS; i++)
        bucket_init(&made->buckets[i]);
    shared = made;
}

/* SHA-256 over the salt and what names the token, and the PIN where there is one. */
static bool fingerprint(const p11_module *module, const p11_slot *slot, const sigb_pin *pin,
                        uint8_t out[FINGERPRINT])
{
    const char *names[] = {p11_module_path(module), slot->serial, slot->label};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestInit_ex2(ctx, libctx_digest("SHA2-256"), NULL) == 1 &&
              EVP_DigestUpdate(ctx, shared->salt, sizeof(shared->salt)) == 1;

    for (size_t i = 0; i < COUNT(names); i++)
        ok = ok && EVP_DigestUpdate(ctx, names[i], strlen(names[i]) + 1) == 1;
    if (ok && pin != NULL)
        ok = EVP_DigestUpdate(ctx, pin->page, pin->len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool is_refused(const bucket *b, const uint8_t of[FINGERPRINT])
{
    for (unsigned i = 0; i < b->refused_count && i < REFUSED; i++)
        if (CRYPTO_memcmp(b->refused[i], of, FINGERPRINT) == 0)
            return true;
    return false;
}

static void put_refused(bucket *b, const uint8_t of[FINGERPRINT])
{
    memcpy(b->refused[b->refused_count++ % REFUSED], of, FINGERPRINT);
}

/* Robust locks wait by the clock on the wall alone. */
static int lock_within(pthread_mutex_t *lock, unsigned ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return pthread_mutex_timedlock(lock, &at);
}

static sigb_rc lock_bucket(attempt *a, deadline until, sigb_diag *diag)
{
    bucket *b = a->bucket;

    switch (lock_within(&b->lock, deadline_left_ms(until, PATIENCE_MS))) {
    case 0:
        return SIGB_OK;
    case EOWNERDEAD: /* killed while it logged in: what the token said, nobody knows */
        (void)pthread_mutex_consistent(&b->lock);
        a->orphaned = true;
        return SIGB_OK;
    case ETIMEDOUT:
        return sigb_fail(diag, SIGB_E_TIMEOUT,
                         "another thread or process logs in to this token and does not come back; check the "
                         "device, or allow more time");
    default:
        return sigb_fail(diag, SIGB_E_INTERNAL, "the record of logins cannot be locked");
    }
}

sigb_rc attempt_begin(attempt *a, const p11_module *module, const p11_slot *slot, const sigb_pin *pin,
                      deadline until, sigb_diag *diag)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sigb_rc rc;

    (void)pthread_once(&once, record_new);
    memset(a, 0, sizeof(*a));
    if (shared == NULL || !fingerprint(module, slot, NULL, a->fingerprint))
        return sigb_no_memory(diag);
    a->bucket = &shared->buckets[a->fingerprint[0] % BUCKETS];
    if (pin != NULL && !fingerprint(module, slot, pin, a->fingerprint))
        return sigb_no_memory(diag);
    rc = lock_bucket(a, until, diag);
    if (rc != SIGB_OK || pin == NULL || !is_refused(a->bucket, a->fingerprint))
        return rc;
    attempt_end(a);
    return sigb_fail(
        diag, SIGB_E_PIN_INCORRECT,
        "token %s (serial %s) has refused this PIN before, in this process or one of its family; it "
        "is not tried again: give the right one",
        slot->label, slot->serial);
}

void attempt_end(attempt *a)
{
    if (a->refused)
        put_refused(a->bucket, a->fingerprint);
    OPENSSL_cleanse(a->fingerprint, sizeof(a->fingerprint));
    (void)pthread_mutex_unlock(&((bucket *)a->bucket)->lock);
}
