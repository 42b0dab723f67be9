/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigbridge provider check: whether OpenSSL programs find the provider, and what
 * is missing. What the configuration names is loaded in a child: it may crash,
 * hang, or write where the document goes, and that is a finding too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sigbridge/provider.h>

#include "cli/findings.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define MOST_SECONDS 60

struct check_args {
    common_args common;
    const char *config;
};

/* clang-format off */
#define AT(field) offsetof(struct check_args, field)
static const option OPTIONS[] = {
    {"config", 0, OPTION_TEXT, OPTIONAL, AT(config), "FILE", NULL, "OpenSSL configuration to examine; else OPENSSL_CONF, or OpenSSL's own"},
};
#undef AT
/* clang-format on */

/* ---- the child: each finding is a line of JSON, the result the last ---- */

typedef struct child {
    struct report *report;
    FILE *out;
} child;

static void send_line(FILE *out, json_t *line)
{
    if (line == NULL || json_dumpf(line, out, JSON_COMPACT) != 0 || fputc('\n', out) == EOF ||
        fflush(out) != 0)
        _exit(EXIT_FAILURE); /* the parent misses the result */
    json_decref(line);
}

/* A sigb_finding_fn. */
static void send_finding(void *arg, const sigb_finding *finding)
{
    child *c = arg;

    send_line(c->out, finding_json(c->report, finding));
}

static _Noreturn void examine(const struct check_args *args, struct report *report, int fd)
{
    child c = {report, fdopen(fd, "w")};
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (c.out == NULL)
        _exit(EXIT_FAILURE);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* some providers print when they are loaded */
    (void)alarm(MOST_SECONDS);
    rc = sigb_provider_check(args->config, send_finding, &c, &why);
    send_line(c.out, json_pack("{s:i, s:o, s:O}", "result", (int)rc, "words",
                               report_string(report, "words", sigb_bytes_text(why.text)), "escaped",
                               report->escaped));
    exit(EXIT_SUCCESS); /* as a program ends: what was loaded has its say */
}

/* ---- the parent ---- */

typedef struct listening {
    struct report *report;
    json_t *checks;
    char last[64]; /* the check that was told last */
    bool answered;
    sigb_rc rc;
    sigb_diag why;
} listening;

static void tell(listening *l, const sigb_finding *finding)
{
    (void)snprintf(l->last, sizeof(l->last), "%s", finding->check);
    finding_put(&l->report->data, finding);
}

static void take_result(listening *l, const json_t *line)
{
    const char *words = json_string_value(json_object_get(line, "words"));

    l->answered = true;
    l->rc = (sigb_rc)json_integer_value(json_object_get(line, "result"));
    (void)snprintf(l->why.text, sizeof(l->why.text), "%s", words == NULL ? "" : words);
    if (json_array_extend(l->report->escaped, json_object_get(line, "escaped")) != 0)
        l->report->failed = true;
}

static void listen_to(listening *l, FILE *in)
{
    json_t *line;

    while ((line = json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        sigb_finding finding;
        if (finding_of_json(line, &finding)) {
            tell(l, &finding);
            if (json_array_append(l->checks, line) != 0)
                l->report->failed = true;
        } else {
            take_result(l, line);
        }
        json_decref(line);
    }
}

/* How a program ended that did not get to its end. */
static void put_end(const listening *l, int status, char *words, size_t room)
{
    const char *last = l->answered ? "all was done" : l->last[0] == '\0' ? "nothing was told" : l->last;

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(words, room, "it does not end; it hangs after: %s", last);
    else if (WIFSIGNALED(status))
        (void)snprintf(words, room, "it is ended by signal %d (%s), after: %s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), last);
    else
        (void)snprintf(words, room, "it ends by itself with status %d, after: %s", WEXITSTATUS(status), last);
}

static void judge_end(listening *l, int status)
{
    char words[200] = "it runs to its end";
    sigb_finding finding = {.check = "process",
                            .essential = true,
                            .found = words,
                            .wanted = "a program that loads the configuration runs to its end",
                            .advice = ""};

    if (!l->answered || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
        put_end(l, status, words, sizeof(words));
        finding.verdict = SIGB_VERDICT_FAIL;
        finding.rc = SIGB_E_SETUP;
        finding.advice =
            "take the providers out of the configuration, one after the other: the one that ends the "
            "program is found so";
        if (l->rc == SIGB_OK)
            l->rc = fail(&l->why, SIGB_E_SETUP, "process: %s", words);
    }
    tell(l, &finding);
    if (json_array_append_new(l->checks, finding_json(l->report, &finding)) != 0)
        l->report->failed = true;
}

static sigb_rc hear(listening *l, int fd, pid_t pid, sigb_diag *diag)
{
    FILE *in = fdopen(fd, "r");
    int status = 0;

    if (in == NULL)
        return fail_memory(diag);
    listen_to(l, in);
    (void)fclose(in);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fail(diag, SIGB_E_INTERNAL, "the examination is lost: %s", strerror(errno));
    judge_end(l, status);
    if (l->rc != SIGB_OK)
        return fail(diag, l->rc, "%s", l->why.text);
    return SIGB_OK;
}

static sigb_rc check_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    listening l = {.report = report, .checks = json_array()};
    int ends[2];
    sigb_rc rc;
    pid_t pid;

    if (pipe(ends) != 0)
        return fail(diag, SIGB_E_IO, "no pipe: %s", strerror(errno));
    report_despite_failure(report);
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        examine(arguments, report, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        rc = fail(diag, SIGB_E_IO, "no process for the examination: %s", strerror(errno));
    } else {
        rc = hear(&l, ends[0], pid, diag);
    }
    report_json(report, "checks", l.checks);
    return rc;
}

const struct verb VERB_PROVIDER_CHECK = {"provider check",
                                         "Find out why OpenSSL programs do not find the provider.",
                                         ROWS(OPTIONS), sizeof(struct check_args), check_run};
