/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library context of one signer. Providers are loaded here and nowhere else, so
 * what is loaded for signing never serves verification, nor the program's own work.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "base/error.h"
#include "base/text.h"
#include "store/internal.h"

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* OpenSSL finds a provider as NAME.so in a folder, and knows it by that name. */
static bool is_file_of(const char *path, const char *name)
{
    const char *file = file_of(path);
    size_t len = strlen(name);

    return strncmp(file, name, len) == 0 && strcmp(file + len, ".so") == 0;
}

static sigb_rc check(const sigb_store_provider *wanted, sigb_diag *diag)
{
    if (wanted->name == NULL || wanted->name[0] == '\0' || strchr(wanted->name, '/') != NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "'%.100s' is no name of a provider; wanted is one such as tpm2, and its path beside",
                         wanted->name == NULL ? "" : wanted->name);
    if (wanted->path != NULL && !is_file_of(wanted->path, wanted->name))
        return sigb_fail(
            diag, SIGB_E_USAGE,
            "provider %.60s cannot be the file '%.200s': OpenSSL wants it to be called %.60s.so; "
            "name the provider as its file, or load it by a configuration",
            wanted->name, wanted->path, wanted->name);
    return SIGB_OK;
}

static sigb_rc check_all(const sigb_store_options *options, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (options->provider_count > SIGB_MAX_PROVIDERS)
        return sigb_fail(diag, SIGB_E_LIMIT, "%zu providers are more than %d", options->provider_count,
                         SIGB_MAX_PROVIDERS);
    for (size_t i = 0; rc == SIGB_OK && i < options->provider_count; i++)
        rc = check(&options->providers[i], diag);
    return rc;
}

/* The folder of the file; without a path OpenSSL's own. */
static sigb_rc search_in(OSSL_LIB_CTX *lib, const char *path, sigb_diag *diag)
{
    sigb_buf folder = SIGB_BUF_INIT;
    bool done;

    if (path != NULL) {
        size_t len = (size_t)(file_of(path) - path);
        sigb_buf_append(&folder, len > 0 ? sigb_bytes_of(path, len) : sigb_bytes_text("."));
        (void)text_c_str(&folder);
    }
    done = !folder.failed &&
           OSSL_PROVIDER_set_default_search_path(lib, path == NULL ? NULL : (const char *)folder.ptr) == 1;
    sigb_buf_free(&folder);
    return done ? SIGB_OK : sigb_no_memory(diag);
}

sigb_rc context_load(store_context *context, const char *name, store_reason *why, sigb_diag *diag)
{
    OSSL_PROVIDER *provider;

    if (context->count == sizeof(context->loaded) / sizeof(context->loaded[0]))
        return sigb_fail(diag, SIGB_E_LIMIT, "more than %d providers are to be loaded; leave some out",
                         SIGB_MAX_PROVIDERS);
    ERR_clear_error();
    provider = OSSL_PROVIDER_load(context->lib, name);
    if (provider == NULL) {
        *why = reason_take(SIGB_E_MODULE);
        return why->rc == SIGB_E_MEMORY ? sigb_no_memory(diag) : SIGB_E_MODULE;
    }
    context->loaded[context->count++] = provider;
    return SIGB_OK;
}

static sigb_rc load(store_context *context, const sigb_store_provider *wanted, sigb_diag *diag)
{
    store_reason why = {.native = 0};
    sigb_rc rc = search_in(context->lib, wanted->path, diag);

    if (rc == SIGB_OK)
        rc = context_load(context, wanted->name, &why, diag);
    if (rc != SIGB_E_MODULE)
        return rc;
    return sigb_fail_native(
        diag, rc, why.native,
        "the OpenSSL provider %.60s cannot be loaded: %.300s; give its path, or install it", wanted->name,
        why.text);
}

static sigb_rc load_all(store_context *context, const sigb_store_options *options, sigb_diag *diag)
{
    static const sigb_store_provider software = {"default", NULL};
    sigb_rc rc = load(context, &software, diag);

    if (rc == SIGB_OK && options->config != NULL)
        rc = config_load(context, options->config, diag);
    for (size_t i = 0; rc == SIGB_OK && i < options->provider_count; i++)
        rc = load(context, &options->providers[i], diag);
    return rc;
}

sigb_rc context_new(const sigb_store_options *options, store_context **made, sigb_diag *diag)
{
    store_context *context;
    sigb_rc rc = check_all(options, diag);

    if (rc != SIGB_OK)
        return rc;
    context = OPENSSL_zalloc(sizeof(*context));
    if (context == NULL)
        return sigb_no_memory(diag);
    context->lib = OSSL_LIB_CTX_new();
    rc = context->lib == NULL ? sigb_openssl_failed(diag, "a library context")
                              : load_all(context, options, diag);
    if (rc == SIGB_OK)
        *made = context;
    else
        context_free(context);
    return rc;
}

void context_free(store_context *context)
{
    if (context == NULL)
        return;
    while (context->count > 0)
        (void)OSSL_PROVIDER_unload(context->loaded[--context->count]);
    OSSL_LIB_CTX_free(context->lib);
    OPENSSL_free(context);
}
