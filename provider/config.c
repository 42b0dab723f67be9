/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/config.h"

#include <stdlib.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/params.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/asked.h"

#define COUNT(table)   (sizeof(table) / sizeof((table)[0]))
#define OUR_NAME       "sigbridge"
#define MOST_TIMEOUT_S 86400

typedef enum setting {
    SET_NOTHING, /* understood and ignored */
    SET_MODULE,
    SET_INIT_ARGS,
    SET_PIN,
    SET_TIMEOUT,
    SET_VERIFY,
    SET_COPY_KEY,
    SET_REPLICAS,
    SET_NO_RELOGIN,
    SET_FINAL_PIN_TRY,
    SET_URI_MODULE,
    SET_URI_PIN,
    SET_LOGIN,
    SETTINGS
} setting;

/* Where a name stands, in the order in which one goes before another. */
typedef enum rank {
    RANK_LIBP11, /* openssl.cnf, libp11's names */
    RANK_LIBP11_ENV,
    RANK_FILE, /* openssl.cnf, ours and pkcs11-provider's names */
    RANK_ENV
} rank;

typedef struct word {
    const char *text;
    unsigned means;
} word;

typedef struct name_row name_row;

/* What a name says: a number or a text, which is borrowed. */
typedef struct said {
    const name_row *by; /* NULL: nothing was said */
    unsigned number;
    const char *text;
} said;

struct name_row {
    const char *name;
    rank rank;
    setting sets;
    sigb_rc (*read)(const name_row *row, const char *value, said *what, sigb_diag *diag);
    const word *words;  /* of read_word(), the last without a text */
    const char *wanted; /* in the refusal */
    const char *ignored;
};

static sigb_rc read_text(const name_row *row, const char *value, said *what, sigb_diag *diag);
static sigb_rc read_word(const name_row *row, const char *value, said *what, sigb_diag *diag);
static sigb_rc read_seconds(const name_row *row, const char *value, said *what, sigb_diag *diag);
static sigb_rc read_pin(const name_row *row, const char *value, said *what, sigb_diag *diag);
static sigb_rc read_pin_source(const name_row *row, const char *value, said *what, sigb_diag *diag);

/* clang-format off */
static const word FLAG[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1}, {"off", 0},
                            {"1", 1}, {"0", 0}, {NULL, 0}};
static const word LOGIN[] = {{"auto", CONFIG_LOGIN_AUTO}, {"always", CONFIG_LOGIN_ALWAYS},
                             {"never", CONFIG_LOGIN_PRIVATE}, {NULL, 0}};
static const word FORCE_LOGIN[] = {{"1", CONFIG_LOGIN_ALWAYS}, {"0", CONFIG_LOGIN_PRIVATE},
                                   {"yes", CONFIG_LOGIN_ALWAYS}, {"no", CONFIG_LOGIN_PRIVATE},
                                   {"true", CONFIG_LOGIN_ALWAYS}, {"false", CONFIG_LOGIN_PRIVATE}, {NULL, 0}};
static const word CACHE_PINS[] = {{"cache", 0}, {NULL, 0}}; /* kept: no-relogin = no */

#define SAYS(name, rank, sets, read)                {name, rank, sets, read, NULL, NULL, NULL}
#define SAYS_WORD(name, rank, sets, words, wanted)  {name, rank, sets, read_word, words, wanted, NULL}
#define SAYS_FLAG(name, rank, sets)                 SAYS_WORD(name, rank, sets, FLAG, "yes or no")
#define IGNORED(name, rank, why)                    {name, rank, SET_NOTHING, NULL, NULL, NULL, why}

static const name_row NAMES[] = {
    /* ours; words of the command's options where there is one */
    SAYS("module-path",                     RANK_FILE, SET_MODULE, read_text),
    SAYS("module-init-args",                RANK_FILE, SET_INIT_ARGS, read_text),
    SAYS("pin-source",                      RANK_FILE, SET_PIN, read_pin_source),
    SAYS("token-timeout",                   RANK_FILE, SET_TIMEOUT, read_seconds),
    SAYS_FLAG("verify-signatures",          RANK_FILE, SET_VERIFY),
    SAYS_FLAG("copy-key",                   RANK_FILE, SET_COPY_KEY),
    SAYS_FLAG("replicas",                   RANK_FILE, SET_REPLICAS),
    SAYS_FLAG("no-relogin",                 RANK_FILE, SET_NO_RELOGIN),
    SAYS_FLAG("allow-final-pin-try",        RANK_FILE, SET_FINAL_PIN_TRY),
    SAYS_FLAG("allow-uri-module",           RANK_FILE, SET_URI_MODULE),
    SAYS_FLAG("allow-uri-pin",              RANK_FILE, SET_URI_PIN),
    SAYS_WORD("login-behavior",             RANK_FILE, SET_LOGIN, LOGIN, "auto, always or never"),

    /* pkcs11-provider's: provider-pkcs11(7) */
    SAYS("pkcs11-module-path",              RANK_FILE, SET_MODULE, read_text),
    SAYS("pkcs11-module-init-args",         RANK_FILE, SET_INIT_ARGS, read_text),
    SAYS("pkcs11-module-token-pin",         RANK_FILE, SET_PIN, read_pin),
    SAYS_FLAG("pkcs11-module-cache-keys",   RANK_FILE, SET_COPY_KEY),
    SAYS_WORD("pkcs11-module-cache-pins",   RANK_FILE, SET_NO_RELOGIN, CACHE_PINS, "cache"),
    SAYS_WORD("pkcs11-module-login-behavior", RANK_FILE, SET_LOGIN, LOGIN, "auto, always or never"),
    IGNORED("pkcs11-module-load-behavior",  RANK_FILE, "the module is loaded at its first use: while OpenSSL reads its configuration a module that uses OpenSSL itself would hang"),
    IGNORED("pkcs11-module-allow-export",   RANK_FILE, "public keys are always exported, and used in software"),
    IGNORED("pkcs11-module-cache-sessions", RANK_FILE, "as many sessions are kept as threads sign at once, and as the token allows"),
    IGNORED("pkcs11-module-quirks",         RANK_FILE, "what the quirks work around is no trouble here"),
    IGNORED("pkcs11-module-block-operations", RANK_FILE, "what is offered is for keys of tokens alone, so nothing needs blocking"),
    IGNORED("pkcs11-module-assume-fips",    RANK_FILE, "fips=yes is not claimed; leave it out of property queries for token keys"),
    IGNORED("pkcs11-module-encode-provider-uri-to-pem", RANK_FILE, "a token key is always written as its wrapped URI"),
    SAYS("PKCS11_PROVIDER_MODULE",          RANK_ENV,  SET_MODULE, read_text),
    IGNORED("PKCS11_PROVIDER_DEBUG",        RANK_ENV,  "there is no debug output; OpenSSL's errors say what failed"),

    /* libp11's */
    SAYS("pkcs11_module",                   RANK_LIBP11, SET_MODULE, read_text),
    SAYS("init_args",                       RANK_LIBP11, SET_INIT_ARGS, read_text),
    SAYS("pin",                             RANK_LIBP11, SET_PIN, read_pin), /* and ours */
    SAYS_WORD("force_login",                RANK_LIBP11, SET_LOGIN, FORCE_LOGIN, "1 or 0"),
    IGNORED("debug_level",                  RANK_LIBP11, "there is no debug output; OpenSSL's errors say what failed"),
    SAYS("PKCS11_MODULE_PATH",              RANK_LIBP11_ENV, SET_MODULE, read_text),
    SAYS("PKCS11_PIN",                      RANK_LIBP11_ENV, SET_PIN, read_pin),
    SAYS_WORD("PKCS11_FORCE_LOGIN",         RANK_LIBP11_ENV, SET_LOGIN, FORCE_LOGIN, "1 or 0"),
    IGNORED("PKCS11_DEBUG_LEVEL",           RANK_LIBP11_ENV, "there is no debug output; OpenSSL's errors say what failed"),
};
/* clang-format on */

#define NAME_COUNT COUNT(NAMES)
_Static_assert(NAME_COUNT <= CONFIG_NOTES, "a name draws one note at most");

static bool is_variable(const name_row *row)
{
    return row->rank == RANK_ENV || row->rank == RANK_LIBP11_ENV;
}

static const char *place(const name_row *row)
{
    return is_variable(row) ? "the environment" : "the OpenSSL configuration";
}

/* ---- values ---- */

static sigb_rc is_malformed(const name_row *row, const char *value, const char *wanted, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_USAGE, "%s = %.80s in %s is not understood; wanted is %s", row->name, value,
                     place(row), wanted);
}

static sigb_rc read_text(const name_row *row, const char *value, said *what, sigb_diag *diag)
{
    (void)row;
    (void)diag;
    what->text = value;
    return SIGB_OK;
}

static sigb_rc read_word(const name_row *row, const char *value, said *what, sigb_diag *diag)
{
    for (const word *w = row->words; w->text != NULL; w++)
        if (strcasecmp(w->text, value) == 0) {
            what->number = w->means;
            return SIGB_OK;
        }
    return is_malformed(row, value, row->wanted, diag);
}

static const char *read_digits(const char *text, unsigned *number)
{
    for (; *text >= '0' && *text <= '9' && *number <= MOST_TIMEOUT_S; text++)
        *number = 10 * *number + (unsigned)(*text - '0');
    return text;
}

/* "30", "0.5", "1.250", as the command reads its option of this name. */
static sigb_rc read_seconds(const name_row *row, const char *value, said *what, sigb_diag *diag)
{
    static const unsigned scale[] = {0, 100, 10, 1};
    unsigned seconds = 0, rest = 0;
    const char *point = read_digits(value, &seconds), *end = point;

    if (*point == '.')
        end = read_digits(point + 1, &rest);
    if (point == value || *end != '\0' || (end != point && (end - point < 2 || end - point > 4)) ||
        seconds > MOST_TIMEOUT_S || (seconds == MOST_TIMEOUT_S && rest > 0))
        return is_malformed(row, value, "seconds such as 30 or 0.5, 86400 at most, or 0 for no limit", diag);
    what->number = 1000 * seconds + (end == point ? 0 : rest * scale[end - point - 1]);
    return SIGB_OK;
}

/* The path behind file: and file://, or as it stands; NULL where it is not absolute. */
static const char *path_of(const char *value)
{
    if (strncmp(value, "file:", 5) == 0)
        value += strncmp(value + 5, "//", 2) == 0 ? 7 : 5;
    return value[0] == '/' && value[1] != '/' ? value : NULL;
}

static sigb_rc read_pin_source(const name_row *row, const char *value, said *what, sigb_diag *diag)
{
    what->text = path_of(value);
    what->number = 1; /* a file */
    return what->text != NULL
               ? SIGB_OK
               : is_malformed(row, value, "an absolute path, or file:/PATH; no command is run", diag);
}

/*
 * A PIN, or file:/PATH as pkcs11-provider has it. What looks like a path is
 * not tried: a wrong PIN costs one of few attempts. No value is told.
 */
static sigb_rc read_pin(const name_row *row, const char *value, said *what, sigb_diag *diag)
{
    if (strncmp(value, "file:", 5) == 0 && path_of(value) != NULL)
        return read_pin_source(row, value, what, diag);
    if (value[0] == '/' || strncmp(value, "file:", 5) == 0)
        return sigb_fail(
            diag, SIGB_E_USAGE,
            "%s in %s looks like a file; write file:/PATH for a file that holds the PIN, and put "
            "a PIN that looks so into such a file",
            row->name, place(row));
    what->text = value;
    return SIGB_OK;
}

/* ---- what is said, and by whom ---- */

static void put_note(prov_config *config, const name_row *row, const char *why)
{
    config->notes[config->note_count++] = (config_note){row->name, why};
}

static bool is_same(const said *a, const said *b)
{
    return a->number == b->number &&
           (a->text == NULL || b->text == NULL ? a->text == b->text : strcmp(a->text, b->text) == 0);
}

/* Of two that contradict each other; variables come last, the first of them goes before the rest. */
static sigb_rc settle(prov_config *config, said *kept, const said *what, sigb_diag *diag)
{
    if (!is_variable(what->by))
        return sigb_fail(
            diag, SIGB_E_USAGE,
            "%s and %s in the OpenSSL configuration say different things of one setting; keep one "
            "of them",
            kept->by->name, what->by->name);
    if (what->by->rank > kept->by->rank)
        *kept = *what;
    else
        put_note(config, what->by, "another name, which goes before this variable, says otherwise");
    return SIGB_OK;
}

static sigb_rc take(prov_config *config, const name_row *row, const char *value, said *settings,
                    sigb_diag *diag)
{
    said what = {row, 0, NULL}, *kept = &settings[row->sets];
    sigb_rc rc;

    if (value == NULL || value[0] == '\0')
        return SIGB_OK;
    if (row->sets == SET_NOTHING) {
        put_note(config, row, row->ignored);
        return SIGB_OK;
    }
    rc = row->read(row, value, &what, diag);
    if (rc != SIGB_OK)
        return rc;
    if (kept->by != NULL && !is_same(kept, &what))
        return settle(config, kept, &what, diag);
    if (kept->by == NULL)
        *kept = what;
    return SIGB_OK;
}

static bool copy_text(char **to, const char *text)
{
    *to = text == NULL ? NULL : OPENSSL_strdup(text);
    return text == NULL || *to != NULL;
}

static sigb_rc fill_pin(prov_config *config, const said *what, sigb_diag *diag)
{
    if (what->by == NULL)
        return SIGB_OK;
    if (what->number == 1)
        return copy_text(&config->pin_source, what->text) ? SIGB_OK : sigb_no_memory(diag);
    config->pin = sigb_pin_new();
    return config->pin == NULL ? sigb_no_memory(diag)
                               : sigb_pin_put(config->pin, sigb_bytes_text(what->text), diag);
}

static sigb_rc fill(prov_config *config, const said *settings, sigb_diag *diag)
{
    config->timeout_ms = settings[SET_TIMEOUT].number;
    config->verify_signatures = settings[SET_VERIFY].number != 0;
    config->copy_key = settings[SET_COPY_KEY].number != 0;
    config->replicas = settings[SET_REPLICAS].number != 0;
    config->no_relogin = settings[SET_NO_RELOGIN].number != 0;
    config->allow_final_pin_try = settings[SET_FINAL_PIN_TRY].number != 0;
    config->uri_may_name_module = settings[SET_URI_MODULE].number != 0;
    config->uri_may_hold_pin = settings[SET_URI_PIN].number != 0;
    config->login_behaviour = (config_login)settings[SET_LOGIN].number;
    if (!copy_text(&config->module, settings[SET_MODULE].text) ||
        !copy_text(&config->init_args, settings[SET_INIT_ARGS].text))
        return sigb_no_memory(diag);
    return fill_pin(config, &settings[SET_PIN], diag);
}

/* ---- asking ---- */

/* Values of the names of openssl.cnf; borrowed from the core. */
static bool ask_core(const OSSL_CORE_HANDLE *handle, OSSL_FUNC_core_get_params_fn *get_params,
                     char *values[NAME_COUNT])
{
    OSSL_PARAM params[NAME_COUNT + 1];
    size_t used = 0;

    for (size_t i = 0; i < NAME_COUNT; i++)
        if (!is_variable(&NAMES[i]))
            params[used++] = OSSL_PARAM_construct_utf8_ptr(NAMES[i].name, &values[i], 0);
    params[used] = OSSL_PARAM_construct_end();
    return get_params(handle, params) != 0;
}

static sigb_rc read_all(const OSSL_CORE_HANDLE *handle, OSSL_FUNC_core_get_params_fn *get_params,
                        prov_config *config, sigb_diag *diag)
{
    char *values[NAME_COUNT] = {NULL};
    said settings[SETTINGS] = {{NULL, 0, NULL}};
    sigb_rc rc = SIGB_OK;

    if (!ask_core(handle, get_params, values))
        return sigb_fail(diag, SIGB_E_INTERNAL, "OpenSSL does not tell what its configuration says");
    for (size_t i = 0; i < NAME_COUNT && rc == SIGB_OK; i++)
        rc = take(config, &NAMES[i], values[i], settings, diag);
    for (size_t i = 0; i < NAME_COUNT && rc == SIGB_OK; i++)
        if (is_variable(&NAMES[i]))
            rc = take(config, &NAMES[i], secure_getenv(NAMES[i].name), settings, diag);
    return rc == SIGB_OK ? fill(config, settings, diag) : rc;
}

sigb_rc config_read(const OSSL_CORE_HANDLE *handle, OSSL_FUNC_core_get_params_fn *get_params,
                    prov_config **config, sigb_diag *diag)
{
    prov_config *made = OPENSSL_zalloc(sizeof(*made));
    sigb_rc rc = made == NULL ? sigb_no_memory(diag) : read_all(handle, get_params, made, diag);

    if (rc != SIGB_OK) {
        config_free(made);
        return rc;
    }
    *config = made;
    return SIGB_OK;
}

void config_free(prov_config *config)
{
    if (config == NULL)
        return;
    OPENSSL_free(config->module);
    OPENSSL_free(config->init_args);
    OPENSSL_free(config->pin_source);
    sigb_pin_free(config->pin);
    OPENSSL_free(config);
}

/* ---- telling ---- */

static int tell_text(OSSL_PARAM params[], const char *name, const char *text)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

    return p == NULL || OSSL_PARAM_set_utf8_ptr(p, text == NULL ? "" : text);
}

static void put_names(sigb_buf *out)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (!is_variable(&NAMES[i]))
            text_putf(out, "%s\n", NAMES[i].name);
}

static void put_notes(sigb_buf *out, const prov_config *config)
{
    for (size_t i = 0; i < config->note_count; i++)
        text_putf(out, "%s: %s\n", config->notes[i].name, config->notes[i].why);
}

static int tell_lines(OSSL_PARAM *p, sigb_buf *lines)
{
    const char *text = text_c_str(lines);
    int told = text != NULL && OSSL_PARAM_set_utf8_string(p, text);

    sigb_buf_free(lines);
    return told;
}

int config_tell(const prov_config *config, OSSL_PARAM params[])
{
    OSSL_PARAM *names = OSSL_PARAM_locate(params, ASKED_NAMES),
               *notes = OSSL_PARAM_locate(params, ASKED_NOTES);
    sigb_buf lines = SIGB_BUF_INIT;

    if (!tell_text(params, ASKED_MODULE, config->module) || !tell_text(params, ASKED_INIT, config->init_args))
        return 0;
    if (names != NULL) {
        put_names(&lines);
        if (!tell_lines(names, &lines))
            return 0;
    }
    if (notes == NULL)
        return 1;
    put_notes(&lines, config);
    return tell_lines(notes, &lines);
}
