/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures by way of OpenSSL and our provider: EVP_PKEY_sign in one context
 * against the two bare calls, with and without a copy of the key, and
 * EVP_DigestSign with a context for each signature against the same call through
 * a provider that does nothing. In one thread and in two.
 *
 *   bench_evp KEY-NAME MODULE TOKEN KEY PIN-FILE TARGET CONFIGURATION COPYING NULL-PROVIDER
 *
 * CONFIGURATION is OpenSSL's, with our provider, COPYING the same with copy-key;
 * NULL-PROVIDER is the path of bench_null.so.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/provider.h>

#include "bare/bare.h"
#include "evp_key.h"
#include "null_provider.h"
#include "pair.h"
#include "report.h"

#define OTHER_TARGET 0.97 /* of a copied key, and against the provider that does nothing */
#define MICROSECONDS 1e6
#define MOST_THREADS NULL_SESSIONS
#define OUR_WORDS    (2 + BENCH_KEY_WORDS) /* of the command line, from here on */

typedef struct bench {
    bench_key key;
    double target; /* of a key that is not copied */
    const char *configuration, *copying;
    const bench_null *null;
    bare_input input;
    bench_evp ours, null_key;
    bench_evp_arm our_arms[MOST_THREADS], null_arms[MOST_THREADS];
    bare_arm *bare_arms[MOST_THREADS];
} bench;

/* What ours is held against: its arms, ready to be timed, and the count of its calls. */
typedef struct opponent {
    bool (*ready)(bench *b, bool copied, bench_side *side);
    void (*reset)(const bench *b);
    bool (*match)(const bench *b, unsigned long rounds);
} opponent;

/* ---- the two calls ---- */

static bool bare_round(void *arm)
{
    return bare_two_round(arm);
}

static bool bare_ready(bench *b, bool copied, bench_side *side)
{
    *side = (bench_side){.round = bare_round, .rest = bare_counts_hand_in};
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        bare_arm_free(b->bare_arms[i]);
        b->bare_arms[i] = copied ? bare_copied_two_new(&b->input) : bare_two_new(&b->input);
        side->arms[i] = b->bare_arms[i];
        if (side->arms[i] == NULL)
            return false;
    }
    return true;
}

static void bare_reset(const bench *b)
{
    (void)b;
    bare_counts_reset();
}

static bool bare_match(const bench *b, unsigned long rounds)
{
    (void)b;
    return bare_counts_match(BARE_TWO_CALLS, rounds);
}

static const opponent TWO_CALLS = {bare_ready, bare_reset, bare_match};

/* ---- the provider that does nothing ---- */

static EVP_PKEY *null_pkey(const bench_evp *evp)
{
    OSSL_PARAM nothing[] = {OSSL_PARAM_END};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(evp->libctx, evp->scheme->rsa ? "RSA" : "EC",
                                                   "provider=" NULL_PROVIDER);
    EVP_PKEY *key = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, nothing) != 1)
        (void)bench_evp_failed("the null provider's key");
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Providers in the same order as in our configuration. */
static bool null_open(bench_evp *evp, const char *key_name, const char *path)
{
    *evp = (bench_evp){.scheme = bench_scheme_of(key_name), .libctx = OSSL_LIB_CTX_new()};
    if (evp->libctx == NULL || OSSL_PROVIDER_load(evp->libctx, "default") == NULL ||
        OSSL_PROVIDER_load(evp->libctx, path) == NULL)
        return bench_evp_failed(path);
    evp->key = null_pkey(evp);
    return evp->key != NULL;
}

static bool null_ready(bench *b, bool copied, bench_side *side)
{
    (void)copied;
    *side = (bench_side){.round = bench_evp_digest_round, .rest = b->null->counts_hand_in};
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        bench_evp_arm *arm = &b->null_arms[i];

        if (!bench_evp_arm_ready(arm, &b->null_key) || !bench_evp_digest_round(arm) ||
            !bench_evp_require_right(arm, b->ours.key))
            return false;
        side->arms[i] = arm;
    }
    return true;
}

static void null_reset(const bench *b)
{
    b->null->counts_reset();
}

static bool null_match(const bench *b, unsigned long rounds)
{
    return b->null->counts_match(rounds);
}

static const opponent NOTHING = {null_ready, null_reset, null_match};

/* ---- contests ---- */

typedef struct bench_contest {
    const char *name, *against;
    bool copied;  /* the key, into the session */
    bool reuses;  /* its context */
    bool is_bare; /* what it is held against: the key's own target counts */
    bench_round_fn round;
    const opponent *opponent;
} bench_contest;

/* clang-format off */
static const bench_contest CONTESTS[] = {
    {"EVP_PKEY_sign",             "C_SignInit, C_Sign",                   false, true,  true,  bench_evp_sign_round,   &TWO_CALLS},
    {"EVP_DigestSign",            "the same through a null provider",     false, false, false, bench_evp_digest_round, &NOTHING},
    {"EVP_PKEY_sign, key copied", "C_SignInit, C_Sign with a copied key", true,  true,  false, bench_evp_sign_round,   &TWO_CALLS},
};
/* clang-format on */

static bool ours_ready(bench *b, const bench_contest *contest, bench_side *side)
{
    *side = (bench_side){.round = contest->round};
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        bench_evp_arm *arm = &b->our_arms[i];

        if (!bench_evp_arm_ready(arm, &b->ours) || (contest->reuses && !bench_evp_arm_reuse(arm)) ||
            !contest->round(arm) || !bench_evp_require_right(arm, b->ours.key))
            return false;
        side->arms[i] = arm;
    }
    return true;
}

static bool take(const bench_contest *contest, const bench *b, bench_side *sides[2], unsigned threads,
                 bench_pair *pair)
{
    sides[1]->rounds = 0;
    contest->opponent->reset(b);
    return bench_pair_run(sides[0], sides[1], threads, threads == 1 ? BENCH_PROCESSOR : BENCH_WALL, pair) &&
           contest->opponent->match(b, sides[1]->rounds);
}

static bench_outcome hold(const bench_contest *contest, bench *b, bench_side *ours, bench_side *theirs,
                          unsigned threads)
{
    char name[128];
    bench_pair pair = {0};
    bench_line line = {name, 0, "us", contest->against, 0, contest->is_bare ? b->target : OTHER_TARGET, true};

    snprintf(name, sizeof(name), "%s%s, %s", contest->name, threads == 1 ? "" : ", 2 threads", b->key.name);
    for (int i = 0; i < BENCH_TRIES && !bench_line_met(&line); i++) {
        if (!take(contest, b, (bench_side *[]){ours, theirs}, threads, &pair)) {
            fprintf(stderr, "%s: no measurement\n", name);
            return BENCH_FAILED;
        }
        line.value = pair.ours * MICROSECONDS;
        line.ratio = pair.ratio;
    }
    return bench_line_print(&line);
}

static bench_outcome contend(const bench_contest *contest, bench *b)
{
    bench_side ours, theirs;
    bench_outcome outcome = BENCH_MET;

    if (!ours_ready(b, contest, &ours) || !contest->opponent->ready(b, contest->copied, &theirs))
        return BENCH_FAILED;
    for (unsigned threads = 1; threads <= MOST_THREADS; threads++)
        outcome = bench_worse(outcome, hold(contest, b, &ours, &theirs, threads));
    return outcome;
}

static bench_outcome open_and_contend(const bench_contest *contest, bench *b)
{
    bench_outcome outcome = BENCH_FAILED;

    if (bench_evp_open(&b->ours, &b->key, contest->copied ? b->copying : b->configuration))
        outcome = contend(contest, b);
    for (unsigned i = 0; i < MOST_THREADS; i++)
        bench_evp_arm_free(&b->our_arms[i]);
    bench_evp_close(&b->ours);
    return outcome;
}

/* ---- all ---- */

static bool fill(bench *b)
{
    const bench_scheme *scheme = bench_scheme_of(b->key.name);

    if (scheme == NULL)
        return false;
    b->input = (bare_input){.digest = scheme->digest,
                            .rsa = scheme->rsa,
                            .tbs = {b->our_arms[0].message, sizeof(b->our_arms[0].message)},
                            .module = b->key.module,
                            .token = b->key.token,
                            .key = b->key.label,
                            .pin = b->key.pin};
    return true;
}

static bool load_null(bench *b, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    b->null = library == NULL ? NULL : dlsym(library, NULL_CONTROL);
    if (b->null == NULL) {
        fprintf(stderr, "%s: %s\n", path, dlerror());
        return false;
    }
    return b->null->open(&b->input) && null_open(&b->null_key, b->key.name, path);
}

int main(int argc, char **argv)
{
    static bench b;
    bench_outcome outcome = BENCH_MET;

    if (argc != OUR_WORDS + 3) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " TARGET CONFIGURATION COPYING NULL-PROVIDER\n",
                argv[0]);
        return BENCH_FAILED;
    }
    b.target = strtod(argv[1 + BENCH_KEY_WORDS], NULL);
    b.configuration = argv[OUR_WORDS];
    b.copying = argv[OUR_WORDS + 1];
    if (!bench_key_read(&b.key, argv + 1) || !fill(&b) || !load_null(&b, argv[OUR_WORDS + 2]))
        return BENCH_FAILED;
    for (size_t i = 0; i < sizeof(CONTESTS) / sizeof(CONTESTS[0]); i++)
        outcome = bench_worse(outcome, open_and_contend(&CONTESTS[i], &b));
    return (int)outcome;
}
