/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every public function that can fail, with good and with bad input, while each
 * allocation it causes is refused in turn.
 */
#include "tests/memory/ledger.h"
#include "tests/memory/stamps.h"
#include "tests/memory/world.h"

#include <fcntl.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "pkcs11/wrap.h"
#include "provider/config.h"
#include "tests/support/corpus.h"
#include "tests/support/pubkeys.h"

/* ---- bytes ---- */

static sigb_rc append_certs(sigb_bytes input)
{
    sigb_buf certs = SIGB_BUF_INIT;
    sigb_rc rc = sigb_certs_append(&certs, input, NULL);

    sigb_buf_free(&certs);
    return rc;
}

static sigb_rc certs_der(void)
{
    return append_certs(sigb_buf_bytes(&world.chain));
}

static sigb_rc certs_bad_pem(void)
{
    return append_certs(sigb_buf_bytes(&world.root_pem_junk));
}

static sigb_rc certs_nothing(void)
{
    return append_certs(sigb_bytes_text("no certificate here"));
}

static sigb_rc describe(sigb_bytes certs)
{
    sigb_buf text = SIGB_BUF_INIT;
    sigb_rc rc = sigb_certs_describe(certs, &text, NULL);

    sigb_buf_free(&text);
    return rc;
}

static sigb_rc describe_chain(void)
{
    return describe(sigb_buf_bytes(&world.chain));
}

static sigb_rc describe_cut(void)
{
    return describe(sigb_bytes_of(world.chain.ptr, world.chain.len - 1));
}

/* ---- PINs ---- */

static sigb_rc with_pin(sigb_rc (*fill)(sigb_pin *pin))
{
    sigb_pin *pin = sigb_pin_new();
    sigb_rc rc = pin == NULL ? SIGB_E_MEMORY : fill(pin);

    sigb_pin_free(pin);
    return rc;
}

static sigb_rc fill_put(sigb_pin *pin)
{
    return sigb_pin_put(pin, sigb_bytes_text("1234"), NULL);
}

static sigb_rc fill_empty(sigb_pin *pin)
{
    return sigb_pin_put(pin, SIGB_BYTES_NONE, NULL);
}

static sigb_rc fill_fd(sigb_pin *pin)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigb_rc rc = sigb_pin_read_fd(pin, fd, NULL);

    (void)close(fd);
    return rc;
}

static sigb_rc fill_file(sigb_pin *pin)
{
    return sigb_pin_read_file(pin, "/nonexistent", NULL, NULL);
}

static sigb_rc fill_env(sigb_pin *pin)
{
    return sigb_pin_take_env(pin, "SIGB_NO_SUCH_VARIABLE", NULL);
}

static sigb_rc fill_terminal(sigb_pin *pin)
{
    return sigb_pin_read_terminal(pin, "PIN: ", NULL);
}

static sigb_rc fill_copy(sigb_pin *pin)
{
    return sigb_pin_copy(pin, pin, NULL);
}

static sigb_rc pin_copy(void)
{
    return with_pin(fill_copy);
}

static sigb_rc pin_put(void)
{
    return with_pin(fill_put);
}

static sigb_rc pin_empty(void)
{
    return with_pin(fill_empty);
}

static sigb_rc pin_fd(void)
{
    return with_pin(fill_fd);
}

static sigb_rc pin_file(void)
{
    return with_pin(fill_file);
}

static sigb_rc pin_env(void)
{
    return with_pin(fill_env);
}

static sigb_rc pin_terminal(void)
{
    return with_pin(fill_terminal);
}

/* ---- signers ---- */

static sigb_rc replay(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    (void)impl;
    (void)alg;
    (void)tbs;
    (void)diag;
    sigb_buf_append(signature, sigb_buf_bytes(&world.signature));
    return SIGB_OK;
}

/* A signer that returns the one signature that the token has made. */
static sigb_rc replaying_signer(sigb_bytes spki, sigb_signer **signer)
{
    const sigb_signer_ops ops = {replay, NULL};

    return sigb_signer_from_ops(&ops, NULL, spki, signer, NULL);
}

static sigb_rc ops(sigb_bytes spki)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = replaying_signer(spki, &signer);

    sigb_signer_free(signer);
    return rc;
}

static sigb_rc ops_good(void)
{
    return ops(sigb_signer_spki(world.signer));
}

static sigb_rc ops_bad(void)
{
    return ops(sigb_bytes_text("no key"));
}

static EVP_PKEY *evp_key;

static sigb_rc evp_good(void)
{
    sigb_signer *signer = NULL;
    sigb_rc rc;

    if (evp_key == NULL)
        evp_key = pubkey_of_nobody("P-256");
    rc = sigb_signer_from_evp_pkey(evp_key, &signer, NULL);
    sigb_signer_free(signer);
    return rc;
}

static sigb_rc evp_none(void)
{
    sigb_signer *signer = NULL;

    return sigb_signer_from_evp_pkey(NULL, &signer, NULL);
}

static sigb_rc pkcs11(const char *uri)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_pkcs11(uri, &world.options, &signer, NULL);

    sigb_signer_free(signer);
    return rc;
}

static sigb_rc pkcs11_good(void)
{
    return pkcs11(WORLD_KEY);
}

static sigb_rc pkcs11_absent(void)
{
    return pkcs11("pkcs11:token=sweep;object=nobody");
}

static sigb_rc pkcs11_bad_uri(void)
{
    return pkcs11("pkcs11:token=sweep;token=sweep");
}

/* A software key under a passphrase, a file without one, and a configuration that loads nothing. */
static char store_key[256], store_nothing[256], store_conf[256];

static void store_write(char path[256], const char *name, const char *text)
{
    FILE *file;

    (void)snprintf(path, 256, "%s/%s", softhsm_dir(world.hsm), name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void store_make(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    FILE *file;

    assert_non_null(key);
    store_write(store_key, "key.pem", "");
    store_write(store_nothing, "nothing.pem", "");
    store_write(store_conf, "store.cnf",
                "openssl_conf = i\n[i]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 0\nx = \"y\"\n");
    file = fopen(store_key, "w");
    assert_non_null(file);
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), SOFTHSM_PIN, strlen(SOFTHSM_PIN), NULL, NULL),
        1);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
}

static sigb_rc store_open(const char *uri, const char *config)
{
    const sigb_store_options options = {.config = config, .pin = softhsm_pin};
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_store(uri, &options, &signer, NULL);

    sigb_signer_free(signer);
    return rc;
}

static sigb_rc store_file(void)
{
    return store_open(store_key, NULL);
}

static sigb_rc store_config(void)
{
    return store_open(store_nothing, store_conf);
}

static sigb_rc store_scheme(void)
{
    return store_open("nobody:key", NULL);
}

static sigb_rc expect(sigb_bytes spki)
{
    return sigb_signer_expect(world.signer, spki, NULL);
}

static sigb_rc expect_same(void)
{
    return expect(sigb_issuer_spki(world.issuer));
}

static sigb_rc expect_other(void)
{
    return expect(sigb_bytes_text("another key"));
}

static sigb_rc alg(sigb_bytes spki, sigb_alg wanted)
{
    sigb_alg chosen;

    return sigb_alg_for_key(spki, wanted, SIGB_PROFILE_MST, &chosen, NULL);
}

static sigb_rc alg_good(void)
{
    return alg(sigb_signer_spki(world.signer), SIGB_ALG_NONE);
}

static sigb_rc alg_other(void)
{
    return alg(sigb_signer_spki(world.signer), SIGB_PS256);
}

static sigb_rc sign_tbs(void)
{
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_rc rc = sigb_signer_sign(world.signer, SIGB_ES256, sigb_buf_bytes(&world.tbs), &signature, NULL);

    sigb_buf_free(&signature);
    return rc;
}

static sigb_rc sign_wrong(void)
{
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_signer *signer = NULL;
    sigb_rc rc = replaying_signer(sigb_signer_spki(world.signer), &signer);

    if (rc == SIGB_OK)
        rc = sigb_signer_sign(signer, SIGB_ES256, sigb_bytes_text("something else"), &signature, NULL);
    sigb_signer_free(signer);
    sigb_buf_free(&signature);
    return rc;
}

/* ---- issuers ---- */

static sigb_rc derive(sigb_bytes certs, const char *eku, int64_t at)
{
    sigb_issuer_options options = {0};
    sigb_issuer *issuer = NULL;
    sigb_rc rc;

    options.certs = certs;
    options.roots = sigb_buf_bytes(&world.root);
    options.eku = eku;
    options.at = at;
    rc = sigb_issuer_derive(&options, &issuer, NULL);
    sigb_issuer_free(issuer);
    return rc;
}

static sigb_rc derive_good(void)
{
    return derive(sigb_buf_bytes(&world.chain), WORLD_EKU, SIGB_TIME_NOW);
}

static sigb_rc derive_only_eku(void)
{
    return derive(sigb_buf_bytes(&world.chain), NULL, SIGB_TIME_NOW);
}

static sigb_rc derive_other_eku(void)
{
    return derive(sigb_buf_bytes(&world.chain), "1.2.3", SIGB_TIME_NOW);
}

static sigb_rc derive_expired(void)
{
    return derive(sigb_buf_bytes(&world.chain), WORLD_EKU, 4000000000);
}

static sigb_rc derive_incomplete(void)
{
    sigb_bytes rest = sigb_buf_bytes(&world.chain), leaf = SIGB_BYTES_NONE;

    (void)sigb_certs_next(&rest, &leaf);
    return derive(leaf, WORLD_EKU, SIGB_TIME_NOW);
}

static sigb_rc resolve_good(void)
{
    return sigb_did_resolve(world.did, sigb_buf_bytes(&world.chain), SIGB_TIME_UNCHECKED, NULL);
}

static sigb_rc resolve_mismatch(void)
{
    char did[300];

    (void)snprintf(did, sizeof(did), "%s::subject:CN:Nobody", world.did);
    return sigb_did_resolve(did, sigb_buf_bytes(&world.chain), SIGB_TIME_UNCHECKED, NULL);
}

static sigb_rc resolve_malformed(void)
{
    return sigb_did_resolve("did:x509:0:sha256:short::eku:1.2", sigb_buf_bytes(&world.chain),
                            SIGB_TIME_UNCHECKED, NULL);
}

static sigb_rc libctx_late(void)
{
    static OSSL_LIB_CTX *other; /* never used: the library has one already */

    if (other == NULL)
        other = OSSL_LIB_CTX_new();
    return sigb_use_libctx(other, NULL);
}

static sigb_rc time_good(void)
{
    int64_t at;

    return sigb_time_parse("2026-07-01T12:00:00Z", &at, NULL);
}

static sigb_rc svn_bad(void)
{
    int64_t svn;

    return sigb_svn_parse("-1", &svn, NULL);
}

/* ---- builders ---- */

static sigb_rc built(sigb_rc (*with)(sigb_builder *builder, sigb_buf *out))
{
    sigb_builder *builder = NULL;
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = world_builder(&builder);

    if (rc == SIGB_OK)
        rc = with(builder, &out);
    if (rc != SIGB_OK)
        assert_int_equal(out.len, 0);
    sigb_builder_free(builder);
    sigb_buf_free(&out);
    return rc;
}

static sigb_rc nothing_more(sigb_builder *builder, sigb_buf *out)
{
    (void)builder;
    (void)out;
    return SIGB_OK;
}

static sigb_rc detach(sigb_builder *builder, sigb_buf *out)
{
    sigb_rc rc = sigb_builder_detach(builder, WORLD_PAYLOAD, NULL);

    return rc == SIGB_OK ? sigb_builder_prepare(builder, out, NULL) : rc;
}

static sigb_rc envelope(sigb_builder *builder, sigb_buf *out)
{
    static const uint8_t digest[48] = {1};
    sigb_rc rc = sigb_builder_envelope(builder, SIGB_SHA384, sigb_bytes_of(digest, 48), "https://example/a",
                                       NULL);

    return rc == SIGB_OK ? sigb_builder_prepare(builder, out, NULL) : rc;
}

static sigb_rc prepare(sigb_builder *builder, sigb_buf *out)
{
    sigb_rc rc = sigb_builder_attach(builder, WORLD_PAYLOAD, NULL);

    return rc == SIGB_OK ? sigb_builder_prepare(builder, out, NULL) : rc;
}

static sigb_rc finish(sigb_builder *builder, sigb_buf *out)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_rc rc = prepare(builder, &tbs);

    sigb_buf_free(&tbs);
    return rc == SIGB_OK ? sigb_builder_finish(builder, sigb_buf_bytes(&world.signature), out, NULL) : rc;
}

static sigb_rc finish_wrong(sigb_builder *builder, sigb_buf *out)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_rc rc = sigb_builder_attach(builder, sigb_bytes_text("another payload"), NULL);

    if (rc == SIGB_OK)
        rc = sigb_builder_prepare(builder, &tbs, NULL);
    sigb_buf_free(&tbs);
    return rc == SIGB_OK ? sigb_builder_finish(builder, sigb_buf_bytes(&world.signature), out, NULL) : rc;
}

static sigb_rc sign(sigb_builder *builder, sigb_buf *out)
{
    sigb_rc rc = sigb_builder_attach(builder, WORLD_PAYLOAD, NULL);

    return rc == SIGB_OK ? sigb_builder_sign(builder, world.signer, out, NULL) : rc;
}

static sigb_rc attach_empty(sigb_builder *builder, sigb_buf *out)
{
    (void)out;
    return sigb_builder_attach(builder, SIGB_BYTES_NONE, NULL);
}

static sigb_rc builder_new(void)
{
    return built(nothing_more);
}

static sigb_rc builder_detach(void)
{
    return built(detach);
}

static sigb_rc builder_envelope(void)
{
    return built(envelope);
}

static sigb_rc builder_prepare(void)
{
    return built(prepare);
}

static sigb_rc builder_finish(void)
{
    return built(finish);
}

static sigb_rc builder_finish_wrong(void)
{
    return built(finish_wrong);
}

static sigb_rc builder_sign(void)
{
    return built(sign);
}

static sigb_rc builder_attach_empty(void)
{
    return built(attach_empty);
}

static sigb_rc builder_bad_subject(void)
{
    sigb_claims claims = world.claims;
    sigb_builder *builder = NULL;

    claims.subject = "unknown.intent";
    return sigb_builder_new(world.issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, NULL);
}

static sigb_rc artifact(void)
{
    sigb_buf digest = SIGB_BUF_INIT;
    int fd = open("LICENSE", O_RDONLY | O_CLOEXEC);
    sigb_rc rc = sigb_artifact_digest(fd, SIGB_SHA256, NULL, NULL, &digest, NULL);

    (void)close(fd);
    sigb_buf_free(&digest);
    return rc;
}

/* ---- statements ---- */

static sigb_rc parse(sigb_bytes bytes)
{
    sigb_statement *statement = NULL;
    sigb_rc rc = sigb_statement_parse(bytes, &statement, NULL);

    sigb_statement_free(statement);
    return rc;
}

static sigb_rc parse_good(void)
{
    return parse(sigb_buf_bytes(&world.statement));
}

static sigb_rc parse_cut(void)
{
    return parse(sigb_bytes_of(world.statement.ptr, world.statement.len - 1));
}

static sigb_rc dump(void)
{
    sigb_statement *statement = NULL;
    sigb_buf text = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_parse(sigb_buf_bytes(&world.statement), &statement, NULL);

    if (rc == SIGB_OK)
        rc = sigb_statement_dump(statement, &text, NULL);
    sigb_statement_free(statement);
    sigb_buf_free(&text);
    return rc;
}

/* ---- verification ---- */

struct judged {
    const sigb_buf *statement;
    const char *eku, *issuer, *subject;
    const sigb_beside *beside;
};

static sigb_rc set_policy(sigb_policy *policy, const struct judged *how)
{
    sigb_rc rc = sigb_policy_set_profile(policy, SIGB_PROFILE_COSE, NULL);

    if (rc == SIGB_OK && how->eku != NULL)
        rc = sigb_policy_put_roots(policy, sigb_buf_bytes(&world.root), NULL);
    if (rc == SIGB_OK && how->eku != NULL)
        rc = sigb_policy_set_eku(policy, how->eku, NULL);
    if (rc == SIGB_OK && how->issuer != NULL)
        rc = sigb_policy_set_issuer(policy, how->issuer, NULL);
    if (rc == SIGB_OK && how->subject != NULL)
        rc = sigb_policy_set_subject(policy, how->subject, NULL);
    if (rc == SIGB_OK)
        rc = sigb_policy_set_min_svn(policy, 7, NULL);
    return rc;
}

static sigb_rc judge(const struct judged *how)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;
    sigb_rc rc = policy == NULL ? SIGB_E_MEMORY : set_policy(policy, how);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(sigb_buf_bytes(how->statement), &statement, NULL);
    if (rc == SIGB_OK)
        rc = sigb_statement_verify(statement, policy, how->beside, &verified, NULL);
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
    return rc;
}

/* Demands of receipts, on a statement that has none: the root's key stands for a ledger's. */
static sigb_rc demand_receipts(sigb_policy *policy, const sigb_keys *keys)
{
    sigb_rc rc = sigb_policy_set_ledger_keys(policy, keys, NULL);

    if (rc == SIGB_OK)
        rc = sigb_policy_require_receipts(policy, 1, NULL);
    if (rc == SIGB_OK)
        rc = sigb_policy_require_all_receipts(policy, NULL);
    return rc == SIGB_OK ? sigb_policy_require_ledger(policy, "ledger.example", NULL) : rc;
}

static sigb_rc verify_without_receipts(void)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_keys *keys = sigb_keys_new();
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;
    const struct judged how = {&world.statement, NULL, world.did, NULL, NULL};
    sigb_rc rc = policy == NULL || keys == NULL ? SIGB_E_MEMORY : set_policy(policy, &how);

    if (rc == SIGB_OK)
        rc = sigb_keys_put(keys, sigb_buf_bytes(&world.root), "ledger.example", NULL);
    if (rc == SIGB_OK)
        rc = demand_receipts(policy, keys);
    if (rc == SIGB_OK)
        rc = sigb_statement_parse(sigb_buf_bytes(&world.statement), &statement, NULL);
    if (rc == SIGB_OK)
        rc = sigb_statement_verify(statement, policy, NULL, &verified, NULL);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
    sigb_keys_free(keys);
    return rc;
}

/* The world's statement with that response in label 270, put there by hand: its unprotected header is an empty map. */
static void put_stamped(sigb_buf *out)
{
    const sigb_buf *plain = &world.statement;
    const size_t map = 5 + ((size_t)plain->ptr[3] << 8 |
                            plain->ptr[4]); /* behind tag, array and protected header */
    const sigb_bytes token = stamps_response();
    const uint8_t head[] = {0xa1, 0x19, 0x01, 0x0e, 0x59, (uint8_t)(token.len >> 8), (uint8_t)token.len};

    assert_int_equal(plain->ptr[2], 0x59);
    assert_int_equal(plain->ptr[map], 0xa0);
    sigb_buf_append(out, sigb_bytes_of(plain->ptr, map));
    sigb_buf_append(out, sigb_bytes_of(head, sizeof(head)));
    sigb_buf_append(out, token);
    sigb_buf_append(out, sigb_bytes_of(plain->ptr + map + 1, plain->len - map - 1));
}

static sigb_rc verify_stamped(void)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_statement *statement = NULL;
    sigb_verified *verified = NULL;
    sigb_buf bytes = SIGB_BUF_INIT;
    const struct judged how = {&world.statement, NULL, world.did, NULL, NULL};
    sigb_rc rc = policy == NULL ? SIGB_E_MEMORY : set_policy(policy, &how);

    put_stamped(&bytes);
    if (rc == SIGB_OK)
        rc = bytes.failed ? SIGB_E_MEMORY : sigb_statement_parse(sigb_buf_bytes(&bytes), &statement, NULL);
    if (rc == SIGB_OK)
        rc = sigb_policy_put_tsa(policy, sigb_buf_bytes(&world.root), sigb_buf_bytes(&world.root), NULL);
    if (rc == SIGB_OK)
        rc = sigb_statement_verify(statement, policy, NULL, &verified, NULL);
    sigb_verified_free(verified);
    sigb_statement_free(statement);
    sigb_policy_free(policy);
    sigb_buf_free(&bytes);
    return rc;
}

static sigb_rc verify_good(void)
{
    return judge(&(struct judged){&world.statement, WORLD_EKU, NULL, WORLD_SUBJECT, NULL});
}

static sigb_rc verify_by_issuer(void)
{
    return judge(&(struct judged){&world.statement, NULL, world.did, NULL, NULL});
}

static sigb_rc verify_flipped(void)
{
    return judge(&(struct judged){&world.flipped, WORLD_EKU, NULL, NULL, NULL});
}

static sigb_rc verify_other_eku(void)
{
    return judge(&(struct judged){&world.statement, "1.2.3", NULL, NULL, NULL});
}

static sigb_rc verify_other_subject(void)
{
    return judge(&(struct judged){&world.statement, WORLD_EKU, NULL, "svc.other", NULL});
}

static sigb_rc verify_other_issuer(void)
{
    return judge(&(struct judged){&world.statement, NULL,
                                  "did:x509:0:sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA::eku:1.2.3",
                                  NULL, NULL});
}

static sigb_rc verify_no_anchor(void)
{
    return judge(&(struct judged){&world.statement, NULL, NULL, NULL, NULL});
}

static sigb_rc verify_detached(void)
{
    const sigb_beside beside = {.has_payload = true, .payload = WORLD_PAYLOAD};

    return judge(&(struct judged){&world.detached, WORLD_EKU, NULL, NULL, &beside});
}

static sigb_rc verify_other_payload(void)
{
    const sigb_beside beside = {.has_payload = true, .payload = sigb_bytes_text("other")};

    return judge(&(struct judged){&world.detached, WORLD_EKU, NULL, NULL, &beside});
}

static sigb_rc verify_other_artifact(void)
{
    static const uint8_t digest[32] = {8};
    const sigb_beside beside = {.has_digest = true, .digest = sigb_bytes_of(digest, 32)};

    return judge(&(struct judged){&world.envelope, WORLD_EKU, NULL, NULL, &beside});
}

static sigb_rc policy_bad_crl(void)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_rc rc = policy == NULL ? SIGB_E_MEMORY
                                : sigb_policy_put_crls(policy, sigb_bytes_text("no CRL"), NULL);

    sigb_policy_free(policy);
    return rc;
}

static sigb_rc policy_unchecked_time(void)
{
    sigb_policy *policy = sigb_policy_new();
    sigb_rc rc = policy == NULL ? SIGB_E_MEMORY : sigb_policy_set_time(policy, SIGB_TIME_UNCHECKED, NULL);

    sigb_policy_free(policy);
    return rc;
}

/* ---- tokens ---- */

static void see(void *arg, const sigb_token_item *item)
{
    (void)arg;
    (void)item;
}

static sigb_rc token_list(void)
{
    return sigb_token_list("pkcs11:token=sweep", &world.options, see, NULL, NULL);
}

static bool yes(void *arg, const sigb_token_item *items, size_t count)
{
    (void)arg;
    (void)items;
    (void)count;
    return true;
}

static bool no(void *arg, const sigb_token_item *items, size_t count)
{
    return !yes(arg, items, count);
}

/* What a sweep made is taken away again, with memory enough. */
static sigb_rc taken_away(sigb_rc rc, const char *uri)
{
    sweep_over();
    if (rc == SIGB_OK)
        rc = sigb_token_delete(uri, &world.options, yes, NULL, NULL);
    return rc;
}

static sigb_rc token_keygen(void)
{
    const sigb_keygen keygen = {.type = "P-256", .label = "swept"};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_keygen("pkcs11:token=sweep", &keygen, &world.options, &uri, NULL);

    sigb_buf_free(&uri);
    return taken_away(rc, "pkcs11:token=sweep;object=swept");
}

static sigb_rc token_keygen_taken(void)
{
    const sigb_keygen keygen = {.type = "P-256", .label = "leaf"};
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_keygen("pkcs11:token=sweep", &keygen, &world.options, &uri, NULL);

    sigb_buf_free(&uri);
    return rc;
}

static sigb_rc token_cert(void)
{
    const sigb_cert_request request = {
        SIGB_CERT_ROOT, "CN=Swept",      NULL,        10, SIGB_TIME_NOW, "pkcs11:token=sweep;object=root",
        NULL,           SIGB_BYTES_NONE, "swept-cert"};
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_cert(&request, &world.options, &der, NULL);

    sigb_buf_free(&der);
    return taken_away(rc, "pkcs11:token=sweep;object=swept-cert");
}

static sigb_rc token_delete_refused(void)
{
    return sigb_token_delete("pkcs11:token=sweep;object=leaf", &world.options, no, NULL, NULL);
}

static sigb_rc token_init_taken(void)
{
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_init("pkcs11:", "sweep", &world.options, &uri, NULL);

    sigb_buf_free(&uri);
    return rc;
}

static void hear(void *arg, const sigb_finding *finding)
{
    (void)arg;
    (void)finding;
}

static sigb_rc doctor(const char *uri, sigb_pin_fn pin, bool sign)
{
    const sigb_doctor_request request = {.certs = sigb_buf_bytes(&world.chain),
                                         .roots = sigb_buf_bytes(&world.root),
                                         .eku = WORLD_EKU,
                                         .sign = sign};
    sigb_pkcs11_options options = world.options;

    options.pin = pin;
    return sigb_token_doctor(uri, &request, &options, hear, NULL, NULL);
}

static sigb_rc token_doctor(void)
{
    return doctor(WORLD_KEY, world.options.pin, true);
}

static sigb_rc token_doctor_without_pin(void)
{
    return doctor(WORLD_KEY, NULL, false);
}

static sigb_rc token_doctor_of_several(void)
{
    return doctor("pkcs11:token=sweep", world.options.pin, false);
}

/* What the provider reads when OpenSSL loads it; not public. */
static int tell_settings(const OSSL_CORE_HANDLE *handle, OSSL_PARAM params[])
{
    static const char *const lines[][2] = {
        {"module-path", "/usr/lib/module.so"}, {"module-init-args", "a=b"}, {"pin", "1234"}};

    (void)handle;
    for (size_t i = 0; i < 3; i++)
        if (!OSSL_PARAM_set_utf8_ptr(OSSL_PARAM_locate(params, lines[i][0]), lines[i][1]))
            return 0;
    return 1;
}

static sigb_rc provider_config(void)
{
    prov_config *config = NULL;
    sigb_rc rc = config_read(NULL, tell_settings, &config, NULL);

    config_free(config);
    return rc;
}

static sigb_rc wrapped_uri(void)
{
    static const uint8_t der[] = "\x30\x24\x1a\x19PKCS#11 Provider URI v1.0\x0c\x07pkcs11:";
    char *uri = NULL;
    sigb_rc rc = wrap_read(sigb_bytes_of(der, sizeof(der) - 1), &uri, NULL);

    OPENSSL_free(uri);
    return rc;
}

static sigb_rc provider_check(void)
{
    return sigb_provider_check("/dev/null", hear, NULL, NULL);
}

static sigb_rc provider_check_of_nothing(void)
{
    return sigb_provider_check("/nonexistent", hear, NULL, NULL);
}

static sigb_rc provider_wrap(void)
{
    sigb_buf pem = SIGB_BUF_INIT;
    sigb_rc rc = sigb_provider_wrap("pkcs11:token=t;object=k?pin-source=/run/pin", NULL, &pem, NULL);

    sigb_buf_free(&pem);
    return rc;
}

/* clang-format off */
static const scenario SCENARIOS[] = {
    {"sigb_certs_append",         "DER",                  SIGB_OK,                certs_der},
    {"sigb_certs_append",         "a broken PEM block",   SIGB_E_CERT_DER,        certs_bad_pem},
    {"sigb_certs_append",         "no certificate",       SIGB_E_CERT_DER,        certs_nothing},
    {"sigb_certs_describe",       "a chain",              SIGB_OK,                describe_chain},
    {"sigb_certs_describe",       "a chain cut off",      SIGB_E_CERT_DER,        describe_cut},
    {"sigb_pin_put",              "a PIN",                SIGB_OK,                pin_put},
    {"sigb_pin_put",              "nothing",              SIGB_E_PIN_NEEDED,      pin_empty},
    {"sigb_pin_copy", "itself", SIGB_E_USAGE, pin_copy},
    {"sigb_pin_read_fd",          "an empty file",        SIGB_E_PIN_NEEDED,      pin_fd},
    {"sigb_pin_read_file",        "no such file",         SIGB_E_IO,              pin_file},
    {"sigb_pin_take_env",         "no such variable",     SIGB_E_PIN_NEEDED,      pin_env},
    {"sigb_pin_read_terminal",    "no terminal",          SIGB_E_PIN_NEEDED,      pin_terminal},
    {"sigb_signer_from_ops",      "a key",                SIGB_OK,                ops_good},
    {"sigb_signer_from_ops",      "no key",               SIGB_E_KEY_UNSUPPORTED, ops_bad},
    {"sigb_signer_from_evp_pkey", "a key",                SIGB_OK,                evp_good},
    {"sigb_signer_from_evp_pkey", "no key",               SIGB_E_USAGE,           evp_none},
    {"sigb_signer_from_pkcs11",   "a key",                SIGB_OK,                pkcs11_good},
    {"sigb_signer_from_pkcs11",   "no such key",          SIGB_E_KEY_ABSENT,      pkcs11_absent},
    {"sigb_signer_from_pkcs11",   "a repeated attribute", SIGB_E_URI,             pkcs11_bad_uri},
    {"sigb_signer_from_store",    "a key file",           SIGB_OK,                store_file},
    {"sigb_signer_from_store",    "a configuration",      SIGB_E_KEY_ABSENT,      store_config},
    {"sigb_signer_from_store",    "no such scheme",       SIGB_E_SETUP,           store_scheme},
    {"sigb_signer_expect",        "its key",              SIGB_OK,                expect_same},
    {"sigb_signer_expect",        "another key",          SIGB_E_CERT_OTHER_KEY,  expect_other},
    {"sigb_alg_for_key",          "a key",                SIGB_OK,                alg_good},
    {"sigb_alg_for_key",          "RSA for an EC key",    SIGB_E_ALG_KEY,         alg_other},
    {"sigb_signer_sign",          "by the token",         SIGB_OK,                sign_tbs},
    {"sigb_signer_sign",          "a wrong signature",    SIGB_E_SIGNATURE_FAULT, sign_wrong},
    {"sigb_issuer_derive",        "a chain and its EKU",  SIGB_OK,                derive_good},
    {"sigb_issuer_derive",        "the only EKU",         SIGB_OK,                derive_only_eku},
    {"sigb_issuer_derive",        "another EKU",          SIGB_E_EKU,             derive_other_eku},
    {"sigb_issuer_derive",        "a late date",          SIGB_E_EXPIRED,         derive_expired},
    {"sigb_issuer_derive",        "a leaf alone",         SIGB_E_CHAIN_INCOMPLETE, derive_incomplete},
    {"sigb_did_resolve",          "its chain",            SIGB_OK,                resolve_good},
    {"sigb_did_resolve",          "another subject",      SIGB_E_DID_MISMATCH,    resolve_mismatch},
    {"sigb_did_resolve",          "a short fingerprint",  SIGB_E_DID,             resolve_malformed},
    {"sigb_time_parse",           "a time",               SIGB_OK,                time_good},
    {"sigb_svn_parse",            "a negative number",    SIGB_E_SVN,             svn_bad},
    {"sigb_use_libctx", "too late", SIGB_E_USAGE, libctx_late},
    {"sigb_builder_new",          "good claims",          SIGB_OK,                builder_new},
    {"sigb_builder_new",          "a placeholder subject", SIGB_E_SUBJECT,        builder_bad_subject},
    {"sigb_builder_attach",       "nothing",              SIGB_E_PAYLOAD,         builder_attach_empty},
    {"sigb_builder_detach",       "a payload",            SIGB_OK,                builder_detach},
    {"sigb_builder_envelope",     "a digest",             SIGB_OK,                builder_envelope},
    {"sigb_builder_prepare",      "a payload",            SIGB_OK,                builder_prepare},
    {"sigb_builder_finish",       "its signature",        SIGB_OK,                builder_finish},
    {"sigb_builder_finish",       "another's signature",  SIGB_E_SIGNATURE_FAULT, builder_finish_wrong},
    {"sigb_builder_sign",         "by the token",         SIGB_OK,                builder_sign},
    {"sigb_artifact_digest",      "a file",               SIGB_OK,                artifact},
    {"sigb_statement_parse",      "a statement",          SIGB_OK,                parse_good},
    {"sigb_statement_parse",      "a statement cut off",  SIGB_E_CBOR,            parse_cut},
    {"sigb_statement_dump",       "a statement",          SIGB_OK,                dump},
    {"sigb_timestamp_request",    "of a statement",       SIGB_OK,                stamp_request},
    {"sigb_builder_timestamp_request", "of a payload",    SIGB_OK,                stamp_payload_request},
    {"sigb_timestamp_parse",      "a response",           SIGB_OK,                stamp_parse_response},
    {"sigb_timestamp_parse",      "a rejection",          SIGB_E_TIMESTAMP_REFUSED, stamp_parse_rejection},
    {"sigb_timestamp_parse",      "a spoilt token",       SIGB_E_TIMESTAMP_MALFORMED, stamp_parse_spoilt},
    {"sigb_timestamp_dump",       "a token",              SIGB_OK,                stamp_dump},
    {"sigb_statement_dump",       "with a time stamp",    SIGB_OK,                stamp_dump_in_statement},
    {"sigb_timestamp_check_answer", "its request",        SIGB_OK,                stamp_answer},
    {"sigb_timestamp_check_answer", "a nonce",            SIGB_E_TIMESTAMP_NONCE, stamp_answer_without_nonce},
    {"sigb_statement_attach_timestamp", "its token",      SIGB_OK,                stamp_attach},
    {"sigb_timestamp_verify",     "of the signature",     SIGB_OK,                stamp_verify},
    {"sigb_timestamp_verify",     "another statement",    SIGB_E_TIMESTAMP_IMPRINT, stamp_verify_other},
    {"sigb_timestamp_verify",     "another root",         SIGB_E_TIMESTAMP_UNTRUSTED, stamp_verify_stranger},
    {"sigb_builder_timestamp",    "of the payload",       SIGB_OK,                stamp_build},
    {"sigb_policy_put_crls",      "no CRL",               SIGB_E_CERT_DER,        policy_bad_crl},
    {"sigb_policy_set_time",      "no time",              SIGB_E_USAGE,           policy_unchecked_time},
    {"sigb_policy_put_roots",     "through verification", SIGB_OK,                verify_good},
    {"sigb_policy_set_eku",       "through verification", SIGB_E_EKU,             verify_other_eku},
    {"sigb_policy_set_issuer",    "through verification", SIGB_E_ISSUER,          verify_other_issuer},
    {"sigb_policy_set_subject",   "through verification", SIGB_E_SUBJECT,         verify_other_subject},
    {"sigb_policy_set_min_svn",   "through verification", SIGB_OK,                verify_by_issuer},
    {"sigb_policy_set_profile",   "through verification", SIGB_OK,                verify_detached},
    {"sigb_policy_set_ledger_keys", "through verification", SIGB_E_RECEIPT_NEEDED, verify_without_receipts},
    {"sigb_policy_require_receipts", "through verification", SIGB_E_RECEIPT_NEEDED, verify_without_receipts},
    {"sigb_policy_require_all_receipts", "through verification", SIGB_E_RECEIPT_NEEDED, verify_without_receipts},
    {"sigb_policy_require_ledger", "through verification", SIGB_E_RECEIPT_NEEDED, verify_without_receipts},
    {"sigb_policy_put_tsa",       "through verification", SIGB_OK,                verify_stamped},
    {"sigb_statement_verify",     "a flipped bit",        SIGB_E_SIGNATURE,       verify_flipped},
    {"sigb_statement_verify",     "no anchor",            SIGB_E_ANCHOR,          verify_no_anchor},
    {"sigb_statement_verify",     "another payload",      SIGB_E_SIGNATURE,       verify_other_payload},
    {"sigb_statement_verify",     "another artifact",     SIGB_E_ARTIFACT,        verify_other_artifact},
    {"config_read",               "module and PIN",       SIGB_OK,                provider_config},
    {"wrap_read",                 "a URI",                SIGB_OK,                wrapped_uri},
    {"sigb_provider_check",       "an empty file",        SIGB_E_SETUP,           provider_check},
    {"sigb_provider_check",       "no such file",         SIGB_E_SETUP,           provider_check_of_nothing},
    {"sigb_provider_wrap",        "a key",                SIGB_OK,                provider_wrap},
    {"sigb_token_list",           "a token",              SIGB_OK,                token_list},
    {"sigb_token_keygen",         "a key",                SIGB_OK,                token_keygen},
    {"sigb_token_keygen",         "a label in use",       SIGB_E_EXISTS,          token_keygen_taken},
    {"sigb_token_cert",           "a root",               SIGB_OK,                token_cert},
    {"sigb_token_delete",         "no confirmation",      SIGB_E_REFUSED,         token_delete_refused},
    {"sigb_token_init",           "a label in use",       SIGB_E_EXISTS,          token_init_taken},
    {"sigb_token_doctor",         "a key that signs",     SIGB_OK,                token_doctor},
    {"sigb_token_doctor",         "no PIN",               SIGB_E_PIN_NEEDED,      token_doctor_without_pin},
    {"sigb_token_doctor",         "several keys",         SIGB_E_KEY_AMBIGUOUS,   token_doctor_of_several},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void every_allocation_of_ours(void **state)
{
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(SCENARIOS); i++)
        total += sweep_ours(&SCENARIOS[i]);
    for (size_t i = 0; i < LEDGER_SCENARIO_COUNT; i++)
        total += sweep_ours(&LEDGER_SCENARIOS[i]);
    print_message("%zu allocations of ours refused\n", total);
    assert_true(total > COUNT(SCENARIOS));
}

static void every_allocation_of_openssl(void **state)
{
    size_t total = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(SCENARIOS); i++)
        total += sweep_openssl(&SCENARIOS[i]);
    for (size_t i = 0; i < LEDGER_SCENARIO_COUNT; i++)
        total += sweep_openssl(&LEDGER_SCENARIOS[i]);
    print_message("%zu allocations of OpenSSL refused, each in a child\n", total);
    assert_true(total > 500);
}

static bool is_swept(sigb_bytes function)
{
    for (size_t i = 0; i < COUNT(SCENARIOS); i++)
        if (sigb_bytes_equal(sigb_bytes_text(SCENARIOS[i].function), function))
            return true;
    for (size_t i = 0; i < LEDGER_SCENARIO_COUNT; i++)
        if (sigb_bytes_equal(sigb_bytes_text(LEDGER_SCENARIOS[i].function), function))
            return true;
    return false;
}

/* A public function that can fail, and is not in the table, is found here. */
static void no_public_function_is_left_out(void **state)
{
    static const char *const headers[] = {"bytes", "pin",      "signer",  "issuer",    "statement", "verify",
                                          "token", "provider", "receipt", "sigbridge", "timestamp"};
    static const char mark[] = "SIGB_CHECK sigb_rc ";
    size_t functions = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        sigb_buf text = SIGB_BUF_INIT;
        char path[64];

        (void)snprintf(path, sizeof(path), "include/sigbridge/%s.h", headers[i]);
        (void)file_read(&text, path);
        sigb_buf_append(&text, sigb_bytes_of("", 1));
        for (const char *at = strstr((const char *)text.ptr, mark); at != NULL; at = strstr(at, mark)) {
            at += strlen(mark);
            functions++;
            if (!is_swept(sigb_bytes_of(at, strcspn(at, "("))))
                fail_msg("%.*s is not swept", (int)strcspn(at, "("), at);
        }
        sigb_buf_free(&text);
    }
    assert_true(functions > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_public_function_is_left_out),
        cmocka_unit_test(every_allocation_of_ours),
        cmocka_unit_test(every_allocation_of_openssl),
    };
    int failed;

    sweep_start();
    (void)setsid(); /* no terminal to ask for a PIN on */
    world_make();
    ledger_make();
    stamps_make();
    store_make();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    EVP_PKEY_free(evp_key);
    stamps_free();
    ledger_free();
    world_free();
    return failed;
}
