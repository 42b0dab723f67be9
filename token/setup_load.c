/* SPDX-License-Identifier: Apache-2.0 */
#include "token/setup.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/asked.h"

/* ---- loading ---- */

/* OpenSSL's words may end in blanks. */
static void put_trimmed(sigb_buf *out, const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ')
        len--;
    sigb_buf_append(out, sigb_bytes_of(text, len));
}

/* What OpenSSL says of a failure, a line each; true: memory was lacking. */
static bool take_errors(sigb_buf *out)
{
    const char *data;
    unsigned long code;
    int flags;
    bool no_memory = false;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        no_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
        text_put(out, reason == NULL ? "provider" : reason);
        if ((flags & ERR_TXT_STRING) != 0 && data[0] != '\0') {
            text_put(out, ": ");
            put_trimmed(out, data);
        }
        text_put(out, "\n");
    }
    return no_memory;
}

static const char *own_name(OSSL_PROVIDER *provider)
{
    char *name = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0), OSSL_PARAM_END};

    return OSSL_PROVIDER_get_params(provider, params) == 1 && name != NULL ? name : "";
}

static void put_item(sigb_buf *list, const char *text)
{
    text_put(list, list->len == 0 ? "" : ", ");
    text_put(list, text);
}

/* An OSSL_PROVIDER_do_all() callback. Other providers of tokens say so in their names. */
static int see(OSSL_PROVIDER *provider, void *arg)
{
    setup *s = arg;
    const char *name = own_name(provider);

    put_item(&s->active, OSSL_PROVIDER_get0_name(provider));
    if (strncmp(name, ASKED_NAME, strlen(ASKED_NAME)) == 0)
        s->provider = provider;
    else if (strstr(name, "PKCS#11") != NULL || strstr(name, "pkcs11") != NULL)
        put_item(&s->rivals, OSSL_PROVIDER_get0_name(provider));
    return 1;
}

/* ---- why one is not loaded: OpenSSL drops the reason and goes on ---- */

/* Has OpenSSL know the provider of this section without activating it. */
static bool load_inactive(CONF *conf, const char *section)
{
    STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, section);
    int at = 0;
    CONF_VALUE *activate;
    bool loaded;

    while (at < sk_CONF_VALUE_num(values) && strcmp(sk_CONF_VALUE_value(values, at)->name, "activate") != 0)
        at++;
    if (at >= sk_CONF_VALUE_num(values))
        return false;
    activate = sk_CONF_VALUE_delete(values, at);
    loaded = CONF_modules_load(conf, NULL, 0) > 0;
    (void)sk_CONF_VALUE_insert(values, activate, at); /* its place is still there */
    return loaded;
}

/* Loads it by its name, in a context where the rest is as in the first. */
static void explain(setup *s, const char *identity, const char *section)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    CONF *conf = ctx == NULL ? NULL : NCONF_new_ex(ctx, NULL);
    OSSL_PROVIDER *provider = NULL;

    if (conf != NULL && NCONF_load(conf, s->path, NULL) == 1 && load_inactive(conf, section)) {
        ERR_clear_error();
        provider = OSSL_PROVIDER_load(ctx, identity);
    }
    if (provider == NULL)
        (void)take_errors(&s->errors);
    OSSL_PROVIDER_unload(provider);
    NCONF_free(conf);
    OSSL_LIB_CTX_free(ctx);
}

static void explain_missing(setup *s)
{
    conf_entry entry;

    for (int i = 0; conf_take_provider(s, i, &entry); i++)
        if (conf_activates(s, entry.section) && !OSSL_PROVIDER_available(s->ctx, entry.identity))
            explain(s, entry.identity, entry.section);
}

sigb_rc load_all(setup *s, sigb_diag *diag)
{
    s->ctx = OSSL_LIB_CTX_new();
    if (s->ctx == NULL)
        return sigb_openssl_failed(diag, "OSSL_LIB_CTX_new");
    ERR_clear_error();
    s->loaded = s->conf != NULL && OSSL_LIB_CTX_load_config(s->ctx, s->path) == 1;
    if (take_errors(&s->errors) && !s->loaded)
        return sigb_no_memory(diag);
    explain_missing(s);
    s->loaded &= s->errors.len == 0;
    (void)OSSL_PROVIDER_do_all(s->ctx, see, s);
    ERR_clear_error();
    return s->errors.failed || s->active.failed || s->rivals.failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* ---- what comes of it ---- */

bool load_put_digest(const setup *s, sigb_buf *out)
{
    EVP_MD *digest = EVP_MD_fetch(s->ctx, "SHA2-256", NULL);
    bool found = digest != NULL;

    if (found)
        text_put(out, OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(digest)));
    EVP_MD_free(digest);
    ERR_clear_error();
    return found;
}

bool load_put_store(const setup *s, sigb_buf *out, bool *is_ours)
{
    OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(s->ctx, "pkcs11", NULL);
    bool found = loader != NULL;

    if (found) {
        text_put(out, OSSL_PROVIDER_get0_name(OSSL_STORE_LOADER_get0_provider(loader)));
        *is_ours = OSSL_STORE_LOADER_get0_provider(loader) == s->provider;
    }
    OSSL_STORE_LOADER_free(loader);
    ERR_clear_error();
    return found;
}

/* ---- what the provider says of itself ---- */

static const char *ask(const setup *s, const char *name)
{
    char *text = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(name, &text, 0), OSSL_PARAM_END};

    return s->provider != NULL && OSSL_PROVIDER_get_params(s->provider, params) == 1 && text != NULL ? text
                                                                                                     : "";
}

const char *load_module(const setup *s)
{
    return ask(s, ASKED_MODULE);
}

const char *load_init_args(const setup *s)
{
    return ask(s, ASKED_INIT);
}

bool load_put_text(const setup *s, const char *name, sigb_buf *out)
{
    char text[8192] = "";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(name, text, sizeof(text)), OSSL_PARAM_END};

    if (s->provider == NULL || OSSL_PROVIDER_get_params(s->provider, params) != 1)
        return false;
    text_put(out, text);
    return true;
}
