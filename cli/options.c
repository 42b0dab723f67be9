/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "cli/text.h"

#define HELP_COLUMN 28
#define HELP_WIDTH  80

/* clang-format off */
#define AT(field) offsetof(common_args, field)
static const option COMMON[] = {
    {"json",    0,   OPTION_FLAG, OPTIONAL, AT(json),    NULL,   NULL, "one JSON document on standard output, on failure too"},
    {"result",  0,   OPTION_TEXT, OPTIONAL, AT(result),  "FILE", NULL, "the same JSON document in a file"},
    {"force",   0,   OPTION_FLAG, OPTIONAL, AT(force),   NULL,   NULL, "replace files that exist"},
    {"quiet",   'q', OPTION_FLAG, OPTIONAL, AT(quiet),   NULL,   NULL, "say nothing on success"},
    {"verbose", 'v', OPTION_FLAG, OPTIONAL, AT(verbose), NULL,   NULL, "say more"},
    {"help",    'h', OPTION_FLAG, OPTIONAL, AT(help),    NULL,   NULL, "show this help"},
    {"version", 0,   OPTION_FLAG, OPTIONAL, AT(version), NULL,   NULL, "show the version"},
};
#undef AT
/* clang-format on */

const char *const HASH_CHOICES[] = {"sha256", "sha384", "sha512", NULL};
const char *const PROFILE_CHOICES[] = {"mst", "cose", NULL};

#define COMMON_COUNT (sizeof(COMMON) / sizeof(COMMON[0]))

/* Row i of the verb's table with the common rows behind it; NULL behind the last. */
static const option *option_at(const struct verb *verb, size_t i)
{
    if (i < verb->option_count)
        return &verb->options[i];
    i -= verb->option_count;
    return i < COMMON_COUNT ? &COMMON[i] : NULL;
}

static const option *find_name(const struct verb *verb, sigb_bytes name)
{
    const option *row;

    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        if (row->name != NULL && sigb_bytes_equal(sigb_bytes_text(row->name), name))
            return row;
    return NULL;
}

static const option *find_letter(const struct verb *verb, char letter)
{
    const option *row;

    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        if (row->letter != 0 && row->letter == letter)
            return row;
    return NULL;
}

/* ---- storing ---- */

/* The same word in any case, with hyphens or without: SHA-256 is sha256. */
static bool is_same_word(const char *one, const char *other)
{
    while (*one != '\0' || *other != '\0')
        if (*one == '-')
            one++;
        else if (*other == '-')
            other++;
        else if (strncasecmp(one++, other++, 1) != 0)
            return false;
    return true;
}

/* The choice as it is written here; NULL if the value is none of them. */
static const char *choice_find(const char *const *choices, const char *value)
{
    while (*choices != NULL && !is_same_word(*choices, value))
        choices++;
    return *choices;
}

static void put_choices(sigb_buf *out, const char *const *choices, const char *between)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        text_put(out, i == 0 ? "" : between);
        text_put(out, choices[i]);
    }
}

static sigb_rc fail_choice(const option *row, const char *title, const char *value, sigb_diag *diag)
{
    sigb_buf wanted = SIGB_BUF_INIT;
    const char *words;
    sigb_rc rc;

    put_choices(&wanted, row->choices, "|");
    words = text_c_str(&wanted);
    rc = fail(diag, SIGB_E_USAGE, "'%.100s' is no value of %s; wanted: %s", value, title,
              words == NULL ? "another" : words);
    sigb_buf_free(&wanted);
    return rc;
}

/* "--key", or "PAYLOAD" for what has no name. */
static const char *row_title(const option *row, char title[48])
{
    (void)snprintf(title, 48, "%s%.40s", row->name != NULL ? "--" : "",
                   row->name != NULL ? row->name : row->value);
    return title;
}

static sigb_rc store_text(const option *row, const char **field, const char *value, sigb_diag *diag)
{
    char title[48];

    if (*field != NULL)
        return fail(diag, SIGB_E_USAGE, "%s is given twice; give it once", row_title(row, title));
    if (row->choices != NULL && choice_find(row->choices, value) == NULL)
        return fail_choice(row, row_title(row, title), value, diag);
    *field = row->choices == NULL ? value : choice_find(row->choices, value);
    return SIGB_OK;
}

static sigb_rc store(const option *row, void *args, const char *value, sigb_diag *diag)
{
    char *field = (char *)args + row->field;
    option_list *list = (option_list *)(void *)field;

    if (row->kind == OPTION_TEXT)
        return store_text(row, (const char **)(void *)field, value, diag);
    if (row->kind == OPTION_FLAG) {
        *(bool *)(void *)field = true;
        return SIGB_OK;
    }
    if (list->count == OPTION_LIST_MAX)
        return fail(diag, SIGB_E_LIMIT, "--%s is given more than %d times", row->name, OPTION_LIST_MAX);
    list->items[list->count++] = value;
    return SIGB_OK;
}

/* ---- parsing ---- */

typedef struct parser {
    const struct verb *verb;
    int argc, at; /* argv[at] is next */
    char **argv;
    void *args;
    size_t arguments; /* without a name, so far */
} parser;

/* The value of an option: behind '=' or the letter, else the next word. */
static sigb_rc take_value(parser *p, const option *row, const char *attached, sigb_diag *diag)
{
    if (attached == NULL && p->at < p->argc)
        attached = p->argv[p->at++];
    if (attached == NULL)
        return fail(diag, SIGB_E_USAGE, "--%s needs a value: %s", row->name, row->value);
    return store(row, p->args, attached, diag);
}

/* A mistyped option may have a secret behind '=': its name alone is shown. */
static sigb_rc parse_long(parser *p, const char *word, sigb_diag *diag)
{
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const option *row = find_name(p->verb, sigb_bytes_of(word, len));

    if (row == NULL)
        return fail(diag, SIGB_E_USAGE, "unknown option '--%.*s'; see sigbridge %s --help",
                    len > 60 ? 60 : (int)len, word, p->verb->name);
    if (row->kind != OPTION_FLAG)
        return take_value(p, row, equals == NULL ? NULL : equals + 1, diag);
    if (equals != NULL)
        return fail(diag, SIGB_E_USAGE, "--%s takes no value", row->name);
    return store(row, p->args, NULL, diag);
}

static sigb_rc parse_letters(parser *p, const char *letters, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (; rc == SIGB_OK && *letters != '\0'; letters++) {
        const option *row = find_letter(p->verb, *letters);
        if (row == NULL)
            return fail(diag, SIGB_E_USAGE, "unknown option '-%c'; see sigbridge %s --help", *letters,
                        p->verb->name);
        if (row->kind != OPTION_FLAG)
            return take_value(p, row, letters[1] == '\0' ? NULL : letters + 1, diag);
        rc = store(row, p->args, NULL, diag);
    }
    return rc;
}

/* Argument number n goes to the nth row without a name. */
static sigb_rc parse_argument(parser *p, const char *word, sigb_diag *diag)
{
    size_t nth = 0;
    const option *row;
    sigb_buf shown = SIGB_BUF_INIT;

    for (size_t i = 0; (row = option_at(p->verb, i)) != NULL; i++)
        if (row->name == NULL && nth++ == p->arguments) {
            p->arguments++;
            return store(row, p->args, word, diag);
        }
    options_put_argument(&shown, word);
    (void)fail(diag, SIGB_E_USAGE, "unexpected argument '%.200s'; see sigbridge %s --help",
               text_c_str(&shown), p->verb->name);
    sigb_buf_free(&shown);
    return SIGB_E_USAGE;
}

static sigb_rc parse_words(parser *p, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;
    bool options = true;

    while (rc == SIGB_OK && p->at < p->argc) {
        const char *word = p->argv[p->at++];
        if (!options || word[0] != '-' || word[1] == '\0')
            rc = parse_argument(p, word, diag);
        else if (word[1] != '-')
            rc = parse_letters(p, word + 1, diag);
        else if (word[2] != '\0')
            rc = parse_long(p, word + 2, diag);
        else
            options = false;
    }
    return rc;
}

static bool is_set(const option *row, const void *args)
{
    const char *field = (const char *)args + row->field;

    if (row->kind == OPTION_LIST)
        return ((const option_list *)(const void *)field)->count > 0;
    return *(const char *const *)(const void *)field != NULL;
}

static sigb_rc require_needed(const struct verb *verb, const void *args, sigb_diag *diag)
{
    const option *row;
    char title[48];

    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        if (row->need == NEEDED && !is_set(row, args))
            return fail(diag, SIGB_E_USAGE, "%s is missing; see sigbridge %s --help", row_title(row, title),
                        verb->name);
    return SIGB_OK;
}

sigb_rc options_parse(const struct verb *verb, int argc, char **argv, void *args, sigb_diag *diag)
{
    parser p = {verb, argc, 0, argv, args, 0};
    const common_args *common = args;
    sigb_rc rc = parse_words(&p, diag);

    if (rc != SIGB_OK || common->help || common->version)
        return rc;
    return require_needed(verb, args, diag);
}

bool options_want_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* ---- showing ---- */

void options_put_argument(sigb_buf *out, const char *argument)
{
    static const char secret[] = "pin-value=";

    for (const char *at = argument; *at != '\0'; at++) {
        if (strncasecmp(at, secret, sizeof(secret) - 1) != 0)
            continue;
        at += sizeof(secret) - 1;
        text_put_raw(out, sigb_bytes_of(argument, (size_t)(at - argument)));
        text_put(out, "...");
        argument = at + strcspn(at, "&;");
        at = argument - 1;
    }
    text_put_raw(out, sigb_bytes_text(argument));
}

/* Words of `text` from the help column on, broken before the width is passed. */
static void put_wrapped(sigb_buf *out, size_t column, const char *text)
{
    size_t at = column;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (at > column && at + 1 + len > HELP_WIDTH) {
            text_put(out, "\n");
            text_put_blanks(out, column);
            at = column;
        }
        if (at > column) {
            text_put(out, " ");
            at++;
        }
        sigb_buf_append(out, sigb_bytes_of(text, len));
        at += len;
        text += len + strspn(text + len, " ");
    }
    text_put(out, "\n");
}

/* "  -o, --output FILE", and "..." where it may be repeated. */
static void put_option(sigb_buf *out, const option *row)
{
    const char letter[] = {' ', ' ', '-', row->letter, ',', ' ', '\0'};
    size_t start = out->len;

    text_put(out, row->letter == 0 ? "      " : letter);
    if (row->name == NULL)
        out->len = start + 2; /* an argument begins where letters do */
    if (row->name != NULL)
        text_put(out, "--");
    text_put(out, row->name);
    if (row->name != NULL && row->value != NULL)
        text_put(out, " ");
    text_put(out, row->value);
    if (row->kind == OPTION_LIST)
        text_put(out, "...");
    if (out->len - start + 2 > HELP_COLUMN) {
        text_put(out, "\n");
        start = out->len;
    }
    text_put_blanks(out, HELP_COLUMN - (out->len - start));
}

static void put_help_line(sigb_buf *out, const option *row)
{
    sigb_buf words = SIGB_BUF_INIT;

    put_option(out, row);
    text_put(&words, row->help);
    if (row->choices != NULL) {
        text_put(&words, " (");
        put_choices(&words, row->choices, ", ");
        text_put(&words, ")");
    }
    put_wrapped(out, HELP_COLUMN, text_c_str(&words));
    out->failed |= words.failed;
    sigb_buf_free(&words);
}

static void put_usage(sigb_buf *out, const struct verb *verb)
{
    const option *row;

    text_put(out, "usage: sigbridge ");
    text_put(out, verb->name);
    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        if (row->name != NULL && row->need == NEEDED) {
            text_put(out, " --");
            text_put(out, row->name);
            text_put(out, " ");
            text_put(out, row->value);
        }
    text_put(out, " [OPTION]...");
    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        if (row->name == NULL) {
            text_put(out, row->need == NEEDED ? " " : " [");
            text_put(out, row->value);
            text_put(out, row->need == NEEDED ? "" : "]");
        }
    text_put(out, "\n");
}

void options_help(const struct verb *verb, sigb_buf *out)
{
    const option *row;

    put_usage(out, verb);
    put_wrapped(out, 0, verb->summary);
    text_put(out, "\n");
    for (size_t i = 0; (row = option_at(verb, i)) != NULL; i++)
        put_help_line(out, row);
}
