/* SPDX-License-Identifier: Apache-2.0 */
/* What an examination found, as people and the document have it: for the verbs that examine something. */
#ifndef SIGB_CLI_FINDINGS_H
#define SIGB_CLI_FINDINGS_H

#include <sigbridge/token.h>

#include "cli/report.h"

/* Appends "ok  key-sign  CKA_SIGN is true"; where it is not, what was wanted and what to do, line by line. */
void finding_put(sigb_buf *out, const sigb_finding *finding);

/* One member of the document's "checks"; NULL without memory. */
json_t *finding_json(struct report *report, const sigb_finding *finding);

/* The finding of such a member, whose texts are borrowed from it; false where it is none. */
bool finding_of_json(const json_t *member, sigb_finding *finding);

#endif
