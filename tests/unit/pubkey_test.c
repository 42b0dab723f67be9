/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/libctx.h"
#include "base/pubkey.h"

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

/* How a signature is made with an RSA key of 2048 bits, and whether PS256 takes it. */
static const struct {
    const char *name;
    int padding, salt;
    const char *mgf;
    sigb_rc rc;
} ROWS[] = {
    {"RFC 8230", RSA_PKCS1_PSS_PADDING, 32, "SHA2-256", SIGB_OK},
    {"no salt", RSA_PKCS1_PSS_PADDING, 0, "SHA2-256", SIGB_E_SIGNATURE},
    {"a salt as of SHA-1", RSA_PKCS1_PSS_PADDING, 20, "SHA2-256", SIGB_E_SIGNATURE},
    {"the longest salt", RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_MAX, "SHA2-256", SIGB_E_SIGNATURE},
    {"MGF1 over another hash", RSA_PKCS1_PSS_PADDING, 32, "SHA2-384", SIGB_E_SIGNATURE},
    {"PKCS #1 v1.5", RSA_PKCS1_PADDING, 0, NULL, SIGB_E_SIGNATURE},
};

static size_t sign_as(EVP_PKEY *key, size_t row, uint8_t *made, size_t room)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, "SHA2-256", libctx_get(), NULL, key, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, ROWS[row].padding), 1);
    if (ROWS[row].mgf != NULL) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, ROWS[row].mgf, NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, ROWS[row].salt), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, made, &room, TBS.ptr, TBS.len), 1);
    EVP_MD_CTX_free(ctx);
    return room;
}

static void pss_has_one_salt_and_one_hash(void **state)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx_get(), NULL, "RSA", (size_t)2048);

    (void)state;
    assert_non_null(key);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        uint8_t made[256];
        sigb_bytes signature = sigb_bytes_of(made, sign_as(key, i, made, sizeof(made)));

        print_message("%s\n", ROWS[i].name);
        assert_refused(pubkey_verify(key, SIGB_PS256, TBS, signature, diag), ROWS[i].rc,
                       ROWS[i].rc == SIGB_OK ? "" : "the PS256 signature is wrong");
        assert_int_equal(ERR_peek_error(), 0);
    }
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pss_has_one_salt_and_one_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
