/* SPDX-License-Identifier: Apache-2.0 */
#include "limit.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static bool make_rounds(bench_round_fn round, void *arm, unsigned times)
{
    bool good = true;

    for (unsigned i = 0; good && i < times; i++)
        good = round(arm);
    return good;
}

/* ---- two calls ---- */

#define COUNTED_SIGNATURES 100

bench_through *bench_through_load(const char *path, const char *module)
{
    void *library = NULL, *control;

    if (setenv(THROUGH_MODULE, module, 1) == 0)
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    control = library == NULL ? NULL : dlsym(library, THROUGH_CONTROL);
    if (control == NULL)
        fprintf(stderr, "%s: %s\n", path, dlerror());
    return control;
}

static bool counts_are_right(const bench_through *counted)
{
    unsigned long calls = atomic_load(&counted->calls), inits = atomic_load(&counted->sign_inits),
                  signs = atomic_load(&counted->signs);

    if (inits == COUNTED_SIGNATURES && signs == COUNTED_SIGNATURES && calls == inits + signs)
        return true;
    fprintf(stderr, "%d signatures made %lu Cryptoki calls, of which C_SignInit %lu and C_Sign %lu\n",
            COUNTED_SIGNATURES, calls, inits, signs);
    return false;
}

bench_outcome bench_hold_calls(const char *name, bench_through *through, bench_round_fn round, void *arm)
{
    bench_line line = {name, 2, "calls", "C_SignInit, C_Sign", 1, 1, false};
    bool good = round(arm);

    atomic_store(&through->calls, 0);
    atomic_store(&through->sign_inits, 0);
    atomic_store(&through->signs, 0);
    if (good && make_rounds(round, arm, COUNTED_SIGNATURES) && counts_are_right(through))
        return bench_line_print(&line);
    fprintf(stderr, "%s: wrong\n", name);
    return BENCH_FAILED;
}

/* ---- growth ---- */

#define WARM_ROUNDS 2000

typedef struct batch {
    bench_round_fn round;
    void *arm;
    unsigned times;
    bool good;
} batch;

static void *make_batch(void *arg)
{
    batch *of = arg;

    of->good = make_rounds(of->round, of->arm, of->times);
    return NULL;
}

/* In a thread that ends: what the allocator keeps for a thread counts as in use, and varies. */
static bool make_rounds_apart(bench_round_fn round, void *arm, unsigned times)
{
    batch all = {round, arm, times, false};
    pthread_t thread;

    return pthread_create(&thread, NULL, make_batch, &all) == 0 && pthread_join(thread, NULL) == 0 &&
           all.good;
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

bench_outcome bench_hold_growth(const char *name, bench_round_fn round, void *arm, unsigned rounds)
{
    bench_line line = {name, 0, "bytes", "none", 0, 0, false};
    bool good = make_rounds_apart(round, arm, WARM_ROUNDS);
    size_t before = heap_in_use();

    good = good && make_rounds_apart(round, arm, rounds);
    line.value = (double)heap_in_use() - (double)before;
    line.ratio = line.value / rounds;
    return good ? bench_line_print(&line) : BENCH_FAILED;
}
