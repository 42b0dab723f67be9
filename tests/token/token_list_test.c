/* SPDX-License-Identifier: Apache-2.0 */
/* token list on real SoftHSM tokens. */
#include "tests/support/support.h"

#include "pkcs11/pkcs11.h"
#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

#define HOSTILE "k\x1b[31m;?%\xe2\x80\xae\xff"

static const struct {
    const char *type, *label, *id;
} KEYS[] = {
    {"P-256", "p256", "\x01"},        {"P-384", "p384", "\x02"},       {"P-521", "p521", "\x03"},
    {"RSA-2048", "rsa2048", "\x04"},  {"RSA-3072", "rsa3072", "\x05"}, {"Ed25519", "ed", "\x06"},
    {"secp256k1", "koblitz", "\x07"},
};

#define KEY_COUNT (sizeof(KEYS) / sizeof(KEYS[0]))

static int rig_open(void **state)
{
    softhsm *hsm = softhsm_new();

    softhsm_token(hsm, "release");
    for (size_t i = 0; i < KEY_COUNT; i++)
        softhsm_keygen(hsm, "release",
                       &(softhsm_key){.type = KEYS[i].type, .label = KEYS[i].label, .id = KEYS[i].id});
    softhsm_cert(hsm, "release", "junk", "\x09", "not DER", 7);
    *state = hsm;
    return 0;
}

static int rig_close(void **state)
{
    softhsm_free(*state);
    return 0;
}

/* libp11 0.4.12 shows nothing of a token that holds one Ed25519 key. */
static void keys_of_every_type_are_seen_beside_an_ed25519_key(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    (void)state;
    listing_take(&list, "pkcs11:token=release", &options);
    assert_int_equal(listing_count(&list, "private"), KEY_COUNT);
    assert_int_equal(listing_count(&list, "public"), KEY_COUNT);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const listed *private = listing_find(&list, "private", KEYS[i].label);
        const listed *public = listing_find(&list, "public", KEYS[i].label);

        assert_string_equal(private->type, KEYS[i].type);
        assert_string_equal(public->type, KEYS[i].type);
        assert_int_equal(private->id_len, 1);
        assert_memory_equal(private->id, KEYS[i].id, 1);
        assert_string_equal(private->token, "release");
        assert_non_null(strstr(private->note, "sensitive, never extractable, made in the token, sign"));
        assert_non_null(strstr(public->note, "verify"));
    }
}

static void without_a_pin_there_is_no_login_and_private_keys_stay_hidden(void **state)
{
    sigb_pkcs11_options options = softhsm_options_without_pin();
    listing list;

    (void)state;
    listing_take(&list, "pkcs11:token=release", &options);
    assert_int_equal(listing_count(&list, "token"), 1);
    assert_int_equal(listing_count(&list, "private"), 0);
    assert_int_equal(listing_count(&list, "public"), KEY_COUNT);
    assert_int_equal(listing_count(&list, "cert"), 1);
}

static void the_pin_is_asked_once_a_token(void **state)
{
    int asked = 0;
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    (void)state;
    options.pin_arg = &asked;
    listing_take(&list, "pkcs11:token=release", &options);
    assert_int_equal(asked, 1);
}

/* A public key's names the pair. */
static void each_uri_names_exactly_its_item(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list, one;

    (void)state;
    listing_take(&list, "pkcs11:token=release", &options);
    for (size_t i = 0; i < list.count; i++) {
        const listed *item = &list.items[i];
        size_t wanted = strcmp(item->kind, "public") == 0 ? 3 : 2; /* its token first */

        if (strcmp(item->kind, "token") == 0)
            continue;
        listing_take(&one, item->uri, &options);
        assert_int_equal(one.count, wanted);
        assert_string_equal(one.items[wanted - 1].uri, item->uri);
        assert_string_equal(one.items[wanted - 1].kind, item->kind);
        assert_null(strstr(item->uri, "pin-"));
    }
}

/* What a list shows without a login is enough to sign with, verbatim. */
static void the_uri_of_a_key_opens_a_signer(void **state)
{
    sigb_pkcs11_options options = softhsm_options(), without = softhsm_options_without_pin();
    listing lists[2];

    (void)state;
    listing_take(&lists[0], "pkcs11:token=release", &options);
    listing_take(&lists[1], "pkcs11:token=release", &without);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < lists[i].count; j++) {
            const listed *item = &lists[i].items[j];
            sigb_signer *signer = NULL;
            sigb_diag diag = {{0}, 0};

            if ((strcmp(item->kind, "private") != 0 && strcmp(item->kind, "public") != 0) ||
                strcmp(item->type, "secp256k1") == 0)
                continue;
            if (sigb_signer_from_pkcs11(item->uri, &options, &signer, &diag) != SIGB_OK)
                fail_msg("%s: %s", item->uri, diag.text);
            sigb_signer_free(signer);
        }
}

static void a_uri_narrows_the_list(void **state)
{
    static const struct {
        const char *uri;
        size_t private, public, cert;
    } rows[] = {
        {"pkcs11:token=release;object=p384", 1, 1, 0},
        {"pkcs11:token=release;id=%02", 1, 1, 0},
        {"pkcs11:token=release;id=%02;object=p256", 0, 0, 0},
        {"pkcs11:token=release;type=public", 0, KEY_COUNT, 0},
        {"pkcs11:token=release;type=cert", 0, 0, 1},
        {"pkcs11:token=release;object=absent", 0, 0, 0},
    };
    sigb_pkcs11_options options = softhsm_options();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        listing list;

        print_message("%s\n", rows[i].uri);
        listing_take(&list, rows[i].uri, &options);
        assert_int_equal(listing_count(&list, "private"), rows[i].private);
        assert_int_equal(listing_count(&list, "public"), rows[i].public);
        assert_int_equal(listing_count(&list, "cert"), rows[i].cert);
    }
}

static void a_certificate_that_is_none_is_listed_as_that(void **state)
{
    sigb_pkcs11_options options = softhsm_options_without_pin();
    listing list;

    (void)state;
    listing_take(&list, "pkcs11:token=release;type=cert", &options);
    assert_string_equal(listing_find(&list, "cert", "junk")->note, "not a certificate that can be read");
    assert_string_equal(listing_find(&list, "cert", "junk")->type, "X.509");
}

static void a_free_token_is_named_by_its_slot(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list, one;
    const listed *empty;

    (void)state;
    listing_take(&list, "pkcs11:", &options);
    assert_int_equal(listing_count(&list, "token"), 2);
    empty = listing_find(&list, "token", "");
    assert_string_equal(empty->note, "not initialised");
    assert_memory_equal(empty->uri, "pkcs11:slot-id=", 15);
    listing_take(&one, empty->uri, &options);
    assert_int_equal(one.count, 1);
    assert_string_equal(one.items[0].uri, empty->uri);
}

static void hostile_labels_come_raw_and_their_uri_is_encoded(void **state)
{
    softhsm *hsm = *state;
    sigb_pkcs11_options options = softhsm_options();
    listing list, one;
    const listed *item;

    softhsm_token(hsm, "t;?\x1b[0m%");
    softhsm_keygen(hsm, "t;?\x1b[0m%", &(softhsm_key){.type = "P-256", .label = HOSTILE, .id = "\x01\xff"});
    listing_take(&list, "pkcs11:", &options);
    item = listing_find(&list, "private", HOSTILE);
    assert_string_equal(item->token, "t;?\x1b[0m%");
    for (const char *c = item->uri; *c != '\0'; c++)
        assert_true(*c > 0x20 && *c < 0x7F);
    listing_take(&one, item->uri, &options);
    assert_int_equal(listing_count(&one, "private"), 1);
    assert_string_equal(one.items[1].label, HOSTILE);
}

static void two_tokens_with_one_label_are_told_apart_by_serial(void **state)
{
    softhsm *hsm = *state;
    sigb_pkcs11_options options = softhsm_options();
    listing list, one;

    softhsm_token(hsm, "twin");
    softhsm_token(hsm, "twin");
    softhsm_keygen(hsm, "twin", &(softhsm_key){.type = "P-256", .label = "only", .id = "\x01"});
    listing_take(&list, "pkcs11:token=twin", &options);
    assert_int_equal(listing_count(&list, "token"), 2);
    assert_int_equal(listing_count(&list, "private"), 1);
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.items[i].kind, "token") == 0) {
            listing_take(&one, list.items[i].uri, &options);
            assert_int_equal(listing_count(&one, "token"), 1);
            assert_string_equal(one.items[0].serial, list.items[i].serial);
        }
}

/* The states of PINs come from flags of the token; a wrong PIN makes SoftHSM raise one. */
static void a_wrong_pin_fails_and_is_told_by_the_next_list(void **state)
{
    softhsm *hsm = *state;
    sigb_pkcs11_options options = softhsm_options();
    listing list;

    options.pin = softhsm_wrong_pin;
    assert_refused(
        sigb_token_list("pkcs11:token=release", &options, listing_add, memset(&list, 0, sizeof(list)), diag),
        SIGB_E_PIN_INCORRECT, "tried once");
    assert_int_not_equal(softhsm_flags(hsm, "release") & CKF_USER_PIN_COUNT_LOW, 0);
    options = softhsm_options_without_pin();
    listing_take(&list, "pkcs11:token=release", &options);
    assert_string_equal(listing_find(&list, "token", "release")->note, "user PIN was entered wrongly");
}

static void what_cannot_be_listed_is_refused(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    listing list = {.count = 0};

    (void)state;
    assert_refused(sigb_token_list("pkcs11:token=absent", &options, listing_add, &list, diag),
                   SIGB_E_TOKEN_ABSENT, "no token matches");
    assert_refused(sigb_token_list("pkcs11:token=a;token=b", &options, listing_add, &list, diag), SIGB_E_URI,
                   "twice");
    assert_refused(sigb_token_list(NULL, &options, listing_add, &list, diag), SIGB_E_USAGE, "needs a URI");
    options.module = "/nonexistent/module.so";
    assert_refused(sigb_token_list("pkcs11:", &options, listing_add, &list, diag), SIGB_E_MODULE,
                   "/nonexistent/module.so");
    assert_int_equal(list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_type_are_seen_beside_an_ed25519_key),
        cmocka_unit_test(without_a_pin_there_is_no_login_and_private_keys_stay_hidden),
        cmocka_unit_test(the_pin_is_asked_once_a_token),
        cmocka_unit_test(each_uri_names_exactly_its_item),
        cmocka_unit_test(the_uri_of_a_key_opens_a_signer),
        cmocka_unit_test(a_uri_narrows_the_list),
        cmocka_unit_test(a_certificate_that_is_none_is_listed_as_that),
        cmocka_unit_test(a_free_token_is_named_by_its_slot),
        cmocka_unit_test(hostile_labels_come_raw_and_their_uri_is_encoded),
        cmocka_unit_test(two_tokens_with_one_label_are_told_apart_by_serial),
        cmocka_unit_test(a_wrong_pin_fails_and_is_told_by_the_next_list),
        cmocka_unit_test(what_cannot_be_listed_is_refused),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
