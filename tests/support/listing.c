/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

#include <stdio.h>

sigb_pkcs11_options softhsm_options(void)
{
    return (sigb_pkcs11_options){.module = softhsm_module(), .pin = softhsm_pin};
}

sigb_pkcs11_options softhsm_options_without_pin(void)
{
    return (sigb_pkcs11_options){.module = softhsm_module()};
}

static void keep(char *room, size_t size, const char *text)
{
    assert_non_null(text);
    assert_true(strlen(text) < size);
    memcpy(room, text, strlen(text) + 1);
}

void listing_add(void *arg, const sigb_token_item *item)
{
    listing *list = arg;
    listed *kept = &list->items[list->count];

    assert_true(list->count < LISTING_ROOM);
    list->count++;
    keep(kept->kind, sizeof(kept->kind), item->kind);
    keep(kept->uri, sizeof(kept->uri), item->uri);
    keep(kept->token, sizeof(kept->token), item->token);
    keep(kept->serial, sizeof(kept->serial), item->serial);
    keep(kept->label, sizeof(kept->label), item->label);
    keep(kept->type, sizeof(kept->type), item->type);
    keep(kept->note, sizeof(kept->note), item->note);
    assert_non_null(item->model);
    assert_true(item->id.len <= sizeof(kept->id));
    if (item->id.len > 0)
        memcpy(kept->id, item->id.ptr, item->id.len);
    kept->id_len = item->id.len;
}

void listing_take(listing *list, const char *uri, const sigb_pkcs11_options *options)
{
    sigb_diag diag = {{0}, 0};

    memset(list, 0, sizeof(*list));
    if (sigb_token_list(uri, options, listing_add, list, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
}

const listed *listing_find(const listing *list, const char *kind, const char *label)
{
    for (size_t i = 0; i < list->count; i++) {
        const listed *item = &list->items[i];
        if (strcmp(item->kind, kind) == 0 &&
            strcmp(strcmp(kind, "token") == 0 ? item->token : item->label, label) == 0)
            return item;
    }
    fail_msg("no %s \"%s\" among %zu items", kind, label, list->count);
    return NULL;
}

size_t listing_count(const listing *list, const char *kind)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += strcmp(list->items[i].kind, kind) == 0;
    return count;
}
