/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/text.h"

static bool has_scheme(const char *key, const char *scheme)
{
    return strncasecmp(key, scheme, strlen(scheme)) == 0;
}

/* ---- options of the other road ---- */

struct given {
    const char *option;
    bool is_given;
};

static const char *first_given(const struct given *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].is_given)
            return options[i].option;
    return NULL;
}

static sigb_rc refuse_store_options(const store_args *args, sigb_diag *diag)
{
    const struct given options[] = {{"--provider", args->provider.count > 0},
                                    {"--provider-config", args->config != NULL},
                                    {"--propquery", args->propquery != NULL}};
    const char *name = first_given(options, sizeof(options) / sizeof(options[0]));

    if (name == NULL)
        return SIGB_OK;
    return fail(diag, SIGB_E_USAGE,
                "%s is for keys of OpenSSL's providers, and a pkcs11: URI is opened without one; write "
                "--key store:pkcs11:... to open it through a provider, or leave %s out",
                name, name);
}

static sigb_rc refuse_token_options(const module_args *module, const signer_args *signer, sigb_diag *diag)
{
    const struct given options[] = {{"--module", module->path != NULL},
                                    {"--module-init-args", module->init_args != NULL},
                                    {"--allow-final-pin-try", module->allow_final_pin_try},
                                    {"--trace", module->trace},
                                    {"--replicas", signer->replicas},
                                    {"--no-relogin", signer->no_relogin},
                                    {"--copy-key", signer->copy_key}};
    const char *name = first_given(options, sizeof(options) / sizeof(options[0]));

    if (signer->timeout != NULL)
        return fail(diag, SIGB_E_USAGE,
                    "--token-timeout is for pkcs11: keys: a call into an OpenSSL provider cannot be stopped; "
                    "leave it out (timeout(1) limits the whole run)");
    if (name == NULL)
        return SIGB_OK;
    return fail(diag, SIGB_E_USAGE,
                "%s is for pkcs11: keys; what an OpenSSL provider needs is said in its own configuration "
                "(--provider-config)",
                name);
}

/* ---- the providers' road ---- */

/* "NAME" or "NAME,PATH" */
static sigb_rc put_provider(struct key_road *road, const char *text, sigb_diag *diag)
{
    size_t at = road->store.provider_count++;
    const char *comma = strchr(text, ',');

    if (comma == NULL) {
        road->providers[at] = (sigb_store_provider){text, NULL};
        return SIGB_OK;
    }
    if (comma == text || comma[1] == '\0')
        return fail(diag, SIGB_E_USAGE, "--provider '%.200s': wanted is NAME, or NAME,PATH", text);
    sigb_buf_append(&road->names[at], sigb_bytes_of(text, (size_t)(comma - text)));
    road->providers[at] = (sigb_store_provider){text_c_str(&road->names[at]), comma + 1};
    return road->names[at].failed ? fail_memory(diag) : SIGB_OK;
}

static sigb_rc require_file(const char *path, sigb_diag *diag)
{
    struct stat info;
    int error = stat(path, &info) == 0 ? 0 : errno;

    if (error == 0 && S_ISDIR(info.st_mode))
        error = EISDIR;
    if (error == 0)
        return SIGB_OK;
    return fail(diag, SIGB_E_IO,
                "cannot read the key '%.200s': %s; a key is a pkcs11: URI, store: and a URI of an OpenSSL "
                "provider's, or a file",
                path, strerror(error));
}

static sigb_rc fill_store(const char *key, const store_args *args, struct key_road *road, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (has_scheme(key, "store:"))
        road->uri = key + strlen("store:");
    else
        rc = require_file(key, diag);
    if (rc == SIGB_OK && road->uri[0] == '\0')
        rc = fail(diag, SIGB_E_USAGE, "--key store: names no key; wanted is a URI or file behind it");
    for (size_t i = 0; rc == SIGB_OK && i < args->provider.count; i++)
        rc = put_provider(road, args->provider.items[i], diag);
    road->store.providers = road->providers;
    road->store.config = args->config;
    road->store.propquery = args->propquery;
    return rc;
}

/* ---- both ---- */

sigb_rc key_choose(const key_args *key, struct pins *pins, struct report *report, struct key_road *road,
                   sigb_diag *diag)
{
    sigb_rc rc;

    *road = (struct key_road){.uri = key->name, .is_store = !has_scheme(key->name, "pkcs11:")};
    road->token = module_options(&key->module, pins, report);
    road->store.notes = road->token.notes;
    key_ask(road, road->token.pin, road->token.pin_arg);
    if (road->is_store) {
        rc = refuse_token_options(&key->module, &key->signer, diag);
        return rc == SIGB_OK ? fill_store(key->name, &key->store, road, diag) : rc;
    }
    rc = refuse_store_options(&key->store, diag);
    return rc == SIGB_OK ? signer_options(&key->signer, &road->token, diag) : rc;
}

void key_ask(struct key_road *road, sigb_pin_fn pin, void *arg)
{
    road->token.pin = road->store.pin = pin;
    road->token.pin_arg = road->store.pin_arg = arg;
}

sigb_rc key_open(const struct key_road *road, sigb_signer **signer, sigb_diag *diag)
{
    return road->is_store ? sigb_signer_from_store(road->uri, &road->store, signer, diag)
                          : sigb_signer_from_pkcs11(road->uri, &road->token, signer, diag);
}

void key_road_free(struct key_road *road)
{
    for (size_t i = 0; i < OPTION_LIST_MAX; i++)
        sigb_buf_free(&road->names[i]);
}
