/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts of a CCF tree, and transparent statements: each against the hashes and
 * signatures that it cannot be judged without (bare/receipt.c), many receipts
 * against as many alone, and what a second thread gains.
 *
 *   bench_receipt KEY-NAME STATEMENT RECEIPTS KEYS SPKI ROOT.pem CHAIN.pem EKU
 *
 * RECEIPTS is a folder with 1.N.receipt for N from 1 to 100, as testlog writes
 * them, the first with a path of BARE_RECEIPT_PATH; KEYS is the ledger's set, and
 * SPKI its one key, DER. KEY-NAME is of that key. CHAIN.pem holds leaf and issuing CA.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509_vfy.h>
#include <sigbridge/sigbridge.h>

#include "bare/bare.h"
#include "cose.h"
#include "key.h"
#include "limit.h"
#include "pair.h"
#include "report.h"

#define RECEIPTS       100
#define RECEIPT_TARGET 0.90
#define WHOLE_TARGET   0.85
#define LINEAR_TARGET  0.95
#define GAIN_TARGET    0.95
#define STATEMENTS     10000
#define MICROSECONDS   1e6

typedef struct bench {
    const char *key_name, *eku;
    sigb_buf plain, receipts[RECEIPTS], transparent, full, keys_file, spki, roots, certs;
    sigb_statement *statement; /* plain */
    sigb_keys *keys;
    sigb_policy *policy, *plain_policy; /* warm; the second wants no receipt */
    sigb_receipt_facts facts;           /* of the first receipt */
    bench_cose statement_parts, receipt_parts;
    bare_input statement_input, receipt_input;
    sigb_buf entry;
    sigb_diag diag;
} bench;

/* ---- our arms: any number of threads ---- */

static bool judge_receipt(const bench *b, const sigb_buf *bytes, sigb_receipt_facts *facts)
{
    sigb_diag diag = {{0}, 0};
    sigb_receipt *receipt = NULL;
    sigb_rc rc = sigb_receipt_parse(sigb_buf_bytes(bytes), &receipt, &diag);

    if (rc == SIGB_OK)
        rc = sigb_receipt_verify(receipt, b->statement, b->keys, facts, &diag);
    sigb_receipt_free(receipt);
    return bench_done(rc, &diag, "receipt");
}

static bool receipt_round(void *arm)
{
    const bench *b = arm;

    return judge_receipt(b, &b->receipts[0], NULL);
}

static bool verify_with(sigb_policy *policy, const sigb_buf *bytes)
{
    sigb_diag diag = {{0}, 0};
    sigb_statement *parsed = NULL;
    sigb_verified *verified = NULL;
    sigb_rc rc = sigb_statement_parse(sigb_buf_bytes(bytes), &parsed, &diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_verify(parsed, policy, NULL, &verified, &diag);
    sigb_verified_free(verified);
    sigb_statement_free(parsed);
    return bench_done(rc, &diag, "verify");
}

static bool warm_round(void *arm)
{
    const bench *b = arm;

    return verify_with(b->policy, &b->transparent);
}

static sigb_policy *policy_new(const bench *b, size_t receipts)
{
    sigb_diag diag = {{0}, 0};
    sigb_policy *made = sigb_policy_new();
    sigb_rc rc = made == NULL ? SIGB_E_MEMORY : sigb_policy_put_roots(made, sigb_buf_bytes(&b->roots), &diag);

    if (rc == SIGB_OK)
        rc = sigb_policy_set_eku(made, b->eku, &diag);
    if (rc == SIGB_OK && receipts > 0)
        rc = sigb_policy_set_ledger_keys(made, b->keys, &diag);
    if (rc == SIGB_OK && receipts > 0)
        rc = sigb_policy_require_receipts(made, receipts, &diag);
    if (bench_done(rc, &diag, "policy"))
        return made;
    sigb_policy_free(made);
    return NULL;
}

static bool cold_round(void *arm)
{
    const bench *b = arm;
    sigb_policy *fresh = policy_new(b, 1);
    bool good = fresh != NULL && verify_with(fresh, &b->transparent);

    sigb_policy_free(fresh);
    return good;
}

/* All receipts in one statement, and the same ones alone beside a statement without. */
static bool full_round(void *arm)
{
    const bench *b = arm;

    return verify_with(b->policy, &b->full);
}

static bool alone_round(void *arm)
{
    const bench *b = arm;
    bool good = verify_with(b->plain_policy, &b->plain);

    for (size_t i = 0; good && i < RECEIPTS; i++)
        good = judge_receipt(b, &b->receipts[i], NULL);
    return good;
}

/* ---- their arms: a statement's and a receipt's, one behind the other ---- */

typedef struct bare_both {
    bare_arm *statement, *receipt; /* the first may be NULL */
    bool (*statement_round)(bare_arm *arm);
} bare_both;

static bool bare_round(void *arm)
{
    const bare_both *both = arm;

    return (both->statement == NULL || both->statement_round(both->statement)) &&
           bare_receipt_round(both->receipt);
}

typedef struct bench_contest {
    const char *name, *against;
    double target;
    bench_round_fn ours;
    bare_arm *(*statement_new)(const bare_input *input); /* NULL: the receipt alone */
    bool (*statement_round)(bare_arm *arm);
    const bare_count *statement_calls;
} bench_contest;

static const bare_count NO_CALLS[] = {{0, 0}};

/* clang-format off */
static const bench_contest CONTESTS[] = {
    {"receipt, path of 20",                "23 hashes, EVP_DigestVerify",                  RECEIPT_TARGET, receipt_round, NULL,          NULL,            NO_CALLS},
    {"transparent statement, fresh policy", "verification's calls, the receipt's calls",   WHOLE_TARGET,   cold_round,    bare_cold_new, bare_cold_round, BARE_COLD_CALLS},
    {"transparent statement, same policy",  "verification's calls, the receipt's calls",   WHOLE_TARGET,   warm_round,    bare_warm_new, bare_warm_round, BARE_WARM_CALLS},
};
/* clang-format on */

#define MOST_CALLS 64

static bool calls_match(const bare_count *statement, unsigned long rounds)
{
    bare_count all[MOST_CALLS] = {{0, 0}};
    size_t count = 0;

    for (; statement->each != 0 && count < MOST_CALLS / 2; statement++)
        all[count++] = *statement;
    for (const bare_count *one = BARE_RECEIPT_CALLS; one->each != 0; one++)
        all[count++] = *one;
    return bare_counts_match(all, rounds);
}

static bool both_make(const bench_contest *contest, const bench *b, bare_both *made)
{
    *made = (bare_both){.receipt = bare_receipt_new(&b->receipt_input),
                        .statement_round = contest->statement_round};
    if (contest->statement_new != NULL)
        made->statement = contest->statement_new(&b->statement_input);
    return made->receipt != NULL && (contest->statement_new == NULL || made->statement != NULL);
}

static void both_free(bare_both *both)
{
    bare_arm_free(both->statement);
    bare_arm_free(both->receipt);
}

/* In so many threads, each of which has bare arms of its own. */
static bool take(const bench_contest *contest, bench *b, unsigned threads, bench_time time, bench_pair *pair)
{
    bare_both both[2] = {{0}};
    bench_side ours = {.round = contest->ours}, theirs = {.round = bare_round, .rest = bare_counts_hand_in};
    bool taken = true;

    for (unsigned i = 0; taken && i < threads; i++) {
        ours.arms[i] = b;
        theirs.arms[i] = &both[i];
        taken = both_make(contest, b, &both[i]);
    }
    bare_counts_reset();
    taken = taken && bench_pair_run(&ours, &theirs, threads, time, pair) &&
            calls_match(contest->statement_calls, theirs.rounds);
    for (unsigned i = 0; i < threads; i++)
        both_free(&both[i]);
    return taken;
}

static bench_outcome hold(const bench_contest *contest, bench *b)
{
    char name[128];
    bench_pair pair = {0};
    bench_line line = {name, 0, "us", contest->against, 0, contest->target, true};

    snprintf(name, sizeof(name), "%s, %s", contest->name, b->key_name);
    for (int i = 0; i < BENCH_TRIES && !bench_line_met(&line); i++) {
        if (!take(contest, b, 1, BENCH_PROCESSOR, &pair))
            return BENCH_FAILED;
        line.value = pair.ours * MICROSECONDS;
        line.ratio = pair.ratio;
    }
    return bench_line_print(&line);
}

/* What two threads gain of ours, through what they gain of the bare calls. */
static bench_outcome hold_gain(const bench_contest *contest, bench *b)
{
    char name[128];
    bench_pair one = {0}, two = {0};
    bench_line line = {name, 0, "us", "what the bare calls gain", 0, GAIN_TARGET, true};

    snprintf(name, sizeof(name), "gain of 2 threads, %s, %s", contest->name, b->key_name);
    for (int i = 0; i < BENCH_TRIES && !bench_line_met(&line); i++) {
        if (!take(contest, b, 1, BENCH_WALL, &one) || !take(contest, b, 2, BENCH_WALL, &two))
            return BENCH_FAILED;
        line.value = two.ours * MICROSECONDS;
        line.ratio = two.ratio / one.ratio;
    }
    return bench_line_print(&line);
}

static bench_outcome hold_linear(bench *b)
{
    char name[128];
    bench_pair pair = {0};
    bench_side ours = {.round = full_round, .arms = {b}}, theirs = {.round = alone_round, .arms = {b}};
    bench_line line = {name,          0,   "us", "a statement without, and the same receipts alone", 0,
                       LINEAR_TARGET, true};

    snprintf(name, sizeof(name), "statement with %d receipts, %s", RECEIPTS, b->key_name);
    for (int i = 0; i < BENCH_TRIES && !bench_line_met(&line); i++) {
        if (!bench_pair_run(&ours, &theirs, 1, BENCH_PROCESSOR, &pair))
            return BENCH_FAILED;
        line.value = pair.ours * MICROSECONDS;
        line.ratio = pair.ratio;
    }
    return bench_line_print(&line);
}

static bench_outcome hold_growth(bench *b, const char *policy, bench_round_fn round)
{
    char name[128];

    snprintf(name, sizeof(name), "heap growth over %d transparent statements, %s policy, %s", STATEMENTS,
             policy, b->key_name);
    return bench_hold_growth(name, round, b, STATEMENTS);
}

static bench_outcome hold_all(bench *b)
{
    bench_outcome outcome = BENCH_MET;

    for (size_t i = 0; i < sizeof(CONTESTS) / sizeof(CONTESTS[0]); i++)
        outcome = bench_worse(outcome, hold(&CONTESTS[i], b));
    outcome = bench_worse(outcome, hold_gain(&CONTESTS[0], b));
    outcome = bench_worse(outcome, hold_gain(&CONTESTS[2], b));
    outcome = bench_worse(outcome, hold_linear(b));
    outcome = bench_worse(outcome, hold_growth(b, "same", warm_round));
    return bench_worse(outcome, hold_growth(b, "fresh", cold_round));
}

/* ---- before the clock runs ---- */

static bool read_file(const char *path, sigb_buf *content)
{
    static uint8_t room[1 << 20];
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        return false;
    }
    sigb_buf_append(content, sigb_bytes_of(room, fread(room, 1, sizeof(room), file)));
    fclose(file);
    return !content->failed;
}

static bool read_certs(bench *b, const char *path, sigb_buf *certs)
{
    sigb_buf text = SIGB_BUF_INIT;
    bool good = read_file(path, &text) &&
                bench_done(sigb_certs_append(certs, sigb_buf_bytes(&text), &b->diag), &b->diag, path);

    sigb_buf_free(&text);
    return good;
}

static bool read_receipts(bench *b, const char *folder)
{
    bool good = true;

    for (size_t i = 0; good && i < RECEIPTS; i++) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/1.%zu.receipt", folder, i + 1);
        good = read_file(path, &b->receipts[i]);
    }
    return good;
}

/* The statement with this receipt as well. */
static bool attach(bench *b, const sigb_buf *to, const sigb_buf *receipt, sigb_buf *made)
{
    sigb_statement *parsed = NULL;
    sigb_rc rc = sigb_statement_parse(sigb_buf_bytes(to), &parsed, &b->diag);

    if (rc == SIGB_OK)
        rc = sigb_statement_attach_receipt(parsed, sigb_buf_bytes(receipt), made, &b->diag);
    sigb_statement_free(parsed);
    return bench_done(rc, &b->diag, "attach");
}

static bool attach_all(bench *b)
{
    bool good = true;

    sigb_buf_append(&b->full, sigb_buf_bytes(&b->plain));
    for (size_t i = 0; good && i < RECEIPTS; i++) {
        sigb_buf next = SIGB_BUF_INIT;

        good = attach(b, &b->full, &b->receipts[i], &next);
        sigb_buf_free(&b->full);
        b->full = next;
        if (good && i == 0)
            sigb_buf_append(&b->transparent, sigb_buf_bytes(&next));
    }
    return good;
}

static bool fill_statement(bench *b)
{
    b->statement_input = (bare_input){.digest = bench_cose_digest(&b->statement_parts),
                                      .tbs = bench_cose_tbs(&b->statement_parts),
                                      .signature = bench_cose_signature(&b->statement_parts),
                                      .x509_flags = X509_V_FLAG_X509_STRICT};
    return bench_chain_split(sigb_buf_bytes(&b->certs), &b->statement_input);
}

static void fill_receipt(bench *b)
{
    b->receipt_input = (bare_input){.digest = bench_cose_digest(&b->receipt_parts),
                                    .tbs = bench_cose_tbs(&b->receipt_parts),
                                    .signature = bench_cose_signature(&b->receipt_parts),
                                    .entry = {b->entry.ptr, b->entry.len},
                                    .spki = {b->spki.ptr, b->spki.len}};
}

static bool parse(bench *b)
{
    b->keys = sigb_keys_new();
    return b->keys != NULL &&
           bench_done(sigb_keys_put(b->keys, sigb_buf_bytes(&b->keys_file), "bench.ledger", &b->diag),
                      &b->diag, "keys") &&
           bench_done(sigb_statement_parse(sigb_buf_bytes(&b->plain), &b->statement, &b->diag), &b->diag,
                      "statement") &&
           bench_done(sigb_statement_entry(b->statement, SIGB_BYTES_NONE, &b->entry, &b->diag), &b->diag,
                      "entry");
}

static bool prepare(bench *b)
{
    if (!parse(b) || !judge_receipt(b, &b->receipts[0], &b->facts) || !attach_all(b))
        return false;
    b->policy = policy_new(b, 1);
    b->plain_policy = policy_new(b, 0);
    if (b->policy == NULL || b->plain_policy == NULL ||
        !bench_cose_open(&b->statement_parts, sigb_buf_bytes(&b->plain), SIGB_BYTES_NONE) ||
        !bench_cose_open(&b->receipt_parts, sigb_buf_bytes(&b->receipts[0]),
                         sigb_bytes_of(b->facts.root, sizeof(b->facts.root))))
        return false;
    fill_receipt(b);
    return fill_statement(b);
}

static void release(bench *b)
{
    bench_cose_close(&b->statement_parts);
    bench_cose_close(&b->receipt_parts);
    sigb_policy_free(b->policy);
    sigb_policy_free(b->plain_policy);
    sigb_keys_free(b->keys);
    sigb_statement_free(b->statement);
    for (size_t i = 0; i < RECEIPTS; i++)
        sigb_buf_free(&b->receipts[i]);
    sigb_buf_free(&b->plain);
    sigb_buf_free(&b->transparent);
    sigb_buf_free(&b->full);
    sigb_buf_free(&b->keys_file);
    sigb_buf_free(&b->spki);
    sigb_buf_free(&b->roots);
    sigb_buf_free(&b->certs);
    sigb_buf_free(&b->entry);
}

int main(int argc, char **argv)
{
    static bench b;
    bench_outcome outcome = BENCH_FAILED;

    if (argc != 9) {
        fprintf(stderr, "usage: %s KEY-NAME STATEMENT RECEIPTS KEYS SPKI ROOT.pem CHAIN.pem EKU\n", argv[0]);
        return BENCH_FAILED;
    }
    b.key_name = argv[1];
    b.eku = argv[8];
    if (read_file(argv[2], &b.plain) && read_receipts(&b, argv[3]) && read_file(argv[4], &b.keys_file) &&
        read_file(argv[5], &b.spki) && read_certs(&b, argv[6], &b.roots) &&
        read_certs(&b, argv[7], &b.certs) && read_certs(&b, argv[6], &b.certs) && prepare(&b))
        outcome = hold_all(&b);
    release(&b);
    return (int)outcome;
}
