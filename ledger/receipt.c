/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   Receipt = #6.18([                                       (RFC 9942; CCF profile)
 *     protected: bstr .cbor {
 *       1 => alg: int, ? 4 => kid: bstr, 395 => vds: int,
 *       ? 15 => { ? 1 => iss: tstr, ? 6 => iat: int, * label => any },
 *       ? "ccf.v1" => { "txid": tstr, * tstr => any },
 *       * label => any
 *     },
 *     unprotected: { 396 => { ? -1 => [+ inclusion: bstr], ? -2 => [+ consistency: bstr] }, * label => any },
 *     payload: nil / root: bstr .size 32,                   ; CCF: nil
 *     signature: bstr
 *   ])
 *
 * The envelope and both header maps are read by the parser of statements.
 */
#include "ledger/receipt.h"

#include <openssl/crypto.h>

#include "base/error.h"
#include "cose/labels.h"
#include "cose/parsed.h"

/* ---- refusals ---- */

/* The code of a receipt for the code of a COSE_Sign1. */
static sigb_rc refusal_of(sigb_rc rc)
{
    if (rc == SIGB_E_CRIT)
        return SIGB_E_RECEIPT_UNSUPPORTED;
    return rc == SIGB_E_MEMORY || rc == SIGB_E_LIMIT || rc == SIGB_E_INTERNAL ? rc : SIGB_E_RECEIPT_MALFORMED;
}

static bool has_text_key(sigb_bytes map, const char *wanted)
{
    reader in = reader_over(map, NULL);
    item head;

    if (reader_item(&in, LENGTHS_ANY, NULL) != SIGB_OK || in.rest.len != 0)
        return false;
    head = item_take(&map);
    while (head.kind == ITEM_MAP && map.len > 0) {
        item key = item_take(&map);

        (void)item_take_whole(&map);
        if (key.kind == ITEM_TSTR && sigb_bytes_equal(key.body, sigb_bytes_text(wanted)))
            return true;
    }
    return false;
}

/* Before COSE receipts: [ bstr .cbor { "tree_alg" => "CCF", * tstr => any }, contents ], without a tag. */
static bool is_legacy(sigb_bytes bytes)
{
    item array = item_take(&bytes), first = item_take(&bytes);

    return array.kind == ITEM_ARRAY && array.value == 2 && first.kind == ITEM_BSTR &&
           has_text_key(first.body, "tree_alg");
}

static sigb_rc refuse_unread(sigb_bytes bytes, sigb_rc rc, const sigb_diag *why, sigb_diag *diag)
{
    if (is_legacy(bytes))
        return sigb_fail(diag, SIGB_E_RECEIPT_LEGACY,
                         "a receipt of the form before COSE receipts, which is not judged here: register the "
                         "statement again, or judge it with software of that time");
    return sigb_fail(diag, refusal_of(rc), "the receipt cannot be read: %s", why->text);
}

static sigb_rc malformed(const char *what, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED, "%s; take the receipt anew from its ledger", what);
}

/* ---- proofs ---- */

bool proofs_next(proof_list *list, sigb_bytes *content)
{
    if (list->rest.len == 0)
        return false;
    *content = item_take(&list->rest).body;
    return true;
}

static sigb_rc take_list(sigb_bytes value, proof_list *list, sigb_diag *diag)
{
    item array = item_take(&value);

    if (array.kind != ITEM_ARRAY || array.value == 0)
        return malformed("proofs of the receipt that are not an array of one or more", diag);
    *list = (proof_list){value, (size_t)array.value};
    while (value.len > 0)
        if (item_take(&value).kind != ITEM_BSTR)
            return malformed("a proof of the receipt that is not in a byte string", diag);
    return SIGB_OK;
}

/* Label 396, which the parser found to be a map. */
static sigb_rc take_lists(sigb_receipt *made, sigb_diag *diag)
{
    sigb_bytes map = made->cose->unprotected_slots[H_VDP];
    sigb_rc rc = SIGB_OK;

    (void)item_take(&map);
    while (rc == SIGB_OK && map.len > 0) {
        item key = item_take(&map);
        sigb_bytes value = item_take_whole(&map);
        int64_t number = 0;

        (void)item_int(&key, &number);
        if (number == VDP_INCLUSION)
            rc = take_list(value, &made->inclusions, diag);
        else if (number == VDP_CONSISTENCY)
            rc = take_list(value, &made->consistencies, diag);
    }
    if (rc == SIGB_OK && made->inclusions.count + made->consistencies.count == 0)
        rc = malformed("the receipt has no proof (label 396)", diag);
    return rc;
}

typedef sigb_rc read_proof(sigb_bytes content, proof *made, sigb_diag *diag);

static sigb_rc check_proofs(proof_list list, read_proof *read, sigb_diag *diag)
{
    sigb_bytes content;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && proofs_next(&list, &content)) {
        proof unused;

        rc = read(content, &unused, diag);
    }
    return rc;
}

static sigb_rc check_payload(const sigb_receipt *made, sigb_diag *diag)
{
    if (made->cose->detached)
        return SIGB_OK;
    if (!made->tree->has_payload)
        return malformed("a payload stands in the receipt, where nil is wanted (CCF profile)", diag);
    if (made->cose->payload.len != HASH_LEN)
        return malformed("the payload of the receipt is not a root of 32 bytes", diag);
    return SIGB_OK;
}

/* ---- the receipt ---- */

static sigb_rc check_header(sigb_receipt *made, sigb_diag *diag)
{
    const sigb_bytes *slots = made->cose->protected_slots;
    item vds = item_of(slots[H_VDS]);

    if (slots[H_CRIT].len > 0)
        return sigb_fail(diag, SIGB_E_RECEIPT_UNSUPPORTED,
                         "the receipt has critical headers (crit), which nothing here knows in receipts");
    if (slots[H_ALG].len == 0)
        return malformed("the receipt names no algorithm (label 1) in its protected header", diag);
    if (!item_int(&vds, &made->vds))
        return malformed("the receipt names no tree (vds, label 395) in its protected header", diag);
    made->tree = tree_row_of(made->vds);
    return SIGB_OK;
}

static sigb_rc check_tree(sigb_receipt *made, sigb_diag *diag)
{
    sigb_rc rc = take_lists(made, diag);

    if (rc == SIGB_OK)
        rc = check_payload(made, diag);
    if (rc == SIGB_OK)
        rc = check_proofs(made->inclusions, made->tree->read_inclusion, diag);
    if (rc == SIGB_OK)
        rc = check_proofs(made->consistencies, made->tree->read_consistency, diag);
    return rc;
}

static sigb_rc read_receipt(sigb_receipt *made, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_statement_parse(bytes, &made->cose, &why);

    if (rc != SIGB_OK)
        return refuse_unread(bytes, rc, &why, diag);
    rc = check_header(made, diag);
    return rc == SIGB_OK && made->tree != NULL ? check_tree(made, diag) : rc;
}

sigb_rc sigb_receipt_parse(sigb_bytes bytes, sigb_receipt **receipt, sigb_diag *diag)
{
    sigb_receipt *made;
    sigb_rc rc;

    if (receipt == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the receipt");
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return sigb_no_memory(diag);
    rc = read_receipt(made, bytes, diag);
    if (rc == SIGB_OK)
        *receipt = made;
    else
        sigb_receipt_free(made);
    return rc;
}

void sigb_receipt_free(sigb_receipt *receipt)
{
    if (receipt == NULL)
        return;
    sigb_statement_free(receipt->cose);
    OPENSSL_free(receipt);
}

/* ---- getters ---- */

int64_t sigb_receipt_alg(const sigb_receipt *receipt)
{
    return sigb_statement_alg(receipt->cose);
}

int64_t sigb_receipt_vds(const sigb_receipt *receipt)
{
    return receipt->vds;
}

sigb_bytes sigb_receipt_kid(const sigb_receipt *receipt)
{
    return item_of(receipt->cose->protected_slots[H_KID]).body;
}

sigb_bytes sigb_receipt_issuer(const sigb_receipt *receipt)
{
    return sigb_statement_issuer(receipt->cose);
}

bool sigb_receipt_time(const sigb_receipt *receipt, int64_t *iat)
{
    return sigb_statement_issued_at(receipt->cose, iat);
}

size_t sigb_receipt_inclusions(const sigb_receipt *receipt)
{
    return receipt->inclusions.count;
}

size_t sigb_receipt_consistencies(const sigb_receipt *receipt)
{
    return receipt->consistencies.count;
}

/* evidence = "ce:" txid ":" 64HEXDIG, as CCF writes it; anything else names no transaction */
static sigb_bytes txid_of(sigb_bytes evidence)
{
    const uint8_t *end;

    if (evidence.len < 3 || memcmp(evidence.ptr, "ce:", 3) != 0)
        return SIGB_BYTES_NONE;
    end = memchr(evidence.ptr + 3, ':', evidence.len - 3);
    return end == NULL ? SIGB_BYTES_NONE : sigb_bytes_of(evidence.ptr + 3, (size_t)(end - evidence.ptr) - 3);
}

sigb_bytes sigb_receipt_entry_txid(const sigb_receipt *receipt)
{
    proof_list list = receipt->inclusions;
    sigb_bytes content;
    proof first = {.evidence = SIGB_BYTES_NONE};

    if (receipt->tree == NULL || !proofs_next(&list, &content) ||
        receipt->tree->read_inclusion(content, &first, NULL) != SIGB_OK)
        return SIGB_BYTES_NONE;
    return txid_of(first.evidence);
}

sigb_bytes sigb_receipt_signature_txid(const sigb_receipt *receipt)
{
    sigb_bytes map = receipt->cose->protected_slots[H_CCF];

    (void)item_take(&map);
    while (map.len > 0) {
        item key = item_take(&map), value = item_of(item_take_whole(&map));

        if (key.kind == ITEM_TSTR && sigb_bytes_equal(key.body, sigb_bytes_text("txid")) &&
            value.kind == ITEM_TSTR)
            return value.body;
    }
    return SIGB_BYTES_NONE;
}
