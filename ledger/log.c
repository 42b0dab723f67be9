/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/log.h"

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"
#include "cose/labels.h"
#include "cose/reader.h"
#include "cose/sig_structure.h"
#include "cose/writer.h"
#include "ledger/entry.h"
#include "ledger/keys.h"
#include "ledger/tree.h"

#define TXID_ROOM 48

struct sigb_log {
    const tree_row *tree;
    char *issuer, *subject;
    uint64_t view;
    log_store store;
    merkle nodes;
    hasher with;
    sigb_keys *keys;
    sigb_signer *signer;    /* NULL: none yet */
    const service_key *key; /* the signer's, of `keys` */
    sigb_alg alg;
};

/* "2.17": the transaction of the leaf with this number. */
static void put_txid(const sigb_log *log, uint64_t index, char room[TXID_ROOM])
{
    (void)snprintf(room, TXID_ROOM, "%llu.%llu", (unsigned long long)log->view,
                   (unsigned long long)index + 1);
}

/* ---- opening ---- */

static sigb_rc take_leaves(sigb_log *log, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (uint64_t i = 0; rc == SIGB_OK && i < log->store.count(log->store.impl, LOG_LEAF); i++) {
        sigb_bytes record;
        hash leaf;

        rc = log->store.read(log->store.impl, LOG_LEAF, i, &record, diag);
        if (rc == SIGB_OK)
            rc = log->tree->record_leaf(record, &log->with, &leaf, diag);
        if (rc == SIGB_OK)
            rc = merkle_append(&log->nodes, &log->with, &leaf, diag);
    }
    return rc;
}

static sigb_rc take_key(sigb_log *log, sigb_bytes spki, sigb_diag *diag)
{
    key_sink to = {log->keys, NULL, 0, diag};
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, diag);

    return rc == SIGB_OK ? sink_put(&to, key, SIGB_BYTES_NONE) : rc;
}

static sigb_rc take_keys(sigb_log *log, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (uint64_t i = 0; rc == SIGB_OK && i < log->store.count(log->store.impl, LOG_KEY); i++) {
        sigb_bytes record;

        rc = log->store.read(log->store.impl, LOG_KEY, i, &record, diag);
        if (rc == SIGB_OK)
            rc = take_key(log, record, diag);
    }
    return rc;
}

static sigb_rc set_up(sigb_log *log, const log_options *options, sigb_diag *diag)
{
    sigb_rc rc = hasher_init(&log->with, diag);

    if (rc != SIGB_OK)
        return rc;
    log->issuer = OPENSSL_strdup(options->issuer);
    log->subject = options->subject == NULL ? NULL : OPENSSL_strdup(options->subject);
    log->keys = sigb_keys_new();
    if (log->issuer == NULL || (options->subject != NULL && log->subject == NULL) || log->keys == NULL)
        return sigb_no_memory(diag);
    rc = take_leaves(log, diag);
    return rc == SIGB_OK ? take_keys(log, diag) : rc;
}

sigb_rc log_open(const log_options *options, sigb_log **made, sigb_diag *diag)
{
    const tree_row *tree = tree_row_of(options->vds);
    sigb_log *log;
    sigb_rc rc;

    if (tree == NULL || options->issuer == NULL || options->store.append == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a log needs a tree that is known, an issuer and a store");
    log = OPENSSL_zalloc(sizeof(*log));
    if (log == NULL)
        return sigb_no_memory(diag);
    log->tree = tree;
    log->view = options->view;
    log->store = options->store;
    merkle_init(&log->nodes, tree->node);
    rc = set_up(log, options, diag);
    if (rc == SIGB_OK)
        *made = log;
    else
        log_free(log);
    return rc;
}

void log_free(sigb_log *log)
{
    if (log == NULL)
        return;
    merkle_free(&log->nodes);
    hasher_free(&log->with);
    sigb_keys_free(log->keys);
    OPENSSL_free(log->issuer);
    OPENSSL_free(log->subject);
    OPENSSL_free(log);
}

/* ---- keys ---- */

static const service_key *key_of_spki(sigb_log *log, sigb_bytes spki)
{
    const service_key *found = NULL;
    hash id;

    hash_parts(&log->with, &spki, 1, &id);
    if (keys_find(log->keys, SIGB_BYTES_NONE, hash_bytes(&id), &found, NULL) != SIGB_OK)
        return NULL;
    return found;
}

sigb_rc log_use_signer(sigb_log *log, sigb_signer *signer, sigb_diag *diag)
{
    sigb_bytes spki = sigb_signer_spki(signer);
    sigb_alg alg;
    sigb_rc rc;

    if (spki.len == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "the signer's public key is not known; pin it first");
    rc = sigb_alg_for_key(spki, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    if (rc == SIGB_OK && key_of_spki(log, spki) == NULL) {
        rc = log->store.append(log->store.impl, LOG_KEY, spki, diag);
        if (rc == SIGB_OK)
            rc = take_key(log, spki, diag);
    }
    if (rc != SIGB_OK)
        return rc;
    log->signer = signer;
    log->key = key_of_spki(log, spki);
    log->alg = alg;
    return SIGB_OK;
}

sigb_rc log_put_cose_keys(const sigb_log *log, sigb_buf *out, sigb_diag *diag)
{
    return keys_write(log->keys, KEYS_COSE, out, diag);
}

sigb_rc log_put_jwks(const sigb_log *log, sigb_buf *out, sigb_diag *diag)
{
    return keys_write(log->keys, KEYS_JWK, out, diag);
}

/* ---- entries ---- */

/* Into the nodes first: what is stored has happened. */
static sigb_rc keep_leaf(sigb_log *log, sigb_bytes record, sigb_diag *diag)
{
    hash leaf;
    sigb_rc rc = log->tree->record_leaf(record, &log->with, &leaf, diag);

    if (rc == SIGB_OK)
        rc = merkle_append(&log->nodes, &log->with, &leaf, diag);
    if (rc != SIGB_OK)
        return rc;
    rc = log->store.append(log->store.impl, LOG_LEAF, record, diag);
    if (rc != SIGB_OK)
        merkle_undo(&log->nodes);
    return rc;
}

static sigb_rc append(sigb_log *log, sigb_bytes bytes, uint64_t *index, sigb_diag *diag)
{
    sigb_buf record = SIGB_BUF_INIT;
    char txid[TXID_ROOM];
    uint64_t next = log_size(log);
    entry about;
    sigb_rc rc;

    entry_of_bytes(&about, bytes);
    put_txid(log, next, txid);
    log->tree->put_record(&record, txid, &about, &log->with);
    rc = record.failed ? sigb_no_memory(diag) : keep_leaf(log, sigb_buf_bytes(&record), diag);
    sigb_buf_free(&record);
    if (rc == SIGB_OK)
        *index = next;
    return rc;
}

static sigb_rc settle(sigb_log *log, sigb_diag *diag);

sigb_rc log_append(sigb_log *log, sigb_bytes bytes, uint64_t *index, sigb_diag *diag)
{
    sigb_rc rc = settle(log, diag);

    return rc == SIGB_OK ? append(log, bytes, index, diag) : rc;
}

uint64_t log_size(const sigb_log *log)
{
    return merkle_size(&log->nodes);
}

/* ---- signatures ---- */

/* What a record of a seal holds: [size, protected: bstr, signature: bstr] */
typedef struct seal_parts {
    uint64_t size;
    sigb_bytes protected_map, signature;
} seal_parts;

static void put_claims(sigb_buf *out, const sigb_log *log, int64_t at)
{
    put_map(out, log->subject == NULL ? 2 : 3);
    put_int(out, CWT_IAT);
    put_int(out, at);
    put_int(out, CWT_ISS);
    put_tstr(out, log->issuer);
    if (log->subject == NULL)
        return;
    put_int(out, CWT_SUB);
    put_tstr(out, log->subject);
}

static void put_ledger(sigb_buf *out, const sigb_log *log)
{
    char txid[TXID_ROOM];

    put_txid(log, log_size(log), txid);
    put_tstr(out, "ccf.v1");
    put_map(out, 1);
    put_tstr(out, "txid");
    put_tstr(out, txid);
}

/* In the order of CCF: 1, 4, 395, 15, "ccf.v1". */
static void put_protected(sigb_buf *out, const sigb_log *log, int64_t at)
{
    put_map(out, log->tree->has_transactions ? 5 : 4);
    put_int(out, COSE_ALG);
    put_int(out, log->alg);
    put_int(out, COSE_KID);
    put_bstr(out, sigb_bytes_text(log->key->kid));
    put_int(out, COSE_VDS);
    put_int(out, log->tree->vds);
    put_int(out, COSE_CWT_CLAIMS);
    put_claims(out, log, at);
    if (log->tree->has_transactions)
        put_ledger(out, log);
}

static sigb_rc require_good(const sigb_log *log, sigb_bytes tbs, sigb_bytes signature, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = verifier_check(log->key->verifies, log->alg, tbs, signature, &why);

    if (rc == SIGB_OK)
        return rc;
    return sigb_fail(diag, rc == SIGB_E_SIGNATURE ? SIGB_E_SIGNATURE_FAULT : rc,
                     "the log's signer made no good signature: %s", why.text);
}

static sigb_rc sign_root(sigb_log *log, sigb_bytes protected_map, sigb_buf *signature, sigb_diag *diag)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    hash root;
    sigb_rc rc;

    merkle_root(&log->nodes, &log->with, log_size(log), &root);
    rc = hasher_check(&log->with, diag);
    if (rc != SIGB_OK)
        return rc;
    sig_structure_put(&tbs, protected_map, hash_bytes(&root));
    rc = tbs.failed ? sigb_no_memory(diag)
                    : sigb_signer_sign(log->signer, log->alg, sigb_buf_bytes(&tbs), signature, diag);
    if (rc == SIGB_OK)
        rc = require_good(log, sigb_buf_bytes(&tbs), sigb_buf_bytes(signature), diag);
    sigb_buf_free(&tbs);
    return rc;
}

static sigb_rc keep_seal(sigb_log *log, sigb_bytes protected_map, sigb_bytes signature, sigb_diag *diag)
{
    sigb_buf record = SIGB_BUF_INIT;
    sigb_rc rc;

    put_array(&record, 3);
    put_int(&record, (int64_t)log_size(log));
    put_bstr(&record, protected_map);
    put_bstr(&record, signature);
    rc = record.failed ? sigb_no_memory(diag)
                       : log->store.append(log->store.impl, LOG_SEAL, sigb_buf_bytes(&record), diag);
    sigb_buf_free(&record);
    return rc == SIGB_OK ? settle(log, diag) : rc;
}

sigb_rc log_seal(sigb_log *log, int64_t at, uint64_t *seal, sigb_diag *diag)
{
    sigb_buf protected_map = SIGB_BUF_INIT, signature = SIGB_BUF_INIT;
    uint64_t next = log_seals(log);
    sigb_rc rc;

    if (log->signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "the log has no key to sign with");
    if (log_size(log) == 0)
        return sigb_fail(diag, SIGB_E_USAGE, "the log has no entry yet");
    rc = settle(log, diag);
    if (rc != SIGB_OK)
        return rc;
    put_protected(&protected_map, log, at);
    rc = protected_map.failed ? sigb_no_memory(diag)
                              : sign_root(log, sigb_buf_bytes(&protected_map), &signature, diag);
    if (rc == SIGB_OK)
        rc = keep_seal(log, sigb_buf_bytes(&protected_map), sigb_buf_bytes(&signature), diag);
    sigb_buf_free(&protected_map);
    sigb_buf_free(&signature);
    if (rc == SIGB_OK)
        *seal = next;
    return rc;
}

uint64_t log_seals(const sigb_log *log)
{
    return log->store.count(log->store.impl, LOG_SEAL);
}

static sigb_rc read_seal(const sigb_log *log, uint64_t seal, seal_parts *parts, sigb_diag *diag)
{
    item size, protected_map, signature;
    sigb_bytes record;
    sigb_rc rc;

    if (seal >= log_seals(log))
        return sigb_fail(diag, SIGB_E_USAGE, "the log has no signature of number %llu",
                         (unsigned long long)seal);
    rc = log->store.read(log->store.impl, LOG_SEAL, seal, &record, diag);
    if (rc != SIGB_OK)
        return rc;
    (void)item_take(&record);
    size = item_take(&record);
    protected_map = item_take(&record);
    signature = item_take(&record);
    if (signature.kind != ITEM_BSTR || size.value == 0 || size.value > log_size(log))
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                         "the store holds a signature that is none of this log");
    *parts = (seal_parts){size.value, protected_map.body, signature.body};
    return SIGB_OK;
}

/*
 * A signature that is a transaction gets its leaf: after it was kept, or later
 * where that failed or the process ended in between. It is never made twice.
 */
static sigb_rc settle(sigb_log *log, sigb_diag *diag)
{
    seal_parts last;
    uint64_t unused;
    sigb_rc rc;

    if (!log->tree->has_transactions || log_seals(log) == 0)
        return SIGB_OK;
    rc = read_seal(log, log_seals(log) - 1, &last, diag);
    if (rc == SIGB_OK && last.size == log_size(log))
        rc = append(log, last.signature, &unused, diag);
    return rc;
}

sigb_rc log_root(sigb_log *log, uint64_t seal, hash *root, sigb_diag *diag)
{
    seal_parts parts;
    sigb_rc rc = read_seal(log, seal, &parts, diag);

    if (rc != SIGB_OK)
        return rc;
    merkle_root(&log->nodes, &log->with, parts.size, root);
    return hasher_check(&log->with, diag);
}

/* ---- receipts ---- */

/* label => [ proof: bstr ] */
static void put_proof(sigb_buf *out, int64_t label, const sigb_buf *content)
{
    put_int(out, label);
    put_array(out, 1);
    put_bstr(out, sigb_buf_bytes(content));
    out->failed |= content->failed;
}

static sigb_rc put_inclusion(sigb_log *log, uint64_t index, uint64_t size, sigb_buf *out, sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT;
    merkle_path path;
    sigb_bytes record;
    sigb_rc rc;

    if (index >= size)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "the signature covers %llu leaves; number %llu is not among them",
                         (unsigned long long)size, (unsigned long long)index);
    rc = log->store.read(log->store.impl, LOG_LEAF, index, &record, diag);
    if (rc != SIGB_OK)
        return rc;
    merkle_inclusion(&log->nodes, &log->with, index, size, &path);
    log->tree->put_inclusion(&content, record, index, size, &path);
    put_proof(out, VDP_INCLUSION, &content);
    sigb_buf_free(&content);
    return SIGB_OK;
}

static sigb_rc put_consistency(sigb_log *log, uint64_t older_seal, uint64_t size, sigb_buf *out,
                               sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT;
    merkle_path path;
    seal_parts older;
    hash anchor;
    sigb_rc rc = read_seal(log, older_seal, &older, diag);

    if (rc == SIGB_OK && older.size >= size)
        rc = sigb_fail(diag, SIGB_E_USAGE, "a tree of %llu leaves does not continue one of %llu",
                       (unsigned long long)size, (unsigned long long)older.size);
    if (rc != SIGB_OK)
        return rc;
    merkle_consistency(&log->nodes, &log->with, older.size, size, &anchor, &path);
    log->tree->put_consistency(&content, &anchor, older.size, size, &path);
    put_proof(out, VDP_CONSISTENCY, &content);
    sigb_buf_free(&content);
    return SIGB_OK;
}

static sigb_rc put_proofs(sigb_log *log, uint64_t size, const log_receipt_options *options, sigb_buf *out,
                          sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    put_map(out, 1);
    put_int(out, COSE_VDP);
    put_map(out, (size_t)options->has_entry + options->has_older);
    if (options->has_entry)
        rc = put_inclusion(log, options->entry, size, out, diag);
    if (rc == SIGB_OK && options->has_older)
        rc = put_consistency(log, options->older, size, out, diag);
    return rc;
}

static void put_payload(sigb_log *log, uint64_t size, bool with_payload, sigb_buf *out)
{
    hash root;

    if (!with_payload) {
        put_null(out);
        return;
    }
    merkle_root(&log->nodes, &log->with, size, &root);
    put_bstr(out, hash_bytes(&root));
}

static sigb_rc put_receipt(sigb_log *log, uint64_t seal, const log_receipt_options *options, sigb_buf *out,
                           sigb_diag *diag)
{
    sigb_buf proofs = SIGB_BUF_INIT;
    seal_parts parts;
    sigb_rc rc = read_seal(log, seal, &parts, diag);

    if (rc == SIGB_OK)
        rc = put_proofs(log, parts.size, options, &proofs, diag);
    if (rc == SIGB_OK)
        rc = read_seal(log, seal, &parts, diag); /* its view has ended */
    if (rc == SIGB_OK) {
        put_tag(out, COSE_TAG_SIGN1);
        put_array(out, 4);
        put_bstr(out, parts.protected_map);
        sigb_buf_append(out, sigb_buf_bytes(&proofs));
        put_payload(log, parts.size, options->with_payload, out);
        put_bstr(out, parts.signature);
        rc = proofs.failed || out->failed ? sigb_no_memory(diag) : hasher_check(&log->with, diag);
    }
    sigb_buf_free(&proofs);
    return rc;
}

sigb_rc log_receipt(sigb_log *log, uint64_t seal, const log_receipt_options *options, sigb_buf *receipt,
                    sigb_diag *diag)
{
    size_t before = receipt->len;
    sigb_rc rc;

    if (!options->has_entry && !options->has_older)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a receipt proves an entry, or that the log grew; neither is asked for");
    if (options->with_payload && !log->tree->has_payload)
        return sigb_fail(diag, SIGB_E_USAGE, "receipts of this tree have no payload");
    rc = put_receipt(log, seal, options, receipt, diag);
    if (rc != SIGB_OK)
        receipt->len = before;
    return rc;
}
