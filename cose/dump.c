/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A statement for a person to read. Nothing here is checked, so nothing here
 * may sound as if it were. Output is bounded whatever the statement holds:
 * strings and items are cut (diag.c), receipts counted and not entered twice.
 */
#include "base/alg.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "cose/diag.h"
#include "cose/labels.h"
#include "cose/parsed.h"
#include "timestamp/timestamp.h"

#define RECEIPTS_SHOWN 16

typedef struct dump {
    sigb_buf *out;
    unsigned indent;
    bool inside_receipt;
    sigb_diag *diag;
} dump;

static sigb_rc put_statement(dump *to, const sigb_statement *statement);

static void put_indent(const dump *to)
{
    for (unsigned i = 0; i < to->indent; i++)
        text_put(to->out, "  ");
}

static void end_line(const dump *to)
{
    text_put(to->out, "\n");
}

/* ---- values that are more than their notation ---- */

static sigb_rc put_notation(dump *to, sigb_bytes value)
{
    diag_put(to->out, value);
    end_line(to);
    return SIGB_OK;
}

/* "ES256 (-7)" */
static void put_named(dump *to, sigb_bytes value, const char *name)
{
    text_putf(to->out, "%s (", name == NULL ? "unknown" : name);
    diag_put(to->out, value);
    text_put(to->out, ")");
}

static sigb_rc put_alg(dump *to, sigb_bytes value)
{
    item head = item_of(value);
    int64_t id = 0;
    const alg_row *row;

    (void)item_int(&head, &id);
    row = alg_row_of(id);
    put_named(to, value, row == NULL ? NULL : row->name);
    end_line(to);
    return SIGB_OK;
}

static void put_hash_name(dump *to, sigb_bytes value)
{
    item head = item_of(value);
    int64_t id = 0;
    const hash_row *row;

    (void)item_int(&head, &id);
    row = hash_row_of(id);
    put_named(to, value, row == NULL ? NULL : row->name);
}

static sigb_rc put_hash(dump *to, sigb_bytes value)
{
    put_hash_name(to, value);
    end_line(to);
    return SIGB_OK;
}

static sigb_rc put_x5t(dump *to, sigb_bytes value)
{
    (void)item_take(&value); /* the array, of two, as the parser checked */
    put_hash_name(to, item_take_whole(&value));
    text_put(to->out, " ");
    return put_notation(to, value);
}

/* Seconds, or tag 1 around them, with the date; anything else as it stands. */
static sigb_rc put_time(dump *to, sigb_bytes value)
{
    sigb_bytes rest = value;
    item head = item_take(&rest);
    char room[TIME_TEXT];
    int64_t at;

    diag_put(to->out, value);
    if (head.kind == ITEM_TAG && head.value == CBOR_TAG_EPOCH)
        head = item_take(&rest);
    if (item_int(&head, &at))
        text_putf(to->out, " (%s)", time_text(at, room));
    end_line(to);
    return SIGB_OK;
}

static sigb_rc put_cert(dump *to, sigb_bytes der)
{
    sigb_rc rc;

    put_indent(to);
    rc = sigb_certs_describe(der, to->out, to->diag);
    if (rc != SIGB_E_CERT_DER)
        return rc;
    text_putf(to->out, "unreadable certificate of %zu bytes\n", der.len);
    return SIGB_OK;
}

/* Walks the CBOR, whose every certificate the parser found to be one DER SEQUENCE. */
static sigb_rc put_certs(dump *to, sigb_bytes value)
{
    sigb_bytes rest = value;
    item head = item_take(&rest);
    size_t count = head.kind == ITEM_BSTR ? 1 : (size_t)head.value;
    sigb_rc rc = SIGB_OK;

    text_putf(to->out, "%zu certificate%s, leaf first\n", count, count == 1 ? "" : "s");
    to->indent++;
    for (size_t i = 0; rc == SIGB_OK && i < count; i++) {
        item cert = head.kind == ITEM_BSTR ? head : item_take(&rest);
        rc = put_cert(to, cert.body);
    }
    to->indent--;
    return rc;
}

/* ---- time stamps ---- */

/* Outside of the signature, or signed unseen: one that cannot be read is shown as what it is. */
static sigb_rc put_timestamp(dump *to, sigb_bytes value)
{
    item head = item_of(value);
    sigb_timestamp *timestamp = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_timestamp_parse(head.body, &timestamp, &why);

    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(to->diag);
    text_putf(to->out, "time stamp, %zu bytes", head.body.len);
    if (rc != SIGB_OK) {
        text_put(to->out, " that cannot be read (");
        sigb_text_escape(to->out, sigb_bytes_text(why.text));
        text_put(to->out, "): ");
        return put_notation(to, value);
    }
    text_put(to->out, ", not checked:\n");
    rc = stamp_put(timestamp, to->indent + 1, to->out, to->diag);
    sigb_timestamp_free(timestamp);
    return rc;
}

/* ---- receipts ---- */

/* Additions that nobody signed: one that cannot be read is shown as what it is. */
static sigb_rc put_receipt(dump *to, sigb_bytes element, size_t index)
{
    item head = item_of(element);
    sigb_statement *receipt = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_statement_parse(head.kind == ITEM_BSTR ? head.body : element, &receipt, &why);

    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(to->diag);
    put_indent(to);
    text_putf(to->out, "receipt %zu:", index + 1);
    if (rc == SIGB_OK) {
        end_line(to);
        to->indent++;
        rc = put_statement(to, receipt);
        to->indent--;
        sigb_statement_free(receipt);
        return rc;
    }
    text_put(to->out, " not a COSE_Sign1 (");
    sigb_text_escape(to->out, sigb_bytes_text(why.text));
    text_put(to->out, "): ");
    return put_notation(to, element);
}

static sigb_rc put_receipts(dump *to, sigb_bytes value)
{
    sigb_bytes rest = value;
    size_t count = (size_t)item_take(&rest).value;
    sigb_rc rc = SIGB_OK;

    if (to->inside_receipt)
        return put_notation(to, value);
    text_putf(to->out, "%zu\n", count);
    to->inside_receipt = true;
    to->indent++;
    for (size_t i = 0; rc == SIGB_OK && i < count && i < RECEIPTS_SHOWN; i++)
        rc = put_receipt(to, item_take_whole(&rest), i);
    if (count > RECEIPTS_SHOWN) {
        put_indent(to);
        text_putf(to->out, "... and %zu more\n", count - RECEIPTS_SHOWN);
    }
    to->indent--;
    to->inside_receipt = false;
    return rc;
}

/* ---- maps of labels ---- */

static sigb_rc put_claims(dump *to, sigb_bytes value);

/* Slots whose values are more than their notation. */
static const struct {
    const label_table *table;
    int slot;
    sigb_rc (*put)(dump *to, sigb_bytes value);
} SPECIAL[] = {
    {&HEADERS, H_ALG, put_alg},           {&HEADERS, H_CLAIMS, put_claims},
    {&HEADERS, H_X5CHAIN, put_certs},     {&HEADERS, H_X5T, put_x5t},
    {&HEADERS, H_PAYLOAD_HASH, put_hash}, {&HEADERS, H_RECEIPTS, put_receipts},
    {&CLAIMS, C_EXP, put_time},           {&CLAIMS, C_NBF, put_time},
    {&CLAIMS, C_IAT, put_time},           {&HEADERS, H_TTC, put_timestamp},
    {&HEADERS, H_CTT, put_timestamp},
};

static sigb_rc put_value(dump *to, const label_table *table, int slot, sigb_bytes value)
{
    for (size_t i = 0; i < sizeof(SPECIAL) / sizeof(SPECIAL[0]); i++)
        if (SPECIAL[i].table == table && SPECIAL[i].slot == slot)
            return SPECIAL[i].put(to, value);
    return put_notation(to, value);
}

/* "alg (1): ", or the label alone where it is not known */
static void put_label(dump *to, const label_table *table, int slot, sigb_bytes label)
{
    put_indent(to);
    if (slot >= 0)
        text_putf(to->out, "%s (", table->rows[slot].name);
    diag_put(to->out, label);
    text_put(to->out, slot >= 0 ? "):" : ":");
    if (table != &HEADERS || slot != H_CLAIMS) /* which stand on lines of their own */
        text_put(to->out, " ");
}

static sigb_rc put_labels(dump *to, const label_table *table, sigb_bytes map)
{
    sigb_rc rc = SIGB_OK;

    (void)item_take(&map);
    to->indent++;
    while (rc == SIGB_OK && map.len > 0) {
        sigb_bytes label = item_take_whole(&map);
        item head = item_of(label);
        int slot = label_find(table, &head);

        put_label(to, table, slot, label);
        rc = put_value(to, table, slot, item_take_whole(&map));
    }
    to->indent--;
    return rc;
}

static sigb_rc put_claims(dump *to, sigb_bytes value)
{
    end_line(to);
    return put_labels(to, &CLAIMS, value);
}

static sigb_rc put_header(dump *to, const char *what, sigb_bytes map)
{
    put_indent(to);
    text_putf(to->out, "%s, %zu bytes:\n", what, map.len);
    return put_labels(to, &HEADERS, map);
}

/* ---- the statement ---- */

static void put_bytes(dump *to, const char *what, sigb_bytes bytes)
{
    put_indent(to);
    text_putf(to->out, "%s, %zu bytes: ", what, bytes.len);
    diag_put_bytes(to->out, bytes);
    end_line(to);
}

static sigb_rc put_statement(dump *to, const sigb_statement *statement)
{
    sigb_rc rc;

    put_indent(to);
    text_putf(to->out, "COSE_Sign1, %zu bytes, not checked:\n", statement->bytes.len);
    to->indent++;
    rc = put_header(to, "protected header", statement->protected_map);
    if (rc == SIGB_OK)
        rc = put_header(to, "unprotected header", statement->unprotected_map);
    if (rc == SIGB_OK && statement->detached) {
        put_indent(to);
        text_put(to->out, "payload: detached\n");
    } else if (rc == SIGB_OK) {
        put_bytes(to, "payload", statement->payload);
    }
    if (rc == SIGB_OK)
        put_bytes(to, "signature", statement->signature);
    to->indent--;
    return rc;
}

sigb_rc sigb_statement_dump(const sigb_statement *statement, sigb_buf *text, sigb_diag *diag)
{
    dump to = {text, 0, false, diag};
    size_t before;
    sigb_rc rc;

    if (statement == NULL || text == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a dump needs a statement and a place to be put");
    before = text->len;
    rc = put_statement(&to, statement);
    if (rc == SIGB_OK && text->failed)
        rc = sigb_no_memory(diag);
    if (rc != SIGB_OK)
        text->len = before;
    return rc;
}
