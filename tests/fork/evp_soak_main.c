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

#include <openssl/err.h>

#include "tests/fork/soak.h"

typedef struct worker {
    const prov_stage *on;
    EVP_PKEY *key, *pub;
    EVP_PKEY_CTX *signs, *judges; /* that stay */
    size_t number;
} worker;

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

static bool sign_and_judge(const worker *me, size_t nth)
{
    char message[64];
    made out = {.len = 0};

    (void)snprintf(message, sizeof(message), "message %zu of thread %zu", nth, me->number);
    if (!EVP_Q_digest(me->on->soft, "SHA256", NULL, message, strlen(message), out.digest, NULL))
        return false;
    return (nth % 2 == 0 ? sign_digest(me, &out) : sign_message(me, message, &out)) && is_good(me, &out);
}

static void take_words(char words[SOAK_WORDS])
{
    const char *data = "a wrong signature";
    int flags = 0;

    if (ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags) != 0 && (flags & ERR_TXT_STRING) == 0)
        data = "no words";
    (void)snprintf(words, SOAK_WORDS, "%s", data);
    ERR_clear_error();
}

static bool sign_one(void *arg, size_t nth, char words[SOAK_WORDS])
{
    bool good = sign_and_judge(arg, nth);

    if (!good)
        take_words(words);
    return good;
}

/* ---- the threads ---- */

static void hire(worker *me, const prov_stage *on, EVP_PKEY *key, EVP_PKEY *pub, size_t number)
{
    *me = (worker){.on = on, .key = key, .pub = pub, .number = number};
    me->signs = EVP_PKEY_CTX_new_from_pkey(on->ctx, key, NULL);
    me->judges = EVP_PKEY_CTX_new_from_pkey(on->soft, pub, NULL);
    assert_int_equal(EVP_PKEY_sign_init(me->signs), 1);
    assert_int_equal(EVP_PKEY_verify_init(me->judges), 1);
}

static void dismiss(const worker *me)
{
    EVP_PKEY_CTX_free(me->signs);
    EVP_PKEY_CTX_free(me->judges);
}

static bool soak(const prov_stage *on, unsigned seconds)
{
    worker workers[SOAK_THREADS];
    const soak_work work = {"signatures", sign_one, workers, sizeof(workers[0])};
    EVP_PKEY *key, *pub;
    bool good;

    soak_begin(on->hsm);
    key = prov_stage_require(on, "leaf");
    pub = prov_stage_public(on, key);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        hire(&workers[i], on, key, pub, i);
    good = soak_for(seconds, &work);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        dismiss(&workers[i]);
    EVP_PKEY_free(pub);
    EVP_PKEY_free(key);
    return soak_all_struck() && good;
}

int main(int argc, char **argv)
{
    unsigned seconds = soak_seconds(argc, argv);
    char lines[512];
    prov_stage on;
    bool good;

    if (seconds == 0)
        return 2;
    (void)snprintf(lines, sizeof(lines), "module-path = %s", softhsm_module());
    prov_stage_begin(&on, lines);
    prov_stage_key(&on, "P-256", "leaf");
    good = soak(&on, seconds);
    prov_stage_end(&on);
    return good ? 0 : 1;
}
