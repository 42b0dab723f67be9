/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: a JWK set {"keys": [...]}, one JWK {"kty": ...} (RFC 7517), or the
 * parameters of older services {"parameters": [{"serviceCertificate": base64}]},
 * of which nothing but the certificates' keys is believed.
 */
#include <jansson.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/error.h"
#include "ledger/keys.h"

/* ---- JWK ---- */

static const struct {
    const char *kty;
    key_kind kind;
    const char *first, *second;
} KINDS[] = {{"EC", KEY_EC2, "x", "y"}, {"OKP", KEY_OKP, "x", NULL}, {"RSA", KEY_RSA, "n", "e"}};

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name)); /* NULL where absent, or no text */
}

static sigb_rc take_number(key_sink *to, const json_t *jwk, const char *name, sigb_buf *number)
{
    const char *text = text_at(jwk, name);

    if (text == NULL || !base64url_decode(number, sigb_bytes_text(text)))
        return sink_refuse(to, "a JWK lacks a number of its key, or it is not base64url");
    return number->failed ? sigb_no_memory(to->diag) : SIGB_OK;
}

static sigb_rc put_known(key_sink *to, const json_t *jwk, size_t row, const key_curve *curve)
{
    sigb_buf first = SIGB_BUF_INIT, second = SIGB_BUF_INIT;
    sigb_rc rc = take_number(to, jwk, KINDS[row].first, &first);

    if (rc == SIGB_OK && KINDS[row].second != NULL)
        rc = take_number(to, jwk, KINDS[row].second, &second);
    if (rc == SIGB_OK) {
        const key_numbers numbers = {KINDS[row].kind, curve, sigb_buf_bytes(&first), sigb_buf_bytes(&second)};

        rc = sink_put_numbers(to, &numbers, sigb_bytes_text(text_at(jwk, "kid")));
    }
    sigb_buf_free(&first);
    sigb_buf_free(&second);
    return rc;
}

static sigb_rc put_jwk(key_sink *to, const json_t *jwk)
{
    const char *kty = text_at(jwk, "kty"), *crv = text_at(jwk, "crv");

    if (kty == NULL)
        return sink_refuse(to, "a JWK has no type");
    if (json_object_get(jwk, "d") != NULL || json_object_get(jwk, "k") != NULL)
        return sink_refuse(to, "there is a private key in it, which belongs nowhere near here");
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        const key_curve *curve = NULL;

        if (strcmp(KINDS[i].kty, kty) != 0)
            continue;
        if (KINDS[i].kind != KEY_RSA && crv == NULL)
            return sink_refuse(to, "a JWK has no curve");
        if (KINDS[i].kind != KEY_RSA)
            curve = key_curve_of(KINDS[i].kind, 0, crv);
        if (KINDS[i].kind != KEY_RSA && curve == NULL)
            return SIGB_OK; /* a curve that is not known */
        return put_known(to, jwk, i, curve);
    }
    return SIGB_OK; /* a type that is not known */
}

/* ---- parameters ---- */

/* Standard base64 with padding (RFC 4648, 4). */
static sigb_rc decode_base64(key_sink *to, const char *text, sigb_buf *der)
{
    size_t len = strlen(text);
    unsigned char *room = len % 4 == 0 && len > 0 ? OPENSSL_malloc(len) : NULL;
    int made;

    if (len % 4 != 0 || len == 0)
        return sink_refuse(to, "a serviceCertificate is not base64");
    if (room == NULL)
        return sigb_no_memory(to->diag);
    made = EVP_DecodeBlock(room, (const unsigned char *)text, (int)len);
    made -= (text[len - 1] == '=') + (text[len - 2] == '=');
    if (made > 0)
        sigb_buf_append(der, sigb_bytes_of(room, (size_t)made));
    OPENSSL_free(room);
    if (made <= 0)
        return sink_refuse(to, "a serviceCertificate is not base64");
    return der->failed ? sigb_no_memory(to->diag) : SIGB_OK;
}

static sigb_rc put_parameters(key_sink *to, const json_t *parameters)
{
    const char *cert = text_at(parameters, "serviceCertificate");
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc = cert == NULL ? sink_refuse(to, "parameters of a service without serviceCertificate")
                              : decode_base64(to, cert, &der);

    if (rc == SIGB_OK)
        rc = sink_put_cert(to, sigb_buf_bytes(&der));
    sigb_buf_free(&der);
    return rc;
}

/* ---- the file ---- */

static sigb_rc put_each(key_sink *to, const json_t *list, sigb_rc (*put)(key_sink *to, const json_t *element))
{
    sigb_rc rc = json_is_array(list) ? SIGB_OK : sink_refuse(to, "its list of keys is not an array");

    for (size_t i = 0; rc == SIGB_OK && i < json_array_size(list); i++) {
        const json_t *element = json_array_get(list, i);

        rc = json_is_object(element) ? put(to, element)
                                     : sink_refuse(to, "its list holds something else than keys");
    }
    return rc;
}

static sigb_rc put_root(key_sink *to, const json_t *root)
{
    const json_t *keys = json_object_get(root, "keys"), *parameters = json_object_get(root, "parameters");

    if (keys != NULL)
        return put_each(to, keys, put_jwk);
    if (parameters != NULL)
        return put_each(to, parameters, put_parameters);
    if (json_object_get(root, "kty") != NULL)
        return put_jwk(to, root);
    return sink_refuse(to, "JSON that is neither a JWK set nor the parameters of a service");
}

sigb_rc keys_read_json(key_sink *to, sigb_bytes file)
{
    json_error_t error = {.line = 0};
    json_t *root = json_loadb((const char *)file.ptr, file.len, JSON_REJECT_DUPLICATES, &error);
    sigb_rc rc;

    if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
        return sigb_no_memory(to->diag);
    if (root == NULL)
        return sigb_fail(to->diag, SIGB_E_LEDGER_KEYS, "not JSON: %s, line %d; get the keys anew", error.text,
                         error.line);
    rc = put_root(to, root);
    json_decref(root);
    return rc;
}
