/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of RFC 9162 (vds 1, RFC 9942, 5):
 *
 *   inclusion-proof = bstr .cbor [ tree-size: uint, leaf-index: uint, inclusion-path: [* bstr .size 32] ]
 *   consistency-proof = bstr .cbor [ tree-size-1: uint, tree-size-2: uint, consistency-path: [* bstr .size 32] ]
 *
 * The path of the only leaf of a tree is empty. The length of every other is
 * given by sizes and index, and a path of another length is malformed.
 */
#include "ledger/tree.h"

#include "base/error.h"
#include "cose/writer.h"

static const uint8_t NODE_PREFIX[] = {0x01}; /* RFC 9162, 2.1.1 */

/* Which side the next hash of a path is on, as RFC 9162 walks it: 2.1.3.2 and 2.1.4.2. */
typedef struct walk {
    uint64_t fn, sn; /* the place of this node, and of the last one, on their level */
} walk;

/* Up by one; true if the hash stands left. */
static bool walk_up(walk *at)
{
    bool left = (at->fn & 1) == 1 || at->fn == at->sn;

    while (left && at->fn != 0 && (at->fn & 1) == 0) {
        at->fn >>= 1;
        at->sn >>= 1;
    }
    at->fn >>= 1;
    at->sn >>= 1;
    return left;
}

static size_t walk_len(walk at)
{
    size_t len = 0;

    while (at.sn != 0) {
        (void)walk_up(&at);
        len++;
    }
    return len;
}

/* Consistency begins at the last whole subtree of the older tree. */
static walk walk_from_older(uint64_t older, uint64_t newer)
{
    walk at = {older - 1, newer - 1};

    while ((at.fn & 1) == 1) {
        at.fn >>= 1;
        at.sn >>= 1;
    }
    return at;
}

/* That subtree is the whole older tree: then its hash is the older root, and not in the path. */
static bool is_power_of_2(uint64_t size)
{
    return (size & (size - 1)) == 0;
}

/* ---- reading ---- */

static sigb_rc malformed(const char *what, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED, "%s (RFC 9162); take the receipt anew from its ledger",
                     what);
}

static sigb_rc read_path(sigb_bytes rest, size_t wanted, proof *made, sigb_diag *diag)
{
    item array = item_take(&rest);

    if (array.kind != ITEM_ARRAY)
        return malformed("a proof without a path", diag);
    if (array.value != wanted)
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                         "a path of %llu hashes, where these sizes give %zu (RFC 9162)",
                         (unsigned long long)array.value, wanted);
    made->path = rest;
    made->steps = wanted;
    while (rest.len > 0) {
        item value = item_take(&rest);

        if (digest_of(&value).len == 0)
            return malformed("a path holds something else than byte strings of 32", diag);
    }
    return SIGB_OK;
}

/* An array of two numbers and a path; the content is left at the path. */
static sigb_rc read_numbers(sigb_bytes *content, uint64_t numbers[2], sigb_diag *diag)
{
    item array;
    sigb_rc rc = proof_open(content, ITEM_ARRAY, &array, diag);

    if (rc != SIGB_OK)
        return rc;
    if (array.value != 3)
        return malformed("a proof that is not an array of three", diag);
    for (size_t i = 0; i < 2; i++) {
        item number = item_take(content);

        if (number.kind != ITEM_UINT)
            return malformed("a proof whose sizes are no numbers", diag);
        numbers[i] = number.value;
    }
    return SIGB_OK;
}

static sigb_rc read_inclusion(sigb_bytes content, proof *made, sigb_diag *diag)
{
    uint64_t numbers[2]; /* size, index */
    sigb_rc rc = read_numbers(&content, numbers, diag);

    if (rc != SIGB_OK)
        return rc;
    if (numbers[1] >= numbers[0])
        return malformed("a leaf behind the last one of its tree", diag);
    made->size = numbers[0];
    made->index = numbers[1];
    return read_path(content, walk_len((walk){numbers[1], numbers[0] - 1}), made, diag);
}

static sigb_rc read_consistency(sigb_bytes content, proof *made, sigb_diag *diag)
{
    uint64_t numbers[2]; /* older, newer */
    sigb_rc rc = read_numbers(&content, numbers, diag);

    if (rc != SIGB_OK)
        return rc;
    if (numbers[0] == 0 || numbers[0] >= numbers[1])
        return malformed("a consistency proof whose tree does not grow", diag);
    made->index = numbers[0];
    made->size = numbers[1];
    return read_path(content, walk_len(walk_from_older(numbers[0], numbers[1])) + !is_power_of_2(numbers[0]),
                     made, diag);
}

/* ---- folding ---- */

static bool take_step(sigb_bytes *rest, sigb_bytes *digest)
{
    item value = item_take(rest);

    *digest = digest_of(&value);
    return digest->len > 0;
}

/* HASH(0x01 || left || right) */
static void node_hash(hasher *with, sigb_bytes left, sigb_bytes right, hash *h)
{
    const sigb_bytes parts[] = {sigb_bytes_of(NODE_PREFIX, sizeof(NODE_PREFIX)), left, right};

    hash_parts(with, parts, 3, h);
}

static void fold(hasher *with, bool left, sigb_bytes digest, hash *h)
{
    if (left)
        node_hash(with, digest, hash_bytes(h), h);
    else
        node_hash(with, hash_bytes(h), digest, h);
}

static sigb_rc inclusion_root(proof *of, entry *about, hasher *with, hash *root, sigb_diag *diag)
{
    walk at = {of->index, of->size - 1};
    sigb_bytes rest = of->path, digest;

    of->leaf = *entry_leaf(about, with);
    *root = of->leaf;
    while (take_step(&rest, &digest))
        fold(with, walk_up(&at), digest, root);
    return hasher_check(with, diag);
}

static sigb_rc consistency_root(const proof *of, const hash *older, hasher *with, hash *newer,
                                sigb_diag *diag)
{
    walk at = walk_from_older(of->index, of->size);
    sigb_bytes rest = of->path, digest;
    hash first = *older;
    sigb_rc rc;

    if (!is_power_of_2(of->index) && take_step(&rest, &digest))
        memcpy(first.bytes, digest.ptr, HASH_LEN);
    *newer = first;
    while (take_step(&rest, &digest)) {
        bool left = walk_up(&at);

        if (left)
            fold(with, left, digest, &first);
        fold(with, left, digest, newer);
    }
    rc = hasher_check(with, diag);
    return rc == SIGB_OK ? require_older(&first, older, diag) : rc;
}

/* ---- writing ---- */

/* The record is the leaf's hash. */
static void put_record(sigb_buf *record, const char *txid, entry *about, hasher *with)
{
    (void)txid;
    sigb_buf_append(record, hash_bytes(entry_leaf(about, with)));
}

static sigb_rc record_leaf(sigb_bytes record, hasher *with, hash *leaf, sigb_diag *diag)
{
    if (record.len != HASH_LEN)
        return malformed("a record of the log that is not a digest", diag);
    memcpy(leaf->bytes, record.ptr, HASH_LEN);
    return hasher_check(with, diag);
}

static void put_path(sigb_buf *out, const hash *first, const merkle_path *path)
{
    put_array(out, path->count + (first != NULL));
    if (first != NULL)
        put_bstr(out, hash_bytes(first));
    for (size_t i = 0; i < path->count; i++)
        put_bstr(out, hash_bytes(&path->steps[i].digest));
}

static void put_inclusion(sigb_buf *out, sigb_bytes record, uint64_t index, uint64_t size,
                          const merkle_path *path)
{
    (void)record;
    put_array(out, 3);
    put_int(out, (int64_t)size);
    put_int(out, (int64_t)index);
    put_path(out, NULL, path);
}

static void put_consistency(sigb_buf *out, const hash *anchor, uint64_t older, uint64_t size,
                            const merkle_path *path)
{
    put_array(out, 3);
    put_int(out, (int64_t)older);
    put_int(out, (int64_t)size);
    put_path(out, is_power_of_2(older) ? NULL : anchor, path);
}

/* clang-format off */
const tree_row TREE_RFC9162 = {
    .vds = SIGB_VDS_RFC9162,
    .name = "RFC 9162",
    .has_payload = true,
    .read_inclusion = read_inclusion,
    .read_consistency = read_consistency,
    .inclusion_root = inclusion_root,
    .consistency_root = consistency_root,
    .node = node_hash,
    .put_record = put_record,
    .record_leaf = record_leaf,
    .put_inclusion = put_inclusion,
    .put_consistency = put_consistency,
};
/* clang-format on */
