/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb, one file each. */
#ifndef SIGB_CLI_VERBS_H
#define SIGB_CLI_VERBS_H

#include "cli/options.h"
#include "cli/report.h"

extern const struct verb VERB_SIGN;
extern const struct verb VERB_VERIFY;
extern const struct verb VERB_INSPECT;
extern const struct verb VERB_ISSUER_DERIVE;
extern const struct verb VERB_ISSUER_RESOLVE;
extern const struct verb VERB_RECEIPT_LIST;
extern const struct verb VERB_RECEIPT_INSPECT;
extern const struct verb VERB_RECEIPT_ATTACH;
extern const struct verb VERB_RECEIPT_DETACH;
extern const struct verb VERB_TIMESTAMP_REQUEST;
extern const struct verb VERB_TIMESTAMP_ATTACH;
extern const struct verb VERB_TOKEN_LIST;
extern const struct verb VERB_TOKEN_INIT;
extern const struct verb VERB_TOKEN_KEYGEN;
extern const struct verb VERB_TOKEN_CERT;
extern const struct verb VERB_TOKEN_DELETE;
extern const struct verb VERB_TOKEN_DOCTOR;
extern const struct verb VERB_PROVIDER_CHECK;
extern const struct verb VERB_PROVIDER_WRAP;

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

#endif
