/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes for tests, written as hexadecimal with blanks where they help. */
#ifndef SIGB_TESTS_HEX_H
#define SIGB_TESTS_HEX_H

#include <sigbridge/bytes.h>

/* Appends what the text stands for; a test that misspells it fails. Returns all of `room`. */
sigb_bytes hex_put(sigb_buf *room, const char *text);

#endif
