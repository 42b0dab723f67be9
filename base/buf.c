/* SPDX-License-Identifier: Apache-2.0 */
#include <sigbridge/bytes.h>

#include <openssl/crypto.h>

bool sigb_bytes_equal(sigb_bytes a, sigb_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#define FIRST_CAP 64
#define PAGE_CAP  4096

/*
 * Makes room for `more` bytes; the old block is cleansed, it may hold what must
 * not linger. Small blocks grow fast: a statement is some thousand bytes, made of
 * many small ones.
 */
static bool buf_reserve(sigb_buf *buf, size_t more)
{
    size_t cap = buf->cap == 0 ? FIRST_CAP : buf->cap;
    uint8_t *grown;

    if (buf->failed || more > SIZE_MAX / 2 - buf->len) {
        buf->failed = true;
        return false;
    }
    while (cap < buf->len + more)
        cap *= cap < PAGE_CAP ? 4 : 2;
    if (cap == buf->cap)
        return true;
    grown = OPENSSL_malloc(cap);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    if (buf->len > 0)
        memcpy(grown, buf->ptr, buf->len);
    OPENSSL_clear_free(buf->ptr, buf->cap);
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

void sigb_buf_append(sigb_buf *buf, sigb_bytes bytes)
{
    if (bytes.len == 0 || !buf_reserve(buf, bytes.len))
        return;
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

sigb_bytes sigb_buf_bytes(const sigb_buf *buf)
{
    return sigb_bytes_of(buf->ptr, buf->len);
}

void sigb_buf_free(sigb_buf *buf)
{
    if (buf == NULL)
        return;
    OPENSSL_clear_free(buf->ptr, buf->cap);
    *buf = (sigb_buf)SIGB_BUF_INIT;
}
