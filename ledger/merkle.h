/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of a growing Merkle tree of the shape that RFC 9162 gives it: the
 * left subtree of n leaves is whole, and as large as a power of 2 under n can
 * be. Keeps the hash of every whole subtree; roots and paths of any size up to
 * now are put together from them.
 */
#ifndef SIGB_LEDGER_MERKLE_H
#define SIGB_LEDGER_MERKLE_H

#include "ledger/hash.h"

/* How two nodes become one: with or without a prefix. */
typedef void node_fn(hasher *with, sigb_bytes left, sigb_bytes right, hash *parent);

#define MERKLE_LEVELS 64

typedef struct merkle {
    node_fn *node;
    sigb_buf levels[MERKLE_LEVELS]; /* hashes of whole subtrees of 1, 2, 4... leaves */
} merkle;

/* From a node to a root: what stands beside, and on which side. */
typedef struct merkle_path {
    size_t count;
    struct {
        bool left;
        hash digest;
    } steps[MERKLE_LEVELS];
} merkle_path;

void merkle_init(merkle *made, node_fn *node);
void merkle_free(merkle *done);

uint64_t merkle_size(const merkle *tree);

/* SIGB_E_MEMORY; then nothing has changed. */
SIGB_CHECK sigb_rc merkle_append(merkle *tree, hasher *with, const hash *leaf, sigb_diag *diag);

/* Takes the last leaf back. */
void merkle_undo(merkle *tree);

/* Of the first `size` leaves: from 1 to what there are. */
void merkle_root(const merkle *tree, hasher *with, uint64_t size, hash *root);

/* From the leaf to that root. */
void merkle_inclusion(const merkle *tree, hasher *with, uint64_t index, uint64_t size, merkle_path *path);

/* From the last whole subtree of the first `older` leaves, the anchor; older < size. */
void merkle_consistency(const merkle *tree, hasher *with, uint64_t older, uint64_t size, hash *anchor,
                        merkle_path *path);

#endif
