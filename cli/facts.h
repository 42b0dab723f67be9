/* SPDX-License-Identifier: Apache-2.0 */
/* What several verbs tell alike. */
#ifndef SIGB_CLI_FACTS_H
#define SIGB_CLI_FACTS_H

#include <sigbridge/statement.h>

#include "cli/report.h"

/* What the statement says of itself, checked or not. */
void facts_statement(struct report *report, const sigb_statement *statement);

/* Each certificate as a line: facts, and for people with --verbose. Does nothing where nobody sees it. */
SIGB_CHECK sigb_rc facts_chain(struct report *report, sigb_bytes certs, sigb_diag *diag);

#endif
