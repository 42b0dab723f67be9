/* SPDX-License-Identifier: Apache-2.0 */
/* The provider's configuration, from a core that says what each test has it say. */
#include "tests/support/support.h"

#include <openssl/crypto.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "base/text.h"
#include "pkcs11/asked.h"
#include "provider/config.h"
#include "tests/support/corpus.h"

/* The section of openssl.cnf that the core has. */
typedef struct line {
    const char *name, *value;
} line;

static int core_get_params(const OSSL_CORE_HANDLE *handle, OSSL_PARAM params[])
{
    for (const line *l = (const line *)handle; l->name != NULL; l++) {
        OSSL_PARAM *p = OSSL_PARAM_locate(params, l->name);
        if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, l->value))
            return 0;
    }
    return 1;
}

static sigb_rc read_lines(const line *lines, prov_config **config, sigb_diag *diag)
{
    return config_read((const OSSL_CORE_HANDLE *)lines, core_get_params, config, diag);
}

static prov_config *said(const line *lines)
{
    prov_config *config = NULL;
    sigb_diag diag = {{0}, 0};

    if (read_lines(lines, &config, &diag) != SIGB_OK)
        fail_msg("refused: %s", diag.text);
    return config;
}

static sigb_rc judge(const line *lines, sigb_diag *diag)
{
    prov_config *config = NULL;
    sigb_rc rc = read_lines(lines, &config, diag);

    assert_true((rc == SIGB_OK) == (config != NULL));
    config_free(config);
    return rc;
}

static bool pin_is(const prov_config *config, const char *text)
{
    return config->pin != NULL && config->pin->len == strlen(text) &&
           memcmp(config->pin->page, text, config->pin->len) == 0;
}

static bool is_noted(const prov_config *config, const char *name)
{
    for (size_t i = 0; i < config->note_count; i++)
        if (strcmp(config->notes[i].name, name) == 0)
            return config->notes[i].why[0] != '\0';
    return false;
}

static int clear_environment(void **state)
{
    static const char *const names[] = {"PKCS11_PROVIDER_MODULE", "PKCS11_PROVIDER_DEBUG",
                                        "PKCS11_MODULE_PATH",     "PKCS11_PIN",
                                        "PKCS11_FORCE_LOGIN",     "PKCS11_DEBUG_LEVEL"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
    return 0;
}

static void what_is_not_said_is_off(void **state)
{
    prov_config *config = said(
        (const line[]){{"module", "/usr/lib/ossl-modules/sigbridge.so"}, {"activate", "1"}, {NULL, NULL}});

    (void)state;
    assert_null(config->module);
    assert_null(config->init_args);
    assert_null(config->pin_source);
    assert_null(config->pin);
    assert_int_equal(config->timeout_ms, 0);
    assert_false(config->verify_signatures || config->copy_key || config->replicas || config->no_relogin);
    assert_false(config->allow_final_pin_try || config->uri_may_name_module || config->uri_may_hold_pin);
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_PRIVATE);
    assert_int_equal(config->note_count, 0);
    config_free(config);
}

static void our_own_names(void **state)
{
    prov_config *config = said((const line[]){{"module-path", "/m.so"},
                                              {"module-init-args", "configdir='/x'"},
                                              {"pin-source", "file:/run/pin"},
                                              {"token-timeout", "0.5"},
                                              {"verify-signatures", "yes"},
                                              {"copy-key", "on"},
                                              {"replicas", "true"},
                                              {"no-relogin", "1"},
                                              {"allow-final-pin-try", "YES"},
                                              {"allow-uri-module", "yes"},
                                              {"allow-uri-pin", "True"},
                                              {"login-behavior", "never"},
                                              {NULL, NULL}});

    (void)state;
    assert_string_equal(config->module, "/m.so");
    assert_string_equal(config->init_args, "configdir='/x'");
    assert_string_equal(config->pin_source, "/run/pin");
    assert_null(config->pin);
    assert_int_equal(config->timeout_ms, 500);
    assert_true(config->verify_signatures && config->copy_key && config->replicas && config->no_relogin);
    assert_true(config->allow_final_pin_try && config->uri_may_name_module && config->uri_may_hold_pin);
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_PRIVATE);
    assert_int_equal(config->note_count, 0);
    config_free(config);
}

/* A whole section as provider-pkcs11(7) has it: every name is understood. */
static void a_section_of_pkcs11_provider(void **state)
{
    static const char *const ignored[] = {
        "pkcs11-module-allow-export", "pkcs11-module-cache-sessions",
        "pkcs11-module-quirks",       "pkcs11-module-block-operations",
        "pkcs11-module-assume-fips",  "pkcs11-module-encode-provider-uri-to-pem",
        "pkcs11-module-load-behavior"};
    prov_config *config = said((const line[]){{"pkcs11-module-path", "/m.so"},
                                              {"pkcs11-module-init-args", "args"},
                                              {"pkcs11-module-token-pin", "file:/etc/pki/pin.txt"},
                                              {"pkcs11-module-allow-export", "1"},
                                              {"pkcs11-module-cache-keys", "true"},
                                              {"pkcs11-module-cache-pins", "cache"},
                                              {"pkcs11-module-cache-sessions", "0"},
                                              {"pkcs11-module-login-behavior", "always"},
                                              {"pkcs11-module-load-behavior", "early"},
                                              {"pkcs11-module-quirks", "no-deinit no-operation-state"},
                                              {"pkcs11-module-block-operations", "digest"},
                                              {"pkcs11-module-assume-fips", "true"},
                                              {"pkcs11-module-encode-provider-uri-to-pem", "true"},
                                              {NULL, NULL}});

    (void)state;
    assert_string_equal(config->module, "/m.so");
    assert_string_equal(config->init_args, "args");
    assert_string_equal(config->pin_source, "/etc/pki/pin.txt");
    assert_true(config->copy_key);
    assert_false(config->no_relogin);
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_ALWAYS);
    assert_int_equal(config->note_count, sizeof(ignored) / sizeof(ignored[0]));
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        assert_true(is_noted(config, ignored[i]));
    config_free(config);
}

static void a_section_of_libp11(void **state)
{
    prov_config *config = said((const line[]){{"pkcs11_module", "/m.so"},
                                              {"init_args", "args"},
                                              {"pin", "12 34"},
                                              {"force_login", "1"},
                                              {"debug_level", "7"},
                                              {NULL, NULL}});

    (void)state;
    assert_string_equal(config->module, "/m.so");
    assert_string_equal(config->init_args, "args");
    assert_true(pin_is(config, "12 34"));
    assert_null(config->pin_source);
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_ALWAYS);
    assert_int_equal(config->note_count, 1);
    assert_true(is_noted(config, "debug_level"));
    config_free(config);
}

static void a_pin_is_text_or_a_file(void **state)
{
    /* clang-format off */
    static const struct { line line; const char *pin, *source; } rows[] = {
        {{"pin", "1234"},                                  "1234", NULL},
        {{"pin", "file"},                                  "file", NULL},
        {{"pin", "file:/run/pin"},                         NULL, "/run/pin"},
        {{"pkcs11-module-token-pin", "1234"},              "1234", NULL},
        {{"pkcs11-module-token-pin", "file:///run/pin"},   NULL, "/run/pin"},
        {{"pin-source", "/run/pin"},                       NULL, "/run/pin"},
        {{"pin-source", "file:///run/pin"},                NULL, "/run/pin"},
        {{"pin", ""},                                      NULL, NULL}, /* an empty variable behind it: ask */
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prov_config *config = said((const line[]){rows[i].line, {NULL, NULL}});

        print_message("%s = %s\n", rows[i].line.name, rows[i].line.value);
        assert_true(rows[i].pin == NULL ? config->pin == NULL : pin_is(config, rows[i].pin));
        if (rows[i].source == NULL)
            assert_null(config->pin_source);
        else
            assert_string_equal(config->pin_source, rows[i].source);
        config_free(config);
    }
}

/* The name, what was found, and what is wanted. */
static void malformed_values_are_refused_in_words(void **state)
{
    /* clang-format off */
    static const struct { line line; const char *says; } rows[] = {
        {{"replicas", "maybe"},                        "replicas = maybe in the OpenSSL configuration is not understood; wanted is yes or no"},
        {{"copy-key", "2"},                            "copy-key = 2"},
        {{"verify-signatures", "yes "},                "wanted is yes or no"},
        {{"pkcs11-module-cache-keys", "maybe"},        "wanted is yes or no"},
        {{"pkcs11-module-cache-pins", "yes"},          "wanted is cache"},
        {{"pkcs11-module-login-behavior", "sometimes"}, "wanted is auto, always or never"},
        {{"force_login", "2"},                         "wanted is 1 or 0"},
        {{"login-behavior", "1"},                      "wanted is auto, always or never"},
        {{"token-timeout", "-1"},                      "wanted is seconds such as 30 or 0.5"},
        {{"token-timeout", "1s"},                      "token-timeout = 1s"},
        {{"token-timeout", "0."},                      "wanted is seconds"},
        {{"token-timeout", "0.0001"},                  "wanted is seconds"},
        {{"token-timeout", "86400.1"},                 "86400 at most"},
        {{"token-timeout", "4294967297"},              "86400 at most"},
        {{"pin-source", "pin.txt"},                    "wanted is an absolute path, or file:/PATH"},
        {{"pin-source", "|cat /run/pin"},              "no command is run"},
        {{"pin-source", "file://host/run/pin"},        "wanted is an absolute path"},
        {{"pin", "/etc/ssl/pinfile.txt"},              "looks like a file"},
        {{"pkcs11-module-token-pin", "file:pin.txt"},  "looks like a file"},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s = %s\n", rows[i].line.name, rows[i].line.value);
        assert_refused(judge((const line[]){rows[i].line, {NULL, NULL}}, diag), SIGB_E_USAGE, rows[i].says);
    }
}

static void no_pin_is_in_the_words(void **state)
{
    char long_pin[300];
    sigb_diag told = {{0}, 0};

    (void)state;
    assert_int_equal(judge((const line[]){{"pin", "/secret77"}, {NULL, NULL}}, &told), SIGB_E_USAGE);
    assert_null(strstr(told.text, "secret77"));
    assert_int_equal(
        judge((const line[]){{"pin", "secret77"}, {"pkcs11-module-token-pin", "secret78"}, {NULL, NULL}},
              &told),
        SIGB_E_USAGE);
    assert_null(strstr(told.text, "secret7"));
    memset(long_pin, '7', sizeof(long_pin));
    long_pin[sizeof(long_pin) - 1] = '\0';
    assert_refused(judge((const line[]){{"pin", long_pin}, {NULL, NULL}}, diag), SIGB_E_LIMIT,
                   "more than 255 bytes");
}

static void two_names_agree_or_are_refused(void **state)
{
    /* clang-format off */
    static const struct { line first, second; const char *says; } rows[] = {
        {{"module-path", "/a.so"},      {"pkcs11-module-path", "/b.so"},  "module-path and pkcs11-module-path"},
        {{"module-path", "/a.so"},      {"pkcs11_module", "/b.so"},       "module-path and pkcs11_module"},
        {{"module-init-args", "a"},     {"init_args", "b"},               "module-init-args and init_args"},
        {{"pin-source", "/run/pin"},    {"pin", "1234"},                  "pin-source and pin"},
        {{"pin-source", "/run/pin"},    {"pkcs11-module-token-pin", "file:/run/other"}, "pin-source and pkcs11-module-token-pin"},
        {{"no-relogin", "yes"},         {"pkcs11-module-cache-pins", "cache"}, "no-relogin and pkcs11-module-cache-pins"},
        {{"copy-key", "no"},            {"pkcs11-module-cache-keys", "true"}, "copy-key and pkcs11-module-cache-keys"},
        {{"login-behavior", "never"},   {"force_login", "1"},             "login-behavior and force_login"},
        {{"module-path", "/a.so"},      {"pkcs11-module-path", "/a.so"},  NULL},
        {{"pin-source", "/run/pin"},    {"pin", "file:/run/pin"},         NULL},
        {{"copy-key", "yes"},           {"pkcs11-module-cache-keys", "true"}, NULL},
        {{"login-behavior", "always"},  {"force_login", "1"},             NULL},
        {{"module-path", "/a.so"},      {"pkcs11_module", ""},            NULL},
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s %s\n", rows[i].first.name, rows[i].second.name);
        if (rows[i].says == NULL)
            assert_int_equal(judge((const line[]){rows[i].first, rows[i].second, {NULL, NULL}}, NULL),
                             SIGB_OK);
        else
            assert_refused(judge((const line[]){rows[i].second, rows[i].first, {NULL, NULL}}, diag),
                           SIGB_E_USAGE, rows[i].says);
    }
}

/* Each variable goes where it went with the provider that it comes from. */
static void the_environment_has_its_place(void **state)
{
    /* clang-format off */
    static const struct { line file; line variables[2]; const char *module; const char *noted; } rows[] = {
        {{"pkcs11-module-path", "/a.so"}, {{"PKCS11_PROVIDER_MODULE", "/e.so"}},                                   "/e.so", NULL},
        {{"module-path", "/a.so"},        {{"PKCS11_PROVIDER_MODULE", "/e.so"}},                                   "/e.so", NULL},
        {{"pkcs11_module", "/a.so"},      {{"PKCS11_MODULE_PATH", "/e.so"}},                                       "/e.so", NULL},
        {{"pkcs11-module-path", "/a.so"}, {{"PKCS11_MODULE_PATH", "/e.so"}},                                       "/a.so", "PKCS11_MODULE_PATH"},
        {{"module-path", "/a.so"},        {{"PKCS11_MODULE_PATH", "/e.so"}},                                       "/a.so", "PKCS11_MODULE_PATH"},
        {{"activate", "1"},               {{"PKCS11_MODULE_PATH", "/e.so"}},                                       "/e.so", NULL},
        {{"activate", "1"},               {{"PKCS11_MODULE_PATH", "/e.so"}, {"PKCS11_PROVIDER_MODULE", "/f.so"}}, "/f.so", "PKCS11_MODULE_PATH"},
        {{"module-path", "/a.so"},        {{"PKCS11_MODULE_PATH", ""}, {"PKCS11_PROVIDER_MODULE", ""}},           "/a.so", NULL},
        {{"module-path", "/a.so"},        {{"PKCS11_PROVIDER_DEBUG", "level:2"}},                                  "/a.so", "PKCS11_PROVIDER_DEBUG"},
        {{"module-path", "/a.so"},        {{"PKCS11_DEBUG_LEVEL", "7"}},                                           "/a.so", "PKCS11_DEBUG_LEVEL"},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prov_config *config;

        print_message("row %zu\n", i);
        for (size_t v = 0; v < 2 && rows[i].variables[v].name != NULL; v++)
            assert_int_equal(setenv(rows[i].variables[v].name, rows[i].variables[v].value, 1), 0);
        config = said((const line[]){rows[i].file, {NULL, NULL}});
        assert_string_equal(config->module, rows[i].module);
        assert_int_equal(config->note_count, rows[i].noted == NULL ? 0 : 1);
        assert_true(rows[i].noted == NULL || is_noted(config, rows[i].noted));
        config_free(config);
        (void)clear_environment(state);
    }
}

static void libp11s_variables_for_pin_and_login(void **state)
{
    prov_config *config;

    (void)state;
    assert_int_equal(setenv("PKCS11_PIN", "9876", 1), 0);
    assert_int_equal(setenv("PKCS11_FORCE_LOGIN", "1", 1), 0);
    config = said((const line[]){{"pin", "1234"}, {"force_login", "0"}, {NULL, NULL}});
    assert_true(pin_is(config, "9876"));
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_ALWAYS);
    config_free(config);
    assert_string_equal(getenv("PKCS11_PIN"), "9876"); /* another context of the process loads us too */

    config = said((const line[]){{"pin-source", "/run/pin"}, {"login-behavior", "auto"}, {NULL, NULL}});
    assert_null(config->pin);
    assert_string_equal(config->pin_source, "/run/pin");
    assert_int_equal(config->login_behaviour, CONFIG_LOGIN_AUTO);
    assert_true(is_noted(config, "PKCS11_PIN") && is_noted(config, "PKCS11_FORCE_LOGIN"));
    config_free(config);

    assert_int_equal(setenv("PKCS11_FORCE_LOGIN", "perhaps", 1), 0);
    assert_refused(judge((const line[]){{NULL, NULL}}, diag), SIGB_E_USAGE,
                   "PKCS11_FORCE_LOGIN = perhaps in the environment is not understood; wanted is 1 or 0");
}

static int core_refuses(const OSSL_CORE_HANDLE *handle, OSSL_PARAM params[])
{
    (void)handle;
    (void)params;
    return 0;
}

static void a_core_that_tells_nothing_is_refused(void **state)
{
    prov_config *config = NULL;

    (void)state;
    assert_refused(config_read(NULL, core_refuses, &config, diag), SIGB_E_INTERNAL, "does not tell");
    assert_null(config);
    config_free(NULL);
}

static void what_is_asked_is_told(void **state)
{
    prov_config *config = said((const line[]){{"module-path", "/m.so"},
                                              {"init_args", "a=b"},
                                              {"pin", "secret77"},
                                              {"debug_level", "7"},
                                              {NULL, NULL}});
    char *module = NULL, *init = NULL, names[4096] = "", notes[4096] = "";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(ASKED_MODULE, &module, 0),
                           OSSL_PARAM_construct_utf8_ptr(ASKED_INIT, &init, 0),
                           OSSL_PARAM_construct_utf8_string(ASKED_NAMES, names, sizeof(names)),
                           OSSL_PARAM_construct_utf8_string(ASKED_NOTES, notes, sizeof(notes)),
                           OSSL_PARAM_END};

    (void)state;
    assert_int_equal(config_tell(config, params), 1);
    assert_string_equal(module, "/m.so");
    assert_string_equal(init, "a=b");
    assert_string_equal(notes, "debug_level: there is no debug output; OpenSSL's errors say what failed\n");
    assert_non_null(strstr(names, "module-path\n"));
    assert_non_null(strstr(names, "pkcs11-module-quirks\n"));
    assert_non_null(strstr(names, "force_login\n"));
    assert_null(strstr(names, "PKCS11_PIN"));
    assert_null(strstr(names, "secret77"));
    params[2].data_size = 10;
    assert_int_equal(config_tell(config, params), 0);
    config_free(config);

    config = said((const line[]){{NULL, NULL}});
    params[2] = OSSL_PARAM_construct_end();
    assert_int_equal(config_tell(config, params), 1);
    assert_string_equal(module, "");
    assert_string_equal(init, "");
    assert_int_equal(config_tell(config, &params[2]), 1);
    config_free(config);
}

/* sigbridge-provider(7) has every name, and every variable. */
static void every_name_is_in_the_manual(void **state)
{
    static const char *const variables[] = {"PKCS11_PROVIDER_MODULE", "PKCS11_PROVIDER_DEBUG",
                                            "PKCS11_MODULE_PATH",     "PKCS11_PIN",
                                            "PKCS11_FORCE_LOGIN",     "PKCS11_DEBUG_LEVEL"};
    prov_config *config = said((const line[]){{NULL, NULL}});
    char names[4096] = "", *rest = names;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(ASKED_NAMES, names, sizeof(names)),
                           OSSL_PARAM_END};
    sigb_buf page = SIGB_BUF_INIT;
    size_t count = 0;

    (void)state;
    assert_true(file_read(&page, "docs/man/sigbridge-provider.7").len > 0);
    assert_int_equal(config_tell(config, params), 1);
    for (char *name = strtok_r(names, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest), count++)
        if (strstr(text_c_str(&page), name) == NULL)
            fail_msg("%s is not there", name);
    assert_true(count > 25);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        assert_non_null(strstr(text_c_str(&page), variables[i]));
    sigb_buf_free(&page);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_said_is_off, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(our_own_names, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(a_section_of_pkcs11_provider, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(a_section_of_libp11, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(a_pin_is_text_or_a_file, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(malformed_values_are_refused_in_words, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(no_pin_is_in_the_words, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(two_names_agree_or_are_refused, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(the_environment_has_its_place, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(libp11s_variables_for_pin_and_login, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(a_core_that_tells_nothing_is_refused, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(what_is_asked_is_told, clear_environment, NULL),
        cmocka_unit_test_setup_teardown(every_name_is_in_the_manual, clear_environment, NULL),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
