/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of the CCF profile (vds 2, draft-ietf-scitt-receipts-ccf-profile):
 *
 *   ccf-leaf = [
 *     internal-transaction-hash: bstr .size 32,
 *     internal-evidence: tstr .size (1..1024),
 *     data-hash: bstr .size 32
 *   ]
 *   ccf-proof-element = [ left: bool, hash: bstr .size 32 ]
 *   ccf-inclusion-proof = bstr .cbor { 1 => ccf-leaf, 2 => [+ ccf-proof-element] }
 *   ccf-consistency-proof = bstr .cbor { 1 => anchor: bstr .size 32, 2 => [+ ccf-proof-element] }
 *
 * Leaves and nodes are hashed without prefixes: what sets a leaf apart is its
 * length, three digests where a node has two. A left flag of 0 or 1 is met too.
 */
#include "ledger/tree.h"

#include "base/error.h"
#include "base/text.h"
#include "cose/writer.h"

#define PROOF_LEAF 1 /* and the anchor, in consistency proofs */
#define PROOF_PATH 2

static sigb_rc malformed(const char *what, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                     "%s (CCF profile); take the receipt anew from its ledger", what);
}

/* ---- reading ---- */

static bool take_flag(sigb_bytes *rest, bool *left)
{
    item flag = item_take(rest);

    *left = (flag.kind == ITEM_SIMPLE && flag.value == SIMPLE_TRUE) ||
            (flag.kind == ITEM_UINT && flag.value == 1);
    return *left || (flag.kind == ITEM_SIMPLE && flag.value == SIMPLE_FALSE) ||
           (flag.kind == ITEM_UINT && flag.value == 0);
}

/* An element of the path, off its encoding. */
static bool take_step(sigb_bytes *rest, bool *left, sigb_bytes *digest)
{
    item pair = item_take(rest), value;

    if (pair.kind != ITEM_ARRAY || pair.value != 2 || !take_flag(rest, left))
        return false;
    value = item_take(rest);
    *digest = digest_of(&value);
    return digest->len > 0;
}

static sigb_rc read_path(sigb_bytes value, proof *made, sigb_diag *diag)
{
    item array = item_take(&value);
    sigb_bytes rest = value, digest;
    bool left;

    if (array.kind != ITEM_ARRAY)
        return malformed("a proof without a path", diag);
    if (array.value == 0)
        return malformed("an empty path: the ledger signs no tree of one leaf", diag);
    if (array.value > SIGB_MAX_PATH)
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                         "a path of %llu hashes: at most %d lead to a root (CCF profile)",
                         (unsigned long long)array.value, SIGB_MAX_PATH);
    while (rest.len > 0)
        if (!take_step(&rest, &left, &digest))
            return malformed("a path holds something else than pairs of a left flag and a digest", diag);
    made->path = value;
    made->steps = (size_t)array.value;
    return SIGB_OK;
}

static sigb_rc read_leaf(sigb_bytes value, proof *made, sigb_diag *diag)
{
    item array = item_take(&value), internal, evidence, data_hash;

    if (array.kind != ITEM_ARRAY || array.value != 3)
        return malformed("a proof whose leaf is not an array of three", diag);
    internal = item_take(&value);
    evidence = item_take(&value);
    data_hash = item_take(&value);
    made->internal = digest_of(&internal);
    made->data_hash = digest_of(&data_hash);
    if (made->internal.len == 0 || made->data_hash.len == 0)
        return malformed("a leaf whose hashes are not byte strings of 32", diag);
    if (evidence.kind != ITEM_TSTR || evidence.value == 0 || evidence.value > SIGB_MAX_EVIDENCE)
        return malformed("a leaf whose evidence is not a text of 1 to 1024 bytes", diag);
    made->evidence = evidence.body;
    return SIGB_OK;
}

static sigb_rc read_anchor(sigb_bytes value, proof *made, sigb_diag *diag)
{
    item anchor = item_of(value);

    made->anchor = digest_of(&anchor);
    return made->anchor.len > 0 ? SIGB_OK : malformed("an anchor that is not a byte string of 32", diag);
}

typedef sigb_rc read_first(sigb_bytes value, proof *made, sigb_diag *diag);

static sigb_rc read_proof(sigb_bytes content, read_first *first, proof *made, sigb_diag *diag)
{
    sigb_bytes leaf = SIGB_BYTES_NONE, path = SIGB_BYTES_NONE;
    item map;
    sigb_rc rc = proof_open(&content, ITEM_MAP, &map, diag);

    while (rc == SIGB_OK && content.len > 0) {
        item key = item_take(&content);
        sigb_bytes value = item_take_whole(&content);

        if (key.kind == ITEM_UINT && key.value == PROOF_LEAF)
            leaf = value;
        else if (key.kind == ITEM_UINT && key.value == PROOF_PATH)
            path = value;
        else
            return malformed("a proof with something else in it than leaf and path", diag);
    }
    if (rc == SIGB_OK)
        rc = first(leaf, made, diag);
    return rc == SIGB_OK ? read_path(path, made, diag) : rc;
}

static sigb_rc read_inclusion(sigb_bytes content, proof *made, sigb_diag *diag)
{
    return read_proof(content, read_leaf, made, diag);
}

/* The anchor is the largest whole subtree that ends the older tree, so what grew since stands right of it. */
static sigb_rc read_consistency(sigb_bytes content, proof *made, sigb_diag *diag)
{
    sigb_bytes digest, path;
    bool left = false;
    sigb_rc rc = read_proof(content, read_anchor, made, diag);

    path = made->path;
    if (rc == SIGB_OK && take_step(&path, &left, &digest) && left)
        rc = malformed("a consistency proof whose anchor is not the last whole subtree", diag);
    return rc;
}

/* ---- folding ---- */

static void fold(hasher *with, bool left, sigb_bytes digest, hash *h)
{
    if (left)
        hash_pair(with, digest, hash_bytes(h), h);
    else
        hash_pair(with, hash_bytes(h), digest, h);
}

/* HASH(internal-transaction-hash || HASH(internal-evidence) || data-hash) */
static void leaf_hash(const proof *of, hasher *with, hash *h)
{
    sigb_bytes parts[] = {of->internal, of->evidence, of->data_hash};
    hash evidence;

    hash_parts(with, &parts[1], 1, &evidence);
    parts[1] = hash_bytes(&evidence);
    hash_parts(with, parts, 3, h);
}

static sigb_rc inclusion_root(proof *of, entry *about, hasher *with, hash *root, sigb_diag *diag)
{
    sigb_bytes rest = of->path, digest;
    bool left;

    if (!sigb_bytes_equal(of->data_hash, hash_bytes(entry_data_hash(about, with))))
        return sigb_fail(diag, SIGB_E_RECEIPT_UNBOUND,
                         "the receipt is for another statement, or this one was changed since: the hash in "
                         "its leaf is not the statement's; take both anew from their source");
    leaf_hash(of, with, &of->leaf);
    *root = of->leaf;
    while (take_step(&rest, &left, &digest))
        fold(with, left, digest, root);
    return hasher_check(with, diag);
}

/*
 * From the anchor, the last whole subtree of the older tree, both roots are
 * reached: the older by what lies left of it alone, the newer by everything.
 */
static sigb_rc consistency_root(const proof *of, const hash *older, hasher *with, hash *newer,
                                sigb_diag *diag)
{
    sigb_bytes rest = of->path, digest;
    hash first;
    bool left;
    sigb_rc rc;

    memcpy(first.bytes, of->anchor.ptr, HASH_LEN);
    *newer = first;
    while (take_step(&rest, &left, &digest)) {
        if (left)
            fold(with, left, digest, &first);
        fold(with, left, digest, newer);
    }
    rc = hasher_check(with, diag);
    return rc == SIGB_OK ? require_older(&first, older, diag) : rc;
}

/* ---- writing ---- */

static void node(hasher *with, sigb_bytes left, sigb_bytes right, hash *parent)
{
    hash_pair(with, left, right, parent);
}

/*
 * The record is the encoded leaf. A service of the real kind hides a secret in
 * its evidence, and hashes the changes to its store; here both follow from the
 * transaction and the entry, so that the same log is made of the same entries.
 */
static void put_record(sigb_buf *record, const char *txid, entry *about, hasher *with)
{
    sigb_bytes data_hash = hash_bytes(entry_data_hash(about, with));
    sigb_buf evidence = SIGB_BUF_INIT;
    const char *text; /* NULL: out of memory */
    hash digest;

    hash_pair(with, sigb_bytes_text(txid), data_hash, &digest);
    text_putf(&evidence, "ce:%s:", txid);
    text_put_hex(&evidence, hash_bytes(&digest));
    hash_pair(with, sigb_buf_bytes(&evidence), data_hash, &digest);
    text = text_c_str(&evidence);
    put_array(record, 3);
    put_bstr(record, hash_bytes(&digest));
    put_tstr(record, text == NULL ? "" : text);
    put_bstr(record, data_hash);
    record->failed |= evidence.failed;
    sigb_buf_free(&evidence);
}

static sigb_rc record_leaf(sigb_bytes record, hasher *with, hash *leaf, sigb_diag *diag)
{
    proof of = {.size = 0};
    sigb_bytes content = record;
    item array;
    sigb_rc rc = proof_open(&content, ITEM_ARRAY, &array, diag);

    if (rc == SIGB_OK)
        rc = read_leaf(record, &of, diag);
    if (rc != SIGB_OK)
        return rc;
    leaf_hash(&of, with, leaf);
    return hasher_check(with, diag);
}

static void put_path(sigb_buf *out, const merkle_path *path)
{
    put_int(out, PROOF_PATH);
    put_array(out, path->count);
    for (size_t i = 0; i < path->count; i++) {
        put_array(out, 2);
        put_bool(out, path->steps[i].left);
        put_bstr(out, hash_bytes(&path->steps[i].digest));
    }
}

static void put_inclusion(sigb_buf *out, sigb_bytes record, uint64_t index, uint64_t size,
                          const merkle_path *path)
{
    (void)index;
    (void)size;
    put_map(out, 2);
    put_int(out, PROOF_LEAF);
    sigb_buf_append(out, record);
    put_path(out, path);
}

static void put_consistency(sigb_buf *out, const hash *anchor, uint64_t older, uint64_t size,
                            const merkle_path *path)
{
    (void)older;
    (void)size;
    put_map(out, 2);
    put_int(out, PROOF_LEAF);
    put_bstr(out, hash_bytes(anchor));
    put_path(out, path);
}

/* clang-format off */
const tree_row TREE_CCF = {
    .vds = SIGB_VDS_CCF,
    .name = "CCF",
    .read_inclusion = read_inclusion,
    .read_consistency = read_consistency,
    .inclusion_root = inclusion_root,
    .consistency_root = consistency_root,
    .node = node,
    .has_transactions = true,
    .put_record = put_record,
    .record_leaf = record_leaf,
    .put_inclusion = put_inclusion,
    .put_consistency = put_consistency,
};
/* clang-format on */
