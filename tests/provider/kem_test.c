/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key encapsulation with a key of ours: with a token's key everybody encapsulates and nobody decapsulates. RSASVE is RSA
 * without padding, so what was encapsulated the token opens, asked by bare Cryptoki. A software key that came in here
 * does both. EC keys have DHKEM, where OpenSSL has it.
 */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#define RSA_LEN ((size_t)128)

typedef struct secret {
    unsigned char bytes[256];
    size_t len;
} secret;

/* What was encapsulated, and how the other side gets it. */
typedef struct sealed {
    secret inner, outer;
} sealed;

typedef int init_fn(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

static EVP_PKEY_CTX *begin(OSSL_LIB_CTX *in, EVP_PKEY *key, init_fn *init, const char *operation)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in, key, NULL);

    assert_non_null(ctx);
    assert_int_equal(init(ctx, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(ctx, operation), 1);
    return ctx;
}

static sealed encapsulate_in(EVP_PKEY_CTX *ctx)
{
    sealed made = {.inner.len = sizeof(made.inner.bytes), .outer.len = sizeof(made.outer.bytes)};

    assert_int_equal(
        EVP_PKEY_encapsulate(ctx, made.outer.bytes, &made.outer.len, made.inner.bytes, &made.inner.len), 1);
    return made;
}

static void assert_opens_to(EVP_PKEY_CTX *ctx, const sealed *made)
{
    secret opened = {.len = sizeof(opened.bytes)};

    assert_int_equal(EVP_PKEY_decapsulate(ctx, opened.bytes, &opened.len, made->outer.bytes, made->outer.len),
                     1);
    assert_int_equal(opened.len, made->inner.len);
    assert_memory_equal(opened.bytes, made->inner.bytes, opened.len);
}

/* A module may leave out the zeros in front, which a secret of this length has. */
static void assert_token_opens_to(const prov_stage *s, const sealed *made)
{
    secret raw, padded = {.len = RSA_LEN};

    raw.len = prov_stage_token_opens(s, "RSA-1024", (CK_MECHANISM){CKM_RSA_X_509, NULL, 0}, made->outer.bytes,
                                     made->outer.len, raw.bytes, sizeof(raw.bytes));
    assert_true(raw.len <= RSA_LEN);
    memcpy(padded.bytes + RSA_LEN - raw.len, raw.bytes, raw.len);
    assert_int_equal(made->inner.len, RSA_LEN);
    assert_memory_equal(made->inner.bytes, padded.bytes, RSA_LEN);
}

/* ---- a token's key ---- */

/* Another secret each time, and without a call of the token. */
static void what_a_token_s_key_encapsulated_the_token_opens(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *ctx;
    sealed first, second;

    prov_stage_plan(s, "");
    ctx = begin(s->ctx, key, EVP_PKEY_encapsulate_init, OSSL_KEM_PARAM_OPERATION_RSASVE);
    first = encapsulate_in(ctx);
    second = encapsulate_in(ctx);
    assert_int_equal(s->fault->calls("*"), 0);
    assert_memory_not_equal(first.inner.bytes, second.inner.bytes, RSA_LEN);
    assert_token_opens_to(s, &first);
    assert_token_opens_to(s, &second);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

/* Fresh, and with its operation chosen; the key may go before. */
static void a_copy_of_a_context_encapsulates_as_its_original(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *fresh = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL), *ctx = EVP_PKEY_CTX_dup(fresh),
                 *copy;
    sealed made;

    assert_non_null(ctx);
    EVP_PKEY_CTX_free(fresh);
    assert_int_equal(EVP_PKEY_encapsulate_init(ctx, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(ctx, OSSL_KEM_PARAM_OPERATION_RSASVE), 1);
    copy = EVP_PKEY_CTX_dup(ctx);
    assert_non_null(copy);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    made = encapsulate_in(copy);
    assert_token_opens_to(s, &made);
    EVP_PKEY_CTX_free(copy);
}

static void the_lengths_are_told_and_too_little_room_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024");
    EVP_PKEY_CTX *ctx = begin(s->ctx, key, EVP_PKEY_encapsulate_init, OSSL_KEM_PARAM_OPERATION_RSASVE);
    sealed made = {.inner.len = 0}, untouched = {.inner.len = 0};

    assert_int_equal(EVP_PKEY_encapsulate(ctx, NULL, &made.outer.len, NULL, &made.inner.len), 1);
    assert_int_equal(made.outer.len, RSA_LEN);
    assert_int_equal(made.inner.len, RSA_LEN);
    made.outer.len--;
    assert_true(
        EVP_PKEY_encapsulate(ctx, made.outer.bytes, &made.outer.len, made.inner.bytes, &made.inner.len) <= 0);
    assert_memory_equal(made.outer.bytes, untouched.outer.bytes, sizeof(made.outer.bytes));
    assert_memory_equal(made.inner.bytes, untouched.inner.bytes, sizeof(made.inner.bytes));
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static bool is_named(const OSSL_PARAM *params, const char *name)
{
    return params != NULL && OSSL_PARAM_locate_const(params, name) != NULL;
}

/* Given at the beginning or later; where none is chosen it is as in software, which has a usual one in later versions. */
static void the_operation_is_chosen_as_in_software(void **state)
{
    char name[] = OSSL_KEM_PARAM_OPERATION_RSASVE;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KEM_PARAM_OPERATION, name, 0),
                                 OSSL_PARAM_END};
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-1024"), *soft = prov_stage_public(s, key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL),
                 *in_software = EVP_PKEY_CTX_new_from_pkey(s->soft, soft, NULL);
    sealed made;
    size_t len;

    assert_int_equal(EVP_PKEY_encapsulate_init(in_software, NULL), 1);
    assert_int_equal(EVP_PKEY_encapsulate_init(ctx, NULL), 1);
    assert_int_equal(EVP_PKEY_encapsulate(ctx, NULL, &len, NULL, &len),
                     EVP_PKEY_encapsulate(in_software, NULL, &len, NULL, &len));
    assert_true(EVP_PKEY_CTX_set_kem_op(ctx, "another") <= 0);
    assert_true(is_named(EVP_PKEY_CTX_settable_params(ctx), OSSL_KEM_PARAM_OPERATION));
    assert_non_null(EVP_PKEY_CTX_gettable_params(ctx));
    assert_int_equal(EVP_PKEY_encapsulate_init(ctx, params), 1);
    made = encapsulate_in(ctx);
    assert_token_opens_to(s, &made);
    ERR_clear_error();
    EVP_PKEY_CTX_free(in_software);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(soft);
    EVP_PKEY_free(key);
}

static void what_can_be_set_is_told_before_there_is_a_key(void **state)
{
    const prov_stage *s = *state;
    EVP_KEM *kem = EVP_KEM_fetch(s->ctx, "sigbridge-RSA", NULL);

    assert_non_null(kem);
    assert_true(is_named(EVP_KEM_settable_ctx_params(kem), OSSL_KEM_PARAM_OPERATION));
    assert_non_null(EVP_KEM_gettable_ctx_params(kem));
    EVP_KEM_free(kem);
}

static void assert_does_not_decapsulate(prov_stage *s, const char *label)
{
    EVP_PKEY *key = prov_stage_require(s, label);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

    prov_stage_plan(s, "");
    assert_true(EVP_PKEY_decapsulate_init(ctx, NULL) <= 0);
    assert_raised(SIGB_E_MECHANISM, "keys of a token sign here, and decapsulate nothing; decapsulate with "
                                    "another provider or the token's own tool");
    assert_int_equal(s->fault->calls("*"), 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void nothing_is_decapsulated_with_a_token_s_key(void **state)
{
    assert_does_not_decapsulate(*state, "RSA-1024");
}

static void keys_that_only_sign_encapsulate_nothing(void **state)
{
    static const char *const labels[] = {"pss", "Ed25519"};
    prov_stage *s = *state;

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        EVP_PKEY *key = prov_stage_require(s, labels[i]);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);

        assert_true(EVP_PKEY_encapsulate_init(ctx, NULL) <= 0);
        ERR_clear_error();
        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(key);
    }
}

/* ---- a software key ---- */

/* What one of them encapsulates the other opens, both ways. */
static void assert_works_as_in_software(const prov_stage *s, EVP_PKEY *soft, const char *operation)
{
    EVP_PKEY *ours = prov_stage_bring_in(s, soft);
    OSSL_LIB_CTX *contexts[] = {s->ctx, s->soft};
    EVP_PKEY *keys[] = {ours, soft};

    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_CTX *seals = begin(contexts[i], keys[i], EVP_PKEY_encapsulate_init, operation),
                     *opens = begin(contexts[1 - i], keys[1 - i], EVP_PKEY_decapsulate_init, operation);
        sealed made = encapsulate_in(seals);
        secret opened = {.len = sizeof(opened.bytes)};

        assert_opens_to(opens, &made);
        assert_true(EVP_PKEY_decapsulate(opens, opened.bytes, &opened.len, made.outer.bytes,
                                         made.outer.len - 1) <= 0);
        ERR_clear_error();
        EVP_PKEY_CTX_free(seals);
        EVP_PKEY_CTX_free(opens);
    }
    EVP_PKEY_free(ours);
}

static void a_software_key_decapsulates_here_as_in_software(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *soft = EVP_PKEY_Q_keygen(s->soft, NULL, "RSA", 8 * RSA_LEN);

    assert_works_as_in_software(s, soft, OSSL_KEM_PARAM_OPERATION_RSASVE);
    EVP_PKEY_free(soft);
}

/* ---- EC ---- */

#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM
/* Tokens agree on keys, but bare Cryptoki makes no DHKEM of it: so what is compared is the sender's half, of one seed. */
static sealed encapsulate_by_seed(OSSL_LIB_CTX *in, EVP_PKEY *key)
{
    static unsigned char seed[32] = "what the sender's key is made of";
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_KEM_PARAM_IKME, seed, sizeof(seed)), OSSL_PARAM_END};
    EVP_PKEY_CTX *ctx = begin(in, key, EVP_PKEY_encapsulate_init, OSSL_KEM_PARAM_OPERATION_DHKEM);
    sealed made;

    assert_true(is_named(EVP_PKEY_CTX_settable_params(ctx), OSSL_KEM_PARAM_IKME));
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    made = encapsulate_in(ctx);
    EVP_PKEY_CTX_free(ctx);
    return made;
}

static void an_ec_key_of_a_token_encapsulates_as_its_public_half(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256"), *soft = prov_stage_public(s, key);
    sealed ours, wanted;

    prov_stage_plan(s, "");
    ours = encapsulate_by_seed(s->ctx, key);
    assert_int_equal(s->fault->calls("*"), 0);
    wanted = encapsulate_by_seed(s->soft, soft);
    assert_int_equal(ours.inner.len, wanted.inner.len);
    assert_memory_equal(ours.inner.bytes, wanted.inner.bytes, wanted.inner.len);
    assert_int_equal(ours.outer.len, wanted.outer.len);
    assert_memory_equal(ours.outer.bytes, wanted.outer.bytes, wanted.outer.len);
    assert_does_not_decapsulate(s, "P-256");
    EVP_PKEY_free(soft);
    EVP_PKEY_free(key);
}

static void a_software_key_has_dhkem_here_too(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *soft = EVP_PKEY_Q_keygen(s->soft, NULL, "EC", "P-256");

    assert_works_as_in_software(s, soft, OSSL_KEM_PARAM_OPERATION_DHKEM);
    EVP_PKEY_free(soft);
}

/* The sender's key takes part: its private half where it is sealed, its public half where it is opened. */
static void the_sender_s_key_is_one_of_software(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *token_key = prov_stage_require(s, "P-256"),
             *soft = EVP_PKEY_Q_keygen(s->soft, NULL, "EC", "P-256"),
             *sender = EVP_PKEY_Q_keygen(s->soft, NULL, "EC", "P-256"), *ours = prov_stage_bring_in(s, soft);
    EVP_PKEY_CTX *seals = EVP_PKEY_CTX_new_from_pkey(s->ctx, ours, NULL),
                 *opens = EVP_PKEY_CTX_new_from_pkey(s->ctx, ours, NULL),
                 *token_s = EVP_PKEY_CTX_new_from_pkey(s->ctx, token_key, NULL);
    sealed made;

    assert_int_equal(EVP_PKEY_auth_encapsulate_init(seals, sender, NULL), 1);
    assert_int_equal(EVP_PKEY_auth_decapsulate_init(opens, sender, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(seals, OSSL_KEM_PARAM_OPERATION_DHKEM), 1);
    assert_int_equal(EVP_PKEY_CTX_set_kem_op(opens, OSSL_KEM_PARAM_OPERATION_DHKEM), 1);
    made = encapsulate_in(seals);
    assert_opens_to(opens, &made);
    assert_int_equal(EVP_PKEY_auth_decapsulate_init(opens, token_key, NULL), 1);
    assert_int_equal(EVP_PKEY_auth_encapsulate_init(token_s, sender, NULL), 1);
    assert_true(EVP_PKEY_auth_decapsulate_init(token_s, sender, NULL) <= 0);
    assert_raised(SIGB_E_MECHANISM, "keys of a token sign here, and decapsulate nothing");
    assert_true(EVP_PKEY_auth_encapsulate_init(seals, token_key, NULL) <= 0);
    assert_raised(SIGB_E_MECHANISM, "keys of a token sign here, and authenticate nothing");
    EVP_PKEY_CTX_free(token_s);
    EVP_PKEY_CTX_free(opens);
    EVP_PKEY_CTX_free(seals);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(sender);
    EVP_PKEY_free(soft);
    EVP_PKEY_free(token_key);
}
#endif

static int begin_all(void **state)
{
    static const char *const types[] = {"RSA-1024", "P-256", "Ed25519"};
    prov_stage *s = prov_stage_begin_for_all(state, types, sizeof(types) / sizeof(types[0]));

    softhsm_keygen(s->hsm, "stage",
                   &(softhsm_key){.type = "RSA-1024", .label = "pss", .only_mechanism = CKM_RSA_PKCS_PSS});
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_token_s_key_encapsulated_the_token_opens),
        cmocka_unit_test(a_copy_of_a_context_encapsulates_as_its_original),
        cmocka_unit_test(the_lengths_are_told_and_too_little_room_refused),
        cmocka_unit_test(the_operation_is_chosen_as_in_software),
        cmocka_unit_test(what_can_be_set_is_told_before_there_is_a_key),
        cmocka_unit_test(nothing_is_decapsulated_with_a_token_s_key),
        cmocka_unit_test(keys_that_only_sign_encapsulate_nothing),
        cmocka_unit_test(a_software_key_decapsulates_here_as_in_software),
#ifdef OSSL_KEM_PARAM_OPERATION_DHKEM
        cmocka_unit_test(an_ec_key_of_a_token_encapsulates_as_its_public_half),
        cmocka_unit_test(a_software_key_has_dhkem_here_too),
        cmocka_unit_test(the_sender_s_key_is_one_of_software),
#endif
    };
    return cmocka_run_group_tests(tests, begin_all, prov_stage_end_for_all);
}
