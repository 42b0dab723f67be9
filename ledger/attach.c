/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts in a statement: what they are, and how one is put in and taken out without touching anything else. */
#include <sigbridge/receipt.h>

#include "base/error.h"
#include "cose/labels.h"
#include "cose/parsed.h"
#include "cose/unprotected.h"
#include "cose/writer.h"

/* ---- reading ---- */

sigb_bytes sigb_statement_receipt_list(const sigb_statement *statement)
{
    sigb_bytes value = statement->unprotected_slots[H_RECEIPTS];

    (void)item_take(&value);
    return value;
}

bool sigb_receipts_next(sigb_bytes *rest, sigb_bytes *receipt, sigb_receipt_form *form)
{
    sigb_bytes whole;
    item head;

    if (rest->len == 0)
        return false;
    whole = item_take_whole(rest);
    head = item_of(whole);
    *receipt = head.kind == ITEM_BSTR ? head.body : whole;
    if (form != NULL)
        *form = head.kind == ITEM_BSTR                                  ? SIGB_RECEIPT_WRAPPED
                : head.kind == ITEM_TAG && head.value == COSE_TAG_SIGN1 ? SIGB_RECEIPT_BARE
                                                                        : SIGB_RECEIPT_OTHER;
    return true;
}

/* ---- writing ---- */

static void put_receipt(sigb_buf *out, sigb_bytes receipt, sigb_receipt_form form)
{
    if (form == SIGB_RECEIPT_OTHER)
        sigb_buf_append(out, receipt); /* it is not ours to judge, nor to change */
    else
        put_bstr(out, receipt);
}

/* The value of label 394 without the one at `left_out`, with `more` (may be empty) at its end. */
static void put_list(sigb_buf *out, const sigb_statement *statement, size_t left_out, sigb_bytes more)
{
    size_t count = sigb_statement_receipts(statement);
    sigb_bytes rest = sigb_statement_receipt_list(statement), receipt;
    sigb_receipt_form form;

    put_array(out, count + (more.len > 0) - (left_out < count));
    for (size_t i = 0; sigb_receipts_next(&rest, &receipt, &form); i++)
        if (i != left_out)
            put_receipt(out, receipt, form);
    if (more.len > 0)
        put_receipt(out, more, SIGB_RECEIPT_WRAPPED);
}

static sigb_rc require_receipt(sigb_bytes bytes, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, diag);

    sigb_receipt_free(receipt);
    return rc;
}

static sigb_rc require_new(const sigb_statement *statement, sigb_bytes receipt, sigb_diag *diag)
{
    sigb_bytes rest = sigb_statement_receipt_list(statement), other;

    while (sigb_receipts_next(&rest, &other, NULL))
        if (sigb_bytes_equal(other, receipt))
            return sigb_fail(diag, SIGB_E_EXISTS, "the statement has this receipt already");
    return SIGB_OK;
}

sigb_rc sigb_statement_attach_receipt(const sigb_statement *statement, sigb_bytes receipt, sigb_buf *out,
                                      sigb_diag *diag)
{
    sigb_buf list = SIGB_BUF_INIT;
    sigb_rc rc;

    if (statement == NULL || out == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a receipt is attached to a statement, and needs a place to go");
    rc = require_receipt(receipt, diag);
    if (rc == SIGB_OK)
        rc = require_new(statement, receipt, diag);
    if (rc != SIGB_OK)
        return rc;
    put_list(&list, statement, SIGB_RECEIPTS_ALL, receipt);
    rc = list.failed ? sigb_no_memory(diag)
                     : unprotected_splice(statement, COSE_RECEIPTS, sigb_buf_bytes(&list), out, diag);
    sigb_buf_free(&list);
    return rc;
}

sigb_rc sigb_statement_detach_receipt(const sigb_statement *statement, size_t index, sigb_buf *out,
                                      sigb_diag *diag)
{
    sigb_buf list = SIGB_BUF_INIT;
    size_t count;
    sigb_rc rc;

    if (statement == NULL || out == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a receipt is detached from a statement, which needs a place to go");
    count = sigb_statement_receipts(statement);
    if (count == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "the statement has no receipt to detach");
    if (index >= count && index != SIGB_RECEIPTS_ALL)
        return sigb_fail(diag, SIGB_E_USAGE, "the statement has %zu receipts; there is no number %zu", count,
                         index);
    if (index != SIGB_RECEIPTS_ALL && count > 1)
        put_list(&list, statement, index, SIGB_BYTES_NONE);
    rc = list.failed ? sigb_no_memory(diag)
                     : unprotected_splice(statement, COSE_RECEIPTS, sigb_buf_bytes(&list), out, diag);
    sigb_buf_free(&list);
    return rc;
}
