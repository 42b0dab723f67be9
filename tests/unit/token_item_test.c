/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as items: the states that no SoftHSM shows, from the flags that Cryptoki has for them. */
#include "tests/support/support.h"

#include "token/item.h"

static void the_state_of_pins_stands_in_the_note(void **state)
{
    static const CK_FLAGS ready = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    static const struct {
        CK_FLAGS flags;
        const char *note;
    } rows[] = {
        {ready, ""},
        {0, "not initialised"},
        {CKF_USER_PIN_LOCKED, "not initialised"},
        {CKF_TOKEN_INITIALIZED, "user PIN not set"},
        {ready | CKF_USER_PIN_COUNT_LOW, "user PIN was entered wrongly"},
        {ready | CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
         "user PIN was entered wrongly, user PIN has one try left"},
        {ready | CKF_USER_PIN_LOCKED, "user PIN locked"},
        {ready | CKF_USER_PIN_TO_BE_CHANGED, "user PIN must be changed"},
        {ready | CKF_SO_PIN_COUNT_LOW, "SO PIN was entered wrongly"},
        {ready | CKF_SO_PIN_FINAL_TRY, "SO PIN has one try left"},
        {ready | CKF_SO_PIN_LOCKED | CKF_WRITE_PROTECTED, "SO PIN locked, write protected"},
        {ready | CKF_PROTECTED_AUTHENTICATION_PATH, "PIN is entered at the device"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p11_slot slot = {.id = 7, .label = "t", .serial = "s", .model = "m"};
        described made = {0};

        slot.token.flags = rows[i].flags;
        assert_int_equal(item_of_token(&slot, &made, NULL), SIGB_OK);
        assert_string_equal(made.item.note, rows[i].note);
        assert_string_equal(made.item.kind, "token");
        assert_string_equal(made.item.model, "m");
        assert_string_equal(made.item.type, "");
        item_free(&made);
    }
}

static void a_token_is_named_by_label_and_serial_or_by_its_slot(void **state)
{
    p11_slot slot = {.id = 7, .label = "a b;\x1b", .serial = "s?", .model = "m"};
    described made = {0};

    (void)state;
    assert_int_equal(item_of_token(&slot, &made, NULL), SIGB_OK);
    assert_string_equal(made.item.uri, "pkcs11:slot-id=7");
    item_free(&made);
    slot.token.flags = CKF_TOKEN_INITIALIZED;
    assert_int_equal(item_of_token(&slot, &made, NULL), SIGB_OK);
    assert_string_equal(made.item.uri, "pkcs11:serial=s%3F;token=a%20b%3B%1B");
    item_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_of_pins_stands_in_the_note),
        cmocka_unit_test(a_token_is_named_by_label_and_serial_or_by_its_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
