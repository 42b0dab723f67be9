/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge issuer derive, sigbridge issuer resolve. */
#include <sigbridge/issuer.h>

#include "cli/facts.h"
#include "cli/input.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* ---- derive ---- */

struct derive_args {
    common_args common;
    option_list chain, root;
    const char *eku, *at, *hash;
};

/* clang-format off */
#define AT(field) offsetof(struct derive_args, field)
static const option DERIVE[] = {
    {"chain", 0, OPTION_LIST, NEEDED,   AT(chain), "FILE", NULL, "certificates, PEM or DER, in any order"},
    {"root",  0, OPTION_LIST, NEEDED,   AT(root),  "FILE", NULL, "pinned root certificates"},
    {"eku",   0, OPTION_TEXT, OPTIONAL, AT(eku),   "OID",  NULL, "extended key usage that the issuer names; else the only one"},
    {"at",    0, OPTION_TEXT, OPTIONAL, AT(at),    "TIME", NULL, "judge validity at this time, not now"},
    {"hash",  0, OPTION_TEXT, OPTIONAL, AT(hash),  "NAME", HASH_CHOICES, "hash of the root's fingerprint; sha256 if not given"},
};
#undef AT
/* clang-format on */

static sigb_rc derive_tell(struct report *report, const sigb_issuer *issuer, sigb_diag *diag)
{
    report_text(report, "issuer", sigb_bytes_text(sigb_issuer_did(issuer)));
    text_put(&report->data, sigb_issuer_did(issuer));
    text_put(&report->data, "\n");
    return facts_chain(report, sigb_issuer_chain(issuer), diag);
}

static sigb_rc derive_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct derive_args *args = arguments;
    sigb_buf certs = SIGB_BUF_INIT, roots = SIGB_BUF_INIT;
    sigb_issuer *issuer = NULL;
    sigb_issuer_options options = {.eku = args->eku, .at = SIGB_TIME_NOW};
    sigb_rc rc = args->at == NULL ? SIGB_OK : sigb_time_parse(args->at, &options.at, diag);

    if (args->hash != NULL)
        options.hash = sigb_hash_find(args->hash);
    if (rc == SIGB_OK)
        rc = input_certs(&args->root, "root", &roots, diag);
    if (rc == SIGB_OK)
        rc = input_certs(&args->chain, "chain", &certs, diag);
    options.roots = sigb_buf_bytes(&roots);
    options.certs = sigb_buf_bytes(&certs);
    if (rc == SIGB_OK)
        rc = sigb_issuer_derive(&options, &issuer, diag);
    if (rc == SIGB_OK)
        rc = derive_tell(report, issuer, diag);
    sigb_issuer_free(issuer);
    sigb_buf_free(&roots);
    sigb_buf_free(&certs);
    return rc;
}

const struct verb VERB_ISSUER_DERIVE = {"issuer derive",
                                        "Print the did:x509 issuer of a checked certificate chain.",
                                        ROWS(DERIVE), sizeof(struct derive_args), derive_run};

/* ---- resolve ---- */

struct resolve_args {
    common_args common;
    option_list chain;
    const char *did, *at;
};

/* clang-format off */
#define AT(field) offsetof(struct resolve_args, field)
static const option RESOLVE[] = {
    {"chain", 0, OPTION_LIST, NEEDED,   AT(chain), "FILE", NULL, "certificates, leaf first, in order"},
    {"at",    0, OPTION_TEXT, OPTIONAL, AT(at),    "TIME", NULL, "judge validity at this time; without it validity is not judged"},
    {NULL,    0, OPTION_TEXT, NEEDED,   AT(did),   "DID",  NULL, "the did:x509 to resolve"},
};
#undef AT
/* clang-format on */

static sigb_rc resolve_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct resolve_args *args = arguments;
    sigb_buf chain = SIGB_BUF_INIT;
    int64_t at = SIGB_TIME_UNCHECKED;
    sigb_rc rc = args->at == NULL ? SIGB_OK : sigb_time_parse(args->at, &at, diag);

    if (rc == SIGB_OK)
        rc = input_certs(&args->chain, "chain", &chain, diag);
    if (rc == SIGB_OK)
        rc = sigb_did_resolve(args->did, sigb_buf_bytes(&chain), at, diag);
    if (rc == SIGB_OK) {
        report_text(report, "issuer", sigb_bytes_text(args->did));
        report_bool(report, "validity_judged", at != SIGB_TIME_UNCHECKED);
        report_say(report, "resolves", sigb_bytes_text(args->did));
        rc = facts_chain(report, sigb_buf_bytes(&chain), diag);
    }
    sigb_buf_free(&chain);
    return rc;
}

const struct verb VERB_ISSUER_RESOLVE = {"issuer resolve",
                                         "Tell whether a did:x509 resolves against a chain.", ROWS(RESOLVE),
                                         sizeof(struct resolve_args), resolve_run};
