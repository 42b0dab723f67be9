/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>

#include "base/error.h"
#include "ledger/log.h"

/* Records behind one another, and where each begins. */
typedef struct row {
    sigb_buf bytes;
    sigb_buf starts; /* of size_t */
} row;

static size_t count_of(const row *of)
{
    return of->starts.len / sizeof(size_t);
}

static size_t start_of(const row *of, uint64_t index)
{
    size_t start;

    if (index >= count_of(of))
        return of->bytes.len;
    memcpy(&start, of->starts.ptr + index * sizeof(start), sizeof(start));
    return start;
}

static sigb_rc append(void *impl, log_kind kind, sigb_bytes record, sigb_diag *diag)
{
    row *to = (row *)impl + kind;
    size_t start = to->bytes.len;

    sigb_buf_append(&to->bytes, record);
    if (!to->bytes.failed)
        sigb_buf_append(&to->starts, sigb_bytes_of(&start, sizeof(start)));
    if (!to->bytes.failed && !to->starts.failed)
        return SIGB_OK;
    to->bytes.len = start;
    to->bytes.failed = to->starts.failed = false;
    return sigb_no_memory(diag);
}

static sigb_rc read(void *impl, log_kind kind, uint64_t index, sigb_bytes *record, sigb_diag *diag)
{
    const row *of = (const row *)impl + kind;
    size_t start = start_of(of, index);

    if (index >= count_of(of))
        return sigb_fail(diag, SIGB_E_USAGE, "the store has no record of number %llu",
                         (unsigned long long)index);
    *record = of->bytes.len == 0 ? SIGB_BYTES_NONE /* records without bytes alone */
                                 : sigb_bytes_of(of->bytes.ptr + start, start_of(of, index + 1) - start);
    return SIGB_OK;
}

static uint64_t count(void *impl, log_kind kind)
{
    return count_of((const row *)impl + kind);
}

sigb_rc log_memory_new(log_store *made, sigb_diag *diag)
{
    row *rows = OPENSSL_zalloc(LOG_KINDS * sizeof(*rows));

    if (rows == NULL)
        return sigb_no_memory(diag);
    *made = (log_store){rows, append, read, count};
    return SIGB_OK;
}

void log_memory_free(log_store *done)
{
    row *rows = done->impl;

    for (size_t i = 0; rows != NULL && i < LOG_KINDS; i++) {
        sigb_buf_free(&rows[i].bytes);
        sigb_buf_free(&rows[i].starts);
    }
    OPENSSL_free(rows);
    done->impl = NULL;
}
