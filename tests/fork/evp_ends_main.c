/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that unload the provider, or end, in all ways while a key of a token
 * is alive: the provider as programs have it, loaded by a configuration file. Each
 * must end with status 0 and say nothing; evp_ends_test.c and ci/check-valgrind look
 * at them.
 *
 *   evp_ends STORY CONFIGURATION KEY-URI    the configuration knows the PIN
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/store.h>

#define THREADS 4
#define FAILED  3

static const char *configuration, *uri;
static OSSL_LIB_CTX *context; /* NULL: the process's own */
static EVP_PKEY *key;
static atomic_uint made_by_all;

/* ---- signing ---- */

/* _exit(): a failure is told by the status, whatever the end of the process does. */
static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    _exit(FAILED);
}

static OSSL_LIB_CTX *context_new(void)
{
    OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

    if (made == NULL || OSSL_LIB_CTX_load_config(made, configuration) != 1)
        fail(configuration);
    return made;
}

static EVP_PKEY *open_by(OSSL_LIB_CTX *ctx, const char *properties)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, ctx, properties, NULL, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *made;

    if (store == NULL || OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) != 1 ||
        (info = OSSL_STORE_load(store)) == NULL)
        fail("opening");
    made = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    if (made == NULL)
        fail("no key");
    return made;
}

static EVP_PKEY *open_in(OSSL_LIB_CTX *ctx)
{
    return open_by(ctx, NULL);
}

static int sign_with(OSSL_LIB_CTX *ctx, EVP_PKEY *with)
{
    unsigned char made[256];
    size_t len = sizeof(made);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int good = md != NULL && EVP_DigestSignInit_ex(md, NULL, "SHA256", ctx, NULL, with, NULL) > 0 &&
               EVP_DigestSign(md, made, &len, (const unsigned char *)"what is signed", 14) > 0;

    EVP_MD_CTX_free(md);
    return good;
}

static void require_signature(void)
{
    if (!sign_with(context, key))
        fail("signing");
}

static void open_here(void)
{
    context = context_new();
    key = open_in(context);
    require_signature();
}

/* As the openssl command has it: OPENSSL_CONF is read into the process's own context. */
static void open_in_default(void)
{
    if (setenv("OPENSSL_CONF", configuration, 1) != 0 ||
        OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
        fail(configuration);
    key = open_in(NULL);
    require_signature();
}

/* While the process ends a signature is made or refused; nothing else may happen. */
static void *sign_for_ever(void *arg)
{
    for (;;)
        if (sign_with(context, key))
            atomic_fetch_add(&made_by_all, 1);
        else
            (void)usleep(1000);
    return arg;
}

static void start_threads(void)
{
    pthread_t thread;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, sign_for_ever, NULL) != 0 || pthread_detach(thread) != 0)
            _exit(FAILED);
    while (atomic_load(&made_by_all) < 50)
        (void)usleep(1000);
}

/* ---- what outlives what ---- */

static void key_goes_first(void)
{
    open_here();
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}

/* OpenSSL's own keys may outlive their context too; they are freed then, and do nothing else. */
static void context_goes_first(void)
{
    open_here();
    OSSL_LIB_CTX_free(context);
    EVP_PKEY_free(key);
}

static void provider_is_unloaded(void)
{
    OSSL_PROVIDER *one;

    open_here();
    one = OSSL_PROVIDER_load(context, "sigbridge");
    if (one == NULL || OSSL_PROVIDER_unload(one) != 1)
        fail("OSSL_PROVIDER_unload");
    require_signature(); /* the key holds it */
    EVP_PKEY_free(key);
    OSSL_LIB_CTX_free(context);
}

/* The configuration describes the provider, the program loads it: its own is the one reference there is. */
static void the_last_reference_is_unloaded(bool key_first)
{
    OSSL_PROVIDER *one;

    context = context_new();
    one = OSSL_PROVIDER_load(context, "sigbridge");
    if (one == NULL)
        fail("OSSL_PROVIDER_load");
    key = open_in(context);
    require_signature();
    if (key_first)
        EVP_PKEY_free(key);
    if (OSSL_PROVIDER_unload(one) != 1)
        fail("OSSL_PROVIDER_unload");
    if (!key_first) {
        require_signature(); /* the key holds the provider */
        EVP_PKEY_free(key);
    }
    OSSL_LIB_CTX_free(context);
}

static void unloaded_before_the_key_goes(void)
{
    the_last_reference_is_unloaded(false);
}

static void unloaded_after_the_key_went(void)
{
    the_last_reference_is_unloaded(true);
}

static void provider_comes_back(void)
{
    for (int i = 0; i < 5; i++)
        key_goes_first();
}

static void several_contexts(void)
{
    OSSL_LIB_CTX *ctx[3];
    EVP_PKEY *keys[3];

    for (int i = 0; i < 3; i++) {
        ctx[i] = context_new();
        keys[i] = open_in(ctx[i]);
    }
    for (int i = 0; i < 3; i++) {
        if (!sign_with(ctx[i], keys[i]))
            fail("one of several contexts");
        EVP_PKEY_free(keys[i]);
        OSSL_LIB_CTX_free(ctx[i]);
    }
    key_goes_first();
}

/* The configuration loads the provider twice, under two names. */
static void two_identities(void)
{
    EVP_PKEY *other;

    context = context_new();
    key = open_by(context, "provider=sigbridge");
    other = open_by(context, "provider=pkcs11");
    require_signature();
    if (!sign_with(context, other) || EVP_PKEY_eq(key, other) != 1)
        fail("the second identity");
    EVP_PKEY_free(key);
    if (!sign_with(context, other))
        fail("the second identity alone");
    EVP_PKEY_free(other);
    OSSL_LIB_CTX_free(context);
}

/* ---- ends ---- */

static void returns(void)
{
    open_here();
}

static void returns_by_default(void)
{
    open_in_default();
}

static void cleans_up(void)
{
    open_in_default();
    OPENSSL_cleanup();
}

static void cleans_up_and_frees(void)
{
    open_in_default();
    OPENSSL_cleanup();
    EVP_PKEY_free(key);
}

static void cleans_up_with_a_context_of_its_own(void)
{
    open_here();
    OPENSSL_cleanup();
    EVP_PKEY_free(key);
}

/* OpenSSL may be gone by then: with any key nothing but this is possible. */
static void free_late(void)
{
    EVP_PKEY_free(key);
}

/* Registered before anything of OpenSSL's and ours: it runs after all of it. */
static void freed_by_an_early_handler(void)
{
    if (atexit(free_late) != 0)
        _exit(FAILED);
    open_here();
}

static void freed_by_an_early_handler_by_default(void)
{
    if (atexit(free_late) != 0)
        _exit(FAILED);
    open_in_default();
}

static void freed_by_a_late_handler(void)
{
    open_in_default();
    if (atexit(free_late) != 0)
        _exit(FAILED);
}

static SSL_CTX *tls;

static void free_tls_late(void)
{
    SSL_CTX_free(tls);
}

/* Servers free what they have at the very end, OpenSSL's end included. */
static void tls_is_freed_by_an_early_handler(void)
{
    if (atexit(free_tls_late) != 0)
        _exit(FAILED);
    open_in_default();
    tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_PrivateKey(tls, key) != 1)
        fail("SSL_CTX_use_PrivateKey");
    EVP_PKEY_free(key);
}

/* In a context of the program's own: OpenSSL takes its default one away from under threads, with any key. */
static void exits_while_threads_sign(void)
{
    open_here();
    start_threads();
    exit(0);
}

static void *exit_here(void *arg)
{
    require_signature();
    exit(0);
    return arg;
}

/* Not the first thread, which waits. */
static void exit_in_a_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, exit_here, NULL) != 0)
        _exit(FAILED);
    (void)pause();
}

static void exits_in_a_thread(void)
{
    open_in_default();
    exit_in_a_thread();
}

static void exits_in_a_thread_while_others_sign(void)
{
    open_here();
    start_threads();
    exit_in_a_thread();
}

static void a_child_exits(void)
{
    int status = 0;
    pid_t child;

    open_in_default();
    child = fork();
    if (child == 0) {
        (void)alarm(60); /* not inherited */
        require_signature();
        exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(FAILED);
    require_signature();
}

static const struct story {
    const char *name;
    void (*tell)(void);
} STORIES[] = {
    {"key-goes-first", key_goes_first},
    {"context-goes-first", context_goes_first},
    {"provider-is-unloaded", provider_is_unloaded},
    {"unloaded-before-the-key-goes", unloaded_before_the_key_goes},
    {"unloaded-after-the-key-went", unloaded_after_the_key_went},
    {"provider-comes-back", provider_comes_back},
    {"several-contexts", several_contexts},
    {"two-identities", two_identities},
    {"returns", returns},
    {"returns-by-default", returns_by_default},
    {"cleans-up", cleans_up},
    {"cleans-up-and-frees", cleans_up_and_frees},
    {"cleans-up-with-a-context-of-its-own", cleans_up_with_a_context_of_its_own},
    {"freed-by-an-early-handler", freed_by_an_early_handler},
    {"freed-by-an-early-handler-by-default", freed_by_an_early_handler_by_default},
    {"freed-by-a-late-handler", freed_by_a_late_handler},
    {"tls-is-freed-by-an-early-handler", tls_is_freed_by_an_early_handler},
    {"exits-while-threads-sign", exits_while_threads_sign},
    {"exits-in-a-thread", exits_in_a_thread},
    {"exits-in-a-thread-while-others-sign", exits_in_a_thread_while_others_sign},
    {"a-child-exits", a_child_exits},
};

int main(int argc, char **argv)
{
    (void)alarm(120);
    if (argc == 4) {
        configuration = argv[2];
        uri = argv[3];
        for (size_t i = 0; i < sizeof(STORIES) / sizeof(STORIES[0]); i++)
            if (strcmp(argv[1], STORIES[i].name) == 0) {
                STORIES[i].tell();
                return 0;
            }
    }
    fprintf(stderr, "usage: %s STORY CONFIGURATION KEY-URI\n", argv[0]);
    return 2;
}
