/* SPDX-License-Identifier: Apache-2.0 */
#include <sigbridge/issuer.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/time.h"
#include "issuer/chain.h"
#include "issuer/did.h"

/* `<DID>#0` names a key within the DID's document: the DID is what stands before (DID Core, 3.2.2). */
static sigb_bytes without_fragment(const char *text)
{
    return sigb_bytes_of(text, strcspn(text, "#"));
}

sigb_rc sigb_did_resolve(const char *did_text, sigb_bytes chain, int64_t at, sigb_diag *diag)
{
    chain_rules rules = {.use = CHAIN_RESOLVE, .at = time_resolve(at)};
    STACK_OF(X509) *certs = NULL;
    did *parsed = NULL;
    sigb_rc rc;

    if (did_text == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no DID to resolve");
    rc = did_parse(without_fragment(did_text), &parsed, diag);
    if (rc == SIGB_OK)
        rc = certs_parse(chain, &certs, diag);
    if (rc == SIGB_OK)
        rc = chain_check(certs, &rules, NULL, diag);
    if (rc == SIGB_OK)
        rc = did_match(parsed, certs, NULL, diag);
    sk_X509_pop_free(certs, X509_free);
    did_free(parsed);
    return rc;
}
