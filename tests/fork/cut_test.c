/* SPDX-License-Identifier: Apache-2.0 */
/* A fork that waits in vain for a call: its child never touches a module, and says why. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/softhsm.h"

static softhsm *hsm;
static CK_FUNCTION_LIST *calls; /* the module's table, with which the test meddles */
static CK_FUNCTION_LIST real;

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_with_key();
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

/* ---- a call that does not come back until it is let go ---- */

static atomic_bool held = true, within;

static CK_RV held_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                       CK_ULONG *made_len)
{
    atomic_store(&within, true);
    while (atomic_load(&held))
        (void)usleep(1000);
    return real.C_Sign(session, data, len, made, made_len);
}

static void *sign_in_thread(void *signer)
{
    return (void *)(intptr_t)sign_something(signer, NULL);
}

/* ---- what a child must not call ---- */

static CK_RV touched_initialize(void *args)
{
    (void)args;
    _exit(3);
}

static CK_RV touched_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    (void)slot, (void)flags, (void)arg, (void)notify, (void)session;
    _exit(3);
}

static CK_RV touched_close(CK_SESSION_HANDLE session)
{
    (void)session;
    _exit(3);
}

static CK_RV touched_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    (void)session, (void)how, (void)key;
    _exit(3);
}

/* 0: refused in these words, by what the parent had open and by what is opened here, and no module was touched. */
static int sign_in_cut_child(sigb_signer *signer)
{
    static const char words[] = "forked while a call into a PKCS#11 module ran";
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_diag diag = {{0}, 0};
    sigb_signer *other = NULL;

    calls->C_Initialize = touched_initialize;
    calls->C_Finalize = touched_initialize;
    calls->C_OpenSession = touched_open;
    calls->C_CloseSession = touched_close;
    calls->C_SignInit = touched_init;
    if (sign_something(signer, &diag) != SIGB_E_TIMEOUT || strstr(diag.text, words) == NULL)
        return 1;
    memset(&diag, 0, sizeof(diag));
    if (sigb_signer_from_pkcs11("pkcs11:object=key", &options, &other, &diag) != SIGB_E_TIMEOUT ||
        strstr(diag.text, words) == NULL)
        return 2;
    sigb_signer_free(signer);
    return 0;
}

static void a_child_whose_fork_cut_a_call_in_two_touches_no_module(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;
    pthread_t thread;
    void *rc = NULL;
    pid_t child;
    int status = -1;

    (void)state;
    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, NULL), SIGB_OK);
    assert_int_equal(sign_something(signer, NULL), SIGB_OK);
    calls->C_Sign = held_sign;
    assert_int_equal(pthread_create(&thread, NULL, sign_in_thread, signer), 0);
    while (!atomic_load(&within))
        (void)usleep(1000);
    child = fork(); /* after two seconds of waiting */
    if (child == 0) {
        (void)alarm(60);
        leaks_are_meant();
        exit(sign_in_cut_child(signer)); /* through exit(): the end touches no module either */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    *calls = real;
    atomic_store(&held, false);
    assert_int_equal(pthread_join(thread, &rc), 0);
    assert_int_equal((intptr_t)rc, SIGB_OK);
    assert_int_equal(sign_something(signer, NULL), SIGB_OK);
    sigb_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_whose_fork_cut_a_call_in_two_touches_no_module),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
