/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/crypto.h>
#include <p11-kit/uri.h>

#include "base/text.h"
#include "pkcs11/internal.h"

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
        {"pkcs11:library-version=2.", "MAJOR or MAJOR.MINOR, each"},
        {"pkcs11:library-version=.2", "MAJOR or MAJOR.MINOR, each"},
        {"pkcs11:library-version=300.1", "each at most 255 is wanted"},
        {"pkcs11:library-version=2.256", "each at most 255 is wanted"},
        {"pkcs11:library-version=2.1.0", "each at most 255 is wanted"},
        {"pkcs11:?pin-value=1&pin-source=/a", "both pin-source= and pin-value="},
        {"pkcs11:?module-path=/a&module-name=b", "both module-name= and module-path="},
        {"pkcs11:?module-path=a.so", "an absolute path is wanted"},
        {"pkcs11:?module-name=../a", "a name without slashes is wanted"},
        {"pkcs11:?module-name=a/b", "a name without slashes is wanted"},
        {"pkcs11:?pin-source=|cat%20/pin", "commands and other sources are not run) is wanted"},
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

static void pad(CK_UTF8CHAR *field, size_t width, const char *text)
{
    memset(field, ' ', width);
    memcpy(field, text, strlen(text));
}

/* A library, a slot and a token that are called by the same name. */
typedef struct named {
    CK_INFO library;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;
} named;

static named named_so(const char *text)
{
    named made = {.library.libraryVersion = {2, 1}};

    pad(made.library.manufacturerID, sizeof(made.library.manufacturerID), text);
    pad(made.library.libraryDescription, sizeof(made.library.libraryDescription), text);
    pad(made.slot.slotDescription, sizeof(made.slot.slotDescription), text);
    pad(made.slot.manufacturerID, sizeof(made.slot.manufacturerID), text);
    pad(made.token.label, sizeof(made.token.label), text);
    pad(made.token.manufacturerID, sizeof(made.token.manufacturerID), text);
    pad(made.token.model, sizeof(made.token.model), text);
    pad(made.token.serialNumber, sizeof(made.token.serialNumber), text);
    return made;
}

static bool fits(const char *text, const named *of)
{
    p11_uri *uri = parsed(text);
    bool fitting = p11_uri_fits_library(uri, &of->library) && p11_uri_fits_slot(uri, 7, &of->slot) &&
                   p11_uri_fits_token(uri, &of->token);

    p11_uri_free(uri);
    return fitting;
}

static bool fits_p11_kit(const char *text, const named *of)
{
    P11KitUri *uri = p11_kit_uri_new();
    bool fitting;

    assert_int_equal(p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri), P11_KIT_URI_OK);
    fitting = p11_kit_uri_match_module_info(uri, &of->library) == 1 &&
              p11_kit_uri_match_slot_info(uri, &of->slot) == 1 &&
              p11_kit_uri_match_token_info(uri, &of->token) == 1 &&
              (p11_kit_uri_get_slot_id(uri) == (CK_SLOT_ID)-1 || p11_kit_uri_get_slot_id(uri) == 7);
    p11_kit_uri_free(uri);
    return fitting;
}

/* Each attribute with a value that is the same, shorter, longer, or of the full width. */
static void what_fits_is_what_fits_for_p11_kit(void **state)
{
    static const char *const attributes[] = {"token",
                                             "manufacturer",
                                             "serial",
                                             "model",
                                             "library-manufacturer",
                                             "library-description",
                                             "slot-description",
                                             "slot-manufacturer"};
    static const char *const values[] = {"name", "nam", "name2", "name%20", "Name", "0123456789abcdef"};
    static const char *const others[] = {"pkcs11:",
                                         "pkcs11:library-version=2",
                                         "pkcs11:library-version=2.0",
                                         "pkcs11:library-version=2.1",
                                         "pkcs11:library-version=02.01",
                                         "pkcs11:library-version=2.10",
                                         "pkcs11:slot-id=7",
                                         "pkcs11:slot-id=70",
                                         "pkcs11:slot-id=007",
                                         "pkcs11:token=name;slot-id=7;model=nam"};
    const named short_name = named_so("name"), full_width = named_so("0123456789abcdef");
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            (void)snprintf(text, sizeof(text), "pkcs11:%s=%s", attributes[i], values[k]);
            assert_int_equal(fits(text, &short_name), k == 0 || k == 3);
            assert_int_equal(fits(text, &short_name), fits_p11_kit(text, &short_name));
            assert_int_equal(fits(text, &full_width), k == 5);
            assert_int_equal(fits(text, &full_width), fits_p11_kit(text, &full_width));
        }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        print_message("%s\n", others[i]);
        assert_int_equal(fits(others[i], &short_name), fits_p11_kit(others[i], &short_name));
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
        cmocka_unit_test(what_fits_is_what_fits_for_p11_kit),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_pin_in_the_uri_draws_a_warning_that_does_not_hold_it),
        cmocka_unit_test(an_unknown_query_attribute_is_passed_over_with_a_note),
        cmocka_unit_test(no_refusal_holds_a_part_of_the_pin),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(blank_names_are_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
