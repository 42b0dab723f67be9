/* SPDX-License-Identifier: Apache-2.0 */
#include "token/setup.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/error.h"
#include "base/libctx.h"
#include "base/text.h"

/* ---- reading ---- */

static STACK_OF(CONF_VALUE) * values_of(const setup *s, const char *section)
{
    STACK_OF(CONF_VALUE) *values = NULL;

    if (s->conf == NULL || section == NULL)
        return NULL;
    ERR_set_mark();
    values = NCONF_get_section(s->conf, section);
    ERR_pop_to_mark();
    return values;
}

/* NCONF_get_string() would go on to the default section. */
const char *conf_value(const setup *s, const char *section, const char *name)
{
    STACK_OF(CONF_VALUE) *values = values_of(s, section);

    for (int i = 0; i < sk_CONF_VALUE_num(values); i++)
        if (strcmp(sk_CONF_VALUE_value(values, i)->name, name) == 0)
            return sk_CONF_VALUE_value(values, i)->value;
    return NULL;
}

/* The value, if it is the name of a section that is there. */
static const char *section_at(const setup *s, const char *section, const char *name)
{
    const char *value = conf_value(s, section, name);

    return values_of(s, value) == NULL ? NULL : value;
}

bool conf_take_provider(const setup *s, int at, conf_entry *entry)
{
    STACK_OF(CONF_VALUE) *values = values_of(s, s->providers);
    const CONF_VALUE *named;
    const char *identity;

    if (at >= sk_CONF_VALUE_num(values))
        return false;
    named = sk_CONF_VALUE_value(values, at);
    identity = conf_value(s, named->value, "identity");
    *entry = (conf_entry){identity == NULL ? named->name : identity, named->value};
    return true;
}

bool conf_activates(const setup *s, const char *section)
{
    static const char *const no[] = {"0", "no", "false", "off"};
    const char *value = conf_value(s, section, "activate");

    for (size_t i = 0; value != NULL && i < sizeof(no) / sizeof(no[0]); i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return value != NULL;
}

const char *conf_section_of(const setup *s, const char *identity)
{
    conf_entry entry;

    for (int i = 0; conf_take_provider(s, i, &entry); i++)
        if (strcmp(entry.identity, identity) == 0)
            return entry.section;
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len >= tail && strcmp(text + len - tail, end) == 0;
}

/* By the library that it names, else by its own name. */
static const char *find_ours(const setup *s)
{
    conf_entry entry;

    for (int i = 0; conf_take_provider(s, i, &entry); i++) {
        const char *module = conf_value(s, entry.section, "module");
        if (module != NULL && (ends_with(module, "/sigbridge.so") || strcmp(module, "sigbridge.so") == 0 ||
                               strcmp(module, "sigbridge") == 0))
            return entry.section;
    }
    return conf_section_of(s, "sigbridge");
}

static sigb_rc parse(setup *s, sigb_diag *diag)
{
    OSSL_LIB_CTX *ctx;
    long line = 0;
    sigb_rc rc = libctx_require(&ctx, diag);

    if (rc != SIGB_OK)
        return rc;
    s->conf = NCONF_new_ex(ctx, NULL);
    if (s->conf == NULL)
        return sigb_openssl_failed(diag, "NCONF_new_ex");
    if (access(s->path, R_OK) != 0)
        rc = sigb_fail(&s->unread, SIGB_E_SETUP, "%s cannot be read: %s", s->path, strerror(errno));
    else if (NCONF_load(s->conf, s->path, &line) != 1)
        rc = sigb_openssl_refused(&s->unread, SIGB_E_SETUP, "%s cannot be read: line %ld is no configuration",
                                  s->path, line);
    if (rc == SIGB_OK)
        return SIGB_OK;
    NCONF_free(s->conf);
    s->conf = NULL;
    return rc == SIGB_E_MEMORY ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc conf_read(setup *s, const char *asked, sigb_diag *diag)
{
    sigb_rc rc;

    s->path = asked == NULL ? CONF_get1_default_config_file() : OPENSSL_strdup(asked);
    if (s->path == NULL)
        return sigb_no_memory(diag);
    rc = parse(s, diag);
    s->init = section_at(s, "default", "openssl_conf");
    s->providers = section_at(s, s->init, "providers");
    s->ours = find_ours(s);
    return rc;
}

/* ---- where libraries are ---- */

const char *conf_folder(void)
{
    const char *folder = secure_getenv("OPENSSL_MODULES");

    return folder == NULL ? OPENSSL_info(OPENSSL_INFO_MODULES_DIR) : folder;
}

/* False: there is no such file, or no memory to tell, which out->failed then says. */
static bool has_library(sigb_bytes folder, sigb_buf *path, sigb_buf *out)
{
    const char *text;

    sigb_buf_append(path, folder);
    text_put(path, "/sigbridge.so");
    text = text_c_str(path);
    out->failed |= path->failed;
    return text != NULL && access(text, R_OK) == 0;
}

/* Beside this library, as it is built and installed. */
void conf_put_library(sigb_buf *out)
{
    static const char anchor;
    static const char below[] = "/ossl-modules";
    Dl_info here;
    sigb_buf path = SIGB_BUF_INIT;
    const char *end = dladdr(&anchor, &here) == 0 || here.dli_fname == NULL ? NULL
                                                                            : strrchr(here.dli_fname, '/');

    if (end != NULL)
        sigb_buf_append(&path, sigb_bytes_of(here.dli_fname, (size_t)(end - here.dli_fname)));
    if (end != NULL && has_library(sigb_bytes_text(below), &path, out))
        sigb_buf_append(out, sigb_buf_bytes(&path));
    else
        text_put(out, "/path/of/sigbridge.so");
    sigb_buf_free(&path);
}

/* ---- the lines that are missing ---- */

static bool is_in_folder(sigb_buf *out)
{
    sigb_buf path = SIGB_BUF_INIT;
    bool found = has_library(sigb_bytes_text(conf_folder()), &path, out);

    sigb_buf_free(&path);
    return found;
}

static void put_assignment(sigb_buf *out, const char *name, const char *value)
{
    text_put(out, name);
    text_put(out, " = ");
    text_put(out, value);
    text_put(out, "\n");
}

static void put_section(sigb_buf *out, const char *name)
{
    text_put(out, "[");
    text_put(out, name);
    text_put(out, "]\n");
}

/* The entries that the section of providers lacks. */
static void put_entries(const setup *s, bool with_ours, sigb_buf *out)
{
    bool lacks_default = conf_section_of(s, "default") == NULL, lacks_ours = with_ours && s->ours == NULL;

    if (lacks_default || lacks_ours)
        put_section(out, s->providers == NULL ? "provider_sect" : s->providers);
    if (lacks_default)
        put_assignment(out, "default", "default_sect");
    if (lacks_ours)
        put_assignment(out, "sigbridge", "sigbridge_sect");
}

static void put_default(const setup *s, sigb_buf *out)
{
    const char *section = conf_section_of(s, "default");

    if (conf_activates(s, section))
        return;
    put_section(out, section == NULL ? "default_sect" : section);
    put_assignment(out, "activate", "1");
}

static void put_ours(const setup *s, sigb_buf *out)
{
    put_section(out, s->ours == NULL ? "sigbridge_sect" : s->ours);
    if (!is_in_folder(out)) {
        text_put(out, "module = ");
        conf_put_library(out);
        text_put(out, "\n");
    }
    if (s->ours == NULL)
        put_assignment(out, "module-path", "/path/of/the/pkcs11-module.so");
    put_assignment(out, "activate", "1");
}

void conf_put_default(const setup *s, sigb_buf *out)
{
    put_entries(s, false, out);
    put_default(s, out);
}

void conf_put_lines(const setup *s, sigb_buf *out)
{
    const char *init = s->init == NULL ? "openssl_init" : s->init;

    if (s->init == NULL)
        put_assignment(out, "openssl_conf", init);
    if (s->providers == NULL) {
        put_section(out, init);
        put_assignment(out, "providers", "provider_sect");
    }
    put_entries(s, true, out);
    put_default(s, out);
    put_ours(s, out);
}
