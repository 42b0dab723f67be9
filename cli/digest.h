/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGB_CLI_DIGEST_H
#define SIGB_CLI_DIGEST_H

#include <sigbridge/statement.h>

#include "cli/report.h"

/* Appends the digest of all that fd gives. Shows progress on a terminal when it takes long. */
SIGB_CHECK sigb_rc digest_artifact(struct report *report, int fd, sigb_hash hash, sigb_buf *digest,
                                   sigb_diag *diag);

#endif
