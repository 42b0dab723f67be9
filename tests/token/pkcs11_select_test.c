/* SPDX-License-Identifier: Apache-2.0 */
/* Which token and which key: one, or a refusal that says what there is. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/text.h"
#include "pkcs11/pkcs11.h"
#include "tests/support/softhsm.h"

static softhsm *hsm;
static char serials[2][17];

static int set_up(void **state)
{
    static const softhsm_key keys[] = {
        {.type = "P-256", .label = "one", .id = "1"},
        {.type = "P-256", .label = "two", .id = "2"},
        {.type = "P-256", .label = "two", .id = "3"},
        {.type = "P-256", .label = "no-sign", .id = "4", .no_sign = true},
        {.type = "secp256k1", .label = "koblitz", .id = "5"},
        {.type = "RSA-1024", .label = "weak", .id = "6"},
    };

    (void)state;
    hsm = softhsm_new();
    softhsm_token(hsm, "twin");
    softhsm_token(hsm, "twin");
    softhsm_token(hsm, "single token");
    softhsm_serial(hsm, "twin", 0, serials[0]);
    softhsm_serial(hsm, "twin", 1, serials[1]);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        softhsm_keygen(hsm, "single token", &keys[i]);
    softhsm_keygen(hsm, "twin", &keys[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

static sigb_rc try_open(const char *uri, sigb_diag *diag)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11(uri, &options, &signer, diag);

    assert_true((rc == SIGB_OK) == (signer != NULL));
    sigb_signer_free(signer);
    assert_int_equal(ERR_peek_error(), 0);
    return rc;
}

static void the_one_key_is_found(void **state)
{
    static const char *const rows[] = {
        "pkcs11:token=single%20token;object=one",
        "pkcs11:token=single%20token;id=1",
        "pkcs11:token=single%20token;id=%31;object=one;type=private",
        "pkcs11:token=single%20token;object=two;id=2",
        "pkcs11:token=single%20token;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;object=one",
        "pkcs11:token=single%20token;library-manufacturer=SoftHSM;library-version=2.6;object=one",
        "pkcs11:token=single%20token;library-description=Implementation%20of%20PKCS11;object=one",
        "pkcs11:token=single%20token;slot-manufacturer=SoftHSM%20project;object=one",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_diag diag = {{0}, 0};
        print_message("%s\n", rows[i]);
        if (try_open(rows[i], &diag) != SIGB_OK)
            fail_msg("%s", diag.text);
    }
}

static void every_path_attribute_narrows_and_is_named(void **state)
{
    static const struct {
        const char *path, *named;
    } rows[] = {
        {"token=other", "(token=other serial=any)"},
        {"token=single", "(token=single serial=any)"},
        {"token=single%20token;serial=0", "(token=single token serial=0)"},
        {"token=single%20token;manufacturer=x", "(token=single token serial=any manufacturer=x)"},
        {"token=single%20token;model=x", "(token=single token serial=any model=x)"},
        {"token=single%20token;library-manufacturer=x", " library-manufacturer=x)"},
        {"token=single%20token;library-description=x", " library-description=x)"},
        {"token=single%20token;library-version=1.0", " library-version=1.0)"},
        {"token=single%20token;slot-manufacturer=x", " slot-manufacturer=x)"},
        {"token=single%20token;slot-description=x", " slot-description=x)"},
        {"token=single%20token;slot-id=1", "(token=single token serial=any slot-id=1)"},
        {"model=SoftHSM%20v2;slot-id=1", "(token=any serial=any model=SoftHSM v2 slot-id=1)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char uri[128];
        (void)snprintf(uri, sizeof(uri), "pkcs11:%s;object=one", rows[i].path);
        print_message("%s\n", uri);
        assert_refused(try_open(uri, diag), SIGB_E_TOKEN_ABSENT, "no token matches the URI");
        assert_refused(try_open(uri, diag), SIGB_E_TOKEN_ABSENT, rows[i].named);
    }
}

/* The tokens that are there are counted all the same. */
static void another_library_than_the_uri_names_is_told(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:token=single%20token;library-version=1.0;object=one", diag),
                   SIGB_E_TOKEN_ABSENT,
                   "shows 4, and is another library than the URI names: check that the token is connected");
}

static void two_tokens_with_one_label_are_refused_and_listed(void **state)
{
    char uri[128];

    (void)state;
    assert_refused(try_open("pkcs11:token=twin;object=one", diag), SIGB_E_TOKEN_AMBIGUOUS,
                   "2 tokens match the URI");
    for (int i = 0; i < 2; i++) {
        char listed[128];
        (void)snprintf(listed, sizeof(listed), "pkcs11:serial=%s;token=twin", serials[i]);
        assert_refused(try_open("pkcs11:token=twin;object=one", diag), SIGB_E_TOKEN_AMBIGUOUS, listed);
    }
    (void)snprintf(uri, sizeof(uri), "pkcs11:token=twin;serial=%s;object=one", serials[0]);
    assert_int_equal(try_open(uri, NULL), SIGB_OK);
    (void)snprintf(uri, sizeof(uri), "pkcs11:token=twin;serial=%s;object=one", serials[1]);
    assert_refused(try_open(uri, diag), SIGB_E_KEY_ABSENT, "shows no private key");
}

static void a_token_that_is_not_initialised_is_no_token(void **state)
{
    softhsm *empty = softhsm_new();

    (void)state;
    assert_refused(try_open("pkcs11:object=one", diag), SIGB_E_TOKEN_ABSENT, "not initialised");
    assert_refused(try_open("pkcs11:token=release;object=one", diag), SIGB_E_TOKEN_ABSENT,
                   "no token matches the URI (token=release serial=any)");
    softhsm_free(empty);
}

static void no_key_is_refused(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:token=single%20token;object=none", diag), SIGB_E_KEY_ABSENT,
                   "object=none, id=any");
    assert_refused(try_open("pkcs11:token=single%20token;object=one;id=2", diag), SIGB_E_KEY_ABSENT,
                   "object=one, id=as given");
}

static void several_keys_are_refused_and_listed(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:token=single%20token;object=two", diag), SIGB_E_KEY_AMBIGUOUS,
                   "2 private keys match");
    assert_refused(try_open("pkcs11:token=single%20token;object=two", diag), SIGB_E_KEY_AMBIGUOUS,
                   ";token=single%20token;id=%32;object=two;type=private");
    assert_refused(try_open("pkcs11:token=single%20token;object=two", diag), SIGB_E_KEY_AMBIGUOUS,
                   ";token=single%20token;id=%33;object=two;type=private");
    assert_refused(try_open("pkcs11:token=single%20token;object=two", diag), SIGB_E_KEY_AMBIGUOUS,
                   "pkcs11:serial=");
    assert_refused(try_open("pkcs11:token=single%20token", diag), SIGB_E_KEY_AMBIGUOUS,
                   "6 private keys match");
}

/* Replicas have one public key: on one token, and on several. */
static void keys_of_one_name_that_are_no_replicas_are_refused(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin, .replicas = true};
    sigb_signer *signer = NULL;

    (void)state;
    assert_refused(sigb_signer_from_pkcs11("pkcs11:token=single%20token;object=two", &options, &signer, diag),
                   SIGB_E_KEY_AMBIGUOUS, "2 private keys match");
    assert_refused(sigb_signer_from_pkcs11("pkcs11:object=one", &options, &signer, diag),
                   SIGB_E_KEY_AMBIGUOUS, "hold different keys by this name; name one of them by serial=");
    assert_null(signer);
}

static void keep_note(void *arg, const char *text)
{
    text_put(arg, text);
}

static void a_token_without_the_key_is_no_replica_and_done_without(void **state)
{
    sigb_buf heard = SIGB_BUF_INIT;
    const sigb_pkcs11_options options = {
        .module = softhsm_module(), .pin = softhsm_pin, .replicas = true, .notes = {keep_note, &heard}};
    sigb_signer *signer = NULL;

    (void)state;
    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:token=twin;object=one", &options, &signer, NULL),
                     SIGB_OK);
    assert_non_null(strstr(text_c_str(&heard), "a token that matches the URI is done without: token twin"));
    sigb_signer_free(signer);
    sigb_buf_free(&heard);
}

static void a_key_that_cannot_serve_is_refused(void **state)
{
    (void)state;
    assert_refused(try_open("pkcs11:token=single%20token;object=no-sign", diag), SIGB_E_KEY_NO_SIGN,
                   "CKA_SIGN is false");
    assert_refused(try_open("pkcs11:token=single%20token;object=koblitz", diag), SIGB_E_KEY_UNSUPPORTED,
                   "fits no algorithm");
    assert_refused(try_open("pkcs11:token=single%20token;object=weak", diag), SIGB_E_WEAK_KEY, "1024 bits");
}

static void a_uri_of_something_else_than_a_private_key_is_refused(void **state)
{
    static const char *const rows[] = {"pkcs11:token=twin;type=public", "pkcs11:token=twin;type=cert",
                                       "pkcs11:token=twin;type=secret-key", "pkcs11:token=twin;type=data"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_refused(try_open(rows[i], diag), SIGB_E_URI, "names no private key");
    assert_refused(try_open("pkcs11:token=a;token=b", diag), SIGB_E_URI, "is there twice");
    assert_refused(try_open(NULL, diag), SIGB_E_USAGE, "needs a pkcs11: URI");
}

static void a_module_that_does_not_load_is_refused(void **state)
{
    const sigb_pkcs11_options options = {.module = "/no/such/module.so"};
    sigb_signer *signer = NULL;

    (void)state;
    assert_refused(sigb_signer_from_pkcs11("pkcs11:object=one", &options, &signer, diag), SIGB_E_MODULE,
                   "/no/such/module.so");
    assert_null(signer);
}

/* ---- what modules get wrong, by changing the list of functions in place ---- */

static CK_FUNCTION_LIST real;

static CK_RV nul_padded_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    for (size_t i = sizeof(info->label); i > 0 && info->label[i - 1] == ' '; i--)
        info->label[i - 1] = '\0';
    return rv;
}

static void labels_that_end_with_nul_match_too(void **state)
{
    (void)state;
    real = *softhsm_calls(hsm);
    softhsm_calls(hsm)->C_GetTokenInfo = nul_padded_info;
    assert_int_equal(try_open("pkcs11:token=single%20token;object=one", NULL), SIGB_OK);
    assert_refused(try_open("pkcs11:token=single;object=one", diag), SIGB_E_TOKEN_ABSENT, "no token matches");
    *softhsm_calls(hsm) = real;
}

/* CKA_EC_POINT without its OCTET STRING. */
static CK_RV bare_point(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at, CK_ULONG count)
{
    uint8_t wrapped[67];
    CK_ATTRIBUTE full = {CKA_EC_POINT, wrapped, sizeof(wrapped)};
    bool asks = at->pValue != NULL;

    if (at->type != CKA_EC_POINT || real.C_GetAttributeValue(session, object, &full, 1) != CKR_OK)
        return real.C_GetAttributeValue(session, object, at, count);
    at->ulValueLen = full.ulValueLen - 2;
    if (asks)
        memcpy(at->pValue, wrapped + 2, at->ulValueLen);
    return CKR_OK;
}

static void spki_of_one(sigb_buf *spki)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;

    assert_int_equal(
        sigb_signer_from_pkcs11("pkcs11:token=single%20token;object=one", &options, &signer, NULL), SIGB_OK);
    sigb_buf_append(spki, sigb_signer_spki(signer));
    sigb_signer_free(signer);
}

static void a_bare_point_is_the_same_public_key(void **state)
{
    sigb_buf wrapped = SIGB_BUF_INIT, bare = SIGB_BUF_INIT;

    (void)state;
    spki_of_one(&wrapped);
    real = *softhsm_calls(hsm);
    softhsm_calls(hsm)->C_GetAttributeValue = bare_point;
    spki_of_one(&bare);
    *softhsm_calls(hsm) = real;
    assert_int_equal(wrapped.len, 91);
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&wrapped), sigb_buf_bytes(&bare)));
    sigb_buf_free(&wrapped);
    sigb_buf_free(&bare);
}

static CK_RV broken_slot(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real.C_GetTokenInfo(slot, info);

    return rv == CKR_OK && memcmp(info->label, "twin", 4) == 0 ? CKR_DEVICE_ERROR : rv;
}

static void a_broken_slot_does_not_hide_the_others(void **state)
{
    (void)state;
    real = *softhsm_calls(hsm);
    softhsm_calls(hsm)->C_GetTokenInfo = broken_slot;
    assert_int_equal(try_open("pkcs11:token=single%20token;object=one", NULL), SIGB_OK);
    *softhsm_calls(hsm) = real;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_key_is_found),
        cmocka_unit_test(every_path_attribute_narrows_and_is_named),
        cmocka_unit_test(another_library_than_the_uri_names_is_told),
        cmocka_unit_test(two_tokens_with_one_label_are_refused_and_listed),
        cmocka_unit_test(no_key_is_refused),
        cmocka_unit_test(several_keys_are_refused_and_listed),
        cmocka_unit_test(keys_of_one_name_that_are_no_replicas_are_refused),
        cmocka_unit_test(a_token_without_the_key_is_no_replica_and_done_without),
        cmocka_unit_test(a_key_that_cannot_serve_is_refused),
        cmocka_unit_test(a_uri_of_something_else_than_a_private_key_is_refused),
        cmocka_unit_test(a_module_that_does_not_load_is_refused),
        cmocka_unit_test(labels_that_end_with_nul_match_too),
        cmocka_unit_test(a_bare_point_is_the_same_public_key),
        cmocka_unit_test(a_broken_slot_does_not_hide_the_others),
        cmocka_unit_test(a_token_that_is_not_initialised_is_no_token), /* changes SOFTHSM2_CONF: last */
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
