/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/checked.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

checked *checked_new(void)
{
    checked *made = OPENSSL_zalloc(sizeof(*made));

    if (made != NULL)
        atomic_init(&made->references, 1);
    return made;
}

checked *checked_ref(checked *chain)
{
    (void)atomic_fetch_add_explicit(&chain->references, 1, memory_order_relaxed);
    return chain;
}

void checked_free(checked *chain)
{
    if (chain == NULL || atomic_fetch_sub_explicit(&chain->references, 1, memory_order_acq_rel) != 1)
        return;
    sigb_buf_free(&chain->x5chain);
    sigb_buf_free(&chain->iss);
    sigb_buf_free(&chain->certs);
    verifier_free(chain->leaf);
    OPENSSL_free(chain);
}

void memory_init(chain_memory *memory)
{
    (void)pthread_mutex_init(&memory->lock, NULL);
}

void memory_clear(chain_memory *memory)
{
    (void)pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < MEMORY_ROOM; i++) {
        checked_free(memory->chains[i]);
        memory->chains[i] = NULL;
    }
    (void)pthread_mutex_unlock(&memory->lock);
}

void memory_destroy(chain_memory *memory)
{
    memory_clear(memory);
    (void)pthread_mutex_destroy(&memory->lock);
}

static bool holds(const checked *chain, sigb_bytes x5chain, sigb_bytes iss, int64_t at)
{
    return chain != NULL && at >= chain->window.not_before && at <= chain->window.not_after &&
           sigb_bytes_equal(sigb_buf_bytes(&chain->x5chain), x5chain) &&
           sigb_bytes_equal(sigb_buf_bytes(&chain->iss), iss);
}

checked *memory_find(chain_memory *memory, sigb_bytes x5chain, sigb_bytes iss, int64_t at)
{
    checked *found = NULL;

    (void)pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; found == NULL && i < MEMORY_ROOM; i++)
        if (holds(memory->chains[i], x5chain, iss, at))
            found = checked_ref(memory->chains[i]);
    (void)pthread_mutex_unlock(&memory->lock);
    return found;
}

void memory_put(chain_memory *memory, checked *chain)
{
    checked *oldest;

    (void)pthread_mutex_lock(&memory->lock);
    oldest = memory->chains[memory->next];
    memory->chains[memory->next] = checked_ref(chain);
    memory->next = (memory->next + 1) % MEMORY_ROOM;
    (void)pthread_mutex_unlock(&memory->lock);
    checked_free(oldest);
}
