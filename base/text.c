/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_put(sigb_buf *out, const char *text)
{
    sigb_buf_append(out, sigb_bytes_text(text));
}

void text_putf(sigb_buf *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(text))
        out->failed = true; /* our own formats are short; cutting would drop something */
    else
        sigb_buf_append(out, sigb_bytes_of(text, (size_t)len));
}

void text_put_hex(sigb_buf *out, sigb_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        const char pair[2] = {digits[bytes.ptr[i] >> 4], digits[bytes.ptr[i] & 15]};
        sigb_buf_append(out, sigb_bytes_of(pair, sizeof(pair)));
    }
}

const char *text_c_str(sigb_buf *out)
{
    sigb_buf_append(out, sigb_bytes_of("", 1));
    if (out->failed)
        return NULL;
    out->len--;
    return (const char *)out->ptr;
}

/* UTF-8 as RFC 3629, 4 lays it out: by first byte, the length and the range of the second byte. */
static const struct utf8_row {
    uint8_t first, last;
    uint8_t len;
    uint8_t second_min, second_max;
} UTF8[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static bool utf8_tail_ok(const struct utf8_row *row, sigb_bytes raw)
{
    if (raw.len < row->len)
        return false;
    if (row->len > 1 && (raw.ptr[1] < row->second_min || raw.ptr[1] > row->second_max))
        return false;
    for (size_t i = 2; i < row->len; i++)
        if ((raw.ptr[i] & 0xC0) != 0x80)
            return false;
    return true;
}

/* Length of the character at the start of raw (not empty) and its code point; 0 if it is none. */
static size_t utf8_take(sigb_bytes raw, uint32_t *point)
{
    for (size_t i = 0; i < sizeof(UTF8) / sizeof(UTF8[0]); i++) {
        const struct utf8_row *row = &UTF8[i];
        if (raw.ptr[0] < row->first || raw.ptr[0] > row->last)
            continue;
        if (!utf8_tail_ok(row, raw))
            return 0;
        *point = raw.ptr[0] & (row->len == 1 ? 0x7FU : 0xFFU >> (row->len + 1));
        for (size_t j = 1; j < row->len; j++)
            *point = *point << 6 | (raw.ptr[j] & 0x3F);
        return row->len;
    }
    return 0;
}

bool sigb_text_is_utf8(sigb_bytes raw)
{
    uint32_t point;

    for (size_t at = 0; at < raw.len;) {
        size_t len = utf8_take(sigb_bytes_of(raw.ptr + at, raw.len - at), &point);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

/* Characters that steer a terminal or reorder, hide or break text (Unicode: Cc, Cf, Zl, Zp, Cn plane ends). */
static const struct {
    uint32_t first, last;
} STEERING[] = {
    {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
    {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x115F, 0x1160},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},
    {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
    {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1345F}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static bool steers(uint32_t point)
{
    for (size_t i = 0; i < sizeof(STEERING) / sizeof(STEERING[0]); i++)
        if (point >= STEERING[i].first && point <= STEERING[i].last)
            return true;
    return false;
}

void sigb_text_escape(sigb_buf *out, sigb_bytes raw)
{
    for (size_t at = 0; at < raw.len;) {
        uint32_t point = 0;
        size_t len = utf8_take(sigb_bytes_of(raw.ptr + at, raw.len - at), &point);

        if (len == 0 || point < 0x20 || point == 0x7F)
            text_putf(out, "\\x%02x", raw.ptr[at]);
        else if (point == '\\')
            text_put(out, "\\\\");
        else if (steers(point))
            text_putf(out, "\\u{%x}", (unsigned)point);
        else
            sigb_buf_append(out, sigb_bytes_of(raw.ptr + at, len));
        at += len == 0 ? 1 : len;
    }
}
