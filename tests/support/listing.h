/* SPDX-License-Identifier: Apache-2.0 */
/* What `token list` finds, kept for a test to look at. */
#ifndef SIGB_TESTS_LISTING_H
#define SIGB_TESTS_LISTING_H

#include <sigbridge/token.h>

#define LISTING_ROOM 64

typedef struct listed {
    char kind[8], uri[1024], token[40], serial[20], label[300], type[32], note[300];
    uint8_t id[64];
    size_t id_len;
} listed;

typedef struct listing {
    listed items[LISTING_ROOM];
    size_t count;
} listing;

/* Options for SoftHSM, with its user PIN (softhsm_pin) or without any. */
sigb_pkcs11_options softhsm_options(void);
sigb_pkcs11_options softhsm_options_without_pin(void);

/* A sigb_token_item_fn; arg is a listing. */
void listing_add(void *arg, const sigb_token_item *item);

/* Lists, and fails the test if that fails. */
void listing_take(listing *list, const char *uri, const sigb_pkcs11_options *options);

/* The one item of this kind and label (of a token: its own label); fails the test if there is none. */
const listed *listing_find(const listing *list, const char *kind, const char *label);

size_t listing_count(const listing *list, const char *kind);

#endif
