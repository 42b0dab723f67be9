/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/hex.h"

sigb_bytes hex_put(sigb_buf *room, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned half = 0, value = 0;

    for (; *text != '\0'; text++) {
        const char *digit = strchr(digits, *text | 0x20);
        uint8_t byte;

        if (*text == ' ')
            continue;
        assert_non_null(digit);
        value = value << 4 | (unsigned)(digit - digits);
        byte = (uint8_t)value;
        if (++half % 2 == 0)
            sigb_buf_append(room, sigb_bytes_of(&byte, 1));
    }
    assert_int_equal(half % 2, 0);
    assert_false(room->failed);
    return sigb_buf_bytes(room);
}
