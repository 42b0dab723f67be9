/* SPDX-License-Identifier: Apache-2.0 */
/* PINs and passphrases that a store wants: OpenSSL's UI on one side, the application's callback on the other. */
#include <openssl/crypto.h>
#include <openssl/ui.h>

#include "base/error.h"
#include "base/secret.h"
#include "store/internal.h"

static sigb_rc ask(store_asker *asker, sigb_diag *diag)
{
    const sigb_pin_request request = {SIGB_PIN_STORE, asker->uri, ""};
    const sigb_store_options *options = asker->options;
    sigb_rc rc;

    if (options->pin == NULL)
        return sigb_fail(diag, SIGB_E_PIN_NEEDED,
                         "%s wants a PIN or passphrase, and there is no source for one; give one",
                         asker->uri);
    asker->pin = secret_new();
    if (asker->pin == NULL)
        return sigb_no_memory(diag);
    rc = options->pin(options->pin_arg, &request, asker->pin, diag);
    if (rc == SIGB_OK && asker->pin->len == 0)
        rc = sigb_fail(diag, SIGB_E_PIN_NEEDED, "the PIN is empty; give one, or another source of it");
    return rc;
}

/* The second question of one pass would be the answer to a refusal: what was given is not tried again. */
static bool may_answer(store_asker *asker)
{
    if (asker->rc != SIGB_OK || asker->is_used)
        return false;
    asker->is_used = true;
    if (asker->pin == NULL && !asker->is_closed)
        asker->rc = ask(asker, asker->diag);
    return asker->rc == SIGB_OK && asker->pin != NULL;
}

static int read_string(UI *ui, UI_STRING *string)
{
    store_asker *asker = UI_get0_user_data(ui);

    if (UI_get_string_type(string) != UIT_PROMPT)
        return 1;
    return may_answer(asker) &&
           UI_set_result_ex(ui, string, (const char *)asker->pin->page, (int)asker->pin->len) >= 0;
}

sigb_rc asker_new(const sigb_store_options *options, const char *uri, store_asker **made, sigb_diag *diag)
{
    store_asker *asker = OPENSSL_zalloc(sizeof(*asker));

    if (asker == NULL)
        return sigb_no_memory(diag);
    asker->options = options;
    asker->uri = uri;
    asker->diag = diag;
    asker->method = UI_create_method("sigbridge");
    if (asker->method == NULL || UI_method_set_reader(asker->method, read_string) != 0) {
        asker_free(asker);
        return sigb_openssl_failed(diag, "a method to ask for PINs");
    }
    *made = asker;
    return SIGB_OK;
}

void asker_free(store_asker *asker)
{
    if (asker == NULL)
        return;
    UI_destroy_method(asker->method);
    secret_free(asker->pin);
    OPENSSL_free(asker);
}
