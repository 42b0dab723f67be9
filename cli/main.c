/* SPDX-License-Identifier: Apache-2.0 */
/* The command: finds the verb, reads its options, runs it, tells what came of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sigbridge/sigbridge.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* clang-format off */
static const struct verb *const VERBS[] = {
    &VERB_SIGN,
    &VERB_VERIFY,
    &VERB_INSPECT,
    &VERB_ISSUER_DERIVE,
    &VERB_ISSUER_RESOLVE,
    &VERB_RECEIPT_LIST,
    &VERB_RECEIPT_INSPECT,
    &VERB_RECEIPT_ATTACH,
    &VERB_RECEIPT_DETACH,
    &VERB_TIMESTAMP_REQUEST,
    &VERB_TIMESTAMP_ATTACH,
    &VERB_TOKEN_LIST,
    &VERB_TOKEN_INIT,
    &VERB_TOKEN_KEYGEN,
    &VERB_TOKEN_CERT,
    &VERB_TOKEN_DELETE,
    &VERB_TOKEN_DOCTOR,
    &VERB_PROVIDER_CHECK,
    &VERB_PROVIDER_WRAP,
    NULL,
};
/* clang-format on */

/* A PIN passes through this process: no core, and no debugger of the same user. */
static void harden(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

/* A closed standard descriptor must not become the next file that is opened: reading gives EBADF instead. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* How many words of argv (behind the program's name) are this verb's; 0 if they are not. */
static int verb_words(const struct verb *verb, int argc, char **argv)
{
    const char *name = verb->name;
    int word = 1;

    for (; *name != '\0'; word++) {
        size_t len = strcspn(name, " ");
        if (word >= argc || strlen(argv[word]) != len || memcmp(argv[word], name, len) != 0)
            return 0;
        name += len + (name[len] == ' ');
    }
    return word - 1;
}

static const struct verb *find_verb(int argc, char **argv, int *words)
{
    for (size_t i = 0; VERBS[i] != NULL; i++)
        if ((*words = verb_words(VERBS[i], argc, argv)) > 0)
            return VERBS[i];
    return NULL;
}

/* ---- without a verb ---- */

static void put_overview(sigb_buf *out)
{
    text_put(out, "usage: sigbridge VERB [OPTION]...\n"
                  "COSE signed statements with keys that stay in HSMs, and their verification.\n\n");
    for (size_t i = 0; VERBS[i] != NULL; i++) {
        text_put(out, "  ");
        text_put(out, VERBS[i]->name);
        text_put_blanks(out, 19 - strlen(VERBS[i]->name));
        text_put(out, VERBS[i]->summary);
        text_put(out, "\n");
    }
    text_put(out, "\nsigbridge VERB --help shows the options of a verb; sigbridge --version the release.\n"
                  "Exit status: 0 done; 1 signature, chain, issuer or artifact wrong; 2 refused by\n"
                  "policy; 3 token, PIN or device; 4 usage or input; 6 memory or internal.\n");
}

static void tell_version(struct report *report)
{
    report_text(report, "version", sigb_bytes_text(sigb_version()));
    text_put(&report->data, "sigbridge ");
    text_put(&report->data, sigb_version());
    text_put(&report->data, "\n");
}

static void tell_help(struct report *report, const struct verb *verb)
{
    if (verb == NULL)
        put_overview(&report->data);
    else
        options_help(verb, &report->data);
    report_lines(report, "help", sigb_buf_bytes(&report->data));
}

static bool has_word(int argc, char **argv, const char *a, const char *b)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], a) == 0 || strcmp(argv[i], b) == 0)
            return true;
    return false;
}

/* The first word that is no option: what was taken for a verb. */
static const char *first_word(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            return argv[i];
    return NULL;
}

static int run_without_verb(int argc, char **argv)
{
    struct report report;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = SIGB_OK;
    const char *word = first_word(argc, argv);

    report_begin(&report, "", options_want_json(argc, argv));
    if (has_word(argc, argv, "--help", "-h"))
        tell_help(&report, NULL);
    else if (has_word(argc, argv, "--version", "--version"))
        tell_version(&report);
    else if (word == NULL)
        rc = fail(&diag, SIGB_E_USAGE, "no verb given; see sigbridge --help");
    else
        rc = fail(&diag, SIGB_E_USAGE, "'%.60s' is no verb; see sigbridge --help", word);
    return report_end(&report, rc, &diag);
}

/* ---- with a verb ---- */

static void apply_common(struct report *report, const common_args *common)
{
    report->json |= common->json;
    report->quiet = common->quiet;
    report->verbose = common->verbose;
    report->force = common->force;
}

/* The file for the document is judged before anything is done, and used only if it may be. */
static sigb_rc take_result(struct report *report, const common_args *common, sigb_diag *diag)
{
    sigb_rc rc;

    if (common->result == NULL)
        return SIGB_OK;
    if (strcmp(common->result, "-") == 0)
        return fail(diag, SIGB_E_USAGE, "--result names a file; for standard output use --json");
    rc = output_check(common->result, common->force, diag);
    if (rc == SIGB_OK)
        report->result = common->result;
    return rc;
}

static sigb_rc run(const struct verb *verb, const void *args, struct report *report, sigb_diag *diag)
{
    const common_args *common = args;
    sigb_rc rc = take_result(report, common, diag);

    if (rc != SIGB_OK)
        return rc;
    if (common->help)
        tell_help(report, verb);
    else if (common->version)
        tell_version(report);
    else
        rc = verb->run(args, report, diag);
    return rc;
}

static int run_verb(const struct verb *verb, int argc, char **argv, int words)
{
    struct report report;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = SIGB_E_MEMORY;
    void *args = calloc(1, verb->args_size);

    report_begin(&report, verb->name, options_want_json(argc, argv));
    if (args != NULL)
        rc = options_parse(verb, argc - words - 1, argv + words + 1, args, &diag);
    if (rc == SIGB_OK) {
        report.json = false; /* what only looked like --json was the value of another option */
        apply_common(&report, args);
        rc = run(verb, args, &report, &diag);
    }
    free(args);
    return report_end(&report, rc, &diag);
}

int main(int argc, char **argv)
{
    int words = 0;
    const struct verb *verb;

    sigb_ignore_openssl_conf();
    harden();
    hold_standard_descriptors();
    output_guard_signals();
    verb = find_verb(argc, argv, &words);
    return verb == NULL ? run_without_verb(argc, argv) : run_verb(verb, argc, argv, words);
}
