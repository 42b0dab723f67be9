/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tally.h"

#include <stddef.h>

/* Threads that live at the same time were mostly numbered one after another, so they share no part. */
static atomic_uint *own_part(tally *counted)
{
    static atomic_uint numbered;
    static _Thread_local unsigned number; /* from 1 */

    if (number == 0)
        number = atomic_fetch_add_explicit(&numbered, 1, memory_order_relaxed) % TALLY_PARTS + 1;
    return &counted->parts[number - 1].count;
}

void tally_raise(tally *counted)
{
    (void)atomic_fetch_add(own_part(counted), 1);
}

void tally_lower(tally *counted)
{
    (void)atomic_fetch_sub(own_part(counted), 1);
}

unsigned tally_sum(const tally *counted)
{
    unsigned sum = 0;

    for (size_t i = 0; i < TALLY_PARTS; i++)
        sum += atomic_load(&counted->parts[i].count);
    return sum;
}

void tally_clear(tally *counted)
{
    for (size_t i = 0; i < TALLY_PARTS; i++)
        atomic_store(&counted->parts[i].count, 0);
}
