/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge sign: a statement about a payload, signed by a key in a token or of an OpenSSL provider. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <sigbridge/issuer.h>
#include <sigbridge/signer.h>
#include <sigbridge/statement.h>

#include "cli/digest.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/key.h"
#include "cli/output.h"
#include "cli/pin.h"
#include "cli/stamp.h"
#include "cli/text.h"
#include "cli/verbs.h"

struct sign_args {
    common_args common;
    key_args key;
    const char *eku, *subject, *svn, *content_type, *alg, *hash, *location, *profile, *iss;
    const char *payload, *out;
    option_list cert, chain, root;
    bool allow_svn_zero, detached;
    pin_args pin;
    struct stamp_args stamp;
};

/* clang-format off */
#define AT(field) offsetof(struct sign_args, field)
static const option OPTIONS[] = {
    {"key",            0,   OPTION_TEXT, NEEDED,   AT(key.name),       "KEY",  NULL, "private key: a pkcs11: URI (RFC 7512), store:URI, or a file"},
    {"root",           0,   OPTION_LIST, NEEDED,   AT(root),           "FILE", NULL, "pinned root certificates that the chain must end in"},
    {"cert",           0,   OPTION_LIST, OPTIONAL, AT(cert),           "FILE", NULL, "the key's certificate; else it is found beside the key"},
    {"chain",          0,   OPTION_LIST, OPTIONAL, AT(chain),          "FILE", NULL, "further certificates of its chain, in any order"},
    {"eku",            0,   OPTION_TEXT, OPTIONAL, AT(eku),            "OID",  NULL, "extended key usage that the issuer names; else the only one"},
    {"subject",        0,   OPTION_TEXT, OPTIONAL, AT(subject),        "TEXT", NULL, "what the statement is about (CWT sub)"},
    {"sub",            0,   OPTION_TEXT, OPTIONAL, AT(subject),        "TEXT", NULL, "the same as --subject"},
    {"cwt-sub",        0,   OPTION_TEXT, OPTIONAL, AT(subject),        "TEXT", NULL, "the same as --subject"},
    {"svn",            0,   OPTION_TEXT, OPTIONAL, AT(svn),            "N",    NULL, "security version number, 1 or more"},
    {"allow-svn-zero", 0,   OPTION_FLAG, OPTIONAL, AT(allow_svn_zero), NULL,   NULL, "accept --svn 0"},
    {"content-type",   0,   OPTION_TEXT, OPTIONAL, AT(content_type),   "TYPE", NULL, "media type of the payload or artifact"},
    {"iss",            0,   OPTION_TEXT, OPTIONAL, AT(iss),            "DID",  NULL, "refuse unless the derived issuer is this one"},
    {"cwt-iss",        0,   OPTION_TEXT, OPTIONAL, AT(iss),            "DID",  NULL, "the same as --iss"},
    {"alg",            0,   OPTION_TEXT, OPTIONAL, AT(alg),            "NAME", NULL, "algorithm, ES384 for example; refused if it does not fit the key"},
    {"hash",           0,   OPTION_TEXT, OPTIONAL, AT(hash),           "NAME", HASH_CHOICES, "sign the payload's digest (hash envelope); of any size"},
    {"location",       0,   OPTION_TEXT, OPTIONAL, AT(location),       "URI",  NULL, "with --hash: where the artifact can be found"},
    {"detached",       0,   OPTION_FLAG, OPTIONAL, AT(detached),       NULL,   NULL, "leave the payload out of the statement"},
    {"profile",        0,   OPTION_TEXT, OPTIONAL, AT(profile),        "NAME", PROFILE_CHOICES, "rules to keep; mst if not given"},
    STAMP_OPTIONS(OPTIONAL, AT(stamp), "alone: write what to ask a TSA for the payload, and sign nothing; with --timestamp-token: refuse unless that answers it"),
    MODULE_OPTIONS(AT(key.module)),
    PIN_OPTIONS("pin-", "PIN", AT(pin)),
    SIGNER_OPTIONS(AT(key.signer)),
    STORE_OPTIONS(AT(key.store)),
    {"payload",        0,   OPTION_TEXT, OPTIONAL, AT(payload),        "FILE", NULL, "the same as PAYLOAD"},
    {"output",         'o', OPTION_TEXT, OPTIONAL, AT(out),            "FILE", NULL, "the statement, - for standard output; PAYLOAD.cose if not given"},
    {"signature",      0,   OPTION_TEXT, OPTIONAL, AT(out),            "FILE", NULL, "the same as --output"},
    {NULL,             0,   OPTION_TEXT, NEEDED,   AT(payload),        "PAYLOAD", NULL, "file to sign, - for standard input"},
};
#undef AT
/* clang-format on */

struct signing {
    const struct sign_args *args;
    struct report *report;
    const char *out;
    sigb_buf default_out;
    sigb_claims claims;
    sigb_alg alg;
    sigb_profile profile;
    sigb_hash hash; /* NONE: the payload itself */
    struct key_road road;
    int artifact; /* descriptor of what is hashed, -1 if none */
    sigb_buf roots, certs, payload;
    sigb_buf statement; /* or the request for a time stamp, if that is what is made */
    sigb_buf tsa_roots, tsa_certs;
    sigb_timestamp_trust trust;
    sigb_timestamp *timestamp;
    sigb_timestamp_facts stamped;
    pthread_t reader; /* reads roots and certs while the module loads */
    bool reading, certs_read;
    sigb_rc certs_rc;
    sigb_diag certs_diag;
    struct pins pins;
    sigb_signer *signer;
    sigb_issuer *issuer;
    sigb_builder *builder;
};

/* A request without the answer: it is what is made, and nothing is signed. */
static bool only_asks(const struct signing *s)
{
    return s->args->stamp.request != NULL && s->args->stamp.token == NULL;
}

/* ---- before the token is touched ---- */

static sigb_rc ask_pin(void *signing, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag);

static sigb_rc check_stamp(const struct signing *s, sigb_diag *diag)
{
    const struct stamp_args *stamp = &s->args->stamp;

    if (stamp->token != NULL && stamp->tsa.root.count == 0)
        return fail(diag, SIGB_E_USAGE,
                    "--timestamp-token is verified before it is signed; add --tsa-root with the TSA's root");
    if (stamp->token == NULL && stamp->tsa.root.count + stamp->tsa.cert.count > 0)
        return fail(diag, SIGB_E_USAGE,
                    "--tsa-root and --tsa-cert belong to a time stamp; add --timestamp-token");
    if (only_asks(s) && s->args->out != NULL)
        return fail(diag, SIGB_E_USAGE,
                    "--timestamp-request alone writes a request and no statement; leave --output out, or add "
                    "--timestamp-token");
    return SIGB_OK;
}

static sigb_rc check_combination(struct signing *s, sigb_diag *diag)
{
    const struct sign_args *args = s->args;
    sigb_rc rc;

    if (args->location != NULL && args->hash == NULL)
        return fail(diag, SIGB_E_USAGE, "--location belongs to a hash envelope; add --hash");
    if (args->detached && args->hash != NULL)
        return fail(diag, SIGB_E_USAGE, "--detached and --hash exclude each other; give one of them");
    if (args->alg != NULL && (s->alg = sigb_alg_find(args->alg)) == SIGB_ALG_NONE)
        return fail(diag, SIGB_E_USAGE,
                    "'%.60s' is no known algorithm; wanted is one such as ES256, ES384, PS384", args->alg);
    if (args->hash != NULL)
        s->hash = sigb_hash_find(args->hash);
    s->profile = args->profile != NULL && strcmp(args->profile, "cose") == 0 ? SIGB_PROFILE_COSE
                                                                             : SIGB_PROFILE_MST;
    rc = check_stamp(s, diag);
    if (rc == SIGB_OK)
        rc = key_choose(&args->key, &s->pins, s->report, &s->road, diag);
    key_ask(&s->road, ask_pin, s);
    return rc;
}

/* Reproducible builds fix the time that a statement claims; the time of the check stays the clock's. */
static sigb_rc read_issued_at(struct signing *s, sigb_diag *diag)
{
    const char *epoch = secure_getenv("SOURCE_DATE_EPOCH");

    s->claims.issued_at = SIGB_TIME_NOW;
    if (epoch == NULL || epoch[0] == '\0')
        return SIGB_OK;
    if (epoch[strspn(epoch, "0123456789")] != '\0' ||
        sigb_time_parse(epoch, &s->claims.issued_at, diag) != SIGB_OK)
        return fail(diag, SIGB_E_USAGE,
                    "SOURCE_DATE_EPOCH is '%.40s'; wanted are seconds since 1970, or nothing", epoch);
    return SIGB_OK;
}

static sigb_rc read_claims(struct signing *s, sigb_diag *diag)
{
    s->claims.subject = s->args->subject;
    s->claims.content_type = s->args->content_type;
    s->claims.issuer = s->args->iss;
    s->claims.allow_svn_zero = s->args->allow_svn_zero;
    s->claims.has_svn = s->args->svn != NULL;
    if (s->claims.has_svn) {
        sigb_rc rc = sigb_svn_parse(s->args->svn, &s->claims.svn, diag);
        if (rc != SIGB_OK)
            return rc;
    }
    return read_issued_at(s, diag);
}

static sigb_rc name_output(struct signing *s, sigb_diag *diag)
{
    if (s->args->out != NULL || only_asks(s)) {
        s->out = only_asks(s) ? s->args->stamp.request : s->args->out;
        return SIGB_OK;
    }
    if (strcmp(s->args->payload, "-") == 0)
        return fail(diag, SIGB_E_USAGE,
                    "a payload from standard input has no name to derive one from; add -o FILE");
    text_put(&s->default_out, s->args->payload);
    text_put(&s->default_out, ".cose");
    s->out = text_c_str(&s->default_out);
    return s->default_out.failed ? fail_memory(diag) : SIGB_OK;
}

static sigb_rc check_output(struct signing *s, sigb_diag *diag)
{
    sigb_rc rc = name_output(s, diag);

    if (rc != SIGB_OK)
        return rc;
    if (s->report->json && strcmp(s->out, "-") == 0)
        return fail(
            diag, SIGB_E_USAGE,
            "--json and the statement cannot share standard output; name a file with -o, or use --result");
    if (input_is_same_file(s->args->payload, s->out))
        return fail(diag, SIGB_E_USAGE,
                    "the statement would replace its payload '%.200s'; name another file with -o", s->out);
    rc = output_check_distinct(s->out, s->report->result, diag);
    return rc == SIGB_OK ? output_check(s->out, s->args->common.force, diag) : rc;
}

static void *read_certs(void *signing)
{
    struct signing *s = signing;
    sigb_diag *diag = &s->certs_diag;

    s->certs_rc = input_certs(&s->args->root, "root", &s->roots, diag);
    if (s->certs_rc == SIGB_OK)
        s->certs_rc = input_certs(&s->args->cert, "certificate", &s->certs, diag);
    if (s->certs_rc == SIGB_OK)
        s->certs_rc = input_certs(&s->args->chain, "chain", &s->certs, diag);
    return NULL;
}

static bool names_stdin(const option_list *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->items[i], "-") == 0)
            return true;
    return false;
}

/* Waits until they are read, and says how that ended. */
static sigb_rc await_certs(struct signing *s, sigb_diag *diag)
{
    if (s->reading)
        (void)pthread_join(s->reader, NULL);
    s->reading = false;
    if (s->certs_rc != SIGB_OK)
        *diag = s->certs_diag;
    return s->certs_rc;
}

/* Standard input, which a PIN or the payload may claim as well, is read in its turn. */
static sigb_rc read_piped_certs(struct signing *s, sigb_diag *diag)
{
    const struct sign_args *args = s->args;

    s->certs_read = names_stdin(&args->root) || names_stdin(&args->cert) || names_stdin(&args->chain);
    if (!s->certs_read)
        return SIGB_OK;
    (void)read_certs(s);
    return await_certs(s, diag);
}

/*
 * Loading a module and reading a first certificate take milliseconds each: they
 * go side by side. Signals stay with the main thread.
 */
static sigb_rc begin_certs(struct signing *s, sigb_diag *diag)
{
    sigset_t all, before;

    (void)diag;
    if (s->certs_read)
        return SIGB_OK;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    s->reading = pthread_create(&s->reader, NULL, read_certs, s) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!s->reading)
        (void)read_certs(s);
    return SIGB_OK;
}

static sigb_rc read_pin(struct signing *s, sigb_diag *diag)
{
    return pins_open(&s->pins, &s->args->pin, NULL, s->report, diag);
}

static sigb_rc read_stamp(struct signing *s, sigb_diag *diag)
{
    sigb_rc rc;

    if (s->args->stamp.token == NULL)
        return SIGB_OK;
    rc = stamp_read_trust(&s->args->stamp.tsa, &s->tsa_roots, &s->tsa_certs, &s->trust, diag);
    return rc == SIGB_OK ? stamp_read(&s->args->stamp, &s->timestamp, diag) : rc;
}

/* What is hashed is opened here, and streamed once nothing else can fail. */
static sigb_rc read_payload(struct signing *s, sigb_diag *diag)
{
    if (s->hash != SIGB_HASH_NONE)
        return input_open(s->args->payload, "artifact", &s->artifact, diag);
    return input_read(s->args->payload, "payload", &s->payload, diag);
}

/* ---- with the token ---- */

/* Nobody is asked for a PIN while a certificate may still turn out to be unreadable. */
static sigb_rc ask_pin(void *signing, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    struct signing *s = signing;
    sigb_rc rc = await_certs(s, diag);

    return rc == SIGB_OK ? pins_ask(&s->pins, request, pin, diag) : rc;
}

static sigb_rc open_signer(struct signing *s, sigb_diag *diag)
{
    sigb_rc rc = key_open(&s->road, &s->signer, diag);
    sigb_rc certs_rc = await_certs(s, diag); /* what comes first in this order is what is told */

    return certs_rc == SIGB_OK ? rc : certs_rc;
}

/* Where a token hides the public key, the leaf of the checked chain says which one signatures must fit. */
static sigb_rc derive_issuer(struct signing *s, sigb_diag *diag)
{
    sigb_bytes pool = sigb_signer_certs(s->signer);
    sigb_issuer_options options = {.certs = sigb_buf_bytes(&s->certs),
                                   .roots = sigb_buf_bytes(&s->roots),
                                   .spki = sigb_signer_spki(s->signer),
                                   .eku = s->args->eku,
                                   .at = SIGB_TIME_NOW};
    sigb_rc rc;

    if (options.spki.len == 0 && options.certs.len == 0)
        options.certs = pool;
    else
        options.pool = pool;
    rc = sigb_issuer_derive(&options, &s->issuer, diag);
    return rc == SIGB_OK ? sigb_signer_expect(s->signer, sigb_issuer_spki(s->issuer), diag) : rc;
}

static sigb_rc build(struct signing *s, sigb_diag *diag)
{
    return sigb_builder_new(s->issuer, &s->claims, s->alg, s->profile, &s->builder, diag);
}

static sigb_rc put_payload(struct signing *s, sigb_diag *diag)
{
    sigb_rc rc;

    if (s->hash == SIGB_HASH_NONE)
        return s->args->detached ? sigb_builder_detach(s->builder, sigb_buf_bytes(&s->payload), diag)
                                 : sigb_builder_attach(s->builder, sigb_buf_bytes(&s->payload), diag);
    rc = digest_artifact(s->report, s->artifact, s->hash, &s->payload, diag);
    if (rc != SIGB_OK)
        return rc;
    return sigb_builder_envelope(s->builder, s->hash, sigb_buf_bytes(&s->payload), s->args->location, diag);
}

static sigb_rc put_stamp(struct signing *s, sigb_diag *diag)
{
    if (s->timestamp == NULL)
        return SIGB_OK;
    return sigb_builder_timestamp(s->builder, s->timestamp, &s->trust, &s->stamped, diag);
}

static sigb_rc sign(struct signing *s, sigb_diag *diag)
{
    if (only_asks(s))
        return sigb_builder_timestamp_request(s->builder, &s->statement, diag);
    return sigb_builder_sign(s->builder, s->signer, &s->statement, diag);
}

static sigb_rc write_statement(struct signing *s, sigb_diag *diag)
{
    return output_file(s->out, s->args->common.force, sigb_buf_bytes(&s->statement), diag);
}

/* ---- telling ---- */

/* "signed app.json -> app.json.cose (ES384, sub=svc.example, svn=7)" */
static void put_line(const struct signing *s, sigb_buf *line)
{
    text_put(line, "signed ");
    text_put_raw(line, sigb_bytes_text(s->args->payload));
    text_put(line, " -> ");
    text_put_raw(line, sigb_bytes_text(s->out));
    text_put(line, " (");
    text_put(line, sigb_alg_name(sigb_builder_alg(s->builder)));
    if (s->claims.subject != NULL) {
        text_put(line, ", sub=");
        text_put_raw(line, sigb_bytes_text(s->claims.subject));
    }
    if (s->claims.has_svn) {
        text_put(line, ", svn=");
        text_put_int(line, s->claims.svn);
    }
    text_put(line, ")\n");
}

static void tell_request(const struct signing *s)
{
    sigb_buf *line = &s->report->text;

    report_text(s->report, "payload", sigb_bytes_text(s->args->payload));
    report_text(s->report, "request", sigb_bytes_text(s->out));
    text_put(line, "request for a time stamp of ");
    text_put_raw(line, sigb_bytes_text(s->args->payload));
    text_put(line, " -> ");
    text_put_raw(line, sigb_bytes_text(s->out));
    text_put(line, "; nothing is signed yet\n");
}

static sigb_rc tell(struct signing *s, sigb_diag *diag)
{
    sigb_statement *statement = NULL;
    sigb_rc rc;

    if (only_asks(s)) {
        tell_request(s);
        return SIGB_OK;
    }
    rc = sigb_statement_parse(sigb_buf_bytes(&s->statement), &statement, diag);

    if (rc != SIGB_OK)
        return rc;
    report_text(s->report, "payload", sigb_bytes_text(s->args->payload));
    report_text(s->report, "statement", sigb_bytes_text(s->out));
    report_int(s->report, "statement_bytes", (int64_t)s->statement.len);
    facts_statement(s->report, statement);
    put_line(s, &s->report->text);
    if (s->timestamp != NULL)
        stamp_tell(s->report, &s->stamped);
    if (s->report->verbose)
        report_say(s->report, "issuer", sigb_bytes_text(sigb_issuer_did(s->issuer)));
    rc = facts_chain(s->report, sigb_issuer_chain(s->issuer), diag);
    sigb_statement_free(statement);
    return rc;
}

static void signing_free(struct signing *s)
{
    if (s->reading)
        (void)pthread_join(s->reader, NULL);
    sigb_builder_free(s->builder);
    sigb_timestamp_free(s->timestamp);
    sigb_issuer_free(s->issuer);
    sigb_signer_free(s->signer);
    key_road_free(&s->road);
    pins_close(&s->pins);
    if (s->artifact >= 0)
        (void)close(s->artifact);
    sigb_buf_free(&s->default_out);
    sigb_buf_free(&s->roots);
    sigb_buf_free(&s->certs);
    sigb_buf_free(&s->payload);
    sigb_buf_free(&s->statement);
    sigb_buf_free(&s->tsa_roots);
    sigb_buf_free(&s->tsa_certs);
}

/* In this order: nothing is asked of a person before what can be known without it. */
static sigb_rc (*const STEPS[])(struct signing *, sigb_diag *) = {
    check_combination, read_claims,   check_output,    read_piped_certs,
    read_pin,          read_stamp,    begin_certs,     read_payload,
    open_signer,       derive_issuer, build,           put_payload,
    put_stamp,         sign,          write_statement, tell,
};

static sigb_rc sign_run(const void *args, struct report *report, sigb_diag *diag)
{
    struct signing s = {.args = args, .report = report, .artifact = -1};
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < sizeof(STEPS) / sizeof(STEPS[0]); i++)
        rc = STEPS[i](&s, diag);
    signing_free(&s);
    return rc;
}

const struct verb VERB_SIGN = {"sign", "Make a signed statement of a payload, by a key in a token.",
                               ROWS(OPTIONS), sizeof(struct sign_args), sign_run};
