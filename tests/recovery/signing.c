/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recovery/signing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void nap_ms(long ms)
{
    const struct timespec nap = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&nap, NULL);
}

/* ---- one statement ---- */

static sigb_rc make(sign_run *run, unsigned long number, sigb_buf *statement, sigb_diag *diag)
{
    sigb_claims claims = {.subject = "survive",
                          .content_type = "application/json",
                          .has_svn = true,
                          .svn = (int64_t)number + 1};
    char payload[48];
    int len = snprintf(payload, sizeof(payload), "{\"number\":%lu}", number);
    sigb_builder *builder = NULL;
    sigb_rc rc;

    claims.issued_at = SIGB_TIME_NOW;
    rc = sigb_builder_new(run->issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, diag);
    if (rc == SIGB_OK)
        rc = sigb_builder_attach(builder, sigb_bytes_of(payload, (size_t)len), diag);
    if (rc == SIGB_OK)
        rc = sigb_builder_sign(builder, run->signer, statement, diag);
    sigb_builder_free(builder);
    return rc;
}

static void keep(const sign_run *run, unsigned long number, sigb_bytes statement)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%06lu.cose", run->options->out, number);
    file = fopen(path, "wbx");
    if (file == NULL || fwrite(statement.ptr, 1, statement.len, file) != statement.len || fclose(file) != 0)
        die("%s cannot be written", path);
}

static void enter(sign_run *run, sigb_rc rc, const sigb_diag *diag, unsigned long took_ms)
{
    sign_account *account = &run->account;

    (void)pthread_mutex_lock(&run->lock);
    if (rc == SIGB_OK)
        account->good++;
    else if (account->refused[rc]++ == 0)
        memcpy(account->words[rc], diag->text, sizeof(diag->text));
    if (took_ms > account->slowest_ms)
        account->slowest_ms = took_ms;
    (void)pthread_mutex_unlock(&run->lock);
}

static sigb_rc sign_one(sign_run *run, unsigned long number)
{
    sigb_buf statement = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    uint64_t began = now_ms();
    sigb_rc rc = make(run, number, &statement, &diag);

    enter(run, rc, &diag, (unsigned long)(now_ms() - began));
    if (rc == SIGB_OK)
        keep(run, number, sigb_buf_bytes(&statement));
    sigb_buf_free(&statement);
    return rc;
}

static void *sign_many(void *arg)
{
    sign_run *run = arg;

    for (;;) {
        unsigned long number = atomic_fetch_add(&run->begun, 1);
        if (number >= run->options->count && atomic_load(&run->settled) && !run->options->until_refused)
            return NULL;
        if (sign_one(run, number) != SIGB_OK && run->options->until_refused)
            return NULL;
        if (atomic_load(&run->slowly))
            nap_ms(2);
    }
}

/* ---- the run ---- */

static sigb_rc pin_from_file(void *path, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return sigb_pin_read_file(pin, path, NULL, diag);
}

static void tell_failed(void *arg, const sigb_trace_call *call)
{
    (void)arg;
    if (call->native != 0)
        (void)fprintf(stderr, "%llu %s %s %llu us\n", (unsigned long long)now_ms(), call->call, call->result,
                      (unsigned long long)call->microseconds);
}

static sigb_rc open_direct(const run_options *options, sigb_signer **signer, sigb_diag *diag)
{
    const sigb_pkcs11_options how = {.module = options->module,
                                     .pin = options->pin_file == NULL ? NULL : pin_from_file,
                                     .pin_arg = (void *)(uintptr_t)options->pin_file,
                                     .init_args = options->init_args,
                                     .timeout_ms = (unsigned)options->timeout_ms,
                                     .replicas = options->replicas,
                                     .copy_key = options->copy_key,
                                     .trace = options->trace ? tell_failed : NULL};

    return sigb_signer_from_pkcs11(options->key, &how, signer, diag);
}

/* One EVP_PKEY of the provider behind all signatures, whatever happens to its token. */
static sigb_rc open_through(const run_options *options, sigb_signer **signer, sigb_diag *diag)
{
    const sigb_store_options how = {.config = options->config, .no_certs = true};

    return sigb_signer_from_store(options->key, &how, signer, diag);
}

void run_open(sign_run *run, const run_options *options)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = (options->config == NULL ? open_direct : open_through)(options, &signer, &diag);

    if (rc != SIGB_OK)
        die("%s: %s", sigb_rc_name(rc), diag.text);
    run_open_with(run, options, signer);
}

void run_open_with(sign_run *run, const run_options *options, sigb_signer *signer)
{
    sigb_buf certs = SIGB_BUF_INIT, roots = SIGB_BUF_INIT;
    sigb_issuer_options from = {.eku = options->eku, .at = SIGB_TIME_NOW};
    sigb_diag diag = {{0}, 0};

    memset(run, 0, sizeof(*run));
    run->options = options;
    run->signer = signer;
    if (options->threads > MOST_THREADS || pthread_mutex_init(&run->lock, NULL) != 0)
        die("%lu threads are too many", options->threads);
    read_certs(options->cert, &certs);
    read_certs(options->root, &roots);
    from.certs = sigb_buf_bytes(&certs);
    from.roots = sigb_buf_bytes(&roots);
    if (sigb_issuer_derive(&from, &run->issuer, &diag) != SIGB_OK)
        die("no issuer: %s", diag.text);
    sigb_buf_free(&certs);
    sigb_buf_free(&roots);
}

void run_start(sign_run *run)
{
    for (unsigned long i = 0; i < run->options->threads; i++)
        if (pthread_create(&run->threads[i], NULL, sign_many, run) != 0)
            die("no thread");
}

void run_wait(const sign_run *run, unsigned long begun)
{
    while (atomic_load(&run->begun) < begun)
        nap_ms(1);
}

static unsigned long good_of(sign_run *run)
{
    unsigned long good;

    (void)pthread_mutex_lock(&run->lock);
    good = run->account.good;
    (void)pthread_mutex_unlock(&run->lock);
    return good;
}

void run_wait_well(sign_run *run)
{
    const unsigned long wanted = good_of(run) + run->options->threads;
    const unsigned long last = atomic_load(&run->begun) + run->options->count;

    while (good_of(run) < wanted) {
        if (atomic_load(&run->begun) >= last)
            die("the token is not well again");
        nap_ms(1);
    }
}

static void print_account(const sign_account *account)
{
    (void)printf("good %lu slowest %lu ms\n", account->good, account->slowest_ms);
    for (int rc = 0; rc < RESULTS; rc++)
        if (account->refused[rc] > 0)
            (void)printf("refused %lu %s %s\n", account->refused[rc], sigb_rc_name((sigb_rc)rc),
                         account->words[rc]);
    (void)fflush(stdout);
}

bool run_is_good(const sign_run *run)
{
    unsigned long refused = 0;

    for (int rc = 0; rc < RESULTS; rc++)
        refused += run->account.refused[rc];
    return run->options->until_refused ? refused == run->options->threads
                                       : refused == 0 && run->account.good >= run->options->count;
}

bool run_end(sign_run *run)
{
    const run_options *options = run->options;

    atomic_store(&run->settled, true);
    for (unsigned long i = 0; i < options->threads; i++)
        if (pthread_join(run->threads[i], NULL) != 0)
            die("a thread is lost");
    sigb_signer_free(run->signer);
    sigb_issuer_free(run->issuer);
    (void)pthread_mutex_destroy(&run->lock);
    print_account(&run->account);
    if (options->within_ms > 0 && run->account.slowest_ms > options->within_ms) {
        (void)printf("too slow: wanted within %lu ms\n", options->within_ms);
        return false;
    }
    return true;
}
