/* SPDX-License-Identifier: Apache-2.0 */
/* The sign1 vectors of the gluecose project: what is signed, byte for byte, and what verifies. */
#include "tests/support/support.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/alg.h"
#include "base/base64.h"
#include "base/libctx.h"
#include "base/pubkey.h"
#include "cose/sig_structure.h"
#include "cose/statement.h"
#include "cose/writer.h"
#include "tests/support/corpus.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static json_t *vector_load(const char *name)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_bytes text = corpus_read(&room, name);
    json_t *vector = json_loadb((const char *)text.ptr, text.len, 0, NULL);

    assert_non_null(vector);
    sigb_buf_free(&room);
    return vector;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    assert_non_null(text);
    return text;
}

/* {"cborHex": ...} */
static sigb_bytes hex_at(const json_t *object, const char *key, sigb_buf *room)
{
    return hex_put(room, text_at(json_object_get(object, key), "cborHex"));
}

static sigb_bytes external_of(const json_t *vector, sigb_buf *room)
{
    const char *external = json_string_value(json_object_get(vector, "external"));

    return external == NULL ? SIGB_BYTES_NONE : hex_put(room, external);
}

/* ---- keys ---- */

static BIGNUM *number_at(const json_t *jwk, const char *member)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    BIGNUM *number;

    assert_true(base64url_decode(&bytes, sigb_bytes_text(text_at(jwk, member))));
    number = BN_bin2bn(bytes.ptr, (int)bytes.len, NULL);
    assert_non_null(number);
    sigb_buf_free(&bytes);
    return number;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *bld)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx_get(), type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *n = number_at(jwk, "n"), *e = number_at(jwk, "e");
    EVP_PKEY *key;

    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
    key = key_from("RSA", bld);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    sigb_buf point = SIGB_BUF_INIT;
    EVP_PKEY *key;

    hex_put(&point, "04");
    assert_true(base64url_decode(&point, sigb_bytes_text(text_at(jwk, "x"))));
    assert_true(base64url_decode(&point, sigb_bytes_text(text_at(jwk, "y"))));
    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, text_at(jwk, "crv"), 0);
    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len);
    key = key_from("EC", bld);
    sigb_buf_free(&point);
    return key;
}

static EVP_PKEY *key_of(const json_t *vector)
{
    const json_t *jwk = json_object_get(vector, "key");

    return strcmp(text_at(jwk, "kty"), "RSA") == 0 ? rsa_key(jwk) : ec_key(jwk);
}

/* ---- statements ---- */

static sigb_statement *parse(sigb_bytes bytes)
{
    sigb_statement *statement = NULL;

    assert_refused(sigb_statement_parse(bytes, &statement, diag), SIGB_OK, "");
    return statement;
}

static sigb_rc verify(const json_t *vector, const sigb_statement *statement, sigb_bytes external)
{
    sigb_alg alg = sigb_alg_find(text_at(vector, "alg"));
    EVP_PKEY *key = key_of(vector);
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_rc rc;

    assert_int_equal(sigb_statement_alg(statement), alg);
    sig_structure_put_aad(&tbs, statement_protected(statement), external, sigb_statement_payload(statement));
    rc = pubkey_verify(key, alg, sigb_buf_bytes(&tbs), statement_signature(statement), NULL);
    sigb_buf_free(&tbs);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- vectors ---- */

static void check_signed(const char *name)
{
    json_t *vector = vector_load(name);
    const json_t *sign = json_object_get(vector, "sign1::sign");
    size_t fixed = (size_t)json_integer_value(json_object_get(sign, "fixedOutputLength"));
    sigb_buf body = SIGB_BUF_INIT, unprotected = SIGB_BUF_INIT, payload = SIGB_BUF_INIT, aad = SIGB_BUF_INIT,
             wanted = SIGB_BUF_INIT, tbs = SIGB_BUF_INIT, output = SIGB_BUF_INIT, made = SIGB_BUF_INIT;
    sigb_bytes external = external_of(sign, &aad);
    sigb_statement *statement;

    hex_at(sign, "protectedHeaders", &body);
    hex_at(sign, "unprotectedHeaders", &unprotected);
    hex_put(&payload, text_at(sign, "payload"));
    sig_structure_put_aad(&tbs, sigb_buf_bytes(&body), external, sigb_buf_bytes(&payload));
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&tbs), hex_at(sign, "tbsHex", &wanted)));

    put_tag(&made, 18);
    put_array(&made, 4);
    put_bstr(&made, sigb_buf_bytes(&body));
    sigb_buf_append(&made, sigb_buf_bytes(&unprotected));
    put_bstr(&made, sigb_buf_bytes(&payload));
    hex_at(sign, "expectedOutput", &output);
    statement = parse(sigb_buf_bytes(&output));
    put_bstr_head(&made, statement_signature(statement).len);
    assert_true(fixed >= 1 && fixed <= made.len);
    assert_memory_equal(made.ptr, output.ptr, made.len);
    assert_int_equal(verify(vector, statement, external), SIGB_OK);
    sigb_statement_free(statement);
    sigb_buf_free(&body);
    sigb_buf_free(&unprotected);
    sigb_buf_free(&payload);
    sigb_buf_free(&aad);
    sigb_buf_free(&wanted);
    sigb_buf_free(&tbs);
    sigb_buf_free(&output);
    sigb_buf_free(&made);
    json_decref(vector);
}

static void signed_vectors_agree(void **state)
{
    static const char *const rows[] = {"gluecose/sign1-sign-0000.json", "gluecose/sign1-sign-0002.json",
                                       "gluecose/sign1-sign-0004.json", "gluecose/sign1-sign-0006.json"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows) && corpus_is_here(); i++) {
        print_message("%s\n", rows[i]);
        check_signed(rows[i]);
    }
}

static void check_verified(const char *name)
{
    json_t *vector = vector_load(name);
    const json_t *given = json_object_get(vector, "sign1::verify");
    bool good = json_is_true(json_object_get(given, "shouldVerify"));
    sigb_buf bytes = SIGB_BUF_INIT, aad = SIGB_BUF_INIT;
    sigb_bytes external = external_of(given, &aad);
    sigb_statement *statement = parse(hex_at(given, "taggedCOSESign1", &bytes));

    assert_int_equal(verify(vector, statement, external), good ? SIGB_OK : SIGB_E_SIGNATURE);
    if (external.len > 0) /* bytes that both sides must know are not left out */
        assert_int_equal(verify(vector, statement, SIGB_BYTES_NONE), SIGB_E_SIGNATURE);
    sigb_statement_free(statement);
    bytes.ptr[bytes.len - 1] ^= 1;
    statement = parse(sigb_buf_bytes(&bytes));
    assert_int_equal(verify(vector, statement, external), SIGB_E_SIGNATURE);
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    sigb_buf_free(&aad);
    json_decref(vector);
}

static void verified_vectors_agree(void **state)
{
    static const char *const rows[] = {"gluecose/sign1-verify-0000.json", "gluecose/sign1-verify-0002.json",
                                       "gluecose/sign1-verify-0004.json", "gluecose/sign1-verify-0006.json"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows) && corpus_is_here(); i++) {
        print_message("%s\n", rows[i]);
        check_verified(rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_vectors_agree),
        cmocka_unit_test(verified_vectors_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
