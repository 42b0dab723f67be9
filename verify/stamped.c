/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/stamped.h"

#include <openssl/crypto.h>

#include <sigbridge/timestamp.h>

#include "base/error.h"

static sigb_rc verify_token(judged_stamp *made, const sigb_statement *statement, sigb_bytes token,
                            const sigb_policy *policy, sigb_diag *diag)
{
    const sigb_timestamp_trust trust = {sigb_buf_bytes(&policy->tsa_roots),
                                        sigb_buf_bytes(&policy->tsa_certs)};
    sigb_timestamp_facts facts;
    sigb_timestamp *timestamp = NULL;
    sigb_rc rc = sigb_timestamp_parse(token, &timestamp, diag);

    if (rc == SIGB_OK)
        rc = sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE, &trust,
                                   &facts, diag);
    if (rc == SIGB_OK)
        *made = (judged_stamp){.good = true, .latest = facts.latest};
    sigb_timestamp_free(timestamp);
    return rc;
}

sigb_rc stamped_judge(judged_stamp *made, const sigb_statement *statement, const sigb_policy *policy,
                      sigb_diag *diag)
{
    sigb_bytes token = sigb_statement_timestamp(statement, SIGB_TIMESTAMP_SIGNATURE);
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (token.len == 0 || policy->tsa_roots.len == 0)
        return SIGB_OK;
    rc = verify_token(made, statement, token, policy, &why);
    if (rc == SIGB_OK)
        return SIGB_OK;
    if (rc == SIGB_E_MEMORY || rc == SIGB_E_INTERNAL)
        return sigb_fail_native(diag, rc, why.native, "%s", why.text);
    *made = (judged_stamp){.rc = rc, .why = OPENSSL_strdup(why.text)};
    return made->why == NULL ? sigb_no_memory(diag) : SIGB_OK;
}

void stamped_free(judged_stamp *judged)
{
    OPENSSL_free(judged->why);
    memset(judged, 0, sizeof(*judged));
}
