/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL gives in forms of its own: DER that it allocates, ASN.1 times. */
#ifndef SIGB_BASE_DER_H
#define SIGB_BASE_DER_H

#include <openssl/types.h>

#include <sigbridge/bytes.h>

/*
 * Appends what an i2d function wrote, and frees it; `len` is what the function
 * returned, `what` the words of sigb_openssl_failed() where it wrote nothing.
 */
SIGB_CHECK sigb_rc der_take(sigb_buf *out, unsigned char *written, int len, const char *what,
                            sigb_diag *diag);

/*
 * Takes one element of DER with this tag off `rest` and gives its content.
 * False, and nothing taken, where another one stands there, or its length is
 * indefinite, longer than need be, or more than there is.
 */
bool der_open(sigb_bytes *rest, uint8_t tag, sigb_bytes *content);

/* The seconds of an ASN.1 time; false where it is none. */
bool der_seconds(const ASN1_TIME *time, int64_t *at);

#endif
