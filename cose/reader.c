/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/reader.h"

#include "base/error.h"

#define AI_ONE_BYTE           24 /* RFC 8949, 3: the additional information says how the argument follows */
#define AI_EIGHT              27
#define AI_INDEFINITE         31
#define SIMPLE_FIRST_TWO_BYTE 32

reader reader_over(sigb_bytes input, sigb_diag *diag)
{
    return (reader){input, input.ptr, diag};
}

reader reader_inside(const reader *whole, sigb_bytes part)
{
    return (reader){part, whole->start, whole->diag};
}

static size_t offset(const reader *in)
{
    return in->rest.len == 0 && in->rest.ptr == NULL ? 0 : (size_t)(in->rest.ptr - in->start);
}

static sigb_bytes take(reader *in, size_t len)
{
    sigb_bytes taken = sigb_bytes_of(in->rest.ptr, len);

    in->rest = sigb_bytes_of(in->rest.ptr + len, in->rest.len - len);
    return taken;
}

/* ---- heads ---- */

static sigb_rc refuse_short(const reader *in)
{
    return sigb_fail(in->diag, SIGB_E_CBOR, "the CBOR ends at byte %zu where more must follow", offset(in));
}

/* The argument of a head: in the first byte, or in the 1, 2, 4 or 8 bytes behind it, most significant first. */
static sigb_rc take_argument(reader *in, unsigned info, item *head)
{
    sigb_bytes argument;

    head->value = info;
    if (info < AI_ONE_BYTE)
        return SIGB_OK;
    if (info > AI_EIGHT)
        return sigb_fail(in->diag, SIGB_E_CBOR, "reserved additional information %u before byte %zu", info,
                         offset(in));
    head->width = (uint8_t)(1U << (info - AI_ONE_BYTE));
    if (in->rest.len < head->width)
        return refuse_short(in);
    argument = take(in, head->width);
    head->value = 0;
    for (size_t i = 0; i < argument.len; i++)
        head->value = head->value << 8 | argument.ptr[i];
    return SIGB_OK;
}

/* Major type 7 (RFC 8949, 3.3): simple values, floats by their width, and the break. */
static sigb_rc finish_simple(const reader *in, item *head)
{
    if (head->width > 1)
        head->kind = ITEM_FLOAT;
    else if (head->width == 1 && head->value < SIMPLE_FIRST_TWO_BYTE)
        return sigb_fail(in->diag, SIGB_E_CBOR, "simple value %u in two bytes before byte %zu",
                         (unsigned)head->value, offset(in));
    return SIGB_OK;
}

/* No string is longer, no array and no map has more items, than there are bytes left. */
static sigb_rc finish_counted(reader *in, item *head)
{
    size_t left = head->kind == ITEM_MAP ? in->rest.len / 2 : in->rest.len;

    if (head->value > left)
        return sigb_fail(in->diag, SIGB_E_CBOR, "%s of length %llu at byte %zu, where %zu bytes are left",
                         item_name(head), (unsigned long long)head->value, offset(in), in->rest.len);
    if (head->kind == ITEM_BSTR || head->kind == ITEM_TSTR)
        head->body = take(in, (size_t)head->value);
    return SIGB_OK;
}

static sigb_rc finish_indefinite(const reader *in, item *head)
{
    head->indefinite = true;
    head->value = 0;
    switch ((int)head->kind) {
    case ITEM_BSTR:
    case ITEM_TSTR:
    case ITEM_ARRAY:
    case ITEM_MAP:
        return SIGB_OK;
    case ITEM_SIMPLE:
        head->kind = ITEM_BREAK;
        return SIGB_OK;
    default:
        return sigb_fail(in->diag, SIGB_E_CBOR, "%s cannot have an indefinite length, before byte %zu",
                         item_name(head), offset(in));
    }
}

sigb_rc reader_head(reader *in, item *head)
{
    unsigned first, info;
    sigb_rc rc;

    *head = (item){.kind = ITEM_NONE};
    if (in->rest.len == 0)
        return refuse_short(in);
    first = take(in, 1).ptr[0];
    info = first & 0x1F;
    head->kind = (item_kind)(first >> 5);
    if (info == AI_INDEFINITE)
        return finish_indefinite(in, head);
    rc = take_argument(in, info, head);
    if (rc != SIGB_OK)
        return rc;
    if (head->kind == ITEM_SIMPLE)
        return finish_simple(in, head);
    return head->kind >= ITEM_BSTR && head->kind <= ITEM_MAP ? finish_counted(in, head) : SIGB_OK;
}

/* ---- whole items ---- */

static sigb_rc take_item(reader *in, reader_lengths lengths, unsigned depth);

static sigb_rc check_text(const reader *in, sigb_bytes text)
{
    if (sigb_text_is_utf8(text))
        return SIGB_OK;
    return sigb_fail(in->diag, SIGB_E_CBOR, "text that is not UTF-8 before byte %zu", offset(in));
}

/* True once the break that ends an indefinite length is taken. */
static bool take_break(reader *in)
{
    if (in->rest.len == 0 || in->rest.ptr[0] != 0xFF)
        return false;
    (void)take(in, 1);
    return true;
}

static sigb_rc take_chunks(reader *in, item_kind kind)
{
    while (!take_break(in)) {
        item chunk;
        sigb_rc rc = reader_head(in, &chunk);

        if (rc == SIGB_OK && (chunk.kind != kind || chunk.indefinite))
            rc = sigb_fail(in->diag, SIGB_E_CBOR, "%s among the chunks of a string, before byte %zu",
                           item_name(&chunk), offset(in));
        if (rc == SIGB_OK && kind == ITEM_TSTR)
            rc = check_text(in, chunk.body);
        if (rc != SIGB_OK)
            return rc;
    }
    return SIGB_OK;
}

static sigb_rc take_elements(reader *in, const item *array, reader_lengths lengths, unsigned depth)
{
    for (uint64_t i = 0; array->indefinite ? !take_break(in) : i < array->value; i++) {
        sigb_rc rc = take_item(in, lengths, depth);

        if (rc != SIGB_OK)
            return rc;
    }
    return SIGB_OK;
}

static sigb_rc check_head(const reader *in, const item *head, reader_lengths lengths, unsigned depth)
{
    bool nests = head->kind == ITEM_ARRAY || head->kind == ITEM_MAP || head->kind == ITEM_TAG;

    if (head->kind == ITEM_BREAK)
        return sigb_fail(in->diag, SIGB_E_CBOR, "a break where none belongs, before byte %zu", offset(in));
    if (head->indefinite && lengths == LENGTHS_DEFINITE)
        return sigb_fail(in->diag, SIGB_E_INDEFINITE,
                         "%s of indefinite length before byte %zu, where a definite one is wanted",
                         item_name(head), offset(in));
    if (nests && depth == SIGB_MAX_DEPTH)
        return sigb_fail(in->diag, SIGB_E_DEPTH, "nested deeper than %d before byte %zu", SIGB_MAX_DEPTH,
                         offset(in));
    return SIGB_OK;
}

/* Keys are numbers and strings: what COSE uses, and nothing that could nest. */
static sigb_rc take_key(reader *in, keyset *keys)
{
    sigb_bytes before = in->rest;
    item key;
    sigb_rc rc = reader_head(in, &key);

    if (rc == SIGB_OK)
        rc = check_head(in, &key, LENGTHS_DEFINITE, 0);
    if (rc == SIGB_OK && key.kind > ITEM_TSTR)
        rc = sigb_fail(in->diag, SIGB_E_UNSUPPORTED,
                       "%s as a map key before byte %zu; numbers and strings are read", item_name(&key),
                       offset(in));
    if (rc == SIGB_OK && key.kind == ITEM_TSTR)
        rc = check_text(in, key.body);
    if (rc != SIGB_OK)
        return rc;
    return keyset_add(keys, sigb_bytes_of(before.ptr, before.len - in->rest.len), in);
}

static sigb_rc take_entries(reader *in, const item *map, reader_lengths lengths, unsigned depth)
{
    keyset keys;

    keys.count = 0;
    for (uint64_t i = 0; map->indefinite ? !take_break(in) : i < map->value; i++) {
        sigb_rc rc = take_key(in, &keys);

        if (rc == SIGB_OK)
            rc = take_item(in, lengths, depth);
        if (rc != SIGB_OK)
            return rc;
    }
    return SIGB_OK;
}

static sigb_rc take_item(reader *in, reader_lengths lengths, unsigned depth)
{
    item head;
    sigb_rc rc = reader_head(in, &head);

    if (rc == SIGB_OK)
        rc = check_head(in, &head, lengths, depth);
    if (rc != SIGB_OK)
        return rc;
    switch ((int)head.kind) {
    case ITEM_BSTR:
        return head.indefinite ? take_chunks(in, ITEM_BSTR) : SIGB_OK;
    case ITEM_TSTR:
        return head.indefinite ? take_chunks(in, ITEM_TSTR) : check_text(in, head.body);
    case ITEM_ARRAY:
        return take_elements(in, &head, lengths, depth + 1);
    case ITEM_MAP:
        return take_entries(in, &head, lengths, depth + 1);
    case ITEM_TAG:
        return take_item(in, lengths, depth + 1);
    default:
        return SIGB_OK;
    }
}

sigb_rc reader_item(reader *in, reader_lengths lengths, sigb_bytes *whole)
{
    sigb_bytes before = in->rest;
    sigb_rc rc = take_item(in, lengths, 0);

    if (rc == SIGB_OK && whole != NULL)
        *whole = sigb_bytes_of(before.ptr, before.len - in->rest.len);
    return rc;
}

sigb_rc reader_end(const reader *in)
{
    if (in->rest.len == 0)
        return SIGB_OK;
    return sigb_fail(in->diag, SIGB_E_TRAILING, "%zu bytes behind the end, from byte %zu", in->rest.len,
                     offset(in));
}

/* ---- items that were checked ---- */

item item_take(sigb_bytes *rest)
{
    reader in = reader_over(*rest, NULL);
    item head;

    if (reader_head(&in, &head) != SIGB_OK)
        head.kind = ITEM_NONE;
    *rest = in.rest;
    return head;
}

item item_of(sigb_bytes whole)
{
    return item_take(&whole);
}

sigb_bytes item_take_whole(sigb_bytes *rest)
{
    reader in = reader_over(*rest, NULL);
    sigb_bytes whole = SIGB_BYTES_NONE;

    if (reader_item(&in, LENGTHS_ANY, &whole) != SIGB_OK)
        in.rest.len = 0; /* callers loop until nothing is left */
    *rest = in.rest;
    return whole;
}

bool item_is_int(const item *number)
{
    return number->kind == ITEM_UINT || number->kind == ITEM_NINT;
}

bool item_int(const item *number, int64_t *value)
{
    if (!item_is_int(number) || number->value > INT64_MAX)
        return false;
    *value = number->kind == ITEM_UINT ? (int64_t)number->value : -1 - (int64_t)number->value;
    return true;
}

bool item_is_null(const item *simple)
{
    return simple->kind == ITEM_SIMPLE && simple->value == SIMPLE_NULL;
}

const char *item_name(const item *found)
{
    static const char *const names[] = {
        "a number",      "a negative number", "a byte string", "a text",  "an array",      "a map",
        "a tagged item", "a simple value",    "a float",       "a break", "nothing at all"};

    return names[found->kind];
}

/* ---- the keys of one map ---- */

/* Orders numbers and strings by value, so that 01 and 1801, two encodings of 1, compare as equal. */
static int key_compare(sigb_bytes a, sigb_bytes b)
{
    item x = item_of(a), y = item_of(b);

    if (x.kind != y.kind)
        return x.kind < y.kind ? -1 : 1;
    if (x.value != y.value) /* of strings, the length */
        return x.value < y.value ? -1 : 1;
    return x.body.len == 0 || y.body.len == 0 ? 0 : memcmp(x.body.ptr, y.body.ptr, x.body.len);
}

/* Where the key stands, or belongs. */
static size_t key_place(const keyset *set, sigb_bytes key, bool *found)
{
    size_t low = 0, high = set->count;

    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = key_compare(key, set->keys[middle]);

        if (order > 0)
            low = middle + 1;
        else
            high = middle;
        *found = order == 0;
    }
    return *found ? high : low;
}

bool keyset_has(const keyset *set, sigb_bytes key)
{
    bool found;

    (void)key_place(set, key, &found);
    return found;
}

sigb_rc keyset_add(keyset *set, sigb_bytes key, const reader *in)
{
    bool found;
    size_t place = key_place(set, key, &found);

    if (found)
        return sigb_fail(in->diag, SIGB_E_DUPLICATE, "a map has a key twice, before byte %zu", offset(in));
    if (set->count == SIGB_MAX_MAP)
        return sigb_fail(in->diag, SIGB_E_LIMIT, "a map of more than %d entries, at byte %zu", SIGB_MAX_MAP,
                         offset(in));
    memmove(&set->keys[place + 1], &set->keys[place], (set->count - place) * sizeof(key));
    set->keys[place] = key;
    set->count++;
    return SIGB_OK;
}
