/* SPDX-License-Identifier: Apache-2.0 */
/* token init on real SoftHSM tokens. */
#include "tests/support/support.h"

#include <stdio.h>

#include "base/text.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

/* A source of both PINs that writes down who was asked for. */
typedef struct source {
    const char *so, *user;
    int asked_so, asked_user, asked_other;
    char token[40];
} source;

static sigb_rc give(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    source *from = arg;

    assert_true(strlen(request->token) < sizeof(from->token));
    memcpy(from->token, request->token, strlen(request->token) + 1);
    from->asked_so += request->kind == SIGB_PIN_SO;
    from->asked_user += request->kind == SIGB_PIN_NEW_USER;
    from->asked_other += request->kind != SIGB_PIN_SO && request->kind != SIGB_PIN_NEW_USER;
    return sigb_pin_put(pin, sigb_bytes_text(request->kind == SIGB_PIN_SO ? from->so : from->user), diag);
}

static int rig_open(void **state)
{
    *state = softhsm_new();
    return 0;
}

static int rig_close(void **state)
{
    softhsm_free(*state);
    return 0;
}

static sigb_pkcs11_options options_of(source *from)
{
    return (sigb_pkcs11_options){.module = softhsm_module(), .pin = give, .pin_arg = from};
}

static void init(const char *label, source *from, sigb_buf *made)
{
    sigb_pkcs11_options options = options_of(from);
    sigb_diag diag = {{0}, 0};

    if (sigb_token_init("pkcs11:", label, &options, made, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    assert_non_null(text_c_str(made));
}

static size_t tokens(void)
{
    sigb_pkcs11_options options = softhsm_options_without_pin();
    listing list;

    listing_take(&list, "pkcs11:", &options);
    return listing_count(&list, "token");
}

static void a_free_token_gets_its_label_and_both_pins(void **state)
{
    source from = {.so = "so-secret", .user = "user-secret"};
    sigb_pkcs11_options options = options_of(&from);
    sigb_buf made = SIGB_BUF_INIT, key = SIGB_BUF_INIT;
    const sigb_keygen keygen = {.type = "P-256", .label = "k"};
    listing list;

    (void)state;
    init("release", &from, &made);
    assert_int_equal(from.asked_so, 1);
    assert_int_equal(from.asked_user, 1);
    assert_int_equal(from.asked_other, 0);
    assert_string_equal(from.token, "release");
    listing_take(&list, (const char *)made.ptr, &(sigb_pkcs11_options){.module = softhsm_module()});
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].token, "release");
    assert_string_equal(list.items[0].note, "");
    assert_string_equal(list.items[0].uri, (const char *)made.ptr);
    assert_true(list.items[0].serial[0] != '\0');
    assert_int_equal(sigb_token_keygen((const char *)made.ptr, &keygen, &options, &key, NULL), SIGB_OK);
    sigb_buf_free(&key);
    sigb_buf_free(&made);
}

/* Bare Cryptoki: each PIN is its user's and not the other's. */
static void each_pin_is_its_users(void **state)
{
    static const struct {
        CK_USER_TYPE user;
        const char *pin;
        CK_RV rv;
    } rows[] = {
        {CKU_USER, "user-secret", CKR_OK},
        {CKU_SO, "so-secret", CKR_OK},
        {CKU_USER, "so-secret", CKR_PIN_INCORRECT},
        {CKU_SO, "user-secret", CKR_PIN_INCORRECT},
    };
    CK_FUNCTION_LIST *calls = softhsm_calls(*state);
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    assert_int_equal(calls->C_Initialize(NULL), CKR_OK);
    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CK_SESSION_HANDLE session;

        assert_int_equal(
            calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
            CKR_OK);
        assert_int_equal(
            calls->C_Login(session, rows[i].user, (CK_UTF8CHAR *)(uintptr_t)rows[i].pin, strlen(rows[i].pin)),
            rows[i].rv);
        assert_int_equal(calls->C_CloseSession(session), CKR_OK);
    }
    assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

#define THIRTY_TWO                                                                                           \
    "\xc3\xbc"                                                                                               \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void a_label_may_fill_its_field(void **state)
{
    source from = {.so = "1234", .user = "4321"};
    sigb_buf made = SIGB_BUF_INIT;
    listing list;

    (void)state;
    init(THIRTY_TWO, &from, &made);
    listing_take(&list, (const char *)made.ptr, &(sigb_pkcs11_options){.module = softhsm_module()});
    assert_string_equal(list.items[0].token, THIRTY_TWO);
    sigb_buf_free(&made);
}

static void assert_init_refused(const char *uri, const char *label, source *from, sigb_rc rc,
                                const char *words)
{
    sigb_pkcs11_options options = options_of(from);
    sigb_buf made = SIGB_BUF_INIT;
    size_t before = tokens();

    assert_refused(sigb_token_init(uri, label, &options, &made, diag), rc, words);
    assert_int_equal(made.len, 0);
    assert_int_equal(tokens(), before);
    sigb_buf_free(&made);
}

static void a_label_that_exists_is_refused_before_a_pin_is_asked(void **state)
{
    source from = {.so = "1234", .user = "4321"};

    (void)state;
    assert_init_refused("pkcs11:", "release", &from, SIGB_E_EXISTS,
                        "a token with the label \"release\" exists");
    assert_int_equal(from.asked_so + from.asked_user, 0);
}

static void a_token_that_is_initialised_is_refused(void **state)
{
    source from = {.so = "1234", .user = "4321"};
    char uri[64], serial[17];

    softhsm_serial(*state, "release", 0, serial);
    (void)snprintf(uri, sizeof(uri), "pkcs11:serial=%s", serial);
    assert_init_refused(uri, "other", &from, SIGB_E_EXISTS, "is initialised already; initialising it again");
    assert_init_refused("pkcs11:token=release", "other", &from, SIGB_E_EXISTS, "is initialised already");
    assert_init_refused("pkcs11:token=absent", "other", &from, SIGB_E_TOKEN_ABSENT, "no token matches");
    assert_int_equal(from.asked_so + from.asked_user, 0);
}

static void a_free_token_can_be_named_by_its_slot(void **state)
{
    source from = {.so = "1234", .user = "4321"};
    sigb_pkcs11_options options = options_of(&from);
    sigb_buf made = SIGB_BUF_INIT;
    listing free, list;

    (void)state;
    listing_take(&free, "pkcs11:", &(sigb_pkcs11_options){.module = softhsm_module()});
    assert_int_equal(sigb_token_init(listing_find(&free, "token", "")->uri, "by slot", &options, &made, NULL),
                     SIGB_OK);
    listing_take(&list, text_c_str(&made), &(sigb_pkcs11_options){.module = softhsm_module()});
    assert_string_equal(list.items[0].token, "by slot");
    sigb_buf_free(&made);
}

static void labels_that_no_token_should_have_are_refused(void **state)
{
    static const struct {
        const char *label, *words;
    } rows[] = {
        {"", "label of 0 bytes: 1 to 32"},
        {THIRTY_TWO "a", "label of 33 bytes"},
        {"a ", "blank"},
        {" a", "blank"},
        {"a\x1b[0m", "control characters"},
        {"\xff", "not UTF-8"},
        {"a\\b", "backslash"},
    };
    source from = {.so = "1234", .user = "4321"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_init_refused("pkcs11:", rows[i].label, &from, SIGB_E_USAGE, rows[i].words);
    assert_int_equal(from.asked_so + from.asked_user, 0);
}

#define FIFTY "12345678901234567890123456789012345678901234567890"

/* The token is untouched then: it stays free. */
static void pins_that_the_token_would_not_take_are_refused_first(void **state)
{
    source short_so = {.so = "123", .user = "1234"}, short_user = {.so = "1234", .user = "123"};
    source long_user = {.so = "1234", .user = FIFTY FIFTY FIFTY FIFTY FIFTY "123456"};
    source empty = {.so = "", .user = "1234"};
    sigb_pkcs11_options options = softhsm_options_without_pin();
    sigb_buf made = SIGB_BUF_INIT;

    (void)state;
    assert_init_refused("pkcs11:", "new", &short_so, SIGB_E_USAGE,
                        "SO PIN is too short or too long: the token "
                        "wants 4 to 255 bytes");
    assert_init_refused("pkcs11:", "new", &short_user, SIGB_E_USAGE, "user PIN is too short or too long");
    assert_init_refused("pkcs11:", "new", &long_user, SIGB_E_LIMIT, "255");
    assert_init_refused("pkcs11:", "new", &empty, SIGB_E_PIN_NEEDED, "empty");
    assert_refused(sigb_token_init("pkcs11:", "new", &options, &made, diag), SIGB_E_PIN_NEEDED,
                   "an SO PIN and a user PIN");
    assert_refused(sigb_token_init("pkcs11:", NULL, &options, &made, diag), SIGB_E_USAGE,
                   "needs a URI, a label");
    assert_int_equal(made.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_token_gets_its_label_and_both_pins),
        cmocka_unit_test(each_pin_is_its_users),
        cmocka_unit_test(a_label_may_fill_its_field),
        cmocka_unit_test(a_label_that_exists_is_refused_before_a_pin_is_asked),
        cmocka_unit_test(a_token_that_is_initialised_is_refused),
        cmocka_unit_test(a_free_token_can_be_named_by_its_slot),
        cmocka_unit_test(labels_that_no_token_should_have_are_refused),
        cmocka_unit_test(pins_that_the_token_would_not_take_are_refused_first),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
