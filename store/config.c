/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration that the caller names. OpenSSL's own reader would also act on
 * what such a file says of the process: engines, object identifiers, TLS; and it
 * goes on in silence without a provider that it could not load. So sections of
 * ours are put behind the file, which lead to its providers alone and do not
 * activate them. Each is then loaded by its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/error.h"
#include "base/text.h"
#include "store/internal.h"

#define OUR_NAME    "sigbridge_store_conf"
#define OUR_SECTION "sigbridge_store_section"
#define OUR_LIST    "sigbridge_store_providers"

static sigb_rc read_descriptor(int fd, const char *path, sigb_buf *text, sigb_diag *diag)
{
    char chunk[4096];
    ssize_t got;

    do {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            sigb_buf_append(text, sigb_bytes_of(chunk, (size_t)got));
    } while (text->len <= SIGB_MAX_CONFIG && !text->failed && (got > 0 || (got < 0 && errno == EINTR)));
    if (text->failed)
        return sigb_no_memory(diag);
    if (got < 0)
        return sigb_fail(diag, SIGB_E_IO, "the configuration %.300s cannot be read: %s", path,
                         strerror(errno));
    if (text->len > SIGB_MAX_CONFIG)
        return sigb_fail(diag, SIGB_E_LIMIT, "the configuration %.300s has more than %d bytes", path,
                         SIGB_MAX_CONFIG);
    return SIGB_OK;
}

static sigb_rc read_text(const char *path, sigb_buf *text, sigb_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    sigb_rc rc;

    if (fd < 0)
        return sigb_fail(diag, SIGB_E_IO, "the configuration %.300s cannot be opened: %s", path,
                         strerror(errno));
    rc = read_descriptor(fd, path, text, diag);
    (void)close(fd);
    return rc;
}

static sigb_rc cannot_parse(const char *path, long line, sigb_diag *diag)
{
    store_reason why = reason_take(SIGB_E_SETUP);

    if (why.rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    return sigb_fail_native(diag, SIGB_E_SETUP, why.native,
                            "the configuration %.200s is not in the form of openssl.cnf: line %ld, %.200s",
                            path, line, why.text);
}

static sigb_rc parse(OSSL_LIB_CTX *lib, const char *path, const sigb_buf *text, CONF **made, sigb_diag *diag)
{
    BIO *from = BIO_new_mem_buf(text->len == 0 ? "" : (const char *)text->ptr, (int)text->len);
    CONF *conf = NCONF_new_ex(lib, NULL);
    long line = 0;
    sigb_rc rc = SIGB_OK;

    if (from == NULL || conf == NULL)
        rc = sigb_openssl_failed(diag, "to read a configuration");
    else if (NCONF_load_bio(conf, from, &line) != 1)
        rc = cannot_parse(path, line, diag);
    BIO_free(from);
    if (rc == SIGB_OK)
        *made = conf;
    else
        NCONF_free(conf);
    return rc;
}

/* ---- sections of ours ---- */

/* What the file's openssl_conf leads to; NULL: to no providers. */
static STACK_OF(CONF_VALUE) * providers_of(const CONF *conf)
{
    const char *init = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *section = init == NULL ? NULL : NCONF_get_string(conf, init, "providers");
    STACK_OF(CONF_VALUE) *entries = section == NULL ? NULL : NCONF_get_section(conf, section);

    ERR_clear_error();
    return entries;
}

/* NAME = "VALUE", as it is read back. False: it holds what no line can. */
static bool put_line(sigb_buf *text, const char *name, const char *value)
{
    if (strpbrk(name, "\\\"'`\r\n") != NULL || strpbrk(value, "\r\n") != NULL)
        return false;
    text_put(text, name);
    text_put(text, " = \"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\')
            text_put(text, "\\");
        sigb_buf_append(text, sigb_bytes_of(value, 1));
    }
    text_put(text, "\"\n");
    return true;
}

/* All that a provider's section says, but for activate. */
static bool put_provider(sigb_buf *text, const CONF *conf, const CONF_VALUE *provider, int number)
{
    STACK_OF(CONF_VALUE) *lines = NCONF_get_section(conf, provider->value);
    bool good = true;

    text_putf(text, "[" OUR_SECTION "_%d]\n", number);
    for (int i = 0; good && i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        good = strcmp(line->name, "activate") == 0 || put_line(text, line->name, line->value);
    }
    ERR_clear_error();
    return good;
}

static bool put_sections(sigb_buf *text, const CONF *conf, STACK_OF(CONF_VALUE) * providers)
{
    char section[64];
    bool good = true;

    text_put(text, "\n[default]\n" OUR_NAME " = " OUR_SECTION "\n[" OUR_SECTION "]\nproviders = " OUR_LIST
                   "\n[" OUR_LIST "]\n");
    for (int i = 0; good && i < sk_CONF_VALUE_num(providers); i++) {
        (void)snprintf(section, sizeof(section), OUR_SECTION "_%d", i);
        good = put_line(text, sk_CONF_VALUE_value(providers, i)->name, section);
    }
    for (int i = 0; good && i < sk_CONF_VALUE_num(providers); i++)
        good = put_provider(text, conf, sk_CONF_VALUE_value(providers, i), i);
    return good;
}

static sigb_rc put_ours(const CONF *conf, const char *path, sigb_buf *text, sigb_diag *diag)
{
    STACK_OF(CONF_VALUE) *providers = providers_of(conf);

    if (sk_CONF_VALUE_num(providers) <= 0)
        return sigb_fail(
            diag, SIGB_E_SETUP,
            "the configuration %.300s leads to no provider; wanted is openssl_conf = SECTION, and "
            "in it providers = SECTION",
            path);
    if (!put_sections(text, conf, providers))
        return sigb_fail(
            diag, SIGB_E_SETUP,
            "a provider's section of the configuration %.300s holds a line break or a quoted name; "
            "write it without",
            path);
    return text->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* ---- setting up ---- */

/* OpenSSL 3.0 keeps a list of what was configured, for the whole process and without a lock. */
static bool set_up(const CONF *conf)
{
    static pthread_mutex_t setting_up = PTHREAD_MUTEX_INITIALIZER;
    int good;

    (void)pthread_mutex_lock(&setting_up);
    good = CONF_modules_load(conf, OUR_NAME, 0);
    (void)pthread_mutex_unlock(&setting_up);
    return good > 0;
}

static bool is_activated(const CONF *conf, const char *section)
{
    static const char *const no[] = {"0", "no", "off", "false"};
    const char *value = NCONF_get_string(conf, section, "activate");
    bool says_no = value == NULL;

    for (size_t i = 0; value != NULL && i < sizeof(no) / sizeof(no[0]); i++)
        says_no |= OPENSSL_strcasecmp(value, no[i]) == 0;
    return !says_no;
}

static sigb_rc load_provider(store_context *context, const CONF *conf, const CONF_VALUE *entry,
                             const char *path, sigb_diag *diag)
{
    const char *identity = NCONF_get_string(conf, entry->value, "identity");
    const char *dot = strchr(entry->name, '.'); /* as in 1.tpm2, so that one may be listed twice */
    store_reason why;
    sigb_rc rc;

    if (!is_activated(conf, entry->value))
        return SIGB_OK;
    if (identity == NULL)
        identity = dot == NULL ? entry->name : dot + 1;
    rc = context_load(context, identity, &why, diag);
    if (rc != SIGB_E_MODULE)
        return rc;
    return sigb_fail_native(diag, rc, why.native,
                            "the provider %.60s of the configuration %.160s cannot be loaded: %.280s",
                            identity, path, why.text);
}

static sigb_rc load_providers(store_context *context, const CONF *conf, const char *path, sigb_diag *diag)
{
    STACK_OF(CONF_VALUE) *providers = providers_of(conf);
    sigb_rc rc = SIGB_OK;

    for (int i = 0; rc == SIGB_OK && i < sk_CONF_VALUE_num(providers); i++)
        rc = load_provider(context, conf, sk_CONF_VALUE_value(providers, i), path, diag);
    ERR_clear_error();
    return rc;
}

sigb_rc config_load(store_context *context, const char *path, sigb_diag *diag)
{
    sigb_buf text = SIGB_BUF_INIT;
    CONF *given = NULL, *ours = NULL;
    sigb_rc rc = read_text(path, &text, diag);

    if (rc == SIGB_OK)
        rc = parse(context->lib, path, &text, &given, diag);
    if (rc == SIGB_OK)
        rc = put_ours(given, path, &text, diag);
    if (rc == SIGB_OK)
        rc = parse(context->lib, path, &text, &ours, diag);
    if (rc == SIGB_OK && !set_up(ours))
        rc = sigb_openssl_failed(diag, "to set up providers");
    if (rc == SIGB_OK)
        rc = load_providers(context, given, path, diag);
    NCONF_free(given);
    NCONF_free(ours);
    sigb_buf_free(&text);
    return rc;
}
