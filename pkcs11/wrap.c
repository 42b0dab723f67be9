/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/wrap.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include <sigbridge/provider.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/pkcs11.h"

#define DESCRIPTION "PKCS#11 Provider URI v1.0"
#define SEQUENCE    (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED)

/* ---- DER, as far as this structure needs it: lengths of two bytes at most, each in its one form ---- */

static void put_tlv(sigb_buf *out, uint8_t tag, sigb_bytes value)
{
    uint8_t head[4] = {tag};
    size_t used = 1;

    if (value.len >= 256)
        head[used++] = 0x82;
    else if (value.len >= 128)
        head[used++] = 0x81;
    if (value.len >= 256)
        head[used++] = (uint8_t)(value.len >> 8);
    head[used++] = (uint8_t)value.len;
    sigb_buf_append(out, sigb_bytes_of(head, used));
    sigb_buf_append(out, value);
}

/* The bytes of the length at `p`, its own first byte included; 0 where it is not in its shortest form. */
static size_t read_length(sigb_bytes at, size_t *len)
{
    const uint8_t *p = at.ptr;
    size_t more = at.len == 0 || p[0] < 0x80 ? 0 : (size_t)(p[0] & 0x7f);

    if (at.len == 0 || at.len < 1 + more || more > 2 || p[0] == 0x80)
        return 0;
    *len = p[0] & 0x7f;
    if (more > 0)
        *len = more == 1 ? p[1] : (size_t)p[1] << 8 | p[2];
    return (more == 1 && *len < 128) || (more == 2 && *len < 256) ? 0 : 1 + more;
}

/* Takes one element of this tag off `rest`; false where none begins there that fits. */
static bool take_tlv(sigb_bytes *rest, uint8_t tag, sigb_bytes *value)
{
    size_t len = 0, used;

    if (rest->len == 0 || rest->ptr[0] != tag)
        return false;
    used = 1 + read_length(sigb_bytes_of(rest->ptr + 1, rest->len - 1), &len);
    if (used == 1 || rest->len - used < len)
        return false;
    *value = sigb_bytes_of(rest->ptr + used, len);
    *rest = sigb_bytes_of(rest->ptr + used + len, rest->len - used - len);
    return true;
}

/* ---- writing ---- */

/* A reference to a private key that holds no secret itself. */
static sigb_rc require_wrappable(const char *text, const sigb_notes *notes, bool *says_type, sigb_diag *diag)
{
    p11_uri *uri = NULL;
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    sigb_rc rc = p11_uri_parse(text, notes, &uri, diag);

    if (rc != SIGB_OK)
        return rc;
    if (p11_uri_has_pin(uri))
        rc = sigb_fail(diag, SIGB_E_URI,
                       "the URI holds the PIN (pin-value=), and a file is no place for one; leave it out, or "
                       "name a file that holds the PIN alone (pin-source=file:/PATH)");
    else if ((*says_type = p11_uri_class(uri, &class)) && class != CKO_PRIVATE_KEY)
        rc = sigb_fail(diag, SIGB_E_URI,
                       "the URI names another kind of object than a private key; wanted is type=private, or "
                       "no type=");
    p11_uri_free(uri);
    return rc;
}

static void put_der(sigb_buf *out, const char *uri)
{
    sigb_buf members = SIGB_BUF_INIT;

    put_tlv(&members, V_ASN1_VISIBLESTRING, sigb_bytes_text(DESCRIPTION));
    put_tlv(&members, V_ASN1_UTF8STRING, sigb_bytes_text(uri));
    put_tlv(out, SEQUENCE, sigb_buf_bytes(&members));
    out->failed |= members.failed;
    sigb_buf_free(&members);
}

static sigb_rc put_pem(sigb_buf *out, sigb_bytes der, sigb_diag *diag)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    sigb_rc rc = SIGB_OK;

    if (bio == NULL || PEM_write_bio(bio, WRAP_PEM_NAME, "", der.ptr, (long)der.len) <= 0 ||
        (len = BIO_get_mem_data(bio, &text)) <= 0)
        rc = sigb_openssl_failed(diag, "PEM_write_bio");
    else
        sigb_buf_append(out, sigb_bytes_of(text, (size_t)len));
    BIO_free(bio);
    return rc == SIGB_OK && out->failed ? sigb_no_memory(diag) : rc;
}

sigb_rc wrap_write(const char *uri, const sigb_notes *notes, sigb_buf *pem, sigb_diag *diag)
{
    sigb_buf der = SIGB_BUF_INIT;
    bool says_type;
    sigb_rc rc = require_wrappable(uri, notes, &says_type, diag);

    if (rc == SIGB_OK) {
        put_der(&der, uri);
        rc = der.failed ? sigb_no_memory(diag) : put_pem(pem, sigb_buf_bytes(&der), diag);
    }
    sigb_buf_free(&der);
    return rc;
}

/* pkcs11-provider takes the first object that fits, and finds no private key where that is another. */
static void put_typed(sigb_buf *out, const char *uri)
{
    size_t path = strcspn(uri, "?");

    sigb_buf_append(out, sigb_bytes_of(uri, path));
    text_put(out, path == strlen("pkcs11:") ? "type=private" : ";type=private");
    text_put(out, uri + path);
}

sigb_rc sigb_provider_wrap(const char *uri, const sigb_notes *notes, sigb_buf *pem, sigb_diag *diag)
{
    sigb_buf typed = SIGB_BUF_INIT;
    bool says_type = false;
    sigb_rc rc;

    if (uri == NULL || pem == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no URI to wrap, or no buffer for the file");
    rc = require_wrappable(uri, notes, &says_type, diag);
    if (rc == SIGB_OK && says_type)
        rc = wrap_write(uri, NULL, pem, diag);
    else if (rc == SIGB_OK) {
        put_typed(&typed, uri);
        rc = typed.failed ? sigb_no_memory(diag) : wrap_write(text_c_str(&typed), NULL, pem, diag);
    }
    sigb_buf_free(&typed);
    return rc;
}

/* ---- reading ---- */

static sigb_rc is_no_wrap(sigb_diag *diag, const char *what)
{
    return sigb_fail(diag, SIGB_E_URI,
                     "the file does not wrap a key URI: %s; make it anew (sigbridge provider wrap)", what);
}

static sigb_rc judge(sigb_bytes uri, sigb_diag *diag)
{
    if (uri.len == 0)
        return is_no_wrap(diag, "its URI is empty");
    if (uri.len > SIGB_MAX_URI)
        return sigb_fail(diag, SIGB_E_LIMIT, "the file wraps a URI of %zu characters; at most %d are read",
                         uri.len, SIGB_MAX_URI);
    if (memchr(uri.ptr, '\0', uri.len) != NULL)
        return is_no_wrap(diag, "its URI holds NUL");
    return SIGB_OK;
}

/* A SEQUENCE that begins with a VisibleString; a private key's first member is a number. */
bool wrap_begins(sigb_bytes der)
{
    size_t len, used = der.len < 2 || der.ptr[0] != SEQUENCE
                           ? 0
                           : read_length(sigb_bytes_of(der.ptr + 1, der.len - 1), &len);

    return used > 0 && 1 + used < der.len && der.ptr[1 + used] == V_ASN1_VISIBLESTRING;
}

sigb_rc wrap_read(sigb_bytes der, char **uri, sigb_diag *diag)
{
    sigb_bytes members, description, text;
    char *copy;
    sigb_rc rc;

    if (!take_tlv(&der, SEQUENCE, &members))
        return is_no_wrap(diag, "it is not one DER SEQUENCE");
    if (der.len != 0)
        return is_no_wrap(diag, "bytes follow behind its end");
    if (!take_tlv(&members, V_ASN1_VISIBLESTRING, &description) ||
        !sigb_bytes_equal(description, sigb_bytes_text(DESCRIPTION)))
        return is_no_wrap(diag, "it does not begin with \"" DESCRIPTION "\"");
    if (!take_tlv(&members, V_ASN1_UTF8STRING, &text) || members.len != 0)
        return is_no_wrap(diag, "not one UTF8String follows, the URI");
    rc = judge(text, diag);
    if (rc != SIGB_OK)
        return rc;
    copy = OPENSSL_strndup((const char *)text.ptr, text.len);
    if (copy == NULL)
        return sigb_no_memory(diag);
    *uri = copy;
    return SIGB_OK;
}
