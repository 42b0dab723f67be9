/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in pieces for tokens that sign no digest and hash by themselves: the message is kept, up to a limit. Keys are
 * opened under a plan that leaves the token these mechanisms alone.
 */
#include "tests/provider/stage.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define HASHING "only=0x1044+0x40+0x43"

#define MESSAGE_LEN ((size_t)1500000)
static unsigned char MESSAGE[SIGB_MAX_KEPT_MESSAGE + 1];

typedef struct made {
    unsigned char bytes[512];
    size_t len;
} made;

static const struct key_row {
    const char *type;
    bool pss;
} KEYS[] = {{"P-256", false}, {"RSA-2048", false}, {"RSA-2048", true}};

#define KEY_COUNT (sizeof(KEYS) / sizeof(KEYS[0]))

/* ---- signing ---- */

static void choose_padding(EVP_PKEY_CTX *pctx, const struct key_row *row)
{
    if (!row->pss)
        return;
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
}

static EVP_MD_CTX *begin(const prov_stage *s, EVP_PKEY *key, const struct key_row *row, const char *digest)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    assert_non_null(ctx);
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, digest, s->ctx, NULL, key, NULL), 1);
    choose_padding(pctx, row);
    return ctx;
}

/* In pieces that grow: of 0, 1, 2, 4 ... bytes. */
static void take_in(EVP_MD_CTX *ctx, size_t from, size_t to)
{
    for (size_t piece = 0; from < to; piece = piece == 0 ? 1 : 2 * piece) {
        size_t len = piece < to - from ? piece : to - from;

        assert_int_equal(EVP_DigestSignUpdate(ctx, MESSAGE + from, len), 1);
        from += len;
    }
}

static made end(EVP_MD_CTX *ctx)
{
    made signature = {.len = sizeof(signature.bytes)};

    assert_int_equal(EVP_DigestSignFinal(ctx, signature.bytes, &signature.len), 1);
    return signature;
}

static void judge_in_software(const prov_stage *s, EVP_PKEY *key, const struct key_row *row,
                              const char *digest, const made *signature, size_t len)
{
    EVP_PKEY *pub = prov_stage_public(s, key);
    EVP_MD_CTX *judge = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    assert_int_equal(EVP_DigestVerifyInit_ex(judge, &pctx, digest, s->soft, NULL, pub, NULL), 1);
    choose_padding(pctx, row);
    assert_int_equal(EVP_DigestVerify(judge, signature->bytes, signature->len, MESSAGE, len), 1);
    EVP_MD_CTX_free(judge);
    EVP_PKEY_free(pub);
}

/* ---- what works ---- */

static void messages_in_pieces_are_signed(void **state)
{
    static const size_t lengths[] = {0, 1, MESSAGE_LEN};
    prov_stage *s = *state;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, KEYS[i].type);

        for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
            EVP_MD_CTX *ctx = begin(s, key, &KEYS[i], "SHA256");
            made signature;

            take_in(ctx, 0, lengths[j]);
            signature = end(ctx);
            judge_in_software(s, key, &KEYS[i], "SHA256", &signature, lengths[j]);
            EVP_MD_CTX_free(ctx);
        }
        EVP_PKEY_free(key);
    }
}

/* The caller's NULL is no place, and modules refuse it: on tokens of any kind. */
static void no_bytes_at_no_place_are_a_message(void **state)
{
    static const char *const plans[] = {HASHING, ""};
    static const struct key_row edwards = {"Ed25519", false};
    prov_stage *s = *state;

    for (size_t i = 0; i < 2; i++) {
        const struct key_row *row = i == 0 ? &KEYS[0] : &edwards;
        const char *digest = i == 0 ? "SHA256" : NULL;
        made signature = {.len = sizeof(signature.bytes)};
        EVP_PKEY *key;
        EVP_MD_CTX *ctx;

        prov_stage_plan(s, plans[i]);
        key = prov_stage_require(s, row->type);
        ctx = begin(s, key, row, digest);
        assert_int_equal(EVP_DigestSign(ctx, signature.bytes, &signature.len, NULL, 0), 1);
        judge_in_software(s, key, row, digest, &signature, 0);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* Each goes on from there by itself, and the original may go first. */
static void a_copy_amid_a_message_has_what_came_in(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, KEYS[i].type);
        EVP_MD_CTX *ctx = begin(s, key, &KEYS[i], "SHA256"), *copy = EVP_MD_CTX_new();
        made signature;

        take_in(ctx, 0, 70000);
        assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
        take_in(ctx, 70000, 70001);
        signature = end(ctx);
        judge_in_software(s, key, &KEYS[i], "SHA256", &signature, 70001);
        EVP_MD_CTX_free(ctx);
        take_in(copy, 70000, MESSAGE_LEN);
        signature = end(copy);
        judge_in_software(s, key, &KEYS[i], "SHA256", &signature, MESSAGE_LEN);
        EVP_MD_CTX_free(copy);
        EVP_PKEY_free(key);
    }
}

static void one_context_signs_again_and_goes_on(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_MD_CTX *ctx = begin(s, key, &KEYS[0], "SHA256");
    made signature;

    take_in(ctx, 0, 100);
    for (int i = 0; i < 2; i++) {
        signature = end(ctx);
        judge_in_software(s, key, &KEYS[0], "SHA256", &signature, 100);
    }
    take_in(ctx, 100, 300);
    signature = end(ctx);
    judge_in_software(s, key, &KEYS[0], "SHA256", &signature, 300);
    for (int i = 0; i < 2;
         i++) { /* with the key again, and with the one that is there: nothing is left of what came in */
        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", s->ctx, NULL, i == 0 ? key : NULL, NULL),
                         1);
        take_in(ctx, 0, 7);
        signature = end(ctx);
        judge_in_software(s, key, &KEYS[0], "SHA256", &signature, 7);
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* Whether a message is to be kept is known since the key was opened. */
static void a_message_in_pieces_is_two_calls(void **state)
{
    static const char *const plans[] = {HASHING, ""};
    prov_stage *s = *state;

    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        EVP_PKEY *key;
        EVP_MD_CTX *ctx;

        prov_stage_plan(s, plans[i]);
        key = prov_stage_require(s, "P-256");
        ctx = begin(s, key, &KEYS[0], "SHA256");
        take_in(ctx, 0, 1000);
        (void)end(ctx);
        prov_stage_plan(s, plans[i]);
        for (int j = 0; j < 5; j++)
            (void)end(ctx);
        assert_int_equal(s->fault->calls("*"), 10);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* The sessions are gone before the last piece comes: the message is still here. */
static void a_repair_does_not_lose_the_message(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_MD_CTX *ctx = begin(s, key, &KEYS[1], "SHA256");
    made signature;

    take_in(ctx, 0, 1000);
    softhsm_lose_sessions(s->hsm);
    take_in(ctx, 1000, 2000);
    signature = end(ctx);
    judge_in_software(s, key, &KEYS[1], "SHA256", &signature, 2000);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- what is refused ---- */

static void at_most_so_much_is_kept(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_MD_CTX *ctx = begin(s, key, &KEYS[0], "SHA256"), *copy = EVP_MD_CTX_new();
    made signature;

    take_in(ctx, 0, SIGB_MAX_KEPT_MESSAGE);
    assert_int_equal(EVP_DigestSignUpdate(ctx, MESSAGE, 1), 0);
    assert_raised(SIGB_E_LIMIT, "at most 64 MiB of it");

    /* what was refused once is signed no more, not even what comes after it, and no more by a copy */
    assert_int_equal(EVP_DigestSignUpdate(ctx, MESSAGE, 1), 0);
    assert_raised(SIGB_E_USAGE, "a piece of the message was refused");
    assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
    signature.len = sizeof(signature.bytes);
    assert_true(EVP_DigestSignFinal(copy, signature.bytes, &signature.len) <= 0);
    assert_raised(SIGB_E_USAGE, "a piece of the message was refused");
    signature.len = sizeof(signature.bytes);
    assert_true(EVP_DigestSignFinal(ctx, signature.bytes, &signature.len) <= 0);
    assert_raised(SIGB_E_USAGE, "a piece of the message was refused");

    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", s->ctx, NULL, key, NULL), 1);
    take_in(ctx, 0, 9);
    signature = end(ctx);
    judge_in_software(s, key, &KEYS[0], "SHA256", &signature, 9);
    EVP_MD_CTX_free(copy);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* The caller keeps it, so we do not have to. */
static void one_call_has_no_limit(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_MD_CTX *ctx = begin(s, key, &KEYS[0], "SHA256");
    made signature = {.len = sizeof(signature.bytes)};

    assert_int_equal(EVP_DigestSign(ctx, signature.bytes, &signature.len, MESSAGE, sizeof(MESSAGE)), 1);
    judge_in_software(s, key, &KEYS[0], "SHA256", &signature, sizeof(MESSAGE));
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* At the first piece, and not when all of it has come in. */
static void what_the_token_does_not_hash_is_refused_at_once(void **state)
{
    static const char *const words[KEY_COUNT] = {
        "ECDSA with SHA2-384 needs CKM_ECDSA or CKM_ECDSA_SHA384, which the token lacks",
        "RSA PKCS#1 with SHA2-384 needs CKM_RSA_PKCS or CKM_SHA384_RSA_PKCS, which the token lacks",
        "RSA-PSS with SHA2-384 needs CKM_RSA_PKCS_PSS or CKM_SHA384_RSA_PKCS_PSS, which the token lacks"};
    prov_stage *s = *state;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, KEYS[i].type);
        EVP_MD_CTX *ctx = begin(s, key, &KEYS[i], "SHA384");
        made signature = {.len = sizeof(signature.bytes)};

        assert_int_equal(EVP_DigestSignUpdate(ctx, MESSAGE, 10), 0);
        assert_raised(SIGB_E_MECHANISM, words[i]);
        assert_true(EVP_DigestSignFinal(ctx, signature.bytes, &signature.len) <= 0);
        assert_raised(SIGB_E_MECHANISM, words[i]);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

static void digests_are_refused_with_the_way_out(void **state)
{
    static const char *const words[KEY_COUNT] = {"it has CKM_ECDSA_SHA256, which hashes by itself",
                                                 "it has CKM_SHA256_RSA_PKCS, which hashes by itself",
                                                 "it has CKM_SHA256_RSA_PKCS_PSS, which hashes by itself"};
    static const unsigned char digest[32] = {1};
    prov_stage *s = *state;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, KEYS[i].type);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);
        made signature = {.len = sizeof(signature.bytes)};

        assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        choose_padding(ctx, &KEYS[i]);
        assert_true(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest, sizeof(digest)) <= 0);
        assert_raised(SIGB_E_MECHANISM, words[i]);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* ---- the group ---- */

static int begin_all(void **state)
{
    static const char *const types[] = {"P-256", "RSA-2048", "Ed25519"};
    prov_stage *s = prov_stage_begin_for_all(state, types, sizeof(types) / sizeof(types[0]));

    for (size_t i = 0; i < sizeof(MESSAGE); i++)
        MESSAGE[i] = (unsigned char)(i ^ (i >> 8));
    prov_stage_plan(s, HASHING);
    return 0;
}

static int plan_again(void **state)
{
    prov_stage_plan(*state, HASHING);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_in_pieces_are_signed),
        cmocka_unit_test_teardown(no_bytes_at_no_place_are_a_message, plan_again),
        cmocka_unit_test(a_copy_amid_a_message_has_what_came_in),
        cmocka_unit_test(one_context_signs_again_and_goes_on),
        cmocka_unit_test_teardown(a_message_in_pieces_is_two_calls, plan_again),
        cmocka_unit_test(a_repair_does_not_lose_the_message),
        cmocka_unit_test(at_most_so_much_is_kept),
        cmocka_unit_test(one_call_has_no_limit),
        cmocka_unit_test(what_the_token_does_not_hash_is_refused_at_once),
        cmocka_unit_test(digests_are_refused_with_the_way_out),
    };

    return cmocka_run_group_tests(tests, begin_all, prov_stage_end_for_all);
}
