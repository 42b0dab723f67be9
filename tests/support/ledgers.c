/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/ledgers.h"

#include "cose/reader.h"
#include "cose/writer.h"
#include "tests/support/craft.h"
#include "tests/support/hex.h"

static const struct {
    const char *type, *label;
} KEYS[LEDGER_KEYS] = {
    [LEDGER_P256] = {"P-256", "ledger"},       [LEDGER_P384] = {"P-384", "ledger-384"},
    [LEDGER_P521] = {"P-521", "ledger-521"},   [LEDGER_P256_LATER] = {"P-256", "ledger-later"},
    [LEDGER_RSA] = {"RSA-2048", "ledger-rsa"}, [LEDGER_ED25519] = {"Ed25519", "ledger-ed"},
};

/* ---- token and statements ---- */

ledgers *ledgers_new(void)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin, .no_certs = true};
    ledgers *made = calloc(1, sizeof(*made));

    assert_non_null(made);
    made->pki = pki_new();
    for (size_t i = 0; i < LEDGER_KEYS; i++) {
        char uri[64];

        (void)snprintf(uri, sizeof(uri), "pkcs11:token=" PKI_TOKEN ";object=%s", KEYS[i].label);
        softhsm_keygen(pki_hsm(made->pki), PKI_TOKEN,
                       &(softhsm_key){.type = KEYS[i].type, .label = KEYS[i].label, .id = KEYS[i].label});
        assert_refused(sigb_signer_from_pkcs11(uri, &options, &made->signers[i], diag), SIGB_OK, "");
    }
    return made;
}

void ledgers_free(ledgers *made)
{
    for (size_t i = 0; i < LEDGER_KEYS; i++)
        sigb_signer_free(made->signers[i]);
    pki_free(made->pki);
    free(made);
}

static void sign_tbs(const ledgers *in, sigb_bytes tbs, sigb_buf *signature)
{
    assert_refused(sigb_signer_sign(in->signers[LEDGER_P256], SIGB_ES256, tbs, signature, diag), SIGB_OK, "");
}

/* {1: -7, 15: {1: "did:x509:test", 2: payload}} */
void ledgers_statement(const ledgers *in, const char *payload, sigb_buf *statement)
{
    sigb_buf protected_map = SIGB_BUF_INIT, tbs = SIGB_BUF_INIT, signature = SIGB_BUF_INIT;

    (void)hex_put(&protected_map, "a2 0126 0fa2 01");
    put_tstr(&protected_map, "did:x509:test");
    put_int(&protected_map, 2);
    put_tstr(&protected_map, payload);
    put_array(&tbs, 4);
    put_tstr(&tbs, "Signature1");
    put_bstr(&tbs, sigb_buf_bytes(&protected_map));
    put_bstr(&tbs, SIGB_BYTES_NONE);
    put_bstr(&tbs, sigb_bytes_text(payload));
    sign_tbs(in, sigb_buf_bytes(&tbs), &signature);
    put_tag(statement, 18);
    put_array(statement, 4);
    put_bstr(statement, sigb_buf_bytes(&protected_map));
    put_map(statement, 0);
    put_bstr(statement, sigb_bytes_text(payload));
    put_bstr(statement, sigb_buf_bytes(&signature));
    sigb_buf_free(&protected_map);
    sigb_buf_free(&tbs);
    sigb_buf_free(&signature);
}

/* ---- logs ---- */

void ledger_open(const ledgers *in, ledger *made, sigb_vds vds, const char *issuer, enum ledger_key key)
{
    log_options options = {.vds = vds, .issuer = issuer, .subject = "scitt.ccf.signature.v1", .view = 2};

    memset(made, 0, sizeof(*made));
    assert_refused(log_memory_new(&made->store, diag), SIGB_OK, "");
    options.store = made->store;
    assert_refused(log_open(&options, &made->log, diag), SIGB_OK, "");
    assert_refused(log_use_signer(made->log, in->signers[key], diag), SIGB_OK, "");
}

void ledger_close(ledger *done)
{
    log_free(done->log);
    log_memory_free(&done->store);
}

uint64_t ledger_take(ledger *to, sigb_bytes bytes)
{
    sigb_statement *statement = NULL;
    sigb_buf entry = SIGB_BUF_INIT;
    uint64_t leaf = 0;

    assert_refused(sigb_statement_parse(bytes, &statement, diag), SIGB_OK, "");
    assert_refused(sigb_statement_entry(statement, SIGB_BYTES_NONE, &entry, diag), SIGB_OK, "");
    assert_refused(log_append(to->log, sigb_buf_bytes(&entry), &leaf, diag), SIGB_OK, "");
    sigb_statement_free(statement);
    sigb_buf_free(&entry);
    return leaf;
}

void ledger_fill(ledger *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = log_size(to->log), leaf;

        assert_refused(log_append(to->log, sigb_bytes_of(&number, sizeof(number)), &leaf, diag), SIGB_OK, "");
        assert_int_equal(leaf, number);
    }
}

uint64_t ledger_receipt(ledger *of, uint64_t leaf, sigb_buf *receipt)
{
    const log_receipt_options options = {.has_entry = true, .entry = leaf};
    uint64_t seal = 0;

    assert_refused(log_seal(of->log, PKI_NOW, &seal, diag), SIGB_OK, "");
    assert_refused(log_receipt(of->log, seal, &options, receipt, diag), SIGB_OK, "");
    return seal;
}

void ledger_put_keys(const ledger *of, const char *issuer, sigb_keys *keys)
{
    sigb_buf file = SIGB_BUF_INIT;

    assert_refused(log_put_cose_keys(of->log, &file, diag), SIGB_OK, "");
    assert_refused(sigb_keys_put(keys, sigb_buf_bytes(&file), issuer, diag), SIGB_OK, "");
    sigb_buf_free(&file);
}

/* ---- COSE_Sign1 taken apart ---- */

void cose_split(sigb_bytes bytes, cose_parts *parts)
{
    memset(parts, 0, sizeof(*parts));
    assert_int_equal(item_take(&bytes).kind, ITEM_TAG);
    assert_int_equal(item_take(&bytes).value, 4);
    sigb_buf_append(&parts->protected_map, item_take(&bytes).body);
    sigb_buf_append(&parts->unprotected, item_take_whole(&bytes));
    sigb_buf_append(&parts->payload, item_take_whole(&bytes));
    sigb_buf_append(&parts->signature, item_take_whole(&bytes));
    assert_int_equal(bytes.len, 0);
}

void cose_join(cose_parts *parts, sigb_buf *out)
{
    if (!parts->untagged)
        put_tag(out, 18);
    put_array(out, 4);
    put_bstr(out, sigb_buf_bytes(&parts->protected_map));
    sigb_buf_append(out, sigb_buf_bytes(&parts->unprotected));
    sigb_buf_append(out, sigb_buf_bytes(&parts->payload));
    sigb_buf_append(out, sigb_buf_bytes(&parts->signature));
    sigb_buf_free(&parts->protected_map);
    sigb_buf_free(&parts->unprotected);
    sigb_buf_free(&parts->payload);
    sigb_buf_free(&parts->signature);
}

void bytes_replace(sigb_buf *bytes, const char *old, const char *new)
{
    sigb_buf from = SIGB_BUF_INIT, to = SIGB_BUF_INIT, made = SIGB_BUF_INIT;
    const uint8_t *found, *end = bytes->ptr + bytes->len;

    (void)hex_put(&from, old);
    (void)hex_put(&to, new);
    found = memmem(bytes->ptr, bytes->len, from.ptr, from.len);
    assert_non_null(found);
    assert_null(memmem(found + 1, (size_t)(end - found) - 1, from.ptr, from.len));
    sigb_buf_append(&made, sigb_bytes_of(bytes->ptr, (size_t)(found - bytes->ptr)));
    sigb_buf_append(&made, sigb_buf_bytes(&to));
    sigb_buf_append(&made, sigb_bytes_of(found + from.len, (size_t)(end - found) - from.len));
    sigb_buf_free(bytes);
    sigb_buf_free(&from);
    sigb_buf_free(&to);
    *bytes = made;
}
