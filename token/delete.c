/* SPDX-License-Identifier: Apache-2.0 */
/* token delete: everything that a URI names goes, or nothing does. */
#include <openssl/crypto.h>

#include "base/error.h"
#include "pkcs11/deadline.h"
#include "token/bound.h"
#include "base/text.h"
#include "token/item.h"
#include "token/place.h"

/* What was found: an object and its description, side by side. */
typedef struct harvest {
    CK_OBJECT_HANDLE *objects;
    described *found;
    size_t count;
} harvest;

static void harvest_free(harvest *all)
{
    for (size_t i = 0; i < all->count; i++)
        item_free(&all->found[i]);
    OPENSSL_free(all->found);
    OPENSSL_free(all->objects);
}

static bool harvest_grow(harvest *all, size_t more)
{
    CK_OBJECT_HANDLE *objects = OPENSSL_realloc(all->objects, (all->count + more) * sizeof(*objects));
    described *found = NULL;

    if (objects == NULL)
        return false;
    all->objects = objects;
    found = OPENSSL_realloc(all->found, (all->count + more) * sizeof(*found));
    if (found == NULL)
        return false;
    all->found = found;
    return true;
}

static sigb_rc gather_class(const place *at, CK_OBJECT_CLASS class, harvest *all, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = place_find(at, class, sigb_bytes_text(p11_uri_object(at->uri)), p11_uri_id(at->uri),
                            &objects, &count, diag);

    if (rc == SIGB_OK && count > 0 && !harvest_grow(all, count))
        rc = sigb_no_memory(diag);
    for (size_t i = 0; rc == SIGB_OK && i < count; i++) {
        described *one = &all->found[all->count];

        memset(one, 0, sizeof(*one));
        all->objects[all->count++] = objects[i];
        rc = item_of_object(at->module, &at->slot, at->session, objects[i], class, one, diag);
    }
    OPENSSL_free(objects);
    return rc;
}

static sigb_rc gather(const place *at, harvest *all, sigb_diag *diag)
{
    CK_OBJECT_CLASS only = 0;
    bool one_class = p11_uri_class(at->uri, &only);
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < ITEM_CLASSES; i++)
        if (!one_class || only == ITEM_CLASS[i])
            rc = gather_class(at, ITEM_CLASS[i], all, diag);
    if (rc == SIGB_OK && all->count == 0)
        rc = sigb_fail(diag, SIGB_E_KEY_ABSENT,
                       "token \"%s\" has no object that the URI names; list it to see what there is",
                       at->slot.label);
    return rc;
}

/* What is asked, in the caller's thread. */
typedef struct asking {
    sigb_confirm_fn confirm;
    void *arg;
    const sigb_token_item *items;
    size_t count;
    bool yes;
} asking;

static void put_asking(void *arg)
{
    asking *a = arg;

    a->yes = a->confirm(a->arg, a->items, a->count);
}

static sigb_rc ask(const harvest *all, sigb_confirm_fn confirm, void *confirm_arg, sigb_diag *diag)
{
    sigb_token_item *items = OPENSSL_malloc(all->count * sizeof(*items));
    asking a = {confirm, confirm_arg, items, all->count, false};

    if (items == NULL)
        return sigb_no_memory(diag);
    for (size_t i = 0; i < all->count; i++)
        items[i] = all->found[i].item;
    if (!deadline_ask(put_asking, &a))
        a.yes = false;
    OPENSSL_free(items);
    return a.yes ? SIGB_OK : sigb_fail(diag, SIGB_E_REFUSED, "not confirmed; nothing was deleted");
}

static sigb_rc destroy(const place *at, const harvest *all, sigb_diag *diag)
{

    for (size_t i = 0; i < all->count; i++) {
        CK_RV rv = p11_C_DestroyObject(at->module, at->session, all->objects[i]);
        sigb_diag why = {{0}, 0};
        sigb_rc rc;

        if (rv == CKR_OK)
            continue;
        rc = ckr_fail(&why, rv, "C_DestroyObject");
        return sigb_fail_native(diag, rc, rv, "%zu of %zu objects were deleted, then: %s", i, all->count,
                                why.text);
    }
    return SIGB_OK;
}

static sigb_rc delete_at(const place *at, sigb_confirm_fn confirm, void *confirm_arg, sigb_diag *diag)
{
    harvest all = {0};
    sigb_rc rc;

    if (p11_uri_object(at->uri) == NULL && !p11_uri_has_id(at->uri))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the URI names no object; add object= or id= to say what is to be deleted");
    rc = gather(at, &all, diag);
    if (rc == SIGB_OK)
        rc = ask(&all, confirm, confirm_arg, diag);
    if (rc == SIGB_OK)
        rc = destroy(at, &all, diag);
    harvest_free(&all);
    return rc;
}

/* ---- the verb ---- */

typedef struct delete_args {
    const char *uri;
    sigb_confirm_fn confirm;
    void *confirm_arg;
} delete_args;

static void delete_copy(bound *b, void *args)
{
    delete_args *copied = args;

    copied->uri = bound_text(b, copied->uri);
}

static sigb_rc delete_run(const void *arguments, const sigb_pkcs11_options *options, sigb_buf *made,
                          sigb_diag *diag)
{
    const delete_args *args = arguments;
    place at = {0};
    sigb_rc rc = place_open(args->uri, options, &at, diag);

    (void)made;
    if (rc == SIGB_OK)
        rc = delete_at(&at, args->confirm, args->confirm_arg, diag);
    place_close(&at);
    return rc;
}

sigb_rc sigb_token_delete(const char *uri, const sigb_pkcs11_options *options, sigb_confirm_fn confirm,
                          void *confirm_arg, sigb_diag *diag)
{
    static const bound_verb verb = {sizeof(delete_args), delete_copy, delete_run};
    const delete_args args = {uri, confirm, confirm_arg};

    if (uri == NULL || options == NULL || confirm == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "deleting needs a URI, options and somebody who confirms");
    return bound_run(&verb, &args, options, NULL, diag);
}
