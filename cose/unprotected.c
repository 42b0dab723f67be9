/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/unprotected.h"

#include "cose/parsed.h"
#include "cose/writer.h"

static bool is_label(sigb_bytes encoded, int64_t label)
{
    item head = item_of(encoded);
    int64_t number;

    return item_int(&head, &number) && number == label;
}

/* The entries with the value in its place; how many there are then. */
static uint64_t put_entries(sigb_buf *out, sigb_bytes entries, int64_t label, sigb_bytes value)
{
    uint64_t count = 0;
    bool met = false;

    while (entries.len > 0) {
        sigb_bytes key = item_take_whole(&entries), old = item_take_whole(&entries);
        bool here = is_label(key, label);

        met |= here;
        if (here && value.len == 0)
            continue;
        sigb_buf_append(out, key);
        sigb_buf_append(out, here ? value : old);
        count++;
    }
    if (met || value.len == 0)
        return count;
    put_int(out, label);
    sigb_buf_append(out, value);
    return count + 1;
}

void unprotected_splice(const sigb_statement *statement, int64_t label, sigb_bytes value, sigb_buf *out)
{
    sigb_bytes all = sigb_buf_bytes(&statement->bytes), map = statement->unprotected_map;
    const uint8_t *behind = map.ptr + map.len;
    sigb_buf entries = SIGB_BUF_INIT;
    uint64_t count;

    (void)item_take(&map);
    count = put_entries(&entries, map, label, value);
    sigb_buf_append(out, sigb_bytes_of(all.ptr, (size_t)(statement->unprotected_map.ptr - all.ptr)));
    put_map(out, (size_t)count);
    sigb_buf_append(out, sigb_buf_bytes(&entries));
    sigb_buf_append(out, sigb_bytes_of(behind, (size_t)(all.ptr + all.len - behind)));
    out->failed |= entries.failed;
    sigb_buf_free(&entries);
}
