/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that are slow, or never answer: the deadline holds, and what was left behind is in nobody's way. */
#include "tests/fault/stage.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/internal.h"

#define DEADLINE_MS 250
#define SLACK_MS    1500 /* of a machine that does other things as well */

extern char **environ;
static stage scene;

static int set_up(void **state)
{
    (void)state;
    stage_begin(&scene);
    scene.options.timeout_ms = DEADLINE_MS;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_end(&scene);
    return 0;
}

static sigb_signer *opened(void)
{
    return stage_signer(scene.leaf.uri, &scene.options);
}

static long now_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void assert_in_time(long began)
{
    long took = now_ms() - began;

    if (took < DEADLINE_MS - 20 || took > DEADLINE_MS + SLACK_MS)
        fail_msg("a deadline of %d ms took %ld ms", DEADLINE_MS, took);
}

/* What was left behind ends in its own time; its call was the last that could find this test's plan. */
static void let_go(void)
{
    scene.fault->release();
    (void)usleep(50000);
}

static void a_call_that_hangs_while_opening_ends_at_the_deadline(void **state)
{
    /* in this order: what a call left behind keeps the module, and then the login */
    static const char *const calls[] = {"C_Initialize",       "C_Login",       "C_GetSlotList",
                                        "C_GetTokenInfo",     "C_OpenSession", "C_FindObjects",
                                        "C_GetAttributeValue"};

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        sigb_signer *signer = NULL;
        long began = now_ms();

        print_message("%s\n", calls[i]);
        stage_plan(&scene, "serial=open-%zu;%s,hang", i, calls[i]);
        assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &signer, diag), SIGB_E_TIMEOUT,
                       "did not answer in time");
        assert_in_time(began);
        assert_null(signer);
        stage_plan(&scene, "serial=open-%zu", i);
        let_go();
        assert_int_equal(stage_open_and_state(&scene, &scene.leaf, &scene.options, NULL), SIGB_OK);
    }
}

static void a_call_that_hangs_while_signing_ends_at_the_deadline(void **state)
{
    static const char *const calls[] = {"C_SignInit", "C_Sign"};

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        sigb_signer *signer;
        long began;

        print_message("%s\n", calls[i]);
        stage_plan(&scene, "%s,after=1,times=1,hang", calls[i]);
        signer = opened();
        assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
        began = now_ms();
        assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TIMEOUT,
                       "did not answer in time");
        assert_in_time(began);
        /* that one hangs still, and others go on */
        assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
        sigb_signer_free(signer);
        let_go();
    }
}

static void a_slow_token_is_waited_for_until_the_deadline(void **state)
{
    sigb_signer *signer;

    (void)state;
    stage_plan(&scene, "C_Sign,after=1,delay=40");
    signer = opened();
    for (int i = 0; i < 3; i++)
        assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    stage_plan(&scene, "C_Sign,times=1,delay=%d", 2 * DEADLINE_MS);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TIMEOUT, "did not answer in time");
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    sigb_signer_free(signer);
    (void)usleep(3 * DEADLINE_MS * 1000);
}

/* Device errors to the end: the class of the error, and still in time. */
static void repairs_end_at_the_deadline(void **state)
{
    sigb_signer *signer;
    long began;

    (void)state;
    stage_plan(&scene, "%s", "");
    signer = opened();
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    stage_plan(&scene, "C_SignInit,rv=%#lx", CKR_DEVICE_ERROR);
    began = now_ms();
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TOKEN, "CKR_DEVICE_ERROR");
    assert_true(now_ms() - began < DEADLINE_MS + SLACK_MS);
    assert_true(scene.fault->hits(0) > 1);
    stage_plan(&scene, "%s", "");
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    sigb_signer_free(signer);
}

/* ---- a process that ends while a call hangs ---- */

#define ENDING "--end-while-hanging"

/* In a process of its own. */
static int end_while_hanging(bool free_signer)
{
    sigb_signer *signer;

    leaks_are_meant();
    (void)alarm(20);
    stage_begin(&scene);
    scene.options.timeout_ms = DEADLINE_MS;
    stage_plan(&scene, "C_Sign,after=1,hang");
    signer = opened();
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TIMEOUT, "");
    if (free_signer)
        sigb_signer_free(signer);
    softhsm_free(scene.hsm); /* the folder alone: the call hangs, and exit() is next */
    return 0;
}

static void a_process_ends_while_a_call_hangs(void **state)
{
    static const char *const how[] = {"free", "leave"};

    (void)state;
    for (size_t i = 0; i < COUNT(how); i++) {
        char self[] = "/proc/self/exe", flag[] = ENDING, word[8];
        char *arguments[] = {self, flag, word, NULL};
        pid_t child;
        int status = -1;
        long began = now_ms();

        (void)snprintf(word, sizeof(word), "%s", how[i]);
        assert_int_equal(posix_spawn(&child, self, NULL, NULL, arguments, environ), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_true(now_ms() - began < 15000);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_hangs_while_opening_ends_at_the_deadline),
        cmocka_unit_test(a_call_that_hangs_while_signing_ends_at_the_deadline),
        cmocka_unit_test(a_slow_token_is_waited_for_until_the_deadline),
        cmocka_unit_test(repairs_end_at_the_deadline),
        cmocka_unit_test(a_process_ends_while_a_call_hangs),
    };

    if (argc == 3 && strcmp(argv[1], ENDING) == 0)
        return end_while_hanging(strcmp(argv[2], "free") == 0);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
