/* SPDX-License-Identifier: Apache-2.0 */
/* token delete on real SoftHSM tokens: asked once, with everything, and only what was named goes. */
#include "tests/support/support.h"

#include "tests/support/listing.h"
#include "tests/support/softhsm.h"

/* Somebody who answers, and remembers what was shown. */
typedef struct person {
    bool answer;
    int asked;
    listing shown;
} person;

static bool answer(void *arg, const sigb_token_item *items, size_t count)
{
    person *who = arg;

    who->asked++;
    for (size_t i = 0; i < count; i++)
        listing_add(&who->shown, &items[i]);
    return who->answer;
}

static int rig_open(void **state)
{
    softhsm *hsm = softhsm_new();

    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "old", .id = "\x01"});
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "Ed25519", .label = "keep", .id = "\x02"});
    softhsm_cert(hsm, "release", "old cert", "\x01", "x", 1);
    *state = hsm;
    return 0;
}

static int rig_close(void **state)
{
    softhsm_free(*state);
    return 0;
}

static void take_all(listing *list)
{
    sigb_pkcs11_options options = softhsm_options();

    listing_take(list, "pkcs11:token=release", &options);
}

static void all_is_shown_and_a_refusal_keeps_it_all(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    person who = {.answer = false};
    listing list;

    (void)state;
    assert_refused(sigb_token_delete("pkcs11:token=release;id=%01", &options, answer, &who, diag),
                   SIGB_E_REFUSED, "not confirmed; nothing was deleted");
    assert_int_equal(who.asked, 1);
    assert_int_equal(who.shown.count, 3);
    assert_string_equal(listing_find(&who.shown, "private", "old")->type, "P-256");
    assert_string_equal(listing_find(&who.shown, "public", "old")->type, "P-256");
    assert_string_equal(listing_find(&who.shown, "cert", "old cert")->type, "X.509");
    take_all(&list);
    assert_int_equal(list.count, 1 + 5);
}

static void a_uri_that_names_no_object_deletes_nothing(void **state)
{
    static const char *const uris[] = {"pkcs11:token=release", "pkcs11:token=release;type=private",
                                       "pkcs11:"};
    sigb_pkcs11_options options = softhsm_options();
    person who = {.answer = true};
    listing list;

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
        assert_refused(sigb_token_delete(uris[i], &options, answer, &who, diag), SIGB_E_USAGE,
                       "add object= or id=");
    assert_refused(sigb_token_delete("pkcs11:token=release;object=absent", &options, answer, &who, diag),
                   SIGB_E_KEY_ABSENT, "no object that the URI names");
    assert_refused(sigb_token_delete("pkcs11:token=release;object=old", &options, NULL, NULL, diag),
                   SIGB_E_USAGE, "somebody who confirms");
    assert_int_equal(who.asked, 0);
    take_all(&list);
    assert_int_equal(list.count, 1 + 5);
}

static void a_type_narrows_what_goes(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    person who = {.answer = true};
    listing list;

    (void)state;
    assert_int_equal(sigb_token_delete("pkcs11:token=release;id=%01;type=cert", &options, answer, &who, NULL),
                     SIGB_OK);
    assert_int_equal(who.shown.count, 1);
    take_all(&list);
    assert_int_equal(listing_count(&list, "cert"), 0);
    assert_int_equal(list.count, 1 + 4);
}

static void what_was_confirmed_goes_and_the_rest_stays(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    person who = {.answer = true};
    listing list;

    (void)state;
    assert_int_equal(sigb_token_delete("pkcs11:token=release;object=old", &options, answer, &who, NULL),
                     SIGB_OK);
    assert_int_equal(who.asked, 1);
    assert_int_equal(who.shown.count, 2);
    take_all(&list);
    assert_int_equal(list.count, 1 + 2);
    assert_string_equal(listing_find(&list, "private", "keep")->type, "Ed25519");
    assert_string_equal(listing_find(&list, "public", "keep")->type, "Ed25519");
}

/* What keygen makes is not modifiable; that does not keep it from being deleted. */
static void a_key_of_our_own_making_goes_too(void **state)
{
    sigb_pkcs11_options options = softhsm_options();
    const sigb_keygen keygen = {.type = "P-384", .label = "ours"};
    person who = {.answer = true};
    sigb_buf made = SIGB_BUF_INIT;
    listing list;

    (void)state;
    assert_int_equal(sigb_token_keygen("pkcs11:token=release", &keygen, &options, &made, NULL), SIGB_OK);
    assert_int_equal(sigb_token_delete("pkcs11:token=release;object=ours", &options, answer, &who, NULL),
                     SIGB_OK);
    take_all(&list);
    assert_int_equal(list.count, 1 + 2);
    sigb_buf_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_shown_and_a_refusal_keeps_it_all),
        cmocka_unit_test(a_uri_that_names_no_object_deletes_nothing),
        cmocka_unit_test(a_type_narrows_what_goes),
        cmocka_unit_test(what_was_confirmed_goes_and_the_rest_stays),
        cmocka_unit_test(a_key_of_our_own_making_goes_too),
    };

    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
