/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/claims.h"

#include "base/error.h"
#include "base/time.h"
#include "cose/labels.h"
#include "cose/writer.h"

#define DIGITS   "0123456789"
#define LETTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define ALPHANUM LETTERS DIGITS

#define PLACEHOLDER "unknown.intent" /* what other signers write where nobody said what is signed */

/* ---- text ---- */

bool text_is_clean(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    for (; *at != '\0'; at++)
        if (*at < 0x20 || *at == 0x7F || (*at == 0xC2 && at[1] < 0xA0)) /* C1 is C2 80 to C2 9F */
            return false;
    return sigb_text_is_utf8(sigb_bytes_text(text));
}

/* restricted-name of RFC 6838, 4.2. Moves *text behind it. */
static bool take_name(const char **text)
{
    size_t len = strspn(*text, ALPHANUM "!#$&-^_.+");

    if (len == 0 || len > 127 || strchr(ALPHANUM, **text) == NULL)
        return false;
    *text += len;
    return true;
}

static bool take_token(const char **text)
{
    size_t len = strspn(*text, ALPHANUM "!#$%&'*+-.^_`|~");

    *text += len;
    return len > 0;
}

static bool take_quoted(const char **text)
{
    for ((*text)++; **text != '"'; (*text)++) {
        if (**text == '\\')
            (*text)++;
        if (**text < 0x20 || **text > 0x7E)
            return false;
    }
    (*text)++;
    return true;
}

/* ";" name "=" value, with blanks around ";" */
static bool take_parameter(const char **text)
{
    *text += strspn(*text, " \t");
    if (**text != ';')
        return false;
    (*text)++;
    *text += strspn(*text, " \t");
    if (!take_token(text) || **text != '=')
        return false;
    (*text)++;
    return **text == '"' ? take_quoted(text) : take_token(text);
}

bool media_type_is_valid(const char *text)
{
    if (!take_name(&text) || *text != '/')
        return false;
    text++;
    if (!take_name(&text))
        return false;
    while (*text != '\0')
        if (!take_parameter(&text))
            return false;
    return true;
}

/* ---- claims ---- */

static sigb_rc check_subject(const char *subject, sigb_diag *diag)
{
    if (subject == NULL || subject[strspn(subject, " ")] == '\0')
        return sigb_fail(diag, SIGB_E_SUBJECT,
                         "the subject is empty; name what the statement is about, once and for good");
    if (strcmp(subject, PLACEHOLDER) == 0)
        return sigb_fail(diag, SIGB_E_SUBJECT,
                         "the subject is the placeholder \"" PLACEHOLDER
                         "\"; name what the statement is about");
    if (strlen(subject) > SIGB_MAX_SUBJECT)
        return sigb_fail(diag, SIGB_E_SUBJECT, "the subject has %zu bytes; at most %d are wanted: shorten it",
                         strlen(subject), SIGB_MAX_SUBJECT);
    if (!text_is_clean(subject))
        return sigb_fail(diag, SIGB_E_SUBJECT,
                         "the subject holds control characters or is not UTF-8; plain text is wanted");
    return SIGB_OK;
}

static sigb_rc check_content_type(const char *type, sigb_diag *diag)
{
    if (type == NULL || *type == '\0')
        return sigb_fail(diag, SIGB_E_CONTENT_TYPE,
                         "the content type is missing; give a media type such as application/json");
    if (!media_type_is_valid(type))
        return sigb_fail(diag, SIGB_E_CONTENT_TYPE,
                         "'%.64s' is not a media type; give one such as application/json", type);
    return SIGB_OK;
}

static sigb_rc check_svn(const sigb_claims *claims, sigb_profile profile, sigb_diag *diag)
{
    if (!claims->has_svn)
        return profile == SIGB_PROFILE_COSE
                   ? SIGB_OK
                   : sigb_fail(diag, SIGB_E_SVN,
                               "the svn is missing; the mst profile wants a positive number that grows with "
                               "each security fix");
    if (claims->svn < 0)
        return sigb_fail(diag, SIGB_E_SVN, "svn %lld is negative; a positive number is wanted",
                         (long long)claims->svn);
    if (claims->svn == 0 && !claims->allow_svn_zero)
        return sigb_fail(diag, SIGB_E_SVN,
                         "svn 0 can never be told from an older one; begin with 1, or allow zero explicitly");
    return SIGB_OK;
}

sigb_rc claims_check(const sigb_claims *claims, const char *did, sigb_profile profile, sigb_diag *diag)
{
    sigb_rc rc = check_subject(claims->subject, diag);

    if (rc == SIGB_OK)
        rc = check_content_type(claims->content_type, diag);
    if (rc == SIGB_OK)
        rc = check_svn(claims, profile, diag);
    if (rc == SIGB_OK && claims->issuer != NULL && strcmp(claims->issuer, did) != 0)
        rc = sigb_fail(diag, SIGB_E_ISS,
                       "the issuer asked for is not the one that the chain gives; ask for that one, or sign "
                       "under another chain: %.300s",
                       did);
    if (rc == SIGB_OK && time_resolve(claims->issued_at) < 0)
        rc = sigb_fail(diag, SIGB_E_USAGE, "the time of issue is before 1970");
    return rc;
}

void claims_put(sigb_buf *out, const sigb_claims *claims, const char *did)
{
    put_map(out, claims->has_svn ? 4 : 3);
    put_int(out, CWT_ISS);
    put_tstr(out, did);
    put_int(out, CWT_SUB);
    put_tstr(out, claims->subject);
    put_int(out, CWT_IAT);
    put_int(out, time_resolve(claims->issued_at));
    if (claims->has_svn) {
        put_tstr(out, CWT_SVN);
        put_int(out, claims->svn);
    }
}

sigb_rc sigb_svn_parse(const char *text, int64_t *svn, sigb_diag *diag)
{
    size_t len = text == NULL ? 0 : strspn(text, DIGITS);
    int64_t value = 0;

    if (svn == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the svn");
    if (len == 0 || text[len] != '\0' || (len > 1 && *text == '0'))
        return sigb_fail(diag, SIGB_E_SVN, "svn '%.64s' is not a positive whole number such as 7",
                         text == NULL ? "" : text);
    for (; *text != '\0'; text++) {
        if (value > (INT64_MAX - (*text - '0')) / 10)
            return sigb_fail(diag, SIGB_E_SVN, "the svn is too large; at most 9223372036854775807 is wanted");
        value = value * 10 + (*text - '0');
    }
    *svn = value;
    return SIGB_OK;
}
