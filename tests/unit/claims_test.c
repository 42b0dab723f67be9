/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "cose/claims.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define DID          "did:x509:0:sha256:x::eku:1.2"

static const sigb_claims good = {.subject = "svc.example",
                                 .content_type = "application/json",
                                 .has_svn = true,
                                 .svn = 7,
                                 .issued_at = 1000};

static sigb_rc check(const sigb_claims *claims, sigb_profile profile, sigb_diag *diag)
{
    return claims_check(claims, DID, profile, diag);
}

static void subjects_that_are_refused(void **state)
{
    static const struct {
        const char *subject, *words;
    } rows[] = {
        {NULL, "the subject is empty"},      {"", "the subject is empty"},
        {"  ", "the subject is empty"},      {"unknown.intent", "placeholder \"unknown.intent\""},
        {"a\nb", "control characters"},      {"a\tb", "control characters"},
        {"\x1b[2J", "control characters"},   {"a\x7f", "control characters"},
        {"a\xc2\x9b", "control characters"}, {"a\xff", "not UTF-8"},
        {"\xed\xa0\x80", "not UTF-8"},       {"a\xc2", "control characters or is not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_claims claims = good;
        claims.subject = rows[i].subject;
        print_message("%zu\n", i);
        assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_SUBJECT, rows[i].words);
        assert_refused(check(&claims, SIGB_PROFILE_COSE, diag), SIGB_E_SUBJECT, rows[i].words);
    }
}

static void subjects_end_at_the_limit(void **state)
{
    static char text[SIGB_MAX_SUBJECT + 2];
    sigb_claims claims = good;

    (void)state;
    memset(text, 's', SIGB_MAX_SUBJECT);
    claims.subject = text;
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_OK, "");
    text[SIGB_MAX_SUBJECT] = 's';
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_SUBJECT,
                   "8193 bytes; at most 8192 are wanted");
}

static void subjects_may_be_any_plain_text(void **state)
{
    static const char *const rows[] = {"s", "unknown.intent2", "Dienst f\xc3\xbcr alles",
                                       "\xe2\x82\xac \xf0\x9f\x98\x80"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_claims claims = good;
        claims.subject = rows[i];
        assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_OK, "");
    }
}

static void content_types(void **state)
{
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {"application/json", true},
        {"text/plain; charset=utf-8", true},
        {"text/plain;charset=utf-8", true},
        {"text/plain ; a=b ; c=\"d e \\\" f\"", true},
        {"application/vnd.a.b+json", true},
        {"application/spdx+json", true},
        {"a/b", true},
        {"", false},
        {"json", false},
        {"application/", false},
        {"/json", false},
        {"application//json", false},
        {"application/json/x", false},
        {"application/json ", false},
        {" application/json", false},
        {"application/js on", false},
        {"application/json\n", false},
        {"application/json;", false},
        {"application/json; charset", false},
        {"application/json; =x", false},
        {"application/json; a=", false},
        {"application/json; a=\"b", false},
        {"application/json; a=\"b\\", false},
        {"application/json; a=\"b\x01\"", false},
        {"application/json; a=b c", false},
        {"*/*", false},
        {"+a/b", false},
        {"a/.b", false},
        {"application/j\xc3\xb6son", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_claims claims = good;
        claims.content_type = rows[i].type;
        print_message("%s\n", rows[i].type);
        assert_int_equal(media_type_is_valid(rows[i].type), rows[i].good);
        assert_int_equal(check(&claims, SIGB_PROFILE_MST, NULL),
                         rows[i].good ? SIGB_OK : SIGB_E_CONTENT_TYPE);
    }
}

static void content_types_are_refused_in_words(void **state)
{
    sigb_claims claims = good;
    char name[256];

    (void)state;
    claims.content_type = NULL;
    assert_refused(check(&claims, SIGB_PROFILE_COSE, diag), SIGB_E_CONTENT_TYPE,
                   "content type is missing; give a media type such as application/json");
    claims.content_type = "json";
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_CONTENT_TYPE, "'json' is not a media type");
    memset(name, 'a', 130);
    memcpy(name + 128, "/b", 3);
    assert_false(media_type_is_valid(name));
    assert_true(media_type_is_valid(name + 1));
}

static void svns(void **state)
{
    static const struct {
        bool has, zero;
        int64_t svn;
        sigb_profile profile;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {true, false, 1, SIGB_PROFILE_MST, SIGB_OK, ""},
        {true, false, INT64_MAX, SIGB_PROFILE_MST, SIGB_OK, ""},
        {true, false, 0, SIGB_PROFILE_MST, SIGB_E_SVN, "svn 0"},
        {true, true, 0, SIGB_PROFILE_MST, SIGB_OK, ""},
        {true, false, 0, SIGB_PROFILE_COSE, SIGB_E_SVN, "svn 0"},
        {true, false, -1, SIGB_PROFILE_MST, SIGB_E_SVN, "svn -1 is negative"},
        {true, true, INT64_MIN, SIGB_PROFILE_COSE, SIGB_E_SVN, "is negative"},
        {false, false, 7, SIGB_PROFILE_MST, SIGB_E_SVN, "the svn is missing"},
        {false, true, 0, SIGB_PROFILE_MST, SIGB_E_SVN, "the svn is missing"},
        {false, false, 0, SIGB_PROFILE_COSE, SIGB_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_claims claims = good;
        claims.has_svn = rows[i].has;
        claims.svn = rows[i].svn;
        claims.allow_svn_zero = rows[i].zero;
        assert_refused(check(&claims, rows[i].profile, diag), rows[i].rc, rows[i].words);
    }
}

static void issuers_and_times(void **state)
{
    sigb_claims claims = good;

    (void)state;
    claims.issuer = DID;
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_OK, "");
    claims.issuer = "did:x509:0:sha256:y::eku:1.2";
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_ISS, DID);
    claims.issuer = "";
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_ISS, "not the one that the chain gives");
    claims = good;
    claims.issued_at = SIGB_TIME_UNCHECKED;
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_E_USAGE, "before 1970");
    claims.issued_at = SIGB_TIME_NOW;
    assert_refused(check(&claims, SIGB_PROFILE_MST, diag), SIGB_OK, "");
}

static void claims_are_written_in_order(void **state)
{
    sigb_claims claims = good;
    sigb_buf out = SIGB_BUF_INIT, room = SIGB_BUF_INIT;

    (void)state;
    claims.subject = "s";
    claims_put(&out, &claims, "d");
    assert_true(
        sigb_bytes_equal(sigb_buf_bytes(&out), hex_put(&room, "a4 01 6164 02 6173 06 1903e8 6373766e 07")));
    out.len = room.len = 0;
    claims.has_svn = false;
    claims_put(&out, &claims, "d");
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&out), hex_put(&room, "a3 01 6164 02 6173 06 1903e8")));
    sigb_buf_free(&out);
    sigb_buf_free(&room);
}

static void svn_parse_takes_whole_numbers_alone(void **state)
{
    static const struct {
        const char *text;
        int64_t svn; /* -1: refused */
    } rows[] = {
        {"0", 0},
        {"7", 7},
        {"9223372036854775807", INT64_MAX},
        {"", -1},
        {"-1", -1},
        {"+1", -1},
        {" 1", -1},
        {"1 ", -1},
        {"01", -1},
        {"00", -1},
        {"0x1", -1},
        {"1.0", -1},
        {"1e3", -1},
        {"seven", -1},
        {"9223372036854775808", -1},
        {"99999999999999999999999", -1},
        {NULL, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t svn = -1;
        sigb_rc rc = sigb_svn_parse(rows[i].text, &svn, NULL);
        assert_int_equal(rc, rows[i].svn < 0 ? SIGB_E_SVN : SIGB_OK);
        assert_true(svn == rows[i].svn);
    }
    assert_refused(sigb_svn_parse("-1", &(int64_t){0}, diag), SIGB_E_SVN,
                   "'-1' is not a positive whole number");
    assert_refused(sigb_svn_parse("9223372036854775808", &(int64_t){0}, diag), SIGB_E_SVN,
                   "too large; at most 9223372036854775807");
    assert_refused(sigb_svn_parse("1", NULL, diag), SIGB_E_USAGE, "no place");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_that_are_refused),
        cmocka_unit_test(subjects_end_at_the_limit),
        cmocka_unit_test(subjects_may_be_any_plain_text),
        cmocka_unit_test(content_types),
        cmocka_unit_test(content_types_are_refused_in_words),
        cmocka_unit_test(svns),
        cmocka_unit_test(issuers_and_times),
        cmocka_unit_test(claims_are_written_in_order),
        cmocka_unit_test(svn_parse_takes_whole_numbers_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
