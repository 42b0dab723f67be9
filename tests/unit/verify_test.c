/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "base/certs.h"
#include "issuer/did.h"
#include "tests/support/corpus.h"

#define UVM_ISS "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2"
#define UVM_EKU "1.3.6.1.4.1.311.76.59.1.2"
#define IN_TIME 1766437888 /* 2025-12-22: when the ledger took it */

/* Which certificate of the statement's chain the issuer names. */
static int named_by_issuer(const sigb_statement *statement)
{
    STACK_OF(X509) *certs = NULL;
    did *iss = NULL;
    int index = -1;

    assert_int_equal(did_parse(sigb_statement_issuer(statement), &iss, NULL), SIGB_OK);
    assert_int_equal(certs_parse(sigb_statement_certs(statement), &certs, NULL), SIGB_OK);
    assert_int_equal(did_match(iss, certs, &index, NULL), SIGB_OK);
    sk_X509_pop_free(certs, X509_free);
    did_free(iss);
    return index;
}

/* ---- statements that other implementations made ---- */

static sigb_statement *load(const char *name)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;

    assert_int_equal(sigb_statement_parse(corpus_read(&bytes, name), &statement, NULL), SIGB_OK);
    sigb_buf_free(&bytes);
    return statement;
}

/* The last certificate that the statement carries. */
static sigb_bytes root_of(const sigb_statement *statement)
{
    sigb_bytes rest = sigb_statement_certs(statement), cert = SIGB_BYTES_NONE;

    while (sigb_certs_next(&rest, &cert))
        continue;
    return cert;
}

static sigb_policy *policy_by_issuer(const char *issuer, int64_t at)
{
    sigb_policy *policy = sigb_policy_new();

    assert_non_null(policy);
    assert_int_equal(sigb_policy_set_issuer(policy, issuer, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, at, NULL), SIGB_OK);
    return policy;
}

static sigb_policy *policy_by_root(sigb_bytes root, const char *eku, int64_t at)
{
    sigb_policy *policy = sigb_policy_new();

    assert_non_null(policy);
    assert_int_equal(sigb_policy_put_roots(policy, root, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, eku, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, at, NULL), SIGB_OK);
    return policy;
}

static bool says(const sigb_verified *verified, const char *words)
{
    for (size_t i = 0; sigb_verified_unchecked(verified, i) != NULL; i++)
        if (strstr(sigb_verified_unchecked(verified, i), words) != NULL)
            return true;
    return false;
}

static void text_is(sigb_bytes bytes, const char *text)
{
    assert_true(sigb_bytes_equal(bytes, sigb_bytes_text(text)));
}

static void the_uvm_statement_is_good_while_its_leaf_was_valid(void **state)
{
    sigb_statement *statement;
    sigb_verified *verified = NULL;
    sigb_policy *policies[2];
    int64_t number = 0;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = load("mst/uvm-transparent.cose");
    policies[0] = policy_by_root(root_of(statement), UVM_EKU, IN_TIME);
    policies[1] = policy_by_issuer(UVM_ISS, IN_TIME);
    for (size_t i = 0; i < 4; i++) { /* the second time the chain is remembered */
        assert_int_equal(sigb_statement_verify(statement, policies[i / 2], NULL, &verified, NULL), SIGB_OK);
        assert_string_equal(sigb_verified_issuer(verified), UVM_ISS);
        text_is(sigb_verified_subject(verified), "ContainerPlat-AMD-UVM");
        text_is(sigb_verified_content_type(verified), "application/octet-stream");
        assert_true(sigb_verified_svn(verified, &number));
        assert_int_equal(number, 104);
        assert_true(sigb_verified_issued_at(verified, &number));
        assert_int_equal(number, 1766437887);
        assert_int_equal(sigb_verified_alg(verified), SIGB_PS384);
        assert_int_equal(sigb_verified_hash(verified), SIGB_SHA384);
        assert_int_equal(sigb_verified_payload(verified).len, 48);
        assert_int_equal(sigb_verified_time(verified), IN_TIME);
        assert_string_equal(sigb_verified_time_source(verified), "--at");
        assert_true(sigb_bytes_equal(sigb_verified_chain(verified), sigb_statement_certs(statement)));
        assert_true(says(verified, "revocation not checked"));
        assert_true(says(verified, "artifact not compared"));
        assert_true(says(verified, "issued-at is the signer's own word"));
        assert_true(says(verified, "receipts not checked"));
        assert_false(says(verified, "EKU not pinned"));
        sigb_verified_free(verified);
    }
    sigb_policy_free(policies[0]);
    sigb_policy_free(policies[1]);
    sigb_statement_free(statement);
}

static void the_uvm_statement_resolves_and_has_expired(void **state)
{
    sigb_statement *statement;
    sigb_policy *policy = sigb_policy_new();
    sigb_verified *verified = NULL;

    (void)state;
    if (!corpus_is_here())
        goto out;
    statement = load("mst/uvm-transparent.cose");
    assert_int_equal(sigb_did_resolve(UVM_ISS, sigb_statement_certs(statement), SIGB_TIME_UNCHECKED, NULL),
                     SIGB_OK);
    assert_int_equal(named_by_issuer(statement), 2); /* the root */
    assert_refused(sigb_did_resolve(UVM_ISS, sigb_statement_certs(statement), SIGB_TIME_NOW, diag),
                   SIGB_E_EXPIRED, "2026-05-15");
    assert_int_equal(sigb_policy_set_issuer(policy, UVM_ISS, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED,
                   "certificate 1 of 3");
    assert_int_equal(sigb_policy_set_time(policy, 1000000000, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_NOT_YET_VALID,
                   "2001-09-09");
    sigb_statement_free(statement);
out:
    sigb_policy_free(policy);
}

static void a_statement_without_svn_is_outside_mst_by_name(void **state)
{
    sigb_statement *statement;
    sigb_verified *verified = NULL;
    sigb_policy *policy;
    sigb_buf iss = SIGB_BUF_INIT;
    char issuer[512] = "";
    int64_t at = 0, svn;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = load("mst/cosesigntool-readme.cose");
    memcpy(issuer, sigb_statement_issuer(statement).ptr, sigb_statement_issuer(statement).len);
    assert_true(sigb_statement_issued_at(statement, &at));
    assert_int_equal(sigb_did_resolve(issuer, sigb_statement_certs(statement), SIGB_TIME_UNCHECKED, NULL),
                     SIGB_OK);
    policy = policy_by_issuer(issuer, at);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_SVN,
                   "outside the mst profile");
    assert_int_equal(sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_verify(statement, policy, NULL, &verified, NULL), SIGB_OK);
    assert_int_equal(sigb_verified_alg(verified), SIGB_ES256);
    assert_int_equal(sigb_verified_payload(verified).len, 10301);
    assert_false(sigb_verified_svn(verified, &svn));
    assert_true(says(verified, "EKU not pinned"));
    assert_true(says(verified, "exp and nbf"));
    sigb_verified_free(verified);
    assert_int_equal(sigb_policy_set_time(policy, SIGB_TIME_NOW, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED,
                   "expired");
    sigb_policy_free(policy);
    sigb_statement_free(statement);
    sigb_buf_free(&iss);
}

static void an_attested_service_is_never_verified(void **state)
{
    sigb_statement *statement;
    sigb_verified *verified = NULL;
    sigb_policy *policy;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = load("mst/attestedsvc.cose");
    policy = policy_by_issuer(UVM_ISS, IN_TIME);
    for (sigb_profile profile = SIGB_PROFILE_MST; profile <= SIGB_PROFILE_COSE; profile++) {
        assert_int_equal(sigb_policy_set_profile(policy, profile, NULL), SIGB_OK);
        assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_ISSUER_METHOD,
                       "no other issuer method");
    }
    assert_null(verified);
    sigb_policy_free(policy);
    sigb_statement_free(statement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_uvm_statement_is_good_while_its_leaf_was_valid),
        cmocka_unit_test(the_uvm_statement_resolves_and_has_expired),
        cmocka_unit_test(a_statement_without_svn_is_outside_mst_by_name),
        cmocka_unit_test(an_attested_service_is_never_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
