/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public half of a token key, as the SubjectPublicKeyInfo that OpenSSL
 * writes for the same key in software: did:x509, x5t and key comparison rest on
 * these bytes, so nothing that a token encodes itself is passed on.
 */
#include "pkcs11/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/pubkey.h"

/* Takes params, which may be NULL. NULL, and OpenSSL's error queue tells why, where they make no key. */
static EVP_PKEY *key_from(const char *type, OSSL_PARAM *params)
{
    OSSL_LIB_CTX *libctx = libctx_get();
    EVP_PKEY_CTX *ctx = libctx == NULL ? NULL : EVP_PKEY_CTX_new_from_name(libctx, type, NULL);
    EVP_PKEY *key = NULL;

    if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static sigb_rc malformed(sigb_diag *diag)
{
    return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                "the token's public key is malformed, or of a curve that is not known");
}

static sigb_rc put_key(EVP_PKEY *key, sigb_buf *spki, sigb_diag *diag)
{
    sigb_rc rc;

    if (key == NULL)
        return malformed(diag);
    ERR_clear_error();
    rc = pubkey_put_spki(key, spki, diag);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- RSA ---- */

static OSSL_PARAM *rsa_params(sigb_bytes modulus, sigb_bytes exponent)
{
    BIGNUM *n = BN_bin2bn(modulus.ptr, (int)modulus.len, NULL);
    BIGNUM *e = BN_bin2bn(exponent.ptr, (int)exponent.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (n != NULL && e != NULL && build != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return params;
}

static sigb_rc rsa_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    sigb_buf modulus = SIGB_BUF_INIT, exponent = SIGB_BUF_INIT;
    sigb_rc rc = view_value(key, CKA_MODULUS, &modulus, diag);

    if (rc == SIGB_OK)
        rc = view_value(key, CKA_PUBLIC_EXPONENT, &exponent, diag);
    if (rc == SIGB_OK && modulus.len > 0 && exponent.len > 0)
        rc = put_key(key_from("RSA", rsa_params(sigb_buf_bytes(&modulus), sigb_buf_bytes(&exponent))), spki,
                     diag);
    sigb_buf_free(&modulus);
    sigb_buf_free(&exponent);
    return rc;
}

/* ---- EC ---- */

/* The curve that CKA_EC_PARAMS has as an OID; NID_undef for explicit parameters and unknown curves. */
static int curve_of(sigb_bytes params)
{
    const unsigned char *p = params.ptr;
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &p, (long)params.len);
    int nid = oid == NULL || p != params.ptr + params.len ? NID_undef : OBJ_obj2nid(oid);

    ASN1_OBJECT_free(oid);
    return nid;
}

static OSSL_PARAM *ec_params(const char *curve, sigb_bytes point)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;

    if (build != NULL && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len))
        params = OSSL_PARAM_BLD_to_param(build);
    OSSL_PARAM_BLD_free(build);
    return params;
}

/* What a DER OCTET STRING holds; no bytes if `der` is not exactly one. */
static sigb_bytes octets_in(sigb_bytes der)
{
    const unsigned char *p = der.ptr;
    long len = 0;
    int tag = 0, class = 0;
    int flags = ASN1_get_object(&p, &len, &tag, &class, (long)der.len);

    if (flags != 0 || tag != V_ASN1_OCTET_STRING || class != V_ASN1_UNIVERSAL || p + len != der.ptr + der.len)
        return SIGB_BYTES_NONE;
    return sigb_bytes_of(p, (size_t)len);
}

/*
 * PKCS#11 2.40 wants the point inside an OCTET STRING; some tokens give it bare.
 * 04 begins both forms, so the curve decides: a string of bytes is a point of it
 * in one reading only.
 */
static EVP_PKEY *ec_key(const char *curve, sigb_bytes given)
{
    sigb_bytes point = octets_in(given);
    EVP_PKEY *key = point.len == 0 ? NULL : key_from("EC", ec_params(curve, point));

    return key != NULL ? key : key_from("EC", ec_params(curve, given));
}

/* The point as OpenSSL writes it, allocated; NULL on failure. */
static uint8_t *point_of(const EVP_PKEY *key, size_t *len)
{
    uint8_t *point = NULL;

    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, len) != 1)
        return NULL;
    point = OPENSSL_malloc(*len);
    if (point == NULL)
        ERR_raise(ERR_LIB_CRYPTO, ERR_R_MALLOC_FAILURE); /* OPENSSL_malloc() leaves no word of it */
    else if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, *len, len) == 1)
        return point;
    OPENSSL_free(point);
    return NULL;
}

/* SubjectPublicKeyInfo (RFC 5480) by its parts: finding OpenSSL's encoders takes a twentieth of a short run. */
static int ec_encode(const EVP_PKEY *key, int curve, unsigned char **der)
{
    X509_PUBKEY *made = X509_PUBKEY_new();
    size_t len = 0;
    uint8_t *point = point_of(key, &len);
    int written = -1;

    if (made != NULL && point != NULL &&
        X509_PUBKEY_set0_param(made, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT, OBJ_nid2obj(curve),
                               point, (int)len) == 1) {
        point = NULL; /* it has its owner */
        written = i2d_X509_PUBKEY(made, der);
    }
    OPENSSL_free(point);
    X509_PUBKEY_free(made);
    return written;
}

static sigb_rc put_ec_key(EVP_PKEY *key, int curve, sigb_buf *spki, sigb_diag *diag)
{
    unsigned char *der = NULL;
    int len;

    if (key == NULL)
        return malformed(diag);
    ERR_clear_error();
    len = ec_encode(key, curve, &der);
    EVP_PKEY_free(key);
    return der_take(spki, der, len, "to write a public key", diag);
}

/* The usual form is written without making a key of it: whoever uses the key does, and that checks the point. */
static sigb_rc ec_put(sigb_bytes params, sigb_bytes point, sigb_buf *spki, sigb_diag *diag)
{
    int curve = curve_of(params);

    if (curve == NID_undef)
        return sigb_openssl_refused(diag, SIGB_E_KEY_UNSUPPORTED,
                                    "the EC key has explicit parameters or an unknown curve; wanted: P-256, "
                                    "P-384 or P-521 by name");
    if (pubkey_put_point(OBJ_nid2sn(curve), octets_in(point), spki) ||
        pubkey_put_point(OBJ_nid2sn(curve), point, spki))
        return spki->failed ? sigb_no_memory(diag) : SIGB_OK;
    return put_ec_key(ec_key(OBJ_nid2sn(curve), point), curve, spki, diag);
}

/* ---- Ed25519, Ed448 ---- */

/* The names under which tokens know the curves: RFC 8410, PKCS#11 3.0 (a PrintableString), GNU. */
static const struct edwards_row {
    const char *type;
    size_t len; /* of a point */
    uint8_t der[14];
    size_t der_len;
} EDWARDS[] = {
    {"ED25519", 32, {6, 3, 0x2b, 0x65, 0x70}, 5},
    {"ED25519", 32, {0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'}, 14},
    {"ED25519", 32, {6, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1}, 11},
    {"ED448", 57, {6, 3, 0x2b, 0x65, 0x71}, 5},
    {"ED448", 57, {0x13, 10, 'e', 'd', 'w', 'a', 'r', 'd', 's', '4', '4', '8'}, 12},
};

static const struct edwards_row *edwards_curve(sigb_bytes params)
{
    for (size_t i = 0; i < COUNT(EDWARDS); i++)
        if (sigb_bytes_equal(params, sigb_bytes_of(EDWARDS[i].der, EDWARDS[i].der_len)))
            return &EDWARDS[i];
    return NULL;
}

/* The point bare, in an OCTET STRING, or in a BIT STRING. */
static sigb_bytes edwards_point(sigb_bytes given, size_t len)
{
    const uint8_t octets[] = {4, (uint8_t)len}, bits[] = {3, (uint8_t)(len + 1), 0};
    size_t head = given.len < len ? 0 : given.len - len;

    if (given.len == len || (head == sizeof(octets) && memcmp(given.ptr, octets, head) == 0) ||
        (head == sizeof(bits) && memcmp(given.ptr, bits, head) == 0))
        return sigb_bytes_of(given.ptr + head, len);
    return SIGB_BYTES_NONE;
}

static sigb_rc edwards_put(sigb_bytes params, sigb_bytes given, sigb_buf *spki, sigb_diag *diag)
{
    const struct edwards_row *curve = edwards_curve(params);
    sigb_bytes point = curve == NULL ? SIGB_BYTES_NONE : edwards_point(given, curve->len);
    OSSL_LIB_CTX *libctx = NULL;
    sigb_rc rc = libctx_require(&libctx, diag);

    if (rc != SIGB_OK)
        return rc;
    if (point.len == 0)
        return sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                         "the Edwards key is not on the curve Ed25519 or Ed448, or its point is malformed");
    return put_key(EVP_PKEY_new_raw_public_key_ex(libctx, curve->type, NULL, point.ptr, point.len), spki,
                   diag);
}

/* ---- keys that are a curve and a point ---- */

static sigb_rc point_spki(const p11_view *key,
                          sigb_rc (*put)(sigb_bytes, sigb_bytes, sigb_buf *, sigb_diag *), sigb_buf *spki,
                          sigb_diag *diag)
{
    sigb_buf params = SIGB_BUF_INIT, point = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    if (view_lacks(key, CKA_EC_POINT)) /* as most private keys do; no point has as many bytes as would fit */
        return SIGB_OK;
    rc = view_value(key, CKA_EC_POINT, &point, diag);
    if (rc == SIGB_OK && point.len > 0)
        rc = view_value(key, CKA_EC_PARAMS, &params, diag);
    if (rc == SIGB_OK && params.len > 0 && point.len > 0)
        rc = put(sigb_buf_bytes(&params), sigb_buf_bytes(&point), spki, diag);
    sigb_buf_free(&params);
    sigb_buf_free(&point);
    return rc;
}

static sigb_rc ec_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    return point_spki(key, ec_put, spki, diag);
}

static sigb_rc edwards_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    return point_spki(key, edwards_put, spki, diag);
}

/* ---- any ---- */

/* CKA_PUBLIC_KEY_INFO, written anew; passed over where it is not a key, for it is optional and tokens err. */
static sigb_rc info_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    sigb_buf info = SIGB_BUF_INIT;
    EVP_PKEY *parsed = NULL;
    sigb_rc rc = view_value(key, CKA_PUBLIC_KEY_INFO, &info, diag);

    if (rc == SIGB_OK && info.len > 0) {
        rc = pubkey_parse(sigb_buf_bytes(&info), &parsed, diag);
        if (rc == SIGB_OK)
            rc = put_key(parsed, spki, diag);
        else if (rc == SIGB_E_KEY_UNSUPPORTED)
            rc = SIGB_OK;
    }
    sigb_buf_free(&info);
    return rc;
}

static const struct type_row {
    CK_KEY_TYPE type;
    sigb_rc (*spki)(const p11_view *key, sigb_buf *spki, sigb_diag *diag);
} TYPES[] = {{CKK_EC, ec_spki}, {CKK_RSA, rsa_spki}, {CKK_EC_EDWARDS, edwards_spki}};

sigb_rc view_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    CK_ULONG type = CK_UNAVAILABLE_INFORMATION;
    size_t before = spki->len;
    sigb_rc rc = info_spki(key, spki, diag);

    if (rc == SIGB_OK && spki->len == before)
        rc = view_ulong(key, CKA_KEY_TYPE, &type, diag);
    for (size_t i = 0; rc == SIGB_OK && spki->len == before && i < COUNT(TYPES); i++)
        if (TYPES[i].type == type)
            rc = TYPES[i].spki(key, spki, diag);
    return rc;
}

sigb_rc p11_object_spki(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        sigb_buf *spki, sigb_diag *diag)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_KEY_TYPE, CKA_EC_PARAMS,       CKA_EC_POINT,
                                              CKA_MODULUS,  CKA_PUBLIC_EXPONENT, CKA_PUBLIC_KEY_INFO};
    const p11_object of = {module, session, object};
    p11_view view;
    sigb_rc rc = view_read(&view, &of, types, COUNT(types), diag);

    return rc == SIGB_OK ? view_spki(&view, spki, diag) : rc;
}
