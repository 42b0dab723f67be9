/* SPDX-License-Identifier: Apache-2.0 */
#include "token/place.h"

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/retry.h"
#include "token/template.h"

void place_bind(const place *at)
{
    if (at->session != CK_INVALID_HANDLE)
        (void)call_bind(at->module, at->starts);
}

sigb_rc place_session_open(place *at, bool writable, sigb_diag *diag)
{
    sigb_rc rc;

    at->starts = at->slot.starts;
    (void)call_bind(at->module, at->starts);
    rc = p11_session_open(at->module, &at->slot, writable, &at->session, diag);
    if (rc != SIGB_OK)
        (void)call_bind(NULL, 0);
    return rc;
}

void place_session_close(place *at)
{
    if (at->session == CK_INVALID_HANDLE)
        return;
    place_bind(at);
    p11_session_close(at->module, at->session);
    (void)call_bind(NULL, 0);
    at->session = CK_INVALID_HANDLE;
}

/* *again, if it fails: the PIN was not judged. */
static sigb_rc open_at(const char *uri, const sigb_pkcs11_options *options, place *opened, bool *again,
                       sigb_diag *diag)
{
    sigb_rc rc = p11_uri_parse(uri, &options->notes, &opened->uri, diag);

    *again = rc == SIGB_OK;
    if (rc == SIGB_OK)
        rc = p11_module_open(opened->uri, options, &opened->module, diag);
    if (rc == SIGB_OK)
        rc = p11_slot_require(opened->module, opened->uri, &opened->slot, diag);
    if (rc == SIGB_OK)
        rc = place_session_open(opened, true, diag);
    if (rc == SIGB_OK)
        rc = p11_login(opened->module, &opened->slot, opened->session, opened->uri, options, again, diag);
    return rc;
}

sigb_rc place_open(const char *uri, const sigb_pkcs11_options *options, place *opened, sigb_diag *diag)
{
    bool again;
    sigb_rc rc = open_at(uri, options, opened, &again, diag);

    if (rc != SIGB_OK)
        place_close(opened);
    return rc;
}

void place_close(place *opened)
{
    place_session_close(opened);
    if (opened->module != NULL)
        p11_module_close(opened->module);
    p11_uri_free(opened->uri);
    memset(opened, 0, sizeof(*opened));
}

/* ---- and once more ---- */

/* What was answered once is answered again. */
typedef struct kept_pin {
    const sigb_pkcs11_options *asked;
    sigb_pin *pin; /* NULL: nobody was asked */
} kept_pin;

/* A sigb_pin_fn. */
static sigb_rc give_kept(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    kept_pin *kept = arg;
    sigb_pin *made;
    sigb_rc rc;

    if (kept->pin != NULL)
        return sigb_pin_copy(pin, kept->pin, diag);
    rc = kept->asked->pin(kept->asked->pin_arg, request, pin, diag);
    made = rc == SIGB_OK ? sigb_pin_new() : NULL;
    if (made != NULL && sigb_pin_copy(made, pin, NULL) == SIGB_OK)
        kept->pin = made;
    else
        sigb_pin_free(made);
    return rc;
}

static sigb_rc run_once(const char *uri, const sigb_pkcs11_options *options, place_work work, void *arg,
                        unsigned tries, bool *again, sigb_diag *diag)
{
    place at = {0};
    unsigned starts = 0;
    sigb_rc rc = open_at(uri, options, &at, again, diag);

    if (at.module != NULL)
        starts = p11_module_starts(at.module);
    if (rc == SIGB_OK)
        rc = work(&at, arg, again, diag);
    if (rc != SIGB_OK && *again && at.module != NULL) {
        place_session_close(&at);
        p11_module_give_up(at.module, starts, tries, diag);
        at.module = NULL;
    }
    place_close(&at);
    return rc;
}

sigb_rc place_run(const char *uri, const sigb_pkcs11_options *options, place_work work, void *arg,
                  sigb_diag *diag)
{
    kept_pin kept = {options, NULL};
    sigb_pkcs11_options with_kept = *options;
    p11_retry retry = {.until = {.never = true}, .budget_ms = OPENING_BUDGET_MS};
    sigb_diag why = {{0}, 0};
    bool again;
    sigb_rc rc;

    if (options->pin != NULL) {
        with_kept.pin = give_kept;
        with_kept.pin_arg = &kept;
    }
    do {
        memset(&why, 0, sizeof(why));
        rc = run_once(uri, &with_kept, work, arg, retry.tries, &again, &why);
    } while (rc != SIGB_OK && again && p11_retry_failed(&retry, rc, &why));
    sigb_pin_free(kept.pin);
    if (rc != SIGB_OK && diag != NULL)
        *diag = why;
    return rc;
}

/* ---- objects ---- */

void place_uri(const p11_slot *slot, const char *label, sigb_bytes id, const char *type, sigb_buf *uri)
{
    const p11_name name = {
        .token = slot->label, .serial = slot->serial, .object = label, .id = id, .type = type};

    p11_uri_format(uri, &name);
}

sigb_rc place_find(const place *at, CK_OBJECT_CLASS class, sigb_bytes label, sigb_bytes id,
                   CK_OBJECT_HANDLE **objects, size_t *count, sigb_diag *diag)
{
    template wanted = {.count = 0};

    if (class == CKO_PRIVATE_KEY)
        return p11_private_keys_find(at->module, at->session, label, id, objects, count, diag);
    if (class != CK_UNAVAILABLE_INFORMATION)
        template_put_number(&wanted, CKA_CLASS, &class);
    if (label.len > 0)
        template_put(&wanted, CKA_LABEL, label);
    if (id.len > 0)
        template_put(&wanted, CKA_ID, id);
    return p11_objects_find(at->module, at->session, wanted.at, wanted.count, objects, count, diag);
}

/* Escaping changes nothing of what is plain to the eye, but for a backslash, which is not. */
sigb_rc label_check(const char *label, size_t room, const char *what, sigb_diag *diag)
{
    sigb_bytes raw = sigb_bytes_text(label);
    sigb_buf escaped = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    if (raw.len == 0 || raw.len > room)
        return sigb_fail(diag, SIGB_E_USAGE, "%s of %zu bytes: 1 to %zu are wanted", what, raw.len, room);
    if (raw.ptr[0] == ' ' || raw.ptr[raw.len - 1] == ' ')
        return sigb_fail(diag, SIGB_E_USAGE, "%s begins or ends with a blank; take it away", what);
    sigb_text_escape(&escaped, raw);
    if (escaped.failed)
        rc = sigb_no_memory(diag);
    else if (!sigb_bytes_equal(sigb_buf_bytes(&escaped), raw))
        rc = sigb_fail(diag, SIGB_E_USAGE,
                       "%s has a backslash, control characters or bytes that are not UTF-8", what);
    sigb_buf_free(&escaped);
    return rc;
}
