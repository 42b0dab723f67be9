/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that are judged together with their receipts: what is demanded, what is told, and what time it was. */
#include "tests/support/support.h"

#include "tests/support/corpus.h"
#include "tests/support/craft.h"
#include "tests/support/ledgers.h"

#define FIRST   "first.example"
#define SECOND  "second.example:8443"
#define UVM     "mst/uvm-transparent.cose"
#define UVM_ISS "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2"
#define UVM_LOG "esrp-cts-db.confidential-ledger.azure.com"

/* A statement whose leaf is valid for two days alone, two ledgers that have it, one receipt of each, and one that is of another statement. */
static struct {
    ledgers *token;
    ledger first, second;
    sigb_buf root, plain, detached;
    sigb_buf first_receipt, second_receipt, foreign_receipt, detached_receipt;
    sigb_keys *pinned, *unpinned;
} world;

/* What a ledger has of a statement whose payload travels beside. */
static void take_detached(void)
{
    sigb_statement *statement = NULL;
    sigb_buf entry = SIGB_BUF_INIT;
    uint64_t leaf;

    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&world.detached), &statement, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_entry(statement, sigb_bytes_text("payload"), &entry, NULL), SIGB_OK);
    leaf = ledger_take(&world.first, sigb_buf_bytes(&entry));
    (void)ledger_receipt(&world.first, leaf, &world.detached_receipt);
    sigb_buf_free(&entry);
    sigb_statement_free(statement);
}

static int make_world(void **state)
{
    sigb_buf other = SIGB_BUF_INIT;
    uint64_t leaf;

    (void)state;
    world.token = ledgers_new();
    craft_short_lived(world.token->pki, &world.root, &world.plain, &world.detached);
    ledgers_statement(world.token, "other", &other);
    ledger_open(world.token, &world.first, SIGB_VDS_CCF, FIRST, LEDGER_P384);
    ledger_open(world.token, &world.second, SIGB_VDS_RFC9162, SECOND, LEDGER_P256);
    ledger_fill(&world.first, 3);
    leaf = ledger_take(&world.first, sigb_buf_bytes(&world.plain));
    (void)ledger_receipt(&world.first, leaf, &world.first_receipt);
    leaf = ledger_take(&world.first, sigb_buf_bytes(&other));
    (void)ledger_receipt(&world.first, leaf, &world.foreign_receipt);
    leaf = ledger_take(&world.second, sigb_buf_bytes(&world.plain));
    (void)ledger_receipt(&world.second, leaf, &world.second_receipt);
    take_detached();
    world.pinned = sigb_keys_new();
    world.unpinned = sigb_keys_new();
    ledger_put_keys(&world.first, FIRST, world.pinned);
    ledger_put_keys(&world.second, SECOND, world.pinned);
    ledger_put_keys(&world.first, NULL, world.unpinned);
    sigb_buf_free(&other);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    sigb_keys_free(world.pinned);
    sigb_keys_free(world.unpinned);
    ledger_close(&world.first);
    ledger_close(&world.second);
    sigb_buf_free(&world.root);
    sigb_buf_free(&world.plain);
    sigb_buf_free(&world.detached);
    sigb_buf_free(&world.first_receipt);
    sigb_buf_free(&world.second_receipt);
    sigb_buf_free(&world.foreign_receipt);
    sigb_buf_free(&world.detached_receipt);
    ledgers_free(world.token);
    return 0;
}

/* ---- the statement with some of its receipts, and a policy that knows some keys ---- */

static sigb_statement *with(const sigb_buf *plain, const sigb_buf *const *receipts)
{
    sigb_statement *statement = NULL, *next = NULL;

    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(plain), &statement, NULL), SIGB_OK);
    for (; *receipts != NULL; receipts++) {
        sigb_buf longer = SIGB_BUF_INIT;

        assert_int_equal(sigb_statement_attach_receipt(statement, sigb_buf_bytes(*receipts), &longer, NULL),
                         SIGB_OK);
        assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&longer), &next, NULL), SIGB_OK);
        sigb_statement_free(statement);
        statement = next;
        sigb_buf_free(&longer);
    }
    return statement;
}

#define WITH(...) with(&world.plain, (const sigb_buf *const[]){__VA_ARGS__ NULL})

static sigb_policy *policy_with(const sigb_keys *keys)
{
    sigb_policy *policy = sigb_policy_new();

    assert_non_null(policy);
    assert_int_equal(sigb_policy_put_roots(policy, sigb_buf_bytes(&world.root), NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_eku(policy, PKI_EKU, NULL), SIGB_OK);
    if (keys != NULL)
        assert_int_equal(sigb_policy_set_ledger_keys(policy, keys, NULL), SIGB_OK);
    return policy;
}

static sigb_verified *good(sigb_statement *statement, sigb_policy *policy)
{
    sigb_verified *verified = NULL;

    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
    sigb_statement_free(statement);
    return verified;
}

static void bad(sigb_statement *statement, sigb_policy *policy, sigb_rc wanted, const char *words)
{
    sigb_verified *verified = NULL;

    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), wanted, words);
    assert_null(verified);
    sigb_statement_free(statement);
}

static bool says(const sigb_verified *verified, const char *words)
{
    for (size_t i = 0; sigb_verified_unchecked(verified, i) != NULL; i++)
        if (strstr(sigb_verified_unchecked(verified, i), words) != NULL)
            return true;
    return false;
}

/* ---- tests ---- */

static void the_time_of_the_earliest_receipt_is_when_validity_is_judged(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);
    sigb_verified *verified;

    (void)state;
    bad(WITH(), policy, SIGB_E_EXPIRED, "has expired");
    bad(WITH(&world.foreign_receipt, ), policy, SIGB_E_EXPIRED, "has expired");
    verified = good(WITH(&world.second_receipt, &world.first_receipt, ), policy);
    assert_int_equal(sigb_verified_time(verified), PKI_NOW);
    assert_string_equal(sigb_verified_time_source(verified), "earliest receipt");
    sigb_verified_free(verified);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW + 2 * CRAFT_DAY, NULL), SIGB_OK);
    bad(WITH(&world.first_receipt, ), policy, SIGB_E_EXPIRED, "has expired");
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW - 1, NULL), SIGB_OK);
    verified = good(WITH(&world.first_receipt, ), policy);
    assert_int_equal(sigb_verified_time(verified), PKI_NOW - 1);
    assert_string_equal(sigb_verified_time_source(verified), "--at");
    sigb_verified_free(verified);
    sigb_policy_free(policy);
}

static void good_receipts_are_told_and_bad_ones_too(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);
    sigb_verified *verified =
        good(WITH(&world.foreign_receipt, &world.first_receipt, &world.second_receipt, ), policy);
    const sigb_receipt_facts *facts;
    const char *why = NULL;
    size_t place = 9;

    (void)state;
    assert_int_equal(sigb_verified_receipts(verified), 2);
    facts = sigb_verified_receipt(verified, 0);
    assert_true(facts->pinned);
    assert_true(sigb_bytes_equal(facts->issuer, sigb_bytes_text(FIRST)));
    assert_int_equal(facts->vds, SIGB_VDS_CCF);
    facts = sigb_verified_receipt(verified, 1);
    assert_true(sigb_bytes_equal(facts->issuer, sigb_bytes_text(SECOND)));
    assert_int_equal(facts->vds, SIGB_VDS_RFC9162);
    assert_null(sigb_verified_receipt(verified, 2));
    assert_int_equal(sigb_verified_refused_receipt(verified, 0, &place, &why), SIGB_E_RECEIPT_UNBOUND);
    assert_int_equal(place, 0);
    assert_non_null(strstr(why, "another statement"));
    assert_int_equal(sigb_verified_refused_receipt(verified, 1, &place, &why), SIGB_OK);
    assert_false(says(verified, "receipts"));
    sigb_verified_free(verified);
    sigb_policy_free(policy);
}

static void without_keys_no_receipt_is_checked_and_that_is_said(void **state)
{
    sigb_policy *policy = policy_with(NULL);
    sigb_verified *verified;

    (void)state;
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    verified = good(WITH(&world.first_receipt, ), policy);
    assert_int_equal(sigb_verified_receipts(verified), 0);
    assert_true(says(verified, "receipts not checked"));
    sigb_verified_free(verified);
    assert_int_equal(sigb_policy_require_receipts(policy, 1, NULL), SIGB_OK);
    bad(WITH(&world.first_receipt, ), policy, SIGB_E_ANCHOR, "no keys of ledgers");
    sigb_policy_free(policy);
}

static void a_key_without_a_ledger_leaves_the_ledger_a_claim(void **state)
{
    sigb_policy *policy = policy_with(world.unpinned);
    sigb_verified *verified = good(WITH(&world.first_receipt, ), policy);

    (void)state;
    assert_false(sigb_verified_receipt(verified, 0)->pinned);
    assert_true(says(verified, "the receipt's own word"));
    sigb_verified_free(verified);
    assert_int_equal(sigb_policy_require_ledger(policy, FIRST, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    bad(WITH(&world.first_receipt, ), policy, SIGB_E_RECEIPT_NEEDED, "by a key pinned to it");
    sigb_policy_free(policy);
}

static void as_many_as_demanded_must_be_good(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);

    (void)state;
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_require_receipts(policy, 2, NULL), SIGB_OK);
    bad(WITH(), policy, SIGB_E_RECEIPT_NEEDED, "has 0 good ones; have it registered");
    bad(WITH(&world.first_receipt, &world.foreign_receipt, ), policy, SIGB_E_RECEIPT_NEEDED,
        "has 1 good ones; receipt 2: receipt-unbound");
    sigb_verified_free(good(WITH(&world.first_receipt, &world.second_receipt, ), policy));
    assert_refused(sigb_policy_require_receipts(policy, 0, diag), SIGB_E_USAGE, "cannot be demanded");
    sigb_policy_free(policy);
}

static void all_may_be_demanded_to_be_good(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);

    (void)state;
    assert_int_equal(sigb_policy_set_time(policy, PKI_NOW, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_require_all_receipts(policy, NULL), SIGB_OK);
    bad(WITH(), policy, SIGB_E_RECEIPT_NEEDED, "all receipts must be good, and one at least");
    bad(WITH(&world.first_receipt, &world.foreign_receipt, ), policy, SIGB_E_RECEIPT_NEEDED,
        "receipt-unbound");
    sigb_verified_free(good(WITH(&world.first_receipt, &world.second_receipt, ), policy));
    sigb_policy_free(policy);
}

static void ledgers_may_be_demanded_by_name(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);

    (void)state;
    assert_int_equal(sigb_policy_require_ledger(policy, "FIRST.example", NULL), SIGB_OK);
    assert_int_equal(sigb_policy_require_ledger(policy, SECOND, NULL), SIGB_OK);
    bad(WITH(&world.first_receipt, ), policy, SIGB_E_RECEIPT_NEEDED, SECOND);
    sigb_verified_free(good(WITH(&world.first_receipt, &world.second_receipt, ), policy));
    assert_refused(sigb_policy_require_ledger(policy, "", diag), SIGB_E_USAGE, "a ledger's name");
    sigb_policy_free(policy);
}

static void a_bad_statement_stays_bad_with_the_best_of_receipts(void **state)
{
    sigb_policy *policy = policy_with(world.pinned);

    (void)state;
    assert_int_equal(sigb_policy_set_subject(policy, "somebody.else", NULL), SIGB_OK);
    bad(WITH(&world.first_receipt, ), policy, SIGB_E_SUBJECT, "somebody.else");
    sigb_policy_free(policy);
}

static void a_payload_that_travels_beside_counts_for_the_receipt(void **state)
{
    const sigb_beside beside = {.has_payload = true, .payload = sigb_bytes_text("payload")};
    sigb_policy *policy = policy_with(world.pinned);
    sigb_statement *statement = with(&world.detached,
                                     (const sigb_buf *const[]){&world.detached_receipt, NULL});
    sigb_verified *verified = NULL;

    (void)state;
    assert_int_equal(sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, &beside, &verified, diag), SIGB_OK, "");
    assert_int_equal(sigb_verified_receipts(verified), 1);
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
}

static void the_production_statement_is_transparent_and_has_expired_since(void **state)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_policy *policy = sigb_policy_new();
    sigb_keys *keys = sigb_keys_new();
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;
    const sigb_receipt_facts *facts;

    (void)state;
    if (!corpus_is_here())
        goto out;
    assert_int_equal(sigb_keys_put(keys, corpus_read(&room, "mst/esrp-cts-db.json"), UVM_LOG, NULL), SIGB_OK);
    room.len = 0;
    assert_int_equal(sigb_statement_parse(corpus_read(&room, UVM), &statement, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_set_issuer(policy, UVM_ISS, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_E_EXPIRED,
                   "2026-05-15");
    assert_int_equal(sigb_policy_set_ledger_keys(policy, keys, NULL), SIGB_OK);
    assert_int_equal(sigb_policy_require_ledger(policy, UVM_LOG, NULL), SIGB_OK);
    assert_refused(sigb_statement_verify(statement, policy, NULL, &verified, diag), SIGB_OK, "");
    assert_int_equal(sigb_verified_time(verified), 1766437888);
    facts = sigb_verified_receipt(verified, 0);
    assert_non_null(facts);
    assert_true(facts->pinned);
    assert_true(sigb_bytes_equal(facts->entry_txid, sigb_bytes_text("458.12440")));
    assert_true(sigb_bytes_equal(facts->signature_txid, sigb_bytes_text("458.12441")));
    assert_string_equal(facts->kid, "da7694f16def5a056ca96afb21e89a9450e4cc875e2de351da76d99544a3e849");
out:
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    sigb_keys_free(keys);
    sigb_policy_free(policy);
    sigb_buf_free(&room);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_of_the_earliest_receipt_is_when_validity_is_judged),
        cmocka_unit_test(good_receipts_are_told_and_bad_ones_too),
        cmocka_unit_test(without_keys_no_receipt_is_checked_and_that_is_said),
        cmocka_unit_test(a_key_without_a_ledger_leaves_the_ledger_a_claim),
        cmocka_unit_test(as_many_as_demanded_must_be_good),
        cmocka_unit_test(all_may_be_demanded_to_be_good),
        cmocka_unit_test(ledgers_may_be_demanded_by_name),
        cmocka_unit_test(a_bad_statement_stays_bad_with_the_best_of_receipts),
        cmocka_unit_test(a_payload_that_travels_beside_counts_for_the_receipt),
        cmocka_unit_test(the_production_statement_is_transparent_and_has_expired_since),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
