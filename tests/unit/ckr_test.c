/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>

#include "pkcs11/internal.h"

/* What people meet most: the name, who is to blame, what it leaves usable, and what to do. */
static const struct {
    CK_RV rv;
    const char *name;
    sigb_rc rc;
    ckr_class class;
    const char *advice;
} ROWS[] = {
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", SIGB_E_PIN_INCORRECT, CKR_FINAL, "not tried again"},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", SIGB_E_PIN_LOCKED, CKR_FINAL, "security officer"},
    {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", SIGB_E_PIN_INCORRECT, CKR_FINAL, "shorter or longer"},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", SIGB_E_PIN_NEEDED, CKR_FINAL,
     "no user PIN yet"},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", SIGB_E_TOKEN_ABSENT, CKR_DEAD, "connect it"},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", SIGB_E_TOKEN_ABSENT, CKR_DEAD, "connect it again"},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", SIGB_E_TOKEN, CKR_DEAD, "check it and try again"},
    {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", SIGB_E_TOKEN, CKR_DEAD,
     "open the key anew"},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", SIGB_E_TOKEN, CKR_STALE, "open the key anew"},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", SIGB_E_TOKEN, CKR_STALE, "open the key anew"},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", SIGB_E_TOKEN, CKR_GONE, "open the key anew"},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", SIGB_E_TOKEN, CKR_STALE, "open the key anew"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", SIGB_E_KEY_NO_SIGN, CKR_MISNAMED,
     "CKA_SIGN"},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", SIGB_E_MECHANISM, CKR_FINAL, "lacks the mechanism"},
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", SIGB_E_MEMORY, CKR_OTHER, "out of memory"},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", SIGB_E_TOKEN, CKR_OTHER, "configuration"},
};

static void a_code_is_named_blamed_and_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        char room[24], words[64];
        sigb_diag diag = {{0}, 0};

        print_message("%s\n", ROWS[i].name);
        assert_string_equal(ckr_name(ROWS[i].rv, room), ROWS[i].name);
        assert_int_equal(ckr_classify(ROWS[i].rv), ROWS[i].class);
        assert_int_equal(ckr_fail(&diag, ROWS[i].rv, "C_Sign"), ROWS[i].rc);
        assert_int_equal(diag.native, ROWS[i].rv);
        (void)snprintf(words, sizeof(words), "C_Sign: %s: ", ROWS[i].name);
        assert_ptr_equal(strstr(diag.text, words), diag.text);
        assert_non_null(strstr(diag.text, ROWS[i].advice));
    }
}

static void a_code_of_a_vendor_is_shown_as_its_number(void **state)
{
    char room[24];

    (void)state;
    assert_string_equal(ckr_name(CKR_OK, room), "CKR_OK");
    assert_string_equal(ckr_name(CKR_VENDOR_DEFINED | 0x42, room), "CKR_0x80000042");
    assert_string_equal(ckr_name((CK_RV)-1, room), "CKR_0xffffffffffffffff");
    assert_int_equal(ckr_classify(CKR_VENDOR_DEFINED | 0x42), CKR_OTHER);
    assert_refused(ckr_fail(diag, CKR_VENDOR_DEFINED | 0x42, "C_Login"), SIGB_E_TOKEN,
                   "C_Login: CKR_0x80000042: a code of the module's own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_named_blamed_and_answered),
        cmocka_unit_test(a_code_of_a_vendor_is_shown_as_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
