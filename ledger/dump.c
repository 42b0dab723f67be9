/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt for a person to read. Nothing here is checked, so nothing here may sound as if it were. */
#include "base/alg.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "cose/diag.h"
#include "cose/parsed.h"
#include "ledger/receipt.h"

static void put_text(sigb_buf *out, const char *what, sigb_bytes text)
{
    if (text.len == 0)
        return;
    text_putf(out, "  %s: ", what);
    diag_put_text(out, text);
    text_put(out, "\n");
}

static void put_bytes(sigb_buf *out, const char *what, sigb_bytes bytes)
{
    text_putf(out, "%s: ", what);
    diag_put_bytes(out, bytes);
    text_put(out, "\n");
}

/* A ledger of the CCF profile names its key in hexadecimal, others in bytes. */
static void put_kid(sigb_buf *out, sigb_bytes kid)
{
    if (kid.len > 0 && sigb_text_is_utf8(kid))
        put_text(out, "kid", kid);
    else if (kid.len > 0)
        put_bytes(out, "  kid", kid);
}

static void put_head(sigb_buf *out, const sigb_receipt *receipt)
{
    const alg_row *alg = alg_row_of(sigb_receipt_alg(receipt));
    char room[TIME_TEXT];
    int64_t at;

    text_putf(out, "receipt, %zu bytes, not checked:\n", receipt->cose->bytes.len);
    text_putf(out, "  tree: %s (%lld)\n", receipt->tree == NULL ? "unknown" : receipt->tree->name,
              (long long)receipt->vds);
    text_putf(out, "  algorithm: %s (%lld)\n", alg == NULL ? "unknown" : alg->name,
              (long long)sigb_receipt_alg(receipt));
    put_kid(out, sigb_receipt_kid(receipt));
    put_text(out, "issuer", sigb_receipt_issuer(receipt));
    if (sigb_receipt_time(receipt, &at))
        text_putf(out, "  time: %lld (%s)\n", (long long)at, time_text(at, room));
    put_text(out, "entry", sigb_receipt_entry_txid(receipt));
    put_text(out, "signed in", sigb_receipt_signature_txid(receipt));
}

/* Elements as the parser checked them: a digest, or a left flag and a digest. */
static void put_path(sigb_buf *out, const proof *of)
{
    sigb_bytes rest = of->path;

    text_putf(out, "    path, %zu:\n", of->steps);
    while (rest.len > 0) {
        item head = item_take(&rest);

        if (head.kind == ITEM_ARRAY) {
            item flag = item_take(&rest);

            text_put(out, flag.value == SIMPLE_TRUE || flag.value == 1 ? "      left  " : "      right ");
            head = item_take(&rest);
        } else {
            text_put(out, "      ");
        }
        text_put_hex(out, head.body);
        text_put(out, "\n");
    }
}

static void put_inclusion(sigb_buf *out, const proof *of)
{
    if (of->internal.len > 0) {
        put_bytes(out, "    internal transaction hash", of->internal);
        text_put(out, "    evidence: ");
        diag_put_text(out, of->evidence);
        put_bytes(out, "\n    data hash", of->data_hash);
    } else {
        text_putf(out, "    leaf %llu of %llu\n", (unsigned long long)of->index,
                  (unsigned long long)of->size);
    }
    put_path(out, of);
}

static void put_consistency(sigb_buf *out, const proof *of)
{
    if (of->anchor.len > 0)
        put_bytes(out, "    anchor", of->anchor);
    else
        text_putf(out, "    from %llu to %llu leaves\n", (unsigned long long)of->index,
                  (unsigned long long)of->size);
    put_path(out, of);
}

static void put_proofs(sigb_buf *out, const sigb_receipt *receipt)
{
    proof_list list = receipt->inclusions;
    sigb_bytes content;
    proof of = {.size = 0};

    while (proofs_next(&list, &content) && receipt->tree->read_inclusion(content, &of, NULL) == SIGB_OK) {
        text_put(out, "  inclusion proof:\n");
        put_inclusion(out, &of);
    }
    list = receipt->consistencies;
    of = (proof){.size = 0};
    while (proofs_next(&list, &content) && receipt->tree->read_consistency(content, &of, NULL) == SIGB_OK) {
        text_put(out, "  consistency proof:\n");
        put_consistency(out, &of);
    }
}

sigb_rc sigb_receipt_dump(const sigb_receipt *receipt, sigb_buf *text, sigb_diag *diag)
{
    size_t before;

    if (receipt == NULL || text == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a dump needs a receipt and a place to be put");
    before = text->len;
    put_head(text, receipt);
    put_proofs(text, receipt);
    if (!receipt->cose->detached)
        put_bytes(text, "  root", receipt->cose->payload);
    put_bytes(text, "  signature", receipt->cose->signature);
    if (!text->failed)
        return SIGB_OK;
    text->len = before;
    return sigb_no_memory(diag);
}
