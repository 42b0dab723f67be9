/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/alg.h"
#include "base/pubkey.h"
#include "tests/support/pubkeys.h"

static sigb_buf spki_of(const char *type)
{
    sigb_buf spki = SIGB_BUF_INIT;
    EVP_PKEY *key = pubkey_of_nobody(type);

    assert_int_equal(pubkey_put_spki(key, &spki, NULL), SIGB_OK);
    EVP_PKEY_free(key);
    return spki;
}

static void the_key_chooses_the_algorithm(void **state)
{
    static const struct {
        const char *key;
        sigb_alg alg;
        size_t signature_len;
    } rows[] = {
        {"P-256", SIGB_ES256, 64},     {"P-384", SIGB_ES384, 96},     {"P-521", SIGB_ES512, 132},
        {"RSA-2048", SIGB_PS256, 256}, {"RSA-3071", SIGB_PS256, 384}, {"RSA-3072", SIGB_PS384, 384},
        {"RSA-4095", SIGB_PS384, 512}, {"RSA-4096", SIGB_PS512, 512}, {"RSA-8192", SIGB_PS512, 1024},
        {"ED25519", SIGB_EDDSA, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = pubkey_of_nobody(rows[i].key);
        const alg_row *row = alg_default_for(key);
        print_message("%s\n", rows[i].key);
        assert_non_null(row);
        assert_int_equal(row->id, rows[i].alg);
        assert_int_equal(alg_signature_len(row, key), rows[i].signature_len);
        EVP_PKEY_free(key);
    }
}

static void a_wanted_algorithm_is_held_against_key_and_profile(void **state)
{
    static const struct {
        const char *key;
        sigb_alg wanted;
        sigb_profile profile;
        sigb_rc rc;
        const char *says;
    } rows[] = {
        {"P-256", SIGB_ES256, SIGB_PROFILE_MST, SIGB_OK, ""},
        {"RSA-2048", SIGB_PS512, SIGB_PROFILE_MST, SIGB_OK, ""},
        {"P-256", SIGB_ESP256, SIGB_PROFILE_COSE, SIGB_OK, ""},
        {"ED25519", SIGB_ED25519, SIGB_PROFILE_COSE, SIGB_OK, ""},
        {"P-256", SIGB_ES384, SIGB_PROFILE_MST, SIGB_E_ALG_KEY,
         "ES384 does not fit the key, which signs with ES256"},
        {"P-384", SIGB_PS256, SIGB_PROFILE_MST, SIGB_E_ALG_KEY, "which signs with ES384"},
        {"ED25519", SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_PROFILE, "mst profile does not accept EdDSA"},
        {"P-256", SIGB_ESP256, SIGB_PROFILE_MST, SIGB_E_PROFILE, "mst profile does not accept ESP256"},
        {"P-256", (sigb_alg)-257, SIGB_PROFILE_MST, SIGB_E_USAGE, "no algorithm has the number -257"},
        {"RSA-1024", SIGB_ALG_NONE, SIGB_PROFILE_COSE, SIGB_E_WEAK_KEY,
         "RSA key of 1024 bits: at least 2048"},
        {"RSA-2047", SIGB_PS256, SIGB_PROFILE_MST, SIGB_E_WEAK_KEY, "2047 bits"},
        {"secp256k1", SIGB_ALG_NONE, SIGB_PROFILE_COSE, SIGB_E_KEY_UNSUPPORTED, "type EC fits no algorithm"},
        {"X25519", SIGB_ALG_NONE, SIGB_PROFILE_COSE, SIGB_E_KEY_UNSUPPORTED, "type X25519 fits no"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf spki = spki_of(rows[i].key);
        sigb_alg alg = (sigb_alg)7;
        print_message("%s, %d\n", rows[i].key, rows[i].wanted);
        assert_refused(sigb_alg_for_key(sigb_buf_bytes(&spki), rows[i].wanted, rows[i].profile, &alg, diag),
                       rows[i].rc, rows[i].says);
        if (rows[i].rc != SIGB_OK)
            assert_int_equal(alg, 7);
        assert_int_equal(ERR_peek_error(), 0);
        sigb_buf_free(&spki);
    }
}

static void names_and_numbers_agree(void **state)
{
    static const int numbers[] = {-7, -8, -9, -19, -35, -36, -37, -38, -39, -48, -49, -50, -51, -52, -53};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_int_equal(sigb_alg_find(sigb_alg_name((sigb_alg)numbers[i])), numbers[i]);
    assert_string_equal(sigb_alg_name(SIGB_ES384), "ES384");
    assert_null(sigb_alg_name((sigb_alg)-257));
    assert_int_equal(sigb_alg_find("es384"), SIGB_ALG_NONE);
    assert_int_equal(sigb_alg_find(NULL), SIGB_ALG_NONE);
    assert_int_equal(sigb_hash_find("sha384"), SIGB_SHA384);
    assert_string_equal(sigb_hash_name(SIGB_SHA512), "sha512");
    assert_int_equal(sigb_hash_find("sha1"), SIGB_HASH_NONE);
    assert_null(sigb_hash_name((sigb_hash)-14));
}

static void what_is_no_public_key_is_refused(void **state)
{
    sigb_buf spki = spki_of("P-256");
    EVP_PKEY *key = NULL;

    (void)state;
    assert_refused(pubkey_parse(SIGB_BYTES_NONE, &key, diag), SIGB_E_KEY_UNSUPPORTED, "0 bytes are not one");
    assert_refused(pubkey_parse(sigb_bytes_of(spki.ptr, spki.len - 1), &key, diag), SIGB_E_KEY_UNSUPPORTED,
                   "not one");
    sigb_buf_append(&spki, sigb_bytes_text("x"));
    assert_refused(pubkey_parse(sigb_buf_bytes(&spki), &key, diag), SIGB_E_KEY_UNSUPPORTED, "not one");
    assert_null(key);
    assert_int_equal(ERR_peek_error(), 0);
    sigb_buf_free(&spki);
}

static void verification_checks_fit_and_length_first(void **state)
{
    EVP_PKEY *key = pubkey_of_nobody("P-256");
    uint8_t signature[96] = {1};
    sigb_bytes tbs = sigb_bytes_text("tbs");

    (void)state;
    assert_refused(pubkey_verify(key, SIGB_PS256, tbs, sigb_bytes_of(signature, 64), diag), SIGB_E_ALG_KEY,
                   "PS256 does not fit");
    assert_refused(pubkey_verify(key, (sigb_alg)-257, tbs, sigb_bytes_of(signature, 64), diag),
                   SIGB_E_ALG_KEY, "unknown");
    assert_refused(pubkey_verify(key, SIGB_ES256, tbs, sigb_bytes_of(signature, 63), diag), SIGB_E_SIGNATURE,
                   "63 bytes where 64");
    assert_refused(pubkey_verify(key, SIGB_ES256, tbs, sigb_bytes_of(signature, 64), diag), SIGB_E_SIGNATURE,
                   "ES256 signature is wrong");
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_chooses_the_algorithm),
        cmocka_unit_test(a_wanted_algorithm_is_held_against_key_and_profile),
        cmocka_unit_test(names_and_numbers_agree),
        cmocka_unit_test(what_is_no_public_key_is_refused),
        cmocka_unit_test(verification_checks_fit_and_length_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
