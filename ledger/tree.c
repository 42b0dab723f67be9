/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tree.h"

#include "base/error.h"

static const tree_row *const TREES[] = {&TREE_CCF, &TREE_RFC9162};

const tree_row *tree_row_of(int64_t vds)
{
    for (size_t i = 0; i < sizeof(TREES) / sizeof(TREES[0]); i++)
        if (TREES[i]->vds == vds)
            return TREES[i];
    return NULL;
}

sigb_rc proof_open(sigb_bytes *content, item_kind kind, item *head, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    reader in = reader_over(*content, &why);
    sigb_rc rc = reader_item(&in, LENGTHS_DEFINITE, NULL);

    if (rc == SIGB_OK)
        rc = reader_end(&in);
    if (rc != SIGB_OK)
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED, "a proof of the receipt cannot be read: %s",
                         why.text);
    *head = item_take(content);
    if (head->kind == kind)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED, "a proof of the receipt is %s; %s is wanted",
                     item_name(head), item_name(&(item){.kind = kind}));
}

sigb_bytes digest_of(const item *value)
{
    return value->kind == ITEM_BSTR && value->body.len == HASH_LEN ? value->body : SIGB_BYTES_NONE;
}

sigb_rc require_older(const hash *recomputed, const hash *older, sigb_diag *diag)
{
    if (memcmp(recomputed->bytes, older->bytes, HASH_LEN) == 0)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_RECEIPT_FORKED,
                     "the consistency proof does not begin at the root that is trusted: the ledger's tree "
                     "is another; keep both receipts as evidence");
}
