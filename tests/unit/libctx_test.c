/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <sys/wait.h>
#include <unistd.h>

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

/* Each in a process that has no context yet; 0: it has one in the end. */
static int prepare_in_child(void (*meanwhile)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        libctx_preparation under_way;

        libctx_prepare(&under_way);
        meanwhile();
        libctx_await(&under_way);
        _exit(libctx_digest("SHA2-256") != NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void nothing(void)
{
}

static void use_it(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx_get(), "EC", NULL);

    if (ctx == NULL || libctx_digest("SHA2-384") == NULL)
        _exit(2);
    EVP_PKEY_CTX_free(ctx);
}

/* The child of a callback goes the rest of the way as well, without the thread. */
static void go_on_in_a_child(void)
{
    int status = -1;
    pid_t child = fork();

    if (child > 0)
        _exit(waitpid(child, &status, 0) == child ? status >> 8 : 3);
}

/* Before anything else has made a context in this process. */
static void it_is_prepared_while_something_else_is_done(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(prepare_in_child(nothing), 0);
        assert_int_equal(prepare_in_child(use_it), 0);
        assert_int_equal(prepare_in_child(go_on_in_a_child), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_prepared_while_something_else_is_done),
        cmocka_unit_test(an_application_names_its_context_before_the_first_use),
        cmocka_unit_test(digests_come_from_it_and_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
