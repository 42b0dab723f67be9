/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pubkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/alg.h"
#include "base/der.h"
#include "base/ecdsa.h"
#include "base/error.h"
#include "base/gate.h"
#include "base/libctx.h"

/* SubjectPublicKeyInfo (RFC 5480) of the curves that sign, up to an uncompressed point of so many bytes, 04 included. */
/* clang-format off */
static const struct curve_row {
    const char *group;
    size_t head_len, point_len;
    uint8_t head[27];
} CURVES[] = {
    {"prime256v1", 26, 65,  {0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3, 0x42, 0}},
    {"secp384r1",  23, 97,  {0x30, 0x76, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 3, 0x62, 0}},
    {"secp521r1",  25, 133, {0x30, 0x81, 0x9b, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x23, 3, 0x81, 0x86, 0}},
};
/* clang-format on */

#define MAX_COORD   66   /* of P-521 */
#define MAX_MODULUS 2048 /* bytes: RSA of 16384 bits, as far as OpenSSL verifies */

static const struct curve_row *curve_of(sigb_bytes spki)
{
    for (size_t i = 0; i < sizeof(CURVES) / sizeof(CURVES[0]); i++) {
        const struct curve_row *row = &CURVES[i];

        if (spki.len == row->head_len + row->point_len && memcmp(spki.ptr, row->head, row->head_len) == 0 &&
            spki.ptr[row->head_len] == 4)
            return row;
    }
    return NULL;
}

bool pubkey_put_point(const char *group, sigb_bytes point, sigb_buf *spki)
{
    for (size_t i = 0; i < sizeof(CURVES) / sizeof(CURVES[0]); i++) {
        const struct curve_row *row = &CURVES[i];

        if (strcmp(row->group, group) == 0 && point.len == row->point_len && point.ptr[0] == 4) {
            sigb_buf_append(spki, sigb_bytes_of(row->head, row->head_len));
            sigb_buf_append(spki, point);
            return true;
        }
    }
    return false;
}

static EVP_PKEY *read_point(OSSL_LIB_CTX *ctx, const struct curve_row *row, sigb_bytes spki)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)row->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                          (void *)(uintptr_t)(spki.ptr + row->head_len), row->point_len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(ctx, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (maker != NULL && EVP_PKEY_fromdata_init(maker) == 1)
        (void)EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(maker);
    return key;
}

/* A common curve is read without OpenSSL's decoders: to find them takes a process longer than to read many keys. */
static EVP_PKEY *read_spki(OSSL_LIB_CTX *ctx, const unsigned char **p, sigb_bytes spki)
{
    const struct curve_row *row = curve_of(spki);

    if (row == NULL)
        return d2i_PUBKEY_ex(NULL, p, (long)spki.len, ctx, NULL);
    *p += spki.len;
    return read_point(ctx, row, spki);
}

sigb_rc pubkey_parse(sigb_bytes spki, EVP_PKEY **key, sigb_diag *diag)
{
    const unsigned char *p = spki.ptr;
    OSSL_LIB_CTX *ctx = NULL;
    EVP_PKEY *parsed = NULL;
    sigb_rc rc = libctx_require(&ctx, diag);
    bool sheltered;

    if (rc != SIGB_OK)
        return rc;
    sheltered = gate_shelter();
    if (spki.len > 0 && spki.len <= SIGB_MAX_CERT_LEN)
        parsed = read_spki(ctx, &p, spki);
    gate_end_shelter(sheltered);
    if (parsed == NULL || p != spki.ptr + spki.len) {
        rc = sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                  "public key cannot be read: %zu bytes are not one SubjectPublicKeyInfo",
                                  spki.len);
        EVP_PKEY_free(parsed);
        return rc;
    }
    *key = parsed;
    return SIGB_OK;
}

/* ---- of numbers ---- */

static const struct curve_row *curve_named(const char *group)
{
    for (size_t i = 0; i < sizeof(CURVES) / sizeof(CURVES[0]); i++)
        if (strcmp(CURVES[i].group, group) == 0)
            return &CURVES[i];
    return NULL;
}

sigb_rc pubkey_of_point(const char *group, sigb_bytes x, sigb_bytes y, EVP_PKEY **key, sigb_diag *diag)
{
    const struct curve_row *row = curve_named(group);
    size_t coord = row == NULL ? 0 : (row->point_len - 1) / 2;
    uint8_t spki[sizeof(row->head) + 1 + 2 * MAX_COORD];
    uint8_t *point = spki;
    sigb_rc rc;

    if (row == NULL || x.len != coord || y.len != coord)
        return sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                         "a point of %zu and %zu bytes, where %zu each are wanted", x.len, y.len, coord);
    memcpy(spki, row->head, row->head_len);
    point += row->head_len;
    *point++ = 4; /* uncompressed (SEC 1, 2.3.3) */
    memcpy(point, x.ptr, coord);
    memcpy(point + coord, y.ptr, coord);
    rc = pubkey_parse(sigb_bytes_of(spki, row->head_len + row->point_len), key, diag);
    if (rc != SIGB_E_KEY_UNSUPPORTED)
        return rc;
    return sigb_fail(diag, rc, "a point that is not on its curve");
}

static EVP_PKEY *read_modulus(OSSL_LIB_CTX *ctx, const OSSL_PARAM *params)
{
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(ctx, "RSA", NULL);
    EVP_PKEY *key = NULL;

    if (maker != NULL && EVP_PKEY_fromdata_init(maker) == 1)
        (void)EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params);
    EVP_PKEY_CTX_free(maker);
    return key;
}

sigb_rc pubkey_of_modulus(sigb_bytes n, sigb_bytes e, EVP_PKEY **key, sigb_diag *diag)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n.ptr, n.len > MAX_MODULUS ? 0 : (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn(e.ptr, e.len > MAX_MODULUS ? 0 : (int)e.len, NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *made = NULL;
    bool sheltered = gate_shelter();

    if (builder != NULL && modulus != NULL && exponent != NULL && !BN_is_zero(modulus) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params != NULL)
        made = read_modulus(libctx_get(), params);
    gate_end_shelter(sheltered);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    if (made == NULL)
        return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                    "a modulus of %zu and an exponent of %zu bytes are no RSA key", n.len,
                                    e.len);
    *key = made;
    return SIGB_OK;
}

sigb_rc pubkey_of_raw(const char *type, sigb_bytes raw, EVP_PKEY **key, sigb_diag *diag)
{
    bool sheltered = gate_shelter();
    EVP_PKEY *made = EVP_PKEY_new_raw_public_key_ex(libctx_get(), type, NULL, raw.ptr, raw.len);

    gate_end_shelter(sheltered);
    if (made == NULL)
        return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED, "%zu bytes are no %s key", raw.len, type);
    *key = made;
    return SIGB_OK;
}

sigb_rc pubkey_put_spki(const EVP_PKEY *key, sigb_buf *spki, sigb_diag *diag)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    return der_take(spki, der, len, "to write a public key", diag);
}

bool pubkey_set_padding(EVP_PKEY_CTX *ctx, const alg_row *row)
{
    return row->family != ALG_RSA_PSS || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
                                          EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)row->digest_len) > 0);
}

static bool context_init(EVP_MD_CTX *ctx, EVP_PKEY *key, const alg_row *row)
{
    EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */

    return EVP_DigestVerifyInit_ex(ctx, &pctx, row->digest, libctx_get(), NULL, key, NULL) == 1 &&
           pubkey_set_padding(pctx, row);
}

struct verifier {
    EVP_PKEY *key;
    const alg_row *row;
    size_t signature_len;
    EVP_MD_CTX *ready; /* copied for each signature; NULL where it has to be set up each time */
};

/* 1 good, 0 wrong, negative: OpenSSL could not say. */
static int verify_with(const verifier *v, sigb_bytes tbs, sigb_bytes signature)
{
    bool sheltered = gate_shelter();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = -1;

    if (ctx != NULL &&
        (v->ready != NULL ? EVP_MD_CTX_copy_ex(ctx, v->ready) == 1 : context_init(ctx, v->key, v->row))) {
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE); /* used once: OpenSSL need not copy it again */
        good = EVP_DigestVerify(ctx, signature.ptr, signature.len, tbs.ptr, tbs.len);
    }
    EVP_MD_CTX_free(ctx);
    gate_end_shelter(sheltered);
    return good;
}

static sigb_rc verify_in_openssl_form(const verifier *v, sigb_bytes tbs, sigb_bytes signature,
                                      sigb_diag *diag)
{
    ERR_clear_error();
    if (verify_with(v, tbs, signature) == 1)
        return SIGB_OK;
    return sigb_openssl_refused(diag, SIGB_E_SIGNATURE, "the %s signature is wrong", v->row->name);
}

static sigb_rc verify_raw(const verifier *v, sigb_bytes tbs, sigb_bytes signature, sigb_diag *diag)
{
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc;

    if (signature.len != v->signature_len)
        return sigb_fail(diag, SIGB_E_SIGNATURE, "%s signature of %zu bytes where %zu are wanted",
                         v->row->name, signature.len, v->signature_len);
    if (v->row->family != ALG_ECDSA)
        return verify_in_openssl_form(v, tbs, signature, diag);
    rc = ecdsa_raw_to_der(signature, v->row->coord, &der, diag);
    if (rc == SIGB_OK)
        rc = verify_in_openssl_form(v, tbs, sigb_buf_bytes(&der), diag);
    sigb_buf_free(&der);
    return rc;
}

static sigb_rc require_fit(const alg_row *row, const EVP_PKEY *key, sigb_diag *diag)
{
    if (row != NULL && alg_fits_key(row, key))
        return SIGB_OK;
    return sigb_openssl_refused(diag, SIGB_E_ALG_KEY, "algorithm %s does not fit the key",
                                row == NULL ? "unknown" : row->name);
}

sigb_rc pubkey_verify(EVP_PKEY *key, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature, sigb_diag *diag)
{
    verifier once = {.key = key, .row = alg_row_of(alg)};
    sigb_rc rc = require_fit(once.row, key, diag);

    if (rc != SIGB_OK)
        return rc;
    once.signature_len = alg_signature_len(once.row, key);
    return verify_raw(&once, tbs, signature, diag);
}

/* ---- kept ready ---- */

static sigb_rc make_ready(verifier *v, sigb_alg alg, sigb_diag *diag)
{
    bool sheltered, ready;
    sigb_rc rc;

    v->row = alg == SIGB_ALG_NONE ? alg_default_for(v->key) : alg_row_of(alg);
    if (alg == SIGB_ALG_NONE && v->row == NULL)
        return SIGB_OK;
    rc = require_fit(v->row, v->key, diag);
    if (rc != SIGB_OK)
        return rc;
    v->signature_len = alg_signature_len(v->row, v->key);
    if (v->row->family == ALG_PURE) /* OpenSSL copies no context without a digest */
        return SIGB_OK;
    sheltered = gate_shelter();
    v->ready = EVP_MD_CTX_new();
    ready = v->ready != NULL && context_init(v->ready, v->key, v->row);
    gate_end_shelter(sheltered);
    return ready ? SIGB_OK : sigb_openssl_failed(diag, "to verify with a key");
}

sigb_rc verifier_new(EVP_PKEY *key, sigb_alg alg, verifier **made, sigb_diag *diag)
{
    verifier *v = OPENSSL_zalloc(sizeof(*v));
    sigb_rc rc;

    if (v == NULL || EVP_PKEY_up_ref(key) != 1) {
        OPENSSL_free(v);
        return sigb_no_memory(diag);
    }
    v->key = key;
    rc = make_ready(v, alg, diag);
    if (rc == SIGB_OK)
        *made = v;
    else
        verifier_free(v);
    return rc;
}

EVP_PKEY *verifier_key(const verifier *v)
{
    return v->key;
}

sigb_rc verifier_check(const verifier *v, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature, sigb_diag *diag)
{
    if (v->row == NULL || v->row->id != alg)
        return pubkey_verify(v->key, alg, tbs, signature, diag);
    return verify_raw(v, tbs, signature, diag);
}

void verifier_free(verifier *v)
{
    bool sheltered;

    if (v == NULL)
        return;
    sheltered = gate_shelter();
    EVP_MD_CTX_free(v->ready);
    EVP_PKEY_free(v->key);
    OPENSSL_free(v);
    gate_end_shelter(sheltered);
}
