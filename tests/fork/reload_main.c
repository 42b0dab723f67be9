/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsigbridge.so as a plug-in has it: closed and loaded again, between uses and
 * while threads are in the middle of signatures. Must end with status 0;
 * ends_test.c and ci/check-valgrind look at it.
 *
 *   reload STORY MODULE KEY-URI LIBRARY     the PIN is SOFTHSM_PIN
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sigbridge/sigbridge.h>

#define THREADS 3
#define RELOADS 10
#define FAILED  3

/* What is used of the library, by name: this program is not linked with it. */
typedef struct bridge {
    void *handle;
    sigb_rc (*open)(const char *, const sigb_pkcs11_options *, sigb_signer **, sigb_diag *);
    sigb_rc (*sign)(sigb_signer *, sigb_alg, sigb_bytes, sigb_buf *, sigb_diag *);
    sigb_rc (*put_pin)(sigb_pin *, sigb_bytes, sigb_diag *);
    void (*free_buf)(sigb_buf *);
    void (*free_signer)(sigb_signer *);
} bridge;

static const char *module, *uri, *library;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    _exit(FAILED);
}

static void find(const bridge *in, const char *name, void *at)
{
    void *found = dlsym(in->handle, name);

    if (found == NULL)
        fail(name, "not in the library");
    memcpy(at, &found, sizeof(found));
}

static void load(bridge *made)
{
    made->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (made->handle == NULL)
        fail(library, dlerror());
    find(made, "sigb_signer_from_pkcs11", &made->open);
    find(made, "sigb_signer_sign", &made->sign);
    find(made, "sigb_pin_put", &made->put_pin);
    find(made, "sigb_buf_free", &made->free_buf);
    find(made, "sigb_signer_free", &made->free_signer);
}

static void unload(const bridge *loaded)
{
    if (dlclose(loaded->handle) != 0)
        fail("dlclose", dlerror());
}

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return ((const bridge *)arg)->put_pin(pin, (sigb_bytes){(const uint8_t *)"1234", 4}, diag);
}

static sigb_signer *opened(bridge *with)
{
    const sigb_pkcs11_options options = {.module = module, .pin = give_pin, .pin_arg = with};
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    if (with->open(uri, &options, &signer, &diag) != SIGB_OK)
        fail("opening", diag.text);
    return signer;
}

static void sign(const bridge *with, sigb_signer *signer)
{
    const sigb_bytes tbs = {(const uint8_t *)"what is signed", 14};
    sigb_buf made = {0};
    sigb_diag diag = {{0}, 0};

    if (with->sign(signer, SIGB_ES256, tbs, &made, &diag) != SIGB_OK)
        fail("signing", diag.text);
    with->free_buf(&made);
}

/* ---- stories ---- */

static void between_uses(void)
{
    for (int i = 0; i < RELOADS; i++) {
        bridge with;
        sigb_signer *signer;

        load(&with);
        signer = opened(&with);
        sign(&with, signer);
        with.free_signer(signer);
        unload(&with);
    }
}

static bridge first;
static sigb_signer *shared;
static atomic_bool over;
static atomic_uint made_by_all;

static void *sign_on(void *arg)
{
    while (!atomic_load(&over)) {
        sign(&first, shared);
        atomic_fetch_add(&made_by_all, 1);
    }
    return arg;
}

static void wait_for_more(unsigned many)
{
    unsigned from = atomic_load(&made_by_all);

    while (atomic_load(&made_by_all) - from < many)
        (void)usleep(500);
}

/* The threads keep what they have of the library that was closed; the new one serves beside it. */
static void while_threads_sign(void)
{
    pthread_t threads[THREADS];

    load(&first);
    shared = opened(&first);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, sign_on, NULL) != 0)
            fail("pthread_create", "failed");
    wait_for_more(20);
    unload(&first);
    for (int i = 0; i < RELOADS; i++) {
        bridge again;
        sigb_signer *signer;

        wait_for_more(5);
        load(&again);
        signer = opened(&again);
        sign(&again, signer);
        again.free_signer(signer);
        unload(&again);
    }
    wait_for_more(20);
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    first.free_signer(shared);
}

static void without_freeing(void)
{
    load(&first);
    shared = opened(&first);
    sign(&first, shared);
    unload(&first);
}

static const struct story {
    const char *name;
    void (*tell)(void);
} STORIES[] = {
    {"between-uses", between_uses},
    {"while-threads-sign", while_threads_sign},
    {"without-freeing", without_freeing},
};

int main(int argc, char **argv)
{
    (void)alarm(120);
    if (argc == 5) {
        module = argv[2];
        uri = argv[3];
        library = argv[4];
        for (size_t i = 0; i < sizeof(STORIES) / sizeof(STORIES[0]); i++)
            if (strcmp(argv[1], STORIES[i].name) == 0) {
                STORIES[i].tell();
                return 0;
            }
    }
    fprintf(stderr, "usage: %s STORY MODULE KEY-URI LIBRARY\n", argv[0]);
    return 2;
}
