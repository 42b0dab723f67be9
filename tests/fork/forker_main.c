/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of a process whose threads sign with a module that does not survive a
 * fork. Says what each child was told, and ends with 0 if the parent always signs.
 *
 *   forker MODULE KEY-URI     the PIN is 1234
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sigbridge/sigbridge.h>

#define THREADS  2
#define CHILDREN 20

static const char *module, *uri;
static sigb_signer *signer;
static atomic_bool over;
static atomic_uint good, bad, calls;

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)request;
    return sigb_pin_put(pin, sigb_bytes_text("1234"), diag);
}

static void count_call(void *arg, const sigb_trace_call *call)
{
    (void)arg;
    (void)call;
    atomic_fetch_add(&calls, 1);
}

static sigb_rc open_signer(sigb_signer **opened, sigb_diag *diag)
{
    const sigb_pkcs11_options options = {.module = module, .pin = give_pin, .trace = count_call};

    return sigb_signer_from_pkcs11(uri, &options, opened, diag);
}

static sigb_rc sign(sigb_signer *with, sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = sigb_signer_sign(with, SIGB_ES256, sigb_bytes_text("what is signed"), &made, diag);

    sigb_buf_free(&made);
    return rc;
}

static void *sign_on(void *arg)
{
    sigb_diag diag = {{0}, 0};

    while (!atomic_load(&over))
        if (sign(signer, &diag) == SIGB_OK)
            atomic_fetch_add(&good, 1);
        else if (atomic_fetch_add(&bad, 1) == 0)
            fprintf(stderr, "the parent: %s\n", diag.text);
    return arg;
}

/* tpm2-pkcs11 loses memory with each signature, and a child has the memory of threads that it does not have. */
#ifdef __SANITIZE_ADDRESS__
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}
#endif

/* Signs with what the parent opened, or opens the key itself by turns. Does not free: exit() must bear it. */
static void be_a_child(int number)
{
    sigb_signer *own = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    (void)alarm(30);
    atomic_store(&calls, 0);
    rc = number % 2 == 0 ? sign(signer, &diag) : open_signer(&own, &diag);
    printf("%s: %s: %s (%u calls)\n", number % 2 == 0 ? "signing" : "opening", sigb_rc_name(rc), diag.text,
           atomic_load(&calls));
    exit(0);
}

static bool run_child(int number)
{
    int status = 0;
    pid_t child;

    (void)fflush(stdout);
    child = fork();
    if (child == 0)
        be_a_child(number);
    if (waitpid(child, &status, 0) == child && status == 0)
        return true;
    fprintf(stderr, "child %d ended with 0x%x\n", number, (unsigned)status);
    return false;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    sigb_diag diag = {{0}, 0};
    bool all = true;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODULE KEY-URI\n", argv[0]);
        return 2;
    }
    module = argv[1];
    uri = argv[2];
    if (open_signer(&signer, &diag) != SIGB_OK) {
        fprintf(stderr, "%s\n", diag.text);
        return 3;
    }
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, sign_on, NULL) != 0)
            return 3;
    for (int i = 0; i < CHILDREN; i++)
        all = run_child(i) && all;
    atomic_store(&over, true);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    sigb_signer_free(signer);
    fprintf(stderr, "the parent made %u signatures, %u failed\n", atomic_load(&good), atomic_load(&bad));
    return all && atomic_load(&good) > 0 && atomic_load(&bad) == 0 ? 0 : 1;
}
