/* SPDX-License-Identifier: Apache-2.0 */
/* Text on its way to a person: appending literals, formatting, and escaping (sigbridge/bytes.h). */
#ifndef SIGB_BASE_TEXT_H
#define SIGB_BASE_TEXT_H

#include <sigbridge/bytes.h>

/* Appends the characters of a string. */
void text_put(sigb_buf *out, const char *text);

/* Appends formatted text; for what is ours, raw input goes through sigb_text_escape(). */
void text_putf(sigb_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends lower-case hexadecimal. */
void text_put_hex(sigb_buf *out, sigb_bytes bytes);

/* Appends the terminator, so that out->ptr is a C string; does not count it in len. */
const char *text_c_str(sigb_buf *out);

#endif
