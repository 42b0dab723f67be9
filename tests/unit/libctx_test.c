/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/libctx.h"

/* One process, one context: the order of these is the test. */
static void an_application_names_its_context_before_the_first_use(void **state)
{
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new(), *other = OSSL_LIB_CTX_new();

    (void)state;
    assert_non_null(OSSL_PROVIDER_load(own, "default"));
    assert_refused(sigb_use_libctx(NULL, diag), SIGB_E_USAGE, "no library context");
    assert_int_equal(sigb_use_libctx(own, NULL), SIGB_OK);
    assert_ptr_equal(libctx_get(), own);
    assert_int_equal(sigb_use_libctx(own, NULL), SIGB_OK);
    assert_refused(sigb_use_libctx(other, diag), SIGB_E_USAGE, "before any other call");
    assert_ptr_equal(libctx_get(), own);
    OSSL_LIB_CTX_free(other);
}

static void digests_come_from_it_and_are_kept(void **state)
{
    const EVP_MD *digest = libctx_digest("SHA2-384");

    (void)state;
    assert_non_null(digest);
    assert_ptr_equal(libctx_digest("SHA2-384"), digest);
    assert_int_equal(EVP_MD_get_size(digest), 48);
    assert_null(libctx_digest("MD5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_application_names_its_context_before_the_first_use),
        cmocka_unit_test(digests_come_from_it_and_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
