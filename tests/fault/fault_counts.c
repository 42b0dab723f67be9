/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, counted in memory that children share: 16 of them make one row of PIN attempts. */
#include "tests/fault/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define MAX_LOGINS 256

static struct counts {
    atomic_ulong calls[FAULT_CALL_COUNT];
    atomic_ulong hits[FAULT_RULES];
    atomic_ulong wrong_pins, logins;
    atomic_ulong answers[MAX_LOGINS]; /* of C_Login; one more than the code, so that 0 is "not yet" */
} * counts;

static void counts_map(void)
{
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        counts = NULL;
}

static struct counts *shared(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, counts_map);
    return counts;
}

static const char *const NAMES[] = {
#define FAULT_NAME(name, parameters, arguments) #name,
    FAULT_CALLS(FAULT_NAME)
#undef FAULT_NAME
};

fault_call call_named(const char *name, size_t len)
{
    size_t i = 0;

    while (i < COUNT(NAMES) && (strlen(NAMES[i]) != len || memcmp(NAMES[i], name, len) != 0))
        i++;
    return (fault_call)i;
}

void counts_reset(CK_ULONG wrong_pins)
{
    struct counts *c = shared();

    for (size_t i = 0; i < COUNT(c->calls); i++)
        atomic_store(&c->calls[i], 0);
    for (size_t i = 0; i < COUNT(c->answers); i++)
        atomic_store(&c->answers[i], 0);
    for (size_t i = 0; i < COUNT(c->hits); i++)
        atomic_store(&c->hits[i], 0);
    atomic_store(&c->logins, 0);
    atomic_store(&c->wrong_pins, wrong_pins);
}

void counts_call(fault_call call)
{
    atomic_fetch_add(&shared()->calls[call], 1);
}

void counts_hit(size_t rule)
{
    atomic_fetch_add(&shared()->hits[rule], 1);
}

void counts_login(CK_RV answer)
{
    unsigned long at = atomic_fetch_add(&shared()->logins, 1);

    if (at < MAX_LOGINS)
        atomic_store(&shared()->answers[at], answer + 1);
}

unsigned long counts_of(const char *function)
{
    struct counts *c = shared();
    fault_call call = call_named(function, strlen(function));
    unsigned long sum = 0;

    if (call != FAULT_CALL_COUNT)
        return atomic_load(&c->calls[call]);
    for (size_t i = 0; strcmp(function, "*") == 0 && i < COUNT(c->calls); i++)
        sum += atomic_load(&c->calls[i]);
    return sum;
}

unsigned long counts_hits(size_t rule)
{
    return rule < FAULT_RULES ? atomic_load(&shared()->hits[rule]) : 0;
}

size_t counts_logins(unsigned long *codes, size_t room)
{
    size_t count = atomic_load(&shared()->logins);

    for (size_t i = 0; i < count && i < room && i < MAX_LOGINS; i++)
        codes[i] = atomic_load(&shared()->answers[i]) - 1;
    return count;
}

CK_ULONG counts_wrong_pins(void)
{
    return atomic_load(&shared()->wrong_pins);
}

void counts_pin(bool right)
{
    if (right)
        atomic_store(&shared()->wrong_pins, 0);
    else
        atomic_fetch_add(&shared()->wrong_pins, 1);
}
