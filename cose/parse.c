/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   COSE_Sign1_Tagged = #6.18([
 *     protected: bstr .cbor header_map / bstr .size 0,
 *     unprotected: header_map,
 *     payload: bstr / nil,
 *     signature: bstr
 *   ])                                                                (RFC 9052, 4.2)
 *
 * Lengths are definite here, in both header maps, and in the values of labels
 * that headers.c knows; in the values of others an indefinite length passes,
 * because ledgers hold such statements and nothing here reads those values.
 */
#include <stdio.h>

#include <openssl/crypto.h>

#include "base/alg.h"
#include "base/error.h"
#include "cose/labels.h"
#include "cose/parsed.h"

/* A head of definite length, of the kind that must stand here. */
static sigb_rc take_kind(reader *in, item_kind kind, const char *what, item *head)
{
    sigb_rc rc = reader_head(in, head);

    if (rc != SIGB_OK)
        return rc;
    if (head->kind != kind)
        return sigb_fail(in->diag, SIGB_E_COSE, "%s is %s; %s is wanted (RFC 9052, 4.2)", what,
                         item_name(head), item_name(&(item){.kind = kind}));
    if (head->indefinite)
        return sigb_fail(in->diag, SIGB_E_INDEFINITE,
                         "%s has an indefinite length, where a definite one is wanted", what);
    return SIGB_OK;
}

/* ---- maps of labels ---- */

/* A map that is being read: what it is, what it may hold, and where the known values go. */
typedef struct labelled {
    const char *what;
    const label_table *table;
    unsigned bucket;
    const keyset *others; /* labels that may not stand here as well; NULL: none */
    keyset *seen;
    sigb_bytes *slots;
} labelled;

static sigb_rc take_label(reader *in, const labelled *map, item *label)
{
    sigb_bytes before = in->rest, whole;
    sigb_rc rc = reader_item(in, LENGTHS_DEFINITE, &whole);

    if (rc != SIGB_OK)
        return rc;
    *label = item_of(whole);
    if (!item_is_int(label) && label->kind != ITEM_TSTR)
        return sigb_fail(in->diag, SIGB_E_COSE, "%s holds %s as a label; numbers and texts are labels",
                         map->what, item_name(label));
    if (map->others != NULL && keyset_has(map->others, whole))
        return sigb_fail(in->diag, SIGB_E_HEADER, "a label stands in both header maps (RFC 9052, 3)");
    return keyset_add(map->seen, sigb_bytes_of(before.ptr, whole.len), in);
}

static sigb_rc check_row(const reader *in, const labelled *map, const label_row *row, sigb_bytes value)
{
    sigb_rc refusal = row == &HEADERS.rows[H_CRIT] ? SIGB_E_CRIT : SIGB_E_HEADER;
    item head = item_of(value);
    int64_t fits;

    if ((row->buckets & map->bucket) == 0)
        return sigb_fail(in->diag, refusal, "%s stands in the %s; it belongs in the other header map",
                         row->name, map->what);
    if ((row->kinds >> head.kind & 1u) == 0)
        return sigb_fail(in->diag, refusal, "%s in the %s is %s, which is not what it may be", row->name,
                         map->what, item_name(&head));
    if (row->kinds != ~0u && item_is_int(&head) && !item_int(&head, &fits))
        return sigb_fail(in->diag, SIGB_E_HEADER, "%s in the %s does not fit 64 bits", row->name, map->what);
    return SIGB_OK;
}

static sigb_rc take_labelled(reader *in, const labelled *map)
{
    item label;
    sigb_bytes value;
    int slot;
    sigb_rc rc = take_label(in, map, &label);

    if (rc != SIGB_OK)
        return rc;
    slot = label_find(map->table, &label);
    rc = reader_item(in, slot < 0 ? LENGTHS_ANY : LENGTHS_DEFINITE, &value);
    if (rc != SIGB_OK || slot < 0)
        return rc;
    map->slots[slot] = value;
    return check_row(in, map, &map->table->rows[slot], value);
}

static sigb_rc take_label_map(reader *in, const labelled *map)
{
    item head;
    sigb_rc rc = take_kind(in, ITEM_MAP, map->what, &head);

    map->seen->count = 0;
    for (uint64_t i = 0; rc == SIGB_OK && i < head.value; i++)
        rc = take_labelled(in, map);
    return rc;
}

/* ---- values of headers ---- */

/* CWT_Claims = { * label => any }    (RFC 9597, 2) */
static sigb_rc check_claims(sigb_statement *made, const reader *in)
{
    reader claims = reader_inside(in, made->protected_slots[H_CLAIMS]);
    keyset seen;
    const labelled map = {"CWT claims", &CLAIMS, IN_PROTECTED, NULL, &seen, made->claim_slots};

    return claims.rest.len == 0 ? SIGB_OK : take_label_map(&claims, &map);
}

static bool is_attested_service(const sigb_statement *made)
{
    static const char method[] = "did:attestedsvc:";
    item iss = item_of(made->claim_slots[C_ISS]);

    return iss.body.len > strlen(method) && memcmp(iss.body.ptr, method, strlen(method)) == 0;
}

/*
 * An attested service marks its own header critical. Its issuer is all that is
 * understood of it, and enough to say that it is judged elsewhere.
 */
static bool is_understood(const sigb_statement *made, const item *label)
{
    int slot = label_find(&HEADERS, label);

    return slot >= 0 && (HEADERS.rows[slot].processed || (slot == H_ATTESTED && is_attested_service(made)));
}

static sigb_rc check_crit_label(const sigb_statement *made, const reader *in, const keyset *labels,
                                sigb_bytes whole)
{
    item label = item_of(whole);

    if (!item_is_int(&label) && label.kind != ITEM_TSTR)
        return sigb_fail(in->diag, SIGB_E_CRIT, "crit lists %s; numbers and texts are labels",
                         item_name(&label));
    if (!keyset_has(labels, whole))
        return sigb_fail(in->diag, SIGB_E_CRIT, "crit lists a label that is not in the protected header");
    if (!is_understood(made, &label))
        return sigb_fail(in->diag, SIGB_E_CRIT,
                         "crit lists a label that is not understood here; what it demands cannot be kept");
    return SIGB_OK;
}

/* crit = [+ label], all of them protected and understood    (RFC 9052, 3.1) */
static sigb_rc check_crit(const sigb_statement *made, const reader *in, const keyset *labels)
{
    sigb_bytes rest = made->protected_slots[H_CRIT];
    uint64_t count;
    sigb_rc rc = SIGB_OK;

    if (rest.len == 0)
        return SIGB_OK;
    count = item_take(&rest).value;
    if (count == 0)
        return sigb_fail(in->diag, SIGB_E_CRIT, "crit is empty; it lists at least one label, or is absent");
    if (count > labels->count)
        return sigb_fail(in->diag, SIGB_E_CRIT, "crit lists more labels than the protected header has");
    while (rc == SIGB_OK && rest.len > 0)
        rc = check_crit_label(made, in, labels, item_take_whole(&rest));
    return rc;
}

static sigb_rc put_certificate(sigb_statement *made, const reader *in, const item *element, size_t index)
{
    sigb_bytes rest = element->body, der;

    if (element->kind != ITEM_BSTR)
        return sigb_fail(in->diag, SIGB_E_HEADER, "x5chain holds %s where a certificate is wanted",
                         item_name(element));
    if (index == SIGB_MAX_CERTS)
        return sigb_fail(in->diag, SIGB_E_LIMIT, "x5chain holds more than %d certificates", SIGB_MAX_CERTS);
    if (rest.len > SIGB_MAX_CERT_LEN)
        return sigb_fail(in->diag, SIGB_E_LIMIT,
                         "x5chain holds a certificate of %zu bytes; at most %d are read", rest.len,
                         SIGB_MAX_CERT_LEN);
    if (!sigb_certs_next(&rest, &der) || rest.len != 0)
        return sigb_fail(in->diag, SIGB_E_HEADER, "certificate %zu of x5chain is not one DER SEQUENCE",
                         index + 1);
    sigb_buf_append(&made->certs, der);
    return SIGB_OK;
}

/* COSE_X509 = bstr / [ 2*certs: bstr ], and an array of one as other signers write it    (RFC 9360, 2) */
static sigb_rc check_x5chain(sigb_statement *made, const reader *in)
{
    sigb_bytes rest = made->protected_slots[H_X5CHAIN];
    item head = item_take(&rest);
    sigb_rc rc = SIGB_OK;

    if (head.kind == ITEM_BSTR)
        return put_certificate(made, in, &head, 0);
    if (head.kind == ITEM_ARRAY && head.value == 0)
        return sigb_fail(in->diag, SIGB_E_HEADER, "x5chain holds no certificate");
    for (size_t i = 0; rc == SIGB_OK && i < head.value; i++) {
        item element = item_take(&rest);
        rc = put_certificate(made, in, &element, i);
    }
    return rc;
}

static sigb_rc check_digest_len(const reader *in, const char *what, int64_t hash, size_t len)
{
    const hash_row *row = hash_row_of(hash);

    if (row == NULL || row->len == len)
        return SIGB_OK;
    return sigb_fail(in->diag, SIGB_E_DIGEST_LEN, "%s has %zu bytes where a %s digest has %zu", what, len,
                     row->name, row->len);
}

/* COSE_CertHash = [ hashAlg: (int / tstr), hashValue: bstr ]    (RFC 9360, 2) */
static sigb_rc check_x5t(const sigb_statement *made, const reader *in)
{
    sigb_bytes rest = made->protected_slots[H_X5T];
    item array = item_take(&rest), hash = item_take(&rest), digest = item_take(&rest);
    int64_t id = 0;

    if (array.kind == ITEM_NONE)
        return SIGB_OK;
    if (array.value != 2 || (!item_is_int(&hash) && hash.kind != ITEM_TSTR) || digest.kind != ITEM_BSTR)
        return sigb_fail(in->diag, SIGB_E_HEADER, "x5t is not an array of a hash and a digest (RFC 9360, 2)");
    return item_int(&hash, &id) ? check_digest_len(in, "x5t", id, digest.body.len) : SIGB_OK;
}

/* Hash envelope (RFC 9995): 258 and 259, perhaps 260, and no 3 in either map. */
static sigb_rc check_envelope(const sigb_statement *made, const reader *in)
{
    const sigb_bytes *slots = made->protected_slots;
    item hash = item_of(slots[H_PAYLOAD_HASH]);
    int64_t id;

    if (!item_int(&hash, &id)) {
        if (slots[H_PREIMAGE_TYPE].len > 0 || slots[H_LOCATION].len > 0)
            return sigb_fail(in->diag, SIGB_E_ENVELOPE, "label 259 or 260 stands without 258 (RFC 9995)");
        return SIGB_OK;
    }
    if (slots[H_CONTENT_TYPE].len > 0 || made->unprotected_slots[H_CONTENT_TYPE].len > 0)
        return sigb_fail(in->diag, SIGB_E_ENVELOPE,
                         "label 3 stands beside 258; a hash envelope has its content type in 259 (RFC 9995)");
    if (slots[H_PREIMAGE_TYPE].len == 0)
        return sigb_fail(in->diag, SIGB_E_ENVELOPE, "label 258 stands without 259, the content type");
    return made->detached ? SIGB_OK : check_digest_len(in, "the payload", id, made->payload.len);
}

static sigb_rc check_receipts(const sigb_statement *made, const reader *in)
{
    item receipts = item_of(made->unprotected_slots[H_RECEIPTS]);

    if (receipts.kind == ITEM_ARRAY && receipts.value == 0)
        return sigb_fail(in->diag, SIGB_E_HEADER, "receipts is an empty array (RFC 9942)");
    return SIGB_OK;
}

/* ---- the envelope ---- */

/* An empty map is no bytes, or the one byte a0: both are met. */
static sigb_rc read_protected(sigb_statement *made, reader *in, keyset *labels)
{
    const labelled map = {"protected header", &HEADERS, IN_PROTECTED, NULL, labels, made->protected_slots};
    reader content;
    item bstr;
    sigb_rc rc = take_kind(in, ITEM_BSTR, "protected header", &bstr);

    labels->count = 0;
    if (rc != SIGB_OK)
        return rc;
    made->protected_map = bstr.body;
    if (bstr.body.len == 0)
        return SIGB_OK;
    content = reader_inside(in, bstr.body);
    rc = take_label_map(&content, &map);
    return rc == SIGB_OK ? reader_end(&content) : rc;
}

static sigb_rc read_unprotected(sigb_statement *made, reader *in, const keyset *labels)
{
    keyset seen;
    const labelled map = {"unprotected header",   &HEADERS, IN_UNPROTECTED, labels, &seen,
                          made->unprotected_slots};
    sigb_bytes before = in->rest;
    sigb_rc rc = take_label_map(in, &map);

    made->unprotected_map = sigb_bytes_of(before.ptr, before.len - in->rest.len);
    return rc;
}

static sigb_rc read_payload(sigb_statement *made, reader *in)
{
    sigb_bytes before = in->rest;
    item head;
    sigb_rc rc = reader_head(in, &head);

    if (rc != SIGB_OK)
        return rc;
    made->detached = item_is_null(&head);
    if (made->detached)
        return SIGB_OK;
    in->rest = before;
    rc = take_kind(in, ITEM_BSTR, "payload", &head);
    made->payload = head.body;
    return rc;
}

static sigb_rc read_signature(sigb_statement *made, reader *in)
{
    sigb_bytes before = in->rest;
    item head;
    sigb_rc rc = take_kind(in, ITEM_BSTR, "signature", &head);

    if (rc != SIGB_OK)
        return rc;
    made->signature = head.body;
    made->signature_item = sigb_bytes_of(before.ptr, before.len - in->rest.len);
    return SIGB_OK;
}

static sigb_rc read_start(reader *in)
{
    item head;
    sigb_rc rc = reader_head(in, &head);

    if (rc != SIGB_OK)
        return rc;
    if (head.kind != ITEM_TAG)
        return sigb_fail(in->diag, SIGB_E_TAG, "%s where tag 18 (COSE_Sign1) must stand first",
                         item_name(&head));
    if (head.value != COSE_TAG_SIGN1)
        return sigb_fail(in->diag, SIGB_E_TAG, "tag %llu where tag 18 (COSE_Sign1) is wanted",
                         (unsigned long long)head.value);
    rc = take_kind(in, ITEM_ARRAY, "COSE_Sign1", &head);
    if (rc == SIGB_OK && head.value != 4)
        rc = sigb_fail(in->diag, SIGB_E_COSE, "COSE_Sign1 has %llu items; 4 are wanted (RFC 9052, 4.2)",
                       (unsigned long long)head.value);
    return rc;
}

/* Everything between the tag and the last byte, in order. */
static sigb_rc read_items(sigb_statement *made, reader *in, keyset *labels)
{
    sigb_rc rc = read_start(in);

    if (rc == SIGB_OK)
        rc = read_protected(made, in, labels);
    if (rc == SIGB_OK)
        rc = read_unprotected(made, in, labels);
    if (rc == SIGB_OK)
        rc = read_payload(made, in);
    if (rc == SIGB_OK)
        rc = read_signature(made, in);
    return rc == SIGB_OK ? reader_end(in) : rc;
}

static sigb_rc check_headers(sigb_statement *made, const reader *in, const keyset *labels)
{
    sigb_rc rc = check_claims(made, in);

    if (rc == SIGB_OK)
        rc = check_crit(made, in, labels);
    if (rc == SIGB_OK)
        rc = check_x5chain(made, in);
    if (rc == SIGB_OK)
        rc = check_x5t(made, in);
    if (rc == SIGB_OK)
        rc = check_envelope(made, in);
    if (rc == SIGB_OK)
        rc = check_receipts(made, in);
    return rc;
}

static sigb_rc read_statement(sigb_statement *made, sigb_bytes bytes, sigb_diag *diag)
{
    keyset labels;
    reader in;
    sigb_rc rc;

    sigb_buf_append(&made->bytes, bytes);
    if (made->bytes.failed)
        return sigb_no_memory(diag);
    in = reader_over(sigb_buf_bytes(&made->bytes), diag);
    rc = read_items(made, &in, &labels);
    if (rc == SIGB_OK)
        rc = check_headers(made, &in, &labels);
    if (rc == SIGB_OK && made->certs.failed)
        rc = sigb_no_memory(diag);
    return rc;
}

/* What to do about it, behind the words of what was found and what is wanted. */
static const struct advice_row {
    sigb_rc rc;
    const char *advice;
} ADVICE[] = {
    {SIGB_E_LIMIT, "larger ones are not read here: have its maker keep within that"},
    {SIGB_E_CBOR, "it is cut, damaged or no statement: take it anew from its source"},
    {SIGB_E_INDEFINITE, "have its maker write definite lengths"},
    {SIGB_E_DUPLICATE, "have its maker write each key once"},
    {SIGB_E_TRAILING, "take the statement anew from its source"},
    {SIGB_E_DEPTH, "have its maker nest less deeply"},
    {SIGB_E_TAG, "give the COSE_Sign1 itself, as its maker wrote it, tag included"},
    {SIGB_E_COSE, "give a COSE_Sign1, as its maker wrote it"},
    {SIGB_E_HEADER, "have its maker put the header right"},
    {SIGB_E_CRIT, "have its maker put crit right, or leave it out"},
    {SIGB_E_ENVELOPE, "have its maker put the hash envelope right"},
    {SIGB_E_DIGEST_LEN, "have its maker write the whole digest"},
    {SIGB_E_UNSUPPORTED, "have its maker use other keys"},
};

static void advise(sigb_rc rc, sigb_diag *diag)
{
    size_t len = diag == NULL ? 0 : strlen(diag->text);

    for (size_t i = 0; len > 0 && i < sizeof(ADVICE) / sizeof(ADVICE[0]); i++)
        if (ADVICE[i].rc == rc)
            (void)snprintf(diag->text + len, sizeof(diag->text) - len, "; %s", ADVICE[i].advice);
}

sigb_rc sigb_statement_parse(sigb_bytes bytes, sigb_statement **statement, sigb_diag *diag)
{
    sigb_statement *made;
    sigb_rc rc;

    if (statement == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the statement");
    if (bytes.len > SIGB_MAX_STATEMENT)
        return sigb_fail(
            diag, SIGB_E_LIMIT,
            "a statement of %zu bytes: at most %d are read; sign a digest of the payload instead", bytes.len,
            SIGB_MAX_STATEMENT);
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return sigb_no_memory(diag);
    rc = read_statement(made, bytes, diag);
    if (rc != SIGB_OK) {
        advise(rc, diag);
        sigb_statement_free(made);
        return rc;
    }
    *statement = made;
    return SIGB_OK;
}

void sigb_statement_free(sigb_statement *statement)
{
    if (statement == NULL)
        return;
    sigb_buf_free(&statement->bytes);
    sigb_buf_free(&statement->certs);
    OPENSSL_free(statement);
}
