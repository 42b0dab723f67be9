/* SPDX-License-Identifier: Apache-2.0 */
/* token keygen on real SoftHSM tokens: what is asked for is what is made, and nothing is overwritten. */
#include "tests/support/support.h"

#include "base/text.h"
#include "pkcs11/pkcs11.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"
#include "token/place.h"

static int rig_open(void **state)
{
    softhsm *hsm = softhsm_new();

    softhsm_token(hsm, "release");
    *state = hsm;
    return 0;
}

static int rig_close(void **state)
{
    softhsm_free(*state);
    return 0;
}

static void make(const sigb_keygen *keygen, sigb_buf *made)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_diag diag = {{0}, 0};

    if (sigb_token_keygen("pkcs11:token=release", keygen, &options, made, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    assert_non_null(text_c_str(made));
}

/* ---- reading attributes with bare Cryptoki ---- */

static CK_BBOOL attribute(softhsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 2;
    CK_ATTRIBUTE at = {type, &value, sizeof(value)};

    assert_int_equal(softhsm_calls(hsm)->C_GetAttributeValue(session, object, &at, 1), CKR_OK);
    assert_true(value == CK_TRUE || value == CK_FALSE);
    return value;
}

static void assert_attributes(softhsm *hsm, const char *label, bool copyable)
{
    static const struct {
        CK_OBJECT_CLASS class;
        CK_ATTRIBUTE_TYPE type;
        CK_BBOOL wanted;
    } rows[] = {
        {CKO_PRIVATE_KEY, CKA_TOKEN, CK_TRUE},          {CKO_PRIVATE_KEY, CKA_PRIVATE, CK_TRUE},
        {CKO_PRIVATE_KEY, CKA_SENSITIVE, CK_TRUE},      {CKO_PRIVATE_KEY, CKA_ALWAYS_SENSITIVE, CK_TRUE},
        {CKO_PRIVATE_KEY, CKA_EXTRACTABLE, CK_FALSE},   {CKO_PRIVATE_KEY, CKA_NEVER_EXTRACTABLE, CK_TRUE},
        {CKO_PRIVATE_KEY, CKA_LOCAL, CK_TRUE},          {CKO_PRIVATE_KEY, CKA_SIGN, CK_TRUE},
        {CKO_PRIVATE_KEY, CKA_SIGN_RECOVER, CK_FALSE},  {CKO_PRIVATE_KEY, CKA_DECRYPT, CK_FALSE},
        {CKO_PRIVATE_KEY, CKA_UNWRAP, CK_FALSE},        {CKO_PRIVATE_KEY, CKA_DERIVE, CK_FALSE},
        {CKO_PRIVATE_KEY, CKA_MODIFIABLE, CK_FALSE},    {CKO_PUBLIC_KEY, CKA_TOKEN, CK_TRUE},
        {CKO_PUBLIC_KEY, CKA_PRIVATE, CK_FALSE},        {CKO_PUBLIC_KEY, CKA_VERIFY, CK_TRUE},
        {CKO_PUBLIC_KEY, CKA_VERIFY_RECOVER, CK_FALSE}, {CKO_PUBLIC_KEY, CKA_ENCRYPT, CK_FALSE},
        {CKO_PUBLIC_KEY, CKA_WRAP, CK_FALSE},           {CKO_PUBLIC_KEY, CKA_DERIVE, CK_FALSE},
        {CKO_PUBLIC_KEY, CKA_MODIFIABLE, CK_FALSE},
    };
    sigb_pkcs11_options options = softhsm_options();
    place at = {0};

    assert_int_equal(place_open("pkcs11:token=release", &options, &at, NULL), SIGB_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CK_OBJECT_HANDLE object = softhsm_the_object(softhsm_calls(hsm), at.session, rows[i].class, label);
        print_message("%s attribute 0x%lx\n", label, rows[i].type);
        assert_int_equal(attribute(hsm, at.session, object, rows[i].type), rows[i].wanted);
    }
    assert_int_equal(attribute(hsm, at.session,
                               softhsm_the_object(softhsm_calls(hsm), at.session, CKO_PRIVATE_KEY, label),
                               CKA_COPYABLE),
                     copyable);
    place_close(&at);
}

/* ---- tests ---- */

static void every_type_is_made_to_sign_and_for_nothing_else(void **state)
{
    static const char *const types[] = {"P-256",    "P-384",    "P-521",   "RSA-2048",
                                        "RSA-3072", "RSA-4096", "Ed25519", "Ed448"};
    sigb_pkcs11_options options = softhsm_options();

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const char *type = affordable_type(types[i]);
        const sigb_keygen keygen = {.type = type, .label = types[i]};
        sigb_buf made = SIGB_BUF_INIT;
        listing list;

        make(&keygen, &made);
        assert_attributes(*state, types[i], false);
        listing_take(&list, (const char *)made.ptr, &options);
        assert_int_equal(list.count, 2);
        assert_string_equal(list.items[1].kind, "private");
        assert_string_equal(list.items[1].type, type);
        assert_string_equal(list.items[1].label, types[i]);
        assert_string_equal(list.items[1].uri, (const char *)made.ptr);
        assert_int_equal(list.items[1].id_len, 16);
        sigb_buf_free(&made);
    }
}

static void an_id_that_is_given_is_used(void **state)
{
    const sigb_keygen keygen = {
        .type = "P-256", .label = "with id", .id = {(const uint8_t *)"\0\x01\xff", 3}};
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf made = SIGB_BUF_INIT;
    listing list;

    (void)state;
    make(&keygen, &made);
    listing_take(&list, "pkcs11:token=release;id=%00%01%FF", &options);
    assert_int_equal(listing_count(&list, "private"), 1);
    assert_int_equal(listing_count(&list, "public"), 1);
    assert_string_equal(listing_find(&list, "private", "with id")->uri, (const char *)made.ptr);
    sigb_buf_free(&made);
}

static void a_copyable_key_is_made_on_request_only(void **state)
{
    const sigb_keygen keygen = {.type = "P-256", .label = "copyable", .copyable = true};
    sigb_buf made = SIGB_BUF_INIT;

    make(&keygen, &made);
    assert_attributes(*state, "copyable", true);
    sigb_buf_free(&made);
}

static void assert_keygen_refused(const sigb_keygen *keygen, sigb_rc rc, const char *words)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_buf made = SIGB_BUF_INIT;

    assert_refused(sigb_token_keygen("pkcs11:token=release", keygen, &options, &made, diag), rc, words);
    assert_int_equal(made.len, 0);
    sigb_buf_free(&made);
}

static size_t objects_on_token(void)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    listing_take(&list, "pkcs11:token=release", &options);
    return list.count;
}

static void a_key_for_pss_is_bound_to_it(void **state)
{
    static const CK_MECHANISM_TYPE pss[] = {CKM_RSA_PKCS_PSS,        CKM_SHA1_RSA_PKCS_PSS,
                                            CKM_SHA224_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
                                            CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS};
    const sigb_keygen keygen = {.type = affordable_type("RSA-3072"), .label = "pss", .pss_only = true};
    sigb_pkcs11_options options = softhsm_options();
    CK_MECHANISM_TYPE allowed[8];
    CK_ATTRIBUTE at = {CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed)};
    CK_BBOOL seen[6] = {CK_FALSE};
    sigb_buf made = SIGB_BUF_INIT;
    place here = {0};

    make(&keygen, &made);
    assert_attributes(*state, "pss", false);
    assert_int_equal(place_open("pkcs11:token=release", &options, &here, NULL), SIGB_OK);
    assert_int_equal(softhsm_calls(*state)->C_GetAttributeValue(
                         here.session,
                         softhsm_the_object(softhsm_calls(*state), here.session, CKO_PRIVATE_KEY, "pss"), &at,
                         1),
                     CKR_OK);
    assert_int_equal(at.ulValueLen, sizeof(pss));
    for (size_t i = 0; i < 6; i++) /* a set: SoftHSM sorts it */
        for (size_t j = 0; j < 6; j++)
            if (allowed[i] == pss[j])
                seen[j] = CK_TRUE;
    for (size_t j = 0; j < 6; j++)
        assert_true(seen[j]);
    place_close(&here);
    sigb_buf_free(&made);
}

/* Private keys, public keys and certificates all hold their label and id. */
static void a_label_or_id_that_exists_is_never_overwritten(void **state)
{
    sigb_keygen keygen = {.type = "P-256", .label = "taken", .id = sigb_bytes_text("taken id")};
    sigb_buf made = SIGB_BUF_INIT;
    size_t before;

    make(&keygen, &made);
    sigb_buf_free(&made);
    softhsm_keygen(*state, "release",
                   &(softhsm_key){.type = "P-256", .label = "bare", .id = "bare id", .no_public = true});
    softhsm_cert(*state, "release", "cert only", "cert id", "x", 1);
    before = objects_on_token();
    assert_keygen_refused(&(sigb_keygen){.type = "P-256", .label = "taken"}, SIGB_E_EXISTS,
                          "token \"release\" has an object with this label; it is not overwritten");
    assert_keygen_refused(
        &(sigb_keygen){.type = "Ed25519", .label = "new", .id = sigb_bytes_text("taken id")}, SIGB_E_EXISTS,
        "an object with this id");
    assert_keygen_refused(&(sigb_keygen){.type = "P-256", .label = "bare"}, SIGB_E_EXISTS, "this label");
    assert_keygen_refused(&(sigb_keygen){.type = "P-256", .label = "cert only"}, SIGB_E_EXISTS, "this label");
    assert_keygen_refused(&(sigb_keygen){.type = "P-256", .label = "new", .id = sigb_bytes_text("cert id")},
                          SIGB_E_EXISTS, "this id");
    assert_int_equal(objects_on_token(), before);
}

static void what_cannot_be_made_is_refused_before_the_token_is_touched(void **state)
{
    static const uint8_t long_id[65];
    static const struct {
        sigb_keygen keygen;
        const char *words;
    } rows[] = {
        {{.type = "P-224", .label = "x"}, "key type \"P-224\" is not made; wanted: P-256"},
        {{.type = "RSA-1024", .label = "x"}, "\"RSA-1024\" is not made"},
        {{.type = NULL, .label = "x"}, "is not made"},
        {{.type = "P-256", .label = "x", .pss_only = true}, "for RSASSA-PSS is an RSA key, and not P-256"},
        {{.type = "P-256", .label = NULL}, "label of 0 bytes: 1 to 255"},
        {{.type = "P-256", .label = ""}, "label of 0 bytes"},
        {{.type = "P-256", .label = " x"}, "blank"},
        {{.type = "P-256", .label = "a\nb"}, "control characters"},
        {{.type = "P-256", .label = "\xff"}, "not UTF-8"},
        {{.type = "P-256", .label = "x", .id = {long_id, sizeof(long_id)}}, "id of 65 bytes: 1 to 64"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_keygen_refused(&rows[i].keygen, SIGB_E_USAGE, rows[i].words);
}

static void a_pin_is_needed_and_the_token_must_be_one(void **state)
{
    const sigb_keygen keygen = {.type = "P-256", .label = "nowhere"};
    sigb_pkcs11_options options = softhsm_options_without_pin();
    sigb_buf made = SIGB_BUF_INIT;

    assert_refused(sigb_token_keygen("pkcs11:token=release", &keygen, &options, &made, diag),
                   SIGB_E_PIN_NEEDED, "no source");
    softhsm_token(*state, "twin");
    softhsm_token(*state, "twin");
    options = softhsm_options();
    assert_refused(sigb_token_keygen("pkcs11:token=twin", &keygen, &options, &made, diag),
                   SIGB_E_TOKEN_AMBIGUOUS, "serial=");
    assert_refused(sigb_token_keygen("pkcs11:token=absent", &keygen, &options, &made, diag),
                   SIGB_E_TOKEN_ABSENT, "no token matches");
    assert_int_equal(made.len, 0);
    sigb_buf_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_made_to_sign_and_for_nothing_else),
        cmocka_unit_test(an_id_that_is_given_is_used),
        cmocka_unit_test(a_copyable_key_is_made_on_request_only),
        cmocka_unit_test(a_key_for_pss_is_bound_to_it),
        cmocka_unit_test(a_label_or_id_that_exists_is_never_overwritten),
        cmocka_unit_test(what_cannot_be_made_is_refused_before_the_token_is_touched),
        cmocka_unit_test(a_pin_is_needed_and_the_token_must_be_one),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
