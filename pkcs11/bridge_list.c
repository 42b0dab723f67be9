/* SPDX-License-Identifier: Apache-2.0 */
/* What tokens hold: certificates and public keys for anybody, private keys after a login. */
#include "pkcs11/bridge.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/internal.h"

#define MAX_ITEMS 4096

/* An operation; it goes on where it stopped to have a PIN asked for. */
typedef struct bridge_listing {
    p11_key *key; /* the URI, the module, options: a key that is not found yet */
    sigb_pkcs11_options options;
    char *module, *init_args;
    unsigned classes;
    bool log_in;
    deadline until;
    p11_retry retry;
    p11_slot *slots;
    unsigned starts;  /* of the module, when they were found */
    size_t count, at; /* slots, and the one that is read */
    size_t kept;      /* items of the slots before it */
    sigb_pin *pin;
    bool asks_pin;
    bridge_item *items;
    size_t used, room;
} listing;

/* ---- items ---- */

static void item_clear(bridge_item *item)
{
    OPENSSL_free(item->uri);
    OPENSSL_free(item->label);
    sigb_buf_free(&item->der);
}

static void forget_items(listing *l, size_t kept)
{
    while (l->used > kept)
        item_clear(&l->items[--l->used]);
}

static bridge_item *item_new(listing *l, bridge_class class, sigb_diag *diag)
{
    if (l->used == MAX_ITEMS) {
        (void)!sigb_fail(diag, SIGB_E_LIMIT,
                         "more than %d objects match; name fewer by object= or id=", MAX_ITEMS);
        return NULL;
    }
    if (l->used == l->room) {
        size_t room = l->room == 0 ? 16 : 2 * l->room;
        bridge_item *grown = OPENSSL_realloc(l->items, room * sizeof(*grown));

        if (grown == NULL) {
            (void)!sigb_no_memory(diag);
            return NULL;
        }
        l->items = grown;
        l->room = room;
    }
    memset(&l->items[l->used], 0, sizeof(bridge_item));
    l->items[l->used].class = class;
    return &l->items[l->used++];
}

/* ---- one object ---- */

/* The classes in the order in which they are listed. */
static const struct class_row {
    bridge_class class;
    CK_OBJECT_CLASS native;
    const char *type;
} CLASSES[] = {
    {BRIDGE_CERT, CKO_CERTIFICATE, "cert"},
    {BRIDGE_PUBLIC, CKO_PUBLIC_KEY, "public"},
    {BRIDGE_PRIVATE, CKO_PRIVATE_KEY, "private"},
};

static sigb_rc name_item(bridge_item *item, const struct class_row *row, const p11_slot *slot,
                         sigb_buf *label, sigb_bytes id, sigb_diag *diag)
{
    sigb_buf uri = SIGB_BUF_INIT;
    p11_name name = {.token = slot->label,
                     .serial = slot->serial,
                     .object = label->len > 0 ? text_c_str(label) : NULL,
                     .id = id,
                     .type = row->type};
    const char *text;

    p11_uri_format(&uri, &name);
    text = text_c_str(&uri);
    item->uri = text == NULL ? NULL : OPENSSL_strdup(text);
    item->label = OPENSSL_strdup(name.object == NULL ? "" : name.object);
    sigb_buf_free(&uri);
    return item->uri == NULL || item->label == NULL ? sigb_no_memory(diag) : SIGB_OK;
}

/* A key's public half that the token does not tell, or of a kind that is not known here, is left empty. */
static sigb_rc read_der(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        bridge_item *item, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (item->class == BRIDGE_CERT)
        rc = p11_attribute(module, session, object, CKA_VALUE, &item->der, diag);
    else if (item->class == BRIDGE_PUBLIC)
        rc = p11_object_spki(module, session, object, &item->der, diag);
    return rc == SIGB_E_KEY_UNSUPPORTED ? SIGB_OK : rc;
}

static sigb_rc read_object(listing *l, const struct class_row *row, const p11_slot *slot,
                           CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, sigb_diag *diag)
{
    p11_module *module = l->key->module;
    bridge_item *item = item_new(l, row->class, diag);
    sigb_buf label = SIGB_BUF_INIT, id = SIGB_BUF_INIT;
    sigb_rc rc;

    if (item == NULL)
        return l->used == MAX_ITEMS ? SIGB_E_LIMIT : SIGB_E_MEMORY;
    rc = p11_attribute(module, session, object, CKA_LABEL, &label, diag);
    if (rc == SIGB_OK)
        rc = p11_attribute(module, session, object, CKA_ID, &id, diag);
    if (rc == SIGB_OK)
        rc = name_item(item, row, slot, &label, sigb_buf_bytes(&id), diag);
    if (rc == SIGB_OK)
        rc = read_der(module, session, object, item, diag);
    sigb_buf_free(&label);
    sigb_buf_free(&id);
    return rc;
}

/* ---- one token ---- */

static void put_attribute(CK_ATTRIBUTE *wanted, CK_ULONG *count, CK_ATTRIBUTE_TYPE type, sigb_bytes value)
{
    if (value.len > 0)
        wanted[(*count)++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value.ptr, value.len};
}

static sigb_rc find_class(const listing *l, const struct class_row *row, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE **objects, size_t *count, sigb_diag *diag)
{
    const sigb_bytes label = sigb_bytes_text(p11_uri_object(l->key->uri)), id = p11_uri_id(l->key->uri);
    CK_ATTRIBUTE wanted[3];
    CK_ULONG wanted_count = 0;

    if (row->class == BRIDGE_PRIVATE)
        return p11_private_keys_find(l->key->module, session, label, id, objects, count, diag);
    put_attribute(wanted, &wanted_count, CKA_CLASS,
                  sigb_bytes_of((const uint8_t *)&row->native, sizeof(row->native)));
    put_attribute(wanted, &wanted_count, CKA_LABEL, label);
    put_attribute(wanted, &wanted_count, CKA_ID, id);
    return p11_objects_find(l->key->module, session, wanted, wanted_count, objects, count, diag);
}

static sigb_rc read_class(listing *l, const struct class_row *row, const p11_slot *slot,
                          CK_SESSION_HANDLE session, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = find_class(l, row, session, &objects, &count, diag);

    for (size_t i = 0; rc == SIGB_OK && i < count; i++)
        rc = read_object(l, row, slot, session, objects[i], diag);
    OPENSSL_free(objects);
    return rc;
}

static sigb_rc read_classes(listing *l, const p11_slot *slot, CK_SESSION_HANDLE session, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < COUNT(CLASSES); i++)
        if ((l->classes & CLASSES[i].class) != 0)
            rc = read_class(l, &CLASSES[i], slot, session, diag);
    return rc;
}

static sigb_rc read_in_public(listing *l, p11_fault *fault, sigb_diag *diag)
{
    const p11_slot *slot = &l->slots[l->at];
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    sigb_rc rc;

    call_bind(l->key->module, slot->starts);
    rc = p11_session_open(l->key->module, slot, false, &session, diag);
    if (rc == SIGB_OK)
        rc = read_classes(l, slot, session, diag);
    *fault = fault_of(rc, diag);
    p11_session_close(l->key->module, session);
    call_bind(NULL, 0);
    return rc;
}

/* The token stays joined until all is read: the login is its. */
static sigb_rc read_logged_in(listing *l, p11_fault *fault, sigb_diag *diag)
{
    p11_replica *replica = &l->key->replicas[0];
    p11_repair how = key_repair(l->key, l->until, l->retry.tries);
    p11_lease lease;
    p11_slot slot;
    sigb_rc rc;

    if (replica->token == NULL)
        replica->token = token_join(l->key->module, &l->slots[l->at]);
    if (replica->token == NULL)
        return sigb_no_memory(diag);
    how.pin = l->pin;
    rc = token_lease(replica->token, &how, &lease, fault, diag);
    l->asks_pin = rc != SIGB_OK && fault->asks_pin;
    if (rc != SIGB_OK)
        return rc;
    slot = token_slot(replica->token);
    rc = read_classes(l, &slot, lease.session, diag);
    *fault = fault_of(rc, diag);
    token_return(replica->token, &lease, rc, fault, diag);
    return rc;
}

static void leave_token(listing *l)
{
    p11_replica *replica = &l->key->replicas[0];

    if (replica->token != NULL)
        token_leave(replica->token);
    replica->token = NULL;
    secret_free(l->pin);
    l->pin = NULL;
}

/* ---- all tokens ---- */

/* A PIN is for one token: with several it would be tried on the wrong ones too. */
static sigb_rc find_tokens(listing *l, sigb_diag *diag)
{
    sigb_rc rc;

    if (!l->log_in)
        return p11_slots_require(l->key->module, l->key->uri, &l->slots, &l->count, diag);
    l->slots = OPENSSL_zalloc(sizeof(*l->slots));
    if (l->slots == NULL)
        return sigb_no_memory(diag);
    rc = p11_slot_require(l->key->module, l->key->uri, l->slots, diag);
    l->count = 1;
    if (rc != SIGB_OK) {
        OPENSSL_free(l->slots);
        l->slots = NULL;
    }
    return rc;
}

/* The module is given up with what was read of its tokens. */
static void leave_tokens(listing *l, sigb_diag *why)
{
    forget_items(l, 0);
    OPENSSL_free(l->slots);
    l->slots = NULL;
    l->count = l->at = l->kept = 0;
    p11_module_give_up(l->key->module, l->starts, l->retry.tries, why);
    l->key->module = NULL;
}

static sigb_rc reach_tokens(listing *l, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (l->slots != NULL)
        return SIGB_OK;
    if (l->key->module == NULL)
        rc = p11_module_open(l->key->uri, &l->options, &l->key->module, diag);
    if (rc == SIGB_OK) {
        l->starts = p11_module_starts(l->key->module);
        rc = find_tokens(l, diag);
    }
    if (rc != SIGB_OK)
        leave_tokens(l, diag);
    return rc;
}

static sigb_rc read_token(listing *l, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc;

    forget_items(l, l->kept);
    if (l->log_in)
        return read_logged_in(l, fault, diag);
    rc = read_in_public(l, fault, diag);
    if (rc != SIGB_OK && fault->class == CKR_DEAD)
        leave_tokens(l, diag);
    return rc;
}

static sigb_rc try_list(listing *l, p11_fault *fault, sigb_diag *diag)
{
    sigb_rc rc = reach_tokens(l, diag);

    *fault = fault_of(rc, diag);
    while (rc == SIGB_OK && l->at < l->count) {
        rc = read_token(l, fault, diag);
        if (rc != SIGB_OK)
            return rc;
        if (!l->log_in)
            leave_token(l);
        l->kept = l->used;
        l->at++;
    }
    return rc;
}

static sigb_rc listing_run(void *arg, sigb_diag *diag)
{
    listing *l = arg;
    p11_fault fault;
    sigb_rc rc;

    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    do {
        memset(diag, 0, sizeof(*diag));
        fault = (p11_fault){CKR_FINAL, false};
        rc = try_list(l, &fault, diag);
    } while (rc != SIGB_OK && !l->asks_pin && retry_again(&l->retry, &fault));
    (void)ERR_pop_to_mark();
    return rc;
}

/* ---- in the caller's thread ---- */

static void listing_free(void *arg)
{
    listing *l = arg;

    if (l == NULL)
        return;
    if (l->key != NULL)
        leave_token(l);
    key_drop(l->key);
    forget_items(l, 0);
    OPENSSL_free(l->items);
    OPENSSL_free(l->slots);
    OPENSSL_free(l->module);
    OPENSSL_free(l->init_args);
    OPENSSL_free(l);
}

void bridge_items_free(bridge_items *items)
{
    listing_free(items->listing);
    *items = (bridge_items){NULL, 0, NULL};
}

static listing *listing_new(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    listing *l = OPENSSL_zalloc(sizeof(*l));

    if (l != NULL) {
        l->options = *options;
        l->key = key_new(options);
        l->module = options->module == NULL ? NULL : OPENSSL_strdup(options->module);
        l->init_args = options->init_args == NULL ? NULL : OPENSSL_strdup(options->init_args);
        l->options.module = l->module;
        l->options.init_args = l->init_args;
    }
    if (l == NULL || l->key == NULL || (options->module != NULL && l->module == NULL) ||
        (options->init_args != NULL && l->init_args == NULL)) {
        listing_free(l);
        (void)!sigb_no_memory(diag);
        return NULL;
    }
    return l;
}

static sigb_rc fetch_pin(listing *l, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    l->asks_pin = false;
    secret_free(l->pin);
    l->pin = secret_new();
    return l->pin == NULL ? sigb_no_memory(diag)
                          : pin_fetch(&l->slots[l->at], l->key->uri, options, l->pin, diag);
}

/* Runs, asks, and runs again, until all is read or it is refused. */
static sigb_rc list_asking(listing **l, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    const operation what = {listing_run, listing_free, *l};
    bool left_behind = false;
    sigb_rc rc;

    for (;;) {
        deadline outer = deadline_in(options->timeout_ms);

        (*l)->until = deadline_in(options->timeout_ms - options->timeout_ms / 10);
        (*l)->retry = (p11_retry){.until = (*l)->until, .budget_ms = OPENING_BUDGET_MS};
        rc = deadline_run(&what, outer, &(*l)->key->tracer, &left_behind, diag);
        if (left_behind) {
            *l = NULL;
            return rc;
        }
        if (!(*l)->asks_pin)
            return rc;
        rc = fetch_pin(*l, options, diag);
        if (rc != SIGB_OK)
            return rc;
    }
}

sigb_rc bridge_list(const char *uri, unsigned classes, bool log_in, const sigb_pkcs11_options *options,
                    const bridge_rules *rules, bridge_items *items, sigb_diag *diag)
{
    char *usable = NULL, *shown = NULL;
    sigb_diag why = {{0}, 0};
    listing *l;
    sigb_rc rc;

    if (diag == NULL)
        diag = &why;
    l = listing_new(options, diag);
    if (l == NULL)
        return SIGB_E_MEMORY;
    l->classes = classes;
    l->log_in = log_in;
    rc = bridge_uri_clean(uri, rules, &usable, &shown, diag);
    if (rc == SIGB_OK)
        rc = p11_uri_parse(usable, &options->notes, &l->key->uri, diag);
    if (rc == SIGB_OK)
        rc = list_asking(&l, options, diag);
    bridge_uri_free(usable);
    OPENSSL_free(shown);
    if (rc == SIGB_OK && l != NULL)
        *items = (bridge_items){l->items, l->used, l};
    else
        listing_free(l);
    return rc;
}

/* ---- a module that stays started ---- */

struct bridge_module {
    p11_module *module;
};

bridge_module *bridge_module_hold(const sigb_pkcs11_options *options)
{
    bridge_module *held = OPENSSL_zalloc(sizeof(*held));
    p11_uri *any = NULL;
    sigb_rc rc = held == NULL ? SIGB_E_MEMORY : p11_uri_parse("pkcs11:", NULL, &any, NULL);

    if (rc == SIGB_OK)
        rc = p11_module_open(any, options, &held->module, NULL);
    p11_uri_free(any);
    if (rc == SIGB_OK) {
        p11_module_keep(held->module, true);
        return held;
    }
    OPENSSL_free(held);
    return NULL;
}

void bridge_module_release(bridge_module *held)
{
    if (held != NULL) {
        p11_module_keep(held->module, false);
        p11_module_close(held->module);
    }
    OPENSSL_free(held);
}
