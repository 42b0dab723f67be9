/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded reader of CBOR (RFC 8949): slices into the input, no allocation,
 * counts held against the bytes that are left, nesting against SIGB_MAX_DEPTH.
 *
 * Refused anywhere: what is not well-formed, text that is not UTF-8, a key that
 * a map has twice (two encodings of one number are one key), an indefinite
 * length where the caller allows none and in every map key. Tolerated:
 * non-shortest heads, because signed bytes are never encoded again.
 */
#ifndef SIGB_COSE_READER_H
#define SIGB_COSE_READER_H

#include <sigbridge/bytes.h>

typedef enum item_kind {
    ITEM_UINT, /* the major types of RFC 8949, 3.1, in their order */
    ITEM_NINT,
    ITEM_BSTR,
    ITEM_TSTR,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_TAG,
    ITEM_SIMPLE,
    ITEM_FLOAT,
    ITEM_BREAK,
    ITEM_NONE /* nothing was read */
} item_kind;

/* A head, and of a string of definite length its content too. */
typedef struct item {
    item_kind kind;
    bool indefinite;
    uint8_t width;   /* bytes of the argument behind the first byte: 0, 1, 2, 4 or 8 */
    uint64_t value;  /* the number (ITEM_NINT: n of -1-n), length, count, tag, simple value or float's bits */
    sigb_bytes body; /* ITEM_BSTR, ITEM_TSTR of definite length */
} item;

#define SIMPLE_FALSE     20
#define SIMPLE_TRUE      21
#define SIMPLE_NULL      22
#define SIMPLE_UNDEFINED 23

typedef struct reader {
    sigb_bytes rest;
    const uint8_t *start; /* refusals name the place as an offset from here */
    sigb_diag *diag;
} reader;

reader reader_over(sigb_bytes input, sigb_diag *diag);

/* A reader over a part of what `whole` reads. */
reader reader_inside(const reader *whole, sigb_bytes part);

typedef enum reader_lengths { LENGTHS_DEFINITE, LENGTHS_ANY } reader_lengths;

/* Takes one head. SIGB_E_CBOR; a text is not yet checked for UTF-8. */
SIGB_CHECK sigb_rc reader_head(reader *in, item *head);

/* Takes one whole item with all that it holds, checked. `whole`, may be NULL, is its encoding. */
SIGB_CHECK sigb_rc reader_item(reader *in, reader_lengths lengths, sigb_bytes *whole);

/* SIGB_E_TRAILING unless everything is taken. */
SIGB_CHECK sigb_rc reader_end(const reader *in);

/* The head of an item that reader_item() has checked; ITEM_NONE for no bytes. */
item item_of(sigb_bytes whole);

/* Takes a head off the content of a checked item. */
item item_take(sigb_bytes *rest);

/* Takes a whole item off the content of a checked item, and gives its encoding. */
sigb_bytes item_take_whole(sigb_bytes *rest);

/* The number, if the item is one and fits. */
bool item_int(const item *number, int64_t *value);

bool item_is_int(const item *number);
bool item_is_null(const item *simple);

/* "an array": for refusals. */
const char *item_name(const item *found);

/* ---- the keys of one map ---- */

/* Encoded keys in order of their values, so that a repeated one is found without comparing all pairs. */
typedef struct keyset {
    size_t count;
    sigb_bytes keys[SIGB_MAX_MAP];
} keyset;

/* True if it holds a key of the same value. */
bool keyset_has(const keyset *set, sigb_bytes key);

/* Takes a key (number or string, definite) for the map that `in` reads. SIGB_E_DUPLICATE, SIGB_E_LIMIT. */
SIGB_CHECK sigb_rc keyset_add(keyset *set, sigb_bytes key, const reader *in);

#endif
