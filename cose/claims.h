/* SPDX-License-Identifier: Apache-2.0 */
/* What a statement may claim. Rules bind those who sign; verify/ has its own, for what others signed. */
#ifndef SIGB_COSE_CLAIMS_H
#define SIGB_COSE_CLAIMS_H

#include <sigbridge/statement.h>

/* SIGB_E_SUBJECT, _CONTENT_TYPE, _SVN, _ISS (did is the one derived), _USAGE. */
SIGB_CHECK sigb_rc claims_check(const sigb_claims *claims, const char *did, sigb_profile profile,
                                sigb_diag *diag);

/*
 * Appends CWT_Claims = { 1: iss, 2: sub, 6: iat, ? "svn": svn }, in that order.
 * iat is an untagged number (RFC 8392, 3.1.6).
 */
void claims_put(sigb_buf *out, const sigb_claims *claims, const char *did);

/* True for a media type (RFC 6838, 4.2) with any parameters (RFC 9110, 8.3.1). */
bool media_type_is_valid(const char *text);

/* True for UTF-8 without control characters (C0, DEL, C1). */
bool text_is_clean(const char *text);

#endif
