/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's callback forks while a key of a token is opened, as servers do
 * that ask by a program: nothing hangs, whatever the child does, a child signs, and
 * the parent has its key. The key is reached through OSSL_STORE, and by a signer over a store.
 */
#include "tests/provider/stage.h"

#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/pubkey.h"
#include "tests/fork/children.h"

#define KEY TOKEN ";object=leaf;type=private"

typedef enum work { ENDS, OPENS, GOES_ON } work;

typedef struct asking {
    const prov_stage *stage;
    work child;
    pid_t pid; /* of the child */
    bool is_child;
} asking;

/* ---- through OSSL_STORE ---- */

static int give_pin(char *room, int size, int writes, void *arg)
{
    (void)writes;
    (void)arg;
    return snprintf(room, (size_t)size, SOFTHSM_PIN);
}

/* In a child: what it ends with. A signature that is not good fails the stage's own assertion, and so the child. */
static int sign_in_child(const prov_stage *s, EVP_PKEY *key)
{
    if (key != NULL && prov_stage_sign(s, key, "SHA256"))
        return 0;
    ERR_print_errors_fp(stderr);
    return 1;
}

/* The child's part of a callback. */
static void fork_now(asking *how)
{
    how->pid = fork();
    if (how->pid != 0)
        return;
    how->is_child = true;
    (void)alarm(CHILD_S); /* a child that hangs is ended by a signal, and seen */
    if (how->child == ENDS)
        _exit(0);
    if (how->child == OPENS)
        _exit(sign_in_child(how->stage, prov_stage_open_asking(how->stage, KEY, give_pin, NULL)));
}

static int fork_and_give_pin(char *room, int size, int writes, void *arg)
{
    fork_now(arg);
    return give_pin(room, size, writes, arg);
}

static void assert_child_signed(const asking *how)
{
    int status = 0;

    assert_true(how->pid > 0);
    assert_int_equal(waitpid(how->pid, &status, 0), how->pid);
    if (!WIFEXITED(status))
        fail_msg("the child hung or crashed: signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_with_a_child(const prov_stage *s, work child)
{
    asking how = {.stage = s, .child = child};
    EVP_PKEY *key = prov_stage_open_asking(s, KEY, fork_and_give_pin, &how);

    if (how.is_child)
        _exit(sign_in_child(s, key));
    assert_child_signed(&how);
    if (key == NULL)
        ERR_print_errors_fp(stderr);
    assert_non_null(key);
    for (int i = 0; i < 10; i++)
        assert_true(prov_stage_sign(s, key, "SHA256"));
    EVP_PKEY_free(key);
}

/* ---- a signer over a store ---- */

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static sigb_rc fork_and_put_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    fork_now(arg);
    return softhsm_pin(NULL, request, pin, diag);
}

static bool signs(sigb_signer *signer)
{
    sigb_buf made = SIGB_BUF_INIT;
    EVP_PKEY *pub = NULL;
    bool good = sigb_signer_sign(signer, SIGB_ES256, TBS, &made, NULL) == SIGB_OK &&
                pubkey_parse(sigb_signer_spki(signer), &pub, NULL) == SIGB_OK &&
                pubkey_verify(pub, SIGB_ES256, TBS, sigb_buf_bytes(&made), NULL) == SIGB_OK;

    EVP_PKEY_free(pub);
    sigb_buf_free(&made);
    return good;
}

static void open_signer_with_a_child(const prov_stage *s, work child)
{
    char config[512];
    asking how = {.stage = s, .child = child};
    const sigb_store_options options = {.config = config, .pin = fork_and_put_pin, .pin_arg = &how};
    sigb_signer *signer = NULL;
    sigb_rc rc;

    (void)snprintf(config, sizeof(config), "%s/openssl.cnf", softhsm_dir(s->hsm));
    rc = sigb_signer_from_store(KEY, &options, &signer, NULL);
    if (how.is_child)
        _exit(rc == SIGB_OK && signs(signer) ? 0 : 1);
    assert_child_signed(&how);
    assert_int_equal(rc, SIGB_OK);
    assert_true(signs(signer));
    sigb_signer_free(signer);
}

/* ---- what children do ---- */

static const struct row {
    const char *name, *line; /* the latter: of the provider's section */
    work child;
} ROWS[] = {
    {"the child ends", "", ENDS},
    {"the child ends, with a deadline", "token-timeout = 30", ENDS},
    {"the child opens the key itself", "", OPENS},
    {"the child opens the key itself, with a deadline", "token-timeout = 30", OPENS},
    {"the child comes back from the callback", "", GOES_ON},
    {"the child comes back from the callback, with a deadline", "token-timeout = 30", GOES_ON},
};

static void for_each_row(prov_stage *s, void (*open)(const prov_stage *s, work child))
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char lines[1024];

        print_message("%s\n", ROWS[i].name);
        (void)snprintf(lines, sizeof(lines), "module-path = %s\n# no pin-source: the callback\n%s",
                       softhsm_module(), ROWS[i].line);
        prov_stage_configure(s, lines);
        open(s, ROWS[i].child);
    }
}

static void a_passphrase_callback_that_forks_does_not_hang(void **state)
{
    for_each_row(*state, open_with_a_child);
}

static void nor_does_the_pin_callback_of_a_store(void **state)
{
    for_each_row(*state, open_signer_with_a_child);
}

static int begin(void **state)
{
    prov_stage_key(prov_stage_begin_for_all(state, NULL, 0), "P-256", "leaf");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passphrase_callback_that_forks_does_not_hang),
        cmocka_unit_test(nor_does_the_pin_callback_of_a_store),
    };

    return cmocka_run_group_tests(tests, begin, prov_stage_end_for_all);
}
