/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 threads make statements for a while, on a token whose calls fail now and
 * then as if sessions, the login, the module or the device were lost. Every
 * statement must come out, and be good. ci/check-threads runs it under
 * ThreadSanitizer.
 *
 *   threads_soak SECONDS
 */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/fork/shop.h"
#include "tests/fork/soak.h"

/* ---- the threads ---- */

typedef struct worker {
    const shop *in;
    sigb_signer *signer;
    pthread_t thread;
    size_t number, good, bad;
    sigb_diag diag; /* of the last that went wrong */
} worker;

static atomic_bool over;

static void *work(void *arg)
{
    worker *me = arg;

    while (!atomic_load(&over)) {
        char text[64];
        sigb_buf made = SIGB_BUF_INIT;
        bool good;

        (void)snprintf(text, sizeof(text), "statement %zu of thread %zu", me->good, me->number);
        good = shop_sign(me->in, me->signer, sigb_bytes_text(text), &made, &me->diag) == SIGB_OK &&
               shop_accepts(me->in, sigb_buf_bytes(&made), sigb_bytes_text(text));
        me->good += good;
        me->bad += !good;
        sigb_buf_free(&made);
    }
    return NULL;
}

static bool sum_up(const worker *workers)
{
    size_t good = 0, bad = 0;

    for (size_t i = 0; i < SOAK_THREADS; i++) {
        good += workers[i].good;
        bad += workers[i].bad;
        if (workers[i].bad > 0)
            printf("thread %zu: %zu bad: %s\n", i, workers[i].bad, workers[i].diag.text);
    }
    printf("%zu threads: %zu good statements, %zu bad\n", (size_t)SOAK_THREADS, good, bad);
    return bad == 0 && good > SOAK_THREADS;
}

static bool soak(const shop *in, unsigned seconds)
{
    const struct timespec while_they_work = {(time_t)seconds, 0};
    worker workers[SOAK_THREADS] = {{.number = 0}};
    sigb_signer *signer;

    soak_begin(in->hsm);
    signer = shop_open(in);
    soak_strike(true);
    for (size_t i = 0; i < SOAK_THREADS; i++) {
        workers[i].in = in;
        workers[i].signer = signer;
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    (void)nanosleep(&while_they_work, NULL);
    atomic_store(&over, true);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    soak_strike(false);
    sigb_signer_free(signer);
    return sum_up(workers);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    shop in;
    bool good;

    if (seconds == 0) {
        fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
        return 2;
    }
    shop_make(&in);
    good = soak(&in, seconds);
    good = soak_all_struck() && good;
    shop_free(&in);
    return good ? 0 : 1;
}
