/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/writer.h"

#include <cbor.h>

static void put_head(sigb_buf *out, size_t (*encode)(size_t, unsigned char *, size_t), size_t count)
{
    unsigned char head[HEAD_ROOM];

    sigb_buf_append(out, sigb_bytes_of(head, encode(count, head, sizeof(head))));
}

void put_tag(sigb_buf *out, uint64_t tag)
{
    unsigned char head[HEAD_ROOM];

    sigb_buf_append(out, sigb_bytes_of(head, cbor_encode_tag(tag, head, sizeof(head))));
}

void put_array(sigb_buf *out, size_t count)
{
    put_head(out, cbor_encode_array_start, count);
}

void put_map(sigb_buf *out, size_t count)
{
    put_head(out, cbor_encode_map_start, count);
}

void put_int(sigb_buf *out, int64_t value)
{
    unsigned char head[HEAD_ROOM];
    size_t len = value < 0 ? cbor_encode_negint((uint64_t)(-1 - value), head, sizeof(head))
                           : cbor_encode_uint((uint64_t)value, head, sizeof(head));

    sigb_buf_append(out, sigb_bytes_of(head, len));
}

void put_bstr_head(sigb_buf *out, size_t len)
{
    put_head(out, cbor_encode_bytestring_start, len);
}

void put_bstr(sigb_buf *out, sigb_bytes bytes)
{
    put_bstr_head(out, bytes.len);
    sigb_buf_append(out, bytes);
}

void put_tstr(sigb_buf *out, const char *text)
{
    put_head(out, cbor_encode_string_start, strlen(text));
    sigb_buf_append(out, sigb_bytes_text(text));
}

void put_null(sigb_buf *out)
{
    unsigned char head[HEAD_ROOM];

    sigb_buf_append(out, sigb_bytes_of(head, cbor_encode_null(head, sizeof(head))));
}

void put_bool(sigb_buf *out, bool value)
{
    unsigned char head[HEAD_ROOM];

    sigb_buf_append(out, sigb_bytes_of(head, cbor_encode_bool(value, head, sizeof(head))));
}

size_t bstr_head(uint8_t head[HEAD_ROOM], size_t len)
{
    return cbor_encode_bytestring_start(len, head, HEAD_ROOM);
}

size_t head_len(size_t count)
{
    uint8_t head[HEAD_ROOM];

    return bstr_head(head, count);
}
