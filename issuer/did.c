/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/did.h"

#include <openssl/evp.h>

#include "base/alg.h"
#include "base/base64.h"
#include "base/certs.h"
#include "base/error.h"
#include "base/libctx.h"
#include "base/text.h"
#include "issuer/chain.h"

#define DID_PREFIX  "did:x509:"
#define DID_VERSION "0"

static sigb_rc subject_require(sigb_bytes value, sigb_diag *diag);
static sigb_rc san_require(sigb_bytes value, sigb_diag *diag);
static sigb_rc eku_value_require(sigb_bytes value, sigb_diag *diag);
static sigb_rc fulcio_require(sigb_bytes value, sigb_diag *diag);

/* One row a predicate: its name in the text and the shape of its value. */
static const struct predicate_row {
    const char *text;
    did_predicate_name name;
    sigb_rc (*require)(sigb_bytes value, sigb_diag *diag);
} PREDICATES[] = {
    {"subject", DID_SUBJECT, subject_require},
    {"san", DID_SAN, san_require},
    {"eku", DID_EKU, eku_value_require},
    {"fulcio-issuer", DID_FULCIO_ISSUER, fulcio_require},
};

static const char *const SUBJECT_LABELS[] = {"CN", "L", "ST", "O", "OU", "C", "STREET"};
static const char *const SAN_TYPES[] = {"email", "dns", "uri"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- bytes ---- */

static bool is_plain(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static sigb_bytes from(sigb_bytes bytes, size_t at)
{
    return sigb_bytes_of(bytes.ptr + at, bytes.len - at);
}

static bool is_text(sigb_bytes bytes, const char *text)
{
    return sigb_bytes_equal(bytes, sigb_bytes_text(text));
}

static bool is_among(sigb_bytes bytes, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_text(bytes, texts[i]))
            return true;
    return false;
}

/* Everything before the next ':', which is taken off too; all of it if there is none. */
static sigb_bytes take_field(sigb_bytes *rest)
{
    const uint8_t *colon = rest->len == 0 ? NULL : memchr(rest->ptr, ':', rest->len);
    size_t len = colon == NULL ? rest->len : (size_t)(colon - rest->ptr);
    sigb_bytes field = sigb_bytes_of(rest->ptr, len);

    *rest = from(*rest, colon == NULL ? len : len + 1);
    return field;
}

bool did_next_part(sigb_bytes *rest, sigb_bytes *part)
{
    if (rest->len == 0)
        return false;
    *part = take_field(rest);
    return true;
}

void did_put_value(sigb_buf *text, sigb_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (is_plain(value.ptr[i]))
            sigb_buf_append(text, sigb_bytes_of(value.ptr + i, 1));
        else
            text_putf(text, "%%%02X", value.ptr[i]);
    }
}

void did_put_decoded(sigb_buf *out, sigb_bytes part)
{
    for (size_t i = 0; i < part.len; i++) {
        uint8_t byte = part.ptr[i];

        if (byte == '%') {
            byte = (uint8_t)(hex_value(part.ptr[i + 1]) * 16 + hex_value(part.ptr[i + 2]));
            i += 2;
        }
        sigb_buf_append(out, sigb_bytes_of(&byte, 1));
    }
}

/* ---- the grammar ---- */

static sigb_rc malformed(sigb_diag *diag, const char *what)
{
    return sigb_fail(diag, SIGB_E_DID, "not a did:x509: %s", what);
}

/* predicate-value = *(1*idchar ":") 1*idchar ; idchar = ALPHA / DIGIT / "." / "-" / "_" / "%" HEXDIG HEXDIG */
static sigb_rc value_require(sigb_bytes value, sigb_diag *diag)
{
    bool in_part = false;

    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];

        if (c == ':' && !in_part)
            return malformed(diag, "an empty part between colons");
        if (c == '%') {
            if (value.len - i < 3 || hex_value(value.ptr[i + 1]) < 0 || hex_value(value.ptr[i + 2]) < 0)
                return malformed(diag, "'%' must be followed by two hexadecimal digits");
            i += 2;
        } else if (c == '/' || c == '?' || c == '#') {
            return malformed(diag, "it has a path, a query or a fragment; write %2F, %3F, %23 in values");
        } else if (c != ':' && !is_plain(c)) {
            return sigb_fail(diag, SIGB_E_DID, "not a did:x509: byte 0x%02x stands unencoded; write %%%02X",
                             c, c);
        }
        in_part = c != ':';
    }
    return in_part ? SIGB_OK : malformed(diag, "a value is empty or ends in a colon");
}

/* subject: key ":" value *(":" key ":" value), no key twice */
static sigb_rc subject_require(sigb_bytes value, sigb_diag *diag)
{
    sigb_bytes rest = value, key, ignored, before, other;

    while (did_next_part(&rest, &key)) {
        if (!did_next_part(&rest, &ignored))
            return malformed(diag, "the subject predicate wants pairs of key and value");
        if (!is_among(key, SUBJECT_LABELS, COUNT(SUBJECT_LABELS)) && !oid_is_valid(key))
            return malformed(diag, "a subject key is none of CN, L, ST, O, OU, C, STREET or a dotted OID");
        before = value;
        while (did_next_part(&before, &other) && other.ptr != key.ptr) {
            if (sigb_bytes_equal(other, key))
                return malformed(diag, "the subject predicate has one key twice");
            (void)did_next_part(&before, &other);
        }
    }
    return SIGB_OK;
}

static sigb_rc san_require(sigb_bytes value, sigb_diag *diag)
{
    sigb_bytes rest = value, type = take_field(&rest);

    if (!is_among(type, SAN_TYPES, COUNT(SAN_TYPES)))
        return malformed(diag, "the san predicate begins with email, dns or uri");
    if (rest.len == 0 || memchr(rest.ptr, ':', rest.len) != NULL)
        return malformed(diag, "the san predicate wants one type and one value; ':' in a value is %3A");
    return SIGB_OK;
}

static sigb_rc eku_value_require(sigb_bytes value, sigb_diag *diag)
{
    return oid_is_valid(value) ? SIGB_OK : malformed(diag, "the eku predicate wants a dotted OID");
}

static sigb_rc fulcio_require(sigb_bytes value, sigb_diag *diag)
{
    return memchr(value.ptr, ':', value.len) == NULL
               ? SIGB_OK
               : malformed(diag, "the fulcio-issuer predicate wants one value; ':' in it is %3A");
}

static sigb_rc add_predicate(did *parsed, sigb_bytes text, sigb_diag *diag)
{
    sigb_bytes value = text, name = take_field(&value);
    did_predicate *last = &parsed->predicates[parsed->count];
    sigb_rc rc;

    for (size_t i = 0; i < COUNT(PREDICATES); i++) {
        if (!is_text(name, PREDICATES[i].text))
            continue;
        rc = value_require(value, diag);
        if (rc == SIGB_OK)
            rc = PREDICATES[i].require(value, diag);
        if (rc == SIGB_OK) {
            *last = (did_predicate){PREDICATES[i].name, value};
            parsed->count++;
        }
        return rc;
    }
    return malformed(diag, "a predicate is none of subject, san, eku, fulcio-issuer");
}

/* Offset of the next "::", or the end. */
static size_t find_double_colon(sigb_bytes text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ':')
            return i;
    return text.len;
}

static size_t count_double_colons(sigb_bytes text)
{
    size_t count = 0, at;

    while ((at = find_double_colon(text)) < text.len) {
        count++;
        text = from(text, at + 2);
    }
    return count;
}

/* 1*("::" predicate-name ":" predicate-value) */
static sigb_rc parse_predicates(did *parsed, sigb_bytes text, sigb_diag *diag)
{
    size_t count = count_double_colons(text);
    sigb_rc rc = SIGB_OK;

    if (count == 0)
        return malformed(diag, "it has no predicate; '::eku:' and an OID is the usual one");
    parsed->predicates = OPENSSL_zalloc(count * sizeof(did_predicate));
    if (parsed->predicates == NULL)
        return sigb_no_memory(diag);
    while (rc == SIGB_OK && text.len > 0) {
        size_t end;

        text = from(text, 2);
        end = find_double_colon(text);
        rc = add_predicate(parsed, sigb_bytes_of(text.ptr, end), diag);
        text = from(text, end);
    }
    return rc;
}

/* By name, as it stands in the text. */
static const hash_row *find_hash(sigb_bytes name)
{
    static const sigb_hash hashes[] = {SIGB_SHA256, SIGB_SHA384, SIGB_SHA512};

    for (size_t i = 0; i < COUNT(hashes); i++)
        if (is_text(name, sigb_hash_name(hashes[i])))
            return hash_row_of(hashes[i]);
    return NULL;
}

/* version ":" hash ":" fingerprint */
static sigb_rc parse_head(did *parsed, sigb_bytes head, sigb_diag *diag)
{
    sigb_bytes version = take_field(&head), name = take_field(&head);
    const hash_row *row = find_hash(name);

    if (!is_text(version, DID_VERSION))
        return malformed(diag, "its version is not 0");
    if (row == NULL)
        return malformed(diag, "its fingerprint's hash is none of sha256, sha384, sha512");
    parsed->hash = row->id;
    if (!base64url_decode(&parsed->fingerprint, head))
        return malformed(diag, "its fingerprint is not base64url without padding");
    if (parsed->fingerprint.failed)
        return sigb_no_memory(diag);
    if (parsed->fingerprint.len != row->len)
        return sigb_fail(diag, SIGB_E_DID, "not a did:x509: its fingerprint has %zu bytes where %s has %zu",
                         parsed->fingerprint.len, row->name, row->len);
    return SIGB_OK;
}

static sigb_rc parse(did *parsed, sigb_bytes text, sigb_diag *diag)
{
    sigb_bytes rest;
    size_t head;
    sigb_rc rc;

    sigb_buf_append(&parsed->text, text);
    if (parsed->text.failed)
        return sigb_no_memory(diag);
    rest = from(sigb_buf_bytes(&parsed->text), strlen(DID_PREFIX));
    head = find_double_colon(rest);
    rc = parse_head(parsed, sigb_bytes_of(rest.ptr, head), diag);
    return rc == SIGB_OK ? parse_predicates(parsed, from(rest, head), diag) : rc;
}

sigb_rc did_parse(sigb_bytes text, did **parsed, sigb_diag *diag)
{
    did *made;
    sigb_rc rc;

    if (text.len > SIGB_MAX_DID)
        return sigb_fail(diag, SIGB_E_LIMIT, "an issuer of %zu bytes: at most %d are read", text.len,
                         SIGB_MAX_DID);
    if (text.len < strlen(DID_PREFIX) || memcmp(text.ptr, DID_PREFIX, strlen(DID_PREFIX)) != 0)
        return sigb_fail(diag, SIGB_E_ISSUER_METHOD,
                         "the issuer is not a did:x509: no other issuer method is supported");
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return sigb_no_memory(diag);
    rc = parse(made, text, diag);
    if (rc == SIGB_OK)
        *parsed = made;
    else
        did_free(made);
    return rc;
}

void did_free(did *parsed)
{
    if (parsed == NULL)
        return;
    sigb_buf_free(&parsed->text);
    sigb_buf_free(&parsed->fingerprint);
    OPENSSL_free(parsed->predicates);
    OPENSSL_free(parsed);
}

bool did_has_eku(const did *parsed)
{
    for (size_t i = 0; i < parsed->count; i++)
        if (parsed->predicates[i].name == DID_EKU)
            return true;
    return false;
}

/* ---- writing ---- */

static void put_predicate(sigb_buf *text, const did_predicate *predicate)
{
    for (size_t i = 0; i < COUNT(PREDICATES); i++)
        if (PREDICATES[i].name == predicate->name)
            text_putf(text, "::%s:", PREDICATES[i].text);
    sigb_buf_append(text, predicate->value);
}

static void put_head(sigb_buf *text, sigb_hash hash, sigb_bytes fingerprint)
{
    text_putf(text, DID_PREFIX DID_VERSION ":%s:", sigb_hash_name(hash));
    base64url_encode(text, fingerprint);
}

sigb_rc did_format(const did *parsed, sigb_buf *text, sigb_diag *diag)
{
    put_head(text, parsed->hash, sigb_buf_bytes(&parsed->fingerprint));
    for (size_t i = 0; i < parsed->count; i++)
        put_predicate(text, &parsed->predicates[i]);
    return text->failed ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc cert_fingerprint(X509 *cert, sigb_hash hash, uint8_t digest[64], sigb_diag *diag)
{
    const hash_row *row = hash_row_of(hash);
    const EVP_MD *md = row == NULL ? NULL : libctx_digest(row->digest);

    if (md == NULL || X509_digest(cert, md, digest, NULL) != 1)
        return sigb_openssl_failed(diag, "the fingerprint of a certificate");
    return SIGB_OK;
}

sigb_rc did_put_eku(sigb_buf *text, sigb_hash hash, X509 *ca, sigb_bytes oid, sigb_diag *diag)
{
    uint8_t digest[64];
    sigb_rc rc = cert_fingerprint(ca, hash, digest, diag);

    if (rc != SIGB_OK)
        return rc;
    put_head(text, hash, sigb_bytes_of(digest, hash_row_of(hash)->len));
    put_predicate(text, &(did_predicate){DID_EKU, oid});
    return text->failed ? sigb_no_memory(diag) : SIGB_OK;
}
