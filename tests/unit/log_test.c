/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "ledger/keys.h"
#include "ledger/tree.h"
#include "tests/support/hex.h"
#include "tests/support/ledgers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIZES        70

static ledgers *token;

static int open_token(void **state)
{
    (void)state;
    token = ledgers_new();
    return 0;
}

static int close_token(void **state)
{
    (void)state;
    ledgers_free(token);
    return 0;
}

/* ---- an implementation by the definition, to compare with ---- */

/* MTH of RFC 9162, 2.1.1, and of the CCF profile without prefixes: recursive, as it is written there. */
static hash by_definition(const hash *leaves, size_t count, bool prefixed)
{
    uint8_t both[1 + 2 * HASH_LEN] = {1};
    size_t skip = prefixed ? 0 : 1, left = 1;
    hash made, half;

    if (count == 1)
        return leaves[0];
    while (2 * left < count)
        left *= 2;
    half = by_definition(leaves, left, prefixed);
    memcpy(both + 1, half.bytes, HASH_LEN);
    half = by_definition(leaves + left, count - left, prefixed);
    memcpy(both + 1 + HASH_LEN, half.bytes, HASH_LEN);
    assert_int_equal(EVP_Digest(both + skip, sizeof(both) - skip, made.bytes, NULL, EVP_sha256(), NULL), 1);
    return made;
}

/* leaf(i) = SHA-256(56 bytes of zero, i as 8 bytes big-endian) */
static hash numbered_leaf(uint64_t i)
{
    uint8_t bytes[64] = {0};
    hash leaf;

    for (size_t at = 0; at < 8; at++)
        bytes[63 - at] = (uint8_t)(i >> (8 * at));
    assert_int_equal(EVP_Digest(bytes, sizeof(bytes), leaf.bytes, NULL, EVP_sha256(), NULL), 1);
    return leaf;
}

typedef struct grown {
    merkle nodes;
    hasher with;
    hash leaves[SIZES];
} grown;

static void grow(grown *made, const tree_row *tree, size_t count)
{
    merkle_init(&made->nodes, tree->node);
    assert_int_equal(hasher_init(&made->with, NULL), SIGB_OK);
    for (size_t i = 0; i < count; i++) {
        hash leaf = numbered_leaf(i);

        if (i < SIZES)
            made->leaves[i] = leaf;
        assert_int_equal(merkle_append(&made->nodes, &made->with, &leaf, NULL), SIGB_OK);
    }
    assert_int_equal(merkle_size(&made->nodes), count);
}

static void shrink(grown *done)
{
    merkle_free(&done->nodes);
    hasher_free(&done->with);
}

static void roots_of_every_size(void **state)
{
    static const tree_row *const trees[] = {&TREE_CCF, &TREE_RFC9162};

    (void)state;
    for (size_t t = 0; t < COUNT(trees); t++) {
        grown tree;

        grow(&tree, trees[t], SIZES);
        for (size_t size = 1; size <= SIZES; size++) {
            hash root, wanted = by_definition(tree.leaves, size, trees[t]->vds == SIGB_VDS_RFC9162);

            merkle_root(&tree.nodes, &tree.with, size, &root);
            assert_memory_equal(root.bytes, wanted.bytes, HASH_LEN);
        }
        shrink(&tree);
    }
}

/* The only way to a leaf's hash in RFC 9162 is its entry: one whose leaf this is stands in. */
static entry entry_with_leaf(const hash *leaf)
{
    entry about;

    entry_of_bytes(&about, SIGB_BYTES_NONE);
    about.leaf = *leaf;
    about.has_leaf = true;
    return about;
}

static void inclusion_proofs_of_every_leaf_and_size(void **state)
{
    grown tree;

    (void)state;
    grow(&tree, &TREE_RFC9162, SIZES);
    for (uint64_t size = 1; size <= SIZES; size++)
        for (uint64_t index = 0; index < size; index++) {
            hash wanted = by_definition(tree.leaves, size, true), root;
            sigb_buf content = SIGB_BUF_INIT;
            merkle_path path;
            entry about = entry_with_leaf(&tree.leaves[index]);
            proof of = {.size = 0};

            merkle_inclusion(&tree.nodes, &tree.with, index, size, &path);
            TREE_RFC9162.put_inclusion(&content, SIGB_BYTES_NONE, index, size, &path);
            assert_refused(TREE_RFC9162.read_inclusion(sigb_buf_bytes(&content), &of, diag), SIGB_OK, "");
            assert_int_equal(of.steps, path.count);
            assert_refused(TREE_RFC9162.inclusion_root(&of, &about, &tree.with, &root, diag), SIGB_OK, "");
            assert_memory_equal(root.bytes, wanted.bytes, HASH_LEN);
            sigb_buf_free(&content);
        }
    shrink(&tree);
}

static void consistency_proofs_of_every_pair_of_sizes(void **state)
{
    static const tree_row *const trees[] = {&TREE_CCF, &TREE_RFC9162};

    (void)state;
    for (size_t t = 0; t < COUNT(trees); t++) {
        bool prefixed = trees[t]->vds == SIGB_VDS_RFC9162;
        grown tree;

        grow(&tree, trees[t], SIZES);
        for (uint64_t size = 2; size <= SIZES; size++)
            for (uint64_t older = 1; older < size; older++) {
                hash from = by_definition(tree.leaves, older, prefixed), to, anchor;
                hash wanted = by_definition(tree.leaves, size, prefixed);
                sigb_buf content = SIGB_BUF_INIT;
                merkle_path path;
                proof of = {.size = 0};

                merkle_consistency(&tree.nodes, &tree.with, older, size, &anchor, &path);
                trees[t]->put_consistency(&content, &anchor, older, size, &path);
                assert_refused(trees[t]->read_consistency(sigb_buf_bytes(&content), &of, diag), SIGB_OK, "");
                assert_refused(trees[t]->consistency_root(&of, &from, &tree.with, &to, diag), SIGB_OK, "");
                assert_memory_equal(to.bytes, wanted.bytes, HASH_LEN);
                sigb_buf_free(&content);
            }
        shrink(&tree);
    }
}

/* Sides as the CCF profile's own samples have them for these sizes: R stands in the newer tree alone. */
static void consistency_paths_as_published(void **state)
{
    static const struct {
        uint64_t older, size;
        const char *sides, *anchor; /* its first four bytes */
    } rows[] = {
        {1, 2, "R", "f5a5fd42"},         {4, 5, "R", "917d53d5"},       {4, 8, "R", "917d53d5"},
        {5, 6, "RL", "517b7af2"},        {6, 8, "RL", "1fffdab1"},      {7, 8, "RLL", "deb2a27a"},
        {12, 13, "RL", "fedc4bda"},      {9, 10, "RL", "37f4ebbb"},     {64, 70, "R", "fa0aa8fe"},
        {23, 68, "RLLRLRR", "6031f906"}, {37, 45, "RRLRL", "3fc11d63"}, {100, 1000, "RRRLLRRR", "4557249c"},
    };
    grown tree;

    (void)state;
    grow(&tree, &TREE_CCF, 1000);
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf room = SIGB_BUF_INIT;
        merkle_path path;
        hash anchor;

        print_message("%llu to %llu\n", (unsigned long long)rows[i].older, (unsigned long long)rows[i].size);
        merkle_consistency(&tree.nodes, &tree.with, rows[i].older, rows[i].size, &anchor, &path);
        assert_int_equal(path.count, strlen(rows[i].sides));
        for (size_t s = 0; s < path.count; s++)
            assert_int_equal(path.steps[s].left, rows[i].sides[s] == 'L');
        assert_memory_equal(anchor.bytes, hex_put(&room, rows[i].anchor).ptr, 4);
        sigb_buf_free(&room);
    }
    shrink(&tree);
}

/* ---- receipts of a log ---- */

typedef struct taken {
    sigb_buf bytes, receipt;
    sigb_statement *statement;
} taken;

static void take_statement(taken *made, const char *payload)
{
    memset(made, 0, sizeof(*made));
    ledgers_statement(token, payload, &made->bytes);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&made->bytes), &made->statement, NULL), SIGB_OK);
}

static void drop(taken *done)
{
    sigb_statement_free(done->statement);
    sigb_buf_free(&done->bytes);
    sigb_buf_free(&done->receipt);
}

static sigb_rc verify(const taken *of, const sigb_keys *keys, sigb_receipt_facts *facts, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = sigb_receipt_parse(sigb_buf_bytes(&of->receipt), &receipt, diag);

    if (rc == SIGB_OK)
        rc = sigb_receipt_verify(receipt, of->statement, keys, facts, diag);
    if (facts != NULL)
        facts->issuer = facts->entry_txid = facts->signature_txid = SIGB_BYTES_NONE; /* the receipt is gone */
    sigb_receipt_free(receipt);
    return rc;
}

static void receipts_by_every_kind_of_key(void **state)
{
    static const sigb_alg algs[LEDGER_KEYS] = {
        [LEDGER_P256] = SIGB_ES256,       [LEDGER_P384] = SIGB_ES384, [LEDGER_P521] = SIGB_ES512,
        [LEDGER_P256_LATER] = SIGB_ES256, [LEDGER_RSA] = SIGB_PS256,  [LEDGER_ED25519] = SIGB_EDDSA};

    (void)state;
    for (size_t key = 0; key < LEDGER_KEYS; key++)
        for (int vds = SIGB_VDS_RFC9162; vds <= SIGB_VDS_CCF; vds++) {
            sigb_receipt_facts facts;
            sigb_keys *keys = sigb_keys_new();
            ledger of;
            taken in;
            uint64_t leaf;

            take_statement(&in, "{}");
            ledger_open(token, &of, (sigb_vds)vds, "ledger.example:8000", (enum ledger_key)key);
            ledger_fill(&of, 2);
            leaf = ledger_take(&of, sigb_buf_bytes(&in.bytes));
            ledger_fill(&of, 3);
            (void)ledger_receipt(&of, leaf, &in.receipt);
            ledger_put_keys(&of, "LEDGER.example:8000", keys);
            assert_refused(verify(&in, keys, &facts, diag), SIGB_OK, "");
            assert_true(facts.pinned);
            assert_int_equal(facts.alg, algs[key]);
            assert_int_equal(facts.vds, vds);
            assert_int_equal(facts.time, PKI_NOW);
            assert_string_equal(facts.kid, sigb_keys_kid(keys, 0));
            assert_int_equal(facts.size, vds == SIGB_VDS_RFC9162 ? 6 : 0);
            assert_int_equal(facts.index, vds == SIGB_VDS_RFC9162 ? 2 : 0);
            sigb_keys_free(keys);
            ledger_close(&of);
            drop(&in);
        }
}

static void one_signature_serves_all_entries_before_it(void **state)
{
    sigb_keys *keys = sigb_keys_new();
    ledger of;
    taken in[3];

    (void)state;
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    for (size_t i = 0; i < COUNT(in); i++) {
        char payload[16];

        (void)snprintf(payload, sizeof(payload), "payload %zu", i);
        take_statement(&in[i], payload);
        assert_int_equal(ledger_take(&of, sigb_buf_bytes(&in[i].bytes)), i);
    }
    (void)ledger_receipt(&of, 0, &in[0].receipt);
    assert_int_equal(log_seals(of.log), 1);
    assert_int_equal(log_size(of.log), 4); /* the signature is a transaction */
    ledger_put_keys(&of, NULL, keys);
    for (size_t i = 0; i < COUNT(in); i++) {
        const log_receipt_options options = {.has_entry = true, .entry = i};
        sigb_receipt_facts facts;

        sigb_buf_free(&in[i].receipt);
        assert_refused(log_receipt(of.log, 0, &options, &in[i].receipt, diag), SIGB_OK, "");
        assert_refused(verify(&in[i], keys, &facts, diag), SIGB_OK, "");
        assert_false(facts.pinned);
        drop(&in[i]);
    }
    sigb_keys_free(keys);
    ledger_close(&of);
}

static void transactions_are_numbered_as_ccf_does(void **state)
{
    sigb_receipt *receipt = NULL;
    sigb_buf bytes = SIGB_BUF_INIT;
    ledger of;

    (void)state;
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    ledger_fill(&of, 3);
    (void)ledger_receipt(&of, 1, &bytes);
    assert_refused(sigb_receipt_parse(sigb_buf_bytes(&bytes), &receipt, diag), SIGB_OK, "");
    assert_true(sigb_bytes_equal(sigb_receipt_entry_txid(receipt), sigb_bytes_text("2.2")));
    assert_true(sigb_bytes_equal(sigb_receipt_signature_txid(receipt), sigb_bytes_text("2.4")));
    assert_true(sigb_bytes_equal(sigb_receipt_issuer(receipt), sigb_bytes_text("ledger.example")));
    assert_int_equal(sigb_receipt_kid(receipt).len, 64);
    sigb_receipt_free(receipt);
    sigb_buf_free(&bytes);
    ledger_close(&of);
}

static void after_a_rotation_both_keys_verify(void **state)
{
    sigb_receipt_facts old_facts, new_facts;
    sigb_keys *keys = sigb_keys_new(), *stale = sigb_keys_new();
    ledger of;
    taken first, second;

    (void)state;
    take_statement(&first, "first");
    take_statement(&second, "second");
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    ledger_fill(&of, 1);
    (void)ledger_receipt(&of, ledger_take(&of, sigb_buf_bytes(&first.bytes)), &first.receipt);
    ledger_put_keys(&of, "ledger.example", stale);
    assert_refused(log_use_signer(of.log, token->signers[LEDGER_P384], diag), SIGB_OK, "");
    (void)ledger_receipt(&of, ledger_take(&of, sigb_buf_bytes(&second.bytes)), &second.receipt);
    ledger_put_keys(&of, "ledger.example", keys);
    assert_int_equal(sigb_keys_count(keys), 2);
    assert_refused(verify(&first, keys, &old_facts, diag), SIGB_OK, "");
    assert_refused(verify(&second, keys, &new_facts, diag), SIGB_OK, "");
    assert_int_equal(old_facts.alg, SIGB_ES256);
    assert_int_equal(new_facts.alg, SIGB_ES384);
    assert_refused(verify(&second, stale, NULL, diag), SIGB_E_RECEIPT_KEY, "get the ledger's keys anew");
    assert_refused(log_use_signer(of.log, token->signers[LEDGER_P256], diag), SIGB_OK, "");
    assert_int_equal(of.store.count(of.store.impl, LOG_KEY), 2); /* it was known */
    sigb_keys_free(keys);
    sigb_keys_free(stale);
    ledger_close(&of);
    drop(&first);
    drop(&second);
}

static void keys_of_one_ledger_never_vouch_for_another(void **state)
{
    sigb_keys *keys = sigb_keys_new(), *unpinned = sigb_keys_new();
    sigb_receipt_facts facts;
    ledger one, other;
    taken in;

    (void)state;
    take_statement(&in, "{}");
    ledger_open(token, &one, SIGB_VDS_CCF, "one.example", LEDGER_P256);
    ledger_open(token, &other, SIGB_VDS_CCF, "other.example", LEDGER_P384);
    ledger_fill(&one, 1);
    (void)ledger_receipt(&one, ledger_take(&one, sigb_buf_bytes(&in.bytes)), &in.receipt);
    ledger_put_keys(&other, "other.example", keys);
    ledger_put_keys(&one, "third.example", keys);
    assert_refused(verify(&in, keys, NULL, diag), SIGB_E_RECEIPT_LEDGER,
                   "'one.example', of which no key is known");
    ledger_put_keys(&other, "one.example", keys);
    assert_refused(verify(&in, keys, NULL, diag), SIGB_E_RECEIPT_KEY, "not among those of 'one.example'");
    ledger_put_keys(&one, NULL, keys); /* what is pinned to the issuer judges it alone */
    assert_refused(verify(&in, keys, NULL, diag), SIGB_E_RECEIPT_KEY, "not among those of 'one.example'");
    ledger_put_keys(&other, NULL, unpinned);
    assert_refused(verify(&in, unpinned, NULL, diag), SIGB_E_RECEIPT_LEDGER, "of which no key is known");
    ledger_put_keys(&one, NULL, unpinned);
    assert_refused(verify(&in, unpinned, &facts, diag), SIGB_OK, "");
    assert_false(facts.pinned);
    ledger_put_keys(&one, "one.example", keys);
    assert_refused(verify(&in, keys, &facts, diag), SIGB_OK, "");
    assert_true(facts.pinned);
    sigb_keys_free(keys);
    sigb_keys_free(unpinned);
    ledger_close(&one);
    ledger_close(&other);
    drop(&in);
}

static void a_log_is_taken_up_from_its_store(void **state)
{
    log_options options = {.vds = SIGB_VDS_CCF, .issuer = "ledger.example", .view = 2};
    hash before, after;
    uint64_t seal;
    ledger of;

    (void)state;
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    ledger_fill(&of, 5);
    assert_int_equal(log_seal(of.log, PKI_NOW, &seal, NULL), SIGB_OK);
    ledger_fill(&of, 3);
    assert_int_equal(log_root(of.log, seal, &before, NULL), SIGB_OK);
    log_free(of.log);
    options.store = of.store;
    assert_refused(log_open(&options, &of.log, diag), SIGB_OK, "");
    assert_int_equal(log_size(of.log), 9);
    assert_int_equal(log_seals(of.log), 1);
    assert_int_equal(log_root(of.log, seal, &after, NULL), SIGB_OK);
    assert_memory_equal(before.bytes, after.bytes, HASH_LEN);
    assert_refused(log_seal(of.log, PKI_NOW, &seal, diag), SIGB_E_USAGE, "has no key to sign with");
    assert_refused(log_use_signer(of.log, token->signers[LEDGER_P256], diag), SIGB_OK, "");
    assert_int_equal(of.store.count(of.store.impl, LOG_KEY), 1);
    ledger_close(&of);
}

/* A store that refuses records of one kind while it is told to. */
typedef struct moody {
    log_store in;
    int refused; /* a log_kind, or -1 */
} moody;

static sigb_rc moody_append(void *impl, log_kind kind, sigb_bytes record, sigb_diag *diag)
{
    moody *store = impl;

    if ((int)kind == store->refused)
        return sigb_fail(diag, SIGB_E_IO, "the disk is full");
    return store->in.append(store->in.impl, kind, record, diag);
}

static sigb_rc moody_read(void *impl, log_kind kind, uint64_t index, sigb_bytes *record, sigb_diag *diag)
{
    moody *store = impl;

    return store->in.read(store->in.impl, kind, index, record, diag);
}

static uint64_t moody_count(void *impl, log_kind kind)
{
    moody *store = impl;

    return store->in.count(store->in.impl, kind);
}

static void a_store_that_refuses(void **state)
{
    moody store = {.refused = LOG_KEY};
    log_options options = {.vds = SIGB_VDS_CCF, .issuer = "ledger.example", .view = 2};
    const log_receipt_options first = {.has_entry = true};
    sigb_buf receipt = SIGB_BUF_INIT;
    sigb_log *log = NULL;
    uint64_t number;

    (void)state;
    assert_int_equal(log_memory_new(&store.in, NULL), SIGB_OK);
    options.store = (log_store){&store, moody_append, moody_read, moody_count};
    assert_int_equal(log_open(&options, &log, NULL), SIGB_OK);
    assert_refused(log_use_signer(log, token->signers[LEDGER_P256], diag), SIGB_E_IO, "disk is full");
    assert_refused(log_seal(log, PKI_NOW, &number, diag), SIGB_E_USAGE, "no key to sign with");
    store.refused = LOG_LEAF;
    assert_int_equal(log_use_signer(log, token->signers[LEDGER_P256], NULL), SIGB_OK);
    for (int i = 0; i < 2; i++) /* what was not kept has not happened */
        assert_refused(log_append(log, sigb_bytes_text("entry"), &number, diag), SIGB_E_IO, "disk is full");
    assert_int_equal(log_size(log), 0);
    store.refused = -1;
    assert_int_equal(log_append(log, sigb_bytes_text("entry"), &number, NULL), SIGB_OK);
    store.refused = LOG_SEAL;
    assert_refused(log_seal(log, PKI_NOW, &number, diag), SIGB_E_IO, "disk is full");
    assert_int_equal(log_seals(log), 0);
    store.refused = LOG_LEAF; /* the signature is kept, and its leaf is not */
    assert_refused(log_seal(log, PKI_NOW, &number, diag), SIGB_E_IO, "disk is full");
    assert_int_equal(log_seals(log), 1);
    assert_int_equal(log_size(log), 1);
    store.refused = -1;
    assert_int_equal(log_append(log, sigb_bytes_text("next"), &number, NULL), SIGB_OK);
    assert_int_equal(number, 2); /* behind the signature's, which was made up for */
    assert_refused(log_receipt(log, 0, &first, &receipt, diag), SIGB_OK, "");
    sigb_buf_free(&receipt);
    log_free(log);
    log_memory_free(&store.in);
}

static void a_store_that_holds_something_else(void **state)
{
    static const struct {
        sigb_vds vds;
        log_kind kind;
        const char *hex;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {SIGB_VDS_CCF, LOG_LEAF, "00", SIGB_E_RECEIPT_MALFORMED, "is a number; an array is wanted"},
        {SIGB_VDS_CCF, LOG_LEAF, "83 4100 6161 4100", SIGB_E_RECEIPT_MALFORMED, "byte strings of 32"},
        {SIGB_VDS_CCF, LOG_LEAF, "", SIGB_E_RECEIPT_MALFORMED, "cannot be read"},
        {SIGB_VDS_RFC9162, LOG_LEAF, "00", SIGB_E_RECEIPT_MALFORMED, "not a digest"},
        {SIGB_VDS_CCF, LOG_KEY, "3000", SIGB_E_KEY_UNSUPPORTED, "public key cannot be read"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        log_options options = {.vds = rows[i].vds, .issuer = "ledger.example"};
        sigb_buf record = SIGB_BUF_INIT;
        sigb_log *log = NULL;

        assert_int_equal(log_memory_new(&options.store, NULL), SIGB_OK);
        (void)hex_put(&record, rows[i].hex);
        assert_int_equal(
            options.store.append(options.store.impl, rows[i].kind, sigb_buf_bytes(&record), NULL), SIGB_OK);
        assert_refused(log_open(&options, &log, diag), rows[i].rc, rows[i].words);
        assert_null(log);
        log_memory_free(&options.store);
        sigb_buf_free(&record);
    }
}

static void a_seal_that_is_none_of_the_log(void **state)
{
    static const char *const records[] = {"", "00", "83 00 40 40", "83 05 40 40", "83 01 40 00"};

    (void)state;
    for (size_t i = 0; i < COUNT(records); i++) {
        sigb_buf record = SIGB_BUF_INIT;
        ledger of;
        hash root;

        ledger_open(token, &of, SIGB_VDS_RFC9162, "ledger.example", LEDGER_P256);
        ledger_fill(&of, 1);
        (void)hex_put(&record, records[i]);
        assert_int_equal(of.store.append(of.store.impl, LOG_SEAL, sigb_buf_bytes(&record), NULL), SIGB_OK);
        assert_refused(log_root(of.log, 0, &root, diag), SIGB_E_RECEIPT_MALFORMED, "none of this log");
        sigb_buf_free(&record);
        ledger_close(&of);
    }
}

/* A signer whose signatures are wrong: the log notices, and keeps nothing. */
static sigb_rc sign_nothing(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    static const uint8_t zeros[64];

    (void)impl;
    (void)alg;
    (void)tbs;
    (void)diag;
    sigb_buf_append(signature, sigb_bytes_of(zeros, sizeof(zeros)));
    return SIGB_OK;
}

static void a_signer_that_signs_wrongly(void **state)
{
    const sigb_signer_ops ops = {sign_nothing, NULL};
    sigb_signer *liar = NULL;
    uint64_t seal;
    ledger of;

    (void)state;
    assert_int_equal(
        sigb_signer_from_ops(&ops, NULL, sigb_signer_spki(token->signers[LEDGER_P256]), &liar, NULL),
        SIGB_OK);
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    assert_int_equal(log_use_signer(of.log, liar, NULL), SIGB_OK);
    ledger_fill(&of, 1);
    assert_int_equal(log_seal(of.log, PKI_NOW, &seal, NULL), SIGB_E_SIGNATURE_FAULT);
    assert_int_equal(log_seals(of.log), 0);
    assert_int_equal(log_size(of.log), 1);
    ledger_close(&of);
    sigb_signer_free(liar);
}

/* ---- consistency ---- */

static sigb_rc verify_growth(sigb_bytes bytes, const hash *older, const sigb_keys *keys,
                             sigb_receipt_facts *facts, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, diag);

    if (rc == SIGB_OK)
        rc = sigb_receipt_verify_consistency(receipt, hash_bytes(older), keys, facts, diag);
    sigb_receipt_free(receipt);
    return rc;
}

static void a_log_that_grows_proves_it(void **state)
{
    (void)state;
    for (int vds = SIGB_VDS_RFC9162; vds <= SIGB_VDS_CCF; vds++)
        for (size_t first = 1; first < 9; first++) {
            sigb_keys *keys = sigb_keys_new();
            log_receipt_options options = {.has_older = true, .with_payload = vds == SIGB_VDS_RFC9162};
            sigb_buf receipt = SIGB_BUF_INIT;
            sigb_receipt_facts facts;
            hash older, newer, wrong;
            uint64_t seal;
            ledger of;

            ledger_open(token, &of, (sigb_vds)vds, "ledger.example", LEDGER_P256);
            ledger_fill(&of, first);
            assert_int_equal(log_seal(of.log, PKI_NOW, &options.older, NULL), SIGB_OK);
            ledger_fill(&of, 4);
            assert_int_equal(log_seal(of.log, PKI_NOW + 1, &seal, NULL), SIGB_OK);
            assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_OK, "");
            assert_int_equal(log_root(of.log, options.older, &older, NULL), SIGB_OK);
            assert_int_equal(log_root(of.log, seal, &newer, NULL), SIGB_OK);
            ledger_put_keys(&of, NULL, keys);
            assert_refused(verify_growth(sigb_buf_bytes(&receipt), &older, keys, &facts, diag), SIGB_OK, "");
            assert_memory_equal(facts.root, newer.bytes, HASH_LEN);
            wrong = older;
            wrong.bytes[31] ^= 1;
            assert_refused(verify_growth(sigb_buf_bytes(&receipt), &wrong, keys, NULL, diag),
                           SIGB_E_RECEIPT_FORKED, "root that is trusted");
            sigb_buf_free(&receipt);
            sigb_keys_free(keys);
            ledger_close(&of);
        }
}

/* A proof of RFC 9162 from a whole tree holds no older root: without a payload, the signature tells. */
static void growth_without_the_root_in_the_receipt(void **state)
{
    sigb_keys *keys = sigb_keys_new();
    log_receipt_options options = {.has_older = true};
    sigb_buf receipt = SIGB_BUF_INIT;
    sigb_receipt_facts facts;
    uint64_t seal;
    ledger of;
    hash older;

    (void)state;
    ledger_open(token, &of, SIGB_VDS_RFC9162, "ledger.example", LEDGER_P256);
    ledger_fill(&of, 4);
    assert_int_equal(log_seal(of.log, PKI_NOW, &options.older, NULL), SIGB_OK);
    ledger_fill(&of, 3);
    assert_int_equal(log_seal(of.log, PKI_NOW, &seal, NULL), SIGB_OK);
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_OK, "");
    assert_int_equal(log_root(of.log, options.older, &older, NULL), SIGB_OK);
    ledger_put_keys(&of, NULL, keys);
    assert_refused(verify_growth(sigb_buf_bytes(&receipt), &older, keys, &facts, diag), SIGB_OK, "");
    older.bytes[0] ^= 1;
    assert_refused(verify_growth(sigb_buf_bytes(&receipt), &older, keys, NULL, diag),
                   SIGB_E_RECEIPT_SIGNATURE, "or it continues another tree");
    sigb_buf_free(&receipt);
    sigb_keys_free(keys);
    ledger_close(&of);
}

/* ---- what a log refuses ---- */

static void what_a_log_refuses(void **state)
{
    const log_options nothing = {.vds = (sigb_vds)7, .issuer = "ledger.example"};
    log_receipt_options options = {.has_entry = false};
    sigb_buf receipt = SIGB_BUF_INIT;
    sigb_log *none = NULL;
    uint64_t seal, other;
    ledger of;
    hash root;

    (void)state;
    assert_refused(log_open(&nothing, &none, diag), SIGB_E_USAGE, "needs a tree that is known");
    ledger_open(token, &of, SIGB_VDS_CCF, "ledger.example", LEDGER_P256);
    assert_refused(log_seal(of.log, PKI_NOW, &seal, diag), SIGB_E_USAGE, "no entry yet");
    ledger_fill(&of, 2);
    assert_int_equal(log_seal(of.log, PKI_NOW, &seal, NULL), SIGB_OK);
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_E_USAGE, "neither is asked for");
    options = (log_receipt_options){.has_entry = true, .entry = 2};
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_E_USAGE,
                   "covers 2 leaves; number 2");
    options = (log_receipt_options){.has_entry = true, .with_payload = true};
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_E_USAGE, "have no payload");
    options = (log_receipt_options){.has_older = true, .older = seal};
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_E_USAGE,
                   "does not continue one of 2");
    options.older = 5;
    assert_refused(log_receipt(of.log, seal, &options, &receipt, diag), SIGB_E_USAGE,
                   "no signature of number 5");
    assert_refused(log_root(of.log, 5, &root, diag), SIGB_E_USAGE, "no signature of number 5");
    assert_int_equal(receipt.len, 0);
    assert_int_equal(log_seal(of.log, PKI_NOW, &other, NULL), SIGB_OK);
    assert_int_equal(other, seal + 1);
    sigb_buf_free(&receipt);
    ledger_close(&of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_of_every_size),
        cmocka_unit_test(inclusion_proofs_of_every_leaf_and_size),
        cmocka_unit_test(consistency_proofs_of_every_pair_of_sizes),
        cmocka_unit_test(consistency_paths_as_published),
        cmocka_unit_test(receipts_by_every_kind_of_key),
        cmocka_unit_test(one_signature_serves_all_entries_before_it),
        cmocka_unit_test(transactions_are_numbered_as_ccf_does),
        cmocka_unit_test(after_a_rotation_both_keys_verify),
        cmocka_unit_test(keys_of_one_ledger_never_vouch_for_another),
        cmocka_unit_test(a_log_is_taken_up_from_its_store),
        cmocka_unit_test(a_store_that_refuses),
        cmocka_unit_test(a_store_that_holds_something_else),
        cmocka_unit_test(a_seal_that_is_none_of_the_log),
        cmocka_unit_test(a_signer_that_signs_wrongly),
        cmocka_unit_test(a_log_that_grows_proves_it),
        cmocka_unit_test(growth_without_the_root_in_the_receipt),
        cmocka_unit_test(what_a_log_refuses),
    };

    return cmocka_run_group_tests(tests, open_token, close_token);
}
