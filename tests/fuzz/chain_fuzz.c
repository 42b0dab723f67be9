/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER certificates one behind the other, as a statement brings them: whatever
 * is read is written again byte for byte, can be described, and is judged
 * without harm as a chain, as candidates for an issuer, and against a DID.
 */
#include "tests/support/fuzz.h"

#include <openssl/err.h>

#include "base/certs.h"
#include "issuer/chain.h"
#include "issuer/did.h"

#define SOME_DID                                                                                             \
    "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.2::subject:CN:a::san:dns:a::"      \
    "fulcio-issuer:a"

static void require_round_trip(sigb_bytes der, STACK_OF(X509) * certs)
{
    sigb_buf written = SIGB_BUF_INIT;

    for (int i = 0; i < sk_X509_num(certs); i++)
        FUZZ_REQUIRE(cert_put(sk_X509_value(certs, i), &written, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&written), der));
    sigb_buf_free(&written);
}

static void require_description(sigb_bytes der)
{
    sigb_buf text = SIGB_BUF_INIT;

    if (sigb_certs_describe(der, &text, NULL) == SIGB_OK) {
        FUZZ_REQUIRE(sigb_text_is_utf8(sigb_buf_bytes(&text)));
        FUZZ_REQUIRE(text.len == 0 || memchr(text.ptr, '\x1b', text.len) == NULL);
    }
    sigb_buf_free(&text);
}

/* Nothing of this may crash; what it answers is the unit tests' business. */
static void judge(sigb_bytes der, STACK_OF(X509) * certs)
{
    sigb_issuer_options options = {.certs = der, .roots = der, .pool = der, .at = SIGB_TIME_UNCHECKED};
    chain_rules rules = {.use = CHAIN_SIGN, .at = SIGB_TIME_UNCHECKED};
    sigb_issuer *issuer = NULL;
    did *parsed = NULL;
    sigb_diag diag;

    FUZZ_REQUIRE(did_parse(sigb_bytes_text(SOME_DID), &parsed, NULL) == SIGB_OK);
    (void)!chain_check(certs, &rules, NULL, &diag);
    if (sk_X509_num(certs) > 0)
        (void)!did_match(parsed, certs, NULL, &diag);
    if (sigb_issuer_derive(&options, &issuer, &diag) == SIGB_OK)
        FUZZ_REQUIRE(sigb_did_resolve(sigb_issuer_did(issuer), sigb_issuer_chain(issuer), SIGB_TIME_UNCHECKED,
                                      NULL) == SIGB_OK);
    sigb_issuer_free(issuer);
    did_free(parsed);
    FUZZ_REQUIRE(ERR_peek_error() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_bytes der = sigb_bytes_of(data, size);
    STACK_OF(X509) *certs = NULL;

    if (certs_parse(der, &certs, NULL) == SIGB_OK) {
        require_round_trip(der, certs);
        require_description(der);
        judge(der, certs);
    }
    sk_X509_pop_free(certs, X509_free);
    return 0;
}
