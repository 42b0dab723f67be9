/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/crypto.h>

#include "base/text.h"
#include "pkcs11/pkcs11.h"

static sigb_rc parse(const char *text, sigb_diag *diag)
{
    p11_uri *uri = NULL;
    sigb_rc rc = p11_uri_parse(text, NULL, &uri, diag);

    assert_true((rc == SIGB_OK) == (uri != NULL));
    p11_uri_free(uri);
    return rc;
}

static p11_uri *parsed(const char *text)
{
    p11_uri *uri = NULL;

    assert_int_equal(p11_uri_parse(text, NULL, &uri, NULL), SIGB_OK);
    return uri;
}

static void attributes_are_decoded(void **state)
{
    p11_uri *uri = parsed("pkcs11:token=My%20token;serial=0042;object=a%3Bb%2fc;id=%00%01%fF;type=private"
                          "?module-path=/usr/lib/m.so&pin-source=file:/run/pin");
    CK_OBJECT_CLASS class = 0;

    (void)state;
    assert_string_equal(p11_uri_token(uri), "My token");
    assert_string_equal(p11_uri_serial(uri), "0042");
    assert_string_equal(p11_uri_object(uri), "a;b/c");
    assert_true(sigb_bytes_equal(p11_uri_id(uri), sigb_bytes_of("\0\1\xff", 3)));
    assert_true(p11_uri_has_id(uri));
    assert_true(p11_uri_class(uri, &class));
    assert_int_equal(class, CKO_PRIVATE_KEY);
    assert_string_equal(p11_uri_module_path(uri), "/usr/lib/m.so");
    assert_string_equal(p11_uri_pin_source(uri), "file:/run/pin");
    assert_false(p11_uri_has_pin(uri));
    p11_uri_free(uri);
}

static void what_a_uri_does_not_say_is_absent(void **state)
{
    p11_uri *uri = parsed("PKCS11:");
    CK_OBJECT_CLASS class = 77;

    (void)state;
    assert_null(p11_uri_token(uri));
    assert_null(p11_uri_serial(uri));
    assert_null(p11_uri_object(uri));
    assert_false(p11_uri_has_id(uri));
    assert_int_equal(p11_uri_id(uri).len, 0);
    assert_false(p11_uri_class(uri, &class));
    assert_int_equal(class, 77);
    assert_null(p11_uri_module_path(uri));
    assert_null(p11_uri_module_name(uri));
    assert_null(p11_uri_pin_source(uri));
    p11_uri_free(uri);
}

static void every_path_attribute_of_the_standard_is_taken(void **state)
{
    static const char *const rows[] = {
        "pkcs11:token=a",
        "pkcs11:manufacturer=a",
        "pkcs11:serial=a",
        "pkcs11:model=a",
        "pkcs11:library-manufacturer=a",
        "pkcs11:library-description=a",
        "pkcs11:library-version=2",
        "pkcs11:library-version=2.40",
        "pkcs11:object=a",
        "pkcs11:type=public",
        "pkcs11:type=cert",
        "pkcs11:type=secret-key",
        "pkcs11:type=data",
        "pkcs11:id=a%01",
        "pkcs11:id=%20",
        "pkcs11:slot-description=a",
        "pkcs11:slot-manufacturer=a",
        "pkcs11:slot-id=123456789",
        "pkcs11:token=a&b=c:[]@!$'()*+,",
        "pkcs11:?module-name=softhsm2",
        "pkcs11:?pin-source=/run/pin?|x",
        "pkcs11:?pin-value=1234",
        "pkcs11:?",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i]);
        assert_int_equal(parse(rows[i], NULL), SIGB_OK);
    }
}

static void a_uri_is_refused_for_what_p11_kit_lets_pass(void **state)
{
    static const struct {
        const char *uri, *says;
    } rows[] = {
        {"", "\"pkcs11:\" is wanted"},
        {" pkcs11:token=a", "\"pkcs11:\" is wanted"},
        {"file:token=a", "\"pkcs11:\" is wanted"},
        {"pkcs11:token=a;token=b", "token= in the URI is there twice"},
        {"pkcs11:id=%01;id=%01", "id= in the URI is there twice"},
        {"pkcs11:?pin-source=/a&pin-source=/a", "pin-source= in the URI is there twice"},
        {"pkcs11:token=%00", "token= in the URI holds %00"},
        {"pkcs11:object=a%00", "object= in the URI holds %00"},
        {"pkcs11:?pin-value=12%0034", "pin-value= in the URI holds %00"},
        {"pkcs11: token=a", "position 8 of"},
        {"pkcs11:token= a", "position 14 of"},
        {"pkcs11:token=a ", "position 15 of"},
        {"pkcs11:token=a\n", "position 15 of"},
        {"pkcs11:token=a\x1b[31m", "position 15 of"},
        {"pkcs11:token=\xc3\xbc", "position 14 of"},
        {"pkcs11:token=a#b", "position 15 of"},
        {"pkcs11:token=a/b", "position 15 of"},
        {"pkcs11:token=%4", "position 14 of"},
        {"pkcs11:token=%4g", "position 14 of"},
        {"pkcs11:token=%", "position 14 of"},
        {"pkcs11:?pin-value=12 34", "position 21 of"},
        {"pkcs11:token=", "token= in the URI is empty or blank"},
        {"pkcs11:token=%20%20", "token= in the URI is empty or blank"},
        {"pkcs11:serial=%20", "serial= in the URI is empty or blank"},
        {"pkcs11:object=", "object= in the URI is empty or blank"},
        {"pkcs11:id=", "id= in the URI is empty or blank"},
        {"pkcs11:?pin-value=", "pin-value= in the URI is empty"},
        {"pkcs11:token=123456789012345678901234567890123", "33 bytes where at most 32"},
        {"pkcs11:serial=12345678901234567", "17 bytes where at most 16"},
        {"pkcs11:colour=red", "unknown path attribute \"colour\""},
        {"pkcs11:x-vendor=1", "unknown path attribute \"x-vendor\""},
        {"pkcs11:Token=a", "unknown path attribute \"Token\""},
        {"pkcs11:pin-value=1234", "unknown path attribute \"pin-value\""},
        {"pkcs11:pinfile=/a", "unknown path attribute \"pinfile\""},
        {"pkcs11:%74oken=a", "position 8 of"},
        {"pkcs11:token", "not name=value"},
        {"pkcs11:=a", "not name=value"},
        {"pkcs11:;", "not name=value"},
        {"pkcs11:token=a;", "not name=value"},
        {"pkcs11:token=a;;serial=1", "not name=value"},
        {"pkcs11:?&", "not name=value"},
        {"pkcs11:type=key", "private, public, cert, secret-key or data is wanted"},
        {"pkcs11:slot-id=-1", "a decimal number is wanted"},
        {"pkcs11:slot-id=0x10", "a decimal number is wanted"},
        {"pkcs11:slot-id=18446744073709551615", "20 bytes where at most 18"},
        {"pkcs11:library-version=2.", "MAJOR or MAJOR.MINOR is wanted"},
        {"pkcs11:library-version=.2", "MAJOR or MAJOR.MINOR is wanted"},
        {"pkcs11:library-version=300.1", "p11-kit cannot read the URI"},
        {"pkcs11:?pin-value=1&pin-source=/a", "both pin-source= and pin-value="},
        {"pkcs11:?module-path=/a&module-name=b", "both module-name= and module-path="},
        {"pkcs11:?module-path=a.so", "an absolute path is wanted"},
        {"pkcs11:?module-name=../a", "a name without slashes is wanted"},
        {"pkcs11:?module-name=a/b", "a name without slashes is wanted"},
        {"pkcs11:?pin-source=|cat%20/pin", "commands and other sources are not run is wanted"},
        {"pkcs11:?pin-source=file:pin", "file:/PATH or an absolute path"},
        {"pkcs11:?pin-source=file://host/pin", "file:/PATH or an absolute path"},
        {"pkcs11:?pin-source=env:PIN", "file:/PATH or an absolute path"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].uri);
        assert_refused(parse(rows[i].uri, diag), SIGB_E_URI, rows[i].says);
    }
}

static void limits_are_kept(void **state)
{
    char text[SIGB_MAX_URI + 2];
    char pin[SIGB_MAX_PIN_LEN + 40];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "pkcs11:object=", 14);
    text[SIGB_MAX_URI + 1] = '\0';
    assert_refused(parse(text, diag), SIGB_E_LIMIT, "more than 4096 characters");
    text[SIGB_MAX_URI] = '\0';
    assert_int_equal(parse(text, NULL), SIGB_OK);
    memset(pin, '7', sizeof(pin));
    memcpy(pin, "pkcs11:?pin-value=", 18);
    pin[18 + SIGB_MAX_PIN_LEN + 1] = '\0';
    assert_refused(parse(pin, diag), SIGB_E_LIMIT, "more than 255 bytes");
    pin[18 + SIGB_MAX_PIN_LEN] = '\0';
    assert_int_equal(parse(pin, NULL), SIGB_OK);
    assert_refused(parse(NULL, diag), SIGB_E_USAGE, "no pkcs11: URI");
}

static void keep_note(void *arg, const char *text)
{
    text_put(arg, text);
    text_put(arg, "\n");
}

static const char *notes_of(const char *text, sigb_buf *heard)
{
    const sigb_notes notes = {keep_note, heard};
    p11_uri *uri = NULL;

    assert_int_equal(p11_uri_parse(text, &notes, &uri, NULL), SIGB_OK);
    p11_uri_free(uri);
    return text_c_str(heard);
}

static void a_pin_in_the_uri_draws_a_warning_that_does_not_hold_it(void **state)
{
    sigb_buf heard = SIGB_BUF_INIT;
    const char *text = notes_of("pkcs11:token=a?pin-value=987654", &heard);

    (void)state;
    assert_non_null(strstr(text, "pin-value="));
    assert_null(strstr(text, "987654"));
    sigb_buf_free(&heard);
}

static void an_unknown_query_attribute_is_passed_over_with_a_note(void **state)
{
    sigb_buf heard = SIGB_BUF_INIT;
    const char *text = notes_of("pkcs11:token=a?x-colour=red&x-colour=blue", &heard);

    (void)state;
    assert_non_null(strstr(text, "\"x-colour\" in the URI is passed over"));
    sigb_buf_free(&heard);
}

static void no_refusal_holds_a_part_of_the_pin(void **state)
{
    static const char *const rows[] = {
        "pkcs11:?pin-value=987 654", "pkcs11:?pin-value=987654%0", "pkcs11:?pin-value=987654&pin-source=/a",
        "pkcs11:?pin-value=987654&pin-value=987654", "pkcs11:?pin-value=987654#"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_diag diag = {{0}, 0};
        assert_int_equal(parse(rows[i], &diag), SIGB_E_URI);
        assert_null(strstr(diag.text, "987"));
        assert_null(strstr(diag.text, "654"));
    }
}

static void what_is_written_reads_back_the_same(void **state)
{
    static const p11_name name = {.token = " a;b\xc3\xbc%\x1b[1m?",
                                  .serial = "00 42",
                                  .manufacturer = "SoftHSM project",
                                  .model = "v2&=",
                                  .object = "k/e\\y",
                                  .id = {(const uint8_t *)"\0 \xff", 3},
                                  .type = "private"};
    sigb_buf text = SIGB_BUF_INIT;
    p11_uri *uri;
    CK_OBJECT_CLASS class = 0;

    (void)state;
    p11_uri_format(&text, &name);
    uri = parsed(text_c_str(&text));
    assert_string_equal(p11_uri_token(uri), name.token);
    assert_string_equal(p11_uri_serial(uri), name.serial);
    assert_string_equal(p11_uri_object(uri), name.object);
    assert_true(sigb_bytes_equal(p11_uri_id(uri), name.id));
    assert_true(p11_uri_class(uri, &class));
    assert_int_equal(class, CKO_PRIVATE_KEY);
    p11_uri_free(uri);
    sigb_buf_free(&text);
}

static void blank_names_are_not_written(void **state)
{
    static const p11_name name = {.token = "  ", .serial = "", .object = "key"};
    sigb_buf text = SIGB_BUF_INIT;

    (void)state;
    p11_uri_format(&text, &name);
    assert_string_equal(text_c_str(&text), "pkcs11:object=key");
    sigb_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_decoded),
        cmocka_unit_test(what_a_uri_does_not_say_is_absent),
        cmocka_unit_test(every_path_attribute_of_the_standard_is_taken),
        cmocka_unit_test(a_uri_is_refused_for_what_p11_kit_lets_pass),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_pin_in_the_uri_draws_a_warning_that_does_not_hold_it),
        cmocka_unit_test(an_unknown_query_attribute_is_passed_over_with_a_note),
        cmocka_unit_test(no_refusal_holds_a_part_of_the_pin),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(blank_names_are_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
