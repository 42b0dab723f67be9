/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that run short, devices that die and come back, a fault at any call of all. */
#include "tests/fault/stage.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "pkcs11/internal.h"

#define THREADS    8
#define STATEMENTS 12 /* of each thread */

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

/* What earlier tests made of it is no matter: another user of a module would keep it from being shut down. */
static int shut_down(void **state)
{
    (void)state;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
    return 0;
}

static sigb_signer *opened(void)
{
    return stage_signer(scene.leaf.uri, &scene.options);
}

static void assert_states(sigb_signer *signer)
{
    stage_require_state(&scene, &scene.leaf, signer);
}

/* ---- threads ---- */

typedef struct worker {
    pthread_t thread;
    sigb_signer *signer;
    unsigned good;
    sigb_diag diag; /* of the last failure */
} worker;

static void *state_often(void *arg)
{
    worker *w = arg;

    for (int i = 0; i < STATEMENTS; i++) {
        sigb_diag diag = {{0}, 0};
        if (stage_state(&scene, &scene.leaf, w->signer, &diag) == SIGB_OK)
            w->good++;
        else
            w->diag = diag;
    }
    return NULL;
}

static void assert_threads_state(sigb_signer *signer)
{
    worker all[THREADS];

    memset(all, 0, sizeof(all));
    for (int i = 0; i < THREADS; i++) {
        all[i].signer = signer;
        assert_int_equal(pthread_create(&all[i].thread, NULL, state_often, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        if (all[i].good != STATEMENTS)
            fail_msg("%u of %d: %s", all[i].good, STATEMENTS, all[i].diag.text);
}

static void threads_share_the_sessions_that_there_are(void **state)
{
    static const unsigned sessions[] = {1, 2, 4};

    (void)state;
    for (size_t i = 0; i < COUNT(sessions); i++) {
        sigb_signer *signer;

        print_message("%u sessions\n", sessions[i]);
        stage_plan(&scene, "sessions=%u;C_Sign,delay=2", sessions[i]);
        signer = opened();
        assert_threads_state(signer);
        sigb_signer_free(signer);
    }
}

static void how_many_sessions_there_are_is_learned_anew_by_a_restart(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "sessions=1;C_Sign,delay=2");
    signer = opened();
    assert_threads_state(signer);
    stage_plan(&scene, "C_Sign,delay=2");
    assert_threads_state(signer);
    assert_int_equal(scene.fault->calls("C_OpenSession"), 0);
    stage_plan(&scene, "C_Sign,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    assert_states(signer);
    assert_int_equal(scene.fault->calls("C_Initialize"), 1);
    stage_plan(&scene, "C_Sign,delay=2");
    assert_threads_state(signer);
    assert_true(scene.fault->calls("C_OpenSession") > 0);
    sigb_signer_free(signer);
}

/*
 * Each fault strikes one thread, and what it repairs is everybody's. No thread may meet more faults in one
 * signature than it forgives: four lost handles, one code that says nothing.
 */
static void threads_survive_one_fault_after_another(void **state)
{
    static const char *const plans[] = {
        "C_Sign,after=7,times=1,rv=0x30;C_Sign,after=31,times=1,rv=0xb3;C_SignInit,after=60,times=1,rv=0x101",
        "C_Sign,after=20,times=1,dead=0x30", "C_SignInit,after=40,times=1,dead=0xe0",
        "C_SignInit,after=9,times=3,rv=0x60;C_OpenSession,after=2,times=1,rv=0x5",
        "sessions=3;C_Sign,after=11,times=1,rv=0x6;C_Sign,after=51,times=1,rv=0x6"};

    (void)state;
    for (size_t i = 0; i < COUNT(plans); i++) {
        sigb_signer *signer;

        print_message("%s\n", plans[i]);
        stage_plan(&scene, "%s", plans[i]);
        signer = opened();
        assert_threads_state(signer);
        assert_true(scene.fault->hits(0) > 0);
        sigb_signer_free(signer);
    }
}

/* ---- a device that is dead until the module is started anew ---- */

static void a_dead_device_is_started_anew(void **state)
{
    static const unsigned codes[] = {CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT,
                                     CKR_SLOT_ID_INVALID};

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        sigb_signer *signer;

        print_message("%#x\n", codes[i]);
        stage_plan(&scene, "C_Sign,after=2,times=1,dead=%#x", codes[i]);
        signer = opened();
        for (int j = 0; j < 5; j++)
            assert_states(signer);
        assert_int_equal(scene.fault->hits(0), 1);
        assert_int_equal(scene.fault->calls("C_Finalize"), 1);
        assert_int_equal(scene.fault->calls("C_Initialize"), 2);
        assert_int_equal(scene.fault->calls("C_Login"), 2);
        sigb_signer_free(signer);
        assert_int_equal(scene.fault->calls("C_Finalize"), 2);
    }
}

/* Who shut it down may have started it anew, and then it is theirs: C_Finalize comes when nothing else helps. */
static void a_module_that_says_it_was_shut_down_is_first_initialised(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "C_Sign,after=2,times=1,dead=%#lx", CKR_CRYPTOKI_NOT_INITIALIZED);
    signer = opened();
    for (int j = 0; j < 5; j++)
        assert_states(signer);
    assert_int_equal(scene.fault->hits(0), 1);
    assert_int_equal(scene.fault->calls("C_Finalize"), 1);
    assert_int_equal(scene.fault->calls("C_Initialize"), 3);
    assert_int_equal(scene.fault->calls("C_Login"), 2);
    sigb_signer_free(signer);
    assert_int_equal(scene.fault->calls("C_Finalize"), 1);
}

static void a_device_that_dies_while_it_is_opened_is_started_anew(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "C_FindObjects,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    signer = opened();
    assert_states(signer);
    assert_int_equal(scene.fault->hits(0), 1);
    sigb_signer_free(signer);
}

/* Whoever else uses the module keeps it: it is not shut down under them. */
static void a_module_that_another_started_is_never_shut_down(void **state)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(scene.hsm);
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer = NULL;

    (void)state;
    options.timeout_ms = patient_ms(300);
    assert_int_equal(calls->C_Initialize(NULL), CKR_OK);
    stage_plan(&scene, "C_Sign,after=1,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    assert_int_equal(sigb_signer_from_pkcs11(scene.leaf.uri, &options, &signer, NULL), SIGB_OK);
    assert_states(signer);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TOKEN, "CKR_DEVICE_ERROR");
    assert_int_equal(scene.fault->calls("C_Finalize"), 0);
    sigb_signer_free(signer);
    assert_int_equal(scene.fault->calls("C_Finalize"), 0);
    assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

/* ---- any call of all ---- */

/* How many calls a key and two statements take, the end of it not counted. */
static unsigned long calls_of_two_statements(void)
{
    sigb_signer *signer;
    unsigned long count;

    stage_plan(&scene, "%s", "");
    signer = opened();
    assert_states(signer);
    assert_states(signer);
    count = scene.fault->calls("*");
    sigb_signer_free(signer);
    return count;
}

static sigb_rc two_statements(sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag);

    for (int i = 0; rc == SIGB_OK && i < 2; i++)
        rc = stage_state(&scene, &scene.leaf, signer, diag);
    sigb_signer_free(signer);
    return rc;
}

/* True if the login was struck, which is not repeated after what may have cost a try. */
static bool login_was_struck(unsigned long code)
{
    unsigned long codes[8];
    size_t count = scene.fault->logins(codes, COUNT(codes));

    return count > 0 && count <= COUNT(codes) && codes[count - 1] == code;
}

static void one_fault_at_any_call_is_repaired(void **state)
{
    static const unsigned long codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_SESSION_HANDLE_INVALID,
                                          CKR_CRYPTOKI_NOT_INITIALIZED};
    unsigned long calls = calls_of_two_statements(), bad = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++)
        for (unsigned long at = 0; at < calls; at++) {
            sigb_diag diag = {{0}, 0};
            sigb_rc rc;

            (void)shut_down(NULL);
            stage_plan(&scene, "serial=%lu;*,after=%lu,times=1,rv=%#lx", 10000 * i + at, at, codes[i]);
            rc = two_statements(&diag);
            assert_int_equal(scene.fault->hits(0), 1);
            if (rc != SIGB_OK && !(codes[i] == CKR_DEVICE_ERROR && login_was_struck(codes[i]))) {
                print_error("%#lx at call %lu: %s\n", codes[i], at, diag.text);
                bad++;
            }
        }
    print_message("%lu calls, each struck with %zu codes\n", calls, COUNT(codes));
    assert_int_equal(bad, 0);
}

/* A busy machine, or a token far away: one call takes as long as an opening has for repairs. */
static void an_opening_is_repaired_however_slow_the_calls_are(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "C_GetSlotList,times=3,rv=%#lx;C_GetSlotList,times=3,delay=300", CKR_DEVICE_ERROR);
    signer = opened();
    assert_int_equal(scene.fault->hits(0), 3);
    assert_int_equal(scene.fault->hits(1), 3);
    assert_states(signer);
    sigb_signer_free(signer);
}

static sigb_rc open_another(sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag);

    sigb_signer_free(signer);
    return rc;
}

static sigb_rc make_another(sigb_diag *diag)
{
    const sigb_keygen wanted = {.type = "P-256", .label = "another"};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_keygen("pkcs11:token=stage", &wanted, &scene.options, &uri, diag);

    sigb_buf_free(&uri);
    return rc;
}

static sigb_rc list(sigb_diag *diag)
{
    const bridge_rules rules = {false, false};
    bridge_items items = {NULL, 0, NULL};
    sigb_rc rc = bridge_list("pkcs11:token=stage", BRIDGE_PUBLIC, false, &scene.options, &rules, &items,
                             diag);

    bridge_items_free(&items);
    return rc;
}

/* The last thing that could be tried: the time is up when the module has answered. */
static void a_refusal_tells_what_the_module_said_when_it_was_started_anew(void **state)
{
    sigb_rc (*const roads[])(sigb_diag * diag) = {open_another, make_another, list};
    sigb_signer *keeps_it_open = opened();

    (void)state;
    for (size_t i = 0; i < COUNT(roads); i++) {
        stage_plan(&scene, "C_GetSlotList,rv=%#lx;C_Initialize,delay=300;C_Initialize,after=2,rv=%#lx",
                   CKR_DEVICE_ERROR, CKR_GENERAL_ERROR);
        assert_refused(roads[i](diag), SIGB_E_TOKEN,
                       "C_GetSlotList: CKR_DEVICE_ERROR: the device or the connection to it failed; check it "
                       "and try again; and then: PKCS#11 module ");
        assert_int_equal(scene.fault->hits(2), 1);
        stage_plan(&scene, "%s", "");
        assert_states(keeps_it_open);
    }
    sigb_signer_free(keeps_it_open);
}

/* ---- copies of keys ---- */

static void *open_copying(void *arg)
{
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer = NULL;

    (void)arg;
    options.copy_key = true;
    return sigb_signer_from_pkcs11(scene.leaf.uri, &options, &signer, NULL) == SIGB_OK ? signer : NULL;
}

/* Half an object, which cannot be read yet: SoftHSM shows such. */
static void a_search_is_not_disturbed_by_a_copy_that_is_being_made(void **state)
{
    sigb_signer *stays = opened();
    pthread_t thread;
    void *first = NULL, *second;

    (void)state;
    stage_plan(&scene, "C_CopyObject,times=1,hang");
    assert_int_equal(pthread_create(&thread, NULL, open_copying, NULL), 0);
    while (scene.fault->hits(0) == 0)
        (void)sched_yield();
    stage_plan(&scene, "C_GetAttributeValue,times=1,rv=%#lx", CKR_ATTRIBUTE_VALUE_INVALID);
    second = open_copying(NULL);
    assert_int_equal(scene.fault->hits(0), 1);
    assert_non_null(second);
    scene.fault->release();
    assert_int_equal(pthread_join(thread, &first), 0);
    assert_non_null(first);
    assert_states(second);
    sigb_signer_free(first);
    sigb_signer_free(second);
    sigb_signer_free(stays);
}

/* Without a deadline repairs go on for three seconds, with pauses that grow up to a quarter of one: 15 to 30 tries. */
static void repairs_keep_apart_more_and_more(void **state)
{
    sigb_signer *signer = opened();

    (void)state;
    stage_plan(&scene, "C_SignInit,rv=%#lx", CKR_DEVICE_ERROR);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TOKEN, "CKR_DEVICE_ERROR");
    assert_true(scene.fault->hits(0) > 3);
    assert_true(scene.fault->hits(0) < 40);
    stage_plan(&scene, "%s", "");
    assert_states(signer);
    sigb_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_the_sessions_that_there_are),
        cmocka_unit_test_setup(how_many_sessions_there_are_is_learned_anew_by_a_restart, shut_down),
        cmocka_unit_test(threads_survive_one_fault_after_another),
        cmocka_unit_test_setup(a_dead_device_is_started_anew, shut_down),
        cmocka_unit_test_setup(a_module_that_says_it_was_shut_down_is_first_initialised, shut_down),
        cmocka_unit_test_setup(a_device_that_dies_while_it_is_opened_is_started_anew, shut_down),
        cmocka_unit_test_setup(a_module_that_another_started_is_never_shut_down, shut_down),
        cmocka_unit_test_setup(one_fault_at_any_call_is_repaired, shut_down),
        cmocka_unit_test_setup(an_opening_is_repaired_however_slow_the_calls_are, shut_down),
        cmocka_unit_test_setup(a_refusal_tells_what_the_module_said_when_it_was_started_anew, shut_down),
        cmocka_unit_test_setup(a_search_is_not_disturbed_by_a_copy_that_is_being_made, shut_down),
        cmocka_unit_test_setup(repairs_keep_apart_more_and_more, shut_down),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
