/* SPDX-License-Identifier: Apache-2.0 */
/* RSA padding and salt, in every usual way to ask for them: what is signed, and what the context says of itself. */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define MESSAGE    "message"
#define DIGEST     "SHA256"
#define DIGEST_LEN 32
#define MOST_SALT  222 /* RFC 8017, 9.1.1: 2048 bits and SHA-256 */

static const struct salt_row {
    int asked, made;
    const char *word; /* NULL: there is none */
} SALTS[] = {
    {RSA_PSS_SALTLEN_DIGEST, DIGEST_LEN, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST},
    {RSA_PSS_SALTLEN_MAX, MOST_SALT, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX},
    {RSA_PSS_SALTLEN_AUTO, MOST_SALT, OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO},
    {0, 0, NULL},
    {20, 20, NULL},
    {MOST_SALT, MOST_SALT, NULL},
};

#define SALT_COUNT (sizeof(SALTS) / sizeof(SALTS[0]))

/* ---- ways to ask ---- */

static EVP_MD_CTX *begin(const prov_stage *s, EVP_PKEY *key, const OSSL_PARAM *params, EVP_PKEY_CTX **inner)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestSignInit_ex(ctx, inner, DIGEST, s->ctx, NULL, key, params), 1);
    return ctx;
}

/* As the functions of OpenSSL do, one parameter a call. */
static EVP_MD_CTX *ask_by_calls(const prov_stage *s, EVP_PKEY *key, const struct salt_row *row)
{
    EVP_PKEY_CTX *inner = NULL;
    EVP_MD_CTX *ctx = begin(s, key, NULL, &inner);

    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, row->asked), 1);
    return ctx;
}

/* The salt first: OpenSSL sorts them. */
static EVP_MD_CTX *ask_in_reverse(const prov_stage *s, EVP_PKEY *key, const struct salt_row *row)
{
    int salt = row->asked, padding = RSA_PKCS1_PSS_PADDING;
    const OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
                                 OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &padding), OSSL_PARAM_END};

    return begin(s, key, params, NULL);
}

static EVP_MD_CTX *ask_by_words(const prov_stage *s, EVP_PKEY *key, const struct salt_row *row)
{
    char mode[] = OSSL_PKEY_RSA_PAD_MODE_PSS, salt[16];
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, mode, sizeof(mode) - 1),
                           OSSL_PARAM_END, OSSL_PARAM_END};

    if (row->word == NULL)
        snprintf(salt, sizeof(salt), "%d", row->asked);
    else
        OPENSSL_strlcpy(salt, row->word, sizeof(salt));
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt, 0);
    return begin(s, key, params, NULL);
}

static EVP_MD_CTX *(*const WAYS[])(const prov_stage *, EVP_PKEY *,
                                   const struct salt_row *) = {ask_by_calls, ask_in_reverse, ask_by_words};

#define WAY_COUNT (sizeof(WAYS) / sizeof(WAYS[0]))

/* ---- what comes of it ---- */

/* By software, which is told the padding, and the salt as a number: another length is refused. */
static void assert_signs(const prov_stage *s, EVP_PKEY *key, EVP_MD_CTX *ctx, int padding, int salt)
{
    EVP_PKEY *pub = prov_stage_public(s, key);
    EVP_MD_CTX *judge = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    unsigned char signature[256];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const unsigned char *)MESSAGE, strlen(MESSAGE)),
                     1);
    assert_int_equal(EVP_DigestVerifyInit_ex(judge, &inner, DIGEST, s->soft, NULL, pub, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(inner, padding), 1);
    if (padding == RSA_PKCS1_PSS_PADDING)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt), 1);
    assert_int_equal(EVP_DigestVerify(judge, signature, len, (const unsigned char *)MESSAGE, strlen(MESSAGE)),
                     1);
    EVP_MD_CTX_free(judge);
    EVP_PKEY_free(pub);
}

static void what_is_asked_for_is_signed(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");

    for (size_t way = 0; way < WAY_COUNT; way++)
        for (size_t i = 0; i < SALT_COUNT; i++) {
            EVP_MD_CTX *ctx = WAYS[way](s, key, &SALTS[i]), *copy = EVP_MD_CTX_new();

            assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
            assert_signs(s, key, ctx, RSA_PKCS1_PSS_PADDING, SALTS[i].made);
            assert_signs(s, key, copy, RSA_PKCS1_PSS_PADDING, SALTS[i].made);
            EVP_MD_CTX_free(copy);
            EVP_MD_CTX_free(ctx);
        }
    EVP_PKEY_free(key);
}

static void it_is_told_when_asked(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");

    for (size_t way = 0; way < WAY_COUNT; way++)
        for (size_t i = 0; i < SALT_COUNT; i++) {
            EVP_MD_CTX *ctx = WAYS[way](s, key, &SALTS[i]);
            EVP_PKEY_CTX *inner = EVP_MD_CTX_get_pkey_ctx(ctx);
            int padding = 0, salt = -9;

            assert_true(EVP_PKEY_CTX_get_rsa_padding(inner, &padding) > 0);
            assert_true(EVP_PKEY_CTX_get_rsa_pss_saltlen(inner, &salt) > 0);
            assert_int_equal(padding, RSA_PKCS1_PSS_PADDING);
            assert_int_equal(salt, SALTS[i].asked);
            assert_signs(s, key, ctx, RSA_PKCS1_PSS_PADDING, SALTS[i].made);
            EVP_MD_CTX_free(ctx);
        }
    EVP_PKEY_free(key);
}

static void the_last_word_counts(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_MD_CTX *ctx = ask_by_calls(s, key, &SALTS[0]);
    EVP_PKEY_CTX *inner = EVP_MD_CTX_get_pkey_ctx(ctx);

    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, 20), 1);
    assert_signs(s, key, ctx, RSA_PKCS1_PSS_PADDING, 20);
    EVP_MD_CTX_free(ctx);
    ctx = ask_by_calls(s, key, &SALTS[0]);
    inner = EVP_MD_CTX_get_pkey_ctx(ctx);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PADDING), 1);
    assert_signs(s, key, ctx, RSA_PKCS1_PADDING, 0);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- what fails ---- */

static void a_salt_that_does_not_fit_is_refused(void **state)
{
    const struct salt_row row = {MOST_SALT + 1, 0, NULL};
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");

    for (size_t way = 0; way < WAY_COUNT; way++) {
        EVP_MD_CTX *ctx = WAYS[way](s, key, &row);
        unsigned char signature[256];
        size_t len = sizeof(signature);

        assert_true(EVP_DigestSign(ctx, signature, &len, (const unsigned char *)MESSAGE, strlen(MESSAGE)) <=
                    0);
        assert_raised(SIGB_E_USAGE,
                      "a salt of 223 bytes does not fit into this key with SHA2-256; at most 222 do");
        EVP_MD_CTX_free(ctx);
    }
    EVP_PKEY_free(key);
}

static void a_salt_without_its_padding_is_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_PKEY_CTX *inner = NULL;
    EVP_MD_CTX *ctx = begin(s, key, NULL, &inner);

    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, 20) <= 0);
    ERR_clear_error();
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    static prov_stage stage;

    prov_stage_begin(&stage, "");
    prov_stage_key(&stage, "RSA-2048", "RSA-2048");
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    prov_stage_end(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_is_signed),
        cmocka_unit_test(it_is_told_when_asked),
        cmocka_unit_test(the_last_word_counts),
        cmocka_unit_test(a_salt_that_does_not_fit_is_refused),
        cmocka_unit_test(a_salt_without_its_padding_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
