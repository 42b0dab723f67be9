/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/libctx.h"
#include "pkcs11/internal.h"

/* Each in a process that has no context yet; 0: it has one in the end. */
static int prepare_in_child(void (*meanwhile)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        preparation under_way;

        prepare_begin(&under_way);
        meanwhile();
        prepare_end(&under_way);
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

static void what_is_made_ready_may_be_used_meanwhile(void **state)
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
        cmocka_unit_test(what_is_made_ready_may_be_used_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
