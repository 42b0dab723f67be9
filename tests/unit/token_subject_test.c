/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <openssl/bio.h>

#include "token/subject.h"

/* RFC 4514 as OpenSSL writes it, attribute types by name or OID. */
static void assert_name(const X509_NAME *name, const char *wanted)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    assert_true(X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
                0);
    len = BIO_get_mem_data(out, &text);
    if ((size_t)len != strlen(wanted) || memcmp(text, wanted, (size_t)len) != 0)
        fail_msg("name: %.*s, wanted: %s", (int)len, text, wanted);
    BIO_free(out);
}

static void what_is_written_is_what_stands_in_the_name(void **state)
{
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"CN=Example Root,O=Example", "CN=Example Root,O=Example"},
        {"CN=a, O=b,  C=DE", "CN=a,O=b,C=DE"},
        {"cn=lower,Ou=x,OU=y", "CN=lower,OU=x,OU=y"},
        {"CN=Smith\\, John\\+Co\\=\\\\", "CN=Smith\\, John\\+Co=\\\\"},
        {"CN=a=b", "CN=a=b"},
        {"2.5.4.3=by number", "CN=by number"},
        {"2.25.329800735698586629295641978511506172918=uuid,CN=x",
         "2.25.329800735698586629295641978511506172918=#0C0475756964,CN=x"},
        {"CN=G\xc3\xbcnter", "CN=G\xc3\xbcnter"},
        {"CN=x,STREET=Main 1,L=Kiel,ST=SH,SERIALNUMBER=A-1,emailAddress=a@b.example",
         "CN=x,street=Main 1,L=Kiel,ST=SH,serialNumber=A-1,emailAddress=a@b.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509_NAME *name = NULL;
        sigb_diag diag = {{0}, 0};

        print_message("%s\n", rows[i].text);
        if (subject_parse(rows[i].text, &name, &diag) != SIGB_OK)
            fail_msg("%s", diag.text);
        assert_name(name, rows[i].name);
        X509_NAME_free(name);
    }
}

static void strings_have_the_type_their_attribute_wants(void **state)
{
    static const struct {
        const char *text;
        int nid, type;
    } rows[] = {
        {"CN=x", NID_commonName, V_ASN1_UTF8STRING},
        {"C=DE", NID_countryName, V_ASN1_PRINTABLESTRING},
        {"2.5.4.6=DE", NID_countryName, V_ASN1_PRINTABLESTRING},
        {"SERIALNUMBER=1", NID_serialNumber, V_ASN1_PRINTABLESTRING},
        {"emailAddress=a@b", NID_pkcs9_emailAddress, V_ASN1_IA5STRING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509_NAME *name = NULL;
        int at;

        assert_int_equal(subject_parse(rows[i].text, &name, NULL), SIGB_OK);
        at = X509_NAME_get_index_by_NID(name, rows[i].nid, -1);
        assert_true(at >= 0);
        assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))),
                         rows[i].type);
        X509_NAME_free(name);
    }
}

#define SIXTY_FIVE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void what_is_hostile_or_unclear_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {NULL, "needs a subject"},
        {"", "needs a subject"},
        {"Example", "is not an attribute"},
        {"CN=x,", "is not an attribute"},
        {"CN=x,,O=y", "attribute \",O\" is unknown"},
        {"=x", "attribute \"\" is unknown"},
        {"DC=x", "attribute \"DC\" is unknown"},
        {"CN =x", "attribute \"CN \" is unknown"},
        {"1=x", "attribute \"1\" is unknown"},
        {"CN=", "has 0 characters"},
        {"CN=" SIXTY_FIVE, "has 65 characters; 1 to 64"},
        {"C=Germany", "has 7 characters; 2 to 2"},
        {"C=\xc3\xbc\xc3\xbc", "outside letters"},
        {"CN=a;O=b", "write \\; for"},
        {"CN=a+O=b", "write \\+ for"},
        {"CN=\"a\"", "write \\\" for"},
        {"CN=#0401", "write \\# for"},
        {"CN=a\\x", "a backslash stands before"},
        {"CN=a\\", "a backslash stands before"},
        {"CN=a ", "begins or ends with a blank"},
        {"CN=\\ a", "begins or ends with a blank"},
        {"CN=a\nb", "control characters"},
        {"CN=a\x1b[2J", "control characters"},
        {"CN=\xe2\x80\xae"
         "abc",
         "control characters"},
        {"CN=\xff", "not UTF-8"},
        {"SERIALNUMBER=a@b", "outside letters"},
        {"emailAddress=\xc3\xbc@b", "outside letters"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509_NAME *name = NULL;

        print_message("%s\n", rows[i].text == NULL ? "(null)" : rows[i].text);
        assert_refused(subject_parse(rows[i].text, &name, diag), SIGB_E_USAGE, rows[i].words);
        assert_null(name);
    }
}

static void a_subject_has_a_limit(void **state)
{
    char text[SIGB_MAX_NAME + 2];
    X509_NAME *name = NULL;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_refused(subject_parse(text, &name, diag), SIGB_E_LIMIT, "at most 4096");
    assert_null(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_what_stands_in_the_name),
        cmocka_unit_test(strings_have_the_type_their_attribute_wants),
        cmocka_unit_test(what_is_hostile_or_unclear_is_refused),
        cmocka_unit_test(a_subject_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
