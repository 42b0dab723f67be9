/* SPDX-License-Identifier: Apache-2.0 */
#include "base/certs.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"

/* The outer head of a DER SEQUENCE: its whole length, 0 if there is none that fits. */
static size_t sequence_len(sigb_bytes der)
{
    size_t len = 0, head = 2, count;

    if (der.len < 2 || der.ptr[0] != 0x30)
        return 0;
    if (der.ptr[1] < 0x80) {
        len = der.ptr[1];
    } else {
        count = der.ptr[1] & 0x7F;
        if (count == 0 || count > 4 || der.len < 2 + count)
            return 0;
        for (size_t i = 0; i < count; i++)
            len = len << 8 | der.ptr[2 + i];
        head += count;
    }
    return len > der.len - head ? 0 : head + len;
}

bool sigb_certs_next(sigb_bytes *rest, sigb_bytes *cert)
{
    size_t len = sequence_len(*rest);

    if (len == 0)
        return false;
    *cert = sigb_bytes_of(rest->ptr, len);
    *rest = sigb_bytes_of(rest->ptr + len, rest->len - len);
    return true;
}

size_t certs_count(sigb_bytes der)
{
    sigb_bytes cert;
    size_t count = 0;

    while (sigb_certs_next(&der, &cert))
        count++;
    return count;
}

bool cert_is(X509 *cert, sigb_bytes der)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509(cert, &bytes);
    bool is = len > 0 && sigb_bytes_equal(sigb_bytes_of(bytes, (size_t)len), der);

    OPENSSL_free(bytes);
    return is;
}

sigb_rc cert_parse(sigb_bytes der, X509 **cert, sigb_diag *diag)
{
    const unsigned char *p = der.ptr;
    OSSL_LIB_CTX *ctx = NULL;
    X509 *parsed;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc != SIGB_OK)
        return rc;
    if (der.len > SIGB_MAX_CERT_LEN)
        return sigb_fail(diag, SIGB_E_LIMIT, "certificate of %zu bytes: at most %d are read", der.len,
                         SIGB_MAX_CERT_LEN);
    parsed = X509_new_ex(ctx, NULL);
    if (parsed == NULL)
        return sigb_openssl_failed(diag, "a certificate");
    if (der.len == 0 || d2i_X509(&parsed, &p, (long)der.len) == NULL || p != der.ptr + der.len) {
        rc = sigb_openssl_refused(diag, SIGB_E_CERT_DER,
                                  "%zu bytes are not one DER certificate; give it as it was issued", der.len);
        X509_free(parsed); /* d2i freed it and set it to NULL if it failed itself */
        return rc;
    }
    if (!cert_is(parsed, der)) { /* OpenSSL reads BER too; fingerprints are of the one DER form */
        X509_free(parsed);
        return sigb_openssl_refused(diag, SIGB_E_CERT_DER,
                                    "a certificate of %zu bytes is not encoded as DER; have it re-issued",
                                    der.len);
    }
    *cert = parsed;
    return SIGB_OK;
}

sigb_rc certs_parse(sigb_bytes der, STACK_OF(X509) * *certs, sigb_diag *diag)
{
    STACK_OF(X509) *parsed = sk_X509_new_null();
    sigb_bytes one;
    sigb_rc rc = parsed == NULL ? sigb_no_memory(diag) : SIGB_OK;

    while (rc == SIGB_OK && sigb_certs_next(&der, &one)) {
        X509 *cert = NULL;

        if (sk_X509_num(parsed) == SIGB_MAX_CERTS)
            rc = sigb_fail(diag, SIGB_E_LIMIT, "more than %d certificates; give those of the chain alone",
                           SIGB_MAX_CERTS);
        else
            rc = cert_parse(one, &cert, diag);
        if (rc == SIGB_OK && sk_X509_push(parsed, cert) <= 0) {
            X509_free(cert);
            rc = sigb_no_memory(diag);
        }
    }
    if (rc == SIGB_OK && der.len != 0)
        rc = sigb_fail(diag, SIGB_E_CERT_DER, "%zu bytes behind the last certificate; cut them off", der.len);
    if (rc == SIGB_OK)
        *certs = parsed;
    else
        sk_X509_pop_free(parsed, X509_free);
    return rc;
}

sigb_rc cert_put(X509 *cert, sigb_buf *der, sigb_diag *diag)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509(cert, &bytes);

    return der_take(der, bytes, len, "to write a certificate", diag);
}

sigb_rc cert_put_spki(X509 *cert, sigb_buf *spki, sigb_diag *diag)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &bytes);

    return der_take(spki, bytes, len, "to write a public key", diag);
}

/* Checks one certificate and appends it; *count is how many came from this input. */
static sigb_rc append_one(sigb_buf *certs, sigb_bytes der, size_t *count, sigb_diag *diag)
{
    X509 *cert = NULL;
    sigb_rc rc;

    if (++*count > SIGB_MAX_CERTS)
        return sigb_fail(diag, SIGB_E_LIMIT, "more than %d certificates; give those of the chain alone",
                         SIGB_MAX_CERTS);
    rc = cert_parse(der, &cert, diag);
    X509_free(cert);
    if (rc == SIGB_OK)
        sigb_buf_append(certs, der);
    return rc == SIGB_OK && certs->failed ? sigb_no_memory(diag) : rc;
}

static bool is_cert_block(const char *name)
{
    return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
}

static sigb_rc append_pem(sigb_buf *certs, BIO *pem, size_t *count, sigb_diag *diag)
{
    char *name = NULL, *header = NULL;
    unsigned char *block = NULL;
    long len = 0;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && PEM_read_bio(pem, &name, &header, &block, &len) == 1) {
        if (is_cert_block(name))
            rc = append_one(certs, sigb_bytes_of(block, (size_t)len), count, diag);
        OPENSSL_clear_free(block, (size_t)len); /* another block may be a private key */
        OPENSSL_free(header);
        OPENSSL_free(name);
    }
    if (rc == SIGB_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return sigb_openssl_refused(diag, SIGB_E_CERT_DER,
                                    "a PEM block cannot be read; give the certificate as it was issued");
    ERR_clear_error();
    return rc;
}

static sigb_rc append_pem_bytes(sigb_buf *certs, sigb_bytes input, size_t *count, sigb_diag *diag)
{
    BIO *pem = NULL;
    sigb_rc rc;

    if (input.len > INT32_MAX)
        return sigb_fail(diag, SIGB_E_LIMIT, "%zu bytes are too many to look for certificates in", input.len);
    pem = BIO_new_mem_buf(input.len == 0 ? "" : (const void *)input.ptr, (int)input.len);
    if (pem == NULL)
        return sigb_openssl_failed(diag, "to read PEM");
    ERR_clear_error();
    rc = append_pem(certs, pem, count, diag);
    BIO_free(pem);
    return rc;
}

static sigb_rc append_der_bytes(sigb_buf *certs, sigb_bytes input, size_t *count, sigb_diag *diag)
{
    sigb_bytes one;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && sigb_certs_next(&input, &one))
        rc = append_one(certs, one, count, diag);
    if (rc == SIGB_OK && input.len != 0)
        return sigb_fail(diag, SIGB_E_CERT_DER,
                         "%zu bytes are not a DER certificate; give certificates alone, as PEM or DER",
                         input.len);
    return rc;
}

sigb_rc sigb_certs_append(sigb_buf *certs, sigb_bytes input, sigb_diag *diag)
{
    size_t before, count = 0;
    sigb_rc rc;

    if (certs == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no buffer for certificates");
    before = certs->len;
    rc = input.len > 0 && input.ptr[0] == 0x30 ? append_der_bytes(certs, input, &count, diag)
                                               : append_pem_bytes(certs, input, &count, diag);
    if (rc == SIGB_OK && count == 0)
        rc = sigb_fail(diag, SIGB_E_CERT_DER, "no certificate in %zu bytes; PEM or DER is wanted", input.len);
    if (rc != SIGB_OK)
        certs->len = before;
    return rc;
}
