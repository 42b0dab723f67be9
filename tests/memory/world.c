/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/memory/world.h"

#include <dlfcn.h>

struct world world;

static void made(sigb_rc rc, const sigb_diag *diag)
{
    if (rc != SIGB_OK)
        fail_msg("%s: %s", sigb_rc_name(rc), diag->text);
}

static void make_key(const char *label)
{
    const sigb_keygen keygen = {.type = "P-256", .label = label};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    made(sigb_token_keygen("pkcs11:token=sweep", &keygen, &world.options, &uri, &diag), &diag);
    sigb_buf_free(&uri);
}

static void make_cert(sigb_cert_role role, const char *subject, const char *key, const char *issuer_key,
                      sigb_bytes issuer_cert, sigb_buf *der)
{
    const sigb_cert_request request = {role,
                                       subject,
                                       role == SIGB_CERT_LEAF ? WORLD_EKU : NULL,
                                       role == SIGB_CERT_ROOT ? 300
                                       : role == SIGB_CERT_CA ? 200
                                                              : 100,
                                       SIGB_TIME_NOW,
                                       key,
                                       issuer_key,
                                       issuer_cert,
                                       NULL};
    sigb_diag diag = {{0}, 0};

    made(sigb_token_cert(&request, &world.options, der, &diag), &diag);
}

static void make_chain(void)
{
    sigb_buf ca = SIGB_BUF_INIT;

    make_key("root");
    make_key("ca");
    make_key("leaf");
    make_cert(SIGB_CERT_ROOT, "CN=Sweep Root", "pkcs11:token=sweep;object=root", NULL, SIGB_BYTES_NONE,
              &world.root);
    make_cert(SIGB_CERT_CA, "CN=Sweep CA", "pkcs11:token=sweep;object=ca", "pkcs11:token=sweep;object=root",
              sigb_buf_bytes(&world.root), &ca);
    make_cert(SIGB_CERT_LEAF, "CN=Sweep Leaf", WORLD_KEY, "pkcs11:token=sweep;object=ca", sigb_buf_bytes(&ca),
              &world.chain);
    sigb_buf_append(&world.chain, sigb_buf_bytes(&ca));
    sigb_buf_append(&world.chain, sigb_buf_bytes(&world.root));
    sigb_buf_free(&ca);
}

static void make_issuer(void)
{
    sigb_diag diag = {{0}, 0};
    sigb_issuer_options options = {0};

    made(sigb_signer_from_pkcs11(WORLD_KEY, &world.options, &world.signer, &diag), &diag);
    options.certs = sigb_buf_bytes(&world.chain);
    options.roots = sigb_buf_bytes(&world.root);
    options.spki = sigb_signer_spki(world.signer);
    options.eku = WORLD_EKU;
    options.at = SIGB_TIME_NOW;
    made(sigb_issuer_derive(&options, &world.issuer, &diag), &diag);
    (void)snprintf(world.did, sizeof(world.did), "%s", sigb_issuer_did(world.issuer));
}

sigb_rc world_builder(sigb_builder **builder)
{
    return sigb_builder_new(world.issuer, &world.claims, SIGB_ALG_NONE, SIGB_PROFILE_COSE, builder, NULL);
}

enum how { ATTACHED, DETACHED, ENVELOPE };

static void make_statement(enum how how, sigb_buf *statement)
{
    static const uint8_t digest[32] = {7};
    sigb_builder *builder = NULL;
    sigb_diag diag = {{0}, 0};

    made(world_builder(&builder), &diag);
    if (how == ENVELOPE)
        made(sigb_builder_envelope(builder, SIGB_SHA256, sigb_bytes_of(digest, 32), NULL, &diag), &diag);
    else if (how == DETACHED)
        made(sigb_builder_detach(builder, WORLD_PAYLOAD, &diag), &diag);
    else
        made(sigb_builder_attach(builder, WORLD_PAYLOAD, &diag), &diag);
    if (how == ATTACHED) {
        made(sigb_builder_prepare(builder, &world.tbs, &diag), &diag);
        made(sigb_signer_sign(world.signer, SIGB_ES256, sigb_buf_bytes(&world.tbs), &world.signature, &diag),
             &diag);
        made(sigb_builder_finish(builder, sigb_buf_bytes(&world.signature), statement, &diag), &diag);
    } else {
        made(sigb_builder_sign(builder, world.signer, statement, &diag), &diag);
    }
    sigb_builder_free(builder);
}

void world_make(void)
{
    void *quiet;
    volatile int *inside = NULL;

    setenv("QUIET_MODULE", softhsm_module(), 1);
    world.hsm = softhsm_new();
    softhsm_token(world.hsm, "sweep");
    world.options.module = QUIET_MODULE;
    world.options.pin = softhsm_pin;
    world.claims = (sigb_claims){.subject = WORLD_SUBJECT,
                                 .content_type = "application/json",
                                 .has_svn = true,
                                 .svn = 7,
                                 .issued_at = 1700000000};
    make_chain();
    make_issuer();
    make_statement(ATTACHED, &world.statement);
    make_statement(DETACHED, &world.detached);
    make_statement(ENVELOPE, &world.envelope);
    sigb_buf_append(&world.flipped, sigb_buf_bytes(&world.statement));
    world.flipped.ptr[world.flipped.len - 1] ^= 1;
    sigb_buf_append(&world.root_pem_junk,
                    sigb_bytes_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    quiet = dlopen(QUIET_MODULE, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(quiet);
    inside = dlsym(quiet, "quiet_inside");
    assert_non_null(inside);
    sweep_spare_while(inside);
}

void world_free(void)
{
    sigb_signer_free(world.signer);
    sigb_issuer_free(world.issuer);
    sigb_buf *bufs[] = {&world.root,      &world.chain,    &world.root_pem_junk,
                        &world.statement, &world.detached, &world.envelope,
                        &world.flipped,   &world.tbs,      &world.signature};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        sigb_buf_free(bufs[i]);
    softhsm_free(world.hsm);
}
