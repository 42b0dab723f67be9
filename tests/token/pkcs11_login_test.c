/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "base/text.h"
#include "tests/support/softhsm.h"

static softhsm *hsm;
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

/* ---- the module's list of functions, changed in place ---- */

static CK_FUNCTION_LIST real;

static struct {
    int logins;          /* C_Login calls */
    bool null_pin;       /* the last one had no PIN */
    CK_FLAGS more_flags; /* added to those of every token */
    CK_FLAGS fewer_flags;
} seen;

static CK_RV seen_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    static CK_UTF8CHAR keypad[] = SOFTHSM_PIN;

    seen.logins++;
    seen.null_pin = pin == NULL && len == 0;
    return seen.null_pin ? real.C_Login(session, user, keypad, strlen(SOFTHSM_PIN))
                         : real.C_Login(session, user, pin, len);
}

static CK_RV seen_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    info->flags = (info->flags | seen.more_flags) & ~seen.fewer_flags;
    return rv;
}

static int set_up(void **state)
{
    static const softhsm_key key = {.type = "P-256", .label = "key", .id = "key"};
    static const softhsm_key always = {
        .type = "P-256", .label = "always", .id = "always", .always_authenticate = true};

    (void)state;
    hsm = softhsm_new();
    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &key);
    softhsm_keygen(hsm, "release", &always);
    real = *softhsm_calls(hsm);
    softhsm_calls(hsm)->C_Login = seen_login;
    softhsm_calls(hsm)->C_GetTokenInfo = seen_token_info;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

static void keep_note(void *arg, const char *text)
{
    text_put(arg, text);
}

static sigb_rc open_with(const char *uri, sigb_pin_fn pin, sigb_buf *heard, sigb_signer **signer,
                         sigb_diag *diag)
{
    const sigb_pkcs11_options options = {
        .module = softhsm_module(), .pin = pin, .notes = {heard == NULL ? NULL : keep_note, heard}};

    seen.logins = 0;
    return sigb_signer_from_pkcs11(uri, &options, signer, diag);
}

/* Opens, closes, and says how it went. */
static sigb_rc try_open(const char *uri, sigb_pin_fn pin, sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = open_with(uri, pin, NULL, &signer, diag);

    assert_true((rc == SIGB_OK) == (signer != NULL));
    sigb_signer_free(signer);
    assert_int_equal(ERR_peek_error(), 0);
    return rc;
}

static void a_wrong_pin_is_tried_once(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:object=key", softhsm_wrong_pin, diag), SIGB_E_PIN_INCORRECT,
                   "C_Login: CKR_PIN_INCORRECT: the token refused the PIN; it was tried once");
    assert_int_equal(seen.logins, 1);
    assert_true((softhsm_flags(hsm, "release") & CKF_USER_PIN_COUNT_LOW) != 0);
    assert_int_equal(try_open("pkcs11:object=key", softhsm_pin, NULL), SIGB_OK);
    assert_int_equal(seen.logins, 1);
    assert_false((softhsm_flags(hsm, "release") & CKF_USER_PIN_COUNT_LOW) != 0);
}

static void a_pin_that_is_locked_or_nearly_is_not_tried(void **state)
{
    (void)state;
    seen.more_flags = CKF_USER_PIN_LOCKED;
    assert_refused(try_open("pkcs11:object=key", softhsm_pin, diag), SIGB_E_PIN_LOCKED,
                   "is locked; nothing was tried");
    seen.more_flags = CKF_USER_PIN_FINAL_TRY;
    assert_refused(try_open("pkcs11:object=key", softhsm_pin, diag), SIGB_E_PIN_FINAL_TRY,
                   "one wrong PIN more locks token release");
    seen.more_flags = 0;
    assert_int_equal(seen.logins, 0);
}

static void a_keypad_of_the_tokens_own_is_used(void **state)
{
    (void)state;
    seen.more_flags = CKF_PROTECTED_AUTHENTICATION_PATH;
    assert_int_equal(try_open("pkcs11:object=key", NULL, NULL), SIGB_OK);
    seen.more_flags = 0;
    assert_int_equal(seen.logins, 1);
    assert_true(seen.null_pin);
}

static void a_token_that_needs_no_login_is_asked_for_none(void **state)
{
    (void)state;
    seen.fewer_flags = CKF_LOGIN_REQUIRED;
    /* SoftHSM hides its private keys all the same */
    assert_refused(try_open("pkcs11:object=key", softhsm_pin, diag), SIGB_E_KEY_ABSENT,
                   "shows no private key");
    seen.fewer_flags = 0;
    assert_int_equal(seen.logins, 0);
}

static void no_source_for_a_pin_is_said(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:object=key", NULL, diag), SIGB_E_PIN_NEEDED, "token release (serial ");
    assert_int_equal(seen.logins, 0);
}

static sigb_rc give_nothing(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)request;
    (void)pin;
    (void)diag;
    return SIGB_OK;
}

static sigb_rc refuse_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)pin;
    assert_int_equal(request->kind, SIGB_PIN_USER);
    assert_string_equal(request->token, "release");
    assert_true(strlen(request->serial) == 16);
    (void)snprintf(diag->text, sizeof(diag->text), "not today");
    return SIGB_E_PIN_NEEDED;
}

static void what_the_callback_says_stands(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:object=key", refuse_pin, diag), SIGB_E_PIN_NEEDED, "not today");
    assert_refused(try_open("pkcs11:object=key", give_nothing, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_int_equal(seen.logins, 0);
}

static void a_second_signer_on_the_token_is_not_asked_again(void **state)
{
    sigb_signer *first = NULL, *second = NULL;

    (void)state;
    assert_int_equal(open_with("pkcs11:object=key", softhsm_pin, NULL, &first, NULL), SIGB_OK);
    assert_int_equal(open_with("pkcs11:object=key", NULL, NULL, &second, NULL), SIGB_OK);
    assert_int_equal(seen.logins, 0);
    sigb_signer_free(first);
    sigb_signer_free(second);
}

/* ---- PINs that the URI leads to ---- */

static void write_pin(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void pin_source_names_a_file(void **state)
{
    static const char *const forms[] = {"", "file:", "file://"};
    char path[300];
    sigb_buf heard = SIGB_BUF_INIT;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/pin", softhsm_dir(hsm));
    write_pin(path, SOFTHSM_PIN "\n", 0600);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char uri[400];
        sigb_signer *signer = NULL;
        (void)snprintf(uri, sizeof(uri), "pkcs11:object=key?pin-source=%s%s", forms[i], path);
        assert_int_equal(open_with(uri, NULL, &heard, &signer, NULL), SIGB_OK);
        assert_int_equal(heard.len, 0);
        sigb_signer_free(signer);
    }
    sigb_buf_free(&heard);
}

static void a_pin_file_that_others_can_read_draws_a_note(void **state)
{
    char path[300], uri[400];
    sigb_buf heard = SIGB_BUF_INIT;
    sigb_signer *signer = NULL;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/pin-open", softhsm_dir(hsm));
    (void)snprintf(uri, sizeof(uri), "pkcs11:object=key?pin-source=%s", path);
    write_pin(path, SOFTHSM_PIN, 0644);
    assert_int_equal(open_with(uri, NULL, &heard, &signer, NULL), SIGB_OK);
    assert_non_null(strstr(text_c_str(&heard), "can be read by others"));
    sigb_signer_free(signer);
    sigb_buf_free(&heard);
}

static void a_pin_file_that_is_not_there_is_refused(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:object=key?pin-source=/no/such/pin", softhsm_pin, diag), SIGB_E_IO,
                   "/no/such/pin");
    assert_int_equal(seen.logins, 0);
}

static void pin_value_works_with_a_warning(void **state)
{
    sigb_buf heard = SIGB_BUF_INIT;
    sigb_signer *signer = NULL;

    (void)state;
    assert_int_equal(
        open_with("pkcs11:object=key?pin-value=" SOFTHSM_PIN, softhsm_wrong_pin, &heard, &signer, NULL),
        SIGB_OK);
    assert_non_null(strstr(text_c_str(&heard), "the URI holds the PIN"));
    sigb_signer_free(signer);
    sigb_buf_free(&heard);
}

/* ---- keys that ask before every signature ---- */

static int context_asked;

/* Right for the token, and for a signature what context_answer says. */
static const char *context_answer;

static sigb_rc give_by_kind(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    if (request->kind != SIGB_PIN_CONTEXT)
        return sigb_pin_put(pin, sigb_bytes_text(SOFTHSM_PIN), diag);
    context_asked++;
    return sigb_pin_put(pin, sigb_bytes_text(context_answer), diag);
}

/* Somebody else has logged in, and keeps no PIN either: the signer must ask. */
static void a_key_that_asks_each_time_asks_the_callback_where_no_pin_is_kept(void **state)
{
    const sigb_pkcs11_options forgetful = {
        .module = softhsm_module(), .pin = give_by_kind, .no_relogin = true};
    sigb_signer *first = NULL, *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    context_asked = 0;
    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:object=key", &forgetful, &first, NULL), SIGB_OK);
    assert_int_equal(open_with("pkcs11:object=always", give_by_kind, NULL, &signer, NULL), SIGB_OK);
    context_answer = SOFTHSM_PIN;
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    assert_int_equal(context_asked, 1);

    context_answer = "8888";
    seen.logins = 0;
    assert_refused(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, diag), SIGB_E_PIN_INCORRECT,
                   "for this signature): CKR_PIN_INCORRECT");
    assert_refused(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, diag), SIGB_E_PIN_INCORRECT,
                   "it is not tried again");
    assert_int_equal(seen.logins, 1);
    assert_int_equal(context_asked, 3);
    context_answer = SOFTHSM_PIN;
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
    sigb_signer_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_pin_is_tried_once),
        cmocka_unit_test(a_pin_that_is_locked_or_nearly_is_not_tried),
        cmocka_unit_test(a_keypad_of_the_tokens_own_is_used),
        cmocka_unit_test(a_token_that_needs_no_login_is_asked_for_none),
        cmocka_unit_test(no_source_for_a_pin_is_said),
        cmocka_unit_test(what_the_callback_says_stands),
        cmocka_unit_test(a_second_signer_on_the_token_is_not_asked_again),
        cmocka_unit_test(pin_source_names_a_file),
        cmocka_unit_test(a_pin_file_that_others_can_read_draws_a_note),
        cmocka_unit_test(a_pin_file_that_is_not_there_is_refused),
        cmocka_unit_test(pin_value_works_with_a_warning),
        cmocka_unit_test(a_key_that_asks_each_time_asks_the_callback_where_no_pin_is_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
