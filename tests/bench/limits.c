/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signer must keep to, apart from its speed: two Cryptoki calls for each
 * signature, all threads at work while a slow token signs, a short repair after
 * a lost session, no growth, and what a deadline costs.
 *
 *   bench_limits KEY-NAME MODULE TOKEN KEY PIN-FILE THROUGH-MODULE
 *
 * The key can be copied. THROUGH-MODULE is bench_through.so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare/bare.h"
#include "crew.h"
#include "key.h"
#include "limit.h"
#include "report.h"

#define MICROSECONDS 1e6

typedef struct bench {
    bench_key key;
    bench_key through_key; /* the same by way of the module that counts */
    bench_through *through;
    bench_signing signing;
    bare_input input; /* for the bare loop beside it */
} bench;

/* ---- two calls ---- */

typedef struct counted_way {
    const char *name;
    sigb_pkcs11_options options;
} counted_way;

static bench_outcome hold_count(bench *b, const counted_way *way)
{
    char name[128];
    bench_outcome outcome = BENCH_FAILED;

    snprintf(name, sizeof(name), "Cryptoki calls of a signature, %s, %s", way->name, b->key.name);
    if (bench_signing_open(&b->signing, &b->through_key, &way->options))
        outcome = bench_hold_calls(name, b->through, bench_sign_round, &b->signing);
    bench_signing_close(&b->signing);
    return outcome;
}

static bench_outcome bench_counts(bench *b)
{
    const counted_way ways[] = {
        {"key as it is", {0}},
        {"key copied", {.copy_key = true}},
        {"with a deadline", {.timeout_ms = 10000}},
    };
    bench_outcome outcome = BENCH_MET;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        outcome = bench_worse(outcome, hold_count(b, &ways[i]));
    return outcome;
}

/* ---- a slow token ---- */

#define SLEEP_US     5000
#define SLOW_THREADS 16
#define SLOW_ROUNDS  200 /* each thread: a second in all */
#define SLOW_SLICES  3

typedef struct slow_sides {
    bench_side ours, bare;
} slow_sides;

static bool slow_bare_round(void *arm)
{
    return bare_loop_round(arm);
}

static bool slow_sides_make(bench *b, slow_sides *sides)
{
    *sides = (slow_sides){{.round = bench_sign_round}, {.round = slow_bare_round}};
    for (unsigned i = 0; i < SLOW_THREADS; i++) {
        sides->ours.arms[i] = &b->signing;
        sides->bare.arms[i] = bare_loop_new(&b->input);
        if (sides->bare.arms[i] == NULL)
            return false;
    }
    return true;
}

static void slow_sides_free(slow_sides *sides)
{
    for (unsigned i = 0; i < SLOW_THREADS; i++)
        bare_arm_free(sides->bare.arms[i]);
}

/* Signatures of a second, as a share of what sleeping alone would leave; negative on failure. */
static double slow_share(bench_crew *crew, bench_side *side)
{
    double seconds = bench_crew_run(crew, side, SLOW_ROUNDS, BENCH_WALL);

    return seconds < 0 ? -1 : SLOW_ROUNDS * SLEEP_US / MICROSECONDS / seconds;
}

typedef struct slow_shares {
    double ours, bare; /* medians */
} slow_shares;

/* In turn, after a round of each, so that every thread has its session. */
static bool slow_take(bench_crew *crew, slow_sides *sides, slow_shares *shares)
{
    double ours[SLOW_SLICES], bare[SLOW_SLICES];

    if (bench_crew_run(crew, &sides->ours, 1, BENCH_WALL) < 0 ||
        bench_crew_run(crew, &sides->bare, 1, BENCH_WALL) < 0)
        return false;
    for (size_t i = 0; i < SLOW_SLICES; i++) {
        ours[i] = slow_share(crew, &sides->ours);
        bare[i] = slow_share(crew, &sides->bare);
        if (ours[i] < 0 || bare[i] < 0)
            return false;
    }
    *shares = (slow_shares){bench_median(ours, SLOW_SLICES), bench_median(bare, SLOW_SLICES)};
    return true;
}

/* The token itself signs for a while after its sleep, in each thread: the bare loop tells how much of the loss is that. */
static bench_outcome hold_slow(bench *b, bench_crew *crew, slow_sides *sides)
{
    const double most = SLOW_THREADS * MICROSECONDS / SLEEP_US;
    char name[128];
    bench_line line = {name, 0, "signatures/s", "16 threads / 5 ms", 0, 0.95, true};
    bench_line beside = {name, 0, "signatures/s", "the bare loop in as many threads", 0, 0.98, true};
    slow_shares shares = {0, 1};

    snprintf(name, sizeof(name), "16 threads, C_Sign sleeps 5 ms, %s", b->key.name);
    for (int i = 0; i < BENCH_TRIES && !(bench_line_met(&line) && bench_line_met(&beside)); i++) {
        if (!slow_take(crew, sides, &shares))
            return BENCH_FAILED;
        line.ratio = shares.ours;
        beside.ratio = shares.ours / shares.bare;
        line.value = beside.value = shares.ours * most;
    }
    return bench_worse(bench_line_print(&line), bench_line_print(&beside));
}

static bench_outcome bench_slow(bench *b)
{
    bench_crew *crew = bench_crew_new(SLOW_THREADS);
    bench_outcome outcome = BENCH_FAILED;
    slow_sides sides = {0};

    atomic_store(&b->through->sign_sleep_us, SLEEP_US);
    if (crew != NULL && bench_signing_open(&b->signing, &b->through_key, NULL) &&
        bench_bare_input(&b->through_key, &b->signing, &b->input) && slow_sides_make(b, &sides))
        outcome = hold_slow(b, crew, &sides);
    slow_sides_free(&sides);
    bench_signing_close(&b->signing);
    atomic_store(&b->through->sign_sleep_us, 0);
    bench_crew_free(crew);
    return outcome;
}

/* ---- a lost session ---- */

#define LOSSES 31

/* Seconds of a round right after another user of the module closed all sessions; negative on failure. */
static double after_loss(bare_arm *other, bench_round_fn round, void *arm)
{
    double began;

    if (!bare_lose_sessions(other))
        return -1;
    bare_counts_reset();
    began = bench_clock();
    return round(arm) ? bench_clock() - began : -1;
}

static bool bare_login(void *arm)
{
    return bare_login_round(arm);
}

static bool lose_often(bench *b, bare_arm *other, bench_line *line)
{
    double ratios[LOSSES], times[LOSSES];

    for (size_t i = 0; i < LOSSES; i++) {
        double theirs = after_loss(other, bare_login, other);
        bool counted = bare_counts_match(BARE_LOGIN_CALLS, 1);
        double ours = after_loss(other, bench_sign_round, &b->signing);

        if (theirs < 0 || ours < 0 || !counted)
            return false;
        ratios[i] = ours / theirs;
        times[i] = ours;
    }
    line->value = bench_median(times, LOSSES) * MICROSECONDS;
    line->ratio = bench_median(ratios, LOSSES);
    return true;
}

static bench_outcome hold_recovery(bench *b, bare_arm *other)
{
    char name[128];
    bench_line line = {name, 0, "us", "C_OpenSession, C_Login, find", 1e9, 3, false};

    snprintf(name, sizeof(name), "signature after a lost session, %s", b->key.name);
    for (int i = 0; i < BENCH_TRIES && !bench_line_met(&line); i++)
        if (!lose_often(b, other, &line))
            return BENCH_FAILED;
    return bench_line_print(&line);
}

static bench_outcome bench_recovery(bench *b)
{
    const bare_input input = {
        .module = b->key.module, .token = b->key.token, .key = b->key.label, .pin = b->key.pin};
    bare_arm *other = NULL;
    bench_outcome outcome = BENCH_FAILED;

    if (bench_signing_open(&b->signing, &b->key, NULL) && bench_sign_round(&b->signing) &&
        (other = bare_login_new(&input)) != NULL)
        outcome = hold_recovery(b, other);
    bare_arm_free(other);
    bench_signing_close(&b->signing);
    return outcome;
}

/* ---- growth ---- */

static bench_outcome bench_growth(bench *b)
{
    char name[128];
    bench_outcome outcome = BENCH_FAILED;

    snprintf(name, sizeof(name), "heap growth over 100,000 signatures, %s", b->key.name);
    if (bench_signing_open(&b->signing, &b->key, NULL))
        outcome = bench_hold_growth(name, bench_sign_round, &b->signing, BENCH_GROWN_SIGNATURES);
    bench_signing_close(&b->signing);
    return outcome;
}

/* ---- a deadline ---- */

static bool compare(bench_signing *with, bench_signing *without, bench_pair *pair)
{
    bench_side ours = {.round = bench_sign_round, .arms = {with}};
    bench_side theirs = {.round = bench_sign_round, .arms = {without}};

    return bench_pair_run(&ours, &theirs, 1, BENCH_WALL, pair);
}

static bench_outcome bench_deadline(bench *b)
{
    const sigb_pkcs11_options timed = {.timeout_ms = 10000};
    char name[128];
    bench_signing with = {0};
    bench_pair pair = {0};
    bench_line line = {name, 0, "us", "the same signer without", 0, 0, true};
    bool good = bench_signing_open(&b->signing, &b->key, NULL) &&
                bench_signing_open(&with, &b->key, &timed) && compare(&with, &b->signing, &pair);

    snprintf(name, sizeof(name), "what a deadline adds to a signature, %s", b->key.name);
    line.value = (pair.ours - pair.theirs) * MICROSECONDS;
    line.ratio = pair.ratio;
    if (good)
        bench_line_state(&line);
    bench_signing_close(&with);
    bench_signing_close(&b->signing);
    return good ? BENCH_MET : BENCH_FAILED;
}

/* ---- all ---- */

static bool load_through(bench *b, const char *path)
{
    b->through = bench_through_load(path, b->key.module);
    b->through_key = b->key;
    b->through_key.module = path;
    return b->through != NULL;
}

int main(int argc, char **argv)
{
    static bench_outcome (*const limits[])(bench *) = {bench_counts, bench_slow, bench_recovery, bench_growth,
                                                       bench_deadline};
    static bench b;
    bench_outcome outcome = BENCH_MET;

    if (argc != 2 + BENCH_KEY_WORDS) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " THROUGH-MODULE\n", argv[0]);
        return BENCH_FAILED;
    }
    if (!bench_key_read(&b.key, argv + 1) || !load_through(&b, argv[1 + BENCH_KEY_WORDS]))
        return BENCH_FAILED;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        outcome = bench_worse(outcome, limits[i](&b));
    return (int)outcome;
}
