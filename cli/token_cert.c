/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token cert: a certificate for a token key, signed by a token key. */
#include <stdlib.h>

#include "cli/input.h"
#include "cli/module.h"
#include "cli/output.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

#define MOST_DAYS 36500

struct cert_args {
    common_args common;
    const char *key, *role, *subject, *eku, *days, *from, *issuer_key, *issuer_cert, *label, *out;
    module_args module;
    pin_args pin;
    const char *timeout;
};

static const char *const ROLE_CHOICES[] = {"root", "ca", "leaf", NULL};

/* clang-format off */
#define AT(field) offsetof(struct cert_args, field)
static const option OPTIONS[] = {
    {"key",         0,   OPTION_TEXT, NEEDED,   AT(key),         "URI",  NULL, "private key that the certificate is for"},
    {"role",        0,   OPTION_TEXT, NEEDED,   AT(role),        "NAME", ROLE_CHOICES, "what the certificate may do"},
    {"subject",     0,   OPTION_TEXT, NEEDED,   AT(subject),     "NAME", NULL, "such as CN=Example,O=Org"},
    {"eku",         0,   OPTION_TEXT, OPTIONAL, AT(eku),         "OID[,OID]", NULL, "extended key usages of a leaf"},
    {"days",        0,   OPTION_TEXT, OPTIONAL, AT(days),        "N",    NULL, "days that it is valid; 3650 for a root, 1825 for a CA, 365 for a leaf if not given"},
    {"from",        0,   OPTION_TEXT, OPTIONAL, AT(from),        "TIME", NULL, "valid from this time on, not from now"},
    {"issuer-key",  0,   OPTION_TEXT, OPTIONAL, AT(issuer_key),  "URI",  NULL, "private key that signs it; a root signs itself"},
    {"issuer-cert", 0,   OPTION_TEXT, OPTIONAL, AT(issuer_cert), "FILE", NULL, "certificate of that key"},
    {"label",       0,   OPTION_TEXT, OPTIONAL, AT(label),       "TEXT", NULL, "label on the token; the key's if not given"},
    TIMEOUT_OPTION(AT(timeout), "30"),
    MODULE_OPTIONS(AT(module)),
    PIN_OPTIONS("pin-", "PIN", AT(pin)),
    {"output",      'o', OPTION_TEXT, OPTIONAL, AT(out),         "FILE", NULL, "the certificate as PEM too, - for standard output"},
};
#undef AT
/* clang-format on */

struct making {
    const struct cert_args *args;
    struct report *report;
    sigb_cert_request request;
    sigb_buf issuer_cert, der, pem;
    struct pins pins;
};

/* ---- the request ---- */

/* Without --days: long enough that what is issued next ends before its issuer does. */
static const struct role_row {
    const char *name;
    sigb_cert_role role;
    int days;
} ROLES[] = {
    {"root", SIGB_CERT_ROOT, 3650},
    {"ca", SIGB_CERT_CA, 1825},
    {"leaf", SIGB_CERT_LEAF, 365},
};

/* The parser let no other name through. */
static const struct role_row *role_of(const char *name)
{
    const struct role_row *row = ROLES;

    while (strcmp(row->name, name) != 0)
        row++;
    return row;
}

static sigb_rc read_days(const char *text, int *days, sigb_diag *diag)
{
    size_t len = strspn(text, "0123456789");

    *days = 0;
    if (len > 0 && len < 6 && text[len] == '\0')
        *days = (int)strtol(text, NULL, 10);
    if (*days < 1 || *days > MOST_DAYS)
        return fail(diag, SIGB_E_USAGE, "'%.40s' days; wanted is a number from 1 to %d", text, MOST_DAYS);
    return SIGB_OK;
}

static sigb_rc read_issuer_cert(struct making *m, sigb_diag *diag)
{
    option_list files = {{m->args->issuer_cert}, 1};
    sigb_rc rc = SIGB_OK;

    if (m->args->issuer_cert != NULL)
        rc = input_certs(&files, "issuer certificate", &m->issuer_cert, diag);
    m->request.issuer_cert = sigb_buf_bytes(&m->issuer_cert);
    return rc;
}

static sigb_rc read_request(struct making *m, sigb_diag *diag)
{
    const struct cert_args *args = m->args;
    const struct role_row *role = role_of(args->role);
    sigb_rc rc = SIGB_OK;

    m->request = (sigb_cert_request){.role = role->role,
                                     .days = role->days,
                                     .subject = args->subject,
                                     .eku = args->eku,
                                     .from = SIGB_TIME_NOW,
                                     .key = args->key,
                                     .issuer_key = args->issuer_key,
                                     .label = args->label};
    if (args->days != NULL)
        rc = read_days(args->days, &m->request.days, diag);
    if (rc == SIGB_OK && args->from != NULL)
        rc = sigb_time_parse(args->from, &m->request.from, diag);
    return rc == SIGB_OK ? read_issuer_cert(m, diag) : rc;
}

/* PEM is text: a terminal may have it. */
static sigb_rc check_output(struct making *m, sigb_diag *diag)
{
    const char *out = m->args->out;
    sigb_rc rc = output_check_distinct(out, m->report->result, diag);

    if (rc != SIGB_OK || out == NULL)
        return rc;
    if (strcmp(out, "-") != 0)
        return output_check(out, m->args->common.force, diag);
    if (m->report->json)
        return fail(diag, SIGB_E_USAGE,
                    "--json and the certificate cannot share standard output; name a file with -o");
    return SIGB_OK;
}

/* ---- making it ---- */

static sigb_rc make(struct making *m, sigb_diag *diag)
{
    sigb_pkcs11_options options = module_options(&m->args->module, &m->pins, m->report);
    sigb_rc rc = timeout_option(m->args->timeout, TIMEOUT_MS, &options.timeout_ms, diag);

    if (rc == SIGB_OK)
        rc = pins_open(&m->pins, &m->args->pin, NULL, m->report, diag);
    return rc == SIGB_OK ? sigb_token_cert(&m->request, &options, &m->der, diag) : rc;
}

/* Three bytes as four characters (RFC 4648, 4); the last of the alphabet stands for bytes that are not there. */
static void put_base64(sigb_buf *out, sigb_bytes bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned bits = (unsigned)bytes.ptr[i] << 16 | (left > 1 ? (unsigned)bytes.ptr[i + 1] << 8 : 0) |
                        (left > 2 ? bytes.ptr[i + 2] : 0);
        const char four[] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                             alphabet[left > 1 ? bits >> 6 & 63 : 64], alphabet[left > 2 ? bits & 63 : 64]};
        sigb_buf_append(out, sigb_bytes_of(four, sizeof(four)));
    }
}

/* RFC 7468: lines of 64 characters, which stand for 48 bytes. */
static void put_pem(sigb_buf *out, sigb_bytes der)
{
    text_put(out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.len; at += 48) {
        put_base64(out, sigb_bytes_of(der.ptr + at, der.len - at < 48 ? der.len - at : 48));
        text_put(out, "\n");
    }
    text_put(out, "-----END CERTIFICATE-----\n");
}

static sigb_rc write_pem(struct making *m, sigb_diag *diag)
{
    put_pem(&m->pem, sigb_buf_bytes(&m->der));
    if (m->pem.failed)
        return fail_memory(diag);
    if (m->args->out == NULL)
        return SIGB_OK;
    if (strcmp(m->args->out, "-") == 0)
        sigb_buf_append(&m->report->data, sigb_buf_bytes(&m->pem));
    else
        return output_file(m->args->out, m->args->common.force, sigb_buf_bytes(&m->pem), diag);
    return SIGB_OK;
}

static sigb_rc tell(struct making *m, sigb_diag *diag)
{
    sigb_buf lines = SIGB_BUF_INIT;
    sigb_rc rc = sigb_certs_describe(sigb_buf_bytes(&m->der), &lines, diag);

    report_text(m->report, "pem", sigb_buf_bytes(&m->pem));
    if (m->args->out != NULL)
        report_text(m->report, "file", sigb_bytes_text(m->args->out));
    if (rc == SIGB_OK) {
        report_lines(m->report, "certificate", sigb_buf_bytes(&lines));
        text_put(&m->report->text, "made ");
        sigb_buf_append(&m->report->text, sigb_buf_bytes(&lines));
    }
    sigb_buf_free(&lines);
    return rc;
}

static sigb_rc (*const STEPS[])(struct making *, sigb_diag *) = {
    read_request, check_output, make, write_pem, tell,
};

static sigb_rc cert_run(const void *args, struct report *report, sigb_diag *diag)
{
    struct making m = {.args = args, .report = report};
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < sizeof(STEPS) / sizeof(STEPS[0]); i++)
        rc = STEPS[i](&m, diag);
    pins_close(&m.pins);
    sigb_buf_free(&m.issuer_cert);
    sigb_buf_free(&m.der);
    sigb_buf_free(&m.pem);
    return rc;
}

const struct verb VERB_TOKEN_CERT = {"token cert",
                                     "Make a certificate for a token key, signed by a token key.",
                                     ROWS(OPTIONS), sizeof(struct cert_args), cert_run};
