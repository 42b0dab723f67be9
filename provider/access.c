/* SPDX-License-Identifier: Apache-2.0 */
/* How keys are reached, and who is asked for the PIN: never a terminal of our own. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <sigbridge/pin.h>

#include "base/error.h"
#include "provider/provider.h"

/* The application's callback, or the UI method that stands behind it. */
static sigb_rc ask_application(const prov_asker *asker, const sigb_pin_request *request, sigb_pin *pin,
                               sigb_diag *diag)
{
    char text[SIGB_MAX_PIN_LEN + 1], info[80];
    const OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, info, 0), OSSL_PARAM_END};
    OSSL_PARAM told[2] = {params[0], params[1]};
    size_t len = 0;
    sigb_buf label = SIGB_BUF_INIT;
    sigb_rc rc;

    sigb_text_escape(&label, sigb_bytes_of(request->token, strlen(request->token)));
    (void)snprintf(info, sizeof(info), "PIN of token %.*s", label.failed ? 0 : (int)label.len,
                   label.ptr == NULL ? "" : (const char *)label.ptr);
    sigb_buf_free(&label);
    told[0].data_size = strlen(info);
    if (!asker->callback(text, sizeof(text) - 1, &len, told, asker->callback_arg) || len == 0)
        rc =
            sigb_fail(diag, SIGB_E_PIN_NEEDED,
                      "token %s wants a PIN, and the application gave none; set pin-source in the provider's "
                      "section of openssl.cnf or in the URI",
                      request->token);
    else
        rc = sigb_pin_put(pin, sigb_bytes_of(text, len), diag);
    OPENSSL_cleanse(text, sizeof(text));
    return rc;
}

static sigb_rc ask(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    const prov_asker *asker = arg;
    const prov_config *config = asker->ctx->config;

    if (config->pin != NULL)
        return sigb_pin_copy(pin, config->pin, diag);
    if (config->pin_source != NULL)
        return sigb_pin_read_file(pin, config->pin_source, NULL, diag);
    if (asker->callback != NULL)
        return ask_application(asker, request, pin, diag);
    return sigb_fail(diag, SIGB_E_PIN_NEEDED,
                     "token %s wants a PIN, and nobody can be asked for it now; set pin-source in the "
                     "provider's section of openssl.cnf or in the URI",
                     request->token);
}

sigb_pkcs11_options prov_options(prov_asker *asker)
{
    const prov_config *config = asker->ctx->config;

    return (sigb_pkcs11_options){.module = config->module,
                                 .pin = ask,
                                 .pin_arg = asker,
                                 .init_args = config->init_args,
                                 .timeout_ms = config->timeout_ms,
                                 .replicas = config->replicas,
                                 .no_relogin = config->no_relogin,
                                 .allow_final_pin_try = config->allow_final_pin_try,
                                 .copy_key = config->copy_key};
}

bridge_rules prov_rules(const prov_ctx *ctx)
{
    return (bridge_rules){ctx->config->uri_may_name_module, ctx->config->uri_may_hold_pin};
}

static bool has_digests(void)
{
    EVP_MD *any = EVP_MD_fetch(NULL, "SHA2-256", NULL);

    EVP_MD_free(any);
    return any != NULL;
}

/*
 * A module may use OpenSSL itself, in the process's default context. Where the
 * configuration names providers, and none that has digests and ciphers, such a
 * module fails in strange ways (SoftHSM finds every PIN wrong): `default` is
 * loaded then, as if the configuration had named no provider at all. Where that
 * does not help, no PIN is given away.
 */
static bool provide_software(prov_ctx *ctx)
{
    static _Atomic(OSSL_PROVIDER *) held; /* until the process ends, for the module may use it as long */
    bool good;

    (void)ERR_set_mark();
    good = has_digests();
    if (!good)
        atomic_store(&held, OSSL_PROVIDER_load(NULL, "default"));
    good = good || has_digests();
    (void)ERR_pop_to_mark();
    return good ||
           prov_refuse(
               ctx, SIGB_E_SETUP,
               "SHA-256 comes from no provider, and a module that uses OpenSSL would find a right PIN "
               "wrong; nothing was tried: take default_properties out of OpenSSL's configuration "
               "(sigbridge provider check)");
}

bool prov_hold_module(prov_ctx *ctx)
{
    prov_asker nobody = {.ctx = ctx};
    const sigb_pkcs11_options options = prov_options(&nobody);
    bridge_module *held, *none = NULL;

    if (atomic_load(&ctx->module) != NULL)
        return true;
    if (!provide_software(ctx))
        return false;
    if (ctx->config->uri_may_name_module) /* which it is, each URI says */
        return true;
    held = bridge_module_hold(&options);
    if (held != NULL && !atomic_compare_exchange_strong(&ctx->module, &none, held))
        bridge_module_release(held);
    return true;
}
