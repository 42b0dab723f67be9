/* SPDX-License-Identifier: Apache-2.0 */
/* PINs and forks: one attempt for all children, and callbacks that fork. */
#include "tests/support/support.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fork/children.h"

#define CHILDREN    16
#define PATIENCE_MS 10000

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

extern char **environ;

/* ---- logins, counted in all processes ---- */

typedef struct counts {
    atomic_int ready;     /* children that are about to sign */
    atomic_int attempts;  /* C_Login that may have judged the PIN */
    atomic_int incorrect; /* those of them that did, and refused it */
} counts;

static counts *all;
static CK_C_Login real_login;

/* 0x5 and 0x102 are what SoftHSM says while another process writes the token's file: no PIN was looked at. */
static CK_RV counted_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    CK_RV rv = real_login(session, user, pin, len);

    if (rv != CKR_GENERAL_ERROR && rv != CKR_USER_PIN_NOT_INITIALIZED && rv != CKR_USER_ALREADY_LOGGED_IN)
        atomic_fetch_add(&all->attempts, 1);
    if (rv == CKR_PIN_INCORRECT)
        atomic_fetch_add(&all->incorrect, 1);
    return rv;
}

static void count_logins(const shop *in)
{
    real_login = softhsm_calls(in->hsm)->C_Login;
    softhsm_calls(in->hsm)->C_Login = counted_login;
}

/* What other tests find is SoftHSM's own again. */
static void stop_counting(const shop *in)
{
    softhsm_calls(in->hsm)->C_Login = real_login;
}

static void forget_counts(void)
{
    atomic_store(&all->ready, 0);
    atomic_store(&all->attempts, 0);
    atomic_store(&all->incorrect, 0);
}

/* ---- a PIN that another process changes ---- */

static void change_pin(const char *from, const char *to)
{
    const char *const argv[] = {"pkcs11-tool",   "--module", softhsm_module(),
                                "--token-label", SHOP_TOKEN, "--login",
                                "--change-pin",  "--pin",    from,
                                "--new-pin",     to,         NULL};
    pid_t tool;
    int status = 0;

    assert_int_equal(posix_spawnp(&tool, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(tool, &status, 0), tool);
    assert_int_equal(status, 0);
}

typedef struct scene {
    shop shop;
    sigb_signer *signer;
    report *reports;
} scene;

static void scene_begin(scene *in)
{
    shop_make(&in->shop);
    softhsm_configure(in->shop.hsm, "library.reset_on_fork = true");
    in->shop.options.timeout_ms = patient_ms(PATIENCE_MS); /* sixteen logins disturb each other in SoftHSM */
    in->signer = shop_open(&in->shop);
    in->reports = shared_new(CHILDREN * sizeof(*in->reports));
    all = shared_new(sizeof(*all));
    count_logins(&in->shop);
}

static void scene_end(scene *in)
{
    stop_counting(&in->shop);
    shared_free(in->reports, CHILDREN * sizeof(*in->reports));
    shared_free(all, sizeof(*all));
    sigb_signer_free(in->signer);
    shop_free(&in->shop);
}

/* All children sign at once. */
static void sign_together(void *arg, size_t number, report *mine)
{
    scene *in = arg;
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    (void)number;
    atomic_fetch_add(&all->ready, 1);
    while (atomic_load(&all->ready) < CHILDREN)
        (void)usleep(200);
    rc = sigb_signer_sign(in->signer, SHOP_ALG, TBS, &made, &diag);
    report_put(mine, rc, &diag, &made);
    sigb_buf_free(&made);
}

static void run_children(scene *in)
{
    memset(in->reports, 0, CHILDREN * sizeof(*in->reports));
    forget_counts();
    assert_int_equal(children_run(CHILDREN, CHILDREN, sign_together, in, in->reports), 0);
}

static void assert_all_refused(const scene *in)
{
    for (size_t i = 0; i < CHILDREN; i++) {
        const report *of = &in->reports[i];
        if (of->rc != SIGB_E_PIN_INCORRECT || strstr(of->words, "refused") == NULL ||
            strstr(of->words, "not tried again") == NULL)
            fail_msg("child %zu: %s: %s", i, sigb_rc_name(of->rc), of->words);
    }
}

static void assert_parent_signs(const scene *in)
{
    sigb_buf made = SIGB_BUF_INIT;

    assert_int_equal(sigb_signer_sign(in->signer, SHOP_ALG, TBS, &made, NULL), SIGB_OK);
    assert_true(shop_accepts_signature(&in->shop, TBS, sigb_buf_bytes(&made)));
    sigb_buf_free(&made);
}

static void each_child_logs_in_once_while_the_pin_is_right(void **state)
{
    scene in = {.signer = NULL};

    (void)state;
    scene_begin(&in);
    run_children(&in);
    for (size_t i = 0; i < CHILDREN; i++)
        if (!shop_accepts_signature(&in.shop, TBS, report_made(&in.reports[i])))
            fail_msg("child %zu: %s", i, in.reports[i].words);
    assert_int_equal(atomic_load(&all->attempts), CHILDREN);
    scene_end(&in);
}

static void a_changed_pin_is_tried_once_by_sixteen_children(void **state)
{
    scene in = {.signer = NULL};

    (void)state;
    scene_begin(&in);
    assert_parent_signs(&in);
    change_pin(SOFTHSM_PIN, "5678");
    run_children(&in);
    assert_all_refused(&in);
    assert_int_equal(atomic_load(&all->incorrect), 1);
    assert_int_equal(atomic_load(&all->attempts), 1);
    run_children(&in); /* nor is it by those that come later */
    assert_all_refused(&in);
    assert_int_equal(atomic_load(&all->attempts), 0);
    assert_parent_signs(&in); /* which is logged in */
    scene_end(&in);
}

static void the_parent_does_not_try_what_a_child_was_refused(void **state)
{
    scene in = {.signer = NULL};
    sigb_buf made = SIGB_BUF_INIT;

    (void)state;
    scene_begin(&in);
    change_pin(SOFTHSM_PIN, "5678");
    run_children(&in);
    assert_int_equal(softhsm_calls(in.shop.hsm)->C_Finalize(NULL),
                     CKR_OK); /* another user of the module did */
    forget_counts();
    assert_refused(sigb_signer_sign(in.signer, SHOP_ALG, TBS, &made, diag), SIGB_E_PIN_INCORRECT,
                   "not tried again");
    assert_int_equal(atomic_load(&all->attempts), 0);
    sigb_buf_free(&made);
    scene_end(&in);
}

/* ---- callbacks that fork ---- */

typedef enum when { ENDS, OPENS, GOES_ON } when;

static const struct story {
    const char *name;
    when child; /* what the child of the callback does */
    unsigned timeout_ms;
} STORIES[] = {
    {"the child ends", ENDS, 0},
    {"the child ends, with a deadline", ENDS, 5000},
    {"the child opens the key itself", OPENS, 0},
    {"the child opens the key itself, with a deadline", OPENS, 5000},
    {"the child comes back from the callback", GOES_ON, 0},
    {"the child comes back from the callback, with a deadline", GOES_ON, 5000},
};

typedef struct asking {
    const shop *shop;
    when child;
    pid_t pid; /* of the child */
    bool is_child;
} asking;

/* In the child: 0 if it made a good signature, else the code of the refusal. */
static int open_and_sign(const shop *in)
{
    sigb_signer *signer = NULL;
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = sigb_signer_from_pkcs11(SHOP_KEY, &in->options, &signer, NULL);

    if (rc == SIGB_OK)
        rc = sigb_signer_sign(signer, SHOP_ALG, TBS, &made, NULL);
    if (rc == SIGB_OK && !shop_accepts_signature(in, TBS, sigb_buf_bytes(&made)))
        rc = SIGB_E_SIGNATURE;
    return (int)rc;
}

static sigb_rc forking_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    asking *how = arg;

    how->pid = fork();
    if (how->pid == 0) {
        how->is_child = true;
        (void)alarm(CHILD_S); /* a child that hangs is ended by a signal, and seen */
        if (how->child == ENDS)
            _exit(0);
        if (how->child == OPENS)
            _exit(open_and_sign(how->shop));
    }
    return softhsm_pin(NULL, request, pin, diag);
}

static void assert_ended_with(pid_t child, int wanted)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("the child hung or crashed: signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), wanted);
}

static void a_callback_that_forks_does_not_hang(void **state)
{
    shop in;

    (void)state;
    shop_make(&in);
    for (size_t i = 0; i < sizeof(STORIES) / sizeof(STORIES[0]); i++) {
        asking how = {.shop = &in, .child = STORIES[i].child};
        sigb_pkcs11_options options = in.options;
        sigb_signer *signer = NULL;
        sigb_buf made = SIGB_BUF_INIT;
        sigb_rc rc;

        print_message("%s\n", STORIES[i].name);
        options.pin = forking_pin;
        options.pin_arg = &how;
        options.timeout_ms = STORIES[i].timeout_ms;
        rc = sigb_signer_from_pkcs11(SHOP_KEY, &options, &signer, NULL);
        if (how.is_child) /* whatever it was told: it did not hang */
            _exit(rc == SIGB_OK || rc == SIGB_E_FORKED || rc == SIGB_E_TIMEOUT ? 0 : (int)rc);
        assert_ended_with(how.pid, 0);
        assert_int_equal(rc, SIGB_OK);
        assert_int_equal(sigb_signer_sign(signer, SHOP_ALG, TBS, &made, NULL), SIGB_OK);
        assert_true(shop_accepts_signature(&in, TBS, sigb_buf_bytes(&made)));
        sigb_buf_free(&made);
        sigb_signer_free(signer);
    }
    shop_free(&in);
}

/* ---- a fork while another thread is asked ---- */

static atomic_bool asked, answered;

static sigb_rc slow_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    atomic_store(&asked, true);
    while (!atomic_load(&answered))
        (void)usleep(1000);
    return softhsm_pin(NULL, request, pin, diag);
}

static void *open_slowly(void *arg)
{
    sigb_pkcs11_options options = ((shop *)arg)->options;
    sigb_signer *signer = NULL;

    options.pin = slow_pin;
    return sigb_signer_from_pkcs11(SHOP_KEY, &options, &signer, NULL) == SIGB_OK ? signer : NULL;
}

static void a_child_opens_a_key_whose_pin_a_thread_of_the_parent_is_asked(void **state)
{
    shop in;
    pthread_t thread;
    void *signer = NULL;
    pid_t child;

    (void)state;
    shop_make(&in);
    assert_int_equal(pthread_create(&thread, NULL, open_slowly, &in), 0);
    while (!atomic_load(&asked))
        (void)usleep(1000);
    child = fork();
    if (child == 0) {
        (void)alarm(CHILD_S);
        _exit(open_and_sign(&in));
    }
    assert_ended_with(child, 0);
    atomic_store(&answered, true);
    assert_int_equal(pthread_join(thread, &signer), 0);
    assert_non_null(signer);
    sigb_signer_free(signer);
    shop_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_child_logs_in_once_while_the_pin_is_right),
        cmocka_unit_test(a_changed_pin_is_tried_once_by_sixteen_children),
        cmocka_unit_test(the_parent_does_not_try_what_a_child_was_refused),
        cmocka_unit_test(a_callback_that_forks_does_not_hang),
        cmocka_unit_test(a_child_opens_a_key_whose_pin_a_thread_of_the_parent_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
