/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts on the command line: keys of ledgers, what is demanded, and how receipts are told of. */
#ifndef SIGB_CLI_RECEIPTS_H
#define SIGB_CLI_RECEIPTS_H

#include <sigbridge/receipt.h>
#include <sigbridge/verify.h>

#include "cli/options.h"
#include "cli/report.h"

/* clang-format off */
#define LEDGER_KEYS_OPTION(at) \
    {"ledger-keys", 0, OPTION_LIST, OPTIONAL, at, "[LEDGER=]FILE", NULL, \
     "keys of ledgers: COSE_Key set, JWKS, certificates or public keys; pinned to the ledger that is named"}
/* clang-format on */

/* A statement whose receipts change: read from one file, written whole to another. */
typedef struct receipts_job {
    const char *from, *to;
    bool force;
    struct report *report;
    sigb_buf bytes, made;
    sigb_statement *statement;
} receipts_job;

/* Refuses what cannot be written before anything is read, and reads the statement. */
SIGB_CHECK sigb_rc receipts_job_begin(receipts_job *job, sigb_diag *diag);

/* Writes job->made and tells of it; `done` says in words what happened. */
SIGB_CHECK sigb_rc receipts_job_end(receipts_job *job, const char *done, sigb_diag *diag);
void receipts_job_free(receipts_job *job);

/* "3", from 1 on, as a place from 0. SIGB_E_USAGE. */
SIGB_CHECK sigb_rc receipts_number(const char *text, size_t *place, sigb_diag *diag);

/* The receipt in this place, as the statement holds it. SIGB_E_USAGE: it has none there. */
SIGB_CHECK sigb_rc receipts_find(const sigb_statement *statement, size_t place, sigb_bytes *receipt,
                                 sigb_diag *diag);

/* The keys of all files; NULL where no file is named. The caller frees. SIGB_E_LEDGER_KEYS names the file. */
SIGB_CHECK sigb_rc receipts_read_keys(const option_list *files, sigb_keys **keys, sigb_diag *diag);

/*
 * "any", "all", a number, or the name of a ledger, whose keys must be pinned.
 * SIGB_E_USAGE.
 */
SIGB_CHECK sigb_rc receipts_put_demands(const option_list *demands, const sigb_keys *keys,
                                        sigb_policy *policy, sigb_diag *diag);

/*
 * Everything that the receipts of a statement say, paths included, behind what is
 * shown already, and as lists of lines in the document. Unverified. One that
 * cannot be read is told with the reason; of very many the first.
 */
SIGB_CHECK sigb_rc receipts_show(struct report *report, const sigb_statement *statement, sigb_diag *diag);

/* One line, and one object of a document, for a receipt that is good. */
void receipts_tell_good(struct report *report, json_t *list, const sigb_receipt_facts *facts);

/* The same for one that is not: `place` from 0. */
void receipts_tell_refused(struct report *report, json_t *list, size_t place, sigb_rc rc, const char *why);

#endif
