/* SPDX-License-Identifier: Apache-2.0 */
/* What a token may sign wrongly, with which key, and by which mechanisms: no wrong statement is ever made. */
#include "tests/fault/stage.h"

#include "pkcs11/internal.h"

static stage scene;

static int set_up(void **state)
{
    (void)state;
    stage_begin(&scene);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_end(&scene);
    return 0;
}

static sigb_signer *opened(const char *uri)
{
    return stage_signer(uri, &scene.options);
}

static void assert_states(const stage_key *key, sigb_signer *signer)
{
    stage_require_state(&scene, key, signer);
}

/* ---- wrong signatures ---- */

static const struct wrong_row {
    const char *how, *says;
} WRONG[] = {{"flip", "does not verify"},
             {"short", "63 bytes where an ES256 signature has 64"},
             {"empty", "0 bytes where an ES256 signature has 64"},
             {"long", "65 bytes where an ES256 signature has 64"},
             {"huge", "claims a signature of 1000000 bytes"}};

/* Makes `before` good statements. */
static sigb_signer *opened_after(int before)
{
    sigb_signer *signer = opened(scene.leaf.uri);

    for (int i = 0; i < before; i++)
        assert_states(&scene.leaf, signer);
    return signer;
}

static void a_wrong_signature_is_made_once_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(WRONG); i++)
        for (int before = 0; before < 3; before++) {
            sigb_signer *signer;

            print_message("%s after %d\n", WRONG[i].how, before);
            stage_plan(&scene, "C_Sign,after=%d,times=1,%s", before, WRONG[i].how);
            signer = opened_after(before + 1);
            assert_int_equal(scene.fault->hits(0), 1);
            sigb_signer_free(signer);
        }
}

static void a_token_that_signs_wrongly_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(WRONG); i++)
        for (int before = 0; before < 3; before++) {
            sigb_signer *signer;

            print_message("%s after %d\n", WRONG[i].how, before);
            stage_plan(&scene, "C_Sign,after=%d,%s", before, WRONG[i].how);
            signer = opened_after(before);
            assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_SIGNATURE_FAULT,
                           WRONG[i].says);
            assert_int_equal(scene.fault->hits(0), 2);
            stage_plan(&scene, "%s", "");
            assert_states(&scene.leaf, signer);
            sigb_signer_free(signer);
        }
}

static void another_key_under_the_same_handle_never_signs(void **state)
{
    stage_key other = {{0}, NULL};

    (void)state;
    stage_plan(&scene, "%s", "");
    stage_key_make(&scene, "P-256", "other", &other);
    for (int before = 0; before < 3; before++) {
        sigb_signer *signer;

        stage_plan(&scene, "C_SignInit,after=%d,times=1,key=other", before);
        signer = opened_after(before + 1); /* found again, it is the right one */
        assert_int_equal(scene.fault->hits(0), 1);
        stage_plan(&scene, "C_SignInit,key=other");
        assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_SIGNATURE_FAULT,
                       "does not verify");
        stage_plan(&scene, "%s", "");
        assert_states(&scene.leaf, signer);
        sigb_signer_free(signer);
    }
    sigb_issuer_free(other.issuer);
}

/* The token gives the old handle to another key while the sessions are lost. */
static void another_key_after_a_repair_is_told_apart(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "%s", "");
    signer = opened(scene.leaf.uri);
    assert_states(&scene.leaf, signer);
    softhsm_lose_sessions(scene.hsm);
    stage_plan(&scene, "C_SignInit,after=1,key=other");
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_KEY_CHANGED, "key");
    stage_plan(&scene, "%s", "");
    sigb_signer_free(signer);
}

/* By the label that the URI names, and with the same keys: it may be a clone that somebody plugged in. */
static void another_token_after_a_repair_is_not_used(void **state)
{
    static const struct {
        const char *fault; /* that makes the repair */
        bool lost;         /* or the sessions are lost */
    } rows[] = {
        {"", true}, {";C_SignInit,times=1,dead=0x30", false}, {";C_SignInit,times=1,dead=0xe0", false}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_signer *signer;

        print_message("%zu\n", i);
        stage_plan(&scene, "serial=first-%zu", i);
        signer = opened(scene.leaf.uri);
        assert_states(&scene.leaf, signer);
        if (rows[i].lost)
            softhsm_lose_sessions(scene.hsm);
        stage_plan(&scene, "serial=second-%zu%s", i, rows[i].fault);
        assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TOKEN_ABSENT,
                       "another of its name is (serial second-");
        assert_int_equal(scene.fault->calls("C_Login"), 0);
        assert_int_equal(scene.fault->calls("C_Sign"), 0);
        stage_plan(&scene, "serial=first-%zu", i); /* it is back */
        assert_states(&scene.leaf, signer);
        sigb_signer_free(signer);
    }
}

/* The second start of the module finds another token in the slot. */
static void swap_at_restart(void *arg, const sigb_trace_call *call)
{
    unsigned *starts = arg;

    if (strcmp(call->call, "C_Initialize") == 0 && ++*starts == 2)
        stage_plan(&scene, "serial=swapped");
}

static void another_token_while_a_key_is_opened_is_given_no_pin(void **state)
{
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer = NULL;
    unsigned starts = 0;

    (void)state;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
    options.trace = swap_at_restart;
    options.trace_arg = &starts;
    stage_plan(&scene, "serial=first;C_OpenSession,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &options, &signer, diag), SIGB_E_TOKEN_ABSENT,
                   "another of its name is (serial swapped");
    assert_true(starts >= 2);
    assert_int_equal(scene.fault->calls("C_Login"), 0);
    assert_null(signer);
}

static void change_id(const char *to)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(scene.hsm);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, (void *)(uintptr_t) "named", 5}};
    CK_ATTRIBUTE id = {CKA_ID, (void *)(uintptr_t)to, strlen(to)};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(
        calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(calls->C_FindObjectsInit(session, wanted, 2), CKR_OK);
    assert_int_equal(calls->C_FindObjects(session, &key, 1, &count), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(calls->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(calls->C_SetAttributeValue(session, key, &id, 1), CKR_OK);
    assert_int_equal(calls->C_CloseSession(session), CKR_OK);
}

/* The public key is the same all the while. */
static void a_key_whose_id_changed_is_the_key_unless_it_was_named_by_its_id(void **state)
{
    sigb_signer *by_label, *by_id;

    (void)state;
    stage_plan(&scene, "%s", "");
    softhsm_keygen(scene.hsm, "stage", &(softhsm_key){.type = "P-256", .label = "named", .id = "1"});
    by_label = opened("pkcs11:token=stage;object=named");
    by_id = opened("pkcs11:token=stage;object=named;id=1");
    assert_int_equal(sign_something(by_label, NULL), SIGB_OK);
    assert_int_equal(sign_something(by_id, NULL), SIGB_OK);
    change_id("2");
    stage_plan(&scene, "C_SignInit,times=1,rv=%#lx", CKR_KEY_HANDLE_INVALID); /* look again */
    assert_refused(sign_something(by_id, diag), SIGB_E_KEY_ABSENT, "(object=named, id=as given)");
    assert_int_equal(scene.fault->hits(0), 1);
    assert_int_equal(sign_something(by_label, NULL), SIGB_OK);
    change_id("1");
    assert_int_equal(sign_something(by_id, NULL), SIGB_OK);
    sigb_signer_free(by_id);
    sigb_signer_free(by_label);
}

/* A reply that was lost, or a token that forgets to end what has failed: the session is not used again. */
static void a_failed_call_poisons_no_later_one(void **state)
{
    static const char *const plans[] = {
        "C_Sign,after=1,times=1,rv=0x5,unended", "C_Sign,after=1,times=1,rv=0x30,unended",
        "C_Sign,after=1,times=1,post=0x30", "C_SignInit,after=1,times=1,post=0x30",
        "C_SignInit,times=1,post=0x5"};

    (void)state;
    for (size_t i = 0; i < COUNT(plans); i++) {
        sigb_signer *signer;

        print_message("%s\n", plans[i]);
        stage_plan(&scene, "%s", plans[i]);
        signer = opened(scene.leaf.uri);
        for (int j = 0; j < 4; j++)
            assert_states(&scene.leaf, signer);
        assert_int_equal(scene.fault->hits(0), 1);
        sigb_signer_free(signer);
    }
}

/* ---- mechanisms ---- */

static void a_token_that_only_hashes_for_itself_serves(void **state)
{
    stage_key rsa = {{0}, NULL};
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "only=%#lx", CKM_ECDSA_SHA256);
    signer = opened(scene.leaf.uri);
    assert_states(&scene.leaf, signer);
    sigb_signer_free(signer);

    stage_plan(&scene, "%s", "");
    stage_key_make(&scene, "RSA-2048", "rsa", &rsa);
    stage_plan(&scene, "only=%#lx", CKM_SHA256_RSA_PKCS_PSS);
    signer = opened(rsa.uri);
    assert_states(&rsa, signer);
    sigb_signer_free(signer);

    stage_plan(&scene, "without=%#lx", CKM_SHA256_RSA_PKCS_PSS);
    signer = opened(rsa.uri);
    assert_states(&rsa, signer);
    sigb_signer_free(signer);
    sigb_issuer_free(rsa.issuer);
}

static void a_token_without_a_fitting_mechanism_is_refused(void **state)
{
    sigb_signer *signer = NULL;

    (void)state;
    stage_plan(&scene, "only=%#lx+%#lx", CKM_ECDSA_SHA384, CKM_RSA_PKCS);
    assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag), SIGB_E_MECHANISM,
                   "ES256 needs CKM_ECDSA or CKM_ECDSA_SHA256, which the token lacks");
    stage_plan(&scene, "without=%#lx", CKM_ECDSA);
    assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag), SIGB_E_MECHANISM,
                   "ES256 needs CKM_ECDSA");
    assert_null(signer);
}

/* ---- what a token does not tell ---- */

static void attributes_that_a_token_lacks_are_done_without(void **state)
{
    static const char *const hidden[] = {"0x129", "0x129+0x180+0x181", "0x202+0x40000600", "0x102", "0x108"};

    (void)state;
    for (size_t i = 0; i < COUNT(hidden); i++) {
        sigb_signer *signer;

        print_message("without %s\n", hidden[i]);
        stage_plan(&scene, "hide=%s", hidden[i]);
        signer = opened(scene.leaf.uri);
        assert_states(&scene.leaf, signer);
        assert_states(&scene.leaf, signer);
        sigb_signer_free(signer);
    }
}

static void blank_labels_never_match(void **state)
{
    sigb_signer *signer = NULL;

    (void)state;
    stage_plan(&scene, "blank-labels");
    assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag),
                   SIGB_E_TOKEN_ABSENT, "no token matches");
    assert_refused(sigb_signer_from_pkcs11("pkcs11:object=leaf", &scene.options, &signer, diag),
                   SIGB_E_KEY_ABSENT, "shows no private key that matches");
    assert_null(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_signature_is_made_once_more),
        cmocka_unit_test(a_token_that_signs_wrongly_is_refused),
        cmocka_unit_test(another_key_under_the_same_handle_never_signs),
        cmocka_unit_test(another_key_after_a_repair_is_told_apart),
        cmocka_unit_test(another_token_after_a_repair_is_not_used),
        cmocka_unit_test(another_token_while_a_key_is_opened_is_given_no_pin),
        cmocka_unit_test(a_key_whose_id_changed_is_the_key_unless_it_was_named_by_its_id),
        cmocka_unit_test(a_failed_call_poisons_no_later_one),
        cmocka_unit_test(a_token_that_only_hashes_for_itself_serves),
        cmocka_unit_test(a_token_without_a_fitting_mechanism_is_refused),
        cmocka_unit_test(attributes_that_a_token_lacks_are_done_without),
        cmocka_unit_test(blank_labels_never_match),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
