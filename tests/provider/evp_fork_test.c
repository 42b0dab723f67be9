/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 300 forks while two threads sign with one EVP_PKEY of a token: every child signs,
 * none hangs, and the parent goes on. Each signs in a context that was made before:
 * making one takes locks of OpenSSL's, which a child of a program with threads may
 * find taken, with any key.
 */
#include "tests/provider/stage.h"

#include <pthread.h>

#include <openssl/err.h>

#include "tests/fork/children.h"

#define FORKS   300
#define SIGNERS 2

static const unsigned char DIGEST[32] = {7};

typedef struct scene {
    prov_stage stage;
    EVP_PKEY *key, *pub;
    EVP_PKEY_CTX *child;
    report *reports;
    atomic_bool over;
} scene;

typedef struct worker {
    scene *in;
    pthread_t thread;
    EVP_PKEY_CTX *ctx;
    size_t good, bad;
} worker;

static EVP_PKEY_CTX *context(const scene *in)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in->stage.ctx, in->key, NULL);

    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    return ctx;
}

static void *sign_on(void *arg)
{
    worker *me = arg;

    while (!atomic_load(&me->in->over)) {
        unsigned char signature[128];
        size_t len = sizeof(signature);

        if (EVP_PKEY_sign(me->ctx, signature, &len, DIGEST, sizeof(DIGEST)) > 0)
            me->good++;
        else
            me->bad++;
    }
    return NULL;
}

/* What OpenSSL says last. */
static void take_words(sigb_diag *diag)
{
    const char *words = "";
    int flags = 0;

    (void)ERR_peek_last_error_all(NULL, NULL, NULL, &words, &flags);
    (void)snprintf(diag->text, sizeof(diag->text), "%s", words);
}

static void sign_in_child(void *arg, size_t number, report *mine)
{
    scene *in = arg;
    unsigned char signature[128];
    size_t len = sizeof(signature);
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    bool good = EVP_PKEY_sign(in->child, signature, &len, DIGEST, sizeof(DIGEST)) > 0;

    (void)number;
    if (good)
        sigb_buf_append(&made, sigb_bytes_of(signature, len));
    else
        take_words(&diag);
    report_put(mine, good ? SIGB_OK : SIGB_E_TOKEN, &diag, &made);
    sigb_buf_free(&made);
}

static bool verifies(const scene *in, const report *of)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in->stage.soft, in->pub, NULL);
    sigb_bytes made = report_made(of);
    bool good = EVP_PKEY_verify_init(ctx) > 0 &&
                EVP_PKEY_verify(ctx, made.ptr, made.len, DIGEST, sizeof(DIGEST)) == 1;

    EVP_PKEY_CTX_free(ctx);
    if (!good)
        print_message("child %td: %s\n", of - in->reports, of->words);
    return good;
}

static void scene_begin(scene *in, bool reset)
{
    char lines[256];

    memset(in, 0, sizeof(*in));
    snprintf(lines, sizeof(lines), "module-path = %s", softhsm_module());
    prov_stage_begin(&in->stage, lines);
    softhsm_configure(in->stage.hsm,
                      reset ? "library.reset_on_fork = true" : "library.reset_on_fork = false");
    prov_stage_key(&in->stage, "P-256", "leaf");
    in->key = prov_stage_require(&in->stage, "leaf");
    in->pub = prov_stage_public(&in->stage, in->key);
    in->child = context(in);
    in->reports = shared_new(FORKS * sizeof(*in->reports));
}

static void scene_end(scene *in)
{
    shared_free(in->reports, FORKS * sizeof(*in->reports));
    EVP_PKEY_CTX_free(in->child);
    EVP_PKEY_free(in->pub);
    EVP_PKEY_free(in->key);
    prov_stage_end(&in->stage);
}

static void forks(bool reset, size_t alive)
{
    scene in;
    worker workers[SIGNERS];
    size_t lost, good = 0;

    scene_begin(&in, reset);
    assert_true(prov_stage_sign(&in.stage, in.key, "SHA256"));
    for (size_t i = 0; i < SIGNERS; i++) {
        workers[i] = (worker){.in = &in, .ctx = context(&in)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, sign_on, &workers[i]), 0);
    }
    lost = children_run(FORKS, alive, sign_in_child, &in, in.reports);
    atomic_store(&in.over, true);
    for (size_t i = 0; i < SIGNERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_true(workers[i].good > 0);
        assert_int_equal(workers[i].bad, 0);
        EVP_PKEY_CTX_free(workers[i].ctx);
    }
    for (size_t i = 0; i < FORKS; i++)
        good += verifies(&in, &in.reports[i]);
    assert_int_equal(lost, 0);
    assert_int_equal(good, FORKS);
    assert_true(prov_stage_sign(&in.stage, in.key, "SHA256")); /* still */
    scene_end(&in);
}

int main(void)
{
    return children_run_stories(forks);
}
