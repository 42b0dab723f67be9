/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed statement as verify/ sees it: the exact bytes that were signed, and where things lie. */
#ifndef SIGB_COSE_STATEMENT_H
#define SIGB_COSE_STATEMENT_H

#include <sigbridge/statement.h>

/* The protected bucket as it stands in the statement (the content of the bstr). */
sigb_bytes statement_protected(const sigb_statement *statement);
sigb_bytes statement_signature(const sigb_statement *statement);

/* The encoded x5chain value: equal bytes mean an equal chain, so a checked one is recognised without parsing. */
sigb_bytes statement_x5chain(const sigb_statement *statement);

/* x5t (34): false if absent. The hash is SIGB_HASH_NONE where it is one this version does not know. */
bool statement_x5t(const sigb_statement *statement, sigb_hash *hash, sigb_bytes *digest);

/* iss as it stands; which buckets hold what has been judged by the parser. */
bool statement_has_claims(const sigb_statement *statement); /* label 15, protected */

/* True if the claims say from when or until when they hold (exp, nbf): nothing here judges that. */
bool statement_has_dates(const sigb_statement *statement);

/* True if label 258 is there. sigb_statement_hash() is SIGB_HASH_NONE for a hash this version does not know. */
bool statement_is_envelope(const sigb_statement *statement);

/* False if crit (2) lists what the profile's ledger refuses there: for mst, anything but 15 and 33. */
bool statement_crit_fits(const sigb_statement *statement, sigb_profile profile);

#endif
