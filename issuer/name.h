/* SPDX-License-Identifier: Apache-2.0 */
/* Names, serials and attributes of certificates, for people and for did:x509. */
#ifndef SIGB_ISSUER_NAME_H
#define SIGB_ISSUER_NAME_H

#include <openssl/x509.h>

#include <sigbridge/bytes.h>

/* Appends a distinguished name (RFC 4514 order and labels), escaped. Out of memory sets out->failed. */
void name_put(sigb_buf *out, const X509_NAME *name);

/* Appends the serial number in hexadecimal. */
void serial_put(sigb_buf *out, X509 *cert);

/* Appends the dotted form of an OID of any length; false if OpenSSL does not write it (or memory is out). */
bool oid_put(sigb_buf *out, const ASN1_OBJECT *oid);

#endif
