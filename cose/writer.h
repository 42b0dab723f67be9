/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR with shortest heads and definite lengths (RFC 8949, 4.2.1). A structure is written as its CDDL reads. */
#ifndef SIGB_COSE_WRITER_H
#define SIGB_COSE_WRITER_H

#include <sigbridge/bytes.h>

void put_tag(sigb_buf *out, uint64_t tag);
void put_array(sigb_buf *out, size_t count); /* the items follow */
void put_map(sigb_buf *out, size_t count);   /* keys and values follow, in turn */
void put_int(sigb_buf *out, int64_t value);
void put_bstr(sigb_buf *out, sigb_bytes bytes);
void put_tstr(sigb_buf *out, const char *text);
void put_null(sigb_buf *out);
void put_bool(sigb_buf *out, bool value);

/* The head of a byte string alone; its content follows. */
void put_bstr_head(sigb_buf *out, size_t len);

#define HEAD_ROOM 9 /* bytes of the longest head */

/* The same into memory; returns how many bytes it has. */
size_t bstr_head(uint8_t head[HEAD_ROOM], size_t len);

/* How many bytes the head of a string, array or map of this length has. */
size_t head_len(size_t count);

#endif
