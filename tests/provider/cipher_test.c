/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA encryption with a key of ours: with a token's key everybody encrypts and nobody decrypts; what was encrypted the
 * token opens, asked by bare Cryptoki. A software key that came in here does both.
 */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define MESSAGE     ((const unsigned char *)"message")
#define MESSAGE_LEN ((size_t)7)

typedef struct text {
    unsigned char bytes[512];
    size_t len;
} text;

static text opened_by_token(const prov_stage *s, const char *label, CK_MECHANISM mechanism, text sealed)
{
    text opened;

    opened.len = prov_stage_token_opens(s, label, mechanism, sealed.bytes, sealed.len, opened.bytes,
                                        sizeof(opened.bytes));
    return opened;
}

/* ---- encrypting ---- */

static EVP_PKEY_CTX *begin(OSSL_LIB_CTX *in, EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *ctx), int padding)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in, key, NULL);

    assert_non_null(ctx);
    assert_int_equal(init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    return ctx;
}

static text encrypt_in(EVP_PKEY_CTX *ctx)
{
    text sealed = {.len = sizeof(sealed.bytes)};

    assert_int_equal(EVP_PKEY_encrypt(ctx, sealed.bytes, &sealed.len, MESSAGE, MESSAGE_LEN), 1);
    return sealed;
}

static text decrypt_in(EVP_PKEY_CTX *ctx, const text *sealed)
{
    text opened = {.len = sizeof(opened.bytes)};

    assert_int_equal(EVP_PKEY_decrypt(ctx, opened.bytes, &opened.len, sealed->bytes, sealed->len), 1);
    return opened;
}

static void assert_is_message(const text *opened)
{
    assert_int_equal(opened->len, MESSAGE_LEN);
    assert_memory_equal(opened->bytes, MESSAGE, MESSAGE_LEN);
}

static const CK_MECHANISM PKCS1 = {CKM_RSA_PKCS, NULL, 0};
static CK_RSA_PKCS_OAEP_PARAMS oaep_params = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
static const CK_MECHANISM OAEP = {CKM_RSA_PKCS_OAEP, &oaep_params, sizeof(oaep_params)};

static const struct {
    int padding;
    const CK_MECHANISM *mechanism;
} PADDINGS[] = {{RSA_PKCS1_PADDING, &PKCS1}, {RSA_PKCS1_OAEP_PADDING, &OAEP}};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- a token's key ---- */

static void what_a_token_s_key_encrypted_the_token_opens(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");

    for (size_t i = 0; i < COUNT(PADDINGS); i++) {
        EVP_PKEY_CTX *ctx = begin(s->ctx, key, EVP_PKEY_encrypt_init, PADDINGS[i].padding);
        text sealed, opened;

        prov_stage_plan(s, "");
        sealed = encrypt_in(ctx);
        assert_int_equal(s->fault->calls("*"), 0);
        opened = opened_by_token(s, "RSA-1024", *PADDINGS[i].mechanism, sealed);
        assert_is_message(&opened);
        EVP_PKEY_CTX_free(ctx);
    }
    EVP_PKEY_free(key);
}

/* Fresh, and with its padding chosen; the key may go before. */
static void a_copy_of_a_context_encrypts_as_its_original(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *fresh = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL), *ctx = EVP_PKEY_CTX_dup(fresh),
                 *copy;
    text sealed, opened;

    assert_non_null(ctx);
    EVP_PKEY_CTX_free(fresh);
    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
    copy = EVP_PKEY_CTX_dup(ctx);
    assert_non_null(copy);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    sealed = encrypt_in(copy);
    opened = opened_by_token(s, "RSA-1024", OAEP, sealed);
    assert_is_message(&opened);
    EVP_PKEY_CTX_free(copy);
}

static void the_length_is_told_and_too_little_room_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *ctx = begin(s->ctx, key, EVP_PKEY_encrypt_init, RSA_PKCS1_PADDING);
    text sealed = {.len = 0}, untouched = {.len = 0};

    assert_int_equal(EVP_PKEY_encrypt(ctx, NULL, &sealed.len, MESSAGE, MESSAGE_LEN), 1);
    assert_int_equal(sealed.len, 128);
    sealed.len = 127;
    assert_true(EVP_PKEY_encrypt(ctx, sealed.bytes, &sealed.len, MESSAGE, MESSAGE_LEN) <= 0);
    assert_memory_equal(sealed.bytes, untouched.bytes, sizeof(sealed.bytes));
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void nothing_is_decrypted_with_a_token_s_key(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

    prov_stage_plan(s, "");
    assert_true(EVP_PKEY_decrypt_init(ctx) <= 0);
    assert_raised(SIGB_E_MECHANISM, "keys of a token sign here, and decrypt nothing; decrypt with another "
                                    "provider or the token's own tool");
    assert_int_equal(s->fault->calls("*"), 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void keys_that_only_sign_encrypt_nothing(void **state)
{
    static const char *const labels[] = {"pss", "P-256"};
    prov_stage *s = *state;

    for (size_t i = 0; i < COUNT(labels); i++) {
        EVP_PKEY *key = prov_stage_require(s, labels[i]);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

        assert_true(EVP_PKEY_encrypt_init(ctx) <= 0);
        ERR_clear_error();
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

static bool is_named(const OSSL_PARAM *params, const char *name)
{
    return params != NULL && OSSL_PARAM_locate_const(params, name) != NULL;
}

static void the_padding_is_told_as_it_was_set(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *ctx = begin(s->ctx, key, EVP_PKEY_encrypt_init, RSA_PKCS1_OAEP_PADDING);
    EVP_ASYM_CIPHER *cipher = EVP_ASYM_CIPHER_fetch(s->ctx, "sigbridge-RSA", NULL);
    int padding = 0;

    assert_true(EVP_PKEY_CTX_get_rsa_padding(ctx, &padding) > 0);
    assert_int_equal(padding, RSA_PKCS1_OAEP_PADDING);
    assert_true(is_named(EVP_PKEY_CTX_settable_params(ctx), OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL));
    assert_true(is_named(EVP_PKEY_CTX_gettable_params(ctx), OSSL_ASYM_CIPHER_PARAM_PAD_MODE));
    assert_non_null(cipher);
    assert_true(is_named(EVP_ASYM_CIPHER_settable_ctx_params(cipher), OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL));
    assert_true(is_named(EVP_ASYM_CIPHER_gettable_ctx_params(cipher), OSSL_ASYM_CIPHER_PARAM_PAD_MODE));
    EVP_ASYM_CIPHER_free(cipher);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* ---- a software key ---- */

static void set_oaep(EVP_PKEY_CTX *ctx)
{
    void *label = OPENSSL_memdup("a label", 7);

    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 7), 1); /* takes it */
}

/* What one of them encrypts the other opens, both ways, with all that OAEP can be told. */
static void a_software_key_decrypts_here_as_in_software(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *soft = EVP_PKEY_Q_keygen(s->soft, NULL, "RSA", (size_t)1024),
             *ours = prov_stage_bring_in(s, soft);
    OSSL_LIB_CTX *contexts[] = {s->ctx, s->soft};
    EVP_PKEY *keys[] = {ours, soft};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_CTX *seals = begin(contexts[i], keys[i], EVP_PKEY_encrypt_init, RSA_PKCS1_OAEP_PADDING),
                     *opens = begin(contexts[1 - i], keys[1 - i], EVP_PKEY_decrypt_init,
                                    RSA_PKCS1_OAEP_PADDING);
        text sealed, opened;

        set_oaep(seals);
        set_oaep(opens);
        sealed = encrypt_in(seals);
        opened = decrypt_in(opens, &sealed);
        assert_is_message(&opened);
        sealed.bytes[sealed.len - 1] ^= 1;
        assert_true(EVP_PKEY_decrypt(opens, opened.bytes, &opened.len, sealed.bytes, sealed.len) <= 0);
        ERR_clear_error();
        EVP_PKEY_CTX_free(seals);
        EVP_PKEY_CTX_free(opens);
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(soft);
}

static int begin_all(void **state)
{
    static const char *const types[] = {"RSA-1024", "P-256"};
    prov_stage *s = prov_stage_begin_for_all(state, types, COUNT(types));

    softhsm_keygen(s->hsm, "stage",
                   &(softhsm_key){.type = "RSA-1024", .label = "pss", .only_mechanism = CKM_RSA_PKCS_PSS});
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_token_s_key_encrypted_the_token_opens),
        cmocka_unit_test(a_copy_of_a_context_encrypts_as_its_original),
        cmocka_unit_test(the_length_is_told_and_too_little_room_refused),
        cmocka_unit_test(nothing_is_decrypted_with_a_token_s_key),
        cmocka_unit_test(keys_that_only_sign_encrypt_nothing),
        cmocka_unit_test(the_padding_is_told_as_it_was_set),
        cmocka_unit_test(a_software_key_decrypts_here_as_in_software),
    };
    return cmocka_run_group_tests(tests, begin_all, prov_stage_end_for_all);
}
