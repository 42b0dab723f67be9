/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 threads sign with one EVP_PKEY of the provider for a while, by EVP_PKEY_sign in
 * a context that stays and by EVP_DigestSign in one that is made for it, on a token
 * whose calls fail now and then (soak.h). Every signature must come out, and be
 * good to software. ci/check-threads runs it under ThreadSanitizer.
 *
 *   evp_soak SECONDS
 */
#include "tests/provider/stage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <openssl/err.h>

#include "tests/fork/soak.h"

typedef struct worker {
    const prov_stage *on;
    EVP_PKEY *key, *pub;
    EVP_PKEY_CTX *signs, *judges; /* that stay */
    pthread_t thread;
    size_t number, good, bad;
    char words[256]; /* of the last that went wrong */
} worker;

static atomic_bool over;

/* ---- one signature ---- */

typedef struct made {
    unsigned char digest[32], signature[128];
    size_t len;
} made;

static bool sign_digest(const worker *me, made *out)
{
    out->len = sizeof(out->signature);
    return EVP_PKEY_sign(me->signs, out->signature, &out->len, out->digest, sizeof(out->digest)) == 1;
}

static bool sign_message(const worker *me, const char *message, made *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good;

    out->len = sizeof(out->signature);
    good = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", me->on->ctx, NULL, me->key, NULL) == 1 &&
           EVP_DigestSign(ctx, out->signature, &out->len, (const unsigned char *)message, strlen(message)) ==
               1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool is_good(const worker *me, const made *what)
{
    return EVP_PKEY_verify(me->judges, what->signature, what->len, what->digest, sizeof(what->digest)) == 1;
}

static bool sign_one(worker *me)
{
    char message[64];
    made out = {.len = 0};

    (void)snprintf(message, sizeof(message), "message %zu of thread %zu", me->good, me->number);
    if (!EVP_Q_digest(me->on->soft, "SHA256", NULL, message, strlen(message), out.digest, NULL))
        return false;
    return (me->good % 2 == 0 ? sign_digest(me, &out) : sign_message(me, message, &out)) && is_good(me, &out);
}

/* ---- the threads ---- */

static void keep_words(worker *me)
{
    const char *data = "a wrong signature";
    int flags = 0;

    if (ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags) != 0 && (flags & ERR_TXT_STRING) == 0)
        data = "no words";
    (void)snprintf(me->words, sizeof(me->words), "%s", data);
    ERR_clear_error();
}

static void *work(void *arg)
{
    worker *me = arg;

    while (!atomic_load(&over))
        if (sign_one(me)) {
            me->good++;
        } else {
            me->bad++;
            keep_words(me);
        }
    return NULL;
}

static void hire(worker *me, const prov_stage *on, EVP_PKEY *key, EVP_PKEY *pub, size_t number)
{
    *me = (worker){.on = on, .key = key, .pub = pub, .number = number};
    me->signs = EVP_PKEY_CTX_new_from_pkey(on->ctx, key, NULL);
    me->judges = EVP_PKEY_CTX_new_from_pkey(on->soft, pub, NULL);
    assert_int_equal(EVP_PKEY_sign_init(me->signs), 1);
    assert_int_equal(EVP_PKEY_verify_init(me->judges), 1);
    assert_int_equal(pthread_create(&me->thread, NULL, work, me), 0);
}

static void dismiss(worker *me)
{
    assert_int_equal(pthread_join(me->thread, NULL), 0);
    EVP_PKEY_CTX_free(me->signs);
    EVP_PKEY_CTX_free(me->judges);
}

static bool sum_up(const worker *workers)
{
    size_t good = 0, bad = 0;

    for (size_t i = 0; i < SOAK_THREADS; i++) {
        good += workers[i].good;
        bad += workers[i].bad;
        if (workers[i].bad > 0)
            printf("thread %zu: %zu bad: %s\n", i, workers[i].bad, workers[i].words);
    }
    printf("%zu threads: %zu good signatures, %zu bad\n", (size_t)SOAK_THREADS, good, bad);
    return bad == 0 && good > SOAK_THREADS;
}

static bool soak(const prov_stage *on, unsigned seconds)
{
    const struct timespec while_they_work = {(time_t)seconds, 0};
    worker workers[SOAK_THREADS];
    EVP_PKEY *key, *pub;

    soak_begin(on->hsm);
    key = prov_stage_require(on, "leaf");
    pub = prov_stage_public(on, key);
    soak_strike(true);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        hire(&workers[i], on, key, pub, i);
    (void)nanosleep(&while_they_work, NULL);
    atomic_store(&over, true);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        dismiss(&workers[i]);
    soak_strike(false);
    EVP_PKEY_free(pub);
    EVP_PKEY_free(key);
    return sum_up(workers);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    char lines[512];
    prov_stage on;
    bool good;

    if (seconds == 0) {
        fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
        return 2;
    }
    (void)snprintf(lines, sizeof(lines), "module-path = %s", softhsm_module());
    prov_stage_begin(&on, lines);
    prov_stage_key(&on, "P-256", "leaf");
    good = soak(&on, seconds);
    good = soak_all_struck() && good;
    prov_stage_end(&on);
    return good ? 0 : 1;
}
