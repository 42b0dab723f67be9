/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signer alone, through the public API, against the bare loop on the same key:
 * hash, C_SignInit, C_Sign. With and without a copy of the key in the session,
 * in one thread and in two.
 *
 *   bench_signer KEY-NAME MODULE TOKEN KEY PIN-FILE TARGET
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare/bare.h"
#include "key.h"
#include "pair.h"
#include "report.h"

#define COPIED_TARGET 0.97
#define MICROSECONDS  1e6

typedef struct bench {
    bench_key key;
    double target; /* without a copy */
    bench_signing signing;
    bare_input input;
} bench;

typedef struct bench_contest {
    const char *name, *against;
    bool copied; /* the key, into the session */
    unsigned threads;
    bare_arm *(*bare_new)(const bare_input *input);
} bench_contest;

/* clang-format off */
static const bench_contest CONTESTS[] = {
    {"signer",                        "hash, C_SignInit, C_Sign",                  false, 1, bare_loop_new},
    {"signer, 2 threads",             "hash, C_SignInit, C_Sign",                  false, 2, bare_loop_new},
    {"signer, key copied",            "hash, C_SignInit, C_Sign with a copied key", true, 1, bare_copied_loop_new},
    {"signer, key copied, 2 threads", "hash, C_SignInit, C_Sign with a copied key", true, 2, bare_copied_loop_new},
};
/* clang-format on */

static bool bare_round(void *arm)
{
    return bare_loop_round(arm);
}

static bool make_arms(const bench_contest *contest, bench *b, bench_side *ours, bench_side *theirs)
{
    for (unsigned i = 0; i < contest->threads; i++) {
        ours->arms[i] = &b->signing;
        theirs->arms[i] = contest->bare_new(&b->input);
        if (theirs->arms[i] == NULL)
            return false;
    }
    return true;
}

static bool take(const bench_contest *contest, bench_side *ours, bench_side *theirs, bench_pair *pair)
{
    theirs->rounds = 0;
    bare_counts_reset();
    return bench_pair_run(ours, theirs, contest->threads,
                          contest->threads == 1 ? BENCH_PROCESSOR : BENCH_WALL, pair) &&
           bare_counts_match(BARE_LOOP_CALLS, theirs->rounds);
}

static bench_outcome hold(const bench_contest *contest, bench *b)
{
    char name[128];
    bench_pair pair = {0};
    bench_line line = {name, 0, "us", contest->against, 0, contest->copied ? COPIED_TARGET : b->target, true};
    bench_side ours = {.round = bench_sign_round};
    bench_side theirs = {.round = bare_round, .rest = bare_counts_hand_in};
    bool counted = make_arms(contest, b, &ours, &theirs);

    snprintf(name, sizeof(name), "%s, %s", contest->name, b->key.name);
    for (int i = 0; counted && i < BENCH_TRIES && !bench_line_met(&line); i++) {
        counted = take(contest, &ours, &theirs, &pair);
        line.value = pair.ours * MICROSECONDS;
        line.ratio = pair.ratio;
    }
    for (unsigned i = 0; i < contest->threads; i++)
        bare_arm_free(theirs.arms[i]);
    if (!counted)
        fprintf(stderr, "%s: no measurement\n", name);
    return counted ? bench_line_print(&line) : BENCH_FAILED;
}

static bench_outcome open_and_hold(const bench_contest *contest, bench *b)
{
    sigb_pkcs11_options options = {.copy_key = contest->copied};
    bench_outcome outcome = BENCH_FAILED;

    if (bench_signing_open(&b->signing, &b->key, &options) &&
        bench_bare_input(&b->key, &b->signing, &b->input))
        outcome = hold(contest, b);
    bench_signing_close(&b->signing);
    return outcome;
}

int main(int argc, char **argv)
{
    static bench b;
    bench_outcome outcome = BENCH_MET;

    if (argc != 2 + BENCH_KEY_WORDS) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " TARGET\n", argv[0]);
        return BENCH_FAILED;
    }
    if (!bench_key_read(&b.key, argv + 1))
        return BENCH_FAILED;
    b.target = strtod(argv[1 + BENCH_KEY_WORDS], NULL);
    for (size_t i = 0; i < sizeof(CONTESTS) / sizeof(CONTESTS[0]); i++)
        outcome = bench_worse(outcome, open_and_hold(&CONTESTS[i], &b));
    return (int)outcome;
}
