/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGPIPE of modules that write to sockets: held back around their calls, in the thread that makes them, and taken back.
 * What the program does about the signal is its own affair. SoftHSM plays such a module, under the name of one.
 */
#include "tests/support/support.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/softhsm.h"

static softhsm *hsm;
static CK_FUNCTION_LIST *calls; /* the module's table, with which tests meddle */
static CK_FUNCTION_LIST real;
static char client[PATH_MAX];
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_with_key();
    calls = softhsm_calls(hsm);
    real = *calls;
    assert_true(snprintf(client, sizeof(client), "%s/p11-kit-client.so", softhsm_dir(hsm)) < PATH_MAX);
    assert_int_equal(symlink(softhsm_module(), client), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(client);
    softhsm_free(hsm);
    return 0;
}

/* ---- a call in which the other end is gone ---- */

static atomic_bool breaks, was_blocked;

static bool has_pipe(const sigset_t *set)
{
    return sigismember(set, SIGPIPE) == 1;
}

static bool blocks_pipe(void)
{
    sigset_t mask;

    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    return has_pipe(&mask);
}

static bool pipe_is_pending(void)
{
    sigset_t pending;

    assert_int_equal(sigpending(&pending), 0);
    return has_pipe(&pending);
}

static CK_RV broken_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    int ends[2];

    atomic_store(&was_blocked, blocks_pipe());
    if (atomic_load(&breaks) && pipe(ends) == 0) {
        (void)close(ends[0]);
        (void)!write(ends[1], "x", 1);
        (void)close(ends[1]);
    }
    return real.C_SignInit(session, how, key);
}

static void sign_by(const char *module, bool with_broken_pipe)
{
    const sigb_pkcs11_options options = {.module = module, .pin = softhsm_pin};
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    if (sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    atomic_store(&breaks, with_broken_pipe);
    calls->C_SignInit = broken_init;
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    *calls = real;
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

/* ---- tests ---- */

static void a_broken_pipe_of_a_module_ends_nobody(void **state)
{
    (void)state;
    assert_false(blocks_pipe());
    sign_by(client, true);
    assert_true(atomic_load(&was_blocked));
    assert_false(blocks_pipe());
    assert_false(pipe_is_pending());
}

static atomic_int handled;

static void count(int number)
{
    (void)number;
    (void)atomic_fetch_add(&handled, 1);
}

static void the_program_s_own_handler_stays_and_hears_nothing_of_it(void **state)
{
    struct sigaction ours = {.sa_handler = count}, before, after;

    (void)state;
    assert_int_equal(sigaction(SIGPIPE, &ours, &before), 0);
    sign_by(client, true);
    assert_int_equal(atomic_load(&handled), 0);
    assert_int_equal(raise(SIGPIPE), 0);
    assert_int_equal(atomic_load(&handled), 1);
    assert_int_equal(sigaction(SIGPIPE, &before, &after), 0);
    assert_true(after.sa_handler == count);
}

static void a_signal_that_waited_before_waits_on(void **state)
{
    static const struct timespec at_once = {0, 0};
    sigset_t pipe, before;

    (void)state;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &pipe, &before), 0);
    assert_int_equal(pthread_kill(pthread_self(), SIGPIPE), 0);
    sign_by(client, true);
    assert_true(pipe_is_pending());
    assert_true(blocks_pipe());
    assert_int_equal(sigtimedwait(&pipe, NULL, &at_once), SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void other_modules_are_called_as_they_are(void **state)
{
    (void)state;
    sign_by(softhsm_module(), false);
    assert_false(atomic_load(&was_blocked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_pipe_of_a_module_ends_nobody),
        cmocka_unit_test(the_program_s_own_handler_stays_and_hears_nothing_of_it),
        cmocka_unit_test(a_signal_that_waited_before_waits_on),
        cmocka_unit_test(other_modules_are_called_as_they_are),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
