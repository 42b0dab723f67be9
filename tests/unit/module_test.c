/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/libctx.h"
#include "pkcs11/internal.h"
#include "tests/support/softhsm.h"

static softhsm *hsm;

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_new();
    softhsm_token(hsm, "one");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

/* Opens and closes the module that the URI and --module name. */
static sigb_rc open_close(const char *text, const char *path, sigb_diag *diag)
{
    const sigb_pkcs11_options options = {.module = path};
    p11_module *module = NULL;
    p11_uri *uri = NULL;
    sigb_rc rc;

    assert_int_equal(p11_uri_parse(text, NULL, &uri, NULL), SIGB_OK);
    rc = p11_module_open(uri, &options, &module, diag);
    assert_true((rc == SIGB_OK) == (module != NULL));
    p11_module_close(module);
    p11_uri_free(uri);
    assert_int_equal(ERR_peek_error(), 0);
    return rc;
}

/* The first of all: no module ever finds OpenSSL's default provider in the middle of its first start. */
static void the_context_is_there_before_a_module_is_loaded(void **state)
{
    (void)state;
    assert_false(libctx_is_made());
    assert_refused(open_close("pkcs11:", "/no/such/module.so", diag), SIGB_E_MODULE, "/no/such/module.so");
    assert_true(libctx_is_made());
}

static void a_module_that_does_not_load_is_refused(void **state)
{
    (void)state;
    assert_refused(open_close("pkcs11:", "/no/such/module.so", diag), SIGB_E_MODULE, "/no/such/module.so");
    assert_refused(open_close("pkcs11:?module-path=/no/such/m.so", NULL, diag), SIGB_E_MODULE,
                   "/no/such/m.so");
    assert_refused(open_close("pkcs11:?module-name=nosuch", NULL, diag), SIGB_E_MODULE,
                   "no PKCS#11 module is called nosuch");
    assert_refused(open_close("pkcs11:", "", diag), SIGB_E_USAGE, "is empty");
}

static void a_library_that_is_no_module_is_refused(void **state)
{
    (void)state;
    assert_refused(open_close("pkcs11:", "libm.so.6", diag), SIGB_E_MODULE, "not a PKCS#11 module");
    assert_refused(open_close("pkcs11:", "/etc/passwd", diag), SIGB_E_MODULE, "cannot be loaded");
}

static void a_module_that_does_not_start_is_refused(void **state)
{
    char kept[512];

    (void)state;
    (void)snprintf(kept, sizeof(kept), "%s", getenv("SOFTHSM2_CONF"));
    assert_int_equal(setenv("SOFTHSM2_CONF", "/no/such/conf", 1), 0);
    assert_refused(open_close("pkcs11:", softhsm_module(), diag), SIGB_E_MODULE, "C_Initialize gave CKR_");
    assert_int_equal(setenv("SOFTHSM2_CONF", kept, 1), 0);
    assert_int_equal(open_close("pkcs11:", softhsm_module(), NULL), SIGB_OK);
}

/* Options, then the URI, then the environment, then the proxy. */
static void the_module_is_looked_for_in_order(void **state)
{
    char uri[512];

    (void)state;
    (void)snprintf(uri, sizeof(uri), "pkcs11:?module-path=%s", softhsm_module());
    assert_int_equal(setenv("PKCS11_MODULE_PATH", "/from/env.so", 1), 0);
    assert_refused(open_close(uri, "/from/options.so", diag), SIGB_E_MODULE, "/from/options.so");
    assert_int_equal(open_close(uri, NULL, NULL), SIGB_OK);
    assert_refused(open_close("pkcs11:", NULL, diag), SIGB_E_MODULE, "/from/env.so");
    assert_int_equal(setenv("PKCS11_MODULE_PATH", softhsm_module(), 1), 0);
    assert_int_equal(open_close("pkcs11:", NULL, NULL), SIGB_OK);
    assert_int_equal(unsetenv("PKCS11_MODULE_PATH"), 0);
    assert_int_equal(open_close("pkcs11:", NULL, NULL), SIGB_OK);
    assert_int_equal(open_close("pkcs11:?module-name=softhsm2", NULL, NULL), SIGB_OK);
}

static bool is_initialised(void)
{
    CK_INFO info;

    return softhsm_calls(hsm)->C_GetInfo(&info) == CKR_OK;
}

static void users_share_a_module_and_the_last_one_stops_it(void **state)
{
    const sigb_pkcs11_options by_path = {.module = softhsm_module()};
    const sigb_pkcs11_options by_link = {.module = "/usr/lib/softhsm/../softhsm/libsofthsm2.so"};
    p11_module *first = NULL, *second = NULL;
    p11_uri *uri = NULL;

    (void)state;
    assert_int_equal(p11_uri_parse("pkcs11:", NULL, &uri, NULL), SIGB_OK);
    assert_int_equal(p11_module_open(uri, &by_path, &first, NULL), SIGB_OK);
    assert_int_equal(p11_module_open(uri, &by_link, &second, NULL), SIGB_OK);
    assert_ptr_equal(first, second);
    p11_module_close(first);
    assert_true(is_initialised());
    p11_module_close(second);
    assert_false(is_initialised());
    p11_uri_free(uri);
}

static void a_module_that_the_application_started_is_not_stopped(void **state)
{
    (void)state;
    assert_int_equal(softhsm_calls(hsm)->C_Initialize(NULL), CKR_OK);
    ERR_clear_error();
    assert_int_equal(open_close("pkcs11:", softhsm_module(), NULL), SIGB_OK);
    assert_true(is_initialised());
    assert_int_equal(softhsm_calls(hsm)->C_Finalize(NULL), CKR_OK);
}

/* ---- what a module is told when it starts ---- */

#define INIT_ARGS "a string of the module's own"

static CK_FUNCTION_LIST real;

static struct {
    CK_RV answer; /* CKR_OK: SoftHSM's own */
    unsigned calls;
    CK_C_INITIALIZE_ARGS args; /* of the last call */
    char reserved[sizeof(INIT_ARGS)];
} started;

static CK_RV seen_initialize(void *arg)
{
    const CK_C_INITIALIZE_ARGS *args = arg;

    started.calls++;
    if (args == NULL)
        return CKR_ARGUMENTS_BAD; /* threads are always announced */
    started.args = *args;
    if (args->pReserved != NULL)
        (void)snprintf(started.reserved, sizeof(started.reserved), "%s", (const char *)args->pReserved);
    return started.answer != CKR_OK ? started.answer : real.C_Initialize(NULL);
}

static int watch_starts(void **state)
{
    (void)state;
    memset(&started, 0, sizeof(started));
    real = *softhsm_calls(hsm);
    softhsm_calls(hsm)->C_Initialize = seen_initialize;
    return 0;
}

static int watch_no_more(void **state)
{
    (void)state;
    *softhsm_calls(hsm) = real;
    return 0;
}

static void assert_threads_are_announced(void)
{
    assert_int_equal(started.args.flags, CKF_OS_LOCKING_OK);
    assert_null(started.args.CreateMutex);
    assert_null(started.args.DestroyMutex);
    assert_null(started.args.LockMutex);
    assert_null(started.args.UnlockMutex);
}

static void threads_are_announced_with_the_locks_of_the_system(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module()};
    p11_module *module = NULL;
    p11_uri *uri = NULL;

    (void)state;
    assert_int_equal(p11_uri_parse("pkcs11:", NULL, &uri, NULL), SIGB_OK);
    assert_int_equal(p11_module_open(uri, &options, &module, NULL), SIGB_OK);
    assert_int_equal(started.calls, 1);
    assert_threads_are_announced();
    assert_null(started.args.pReserved);
    memset(&started.args, 0, sizeof(started.args));
    assert_int_equal(p11_module_restart(module, p11_module_starts(module), true, NULL), SIGB_OK);
    assert_int_equal(started.calls, 2);
    assert_threads_are_announced();
    p11_module_close(module);
    p11_uri_free(uri);
}

static void the_string_of_the_module_goes_along(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .init_args = INIT_ARGS};
    p11_module *module = NULL;
    p11_uri *uri = NULL;

    (void)state;
    assert_int_equal(p11_uri_parse("pkcs11:", NULL, &uri, NULL), SIGB_OK);
    assert_int_equal(p11_module_open(uri, &options, &module, NULL), SIGB_OK);
    assert_string_equal(started.reserved, INIT_ARGS);
    assert_threads_are_announced();
    p11_module_close(module);
    p11_uri_free(uri);
}

/* Without them two threads would be in it at once: it is not started in any other way. */
static void a_module_that_cannot_be_used_by_threads_is_refused_at_once(void **state)
{
    static const struct {
        CK_RV answer;
        const char *says;
    } rows[] = {{CKR_CANT_LOCK,
                 "does not start: C_Initialize gave CKR_CANT_LOCK: the module cannot be used by threads"},
                {CKR_NEED_TO_CREATE_THREADS,
                 "C_Initialize gave CKR_NEED_TO_CREATE_THREADS: the module wants threads of its own"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
        sigb_signer *signer = NULL;

        started.answer = rows[i].answer;
        started.calls = 0;
        assert_refused(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, diag), SIGB_E_MODULE,
                       rows[i].says);
        assert_int_equal(started.calls, 1);
        assert_threads_are_announced();
        assert_null(signer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_context_is_there_before_a_module_is_loaded),
        cmocka_unit_test(a_module_that_does_not_load_is_refused),
        cmocka_unit_test(a_library_that_is_no_module_is_refused),
        cmocka_unit_test(a_module_that_does_not_start_is_refused),
        cmocka_unit_test(the_module_is_looked_for_in_order),
        cmocka_unit_test(users_share_a_module_and_the_last_one_stops_it),
        cmocka_unit_test(a_module_that_the_application_started_is_not_stopped),
        cmocka_unit_test_setup_teardown(threads_are_announced_with_the_locks_of_the_system, watch_starts,
                                        watch_no_more),
        cmocka_unit_test_setup_teardown(the_string_of_the_module_goes_along, watch_starts, watch_no_more),
        cmocka_unit_test_setup_teardown(a_module_that_cannot_be_used_by_threads_is_refused_at_once,
                                        watch_starts, watch_no_more),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
