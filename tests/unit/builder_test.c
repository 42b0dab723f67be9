/* SPDX-License-Identifier: Apache-2.0 */
/* Statements made with keys in a token, and everything that must stop one from being made. */
#include "tests/support/support.h"

#include <openssl/evp.h>

#include "base/pubkey.h"
#include "base/text.h"
#include "cose/reader.h"
#include "cose/statement.h"
#include "tests/support/pki.h"
#include "tests/support/tsa.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define YEAR         INT64_C(31536000)
#define FROM         946684800  /* 2000-01-01 */
#define TO           4102444800 /* 2100-01-01: what is signed here is signed now */

/* ---- keys and chains in a token, made once ---- */

static pki *the_pki;
static pki_key *root_key, *ca_key;
static X509 *root, *ca;

static int setup(void **state)
{
    (void)state;
    the_pki = pki_new();
    root_key = pki_keygen(the_pki, "P-256", "root");
    ca_key = pki_keygen(the_pki, "P-256", "ca");
    root = pki_issue(the_pki,
                     &(pki_cert){.key = root_key, .signer = root_key, .ca = true, .from = FROM, .to = TO});
    ca = pki_issue(
        the_pki,
        &(pki_cert){.key = ca_key, .issuer = root, .signer = root_key, .ca = true, .from = FROM, .to = TO});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_free(the_pki);
    return 0;
}

static X509 *leaf_for(const pki_key *key, int64_t from, int64_t to)
{
    return pki_issue(the_pki,
                     &(pki_cert){.key = key, .issuer = ca, .signer = ca_key, .from = from, .to = to});
}

static sigb_issuer *issuer_of(X509 *leaf, int64_t at)
{
    sigb_buf certs = SIGB_BUF_INIT, roots = SIGB_BUF_INIT;
    sigb_issuer *issuer = NULL;
    const sigb_issuer_options options = {.certs = pki_der(&certs, leaf, ca, NULL),
                                         .roots = pki_der(&roots, root, NULL),
                                         .eku = PKI_EKU,
                                         .at = at};

    assert_refused(sigb_issuer_derive(&options, &issuer, diag), SIGB_OK, "");
    sigb_buf_free(&certs);
    sigb_buf_free(&roots);
    return issuer;
}

/* ---- a signer over a token key, with faults to order ---- */

typedef enum fault { FAULT_NONE, FAULT_FLIP, FAULT_SHORT, FAULT_LONG, FAULT_EMPTY } fault;

typedef struct token_signer {
    pki_key *key;
    fault fault;
    int calls;
} token_signer;

static sigb_rc token_sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    token_signer *with = impl;
    size_t before = signature->len;

    (void)diag;
    with->calls++;
    pki_sign(the_pki, with->key, alg, tbs, signature);
    switch (with->fault) {
    case FAULT_FLIP:
        signature->ptr[before + 5] ^= 1;
        break;
    case FAULT_SHORT:
        signature->len--;
        break;
    case FAULT_LONG:
        sigb_buf_append(signature, sigb_bytes_of("x", 1));
        break;
    case FAULT_EMPTY:
        signature->len = before;
        break;
    case FAULT_NONE:
        break;
    }
    return SIGB_OK;
}

static sigb_signer *signer_with(token_signer *impl)
{
    static const sigb_signer_ops ops = {token_sign, NULL};
    sigb_signer *signer = NULL;

    assert_refused(sigb_signer_from_ops(&ops, impl, pki_spki(impl->key), &signer, diag), SIGB_OK, "");
    return signer;
}

/* One P-256 key with its issuer and signer, for the tests that need no more. */
typedef struct usual {
    pki_key *key;
    sigb_issuer *issuer;
    token_signer impl;
    sigb_signer *signer;
} usual;

static int usual_setup(void **state)
{
    static usual one;

    if (one.key == NULL)
        one.key = pki_keygen(the_pki, "P-256", "usual");
    one.issuer = issuer_of(leaf_for(one.key, FROM, TO), SIGB_TIME_NOW);
    one.impl = (token_signer){one.key, FAULT_NONE, 0};
    one.signer = signer_with(&one.impl);
    *state = &one;
    return 0;
}

static int usual_teardown(void **state)
{
    usual *one = *state;

    sigb_signer_free(one->signer);
    sigb_issuer_free(one->issuer);
    return 0;
}

static const sigb_claims good = {.subject = "svc.example",
                                 .content_type = "application/json",
                                 .has_svn = true,
                                 .svn = 7,
                                 .issued_at = 1782864000};

static sigb_builder *builder_new(const sigb_issuer *issuer, sigb_profile profile)
{
    sigb_builder *builder = NULL;

    assert_refused(sigb_builder_new(issuer, &good, SIGB_ALG_NONE, profile, &builder, diag), SIGB_OK, "");
    return builder;
}

static sigb_statement *parse(const sigb_buf *bytes)
{
    sigb_statement *statement = NULL;

    assert_refused(sigb_statement_parse(sigb_buf_bytes(bytes), &statement, diag), SIGB_OK, "");
    return statement;
}

/* ---- what comes out ---- */

/* Numbers of the map's labels in order, text ones as 0. Every head is as short as it can be. */
static void assert_labels(sigb_bytes map, const int64_t *labels, size_t count)
{
    item head = item_take(&map);

    assert_int_equal(head.kind, ITEM_MAP);
    assert_int_equal(head.value, count);
    for (size_t i = 0; i < count; i++) {
        item label = item_take(&map);
        int64_t number = 0;
        (void)item_int(&label, &number);
        assert_int_equal(number, labels[i]);
        (void)item_take_whole(&map);
    }
    assert_int_equal(map.len, 0);
}

static void assert_heads_are_shortest(sigb_bytes encoded)
{
    static const uint64_t least[9] = {[1] = 24, [2] = 0x100, [4] = 0x10000, [8] = 0x100000000};

    while (encoded.len > 0) {
        item head = item_take(&encoded);
        assert_false(head.indefinite);
        assert_true(head.value >= least[head.width]);
    }
}

/* The value of a label in a map; fails the test if it is absent. */
static sigb_bytes value_of(sigb_bytes map, int64_t wanted)
{
    (void)item_take(&map);
    while (map.len > 0) {
        item label = item_take(&map);
        sigb_bytes value = item_take_whole(&map);
        int64_t number;
        if (item_int(&label, &number) && number == wanted)
            return value;
    }
    fail_msg("label %d is absent", (int)wanted);
    return map;
}

static void assert_tstr(sigb_bytes value, const char *text)
{
    item head = item_of(value);

    assert_int_equal(head.kind, ITEM_TSTR);
    assert_true(sigb_bytes_equal(head.body, sigb_bytes_text(text)));
}

static void assert_claims(sigb_bytes claims, const sigb_issuer *issuer)
{
    static const int64_t labels[] = {1, 2, 6, 0};
    int64_t number = 0;
    item iat = item_of(value_of(claims, 6));

    assert_labels(claims, labels, COUNT(labels));
    assert_tstr(value_of(claims, 1), sigb_issuer_did(issuer));
    assert_tstr(value_of(claims, 2), "svc.example");
    assert_true(item_int(&iat, &number)); /* a bare number, no tag */
    assert_int_equal(number, 1782864000);
    assert_memory_equal(claims.ptr + claims.len - 5, "\x63svn\x07", 5);
}

static void assert_chain(sigb_bytes x5chain, sigb_bytes x5t, const sigb_issuer *issuer)
{
    sigb_bytes chain = sigb_issuer_chain(issuer), cert, leaf = SIGB_BYTES_NONE;
    uint8_t digest[32];

    assert_int_equal(item_take(&x5chain).kind, ITEM_ARRAY);
    while (sigb_certs_next(&chain, &cert)) {
        assert_true(sigb_bytes_equal(item_take(&x5chain).body, cert));
        leaf = leaf.len == 0 ? cert : leaf;
    }
    assert_int_equal(x5chain.len, 0);
    assert_int_equal(EVP_Digest(leaf.ptr, leaf.len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(x5t.ptr, "\x82\x2f\x58\x20", 4);
    assert_int_equal(x5t.len, 36);
    assert_memory_equal(x5t.ptr + 4, digest, 32);
}

/* 18([ protected, {}, payload, signature ]) in exactly these bytes. */
static void assert_envelope(const sigb_buf *bytes, const sigb_statement *statement)
{
    sigb_bytes rest = sigb_buf_bytes(bytes);

    assert_memory_equal(rest.ptr, "\xd2\x84\x59", 3);
    assert_heads_are_shortest(rest);
    assert_heads_are_shortest(statement_protected(statement));
    (void)item_take(&rest);
    (void)item_take(&rest);
    (void)item_take(&rest);
    assert_int_equal(rest.ptr[0], 0xA0);
}

static void check_key(const char *type, sigb_alg alg, sigb_profile profile)
{
    static const int64_t labels[] = {1, 3, 15, 33, 34};
    pki_key *key = pki_keygen(the_pki, type, type);
    sigb_issuer *issuer = issuer_of(leaf_for(key, FROM, TO), SIGB_TIME_NOW);
    token_signer impl = {key, FAULT_NONE, 0};
    sigb_signer *signer = signer_with(&impl);
    sigb_builder *builder = builder_new(issuer, profile);
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_bytes header;
    sigb_statement *statement;

    assert_int_equal(sigb_builder_alg(builder), alg);
    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("{\"a\":1}"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, signer, &bytes, diag), SIGB_OK, "");
    statement = parse(&bytes);
    header = statement_protected(statement);
    assert_envelope(&bytes, statement);
    assert_labels(header, labels, COUNT(labels));
    assert_int_equal(sigb_statement_alg(statement), alg);
    assert_tstr(value_of(header, 3), "application/json");
    assert_claims(value_of(header, 15), issuer);
    assert_chain(value_of(header, 33), value_of(header, 34), issuer);
    assert_true(sigb_bytes_equal(sigb_statement_payload(statement), sigb_bytes_text("{\"a\":1}")));
    assert_int_equal(impl.calls, 1);
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    sigb_builder_free(builder);
    sigb_signer_free(signer);
    sigb_issuer_free(issuer);
}

static void every_kind_of_key_signs(void **state)
{
    (void)state;
    check_key("P-256", SIGB_ES256, SIGB_PROFILE_MST);
    check_key("P-384", SIGB_ES384, SIGB_PROFILE_MST);
    check_key("P-521", SIGB_ES512, SIGB_PROFILE_MST);
    check_key("RSA-2048", SIGB_PS256, SIGB_PROFILE_MST);
    check_key("RSA-3072", SIGB_PS384, SIGB_PROFILE_MST);
    check_key("Ed25519", SIGB_EDDSA, SIGB_PROFILE_COSE);
}

static void hash_envelopes_carry_a_digest(void **state)
{
    static const struct {
        sigb_hash hash;
        size_t len;
        const char *location;
    } rows[] = {{SIGB_SHA256, 32, NULL}, {SIGB_SHA384, 48, "https://a.example/x"}, {SIGB_SHA512, 64, NULL}};
    static const int64_t labels[] = {1, 15, 33, 34, 258, 259, 260};
    static const uint8_t digest[64] = {1, 2, 3};
    usual *one = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
        sigb_buf bytes = SIGB_BUF_INIT;
        sigb_statement *statement;

        assert_refused(sigb_builder_envelope(builder, rows[i].hash, sigb_bytes_of(digest, rows[i].len),
                                             rows[i].location, diag),
                       SIGB_OK, "");
        assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_OK, "");
        statement = parse(&bytes);
        assert_envelope(&bytes, statement);
        assert_labels(statement_protected(statement), labels, rows[i].location == NULL ? 6 : 7);
        assert_int_equal(sigb_statement_hash(statement), rows[i].hash);
        assert_true(sigb_bytes_equal(sigb_statement_payload(statement), sigb_bytes_of(digest, rows[i].len)));
        assert_tstr(value_of(statement_protected(statement), 259), "application/json");
        assert_true(sigb_bytes_equal(sigb_statement_location(statement), sigb_bytes_text(rows[i].location)));
        sigb_statement_free(statement);
        sigb_buf_free(&bytes);
        sigb_builder_free(builder);
    }
}

/* nil inside; what is signed is the payload all the same. */
static void detached_payloads_travel_beside(void **state)
{
    usual *one = *state;
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_COSE);
    sigb_buf bytes = SIGB_BUF_INIT, tbs = SIGB_BUF_INIT;
    sigb_statement *statement;

    assert_refused(sigb_builder_detach(builder, sigb_bytes_text("beside"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_prepare(builder, &tbs, diag), SIGB_OK, "");
    assert_memory_equal(tbs.ptr + tbs.len - 7,
                        "\x46"
                        "beside",
                        7);
    assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_OK, "");
    statement = parse(&bytes);
    assert_true(sigb_statement_detached(statement));
    assert_envelope(&bytes, statement);
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    sigb_buf_free(&tbs);
    sigb_builder_free(builder);
}

static void the_cose_profile_needs_no_svn(void **state)
{
    usual *one = *state;
    sigb_claims claims = good;
    sigb_builder *builder = NULL;
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_statement *statement;
    int64_t svn;

    claims.has_svn = false;
    claims.issued_at = SIGB_TIME_NOW;
    claims.issuer = sigb_issuer_did(one->issuer);
    assert_refused(sigb_builder_new(one->issuer, &claims, SIGB_ESP256, SIGB_PROFILE_COSE, &builder, diag),
                   SIGB_OK, "");
    assert_int_equal(sigb_builder_alg(builder), SIGB_ESP256);
    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_OK, "");
    statement = parse(&bytes);
    assert_false(sigb_statement_svn(statement, &svn));
    assert_true(sigb_statement_issued_at(statement, &svn));
    assert_true(svn > good.issued_at);
    sigb_statement_free(statement);
    sigb_buf_free(&bytes);
    sigb_builder_free(builder);
}

/* ---- what is refused before anything is signed ---- */

static void claims_and_algorithms_that_are_refused(void **state)
{
    usual *one = *state;
    static const sigb_claims no_subject = {.content_type = "a/b", .has_svn = true, .svn = 1};
    static const sigb_claims zero = {.subject = "s", .content_type = "a/b", .has_svn = true};
    static const sigb_claims no_type = {.subject = "s", .has_svn = true, .svn = 1};
    static const sigb_claims other = {
        .subject = "s", .content_type = "a/b", .has_svn = true, .svn = 1, .issuer = "did:x509:0:x"};
    const struct {
        const sigb_claims *claims;
        sigb_alg alg;
        sigb_profile profile;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {&no_subject, SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_SUBJECT, "subject is empty"},
        {&zero, SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_SVN, "svn 0"},
        {&no_type, SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_CONTENT_TYPE, "content type is missing"},
        {&other, SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_ISS, sigb_issuer_did(one->issuer)},
        {&good, SIGB_ES384, SIGB_PROFILE_MST, SIGB_E_ALG_KEY, "ES384 does not fit the key"},
        {&good, SIGB_PS256, SIGB_PROFILE_COSE, SIGB_E_ALG_KEY, "PS256 does not fit the key"},
        {&good, SIGB_ESP256, SIGB_PROFILE_MST, SIGB_E_PROFILE, "mst profile does not accept ESP256"},
        {&good, (sigb_alg)5, SIGB_PROFILE_MST, SIGB_E_USAGE, "no algorithm has the number 5"},
        {&good, SIGB_ALG_NONE, (sigb_profile)9, SIGB_E_USAGE, "no profile has the number 9"},
        {NULL, SIGB_ALG_NONE, SIGB_PROFILE_MST, SIGB_E_USAGE, "needs an issuer, claims"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_builder *builder = NULL;
        assert_refused(
            sigb_builder_new(one->issuer, rows[i].claims, rows[i].alg, rows[i].profile, &builder, diag),
            rows[i].rc, rows[i].words);
        assert_null(builder);
    }
    assert_refused(
        sigb_builder_new(NULL, &good, SIGB_ALG_NONE, SIGB_PROFILE_MST, &(sigb_builder *){NULL}, diag),
        SIGB_E_USAGE, "needs an issuer");
    assert_refused(sigb_builder_new(one->issuer, &good, SIGB_ALG_NONE, SIGB_PROFILE_MST, NULL, diag),
                   SIGB_E_USAGE, "a place");
}

static void eddsa_is_not_for_the_mst_profile(void **state)
{
    pki_key *key = pki_keygen(the_pki, "Ed25519", "eddsa");
    sigb_issuer *issuer = issuer_of(leaf_for(key, FROM, TO), SIGB_TIME_NOW);
    sigb_builder *builder = NULL;

    (void)state;
    assert_refused(sigb_builder_new(issuer, &good, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, diag),
                   SIGB_E_PROFILE, "the mst profile does not accept EdDSA");
    assert_null(builder);
    sigb_issuer_free(issuer);
}

static void payloads_that_are_refused(void **state)
{
    usual *one = *state;
    sigb_builder *mst = builder_new(one->issuer, SIGB_PROFILE_MST),
                 *cose = builder_new(one->issuer, SIGB_PROFILE_COSE);
    sigb_buf out = SIGB_BUF_INIT;
    const sigb_bytes some = sigb_bytes_text("x"),
                     digest = sigb_bytes_text("0123456789abcdef0123456789abcdef");

    assert_refused(sigb_builder_sign(mst, one->signer, &out, diag), SIGB_E_USAGE, "no payload yet");
    assert_refused(sigb_builder_attach(mst, SIGB_BYTES_NONE, diag), SIGB_E_PAYLOAD, "the payload is empty");
    assert_refused(sigb_builder_detach(cose, SIGB_BYTES_NONE, diag), SIGB_E_PAYLOAD, "the payload is empty");
    assert_refused(sigb_builder_detach(mst, some, diag), SIGB_E_PROFILE,
                   "does not accept a detached payload");
    assert_refused(sigb_builder_envelope(mst, SIGB_HASH_NONE, digest, NULL, diag), SIGB_E_USAGE, "sha256");
    assert_refused(sigb_builder_envelope(mst, SIGB_SHA384, digest, NULL, diag), SIGB_E_DIGEST_LEN,
                   "a digest of 32 bytes where a sha384 digest has 48");
    assert_refused(sigb_builder_envelope(mst, SIGB_SHA256, some, NULL, diag), SIGB_E_DIGEST_LEN, "has 32");
    assert_refused(sigb_builder_envelope(mst, SIGB_SHA256, digest, "", diag), SIGB_E_USAGE,
                   "location is empty");
    assert_refused(sigb_builder_envelope(mst, SIGB_SHA256, digest, "a\nb", diag), SIGB_E_USAGE, "control");
    assert_refused(sigb_builder_attach(mst, some, diag), SIGB_OK, "");
    assert_refused(sigb_builder_attach(mst, some, diag), SIGB_E_USAGE, "has its payload already");
    assert_refused(sigb_builder_detach(mst, some, diag), SIGB_E_USAGE, "has its payload already");
    assert_refused(sigb_builder_envelope(mst, SIGB_SHA256, digest, NULL, diag), SIGB_E_USAGE, "already");
    assert_refused(sigb_builder_attach(NULL, some, diag), SIGB_E_USAGE, "no builder");
    assert_int_equal(out.len, 0);
    assert_int_equal(one->impl.calls, 0);
    sigb_builder_free(mst);
    sigb_builder_free(cose);
    sigb_builder_free(NULL);
}

/* Length of a statement without its payload. */
static size_t overhead(const usual *one, sigb_profile profile)
{
    sigb_builder *builder = builder_new(one->issuer, profile);
    sigb_buf bytes = SIGB_BUF_INIT;
    uint8_t payload[65536] = {0};
    size_t len;

    assert_refused(sigb_builder_attach(builder, sigb_bytes_of(payload, sizeof(payload)), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_OK, "");
    len = bytes.len - sizeof(payload);
    sigb_buf_free(&bytes);
    sigb_builder_free(builder);
    return len;
}

static sigb_rc sign_of_size(const usual *one, sigb_profile profile, size_t len, sigb_buf *bytes,
                            sigb_diag *diag)
{
    static uint8_t payload[SIGB_MAX_STATEMENT + 1];
    sigb_builder *builder = builder_new(one->issuer, profile);
    sigb_rc rc;

    assert_int_equal(sigb_builder_attach(builder, sigb_bytes_of(payload, len), diag), SIGB_OK);
    rc = sigb_builder_sign(builder, one->signer, bytes, diag);
    if (rc != SIGB_OK) /* and what was refused cannot be finished */
        assert_int_equal(sigb_builder_finish(builder, sigb_bytes_of(payload, 64), bytes, NULL), SIGB_E_USAGE);
    sigb_builder_free(builder);
    return rc;
}

static void sizes_end_at_the_limits(void **state)
{
    static const struct {
        sigb_profile profile;
        size_t most;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {SIGB_PROFILE_MST, SIGB_MAX_MST_STATEMENT, SIGB_E_SIZE,
         "the statement would have 1048577 bytes and the mst profile's ledger accepts 1048576"},
        {SIGB_PROFILE_COSE, SIGB_MAX_STATEMENT, SIGB_E_LIMIT, "at most 16777216 are written"},
    };
    usual *one = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t most = rows[i].most - overhead(one, rows[i].profile);
        sigb_buf bytes = SIGB_BUF_INIT;
        int calls = one->impl.calls;

        assert_refused(sign_of_size(one, rows[i].profile, most + 1, &bytes, diag), rows[i].rc, rows[i].words);
        assert_int_equal(bytes.len, 0);
        assert_int_equal(one->impl.calls, calls);
        assert_refused(sign_of_size(one, rows[i].profile, most, &bytes, diag), SIGB_OK, "");
        assert_int_equal(bytes.len, rows[i].most);
        sigb_buf_free(&bytes);
    }
}

static void a_chain_that_has_expired_signs_no_more(void **state)
{
    usual *one = *state;
    sigb_issuer *issuer = issuer_of(leaf_for(one->key, FROM, FROM + YEAR), FROM + YEAR / 2);
    sigb_builder *builder = builder_new(issuer, SIGB_PROFILE_MST);
    sigb_buf bytes = SIGB_BUF_INIT;

    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_E_EXPIRED,
                   "expired on 2000-12-30");
    assert_int_equal(bytes.len, 0);
    assert_int_equal(one->impl.calls, 0);
    sigb_builder_free(builder);
    sigb_issuer_free(issuer);
}

static void a_signer_of_another_key_is_not_asked(void **state)
{
    usual *one = *state;
    token_signer impl = {pki_keygen(the_pki, "P-256", "another"), FAULT_NONE, 0};
    sigb_signer *signer = signer_with(&impl);
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    sigb_buf bytes = SIGB_BUF_INIT;

    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, signer, &bytes, diag), SIGB_E_CERT_OTHER_KEY, "another key");
    assert_int_equal(impl.calls, 0);
    assert_int_equal(bytes.len, 0);
    sigb_builder_free(builder);
    sigb_signer_free(signer);
}

/* ---- what is caught after ---- */

/* Every signature is verified by the builder, the first and any later one. */
static void wrong_signatures_never_leave(void **state)
{
    static const struct {
        fault fault;
        const char *says;
    } rows[] = {
        {FAULT_FLIP, "does not verify with the leaf's key"},
        {FAULT_SHORT, "returned 63 bytes"},
        {FAULT_LONG, "returned 65 bytes"},
        {FAULT_EMPTY, "returned 0 bytes"},
    };
    usual *one = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        token_signer impl = {one->key, rows[i].fault, 0};
        sigb_signer *signer = signer_with(&impl);
        sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
        sigb_buf bytes = SIGB_BUF_INIT, done = SIGB_BUF_INIT;

        text_put(&bytes, "as it was");
        assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
        assert_refused(sigb_builder_sign(builder, signer, &bytes, diag), SIGB_E_SIGNATURE_FAULT,
                       rows[i].says);
        impl.fault = FAULT_NONE;
        assert_refused(sigb_builder_sign(builder, signer, &done, diag), SIGB_OK, "");
        impl.fault = rows[i].fault;
        assert_refused(sigb_builder_sign(builder, signer, &bytes, diag), SIGB_E_SIGNATURE_FAULT,
                       rows[i].says);
        assert_string_equal(text_c_str(&bytes), "as it was");
        sigb_buf_free(&bytes);
        sigb_buf_free(&done);
        sigb_builder_free(builder);
        sigb_signer_free(signer);
    }
}

/* Keys that are reached by other means: sign what prepare gives, then finish. */
static void two_steps_give_what_one_gives(void **state)
{
    usual *one = *state;
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    sigb_buf tbs = SIGB_BUF_INIT, signature = SIGB_BUF_INIT, bytes = SIGB_BUF_INIT;
    uint8_t payload[] = {'a', 'b'};
    sigb_statement *statement;

    text_put(&tbs, "head ");
    text_put(&bytes, "head ");
    assert_refused(sigb_builder_attach(builder, sigb_bytes_of(payload, 2), diag), SIGB_OK, "");
    assert_refused(sigb_builder_finish(builder, sigb_bytes_text("x"), &bytes, diag), SIGB_E_USAGE,
                   "not prepared");
    assert_refused(sigb_builder_prepare(builder, &tbs, diag), SIGB_OK, "");
    assert_memory_equal(tbs.ptr, "head \x84\x6aSignature1\x59", 18);
    assert_memory_equal(tbs.ptr + tbs.len - 4,
                        "\x40\x42"
                        "ab",
                        4);
    pki_sign(the_pki, one->key, SIGB_ES256, sigb_bytes_of(tbs.ptr + 5, tbs.len - 5), &signature);

    payload[1] = 'c'; /* the payload is borrowed: one that changes is not the one that was signed */
    assert_refused(sigb_builder_finish(builder, sigb_buf_bytes(&signature), &bytes, diag),
                   SIGB_E_SIGNATURE_FAULT, "does not verify with the leaf's key, so nothing was written");
    payload[1] = 'b';
    assert_refused(sigb_builder_finish(builder, sigb_bytes_of(signature.ptr, 63), &bytes, diag),
                   SIGB_E_SIGNATURE_FAULT, "63 bytes where 64 are wanted");
    assert_refused(sigb_builder_finish(builder, SIGB_BYTES_NONE, &bytes, diag), SIGB_E_SIGNATURE_FAULT,
                   "0 bytes where 64");
    assert_int_equal(bytes.len, 5);
    assert_refused(sigb_builder_finish(builder, sigb_buf_bytes(&signature), &bytes, diag), SIGB_OK, "");
    assert_memory_equal(bytes.ptr, "head \xd2\x84", 7);
    assert_refused(sigb_statement_parse(sigb_bytes_of(bytes.ptr + 5, bytes.len - 5), &statement, diag),
                   SIGB_OK, "");
    assert_true(sigb_bytes_equal(statement_signature(statement), sigb_buf_bytes(&signature)));
    sigb_statement_free(statement);
    sigb_buf_free(&tbs);
    sigb_buf_free(&signature);
    sigb_buf_free(&bytes);
    sigb_builder_free(builder);
}

static void calls_without_their_arguments(void **state)
{
    usual *one = *state;
    static uint8_t endless[SIGB_MAX_SIGNATURE + 1];
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    sigb_buf out = SIGB_BUF_INIT;

    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_prepare(NULL, &out, diag), SIGB_E_USAGE, "needs a builder");
    assert_refused(sigb_builder_prepare(builder, NULL, diag), SIGB_E_USAGE, "a place");
    assert_refused(sigb_builder_finish(NULL, SIGB_BYTES_NONE, &out, diag), SIGB_E_USAGE, "needs a builder");
    assert_refused(sigb_builder_finish(builder, SIGB_BYTES_NONE, NULL, diag), SIGB_E_USAGE, "a place");
    assert_refused(sigb_builder_sign(builder, NULL, &out, diag), SIGB_E_USAGE, "a signer");
    assert_refused(sigb_builder_sign(builder, one->signer, NULL, diag), SIGB_E_USAGE, "a place");
    assert_refused(sigb_builder_sign(NULL, one->signer, &out, diag), SIGB_E_USAGE, "needs a builder");
    assert_refused(sigb_builder_prepare(builder, &out, diag), SIGB_OK, "");
    assert_refused(sigb_builder_finish(builder, sigb_bytes_of(endless, sizeof(endless)), &out, diag),
                   SIGB_E_SIGNATURE_FAULT, "8193 bytes; at most 8192");
    sigb_buf_free(&out);
    sigb_builder_free(builder);
}

/* Where nothing can be put, no signature is used up. */
static void a_place_that_has_failed_is_refused_before_anything_is_signed(void **state)
{
    usual *one = *state;
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    sigb_buf failed = {.failed = true};
    int before = one->impl.calls;

    assert_refused(sigb_builder_attach(builder, sigb_bytes_text("x"), diag), SIGB_OK, "");
    assert_refused(sigb_builder_sign(builder, one->signer, &failed, diag), SIGB_E_MEMORY, "memory");
    assert_refused(sigb_signer_sign(one->signer, SIGB_ES256, sigb_bytes_text("x"), &failed, diag),
                   SIGB_E_MEMORY, "memory");
    assert_int_equal(one->impl.calls, before);
    assert_int_equal(failed.len, 0);
    sigb_builder_free(builder);
}

/* ---- time stamps of the payload ---- */

static pki_key *tsa_key;
static X509 *tsa;

/* A token by a TSA of our own, good at the time that PKI_NOW is. */
static sigb_timestamp *stamp_of(sigb_bytes stamped)
{
    sigb_buf token = SIGB_BUF_INIT, certs = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;

    if (tsa == NULL) {
        tsa_key = pki_keygen(the_pki, "P-256", "tsa");
        tsa = pki_issue(the_pki, &(pki_cert){.key = tsa_key, .issuer = ca, .signer = ca_key, .eku = TSA_EKU});
    }
    tsa_put(the_pki,
            &(tsa_token){
                .stamped = stamped, .cert = tsa, .key = tsa_key, .certs = pki_der(&certs, tsa, ca, NULL)},
            &token);
    assert_int_equal(sigb_timestamp_parse(sigb_buf_bytes(&token), &timestamp, NULL), SIGB_OK);
    sigb_buf_free(&token);
    sigb_buf_free(&certs);
    return timestamp;
}

static void assert_asks_for(const sigb_builder *builder, sigb_bytes payload)
{
    sigb_buf request = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = stamp_of(payload);
    uint8_t digest[32];

    assert_int_equal(EVP_Digest(payload.ptr, payload.len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_refused(sigb_builder_timestamp_request(builder, &request, diag), SIGB_OK, "");
    assert_non_null(memmem(request.ptr, request.len, digest, sizeof(digest)));
    /* the token has no nonce, so imprint and hash were found to be the same before that is missed */
    assert_refused(sigb_timestamp_check_answer(timestamp, sigb_buf_bytes(&request), diag),
                   SIGB_E_TIMESTAMP_NONCE, "has no nonce");
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&request);
}

static void assert_signs_with_stamp(usual *one, sigb_builder *builder, sigb_bytes payload,
                                    const int64_t *labels, size_t count)
{
    sigb_buf bytes = SIGB_BUF_INIT, roots = SIGB_BUF_INIT;
    sigb_timestamp_trust trust = {.roots = pki_der(&roots, root, NULL)};
    sigb_timestamp *timestamp = stamp_of(payload);
    sigb_timestamp_facts facts = {0}, again = {0};
    sigb_statement *statement;

    assert_asks_for(builder, payload);
    assert_refused(sigb_builder_timestamp(builder, timestamp, &trust, &facts, diag), SIGB_OK, "");
    assert_int_equal(facts.kind, SIGB_TIMESTAMP_PAYLOAD);
    assert_int_equal(facts.time, PKI_NOW);
    assert_refused(sigb_builder_sign(builder, one->signer, &bytes, diag), SIGB_OK, "");
    statement = parse(&bytes);
    assert_labels(statement_protected(statement), labels, count);
    assert_heads_are_shortest(statement_protected(statement));
    assert_true(sigb_bytes_equal(sigb_statement_timestamp(statement, SIGB_TIMESTAMP_PAYLOAD),
                                 sigb_timestamp_token(timestamp)));
    assert_refused(sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_PAYLOAD, SIGB_BYTES_NONE,
                                         &trust, &again, diag),
                   SIGB_OK, "");
    sigb_statement_free(statement);
    sigb_timestamp_free(timestamp);
    sigb_builder_free(builder);
    sigb_buf_free(&bytes);
    sigb_buf_free(&roots);
}

static void a_time_stamp_of_the_payload_is_signed(void **state)
{
    static const int64_t attached[] = {1, 3, 15, 33, 34, 269}, envelope[] = {1, 15, 33, 34, 258, 259, 269};
    usual *one = *state;
    sigb_bytes payload = sigb_bytes_text("{\"a\": 1}"),
               digest = sigb_bytes_text("0123456789abcdef0123456789abcdef");
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);

    assert_refused(sigb_builder_attach(builder, payload, diag), SIGB_OK, "");
    assert_signs_with_stamp(one, builder, payload, attached, COUNT(attached));
    builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    assert_refused(sigb_builder_envelope(builder, SIGB_SHA256, digest, NULL, diag), SIGB_OK, "");
    assert_signs_with_stamp(one, builder, digest, envelope, COUNT(envelope));
}

static void a_time_stamp_is_verified_before_anything_is_signed(void **state)
{
    usual *one = *state;
    sigb_bytes payload = sigb_bytes_text("payload");
    sigb_builder *builder = builder_new(one->issuer, SIGB_PROFILE_MST);
    sigb_timestamp *good_one = stamp_of(payload), *other = stamp_of(sigb_bytes_text("another"));
    sigb_buf roots = SIGB_BUF_INIT, wrong = SIGB_BUF_INIT, request = SIGB_BUF_INIT;
    sigb_timestamp_trust trust = {.roots = pki_der(&roots, root, NULL)}, none = {0};
    sigb_timestamp_trust stranger = {.roots = pki_der(&wrong, leaf_for(one->key, FROM, TO), NULL)};

    assert_refused(sigb_builder_timestamp(NULL, good_one, &trust, NULL, diag), SIGB_E_USAGE, "no builder");
    assert_refused(sigb_builder_timestamp(builder, good_one, &trust, NULL, diag), SIGB_E_USAGE,
                   "the payload is what is stamped");
    assert_refused(sigb_builder_timestamp_request(builder, &request, diag), SIGB_E_USAGE,
                   "the payload is what is stamped");
    assert_refused(sigb_builder_attach(builder, payload, diag), SIGB_OK, "");
    assert_refused(sigb_builder_timestamp_request(builder, NULL, diag), SIGB_E_USAGE,
                   "no place for the request");
    assert_refused(sigb_builder_timestamp(builder, NULL, &trust, NULL, diag), SIGB_E_USAGE, "is given none");
    assert_refused(sigb_builder_timestamp(builder, other, &trust, NULL, diag), SIGB_E_TIMESTAMP_IMPRINT,
                   "of other bytes");
    assert_refused(sigb_builder_timestamp(builder, good_one, &none, NULL, diag), SIGB_E_ANCHOR,
                   "no root of a TSA");
    assert_refused(sigb_builder_timestamp(builder, good_one, &stranger, NULL, diag),
                   SIGB_E_TIMESTAMP_UNTRUSTED, "the TSA's chain: ");
    assert_refused(sigb_builder_timestamp(builder, good_one, &trust, NULL, diag), SIGB_OK, "");
    assert_refused(sigb_builder_timestamp(builder, good_one, &trust, NULL, diag), SIGB_E_USAGE,
                   "has one already");
    sigb_timestamp_free(good_one);
    sigb_timestamp_free(other);
    sigb_builder_free(builder);
    sigb_buf_free(&roots);
    sigb_buf_free(&wrong);
}

int main(void)
{
#define WITH_USUAL(test) cmocka_unit_test_setup_teardown(test, usual_setup, usual_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_signs),
        WITH_USUAL(hash_envelopes_carry_a_digest),
        WITH_USUAL(detached_payloads_travel_beside),
        WITH_USUAL(the_cose_profile_needs_no_svn),
        WITH_USUAL(claims_and_algorithms_that_are_refused),
        cmocka_unit_test(eddsa_is_not_for_the_mst_profile),
        WITH_USUAL(payloads_that_are_refused),
        WITH_USUAL(sizes_end_at_the_limits),
        WITH_USUAL(a_chain_that_has_expired_signs_no_more),
        WITH_USUAL(a_signer_of_another_key_is_not_asked),
        WITH_USUAL(wrong_signatures_never_leave),
        WITH_USUAL(two_steps_give_what_one_gives),
        WITH_USUAL(calls_without_their_arguments),
        WITH_USUAL(a_place_that_has_failed_is_refused_before_anything_is_signed),
        WITH_USUAL(a_time_stamp_of_the_payload_is_signed),
        WITH_USUAL(a_time_stamp_is_verified_before_anything_is_signed),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
