/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as files that others read: COSE_Key sets and JWK sets. What keys_cose.c and keys_json.c read back. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "cose/writer.h"
#include "ledger/keys.h"

/* Appends a number, big-endian; in `len` bytes, or in as many as it has where that is 0. */
static sigb_rc put_number(const EVP_PKEY *key, const char *name, size_t len, sigb_buf *out, sigb_diag *diag)
{
    BIGNUM *number = NULL;
    uint8_t bytes[2048];
    int made = -1;

    if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= (int)sizeof(bytes))
        made = BN_bn2binpad(number, bytes, len == 0 ? BN_num_bytes(number) : (int)len);
    BN_free(number);
    if (made < 0)
        return sigb_openssl_failed(diag, "the numbers of a public key");
    sigb_buf_append(out, sigb_bytes_of(bytes, (size_t)made));
    return out->failed ? sigb_no_memory(diag) : SIGB_OK;
}

static sigb_rc put_raw(const EVP_PKEY *key, sigb_buf *out, sigb_diag *diag)
{
    uint8_t bytes[64];
    size_t len = sizeof(bytes);

    if (EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1)
        return sigb_openssl_failed(diag, "the bytes of a public key");
    sigb_buf_append(out, sigb_bytes_of(bytes, len));
    return out->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* Fills first and second of `numbers` by the key; both buffers are the caller's to free. */
static sigb_rc take_numbers(const EVP_PKEY *key, key_numbers *numbers, sigb_buf *first, sigb_buf *second,
                            sigb_diag *diag)
{
    const key_curve *curve = key_curve_of_key(key);
    sigb_rc rc;

    *numbers = (key_numbers){curve == NULL ? KEY_RSA : curve->kind, curve, SIGB_BYTES_NONE, SIGB_BYTES_NONE};
    if (numbers->kind == KEY_OKP) {
        rc = put_raw(key, first, diag);
    } else {
        bool is_rsa = numbers->kind == KEY_RSA;
        size_t len = is_rsa ? 0 : curve->coord;

        rc = put_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, len, first, diag);
        if (rc == SIGB_OK)
            rc = put_number(key, is_rsa ? OSSL_PKEY_PARAM_RSA_E : OSSL_PKEY_PARAM_EC_PUB_Y, len, second,
                            diag);
    }
    numbers->first = sigb_buf_bytes(first);
    numbers->second = sigb_buf_bytes(second);
    return rc;
}

/* ---- COSE_Key ---- */

static void put_cose(sigb_buf *out, const key_numbers *numbers, sigb_bytes kid)
{
    int64_t label = -1;

    put_map(out, numbers->kind == KEY_EC2 ? 5 : 4);
    put_int(out, 1);
    put_int(out, numbers->kind);
    put_int(out, 2);
    put_bstr(out, kid);
    if (numbers->curve != NULL) {
        put_int(out, label--);
        put_int(out, numbers->curve->crv);
    }
    put_int(out, label--);
    put_bstr(out, numbers->first);
    if (numbers->kind == KEY_OKP)
        return;
    put_int(out, label);
    put_bstr(out, numbers->second);
}

/* ---- JWK ---- */

static void put_member(sigb_buf *out, const char *name, sigb_bytes number)
{
    text_putf(out, ",\"%s\":\"", name);
    base64url_encode(out, number);
    text_put(out, "\"");
}

/* Of characters that need no escaping: names of ours, base64url and hexadecimal. */
static void put_json(sigb_buf *out, const key_numbers *numbers, const char *kid)
{
    static const char *const types[] = {[KEY_OKP] = "OKP", [KEY_EC2] = "EC", [KEY_RSA] = "RSA"};

    text_putf(out, "{\"kty\":\"%s\",\"kid\":\"%s\"", types[numbers->kind], kid);
    if (numbers->curve != NULL)
        text_putf(out, ",\"crv\":\"%s\"", numbers->curve->jwk);
    put_member(out, numbers->kind == KEY_RSA ? "n" : "x", numbers->first);
    if (numbers->kind != KEY_OKP)
        put_member(out, numbers->kind == KEY_RSA ? "e" : "y", numbers->second);
    text_put(out, "}");
}

/* ---- sets ---- */

static sigb_rc put_key(const service_key *key, keys_form form, sigb_buf *out, sigb_diag *diag)
{
    sigb_buf first = SIGB_BUF_INIT, second = SIGB_BUF_INIT;
    key_numbers numbers;
    sigb_rc rc = take_numbers(verifier_key(key->verifies), &numbers, &first, &second, diag);

    if (rc == SIGB_OK && form == KEYS_JWK)
        put_json(out, &numbers, key->kid);
    else if (rc == SIGB_OK)
        put_cose(out, &numbers, sigb_bytes_text(key->kid));
    sigb_buf_free(&first);
    sigb_buf_free(&second);
    return rc;
}

sigb_rc keys_write(const sigb_keys *keys, keys_form form, sigb_buf *out, sigb_diag *diag)
{
    size_t before = out->len;
    sigb_rc rc = SIGB_OK;

    if (form == KEYS_JWK)
        text_put(out, "{\"keys\":[");
    else
        put_array(out, keys->count);
    for (size_t i = 0; rc == SIGB_OK && i < keys->count; i++) {
        if (form == KEYS_JWK && i > 0)
            text_put(out, ",");
        rc = put_key(keys->all[i], form, out, diag);
    }
    if (form == KEYS_JWK)
        text_put(out, "]}");
    if (rc == SIGB_OK && out->failed)
        rc = sigb_no_memory(diag);
    if (rc != SIGB_OK)
        out->len = before;
    return rc;
}
