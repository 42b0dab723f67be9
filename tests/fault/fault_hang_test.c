/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that are slow, or never answer: the deadline holds, and what was left behind is in nobody's way. */
#include "tests/fault/stage.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/internal.h"

#define USUAL_MS 250
#define MANY     10 /* times what takes a token that nothing hinders */
#define SLACK    6  /* deadlines: of a machine that does other things as well */

extern char **environ;
static stage scene;
static unsigned deadline_ms;

static long now_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Only what hangs may miss it, on a machine that does other things and in a build that looks at each access to memory. */
static unsigned deadline_here(void)
{
    const unsigned patient = patient_ms(USUAL_MS);
    const long began = now_ms();
    unsigned unhindered;

    assert_int_equal(stage_open_and_state(&scene, &scene.leaf, &scene.options, NULL), SIGB_OK);
    unhindered = (unsigned)(now_ms() - began);
    return MANY * unhindered > patient ? MANY * unhindered : patient;
}

static int set_up(void **state)
{
    (void)state;
    stage_begin(&scene);
    scene.options.timeout_ms = deadline_ms = deadline_here();
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

static void assert_in_time(long began)
{
    long took = now_ms() - began;

    if (took < (long)deadline_ms - 20 || took > (long)deadline_ms * (1 + SLACK))
        fail_msg("a deadline of %u ms took %ld ms", deadline_ms, took);
}

/* What was left behind ends in its own time; its call was the last that could find this test's plan. */
static void let_go(void)
{
    scene.fault->release();
    for (int left = 1000; scene.fault->inside() > 0 && left > 0; left--)
        (void)usleep(1000);
    (void)usleep(deadline_ms / 5 * 1000);
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

/* In which threads calls are made: told there. */
typedef struct hops {
    pthread_t threads[8];
    size_t count;
    unsigned calls;
} hops;

static void note_thread(void *arg, const sigb_trace_call *call)
{
    hops *h = arg;
    size_t i = 0;

    (void)call;
    h->calls++;
    while (i < h->count && !pthread_equal(h->threads[i], pthread_self()))
        i++;
    if (i == h->count && h->count < COUNT(h->threads))
        h->threads[h->count++] = pthread_self();
}

/* Forgets what was noted. `there`: everything since was called in one other thread; else in this one. */
static void assert_one_thread(hops *h, bool there)
{
    assert_true(h->calls > 0);
    assert_int_equal(h->count, 1);
    assert_int_equal(pthread_equal(h->threads[0], pthread_self()) == 0, there);
    *h = (hops){.count = 0};
}

static void an_operation_is_one_hop_and_none_without_a_deadline(void **state)
{
    const unsigned timeouts[] = {0, deadline_ms};

    (void)state;
    stage_plan(&scene, "%s", "");
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        sigb_pkcs11_options options = scene.options;
        sigb_signer *signer;
        hops h = {.count = 0};

        (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
        options.timeout_ms = timeouts[i];
        options.trace = note_thread;
        options.trace_arg = &h;
        signer = stage_signer("pkcs11:token=stage;object=leaf?pin-value=" SOFTHSM_PIN, &options);
        assert_one_thread(&h, timeouts[i] > 0);
        for (int j = 0; j < 3; j++) {
            stage_require_state(&scene, &scene.leaf, signer);
            assert_int_equal(h.calls, 2);
            assert_one_thread(&h, timeouts[i] > 0);
        }
        sigb_signer_free(signer);
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
    stage_plan(&scene, "C_Sign,times=1,delay=%u", 2 * deadline_ms);
    assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TIMEOUT, "did not answer in time");
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    sigb_signer_free(signer);
    (void)usleep(3 * deadline_ms * 1000);
}

/* ---- verbs; a call that hung does nothing when it is let go, so the module may be shut down then ---- */

static void ignore(void *arg, const sigb_token_item *item)
{
    (void)arg;
    (void)item;
}

static bool agree(void *arg, const sigb_token_item *items, size_t count)
{
    (void)arg;
    (void)items;
    return count > 0;
}

static sigb_rc list(sigb_buf *made, sigb_diag *diag)
{
    (void)made;
    return sigb_token_list("pkcs11:", &scene.options, ignore, NULL, diag);
}

static sigb_rc init(sigb_buf *made, sigb_diag *diag)
{
    return sigb_token_init("pkcs11:", "another", &scene.options, made, diag);
}

static sigb_rc keygen(sigb_buf *made, sigb_diag *diag)
{
    const sigb_keygen wanted = {.type = "P-256", .label = "hanging", .id = sigb_bytes_text("hanging")};

    return sigb_token_keygen("pkcs11:token=stage", &wanted, &scene.options, made, diag);
}

static sigb_rc cert(sigb_buf *made, sigb_diag *diag)
{
    const sigb_cert_request request = {.role = SIGB_CERT_ROOT,
                                       .subject = "CN=Hanging",
                                       .days = 1,
                                       .from = SIGB_TIME_NOW,
                                       .key = scene.leaf.uri,
                                       .label = "hanging"};

    return sigb_token_cert(&request, &scene.options, made, diag);
}

static sigb_rc delete (sigb_buf *made, sigb_diag *diag)
{
    (void)made;
    return sigb_token_delete("pkcs11:token=stage;object=root;type=cert", &scene.options, agree, NULL, diag);
}

static void a_verb_that_hangs_ends_at_the_deadline(void **state)
{
    static const struct {
        sigb_rc (*verb)(sigb_buf *made, sigb_diag *diag);
        const char *call;
    } rows[] = {{list, "C_Initialize"},   {list, "C_GetSlotList"},       {list, "C_Login"},
                {list, "C_FindObjects"},  {list, "C_Finalize"},          {init, "C_InitToken"},
                {keygen, "C_Login"},      {keygen, "C_GenerateKeyPair"}, {cert, "C_Sign"},
                {cert, "C_CreateObject"}, {delete, "C_OpenSession"},     {delete, "C_DestroyObject"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf made = SIGB_BUF_INIT;
        long began = now_ms();

        print_message("%s\n", rows[i].call);
        (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
        stage_plan(&scene, "serial=verb-%zu;%s,times=1,hang,rv=%#lx", i, rows[i].call, CKR_GENERAL_ERROR);
        assert_refused(rows[i].verb(&made, diag), SIGB_E_TIMEOUT, "did not answer in time");
        assert_in_time(began);
        assert_int_equal(scene.fault->hits(0), 1);
        assert_int_equal(made.len, 0);
        stage_plan(&scene, "serial=verb-%zu", i);
        let_go();
        assert_int_equal(list(NULL, NULL), SIGB_OK);
        sigb_buf_free(&made);
    }
}

/* The PIN may take its time, and is asked for in the thread that made the call. */
static sigb_rc slow_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    assert_true(pthread_equal(*(pthread_t *)arg, pthread_self()));
    (void)usleep(3 * deadline_ms * 1000);
    return softhsm_pin(NULL, request, pin, diag);
}

static void time_in_which_a_verb_asks_does_not_count(void **state)
{
    sigb_pkcs11_options options = scene.options;
    pthread_t self = pthread_self();

    (void)state;
    options.pin = slow_pin;
    options.pin_arg = &self;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
    stage_plan(&scene, "serial=slow-pin;C_Login,delay=20");
    assert_int_equal(sigb_token_list("pkcs11:", &options, ignore, NULL, NULL), SIGB_OK);
    assert_int_equal(scene.fault->calls("C_Login"), 1);
}

/* ---- starting and stopping the module ---- */

static void a_module_that_hangs_when_it_is_stopped_is_left_at_the_deadline(void **state)
{
    sigb_signer *signer, *none = NULL;
    long began;

    (void)state;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
    stage_plan(&scene, "C_Finalize,times=1,hang,rv=%#lx", CKR_GENERAL_ERROR);
    signer = opened();
    assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
    began = now_ms();
    sigb_signer_free(signer);
    assert_in_time(began);
    began = now_ms();
    assert_refused(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &none, diag), SIGB_E_TIMEOUT,
                   "did not answer in time");
    assert_in_time(began);
    let_go();
    assert_int_equal(stage_open_and_state(&scene, &scene.leaf, &scene.options, NULL), SIGB_OK);
}

static void a_module_that_hangs_when_it_is_started_anew_is_left_at_the_deadline(void **state)
{
    static const char *const calls[] = {"C_Finalize", "C_Initialize"};

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        sigb_signer *signer;
        long began;

        print_message("%s\n", calls[i]);
        (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
        stage_plan(&scene, "%s", "");
        signer = opened();
        assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
        stage_plan(&scene, "C_Sign,times=1,dead=%#lx;%s,times=1,hang,rv=%#lx", CKR_DEVICE_ERROR, calls[i],
                   CKR_GENERAL_ERROR);
        began = now_ms();
        assert_refused(stage_state(&scene, &scene.leaf, signer, diag), SIGB_E_TIMEOUT,
                       "did not answer in time");
        assert_in_time(began);
        assert_int_equal(scene.fault->hits(1), 1);
        stage_plan(&scene, "%s", "");
        let_go();
        assert_int_equal(stage_state(&scene, &scene.leaf, signer, NULL), SIGB_OK);
        sigb_signer_free(signer);
    }
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
    assert_true(now_ms() - began < (long)deadline_ms * (1 + SLACK));
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
    (void)alarm(120);
    stage_begin(&scene);
    scene.options.timeout_ms = deadline_here();
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
        assert_true(now_ms() - began < (long)patient_ms(15000)); /* and not until the call comes back */
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_hangs_while_opening_ends_at_the_deadline),
        cmocka_unit_test(a_call_that_hangs_while_signing_ends_at_the_deadline),
        cmocka_unit_test(an_operation_is_one_hop_and_none_without_a_deadline),
        cmocka_unit_test(a_slow_token_is_waited_for_until_the_deadline),
        cmocka_unit_test(a_module_that_hangs_when_it_is_stopped_is_left_at_the_deadline),
        cmocka_unit_test(a_module_that_hangs_when_it_is_started_anew_is_left_at_the_deadline),
        cmocka_unit_test(a_verb_that_hangs_ends_at_the_deadline),
        cmocka_unit_test(time_in_which_a_verb_asks_does_not_count),
        cmocka_unit_test(repairs_end_at_the_deadline),
        cmocka_unit_test(a_process_ends_while_a_call_hangs),
    };

    if (argc == 3 && strcmp(argv[1], ENDING) == 0)
        return end_while_hanging(strcmp(argv[2], "free") == 0);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
