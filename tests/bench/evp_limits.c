/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signatures by way of OpenSSL and our provider keep to, apart from their
 * speed: two Cryptoki calls for each, none where the length alone is asked for,
 * and no growth.
 *
 *   bench_evp_limits KEY-NAME MODULE TOKEN KEY PIN-FILE THROUGH-MODULE CONFIGURATION...
 *
 * Each CONFIGURATION is OpenSSL's, with our provider and THROUGH-MODULE, which is
 * bench_through.so. The heap is watched under the first, unless the key is RSA:
 * that takes minutes.
 */
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include "evp_key.h"
#include "limit.h"

#define OUR_WORDS (1 + BENCH_KEY_WORDS) /* of the command line, from here on */

/* ---- every way to sign, with the length asked for first ---- */

static bool sign_asking(void *arg)
{
    bench_evp_arm *arm = arg;
    size_t len = 0;

    return EVP_PKEY_sign(arm->ctx, NULL, &len, arm->digest, arm->digest_len) == 1 && len > 0 &&
           len <= sizeof(arm->signature) && bench_evp_sign_round(arm);
}

static bool digest_asking(void *arg)
{
    bench_evp_arm *arm = arg;
    EVP_MD_CTX *ctx = bench_evp_begin(arm);
    size_t len = 0;
    bool good = ctx != NULL && EVP_DigestSign(ctx, NULL, &len, arm->message, sizeof(arm->message)) == 1 &&
                len > 0 && EVP_DigestSign(ctx, arm->signature, &len, arm->message, sizeof(arm->message)) == 1;

    EVP_MD_CTX_free(ctx);
    return good || bench_evp_failed("EVP_DigestSign");
}

static bool pieces_asking(void *arg)
{
    bench_evp_arm *arm = arg;
    EVP_MD_CTX *ctx = bench_evp_begin(arm);
    size_t len = 0;
    bool good = ctx != NULL && EVP_DigestSignUpdate(ctx, arm->message, sizeof(arm->message)) == 1 &&
                EVP_DigestSignFinal(ctx, NULL, &len) == 1 && len > 0 &&
                EVP_DigestSignFinal(ctx, arm->signature, &len) == 1;

    EVP_MD_CTX_free(ctx);
    return good || bench_evp_failed("EVP_DigestSignFinal");
}

static bench_outcome hold_calls(bench_evp_arm *arm, bench_through *through, const char *configuration)
{
    static const struct way {
        const char *name;
        bench_round_fn round;
    } ways[] = {{"EVP_PKEY_sign", sign_asking},
                {"EVP_DigestSign", digest_asking},
                {"EVP_DigestSignFinal", pieces_asking}};
    bench_outcome outcome = BENCH_MET;
    char name[128];

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        snprintf(name, sizeof(name), "Cryptoki calls of %s and its length, %s, %s", ways[i].name,
                 configuration, arm->evp->scheme->key);
        outcome = bench_worse(outcome, bench_hold_calls(name, through, ways[i].round, arm));
    }
    return outcome;
}

static bench_outcome hold_growth(bench_evp_arm *arm)
{
    char name[128];

    snprintf(name, sizeof(name), "heap growth over 100,000 EVP_DigestSign, %s", arm->evp->scheme->key);
    return bench_hold_growth(name, bench_evp_digest_round, arm, BENCH_GROWN_SIGNATURES);
}

static bench_outcome hold(const bench_key *key, bench_through *through, char *configuration, bool is_first)
{
    bench_evp evp;
    bench_evp_arm arm = {0};
    bench_outcome outcome = BENCH_FAILED;

    if (bench_evp_open(&evp, key, configuration) && bench_evp_arm_ready(&arm, &evp) &&
        bench_evp_arm_reuse(&arm)) {
        outcome = hold_calls(&arm, through, basename(configuration));
        if (is_first && !evp.scheme->rsa)
            outcome = bench_worse(outcome, hold_growth(&arm));
    }
    bench_evp_arm_free(&arm);
    bench_evp_close(&evp);
    return outcome;
}

int main(int argc, char **argv)
{
    static bench_key key;
    bench_through *through;
    bench_outcome outcome = BENCH_MET;

    if (argc < OUR_WORDS + 2) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " THROUGH-MODULE CONFIGURATION...\n", argv[0]);
        return BENCH_FAILED;
    }
    if (!bench_key_read(&key, argv + 1) ||
        (through = bench_through_load(argv[OUR_WORDS], key.module)) == NULL)
        return BENCH_FAILED;
    for (int i = OUR_WORDS + 1; i < argc; i++)
        outcome = bench_worse(outcome, hold(&key, through, argv[i], i == OUR_WORDS + 1));
    return (int)outcome;
}
