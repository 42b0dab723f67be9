/* SPDX-License-Identifier: Apache-2.0 */
/* Time stamps, as the verbs that take or show them have them alike. */
#ifndef SIGB_CLI_STAMP_H
#define SIGB_CLI_STAMP_H

#include <sigbridge/timestamp.h>

#include "cli/report.h"

/* Whom to believe. */
struct tsa_args {
    option_list root, cert;
};

/* What a TSA answered, what it was asked, and whom to believe. */
struct stamp_args {
    const char *token, *request;
    struct tsa_args tsa;
};

/* clang-format off */
#define TSA_OPTIONS(at, root_words) \
    {"tsa-root",          0, OPTION_LIST, OPTIONAL, (at) + offsetof(struct tsa_args, root),      "FILE", NULL, root_words}, \
    {"tsa-cert",          0, OPTION_LIST, OPTIONAL, (at) + offsetof(struct tsa_args, cert),      "FILE", NULL, \
     "further certificates of the TSA's chain, where its token lacks some"}
#define STAMP_OPTIONS(need, at, request_words) \
    {"timestamp-token",   0, OPTION_TEXT, need,     (at) + offsetof(struct stamp_args, token),   "FILE", NULL, \
     "what the TSA answered: its response, or the token alone"}, \
    {"timestamp-request", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(struct stamp_args, request), "FILE", NULL, request_words}, \
    TSA_OPTIONS((at) + offsetof(struct stamp_args, tsa), "pinned root certificates that the TSA's chain must end in")
/* clang-format on */

/* Certificates on the way to a root are of no use without one. SIGB_E_USAGE. */
SIGB_CHECK sigb_rc stamp_require_root(const struct tsa_args *args, sigb_diag *diag);

/* The certificates of the options; trust is views of the buffers, which the caller frees. */
SIGB_CHECK sigb_rc stamp_read_trust(const struct tsa_args *args, sigb_buf *roots, sigb_buf *certs,
                                    sigb_timestamp_trust *trust, sigb_diag *diag);

/* Reads the token, and compares it with the request where one is given. The caller frees. */
SIGB_CHECK sigb_rc stamp_read(const struct stamp_args *args, sigb_timestamp **timestamp, sigb_diag *diag);

/* A token that verified: facts, and a line for people. */
void stamp_tell(struct report *report, const sigb_timestamp_facts *facts);

/* Every token of a statement, as an array of facts that nobody has verified. */
SIGB_CHECK sigb_rc stamp_list(struct report *report, const sigb_statement *statement, sigb_diag *diag);

#endif
