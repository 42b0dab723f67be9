/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 4648, 5), as did:x509 fingerprints use it. */
#ifndef SIGB_BASE_BASE64_H
#define SIGB_BASE_BASE64_H

#include <sigbridge/bytes.h>

/* Appends the text form of `bytes` to `out`. */
void base64url_encode(sigb_buf *out, sigb_bytes bytes);

/*
 * Appends what `text` stands for. False, and nothing appended, for any character
 * outside the alphabet (padding, blanks, '+' and '/' included), an impossible
 * length, or unused bits that are not zero: one value has one text.
 */
bool base64url_decode(sigb_buf *out, sigb_bytes text);

#endif
