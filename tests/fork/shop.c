/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/fork/shop.h"

#include <openssl/evp.h>

#include "base/pubkey.h"

#define EKU     "2.25.310378212377386446143452183107424412417"
#define SUBJECT "svc.example"

static void require(sigb_rc rc, const sigb_diag *diag)
{
    if (rc != SIGB_OK)
        fail_msg("%s: %s", sigb_rc_name(rc), diag->text);
}

/* ---- keys and certificates ---- */

static void make_cert(shop *in, const sigb_cert_request *request, sigb_buf *der)
{
    sigb_diag diag = {{0}, 0};

    require(sigb_token_cert(request, &in->options, der, &diag), &diag);
}

static void make_keys(shop *in)
{
    static const char *const labels[] = {"root", "ca", "leaf"};

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        softhsm_keygen(in->hsm, SHOP_TOKEN,
                       &(softhsm_key){.type = "P-256", .label = labels[i], .id = labels[i]});
}

static void make_chain(shop *in)
{
    sigb_buf ca = SIGB_BUF_INIT;
    sigb_cert_request request = {.role = SIGB_CERT_ROOT,
                                 .subject = "CN=Shop Root",
                                 .days = 300,
                                 .from = SIGB_TIME_NOW,
                                 .key = "pkcs11:token=shop;object=root"};

    make_cert(in, &request, &in->root);
    request.role = SIGB_CERT_CA;
    request.subject = "CN=Shop CA";
    request.days = 200;
    request.key = "pkcs11:token=shop;object=ca";
    request.issuer_key = "pkcs11:token=shop;object=root";
    request.issuer_cert = sigb_buf_bytes(&in->root);
    make_cert(in, &request, &ca);
    request.role = SIGB_CERT_LEAF;
    request.subject = "CN=Shop Leaf";
    request.days = 100;
    request.eku = EKU;
    request.key = SHOP_KEY;
    request.issuer_key = "pkcs11:token=shop;object=ca";
    request.issuer_cert = sigb_buf_bytes(&ca);
    make_cert(in, &request, &in->chain);
    sigb_buf_append(&in->chain, sigb_buf_bytes(&ca));
    sigb_buf_append(&in->chain, sigb_buf_bytes(&in->root));
    sigb_buf_free(&ca);
}

static void derive_issuer(shop *in)
{
    sigb_diag diag = {{0}, 0};
    const sigb_issuer_options options = {.certs = sigb_buf_bytes(&in->chain),
                                         .roots = sigb_buf_bytes(&in->root),
                                         .eku = EKU,
                                         .at = SIGB_TIME_NOW};

    require(sigb_issuer_derive(&options, &in->issuer, &diag), &diag);
    sigb_buf_append(&in->spki, sigb_issuer_spki(in->issuer));
}

static void set_policy(shop *in)
{
    sigb_diag diag = {{0}, 0};

    in->policy = sigb_policy_new();
    assert_non_null(in->policy);
    require(sigb_policy_put_roots(in->policy, sigb_buf_bytes(&in->root), &diag), &diag);
    require(sigb_policy_set_eku(in->policy, EKU, &diag), &diag);
    require(sigb_policy_set_subject(in->policy, SUBJECT, &diag), &diag);
}

void shop_make(shop *made)
{
    memset(made, 0, sizeof(*made));
    made->hsm = softhsm_new();
    made->options = (sigb_pkcs11_options){.module = softhsm_module(), .pin = softhsm_pin};
    softhsm_token(made->hsm, SHOP_TOKEN);
    make_keys(made);
    make_chain(made);
    derive_issuer(made);
    set_policy(made);
}

void shop_free(shop *made)
{
    sigb_policy_free(made->policy);
    sigb_issuer_free(made->issuer);
    sigb_buf_free(&made->root);
    sigb_buf_free(&made->chain);
    sigb_buf_free(&made->spki);
    softhsm_free(made->hsm);
}

/* ---- trade ---- */

sigb_signer *shop_open(const shop *in)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    require(sigb_signer_from_pkcs11(SHOP_KEY, &in->options, &signer, &diag), &diag);
    return signer;
}

sigb_rc shop_sign(const shop *in, sigb_signer *signer, sigb_bytes payload, sigb_buf *statement,
                  sigb_diag *diag)
{
    const sigb_claims claims = {.subject = SUBJECT,
                                .content_type = "text/plain",
                                .has_svn = true,
                                .svn = 7,
                                .issued_at = SIGB_TIME_NOW};
    sigb_builder *builder = NULL;
    sigb_rc rc = sigb_builder_new(in->issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, diag);

    if (rc == SIGB_OK)
        rc = sigb_builder_attach(builder, payload, diag);
    if (rc == SIGB_OK)
        rc = sigb_builder_sign(builder, signer, statement, diag);
    sigb_builder_free(builder);
    return rc;
}

bool shop_accepts(const shop *in, sigb_bytes statement, sigb_bytes payload)
{
    sigb_statement *parsed = NULL;
    sigb_verified *verified = NULL;
    bool good = sigb_statement_parse(statement, &parsed, NULL) == SIGB_OK &&
                sigb_statement_verify(parsed, in->policy, NULL, &verified, NULL) == SIGB_OK &&
                sigb_bytes_equal(sigb_verified_payload(verified), payload);

    sigb_verified_free(verified);
    sigb_statement_free(parsed);
    return good;
}

bool shop_accepts_signature(const shop *in, sigb_bytes tbs, sigb_bytes signature)
{
    EVP_PKEY *key = NULL;
    bool good = pubkey_parse(sigb_buf_bytes(&in->spki), &key, NULL) == SIGB_OK &&
                pubkey_verify(key, SHOP_ALG, tbs, signature, NULL) == SIGB_OK;

    EVP_PKEY_free(key);
    return good;
}
