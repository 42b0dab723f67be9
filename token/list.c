/* SPDX-License-Identifier: Apache-2.0 */
/* token list: tokens, and the objects on them. */
#include <openssl/crypto.h>

#include "base/error.h"
#include "pkcs11/deadline.h"
#include "token/bound.h"
#include "token/item.h"
#include "token/place.h"

/* Who is told, and of what. */
typedef struct listing {
    const sigb_pkcs11_options *options;
    p11_uri *uri;
    p11_module *module;
    sigb_token_item_fn item;
    void *item_arg;
} listing;

/* One thing to be told of, in the caller's thread. */
typedef struct telling {
    const listing *list;
    const sigb_token_item *item;
} telling;

static void put_item(void *arg)
{
    const telling *t = arg;

    t->list->item(t->list->item_arg, t->item);
}

static void tell(const listing *list, const sigb_token_item *item)
{
    telling t = {list, item};

    (void)deadline_ask(put_item, &t);
}

static sigb_rc list_objects(const listing *list, const place *at, CK_OBJECT_CLASS class, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = place_find(at, class, sigb_bytes_text(p11_uri_object(list->uri)), p11_uri_id(list->uri),
                            &objects, &count, diag);

    for (size_t i = 0; rc == SIGB_OK && i < count; i++) {
        described found = {0};

        rc = item_of_object(at->module, &at->slot, at->session, objects[i], class, &found, diag);
        if (rc == SIGB_OK)
            tell(list, &found.item);
        item_free(&found);
    }
    OPENSSL_free(objects);
    return rc;
}

/* Logs in where a PIN can be had; a token that would not take one is listed as far as it shows itself. */
static sigb_rc list_login(const listing *list, const place *at, sigb_diag *diag)
{
    bool source = list->options->pin != NULL || p11_uri_has_pin(list->uri) ||
                  p11_uri_pin_source(list->uri) != NULL;
    bool again;
    sigb_rc rc;

    if (!source || (at->slot.token.flags & CKF_USER_PIN_INITIALIZED) == 0)
        return SIGB_OK;
    rc = p11_login(at->module, &at->slot, at->session, list->uri, list->options, &again, diag);
    return rc == SIGB_E_PIN_LOCKED || rc == SIGB_E_PIN_FINAL_TRY ? SIGB_OK : rc;
}

static sigb_rc list_content(const listing *list, const p11_slot *slot, sigb_diag *diag)
{
    place at = {.module = list->module, .slot = *slot};
    CK_OBJECT_CLASS only = 0;
    bool one_class = p11_uri_class(list->uri, &only);
    sigb_rc rc = place_session_open(&at, false, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = list_login(list, &at, diag);
    for (size_t i = 0; rc == SIGB_OK && i < ITEM_CLASSES; i++)
        if (!one_class || only == ITEM_CLASS[i])
            rc = list_objects(list, &at, ITEM_CLASS[i], diag);
    place_session_close(&at);
    return rc;
}

static sigb_rc list_token(const listing *list, const p11_slot *slot, sigb_diag *diag)
{
    described token = {0};
    sigb_rc rc = item_of_token(slot, &token, diag);

    if (rc == SIGB_OK)
        tell(list, &token.item);
    item_free(&token);
    if (rc != SIGB_OK || (slot->token.flags & CKF_TOKEN_INITIALIZED) == 0)
        return rc;
    return list_content(list, slot, diag);
}

static sigb_rc list_all(const listing *list, sigb_diag *diag)
{
    p11_slot *slots = NULL;
    size_t count = 0;
    sigb_rc rc = p11_slots_find(list->module, list->uri, &slots, &count, diag);

    for (size_t i = 0; rc == SIGB_OK && i < count; i++)
        rc = list_token(list, &slots[i], diag);
    OPENSSL_free(slots);
    return rc;
}

/* ---- the verb ---- */

typedef struct list_args {
    const char *uri;
    sigb_token_item_fn item;
    void *item_arg;
} list_args;

static void list_copy(bound *b, void *args)
{
    list_args *copied = args;

    copied->uri = bound_text(b, copied->uri);
}

static sigb_rc list_run(const void *arguments, const sigb_pkcs11_options *options, sigb_buf *made,
                        sigb_diag *diag)
{
    const list_args *args = arguments;
    listing list = {.options = options, .item = args->item, .item_arg = args->item_arg};
    sigb_rc rc = p11_uri_parse(args->uri, &options->notes, &list.uri, diag);

    (void)made;
    if (rc == SIGB_OK)
        rc = p11_module_open(list.uri, options, &list.module, diag);
    if (rc == SIGB_OK)
        rc = list_all(&list, diag);
    if (list.module != NULL)
        p11_module_close(list.module);
    p11_uri_free(list.uri);
    return rc;
}

sigb_rc sigb_token_list(const char *uri, const sigb_pkcs11_options *options, sigb_token_item_fn item,
                        void *item_arg, sigb_diag *diag)
{
    static const bound_verb verb = {sizeof(list_args), list_copy, list_run};
    const list_args args = {uri, item, item_arg};

    if (uri == NULL || options == NULL || item == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a list needs a URI, options and somebody to tell");
    return bound_run(&verb, &args, options, NULL, diag);
}
