/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that threads share. The lock guards the numbers alone: no C_ call is made under it. */
#include "pkcs11/internal.h"

#include <pthread.h>

#include <openssl/crypto.h>

#define IDLE_ROOM 32 /* sessions kept open beyond this are of no use to anybody */

struct p11_pool {
    p11_module *module;
    p11_slot slot;
    pthread_mutex_t lock;
    pthread_cond_t given;
    CK_SESSION_HANDLE idle[IDLE_ROOM];
    size_t idle_count;
    size_t out;
};

p11_pool *pool_new(p11_module *module, const p11_slot *slot)
{
    p11_pool *pool = OPENSSL_zalloc(sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pool->module = module;
    pool->slot = *slot;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->given, NULL);
    return pool;
}

void pool_free(p11_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle_count > 0)
        p11_session_close(pool->module, pool->idle[--pool->idle_count]);
    (void)pthread_cond_destroy(&pool->given);
    (void)pthread_mutex_destroy(&pool->lock);
    OPENSSL_free(pool);
}

void pool_adopt(p11_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->out++;
    (void)pthread_mutex_unlock(&pool->lock);
}

/* An idle session; CK_INVALID_HANDLE if there is none, and one more is to be opened. */
static CK_SESSION_HANDLE take_idle(p11_pool *pool)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->idle_count > 0)
        session = pool->idle[--pool->idle_count];
    pool->out++;
    (void)pthread_mutex_unlock(&pool->lock);
    return session;
}

/* No session was opened after all. Who waits for the last one out, which was none, waits for nothing. */
static void take_back(p11_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    if (--pool->out == 0)
        (void)pthread_cond_broadcast(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
}

/* Waits until a session of another thread comes back; false if none is out that could. */
static bool wait_for_one(p11_pool *pool)
{
    bool hope;

    (void)pthread_mutex_lock(&pool->lock);
    hope = pool->out > 0 || pool->idle_count > 0;
    if (hope && pool->idle_count == 0)
        (void)pthread_cond_wait(&pool->given, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
    return hope;
}

sigb_rc pool_take(p11_pool *pool, CK_SESSION_HANDLE *session, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    do {
        CK_SESSION_HANDLE taken = take_idle(pool);

        rc = SIGB_OK;
        if (taken == CK_INVALID_HANDLE)
            rc = p11_session_open(pool->module, &pool->slot, false, &taken, &why);
        if (rc == SIGB_OK) {
            *session = taken;
            return SIGB_OK;
        }
        take_back(pool);
    } while (why.native == CKR_SESSION_COUNT && wait_for_one(pool));
    if (diag != NULL)
        *diag = why;
    return rc;
}

static bool is_last(p11_pool *pool)
{
    bool last;

    (void)pthread_mutex_lock(&pool->lock);
    last = pool->out == 1 && pool->idle_count == 0;
    (void)pthread_mutex_unlock(&pool->lock);
    return last;
}

/* The last session takes the login with it, so its successor is opened first. */
static CK_SESSION_HANDLE replace(p11_pool *pool, CK_SESSION_HANDLE bad)
{
    CK_SESSION_HANDLE fresh = CK_INVALID_HANDLE;

    if (is_last(pool) && p11_session_open(pool->module, &pool->slot, false, &fresh, NULL) != SIGB_OK)
        fresh = CK_INVALID_HANDLE;
    p11_session_close(pool->module, bad);
    return fresh;
}

void pool_give(p11_pool *pool, CK_SESSION_HANDLE session, bool good)
{
    if (!good)
        session = replace(pool, session);
    (void)pthread_mutex_lock(&pool->lock);
    pool->out--;
    if (session != CK_INVALID_HANDLE && pool->idle_count < IDLE_ROOM) {
        pool->idle[pool->idle_count++] = session;
        session = CK_INVALID_HANDLE;
    }
    (void)pthread_cond_signal(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
    p11_session_close(pool->module, session);
}
