/* SPDX-License-Identifier: Apache-2.0 */
/* What a repair may not do: lose the login by itself, or wait for what was left behind. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "pkcs11/bridge.h"
#include "tests/support/softhsm.h"

#define USUAL_MS 250

static softhsm *hsm;
static CK_FUNCTION_LIST *calls; /* the module's table, with which tests meddle */
static CK_FUNCTION_LIST real;

/* A deadline; valgrind takes ten times as long for everything. */
static unsigned usual_ms(void)
{
    return patient_ms(getenv("SIGBRIDGE_UNDER") == NULL ? USUAL_MS : 10 * USUAL_MS);
}

static int set_up(void **state)
{
    static const softhsm_key keys[] = {{.type = "P-256", .label = "asks", .always_authenticate = true},
                                       {.type = "P-256", .label = "copied", .id = "copied"}};

    (void)state;
    hsm = softhsm_with_key();
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        softhsm_keygen(hsm, "release", &keys[i]);
    calls = softhsm_calls(hsm);
    real = *calls;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

static int mend(void **state)
{
    (void)state;
    *calls = real;
    return 0;
}

static sigb_signer *opened(const char *uri, sigb_pkcs11_options options)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    options.module = softhsm_module();
    options.pin = softhsm_pin;
    if (sigb_signer_from_pkcs11(uri, &options, &signer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    return signer;
}

static void assert_signs(sigb_signer *signer)
{
    sigb_diag diag = {{0}, 0};

    if (sign_something(signer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
}

static CK_SLOT_ID the_slot(void)
{
    CK_SLOT_ID slots[4];
    CK_ULONG count = 4;

    assert_int_equal(real.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_true(count > 0);
    return slots[0];
}

/* ---- calls that never come back ---- */

static atomic_bool held;
static atomic_int waiting; /* calls that are held */

static void hold(void)
{
    (void)atomic_fetch_add(&waiting, 1);
    while (atomic_load(&held))
        (void)usleep(1000);
    (void)atomic_fetch_sub(&waiting, 1);
}

static void let_go(void)
{
    atomic_store(&held, false);
    while (atomic_load(&waiting) > 0)
        (void)usleep(1000);
    (void)usleep(50000); /* until what was left behind has seen that nobody waits for it */
}

static CK_RV held_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                       CK_SESSION_HANDLE *session)
{
    hold();
    return real.C_OpenSession(slot, flags, arg, notify, session);
}

static void a_repair_that_is_left_behind_is_begun_anew(void **state)
{
    sigb_signer *hasty = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = usual_ms()});
    sigb_signer *patient = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = 0});

    (void)state;
    assert_signs(hasty);
    assert_int_equal(real.C_CloseAllSessions(the_slot()), CKR_OK);
    atomic_store(&held, true);
    calls->C_OpenSession = held_open;
    assert_refused(sign_something(hasty, diag), SIGB_E_TIMEOUT, "did not answer in time");
    *calls = real; /* the device is well again, but that call */
    assert_signs(hasty);
    (void)alarm(120);
    assert_signs(patient);
    (void)alarm(0);
    let_go();
    assert_signs(hasty);
    assert_signs(patient);
    sigb_signer_free(patient);
    sigb_signer_free(hasty);
}

static CK_RV held_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                       CK_ULONG *made_len)
{
    hold();
    return real.C_Sign(session, data, len, made, made_len);
}

/* ---- a token of one session ---- */

static atomic_int sessions;

static CK_RV only_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                       CK_SESSION_HANDLE *session)
{
    CK_RV rv = atomic_fetch_add(&sessions, 1) >= 1 ? CKR_SESSION_COUNT
                                                   : real.C_OpenSession(slot, flags, arg, notify, session);

    if (rv != CKR_OK)
        (void)atomic_fetch_sub(&sessions, 1);
    return rv;
}

static CK_RV only_close(CK_SESSION_HANDLE session)
{
    CK_RV rv = real.C_CloseSession(session);

    if (rv == CKR_OK)
        (void)atomic_fetch_sub(&sessions, 1);
    return rv;
}

static void the_one_session_of_a_token_comes_back_with_its_call(void **state)
{
    sigb_signer *signer;

    (void)state;
    atomic_store(&sessions, 0);
    calls->C_OpenSession = only_open;
    calls->C_CloseSession = only_close;
    signer = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = usual_ms()});
    assert_signs(signer);
    atomic_store(&held, true);
    calls->C_Sign = held_sign;
    assert_refused(sign_something(signer, diag), SIGB_E_TIMEOUT, "did not answer in time");
    calls->C_Sign = real.C_Sign;
    let_go();
    assert_signs(signer);
    assert_signs(signer);
    sigb_signer_free(signer);
}

/* ---- waiting for what another thread has ---- */

typedef struct holder {
    pthread_t thread;
    sigb_signer *signer;
    sigb_rc rc;
} holder;

static void *sign_and_tell(void *arg)
{
    holder *h = arg;

    h->rc = sign_something(h->signer, NULL);
    return NULL;
}

/* Begins a signature in a thread, and returns when the call that is held has it. */
static void hold_one(holder *h, sigb_signer *signer)
{
    *h = (holder){.signer = signer, .rc = SIGB_E_INTERNAL};
    atomic_store(&held, true);
    assert_int_equal(pthread_create(&h->thread, NULL, sign_and_tell, h), 0);
    while (atomic_load(&waiting) == 0)
        (void)usleep(1000);
}

static void assert_held_one_signs(holder *h)
{
    *calls = real;
    let_go();
    assert_int_equal(pthread_join(h->thread, NULL), 0);
    assert_int_equal(h->rc, SIGB_OK);
}

static void a_session_that_does_not_come_back_is_waited_for_until_the_deadline(void **state)
{
    sigb_signer *patient, *hasty;
    holder h;

    (void)state;
    atomic_store(&sessions, 0);
    calls->C_OpenSession = only_open;
    calls->C_CloseSession = only_close;
    patient = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = 0});
    hasty = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = usual_ms()});
    calls->C_Sign = held_sign;
    hold_one(&h, patient);
    assert_refused(sign_something(hasty, diag), SIGB_E_TIMEOUT, "became free in time (1 are in use)");
    assert_held_one_signs(&h);
    assert_signs(hasty);
    sigb_signer_free(hasty);
    sigb_signer_free(patient);
}

static void a_repair_by_another_thread_is_waited_for_until_the_deadline(void **state)
{
    sigb_signer *patient = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = 0});
    sigb_signer *hasty = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = usual_ms()});
    holder h;

    (void)state;
    assert_int_equal(real.C_CloseAllSessions(the_slot()), CKR_OK);
    calls->C_OpenSession = held_open;
    hold_one(&h, patient);
    assert_refused(sign_something(hasty, diag), SIGB_E_TIMEOUT,
                   "another thread has not brought it back in time");
    assert_int_equal(atomic_load(&waiting), 1); /* the other one alone is in the module */
    assert_held_one_signs(&h);
    assert_signs(hasty);
    sigb_signer_free(hasty);
    sigb_signer_free(patient);
}

/* ---- the login lives as long as a session ---- */

static CK_RV spoilt_with;
static atomic_int spoilt_times;

static CK_RV spoilt_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    return atomic_fetch_sub(&spoilt_times, 1) > 0 ? spoilt_with : real.C_SignInit(session, how, key);
}

static void one_failure_does_not_end_a_login_that_cannot_be_repeated(void **state)
{
    static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_KEY_HANDLE_INVALID,
                                  CKR_FUNCTION_CANCELED, CKR_DEVICE_MEMORY};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        sigb_signer *signer = opened("pkcs11:object=key", (sigb_pkcs11_options){.no_relogin = true});

        print_message("0x%lx\n", codes[i]);
        assert_signs(signer);
        spoilt_with = codes[i];
        atomic_store(&spoilt_times, 1);
        calls->C_SignInit = spoilt_init;
        assert_int_equal(sign_something(signer, NULL),
                         codes[i] == CKR_FUNCTION_CANCELED ? SIGB_E_TOKEN : SIGB_OK);
        assert_signs(signer);
        *calls = real;
        sigb_signer_free(signer);
    }
}

/* ---- copies of a key in sessions ---- */

static void delete_original(void)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
                             {CKA_TOKEN, &yes, sizeof(yes)},
                             {CKA_LABEL, (void *)(uintptr_t) "copied", 6}};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;

    assert_int_equal(
        real.C_OpenSession(the_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(real.C_FindObjectsInit(session, wanted, 3), CKR_OK);
    assert_int_equal(real.C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_int_equal(real.C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(real.C_DestroyObject(session, found[0]), CKR_OK);
    assert_int_equal(real.C_CloseSession(session), CKR_OK);
}

static void a_copy_in_a_session_is_not_the_key(void **state)
{
    sigb_signer *copying, *also, *plain;

    (void)state;
    copying = opened("pkcs11:object=copied", (sigb_pkcs11_options){.copy_key = true});
    assert_signs(copying);
    also = opened("pkcs11:object=copied", (sigb_pkcs11_options){.copy_key = true});
    plain = opened("pkcs11:object=copied", (sigb_pkcs11_options){.timeout_ms = 0});
    assert_signs(also);
    assert_signs(plain);
    spoilt_with = CKR_KEY_HANDLE_INVALID; /* the handle of the copy is void, and its session is not */
    atomic_store(&spoilt_times, 1);
    calls->C_SignInit = spoilt_init;
    assert_signs(copying);
    sigb_signer_free(also);
    delete_original();
    atomic_store(&spoilt_times, 1);
    assert_refused(sign_something(copying, diag), SIGB_E_KEY_ABSENT, "shows no private key that matches");
    *calls = real;
    sigb_signer_free(plain);
    sigb_signer_free(copying);
}

/* ---- neither for ever nor too soon ---- */

static atomic_int opens;

static CK_RV dying_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                        CK_SESSION_HANDLE *session)
{
    return atomic_fetch_add(&opens, 1) == 1 ? real.C_OpenSession(slot, flags, arg, notify, session)
                                            : CKR_DEVICE_ERROR;
}

static void a_token_that_dies_after_the_pin_is_refused_in_time(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;

    (void)state;
    (void)real.C_Finalize(NULL); /* ends a login that sessions keep which were said to be lost, and are not */
    atomic_store(&opens, 0);
    calls->C_OpenSession = dying_open;
    (void)alarm(120);
    assert_refused(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, diag), SIGB_E_TOKEN,
                   "CKR_DEVICE_ERROR");
    (void)alarm(0);
}

static CK_RV comes_back_without_sessions(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    int left = atomic_fetch_sub(&spoilt_times, 1);

    if (left > 1)
        return CKR_DEVICE_ERROR;
    return left == 1 ? CKR_SESSION_HANDLE_INVALID : real.C_SignInit(session, how, key);
}

static void a_device_that_was_waited_for_may_still_lose_a_session(void **state)
{
    sigb_signer *signer = opened("pkcs11:object=key", (sigb_pkcs11_options){.timeout_ms = 0});

    (void)state;
    atomic_store(&spoilt_times, 7);
    calls->C_SignInit = comes_back_without_sessions;
    assert_signs(signer);
    *calls = real;
    sigb_signer_free(signer);
}

/* ---- an operation that was begun and not ended ---- */

static atomic_int active;

static CK_RV final_try(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    info->flags |= CKF_USER_PIN_FINAL_TRY;
    return rv;
}

static CK_RV counting_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    CK_RV rv = real.C_SignInit(session, how, key);

    (void)atomic_fetch_add(&active, rv == CKR_OPERATION_ACTIVE);
    return rv;
}

static void a_session_in_which_a_signature_was_begun_is_not_used_again(void **state)
{
    sigb_signer *signer = opened("pkcs11:object=asks", (sigb_pkcs11_options){.timeout_ms = 0});

    (void)state;
    assert_signs(signer);
    calls->C_GetTokenInfo = final_try;
    assert_refused(sign_something(signer, diag), SIGB_E_PIN_FINAL_TRY, "one wrong PIN more");
    calls->C_GetTokenInfo = real.C_GetTokenInfo;
    calls->C_SignInit = counting_init;
    assert_signs(signer);
    assert_int_equal(atomic_load(&active), 0);
    *calls = real;
    sigb_signer_free(signer);
}

/* ---- a token that is seen once the module is started anew ---- */

static atomic_int starts;

static CK_RV counting_start(void *args)
{
    (void)atomic_fetch_add(&starts, 1);
    return real.C_Initialize(args);
}

/* As SoftHSM shows a token whose file another process was writing when the module was started. */
static CK_RV blank_before_the_second_start(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    if (atomic_load(&starts) < 2)
        memset(info->label, ' ', sizeof(info->label));
    return rv;
}

static bridge_module *keep(void)
{
    const sigb_pkcs11_options options = {.module = softhsm_module()};
    bridge_module *kept;

    atomic_store(&starts, 0);
    calls->C_Initialize = counting_start;
    kept = bridge_module_hold(&options);
    assert_non_null(kept);
    return kept;
}

static void a_module_that_is_only_kept_is_started_anew_for_a_token_that_it_does_not_show(void **state)
{
    bridge_module *kept = keep();
    sigb_signer *signer;

    (void)state;
    assert_int_equal(atomic_load(&starts), 1);
    calls->C_GetTokenInfo = blank_before_the_second_start;
    signer = opened("pkcs11:token=release;object=key", (sigb_pkcs11_options){.timeout_ms = 0});
    assert_signs(signer);
    assert_int_equal(atomic_load(&starts), 2);
    sigb_signer_free(signer);
    bridge_module_release(kept);
}

static void a_module_that_others_use_is_not_started_anew_for_a_name_that_no_token_has(void **state)
{
    sigb_signer *other = opened("pkcs11:token=release;object=key", (sigb_pkcs11_options){.timeout_ms = 0});
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    bridge_module *kept = keep();
    sigb_signer *none = NULL;

    (void)state;
    assert_refused(sigb_signer_from_pkcs11("pkcs11:token=nowhere;object=key", &options, &none, diag),
                   SIGB_E_TOKEN_ABSENT, "no token matches");
    assert_signs(other);
    assert_int_equal(atomic_load(&starts), 0);
    sigb_signer_free(other);
    bridge_module_release(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* before the tests whose calls are left behind, and use the module for good */
        cmocka_unit_test_teardown(
            a_module_that_is_only_kept_is_started_anew_for_a_token_that_it_does_not_show, mend),
        cmocka_unit_test_teardown(a_module_that_others_use_is_not_started_anew_for_a_name_that_no_token_has,
                                  mend),
        cmocka_unit_test_teardown(a_repair_that_is_left_behind_is_begun_anew, mend),
        cmocka_unit_test_teardown(the_one_session_of_a_token_comes_back_with_its_call, mend),
        cmocka_unit_test_teardown(a_session_that_does_not_come_back_is_waited_for_until_the_deadline, mend),
        cmocka_unit_test_teardown(a_repair_by_another_thread_is_waited_for_until_the_deadline, mend),
        cmocka_unit_test_teardown(one_failure_does_not_end_a_login_that_cannot_be_repeated, mend),
        cmocka_unit_test_teardown(a_copy_in_a_session_is_not_the_key, mend),
        cmocka_unit_test_teardown(a_token_that_dies_after_the_pin_is_refused_in_time, mend),
        cmocka_unit_test_teardown(a_device_that_was_waited_for_may_still_lose_a_session, mend),
        cmocka_unit_test_teardown(a_session_in_which_a_signature_was_begun_is_not_used_again, mend),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
