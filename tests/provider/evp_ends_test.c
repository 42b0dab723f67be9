/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that free things in whatever order, unload the provider or end while
 * keys of tokens are alive (tests/fork/evp_ends_main.c): none crashes, hangs, or
 * says a word.
 */
#include "tests/provider/stage.h"

#include "tests/fork/ending.h"

static const char LEAF[] = TOKEN ";object=leaf;type=private";

static prov_stage at;
static char configuration[512], passive[512]; /* the latter describes the provider, and does not load it */

static void write_passive(void)
{
    FILE *file;

    (void)snprintf(passive, sizeof(passive), "%s/passive.cnf", softhsm_dir(at.hsm));
    file = fopen(passive, "w");
    assert_non_null(file);
    assert_true(
        fprintf(file,
                "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = software\n"
                "sigbridge = ours\n[software]\nactivate = 1\n[ours]\nmodule = %s\nmodule-path = %s\n"
                "pin = " SOFTHSM_PIN "\n",
                PROVIDER_MODULE, softhsm_module()) > 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    char lines[1024];

    (void)state;
    (void)snprintf(lines, sizeof(lines),
                   "module-path = %s\npin = " SOFTHSM_PIN
                   "\n[providers]\npkcs11 = again\n[again]\nmodule = %s\nactivate = 1\n"
                   "module-path = %s", /* and the stage's pin-source */
                   softhsm_module(), PROVIDER_MODULE, softhsm_module());
    prov_stage_begin(&at, lines);
    prov_stage_key(&at, "P-256", "leaf");
    (void)snprintf(configuration, sizeof(configuration), "%s/openssl.cnf", softhsm_dir(at.hsm));
    write_passive();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    prov_stage_end(&at);
    return 0;
}

static void run(const char *by, const char *const *stories, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *const argv[] = {EVP_ENDS, stories[i], by, LEAF, NULL};

        ending_run(argv);
    }
}

#define RUN(by, stories) run(by, stories, sizeof(stories) / sizeof((stories)[0]))

static void keys_providers_and_contexts_go_in_any_order(void **state)
{
    static const char *const stories[] = {"key-goes-first",      "context-goes-first", "provider-is-unloaded",
                                          "provider-comes-back", "several-contexts",   "two-identities"};

    (void)state;
    RUN(configuration, stories);
}

static void a_provider_that_the_program_loaded_is_unloaded(void **state)
{
    static const char *const stories[] = {"unloaded-before-the-key-goes", "unloaded-after-the-key-went"};

    (void)state;
    RUN(passive, stories);
}

static void a_process_ends_cleanly_with_a_key_alive(void **state)
{
    static const char *const stories[] = {"returns",
                                          "returns-by-default",
                                          "cleans-up",
                                          "cleans-up-and-frees",
                                          "cleans-up-with-a-context-of-its-own",
                                          "freed-by-an-early-handler",
                                          "freed-by-an-early-handler-by-default",
                                          "freed-by-a-late-handler",
                                          "tls-is-freed-by-an-early-handler",
                                          "exits-while-threads-sign",
                                          "exits-in-a-thread",
                                          "exits-in-a-thread-while-others-sign",
                                          "a-child-exits"};

    (void)state;
    RUN(configuration, stories);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_providers_and_contexts_go_in_any_order),
        cmocka_unit_test(a_provider_that_the_program_loaded_is_unloaded),
        cmocka_unit_test(a_process_ends_cleanly_with_a_key_alive),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
