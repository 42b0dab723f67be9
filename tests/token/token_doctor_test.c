/* SPDX-License-Identifier: Apache-2.0 */
/* token doctor on real SoftHSM tokens, and on ones whose single calls answer otherwise, fail or never end. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "pkcs11/pkcs11.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"
#include "token/doctor.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define KEY "pkcs11:token=release;object=k"

static const char *const NAMES[] = {"uri",
                                    "module",
                                    "token",
                                    "pin",
                                    "mechanisms",
                                    "login",
                                    "key",
                                    "key-sign",
                                    "key-sensitive",
                                    "key-extractable",
                                    "key-local",
                                    "key-always-authenticate",
                                    "public-key",
                                    "algorithm",
                                    "mechanism",
                                    "certificate",
                                    "certificate-usage",
                                    "certificate-eku",
                                    "certificate-validity",
                                    "chain",
                                    "issuer",
                                    "signature"};

static softhsm *hsm;
static CK_FUNCTION_LIST real;

static int rig_open(void **state)
{
    (void)state;
    hsm = softhsm_new();
    real = *softhsm_calls(hsm);
    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "k", .id = "1"});
    softhsm_keygen(hsm, "release",
                   &(softhsm_key){.type = "P-256", .label = "no-sign", .id = "2", .no_sign = true});
    softhsm_keygen(hsm, "release",
                   &(softhsm_key){.type = "P-384", .label = "shy", .id = "3", .no_public = true});
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "secp256k1", .label = "odd", .id = "4"});
    softhsm_keygen(
        hsm, "release",
        &(softhsm_key){
            .type = "RSA-2048", .label = "pkcs1", .id = "5", .only_mechanism = CKM_SHA256_RSA_PKCS});
    return 0;
}

static int rig_close(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

/* After each test the module is itself again. */
static int mend(void **state)
{
    (void)state;
    *softhsm_calls(hsm) = real;
    return 0;
}

/* ---- what was told ---- */

typedef struct told {
    sigb_verdict verdict;
    bool essential;
    sigb_rc rc;
    unsigned long native;
    char found[1200], wanted[300], advice[300];
} told;

typedef struct visit {
    told of[CHECKS];
    size_t count, notes, pins;
    pthread_t caller;
    sigb_rc rc;
    sigb_diag diag;
} visit;

static visit seen;

/* Every check once, in order, by the thread that asked; nothing without words. */
static void hear(void *arg, const sigb_finding *finding)
{
    told *t = &seen.of[seen.count];

    assert_ptr_equal(arg, &seen);
    assert_true(pthread_equal(pthread_self(), seen.caller));
    assert_true(seen.count < COUNT(NAMES));
    assert_string_equal(finding->check, NAMES[seen.count++]);
    assert_true(finding->found[0] != '\0' && finding->wanted[0] != '\0');
    assert_true(finding->verdict != SIGB_VERDICT_OK ||
                (finding->advice[0] == '\0' && finding->rc == SIGB_OK));
    assert_true(finding->verdict != SIGB_VERDICT_FAIL ||
                (finding->advice[0] != '\0' && finding->rc != SIGB_OK));
    t->verdict = finding->verdict;
    t->essential = finding->essential;
    t->rc = finding->rc;
    t->native = finding->native;
    (void)snprintf(t->found, sizeof(t->found), "%s", finding->found);
    (void)snprintf(t->wanted, sizeof(t->wanted), "%s", finding->wanted);
    (void)snprintf(t->advice, sizeof(t->advice), "%s", finding->advice);
}

static void hear_note(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    assert_true(pthread_equal(pthread_self(), seen.caller));
    seen.notes++;
}

static sigb_rc count_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    assert_true(pthread_equal(pthread_self(), seen.caller));
    assert_string_equal(request->token, "release");
    seen.pins++;
    return sigb_pin_put(pin, sigb_bytes_text(SOFTHSM_PIN), diag);
}

static void examine_with(const char *uri, const sigb_doctor_request *request, sigb_pkcs11_options options)
{
    memset(&seen, 0, sizeof(seen));
    seen.caller = pthread_self();
    options.notes = (sigb_notes){hear_note, NULL};
    seen.rc = sigb_token_doctor(uri, request, &options, hear, &seen, &seen.diag);
    assert_int_equal(seen.count, COUNT(NAMES));
}

static sigb_pkcs11_options with_pin(void)
{
    sigb_pkcs11_options options = softhsm_options();

    options.pin = count_pin;
    return options;
}

static void examine(const char *uri)
{
    examine_with(uri, NULL, with_pin());
}

static void sign(const char *uri)
{
    examine_with(uri, &(sigb_doctor_request){.sign = true}, with_pin());
}

static void assert_told(check which, sigb_verdict verdict, sigb_rc rc, const char *found, const char *advice)
{
    const told *t = &seen.of[which];

    if (t->verdict != verdict || t->rc != rc || strstr(t->found, found) == NULL ||
        strstr(t->advice, advice) == NULL)
        fail_msg("%s: verdict %d, %s, \"%s\", \"%s\"; wanted %d, %s, \"%s\", \"%s\"", NAMES[which],
                 t->verdict, sigb_rc_name(t->rc), t->found, t->advice, verdict, sigb_rc_name(rc), found,
                 advice);
}

/* The result is that of this check, in its words. */
static void assert_result(check which, sigb_rc rc)
{
    char begin[64];

    (void)snprintf(begin, sizeof(begin), "%s: ", NAMES[which]);
    assert_int_equal(seen.rc, rc);
    assert_memory_equal(seen.diag.text, begin, strlen(begin));
    assert_non_null(strstr(seen.of[which].found, seen.diag.text + strlen(begin)));
    assert_int_equal(seen.diag.native, seen.of[which].native);
}

/* ---- the request ---- */

static void a_request_that_cannot_be_read_is_refused_before_anything(void **state)
{
    sigb_pkcs11_options options = with_pin();
    const sigb_doctor_request junk = {.roots = sigb_bytes_text("junk")};

    (void)state;
    memset(&seen, 0, sizeof(seen));
    assert_refused(sigb_token_doctor(NULL, NULL, &options, hear, &seen, diag), SIGB_E_USAGE, "needs a URI");
    assert_refused(sigb_token_doctor(KEY, NULL, NULL, hear, &seen, diag), SIGB_E_USAGE, "needs a URI");
    assert_refused(sigb_token_doctor(KEY, NULL, &options, NULL, &seen, diag), SIGB_E_USAGE,
                   "somebody to tell");
    assert_refused(sigb_token_doctor(KEY, &junk, &options, hear, &seen, diag), SIGB_E_CERT_DER, "");
    assert_int_equal(seen.count, 0);
}

static void what_is_essential_is_what_signing_needs(void **state)
{
    static const check harmless[] = {CHECK_SENSITIVE, CHECK_EXTRACTABLE, CHECK_LOCAL,
                                     CHECK_ALWAYS_AUTHENTICATE, CHECK_PUBLIC_KEY};
    size_t next = 0;

    (void)state;
    sign(KEY);
    assert_int_equal(seen.rc, SIGB_OK);
    assert_int_equal(seen.pins, 1);
    for (size_t i = 0; i < CHECKS; i++)
        if (next < COUNT(harmless) && harmless[next] == (check)i)
            assert_false(seen.of[harmless[next++]].essential);
        else
            assert_true(seen.of[i].essential);
    assert_told(CHECK_SIGNATURE, SIGB_VERDICT_OK, SIGB_OK, "ES256, 64 bytes", "");
}

/* ---- PIN ---- */

static struct {
    CK_FLAGS more, fewer;
    int logins;
    bool keypad;
} token;

static CK_RV other_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    info->flags = (info->flags | token.more) & ~token.fewer;
    return rv;
}

static CK_RV count_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    static CK_BYTE typed[] = SOFTHSM_PIN;

    token.logins++;
    token.keypad = pin == NULL;
    return pin == NULL ? real.C_Login(session, user, typed, sizeof(typed) - 1)
                       : real.C_Login(session, user, pin, len);
}

static void the_state_of_the_pin_is_told_and_a_pin_in_danger_is_not_tried(void **state)
{
    static const struct {
        CK_FLAGS more, fewer;
        bool allow;
        sigb_verdict verdict;
        sigb_rc rc;
        const char *found, *advice;
        int logins;
    } rows[] = {
        {0, 0, false, SIGB_VERDICT_OK, SIGB_OK, "set; no wrong entry is counted", "", 1},
        {CKF_USER_PIN_LOCKED, 0, false, SIGB_VERDICT_FAIL, SIGB_E_PIN_LOCKED, "the user PIN is locked",
         "the security officer has to reset the PIN", 0},
        {CKF_USER_PIN_LOCKED, 0, true, SIGB_VERDICT_FAIL, SIGB_E_PIN_LOCKED, "the user PIN is locked",
         "the security officer has to reset the PIN", 0},
        {CKF_USER_PIN_LOCKED | CKF_SO_PIN_LOCKED, 0, false, SIGB_VERDICT_FAIL, SIGB_E_PIN_LOCKED,
         "security officer's PIN is locked, so that nobody", "", 0},
        {CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW, 0, false, SIGB_VERDICT_FAIL, SIGB_E_PIN_FINAL_TRY,
         "one try is left", "--allow-final-pin-try", 0},
        {CKF_USER_PIN_FINAL_TRY, 0, true, SIGB_VERDICT_WARN, SIGB_E_PIN_FINAL_TRY, "one try is left", "", 1},
        {0, CKF_USER_PIN_INITIALIZED, false, SIGB_VERDICT_FAIL, SIGB_E_PIN_NEEDED,
         "the user PIN is not set yet", "", 0},
        {CKF_USER_PIN_COUNT_LOW, 0, false, SIGB_VERDICT_WARN, SIGB_OK, "was entered wrongly", "log in once",
         1},
        {CKF_USER_PIN_TO_BE_CHANGED, 0, false, SIGB_VERDICT_WARN, SIGB_OK, "must be changed", "", 1},
        {CKF_PROTECTED_AUTHENTICATION_PATH, 0, false, SIGB_VERDICT_OK, SIGB_OK, "entered at the device", "",
         1},
    };

    (void)state;
    softhsm_calls(hsm)->C_GetTokenInfo = other_info;
    softhsm_calls(hsm)->C_Login = count_login;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_pkcs11_options options = with_pin();
        bool keypad = (rows[i].more & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;

        print_message("%s\n", rows[i].found);
        token.more = rows[i].more;
        token.fewer = rows[i].fewer;
        token.logins = 0;
        options.allow_final_pin_try = rows[i].allow;
        examine_with(KEY, NULL, options);
        assert_told(CHECK_PIN, rows[i].verdict, rows[i].rc, rows[i].found, rows[i].advice);
        assert_int_equal(token.logins, rows[i].logins);
        assert_int_equal(seen.pins, keypad ? 0 : rows[i].logins);
        assert_true(rows[i].logins == 0 || token.keypad == keypad);
        if (rows[i].verdict == SIGB_VERDICT_FAIL) {
            assert_result(CHECK_PIN, rows[i].rc);
            assert_told(CHECK_LOGIN, SIGB_VERDICT_NOT_CHECKED, SIGB_OK, "nothing was tried", "");
            assert_told(CHECK_KEY, SIGB_VERDICT_NOT_CHECKED, rows[i].rc,
                        "hidden until login; public keys of this name: 1", "");
            assert_told(CHECK_ALGORITHM, SIGB_VERDICT_OK, SIGB_OK, "ES256", "");
        } else {
            assert_int_equal(seen.rc, SIGB_OK);
            assert_told(CHECK_SIGN, SIGB_VERDICT_OK, SIGB_OK, "CKA_SIGN is true", "");
        }
    }
}

static void a_token_without_login_is_not_logged_in_to(void **state)
{
    (void)state;
    softhsm_calls(hsm)->C_GetTokenInfo = other_info;
    softhsm_calls(hsm)->C_Login = count_login;
    token.more = 0;
    token.fewer = CKF_LOGIN_REQUIRED;
    token.logins = 0;
    examine(KEY);
    assert_int_equal(token.logins, 0);
    assert_told(CHECK_PIN, SIGB_VERDICT_OK, SIGB_OK, "needs no login", "");
    assert_told(CHECK_LOGIN, SIGB_VERDICT_OK, SIGB_OK, "needs no login", "");
    assert_told(CHECK_KEY, SIGB_VERDICT_FAIL, SIGB_E_KEY_ABSENT, "no private key matches",
                "sigbridge token list --login");
}

static void a_wrong_pin_is_tried_once(void **state)
{
    sigb_pkcs11_options options = softhsm_options();

    (void)state;
    softhsm_calls(hsm)->C_Login = count_login;
    options.pin = softhsm_wrong_pin;
    token.logins = 0;
    examine_with(KEY, &(sigb_doctor_request){.sign = true}, options);
    assert_int_equal(token.logins, 1);
    assert_result(CHECK_LOGIN, SIGB_E_PIN_INCORRECT);
    assert_int_equal(seen.of[CHECK_LOGIN].native, CKR_PIN_INCORRECT);
    assert_told(CHECK_LOGIN, SIGB_VERDICT_FAIL, SIGB_E_PIN_INCORRECT,
                "C_Login: CKR_PIN_INCORRECT: ", "check the PIN");
    assert_told(CHECK_SIGNATURE, SIGB_VERDICT_NOT_CHECKED, SIGB_OK, "\"login\" comes first", "");
    examine(KEY); /* takes the wrong entry back */
    assert_int_equal(seen.rc, SIGB_OK);
}

/* ---- attributes ---- */

static struct {
    CK_ATTRIBUTE_TYPE type;
    CK_BBOOL value;
    CK_RV rv;
} otherwise;

static CK_RV other_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at,
                             CK_ULONG count)
{
    CK_RV rv = real.C_GetAttributeValue(session, object, at, count);

    if (count != 1 || at[0].type != otherwise.type)
        return rv;
    if (otherwise.rv == CKR_OK)
        memcpy(at[0].pValue, &otherwise.value, sizeof(otherwise.value));
    return otherwise.rv;
}

static void each_attribute_is_told_as_it_is(void **state)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL value;
        CK_RV rv;
        check which;
        sigb_verdict verdict;
        sigb_rc rc;
        const char *found, *advice;
    } rows[] = {
        {CKA_SIGN, CK_FALSE, CKR_OK, CHECK_SIGN, SIGB_VERDICT_FAIL, SIGB_E_KEY_NO_SIGN, "CKA_SIGN is false",
         "made for signing"},
        {CKA_SIGN, CK_FALSE, CKR_ATTRIBUTE_TYPE_INVALID, CHECK_SIGN, SIGB_VERDICT_NOT_CHECKED, SIGB_OK,
         "CKA_SIGN is not told", ""},
        {CKA_SENSITIVE, CK_FALSE, CKR_OK, CHECK_SENSITIVE, SIGB_VERDICT_WARN, SIGB_OK,
         "CKA_SENSITIVE is false", "make a new key"},
        {CKA_EXTRACTABLE, CK_TRUE, CKR_OK, CHECK_EXTRACTABLE, SIGB_VERDICT_WARN, SIGB_OK,
         "CKA_EXTRACTABLE is true", "make a new key"},
        {CKA_LOCAL, CK_FALSE, CKR_OK, CHECK_LOCAL, SIGB_VERDICT_WARN, SIGB_OK,
         "CKA_LOCAL is false, CKA_ALWAYS_SENSITIVE is true, CKA_NEVER_EXTRACTABLE is true",
         "others may have a copy"},
        {CKA_ALWAYS_SENSITIVE, CK_FALSE, CKR_OK, CHECK_LOCAL, SIGB_VERDICT_WARN, SIGB_OK,
         "CKA_LOCAL is true, CKA_ALWAYS_SENSITIVE is false", "others may have a copy"},
        {CKA_NEVER_EXTRACTABLE, CK_FALSE, CKR_ATTRIBUTE_SENSITIVE, CHECK_LOCAL, SIGB_VERDICT_NOT_CHECKED,
         SIGB_OK, "CKA_NEVER_EXTRACTABLE is not told", ""},
        {CKA_ALWAYS_AUTHENTICATE, CK_TRUE, CKR_OK, CHECK_ALWAYS_AUTHENTICATE, SIGB_VERDICT_WARN, SIGB_OK,
         "CKA_ALWAYS_AUTHENTICATE is true", "for every signature"},
    };

    (void)state;
    softhsm_calls(hsm)->C_GetAttributeValue = other_attribute;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].found);
        otherwise.type = rows[i].type;
        otherwise.value = rows[i].value;
        otherwise.rv = rows[i].rv;
        examine(KEY);
        assert_told(rows[i].which, rows[i].verdict, rows[i].rc, rows[i].found, rows[i].advice);
        assert_int_equal(seen.rc, rows[i].verdict == SIGB_VERDICT_FAIL ? rows[i].rc : SIGB_OK);
    }
}

static void a_key_that_does_not_sign_is_still_examined(void **state)
{
    (void)state;
    sign("pkcs11:token=release;object=no-sign");
    assert_result(CHECK_SIGN, SIGB_E_KEY_NO_SIGN);
    assert_told(CHECK_LOCAL, SIGB_VERDICT_OK, SIGB_OK, "CKA_LOCAL is true", "");
    assert_told(CHECK_MECHANISM, SIGB_VERDICT_OK, SIGB_OK, "CKM_ECDSA makes ES256", "");
    assert_told(CHECK_SIGNATURE, SIGB_VERDICT_FAIL, SIGB_E_KEY_NO_SIGN, "CKA_SIGN",
                "correct what the words say");
}

/* ---- algorithms and mechanisms ---- */

static CK_RV no_mechanisms(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    (void)slot;
    (void)list;
    *count = 0;
    return CKR_OK;
}

static void mechanisms_are_those_of_the_slot_and_of_the_key(void **state)
{
    (void)state;
    examine("pkcs11:token=release;object=pkcs1");
    assert_told(CHECK_MECHANISMS, SIGB_VERDICT_OK, SIGB_OK, "PS256 CKM_RSA_PKCS_PSS", "");
    assert_told(CHECK_ALGORITHM, SIGB_VERDICT_OK, SIGB_OK, "PS256", "");
    assert_told(CHECK_MECHANISM, SIGB_VERDICT_FAIL, SIGB_E_MECHANISM, "PS256 needs CKM_RSA_PKCS_PSS",
                "a token or module that has");
    assert_result(CHECK_MECHANISM, SIGB_E_MECHANISM);
    softhsm_calls(hsm)->C_GetMechanismList = no_mechanisms;
    examine(KEY);
    assert_told(CHECK_MECHANISMS, SIGB_VERDICT_WARN, SIGB_OK, "none for ES256, ES384",
                "drop mechanisms of the device");
    assert_told(CHECK_MECHANISM, SIGB_VERDICT_FAIL, SIGB_E_MECHANISM,
                "ES256 needs CKM_ECDSA or CKM_ECDSA_SHA256", "");
    examine("pkcs11:token=release;object=odd");
    assert_result(CHECK_ALGORITHM, SIGB_E_KEY_UNSUPPORTED);
    assert_told(CHECK_ALGORITHM, SIGB_VERDICT_FAIL, SIGB_E_KEY_UNSUPPORTED, "fits no algorithm",
                "of a type that is wanted");
}

static void a_public_half_that_is_hidden_is_said_to_be(void **state)
{
    (void)state;
    examine("pkcs11:token=release;object=shy");
    assert_told(CHECK_PUBLIC_KEY, SIGB_VERDICT_WARN, SIGB_OK,
                "neither the key nor one public key object tells", "--cert");
    assert_told(CHECK_ALGORITHM, SIGB_VERDICT_NOT_CHECKED, SIGB_OK, "what it is judged by is not known", "");
    assert_told(CHECK_CERTIFICATE, SIGB_VERDICT_WARN, SIGB_E_CERT_ABSENT, "no certificate of the key",
                "--cert");
}

/* ---- calls that fail ---- */

static CK_RV failing;

static CK_RV fail_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                       CK_SESSION_HANDLE *session)
{
    (void)slot;
    (void)flags;
    (void)arg;
    (void)notify;
    (void)session;
    return failing;
}

static CK_RV fail_find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count)
{
    (void)session;
    (void)at;
    (void)count;
    return failing;
}

static CK_RV fail_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    (void)slot;
    (void)list;
    (void)count;
    return failing;
}

static void a_call_that_fails_is_named_and_explained(void **state)
{
    (void)state;
    failing = CKR_SESSION_COUNT;
    softhsm_calls(hsm)->C_OpenSession = fail_open;
    examine(KEY);
    assert_told(CHECK_TOKEN, SIGB_VERDICT_FAIL, SIGB_E_TOKEN,
                "CKR_SESSION_COUNT: the token has no session left", "vendor's manual");
    assert_told(CHECK_PIN, SIGB_VERDICT_OK, SIGB_OK, "set", "");
    assert_told(CHECK_MECHANISMS, SIGB_VERDICT_OK, SIGB_OK, "ES256", "");
    assert_result(CHECK_TOKEN, SIGB_E_TOKEN);
    mend(NULL);
    failing = CKR_DEVICE_ERROR;
    softhsm_calls(hsm)->C_FindObjectsInit = fail_find;
    examine(KEY);
    assert_told(CHECK_KEY, SIGB_VERDICT_FAIL, SIGB_E_TOKEN,
                "C_FindObjectsInit: CKR_DEVICE_ERROR: the device or", "");
    assert_int_equal(seen.of[CHECK_KEY].native, CKR_DEVICE_ERROR);
    assert_result(CHECK_KEY, SIGB_E_TOKEN);
    failing = CKR_HOST_MEMORY; /* the module's, and no end of the examination */
    examine(KEY);
    assert_told(CHECK_KEY, SIGB_VERDICT_FAIL, SIGB_E_MEMORY, "CKR_HOST_MEMORY", "");
    mend(NULL);
    failing = CKR_GENERAL_ERROR;
    softhsm_calls(hsm)->C_GetMechanismList = fail_list;
    examine(KEY);
    assert_told(CHECK_MECHANISMS, SIGB_VERDICT_WARN, SIGB_E_TOKEN, "C_GetMechanismList: CKR_GENERAL_ERROR",
                "");
    assert_told(CHECK_MECHANISM, SIGB_VERDICT_FAIL, SIGB_E_TOKEN, "C_GetMechanismList: CKR_GENERAL_ERROR",
                "");
}

static CK_RV flip(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                  CK_ULONG *signature_len)
{
    CK_RV rv = real.C_Sign(session, data, len, signature, signature_len);

    if (rv == CKR_OK && signature != NULL)
        signature[*signature_len - 1] ^= 1;
    return rv;
}

static void a_wrong_test_signature_is_a_fault(void **state)
{
    (void)state;
    softhsm_calls(hsm)->C_Sign = flip;
    sign(KEY);
    assert_told(CHECK_SIGNATURE, SIGB_VERDICT_FAIL, SIGB_E_SIGNATURE_FAULT, "does not verify",
                "do not trust the device");
    assert_result(CHECK_SIGNATURE, SIGB_E_SIGNATURE_FAULT);
}

/* RFC 9052, 4.4: an array of four or five; X.690: a SEQUENCE. Neither begins like the text. */
static void the_test_text_is_no_statement_and_no_certificate(void **state)
{
    static const uint8_t others[] = {0x84, 0x85, 0x9f, 0x98, 0x30, 0x31};

    (void)state;
    for (size_t i = 0; i < sizeof(others); i++)
        assert_int_not_equal((uint8_t)DOCTOR_TEST_TEXT[0], others[i]);
    assert_non_null(strstr(DOCTOR_TEST_TEXT, "sigbridge token doctor: "));
}

/* ---- threads and deadlines ---- */

static void callbacks_come_in_the_callers_thread(void **state)
{
    sigb_pkcs11_options options = with_pin();

    (void)state;
    softhsm_cert(hsm, "release", "junk", "9", "not DER", 7);
    options.timeout_ms = 20000;
    examine_with(KEY, &(sigb_doctor_request){.sign = true}, options);
    softhsm_destroy(hsm, "release", CKO_CERTIFICATE, "junk");
    assert_int_equal(seen.rc, SIGB_OK);
    assert_int_equal(seen.pins, 1);
    assert_int_equal(seen.notes, 1);
}

/* The call that hangs; -1: none. They are wrapped all the while, for who was left behind makes further ones. */
enum { HANG_INFO, HANG_LOGIN, HANG_FIND, HANG_CLOSE };
static atomic_int hangs = -1, hanging;

static void hang_in(int call)
{
    const struct timespec moment = {0, 5000000};

    if (atomic_load(&hangs) != call)
        return;
    atomic_fetch_add(&hanging, 1);
    while (atomic_load(&hangs) == call)
        (void)nanosleep(&moment, NULL);
    atomic_fetch_sub(&hanging, 1);
}

static CK_RV hang_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    hang_in(HANG_INFO);
    return real.C_GetTokenInfo(slot, info);
}

static CK_RV hang_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    hang_in(HANG_LOGIN);
    return real.C_Login(session, user, pin, len);
}

static CK_RV hang_find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count)
{
    hang_in(HANG_FIND);
    return real.C_FindObjectsInit(session, at, count);
}

static CK_RV hang_close(CK_SESSION_HANDLE session)
{
    hang_in(HANG_CLOSE);
    return real.C_CloseSession(session);
}

static int64_t milliseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets what hangs go on, and waits until the module was shut down behind it, if it is. */
static void release(void)
{
    const struct timespec moment = {0, 5000000};
    CK_INFO info;

    atomic_store(&hangs, -1);
    for (int64_t end = milliseconds() + 1000; milliseconds() < end;) {
        if (atomic_load(&hanging) == 0 && real.C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED)
            return;
        (void)nanosleep(&moment, NULL);
    }
}

static void a_token_that_hangs_is_told_in_time_and_where(void **state)
{
    static const struct {
        const char *call;
        check which;
        sigb_rc rc;
    } rows[] = {
        /* in the order of the enumeration above */
        {"C_GetTokenInfo", CHECK_TOKEN, SIGB_E_TIMEOUT},
        {"C_Login", CHECK_LOGIN, SIGB_E_TIMEOUT},
        {"C_FindObjectsInit", CHECK_KEY, SIGB_E_TIMEOUT},
        {"C_CloseSession", CHECK_SIGN, SIGB_OK},
    };

    CK_FUNCTION_LIST *calls = softhsm_calls(hsm);

    (void)state;
    calls->C_GetTokenInfo = hang_info;
    calls->C_Login = hang_login;
    calls->C_FindObjectsInit = hang_find;
    calls->C_CloseSession = hang_close;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_pkcs11_options options = with_pin();
        int64_t began = milliseconds(), took;

        print_message("%s\n", rows[i].call);
        atomic_store(&hangs, (int)i);
        options.timeout_ms = patient_ms(getenv("SIGBRIDGE_UNDER") == NULL ? 500 : 3000);
        examine_with(KEY, NULL, options);
        took = milliseconds() - began;
        assert_true(took >= options.timeout_ms * 6 / 10 && took <= (int64_t)options.timeout_ms * 40);
        assert_int_equal(atomic_load(&hanging), 1);
        assert_int_equal(seen.rc, rows[i].rc);
        assert_told(CHECK_MODULE, SIGB_VERDICT_OK, SIGB_OK, "SoftHSM", "");
        if (rows[i].rc != SIGB_OK) {
            assert_told(rows[i].which, SIGB_VERDICT_FAIL, SIGB_E_TIMEOUT, "did not answer in time",
                        "--token-timeout");
            assert_result(rows[i].which, SIGB_E_TIMEOUT);
            assert_told(CHECK_SIGN, SIGB_VERDICT_NOT_CHECKED, SIGB_OK, "comes first", "");
        } else {
            assert_told(CHECK_SIGN, SIGB_VERDICT_OK, SIGB_OK, "CKA_SIGN is true", "");
            assert_told(CHECK_ALGORITHM, SIGB_VERDICT_OK, SIGB_OK, "ES256", "");
        }
        release();
    }
    examine(KEY);
    assert_int_equal(seen.rc, SIGB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_cannot_be_read_is_refused_before_anything),
        cmocka_unit_test(what_is_essential_is_what_signing_needs),
        cmocka_unit_test_teardown(the_state_of_the_pin_is_told_and_a_pin_in_danger_is_not_tried, mend),
        cmocka_unit_test_teardown(a_token_without_login_is_not_logged_in_to, mend),
        cmocka_unit_test_teardown(a_wrong_pin_is_tried_once, mend),
        cmocka_unit_test_teardown(each_attribute_is_told_as_it_is, mend),
        cmocka_unit_test(a_key_that_does_not_sign_is_still_examined),
        cmocka_unit_test_teardown(mechanisms_are_those_of_the_slot_and_of_the_key, mend),
        cmocka_unit_test(a_public_half_that_is_hidden_is_said_to_be),
        cmocka_unit_test_teardown(a_call_that_fails_is_named_and_explained, mend),
        cmocka_unit_test_teardown(a_wrong_test_signature_is_a_fault, mend),
        cmocka_unit_test(the_test_text_is_no_statement_and_no_certificate),
        cmocka_unit_test(callbacks_come_in_the_callers_thread),
        cmocka_unit_test_teardown(a_token_that_hangs_is_told_in_time_and_where, mend),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
