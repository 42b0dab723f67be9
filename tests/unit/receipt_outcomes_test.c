/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a receipt can be bad, made byte by byte from a good one, and
 * the one outcome that each must have. What may be different is here too: it is good.
 */
#include "tests/support/support.h"

#include <openssl/evp.h>

#include "cose/sig_structure.h"
#include "cose/writer.h"
#include "ledger/keys.h"
#include "ledger/receipt.h"
#include "tests/support/hex.h"
#include "tests/support/ledgers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ISSUER       "ledger.example"

/* A token, a log of each tree with one statement among others, and the receipts. */
static struct {
    ledgers *token;
    ledger ccf, rfc9162;
    sigb_buf statement, other; /* both are in the logs */
    sigb_buf ccf_receipt, rfc9162_receipt, attached_receipt;
    sigb_keys *unpinned, *pinned;
} world;

static void add_log(ledger *made, sigb_vds vds, sigb_buf *receipt)
{
    uint64_t leaf;

    ledger_open(world.token, made, vds, ISSUER, LEDGER_P256);
    ledger_fill(made, 5);
    leaf = ledger_take(made, sigb_buf_bytes(&world.statement));
    (void)ledger_take(made, sigb_buf_bytes(&world.other));
    ledger_fill(made, 4);
    (void)ledger_receipt(made, leaf, receipt);
    ledger_put_keys(made, NULL, world.unpinned);
    ledger_put_keys(made, ISSUER, world.pinned);
}

static int make_world(void **state)
{
    const log_receipt_options attached = {.has_entry = true, .entry = 5, .with_payload = true};
    ledger second;

    (void)state;
    world.token = ledgers_new();
    world.unpinned = sigb_keys_new();
    world.pinned = sigb_keys_new();
    ledgers_statement(world.token, "{\"build\":7}", &world.statement);
    ledgers_statement(world.token, "{\"build\":8}", &world.other);
    add_log(&world.ccf, SIGB_VDS_CCF, &world.ccf_receipt);
    add_log(&world.rfc9162, SIGB_VDS_RFC9162, &world.rfc9162_receipt);
    assert_refused(log_receipt(world.rfc9162.log, 0, &attached, &world.attached_receipt, diag), SIGB_OK, "");
    /* another key that is known, pinned and not */
    ledger_open(world.token, &second, SIGB_VDS_CCF, ISSUER, LEDGER_P256_LATER);
    ledger_put_keys(&second, NULL, world.unpinned);
    ledger_put_keys(&second, ISSUER, world.pinned);
    ledger_close(&second);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    ledger_close(&world.ccf);
    ledger_close(&world.rfc9162);
    ledgers_free(world.token);
    sigb_keys_free(world.unpinned);
    sigb_keys_free(world.pinned);
    sigb_buf_free(&world.statement);
    sigb_buf_free(&world.other);
    sigb_buf_free(&world.ccf_receipt);
    sigb_buf_free(&world.rfc9162_receipt);
    sigb_buf_free(&world.attached_receipt);
    return 0;
}

static sigb_rc verify_with(sigb_bytes bytes, sigb_bytes statement_bytes, const sigb_keys *keys,
                           sigb_diag *diag)
{
    sigb_statement *statement = NULL;
    sigb_receipt *receipt = NULL;
    sigb_receipt_facts facts = {.size = 4711};
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, diag);

    assert_int_equal(sigb_statement_parse(statement_bytes, &statement, NULL), SIGB_OK);
    if (rc == SIGB_OK)
        rc = sigb_receipt_verify(receipt, statement, keys, &facts, diag);
    if (rc != SIGB_OK)
        assert_int_equal(facts.size, 4711); /* untouched */
    sigb_receipt_free(receipt);
    sigb_statement_free(statement);
    return rc;
}

static sigb_rc verify(const sigb_buf *receipt, sigb_diag *diag)
{
    return verify_with(sigb_buf_bytes(receipt), sigb_buf_bytes(&world.statement), world.unpinned, diag);
}

/* ---- edits of the parts ---- */

static void put_hex(sigb_buf *part, const char *hex)
{
    sigb_buf_free(part);
    (void)hex_put(part, hex);
}

/* The first of several. */
static uint8_t *find(const sigb_buf *in, const char *hex)
{
    sigb_buf wanted = SIGB_BUF_INIT;
    uint8_t *found;

    (void)hex_put(&wanted, hex);
    found = memmem(in->ptr, in->len, wanted.ptr, wanted.len);
    assert_non_null(found);
    sigb_buf_free(&wanted);
    return found;
}

static void flip_signature(cose_parts *parts)
{
    parts->signature.ptr[parts->signature.len - 1] ^= 1;
}

static void cut_signature(cose_parts *parts)
{
    parts->signature.len--;
    parts->signature.ptr[1]--;
}

/* The path is the last thing of its map. */
static void flip_path(cose_parts *parts)
{
    parts->unprotected.ptr[parts->unprotected.len - 1] ^= 1;
}

#define LEFT  "82f55820" /* an element of the path, as far as its flag tells */
#define RIGHT "82f45820"

static void flip_left(cose_parts *parts)
{
    find(&parts->unprotected, LEFT)[1] = 0xf4;
}

static void flip_right(cose_parts *parts)
{
    find(&parts->unprotected, RIGHT)[1] = 0xf5;
}

static void flags_of_0_and_1(cose_parts *parts)
{
    for (size_t i = 0; i + 3 < parts->unprotected.len; i++) {
        uint8_t *at = parts->unprotected.ptr + i;

        if (at[0] == 0x82 && (at[1] & 0xfe) == 0xf4 && at[2] == 0x58 && at[3] == 0x20)
            at[1] &= 1;
    }
}

static void flag_of_2(cose_parts *parts)
{
    find(&parts->unprotected, LEFT)[1] = 0x02;
}

static void flag_of_null(cose_parts *parts)
{
    find(&parts->unprotected, LEFT)[1] = 0xf6;
}

/* The leaf: 83, 5820 internal, 7847 evidence, 5820 data-hash */
#define LEAF         "01835820"
#define INTERNAL_AT  4
#define EVIDENCE_AT  (INTERNAL_AT + 32 + 2)
#define EVIDENCE_LEN 71 /* "ce:2.6:" and 64 characters */
#define DATA_HASH_AT (EVIDENCE_AT + EVIDENCE_LEN + 2)

static void swap_leaf(cose_parts *parts)
{
    uint8_t *leaf = find(&parts->unprotected, LEAF), kept[32];

    memcpy(kept, leaf + INTERNAL_AT, 32);
    memcpy(leaf + INTERNAL_AT, leaf + DATA_HASH_AT, 32);
    memcpy(leaf + DATA_HASH_AT, kept, 32);
}

static void change_evidence(cose_parts *parts)
{
    uint8_t *evidence = find(&parts->unprotected, LEAF) + EVIDENCE_AT;

    assert_memory_equal(evidence, "ce:2.6:", 7);
    evidence[5] = '7';
}

static void flip_internal(cose_parts *parts)
{
    find(&parts->unprotected, LEAF)[INTERNAL_AT] ^= 1;
}

static void flip_data_hash(cose_parts *parts)
{
    find(&parts->unprotected, LEAF)[DATA_HASH_AT] ^= 1;
}

static void kid_becomes(cose_parts *parts, const char *kid)
{
    memcpy(find(&parts->protected_map, "045840") + 3, kid, 64);
}

static void kid_of_another_key(cose_parts *parts)
{
    kid_becomes(parts, sigb_keys_kid(world.pinned, 1));
}

static void kid_of_nobody(cose_parts *parts)
{
    kid_becomes(parts, "0000000000000000000000000000000000000000000000000000000000000000");
}

static void kid_in_capitals(cose_parts *parts)
{
    char kid[65];

    (void)snprintf(kid, sizeof(kid), "%s", sigb_keys_kid(world.pinned, 0));
    for (size_t i = 0; i < 64; i++)
        kid[i] = kid[i] >= 'a' ? (char)(kid[i] - 'a' + 'A') : kid[i];
    kid_becomes(parts, kid);
}

/* 4 => kid becomes 1234 => kid */
static void kid_absent(cose_parts *parts)
{
    bytes_replace(&parts->protected_map, "26 045840", "26 1904d2 5840");
}

static void drop_tag(cose_parts *parts)
{
    parts->untagged = true;
}

/* A head of up to one byte behind the first becomes one of two. */
static void lengthen_head(sigb_buf *part)
{
    sigb_buf made = SIGB_BUF_INIT;
    unsigned info = part->ptr[0] & 0x1f;
    size_t taken = info < 24 ? 1 : 2;
    uint8_t head[] = {(uint8_t)((part->ptr[0] & 0xe0) | 25), 0, taken == 1 ? (uint8_t)info : part->ptr[1]};

    sigb_buf_append(&made, sigb_bytes_of(head, sizeof(head)));
    sigb_buf_append(&made, sigb_bytes_of(part->ptr + taken, part->len - taken));
    sigb_buf_free(part);
    *part = made;
}

static void long_heads(cose_parts *parts)
{
    lengthen_head(&parts->unprotected);
    lengthen_head(&parts->signature);
    bytes_replace(&parts->unprotected, "19018c a1 20 81", "1a0000018c b801 3800 9a00000001");
}

/* a1 19018c a1 20 81 58LL 83 0b 05: the string that holds the proof grows with its numbers */
static void long_numbers(cose_parts *parts)
{
    bytes_replace(&parts->unprotected, "830b05", "83 1b000000000000000b 1805");
    parts->unprotected.ptr[8] += 9;
}

/* What occurs once in a part becomes something else; NULL: all of it. Or a function, where that does not do. */
typedef struct edit_row {
    const char *name;
    size_t part; /* offset in cose_parts */
    const char *old, *new;
    void (*edit)(cose_parts *parts);
    sigb_rc rc;
    const char *words;
} edit_row;

static void run_edit(const sigb_buf *good, const edit_row *row)
{
    sigb_buf made = SIGB_BUF_INIT;
    cose_parts parts;

    print_message("%s\n", row->name);
    cose_split(sigb_buf_bytes(good), &parts);
    if (row->edit != NULL)
        row->edit(&parts);
    else if (row->old != NULL)
        bytes_replace((sigb_buf *)(void *)((char *)&parts + row->part), row->old, row->new);
    else
        put_hex((sigb_buf *)(void *)((char *)&parts + row->part), row->new);
    cose_join(&parts, &made);
    assert_refused(verify(&made, diag), row->rc, row->words);
    sigb_buf_free(&made);
}

#define PROT  offsetof(cose_parts, protected_map),
#define UNPR  offsetof(cose_parts, unprotected),
#define LOAD  offsetof(cose_parts, payload),
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ALG   "0126 045840"

/* clang-format off */
static void receipts_of_the_ccf_tree(void **state)
{
    static const edit_row rows[] = {
        {"good",                  UNPR "a1 19018c", "a1 19018c", NULL, SIGB_OK, ""},
        /* what was signed */
        {"signature flipped",     0, NULL, NULL, flip_signature,    SIGB_E_RECEIPT_SIGNATURE, "the ledger did not sign this receipt"},
        {"signature cut",         0, NULL, NULL, cut_signature,     SIGB_E_RECEIPT_SIGNATURE, "signature of 63 bytes where 64 are wanted"},
        {"path element flipped",  0, NULL, NULL, flip_path,         SIGB_E_RECEIPT_SIGNATURE, "or its path or header was changed; reject it"},
        {"left flag cleared",     0, NULL, NULL, flip_left,         SIGB_E_RECEIPT_SIGNATURE, "path or header was changed"},
        {"left flag set",         0, NULL, NULL, flip_right,        SIGB_E_RECEIPT_SIGNATURE, "path or header was changed"},
        {"evidence changed",      0, NULL, NULL, change_evidence,   SIGB_E_RECEIPT_SIGNATURE, "path or header was changed"},
        {"internal hash flipped", 0, NULL, NULL, flip_internal,     SIGB_E_RECEIPT_SIGNATURE, "path or header was changed"},
        {"time changed",          PROT "06 1a6a445880", "06 1a6a445881", NULL, SIGB_E_RECEIPT_SIGNATURE, "path or header was changed"},
        /* which statement it is for */
        {"leaf parts swapped",    0, NULL, NULL, swap_leaf,         SIGB_E_RECEIPT_UNBOUND, "the hash in its leaf is not the statement's"},
        {"data hash flipped",     0, NULL, NULL, flip_data_hash,    SIGB_E_RECEIPT_UNBOUND, "for another statement"},
        /* which key */
        {"kid of another key",    0, NULL, NULL, kid_of_another_key, SIGB_E_RECEIPT_SIGNATURE, "the ledger did not sign"},
        {"kid of nobody",         0, NULL, NULL, kid_of_nobody,     SIGB_E_RECEIPT_LEDGER, "'" ISSUER "', of which no key is known"},
        {"kid in capitals",       0, NULL, NULL, kid_in_capitals,   SIGB_E_RECEIPT_LEDGER, "of which no key is known"},
        {"kid absent",            0, NULL, NULL, kid_absent,        SIGB_E_RECEIPT_KEY, "the receipt names no key"},
        /* algorithm and tree */
        {"alg of another curve",  PROT ALG, "013822 045840", NULL, SIGB_E_RECEIPT_SIGNATURE, "signed with ES384, which does not fit the ledger's key"},
        {"alg of RSA",            PROT ALG, "013824 045840", NULL, SIGB_E_RECEIPT_SIGNATURE, "signed with PS256, which does not fit"},
        {"alg unknown",           PROT ALG, "0139ffff 045840", NULL, SIGB_E_RECEIPT_UNSUPPORTED, "an algorithm (-65536) that is not known"},
        {"alg a text",            PROT ALG, "01654553323536 045840", NULL, SIGB_E_RECEIPT_MALFORMED, "alg in the protected header is a text"},
        {"alg absent",            PROT ALG, "1904d226 045840", NULL, SIGB_E_RECEIPT_MALFORMED, "names no algorithm"},
        {"vds unknown",           PROT "19018b 02", "19018b 03", NULL, SIGB_E_RECEIPT_UNSUPPORTED, "a tree (vds 3) that is not known here; 1 and 2 are"},
        {"vds negative",          PROT "19018b 02", "19018b 21", NULL, SIGB_E_RECEIPT_UNSUPPORTED, "a tree (vds -2)"},
        {"vds a text",            PROT "19018b 02", "19018b 6132", NULL, SIGB_E_RECEIPT_MALFORMED, "vds in the protected header is a text"},
        {"vds absent",            PROT "19018b 02", "1904d2 02", NULL, SIGB_E_RECEIPT_MALFORMED, "names no tree"},
        {"vds of another tree",   PROT "19018b 02", "19018b 01", NULL, SIGB_E_RECEIPT_MALFORMED, "a proof of the receipt is a map; an array is wanted"},
        {"crit",                  PROT "a5" ALG, "a6 0126 02810f 045840", NULL, SIGB_E_RECEIPT_UNSUPPORTED, "critical headers (crit), which nothing here knows"},
        {"crit unknown",          PROT "a5" ALG, "a6 0126 02811904d2 045840", NULL, SIGB_E_RECEIPT_UNSUPPORTED, "crit lists a label"},
        /* shape */
        {"tag dropped",           0, NULL, NULL, drop_tag,          SIGB_E_RECEIPT_MALFORMED, "an array where tag 18 (COSE_Sign1) must stand first"},
        {"payload present",       LOAD NULL, "5820" ZEROS, NULL, SIGB_E_RECEIPT_MALFORMED, "a payload stands in the receipt, where nil is wanted"},
        {"payload empty",         LOAD NULL, "40", NULL, SIGB_E_RECEIPT_MALFORMED, "a payload stands in the receipt"},
        {"payload undefined",     LOAD NULL, "f7", NULL, SIGB_E_RECEIPT_MALFORMED, "payload is a simple value"},
        {"label twice",           PROT "a5" ALG, "a6 0126 0126 045840", NULL, SIGB_E_RECEIPT_MALFORMED, "has a key twice"},
        {"label twice, encoded otherwise", PROT "a5" ALG, "a6 0126 180126 045840", NULL, SIGB_E_RECEIPT_MALFORMED, "has a key twice"},
        {"label in both maps",    UNPR "a1 19018c", "a2 044100 19018c", NULL, SIGB_E_RECEIPT_MALFORMED, "stands in both header maps"},
        {"no proofs",             UNPR NULL, "a0", NULL, SIGB_E_RECEIPT_MALFORMED, "has no proof (label 396)"},
        {"proofs none",           UNPR NULL, "a1 19018c a0", NULL, SIGB_E_RECEIPT_MALFORMED, "has no proof"},
        {"proofs no map",         UNPR NULL, "a1 19018c 8140", NULL, SIGB_E_RECEIPT_MALFORMED, "vdp in the unprotected header is an array"},
        {"proofs empty",          UNPR NULL, "a1 19018c a1 20 80", NULL, SIGB_E_RECEIPT_MALFORMED, "not an array of one or more"},
        {"proofs not listed",     UNPR NULL, "a1 19018c a1 20 41a0", NULL, SIGB_E_RECEIPT_MALFORMED, "not an array of one or more"},
        {"proof not in a string", UNPR NULL, "a1 19018c a1 20 81a0", NULL, SIGB_E_RECEIPT_MALFORMED, "not in a byte string"},
        {"proofs protected",      UNPR "a1 19018c", "a1 19018b", NULL, SIGB_E_RECEIPT_MALFORMED, "both header maps"},
        {"flag of 2",             0, NULL, NULL, flag_of_2,         SIGB_E_RECEIPT_MALFORMED, "pairs of a left flag and a digest"},
        {"flag of null",          0, NULL, NULL, flag_of_null,      SIGB_E_RECEIPT_MALFORMED, "pairs of a left flag and a digest"},
        /* different, and good */
        {"flags of 0 and 1",      0, NULL, NULL, flags_of_0_and_1,  SIGB_OK, ""},
        {"further labels",        UNPR "a1 19018c", "a3 6161 83010203 1904d2 bf0102ff 19018c", NULL, SIGB_OK, ""},
        {"further proofs",        UNPR "a1 20", "a2 3863 8101 20", NULL, SIGB_OK, ""},
        {"heads not shortest",    0, NULL, NULL, long_heads,        SIGB_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        run_edit(&world.ccf_receipt, &rows[i]);
}

static void receipts_of_the_rfc_9162_tree(void **state)
{
    static const edit_row rows[] = {
        {"good",                UNPR "a1 19018c", "a1 19018c", NULL, SIGB_OK, ""},
        {"signature flipped",   0, NULL, NULL, flip_signature, SIGB_E_RECEIPT_SIGNATURE, "or it is for another statement"},
        {"path flipped",        0, NULL, NULL, flip_path,      SIGB_E_RECEIPT_SIGNATURE, "or it is for another statement"},
        {"another index",       UNPR "830b 05 84", "830b 04 84", NULL, SIGB_E_RECEIPT_SIGNATURE, "the ledger did not sign"},
        {"index behind the end", UNPR "830b 05 84", "830b 0b 84", NULL, SIGB_E_RECEIPT_MALFORMED, "a leaf behind the last one of its tree"},
        {"another size",        UNPR "830b 05 84", "8308 05 84", NULL, SIGB_E_RECEIPT_MALFORMED, "a path of 4 hashes, where these sizes give 3"},
        {"size no number",      UNPR "830b 05 84", "8340 05 84", NULL, SIGB_E_RECEIPT_MALFORMED, "sizes are no numbers"},
        {"size negative",       UNPR "830b 05 84", "832a 05 84", NULL, SIGB_E_RECEIPT_MALFORMED, "sizes are no numbers"},
        {"a tree of none",      UNPR "830b 05 84", "8300 00 84", NULL, SIGB_E_RECEIPT_MALFORMED, "a leaf behind the last one"},
        {"payload short",       LOAD NULL, "4100", NULL, SIGB_E_RECEIPT_MALFORMED, "not a root of 32 bytes"},
        {"payload of zeros",    LOAD NULL, "5820" ZEROS, NULL, SIGB_E_RECEIPT_SIGNATURE, "the ledger did not sign"},
        {"vds of another tree", PROT "19018b 01", "19018b 02", NULL, SIGB_E_RECEIPT_MALFORMED, "a proof of the receipt is an array; a map is wanted"},
        {"heads not shortest",  0, NULL, NULL, long_numbers,   SIGB_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        run_edit(&world.rfc9162_receipt, &rows[i]);
}

/* The root stands in the receipt: then what the ledger signed and what it signed it for are told apart. */
static void receipts_with_their_root(void **state)
{
    static const edit_row rows[] = {
        {"good",              UNPR "a1 19018c", "a1 19018c", NULL, SIGB_OK, ""},
        {"path flipped",      0, NULL, NULL, flip_path, SIGB_E_RECEIPT_UNBOUND, "does not lead to the root that the ledger signed"},
        {"another index",     UNPR "830b 05 84", "830b 04 84", NULL, SIGB_E_RECEIPT_UNBOUND, "does not lead to the root"},
        {"signature flipped", 0, NULL, NULL, flip_signature, SIGB_E_RECEIPT_SIGNATURE, "header was changed; reject it"},
        {"payload taken out", LOAD NULL, "f6", NULL, SIGB_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        run_edit(&world.attached_receipt, &rows[i]);
    assert_refused(verify_with(sigb_buf_bytes(&world.attached_receipt), sigb_buf_bytes(&world.other),
                               world.unpinned, diag), SIGB_E_RECEIPT_UNBOUND, "for another statement");
    assert_refused(verify_with(sigb_buf_bytes(&world.rfc9162_receipt), sigb_buf_bytes(&world.other),
                               world.unpinned, diag), SIGB_E_RECEIPT_SIGNATURE, "or it is for another statement");
}
/* clang-format on */

/* ---- proofs by themselves ---- */

#define LEAF_HEX  "83 5820" ZEROS "6161 5820" ZEROS
#define STEP_HEX  "82 f5 5820" ZEROS
#define RIGHT_HEX "82 f4 5820" ZEROS

typedef struct proof_row {
    const char *name, *hex, *words;
} proof_row;

static void run_proofs(const sigb_buf *good, int64_t label, const proof_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sigb_buf made = SIGB_BUF_INIT, content = SIGB_BUF_INIT;
        cose_parts parts;

        print_message("%s\n", rows[i].name);
        cose_split(sigb_buf_bytes(good), &parts);
        put_hex(&parts.unprotected, "a1 19018c a1");
        put_int(&parts.unprotected, label);
        put_array(&parts.unprotected, 1);
        put_bstr(&parts.unprotected, hex_put(&content, rows[i].hex));
        cose_join(&parts, &made);
        assert_refused(verify(&made, diag), SIGB_E_RECEIPT_MALFORMED, rows[i].words);
        sigb_buf_free(&made);
        sigb_buf_free(&content);
    }
}

static void proofs_that_are_malformed(void **state)
{
    static const proof_row inclusion[] = {
        {"empty", "", "cannot be read"},
        {"an array", "80", "is an array; a map is wanted"},
        {"cut", "a2 01", "cannot be read"},
        {"bytes behind it", "a2 01 " LEAF_HEX " 02 81" STEP_HEX " 00", "1 bytes behind the end"},
        {"indefinite", "bf 01 " LEAF_HEX " 02 81" STEP_HEX " ff", "indefinite length"},
        {"a key twice", "a3 01 " LEAF_HEX " 01 " LEAF_HEX " 02 81" STEP_HEX, "has a key twice"},
        {"another key", "a3 01 " LEAF_HEX " 02 81" STEP_HEX " 03 05",
         "something else in it than leaf and path"},
        {"text keys", "a1 6161 01", "something else in it"},
        {"in a string again", "43 a20102", "is a byte string; a map is wanted"},
        {"no leaf", "a1 02 81" STEP_HEX, "whose leaf is not an array of three"},
        {"a leaf of two", "a2 01 82 5820" ZEROS "6161 02 81" STEP_HEX, "not an array of three"},
        {"a hash of 31", "a2 01 83 581f" ZEROS "6161 5820" ZEROS "02 81" STEP_HEX, "cannot be read"},
        {"a hash of 1", "a2 01 83 4100 6161 5820" ZEROS "02 81" STEP_HEX,
         "hashes are not byte strings of 32"},
        {"a hash of 33", "a2 01 83 5821" ZEROS "00 6161 5820" ZEROS "02 81" STEP_HEX,
         "hashes are not byte strings"},
        {"a data hash of text", "a2 01 83 5820" ZEROS "6161 6161 02 81" STEP_HEX,
         "hashes are not byte strings"},
        {"evidence of bytes", "a2 01 83 5820" ZEROS "4161 5820" ZEROS "02 81" STEP_HEX,
         "evidence is not a text"},
        {"evidence empty", "a2 01 83 5820" ZEROS "60 5820" ZEROS "02 81" STEP_HEX,
         "evidence is not a text of 1 to 1024"},
        {"evidence no UTF-8", "a2 01 83 5820" ZEROS "61ff 5820" ZEROS "02 81" STEP_HEX, "not UTF-8"},
        {"no path", "a1 01 " LEAF_HEX, "a proof without a path"},
        {"path no array", "a2 01 " LEAF_HEX " 02 a0", "a proof without a path"},
        {"path empty", "a2 01 " LEAF_HEX " 02 80", "an empty path"},
        {"step of one", "a2 01 " LEAF_HEX " 02 81 81 f5", "pairs of a left flag and a digest"},
        {"step of three", "a2 01 " LEAF_HEX " 02 81 83 f5 5820" ZEROS "00", "pairs of a left flag"},
        {"step a map", "a2 01 " LEAF_HEX " 02 81 a1 f5 5820" ZEROS, "cannot be read"},
        {"step without flag", "a2 01 " LEAF_HEX " 02 81 5820" ZEROS, "pairs of a left flag"},
        {"step of 33", "a2 01 " LEAF_HEX " 02 81 82 f5 5821" ZEROS "00", "pairs of a left flag"},
        {"step the other way", "a2 01 " LEAF_HEX " 02 81 82 5820" ZEROS "f5", "pairs of a left flag"},
    };
    static const proof_row consistency[] = {
        {"no anchor", "a1 02 81" RIGHT_HEX, "an anchor that is not a byte string of 32"},
        {"anchor of 1", "a2 01 4100 02 81" RIGHT_HEX, "an anchor that is not"},
        {"anchor a text", "a2 01 6161 02 81" RIGHT_HEX, "an anchor that is not"},
        {"anchor a leaf", "a2 01 " LEAF_HEX " 02 81" RIGHT_HEX, "an anchor that is not"},
        {"path empty", "a2 01 5820" ZEROS " 02 80", "an empty path"},
        {"anchor not the last", "a2 01 5820" ZEROS " 02 82" STEP_HEX RIGHT_HEX,
         "anchor is not the last whole subtree"},
    };
    static const proof_row inclusion_9162[] = {
        {"a map", "a0", "is a map; an array is wanted"},
        {"of two", "82 01 00", "not an array of three"},
        {"path no array", "83 01 00 a0", "without a path"},
        {"path too long", "83 01 00 81 5820" ZEROS, "a path of 1 hashes, where these sizes give 0"},
        {"path of texts", "83 02 00 81 6161", "byte strings of 32"},
        {"the largest sizes", "83 1bffffffffffffffff 00 80", "where these sizes give 64"},
    };
    static const proof_row consistency_9162[] = {
        {"from nothing", "83 00 02 80", "does not grow"},
        {"from itself", "83 02 02 80", "does not grow"},
        {"path too short", "83 03 04 80", "a path of 0 hashes, where these sizes give 3"},
        {"path of a whole tree", "83 02 04 82 5820" ZEROS "5820" ZEROS, "where these sizes give 1"},
    };

    (void)state;
    run_proofs(&world.ccf_receipt, -1, inclusion, COUNT(inclusion));
    run_proofs(&world.ccf_receipt, -2, consistency, COUNT(consistency));
    run_proofs(&world.rfc9162_receipt, -1, inclusion_9162, COUNT(inclusion_9162));
    run_proofs(&world.rfc9162_receipt, -2, consistency_9162, COUNT(consistency_9162));
}

/* ---- long paths, several proofs ---- */

/* A proof for the statement with a path of this many steps, left and right in turn. */
static void put_long_proof(sigb_buf *content, size_t steps)
{
    static const uint8_t internal[32] = {1}, beside[32] = {2};
    sigb_statement *statement = NULL;
    hasher with;
    entry about;

    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&world.statement), &statement, NULL), SIGB_OK);
    assert_int_equal(entry_of_statement(&about, statement, SIGB_BYTES_NONE, NULL), SIGB_OK);
    assert_int_equal(hasher_init(&with, NULL), SIGB_OK);
    (void)hex_put(content, "a2 01 83");
    put_bstr(content, sigb_bytes_of(internal, 32));
    put_tstr(content, "ce:9.9:0");
    put_bstr(content, hash_bytes(entry_data_hash(&about, &with)));
    put_int(content, 2);
    put_array(content, steps);
    for (size_t i = 0; i < steps; i++) {
        put_array(content, 2);
        put_bool(content, i % 2 == 0);
        put_bstr(content, sigb_bytes_of(beside, 32));
    }
    hasher_free(&with);
    sigb_statement_free(statement);
}

/* The receipt with this proof, signed by the token over the root that it leads to. */
static void sign_proof(const sigb_buf *content, size_t times, sigb_buf *receipt)
{
    sigb_buf tbs = SIGB_BUF_INIT, signature = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    cose_parts parts;
    proof of = {.size = 0};
    hasher with;
    entry about;
    hash root;

    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&world.statement), &statement, NULL), SIGB_OK);
    assert_int_equal(entry_of_statement(&about, statement, SIGB_BYTES_NONE, NULL), SIGB_OK);
    assert_int_equal(hasher_init(&with, NULL), SIGB_OK);
    assert_refused(TREE_CCF.read_inclusion(sigb_buf_bytes(content), &of, diag), SIGB_OK, "");
    assert_refused(TREE_CCF.inclusion_root(&of, &about, &with, &root, diag), SIGB_OK, "");
    cose_split(sigb_buf_bytes(&world.ccf_receipt), &parts);
    sig_structure_put(&tbs, sigb_buf_bytes(&parts.protected_map), hash_bytes(&root));
    assert_refused(sigb_signer_sign(world.token->signers[LEDGER_P256], SIGB_ES256, sigb_buf_bytes(&tbs),
                                    &signature, diag),
                   SIGB_OK, "");
    put_hex(&parts.unprotected, "a1 19018c a1 20");
    put_array(&parts.unprotected, times);
    for (size_t i = 0; i < times; i++)
        put_bstr(&parts.unprotected, sigb_buf_bytes(content));
    sigb_buf_free(&parts.signature);
    put_bstr(&parts.signature, sigb_buf_bytes(&signature));
    cose_join(&parts, receipt);
    hasher_free(&with);
    sigb_statement_free(statement);
    sigb_buf_free(&tbs);
    sigb_buf_free(&signature);
}

static void paths_of_every_length_up_to_64(void **state)
{
    (void)state;
    for (size_t steps = 1; steps <= 64; steps++) {
        sigb_buf content = SIGB_BUF_INIT, receipt = SIGB_BUF_INIT;

        put_long_proof(&content, steps);
        sign_proof(&content, 1, &receipt);
        assert_refused(verify(&receipt, diag), SIGB_OK, "");
        sigb_buf_free(&content);
        sigb_buf_free(&receipt);
    }
}

static void a_path_of_65(void **state)
{
    sigb_buf content = SIGB_BUF_INIT, receipt = SIGB_BUF_INIT;
    cose_parts parts;

    (void)state;
    put_long_proof(&content, 65);
    cose_split(sigb_buf_bytes(&world.ccf_receipt), &parts);
    put_hex(&parts.unprotected, "a1 19018c a1 20 81");
    put_bstr(&parts.unprotected, sigb_buf_bytes(&content));
    cose_join(&parts, &receipt);
    assert_refused(verify(&receipt, diag), SIGB_E_RECEIPT_MALFORMED,
                   "a path of 65 hashes: at most 64 lead to a root");
    sigb_buf_free(&content);
    sigb_buf_free(&receipt);
}

static void several_proofs_lead_to_one_root(void **state)
{
    sigb_buf content = SIGB_BUF_INIT, receipt = SIGB_BUF_INIT, longer = SIGB_BUF_INIT, mixed = SIGB_BUF_INIT;
    cose_parts parts;

    (void)state;
    put_long_proof(&content, 3);
    put_long_proof(&longer, 4);
    sign_proof(&content, 3, &receipt);
    assert_refused(verify(&receipt, diag), SIGB_OK, "");
    cose_split(sigb_buf_bytes(&receipt), &parts);
    put_hex(&parts.unprotected, "a1 19018c a1 20 82");
    put_bstr(&parts.unprotected, sigb_buf_bytes(&content));
    put_bstr(&parts.unprotected, sigb_buf_bytes(&longer));
    cose_join(&parts, &mixed);
    assert_refused(verify(&mixed, diag), SIGB_E_RECEIPT_MALFORMED, "lead to different roots");
    sigb_buf_free(&content);
    sigb_buf_free(&longer);
    sigb_buf_free(&receipt);
    sigb_buf_free(&mixed);
}

/* ---- the statement ---- */

static sigb_rc verify_statement(const sigb_buf *statement, sigb_diag *diag)
{
    return verify_with(sigb_buf_bytes(&world.ccf_receipt), sigb_buf_bytes(statement), world.unpinned, diag);
}

static void flip_payload(cose_parts *parts)
{
    parts->payload.ptr[parts->payload.len - 2] ^= 1;
}

static void flip_protected(cose_parts *parts)
{
    parts->protected_map.ptr[parts->protected_map.len - 1] ^= 1;
}

static void long_statement_heads(cose_parts *parts)
{
    lengthen_head(&parts->payload);
    lengthen_head(&parts->signature);
    lengthen_head(&parts->unprotected);
}

static void statements_that_were_changed(void **state)
{
    static const struct {
        const char *name;
        void (*edit)(cose_parts *parts);
        const char *unprotected;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"payload flipped", flip_payload, NULL, SIGB_E_RECEIPT_UNBOUND, "or this one was changed since"},
        {"signature flipped", flip_signature, NULL, SIGB_E_RECEIPT_UNBOUND, "or this one was changed since"},
        {"protected header flipped", flip_protected, NULL, SIGB_E_RECEIPT_UNBOUND, "was changed since"},
        {"further unprotected labels", NULL, "a2 6161 83010203 1904d2 bf0102ff", SIGB_OK, ""},
        {"heads not shortest", long_statement_heads, NULL, SIGB_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf made = SIGB_BUF_INIT;
        cose_parts parts;

        print_message("%s\n", rows[i].name);
        cose_split(sigb_buf_bytes(&world.statement), &parts);
        if (rows[i].edit != NULL)
            rows[i].edit(&parts);
        if (rows[i].unprotected != NULL)
            put_hex(&parts.unprotected, rows[i].unprotected);
        cose_join(&parts, &made);
        assert_refused(verify_statement(&made, diag), rows[i].rc, rows[i].words);
        sigb_buf_free(&made);
    }
    assert_refused(verify_statement(&world.other, diag), SIGB_E_RECEIPT_UNBOUND, "for another statement");
}

/* The head of the protected header is written shortest for the ledger's hash, whatever it was. */
static void a_long_head_of_the_protected_header(void **state)
{
    sigb_buf made = SIGB_BUF_INIT;
    cose_parts parts;

    (void)state;
    cose_split(sigb_buf_bytes(&world.statement), &parts);
    (void)hex_put(&made, "d812 9b0000000000000004 5a000000");
    {
        uint8_t len = (uint8_t)parts.protected_map.len;

        sigb_buf_append(&made, sigb_bytes_of(&len, 1));
    }
    sigb_buf_append(&made, sigb_buf_bytes(&parts.protected_map));
    sigb_buf_append(&made, sigb_buf_bytes(&parts.unprotected));
    sigb_buf_append(&made, sigb_buf_bytes(&parts.payload));
    sigb_buf_append(&made, sigb_buf_bytes(&parts.signature));
    assert_refused(verify_statement(&made, diag), SIGB_OK, "");
    sigb_buf_free(&made);
    cose_join(&parts, &made);
    sigb_buf_free(&made);
}

static void what_label_394_must_not_be(void **state)
{
    static const struct {
        const char *unprotected;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"a1 19018a a0", SIGB_E_HEADER, "receipts in the unprotected header is a map"},
        {"a1 19018a 4100", SIGB_E_HEADER, "receipts in the unprotected header is a byte string"},
        {"a1 19018a 80", SIGB_E_HEADER, "receipts is an empty array"},
        {"a2 19018a 8140 19018a 8140", SIGB_E_DUPLICATE, "has a key twice"},
        {"a2 19018a 8140 1a0000018a 8140", SIGB_E_DUPLICATE, "has a key twice"},
        {"a1 19018a 9f40ff", SIGB_E_INDEFINITE, "indefinite length"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_statement *statement = NULL;
        sigb_buf made = SIGB_BUF_INIT;
        cose_parts parts;

        cose_split(sigb_buf_bytes(&world.statement), &parts);
        put_hex(&parts.unprotected, rows[i].unprotected);
        cose_join(&parts, &made);
        assert_refused(sigb_statement_parse(sigb_buf_bytes(&made), &statement, diag), rows[i].rc,
                       rows[i].words);
        assert_null(statement);
        sigb_buf_free(&made);
    }
}

static void what_may_stand_in_label_394_and_is_no_receipt(void **state)
{
    static const struct {
        const char *element, *words;
        sigb_receipt_form form;
        sigb_rc rc;
    } rows[] = {
        {"01", "a number where tag 18", SIGB_RECEIPT_OTHER, SIGB_E_RECEIPT_MALFORMED},
        {"6161", "a text where tag 18", SIGB_RECEIPT_OTHER, SIGB_E_RECEIPT_MALFORMED},
        {"d111", "tag 17 where tag 18", SIGB_RECEIPT_OTHER, SIGB_E_RECEIPT_MALFORMED},
        {"8440a0f640", "an array where tag 18", SIGB_RECEIPT_OTHER, SIGB_E_RECEIPT_MALFORMED},
        {"40", "ends at byte 0", SIGB_RECEIPT_WRAPPED, SIGB_E_RECEIPT_MALFORMED},
        {"43d28440", "cannot be read", SIGB_RECEIPT_WRAPPED, SIGB_E_RECEIPT_MALFORMED},
        {"d28440a0f640", "names no algorithm", SIGB_RECEIPT_BARE, SIGB_E_RECEIPT_MALFORMED},
        {"54 82 4e a168747265655f616c6763434346 83010203", "before COSE receipts", SIGB_RECEIPT_WRAPPED,
         SIGB_E_RECEIPT_LEGACY},
        {"82 4e a168747265655f616c6763434346 80", "before COSE receipts", SIGB_RECEIPT_OTHER,
         SIGB_E_RECEIPT_LEGACY},
        {"82 44 a1616101 80", "an array where tag 18", SIGB_RECEIPT_OTHER, SIGB_E_RECEIPT_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_statement *statement = NULL;
        sigb_receipt *receipt = NULL;
        sigb_buf made = SIGB_BUF_INIT;
        sigb_bytes rest, one;
        sigb_receipt_form form;
        cose_parts parts;

        print_message("%s\n", rows[i].element);
        cose_split(sigb_buf_bytes(&world.statement), &parts);
        put_hex(&parts.unprotected, "a1 19018a 81");
        (void)hex_put(&parts.unprotected, rows[i].element);
        cose_join(&parts, &made);
        assert_refused(sigb_statement_parse(sigb_buf_bytes(&made), &statement, diag), SIGB_OK, "");
        rest = sigb_statement_receipt_list(statement);
        assert_true(sigb_receipts_next(&rest, &one, &form));
        assert_int_equal(form, rows[i].form);
        assert_refused(sigb_receipt_parse(one, &receipt, diag), rows[i].rc, rows[i].words);
        assert_null(receipt);
        assert_false(sigb_receipts_next(&rest, &one, &form));
        sigb_statement_free(statement);
        sigb_buf_free(&made);
    }
}

/* ---- keys ---- */

static void keys_and_issuers(void **state)
{
    sigb_keys *none = sigb_keys_new(), *other = sigb_keys_new();
    sigb_bytes receipt = sigb_buf_bytes(&world.ccf_receipt), statement = sigb_buf_bytes(&world.statement);

    (void)state;
    ledger_put_keys(&world.ccf, "other.example", other);
    assert_refused(verify_with(receipt, statement, world.pinned, diag), SIGB_OK, "");
    assert_refused(verify_with(receipt, statement, none, diag), SIGB_E_RECEIPT_LEDGER, "no key is known");
    assert_refused(verify_with(receipt, statement, other, diag), SIGB_E_RECEIPT_LEDGER,
                   "of the ledger '" ISSUER "', of which no key is known");
    sigb_keys_free(none);
    sigb_keys_free(other);
}

/* ---- sweeps ---- */

static void a_receipt_cut_at_every_byte(void **state)
{
    const sigb_buf *const good[] = {&world.ccf_receipt, &world.rfc9162_receipt, &world.attached_receipt};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        for (size_t len = 0; len < good[i]->len; len++) {
            sigb_receipt *receipt = NULL;

            assert_refused(sigb_receipt_parse(sigb_bytes_of(good[i]->ptr, len), &receipt, diag),
                           SIGB_E_RECEIPT_MALFORMED, "cannot be read");
            assert_null(receipt);
        }
}

static void a_byte_behind_a_receipt(void **state)
{
    sigb_buf made = SIGB_BUF_INIT;

    (void)state;
    sigb_buf_append(&made, sigb_buf_bytes(&world.ccf_receipt));
    (void)hex_put(&made, "00");
    assert_refused(verify(&made, diag), SIGB_E_RECEIPT_MALFORMED, "1 bytes behind the end");
    sigb_buf_free(&made);
}

/* The size that a proof of RFC 9162 gives is not signed, and several sizes have the same path. */
static bool is_size(const sigb_buf *receipt, size_t at)
{
    return receipt != &world.ccf_receipt && receipt->ptr + at == find(receipt, "830b05") + 1;
}

/* Whatever bit is changed, the receipt is not good any more, and the outcome is one of a receipt's. */
static void a_bit_flipped_in_every_byte(void **state)
{
    const sigb_buf *const good[] = {&world.ccf_receipt, &world.rfc9162_receipt, &world.attached_receipt};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        for (size_t at = 0; at < good[i]->len; at++) {
            sigb_rc rc;

            good[i]->ptr[at] ^= 1U << (at % 8);
            rc = verify(good[i], NULL);
            good[i]->ptr[at] ^= 1U << (at % 8);
            if ((rc < SIGB_E_RECEIPT_LEDGER || rc > SIGB_E_RECEIPT_UNSUPPORTED) && !is_size(good[i], at))
                fail_msg("byte %zu of receipt %zu: %s", at, i, sigb_rc_name(rc));
        }
}

/* ---- many ---- */

/* 500 good ones among 500 that are not: every outcome is told, and none harms another. */
static void a_thousand_receipts(void **state)
{
    sigb_buf made = SIGB_BUF_INIT, bad = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    size_t good = 0, seen = 0;
    sigb_bytes rest, one;
    cose_parts parts;

    (void)state;
    sigb_buf_append(&bad, sigb_buf_bytes(&world.ccf_receipt));
    bad.ptr[bad.len - 1] ^= 1;
    cose_split(sigb_buf_bytes(&world.statement), &parts);
    put_hex(&parts.unprotected, "a1 19018a 9903e8");
    for (size_t i = 0; i < 1000; i++)
        put_bstr(&parts.unprotected, sigb_buf_bytes(i % 2 == 0 ? &world.ccf_receipt : &bad));
    cose_join(&parts, &made);
    assert_refused(sigb_statement_parse(sigb_buf_bytes(&made), &statement, diag), SIGB_OK, "");
    assert_int_equal(sigb_statement_receipts(statement), 1000);
    rest = sigb_statement_receipt_list(statement);
    while (sigb_receipts_next(&rest, &one, NULL)) {
        sigb_receipt *receipt = NULL;
        sigb_rc rc;

        assert_int_equal(sigb_receipt_parse(one, &receipt, NULL), SIGB_OK);
        rc = sigb_receipt_verify(receipt, statement, world.pinned, NULL, NULL);
        assert_int_equal(rc, seen++ % 2 == 0 ? SIGB_OK : SIGB_E_RECEIPT_SIGNATURE);
        good += rc == SIGB_OK;
        sigb_receipt_free(receipt);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(good, 500);
    sigb_statement_free(statement);
    sigb_buf_free(&made);
    sigb_buf_free(&bad);
}

static void what_is_missing(void **state)
{
    sigb_receipt *receipt = NULL;
    sigb_buf text = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_receipt_parse(sigb_buf_bytes(&world.ccf_receipt), &receipt, NULL), SIGB_OK);
    assert_refused(sigb_receipt_parse(SIGB_BYTES_NONE, NULL, diag), SIGB_E_USAGE, "no place for the receipt");
    assert_refused(sigb_receipt_verify(receipt, NULL, world.pinned, NULL, diag), SIGB_E_USAGE, "with keys");
    assert_refused(sigb_receipt_verify_entry(receipt, SIGB_BYTES_NONE, world.pinned, NULL, diag),
                   SIGB_E_USAGE, "for a statement, an entry or a root");
    assert_refused(
        sigb_receipt_verify_consistency(receipt, sigb_bytes_text("short"), world.pinned, NULL, diag),
        SIGB_E_USAGE, "a root");
    assert_refused(sigb_receipt_dump(NULL, &text, diag), SIGB_E_USAGE, "needs a receipt");
    assert_refused(sigb_statement_entry(NULL, SIGB_BYTES_NONE, &text, diag), SIGB_E_USAGE,
                   "needs a statement");
    sigb_receipt_free(receipt);
    sigb_receipt_free(NULL);
}

static void detached_statements(void **state)
{
    sigb_statement *statement = NULL;
    sigb_receipt *receipt = NULL;
    sigb_buf made = SIGB_BUF_INIT, bytes = SIGB_BUF_INIT;
    cose_parts parts;

    (void)state;
    cose_split(sigb_buf_bytes(&world.statement), &parts);
    put_hex(&parts.payload, "f6");
    cose_join(&parts, &made);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&made), &statement, NULL), SIGB_OK);
    assert_int_equal(sigb_receipt_parse(sigb_buf_bytes(&world.ccf_receipt), &receipt, NULL), SIGB_OK);
    assert_refused(sigb_receipt_verify(receipt, statement, world.pinned, NULL, diag), SIGB_E_PAYLOAD,
                   "a ledger has its payload too");
    assert_refused(sigb_statement_entry(statement, sigb_bytes_text("{\"build\":7}"), &bytes, diag), SIGB_OK,
                   "");
    assert_refused(sigb_receipt_verify_entry(receipt, sigb_buf_bytes(&bytes), world.pinned, NULL, diag),
                   SIGB_OK, "");
    bytes.ptr[bytes.len - 1] ^= 1;
    assert_refused(sigb_receipt_verify_entry(receipt, sigb_buf_bytes(&bytes), world.pinned, NULL, diag),
                   SIGB_E_RECEIPT_UNBOUND, "for another statement");
    sigb_statement_free(statement);
    sigb_receipt_free(receipt);
    sigb_buf_free(&made);
    sigb_buf_free(&bytes);
}

static void a_receipt_without_the_proof_that_is_wanted(void **state)
{
    const log_receipt_options options = {.has_older = true, .older = 0};
    sigb_receipt *grown = NULL, *plain = NULL;
    sigb_buf bytes = SIGB_BUF_INIT;
    uint8_t root[32] = {0};
    uint64_t seal;

    (void)state;
    assert_int_equal(log_seal(world.ccf.log, PKI_NOW, &seal, NULL), SIGB_OK);
    assert_refused(log_receipt(world.ccf.log, seal, &options, &bytes, diag), SIGB_OK, "");
    assert_refused(verify(&bytes, diag), SIGB_E_RECEIPT_MALFORMED, "has no inclusion proof");
    assert_int_equal(sigb_receipt_parse(sigb_buf_bytes(&bytes), &grown, NULL), SIGB_OK);
    assert_int_equal(sigb_receipt_inclusions(grown), 0);
    assert_int_equal(sigb_receipt_consistencies(grown), 1);
    assert_int_equal(sigb_receipt_entry_txid(grown).len, 0);
    assert_int_equal(sigb_receipt_parse(sigb_buf_bytes(&world.ccf_receipt), &plain, NULL), SIGB_OK);
    assert_refused(sigb_receipt_verify_consistency(plain, sigb_bytes_of(root, 32), world.pinned, NULL, diag),
                   SIGB_E_RECEIPT_MALFORMED, "has no consistency proof");
    sigb_receipt_free(grown);
    sigb_receipt_free(plain);
    sigb_buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts_of_the_ccf_tree),
        cmocka_unit_test(receipts_of_the_rfc_9162_tree),
        cmocka_unit_test(receipts_with_their_root),
        cmocka_unit_test(proofs_that_are_malformed),
        cmocka_unit_test(paths_of_every_length_up_to_64),
        cmocka_unit_test(a_path_of_65),
        cmocka_unit_test(several_proofs_lead_to_one_root),
        cmocka_unit_test(statements_that_were_changed),
        cmocka_unit_test(a_long_head_of_the_protected_header),
        cmocka_unit_test(what_label_394_must_not_be),
        cmocka_unit_test(what_may_stand_in_label_394_and_is_no_receipt),
        cmocka_unit_test(keys_and_issuers),
        cmocka_unit_test(a_receipt_cut_at_every_byte),
        cmocka_unit_test(a_byte_behind_a_receipt),
        cmocka_unit_test(a_bit_flipped_in_every_byte),
        cmocka_unit_test(a_thousand_receipts),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(detached_statements),
        cmocka_unit_test(a_receipt_without_the_proof_that_is_wanted),
    };

    return cmocka_run_group_tests(tests, make_world, end_world);
}
