/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/memory/sweep.h"

#include <execinfo.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

enum whose { NOBODYS, OURS, OPENSSLS };

/*
 * Where an allocation of OpenSSL comes from: the line in OpenSSL, and the call in
 * the product that led there. OpenSSL repeats itself (one public key that is read
 * allocates 1,400 times); the first and the last of each pair are refused.
 */
typedef struct origin {
    const char *file;
    int line;
    const void *caller;
} origin;

#define MAX_ORIGINS 65536
#define MAX_FRAMES  64

/* A fork with a sanitizer's shadow costs a hundred times a plain one: there every sixth has to do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRIDE 6
#else
#define STRIDE 1
#endif

static origin *origins; /* by count; recorded while not NULL */

static enum whose refused = NOBODYS; /* whose allocations count at the moment */
static long countdown = -1;          /* the allocation that is refused when it reaches 0 */
static atomic_long counted;
static atomic_long live_ours; /* blocks of ours that are not freed */
static const volatile int *inside_module;
static bool openssl_is_spared;

/* Before each block: who asked for it, so that free() knows without being told. */
typedef union block_head {
    struct {
        enum whose whose;
    } of;
    max_align_t align;
} block_head;

static enum whose whose_file(const char *file)
{
    return file != NULL && strstr(file, SWEEP_SOURCE_DIR) != NULL && strstr(file, "/tests/") == NULL
               ? OURS
               : OPENSSLS;
}

/* The product is in the test's own executable; OpenSSL is not. */
static const void *caller_in_product(void)
{
    extern const char __executable_start, etext;
    void *frames[MAX_FRAMES];
    int count = backtrace(frames, MAX_FRAMES);

    for (int i = 4; i < count; i++) /* the first are the sweep's own */
        if ((const char *)frames[i] >= &__executable_start && (const char *)frames[i] < &etext)
            return frames[i];
    return NULL;
}

static bool refuse(enum whose whose, const char *file, int line)
{
    long n;

    if (whose != refused || (inside_module != NULL && *inside_module != 0) ||
        (whose == OPENSSLS && openssl_is_spared))
        return false;
    n = atomic_fetch_add(&counted, 1);
    if (origins != NULL && n < MAX_ORIGINS)
        origins[n] = (origin){file, line, caller_in_product()};
    return n == countdown;
}

static void *sweep_malloc(size_t len, const char *file, int line)
{
    enum whose whose = whose_file(file);
    block_head *head;

    if (len == 0 || refuse(whose, file, line) || (head = malloc(sizeof(*head) + len)) == NULL)
        return NULL;
    head->of.whose = whose;
    if (whose == OURS)
        atomic_fetch_add(&live_ours, 1);
    return head + 1;
}

static void sweep_free(void *block, const char *file, int line)
{
    block_head *head;

    (void)file;
    (void)line;
    if (block == NULL)
        return;
    head = (block_head *)block - 1;
    if (head->of.whose == OURS)
        atomic_fetch_sub(&live_ours, 1);
    free(head);
}

static void *sweep_realloc(void *block, size_t len, const char *file, int line)
{
    block_head *head;

    if (block == NULL)
        return sweep_malloc(len, file, line);
    if (len == 0) {
        sweep_free(block, file, line);
        return NULL;
    }
    head = (block_head *)block - 1;
    if (refuse(head->of.whose, file, line))
        return NULL;
    head = realloc(head, sizeof(*head) + len);
    return head == NULL ? NULL : head + 1;
}

void sweep_start(void)
{
    if (CRYPTO_set_mem_functions(sweep_malloc, sweep_realloc, sweep_free) != 1) {
        (void)fprintf(stderr, "OpenSSL has allocated already\n");
        abort();
    }
}

void sweep_spare_while(const volatile int *inside)
{
    inside_module = inside;
}

void sweep_spare_openssl(bool spared)
{
    openssl_is_spared = spared;
}

void sweep_over(void)
{
    refused = NOBODYS;
}

/* Runs once with the n-th allocation of `whose` refused (-1: none); *count is how many were asked for. */
static sigb_rc run_refusing(const scenario *row, enum whose whose, long n, long *count)
{
    sigb_rc rc;

    refused = whose;
    countdown = n;
    atomic_store(&counted, 0);
    rc = row->run();
    refused = NOBODYS;
    *count = atomic_load(&counted);
    return rc;
}

size_t sweep_ours(const scenario *row)
{
    long total, count, before, wrong = 0;

    assert_int_equal(run_refusing(row, NOBODYS, -1, &count), row->wanted); /* warm: caches are filled */
    before = atomic_load(&live_ours);
    assert_int_equal(run_refusing(row, OURS, -1, &total), row->wanted);
    assert_int_equal(atomic_load(&live_ours), before);
    for (long n = 0; n < total; n++) {
        sigb_rc rc = run_refusing(row, OURS, n, &count);
        if (rc == SIGB_E_MEMORY && atomic_load(&live_ours) == before)
            continue;
        wrong++;
        print_error("%s, %s: allocation %ld of %ld refused gave %s, %ld blocks left\n", row->function,
                    row->name, n, total, sigb_rc_name(rc), atomic_load(&live_ours) - before);
    }
    assert_int_equal(wrong, 0);
    return (size_t)total;
}

/* In a child: 0 fine, 1 said SIGB_OK to what must be refused. */
static int child_status(const scenario *row, long n)
{
    long count;
    sigb_rc rc = run_refusing(row, OPENSSLS, n, &count);

    return row->wanted != SIGB_OK && rc == SIGB_OK;
}

static bool same_origin(const origin *a, const origin *b)
{
    return a->line == b->line && a->caller == b->caller && a->file == b->file;
}

static bool is_first_or_last(const origin *all, long n, long total)
{
    bool before = false, behind = false;

    for (long i = 0; i < n && !before; i++)
        before = same_origin(&all[i], &all[n]);
    for (long i = n + 1; i < total && !behind; i++)
        behind = same_origin(&all[i], &all[n]);
    return !before || !behind;
}

static void refuse_in_child(const scenario *row, long n, long total)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        _exit(child_status(row, n));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s, %s: OpenSSL's allocation %ld of %ld refused: %s", row->function, row->name, n, total,
                 WIFEXITED(status) ? "accepted what must be refused" : "crashed");
}

size_t sweep_openssl(const scenario *row)
{
    origin *recorded = calloc(MAX_ORIGINS, sizeof(*recorded));
    size_t swept = 0, origin_pairs = 0;
    long total;

    assert_non_null(recorded);
    origins = recorded;
    assert_int_equal(run_refusing(row, OPENSSLS, -1, &total), row->wanted);
    origins = NULL;
    assert_true(total <= MAX_ORIGINS);
    for (long n = 0; n < total; n++)
        if (is_first_or_last(recorded, n, total) && origin_pairs++ % STRIDE == 0) {
            refuse_in_child(row, n, total);
            swept++;
        }
    free(recorded);
    return swept;
}
