/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a key in sessions, which sign in its place: no list of what a token holds shows them, and none is taken for it. */
#include "tests/support/support.h"

#include "pkcs11/bridge.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

#define KEY  "pkcs11:token=release;object=copied"
#define ROOM 4

static softhsm *hsm;
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_new();
    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "copied", .id = "1"});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

/* A signature proves that there is a copy by now. */
static sigb_signer *copying(void)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    options.copy_key = true;
    if (sigb_signer_from_pkcs11(KEY, &options, &signer, &diag) != SIGB_OK ||
        sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    sigb_buf_free(&signature);
    return signer;
}

/* Private keys that Cryptoki shows, on the token or in sessions. */
static void count_objects(CK_BBOOL on_token, CK_ULONG *count)
{
    const CK_FUNCTION_LIST *calls = softhsm_calls(hsm);
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_TOKEN, &on_token, sizeof(on_token)}};
    CK_OBJECT_HANDLE found[ROOM];
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[ROOM];
    CK_ULONG slot_count = ROOM;

    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &slot_count), CKR_OK);
    assert_int_equal(calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(calls->C_FindObjectsInit(session, wanted, 2), CKR_OK);
    assert_int_equal(calls->C_FindObjects(session, found, ROOM, count), CKR_OK);
    assert_int_equal(calls->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(calls->C_CloseSession(session), CKR_OK);
}

/* ---- what lists show ---- */

/* How many private keys of any name the provider is told of. */
static size_t bridge_keys(const char *uri)
{
    const bridge_rules rules = {false, false};
    sigb_pkcs11_options options = softhsm_options();
    bridge_items items = {NULL, 0, NULL};
    sigb_diag diag = {{0}, 0};
    size_t count;

    if (bridge_list(uri, BRIDGE_PRIVATE, true, &options, &rules, &items, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    count = items.count;
    for (size_t i = 0; i < count; i++)
        assert_string_equal(items.item[i].label, "copied");
    bridge_items_free(&items);
    return count;
}

static size_t token_list_keys(const char *uri)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    listing_take(&list, uri, &options);
    return listing_count(&list, "private");
}

static void a_list_shows_the_key_and_none_of_its_copies(void **state)
{
    static const char *const uris[] = {"pkcs11:token=release", KEY, "pkcs11:token=release;id=1;type=private"};
    sigb_signer *signers[] = {copying(), copying()};
    CK_ULONG keys = 0, copies = 0;

    (void)state;
    count_objects(CK_TRUE, &keys);
    count_objects(CK_FALSE, &copies);
    assert_int_equal(keys, 1);
    assert_int_equal(copies, 2);
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        assert_int_equal(bridge_keys(uris[i]), 1);
        assert_int_equal(token_list_keys(uris[i]), 1);
    }
    sigb_signer_free(signers[0]);
    sigb_signer_free(signers[1]);
}

/* ---- what verbs take ---- */

static void a_certificate_is_made_with_the_key_beside_its_copies(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    const sigb_cert_request request = {
        .role = SIGB_CERT_ROOT, .subject = "CN=Copied", .days = 1, .from = SIGB_TIME_NOW, .key = KEY};
    sigb_signer *signer = copying();
    sigb_buf der = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    (void)state;
    if (sigb_token_cert(&request, &options, &der, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    sigb_buf_free(&der);
    sigb_signer_free(signer);
}

static void count_key_finding(void *arg, const sigb_finding *finding)
{
    if (strcmp(finding->check, "key") == 0) {
        assert_int_equal(finding->verdict, SIGB_VERDICT_OK);
        assert_null(strstr(finding->found, "2 private keys"));
        ++*(int *)arg;
    }
}

static void the_doctor_finds_one_key_beside_its_copies(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    sigb_signer *signer = copying();
    int findings = 0;

    (void)state;
    (void)!sigb_token_doctor(KEY, NULL, &options, count_key_finding, &findings, NULL);
    assert_int_equal(findings, 1);
    sigb_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_shows_the_key_and_none_of_its_copies),
        cmocka_unit_test(a_certificate_is_made_with_the_key_beside_its_copies),
        cmocka_unit_test(the_doctor_finds_one_key_beside_its_copies),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
