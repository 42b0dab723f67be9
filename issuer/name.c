/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/name.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "base/text.h"
#include "issuer/chain.h"

/* UTF-8 and unescaped from OpenSSL: escaping is ours, once. */
#define NAME_FLAGS                                                                                           \
    (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB & ~(unsigned long)ASN1_STRFLGS_ESC_CTRL)

void name_put(sigb_buf *out, const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *written = NULL;
    long len;

    if (text == NULL || X509_NAME_print_ex(text, name, 0, NAME_FLAGS) < 0) {
        out->failed = true;
        ERR_clear_error();
    } else {
        len = BIO_get_mem_data(text, &written);
        sigb_text_escape(out, sigb_bytes_of(written, len < 0 ? 0 : (size_t)len));
    }
    BIO_free(text);
}

void serial_put(sigb_buf *out, X509 *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

    text_put(out, ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-0x" : "0x");
    text_put_hex(out, sigb_bytes_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)));
}

bool oid_put(sigb_buf *out, const ASN1_OBJECT *oid)
{
    int len = OBJ_obj2txt(NULL, 0, oid, 1);
    char *text = len <= 0 ? NULL : OPENSSL_malloc((size_t)len + 1);
    bool put = text != NULL && OBJ_obj2txt(text, len + 1, oid, 1) == len;

    if (put)
        sigb_buf_append(out, sigb_bytes_of(text, (size_t)len));
    if (text == NULL || out->failed)
        ERR_raise(ERR_LIB_CRYPTO, ERR_R_MALLOC_FAILURE);
    OPENSSL_free(text);
    return put && !out->failed;
}

/* Cuts escaped text to what fits `room` with its quotes and a mark, at a character's border. */
static size_t cut_len(sigb_bytes text, size_t most)
{
    size_t len = most;

    if (text.len <= most)
        return text.len;
    while (len > 0 && (text.ptr[len] & 0xC0) == 0x80)
        len--;
    return len;
}

const char *cert_name(X509 *cert, char room[CERT_NAME_ROOM])
{
    sigb_buf name = SIGB_BUF_INIT;
    size_t len;

    name_put(&name, X509_get_subject_name(cert));
    if (name.failed) /* so that sigb_openssl_refused() tells what really happened */
        ERR_raise(ERR_LIB_CRYPTO, ERR_R_MALLOC_FAILURE);
    len = cut_len(sigb_buf_bytes(&name), CERT_NAME_ROOM - 6);
    if (len == 0)
        (void)snprintf(room, CERT_NAME_ROOM, "a certificate without a name");
    else
        (void)snprintf(room, CERT_NAME_ROOM, "'%.*s%s'", (int)len, (const char *)name.ptr,
                       len < name.len ? "..." : "");
    sigb_buf_free(&name);
    return room;
}
