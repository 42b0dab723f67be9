/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/alg.h"
#include "base/pubkey.h"
#include "base/text.h"
#include "tests/support/fault.h"
#include "tests/support/softhsm.h"

/* What every key type gives: the algorithm, and how its SubjectPublicKeyInfo begins in software. */
static const struct key_row {
    const char *type, *label;
    sigb_alg alg;
    uint8_t head[32];
    size_t head_len;
} KEYS[] = {
    {"P-256",
     "p256",
     SIGB_ES256,
     {0x30, 0x59, 0x30, 0x13, 6,    7,    0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6,
      8,    0x2a, 0x86, 0x48, 0xce, 0x3d, 3,    1,    7,    3,    0x42, 0, 4},
     27},
    {"P-384",
     "p384",
     SIGB_ES384,
     {0x30, 0x76, 0x30, 0x10, 6,    7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2,
      1,    6,    5,    0x2b, 0x81, 4, 0,    0x22, 3,    0x62, 0,    4},
     24},
    {"P-521",
     "p521",
     SIGB_ES512,
     {0x30, 0x81, 0x9b, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2,
      1,    6,    5,    0x2b, 0x81, 4, 0, 0x23, 3,    0x81, 0x86, 0,    4},
     26},
    {"RSA-2048",
     "rsa2048",
     SIGB_PS256,
     {0x30, 0x82, 1, 0x22, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86,
      0xf7, 13,   1, 1,    1,    5,  0, 3, 0x82, 1,    0x0f, 0},
     24},
    {"RSA-3072",
     "rsa3072",
     SIGB_PS384,
     {0x30, 0x82, 1, 0xa2, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86,
      0xf7, 13,   1, 1,    1,    5,  0, 3, 0x82, 1,    0x8f, 0},
     24},
    {"RSA-4096",
     "rsa4096",
     SIGB_PS512,
     {0x30, 0x82, 2, 0x22, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86,
      0xf7, 13,   1, 1,    1,    5,  0, 3, 0x82, 2,    0x0f, 0},
     24},
    {"Ed25519", "ed25519", SIGB_EDDSA, {0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0}, 12},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static softhsm *hsm;
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_new();
    softhsm_token(hsm, "release");
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        const softhsm_key key = {.type = KEYS[i].type, .label = KEYS[i].label, .id = KEYS[i].label};
        softhsm_keygen(hsm, "release", &key);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

static sigb_rc open_with(const char *module, const char *label, sigb_signer **signer, sigb_diag *diag)
{
    const sigb_pkcs11_options options = {.module = module, .pin = softhsm_pin};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc;

    text_putf(&uri, "pkcs11:token=release;object=%s;type=private", label);
    rc = sigb_signer_from_pkcs11(text_c_str(&uri), &options, signer, diag);
    sigb_buf_free(&uri);
    return rc;
}

static sigb_signer *opened(const char *label)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    if (open_with(softhsm_module(), label, &signer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    return signer;
}

static sigb_rc verify(sigb_bytes spki, sigb_alg alg, sigb_bytes signature)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, NULL);

    if (rc == SIGB_OK)
        rc = pubkey_verify(key, alg, TBS, signature, NULL);
    EVP_PKEY_free(key);
    return rc;
}

static void each_key_type_signs_and_the_signature_verifies_in_software(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        sigb_signer *signer = opened(KEYS[i].label);
        sigb_buf signature = SIGB_BUF_INIT;

        print_message("%s\n", KEYS[i].type);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(sigb_signer_sign(signer, KEYS[i].alg, TBS, &signature, NULL), SIGB_OK);
            assert_int_equal(verify(sigb_signer_spki(signer), KEYS[i].alg, sigb_buf_bytes(&signature)),
                             SIGB_OK);
            signature.ptr[signature.len - 1] ^= 1;
            assert_int_equal(verify(sigb_signer_spki(signer), KEYS[i].alg, sigb_buf_bytes(&signature)),
                             SIGB_E_SIGNATURE);
            sigb_buf_free(&signature);
        }
        sigb_signer_free(signer);
    }
}

static void the_public_key_reads_as_openssl_writes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(KEYS); i++) {
        sigb_signer *signer = opened(KEYS[i].label);
        sigb_bytes spki = sigb_signer_spki(signer);
        sigb_buf again = SIGB_BUF_INIT;
        EVP_PKEY *key = NULL;

        print_message("%s\n", KEYS[i].type);
        assert_true(spki.len > KEYS[i].head_len);
        assert_memory_equal(spki.ptr, KEYS[i].head, KEYS[i].head_len);
        assert_int_equal(pubkey_parse(spki, &key, NULL), SIGB_OK);
        assert_int_equal(pubkey_put_spki(key, &again, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(spki, sigb_buf_bytes(&again)));
        EVP_PKEY_free(key);
        sigb_buf_free(&again);
        sigb_signer_free(signer);
    }
}

static void fully_specified_algorithms_sign_too(void **state)
{
    static const struct {
        const char *label;
        sigb_alg alg;
    } rows[] = {{"p256", SIGB_ESP256},     {"p384", SIGB_ESP384},   {"p521", SIGB_ESP512},
                {"ed25519", SIGB_ED25519}, {"rsa4096", SIGB_PS256}, {"rsa2048", SIGB_PS512}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_signer *signer = opened(rows[i].label);
        sigb_buf signature = SIGB_BUF_INIT;

        print_message("%s\n", sigb_alg_name(rows[i].alg));
        assert_int_equal(sigb_signer_sign(signer, rows[i].alg, TBS, &signature, NULL), SIGB_OK);
        assert_int_equal(verify(sigb_signer_spki(signer), rows[i].alg, sigb_buf_bytes(&signature)), SIGB_OK);
        sigb_buf_free(&signature);
        sigb_signer_free(signer);
    }
}

/* ---- counting calls: the module's own list of functions is changed in place ---- */

static struct {
    CK_C_SignInit SignInit;
    CK_C_Sign Sign;
    int sign_init, sign, other;
} counted;

static CK_RV count_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    counted.sign_init++;
    return counted.SignInit(session, mechanism, key);
}

static CK_RV count_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                        CK_ULONG *made)
{
    counted.sign++;
    return counted.Sign(session, data, len, signature, made);
}

/* Calls that a warm signature must not make. */
static CK_RV count_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    (void)session;
    (void)info;
    counted.other++;
    return CKR_FUNCTION_FAILED;
}

static CK_RV count_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                        CK_SESSION_HANDLE *session)
{
    (void)slot;
    (void)flags;
    (void)arg;
    (void)notify;
    (void)session;
    counted.other++;
    return CKR_FUNCTION_FAILED;
}

static CK_RV count_find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    (void)session;
    (void)wanted;
    (void)count;
    counted.other++;
    return CKR_FUNCTION_FAILED;
}

static CK_RV count_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at,
                             CK_ULONG count)
{
    (void)object;
    (void)at;
    return count_find(session, NULL, count);
}

static CK_RV count_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    (void)user;
    (void)pin;
    return count_find(session, NULL, len);
}

static CK_RV count_close(CK_SESSION_HANDLE session)
{
    return count_find(session, NULL, 0);
}

static void a_signature_is_two_calls_and_no_other(void **state)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(hsm);
    const CK_FUNCTION_LIST kept = *calls;
    sigb_signer *signer = opened("p256");
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    counted.SignInit = kept.C_SignInit;
    counted.Sign = kept.C_Sign;
    calls->C_SignInit = count_sign_init;
    calls->C_Sign = count_sign;
    calls->C_GetSessionInfo = count_session_info;
    calls->C_OpenSession = count_open;
    calls->C_CloseSession = count_close;
    calls->C_Login = count_login;
    calls->C_FindObjectsInit = count_find;
    calls->C_GetAttributeValue = count_attribute;
    for (int i = 0; i < 10; i++)
        assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    *calls = kept;
    assert_int_equal(counted.sign_init, 10);
    assert_int_equal(counted.sign, 10);
    assert_int_equal(counted.other, 0);
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

/* ---- what a token gets wrong ---- */

static void a_spoiled_signature_never_leaves(void **state)
{
    static const struct {
        const char *plan, *says;
    } rows[] = {{"C_Sign,flip", "does not verify"},
                {"C_Sign,short", "returned"},
                {"C_Sign,empty", "returned 0 bytes"}};
    const fault_control *fault = fault_load();

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(KEYS); i++) {
        const struct key_row *key = &KEYS[i % COUNT(KEYS)];
        sigb_signer *signer = NULL;
        sigb_buf signature = SIGB_BUF_INIT;

        print_message("%s %s\n", rows[i / COUNT(KEYS)].plan, key->type);
        assert_true(fault->plan(rows[i / COUNT(KEYS)].plan));
        assert_int_equal(open_with(FAULT_MODULE, key->label, &signer, NULL), SIGB_OK);
        for (int again = 0; again < 2; again++)
            assert_refused(sigb_signer_sign(signer, key->alg, TBS, &signature, diag), SIGB_E_SIGNATURE_FAULT,
                           rows[i / COUNT(KEYS)].says);
        assert_int_equal(signature.len, 0);
        sigb_signer_free(signer);
    }
    assert_true(fault->plan(""));
}

/* Sign fails as often as `failures` says, then works. */
static int failures;

static CK_RV failing_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                          CK_ULONG *made)
{
    if (failures-- > 0)
        return CKR_DEVICE_ERROR;
    return counted.Sign(session, data, len, signature, made);
}

static void a_call_that_fails_is_made_again(void **state)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(hsm);
    sigb_signer *signer = opened("p256");
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    counted.Sign = calls->C_Sign;
    calls->C_Sign = failing_sign;
    for (int times = 1; times < 4; times++) {
        failures = times;
        assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
        assert_int_equal(verify(sigb_signer_spki(signer), SIGB_ES256, sigb_buf_bytes(&signature)), SIGB_OK);
        assert_int_equal(failures, -1);
        sigb_buf_free(&signature);
    }
    failures = 1000000;
    assert_refused(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, diag), SIGB_E_TOKEN,
                   "C_Sign: CKR_DEVICE_ERROR");
    calls->C_Sign = counted.Sign;
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

/* ---- keys with restrictions ---- */

static void a_key_that_may_not_use_the_mechanism_is_refused(void **state)
{
    const softhsm_key key = {
        .type = "RSA-2048", .label = "pkcs1", .id = "pkcs1", .only_mechanism = CKM_SHA256_RSA_PKCS};
    sigb_signer *signer = NULL;

    (void)state;
    softhsm_keygen(hsm, "release", &key);
    assert_refused(open_with(softhsm_module(), "pkcs1", &signer, diag), SIGB_E_MECHANISM,
                   "PS256 needs CKM_RSA_PKCS_PSS or CKM_SHA256_RSA_PKCS_PSS");
    assert_null(signer);
}

static void a_token_that_hashes_for_itself_is_used(void **state)
{
    const softhsm_key key = {
        .type = "RSA-2048", .label = "hashing", .id = "hashing", .only_mechanism = CKM_SHA256_RSA_PKCS_PSS};
    sigb_signer *signer;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    softhsm_keygen(hsm, "release", &key);
    signer = opened("hashing");
    assert_int_equal(sigb_signer_sign(signer, SIGB_PS256, TBS, &signature, NULL), SIGB_OK);
    assert_int_equal(verify(sigb_signer_spki(signer), SIGB_PS256, sigb_buf_bytes(&signature)), SIGB_OK);
    assert_refused(sigb_signer_sign(signer, SIGB_PS384, TBS, &signature, diag), SIGB_E_MECHANISM,
                   "PS384 needs CKM_RSA_PKCS_PSS or CKM_SHA384_RSA_PKCS_PSS");
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

static void a_key_that_asks_each_time_is_answered_with_the_kept_pin(void **state)
{
    const softhsm_key key = {.type = "P-256", .label = "always", .id = "always", .always_authenticate = true};
    int asked = 0;
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin, .pin_arg = &asked};
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    softhsm_keygen(hsm, "release", &key);
    assert_int_equal(sigb_signer_from_pkcs11("pkcs11:object=always", &options, &signer, NULL), SIGB_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
        assert_int_equal(verify(sigb_signer_spki(signer), SIGB_ES256, sigb_buf_bytes(&signature)), SIGB_OK);
        sigb_buf_free(&signature);
    }
    assert_int_equal(asked, 1);
    sigb_signer_free(signer);
}

/* ---- the public half is not there ---- */

static void a_hidden_public_key_is_pinned_from_outside(void **state)
{
    const softhsm_key key = {.type = "P-384", .label = "hidden", .id = "hidden"};
    sigb_signer *signer;
    sigb_buf spki = SIGB_BUF_INIT, signature = SIGB_BUF_INIT;

    (void)state;
    softhsm_keygen(hsm, "release", &key);
    signer = opened("hidden");
    sigb_buf_append(&spki, sigb_signer_spki(signer));
    sigb_signer_free(signer);
    softhsm_destroy(hsm, "release", CKO_PUBLIC_KEY, "hidden");

    signer = opened("hidden");
    assert_int_equal(sigb_signer_spki(signer).len, 0);
    assert_refused(sigb_signer_sign(signer, SIGB_ES384, TBS, &signature, diag), SIGB_E_CERT_ABSENT,
                   "does not tell the public key");
    assert_int_equal(sigb_signer_expect(signer, sigb_buf_bytes(&spki), NULL), SIGB_OK);
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES384, TBS, &signature, NULL), SIGB_OK);
    assert_int_equal(verify(sigb_buf_bytes(&spki), SIGB_ES384, sigb_buf_bytes(&signature)), SIGB_OK);
    sigb_signer_free(signer);
    sigb_buf_free(&signature);
    sigb_buf_free(&spki);
}

static void a_key_that_was_pinned_wrong_is_caught_at_the_first_signature(void **state)
{
    sigb_signer *other = opened("p384"), *signer = opened("hidden");
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(sigb_signer_spki(signer).len, 0);
    assert_int_equal(sigb_signer_expect(signer, sigb_signer_spki(other), NULL), SIGB_OK);
    assert_refused(sigb_signer_sign(signer, SIGB_ES384, TBS, &signature, diag), SIGB_E_SIGNATURE_FAULT,
                   "does not verify");
    assert_int_equal(signature.len, 0);
    sigb_signer_free(signer);
    sigb_signer_free(other);
}

static void an_rsa_key_tells_its_public_half_itself(void **state)
{
    const softhsm_key key = {.type = "RSA-2048", .label = "alone", .id = "alone"};
    sigb_signer *signer;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    softhsm_keygen(hsm, "release", &key);
    softhsm_destroy(hsm, "release", CKO_PUBLIC_KEY, "alone");
    signer = opened("alone");
    assert_true(sigb_signer_spki(signer).len > 0);
    assert_int_equal(sigb_signer_sign(signer, SIGB_PS256, TBS, &signature, NULL), SIGB_OK);
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

static void the_key_is_reached_through_p11_kits_proxy(void **state)
{
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(unsetenv("PKCS11_MODULE_PATH"), 0);
    assert_int_equal(open_with(NULL, "p256", &signer, NULL), SIGB_OK);
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    assert_int_equal(verify(sigb_signer_spki(signer), SIGB_ES256, sigb_buf_bytes(&signature)), SIGB_OK);
    sigb_buf_free(&signature);
    sigb_signer_free(signer);
}

/* ---- the end of the process ---- */

/* A child of its own, so that its exit is a real one. */
static void exit_without_free_is_no_crash(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        static sigb_signer *volatile signer; /* reachable to the end, so that it counts as no leak */
        sigb_buf signature = SIGB_BUF_INIT;

        leaks_are_meant();
        signer = opened("p256");
        exit(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL) == SIGB_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_type_signs_and_the_signature_verifies_in_software),
        cmocka_unit_test(the_public_key_reads_as_openssl_writes_it),
        cmocka_unit_test(fully_specified_algorithms_sign_too),
        cmocka_unit_test(a_signature_is_two_calls_and_no_other),
        cmocka_unit_test(a_spoiled_signature_never_leaves),
        cmocka_unit_test(a_call_that_fails_is_made_again),
        cmocka_unit_test(a_key_that_may_not_use_the_mechanism_is_refused),
        cmocka_unit_test(a_token_that_hashes_for_itself_is_used),
        cmocka_unit_test(a_key_that_asks_each_time_is_answered_with_the_kept_pin),
        cmocka_unit_test(a_hidden_public_key_is_pinned_from_outside),
        cmocka_unit_test(a_key_that_was_pinned_wrong_is_caught_at_the_first_signature),
        cmocka_unit_test(an_rsa_key_tells_its_public_half_itself),
        cmocka_unit_test(the_key_is_reached_through_p11_kits_proxy),
        cmocka_unit_test(exit_without_free_is_no_crash),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
