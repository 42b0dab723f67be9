/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements made and verified through the public API, each against the bare
 * work that it cannot do without (bare/bare.h).
 *
 *   bench_statement KEY-NAME MODULE TOKEN KEY PIN-FILE ROOT.pem CHAIN.pem EKU
 *
 * TOKEN and KEY are labels; CHAIN.pem holds leaf and issuing CA.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509_vfy.h>
#include <sigbridge/sigbridge.h>

#include "bare/bare.h"
#include "cose.h"
#include "key.h"
#include "pair.h"
#include "report.h"

#define SUBJECT      "bench.example"
#define SVN          7
#define PAYLOAD_LEN  1024
#define TARGET       0.90
#define MICROSECONDS 1e6

typedef struct bench {
    bench_key key;
    const char *root_file, *chain_file, *eku;
    sigb_alg alg;
    sigb_signer *signer;
    sigb_issuer *issuer;
    sigb_policy *policy; /* the warm one */
    sigb_buf roots, certs, tbs, raw, statement;
    unsigned char *der; /* raw as a SEQUENCE, for ECDSA */
    uint8_t payload[PAYLOAD_LEN];
    sigb_diag diag;
    sigb_rc rc;
} bench;

static bool done(bench *b, const char *what)
{
    return bench_done(b->rc, &b->diag, what);
}

/* ---- our arms ---- */

/* A builder with its payload; NULL on failure. */
static sigb_builder *builder(bench *b)
{
    sigb_claims claims = {
        .subject = SUBJECT,
        .content_type = "application/json",
        .has_svn = true,
        .svn = SVN,
        .issued_at = SIGB_TIME_NOW,
    };
    sigb_builder *made = NULL;

    b->rc = sigb_builder_new(b->issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &made, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_builder_attach(made, sigb_bytes_of(b->payload, sizeof(b->payload)), &b->diag);
    if (done(b, "builder"))
        return made;
    sigb_builder_free(made);
    return NULL;
}

static bool sign_round(void *arm)
{
    bench *b = arm;
    sigb_buf statement = SIGB_BUF_INIT;
    sigb_builder *made = builder(b);

    if (made == NULL)
        return false;
    b->rc = sigb_builder_sign(made, b->signer, &statement, &b->diag);
    sigb_builder_free(made);
    sigb_buf_free(&statement);
    return done(b, "sign");
}

static bool verify_with(bench *b, sigb_policy *policy)
{
    sigb_statement *parsed = NULL;
    sigb_verified *verified = NULL;

    b->rc = sigb_statement_parse(sigb_buf_bytes(&b->statement), &parsed, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_statement_verify(parsed, policy, NULL, &verified, &b->diag);
    sigb_verified_free(verified);
    sigb_statement_free(parsed);
    return done(b, "verify");
}

static bool warm_round(void *arm)
{
    bench *b = arm;

    return verify_with(b, b->policy);
}

static sigb_policy *policy(bench *b)
{
    sigb_policy *made = sigb_policy_new();

    b->rc = made == NULL ? SIGB_E_MEMORY : sigb_policy_put_roots(made, sigb_buf_bytes(&b->roots), &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_policy_set_eku(made, b->eku, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_policy_set_subject(made, SUBJECT, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_policy_set_min_svn(made, SVN, &b->diag);
    if (done(b, "policy"))
        return made;
    sigb_policy_free(made);
    return NULL;
}

static bool cold_round(void *arm)
{
    bench *b = arm;
    sigb_policy *fresh = policy(b);
    bool good = fresh != NULL && verify_with(b, fresh);

    sigb_policy_free(fresh);
    return good;
}

/* ---- their arms ---- */

static bool bare_sign(void *arm)
{
    return bare_sign_round(arm);
}

static bool bare_warm(void *arm)
{
    return bare_warm_round(arm);
}

static bool bare_cold(void *arm)
{
    return bare_cold_round(arm);
}

typedef struct bench_contest {
    const char *name, *against;
    bench_round_fn ours, theirs;
    bare_arm *(*bare_new)(const bare_input *input);
    const bare_count *calls;
} bench_contest;

/* clang-format off */
static const bench_contest CONTESTS[] = {
    {"full statement, 1 KiB payload, warm", "C_SignInit, C_Sign, EVP_DigestVerify",                   sign_round, bare_sign, bare_sign_new, BARE_SIGN_CALLS},
    {"verification, fresh policy",          "3 d2i_X509, X509_verify_cert, EVP_DigestVerify",         cold_round, bare_cold, bare_cold_new, BARE_COLD_CALLS},
    {"verification, same policy",           "EVP_DigestVerify",                                       warm_round, bare_warm, bare_warm_new, BARE_WARM_CALLS},
};
/* clang-format on */

/* ---- before the clock runs ---- */

static bool read_pem(bench *b, const char *path, sigb_buf *certs)
{
    static uint8_t text[1 << 16];
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof(text), file);

    if (file == NULL) {
        perror(path);
        return false;
    }
    fclose(file);
    b->rc = sigb_certs_append(certs, sigb_bytes_of(text, len), &b->diag);
    return done(b, path);
}

static bool derive_issuer(bench *b)
{
    sigb_issuer_options options = {.at = SIGB_TIME_NOW, .eku = b->eku};

    if (!read_pem(b, b->root_file, &b->roots) || !read_pem(b, b->chain_file, &b->certs))
        return false;
    options.roots = sigb_buf_bytes(&b->roots);
    options.certs = sigb_buf_bytes(&b->certs);
    options.spki = sigb_signer_spki(b->signer);
    b->rc = sigb_issuer_derive(&options, &b->issuer, &b->diag);
    return done(b, "issuer");
}

/* A statement to verify, and what its signature covers with a signature over it, for the bare arms. */
static bool sign_once(bench *b)
{
    sigb_builder *made = builder(b);

    if (made == NULL)
        return false;
    b->alg = sigb_builder_alg(made);
    b->rc = sigb_builder_prepare(made, &b->tbs, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_signer_sign(b->signer, b->alg, sigb_buf_bytes(&b->tbs), &b->raw, &b->diag);
    if (b->rc == SIGB_OK)
        b->rc = sigb_builder_finish(made, sigb_buf_bytes(&b->raw), &b->statement, &b->diag);
    sigb_builder_free(made);
    return done(b, "statement");
}

static bool prepare(bench *b)
{
    memset(b->payload, 'x', sizeof(b->payload));
    b->signer = bench_key_open(&b->key, NULL);
    if (b->signer == NULL || !derive_issuer(b) || !sign_once(b))
        return false;
    b->policy = policy(b);
    return b->policy != NULL;
}

static void release(bench *b)
{
    sigb_policy_free(b->policy);
    sigb_issuer_free(b->issuer);
    sigb_signer_free(b->signer);
    sigb_buf_free(&b->roots);
    sigb_buf_free(&b->certs);
    sigb_buf_free(&b->tbs);
    sigb_buf_free(&b->raw);
    sigb_buf_free(&b->statement);
    OPENSSL_free(b->der);
}

/* ---- what the bare arms are given ---- */

static bool fill(bench *b, bare_input *input)
{
    bool ecdsa = b->alg == SIGB_ES256;

    input->digest = ecdsa ? "SHA2-256" : "SHA2-384"; /* P-256 and RSA-3072 */
    input->rsa = !ecdsa;
    input->tbs = (bare_bytes){b->tbs.ptr, b->tbs.len};
    input->signature = (bare_bytes){b->raw.ptr, b->raw.len};
    input->x509_flags = X509_V_FLAG_X509_STRICT;
    input->module = b->key.module;
    input->token = b->key.token;
    input->key = b->key.label;
    input->pin = b->key.pin;
    if (ecdsa) {
        input->signature.len = bench_ecdsa_der(sigb_buf_bytes(&b->raw), &b->der);
        input->signature.ptr = b->der;
    }
    return input->signature.len > 0 && bench_chain_split(sigb_issuer_chain(b->issuer), input);
}

/* ---- the contests ---- */

static bool take(const bench_contest *contest, bench *b, bare_arm *arm, bench_pair *pair)
{
    bench_side ours = {.round = contest->ours, .arms = {b}},
               theirs = {.round = contest->theirs, .arms = {arm}};

    bare_counts_reset();
    return bench_pair_run(&ours, &theirs, 1, BENCH_PROCESSOR, pair) &&
           bare_counts_match(contest->calls, theirs.rounds);
}

static bench_outcome hold(const bench_contest *contest, bench *b, const bare_input *input)
{
    char name[128];
    bench_pair pair = {0};
    bench_line line = {name, 0, "us", contest->against, 0, TARGET, true};
    bare_arm *arm = contest->bare_new(input);
    bool counted = arm != NULL;

    snprintf(name, sizeof(name), "%s, %s", contest->name, b->key.name);
    for (int i = 0; counted && i < BENCH_TRIES && !bench_line_met(&line); i++) {
        counted = take(contest, b, arm, &pair);
        line.value = pair.ours * MICROSECONDS;
        line.ratio = pair.ratio;
    }
    bare_arm_free(arm);
    if (!counted)
        fprintf(stderr, "%s: no measurement\n", name);
    return counted ? bench_line_print(&line) : BENCH_FAILED;
}

static bench_outcome hold_all(bench *b)
{
    bare_input input = {0};
    bench_outcome outcome = BENCH_MET;

    if (!prepare(b) || !fill(b, &input))
        return BENCH_FAILED;
    for (size_t i = 0; i < sizeof(CONTESTS) / sizeof(CONTESTS[0]); i++)
        outcome = bench_worse(outcome, hold(&CONTESTS[i], b, &input));
    return outcome;
}

int main(int argc, char **argv)
{
    static bench b;
    bench_outcome outcome;

    if (argc != 9) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " ROOT.pem CHAIN.pem EKU\n", argv[0]);
        return BENCH_FAILED;
    }
    if (!bench_key_read(&b.key, argv + 1))
        return BENCH_FAILED;
    b.root_file = argv[6];
    b.chain_file = argv[7];
    b.eku = argv[8];
    outcome = hold_all(&b);
    release(&b);
    return (int)outcome;
}
