/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token init: a free token gets a label, an SO PIN and a user PIN. Straight
 * through Cryptoki: docs/decisions/0016 says why libp11 is not used here.
 */
#include <openssl/crypto.h>

#include "base/error.h"
#include "token/bound.h"
#include "base/secret.h"
#include "token/place.h"

#define LABEL_ROOM 32 /* C_InitToken takes this many characters, filled with blanks */

/* ---- PINs ---- */

typedef struct pins {
    sigb_pin *so, *user;
    bool at_device; /* a token with a keypad of its own asks for both by itself */
} pins;

static void pins_free(pins *both)
{
    secret_free(both->so);
    secret_free(both->user);
}

static CK_UTF8CHAR *pin_chars(const pins *both, const sigb_pin *pin)
{
    return both->at_device ? NULL : pin->page;
}

static CK_ULONG pin_len(const pins *both, const sigb_pin *pin)
{
    return both->at_device ? 0 : pin->len;
}

/* The bounds of a token that is not initialised may be empty; then the token judges. */
static sigb_rc check_len(const sigb_pin *pin, const CK_TOKEN_INFO *token, const char *what, sigb_diag *diag)
{
    if (token->ulMaxPinLen != 0 && (pin->len < token->ulMinPinLen || pin->len > token->ulMaxPinLen))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the %s is too short or too long: the token wants %lu to %lu bytes", what,
                         token->ulMinPinLen, token->ulMaxPinLen);
    return SIGB_OK;
}

static sigb_rc ask(const sigb_pkcs11_options *options, const sigb_pin_request *request, sigb_pin **pin,
                   sigb_diag *diag)
{
    sigb_rc rc;

    *pin = secret_new();
    if (*pin == NULL)
        return sigb_no_memory(diag);
    rc = options->pin(options->pin_arg, request, *pin, diag);
    if (rc == SIGB_OK && (*pin)->len == 0)
        rc = sigb_fail(diag, SIGB_E_PIN_NEEDED, "an empty PIN protects nothing");
    return rc;
}

static sigb_rc pins_ask(const p11_slot *slot, const char *label, const sigb_pkcs11_options *options,
                        pins *both, sigb_diag *diag)
{
    sigb_pin_request request = {SIGB_PIN_SO, label, slot->serial};
    sigb_rc rc;

    both->at_device = (slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    if (both->at_device)
        return SIGB_OK;
    if (options->pin == NULL)
        return sigb_fail(diag, SIGB_E_PIN_NEEDED,
                         "a new token needs an SO PIN and a user PIN; give a source for both");
    rc = ask(options, &request, &both->so, diag);
    if (rc == SIGB_OK)
        rc = check_len(both->so, &slot->token, "SO PIN", diag);
    request.kind = SIGB_PIN_NEW_USER;
    if (rc == SIGB_OK)
        rc = ask(options, &request, &both->user, diag);
    if (rc == SIGB_OK)
        rc = check_len(both->user, &slot->token, "user PIN", diag);
    return rc;
}

/* ---- which token ---- */

static sigb_rc require_label_free(p11_module *module, const char *label, sigb_diag *diag)
{
    p11_uri *any = NULL;
    p11_slot *slots = NULL;
    size_t count = 0;
    sigb_rc rc = p11_uri_parse("pkcs11:", NULL, &any, diag);

    if (rc == SIGB_OK)
        rc = p11_slots_find(module, any, &slots, &count, diag);
    for (size_t i = 0; rc == SIGB_OK && i < count; i++)
        if ((slots[i].token.flags & CKF_TOKEN_INITIALIZED) != 0 && strcmp(slots[i].label, label) == 0)
            rc = sigb_fail(diag, SIGB_E_EXISTS,
                           "a token with the label \"%s\" exists (serial %s); choose another label", label,
                           slots[i].serial);
    OPENSSL_free(slots);
    p11_uri_free(any);
    return rc;
}

static sigb_rc find_free(p11_module *module, const p11_uri *uri, p11_slot *slot, sigb_diag *diag)
{
    p11_slot *slots = NULL;
    size_t count = 0, at = 0;
    sigb_rc rc = p11_slots_find(module, uri, &slots, &count, diag);

    if (rc != SIGB_OK)
        return rc;
    while (at < count && (slots[at].token.flags & CKF_TOKEN_INITIALIZED) != 0)
        at++;
    if (at < count)
        *slot = slots[at];
    else
        rc = sigb_fail(diag, SIGB_E_EXISTS,
                       "token \"%s\" (serial %s) is initialised already; initialising it again would destroy "
                       "its keys: name a free one by slot-id",
                       slots[0].label, slots[0].serial);
    OPENSSL_free(slots);
    return rc;
}

/* ---- initialising ---- */

/* Refused after another start of the module, for another token may be in the slot, and would lose all that it has. */
static sigb_rc init_token(p11_module *module, const p11_slot *slot, const char *label, const pins *both,
                          sigb_diag *diag)
{
    CK_UTF8CHAR padded[LABEL_ROOM];
    sigb_bytes text = sigb_bytes_text(label);
    CK_RV rv;

    memset(padded, ' ', sizeof(padded));
    if (text.len > 0)
        memcpy(padded, text.ptr, text.len);
    (void)call_bind(module, slot->starts);
    rv = p11_C_InitToken(module, slot->id, pin_chars(both, both->so), pin_len(both, both->so), padded);
    (void)call_bind(NULL, 0);
    return rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_InitToken");
}

static sigb_rc set_user_pin(p11_module *module, CK_SESSION_HANDLE session, const pins *both, sigb_diag *diag)
{
    CK_RV rv = p11_C_Login(module, session, CKU_SO, pin_chars(both, both->so), pin_len(both, both->so));

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_Login of the SO");
    rv = p11_C_InitPIN(module, session, pin_chars(both, both->user), pin_len(both, both->user));
    (void)p11_C_Logout(module, session);
    return rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_InitPIN");
}

static sigb_rc init_pin(p11_module *module, const p11_slot *slot, const pins *both, sigb_diag *diag)
{
    place at = {.module = module, .slot = *slot};
    sigb_diag why = {{0}, 0};
    sigb_rc rc = place_session_open(&at, true, &why);

    if (rc == SIGB_OK)
        rc = set_user_pin(module, at.session, both, &why);
    place_session_close(&at);
    if (rc != SIGB_OK)
        return sigb_fail_native(diag, rc, why.native, "the token is initialised and has no user PIN: %s",
                                why.text);
    return SIGB_OK;
}

/* The serial number is the token's own, and new. */
static sigb_rc tell(p11_module *module, const p11_slot *slot, const char *label, sigb_buf *made,
                    sigb_diag *diag)
{
    CK_TOKEN_INFO info;
    p11_slot now = *slot;
    CK_RV rv = p11_C_GetTokenInfo(module, slot->id, &info);
    size_t len = sizeof(info.serialNumber);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetTokenInfo");
    while (len > 0 && info.serialNumber[len - 1] == ' ')
        len--;
    memcpy(now.serial, info.serialNumber, len);
    now.serial[len] = '\0';
    memcpy(now.label, label, strlen(label) + 1);
    place_uri(&now, NULL, SIGB_BYTES_NONE, NULL, made);
    return made->failed ? sigb_no_memory(diag) : SIGB_OK;
}

static sigb_rc init_at(p11_module *module, const p11_uri *uri, const char *label,
                       const sigb_pkcs11_options *options, sigb_buf *made, sigb_diag *diag)
{
    pins both = {NULL, NULL, false};
    p11_slot slot = {0};
    sigb_rc rc = require_label_free(module, label, diag);

    if (rc == SIGB_OK)
        rc = find_free(module, uri, &slot, diag);
    if (rc == SIGB_OK)
        rc = pins_ask(&slot, label, options, &both, diag);
    if (rc == SIGB_OK)
        rc = init_token(module, &slot, label, &both, diag);
    if (rc == SIGB_OK)
        rc = init_pin(module, &slot, &both, diag);
    pins_free(&both);
    return rc == SIGB_OK ? tell(module, &slot, label, made, diag) : rc;
}

typedef struct init_args {
    const char *uri, *label;
} init_args;

static void init_copy(bound *b, void *args)
{
    init_args *copied = args;

    copied->uri = bound_text(b, copied->uri);
    copied->label = bound_text(b, copied->label);
}

static sigb_rc init_run(const void *arguments, const sigb_pkcs11_options *options, sigb_buf *made,
                        sigb_diag *diag)
{
    const init_args *args = arguments;
    p11_uri *parsed = NULL;
    p11_module *module = NULL;
    sigb_rc rc = p11_uri_parse(args->uri, &options->notes, &parsed, diag);

    if (rc == SIGB_OK)
        rc = p11_module_open(parsed, options, &module, diag);
    if (rc == SIGB_OK)
        rc = init_at(module, parsed, args->label, options, made, diag);
    if (module != NULL)
        p11_module_close(module);
    p11_uri_free(parsed);
    return rc;
}

sigb_rc sigb_token_init(const char *uri, const char *label, const sigb_pkcs11_options *options,
                        sigb_buf *made, sigb_diag *diag)
{
    static const bound_verb verb = {sizeof(init_args), init_copy, init_run};
    const init_args args = {uri, label};
    sigb_rc rc;

    if (uri == NULL || label == NULL || options == NULL || made == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a token needs a URI, a label, options and a place for its URI");
    rc = label_check(label, LABEL_ROOM, "the token's label", diag);
    return rc == SIGB_OK ? bound_run(&verb, &args, options, made, diag) : rc;
}
