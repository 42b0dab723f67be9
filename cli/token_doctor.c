/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token doctor: why a key signs, or does not. What was found is told whatever it comes to. */
#include "cli/findings.h"
#include "cli/input.h"
#include "cli/module.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

struct doctor_args {
    struct token_args token;
    signer_args signer;
    option_list cert, chain, root;
    const char *eku, *profile;
    bool login, sign;
};

/* clang-format off */
#define AT(field) offsetof(struct doctor_args, field)
static const option OPTIONS[] = {
    {"login",   0, OPTION_FLAG, OPTIONAL, AT(login),   NULL,   NULL, "log in, with a PIN from the terminal if no source is named: without a login private keys are hidden"},
    {"sign",    0, OPTION_FLAG, OPTIONAL, AT(sign),    NULL,   NULL, "have the key make a test signature, over a text that states nothing; logs in too"},
    {"root",    0, OPTION_LIST, OPTIONAL, AT(root),    "FILE", NULL, "pinned root certificates; without them chain and issuer are not judged"},
    {"cert",    0, OPTION_LIST, OPTIONAL, AT(cert),    "FILE", NULL, "certificate of the key; else the token's"},
    {"chain",   0, OPTION_LIST, OPTIONAL, AT(chain),   "FILE", NULL, "further certificates, in any order"},
    {"eku",     0, OPTION_TEXT, OPTIONAL, AT(eku),     "OID",  NULL, "extended key usage that the issuer names; else the only one"},
    {"profile", 0, OPTION_TEXT, OPTIONAL, AT(profile), "NAME", PROFILE_CHOICES, "rules that the key must fit; mst if not given"},
    SIGNER_OPTIONS(AT(signer)),
    TOKEN_OPTIONS(NEEDED, "the private key to examine"),
};
#undef AT
/* clang-format on */

struct consulting {
    const struct doctor_args *args;
    struct report *report;
    json_t *checks;
    sigb_buf roots, certs;
    struct pins pins;
};

/* ---- telling ---- */

/* A sigb_finding_fn. */
static void tell(void *arg, const sigb_finding *finding)
{
    struct consulting *c = arg;

    if (json_array_append_new(c->checks, finding_json(c->report, finding)) != 0)
        c->report->failed = true;
    finding_put(&c->report->data, finding);
    if (finding->verdict == SIGB_VERDICT_OK && strcmp(finding->check, "issuer") == 0)
        report_text(c->report, "issuer", sigb_bytes_text(finding->found));
}

/* ---- asking ---- */

static sigb_rc read_files(struct consulting *c, sigb_diag *diag)
{
    sigb_rc rc = input_certs(&c->args->root, "root", &c->roots, diag);

    if (rc == SIGB_OK)
        rc = input_certs(&c->args->cert, "certificate", &c->certs, diag);
    return rc == SIGB_OK ? input_certs(&c->args->chain, "chain", &c->certs, diag) : rc;
}

static sigb_rc consult(struct consulting *c, sigb_diag *diag)
{
    const struct doctor_args *args = c->args;
    sigb_pkcs11_options options = token_options(&args->token, &c->pins, c->report);
    const sigb_doctor_request request = {
        .certs = sigb_buf_bytes(&c->certs),
        .roots = sigb_buf_bytes(&c->roots),
        .eku = args->eku,
        .profile = args->profile != NULL && strcmp(args->profile, "cose") == 0 ? SIGB_PROFILE_COSE
                                                                               : SIGB_PROFILE_MST,
        .sign = args->sign};
    sigb_rc rc = signer_options(&args->signer, &options, diag);

    if (!args->login && !args->sign && !pins_named(&args->token.pin))
        options.pin = NULL;
    if (rc == SIGB_OK)
        rc = pins_open(&c->pins, &args->token.pin, NULL, c->report, diag);
    if (rc != SIGB_OK)
        return rc;
    report_despite_failure(c->report);
    return sigb_token_doctor(token_uri(&args->token), &request, &options, tell, c, diag);
}

static sigb_rc doctor_run(const void *args, struct report *report, sigb_diag *diag)
{
    struct consulting c = {.args = args, .report = report, .checks = json_array()};
    sigb_rc rc = read_files(&c, diag);

    if (rc == SIGB_OK)
        rc = consult(&c, diag);
    report_json(report, "checks", c.checks);
    pins_close(&c.pins);
    sigb_buf_free(&c.roots);
    sigb_buf_free(&c.certs);
    return rc;
}

const struct verb VERB_TOKEN_DOCTOR = {"token doctor", "Find out why a key signs, or does not.",
                                       ROWS(OPTIONS), sizeof(struct doctor_args), doctor_run};
