/* SPDX-License-Identifier: Apache-2.0 */
#include "token/subject.h"

#include <strings.h>

#include <openssl/objects.h>

#include "base/error.h"
#include "base/text.h"
#include "issuer/chain.h"

#define SPECIALS "\"+,;<=>\\# " /* RFC 4514, 2.4: what a backslash may stand before */

/* X.520, and RFC 5280 A.1 for the upper bounds. */
/* clang-format off */
static const struct kind {
    const char *name;
    const char *oid;
    int form;        /* ASN.1 string type */
    size_t min, max; /* characters */
} KINDS[] = {
    {"CN",           "2.5.4.3",              V_ASN1_UTF8STRING,      1, 64},
    {"SERIALNUMBER", "2.5.4.5",              V_ASN1_PRINTABLESTRING, 1, 64},
    {"C",            "2.5.4.6",              V_ASN1_PRINTABLESTRING, 2, 2},
    {"L",            "2.5.4.7",              V_ASN1_UTF8STRING,      1, 128},
    {"ST",           "2.5.4.8",              V_ASN1_UTF8STRING,      1, 128},
    {"STREET",       "2.5.4.9",              V_ASN1_UTF8STRING,      1, 128},
    {"O",            "2.5.4.10",             V_ASN1_UTF8STRING,      1, 64},
    {"OU",           "2.5.4.11",             V_ASN1_UTF8STRING,      1, 64},
    {"emailAddress", "1.2.840.113549.1.9.1", V_ASN1_IA5STRING,       1, 255},
};
/* clang-format on */

static const struct kind ANY_KIND = {NULL, NULL, V_ASN1_UTF8STRING, 1, 255};

static bool is_name(const char *name, sigb_bytes type)
{
    return strlen(name) == type.len && strncasecmp(name, (const char *)type.ptr, type.len) == 0;
}

static const struct kind *kind_find(sigb_bytes type)
{
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        if (is_name(KINDS[i].name, type) || sigb_bytes_equal(sigb_bytes_text(KINDS[i].oid), type))
            return &KINDS[i];
    return oid_is_valid(type) ? &ANY_KIND : NULL;
}

/* Takes "type" off the front of rest, and the '=' behind it. */
static sigb_rc take_type(sigb_bytes *rest, sigb_bytes *type, sigb_diag *diag)
{
    const uint8_t *equals;

    while (rest->len > 0 && rest->ptr[0] == ' ')
        *rest = sigb_bytes_of(rest->ptr + 1, rest->len - 1);
    equals = rest->len == 0 ? NULL : memchr(rest->ptr, '=', rest->len);
    if (equals == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "subject: \"%.*s\" is not an attribute; \"CN=Example,O=Example\" is the form",
                         (int)rest->len, rest->len == 0 ? "" : (const char *)rest->ptr);
    *type = sigb_bytes_of(rest->ptr, (size_t)(equals - rest->ptr));
    *rest = sigb_bytes_of(equals + 1, rest->len - type->len - 1);
    return SIGB_OK;
}

/* Takes a value off the front of rest, up to the comma that ends it; *more tells whether there was one. */
static sigb_rc take_value(sigb_bytes *rest, sigb_buf *value, bool *more, sigb_diag *diag)
{
    size_t at = 0;

    for (; at < rest->len && rest->ptr[at] != ','; at++) {
        if (rest->ptr[at] == '\\') {
            at++;
            if (at == rest->len || rest->ptr[at] == '\0' || strchr(SPECIALS, rest->ptr[at]) == NULL)
                return sigb_fail(diag, SIGB_E_USAGE,
                                 "subject: a backslash stands before one of %s and before nothing else",
                                 SPECIALS);
        } else if (strchr(at == 0 ? "#\"+;<>" : "\"+;<>", rest->ptr[at]) != NULL) {
            return sigb_fail(diag, SIGB_E_USAGE,
                             "subject: '%c' has a meaning of its own; write \\%c for the character",
                             rest->ptr[at], rest->ptr[at]);
        }
        sigb_buf_append(value, sigb_bytes_of(rest->ptr + at, 1));
    }
    *more = at < rest->len;
    *rest = sigb_bytes_of(rest->ptr + at + *more, rest->len - at - *more);
    return value->failed ? sigb_no_memory(diag) : SIGB_OK;
}

static size_t characters(sigb_bytes utf8)
{
    size_t count = 0;

    for (size_t i = 0; i < utf8.len; i++)
        count += (utf8.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* Escaping doubles a backslash and changes nothing else of a value that is plain to the eye. */
static sigb_rc plain_to_the_eye(sigb_bytes value, bool *plain, sigb_diag *diag)
{
    sigb_buf escaped = SIGB_BUF_INIT;
    size_t wanted = value.len;
    sigb_rc rc;

    for (size_t i = 0; i < value.len; i++)
        wanted += value.ptr[i] == '\\';
    sigb_text_escape(&escaped, value);
    *plain = escaped.len == wanted;
    rc = escaped.failed ? sigb_no_memory(diag) : SIGB_OK;
    sigb_buf_free(&escaped);
    return rc;
}

static bool form_fits(int form, sigb_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (form == V_ASN1_IA5STRING && c > 0x7E)
            return false;
        if (form == V_ASN1_PRINTABLESTRING && !alnum && (c == 0 || strchr(" '()+,-./:=?", c) == NULL))
            return false;
    }
    return true;
}

static sigb_rc value_check(const struct kind *kind, sigb_bytes type, sigb_bytes value, sigb_diag *diag)
{
    size_t count = characters(value);
    bool plain = false;
    sigb_rc rc = plain_to_the_eye(value, &plain, diag);

    if (rc != SIGB_OK)
        return rc;
    if (!plain)
        return sigb_fail(diag, SIGB_E_USAGE, "subject: %.*s has control characters or is not UTF-8",
                         (int)type.len, (const char *)type.ptr);
    if (count < kind->min || count > kind->max)
        return sigb_fail(diag, SIGB_E_USAGE, "subject: %.*s has %zu characters; %zu to %zu are wanted",
                         (int)type.len, (const char *)type.ptr, count, kind->min, kind->max);
    if (value.ptr[0] == ' ' || value.ptr[value.len - 1] == ' ')
        return sigb_fail(diag, SIGB_E_USAGE, "subject: %.*s begins or ends with a blank; take it away",
                         (int)type.len, (const char *)type.ptr);
    if (!form_fits(kind->form, value))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "subject: %.*s has a character outside letters, digits and plain punctuation",
                         (int)type.len, (const char *)type.ptr);
    return SIGB_OK;
}

/* The certificate holds the most general attribute first, RFC 4514 writes it last: so each goes to the front. */
static sigb_rc name_put(X509_NAME *name, const struct kind *kind, sigb_bytes type, sigb_bytes value,
                        sigb_diag *diag)
{
    sigb_buf oid = SIGB_BUF_INIT;
    ASN1_OBJECT *object = NULL;
    const char *text;
    sigb_rc rc = SIGB_OK;

    if (kind->oid == NULL)
        sigb_buf_append(&oid, type);
    else
        text_put(&oid, kind->oid);
    text = text_c_str(&oid);
    if (text == NULL)
        rc = sigb_no_memory(diag);
    else if ((object = OBJ_txt2obj(text, 1)) == NULL)
        rc = sigb_openssl_refused(diag, SIGB_E_USAGE, "subject: %s is not an OID that can be written", text);
    else if (X509_NAME_add_entry_by_OBJ(name, object, kind->form, value.ptr, (int)value.len, 0, 0) != 1)
        rc = sigb_openssl_failed(diag, "to write a subject");
    ASN1_OBJECT_free(object);
    sigb_buf_free(&oid);
    return rc;
}

static sigb_rc attribute_take(sigb_bytes *rest, X509_NAME *name, bool *more, sigb_diag *diag)
{
    sigb_buf value = SIGB_BUF_INIT;
    sigb_bytes type = SIGB_BYTES_NONE;
    const struct kind *kind = NULL;
    sigb_rc rc = take_type(rest, &type, diag);

    if (rc == SIGB_OK && (kind = kind_find(type)) == NULL)
        rc = sigb_fail(diag, SIGB_E_USAGE,
                       "subject: attribute \"%.*s\" is unknown; CN, O, OU, C, L, ST, STREET, SERIALNUMBER, "
                       "emailAddress or a dotted OID are wanted",
                       (int)type.len, (const char *)type.ptr);
    if (rc == SIGB_OK)
        rc = take_value(rest, &value, more, diag);
    if (rc == SIGB_OK)
        rc = value_check(kind, type, sigb_buf_bytes(&value), diag);
    if (rc == SIGB_OK)
        rc = name_put(name, kind, type, sigb_buf_bytes(&value), diag);
    sigb_buf_free(&value);
    return rc;
}

sigb_rc subject_parse(const char *text, X509_NAME **name, sigb_diag *diag)
{
    sigb_bytes rest = sigb_bytes_text(text);
    X509_NAME *made = NULL;
    bool more = true;
    sigb_rc rc = SIGB_OK;

    if (rest.len == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "a certificate needs a subject, \"CN=Example\" for example");
    if (rest.len > SIGB_MAX_NAME)
        return sigb_fail(diag, SIGB_E_LIMIT, "subject of %zu bytes: at most %d", rest.len, SIGB_MAX_NAME);
    made = X509_NAME_new();
    if (made == NULL)
        return sigb_openssl_failed(diag, "to write a subject");
    while (rc == SIGB_OK && more)
        rc = attribute_take(&rest, made, &more, diag);
    if (rc == SIGB_OK)
        *name = made;
    else
        X509_NAME_free(made);
    return rc;
}
