/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate's subject, from the text that a person types. */
#ifndef SIGB_TOKEN_SUBJECT_H
#define SIGB_TOKEN_SUBJECT_H

#include <openssl/x509.h>

#include <sigbridge/bytes.h>

/*
 * "CN=Example Root,O=Example" (RFC 4514: the most specific attribute first, \
 * before a special character). Attributes: CN O OU C L ST STREET SERIALNUMBER
 * emailAddress, or a dotted OID. The caller frees *name.
 * SIGB_E_USAGE: nothing in it, an unknown attribute, an empty or unfit value, a
 * blank at a value's end, characters that steer a terminal. SIGB_E_LIMIT.
 */
SIGB_CHECK sigb_rc subject_parse(const char *text, X509_NAME **name, sigb_diag *diag);

#endif
