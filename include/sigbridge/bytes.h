/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: the one currency of this API.
 *
 * sigb_bytes borrows: it points into memory that somebody else owns and is
 * passed by value. sigb_buf owns: it grows, and remembers in `failed` that an
 * allocation was refused, so that writers never check and whoever reads the
 * result does, once.
 *
 * A set of certificates is bytes too: DER certificates one behind the other
 * (each says its own length). sigb_certs_append() turns PEM or DER input into
 * that form, sigb_certs_next() walks it.
 *
 * Threads: values are independent; one sigb_buf belongs to one thread at a time.
 */
#ifndef SIGBRIDGE_BYTES_H
#define SIGBRIDGE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sigbridge/error.h>
#include <sigbridge/limits.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* A borrowed view. ptr may be NULL only where len is 0. */
typedef struct sigb_bytes {
    const uint8_t *ptr;
    size_t len;
} sigb_bytes;

#define SIGB_BYTES_NONE ((sigb_bytes){NULL, 0})

static inline sigb_bytes sigb_bytes_of(const void *ptr, size_t len)
{
    sigb_bytes bytes = {(const uint8_t *)ptr, len}; /* as C++ has it too */
    return bytes;
}

/* The characters of a string, without its terminator. NULL gives no bytes. */
static inline sigb_bytes sigb_bytes_text(const char *text)
{
    return sigb_bytes_of(text, text == NULL ? 0 : strlen(text));
}

/* True when both hold the same bytes. Not constant time: never for secrets. */
bool sigb_bytes_equal(sigb_bytes a, sigb_bytes b);

/* An owned, growing buffer. Start with SIGB_BUF_INIT, end with sigb_buf_free(). */
typedef struct sigb_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    bool failed; /* an append was refused; the content is then incomplete */
} sigb_buf;

#define SIGB_BUF_INIT                                                                                        \
    {                                                                                                        \
        NULL, 0, 0, false                                                                                    \
    }

/* Adds bytes at the end. Out of memory sets buf->failed and leaves the content as it was. */
void sigb_buf_append(sigb_buf *buf, sigb_bytes bytes);

/* The content as a view, valid until the next append or free. */
sigb_bytes sigb_buf_bytes(const sigb_buf *buf);

/* Cleanses and frees the content; buf is empty and usable again. NULL is allowed. */
void sigb_buf_free(sigb_buf *buf);

/*
 * Appends `raw` to `out` so that it can be shown on a terminal: valid UTF-8 of
 * printable characters only. Backslash becomes \\; C0, DEL and the bytes of
 * invalid UTF-8 become \xHH; C1, line and paragraph separators, bidirectional
 * and other invisible format controls become \u{HEX}. Nothing is dropped, and
 * two different inputs never give the same text.
 */
void sigb_text_escape(sigb_buf *out, sigb_bytes raw);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool sigb_text_is_utf8(sigb_bytes raw);

/*
 * Appends every certificate of `input` to `certs` as DER. Input is PEM (other
 * PEM blocks and text between them are passed over), or DER certificates one
 * behind the other. At most SIGB_MAX_CERTS certificates of at most
 * SIGB_MAX_CERT_LEN bytes.
 * SIGB_E_CERT_DER: nothing in it is a certificate, or one cannot be read, or
 * bytes are left over. SIGB_E_LIMIT, SIGB_E_MEMORY. On error `certs` is as it was.
 * Checks the encoding alone: neither signatures, nor dates, nor trust.
 */
SIGB_CHECK sigb_rc sigb_certs_append(sigb_buf *certs, sigb_bytes input, sigb_diag *diag);

/*
 * Takes the first certificate off `rest` into `cert` (a view of its DER) and
 * moves `rest` behind it. False when `rest` is empty or does not begin with a
 * DER SEQUENCE that fits. Reads the outer length alone.
 */
bool sigb_certs_next(sigb_bytes *rest, sigb_bytes *cert);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
