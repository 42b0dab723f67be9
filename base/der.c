/* SPDX-License-Identifier: Apache-2.0 */
#include "base/der.h"

#include <time.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>

#include "base/error.h"

sigb_rc der_take(sigb_buf *out, unsigned char *written, int len, const char *what, sigb_diag *diag)
{
    if (len <= 0)
        return sigb_openssl_failed(diag, what);
    sigb_buf_append(out, sigb_bytes_of(written, (size_t)len));
    OPENSSL_free(written);
    return out->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* The length behind a tag, and how many bytes tell it; 0 where it is not as DER has it. */
static size_t read_length(sigb_bytes after_tag, size_t *len)
{
    size_t count, value = 0;

    if (after_tag.len == 0)
        return 0;
    *len = after_tag.ptr[0];
    if (*len < 0x80)
        return 1;
    count = *len & 0x7F;
    if (count == 0 || count > 4 || after_tag.len < 1 + count || after_tag.ptr[1] == 0)
        return 0;
    for (size_t i = 1; i <= count; i++)
        value = value << 8 | after_tag.ptr[i];
    *len = value;
    return value < 0x80 ? 0 : 1 + count;
}

bool der_open(sigb_bytes *rest, uint8_t tag, sigb_bytes *content)
{
    size_t len = 0, head;

    if (rest->len == 0 || rest->ptr[0] != tag)
        return false;
    head = read_length(sigb_bytes_of(rest->ptr + 1, rest->len - 1), &len);
    if (head == 0 || len > rest->len - 1 - head)
        return false;
    *content = sigb_bytes_of(rest->ptr + 1 + head, len);
    *rest = sigb_bytes_of(content->ptr + len, rest->len - 1 - head - len);
    return true;
}

bool der_seconds(const ASN1_TIME *time, int64_t *at)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *at = (int64_t)timegm(&tm);
    return true;
}
