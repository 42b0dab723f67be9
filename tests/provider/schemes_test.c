/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every digest in every way to sign with it, judged by software; what a token makes
 * no signature of is refused in words; and what the public half alone is for, which
 * is software's work, of a key of a token too.
 */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define MESSAGE     ((const unsigned char *)"message")
#define MESSAGE_LEN ((size_t)7)

static const struct digest_row {
    const char *name;
    bool pss; /* SoftHSM has RSA-PSS over it */
} DIGESTS[] = {
    {"SHA1", true},      {"SHA2-224", true},      {"SHA2-256", true},      {"SHA2-384", true},
    {"SHA2-512", true},  {"SHA2-512/224", false}, {"SHA2-512/256", false}, {"SHA3-224", false},
    {"SHA3-256", false}, {"SHA3-384", false},     {"SHA3-512", false},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

typedef struct made {
    unsigned char bytes[512];
    size_t len;
} made;

static void set_padding(EVP_PKEY_CTX *ctx, int padding)
{
    if (padding != 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
}

/* ---- a digest, and a message ---- */

static EVP_PKEY_CTX *begin_digest(OSSL_LIB_CTX *in, EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *ctx),
                                  const char *digest, int padding)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in, key, NULL);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_end()};

    assert_non_null(ctx);
    assert_int_equal(init(ctx), 1);
    set_padding(ctx, padding);
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    return ctx;
}

static made digest_of(const prov_stage *s, const char *name)
{
    made digest = {.len = 0};

    assert_int_equal(EVP_Q_digest(s->soft, name, NULL, MESSAGE, MESSAGE_LEN, digest.bytes, &digest.len), 1);
    return digest;
}

static int sign_digest(const prov_stage *s, EVP_PKEY *key, const char *name, int padding, made *signature)
{
    EVP_PKEY_CTX *ctx = begin_digest(s->ctx, key, EVP_PKEY_sign_init, name, padding);
    made digest = digest_of(s, name);
    int good;

    signature->len = sizeof(signature->bytes);
    good = EVP_PKEY_sign(ctx, signature->bytes, &signature->len, digest.bytes, digest.len);
    EVP_PKEY_CTX_free(ctx);
    return good;
}

static int verify_digest(OSSL_LIB_CTX *in, EVP_PKEY *key, const char *name, int padding, const made *digest,
                         const made *signature)
{
    EVP_PKEY_CTX *ctx = begin_digest(in, key, EVP_PKEY_verify_init, name, padding);
    int good = EVP_PKEY_verify(ctx, signature->bytes, signature->len, digest->bytes, digest->len);

    EVP_PKEY_CTX_free(ctx);
    return good;
}

static int sign_message(const prov_stage *s, EVP_PKEY *key, const char *name, int padding, made *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    int good;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &inner, name, s->ctx, NULL, key, NULL), 1);
    set_padding(inner, padding);
    signature->len = sizeof(signature->bytes);
    good = EVP_DigestSign(ctx, signature->bytes, &signature->len, MESSAGE, MESSAGE_LEN);
    EVP_MD_CTX_free(ctx);
    return good;
}

static int verify_message(OSSL_LIB_CTX *in, EVP_PKEY *key, const char *name, int padding,
                          const made *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    int good;

    assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &inner, name, in, NULL, key, NULL), 1);
    set_padding(inner, padding);
    good = EVP_DigestVerify(ctx, signature->bytes, signature->len, MESSAGE, MESSAGE_LEN);
    EVP_MD_CTX_free(ctx);
    return good;
}

/* In both ways; each signature is judged in both by software, and by us. */
static void assert_signs(const prov_stage *s, EVP_PKEY *key, const char *name, int padding)
{
    EVP_PKEY *pub = prov_stage_public(s, key);
    made digest = digest_of(s, name), signature;

    print_message("%s\n", name);
    assert_int_equal(sign_digest(s, key, name, padding, &signature), 1);
    assert_int_equal(verify_message(s->soft, pub, name, padding, &signature), 1);
    assert_int_equal(verify_message(s->ctx, key, name, padding, &signature), 1);
    assert_int_equal(sign_message(s, key, name, padding, &signature), 1);
    assert_int_equal(verify_digest(s->soft, pub, name, padding, &digest, &signature), 1);
    assert_int_equal(verify_digest(s->ctx, key, name, padding, &digest, &signature), 1);
    EVP_PKEY_free(pub);
}

static void every_digest_is_signed(void **state)
{
    static const char *const keys[] = {"P-256", "P-521", "RSA-2048"};
    prov_stage *s = *state;

    for (size_t k = 0; k < COUNT(keys); k++) {
        EVP_PKEY *key = prov_stage_require(s, keys[k]);

        for (size_t i = 0; i < COUNT(DIGESTS); i++)
            assert_signs(s, key, DIGESTS[i].name, 0);
        EVP_PKEY_free(key);
    }
}

static void pss_takes_every_digest_that_the_token_has_for_it(void **state)
{
    static const char *const keys[] = {"RSA-2048", "pss"};
    prov_stage *s = *state;

    for (size_t k = 0; k < COUNT(keys); k++) {
        EVP_PKEY *key = prov_stage_require(s, keys[k]);

        for (size_t i = 0; i < COUNT(DIGESTS); i++)
            if (DIGESTS[i].pss)
                assert_signs(s, key, DIGESTS[i].name, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_free(key);
    }
}

/* 0: there is none, for software neither. */
static size_t algorithm_id(OSSL_LIB_CTX *in, EVP_PKEY *key, const char *name, int padding, made *id)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, id->bytes, sizeof(id->bytes)),
        OSSL_PARAM_END};

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &inner, name, in, NULL, key, NULL), 1);
    set_padding(inner, padding);
    if (EVP_PKEY_CTX_get_params(inner, params) <= 0)
        params[0].return_size = 0;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return params[0].return_size;
}

static void the_algorithm_identifier_of_every_digest_is_software_s(void **state)
{
    static const struct {
        const char *key;
        int padding;
    } rows[] = {{"P-256", 0}, {"RSA-2048", RSA_PKCS1_PADDING}, {"RSA-2048", RSA_PKCS1_PSS_PADDING}};
    prov_stage *s = *state;

    for (size_t r = 0; r < COUNT(rows); r++) {
        EVP_PKEY *key = prov_stage_require(s, rows[r].key), *pub = prov_stage_public(s, key);

        for (size_t i = 0; i < COUNT(DIGESTS); i++) {
            made ours, theirs;
            size_t len = algorithm_id(s->ctx, key, DIGESTS[i].name, rows[r].padding, &ours);

            assert_int_equal(len, algorithm_id(s->soft, pub, DIGESTS[i].name, rows[r].padding, &theirs));
            assert_memory_equal(ours.bytes, theirs.bytes, len);
        }
        EVP_PKEY_free(pub);
        EVP_PKEY_free(key);
    }
}

/* ---- contexts are copied ---- */

static void assert_copy_signs(const prov_stage *s, EVP_PKEY *pub, const EVP_PKEY_CTX *ctx)
{
    EVP_PKEY_CTX *copy = EVP_PKEY_CTX_dup(ctx);
    made digest = digest_of(s, "SHA2-256"), signature = {.len = sizeof(signature.bytes)};

    assert_non_null(copy);
    assert_int_equal(EVP_PKEY_sign(copy, signature.bytes, &signature.len, digest.bytes, digest.len), 1);
    assert_int_equal(verify_digest(s->soft, pub, "SHA2-256", RSA_PKCS1_PSS_PADDING, &digest, &signature), 1);
    EVP_PKEY_CTX_free(copy);
}

/* Before it was begun, once it has all parameters, after it signed. */
static void a_context_that_signs_digests_is_copied_at_any_moment(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048"), *pub = prov_stage_public(s, key);
    EVP_PKEY_CTX *fresh = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL), *ctx = EVP_PKEY_CTX_dup(fresh);
    made digest = digest_of(s, "SHA2-256"), signature = {.len = sizeof(signature.bytes)};

    assert_non_null(ctx);
    EVP_PKEY_CTX_free(fresh);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    set_padding(ctx, RSA_PKCS1_PSS_PADDING);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    assert_copy_signs(s, pub, ctx);
    assert_int_equal(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest.bytes, digest.len), 1);
    assert_copy_signs(s, pub, ctx);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pub);
    EVP_PKEY_free(key);
}

static void a_copy_outlives_its_context_and_the_key(void **state)
{
    static const char *const keys[] = {"P-256", "Ed25519"};
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(keys); i++) {
        EVP_PKEY *key = prov_stage_require(s, keys[i]), *pub = prov_stage_public(s, key);
        const char *digest = i == 0 ? "SHA2-256" : NULL;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
        made signature = {.len = sizeof(signature.bytes)};

        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, s->ctx, NULL, key, NULL), 1);
        assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
        assert_int_equal(EVP_DigestSign(copy, signature.bytes, &signature.len, MESSAGE, MESSAGE_LEN), 1);
        assert_int_equal(verify_message(s->soft, pub, digest, 0, &signature), 1);
        EVP_MD_CTX_free(copy);
        EVP_PKEY_free(pub);
    }
}

/* ---- what a token makes no signature of ---- */

static void pss_over_what_pkcs11_has_no_name_for_is_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    made signature;

    prov_stage_plan(s, "");
    assert_true(sign_message(s, key, "SHA2-512/256", RSA_PKCS1_PSS_PADDING, &signature) <= 0);
    assert_raised(SIGB_E_MECHANISM, "PKCS#11 has no RSA-PSS over SHA2-512/256; choose another digest");
    assert_true(sign_digest(s, key, "SHA2-512/224", RSA_PKCS1_PSS_PADDING, &signature) <= 0);
    assert_raised(SIGB_E_MECHANISM, "PKCS#11 has no RSA-PSS over SHA2-512/224");
    assert_int_equal(s->fault->calls("*"), 0);
    EVP_PKEY_free(key);
}

/* As a request, and not as a fault of the device, which would be looked after: one call, and the next signature is good. */
static void pss_that_the_token_does_not_have_is_refused_and_nothing_repaired(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    made signature;

    assert_true(prov_stage_sign(s, key, "SHA2-256"));
    prov_stage_plan(s, "");
    assert_true(sign_message(s, key, "SHA3-256", RSA_PKCS1_PSS_PADDING, &signature) <= 0);
    assert_raised(SIGB_E_MECHANISM, "the token makes no RSA-PSS with this digest, mask and salt; choose a "
                                    "digest of the SHA-2 family, the same for the mask, and a salt "
                                    "as long as the digest");
    assert_int_equal(s->fault->calls("C_SignInit"), 1);
    assert_int_equal(s->fault->calls("C_Sign"), 0);
    assert_int_equal(s->fault->calls("C_Login") + s->fault->calls("C_FindObjectsInit"), 0);
    assert_signs(s, key, "SHA2-256", RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_free(key);
}

static void another_mask_than_the_token_has_is_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_PKEY_CTX *ctx = begin_digest(s->ctx, key, EVP_PKEY_sign_init, "SHA2-256", RSA_PKCS1_PSS_PADDING);
    made digest = digest_of(s, "SHA2-256"), signature = {.len = sizeof(signature.bytes)};

    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha384()), 1);
    assert_true(EVP_PKEY_sign(ctx, signature.bytes, &signature.len, digest.bytes, digest.len) <= 0);
    assert_raised(SIGB_E_MECHANISM, "the same for the mask");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void a_digest_that_is_none_for_signatures_is_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256"), *edwards = prov_stage_require(s, "Ed25519");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    made signature;

    assert_true(sign_message(s, key, "MD5", 0, &signature) <= 0);
    assert_raised(SIGB_E_MECHANISM,
                  "no signature is made over MD5 with a token; choose a digest of the SHA-2 or SHA-3 family");
    assert_true(EVP_DigestSignInit_ex(ctx, NULL, "SHA2-256", s->ctx, NULL, edwards, NULL) <= 0);
    assert_raised(SIGB_E_USAGE, "ED25519 takes no digest: it signs the message itself");
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(edwards);
    EVP_PKEY_free(key);
}

/* ---- what the public half alone is for ---- */

static void assert_judged_wrong(const prov_stage *s, EVP_PKEY *key, const char *name)
{
    made digest = digest_of(s, name), other = digest, signature, wrong;

    assert_int_equal(sign_digest(s, key, name, 0, &signature), 1);
    wrong = signature;
    wrong.bytes[wrong.len - 1] ^= 1;
    other.bytes[0] ^= 1;
    assert_int_not_equal(verify_digest(s->ctx, key, name, 0, &digest, &wrong), 1);
    assert_int_not_equal(verify_digest(s->ctx, key, name, 0, &other, &signature), 1);
    assert_int_not_equal(verify_message(s->ctx, key, name, 0, &wrong), 1);
    assert_int_not_equal(verify_message(s->ctx, key, "SHA3-256", 0, &signature), 1);
    wrong.len = signature.len - 1;
    assert_int_not_equal(verify_digest(s->ctx, key, name, 0, &digest, &wrong), 1);
    wrong.len = 0;
    assert_int_not_equal(verify_message(s->ctx, key, name, 0, &wrong), 1);
    ERR_clear_error();
}

static void a_wrong_signature_does_not_verify(void **state)
{
    static const char *const keys[] = {"P-256", "P-521", "RSA-2048"};
    prov_stage *s = *state;
    EVP_PKEY *edwards = prov_stage_require(s, "Ed25519");
    made signature;

    for (size_t i = 0; i < COUNT(keys); i++) {
        EVP_PKEY *key = prov_stage_require(s, keys[i]);

        assert_judged_wrong(s, key, "SHA2-256");
        EVP_PKEY_free(key);
    }
    assert_int_equal(sign_message(s, edwards, NULL, 0, &signature), 1);
    assert_int_equal(verify_message(s->ctx, edwards, NULL, 0, &signature), 1);
    signature.bytes[0] ^= 1;
    assert_int_not_equal(verify_message(s->ctx, edwards, NULL, 0, &signature), 1);
    ERR_clear_error();
    EVP_PKEY_free(edwards);
}

static void the_digest_of_an_rsa_signature_is_recovered(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_PKEY_CTX *ctx = begin_digest(s->ctx, key, EVP_PKEY_verify_recover_init, "SHA2-256",
                                     RSA_PKCS1_PADDING);
    made digest = digest_of(s, "SHA2-256"), signature, found = {.len = sizeof(found.bytes)};

    assert_int_equal(sign_digest(s, key, "SHA2-256", 0, &signature), 1);
    assert_int_equal(EVP_PKEY_verify_recover(ctx, found.bytes, &found.len, signature.bytes, signature.len),
                     1);
    assert_int_equal(found.len, digest.len);
    assert_memory_equal(found.bytes, digest.bytes, digest.len);
    signature.bytes[9] ^= 1;
    found.len = sizeof(found.bytes);
    assert_int_not_equal(
        EVP_PKEY_verify_recover(ctx, found.bytes, &found.len, signature.bytes, signature.len), 1);
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void keys_are_checked_without_the_token(void **state)
{
    static const char *const keys[] = {"P-256", "P-521", "RSA-2048", "Ed25519"};
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(keys); i++) {
        EVP_PKEY *key = prov_stage_require(s, keys[i]);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

        prov_stage_plan(s, "");
        assert_int_equal(EVP_PKEY_public_check(ctx), 1);
        assert_int_equal(EVP_PKEY_check(ctx), 1);
        assert_int_equal(s->fault->calls("*"), 0);
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* ---- one stage for all ---- */

static int begin(void **state)
{
    static const char *const types[] = {"P-256", "P-521", "RSA-2048", "Ed25519"};
    static const softhsm_key pss = {
        .type = "RSA-2048", .label = "pss", .id = "pss", .only_mechanism = CKM_RSA_PKCS_PSS};

    softhsm_keygen(prov_stage_begin_for_all(state, types, COUNT(types))->hsm, "stage", &pss);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_digest_is_signed),
        cmocka_unit_test(pss_takes_every_digest_that_the_token_has_for_it),
        cmocka_unit_test(the_algorithm_identifier_of_every_digest_is_software_s),
        cmocka_unit_test(a_context_that_signs_digests_is_copied_at_any_moment),
        cmocka_unit_test(a_copy_outlives_its_context_and_the_key),
        cmocka_unit_test(pss_over_what_pkcs11_has_no_name_for_is_refused),
        cmocka_unit_test(pss_that_the_token_does_not_have_is_refused_and_nothing_repaired),
        cmocka_unit_test(another_mask_than_the_token_has_is_refused),
        cmocka_unit_test(a_digest_that_is_none_for_signatures_is_refused),
        cmocka_unit_test(a_wrong_signature_does_not_verify),
        cmocka_unit_test(the_digest_of_an_rsa_signature_is_recovered),
        cmocka_unit_test(keys_are_checked_without_the_token),
    };

    return cmocka_run_group_tests(tests, begin, prov_stage_end_for_all);
}
