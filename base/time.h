/* SPDX-License-Identifier: Apache-2.0 */
/* Times are seconds since 1970-01-01T00:00:00Z; as text, RFC 3339. Reading them: sigbridge/issuer.h. */
#ifndef SIGB_BASE_TIME_H
#define SIGB_BASE_TIME_H

#include <sigbridge/bytes.h>

/* `at` itself, or the system clock where it is SIGB_TIME_NOW. */
int64_t time_resolve(int64_t at);

#define TIME_TEXT 32

/* Writes "2026-07-01T12:00:00Z"; years outside 0000..9999 as the number of seconds. Returns text. */
const char *time_text(int64_t at, char text[TIME_TEXT]);

#endif
