/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that finds a module initialised, by whom it cannot know: where the module is known to break in children, that is
 * most likely its parent, with whose connection it would talk. SoftHSM plays such a module, under the name of one.
 */
#include "tests/support/support.h"

#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/softhsm.h"

static softhsm *hsm;
static CK_FUNCTION_LIST *calls; /* the module's table, with which the test meddles */
static char breaking[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_with_key();
    softhsm_configure(hsm, "library.reset_on_fork = false");
    calls = softhsm_calls(hsm);
    assert_true(snprintf(breaking, sizeof(breaking), "%s/libtpm2_pkcs11.so", softhsm_dir(hsm)) < PATH_MAX);
    assert_int_equal(symlink(softhsm_module(), breaking), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(breaking);
    softhsm_free(hsm);
    return 0;
}

static sigb_rc open_and_sign(const char *module, sigb_diag *diag)
{
    const sigb_pkcs11_options options = {.module = module, .pin = softhsm_pin};
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, diag);

    if (rc == SIGB_OK)
        rc = sign_something(signer, diag);
    sigb_signer_free(signer);
    return rc;
}

/* ---- in a child ---- */

static CK_RV touched_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    (void)present, (void)slots, (void)count;
    _exit(3);
}

static CK_RV touched_finalize(void *reserved)
{
    (void)reserved;
    _exit(3);
}

/* After C_Initialize, which told it, nothing is called any more. */
static int is_refused(void)
{
    sigb_diag diag = {{0}, 0};

    calls->C_GetSlotList = touched_list;
    calls->C_Finalize = touched_finalize;
    return open_and_sign(breaking, &diag) == SIGB_E_FORKED &&
                   strstr(diag.text, "libtpm2_pkcs11.so was opened by the parent of this process") != NULL
               ? 0
               : 1;
}

static int signs(void)
{
    return open_and_sign(softhsm_module(), NULL) == SIGB_OK ? 0 : 1;
}

static void assert_child(int (*story)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        (void)alarm(60);
        leaks_are_meant();
        exit(story());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- in the parent, whose application has the module open ---- */

static void a_connection_that_may_be_the_parents_is_not_used(void **state)
{
    CK_C_INITIALIZE_ARGS args = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};

    (void)state;
    assert_int_equal(open_and_sign(breaking, NULL), SIGB_OK); /* the library sees forks from now on */
    assert_int_equal(calls->C_Initialize(&args), CKR_OK);
    assert_child(is_refused);
    assert_child(signs); /* what breaks in no child serves, whoever initialised it */
    assert_int_equal(open_and_sign(breaking, NULL), SIGB_OK);
    assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_may_be_the_parents_is_not_used),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
