/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"

/* The VmFlags line of the mapping that starts at this address ("dd": left out of cores, "lo": locked). */
static void flags_of(const void *start, char flags[512])
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false;

    assert_non_null(maps);
    flags[0] = '\0';
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end;
        unsigned long long first = strtoull(line, &end, 16);
        if (end != line && *end == '-')
            here = first == (uintptr_t)start;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            (void)snprintf(flags, 512, "%s", line);
    }
    assert_int_equal(fclose(maps), 0);
}

static void a_secret_has_pages_of_its_own_that_cores_leave_out(void **state)
{
    sigb_pin *pin = secret_new();
    char flags[512];

    (void)state;
    assert_non_null(pin);
    assert_true(pin->page_len >= SECRET_ROOM);
    assert_int_equal((uintptr_t)pin->page % (uintptr_t)sysconf(_SC_PAGESIZE), 0);
    assert_int_equal(pin->len, 0);
    flags_of(pin->page, flags);
    assert_non_null(strstr(flags, " dd"));
    secret_free(pin);
}

static void cleansing_leaves_nothing(void **state)
{
    sigb_pin *pin = secret_new();

    (void)state;
    memset(pin->page, '7', SECRET_ROOM);
    pin->len = SECRET_ROOM;
    secret_cleanse(pin);
    assert_int_equal(pin->len, 0);
    for (size_t i = 0; i < pin->page_len; i++)
        assert_int_equal(pin->page[i], 0);
    secret_free(pin);
    secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_has_pages_of_its_own_that_cores_leave_out),
        cmocka_unit_test(cleansing_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
