/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/pubkeys.h"

#include "tests/support/support.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/libctx.h"

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx_get(), type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* The generator of a group is a public key as good as any. */
static EVP_PKEY *ec_generator(const char *name)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(name));
    unsigned char point[200];
    size_t len = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), POINT_CONVERSION_UNCOMPRESSED,
                                    point, sizeof(point), NULL);
    EVP_PKEY *key;

    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, len);
    key = from_params("EC", build);
    EC_GROUP_free(group);
    return key;
}

static EVP_PKEY *rsa_of(int bits)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_new(), *e = BN_new();
    EVP_PKEY *key;

    assert_int_equal(BN_set_bit(n, bits - 1) && BN_set_bit(n, 0), 1);
    assert_int_equal(BN_set_word(e, 65537), 1);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    key = from_params("RSA", build);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *raw_of(const char *type)
{
    unsigned char bytes[32];

    memset(bytes, 9, sizeof(bytes));
    return EVP_PKEY_new_raw_public_key_ex(libctx_get(), type, NULL, bytes, sizeof(bytes));
}

EVP_PKEY *pubkey_of_nobody(const char *type)
{
    static const char *const curves[][2] = {{"P-256", SN_X9_62_prime256v1},
                                            {"P-384", SN_secp384r1},
                                            {"P-521", SN_secp521r1},
                                            {"secp256k1", SN_secp256k1}};
    EVP_PKEY *key = NULL;

    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strcmp(curves[i][0], type) == 0)
            key = ec_generator(curves[i][1]);
    if (key == NULL)
        key = strncmp(type, "RSA-", 4) == 0 ? rsa_of(atoi(type + 4)) : raw_of(type);
    assert_non_null(key);
    return key;
}
