/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a receipt is good. Each outcome is a code of its own, and the order
 * is: tree and algorithm known, key known, proofs lead from the entry to one
 * root, the root is signed.
 */
#include "base/error.h"
#include "cose/sig_structure.h"
#include "cose/statement.h"
#include "ledger/keys.h"
#include "ledger/receipt.h"

static sigb_rc require_known(const sigb_receipt *receipt, sigb_diag *diag)
{
    int64_t alg = sigb_receipt_alg(receipt);

    if (receipt->tree == NULL)
        return sigb_fail(diag, SIGB_E_RECEIPT_UNSUPPORTED,
                         "the receipt is by a tree (vds %lld) that is not known here; 1 and 2 are",
                         (long long)receipt->vds);
    if (alg_row_of(alg) == NULL)
        return sigb_fail(diag, SIGB_E_RECEIPT_UNSUPPORTED,
                         "the receipt is signed by an algorithm (%lld) that is not known here",
                         (long long)alg);
    return SIGB_OK;
}

/* How a proof leads to a root: from an entry, or from an older root. */
typedef struct road {
    const proof_list *proofs;
    entry *about;      /* NULL: consistency */
    const hash *older; /* NULL: inclusion */
} road;

/* ---- signature ---- */

/* Where the root is not in the receipt, a proof that begins elsewhere shows in the signature alone. */
static const char *other_cause(const sigb_receipt *receipt, const road *way)
{
    if (!receipt->tree->has_payload || !sigb_statement_detached(receipt->cose))
        return "";
    return way->about != NULL ? ", or it is for another statement" : ", or it continues another tree";
}

static sigb_rc refuse_signature(const sigb_receipt *receipt, const road *way, sigb_rc rc,
                                const sigb_diag *why, sigb_diag *diag)
{
    if (rc == SIGB_E_ALG_KEY)
        return sigb_fail(diag, SIGB_E_RECEIPT_SIGNATURE,
                         "the receipt is signed with %s, which does not fit the ledger's key; reject it",
                         alg_row_of(sigb_receipt_alg(receipt))->name);
    if (rc != SIGB_E_SIGNATURE)
        return sigb_fail_native(diag, rc, why->native, "%s", why->text);
    return sigb_fail_native(diag, SIGB_E_RECEIPT_SIGNATURE, why->native,
                            "%s: the ledger did not sign this receipt, or its path or header was changed%s; "
                            "reject it",
                            why->text, other_cause(receipt, way));
}

static sigb_rc require_signature(const sigb_receipt *receipt, const road *way, const service_key *key,
                                 sigb_bytes root, sigb_diag *diag)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    sig_structure_put(&tbs, statement_protected(receipt->cose), root);
    rc = tbs.failed ? sigb_no_memory(&why)
                    : verifier_check(key->verifies, (sigb_alg)sigb_receipt_alg(receipt), sigb_buf_bytes(&tbs),
                                     statement_signature(receipt->cose), &why);
    sigb_buf_free(&tbs);
    return rc == SIGB_OK ? rc : refuse_signature(receipt, way, rc, &why, diag);
}

/* A root that stands in the receipt is what was signed, and the proofs must lead to it. */
static sigb_rc require_signed_root(const sigb_receipt *receipt, const road *way, const service_key *key,
                                   const hash *root, sigb_diag *diag)
{
    sigb_bytes held = sigb_statement_payload(receipt->cose);
    bool detached = sigb_statement_detached(receipt->cose);
    sigb_rc rc = require_signature(receipt, way, key, detached ? hash_bytes(root) : held, diag);

    if (rc != SIGB_OK || detached || sigb_bytes_equal(held, hash_bytes(root)))
        return rc;
    if (way->about == NULL)
        return sigb_fail(diag, SIGB_E_RECEIPT_FORKED,
                         "the consistency proof does not lead from the root that is trusted to the one that "
                         "the ledger signed; keep both receipts as evidence");
    return sigb_fail(
        diag, SIGB_E_RECEIPT_UNBOUND,
        "the receipt is for another statement, or this one was changed since: its proof does not "
        "lead to the root that the ledger signed");
}

/* ---- proofs ---- */

static sigb_rc root_of_proof(const sigb_receipt *receipt, const road *way, sigb_bytes content, hasher *with,
                             proof *read, hash *root, sigb_diag *diag)
{
    const tree_row *tree = receipt->tree;
    sigb_rc rc = way->about != NULL ? tree->read_inclusion(content, read, diag)
                                    : tree->read_consistency(content, read, diag);

    if (rc != SIGB_OK)
        return rc;
    return way->about != NULL ? tree->inclusion_root(read, way->about, with, root, diag)
                              : tree->consistency_root(read, way->older, with, root, diag);
}

/* Consistency proofs may begin at several older roots: one at least at the one that is trusted. */
static bool is_passed_over(const road *way, sigb_rc rc)
{
    return way->about == NULL && rc == SIGB_E_RECEIPT_FORKED;
}

/* Proofs that are not passed over must hold, and lead to the same root. `last` is one of them. */
static sigb_rc recompute_root(const sigb_receipt *receipt, const road *way, hasher *with, proof *last,
                              hash *root, sigb_diag *diag)
{
    proof_list list = *way->proofs;
    sigb_bytes content;
    sigb_rc rc = SIGB_OK;
    bool found = false;

    if (list.count == 0)
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED, "the receipt has no %s proof",
                         way->about != NULL ? "inclusion" : "consistency");
    while (proofs_next(&list, &content)) {
        hash next;

        rc = root_of_proof(receipt, way, content, with, last, &next, diag);
        if (is_passed_over(way, rc))
            continue;
        if (rc == SIGB_OK && found && memcmp(next.bytes, root->bytes, HASH_LEN) != 0)
            rc = sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                           "the proofs of the receipt lead to different roots; reject it");
        if (rc != SIGB_OK)
            return rc;
        *root = next;
        found = true;
    }
    return found ? SIGB_OK : rc;
}

/* ---- the judgement ---- */

static sigb_receipt_facts facts_of(const sigb_receipt *receipt, const service_key *key, const proof *last,
                                   const hash *root)
{
    sigb_receipt_facts facts = {
        .issuer = sigb_receipt_issuer(receipt),
        .pinned = key->issuer != NULL,
        .alg = sigb_receipt_alg(receipt),
        .vds = receipt->vds,
        .entry_txid = sigb_receipt_entry_txid(receipt),
        .signature_txid = sigb_receipt_signature_txid(receipt),
        .size = last->size,
        .index = last->index,
    };

    facts.has_time = sigb_receipt_time(receipt, &facts.time);
    memcpy(facts.kid, key->kid, sizeof(facts.kid));
    memcpy(facts.leaf, last->leaf.bytes, sizeof(facts.leaf));
    memcpy(facts.root, root->bytes, sizeof(facts.root));
    return facts;
}

static sigb_rc judge(const sigb_receipt *receipt, const road *way, hasher *with, const sigb_keys *keys,
                     sigb_receipt_facts *facts, sigb_diag *diag)
{
    const service_key *key = NULL;
    proof last = {.size = 0};
    hash root;
    sigb_rc rc = require_known(receipt, diag);

    if (rc == SIGB_OK)
        rc = keys_find(keys, sigb_receipt_issuer(receipt), sigb_receipt_kid(receipt), &key, diag);
    if (rc == SIGB_OK)
        rc = recompute_root(receipt, way, with, &last, &root, diag);
    if (rc == SIGB_OK)
        rc = require_signed_root(receipt, way, key, &root, diag);
    if (rc == SIGB_OK && facts != NULL)
        *facts = facts_of(receipt, key, &last, &root);
    return rc;
}

sigb_rc receipt_judge(const sigb_receipt *receipt, entry *about, hasher *with, const sigb_keys *keys,
                      sigb_receipt_facts *facts, sigb_diag *diag)
{
    return judge(receipt, &(road){&receipt->inclusions, about, NULL}, with, keys, facts, diag);
}

static sigb_rc judge_alone(const sigb_receipt *receipt, const road *way, const sigb_keys *keys,
                           sigb_receipt_facts *facts, sigb_diag *diag)
{
    hasher with;
    sigb_rc rc = hasher_init(&with, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = judge(receipt, way, &with, keys, facts, diag);
    hasher_free(&with);
    return rc;
}

static sigb_rc require_arguments(const sigb_receipt *receipt, const sigb_keys *keys, bool has_subject,
                                 sigb_diag *diag)
{
    if (receipt != NULL && keys != NULL && has_subject)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_USAGE,
                     "a receipt is verified with keys, for a statement, an entry or a root");
}

sigb_rc sigb_receipt_verify(const sigb_receipt *receipt, const sigb_statement *statement,
                            const sigb_keys *keys, sigb_receipt_facts *facts, sigb_diag *diag)
{
    entry about;
    sigb_rc rc = require_arguments(receipt, keys, statement != NULL, diag);

    if (rc == SIGB_OK)
        rc = entry_of_statement(&about, statement, SIGB_BYTES_NONE, diag);
    if (rc == SIGB_OK)
        rc = judge_alone(receipt, &(road){&receipt->inclusions, &about, NULL}, keys, facts, diag);
    return rc;
}

sigb_rc sigb_receipt_verify_entry(const sigb_receipt *receipt, sigb_bytes bytes, const sigb_keys *keys,
                                  sigb_receipt_facts *facts, sigb_diag *diag)
{
    entry about;
    sigb_rc rc = require_arguments(receipt, keys, bytes.len > 0, diag);

    if (rc != SIGB_OK)
        return rc;
    entry_of_bytes(&about, bytes);
    return judge_alone(receipt, &(road){&receipt->inclusions, &about, NULL}, keys, facts, diag);
}

sigb_rc sigb_receipt_verify_consistency(const sigb_receipt *receipt, sigb_bytes older, const sigb_keys *keys,
                                        sigb_receipt_facts *facts, sigb_diag *diag)
{
    hash root;
    sigb_rc rc = require_arguments(receipt, keys, older.len == HASH_LEN, diag);

    if (rc != SIGB_OK)
        return rc;
    memcpy(root.bytes, older.ptr, HASH_LEN);
    return judge_alone(receipt, &(road){&receipt->consistencies, NULL, &root}, keys, facts, diag);
}
