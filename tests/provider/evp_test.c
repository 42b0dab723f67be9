/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a token as EVP_PKEYs: what they are to OpenSSL, how they sign, and what happens when the token fails. */
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <sigbridge/provider.h>

static const struct type_row {
    const char *type, *name, *digest; /* the last: NULL where the key hashes for itself */
    int id;
} TYPES[] = {
    {"P-256", "EC", "SHA256", EVP_PKEY_EC},      {"P-384", "EC", "SHA384", EVP_PKEY_EC},
    {"P-521", "EC", "SHA512", EVP_PKEY_EC},      {"RSA-2048", "RSA", "SHA256", EVP_PKEY_RSA},
    {"RSA-3072", "RSA", "SHA384", EVP_PKEY_RSA}, {"Ed25519", "ED25519", NULL, EVP_PKEY_ED25519},
    {"Ed448", "ED448", NULL, EVP_PKEY_ED448},
};

#define TYPE_COUNT (sizeof(TYPES) / sizeof(TYPES[0]))

static void make_keys(const prov_stage *s)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        prov_stage_key(s, TYPES[i].type, TYPES[i].type);
}

/* ---- what they are ---- */

static void assert_same_spki(EVP_PKEY *one, EVP_PKEY *other)
{
    unsigned char *der[2] = {NULL, NULL};
    int len[2] = {i2d_PUBKEY(one, &der[0]), i2d_PUBKEY(other, &der[1])};

    assert_true(len[0] > 0);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(der[0], der[1], (size_t)len[0]);
    OPENSSL_free(der[0]);
    OPENSSL_free(der[1]);
}

static void a_key_is_what_software_would_make_of_it(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < TYPE_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, TYPES[i].type), *pub = prov_stage_public(s, key);
        EVP_PKEY *copy = EVP_PKEY_dup(key);
        OSSL_PARAM *params = NULL;

        assert_true(EVP_PKEY_is_a(key, TYPES[i].name));
        assert_int_equal(EVP_PKEY_get_base_id(key), TYPES[i].id);
        assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(pub));
        assert_int_equal(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(pub));
        assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(pub));
        assert_int_equal(EVP_PKEY_eq(key, pub), 1);
        assert_int_equal(EVP_PKEY_eq(pub, key), 1);
        assert_same_spki(key, pub);
        assert_non_null(copy);
        assert_int_equal(EVP_PKEY_eq(copy, key), 1);
        assert_true(prov_stage_sign(s, copy, TYPES[i].digest));
        /* the private half does not come out */
        assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
        assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
        OSSL_PARAM_free(params);
        EVP_PKEY_free(copy);
        EVP_PKEY_free(pub);
        EVP_PKEY_free(key);
        ERR_clear_error();
    }
}

/* From one another, and from what software has of the other. */
static void keys_of_different_tokens_differ(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *one = prov_stage_require(s, "P-256"), *other, *pub;

    prov_stage_key(s, "P-256", "another");
    other = prov_stage_require(s, "another");
    pub = prov_stage_public(s, other);
    assert_int_equal(EVP_PKEY_eq(one, other), 0);
    assert_int_equal(EVP_PKEY_eq(one, pub), 0);
    assert_int_equal(EVP_PKEY_eq(pub, one), 0);
    EVP_PKEY_free(pub);
    EVP_PKEY_free(other);
    other = prov_stage_require(s, "RSA-2048");
    assert_true(EVP_PKEY_eq(one, other) != 1 && EVP_PKEY_eq(other, one) != 1);
    EVP_PKEY_free(other);
    EVP_PKEY_free(one);
}

/* ---- how they sign ---- */

static void every_key_signs(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < TYPE_COUNT; i++) {
        EVP_PKEY *key = prov_stage_require(s, TYPES[i].type);

        assert_true(prov_stage_sign(s, key, TYPES[i].digest));
        assert_true(prov_stage_sign(s, key, NULL));
        EVP_PKEY_free(key);
    }
}

static void set_pss(EVP_PKEY_CTX *ctx, int salt)
{
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
}

static size_t algorithm_id(EVP_PKEY_CTX *ctx, unsigned char *der, size_t room)
{
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, der, room),
                           OSSL_PARAM_END};

    assert_int_equal(EVP_PKEY_CTX_get_params(ctx, params), 1);
    return params[0].return_size;
}

/* What CMS and X.509 write beside a signature, for each way to make one. */
static void algorithm_identifiers_are_software_s(void **state)
{
    prov_stage *s = *state;

    for (size_t i = 0; i < TYPE_COUNT; i++)
        for (int pss = 0; pss <= (TYPES[i].id == EVP_PKEY_RSA); pss++) {
            EVP_PKEY *key = prov_stage_require(s, TYPES[i].type), *pub = prov_stage_public(s, key);
            EVP_MD_CTX *ours = EVP_MD_CTX_new(), *theirs = EVP_MD_CTX_new();
            unsigned char der[2][256];
            EVP_PKEY_CTX *ctx[2] = {NULL, NULL};
            size_t len[2];

            assert_int_equal(EVP_DigestSignInit_ex(ours, &ctx[0], TYPES[i].digest, s->ctx, NULL, key, NULL),
                             1);
            assert_int_equal(
                EVP_DigestSignInit_ex(theirs, &ctx[1], TYPES[i].digest, s->soft, NULL, pub, NULL), 1);
            for (int j = 0; j < 2; j++) {
                if (pss)
                    set_pss(ctx[j], RSA_PSS_SALTLEN_DIGEST);
                len[j] = algorithm_id(ctx[j], der[j], sizeof(der[j]));
            }
            assert_int_equal(len[0], len[1]);
            assert_memory_equal(der[0], der[1], len[0]);
            EVP_MD_CTX_free(ours);
            EVP_MD_CTX_free(theirs);
            EVP_PKEY_free(pub);
            EVP_PKEY_free(key);
        }
}

static void assert_verifies(const prov_stage *s, EVP_PKEY *key, const char *digest,
                            const unsigned char *signature, size_t len, const char *message)
{
    EVP_PKEY *pub = prov_stage_public(s, key);
    EVP_MD_CTX *judge = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestVerifyInit_ex(judge, NULL, digest, s->soft, NULL, pub, NULL), 1);
    assert_int_equal(EVP_DigestVerify(judge, signature, len, (const unsigned char *)message, strlen(message)),
                     1);
    EVP_MD_CTX_free(judge);
    EVP_PKEY_free(pub);
}

/* CMS copies contexts while a message comes in, and signs with the copy. */
static void a_context_is_copied_at_any_moment(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copies[3];
    unsigned char signature[256];
    size_t len;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", s->ctx, NULL, key, NULL), 1);
    for (int i = 0; i < 3; i++) {
        copies[i] = EVP_MD_CTX_new();
        assert_int_equal(EVP_MD_CTX_copy_ex(copies[i], ctx), 1);
        assert_int_equal(EVP_DigestSignUpdate(ctx, "abc", 3), 1);
    }
    len = sizeof(signature);
    assert_int_equal(EVP_DigestSignFinal(ctx, signature, &len), 1);
    assert_verifies(s, key, "SHA256", signature, len, "abcabcabc");
    for (int i = 0; i < 3; i++) {
        static const char *const so_far[] = {"x", "abcx", "abcabcx"};

        assert_int_equal(EVP_DigestSignUpdate(copies[i], "x", 1), 1);
        len = sizeof(signature);
        assert_int_equal(EVP_DigestSignFinal(copies[i], signature, &len), 1);
        assert_verifies(s, key, "SHA256", signature, len, so_far[i]);
        EVP_MD_CTX_free(copies[i]);
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void a_signature_is_two_calls_and_its_length_none(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);
    unsigned char digest[32] = {1}, signature[128];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)), 1);
    prov_stage_plan(s, "");
    for (int i = 0; i < 10; i++) {
        len = sizeof(signature);
        assert_int_equal(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)), 1);
    }
    assert_int_equal(s->fault->calls("*"), 20);
    assert_int_equal(s->fault->calls("C_SignInit"), 10);
    assert_int_equal(s->fault->calls("C_Sign"), 10);
    assert_int_equal(EVP_PKEY_sign(ctx, NULL, &len, digest, sizeof(digest)), 1);
    assert_true(len >= 70 && len <= 72);
    assert_int_equal(s->fault->calls("*"), 20);
    len = 71; /* one less than the longest */
    assert_true(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) <= 0);
    assert_raised(SIGB_E_USAGE, "may have 72 bytes, and there is room for 71");
    assert_int_equal(s->fault->calls("*"), 20); /* and the token was not asked */
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void what_is_no_digest_is_refused(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "RSA-2048");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, key, NULL);
    unsigned char digest[31] = {1}, signature[256];
    size_t len = sizeof(signature);

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    assert_true(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) <= 0);
    assert_raised(SIGB_E_USAGE, "a SHA2-256 digest has 32 bytes, and not 31");
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void a_key_that_is_for_pss_is_of_that_type(void **state)
{
    prov_stage *s = *state;
    const softhsm_key made = {
        .type = "RSA-2048", .label = "pss", .id = "pss", .only_mechanism = CKM_RSA_PKCS_PSS};
    EVP_PKEY *key;

    softhsm_keygen(s->hsm, "stage", &made);
    key = prov_stage_require(s, "pss");
    assert_true(EVP_PKEY_is_a(key, "RSA-PSS"));
    assert_true(prov_stage_sign(s, key, "SHA256"));
    EVP_PKEY_free(key);
}

/* ---- what fails ---- */

static void wrong_signatures_do_not_come_out(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");

    prov_stage_plan(s, "C_Sign,flip");
    assert_false(prov_stage_sign(s, key, "SHA256")); /* the first one is verified */
    assert_raised(SIGB_E_KEY_CHANGED, "does not verify");
    prov_stage_plan(s, "");
    assert_true(prov_stage_sign(s, key, "SHA256"));
    prov_stage_plan(s, "C_Sign,short");
    assert_false(prov_stage_sign(s, key, "SHA256")); /* the length is judged each time */
    assert_raised(SIGB_E_SIGNATURE_FAULT, "63 bytes where this key makes 64");
    prov_stage_plan(s, "");
    assert_true(prov_stage_sign(s, key, "SHA256"));
    softhsm_start_anew(s->hsm); /* and so is the first one after a repair */
    prov_stage_plan(s, "C_Sign,flip");
    assert_false(prov_stage_sign(s, key, "SHA256"));
    assert_raised(SIGB_E_KEY_CHANGED, "does not verify");
    prov_stage_plan(s, "");
    EVP_PKEY_free(key);
    prov_stage_configure(s, "verify-signatures = yes");
    key = prov_stage_require(s, "P-256");
    for (int i = 0; i < 3; i++) {
        assert_true(prov_stage_sign(s, key, "SHA256"));
        prov_stage_plan(s, "C_Sign,flip");
        assert_false(prov_stage_sign(s, key, "SHA256"));
        prov_stage_plan(s, "");
        ERR_clear_error();
    }
    EVP_PKEY_free(key);
    prov_stage_configure(s, "");
}

/* What another user of the module does to a live key. */
static void signing_goes_on(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");

    for (int i = 0; i < 21; i++) {
        assert_true(prov_stage_sign(s, key, "SHA256"));
        if (i % 3 == 0)
            softhsm_lose_sessions(s->hsm);
        else if (i % 3 == 1)
            softhsm_log_out(s->hsm, "stage");
        else
            softhsm_start_anew(s->hsm);
        if (!prov_stage_sign(s, key, "SHA256")) {
            ERR_print_errors_fp(stderr);
            fail_msg("after event %d", i);
        }
    }
    EVP_PKEY_free(key);
}

/* Each call of a signature fails once in each way that may pass: the caller sees a good signature. */
static void what_passes_is_not_seen(void **state)
{
    static const char *const calls[] = {"C_SignInit", "C_Sign"};
    static const unsigned long codes[] = {0x5,  0x6,  0x30, 0x31, 0x32,  0x60,
                                          0x82, 0xb0, 0xb3, 0xe0, 0x101, 0x190};
    prov_stage *s = *state;
    EVP_PKEY *key = prov_stage_require(s, "P-256");

    assert_true(prov_stage_sign(s, key, "SHA256"));
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            char plan[64];

            snprintf(plan, sizeof(plan), "%s,times=1,rv=0x%lx", calls[i], codes[j]);
            prov_stage_plan(s, plan);
            if (!prov_stage_sign(s, key, "SHA256"))
                fail_msg("%s", plan);
            assert_int_equal(s->fault->hits(0), 1);
        }
    prov_stage_plan(s, "C_Sign,rv=0x70"); /* CKR_MECHANISM_INVALID stays */
    assert_false(prov_stage_sign(s, key, "SHA256"));
    assert_raised(SIGB_E_MECHANISM, "CKR_MECHANISM_INVALID");
    prov_stage_plan(s, "");
    EVP_PKEY_free(key);
}

/* ---- who logs in ---- */

static unsigned long logins(const prov_stage *s)
{
    return s->fault->calls("C_Login");
}

static int load_all(const prov_stage *s, const char *uri, int expected)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, s->ctx, NULL, NULL, NULL, NULL, NULL, NULL);
    int count = 0;

    assert_non_null(store);
    assert_int_equal(OSSL_STORE_expect(store, expected), 1);
    while (!OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        count += info != NULL;
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    ERR_clear_error();
    return count;
}

static void only_private_keys_want_a_login(void **state)
{
    prov_stage *s = *state;

    prov_stage_plan(s, "");
    assert_true(load_all(s, TOKEN, OSSL_STORE_INFO_PUBKEY) >= (int)TYPE_COUNT);
    assert_int_equal(load_all(s, TOKEN, OSSL_STORE_INFO_CERT), 0);
    assert_true(load_all(s, TOKEN, 0) >= (int)TYPE_COUNT);
    assert_int_equal(logins(s), 0);
    assert_int_equal(load_all(s, TOKEN ";object=P-256", OSSL_STORE_INFO_PKEY), 1);
    assert_int_equal(logins(s), 1);
}

/* A file that wraps a URI is hostile until a private key is asked for by that name. */
static void a_file_logs_in_for_a_private_key_alone(void **state)
{
    static const int others[] = {OSSL_STORE_INFO_PUBKEY, OSSL_STORE_INFO_CERT, OSSL_STORE_INFO_PARAMS,
                                 OSSL_STORE_INFO_CRL, 0};
    prov_stage *s = *state;
    sigb_buf pem = SIGB_BUF_INIT;
    char path[512];
    FILE *file;

    assert_int_equal(sigb_provider_wrap(TOKEN ";object=P-256", NULL, &pem, NULL), SIGB_OK);
    snprintf(path, sizeof(path), "%s/wrapped.key", softhsm_dir(s->hsm));
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(pem.ptr, 1, pem.len, file), pem.len);
    assert_int_equal(fclose(file), 0);
    sigb_buf_free(&pem);
    prov_stage_plan(s, "");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(load_all(s, path, others[i]), 0);
    assert_int_equal(s->fault->calls("*"), 0);
    assert_int_equal(load_all(s, path, OSSL_STORE_INFO_PKEY), 1);
    assert_int_equal(logins(s), 1);
}

static void a_wrong_pin_is_tried_once(void **state)
{
    prov_stage *s = *state;
    char lines[600], path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/wrong", softhsm_dir(s->hsm));
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("99999", file);
    fclose(file);
    snprintf(lines, sizeof(lines), "pin-source = %s", path);
    prov_stage_configure(s, lines);
    prov_stage_plan(s, "");
    for (int i = 0; i < 3; i++) {
        assert_null(prov_stage_open(s, TOKEN ";object=P-256"));
        assert_raised(SIGB_E_PIN_INCORRECT, "PIN");
    }
    assert_int_equal(logins(s), 1);
    prov_stage_configure(s, "");
}

static void of_several_keys_none_is_chosen(void **state)
{
    prov_stage *s = *state;

    assert_null(prov_stage_open(s, TOKEN));
    assert_raised(SIGB_E_KEY_AMBIGUOUS, "private keys match; say which by id= or object=");
    assert_null(prov_stage_open(s, TOKEN ";object=none"));
    assert_raised(SIGB_E_KEY_ABSENT, "shows no private key that matches");
    assert_null(prov_stage_open(s, TOKEN ";object=P-256?pin-value=1234"));
    assert_raised(SIGB_E_URI, "holds a PIN");
}

/* ---- keys that want the PIN before each use ---- */

static int give_pin(char *room, int size, int writes, void *asked)
{
    (void)writes;
    ++*(int *)asked;
    return snprintf(room, (size_t)size, SOFTHSM_PIN);
}

/* What the application gave when the key was opened serves each time. */
static void a_key_that_wants_the_pin_each_time_gets_it(void **state)
{
    static const char without_pin[] = "# no pin-source: the application gives it";
    prov_stage *s = *state;
    const softhsm_key made = {.type = "P-256", .label = "each", .id = "each", .always_authenticate = true};
    EVP_PKEY *key;
    int asked = 0;

    softhsm_keygen(s->hsm, "stage", &made);
    for (int by_callback = 0; by_callback < 2; by_callback++) {
        prov_stage_configure(s, by_callback ? without_pin : "");
        key = prov_stage_open_asking(s, TOKEN ";object=each", give_pin, &asked);
        assert_non_null(key);
        assert_int_equal(asked, by_callback);
        prov_stage_plan(s, "");
        for (unsigned long i = 1; i <= 3; i++) {
            assert_true(prov_stage_sign(s, key, "SHA256"));
            assert_int_equal(logins(s), i);
        }
        assert_int_equal(asked, by_callback);
        EVP_PKEY_free(key);
    }
    prov_stage_configure(s, "");
}

/* The configuration is asked anew each time; an application that gave the PIN at the opening is not there any more. */
static void without_a_kept_pin_it_is_fetched_each_time(void **state)
{
    prov_stage *s = *state;
    EVP_PKEY *key;
    int asked = 0;

    prov_stage_configure(s, "no-relogin = yes");
    key = prov_stage_require(s, "each");
    prov_stage_plan(s, "");
    for (unsigned long i = 1; i <= 3; i++) {
        assert_true(prov_stage_sign(s, key, "SHA256"));
        assert_int_equal(logins(s), i);
    }
    EVP_PKEY_free(key);
    prov_stage_configure(s, "# no pin-source\nno-relogin = yes");
    key = prov_stage_open_asking(s, TOKEN ";object=each", give_pin, &asked);
    assert_non_null(key);
    prov_stage_plan(s, "");
    assert_false(prov_stage_sign(s, key, "SHA256"));
    assert_raised(SIGB_E_PIN_NEEDED,
                  "token stage wants a PIN, and nobody can be asked for it now; set pin-source");
    assert_int_equal(logins(s), 0);
    assert_int_equal(asked, 1);
    EVP_PKEY_free(key);
    prov_stage_configure(s, "");
}

/* ---- one stage for all ---- */

static int begin(void **state)
{
    make_keys(prov_stage_begin_for_all(state, NULL, 0));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_private_keys_want_a_login),
        cmocka_unit_test(a_file_logs_in_for_a_private_key_alone),
        cmocka_unit_test(a_wrong_pin_is_tried_once),
        cmocka_unit_test(of_several_keys_none_is_chosen),
        cmocka_unit_test(a_key_is_what_software_would_make_of_it),
        cmocka_unit_test(keys_of_different_tokens_differ),
        cmocka_unit_test(every_key_signs),
        cmocka_unit_test(algorithm_identifiers_are_software_s),
        cmocka_unit_test(a_context_is_copied_at_any_moment),
        cmocka_unit_test(a_signature_is_two_calls_and_its_length_none),
        cmocka_unit_test(what_is_no_digest_is_refused),
        cmocka_unit_test(a_key_that_is_for_pss_is_of_that_type),
        cmocka_unit_test(wrong_signatures_do_not_come_out),
        cmocka_unit_test(a_key_that_wants_the_pin_each_time_gets_it),
        cmocka_unit_test(without_a_kept_pin_it_is_fetched_each_time),
        cmocka_unit_test(signing_goes_on),
        cmocka_unit_test(what_passes_is_not_seen),
    };

    return cmocka_run_group_tests(tests, begin, prov_stage_end_for_all);
}
