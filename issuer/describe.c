/* SPDX-License-Identifier: Apache-2.0 */
#include <sigbridge/issuer.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/der.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "issuer/name.h"

static void put_time(sigb_buf *text, const ASN1_TIME *time)
{
    char room[TIME_TEXT];
    int64_t at;

    text_put(text, der_seconds(time, &at) ? time_text(at, room) : "unreadable");
}

static void put_key(sigb_buf *text, X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    const char *type = key == NULL ? NULL : EVP_PKEY_get0_type_name(key);
    char group[64];

    if (type == NULL)
        text_put(text, "unreadable");
    else if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) == 1)
        text_putf(text, "%s %s", type, group);
    else
        text_putf(text, "%s %d bits", type, EVP_PKEY_get_bits(key));
}

static sigb_rc put_ekus(sigb_buf *text, X509 *cert, sigb_diag *diag)
{
    EXTENDED_KEY_USAGE *ekus = NULL;
    sigb_rc rc = eku_read(cert, &ekus, diag);

    if (rc == SIGB_E_EKU_MALFORMED) {
        text_put(text, "; EKU unreadable");
        return SIGB_OK;
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(ekus); i++) {
        text_put(text, i == 0 ? "; EKU " : ", ");
        if (!oid_put(text, sk_ASN1_OBJECT_value(ekus, i)))
            rc = sigb_openssl_failed(diag, "to write an OID");
    }
    EXTENDED_KEY_USAGE_free(ekus);
    return rc;
}

static sigb_rc put_cert(sigb_buf *text, X509 *cert, sigb_diag *diag)
{
    sigb_rc rc;

    text_put(text, "subject '");
    name_put(text, X509_get_subject_name(cert));
    text_put(text, "'; issuer '");
    name_put(text, X509_get_issuer_name(cert));
    text_put(text, "'; serial ");
    serial_put(text, cert);
    text_put(text, "; valid ");
    put_time(text, X509_get0_notBefore(cert));
    text_put(text, " to ");
    put_time(text, X509_get0_notAfter(cert));
    text_put(text, "; key ");
    put_key(text, cert);
    text_put(text, X509_check_ca(cert) != 0 ? "; CA" : "");
    rc = put_ekus(text, cert, diag);
    text_put(text, "\n");
    return rc;
}

sigb_rc sigb_certs_describe(sigb_bytes certs, sigb_buf *text, sigb_diag *diag)
{
    STACK_OF(X509) *parsed = NULL;
    size_t before;
    sigb_rc rc;

    if (text == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no buffer for the description");
    before = text->len;
    rc = certs_parse(certs, &parsed, diag);
    for (int i = 0; rc == SIGB_OK && i < sk_X509_num(parsed); i++)
        rc = put_cert(text, sk_X509_value(parsed, i), diag);
    if (rc == SIGB_OK && text->failed)
        rc = sigb_no_memory(diag);
    if (rc != SIGB_OK)
        text->len = before;
    ERR_clear_error();
    sk_X509_pop_free(parsed, X509_free);
    return rc;
}
