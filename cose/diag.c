/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/diag.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define BYTES_SHOWN 256   /* of a byte string */
#define ITEM_ROOM   16384 /* characters, after which a large item is cut */

void diag_put_text(sigb_buf *out, sigb_bytes text)
{
    size_t shown = text.len > SIGB_MAX_SUBJECT ? SIGB_MAX_SUBJECT : text.len;
    size_t from = 0;

    text_put(out, "\"");
    for (size_t i = 0; i < shown; i++) {
        if (text.ptr[i] != '"')
            continue;
        sigb_text_escape(out, sigb_bytes_of(text.ptr + from, i - from));
        text_put(out, "\\\"");
        from = i + 1;
    }
    if (from < shown)
        sigb_text_escape(out, sigb_bytes_of(text.ptr + from, shown - from));
    text_put(out, "\"");
    if (shown < text.len)
        text_putf(out, "... (%zu bytes)", text.len);
}

void diag_put_bytes(sigb_buf *out, sigb_bytes bytes)
{
    size_t shown = bytes.len > BYTES_SHOWN ? BYTES_SHOWN : bytes.len;

    text_put(out, "h'");
    text_put_hex(out, sigb_bytes_of(bytes.ptr, shown));
    text_put(out, "'");
    if (shown < bytes.len)
        text_putf(out, "... (%zu bytes)", bytes.len);
}

/* ---- floats ---- */

#define EXPONENT_ALL (UINT64_C(0x7FF) << 52) /* of a double: infinity, or no number */
#define FRACTION     (~UINT64_C(0) >> 12)

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Five bits of exponent, ten of fraction (RFC 8949, appendix D). */
static double half_value(uint64_t bits)
{
    unsigned exponent = (unsigned)(bits >> 10 & 0x1F);
    double value = (double)(bits & 0x3FF);

    if (exponent == 31)
        value = double_of(EXPONENT_ALL | (bits & 0x3FF) << 42);
    else
        value = exponent == 0 ? value / 16777216 : (value + 1024) * (double)(1ULL << exponent) / 33554432;
    return (bits & 0x8000) != 0 ? -value : value;
}

static double float_value(const item *number)
{
    uint32_t bits = (uint32_t)number->value;
    float narrow;

    if (number->width == 2)
        return half_value(number->value);
    if (number->width == 4) {
        memcpy(&narrow, &bits, sizeof(narrow));
        return (double)narrow;
    }
    return double_of(number->value);
}

/* As few digits as give the same number again, and always a point: 1.0. */
static void put_float(sigb_buf *out, double value)
{
    uint64_t bits;
    char text[40];

    memcpy(&bits, &value, sizeof(bits));
    if ((bits & EXPONENT_ALL) == EXPONENT_ALL) {
        text_put(out, (bits & FRACTION) != 0 ? "NaN" : value < 0 ? "-Infinity" : "Infinity");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    for (char *at = text; *at != '\0'; at++)
        if (*at == ',') /* the locale's */
            *at = '.';
    text_put(out, text);
    if (strpbrk(text, ".e") == NULL)
        text_put(out, ".0");
}

/* ---- items ---- */

typedef struct notation {
    sigb_buf *out;
    size_t end; /* of out, where this item is cut */
} notation;

static bool is_full(const notation *to)
{
    return to->out->failed || to->out->len >= to->end;
}

static void put_negative(sigb_buf *out, uint64_t n)
{
    if (n == UINT64_MAX)
        text_put(out, "-18446744073709551616");
    else
        text_putf(out, "-%llu", (unsigned long long)n + 1);
}

static void put_simple(sigb_buf *out, uint64_t value)
{
    static const char *const names[] = {"false", "true", "null", "undefined"};

    if (value >= SIMPLE_FALSE && value <= SIMPLE_UNDEFINED)
        text_put(out, names[value - SIMPLE_FALSE]);
    else
        text_putf(out, "simple(%u)", (unsigned)value);
}

static void put_string(sigb_buf *out, const item *string)
{
    if (string->kind == ITEM_BSTR)
        diag_put_bytes(out, string->body);
    else
        diag_put_text(out, string->body);
}

/* True while an array, a map or a chunked string has more; takes the break. */
static bool has_more(sigb_bytes *rest, const item *of, uint64_t taken, uint64_t count)
{
    if (!of->indefinite)
        return taken < count;
    if (rest->len > 0 && rest->ptr[0] != 0xFF)
        return true;
    (void)item_take(rest);
    return false;
}

static void put_item(notation *to, sigb_bytes *rest);

static void put_list(notation *to, sigb_bytes *rest, const item *list, const char *brackets)
{
    uint64_t count = list->kind == ITEM_MAP ? 2 * list->value : list->value;

    text_putf(to->out, "%c%s", brackets[0], list->indefinite ? "_ " : "");
    for (uint64_t i = 0; has_more(rest, list, i, count) && !is_full(to); i++) {
        if (i > 0)
            text_put(to->out, list->kind == ITEM_MAP && i % 2 == 1 ? ": " : ", ");
        put_item(to, rest);
    }
    text_putf(to->out, "%s%c", is_full(to) ? " ..." : "", brackets[1]);
}

static void put_item(notation *to, sigb_bytes *rest)
{
    item head = item_take(rest);

    switch (head.kind) {
    case ITEM_UINT:
        text_putf(to->out, "%llu", (unsigned long long)head.value);
        break;
    case ITEM_NINT:
        put_negative(to->out, head.value);
        break;
    case ITEM_BSTR:
    case ITEM_TSTR:
        if (head.indefinite)
            put_list(to, rest, &head, "()");
        else
            put_string(to->out, &head);
        break;
    case ITEM_ARRAY:
        put_list(to, rest, &head, "[]");
        break;
    case ITEM_MAP:
        put_list(to, rest, &head, "{}");
        break;
    case ITEM_TAG:
        text_putf(to->out, "%llu(", (unsigned long long)head.value);
        put_item(to, rest);
        text_put(to->out, ")");
        break;
    case ITEM_SIMPLE:
        put_simple(to->out, head.value);
        break;
    case ITEM_FLOAT:
        put_float(to->out, float_value(&head));
        break;
    case ITEM_BREAK:
    case ITEM_NONE:
        text_put(to->out, "?");
        break;
    }
}

void diag_put(sigb_buf *out, sigb_bytes whole)
{
    notation to = {out, out->len + ITEM_ROOM};
    sigb_bytes rest = whole;

    put_item(&to, &rest);
    if (is_full(&to))
        text_putf(out, " (%zu bytes of CBOR)", whole.len);
}
