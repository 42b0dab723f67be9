/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/merkle.h"

#include "base/error.h"

/* Leaves from `first`, up to and without `end`. */
typedef struct range {
    uint64_t first, end;
} range;

void merkle_init(merkle *made, node_fn *node)
{
    *made = (merkle){.node = node};
}

void merkle_free(merkle *done)
{
    for (size_t i = 0; i < MERKLE_LEVELS; i++)
        sigb_buf_free(&done->levels[i]);
}

uint64_t merkle_size(const merkle *tree)
{
    return tree->levels[0].len / HASH_LEN;
}

static sigb_bytes node_at(const merkle *tree, size_t level, uint64_t index)
{
    return sigb_bytes_of(tree->levels[level].ptr + index * HASH_LEN, HASH_LEN);
}

/* ---- growing ---- */

static void cut(merkle *tree, uint64_t size)
{
    for (size_t i = 0; i < MERKLE_LEVELS; i++) {
        tree->levels[i].len = (size_t)(size >> i) * HASH_LEN;
        tree->levels[i].failed = false;
    }
}

void merkle_undo(merkle *tree)
{
    cut(tree, merkle_size(tree) - 1);
}

sigb_rc merkle_append(merkle *tree, hasher *with, const hash *leaf, sigb_diag *diag)
{
    uint64_t before = merkle_size(tree), index = before;
    hash next = *leaf;
    size_t level = 0;
    sigb_rc rc;

    sigb_buf_append(&tree->levels[0], hash_bytes(leaf));
    for (; (index & 1) == 1 && !tree->levels[level].failed; index >>= 1) {
        tree->node(with, node_at(tree, level, index - 1), hash_bytes(&next), &next);
        sigb_buf_append(&tree->levels[++level], hash_bytes(&next));
    }
    rc = tree->levels[level].failed ? sigb_no_memory(diag) : hasher_check(with, diag);
    if (rc != SIGB_OK)
        cut(tree, before);
    return rc;
}

/* ---- roots ---- */

/* The largest power of 2 under n, for n > 1. */
static uint64_t split(uint64_t n)
{
    uint64_t half = 1;

    while (half < n - half)
        half *= 2;
    return half;
}

static size_t level_of(uint64_t whole)
{
    size_t level = 0;

    while ((whole >>= 1) != 0)
        level++;
    return level;
}

static bool is_whole(range of)
{
    uint64_t len = of.end - of.first;

    return (len & (len - 1)) == 0;
}

/* What is put together here stands at the end of the tree, where subtrees are not whole. */
static void range_root(const merkle *tree, hasher *with, range of, hash *root)
{
    hash acc;
    range rest = of;
    range parts[MERKLE_LEVELS];
    size_t count = 0;

    while (!is_whole(rest)) {
        uint64_t half = split(rest.end - rest.first);

        parts[count++] = (range){rest.first, rest.first + half};
        rest.first += half;
    }
    memcpy(acc.bytes,
           node_at(tree, level_of(rest.end - rest.first), rest.first / (rest.end - rest.first)).ptr,
           HASH_LEN);
    while (count > 0) {
        range left = parts[--count];
        uint64_t len = left.end - left.first;

        tree->node(with, node_at(tree, level_of(len), left.first / len), hash_bytes(&acc), &acc);
    }
    *root = acc;
}

void merkle_root(const merkle *tree, hasher *with, uint64_t size, hash *root)
{
    range_root(tree, with, (range){0, size}, root);
}

/* ---- paths ---- */

/* What stands beside each node on the way from the root of `in` down to `target`, then turned around. */
static void collect(const merkle *tree, hasher *with, range in, range target, merkle_path *path)
{
    range beside[MERKLE_LEVELS];
    size_t count = 0;

    while (in.first != target.first || in.end != target.end) {
        uint64_t middle = in.first + split(in.end - in.first);
        bool goes_left = target.first < middle;

        beside[count++] = goes_left ? (range){middle, in.end} : (range){in.first, middle};
        in = goes_left ? (range){in.first, middle} : (range){middle, in.end};
    }
    for (path->count = 0; count > 0; path->count++) {
        range sibling = beside[--count];

        path->steps[path->count].left = sibling.first < target.first;
        range_root(tree, with, sibling, &path->steps[path->count].digest);
    }
}

void merkle_inclusion(const merkle *tree, hasher *with, uint64_t index, uint64_t size, merkle_path *path)
{
    collect(tree, with, (range){0, size}, (range){index, index + 1}, path);
}

void merkle_consistency(const merkle *tree, hasher *with, uint64_t older, uint64_t size, hash *anchor,
                        merkle_path *path)
{
    range target = {older & (older - 1), older}; /* without its lowest bit */

    range_root(tree, with, target, anchor);
    collect(tree, with, (range){0, size}, target, path);
}
