/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include "base/pubkey.h"
#include "tests/support/pubkeys.h"

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static sigb_rc verify(sigb_bytes spki, sigb_alg alg, sigb_bytes signature)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, NULL);

    if (rc == SIGB_OK)
        rc = pubkey_verify(key, alg, TBS, signature, NULL);
    EVP_PKEY_free(key);
    return rc;
}

/* Signs and verifies; the signer holds the only reference to the key by then. Takes key. */
static void sign_with(EVP_PKEY *key, sigb_alg alg)
{
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    assert_non_null(key);
    assert_int_equal(sigb_signer_from_evp_pkey(key, &signer, NULL), SIGB_OK);
    EVP_PKEY_free(key);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(sigb_signer_sign(signer, alg, TBS, &signature, NULL), SIGB_OK);
        assert_int_equal(verify(sigb_signer_spki(signer), alg, sigb_buf_bytes(&signature)), SIGB_OK);
        sigb_buf_free(&signature);
    }
    assert_int_equal(sigb_signer_certs(signer).len, 0);
    sigb_signer_free(signer);
    assert_int_equal(ERR_peek_error(), 0);
}

static EVP_PKEY *key_in(OSSL_LIB_CTX *ctx, const char *curve, size_t bits)
{
    if (bits != 0)
        return EVP_PKEY_Q_keygen(ctx, NULL, "RSA", bits);
    return curve == NULL ? EVP_PKEY_Q_keygen(ctx, NULL, "ED25519")
                         : EVP_PKEY_Q_keygen(ctx, NULL, "EC", curve);
}

static const struct {
    const char *curve;
    size_t bits;
    sigb_alg alg;
} ROWS[] = {
    {"P-256", 0, SIGB_ES256}, {"P-384", 0, SIGB_ES384}, {"P-521", 0, SIGB_ES512}, {NULL, 2048, SIGB_PS256},
    {NULL, 2048, SIGB_PS384}, {NULL, 2048, SIGB_PS512}, {NULL, 0, SIGB_EDDSA},
};

static void keys_of_the_default_context_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("%s\n", sigb_alg_name(ROWS[i].alg));
        sign_with(key_in(NULL, ROWS[i].curve, ROWS[i].bits), ROWS[i].alg);
    }
}

static void keys_of_a_context_of_their_own_sign(void **state)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(ctx, "default");

    (void)state;
    assert_non_null(provider);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("%s\n", sigb_alg_name(ROWS[i].alg));
        sign_with(key_in(ctx, ROWS[i].curve, ROWS[i].bits), ROWS[i].alg);
    }
    assert_int_equal(OSSL_PROVIDER_unload(provider), 1);
    OSSL_LIB_CTX_free(ctx);
}

static sigb_rc make(EVP_PKEY *key, sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_evp_pkey(key, &signer, diag);

    assert_null(signer);
    EVP_PKEY_free(key);
    return rc;
}

static void a_key_that_fits_no_algorithm_is_refused(void **state)
{
    (void)state;
    assert_refused(make(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), diag), SIGB_E_KEY_UNSUPPORTED,
                   "fits no algorithm");
    assert_refused(make(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), diag), SIGB_E_KEY_UNSUPPORTED,
                   "fits no algorithm");
    assert_refused(make(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), diag), SIGB_E_WEAK_KEY,
                   "1024 bits");
    assert_refused(make(NULL, diag), SIGB_E_USAGE, "needs a key");
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_public_key_alone_does_not_sign(void **state)
{
    EVP_PKEY *key = pubkey_of_nobody("P-256");
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_signer_from_evp_pkey(key, &signer, NULL), SIGB_OK);
    assert_refused(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, diag), SIGB_E_TOKEN,
                   "refused to sign with ES256");
    assert_int_equal(signature.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    sigb_signer_free(signer);
    EVP_PKEY_free(key);
}

static void an_algorithm_that_does_not_fit_is_refused(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_signer_from_evp_pkey(key, &signer, NULL), SIGB_OK);
    EVP_PKEY_free(key);
    assert_refused(sigb_signer_sign(signer, SIGB_ES384, TBS, &signature, diag), SIGB_E_ALG_KEY,
                   "ES384 does not fit");
    assert_int_equal(signature.len, 0);
    sigb_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_default_context_sign),
        cmocka_unit_test(keys_of_a_context_of_their_own_sign),
        cmocka_unit_test(a_key_that_fits_no_algorithm_is_refused),
        cmocka_unit_test(a_public_key_alone_does_not_sign),
        cmocka_unit_test(an_algorithm_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
