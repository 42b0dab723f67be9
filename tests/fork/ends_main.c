/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that end in all ways while a signer is open. Each must end with
 * status 0; ends_test.c and ci/check-valgrind look at them.
 *
 *   ends STORY MODULE KEY-URI     the PIN is SOFTHSM_PIN
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sigbridge/sigbridge.h>

#define THREADS 4
#define FAILED  3

static const char *module, *uri;
static sigb_signer *signer;
static atomic_uint made_by_all;

/* ---- signing ---- */

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)request;
    return sigb_pin_put(pin, sigb_bytes_text("1234"), diag);
}

/* _exit(): a failure is told by the status, whatever the end of the process does. */
static void fail(const char *what, sigb_rc rc, const sigb_diag *diag)
{
    fprintf(stderr, "%s: %s: %s\n", what, sigb_rc_name(rc), diag->text);
    _exit(FAILED);
}

static sigb_rc sign(sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = sigb_signer_sign(signer, SIGB_ES256, sigb_bytes_text("what is signed"), &made, diag);

    sigb_buf_free(&made);
    return rc;
}

static void require_signature(const char *who)
{
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sign(&diag);

    if (rc != SIGB_OK)
        fail(who, rc, &diag);
}

static void open_signer(unsigned timeout_ms)
{
    const sigb_pkcs11_options options = {.module = module, .pin = give_pin, .timeout_ms = timeout_ms};
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_signer_from_pkcs11(uri, &options, &signer, &diag);

    if (rc != SIGB_OK)
        fail("opening", rc, &diag);
    require_signature("first signature");
}

/* While the process ends a signature is made or refused; nothing else may happen. */
static void *sign_for_ever(void *arg)
{
    sigb_diag diag = {{0}, 0};

    (void)arg;
    for (;;)
        if (sign(&diag) == SIGB_OK)
            atomic_fetch_add(&made_by_all, 1);
        else
            (void)usleep(1000);
    return NULL;
}

/* Returns when all are in full swing. */
static void start_threads(void)
{
    pthread_t thread;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, sign_for_ever, NULL) != 0 || pthread_detach(thread) != 0)
            _exit(FAILED);
    while (atomic_load(&made_by_all) < 50)
        (void)usleep(1000);
}

/* ---- stories ---- */

static void returns(void)
{
    open_signer(0);
}

static void frees(void)
{
    open_signer(0);
    sigb_signer_free(signer);
}

static void exits_while_threads_sign(void)
{
    open_signer(0);
    start_threads();
    exit(0);
}

static void exits_while_threads_sign_with_a_deadline(void)
{
    open_signer(5000);
    start_threads();
    exit(0);
}

static void *exit_here(void *arg)
{
    require_signature("the thread that exits");
    exit(0);
    return arg;
}

static void exits_in_a_thread_that_signed(void)
{
    pthread_t thread;

    open_signer(0);
    start_threads();
    if (pthread_create(&thread, NULL, exit_here, NULL) != 0)
        _exit(FAILED);
    (void)pause();
}

/* A child has the memory of its parent's threads, and none of the threads: LeakSanitizer looks away there. */
static int has_lost_threads;

#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return has_lost_threads;
}
#endif

static void require_child(pid_t child)
{
    int status = 0;

    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "the child ended with 0x%x\n", (unsigned)status);
        _exit(FAILED);
    }
    require_signature("after the child's end");
}

/* The exit handlers of a child are the parent's: they must leave the parent's token alone. */
static void child_exits(bool signs, bool threads)
{
    pid_t child;

    open_signer(0);
    if (threads)
        start_threads();
    child = fork();
    if (child == 0) {
        (void)alarm(60); /* not inherited */
        has_lost_threads = 1;
        if (signs)
            require_signature("in the child");
        exit(0);
    }
    require_child(child);
}

static void a_child_exits(void)
{
    child_exits(false, false);
}

static void a_child_signs_and_exits(void)
{
    child_exits(true, false);
}

static void a_child_signs_and_exits_while_threads_sign(void)
{
    child_exits(true, true);
}

/* Registered before the library's own handler, so it runs after it. */
static void sign_and_free_late(void)
{
    sigb_diag diag = {{0}, 0};

    (void)sign(&diag);
    sigb_signer_free(signer);
}

static void is_used_after_the_librarys_own_handler(void)
{
    if (atexit(sign_and_free_late) != 0)
        _exit(FAILED);
    open_signer(0);
}

static const struct story {
    const char *name;
    void (*tell)(void);
} STORIES[] = {
    {"returns", returns},
    {"frees", frees},
    {"exits-while-threads-sign", exits_while_threads_sign},
    {"exits-while-threads-sign-with-a-deadline", exits_while_threads_sign_with_a_deadline},
    {"exits-in-a-thread-that-signed", exits_in_a_thread_that_signed},
    {"a-child-exits", a_child_exits},
    {"a-child-signs-and-exits", a_child_signs_and_exits},
    {"a-child-signs-and-exits-while-threads-sign", a_child_signs_and_exits_while_threads_sign},
    {"is-used-after-the-librarys-own-handler", is_used_after_the_librarys_own_handler},
};

int main(int argc, char **argv)
{
    (void)alarm(120);
    if (argc == 4) {
        module = argv[2];
        uri = argv[3];
        for (size_t i = 0; i < sizeof(STORIES) / sizeof(STORIES[0]); i++)
            if (strcmp(argv[1], STORIES[i].name) == 0) {
                STORIES[i].tell();
                return 0;
            }
    }
    fprintf(stderr, "usage: %s STORY MODULE KEY-URI\n", argv[0]);
    return 2;
}
