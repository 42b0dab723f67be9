/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parses as a receipt can be shown, is attached and taken off again without
 * a trace, and is good for the statement below only if the ledger signed it: then
 * its header and its signature are those of the corpus.
 */
#include "cose/statement.h"
#include "ledger/receipt.h"
#include "tests/support/fuzz.h"
#include "tests/support/hex.h"

#define DUMP_MOST ((size_t)32 << 20) /* characters, whatever the receipt holds */

/* A statement that two logs of one token key hold, a root from before, and that key. */
static const char STATEMENT[] =
    "d2845818a201260fa2016d6469643a783530393a7465737402627b7da0427b7d58405020701da86b3e0e3e5861e8f233"
    "e6f256aea26abe98ec60c4e002fed9f9eb938f69328c8ccac589e912e24efd2b09f3493aa87fdd066814d486df706ef8"
    "d73b";
static const char OLDER_ROOT[] = "80597478a3473fb40064523be154ff346c9e6c0f58065c152a3d96701086d7a1";
static const char KEYS[] =
    "81a501020258406331653539626338333339316637373166313034656561383163313163626338323963666339386363"
    "32313531376439656538643137376332653232623839302001215820394eb7917d83a3f3e945d1d9fc59920f36cc2821"
    "d8c9990576d6b8ea6e89b7b0225820e300b6d9dbca5f841be1213d675bdea7d6f0d546de838e7fcb5649d61a4763aa";

static struct {
    sigb_buf bytes, older;
    sigb_statement *statement;
    sigb_keys *keys;
} known;

static void know(void)
{
    sigb_buf file = SIGB_BUF_INIT;

    if (known.keys != NULL)
        return;
    known.keys = sigb_keys_new();
    FUZZ_REQUIRE(sigb_keys_put(known.keys, hex_put(&file, KEYS), NULL, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_statement_parse(hex_put(&known.bytes, STATEMENT), &known.statement, NULL) == SIGB_OK);
    (void)hex_put(&known.older, OLDER_ROOT);
    sigb_buf_free(&file);
}

static void check_dump(const sigb_receipt *receipt)
{
    sigb_buf text = SIGB_BUF_INIT;

    FUZZ_REQUIRE(sigb_receipt_dump(receipt, &text, NULL) == SIGB_OK);
    FUZZ_REQUIRE(text.len <= DUMP_MOST && sigb_text_is_utf8(sigb_buf_bytes(&text)));
    for (size_t i = 0; i < text.len; i++)
        FUZZ_REQUIRE(text.ptr[i] >= 0x20 || text.ptr[i] == '\n');
    sigb_buf_free(&text);
}

/* The first signatures that were met as good: three seals of two logs made all that are in the corpus. */
static bool is_signed(const sigb_receipt *receipt)
{
    static sigb_buf signatures[2];
    sigb_bytes signature = statement_signature(receipt->cose);

    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        if (signatures[i].len == 0)
            sigb_buf_append(&signatures[i], signature);
        if (sigb_bytes_equal(sigb_buf_bytes(&signatures[i]), signature))
            return true;
    }
    return false;
}

static void check_verify(const sigb_receipt *receipt)
{
    sigb_receipt_facts facts;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_receipt_verify(receipt, known.statement, known.keys, &facts, &diag);

    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    if (rc == SIGB_OK)
        FUZZ_REQUIRE(is_signed(receipt));
    rc = sigb_receipt_verify_consistency(receipt, sigb_buf_bytes(&known.older), known.keys, &facts, &diag);
    if (rc == SIGB_OK)
        FUZZ_REQUIRE(is_signed(receipt));
}

static void check_there_and_back(sigb_bytes bytes)
{
    sigb_buf with = SIGB_BUF_INIT, without = SIGB_BUF_INIT;
    sigb_statement *transparent = NULL;
    sigb_receipt_form form;
    sigb_bytes rest, one;

    FUZZ_REQUIRE(sigb_statement_attach_receipt(known.statement, bytes, &with, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_statement_parse(sigb_buf_bytes(&with), &transparent, NULL) == SIGB_OK);
    rest = sigb_statement_receipt_list(transparent);
    FUZZ_REQUIRE(sigb_receipts_next(&rest, &one, &form) && form == SIGB_RECEIPT_WRAPPED);
    FUZZ_REQUIRE(sigb_bytes_equal(one, bytes) && rest.len == 0);
    FUZZ_REQUIRE(sigb_statement_detach_receipt(transparent, 0, &without, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&without), sigb_buf_bytes(&known.bytes)));
    sigb_statement_free(transparent);
    sigb_buf_free(&with);
    sigb_buf_free(&without);
}

/* The same bytes as a statement: as many receipts as are counted, and each can be asked for. */
static void check_list(sigb_bytes bytes)
{
    sigb_statement *statement = NULL;
    sigb_bytes rest, one;
    size_t count = 0;

    if (sigb_statement_parse(bytes, &statement, NULL) != SIGB_OK)
        return;
    for (rest = sigb_statement_receipt_list(statement); sigb_receipts_next(&rest, &one, NULL); count++) {
        sigb_receipt *receipt = NULL;

        if (sigb_receipt_parse(one, &receipt, NULL) == SIGB_OK &&
            sigb_receipt_verify(receipt, statement, known.keys, NULL, NULL) == SIGB_OK)
            FUZZ_REQUIRE(is_signed(receipt));
        sigb_receipt_free(receipt);
    }
    FUZZ_REQUIRE(count == sigb_statement_receipts(statement));
    sigb_statement_free(statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_receipt *receipt = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    know();
    rc = sigb_receipt_parse(sigb_bytes_of(data, size), &receipt, &diag);
    FUZZ_REQUIRE((rc == SIGB_OK) == (receipt != NULL));
    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    check_list(sigb_bytes_of(data, size));
    if (receipt == NULL)
        return 0;
    check_dump(receipt);
    check_verify(receipt);
    check_there_and_back(sigb_bytes_of(data, size));
    sigb_receipt_free(receipt);
    return 0;
}
