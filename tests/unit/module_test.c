/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>

#include "pkcs11/pkcs11.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_that_does_not_load_is_refused),
        cmocka_unit_test(a_library_that_is_no_module_is_refused),
        cmocka_unit_test(a_module_that_does_not_start_is_refused),
        cmocka_unit_test(the_module_is_looked_for_in_order),
        cmocka_unit_test(users_share_a_module_and_the_last_one_stops_it),
        cmocka_unit_test(a_module_that_the_application_started_is_not_stopped),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
