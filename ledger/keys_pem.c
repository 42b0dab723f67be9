/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and public keys, PEM or DER. What is trusted is the key that was given, not who certified it. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/certs.h"
#include "base/error.h"
#include "ledger/keys.h"

static sigb_rc malformed(key_sink *to, sigb_rc rc, const sigb_diag *why)
{
    bool ours = rc == SIGB_E_MEMORY || rc == SIGB_E_INTERNAL || rc == SIGB_E_LIMIT;

    return sigb_fail_native(to->diag, ours ? rc : SIGB_E_LEDGER_KEYS, why->native, "%s", why->text);
}

static sigb_rc put_spki(key_sink *to, sigb_bytes spki)
{
    EVP_PKEY *key = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = pubkey_parse(spki, &key, &why);

    return rc == SIGB_OK ? sink_put(to, key, SIGB_BYTES_NONE) : malformed(to, rc, &why);
}

sigb_rc sink_put_cert(key_sink *to, sigb_bytes der)
{
    X509 *cert = NULL;
    sigb_buf spki = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = cert_parse(der, &cert, &why);

    if (rc == SIGB_OK)
        rc = cert_put_spki(cert, &spki, &why);
    rc = rc == SIGB_OK ? put_spki(to, sigb_buf_bytes(&spki)) : malformed(to, rc, &why);
    X509_free(cert);
    sigb_buf_free(&spki);
    return rc;
}

/* A file may hold a chain or parameters of a curve as well: what is no key is passed over, but for private ones. */
static sigb_rc put_block(key_sink *to, const char *name, sigb_bytes der)
{
    if (strstr(name, "PRIVATE KEY") != NULL)
        return sink_refuse(to, "there is a private key in it, which belongs nowhere near here");
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return put_spki(to, der);
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
        return sink_put_cert(to, der);
    return SIGB_OK;
}

static sigb_rc read_blocks(key_sink *to, BIO *pem)
{
    char *name = NULL, *header = NULL;
    unsigned char *block = NULL;
    long len = 0;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && PEM_read_bio(pem, &name, &header, &block, &len) == 1) {
        rc = put_block(to, name, sigb_bytes_of(block, (size_t)len));
        OPENSSL_clear_free(block, (size_t)len); /* it may be a private key */
        OPENSSL_free(header);
        OPENSSL_free(name);
    }
    if (rc == SIGB_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return sigb_openssl_refused(to->diag, SIGB_E_LEDGER_KEYS,
                                    "a PEM block cannot be read; give it as it was issued");
    ERR_clear_error();
    return rc;
}

sigb_rc keys_read_pem(key_sink *to, sigb_bytes file)
{
    BIO *pem;
    sigb_rc rc;

    if (file.len == 0)
        return sink_refuse(to, "the file is empty");
    if (memmem(file.ptr, file.len, "-----BEGIN ", 11) == NULL)
        return sink_refuse(to, "not a file of keys: neither CBOR nor JSON, PEM or DER");
    pem = BIO_new_mem_buf(file.ptr, (int)file.len);
    if (pem == NULL)
        return sigb_openssl_failed(to->diag, "to read PEM");
    rc = read_blocks(to, pem);
    BIO_free(pem);
    return rc;
}

/* A certificate begins with a SEQUENCE in its SEQUENCE as a public key does: what is not the one is the other. */
sigb_rc keys_read_der(key_sink *to, sigb_bytes file)
{
    sigb_bytes rest = file, one;
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(file, &key, NULL);

    if (rc == SIGB_OK)
        return sink_put(to, key, SIGB_BYTES_NONE);
    if (rc != SIGB_E_KEY_UNSUPPORTED)
        return sigb_fail(to->diag, rc, "the public key cannot be read now");
    rc = SIGB_OK;
    while (rc == SIGB_OK && sigb_certs_next(&rest, &one))
        rc = sink_put_cert(to, one);
    if (rc == SIGB_OK && rest.len != 0)
        rc = sink_refuse(to, "bytes that are neither a certificate nor a public key");
    return rc;
}
