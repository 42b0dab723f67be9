/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins: what the token asks for, and one attempt for each PIN. What was refused
 * is remembered by the token's serial number, so each test has a token of its own.
 */
#include "tests/fault/stage.h"

#include <pthread.h>

#include "pkcs11/internal.h"

#define THREADS 8

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

static sigb_signer *opened(const sigb_pkcs11_options *options)
{
    return stage_signer(scene.leaf.uri, options);
}

static sigb_rc try(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    return stage_open_and_state(&scene, &scene.leaf, options, diag);
}

static unsigned long logins(void)
{
    return scene.fault->calls("C_Login");
}

/* ---- what is asked for ---- */

static void a_keypad_is_used_and_no_pin_asked_for(void **state)
{
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer;

    (void)state;
    options.pin = NULL;
    stage_plan(&scene, "serial=keypad;keypad=" SOFTHSM_PIN);
    signer = opened(&options);
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    assert_int_equal(logins(), 1);
    softhsm_lose_sessions(scene.hsm);
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    assert_int_equal(logins(), 2);
    sigb_signer_free(signer);
}

static void a_wrong_pin_on_a_keypad_is_told_once(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    options.pin = NULL;
    stage_plan(&scene, "serial=keypad-wrong;keypad=9999;pin-tries=3");
    assert_refused(try(&options, diag), SIGB_E_PIN_INCORRECT, "CKR_PIN_INCORRECT");
    assert_int_equal(logins(), 1);
}

static void a_token_that_is_always_open_is_asked_for_nothing(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    options.pin = NULL;
    stage_plan(&scene, "serial=open;no-login=" SOFTHSM_PIN);
    assert_int_equal(try(&options, NULL), SIGB_OK);
    assert_int_equal(logins(), 0);
}

static sigb_rc crypto_user(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)request;
    return sigb_pin_put(pin, sigb_bytes_text("alice:" SOFTHSM_PIN), diag);
}

static void a_pin_with_a_user_before_it_is_passed_on_as_it_is(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    stage_plan(&scene, "serial=user;user=alice");
    options.pin = crypto_user;
    assert_int_equal(try(&options, NULL), SIGB_OK);
    assert_refused(try(&scene.options, diag), SIGB_E_PIN_INCORRECT, "CKR_PIN_INCORRECT");
    assert_int_equal(logins(), 2);
}

/* ---- PINs that lock ---- */

static void a_locked_pin_is_not_tried(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    options.allow_final_pin_try = true;
    stage_plan(&scene, "serial=locked;pin-tries=3;pin-wrong=3");
    assert_refused(try(&options, diag), SIGB_E_PIN_LOCKED, "is locked; nothing was tried");
    assert_int_equal(logins(), 0);
}

static void the_final_try_is_left_unless_it_is_asked_for(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    stage_plan(&scene, "serial=final;pin-tries=3;pin-wrong=2");
    assert_refused(try(&options, diag), SIGB_E_PIN_FINAL_TRY, "nothing was tried");
    assert_int_equal(logins(), 0);
    options.allow_final_pin_try = true;
    assert_int_equal(try(&options, NULL), SIGB_OK);
    assert_int_equal(logins(), 1);
}

static void the_final_try_with_a_wrong_pin_locks_and_is_the_last(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    options.allow_final_pin_try = true;
    options.pin = softhsm_wrong_pin;
    stage_plan(&scene, "serial=final-wrong;pin-tries=3;pin-wrong=2");
    assert_refused(try(&options, diag), SIGB_E_PIN_INCORRECT, "CKR_PIN_INCORRECT");
    assert_refused(try(&scene.options, diag), SIGB_E_PIN_LOCKED, "is locked; nothing was tried");
    assert_int_equal(logins(), 1);
}

static void a_wrong_pin_is_tried_once_in_the_life_of_the_process(void **state)
{
    sigb_pkcs11_options options = scene.options;

    (void)state;
    options.pin = softhsm_wrong_pin;
    stage_plan(&scene, "serial=once;pin-tries=10");
    assert_refused(try(&options, diag), SIGB_E_PIN_INCORRECT, "CKR_PIN_INCORRECT");
    for (int i = 0; i < 3; i++)
        assert_refused(try(&options, diag), SIGB_E_PIN_INCORRECT, "refused");
    assert_int_equal(logins(), 1);
    assert_int_equal(try(&scene.options, NULL), SIGB_OK); /* another PIN is another matter */
    assert_int_equal(logins(), 2);
}

/* ---- a login that is lost ---- */

typedef struct signing {
    sigb_signer *signer;
    pthread_t thread;
    sigb_rc rc;
} signing;

static void *sign_once(void *arg)
{
    signing *one = arg;
    sigb_buf signature = SIGB_BUF_INIT;

    one->rc = sigb_signer_sign(one->signer, SIGB_ES256, sigb_bytes_text("tbs"), &signature, NULL);
    sigb_buf_free(&signature);
    return NULL;
}

static void a_pin_changed_behind_threads_is_tried_once_in_all(void **state)
{
    sigb_signer *signer;
    signing all[THREADS];

    (void)state;
    stage_plan(&scene, "serial=changed");
    signer = opened(&scene.options);
    softhsm_lose_sessions(scene.hsm);
    stage_plan(&scene, "serial=changed;C_Login,rv=%#lx", CKR_PIN_INCORRECT);
    for (int i = 0; i < THREADS; i++) {
        all[i].signer = signer;
        assert_int_equal(pthread_create(&all[i].thread, NULL, sign_once, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(all[i].rc, SIGB_E_PIN_INCORRECT);
    assert_int_equal(logins(), 1);
    sigb_signer_free(signer);
}

static void a_pin_that_is_not_kept_is_not_tried_again(void **state)
{
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer;
    int asked = 0;

    (void)state;
    options.no_relogin = true;
    options.pin_arg = &asked;
    stage_plan(&scene, "serial=not-kept");
    signer = opened(&options);
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    softhsm_lose_sessions(scene.hsm);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_PIN_NEEDED, "not kept");
    assert_int_equal(logins(), 1);
    assert_int_equal(asked, 1);
    sigb_signer_free(signer);
}

/* The token logged in, and its answer was lost on the way. */
static void a_login_whose_answer_was_lost_is_noticed(void **state)
{
    (void)state;
    stage_plan(&scene, "serial=lost;C_Login,times=1,post=%#lx", CKR_GENERAL_ERROR);
    assert_int_equal(try(&scene.options, NULL), SIGB_OK);
    assert_int_equal(scene.fault->hits(0), 1);
}

/* ---- keys that ask before every signature ---- */

#define NEW_PIN "56789"

static void change_pin(const char *from, const char *to)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(scene.hsm);
    CK_SESSION_HANDLE session = 0;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(
        calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(calls->C_SetPIN(session, (CK_BYTE *)(uintptr_t)from, strlen(from),
                                     (CK_BYTE *)(uintptr_t)to, strlen(to)),
                     CKR_OK);
    assert_int_equal(calls->C_CloseSession(session), CKR_OK);
}

/* Asked to log in it knows the old PIN, asked for a signature the new one. */
static sigb_rc new_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    int *asked = arg;

    if (request->kind != SIGB_PIN_CONTEXT)
        return sigb_pin_put(pin, sigb_bytes_text(SOFTHSM_PIN), diag);
    (*asked)++;
    return sigb_pin_put(pin, sigb_bytes_text(NEW_PIN), diag);
}

static void a_kept_pin_that_a_signature_refuses_is_kept_no_longer(void **state)
{
    static const softhsm_key always = {
        .type = "P-256", .label = "always", .id = "always", .always_authenticate = true};
    sigb_pkcs11_options options = scene.options;
    sigb_signer *signer;
    int asked = 0;

    (void)state;
    stage_plan(&scene, "serial=context");
    softhsm_keygen(scene.hsm, "stage", &always);
    options.pin = new_pin;
    options.pin_arg = &asked;
    signer = stage_signer("pkcs11:object=always", &options);
    assert_int_equal(sign_something(signer, NULL), SIGB_OK);
    assert_int_equal(logins(), 2);
    assert_int_equal(asked, 0); /* with the PIN of the login */
    change_pin(SOFTHSM_PIN, NEW_PIN);
    assert_refused(sign_something(signer, diag), SIGB_E_PIN_INCORRECT, "CKR_PIN_INCORRECT");
    assert_int_equal(logins(), 3);
    assert_int_equal(asked, 0);
    assert_int_equal(sign_something(signer, NULL), SIGB_OK);
    assert_int_equal(logins(), 4);
    assert_int_equal(asked, 1);
    change_pin(NEW_PIN, SOFTHSM_PIN);
    sigb_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keypad_is_used_and_no_pin_asked_for),
        cmocka_unit_test(a_wrong_pin_on_a_keypad_is_told_once),
        cmocka_unit_test(a_token_that_is_always_open_is_asked_for_nothing),
        cmocka_unit_test(a_pin_with_a_user_before_it_is_passed_on_as_it_is),
        cmocka_unit_test(a_locked_pin_is_not_tried),
        cmocka_unit_test(the_final_try_is_left_unless_it_is_asked_for),
        cmocka_unit_test(the_final_try_with_a_wrong_pin_locks_and_is_the_last),
        cmocka_unit_test(a_wrong_pin_is_tried_once_in_the_life_of_the_process),
        cmocka_unit_test(a_pin_changed_behind_threads_is_tried_once_in_all),
        cmocka_unit_test(a_pin_that_is_not_kept_is_not_tried_again),
        cmocka_unit_test(a_login_whose_answer_was_lost_is_noticed),
        cmocka_unit_test(a_kept_pin_that_a_signature_refuses_is_kept_no_longer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
