/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs11: URIs (RFC 7512), judged character by character. p11-kit's reader takes
 * repeated attributes, blanks and %00, keeps a PIN in ordinary memory, and takes
 * longer to load than a token to be found.
 */
#include "pkcs11/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"

#define SCHEME "pkcs11:"

typedef enum attr {
    ATTR_TOKEN,
    ATTR_MANUFACTURER,
    ATTR_SERIAL,
    ATTR_MODEL,
    ATTR_LIBRARY_MANUFACTURER,
    ATTR_LIBRARY_DESCRIPTION,
    ATTR_LIBRARY_VERSION,
    ATTR_OBJECT,
    ATTR_TYPE,
    ATTR_ID,
    ATTR_SLOT_DESCRIPTION,
    ATTR_SLOT_MANUFACTURER,
    ATTR_SLOT_ID,
    ATTR_PIN_SOURCE,
    ATTR_PIN_VALUE,
    ATTR_MODULE_NAME,
    ATTR_MODULE_PATH,
    ATTRS
} attr;

static bool is_class(const char *value);
static bool is_number(const char *value);
static bool is_version(const char *value);
static bool is_plain_name(const char *value);
static bool is_absolute(const char *value);
static bool is_pin_source(const char *value);

/* RFC 7512, 2.3 and 2.4. Fixed fields of Cryptoki give most of the widths; binary values may hold NUL. */
/* clang-format off */
static const struct attr_row {
    const char *name;
    bool query, binary;
    size_t max; /* bytes of the decoded value */
    bool (*check)(const char *value);
    const char *wanted;
} ATTRIBUTES[ATTRS] = {
    [ATTR_TOKEN]                = {"token",                false, false, 32,             NULL,          NULL},
    [ATTR_MANUFACTURER]         = {"manufacturer",         false, false, 32,             NULL,          NULL},
    [ATTR_SERIAL]               = {"serial",               false, false, 16,             NULL,          NULL},
    [ATTR_MODEL]                = {"model",                false, false, 16,             NULL,          NULL},
    [ATTR_LIBRARY_MANUFACTURER] = {"library-manufacturer", false, false, 32,             NULL,          NULL},
    [ATTR_LIBRARY_DESCRIPTION]  = {"library-description",  false, false, 32,             NULL,          NULL},
    [ATTR_LIBRARY_VERSION]      = {"library-version",      false, false, 7,              is_version,    "MAJOR or MAJOR.MINOR, each at most 255"},
    [ATTR_OBJECT]               = {"object",               false, false, SIGB_MAX_URI,   NULL,          NULL},
    [ATTR_TYPE]                 = {"type",                 false, false, SIGB_MAX_URI,   is_class,      "private, public, cert, secret-key or data"},
    [ATTR_ID]                   = {"id",                   false, true,  SIGB_MAX_URI,   NULL,          NULL},
    [ATTR_SLOT_DESCRIPTION]     = {"slot-description",     false, false, 64,             NULL,          NULL},
    [ATTR_SLOT_MANUFACTURER]    = {"slot-manufacturer",    false, false, 32,             NULL,          NULL},
    [ATTR_SLOT_ID]              = {"slot-id",              false, false, 18,             is_number,     "a decimal number"},
    [ATTR_PIN_SOURCE]           = {"pin-source",           true,  false, SIGB_MAX_URI,   is_pin_source, "file:/PATH or an absolute path (commands and other sources are not run)"},
    [ATTR_PIN_VALUE]            = {"pin-value",            true,  false, 0,              NULL,          NULL}, /* read by take_pin() */
    [ATTR_MODULE_NAME]          = {"module-name",          true,  false, 255,            is_plain_name, "a name without slashes"},
    [ATTR_MODULE_PATH]          = {"module-path",          true,  false, SIGB_MAX_URI,   is_absolute,   "an absolute path"},
};
/* clang-format on */

/* Attributes of which a URI has one at most. */
static const attr RIVALS[][2] = {{ATTR_PIN_SOURCE, ATTR_PIN_VALUE}, {ATTR_MODULE_NAME, ATTR_MODULE_PATH}};

static const struct class_row {
    const char *name;
    CK_OBJECT_CLASS class;
} CLASSES[] = {
    {"private", CKO_PRIVATE_KEY},   {"public", CKO_PUBLIC_KEY}, {"cert", CKO_CERTIFICATE},
    {"secret-key", CKO_SECRET_KEY}, {"data", CKO_DATA},
};

struct p11_uri {
    bool given[ATTRS];
    sigb_buf values[ATTRS]; /* decoded, with a terminator behind */
    sigb_pin *pin;
};

/* One parse: what every step of it needs. */
typedef struct parse {
    const char *text; /* whole, for positions */
    p11_uri *uri;
    const sigb_notes *notes;
    sigb_diag *diag;
} parse;

static const struct class_row *class_find(const char *name)
{
    for (size_t i = 0; i < COUNT(CLASSES); i++)
        if (strcmp(CLASSES[i].name, name) == 0)
            return &CLASSES[i];
    return NULL;
}

static bool is_class(const char *value)
{
    return class_find(value) != NULL;
}

static bool is_number(const char *value)
{
    return value[strspn(value, "0123456789")] == '\0';
}

/* MAJOR or MAJOR.MINOR; a MINOR that is not given is 0. The width of the attribute keeps it from overflowing. */
static bool read_version(const char *value, CK_VERSION *version)
{
    char *end;
    unsigned long major = strtoul(value, &end, 10), minor = 0;

    if (*end == '.' && isdigit((unsigned char)end[1]))
        minor = strtoul(end + 1, &end, 10);
    *version = (CK_VERSION){(CK_BYTE)major, (CK_BYTE)minor};
    return isdigit((unsigned char)value[0]) && *end == '\0' && major <= 255 && minor <= 255;
}

static bool is_version(const char *value)
{
    CK_VERSION version;

    return read_version(value, &version);
}

static bool is_plain_name(const char *value)
{
    return strchr(value, '/') == NULL && value[0] != '.';
}

static bool is_absolute(const char *value)
{
    return value[0] == '/';
}

/* An absolute path, bare or as file:/PATH or file:///PATH; another host's file is not ours to read. */
static bool is_pin_source(const char *value)
{
    static const char scheme[] = "file:";

    if (strncmp(value, scheme, sizeof(scheme) - 1) != 0)
        return is_absolute(value);
    value += sizeof(scheme) - 1;
    return is_absolute(value) && (value[1] != '/' || value[2] == '/');
}

/* Characters that may stand for themselves: RFC 7512, 2.3, and RFC 3986, 2.3. */
static bool may_stand(char c, bool query)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("-._~:[]@!$'()*+,=", c) != NULL) ||
           (c != '\0' && strchr(query ? "/?|" : "&", c) != NULL);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

    return at == NULL ? -1 : (int)(at - digits);
}

/* Takes one decoded byte off the text; false where it is not well formed. */
static bool take_byte(sigb_bytes *rest, bool query, uint8_t *byte)
{
    const char *p = (const char *)rest->ptr;
    size_t taken = p[0] == '%' ? 3 : 1;

    if (p[0] != '%') {
        if (!may_stand(p[0], query))
            return false;
        *byte = (uint8_t)p[0];
    } else {
        int high = rest->len < 3 ? -1 : hex_digit(p[1]), low = rest->len < 3 ? -1 : hex_digit(p[2]);
        if (high < 0 || low < 0)
            return false;
        *byte = (uint8_t)(high * 16 + low);
    }
    *rest = sigb_bytes_of(rest->ptr + taken, rest->len - taken);
    return true;
}

/* The position alone is told: the character may be a PIN's. */
static sigb_rc bad_character(const parse *p, sigb_bytes rest)
{
    return sigb_fail(p->diag, SIGB_E_URI,
                     "the character at position %zu of the URI cannot stand there; write it as %%XX "
                     "(two hexadecimal digits)",
                     (size_t)((const char *)rest.ptr - p->text) + 1);
}

static sigb_rc refuse(const parse *p, attr which, const char *words)
{
    return sigb_fail(p->diag, SIGB_E_URI, "%s= in the URI %s", ATTRIBUTES[which].name, words);
}

/* Straight into secret memory. */
static sigb_rc take_pin(const parse *p, sigb_bytes text)
{
    sigb_pin *pin = p->uri->pin = secret_new();

    if (pin == NULL)
        return sigb_no_memory(p->diag);
    while (text.len > 0) {
        if (pin->len == SIGB_MAX_PIN_LEN)
            return sigb_fail(p->diag, SIGB_E_LIMIT, "pin-value= in the URI has more than %d bytes",
                             SIGB_MAX_PIN_LEN);
        if (!take_byte(&text, true, &pin->page[pin->len]))
            return bad_character(p, text);
        if (pin->page[pin->len++] == '\0')
            return refuse(p, ATTR_PIN_VALUE, "holds %00");
    }
    return pin->len == 0 ? refuse(p, ATTR_PIN_VALUE, "is empty; leave it out") : SIGB_OK;
}

/* Cryptoki pads with blanks, so a blank name would match everything. */
static bool says_nothing(attr which, sigb_bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (ATTRIBUTES[which].binary || value.ptr[i] != ' ')
            return false;
    return true;
}

static sigb_rc judge(const parse *p, attr which, sigb_buf *value)
{
    const struct attr_row *row = &ATTRIBUTES[which];
    const char *text = text_c_str(value);

    if (text == NULL)
        return sigb_no_memory(p->diag);
    if (!row->binary && memchr(value->ptr, '\0', value->len) != NULL)
        return refuse(p, which, "holds %00");
    if (says_nothing(which, sigb_buf_bytes(value)))
        return refuse(p, which, "is empty or blank; leave it out");
    if (value->len > row->max)
        return sigb_fail(
            p->diag, SIGB_E_URI,
            "%s= in the URI has %zu bytes where at most %zu can match; take it from the list of tokens",
            row->name, value->len, row->max);
    if (row->check != NULL && !row->check(text))
        return sigb_fail(p->diag, SIGB_E_URI, "%s= in the URI: %s is wanted", row->name, row->wanted);
    return SIGB_OK;
}

static sigb_rc take_value(const parse *p, attr which, sigb_bytes text)
{
    sigb_buf *value = &p->uri->values[which];
    uint8_t byte;

    if (which == ATTR_PIN_VALUE)
        return take_pin(p, text);
    while (text.len > 0) {
        if (!take_byte(&text, ATTRIBUTES[which].query, &byte))
            return bad_character(p, text);
        sigb_buf_append(value, sigb_bytes_of(&byte, 1));
    }
    return judge(p, which, value);
}

static attr attr_find(sigb_bytes name, bool query)
{
    for (size_t i = 0; i < ATTRS; i++)
        if (ATTRIBUTES[i].query == query && sigb_bytes_equal(name, sigb_bytes_text(ATTRIBUTES[i].name)))
            return (attr)i;
    return ATTRS;
}

/* An unknown path attribute would widen the match if it were passed over; an unknown query attribute cannot. */
static sigb_rc take_unknown(const parse *p, sigb_bytes name, sigb_bytes value, bool query)
{
    int shown = name.len > 40 ? 40 : (int)name.len;
    uint8_t byte;

    for (size_t i = 0; i < name.len; i++)
        if (!isalnum(name.ptr[i]) && strchr("-_", name.ptr[i]) == NULL)
            return bad_character(p, sigb_bytes_of(name.ptr + i, 1));
    if (!query)
        return sigb_fail(
            p->diag, SIGB_E_URI,
            "unknown path attribute \"%.*s\" in the URI; look for a slip of the pen, or leave it out", shown,
            (const char *)name.ptr);
    while (value.len > 0)
        if (!take_byte(&value, true, &byte))
            return bad_character(p, value);
    sigb_note(p->notes, "unknown query attribute \"%.*s\" in the URI is passed over", shown,
              (const char *)name.ptr);
    return SIGB_OK;
}

static sigb_rc take_attribute(const parse *p, sigb_bytes text, bool query)
{
    const uint8_t *equals = text.len == 0 ? NULL : memchr(text.ptr, '=', text.len);
    sigb_bytes name, value;
    attr which;

    if (equals == NULL || equals == text.ptr)
        return sigb_fail(p->diag, SIGB_E_URI,
                         "an attribute of the URI is not name=value; write it so, or leave it out");
    name = sigb_bytes_of(text.ptr, (size_t)(equals - text.ptr));
    value = sigb_bytes_of(equals + 1, text.len - name.len - 1);
    which = attr_find(name, query);
    if (which == ATTRS)
        return take_unknown(p, name, value, query);
    if (p->uri->given[which])
        return refuse(p, which, "is there twice");
    p->uri->given[which] = true;
    return take_value(p, which, value);
}

/* All attributes of the path, or of the query. */
static sigb_rc take_part(const parse *p, sigb_bytes part, bool query)
{
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && part.ptr != NULL && part.len > 0) {
        const uint8_t *end = memchr(part.ptr, query ? '&' : ';', part.len);
        size_t len = end == NULL ? part.len : (size_t)(end - part.ptr);

        if (len + 1 == part.len)
            return sigb_fail(p->diag, SIGB_E_URI,
                             "an attribute of the URI is not name=value; write it so, or leave it out");
        rc = take_attribute(p, sigb_bytes_of(part.ptr, len), query);
        part = end == NULL ? SIGB_BYTES_NONE : sigb_bytes_of(end + 1, part.len - len - 1);
    }
    return rc;
}

static sigb_rc judge_rivals(const parse *p)
{
    for (size_t i = 0; i < COUNT(RIVALS); i++)
        if (p->uri->given[RIVALS[i][0]] && p->uri->given[RIVALS[i][1]])
            return sigb_fail(p->diag, SIGB_E_URI, "the URI has both %s= and %s=; give one of them",
                             ATTRIBUTES[RIVALS[i][0]].name, ATTRIBUTES[RIVALS[i][1]].name);
    return SIGB_OK;
}

static sigb_rc parse_parts(const parse *p, sigb_bytes rest)
{
    const uint8_t *mark = rest.len == 0 ? NULL : memchr(rest.ptr, '?', rest.len);
    sigb_bytes path = sigb_bytes_of(rest.ptr, mark == NULL ? rest.len : (size_t)(mark - rest.ptr));
    sigb_bytes query = mark == NULL ? SIGB_BYTES_NONE : sigb_bytes_of(mark + 1, rest.len - path.len - 1);
    sigb_rc rc = take_part(p, path, false);

    if (rc == SIGB_OK)
        rc = take_part(p, query, true);
    return rc == SIGB_OK ? judge_rivals(p) : rc;
}

static sigb_rc parse_text(const parse *p)
{
    size_t scheme = sizeof(SCHEME) - 1;
    sigb_rc rc;

    if (strncasecmp(p->text, SCHEME, scheme) != 0)
        return sigb_fail(
            p->diag, SIGB_E_URI,
            "a URI that begins with \"pkcs11:\" is wanted (RFC 7512); the list of tokens shows them");
    rc = parse_parts(p, sigb_bytes_text(p->text + scheme));
    if (rc == SIGB_OK && p->uri->given[ATTR_PIN_VALUE])
        sigb_note(p->notes, "the URI holds the PIN (pin-value=): whoever sees the URI has it; "
                            "use pin-source= or another source");
    return rc;
}

sigb_rc p11_uri_parse(const char *text, const sigb_notes *notes, p11_uri **uri, sigb_diag *diag)
{
    parse p = {text, NULL, notes, diag};
    sigb_rc rc;

    if (text == NULL || uri == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no pkcs11: URI");
    if (strnlen(text, SIGB_MAX_URI + 1) > SIGB_MAX_URI)
        return sigb_fail(diag, SIGB_E_LIMIT, "the URI has more than %d characters", SIGB_MAX_URI);
    p.uri = OPENSSL_zalloc(sizeof(*p.uri));
    if (p.uri == NULL)
        return sigb_no_memory(diag);
    rc = parse_text(&p);
    if (rc != SIGB_OK) {
        p11_uri_free(p.uri);
        return rc;
    }
    *uri = p.uri;
    return SIGB_OK;
}

void p11_uri_free(p11_uri *uri)
{
    if (uri == NULL)
        return;
    for (size_t i = 0; i < ATTRS; i++)
        sigb_buf_free(&uri->values[i]);
    secret_free(uri->pin);
    OPENSSL_free(uri);
}

/* ---- what it says ---- */

static const char *value_of(const p11_uri *uri, attr which)
{
    return uri->given[which] ? (const char *)uri->values[which].ptr : NULL;
}

const char *p11_uri_token(const p11_uri *uri)
{
    return value_of(uri, ATTR_TOKEN);
}

const char *p11_uri_serial(const p11_uri *uri)
{
    return value_of(uri, ATTR_SERIAL);
}

const char *p11_uri_object(const p11_uri *uri)
{
    return value_of(uri, ATTR_OBJECT);
}

sigb_bytes p11_uri_id(const p11_uri *uri)
{
    return sigb_buf_bytes(&uri->values[ATTR_ID]);
}

bool p11_uri_has_id(const p11_uri *uri)
{
    return uri->given[ATTR_ID];
}

bool p11_uri_class(const p11_uri *uri, CK_OBJECT_CLASS *class)
{
    const struct class_row *row = uri->given[ATTR_TYPE] ? class_find(value_of(uri, ATTR_TYPE)) : NULL;

    if (row != NULL)
        *class = row->class;
    return row != NULL;
}

const char *p11_uri_module_path(const p11_uri *uri)
{
    return value_of(uri, ATTR_MODULE_PATH);
}

const char *p11_uri_module_name(const p11_uri *uri)
{
    return value_of(uri, ATTR_MODULE_NAME);
}

const char *p11_uri_pin_source(const p11_uri *uri)
{
    return value_of(uri, ATTR_PIN_SOURCE);
}

bool p11_uri_has_pin(const p11_uri *uri)
{
    return uri->pin != NULL;
}

const sigb_pin *p11_uri_pin(const p11_uri *uri)
{
    return uri->pin;
}

void p11_uri_forget_pin(p11_uri *uri)
{
    secret_free(uri->pin);
    uri->pin = NULL;
}

/* ---- what it names ---- */

/* Cryptoki pads its fixed fields with blanks. No value is wider than its field. */
static bool fits_field(const p11_uri *uri, attr which, const CK_UTF8CHAR *field, size_t width)
{
    sigb_bytes value = sigb_buf_bytes(&uri->values[which]);

    if (!uri->given[which])
        return true;
    return memcmp(field, value.ptr, value.len) == 0 &&
           says_nothing(which, sigb_bytes_of(field + value.len, width - value.len));
}

static bool fits_version(const p11_uri *uri, const CK_VERSION *version)
{
    CK_VERSION wanted;

    if (!uri->given[ATTR_LIBRARY_VERSION])
        return true;
    return read_version(value_of(uri, ATTR_LIBRARY_VERSION), &wanted) && wanted.major == version->major &&
           wanted.minor == version->minor;
}

bool p11_uri_fits_library(const p11_uri *uri, const CK_INFO *info)
{
    return fits_field(uri, ATTR_LIBRARY_MANUFACTURER, info->manufacturerID, sizeof(info->manufacturerID)) &&
           fits_field(uri, ATTR_LIBRARY_DESCRIPTION, info->libraryDescription,
                      sizeof(info->libraryDescription)) &&
           fits_version(uri, &info->libraryVersion);
}

bool p11_uri_fits_slot(const p11_uri *uri, CK_SLOT_ID id, const CK_SLOT_INFO *info)
{
    return (!uri->given[ATTR_SLOT_ID] || strtoul(value_of(uri, ATTR_SLOT_ID), NULL, 10) == id) &&
           fits_field(uri, ATTR_SLOT_DESCRIPTION, info->slotDescription, sizeof(info->slotDescription)) &&
           fits_field(uri, ATTR_SLOT_MANUFACTURER, info->manufacturerID, sizeof(info->manufacturerID));
}

bool p11_uri_fits_token(const p11_uri *uri, const CK_TOKEN_INFO *info)
{
    return fits_field(uri, ATTR_TOKEN, info->label, sizeof(info->label)) &&
           fits_field(uri, ATTR_MANUFACTURER, info->manufacturerID, sizeof(info->manufacturerID)) &&
           fits_field(uri, ATTR_MODEL, info->model, sizeof(info->model)) &&
           fits_field(uri, ATTR_SERIAL, info->serialNumber, sizeof(info->serialNumber));
}

void p11_uri_put_place(sigb_buf *out, const p11_uri *uri)
{
    static const attr others[] = {ATTR_MODEL,
                                  ATTR_MANUFACTURER,
                                  ATTR_SLOT_ID,
                                  ATTR_SLOT_DESCRIPTION,
                                  ATTR_SLOT_MANUFACTURER,
                                  ATTR_LIBRARY_MANUFACTURER,
                                  ATTR_LIBRARY_DESCRIPTION,
                                  ATTR_LIBRARY_VERSION};

    for (size_t i = 0; i < COUNT(others); i++)
        if (uri->given[others[i]])
            text_putf(out, " %s=%s", ATTRIBUTES[others[i]].name, value_of(uri, others[i]));
}

/* ---- writing one ---- */

static void put_encoded(sigb_buf *out, sigb_bytes value, bool all)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = (char)value.ptr[i];
        if (!all && (isalnum((unsigned char)c) || (c != '\0' && strchr("-._~", c) != NULL)))
            sigb_buf_append(out, sigb_bytes_of(&c, 1));
        else
            text_putf(out, "%%%02X", (unsigned)value.ptr[i]);
    }
}

static void put_attribute(sigb_buf *out, attr which, sigb_bytes value, char *separator)
{
    if (says_nothing(which, value))
        return;
    if (*separator != '\0')
        sigb_buf_append(out, sigb_bytes_of(separator, 1));
    text_putf(out, "%s=", ATTRIBUTES[which].name);
    put_encoded(out, value, ATTRIBUTES[which].binary);
    *separator = ';';
}

void p11_uri_format(sigb_buf *out, const p11_name *name)
{
    char separator = '\0';

    text_put(out, SCHEME);
    put_attribute(out, ATTR_MODEL, sigb_bytes_text(name->model), &separator);
    put_attribute(out, ATTR_MANUFACTURER, sigb_bytes_text(name->manufacturer), &separator);
    put_attribute(out, ATTR_SERIAL, sigb_bytes_text(name->serial), &separator);
    put_attribute(out, ATTR_TOKEN, sigb_bytes_text(name->token), &separator);
    put_attribute(out, ATTR_ID, name->id, &separator);
    put_attribute(out, ATTR_OBJECT, sigb_bytes_text(name->object), &separator);
    put_attribute(out, ATTR_TYPE, sigb_bytes_text(name->type), &separator);
}
