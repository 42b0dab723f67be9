/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OpenSSL provider that claims pkcs11: URIs as another PKCS#11 provider does, and opens none.
 * RIVAL=hang: it does not come back from being loaded. RIVAL=end: it ends the process when that ends.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

static const OSSL_PARAM *gettable_params(void *context)
{
    static const OSSL_PARAM gettable[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0), OSSL_PARAM_END};

    (void)context;
    return gettable;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

    (void)context;
    return p == NULL || OSSL_PARAM_set_utf8_ptr(p, "PKCS#11 Provider");
}

static void *store_open(void *context, const char *uri)
{
    (void)context;
    (void)uri;
    return NULL;
}

static const OSSL_PARAM *store_settable(void *context)
{
    static const OSSL_PARAM none[] = {OSSL_PARAM_END};

    (void)context;
    return none;
}

static int store_set(void *store, const OSSL_PARAM params[])
{
    (void)store;
    (void)params;
    return 1;
}

static int store_load(void *store, OSSL_CALLBACK *object, void *object_arg, OSSL_PASSPHRASE_CALLBACK *pin,
                      void *pin_arg)
{
    (void)store;
    (void)object;
    (void)object_arg;
    (void)pin;
    (void)pin_arg;
    return 0;
}

static int store_yes(void *store)
{
    (void)store;
    return 1;
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    static const OSSL_DISPATCH store[] = {
        {OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open},
        {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))store_settable},
        {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))store_set},
        {OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load},
        {OSSL_FUNC_STORE_EOF, (void (*)(void))store_yes},
        {OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_yes},
        {0, NULL}};
    static const OSSL_ALGORITHM stores[] = {{"pkcs11", "", store, "opens nothing"}, {NULL, NULL, NULL, NULL}};

    (void)context;
    *no_cache = 0;
    return operation == OSSL_OP_STORE ? stores : NULL;
}

static void end(void)
{
    (void)raise(SIGSEGV);
}

OSSL_provider_init_fn OSSL_provider_init;
int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                       void **context)
{
    static const OSSL_DISPATCH provider[] = {
        {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
        {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {0, NULL}};
    const char *mode = getenv("RIVAL");

    (void)handle;
    (void)in;
    if (mode != NULL && strcmp(mode, "hang") == 0) {
        (void)alarm(1); /* whoever waits for us for long does so with an alarm: let it be soon */
        for (;;)
            (void)pause();
    }
    if (mode != NULL && strcmp(mode, "end") == 0)
        (void)atexit(end);
    if (write(STDOUT_FILENO, "NOTICE: loaded\n", 15) < 0) /* one of them does */
        return 0;
    *out = provider;
    *context = (void *)(uintptr_t)provider; /* any but NULL */
    return 1;
}
