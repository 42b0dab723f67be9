/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose module it is. Another user of it in the process, bare Cryptoki on the SoftHSM behind the fault module, shuts it
 * down and starts it anew: we go on, and leave it to that user at the end.
 */
#include "tests/fault/stage.h"

#include <sys/wait.h>
#include <unistd.h>

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

static int shut_down(void **state)
{
    (void)state;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
    stage_plan(&scene, "%s", "");
    return 0;
}

static void assert_states(sigb_signer *signer)
{
    stage_require_state(&scene, &scene.leaf, signer);
}

static unsigned long finalised(void)
{
    return scene.fault->calls("C_Finalize");
}

/* ---- the other user ---- */

typedef struct other {
    CK_FUNCTION_LIST *calls;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
} other;

static void other_shuts_down(other *user)
{
    user->calls = softhsm_calls(scene.hsm);
    assert_int_equal(user->calls->C_Finalize(NULL), CKR_OK);
}

static void other_starts(other *user, CK_RV wanted)
{
    CK_C_INITIALIZE_ARGS args = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};

    user->calls = softhsm_calls(scene.hsm);
    assert_int_equal(user->calls->C_Initialize(&args), wanted);
}

/* SoftHSM counts handles up from 1: more sessions than ours had, so that none of theirs goes by a number of ours. */
static void open_beyond(other *user, CK_SLOT_ID slot)
{
    for (int i = 0; i < 200; i++) {
        if (i > 0)
            assert_int_equal(user->calls->C_CloseSession(user->session), CKR_OK);
        assert_int_equal(user->calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &user->session),
                         CKR_OK);
    }
}

static void other_logs_in(other *user)
{
    char pin[] = SOFTHSM_PIN;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_RV rv;

    assert_int_equal(user->calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    open_beyond(user, slots[0]);
    rv = user->calls->C_Login(user->session, CKU_USER, (CK_BYTE *)pin, sizeof(pin) - 1);
    assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
    user->key = softhsm_the_object(user->calls, user->session, CKO_PRIVATE_KEY, "leaf");
}

static void assert_other_signs(const other *user)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1}, signature[64];
    CK_ULONG len = sizeof(signature);

    assert_int_equal(user->calls->C_SignInit(user->session, &ecdsa, user->key), CKR_OK);
    assert_int_equal(user->calls->C_Sign(user->session, digest, sizeof(digest), signature, &len), CKR_OK);
}

/* ---- what is left open in a module that others keep alive ---- */

static void failures_of_the_device_leave_no_sessions_behind(void **state)
{
    sigb_signer *signer;
    other user;

    (void)state;
    other_starts(&user, CKR_OK);
    stage_plan(&scene, "sessions=3");
    signer = stage_signer(scene.leaf.uri, &scene.options);
    for (int i = 0; i < 8; i++) {
        stage_plan(&scene, "sessions=3;C_Sign,times=2,rv=%#lx", CKR_DEVICE_ERROR);
        assert_states(signer);
        assert_int_equal(scene.fault->hits(0), 2);
        assert_true(scene.fault->calls("C_Initialize") > 0); /* and it was another's */
        assert_int_equal(scene.fault->calls("C_OpenSession"), scene.fault->calls("C_CloseSession"));
    }
    sigb_signer_free(signer);
    assert_int_equal(finalised(), 0);
    other_shuts_down(&user);
}

/* ---- who shuts it down ---- */

static void a_module_that_another_started_anew_is_left_to_it(void **state)
{
    sigb_signer *signer = stage_signer(scene.leaf.uri, &scene.options);
    other user;

    (void)state;
    assert_states(signer);
    other_shuts_down(&user);
    other_starts(&user, CKR_OK);
    other_logs_in(&user);
    assert_states(signer);
    assert_other_signs(&user);
    assert_states(signer);
    sigb_signer_free(signer);
    assert_other_signs(&user);
    assert_int_equal(finalised(), 0);
}

/* We were the first to start it again, and the other has joined us since. */
static void a_module_that_another_shut_down_is_left_to_it(void **state)
{
    sigb_signer *signer = stage_signer(scene.leaf.uri, &scene.options);
    other user;

    (void)state;
    assert_states(signer);
    other_shuts_down(&user);
    assert_states(signer);
    assert_int_equal(scene.fault->calls("C_Initialize"), 2);
    other_starts(&user, CKR_CRYPTOKI_ALREADY_INITIALIZED);
    other_logs_in(&user);
    sigb_signer_free(signer);
    assert_other_signs(&user);
    assert_int_equal(finalised(), 0);
}

/* Nobody else's any more: as on the first day. */
static void a_module_that_all_others_have_left_is_shut_down_again(void **state)
{
    sigb_signer *signer = stage_signer(scene.leaf.uri, &scene.options);
    other user;

    (void)state;
    assert_states(signer);
    other_shuts_down(&user);
    other_starts(&user, CKR_OK);
    assert_states(signer);
    sigb_signer_free(signer);
    assert_int_equal(finalised(), 0);
    other_shuts_down(&user);
    assert_int_equal(stage_open_and_state(&scene, &scene.leaf, &scene.options, NULL), SIGB_OK);
    assert_int_equal(finalised(), 1);
}

/* What was ours once may be started anew by a later signer too, when the device has died. */
static void a_module_that_was_left_is_still_repaired(void **state)
{
    sigb_signer *signer = stage_signer(scene.leaf.uri, &scene.options);

    (void)state;
    assert_states(signer);
    softhsm_lose_sessions(scene.hsm);
    assert_states(signer);
    sigb_signer_free(signer);
    assert_int_equal(finalised(), 0);
    stage_plan(&scene, "C_Sign,after=1,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    signer = stage_signer(scene.leaf.uri, &scene.options);
    assert_states(signer);
    assert_states(signer);
    assert_int_equal(scene.fault->hits(0), 1);
    assert_int_equal(finalised(), 1);
    sigb_signer_free(signer);
}

/* ---- what a child does with what is its parent's; calls of children are counted too ---- */

static void run_child(void (*story)(sigb_signer *signer), sigb_signer *signer)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        (void)alarm(60);
        leaks_are_meant();
        story(signer);
        exit(0); /* through the handlers of exit() */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void free_it(sigb_signer *signer)
{
    sigb_signer_free(signer);
}

static void leave_it(sigb_signer *signer)
{
    (void)signer;
}

static void sign_and_free_it(sigb_signer *signer)
{
    if (stage_state(&scene, &scene.leaf, signer, NULL) != SIGB_OK)
        _exit(1);
    sigb_signer_free(signer);
}

static void a_child_that_signs_nothing_calls_nothing(void **state)
{
    void (*const stories[])(sigb_signer *) = {free_it, leave_it};
    sigb_signer *signer = stage_signer(scene.leaf.uri, &scene.options);

    (void)state;
    assert_states(signer);
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        unsigned long before = scene.fault->calls("*");

        run_child(stories[i], signer);
        assert_int_equal(scene.fault->calls("*"), before);
        assert_states(signer);
    }
    sigb_signer_free(signer);
}

/* The module says that it is initialised already: what the parent had open is not closed, and nothing is finalised. */
static void a_child_that_signs_closes_what_it_opened_and_no_more(void **state)
{
    sigb_signer *signer;

    (void)state;
    softhsm_configure(scene.hsm, "library.reset_on_fork = false");
    signer = stage_signer(scene.leaf.uri, &scene.options);
    assert_states(signer);
    stage_plan(&scene, "%s", "");
    run_child(sign_and_free_it, signer);
    assert_int_equal(scene.fault->calls("C_Initialize"), 1);
    assert_true(scene.fault->calls("C_OpenSession") > 0);
    assert_int_equal(scene.fault->calls("C_CloseSession"), scene.fault->calls("C_OpenSession"));
    assert_int_equal(finalised(), 0);
    assert_states(signer);
    sigb_signer_free(signer);
    assert_int_equal(finalised(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(failures_of_the_device_leave_no_sessions_behind, shut_down),
        cmocka_unit_test_setup(a_module_that_another_started_anew_is_left_to_it, shut_down),
        cmocka_unit_test_setup(a_module_that_another_shut_down_is_left_to_it, shut_down),
        cmocka_unit_test_setup(a_module_that_all_others_have_left_is_shut_down_again, shut_down),
        cmocka_unit_test_setup(a_module_that_was_left_is_still_repaired, shut_down),
        cmocka_unit_test_setup(a_child_that_signs_nothing_calls_nothing, shut_down),
        cmocka_unit_test_setup(a_child_that_signs_closes_what_it_opened_and_no_more, shut_down),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
