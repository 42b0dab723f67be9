/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole messages and algorithms that fix their digest, for keys of a token: what OpenSSL has from 3.4 on. Built where
 * it has them.
 */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define OURS "provider=sigbridge"

/* Every algorithm under one of its names; by its object identifier, by its short name, by OpenSSL's own. */
static const struct algorithm_row {
    const char *name, *key, *digest;
} ALGORITHMS[] = {
    {"RSA-SHA1", "RSA-2048", "SHA1"},
    {"RSA-SHA2-224", "RSA-2048", "SHA2-224"},
    {"RSA-SHA256", "RSA-2048", "SHA2-256"},
    {"sha384WithRSAEncryption", "RSA-2048", "SHA2-384"},
    {"1.2.840.113549.1.1.13", "RSA-2048", "SHA2-512"},
    {"RSA-SHA512-224", "RSA-2048", "SHA2-512/224"},
    {"RSA-SHA512-256", "RSA-2048", "SHA2-512/256"},
    {"RSA-SHA3-224", "RSA-2048", "SHA3-224"},
    {"RSA-SHA3-256", "RSA-2048", "SHA3-256"},
    {"RSA-SHA3-384", "RSA-2048", "SHA3-384"},
    {"RSA-SHA3-512", "RSA-2048", "SHA3-512"},
    {"ECDSA-SHA1", "P-256", "SHA1"},
    {"ECDSA-SHA224", "P-256", "SHA2-224"},
    {"ECDSA-SHA256", "P-256", "SHA2-256"},
    {"ecdsa-with-SHA384", "P-256", "SHA2-384"},
    {"1.2.840.10045.4.3.4", "P-256", "SHA2-512"},
    {"ECDSA-SHA3-224", "P-256", "SHA3-224"},
    {"ECDSA-SHA3-256", "P-256", "SHA3-256"},
    {"ECDSA-SHA3-384", "P-256", "SHA3-384"},
    {"ECDSA-SHA3-512", "P-256", "SHA3-512"},
    {"ED25519", "Ed25519", NULL},
};

#define ALGORITHM_COUNT (sizeof(ALGORITHMS) / sizeof(ALGORITHMS[0]))

static const unsigned char MESSAGE[] = "a message that is signed whole";
#define MESSAGE_LEN (sizeof(MESSAGE) - 1)

typedef struct made {
    unsigned char bytes[512];
    size_t len;
} made;

static EVP_SIGNATURE *require_algorithm(const prov_stage *s, const char *name)
{
    EVP_SIGNATURE *algorithm = EVP_SIGNATURE_fetch(s->ctx, name, OURS);

    if (algorithm == NULL)
        fail_msg("the provider has no %s", name);
    return algorithm;
}

static EVP_PKEY_CTX *context_of(const prov_stage *s, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

    assert_non_null(ctx);
    return ctx;
}

static void judge_in_software(const prov_stage *s, EVP_PKEY *key, const char *digest, const made *signature)
{
    EVP_PKEY *pub = prov_stage_public(s, key);
    EVP_MD_CTX *judge = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestVerifyInit_ex(judge, NULL, digest, s->soft, NULL, pub, NULL), 1);
    assert_int_equal(EVP_DigestVerify(judge, signature->bytes, signature->len, MESSAGE, MESSAGE_LEN), 1);
    EVP_MD_CTX_free(judge);
    EVP_PKEY_free(pub);
}

static made sign_whole(EVP_PKEY_CTX *ctx)
{
    made signature = {.len = sizeof(signature.bytes)};

    assert_int_equal(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, MESSAGE, MESSAGE_LEN), 1);
    return signature;
}

static made sign_in_pieces(EVP_PKEY_CTX *ctx)
{
    made signature = {.len = 0};

    assert_int_equal(EVP_PKEY_sign_message_update(ctx, MESSAGE, 3), 1);
    assert_int_equal(EVP_PKEY_sign_message_update(ctx, MESSAGE + 3, MESSAGE_LEN - 3), 1);
    assert_int_equal(EVP_PKEY_sign_message_final(ctx, NULL, &signature.len), 1);
    assert_true(signature.len > 0 && signature.len <= sizeof(signature.bytes));
    assert_int_equal(EVP_PKEY_sign_message_final(ctx, signature.bytes, &signature.len), 1);
    return signature;
}

static int verify_in_pieces(EVP_PKEY_CTX *ctx, const made *signature)
{
    assert_int_equal(EVP_PKEY_CTX_set_signature(ctx, signature->bytes, signature->len), 1);
    assert_int_equal(EVP_PKEY_verify_message_update(ctx, MESSAGE, 7), 1);
    assert_int_equal(EVP_PKEY_verify_message_update(ctx, MESSAGE + 7, MESSAGE_LEN - 7), 1);
    return EVP_PKEY_verify_message_final(ctx);
}

/* In pieces and whole; software judges both, and so do we, who also see what is wrong. */
static void signs_messages(const prov_stage *s, EVP_PKEY *key, const struct algorithm_row *row)
{
    EVP_SIGNATURE *algorithm = require_algorithm(s, row->name);
    EVP_PKEY_CTX *ctx = context_of(s, key);
    made signature;

    assert_int_equal(EVP_PKEY_sign_message_init(ctx, algorithm, NULL), 1);
    signature = sign_whole(ctx);
    judge_in_software(s, key, row->digest, &signature);
    assert_int_equal(EVP_PKEY_verify_message_init(ctx, algorithm, NULL), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, signature.bytes, signature.len, MESSAGE, MESSAGE_LEN), 1);
    assert_int_not_equal(EVP_PKEY_verify(ctx, signature.bytes, signature.len, MESSAGE, MESSAGE_LEN - 1), 1);
    if (row->digest != NULL) {
        assert_int_equal(EVP_PKEY_sign_message_init(ctx, algorithm, NULL), 1);
        signature = sign_in_pieces(ctx);
        judge_in_software(s, key, row->digest, &signature);
        assert_int_equal(EVP_PKEY_verify_message_init(ctx, algorithm, NULL), 1);
        assert_int_equal(verify_in_pieces(ctx, &signature), 1);
        signature.bytes[signature.len - 1] ^= 1;
        assert_int_equal(EVP_PKEY_verify_message_init(ctx, algorithm, NULL), 1);
        assert_int_not_equal(verify_in_pieces(ctx, &signature), 1);
    }
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(algorithm);
}

static void every_algorithm_signs_messages(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, ALGORITHMS[i].key);

        signs_messages(s, key, &ALGORITHMS[i]);
        EVP_PKEY_free(key);
    }
    print_message("%zu algorithms signed whole messages\n", ALGORITHM_COUNT);
}

/* OpenSSL brings us software keys where we are the first in the list of providers. */
static void software_keys_do_too(void **state)
{
    static const struct algorithm_row rows[] = {
        {"RSA-SHA256", "RSA", "SHA256"}, {"ECDSA-SHA256", "EC", "SHA256"}, {"ED25519", "ED25519", NULL}};
    prov_stage *s = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = i == 0   ? EVP_PKEY_Q_keygen(s->ctx, "provider=default", "RSA", (size_t)2048)
                        : i == 1 ? EVP_PKEY_Q_keygen(s->ctx, "provider=default", "EC", "P-256")
                                 : EVP_PKEY_Q_keygen(s->ctx, "provider=default", "ED25519");

        assert_non_null(key);
        signs_messages(s, key, &rows[i]);
        EVP_PKEY_free(key);
    }
}

/* The names are those under which OpenSSL has them, all of them: else a key would sign by one name and not by the other. */
static void names_are_openssl_s(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        EVP_SIGNATURE *ours = require_algorithm(s, ALGORITHMS[i].name);
        EVP_SIGNATURE *theirs = EVP_SIGNATURE_fetch(s->soft, ALGORITHMS[i].name, NULL);

        assert_non_null(theirs);
        assert_string_equal(EVP_SIGNATURE_get0_name(ours), EVP_SIGNATURE_get0_name(theirs));
        EVP_SIGNATURE_free(theirs);
        EVP_SIGNATURE_free(ours);
    }
}

static void a_key_finds_its_algorithm(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "Ed25519");
    EVP_PKEY_CTX *ctx = context_of(s, key);
    made signature;

    assert_int_equal(EVP_PKEY_sign_message_init(ctx, NULL, NULL), 1);
    signature = sign_whole(ctx);
    judge_in_software(s, key, NULL, &signature);
    assert_int_equal(EVP_PKEY_verify_message_init(ctx, NULL, NULL), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, signature.bytes, signature.len, MESSAGE, MESSAGE_LEN), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void digests_are_signed_too(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < ALGORITHM_COUNT && ALGORITHMS[i].digest != NULL; i++) {
        EVP_PKEY *key = prov_stage_require(s, ALGORITHMS[i].key);
        EVP_SIGNATURE *algorithm = require_algorithm(s, ALGORITHMS[i].name);
        EVP_PKEY_CTX *ctx = context_of(s, key);
        made signature = {.len = sizeof(signature.bytes)};
        unsigned char digest[EVP_MAX_MD_SIZE];
        size_t len = 0;

        assert_int_equal(
            EVP_Q_digest(s->soft, ALGORITHMS[i].digest, NULL, MESSAGE, MESSAGE_LEN, digest, &len), 1);
        assert_int_equal(EVP_PKEY_sign_init_ex2(ctx, algorithm, NULL), 1);
        assert_int_equal(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest, len), 1);
        judge_in_software(s, key, ALGORITHMS[i].digest, &signature);
        assert_int_equal(EVP_PKEY_verify_init_ex2(ctx, algorithm, NULL), 1);
        assert_int_equal(EVP_PKEY_verify(ctx, signature.bytes, signature.len, digest, len), 1);
        digest[0] ^= 1;
        assert_int_not_equal(EVP_PKEY_verify(ctx, signature.bytes, signature.len, digest, len), 1);
        ERR_clear_error();
        assert_int_equal(EVP_PKEY_sign_init_ex2(ctx, algorithm, NULL), 1);
        signature.len = sizeof(signature.bytes);
        assert_true(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest, len - 1) <= 0);
        assert_raised(SIGB_E_USAGE, "and not");
        EVP_PKEY_CTX_free(ctx);
        EVP_SIGNATURE_free(algorithm);
        EVP_PKEY_free(key);
    }
}

static void a_message_is_two_calls(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_SIGNATURE *algorithm = require_algorithm(s, "ECDSA-SHA256");
    EVP_PKEY_CTX *ctx = context_of(s, key);

    assert_int_equal(EVP_PKEY_sign_message_init(ctx, algorithm, NULL), 1);
    (void)sign_whole(ctx);
    prov_stage_plan(s, "");
    for (int i = 0; i < 10; i++) {
        made signature = sign_whole(ctx);

        judge_in_software(s, key, "SHA256", &signature);
    }
    assert_int_equal(s->fault->calls("*"), 20);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(algorithm);
    EVP_PKEY_free(key);
}

static void a_context_is_copied_amid_a_message(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_SIGNATURE *algorithm = require_algorithm(s, "ECDSA-SHA256");
    EVP_PKEY_CTX *ctx = context_of(s, key), *copy;
    made signature = {.len = sizeof(signature.bytes)};

    assert_int_equal(EVP_PKEY_sign_message_init(ctx, algorithm, NULL), 1);
    assert_int_equal(EVP_PKEY_sign_message_update(ctx, MESSAGE, 5), 1);
    copy = EVP_PKEY_CTX_dup(ctx);
    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_sign_message_update(ctx, MESSAGE, 5), 1);
    assert_int_equal(EVP_PKEY_sign_message_update(copy, MESSAGE + 5, MESSAGE_LEN - 5), 1);
    assert_int_equal(EVP_PKEY_sign_message_final(copy, signature.bytes, &signature.len), 1);
    judge_in_software(s, key, "SHA256", &signature);
    EVP_PKEY_CTX_free(copy);

    assert_int_equal(EVP_PKEY_verify_message_init(ctx, algorithm, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature(ctx, signature.bytes, signature.len), 1);
    copy = EVP_PKEY_CTX_dup(ctx); /* the signature goes with it */
    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_verify_message_update(copy, MESSAGE, MESSAGE_LEN), 1);
    assert_int_equal(EVP_PKEY_verify_message_final(copy), 1);
    EVP_PKEY_CTX_free(copy);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(algorithm);
    EVP_PKEY_free(key);
}

/* Those that leave the digest open, asked for by name, and the names by which keys find them. */
static void open_algorithms_take_their_keys(void **state)
{
    static const struct {
        const char *algorithm, *key;
        bool fits;
    } rows[] = {{"ECDSA", "P-256", true},         {"sigbridge-ECDSA", "P-256", true},
                {"RSA", "RSA-2048", true},        {"sigbridge-RSA", "RSA-2048", true},
                {"RSA", "open-pss", true},        {"sigbridge-RSA", "open-pss", true},
                {"ECDSA", "RSA-2048", false},     {"RSA", "P-256", false},
                {"RSA", "Ed25519", false},        {"sigbridge-ECDSA", "RSA-2048", false},
                {"sigbridge-RSA", "P-256", false}};
    const softhsm_key pss = {
        .type = "RSA-2048", .label = "open-pss", .id = "open-pss", .only_mechanism = CKM_RSA_PKCS_PSS};
    unsigned char digest[32] = {1};
    prov_stage *s = *state;

    softhsm_keygen(s->hsm, "stage", &pss);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = prov_stage_require(s, rows[i].key);
        EVP_SIGNATURE *algorithm = require_algorithm(s, rows[i].algorithm);
        EVP_PKEY_CTX *ctx = context_of(s, key);
        made signature = {.len = sizeof(signature.bytes)};

        assert_int_equal(EVP_PKEY_sign_init_ex2(ctx, algorithm, NULL) == 1, rows[i].fits);
        if (rows[i].fits) {
            assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
            assert_int_equal(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest, sizeof(digest)), 1);
        }
        EVP_PKEY_CTX_free(ctx);
        EVP_SIGNATURE_free(algorithm);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
}

/* ---- what is refused ---- */

static void an_algorithm_is_for_its_keys(void **state)
{
    static const struct {
        const char *algorithm, *key;
    } rows[] = {
        {"RSA-SHA256", "P-256"}, {"ECDSA-SHA256", "RSA-2048"}, {"ED25519", "P-256"}, {"RSA-SHA256", "pss"}};
    const softhsm_key pss = {
        .type = "RSA-2048", .label = "pss", .id = "pss", .only_mechanism = CKM_RSA_PKCS_PSS};
    prov_stage *s = *state;

    softhsm_keygen(s->hsm, "stage", &pss);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = prov_stage_require(s, rows[i].key);
        EVP_SIGNATURE *algorithm = require_algorithm(s, rows[i].algorithm);
        EVP_PKEY_CTX *ctx = context_of(s, key);

        assert_true(EVP_PKEY_sign_message_init(ctx, algorithm, NULL) <= 0);
        assert_true(EVP_PKEY_sign_init_ex2(ctx, algorithm, NULL) <= 0);
        EVP_PKEY_CTX_free(ctx);
        EVP_SIGNATURE_free(algorithm);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
}

static void a_fixed_digest_stays(void **state)
{
    prov_stage *s = *state;
    const OSSL_PARAM other[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char[]){"SHA512"}, 6),
                                OSSL_PARAM_END};
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_SIGNATURE *algorithm = require_algorithm(s, "RSA-SHA256");
    EVP_PKEY_CTX *ctx = context_of(s, key);

    assert_true(EVP_PKEY_sign_message_init(ctx, algorithm, other) <= 0);
    assert_raised(SIGB_E_USAGE, "the algorithm fixes digest (SHA2-256) and padding");
    assert_int_equal(EVP_PKEY_sign_message_init(ctx, algorithm, NULL), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0);
    assert_true(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha512()) <= 0);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(algorithm);
    EVP_PKEY_free(key);
}

static void a_signature_to_judge_is_wanted(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_SIGNATURE *algorithm = require_algorithm(s, "ECDSA-SHA256");
    EVP_PKEY_CTX *ctx = context_of(s, key);

    assert_int_equal(EVP_PKEY_verify_message_init(ctx, algorithm, NULL), 1);
    assert_int_equal(EVP_PKEY_verify_message_update(ctx, MESSAGE, MESSAGE_LEN), 1);
    assert_int_not_equal(EVP_PKEY_verify_message_final(ctx), 1);
    assert_raised(SIGB_E_USAGE, "there is no signature to judge");
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(algorithm);
    EVP_PKEY_free(key);
}

/* They would be another signature than the token makes. */
static void what_a_token_does_not_do_is_refused(void **state)
{
    const OSSL_PARAM prehash[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_INSTANCE, (char[]){"Ed25519ph"}, 9), OSSL_PARAM_END};
    const OSSL_PARAM context[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, (char[]){"c"}, 1), OSSL_PARAM_END};
    const OSSL_PARAM pure[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_INSTANCE, (char[]){"Ed25519"}, 7),
                               OSSL_PARAM_END};
    unsigned deterministic = 1;
    const OSSL_PARAM nonce[] = {OSSL_PARAM_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
                                OSSL_PARAM_END};
    prov_stage *s = *state;
    EVP_PKEY *edwards = prov_stage_require(s, "Ed25519"), *weierstrass = prov_stage_require(s, "P-256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ours = NULL;

    assert_true(EVP_DigestSignInit_ex(ctx, NULL, NULL, s->ctx, NULL, edwards, prehash) <= 0);
    assert_raised(SIGB_E_MECHANISM, "pure ED25519, and not with Ed25519ph");
    assert_true(EVP_DigestSignInit_ex(ctx, NULL, NULL, s->ctx, NULL, edwards, context) <= 0);
    assert_raised(SIGB_E_MECHANISM, "no context string");
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, NULL, s->ctx, NULL, edwards, pure), 1);
    EVP_MD_CTX_free(ctx);
    ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &ours, "SHA256", s->ctx, NULL, weierstrass, NULL), 1);
    assert_true(EVP_PKEY_CTX_set_params(ours, nonce) <= 0);
    assert_raised(SIGB_E_MECHANISM, "chooses its nonces itself");
    deterministic = 0;
    assert_int_equal(EVP_PKEY_CTX_set_params(ours, nonce), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(weierstrass);
    EVP_PKEY_free(edwards);
}

/* ---- the run ---- */

static int begin(void **state)
{
    static const char *const types[] = {"P-256", "RSA-2048", "Ed25519"};

    (void)prov_stage_begin_for_all(state, types, sizeof(types) / sizeof(types[0]));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_signs_messages),
        cmocka_unit_test(software_keys_do_too),
        cmocka_unit_test(names_are_openssl_s),
        cmocka_unit_test(a_key_finds_its_algorithm),
        cmocka_unit_test(digests_are_signed_too),
        cmocka_unit_test(a_message_is_two_calls),
        cmocka_unit_test(a_context_is_copied_amid_a_message),
        cmocka_unit_test(open_algorithms_take_their_keys),
        cmocka_unit_test(an_algorithm_is_for_its_keys),
        cmocka_unit_test(a_fixed_digest_stays),
        cmocka_unit_test(a_signature_to_judge_is_wanted),
        cmocka_unit_test(what_a_token_does_not_do_is_refused),
    };

    return cmocka_run_group_tests(tests, begin, prov_stage_end_for_all);
}
