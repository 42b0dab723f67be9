/* SPDX-License-Identifier: Apache-2.0 */
/* Additions to a finished statement, in the header map that nobody's signature covers. */
#ifndef SIGB_COSE_UNPROTECTED_H
#define SIGB_COSE_UNPROTECTED_H

#include <sigbridge/statement.h>

/*
 * Appends the statement with this value (encoded) for a label of its unprotected
 * header: in the place of the one that is there, else as the last one of the map.
 * No bytes as a value take the label out. The map's count is written anew; every
 * other byte stays as it is. What is made is parsed first: SIGB_E_LIMIT, and what
 * else sigb_statement_parse() refuses. SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc unprotected_splice(const sigb_statement *statement, int64_t label, sigb_bytes value,
                                      sigb_buf *out, sigb_diag *diag);

#endif
