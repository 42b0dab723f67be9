/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR for a person: diagnostic notation (RFC 8949, 8), escaped, and of bounded length. */
#ifndef SIGB_COSE_DIAG_H
#define SIGB_COSE_DIAG_H

#include "cose/reader.h"

/*
 * Appends a checked item on one line. Long strings and large items are cut,
 * which "..." and their length then say.
 */
void diag_put(sigb_buf *out, sigb_bytes whole);

/* "text" with quotes, escaped, cut when longer than a claim may be. */
void diag_put_text(sigb_buf *out, sigb_bytes text);

/* h'00ff', cut when long. */
void diag_put_bytes(sigb_buf *out, sigb_bytes bytes);

#endif
