/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(sigb_buf *out, sigb_bytes bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = (uint32_t)bytes.ptr[at] << 16;
        char text[4];

        if (left > 1)
            group |= (uint32_t)bytes.ptr[at + 1] << 8;
        if (left > 2)
            group |= bytes.ptr[at + 2];
        for (int i = 0; i < 4; i++)
            text[i] = ALPHABET[group >> (18 - 6 * i) & 63];
        sigb_buf_append(out, sigb_bytes_of(text, left + 1));
    }
}

static bool value_of(uint8_t character, uint32_t *value)
{
    const char *found = character == 0 ? NULL : strchr(ALPHABET, character);

    if (found == NULL)
        return false;
    *value = (uint32_t)(found - ALPHABET);
    return true;
}

/* 2, 3 or 4 characters give 1, 2 or 3 bytes; bits beyond those must be zero. */
static bool decode_group(sigb_bytes text, uint8_t bytes[3])
{
    uint32_t group = 0, value;

    for (size_t i = 0; i < text.len; i++) {
        if (!value_of(text.ptr[i], &value))
            return false;
        group |= value << (18 - 6 * i);
    }
    bytes[0] = (uint8_t)(group >> 16);
    bytes[1] = (uint8_t)(group >> 8);
    bytes[2] = (uint8_t)group;
    return text.len == 4 || (text.len == 3 && bytes[2] == 0) ||
           (text.len == 2 && bytes[1] == 0 && bytes[2] == 0);
}

bool base64url_decode(sigb_buf *out, sigb_bytes text)
{
    size_t before = out->len;
    uint8_t bytes[3];

    if (text.len % 4 == 1)
        return false;
    for (size_t at = 0; at < text.len; at += 4) {
        size_t left = text.len - at < 4 ? text.len - at : 4;
        if (!decode_group(sigb_bytes_of(text.ptr + at, left), bytes)) {
            out->len = before;
            return false;
        }
        sigb_buf_append(out, sigb_bytes_of(bytes, left - 1));
    }
    return true;
}
