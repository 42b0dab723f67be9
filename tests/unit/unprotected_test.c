/* SPDX-License-Identifier: Apache-2.0 */
/* Additions to a finished statement: what is not the addition stays, byte for byte. */
#include "tests/support/support.h"

#include "cose/unprotected.h"
#include "tests/support/hex.h"

#define HEAD "d284 43a10126" /* tag, array, { 1: -7 } */
#define TAIL "4101 4102"     /* payload, signature */

/* What comes of a map when label 270 gets a value; "" takes it out. */
static void splices(const char *name, const char *map, const char *value, const char *wanted)
{
    sigb_buf before = SIGB_BUF_INIT, encoded = SIGB_BUF_INIT, after = SIGB_BUF_INIT, made = SIGB_BUF_INIT;
    sigb_statement *statement = NULL, *again = NULL;
    char text[512];

    print_message("%s\n", name);
    (void)snprintf(text, sizeof(text), "%s %s %s", HEAD, map, TAIL);
    assert_int_equal(sigb_statement_parse(hex_put(&before, text), &statement, NULL), SIGB_OK);
    assert_int_equal(unprotected_splice(statement, 270, hex_put(&encoded, value), &made, NULL), SIGB_OK);
    (void)snprintf(text, sizeof(text), "%s %s %s", HEAD, wanted, TAIL);
    (void)hex_put(&after, text);
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&made), sigb_buf_bytes(&after)));
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&made), &again, NULL), SIGB_OK);
    sigb_statement_free(again);
    sigb_statement_free(statement);
    sigb_buf_free(&before);
    sigb_buf_free(&encoded);
    sigb_buf_free(&after);
    sigb_buf_free(&made);
}

static void an_entry_is_added_replaced_or_taken_out(void **state)
{
    (void)state;
    splices("into none", "a0", "41aa", "a1 19010e41aa");
    splices("behind others", "a2 0441bb 6178 83010203", "41aa", "a3 0441bb 6178 83010203 19010e41aa");
    splices("in its place", "a3 0441bb 19010e41aa 0501", "42cccc", "a3 0441bb 19010e42cccc 0501");
    splices("out", "a3 0441bb 19010e41aa 0501", "", "a2 0441bb 0501");
    splices("the last one out", "a1 19010e41aa", "", "a0");
    splices("out, where it is not", "a1 0441bb", "", "a1 0441bb");
}

static void heads_that_are_not_shortest_stay_but_for_the_count(void **state)
{
    (void)state;
    splices("label and values", "b90002 180458 01bb 1a0000010e 580141", "41aa",
            "a2 180458 01bb 1a0000010e 41aa");
    splices("an indefinite value", "ba00000001 190400 5f41014102ff", "41aa",
            "a2 190400 5f41014102ff 19010e41aa");
}

static void the_count_grows_past_a_byte(void **state)
{
    char map[400] = "b7", wanted[400] = "b818";
    int at = 2, to = 4;

    (void)state;
    for (int i = 0; i < 23; i++) {
        at += snprintf(map + at, sizeof(map) - (size_t)at, " 1904%02x 00", i);
        to += snprintf(wanted + to, sizeof(wanted) - (size_t)to, " 1904%02x 00", i);
    }
    (void)snprintf(wanted + to, sizeof(wanted) - (size_t)to, " 19010e41aa");
    splices("23 and one", map, "41aa", wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_added_replaced_or_taken_out),
        cmocka_unit_test(heads_that_are_not_shortest_stay_but_for_the_count),
        cmocka_unit_test(the_count_grows_past_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
