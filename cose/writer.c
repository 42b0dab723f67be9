/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/writer.h"

#include "cose/reader.h"

/* RFC 8949, 3: the major type, and an argument in 5 bits or in 1, 2, 4 or 8 bytes. Returns the length, the shortest. */
static size_t write_head(uint8_t head[HEAD_ROOM], item_kind major, uint64_t argument)
{
    unsigned power = argument <= UINT8_MAX ? 0 : argument <= UINT16_MAX ? 1 : argument <= UINT32_MAX ? 2 : 3;
    size_t width = argument < 24 ? 0 : (size_t)1 << power;

    head[0] = (uint8_t)((unsigned)major << 5 | (width == 0 ? (unsigned)argument : 24 + power));
    for (size_t i = width; i > 0; i--, argument >>= 8)
        head[i] = (uint8_t)argument;
    return 1 + width;
}

static void put_head(sigb_buf *out, item_kind major, uint64_t argument)
{
    uint8_t head[HEAD_ROOM];

    sigb_buf_append(out, sigb_bytes_of(head, write_head(head, major, argument)));
}

void put_tag(sigb_buf *out, uint64_t tag)
{
    put_head(out, ITEM_TAG, tag);
}

void put_array(sigb_buf *out, size_t count)
{
    put_head(out, ITEM_ARRAY, count);
}

void put_map(sigb_buf *out, size_t count)
{
    put_head(out, ITEM_MAP, count);
}

void put_int(sigb_buf *out, int64_t value)
{
    if (value < 0)
        put_head(out, ITEM_NINT, (uint64_t)(-1 - value));
    else
        put_head(out, ITEM_UINT, (uint64_t)value);
}

void put_bstr_head(sigb_buf *out, size_t len)
{
    put_head(out, ITEM_BSTR, len);
}

void put_bstr(sigb_buf *out, sigb_bytes bytes)
{
    put_bstr_head(out, bytes.len);
    sigb_buf_append(out, bytes);
}

void put_tstr(sigb_buf *out, const char *text)
{
    put_head(out, ITEM_TSTR, strlen(text));
    sigb_buf_append(out, sigb_bytes_text(text));
}

void put_null(sigb_buf *out)
{
    put_head(out, ITEM_SIMPLE, SIMPLE_NULL);
}

void put_bool(sigb_buf *out, bool value)
{
    put_head(out, ITEM_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

size_t bstr_head(uint8_t head[HEAD_ROOM], size_t len)
{
    return write_head(head, ITEM_BSTR, len);
}

size_t head_len(size_t count)
{
    uint8_t head[HEAD_ROOM];

    return bstr_head(head, count);
}
