/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key of a token, reached on every road that there is: straight to the module,
 * by a store of our provider, by an EVP_PKEY of it, by an EVP_PKEY of libp11. The
 * statement is the same, byte for byte but for the signature, and verifies. The
 * library is the shared one, as programs have it.
 */
#include "tests/fault/stage.h"
#include "tests/provider/stage.h"

#include <time.h>

#include "tests/provider/libp11.h"

static stage scene;
static prov_stage provider;

static int set_up(void **state)
{
    (void)state;
    stage_begin(&scene);
    provider.hsm = scene.hsm;
    prov_stage_configure(&provider, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    OSSL_LIB_CTX_free(provider.ctx);
    stage_end(&scene);
    return 0;
}

/* ---- roads ---- */

static sigb_signer *by_store(const char *uri)
{
    char config[512];
    const sigb_store_options options = {.config = config};
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    (void)snprintf(config, sizeof(config), "%s/openssl.cnf", softhsm_dir(scene.hsm));
    if (sigb_signer_from_store(uri, &options, &signer, &diag) != SIGB_OK)
        fail_msg("%s: %s", uri, diag.text);
    return signer;
}

static sigb_signer *by_evp_pkey(EVP_PKEY *pkey)
{
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    if (sigb_signer_from_evp_pkey(pkey, &signer, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    return signer;
}

static sigb_signer *by_our_evp_pkey(const char *uri)
{
    EVP_PKEY *pkey = prov_stage_open(&provider, uri);
    sigb_signer *signer;

    assert_non_null(pkey);
    signer = by_evp_pkey(pkey);
    EVP_PKEY_free(pkey);
    return signer;
}

/* ---- statements ---- */

static sigb_buf state(const stage_key *key, sigb_signer *signer, int64_t at)
{
    sigb_buf statement = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    if (stage_put_statement(&scene, key, signer, at, &statement, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    sigb_signer_free(signer);
    return statement;
}

/* The signature ends a statement, and two are never the same: nonces and salts are random. */
static void assert_same_but_for_the_signature(const sigb_buf *one, sigb_buf other, size_t signature_len)
{
    assert_int_equal(one->len, other.len);
    assert_memory_equal(one->ptr, other.ptr, one->len - signature_len);
    assert_memory_not_equal(one->ptr + one->len - signature_len, other.ptr + one->len - signature_len,
                            signature_len);
    sigb_buf_free(&other);
}

static void one_statement_whichever_road_is_taken(void **state_)
{
    static const struct row {
        const char *type;
        size_t signature_len;
    } rows[] = {{"P-256", 64}, {"P-384", 96}, {"P-521", 132}, {"RSA-2048", 256}, {"RSA-3072", 384}};
    const int64_t at = (int64_t)time(NULL);

    (void)state_;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage_key key = {.issuer = NULL};
        libp11_key libp11;
        sigb_buf direct;

        print_message("%s\n", rows[i].type);
        stage_key_make(&scene, rows[i].type, rows[i].type, &key);
        direct = state(&key, stage_signer(key.uri, &scene.options), at);
        assert_same_but_for_the_signature(&direct, state(&key, by_store(key.uri), at), rows[i].signature_len);
        assert_same_but_for_the_signature(&direct, state(&key, by_our_evp_pkey(key.uri), at),
                                          rows[i].signature_len);
        libp11_open(&libp11, rows[i].type);
        assert_same_but_for_the_signature(&direct, state(&key, by_evp_pkey(libp11.pkey), at),
                                          rows[i].signature_len);
        libp11_close(&libp11);
        sigb_buf_free(&direct);
        sigb_issuer_free(key.issuer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_statement_whichever_road_is_taken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
