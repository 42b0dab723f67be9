/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/chain.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/text.h"
#include "issuer/name.h"

#define DIGITS "0123456789"

/* Takes one arc off the front: its digits; no bytes if there are none or the first of several is 0. */
static sigb_bytes take_arc(sigb_bytes *text)
{
    size_t len = 0;
    sigb_bytes arc = SIGB_BYTES_NONE;

    while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        len++;
    if (len > 0 && (len == 1 || text->ptr[0] != '0'))
        arc = sigb_bytes_of(text->ptr, len);
    *text = sigb_bytes_of(text->ptr + len, text->len - len);
    return arc;
}

/* X.660: under 0 and 1 there are forty. */
static bool second_arc_fits(sigb_bytes first, sigb_bytes second)
{
    return first.ptr[0] == '2' || second.len == 1 || (second.len == 2 && second.ptr[0] < '4');
}

bool oid_is_valid(sigb_bytes text)
{
    sigb_bytes first = SIGB_BYTES_NONE, arc;
    size_t arcs = 0;

    if (text.len == 0 || text.len > SIGB_MAX_OID)
        return false;
    for (;;) {
        arc = take_arc(&text);
        if (arc.len == 0 || (arcs == 1 && !second_arc_fits(first, arc)))
            return false;
        if (arcs == 0) {
            first = arc;
            if (first.len != 1 || first.ptr[0] > '2')
                return false;
        }
        arcs++;
        if (text.len == 0)
            return arcs >= 2;
        if (text.ptr[0] != '.')
            return false;
        text = sigb_bytes_of(text.ptr + 1, text.len - 1);
    }
}

sigb_rc oid_parse(sigb_bytes text, ASN1_OBJECT **oid, sigb_diag *diag)
{
    char copy[SIGB_MAX_OID + 1];
    ASN1_OBJECT *parsed;

    if (!oid_is_valid(text))
        return sigb_fail(diag, SIGB_E_USAGE, "'%.*s' is not a dotted OID", text.len > 64 ? 64 : (int)text.len,
                         text.len == 0 ? "" : (const char *)text.ptr);
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.ptr);
    ERR_clear_error();
    parsed = OBJ_txt2obj(copy, 1);
    if (parsed == NULL || ERR_peek_error() != 0) { /* a long arc that memory failed in gives another OID */
        ASN1_OBJECT_free(parsed);
        return sigb_openssl_failed(diag, "to read an OID");
    }
    *oid = parsed;
    return SIGB_OK;
}

sigb_rc eku_read(X509 *leaf, EXTENDED_KEY_USAGE **ekus, sigb_diag *diag)
{
    int found = -1;
    char name[CERT_NAME_ROOM];
    EXTENDED_KEY_USAGE *read;

    ERR_clear_error();
    read = X509_get_ext_d2i(leaf, NID_ext_key_usage, &found, NULL);
    if (read != NULL || found == -1) {
        *ekus = read;
        return SIGB_OK;
    }
    return sigb_openssl_refused(
        diag, SIGB_E_EKU_MALFORMED, "%s: its extended key usage extension %s; have the certificate re-issued",
        cert_name(leaf, name), found == -2 ? "occurs more than once" : "cannot be read");
}

static bool is_any(const ASN1_OBJECT *oid)
{
    return OBJ_obj2nid(oid) == NID_anyExtendedKeyUsage;
}

/* All EKUs of the leaf, as text for a person. */
static void put_list(sigb_buf *out, const EXTENDED_KEY_USAGE *ekus)
{
    for (int i = 0; i < sk_ASN1_OBJECT_num(ekus); i++) {
        text_put(out, i == 0 ? "" : ", ");
        if (!oid_put(out, sk_ASN1_OBJECT_value(ekus, i)))
            text_put(out, "(one that cannot be written)");
    }
}

/* A refusal that ends in the list of what the leaf has. */
static sigb_rc fail_with_list(sigb_diag *diag, sigb_rc rc, X509 *leaf, const EXTENDED_KEY_USAGE *ekus,
                              const char *format, const char *advice)
{
    char name[CERT_NAME_ROOM];
    sigb_buf list = SIGB_BUF_INIT;
    const char *text;

    put_list(&list, ekus);
    text = text_c_str(&list);
    rc = text == NULL
             ? sigb_no_memory(diag)
             : sigb_openssl_refused(diag, rc, "%s %s; %s: %s", cert_name(leaf, name), format, advice, text);
    sigb_buf_free(&list);
    return rc;
}

static sigb_rc fail_absent(X509 *leaf, sigb_diag *diag)
{
    char name[CERT_NAME_ROOM];

    return sigb_openssl_refused(
        diag, SIGB_E_EKU_ABSENT,
        "%s has no extended key usage; the issuer is named by one: have the certificate "
        "re-issued with the EKU of your service",
        cert_name(leaf, name));
}

static sigb_rc fail_any(sigb_diag *diag)
{
    return sigb_fail(
        diag, SIGB_E_EKU_ANY,
        "anyExtendedKeyUsage (2.5.29.37.0) cannot name an issuer: it fits everybody; use the EKU "
        "of your service");
}

static sigb_rc fail_lacking(X509 *leaf, const char *wanted, const EXTENDED_KEY_USAGE *ekus, sigb_diag *diag)
{
    char lacks[SIGB_DIAG_TEXT / 2];

    (void)snprintf(lacks, sizeof(lacks), "lacks the EKU asked for, %s", wanted);
    return fail_with_list(diag, SIGB_E_EKU, leaf, ekus, lacks,
                          "ask for one that it has, or use another certificate; it has");
}

sigb_rc eku_require(X509 *leaf, const char *oid, sigb_diag *diag)
{
    ASN1_OBJECT *wanted = NULL;
    EXTENDED_KEY_USAGE *ekus = NULL;
    bool match = false;
    sigb_rc rc = oid_parse(sigb_bytes_text(oid), &wanted, diag);

    if (rc == SIGB_OK && is_any(wanted))
        rc = fail_any(diag);
    if (rc == SIGB_OK)
        rc = eku_read(leaf, &ekus, diag);
    if (rc != SIGB_OK)
        goto out;
    for (int i = 0; i < sk_ASN1_OBJECT_num(ekus); i++)
        match |= OBJ_cmp(sk_ASN1_OBJECT_value(ekus, i), wanted) == 0;
    if (ekus == NULL)
        rc = fail_absent(leaf, diag);
    else if (!match)
        rc = fail_lacking(leaf, oid, ekus, diag);
out:
    ASN1_OBJECT_free(wanted);
    EXTENDED_KEY_USAGE_free(ekus);
    return rc;
}

static sigb_rc put_only(X509 *leaf, const EXTENDED_KEY_USAGE *ekus, sigb_buf *oid, sigb_diag *diag)
{
    const ASN1_OBJECT *one = sk_ASN1_OBJECT_value(ekus, 0);
    size_t before = oid->len;

    if (sk_ASN1_OBJECT_num(ekus) != 1)
        return fail_with_list(diag, SIGB_E_EKU_AMBIGUOUS, leaf, ekus, "has several EKUs and none was named",
                              "name the one of your service with --eku");
    if (is_any(one))
        return fail_any(diag);
    if (!oid_put(oid, one))
        return oid->failed ? sigb_no_memory(diag)
                           : sigb_openssl_refused(diag, SIGB_E_EKU_MALFORMED,
                                                  "the leaf's only EKU is an OID that cannot be written");
    if (!oid_is_valid(sigb_bytes_of(oid->ptr + before, oid->len - before))) {
        oid->len = before;
        return sigb_fail(diag, SIGB_E_EKU_MALFORMED, "the leaf's only EKU is longer than %d characters",
                         SIGB_MAX_OID);
    }
    return SIGB_OK;
}

sigb_rc eku_only(X509 *leaf, sigb_buf *oid, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc = eku_read(leaf, &ekus, diag);

    if (rc == SIGB_OK)
        rc = sk_ASN1_OBJECT_num(ekus) < 1 ? fail_absent(leaf, diag) : put_only(leaf, ekus, oid, diag);
    EXTENDED_KEY_USAGE_free(ekus);
    return rc;
}
