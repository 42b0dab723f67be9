/* SPDX-License-Identifier: Apache-2.0 */
/* sigb_provider_check(): one row a check, in the order in which they are told. */
#include "token/setup.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/asked.h"
#include "pkcs11/pkcs11.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- answers ---- */

static void fail_with(setup_answer *a, const char *found)
{
    a->verdict = SIGB_VERDICT_FAIL;
    a->rc = SIGB_E_SETUP;
    text_put(&a->found, found);
}

static void warn_with(setup_answer *a, const char *found)
{
    a->verdict = SIGB_VERDICT_WARN;
    text_put(&a->found, found);
}

/* What only an active provider can answer. */
static bool lacks_provider(const setup *s, setup_answer *a)
{
    if (s->provider != NULL)
        return false;
    a->verdict = SIGB_VERDICT_NOT_CHECKED;
    text_put(&a->found, "not examined: \"provider\" comes first");
    return true;
}

/* ---- what the file says ---- */

static void judge_openssl(const setup *s, setup_answer *a)
{
    (void)s;
    text_put(&a->found, OpenSSL_version(OPENSSL_VERSION));
    text_put(&a->found, ", providers in ");
    text_put(&a->found, conf_folder());
}

static void judge_configuration(const setup *s, setup_answer *a)
{
    if (s->conf != NULL) {
        text_put(&a->found, s->path);
        return;
    }
    fail_with(a, s->unread.text);
    text_put(&a->advice,
             "correct the file, or write one that holds these lines and name it by OPENSSL_CONF\n");
    conf_put_lines(s, &a->advice);
}

static void judge_sections(const setup *s, setup_answer *a)
{
    if (s->conf == NULL) {
        a->verdict = SIGB_VERDICT_NOT_CHECKED;
        text_put(&a->found, "not examined: \"configuration\" comes first");
        return;
    }
    if (s->providers != NULL) {
        text_put(&a->found, "openssl_conf is [");
        text_put(&a->found, s->init);
        text_put(&a->found, "], its providers are in [");
        text_put(&a->found, s->providers);
        text_put(&a->found, "]");
        return;
    }
    fail_with(a, s->init == NULL ? "openssl_conf names no section that is there"
                                 : "the section that openssl_conf names has no providers, or names a section "
                                   "for them that is not there");
    text_put(&a->advice, "add these lines, openssl_conf before the first section\n");
    conf_put_lines(s, &a->advice);
}

static void judge_properties(const setup *s, setup_answer *a)
{
    const char *section = conf_value(s, s->init, "alg_section");
    const char *query = conf_value(s, section, "default_properties");
    const char *provider = query == NULL ? NULL : strstr(query, "provider=");

    if (query == NULL) {
        text_put(&a->found, "no default_properties");
        return;
    }
    text_put(&a->found, "default_properties = ");
    text_put(&a->found, query);
    if (provider == NULL || strncmp(provider, "provider=default", strlen("provider=default")) == 0)
        return;
    if (provider != query && provider[-1] == '?') {
        warn_with(a, ", which prefers a provider for everything, also for what a PKCS#11 module that uses "
                     "OpenSSL asks for itself");
    } else {
        fail_with(a, ", which leaves all other providers out: nothing hashes any more");
    }
    text_put(&a->advice, "take default_properties out: a key that is named by a pkcs11: URI needs none");
}

/* ---- what comes of it ---- */

static void judge_loading(const setup *s, setup_answer *a)
{
    if (s->loaded) {
        text_put(&a->found, "active: ");
        text_put(&a->found, s->active.len == 0 ? "none" : "");
        sigb_buf_append(&a->found, sigb_buf_bytes(&s->active));
        return;
    }
    fail_with(a, s->conf == NULL ? "there is no configuration" : "OpenSSL gives up: ");
    for (size_t i = 0; i + 1 < s->errors.len; i++)
        sigb_buf_append(&a->found, s->errors.ptr[i] == '\n' ? sigb_bytes_text("; ")
                                                            : sigb_bytes_of(s->errors.ptr + i, 1));
    text_put(&a->advice, "correct what the words name; programs pass over it in silence, and have what was "
                         "loaded before it");
}

/* Why it is not active, as far as the file tells. */
static void explain_inactive(const setup *s, setup_answer *a)
{
    if (s->providers == NULL) {
        fail_with(a, "the configuration does not name it");
        text_put(&a->advice, s->conf == NULL ? "see \"configuration\"" : "see \"sections\"");
    } else if (s->ours == NULL) {
        fail_with(a, "the configuration does not name it");
        text_put(&a->advice, "add these lines\n");
        conf_put_lines(s, &a->advice);
    } else if (!conf_activates(s, s->ours)) {
        fail_with(a, "it is named, and not activated");
        text_put(&a->advice, "add this line\n[");
        text_put(&a->advice, s->ours);
        text_put(&a->advice, "]\nactivate = 1\n");
    } else {
        fail_with(a, "it is named, and cannot be loaded");
        text_put(&a->advice, "correct what \"loading\" says; the library is\n[");
        text_put(&a->advice, s->ours);
        text_put(&a->advice, "]\nmodule = ");
        conf_put_library(&a->advice);
        text_put(&a->advice, "\n");
    }
}

static void judge_provider(const setup *s, setup_answer *a)
{
    const char *identity = s->provider == NULL ? NULL : OSSL_PROVIDER_get0_name(s->provider);

    if (identity == NULL) {
        explain_inactive(s, a);
        return;
    }
    text_put(&a->found, "active as ");
    text_put(&a->found, identity);
    if (strcmp(identity, ASKED_NAME) == 0)
        return;
    warn_with(a, ", which property queries have to say");
    text_put(&a->advice, "where a program names a provider, it is provider=");
    text_put(&a->advice, identity);
}

/* None are missing where loading stopped before it came to them. */
static void advise_default(const setup *s, setup_answer *a)
{
    sigb_buf lines = SIGB_BUF_INIT;

    conf_put_default(s, &lines);
    text_put(&a->advice, lines.len == 0 ? "see \"loading\"" : "add these lines\n");
    sigb_buf_append(&a->advice, sigb_buf_bytes(&lines));
    a->advice.failed |= lines.failed;
    sigb_buf_free(&lines);
}

static void judge_default(const setup *s, setup_answer *a)
{
    bool active = OSSL_PROVIDER_available(s->ctx, "default") == 1;

    if (!active && OSSL_PROVIDER_available(s->ctx, "fips") != 1) {
        fail_with(
            a, "not active: a file that activates any provider has to activate this one too, or OpenSSL has "
               "no digests and no ciphers");
        advise_default(s, a);
        return;
    }
    text_put(&a->found, active ? "active" : "fips is active instead");
    text_put(&a->found, "; SHA-256 comes from ");
    if (load_put_digest(s, &a->found))
        return;
    fail_with(a, "no provider");
    text_put(&a->advice, "see \"properties\"");
}

static void judge_rivals(const setup *s, setup_answer *a)
{
    if (s->rivals.len == 0) {
        text_put(&a->found, "none");
        return;
    }
    warn_with(a, "active too: ");
    sigb_buf_append(&a->found, sigb_buf_bytes(&s->rivals));
    text_put(&a->advice, "take it out of the providers: two of them log in, and open pkcs11: URIs, in turn");
}

static void judge_uris(const setup *s, setup_answer *a)
{
    bool is_ours = false;

    if (lacks_provider(s, a))
        return;
    text_put(&a->found, "opened by ");
    if (!load_put_store(s, &a->found, &is_ours))
        text_put(&a->found, "nobody");
    if (is_ours)
        return;
    fail_with(a, ", and not by this provider");
    text_put(&a->advice, "take the other provider out, or correct \"properties\"");
}

/* ---- what it says to the provider ---- */

static bool has_line(const sigb_buf *lines, const char *name)
{
    const char *at = (const char *)lines->ptr;
    size_t len = strlen(name);

    while (at != NULL && *at != '\0') {
        const char *end = strchr(at, '\n');
        if ((size_t)(end - at) == len && strncmp(at, name, len) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static void put_unknown(const setup *s, const sigb_buf *known, sigb_buf *out)
{
    static const char *const openssls[] = {"module", "identity", "activate", "soft_load"};
    STACK_OF(CONF_VALUE) *values = s->ours == NULL ? NULL : NCONF_get_section(s->conf, s->ours);

    for (int i = 0; i < sk_CONF_VALUE_num(values); i++) {
        const char *name = sk_CONF_VALUE_value(values, i)->name;
        bool is_known = has_line(known, name);
        for (size_t n = 0; n < COUNT(openssls); n++)
            is_known |= strcmp(openssls[n], name) == 0;
        if (is_known)
            continue;
        text_put(out, out->len == 0 ? "" : ", ");
        text_put(out, name);
    }
}

static void judge_names(const setup *s, setup_answer *a)
{
    sigb_buf known = SIGB_BUF_INIT, unknown = SIGB_BUF_INIT;

    if (lacks_provider(s, a))
        return;
    if (load_put_text(s, ASKED_NAMES, &known) && text_c_str(&known) != NULL)
        put_unknown(s, &known, &unknown);
    if (unknown.len == 0) {
        text_put(&a->found, "all are understood");
    } else {
        fail_with(a, "not understood, and without any effect: ");
        sigb_buf_append(&a->found, sigb_buf_bytes(&unknown));
        text_put(&a->advice, "look for a slip of the pen; sigbridge-provider(7) has the names");
    }
    a->found.failed |= known.failed || unknown.failed;
    sigb_buf_free(&known);
    sigb_buf_free(&unknown);
}

/* For those who come from another provider: nothing is wrong with them. */
static void judge_ignored(const setup *s, setup_answer *a)
{
    sigb_buf notes = SIGB_BUF_INIT;

    if (lacks_provider(s, a))
        return;
    if (!load_put_text(s, ASKED_NOTES, &notes) || notes.len == 0)
        text_put(&a->found, "none");
    for (size_t i = 0; i + 1 < notes.len; i++)
        sigb_buf_append(&a->found,
                        notes.ptr[i] == '\n' ? sigb_bytes_text("; ") : sigb_bytes_of(notes.ptr + i, 1));
    a->found.failed |= notes.failed;
    sigb_buf_free(&notes);
}

/* ---- the PIN ---- */

static bool others_read(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

static void judge_pin_file(const char *path, setup_answer *a)
{
    text_put(&a->found, "from ");
    text_put(&a->found, path);
    if (access(path, R_OK) != 0) {
        warn_with(a, ", which programs of this user cannot read: ");
        text_put(&a->found, strerror(errno));
        text_put(&a->advice,
                 "correct the path, or let the program read it as root before it becomes another user");
    } else if (others_read(path)) {
        warn_with(a, ", which others can read");
        text_put(&a->advice, "make it private (chmod 600)");
    }
}

/* By the file alone: the variables of the environment that may hold one are libp11's, and no place for it. */
static void judge_pin(const setup *s, setup_answer *a)
{
    static const char *const names[] = {"pin-source", "pin", "pkcs11-module-token-pin"};
    const char *value = NULL;

    if (lacks_provider(s, a))
        return;
    for (size_t i = 0; i < COUNT(names) && (value == NULL || value[0] == '\0'); i++)
        value = conf_value(s, s->ours, names[i]);
    if (value == NULL || value[0] == '\0') {
        text_put(&a->found, "from the URI, or asked by the program");
    } else if (value[0] == '/' || strncmp(value, "file:", 5) == 0) {
        judge_pin_file(value[0] == '/' ? value : value + (strncmp(value, "file://", 7) == 0 ? 7 : 5), a);
    } else {
        text_put(&a->found, "in the configuration");
        if (!others_read(s->path))
            return;
        warn_with(a, ", which others can read");
        text_put(&a->advice,
                 "put it into a file that the user of the program alone can read, and name that: pin-source");
    }
}

/* ---- the module ---- */

static void put_tokens(p11_module *module, setup_answer *a)
{
    sigb_diag why = {{0}, 0};
    p11_slot *slots = NULL;
    size_t count = 0;
    sigb_rc rc = p11_slots_require(module, NULL, &slots, &count, &why);

    if (rc == SIGB_OK) {
        text_putf(&a->found, "; %zu token%s", count, count == 1 ? "" : "s");
    } else {
        warn_with(a, "; ");
        text_put(&a->found, why.text);
        text_put(&a->advice, "connect the device; compare with sigbridge token list");
    }
    OPENSSL_free(slots);
}

static void judge_module(const setup *s, setup_answer *a)
{
    const sigb_pkcs11_options options = {.module = load_module(s)[0] == '\0' ? NULL : load_module(s),
                                         .init_args = load_init_args(s)[0] == '\0' ? NULL
                                                                                   : load_init_args(s)};
    p11_module *module = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (lacks_provider(s, a))
        return;
    rc = p11_module_open(NULL, &options, &module, &why);
    if (rc != SIGB_OK) {
        fail_with(a, why.text);
        a->rc = rc;
        text_put(&a->advice, "name the module of the token's vendor\n[");
        text_put(&a->advice, s->ours == NULL ? "sigbridge_sect" : s->ours);
        text_put(&a->advice, "]\nmodule-path = /path/of/the/pkcs11-module.so\n");
        return;
    }
    text_put(&a->found, p11_module_path(module));
    put_tokens(module, a);
    p11_module_close(module);
}

/* ---- all of them ---- */

/* clang-format off */
static const struct check_row {
    const char *name;
    bool essential;
    void (*judge)(const setup *s, setup_answer *a);
    const char *wanted;
} CHECKS[] = {
    {"openssl",       false, judge_openssl,       "OpenSSL 3.0 or later"},
    {"configuration", true,  judge_configuration, "a file that OpenSSL can read"},
    {"sections",      true,  judge_sections,      "openssl_conf names a section, and that one names providers"},
    {"properties",    true,  judge_properties,    "no default_properties that name a provider"},
    {"loading",       true,  judge_loading,       "OpenSSL loads everything that the file names"},
    {"provider",      true,  judge_provider,      "this provider is active"},
    {"default",       true,  judge_default,       "the provider default (or fips) is active beside it"},
    {"others",        false, judge_rivals,        "no other provider for PKCS#11"},
    {"uris",          true,  judge_uris,          "this provider opens pkcs11: URIs"},
    {"names",         true,  judge_names,         "names in the provider's section that it understands"},
    {"ignored",       false, judge_ignored,       "names that do something"},
    {"pin",           false, judge_pin,           "a PIN that nobody else can read"},
    {"module",        true,  judge_module,        "the PKCS#11 module can be loaded, and has a token"},
};
/* clang-format on */

typedef struct telling {
    sigb_finding_fn finding;
    void *arg;
    sigb_rc failed; /* of the first essential check that did */
    sigb_diag why;
} telling;

static sigb_rc tell(telling *t, const struct check_row *row, setup_answer *a, sigb_diag *diag)
{
    const char *found = text_c_str(&a->found), *advice = text_c_str(&a->advice);
    const sigb_finding finding = {.check = row->name,
                                  .verdict = a->verdict,
                                  .essential = row->essential,
                                  .rc = a->rc,
                                  .found = found,
                                  .wanted = row->wanted,
                                  .advice = advice};

    if (found == NULL || advice == NULL)
        return sigb_no_memory(diag);
    if (t->failed == SIGB_OK && row->essential && a->verdict == SIGB_VERDICT_FAIL)
        t->failed = sigb_fail(&t->why, a->rc, "%s: %s", row->name, found);
    if (t->finding != NULL)
        t->finding(t->arg, &finding);
    return SIGB_OK;
}

static sigb_rc judge_all(setup *s, telling *t, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; i < COUNT(CHECKS) && rc == SIGB_OK; i++) {
        setup_answer a = {SIGB_VERDICT_OK, SIGB_OK, SIGB_BUF_INIT, SIGB_BUF_INIT};
        if (CHECKS[i].judge == judge_loading)
            rc = load_all(s,
                          diag); /* which may be the end of the process: what the file says has been told */
        if (rc != SIGB_OK)
            break;
        CHECKS[i].judge(s, &a);
        rc = tell(t, &CHECKS[i], &a, diag);
        sigb_buf_free(&a.found);
        sigb_buf_free(&a.advice);
    }
    if (rc == SIGB_OK && t->failed != SIGB_OK)
        rc = sigb_fail(diag, t->failed, "%s", t->why.text);
    return rc;
}

static void setup_close(setup *s)
{
    OSSL_LIB_CTX_free(s->ctx);
    NCONF_free(s->conf);
    OPENSSL_free(s->path);
    sigb_buf_free(&s->errors);
    sigb_buf_free(&s->active);
    sigb_buf_free(&s->rivals);
}

sigb_rc sigb_provider_check(const char *config, sigb_finding_fn finding, void *finding_arg, sigb_diag *diag)
{
    setup s = {.path = NULL};
    telling t = {.finding = finding, .arg = finding_arg};
    sigb_rc rc = conf_read(&s, config, diag);

    if (rc == SIGB_OK)
        rc = judge_all(&s, &t, diag);
    setup_close(&s);
    return rc;
}
