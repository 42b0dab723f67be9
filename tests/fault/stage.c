/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/stage.h"

#define TOKEN   "pkcs11:token=stage"
#define SUBJECT "svc.example"

static void made(sigb_rc rc, const sigb_diag *diag)
{
    if (rc != SIGB_OK)
        fail_msg("%s: %s", sigb_rc_name(rc), diag->text);
}

static void keygen(const stage *s, const char *type, const char *label)
{
    const sigb_keygen wanted = {.type = type, .label = label, .id = sigb_bytes_text(label), .copyable = true};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    made(sigb_token_keygen(TOKEN, &wanted, &s->options, &uri, &diag), &diag);
    sigb_buf_free(&uri);
}

/* Of the key with this label, by the root. */
static void certify(const stage *s, const char *label, sigb_buf *der)
{
    const bool is_root = strcmp(label, "root") == 0;
    char key[96];
    const sigb_cert_request request = {.role = is_root ? SIGB_CERT_ROOT : SIGB_CERT_LEAF,
                                       .subject = is_root ? "CN=Stage Root" : "CN=Stage",
                                       .eku = is_root ? NULL : STAGE_EKU,
                                       .days = is_root ? 30 : 10,
                                       .from = SIGB_TIME_NOW,
                                       .key = key,
                                       .issuer_key = is_root ? NULL : TOKEN ";object=root",
                                       .issuer_cert = sigb_buf_bytes(&s->root)};
    sigb_diag diag = {{0}, 0};

    (void)snprintf(key, sizeof(key), TOKEN ";object=%s", label);
    made(sigb_token_cert(&request, &s->options, der, &diag), &diag);
}

void stage_key_make(stage *s, const char *type, const char *label, stage_key *key)
{
    sigb_buf leaf = SIGB_BUF_INIT;
    sigb_issuer_options from = {.roots = sigb_buf_bytes(&s->root), .eku = STAGE_EKU, .at = SIGB_TIME_NOW};
    sigb_diag diag = {{0}, 0};

    (void)snprintf(key->uri, sizeof(key->uri), TOKEN ";object=%s", label);
    keygen(s, type, label);
    certify(s, label, &leaf);
    from.certs = sigb_buf_bytes(&leaf);
    made(sigb_issuer_derive(&from, &key->issuer, &diag), &diag);
    sigb_buf_free(&leaf);
}

void stage_begin(stage *s)
{
    sigb_diag diag = {{0}, 0};

    memset(s, 0, sizeof(*s));
    s->hsm = softhsm_new();
    s->fault = fault_load();
    softhsm_token(s->hsm, "stage");
    s->options = (sigb_pkcs11_options){.module = FAULT_MODULE, .pin = softhsm_pin};
    keygen(s, "P-256", "root");
    certify(s, "root", &s->root);
    stage_key_make(s, "P-256", "leaf", &s->leaf);
    s->policy = sigb_policy_new();
    assert_non_null(s->policy);
    made(sigb_policy_put_roots(s->policy, sigb_buf_bytes(&s->root), &diag), &diag);
    made(sigb_policy_set_eku(s->policy, STAGE_EKU, &diag), &diag);
}

void stage_end(stage *s)
{
    stage_plan(s, "%s", "");
    sigb_policy_free(s->policy);
    sigb_issuer_free(s->leaf.issuer);
    sigb_buf_free(&s->root);
    softhsm_free(s->hsm);
}

void stage_plan(const stage *s, const char *format, ...)
{
    char plan[512];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(plan, sizeof(plan), format, arguments) < (int)sizeof(plan));
    va_end(arguments);
    if (!s->fault->plan(plan))
        fail_msg("not a plan: %s", plan);
}

static void verify(const stage *s, sigb_bytes bytes)
{
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;
    sigb_diag diag = {{0}, 0};

    made(sigb_statement_parse(bytes, &statement, &diag), &diag);
    made(sigb_statement_verify(statement, s->policy, NULL, &verified, &diag), &diag);
    assert_true(sigb_bytes_equal(sigb_verified_subject(verified), sigb_bytes_text(SUBJECT)));
    sigb_verified_free(verified);
    sigb_statement_free(statement);
}

sigb_rc stage_put_statement(const stage *s, const stage_key *key, sigb_signer *signer, int64_t at,
                            sigb_buf *statement, sigb_diag *diag)
{
    const sigb_claims claims = {
        .subject = SUBJECT, .content_type = "text/plain", .has_svn = true, .svn = 1, .issued_at = at};
    sigb_builder *builder = NULL;
    sigb_diag own = {{0}, 0};
    sigb_rc rc;

    made(sigb_builder_new(key->issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, &own), &own);
    made(sigb_builder_attach(builder, sigb_bytes_text("payload"), &own), &own);
    rc = sigb_builder_sign(builder, signer, statement, diag);
    if (rc == SIGB_OK)
        verify(s, sigb_buf_bytes(statement));
    else
        assert_int_equal(statement->len, 0);
    sigb_builder_free(builder);
    return rc;
}

sigb_rc stage_state(const stage *s, const stage_key *key, sigb_signer *signer, sigb_diag *diag)
{
    sigb_buf statement = SIGB_BUF_INIT;
    sigb_rc rc = stage_put_statement(s, key, signer, SIGB_TIME_NOW, &statement, diag);

    sigb_buf_free(&statement);
    return rc;
}

void stage_require_state(const stage *s, const stage_key *key, sigb_signer *signer)
{
    sigb_diag diag = {{0}, 0};

    made(stage_state(s, key, signer, &diag), &diag);
}

sigb_signer *stage_signer(const char *uri, const sigb_pkcs11_options *options)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    made(sigb_signer_from_pkcs11(uri, options, &signer, &diag), &diag);
    return signer;
}

sigb_rc stage_open_and_state(const stage *s, const stage_key *key, const sigb_pkcs11_options *options,
                             sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11(key->uri, options, &signer, diag);

    if (rc == SIGB_OK)
        rc = stage_state(s, key, signer, diag);
    sigb_signer_free(signer);
    return rc;
}
