/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* cli/text.h makes macros of these for the analyzer */
#undef fail
#undef fail_memory

void text_put(sigb_buf *out, const char *text)
{
    sigb_buf_append(out, sigb_bytes_text(text));
}

void text_put_raw(sigb_buf *out, sigb_bytes raw)
{
    sigb_text_escape(out, raw);
}

void text_put_blanks(sigb_buf *out, size_t count)
{
    while (count-- > 0)
        text_put(out, " ");
}

void text_put_int(sigb_buf *out, int64_t number)
{
    char digits[32];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, number);
    text_put(out, digits);
}

void text_put_hex(sigb_buf *out, sigb_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < bytes.len; i++) {
        const char pair[2] = {digits[bytes.ptr[i] >> 4], digits[bytes.ptr[i] & 15]};
        sigb_buf_append(out, sigb_bytes_of(pair, sizeof(pair)));
    }
}

void text_put_time(sigb_buf *out, int64_t at)
{
    char text[32];
    time_t seconds = (time_t)at;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099 ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        text_put_int(out, at);
    else
        text_put(out, text);
}

const char *text_c_str(sigb_buf *text)
{
    sigb_buf_append(text, sigb_bytes_of("", 1));
    if (text->failed)
        return "";
    text->len--;
    return (const char *)text->ptr;
}

sigb_rc fail(sigb_diag *diag, sigb_rc rc, const char *format, ...)
{
    va_list args;

    if (diag == NULL)
        return rc;
    diag->native = 0;
    va_start(args, format);
    (void)vsnprintf(diag->text, sizeof(diag->text), format, args);
    va_end(args);
    return rc;
}

sigb_rc fail_memory(sigb_diag *diag)
{
    return fail(diag, SIGB_E_MEMORY, "out of memory");
}
