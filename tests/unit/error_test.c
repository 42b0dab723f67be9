/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/err.h>

#include "base/error.h"

/* Walks every number: the table has each once, and the range says who is to blame. */
static void each_result_has_a_name_and_a_status(void **state)
{
    static const struct {
        int first, last;
        const char *statuses; /* what may occur in this range */
    } ranges[] = {{0, 0, "0"},   {1, 19, "46"}, {20, 39, "3"},     {40, 59, "43"},
                  {60, 79, "2"}, {80, 99, "1"}, {100, 119, "1234"}};
    size_t named = 0;

    (void)state;
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
        for (int rc = ranges[r].first; rc <= ranges[r].last; rc++) {
            if (strcmp(sigb_rc_name((sigb_rc)rc), "unknown") == 0)
                continue;
            named++;
            assert_non_null(strchr(ranges[r].statuses, '0' + sigb_rc_exit((sigb_rc)rc)));
            for (int other = 0; other < rc; other++)
                assert_string_not_equal(sigb_rc_name((sigb_rc)rc), sigb_rc_name((sigb_rc)other));
        }
    assert_int_equal(named, 97);
    assert_string_equal(sigb_rc_name((sigb_rc)5000), "unknown");
    assert_int_equal(sigb_rc_exit((sigb_rc)5000), 6);
}

static void the_statuses_that_scripts_rely_on(void **state)
{
    static const struct {
        sigb_rc rc;
        int status;
    } rows[] = {
        {SIGB_OK, 0},           {SIGB_E_SIGNATURE, 1},     {SIGB_E_CHAIN_ROOT, 1}, {SIGB_E_DID_MISMATCH, 1},
        {SIGB_E_ARTIFACT, 1},   {SIGB_E_EKU, 2},           {SIGB_E_SUBJECT, 2},    {SIGB_E_SVN, 2},
        {SIGB_E_EXPIRED, 2},    {SIGB_E_PROFILE, 2},       {SIGB_E_TOKEN, 3},      {SIGB_E_PIN_INCORRECT, 3},
        {SIGB_E_KEY_ABSENT, 3}, {SIGB_E_ISSUER_METHOD, 3}, {SIGB_E_USAGE, 4},      {SIGB_E_CBOR, 4},
        {SIGB_E_TAG, 4},        {SIGB_E_ANCHOR, 4},        {SIGB_E_MEMORY, 6},     {SIGB_E_INTERNAL, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(sigb_rc_exit(rows[i].rc), rows[i].status);
}

static void words_that_are_too_long_end_at_a_character(void **state)
{
    sigb_diag diag;
    char text[2 * SIGB_DIAG_TEXT];

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', sizeof(text));
        for (size_t i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xf0\x9f\x94\x91", 4);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(sigb_fail(&diag, SIGB_E_EKU, "%s", text), SIGB_E_EKU);
        assert_true(strlen(diag.text) > SIGB_DIAG_TEXT - 5);
        assert_true(sigb_text_is_utf8(sigb_bytes_text(diag.text)));
    }
    assert_int_equal(sigb_fail(NULL, SIGB_E_EKU, "nobody listens"), SIGB_E_EKU);
}

static void a_lack_of_memory_never_reads_as_bad_input(void **state)
{
    sigb_diag diag;

    (void)state;
    ERR_raise(ERR_LIB_ASN1, ERR_R_MALLOC_FAILURE);
    ERR_raise(ERR_LIB_ASN1, ERR_R_NESTED_ASN1_ERROR);
    assert_int_equal(sigb_openssl_refused(&diag, SIGB_E_CERT_DER, "bad"), SIGB_E_MEMORY);
    assert_int_equal(ERR_peek_error(), 0);
    ERR_raise(ERR_LIB_ASN1, ERR_R_NESTED_ASN1_ERROR);
    assert_int_equal(sigb_openssl_refused(&diag, SIGB_E_CERT_DER, "bad %d", 7), SIGB_E_CERT_DER);
    assert_string_equal(diag.text, "bad 7");
    assert_true(diag.native != 0);
    assert_int_equal(sigb_openssl_failed(&diag, "to try"), SIGB_E_INTERNAL);
    assert_string_equal(diag.text, "OpenSSL refused to try: no reason given");
}

static void take_note(void *arg, const char *text)
{
    (void)snprintf(arg, 32, "%s", text);
}

static void notes_reach_whoever_listens(void **state)
{
    char heard[32] = "";
    sigb_notes notes = {take_note, heard}, deaf = {NULL, NULL};

    (void)state;
    sigb_note(&notes, "pin-value in %s", "the URI");
    assert_string_equal(heard, "pin-value in the URI");
    sigb_note(&deaf, "unheard");
    sigb_note(NULL, "unheard");
    assert_string_equal(heard, "pin-value in the URI");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_result_has_a_name_and_a_status),
        cmocka_unit_test(the_statuses_that_scripts_rely_on),
        cmocka_unit_test(words_that_are_too_long_end_at_a_character),
        cmocka_unit_test(a_lack_of_memory_never_reads_as_bad_input),
        cmocka_unit_test(notes_reach_whoever_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
