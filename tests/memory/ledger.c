/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/memory/ledger.h"

#include "ledger/log.h"
#include "tests/memory/world.h"

static struct {
    log_store store;
    sigb_log *log;
    sigb_buf receipt, flipped, transparent, entry;
    sigb_buf cose, jwks;
    hash older;
    sigb_statement *statement;
    sigb_keys *keys;
} it;

#define AT 1700000000

static void made(sigb_rc rc)
{
    assert_int_equal(rc, SIGB_OK);
}

static sigb_rc put_receipt(sigb_log *log, uint64_t seal, sigb_buf *receipt)
{
    const log_receipt_options options = {.has_entry = true, .entry = 2, .has_older = true, .older = 0};

    return log_receipt(log, seal, &options, receipt, NULL);
}

static sigb_rc open_log(log_store *store, sigb_log **log)
{
    log_options options = {.vds = SIGB_VDS_CCF, .issuer = "ledger.example", .view = 2, .store = *store};

    return log_open(&options, log, NULL);
}

/* Leaf, seal, statement, seal. */
static sigb_rc fill(sigb_log *log, uint64_t *seal)
{
    uint64_t leaf;
    sigb_rc rc = log_use_signer(log, world.signer, NULL);

    if (rc == SIGB_OK)
        rc = log_append(log, sigb_bytes_text("an entry"), &leaf, NULL);
    if (rc == SIGB_OK)
        rc = log_seal(log, AT, seal, NULL);
    if (rc == SIGB_OK)
        rc = log_append(log, sigb_buf_bytes(&it.entry), &leaf, NULL);
    return rc == SIGB_OK ? log_seal(log, AT, seal, NULL) : rc;
}

void ledger_make(void)
{
    uint64_t seal = 0;

    made(sigb_statement_parse(sigb_buf_bytes(&world.statement), &it.statement, NULL));
    made(sigb_statement_entry(it.statement, SIGB_BYTES_NONE, &it.entry, NULL));
    made(log_memory_new(&it.store, NULL));
    made(open_log(&it.store, &it.log));
    made(fill(it.log, &seal));
    made(put_receipt(it.log, seal, &it.receipt));
    made(log_root(it.log, 0, &it.older, NULL));
    made(log_put_cose_keys(it.log, &it.cose, NULL));
    made(log_put_jwks(it.log, &it.jwks, NULL));
    sigb_buf_append(&it.flipped, sigb_buf_bytes(&it.receipt));
    it.flipped.ptr[it.flipped.len - 1] ^= 1;
    made(sigb_statement_attach_receipt(it.statement, sigb_buf_bytes(&it.receipt), &it.transparent, NULL));
    it.keys = sigb_keys_new();
    made(sigb_keys_put(it.keys, sigb_buf_bytes(&it.cose), "ledger.example", NULL));
}

void ledger_free(void)
{
    sigb_buf *bufs[] = {&it.receipt, &it.flipped, &it.transparent, &it.entry, &it.cose, &it.jwks};

    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        sigb_buf_free(bufs[i]);
    sigb_statement_free(it.statement);
    sigb_keys_free(it.keys);
    log_free(it.log);
    log_memory_free(&it.store);
}

/* ---- keys ---- */

static sigb_rc put_keys(sigb_bytes file, const char *issuer)
{
    sigb_keys *keys = sigb_keys_new();
    sigb_rc rc = keys == NULL ? SIGB_E_MEMORY : sigb_keys_put(keys, file, issuer, NULL);

    if (keys != NULL)
        assert_int_equal(sigb_keys_count(keys) > 0, rc == SIGB_OK);
    sigb_keys_free(keys);
    return rc;
}

static sigb_rc keys_cose(void)
{
    return put_keys(sigb_buf_bytes(&it.cose), "ledger.example");
}

static sigb_rc keys_jwks(void)
{
    return put_keys(sigb_buf_bytes(&it.jwks), NULL);
}

static sigb_rc keys_cert(void)
{
    return put_keys(sigb_buf_bytes(&world.root), NULL);
}

static sigb_rc keys_pem_junk(void)
{
    return put_keys(sigb_buf_bytes(&world.root_pem_junk), NULL);
}

/* ---- receipts ---- */

static sigb_rc parse(const sigb_buf *bytes, sigb_receipt **receipt)
{
    return sigb_receipt_parse(sigb_buf_bytes(bytes), receipt, NULL);
}

static sigb_rc parse_good(void)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = parse(&it.receipt, &receipt);

    sigb_receipt_free(receipt);
    return rc;
}

static sigb_rc parse_statement(void)
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = parse(&world.statement, &receipt);

    sigb_receipt_free(receipt);
    return rc;
}

static sigb_rc with_receipt(const sigb_buf *bytes, sigb_rc (*run)(const sigb_receipt *receipt))
{
    sigb_receipt *receipt = NULL;
    sigb_rc rc = parse(bytes, &receipt);

    if (rc == SIGB_OK)
        rc = run(receipt);
    sigb_receipt_free(receipt);
    return rc;
}

static sigb_rc run_dump(const sigb_receipt *receipt)
{
    sigb_buf text = SIGB_BUF_INIT;
    sigb_rc rc = sigb_receipt_dump(receipt, &text, NULL);

    assert_int_equal(text.len > 0, rc == SIGB_OK);
    sigb_buf_free(&text);
    return rc;
}

static sigb_rc run_verify(const sigb_receipt *receipt)
{
    return sigb_receipt_verify(receipt, it.statement, it.keys, NULL, NULL);
}

static sigb_rc run_verify_entry(const sigb_receipt *receipt)
{
    return sigb_receipt_verify_entry(receipt, sigb_buf_bytes(&it.entry), it.keys, NULL, NULL);
}

static sigb_rc run_verify_consistency(const sigb_receipt *receipt)
{
    return sigb_receipt_verify_consistency(receipt, hash_bytes(&it.older), it.keys, NULL, NULL);
}

static sigb_rc dump(void)
{
    return with_receipt(&it.receipt, run_dump);
}

static sigb_rc verify_good(void)
{
    return with_receipt(&it.receipt, run_verify);
}

static sigb_rc verify_flipped(void)
{
    return with_receipt(&it.flipped, run_verify);
}

static sigb_rc verify_entry(void)
{
    return with_receipt(&it.receipt, run_verify_entry);
}

static sigb_rc verify_consistency(void)
{
    return with_receipt(&it.receipt, run_verify_consistency);
}

/* ---- receipts in statements ---- */

static sigb_rc put_entry(void)
{
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_entry(it.statement, SIGB_BYTES_NONE, &out, NULL);

    assert_int_equal(out.len > 0, rc == SIGB_OK);
    sigb_buf_free(&out);
    return rc;
}

static sigb_rc attach(void)
{
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_attach_receipt(it.statement, sigb_buf_bytes(&it.receipt), &out, NULL);

    assert_int_equal(out.len > 0, rc == SIGB_OK);
    sigb_buf_free(&out);
    return rc;
}

static sigb_rc detach(void)
{
    sigb_statement *transparent = NULL;
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_parse(sigb_buf_bytes(&it.transparent), &transparent, NULL);

    if (rc == SIGB_OK)
        rc = sigb_statement_detach_receipt(transparent, SIGB_RECEIPTS_ALL, &out, NULL);
    assert_int_equal(out.len > 0, rc == SIGB_OK);
    sigb_statement_free(transparent);
    sigb_buf_free(&out);
    return rc;
}

/* ---- the log ---- */

/* From nothing to a receipt. */
static sigb_rc log_whole(void)
{
    log_store store = {.impl = NULL};
    sigb_log *log = NULL;
    sigb_buf receipt = SIGB_BUF_INIT;
    uint64_t seal = 0;
    sigb_rc rc = log_memory_new(&store, NULL);

    if (rc == SIGB_OK)
        rc = open_log(&store, &log);
    if (rc == SIGB_OK)
        rc = fill(log, &seal);
    if (rc == SIGB_OK)
        rc = put_receipt(log, seal, &receipt);
    assert_int_equal(receipt.len > 0, rc == SIGB_OK);
    sigb_buf_free(&receipt);
    log_free(log);
    log_memory_free(&store);
    return rc;
}

static sigb_rc log_again(void)
{
    sigb_log *log = NULL;
    sigb_rc rc = open_log(&it.store, &log);

    log_free(log);
    return rc;
}

static sigb_rc log_keys(void)
{
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = log_put_cose_keys(it.log, &out, NULL);

    if (rc == SIGB_OK)
        rc = log_put_jwks(it.log, &out, NULL);
    sigb_buf_free(&out);
    return rc;
}

/* clang-format off */
const scenario LEDGER_SCENARIOS[] = {
    {"sigb_keys_put",                   "a COSE_Key set",      SIGB_OK,                  keys_cose},
    {"sigb_keys_put",                   "a JWK set",           SIGB_OK,                  keys_jwks},
    {"sigb_keys_put",                   "a certificate",       SIGB_OK,                  keys_cert},
    {"sigb_keys_put",                   "a broken PEM block",  SIGB_E_LEDGER_KEYS,       keys_pem_junk},
    {"sigb_receipt_parse",              "a receipt",           SIGB_OK,                  parse_good},
    {"sigb_receipt_parse",              "a statement",         SIGB_E_RECEIPT_MALFORMED, parse_statement},
    {"sigb_receipt_dump",               "a receipt",           SIGB_OK,                  dump},
    {"sigb_receipt_verify",             "a good one",          SIGB_OK,                  verify_good},
    {"sigb_receipt_verify",             "a flipped bit",       SIGB_E_RECEIPT_SIGNATURE, verify_flipped},
    {"sigb_receipt_verify_entry",       "a good one",          SIGB_OK,                  verify_entry},
    {"sigb_receipt_verify_consistency", "a good one",          SIGB_OK,                  verify_consistency},
    {"sigb_statement_entry",            "a statement",         SIGB_OK,                  put_entry},
    {"sigb_statement_attach_receipt",   "a receipt",           SIGB_OK,                  attach},
    {"sigb_statement_detach_receipt",   "all of them",         SIGB_OK,                  detach},
    {"log_receipt",                     "from nothing",        SIGB_OK,                  log_whole},
    {"log_open",                        "a store with leaves", SIGB_OK,                  log_again},
    {"log_put_jwks",                    "in both forms",       SIGB_OK,                  log_keys},
};
/* clang-format on */

const size_t LEDGER_SCENARIO_COUNT = sizeof(LEDGER_SCENARIOS) / sizeof(LEDGER_SCENARIOS[0]);
