/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/tsa.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/libctx.h"
#include "tests/support/hex.h"

#define SEQUENCE     0x30
#define SET          0x31
#define OCTETS       0x04
#define TIME         0x18
#define CONTEXT_0    0xA0
#define OID_SIGNED   "06092a864886f70d010702"
#define OID_TSTINFO  "060b2a864886f70d0109100104"
#define OID_TYPE     "06092a864886f70d010903"
#define OID_DIGEST   "06092a864886f70d010904"
#define OID_NAMES_V1 "060b2a864886f70d010910020c"
#define OID_NAMES_V2 "060b2a864886f70d010910022f"
#define ALG_SHA256   "300d06096086480165030402010500"
#define ALG_ECDSA    "300a06082a8648ce3d040302"

/* ---- DER, from the inside out ---- */

/* What was put since `start` becomes the content of one element. */
static void wrap(sigb_buf *out, size_t start, uint8_t tag)
{
    size_t len = out->len - start;
    uint8_t head[5] = {tag, (uint8_t)len};
    size_t head_len = 2;

    if (len >= 0x80) {
        head[1] = 0x82;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        head_len = 4;
        if (len < 0x100) {
            head[1] = 0x81;
            head[2] = (uint8_t)len;
            head_len = 3;
        }
    }
    sigb_buf_append(out, sigb_bytes_of(head, head_len)); /* makes room */
    assert_false(out->failed);
    memmove(out->ptr + start + head_len, out->ptr + start, len);
    memcpy(out->ptr + start, head, head_len);
}

static void put_octets(sigb_buf *out, uint8_t tag, sigb_bytes content)
{
    size_t start = out->len;

    sigb_buf_append(out, content);
    wrap(out, start, tag);
}

static void put(sigb_buf *out, const char *part, const char *usual)
{
    (void)hex_put(out, part == NULL ? usual : part);
}

static void put_hash(sigb_buf *out, const char *name, sigb_bytes bytes)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;

    assert_int_equal(EVP_Digest(bytes.ptr, bytes.len, digest, &len, libctx_digest(name), NULL), 1);
    put_octets(out, OCTETS, sigb_bytes_of(digest, len));
}

/* ---- what is signed ---- */

static void put_info(const tsa_token *says, sigb_buf *out)
{
    size_t start = out->len, imprint;

    put(out, says->version, "020101");
    put(out, says->policy, "06042a030401");
    imprint = out->len;
    put(out, says->hash, ALG_SHA256);
    put_hash(out, "SHA2-256", says->stamped);
    wrap(out, imprint, SEQUENCE);
    put(out, says->serial, "020107");
    put_octets(out, TIME, sigb_bytes_text(says->time == NULL ? "20260701000000Z" : says->time));
    put(out, says->accuracy, "");
    put(out, says->ordering, "");
    put(out, says->nonce, "");
    put(out, says->tsa, "");
    wrap(out, start, SEQUENCE);
    put(out, says->more, "");
}

static sigb_bytes cert_der(X509 *cert, sigb_buf *room)
{
    return pki_der(room, cert, NULL);
}

/* Attribute ::= SEQUENCE { type, SET { value } }; the value was put since `value`, the type stands before it. */
static void end_attribute(sigb_buf *out, size_t start, size_t value)
{
    wrap(out, value, SET);
    wrap(out, start, SEQUENCE);
}

static void put_name(const tsa_token *says, bool second, sigb_buf *out)
{
    size_t start = out->len, value, list;
    sigb_buf der = SIGB_BUF_INIT;

    (void)hex_put(out, second ? OID_NAMES_V2 : OID_NAMES_V1);
    value = out->len;
    (void)cert_der(says->named == NULL ? says->cert : says->named, &der);
    list = out->len;
    if (second)
        put(out, says->name_hash, "");
    put_hash(out, second ? "SHA2-256" : "SHA1", sigb_buf_bytes(&der));
    wrap(out, list, SEQUENCE); /* ESSCertID */
    wrap(out, list, SEQUENCE); /* SEQUENCE OF */
    wrap(out, list, SEQUENCE); /* SigningCertificate */
    end_attribute(out, start, value);
    sigb_buf_free(&der);
}

/* The content of the SET of signed attributes. */
static void put_attributes(const tsa_token *says, sigb_bytes info, sigb_buf *out)
{
    size_t start = out->len, value;

    (void)hex_put(out, OID_TYPE);
    value = out->len;
    put(out, says->content_says, OID_TSTINFO);
    end_attribute(out, start, value);
    start = out->len;
    (void)hex_put(out, OID_DIGEST);
    value = out->len;
    put_hash(out, "SHA2-256", info);
    end_attribute(out, start, value);
    if (says->names == TSA_NAMES_V1 || says->names == TSA_NAMES_BOTH)
        put_name(says, false, out);
    if (says->names == TSA_NAMES_V2 || says->names == TSA_NAMES_BOTH)
        put_name(says, true, out);
}

/* ---- who signs ---- */

static void put_signature(pki *in, const tsa_token *says, sigb_bytes attributes, sigb_buf *out)
{
    sigb_buf tbs = SIGB_BUF_INIT, raw = SIGB_BUF_INIT;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int len;

    put_octets(&tbs, SET, attributes);
    pki_sign(in, says->key, SIGB_ES256, sigb_buf_bytes(&tbs), &raw);
    if (says->broken)
        raw.ptr[40] ^= 1;
    assert_int_equal(
        ECDSA_SIG_set0(signature, BN_bin2bn(raw.ptr, 32, NULL), BN_bin2bn(raw.ptr + 32, 32, NULL)), 1);
    len = i2d_ECDSA_SIG(signature, &der);
    assert_true(len > 0);
    put_octets(out, OCTETS, sigb_bytes_of(der, (size_t)len));
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    sigb_buf_free(&tbs);
    sigb_buf_free(&raw);
}

static void put_issuer_and_serial(X509 *cert, sigb_buf *out)
{
    size_t start = out->len;
    unsigned char *name = NULL, *serial = NULL;
    int name_len = i2d_X509_NAME(X509_get_issuer_name(cert), &name);
    int serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &serial);

    assert_true(name_len > 0 && serial_len > 0);
    sigb_buf_append(out, sigb_bytes_of(name, (size_t)name_len));
    sigb_buf_append(out, sigb_bytes_of(serial, (size_t)serial_len));
    wrap(out, start, SEQUENCE);
    OPENSSL_free(name);
    OPENSSL_free(serial);
}

static void put_signer(pki *in, const tsa_token *says, sigb_bytes info, sigb_buf *out)
{
    size_t start = out->len;
    sigb_buf attributes = SIGB_BUF_INIT;

    put_attributes(says, info, &attributes);
    (void)hex_put(out, "020101");
    put_issuer_and_serial(says->cert, out);
    put(out, says->digest, ALG_SHA256);
    put_octets(out, CONTEXT_0, sigb_buf_bytes(&attributes));
    (void)hex_put(out, ALG_ECDSA);
    put_signature(in, says, sigb_buf_bytes(&attributes), out);
    wrap(out, start, SEQUENCE);
    sigb_buf_free(&attributes);
}

/* ---- the token ---- */

static void put_content(const tsa_token *says, sigb_bytes info, sigb_buf *out)
{
    size_t start = out->len, content;

    put(out, says->content_type, OID_TSTINFO);
    content = out->len;
    put_octets(out, OCTETS, info);
    wrap(out, content, CONTEXT_0);
    wrap(out, start, SEQUENCE);
}

static void put_signed_data(pki *in, const tsa_token *says, sigb_buf *info, sigb_buf *out)
{
    size_t start = out->len, signers;
    sigb_buf signed_info = SIGB_BUF_INIT;

    sigb_buf_append(&signed_info, sigb_buf_bytes(info));
    if (says->changed)
        info->ptr[info->len - 2] ^= 1; /* in genTime, or behind it */
    (void)hex_put(out, "020103");
    put_octets(out, SET, SIGB_BYTES_NONE); /* digestAlgorithms: a hint, which nothing here reads */
    put_content(says, sigb_buf_bytes(info), out);
    if (!says->no_certs)
        put_octets(out, CONTEXT_0, says->certs);
    signers = out->len;
    for (int i = says->no_signer ? 1 : 0; i < (says->two_signers ? 2 : 1); i++)
        put_signer(in, says, sigb_buf_bytes(&signed_info), out);
    wrap(out, signers, SET);
    wrap(out, start, SEQUENCE);
    sigb_buf_free(&signed_info);
}

void tsa_put(pki *in, const tsa_token *says, sigb_buf *token)
{
    size_t start = token->len, content;
    sigb_buf info = SIGB_BUF_INIT;

    put_info(says, &info);
    put(token, says->cms_type, OID_SIGNED);
    content = token->len;
    put_signed_data(in, says, &info, token);
    wrap(token, content, CONTEXT_0);
    wrap(token, start, SEQUENCE);
    sigb_buf_free(&info);
}

void tsa_put_response(const char *status, sigb_bytes token, sigb_buf *response)
{
    size_t start = response->len;

    (void)hex_put(response, status);
    sigb_buf_append(response, token);
    wrap(response, start, SEQUENCE);
}
