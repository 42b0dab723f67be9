/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that do something else than they were asked: SoftHSM with single calls of its own replaced. */
#include "tests/support/support.h"

#include "base/text.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static softhsm *hsm;
static CK_FUNCTION_LIST real;

static int rig_open(void **state)
{
    (void)state;
    hsm = softhsm_new();
    real = *softhsm_calls(hsm);
    softhsm_token(hsm, "release");
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

static size_t objects_on_token(void)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    listing_take(&list, "pkcs11:token=release", &options);
    return list.count - 1;
}

/* ---- keygen: what is made differs from what was asked for ---- */

/* What generate_otherwise() writes over in the template. */
static struct {
    bool public;
    CK_ATTRIBUTE_TYPE type;
    const void *value;
    CK_ULONG len;
} otherwise;

static void overwrite(CK_ATTRIBUTE *list, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (list[i].type == otherwise.type) {
            list[i].pValue = (void *)(uintptr_t)otherwise.value;
            list[i].ulValueLen = otherwise.len;
        }
}

static CK_RV generate_otherwise(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
                                CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
                                CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    if (otherwise.public)
        overwrite(public, public_count);
    else
        overwrite(private, private_count);
    return real.C_GenerateKeyPair(session, mechanism, public, public_count, private, private_count,
                                  public_key, private_key);
}

static void assert_keygen_refused(sigb_rc rc, const char *words)
{
    const sigb_keygen keygen = {.type = "P-384", .label = "k"};
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf made = SIGB_BUF_INIT;

    assert_refused(sigb_token_keygen("pkcs11:token=release", &keygen, &options, &made, diag), rc, words);
    assert_int_equal(made.len, 0);
    assert_int_equal(objects_on_token(), 0);
    sigb_buf_free(&made);
}

static void a_key_that_is_not_as_asked_for_is_destroyed(void **state)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    const struct {
        bool public;
        CK_ATTRIBUTE_TYPE type;
        const void *value;
        CK_ULONG len;
        const char *words;
    } rows[] = {
        {false, CKA_SENSITIVE, &no, 1,
         "a key that is not sensitive, which was not asked for; it was destroyed"},
        {false, CKA_EXTRACTABLE, &yes, 1, "that is extractable"},
        {false, CKA_PRIVATE, &no, 1, "usable without a login"},
        {false, CKA_SIGN, &no, 1, "not for signing"},
        {false, CKA_SIGN_RECOVER, &yes, 1, "for signing with recovery"},
        {false, CKA_DECRYPT, &yes, 1, "for decrypting"},
        {false, CKA_UNWRAP, &yes, 1, "for unwrapping"},
        {false, CKA_DERIVE, &yes, 1, "for deriving"},
        {false, CKA_MODIFIABLE, &yes, 1, "modifiable"},
        {false, CKA_COPYABLE, &yes, 1, "copyable"},
        {false, CKA_LABEL, "other", 5, "under another label or id"},
        {false, CKA_ID, "other", 5, "under another label or id"},
        {true, CKA_EC_PARAMS, p256, sizeof(p256), "of another type"},
        {true, CKA_LABEL, "other", 5, "under another label or id"},
        {true, CKA_VERIFY, &no, 1, "not for verifying"},
        {true, CKA_VERIFY_RECOVER, &yes, 1, "for verifying with recovery"},
        {true, CKA_ENCRYPT, &yes, 1, "for encrypting"},
        {true, CKA_WRAP, &yes, 1, "for wrapping"},
        {true, CKA_DERIVE, &yes, 1, "for deriving"},
        {true, CKA_MODIFIABLE, &yes, 1, "modifiable"},
    };

    (void)state;
    softhsm_calls(hsm)->C_GenerateKeyPair = generate_otherwise;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s 0x%lx\n", rows[i].public ? "public" : "private", rows[i].type);
        otherwise.public = rows[i].public;
        otherwise.type = rows[i].type;
        otherwise.value = rows[i].value;
        otherwise.len = rows[i].len;
        assert_keygen_refused(SIGB_E_TOKEN, rows[i].words);
    }
}

/* ---- keygen: attributes and mechanisms that a token does not know ---- */

static CK_RV refusal;
static CK_ATTRIBUTE_TYPE refused_type;
static int refused;

static bool has(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (list[i].type == type)
            return true;
    return false;
}

static CK_RV generate_without(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
                              CK_ULONG public_count, CK_ATTRIBUTE *private, CK_ULONG private_count,
                              CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    if (has(private, private_count, refused_type)) {
        refused++;
        return refusal;
    }
    return real.C_GenerateKeyPair(session, mechanism, public, public_count, private, private_count,
                                  public_key, private_key);
}

static void keep_note(void *arg, const char *text)
{
    sigb_buf *notes = arg;

    text_put(notes, text);
}

static void a_token_without_copyable_makes_the_key_and_a_note(void **state)
{
    static const CK_RV codes[] = {CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT};
    static const char *const labels[] = {"first", "second"};
    sigb_pkcs11_options options = softhsm_options();

    (void)state;
    softhsm_calls(hsm)->C_GenerateKeyPair = generate_without;
    refused_type = CKA_COPYABLE;
    for (size_t i = 0; i < COUNT(codes); i++) {
        const sigb_keygen keygen = {.type = "P-256", .label = labels[i]};
        sigb_buf made = SIGB_BUF_INIT, notes = SIGB_BUF_INIT;

        refusal = codes[i];
        refused = 0;
        options.notes = (sigb_notes){keep_note, &notes};
        assert_int_equal(sigb_token_keygen("pkcs11:token=release", &keygen, &options, &made, NULL), SIGB_OK);
        assert_int_equal(refused, 1);
        assert_non_null(strstr(text_c_str(&notes), "does not know CKA_COPYABLE"));
        sigb_buf_free(&made);
        sigb_buf_free(&notes);
        softhsm_destroy(hsm, "release", CKO_PRIVATE_KEY, labels[i]);
        softhsm_destroy(hsm, "release", CKO_PUBLIC_KEY, labels[i]);
    }
}

static void a_protection_that_a_token_does_not_know_is_not_given_up(void **state)
{
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        CK_RV refusal;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {CKA_MODIFIABLE, CKR_ATTRIBUTE_TYPE_INVALID, SIGB_E_TOKEN, "CKR_ATTRIBUTE_TYPE_INVALID"},
        {CKA_SENSITIVE, CKR_TEMPLATE_INCONSISTENT, SIGB_E_TOKEN, "CKR_TEMPLATE_INCONSISTENT"},
        {CKA_COPYABLE, CKR_ATTRIBUTE_VALUE_INVALID, SIGB_E_TOKEN, "CKR_ATTRIBUTE_VALUE_INVALID"},
        {CKA_SIGN, CKR_MECHANISM_INVALID, SIGB_E_MECHANISM, "the token cannot generate P-384 keys"},
    };

    (void)state;
    softhsm_calls(hsm)->C_GenerateKeyPair = generate_without;
    for (size_t i = 0; i < COUNT(rows); i++) {
        refused_type = rows[i].type;
        refusal = rows[i].refusal;
        assert_keygen_refused(rows[i].rc, rows[i].words);
    }
}

static CK_RV destroy_nothing(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    (void)session;
    (void)object;
    return CKR_ACTION_PROHIBITED;
}

static void a_wrong_key_that_cannot_be_destroyed_is_told(void **state)
{
    static const CK_BBOOL yes = CK_TRUE;
    const sigb_keygen keygen = {.type = "P-256", .label = "stuck"};
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf made = SIGB_BUF_INIT;

    (void)state;
    softhsm_calls(hsm)->C_GenerateKeyPair = generate_otherwise;
    softhsm_calls(hsm)->C_DestroyObject = destroy_nothing;
    otherwise.public = false;
    otherwise.type = CKA_DECRYPT;
    otherwise.value = &yes;
    otherwise.len = 1;
    assert_refused(sigb_token_keygen("pkcs11:token=release", &keygen, &options, &made, diag), SIGB_E_TOKEN,
                   "for decrypting, which was not asked for; it could not be destroyed");
    *softhsm_calls(hsm) = real;
    softhsm_destroy(hsm, "release", CKO_PRIVATE_KEY, "stuck");
    softhsm_destroy(hsm, "release", CKO_PUBLIC_KEY, "stuck");
    assert_int_equal(made.len, 0);
}

/* ---- cert ---- */

static CK_RV create_without_modifiable(CK_SESSION_HANDLE session, CK_ATTRIBUTE *list, CK_ULONG count,
                                       CK_OBJECT_HANDLE *object)
{
    if (has(list, count, CKA_MODIFIABLE))
        return refusal;
    return real.C_CreateObject(session, list, count, object);
}

static CK_RV create_never(CK_SESSION_HANDLE session, CK_ATTRIBUTE *list, CK_ULONG count,
                          CK_OBJECT_HANDLE *object)
{
    (void)session;
    (void)list;
    (void)count;
    (void)object;
    return CKR_DEVICE_MEMORY;
}

static CK_RV create_shorter(CK_SESSION_HANDLE session, CK_ATTRIBUTE *list, CK_ULONG count,
                            CK_OBJECT_HANDLE *object)
{
    for (CK_ULONG i = 0; i < count; i++)
        list[i].ulValueLen -= list[i].type == CKA_VALUE;
    return real.C_CreateObject(session, list, count, object);
}

static sigb_rc cert_of(const char *key, sigb_buf *der, sigb_diag *diag)
{
    sigb_pkcs11_options options = softhsm_options();
    const sigb_cert_request request = {
        .role = SIGB_CERT_ROOT, .subject = "CN=Root", .days = 1, .from = SIGB_TIME_NOW, .key = key};

    return sigb_token_cert(&request, &options, der, diag);
}

static void a_certificate_is_kept_whole_or_not_at_all(void **state)
{
    static const struct {
        CK_RV (*create)(CK_SESSION_HANDLE, CK_ATTRIBUTE *, CK_ULONG, CK_OBJECT_HANDLE *);
        const char *words;
    } rows[] = {{create_never, "C_CreateObject: CKR_DEVICE_MEMORY"},
                {create_shorter, "keeps other bytes than the certificate's; it was deleted again"}};

    (void)state;
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "ca", .id = "ca"});
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_buf der = SIGB_BUF_INIT;

        softhsm_calls(hsm)->C_CreateObject = rows[i].create;
        assert_refused(cert_of("pkcs11:token=release;object=ca", &der, diag), SIGB_E_TOKEN, rows[i].words);
        assert_int_equal(der.len, 0);
        assert_int_equal(objects_on_token(), 2);
        sigb_buf_free(&der);
    }
}

static void a_token_whose_certificates_stay_modifiable_will_do(void **state)
{
    static const CK_RV codes[] = {CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT,
                                  CKR_ATTRIBUTE_READ_ONLY};

    (void)state;
    softhsm_calls(hsm)->C_CreateObject = create_without_modifiable;
    for (size_t i = 0; i < COUNT(codes); i++) {
        sigb_buf der = SIGB_BUF_INIT;

        refusal = codes[i];
        assert_int_equal(cert_of("pkcs11:token=release;object=ca", &der, NULL), SIGB_OK);
        assert_true(der.len > 0);
        softhsm_destroy(hsm, "release", CKO_CERTIFICATE, "ca");
        sigb_buf_free(&der);
    }
}

/* The public half is not in the token, and SoftHSM does not tell it of an EC private key. */
static void a_key_whose_public_half_is_hidden_gets_no_certificate(void **state)
{
    sigb_buf der = SIGB_BUF_INIT;

    (void)state;
    softhsm_keygen(hsm, "release",
                   &(softhsm_key){.type = "P-256", .label = "alone", .id = "alone", .no_public = true});
    assert_refused(cert_of("pkcs11:token=release;object=alone", &der, diag), SIGB_E_KEY_UNSUPPORTED,
                   "does not show the key's public half");
    softhsm_destroy(hsm, "release", CKO_PRIVATE_KEY, "alone");
    assert_int_equal(der.len, 0);
}

/* ---- delete ---- */

static int destroyed;

static CK_RV destroy_one(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    return destroyed++ == 0 ? real.C_DestroyObject(session, object) : CKR_ACTION_PROHIBITED;
}

static bool yes_to_all(void *arg, const sigb_token_item *items, size_t count)
{
    (void)arg;
    (void)items;
    (void)count;
    return true;
}

static void a_deletion_that_stops_says_how_far_it_came(void **state)
{
    sigb_pkcs11_options options = softhsm_options();

    (void)state;
    softhsm_calls(hsm)->C_DestroyObject = destroy_one;
    assert_refused(sigb_token_delete("pkcs11:token=release;object=ca", &options, yes_to_all, NULL, diag),
                   SIGB_E_TOKEN, "1 of 2 objects were deleted, then: C_DestroyObject: CKR_ACTION_PROHIBITED");
    assert_int_equal(objects_on_token(), 1);
}

/* ---- init ---- */

static CK_RV init_pin_never(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len)
{
    (void)session;
    (void)pin;
    (void)len;
    return CKR_DEVICE_ERROR;
}

static void a_token_left_without_a_user_pin_is_told(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf made = SIGB_BUF_INIT;
    listing list;

    (void)state;
    softhsm_calls(hsm)->C_InitPIN = init_pin_never;
    assert_refused(sigb_token_init("pkcs11:", "half", &options, &made, diag), SIGB_E_TOKEN,
                   "the token is initialised and has no user PIN: C_InitPIN: CKR_DEVICE_ERROR");
    assert_int_equal(made.len, 0);
    *softhsm_calls(hsm) = real;
    listing_take(&list, "pkcs11:token=half", &options);
    assert_string_equal(listing_find(&list, "token", "half")->note, "user PIN not set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_key_that_is_not_as_asked_for_is_destroyed, mend),
        cmocka_unit_test_teardown(a_token_without_copyable_makes_the_key_and_a_note, mend),
        cmocka_unit_test_teardown(a_protection_that_a_token_does_not_know_is_not_given_up, mend),
        cmocka_unit_test_teardown(a_wrong_key_that_cannot_be_destroyed_is_told, mend),
        cmocka_unit_test_teardown(a_certificate_is_kept_whole_or_not_at_all, mend),
        cmocka_unit_test_teardown(a_token_whose_certificates_stay_modifiable_will_do, mend),
        cmocka_unit_test_teardown(a_key_whose_public_half_is_hidden_gets_no_certificate, mend),
        cmocka_unit_test_teardown(a_deletion_that_stops_says_how_far_it_came, mend),
        cmocka_unit_test_teardown(a_token_left_without_a_user_pin_is_told, mend),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
