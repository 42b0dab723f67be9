/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receipt of a CCF tree cannot be judged without: the hashes of entry,
 * evidence, leaf and each step of the path, and the signature over the root. The
 * digests go where nobody looks: the bytes that are signed are given.
 */
#include "arm.h"

#define DIGEST_LEN 32

const bare_count BARE_RECEIPT_CALLS[] = {
    {CALL_EVP_DigestInit_ex2, 3 + BARE_RECEIPT_PATH},
    {CALL_EVP_DigestUpdate, 3 + BARE_RECEIPT_PATH},
    {CALL_EVP_DigestFinal_ex, 3 + BARE_RECEIPT_PATH},
    {CALL_EVP_DigestVerifyInit_ex, 1},
    {CALL_EVP_DigestVerify, 1},
    {0, 0},
};

bare_arm *bare_receipt_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm, arm != NULL && bare_arm_read_ledger_key(arm) && bare_arm_ready_tree_hash(arm));
}

static bool hash(bare_arm *arm, bare_bytes of, unsigned char *digest)
{
    unsigned len = 0;

    return EVP_DigestInit_ex2(arm->hash, NULL, NULL) == 1 &&
           EVP_DigestUpdate(arm->hash, of.ptr, of.len) == 1 &&
           EVP_DigestFinal_ex(arm->hash, digest, &len) == 1;
}

bool bare_receipt_round(bare_arm *arm)
{
    static const unsigned char evidence[76]; /* "ce:2.524289:" and a digest in hexadecimal */
    unsigned char node[3 * DIGEST_LEN] = {0};
    bool good = hash(arm, arm->input->entry, node) &&
                hash(arm, (bare_bytes){evidence, sizeof(evidence)}, node + DIGEST_LEN) &&
                hash(arm, (bare_bytes){node, sizeof(node)}, node);

    for (int i = 0; good && i < BARE_RECEIPT_PATH; i++)
        good = hash(arm, (bare_bytes){node, 2 * DIGEST_LEN}, node);
    return good && bare_digest_verify(arm);
}
