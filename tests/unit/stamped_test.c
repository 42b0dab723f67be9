/* SPDX-License-Identifier: Apache-2.0 */
/* The time stamp of a statement's signature as the witness of when validity is judged. */
#include "tests/support/support.h"

#include "cose/writer.h"
#include "tests/support/craft.h"
#include "tests/support/ledgers.h"
#include "tests/support/tsa.h"

/* A leaf that was valid for two days around PKI_NOW, which are over; a TSA, and one of other people's. */
static struct {
    ledgers *token;
    pki *ca; /* the token's */
    pki_key *tsa_key;
    X509 *tsa;
    sigb_buf root, plain, signature_item;
    sigb_buf tsa_root, tsa_issuing, tsa_cert, other_root; /* the token brings the TSA's own alone */
} world;

static void make_tsa(void)
{
    pki_key *root_key = pki_keygen(world.ca, "P-256", "tsa-root"),
            *issuing_key = pki_keygen(world.ca, "P-256", "tsa-ca");
    X509 *root = pki_issue(world.ca, &(pki_cert){.key = root_key, .ca = true, .name = "TSA Root"});
    X509 *issuing = pki_issue(
        world.ca,
        &(pki_cert){.key = issuing_key, .ca = true, .issuer = root, .signer = root_key, .name = "TSA CA"});
    X509 *other = pki_issue(world.ca, &(pki_cert){.key = issuing_key, .ca = true, .name = "Other Root"});

    world.tsa_key = pki_keygen(world.ca, "P-256", "tsa");
    world.tsa = pki_issue(
        world.ca,
        &(pki_cert){
            .key = world.tsa_key, .issuer = issuing, .signer = issuing_key, .name = "TSA", .eku = TSA_EKU});
    (void)pki_der(&world.tsa_cert, world.tsa, (X509 *)NULL);
    (void)pki_der(&world.tsa_root, root, (X509 *)NULL);
    (void)pki_der(&world.tsa_issuing, issuing, (X509 *)NULL);
    (void)pki_der(&world.other_root, other, (X509 *)NULL);
}

static int make_world(void **state)
{
    (void)state;
    world.token = ledgers_new();
    world.ca = world.token->pki;
    craft_short_lived(world.ca, &world.root, &world.plain, NULL);
    put_bstr(&world.signature_item, sigb_bytes_of(world.plain.ptr + world.plain.len - 64, 64));
    make_tsa();
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    sigb_buf_free(&world.root);
    sigb_buf_free(&world.plain);
    sigb_buf_free(&world.signature_item);
    sigb_buf_free(&world.tsa_root);
    sigb_buf_free(&world.tsa_issuing);
    sigb_buf_free(&world.tsa_cert);
    sigb_buf_free(&world.other_root);
    ledgers_free(world.token);
    return 0;
}

/* ---- short forms ---- */

/* The statement with a token that says this, made without looking at who made it. */
static sigb_statement *stamped(const tsa_token *says)
{
    tsa_token wanted = *says;
    sigb_buf token = SIGB_BUF_INIT, longer = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;
    sigb_statement *plain = NULL, *made = NULL;

    wanted.cert = world.tsa;
    wanted.key = world.tsa_key;
    wanted.usual = true;
    if (wanted.stamped.len == 0)
        wanted.stamped = sigb_buf_bytes(&world.signature_item);
    if (wanted.certs.len == 0)
        wanted.certs = sigb_buf_bytes(&world.tsa_cert);
    tsa_put(world.ca, &wanted, &token);
    assert_refused(sigb_timestamp_parse(sigb_buf_bytes(&token), &timestamp, diag), SIGB_OK, "");
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&world.plain), &plain, NULL), SIGB_OK);
    assert_refused(sigb_statement_attach_timestamp(plain, timestamp, &longer, diag), SIGB_OK, "");
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&longer), &made, NULL), SIGB_OK);
    sigb_timestamp_free(timestamp);
    sigb_statement_free(plain);
    sigb_buf_free(&token);
    sigb_buf_free(&longer);
    return made;
}

/* `tsa_root`: NULL for none. */
static sigb_policy *policy_of(const sigb_buf *tsa_root)
{
    sigb_policy *policy = sigb_policy_new();

    assert_int_equal(sigb_policy_put_roots(policy, sigb_buf_bytes(&world.root), NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    if (tsa_root != NULL)
        assert_refused(
            sigb_policy_put_tsa(policy, sigb_buf_bytes(tsa_root), sigb_buf_bytes(&world.tsa_issuing), diag),
            SIGB_OK, "");
    return policy;
}

static bool has_note(const sigb_verified *verified, const char *words)
{
    const char *sentence;

    for (size_t i = 0; (sentence = sigb_verified_unchecked(verified, i)) != NULL; i++)
        if (strstr(sentence, words) != NULL)
            return true;
    return false;
}

/* ---- tests ---- */

static void the_time_stamp_is_when_validity_is_judged(void **state)
{
    sigb_statement *statement = stamped(&(tsa_token){.time = "20260701120000Z", .accuracy = "30030201 02"});
    sigb_policy *policy = policy_of(&world.tsa_root);
    sigb_verified *verified = NULL;
    const char *why = NULL;
    int64_t at = 0;

    (void)state;
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
    assert_string_equal(sigb_verified_time_source(verified), "time stamp");
    assert_int_equal(sigb_verified_time(verified), PKI_NOW + CRAFT_DAY / 2 + 2);
    assert_true(sigb_verified_timestamp(verified, &at));
    assert_int_equal(at, PKI_NOW + CRAFT_DAY / 2 + 2);
    assert_int_equal(sigb_verified_refused_timestamp(verified, &why), SIGB_OK);
    assert_true(has_note(verified, "does not survive registration"));
    assert_false(has_note(verified, "time stamp not checked"));
    sigb_verified_free(verified);

    /* a time that is asked for goes before it */
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
    assert_string_equal(sigb_verified_time_source(verified), "--at");
    assert_int_equal(sigb_verified_time(verified), PKI_NOW);
    sigb_verified_free(verified);
    sigb_policy_free(policy);
    sigb_statement_free(statement);
}

/* A ledger's word goes before a TSA's, whichever is the earlier. */
static void a_receipt_says_the_time_before_a_time_stamp(void **state)
{
    static const char *const times[] = {"20260630120000Z", "20260701120000Z"};
    sigb_keys *keys = sigb_keys_new();
    sigb_buf receipt = SIGB_BUF_INIT;
    ledger log;

    (void)state;
    ledger_open(world.token, &log, SIGB_VDS_CCF, "log.example", LEDGER_P256);
    ledger_fill(&log, 2);
    (void)ledger_receipt(&log, ledger_take(&log, sigb_buf_bytes(&world.plain)), &receipt);
    ledger_put_keys(&log, "log.example", keys);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        sigb_statement *one = stamped(&(tsa_token){.time = times[i]}), *both = NULL;
        sigb_policy *policy = policy_of(&world.tsa_root);
        sigb_buf longer = SIGB_BUF_INIT;
        sigb_verified *verified = NULL;
        int64_t at = 0;

        assert_refused(sigb_statement_attach_receipt(one, sigb_buf_bytes(&receipt), &longer, diag), SIGB_OK,
                       "");
        assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&longer), &both, NULL), SIGB_OK);
        assert_int_equal(sigb_policy_set_ledger_keys(policy, keys, NULL), SIGB_OK);
        assert_refused(sigb_statement_verify(both, policy, NULL, &verified, diag), SIGB_OK, "");
        assert_int_equal(sigb_verified_receipts(verified), 1);
        assert_true(sigb_verified_timestamp(verified, &at));
        assert_int_not_equal(at, PKI_NOW);
        assert_string_equal(sigb_verified_time_source(verified), "earliest receipt");
        assert_int_equal(sigb_verified_time(verified), PKI_NOW);
        sigb_verified_free(verified);
        sigb_policy_free(policy);
        sigb_statement_free(one);
        sigb_statement_free(both);
        sigb_buf_free(&longer);
    }
    sigb_buf_free(&receipt);
    sigb_keys_free(keys);
    ledger_close(&log);
}

static void a_stamp_after_the_leaf_had_expired_is_no_help(void **state)
{
    sigb_statement *statement = stamped(&(tsa_token){.time = "20260703000000Z"});
    sigb_policy *policy = policy_of(&world.tsa_root);
    sigb_verified *verified = NULL;

    (void)state;
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED,
                   "judged at 2026-07-03");
    assert_null(verified);
    sigb_policy_free(policy);
    sigb_statement_free(statement);
}

/* Without a root nothing is known, and the clock decides. */
static void without_roots_no_stamp_is_judged(void **state)
{
    sigb_statement *statement = stamped(&(tsa_token){.time = "20260701120000Z"});
    sigb_policy *policy = policy_of(NULL);
    sigb_verified *verified = NULL;
    const char *why = NULL;
    int64_t at;

    (void)state;
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED, "");
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
    assert_true(has_note(verified, "time stamp not checked"));
    assert_true(has_note(verified, "does not survive registration"));
    assert_false(sigb_verified_timestamp(verified, &at));
    assert_int_equal(sigb_verified_refused_timestamp(verified, &why), SIGB_OK);
    sigb_verified_free(verified);
    sigb_policy_free(policy);
    sigb_statement_free(statement);
}

static void a_stamp_that_is_not_good_is_told_and_says_no_time(void **state)
{
    static const struct {
        tsa_token says;
        bool other_root;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {{.time = "20260701120000Z"}, true, SIGB_E_TIMESTAMP_UNTRUSTED, "'CN=TSA Root' is wanted"},
        {{.time = "20260701120000Z", .broken = true}, false, SIGB_E_TIMESTAMP_SIGNATURE, ""},
        {{.time = "20290701120000Z"}, false, SIGB_E_TIMESTAMP_EXPIRED, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_statement *statement = stamped(&rows[i].says);
        sigb_policy *policy = policy_of(rows[i].other_root ? &world.other_root : &world.tsa_root);
        sigb_verified *verified = NULL;
        const char *why = NULL;
        int64_t at;

        assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED, "");
        assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
        assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
        assert_false(sigb_verified_timestamp(verified, &at));
        assert_int_equal(sigb_verified_refused_timestamp(verified, &why), rows[i].rc);
        if (strstr(why, rows[i].words) == NULL)
            fail_msg("words: \"%s\"", why);
        sigb_verified_free(verified);
        sigb_policy_free(policy);
        sigb_statement_free(statement);
    }
}

static void a_tsa_needs_a_root_and_certificates_that_can_be_read(void **state)
{
    sigb_policy *policy = sigb_policy_new();

    (void)state;
    assert_refused(sigb_policy_put_tsa(policy, SIGB_BYTES_NONE, sigb_buf_bytes(&world.tsa_issuing), diag),
                   SIGB_E_USAGE, "none is given");
    assert_refused(sigb_policy_put_tsa(NULL, sigb_buf_bytes(&world.tsa_root), SIGB_BYTES_NONE, diag),
                   SIGB_E_USAGE, "no policy");
    assert_refused(sigb_policy_put_tsa(policy, sigb_bytes_text("x"), SIGB_BYTES_NONE, diag), SIGB_E_CERT_DER,
                   "");
    assert_refused(sigb_policy_put_tsa(policy, sigb_buf_bytes(&world.tsa_root), sigb_bytes_text("x"), diag),
                   SIGB_E_CERT_DER, "");
    assert_refused(sigb_policy_put_tsa(policy, sigb_buf_bytes(&world.tsa_root), SIGB_BYTES_NONE, diag),
                   SIGB_OK, "");
    sigb_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_stamp_is_when_validity_is_judged),
        cmocka_unit_test(a_receipt_says_the_time_before_a_time_stamp),
        cmocka_unit_test(a_stamp_after_the_leaf_had_expired_is_no_help),
        cmocka_unit_test(without_roots_no_stamp_is_judged),
        cmocka_unit_test(a_stamp_that_is_not_good_is_told_and_says_no_time),
        cmocka_unit_test(a_tsa_needs_a_root_and_certificates_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}
