/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/unprotected.h"

#include "base/error.h"
#include "cose/parsed.h"
#include "cose/writer.h"

static bool is_label(sigb_bytes encoded, int64_t label)
{
    item head = item_of(encoded);
    int64_t number;

    return item_int(&head, &number) && number == label;
}

static bool has_label(sigb_bytes entries, int64_t label)
{
    while (entries.len > 0) {
        if (is_label(item_take_whole(&entries), label))
            return true;
        (void)item_take_whole(&entries);
    }
    return false;
}

static void put_unprotected(sigb_buf *out, sigb_bytes map, int64_t label, sigb_bytes value)
{
    size_t count = (size_t)item_take(&map).value;
    bool had = has_label(map, label);

    put_map(out, count - had + (value.len > 0));
    while (map.len > 0) {
        sigb_bytes key = item_take_whole(&map), old = item_take_whole(&map);
        bool here = is_label(key, label);

        if (here && value.len == 0)
            continue;
        sigb_buf_append(out, key);
        sigb_buf_append(out, here ? value : old);
    }
    if (had || value.len == 0)
        return;
    put_int(out, label);
    sigb_buf_append(out, value);
}

/* All bytes before the map and behind it are the statement's own. */
static void put_statement(sigb_buf *out, const sigb_statement *statement, int64_t label, sigb_bytes value)
{
    sigb_bytes whole = sigb_buf_bytes(&statement->bytes), map = statement->unprotected_map;
    size_t before = (size_t)(map.ptr - whole.ptr);

    sigb_buf_append(out, sigb_bytes_of(whole.ptr, before));
    put_unprotected(out, map, label, value);
    sigb_buf_append(out, sigb_bytes_of(map.ptr + map.len, whole.len - before - map.len));
}

/* Nothing is handed out that could not be read again. */
static sigb_rc check_made(sigb_bytes made, sigb_diag *diag)
{
    sigb_statement *again = NULL;
    sigb_rc rc = sigb_statement_parse(made, &again, diag);

    sigb_statement_free(again);
    return rc;
}

sigb_rc unprotected_splice(const sigb_statement *statement, int64_t label, sigb_bytes value, sigb_buf *out,
                           sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc;

    put_statement(&made, statement, label, value);
    rc = made.failed ? sigb_no_memory(diag) : check_made(sigb_buf_bytes(&made), diag);
    if (rc == SIGB_OK)
        sigb_buf_append(out, sigb_buf_bytes(&made));
    sigb_buf_free(&made);
    return rc == SIGB_OK && out->failed ? sigb_no_memory(diag) : rc;
}
