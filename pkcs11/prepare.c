/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the first key of a process needs besides its module, made ready in
 * another thread while the module is loaded and starts: OpenSSL enters the names
 * of all its algorithms at the first fetch. It has ended when a PIN is used: a
 * token may judge PINs by the same OpenSSL.
 */
#include "pkcs11/internal.h"

#include <sched.h>
#include <signal.h>

#include <openssl/evp.h>

#include "base/gate.h"
#include "base/libctx.h"

static void *make_ready(void *unused)
{
    bool sheltered = gate_shelter();
    OSSL_LIB_CTX *ctx = libctx_get();

    (void)unused;
    if (ctx != NULL) {
        EVP_KEYMGMT_free(EVP_KEYMGMT_fetch(ctx, "EC", NULL));
        EVP_SIGNATURE_free(EVP_SIGNATURE_fetch(ctx, "ECDSA", NULL));
    }
    gate_end_shelter(sheltered);
    return NULL;
}

static bool has_processor_to_spare(void)
{
    cpu_set_t usable;

    return sched_getaffinity(0, sizeof(usable), &usable) == 0 && CPU_COUNT(&usable) > 1;
}

/* Signals are for the program's own threads. */
void prepare_begin(preparation *under_way)
{
    sigset_t all, before;

    gate_install();
    under_way->begun = false;
    under_way->epoch = gate_epoch();
    if (libctx_is_made() || !has_processor_to_spare())
        return;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    under_way->begun = pthread_create(&under_way->thread, NULL, make_ready, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A child that comes back from its parent's call has no such thread. */
void prepare_end(preparation *under_way)
{
    if (under_way->begun && under_way->epoch == gate_epoch())
        (void)pthread_join(under_way->thread, NULL);
    under_way->begun = false;
}
