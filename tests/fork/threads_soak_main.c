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

#include "tests/fork/shop.h"
#include "tests/fork/soak.h"

typedef struct worker {
    const shop *in;
    sigb_signer *signer;
    size_t number;
} worker;

static bool state_one(void *arg, size_t nth, char words[SOAK_WORDS])
{
    const worker *me = arg;
    char text[64];
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {"a wrong statement", 0};
    bool good;

    (void)snprintf(text, sizeof(text), "statement %zu of thread %zu", nth, me->number);
    good = shop_sign(me->in, me->signer, sigb_bytes_text(text), &made, &diag) == SIGB_OK &&
           shop_accepts(me->in, sigb_buf_bytes(&made), sigb_bytes_text(text));
    if (!good)
        (void)snprintf(words, SOAK_WORDS, "%s", diag.text);
    sigb_buf_free(&made);
    return good;
}

static bool soak(const shop *in, unsigned seconds)
{
    worker workers[SOAK_THREADS];
    const soak_work work = {"statements", state_one, workers, sizeof(workers[0])};
    sigb_signer *signer;
    bool good;

    soak_begin(in->hsm);
    signer = shop_open(in);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        workers[i] = (worker){in, signer, i};
    good = soak_for(seconds, &work);
    sigb_signer_free(signer);
    return soak_all_struck() && good;
}

int main(int argc, char **argv)
{
    unsigned seconds = soak_seconds(argc, argv);
    shop in;
    bool good;

    if (seconds == 0)
        return 2;
    shop_make(&in);
    good = soak(&in, seconds);
    shop_free(&in);
    return good ? 0 : 1;
}
