/* SPDX-License-Identifier: Apache-2.0 */
/* Text on its way to a person. What is not a literal of ours goes through text_put_raw(). */
#ifndef SIGB_CLI_TEXT_H
#define SIGB_CLI_TEXT_H

#include <sigbridge/bytes.h>

/* Appends a literal, or another text that is known to be harmless. */
void text_put(sigb_buf *out, const char *text);

/* Appends bytes from outside, escaped (sigb_text_escape). */
void text_put_raw(sigb_buf *out, sigb_bytes raw);

void text_put_blanks(sigb_buf *out, size_t count);
void text_put_int(sigb_buf *out, int64_t number);
void text_put_hex(sigb_buf *out, sigb_bytes bytes);

/* "2026-07-01T12:00:00Z"; a year that RFC 3339 cannot write gives the seconds. */
void text_put_time(sigb_buf *out, int64_t at);

/* The content as a C string, valid until the next append; "" when there is no memory for it. */
const char *text_c_str(sigb_buf *text);

/* Words of a refusal, and its code: a refusal is one statement. diag may be NULL. */
sigb_rc fail(sigb_diag *diag, sigb_rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

sigb_rc fail_memory(sigb_diag *diag);

/* clang's analyzer reads one file at a time: without this it thinks that a refusal may be SIGB_OK. */
#ifdef __clang_analyzer__
#define fail(diag, rc, ...) (fail((diag), (rc), __VA_ARGS__), (rc))
#define fail_memory(diag)   (fail_memory(diag), SIGB_E_MEMORY)
#endif

#endif
