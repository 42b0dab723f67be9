/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

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

/* Read by our own road or by OpenSSL's: no difference. */
static void a_key_of_any_curve_is_what_openssl_reads(void **state)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521", "secp256k1"};

    (void)state;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        EVP_PKEY *made = EVP_PKEY_Q_keygen(libctx_get(), NULL, "EC", curves[i]), *ours = NULL, *theirs;
        sigb_buf spki = SIGB_BUF_INIT, again = SIGB_BUF_INIT;
        const unsigned char *p;

        print_message("%s\n", curves[i]);
        assert_int_equal(pubkey_put_spki(made, &spki, NULL), SIGB_OK);
        p = spki.ptr;
        theirs = d2i_PUBKEY_ex(NULL, &p, (long)spki.len, libctx_get(), NULL);
        assert_refused(pubkey_parse(sigb_buf_bytes(&spki), &ours, diag), SIGB_OK, "");
        assert_int_equal(EVP_PKEY_eq(ours, theirs), 1);
        assert_string_equal(EVP_PKEY_get0_type_name(ours), EVP_PKEY_get0_type_name(theirs));
        assert_int_equal(pubkey_put_spki(ours, &again, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(sigb_buf_bytes(&spki), sigb_buf_bytes(&again)));
        EVP_PKEY_free(made);
        EVP_PKEY_free(ours);
        EVP_PKEY_free(theirs);
        sigb_buf_free(&spki);
        sigb_buf_free(&again);
    }
}

static void a_point_off_its_curve_is_no_key(void **state)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};

    (void)state;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(libctx_get(), NULL, "EC", curves[i]), *none = NULL;
        sigb_buf spki = SIGB_BUF_INIT;

        print_message("%s\n", curves[i]);
        assert_int_equal(pubkey_put_spki(key, &spki, NULL), SIGB_OK);
        spki.ptr[spki.len - 1] ^= 1;
        assert_refused(pubkey_parse(sigb_buf_bytes(&spki), &none, diag), SIGB_E_KEY_UNSUPPORTED,
                       "not one SubjectPublicKeyInfo");
        assert_null(none);
        assert_int_equal(ERR_peek_error(), 0);
        EVP_PKEY_free(key);
        sigb_buf_free(&spki);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pss_has_one_salt_and_one_hash),
        cmocka_unit_test(a_key_of_any_curve_is_what_openssl_reads),
        cmocka_unit_test(a_point_off_its_curve_is_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
