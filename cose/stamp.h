/* SPDX-License-Identifier: Apache-2.0 */
/* What of a statement is stamped, for the builder. */
#ifndef SIGB_COSE_STAMP_H
#define SIGB_COSE_STAMP_H

#include "base/alg.h"
#include "timestamp/timestamp.h"

/* The hash that a TSA is asked to stamp for statements of this algorithm (RFC 9921, 3.1, 3.2). */
sigb_hash stamp_hash_for(const alg_row *alg);

#endif
