/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever parses can be shown, and parses as the same once it is written with shortest heads. */
#include "cose/labels.h"
#include "cose/parsed.h"
#include "cose/sig_structure.h"
#include "cose/statement.h"
#include "cose/writer.h"
#include "tests/support/fuzz.h"

#define DUMP_MOST ((size_t)32 << 20) /* characters, whatever the statement holds */

static void write_again(sigb_buf *out, const sigb_statement *statement)
{
    put_tag(out, COSE_TAG_SIGN1);
    put_array(out, 4);
    put_bstr(out, statement_protected(statement));
    sigb_buf_append(out, statement->unprotected_map);
    if (sigb_statement_detached(statement))
        put_null(out);
    else
        put_bstr(out, sigb_statement_payload(statement));
    put_bstr(out, statement_signature(statement));
    FUZZ_REQUIRE(!out->failed);
}

static void require_same(const sigb_statement *a, const sigb_statement *b)
{
    int64_t x = 0, y = 0;
    sigb_hash hash_a = SIGB_HASH_NONE, hash_b = SIGB_HASH_NONE;
    sigb_bytes digest_a = SIGB_BYTES_NONE, digest_b = SIGB_BYTES_NONE;

    FUZZ_REQUIRE(sigb_statement_alg(a) == sigb_statement_alg(b));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_issuer(a), sigb_statement_issuer(b)));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_subject(a), sigb_statement_subject(b)));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_content_type(a), sigb_statement_content_type(b)));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_location(a), sigb_statement_location(b)));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_certs(a), sigb_statement_certs(b)));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_statement_payload(a), sigb_statement_payload(b)));
    FUZZ_REQUIRE(sigb_statement_detached(a) == sigb_statement_detached(b));
    FUZZ_REQUIRE(sigb_statement_hash(a) == sigb_statement_hash(b));
    FUZZ_REQUIRE(sigb_statement_receipts(a) == sigb_statement_receipts(b));
    FUZZ_REQUIRE(sigb_statement_svn(a, &x) == sigb_statement_svn(b, &y) && x == y);
    FUZZ_REQUIRE(sigb_statement_issued_at(a, &x) == sigb_statement_issued_at(b, &y) && x == y);
    FUZZ_REQUIRE(statement_x5t(a, &hash_a, &digest_a) == statement_x5t(b, &hash_b, &digest_b));
    FUZZ_REQUIRE(hash_a == hash_b && sigb_bytes_equal(digest_a, digest_b));
    FUZZ_REQUIRE(statement_crit_fits(a, SIGB_PROFILE_MST) == statement_crit_fits(b, SIGB_PROFILE_MST));
}

static void check_round_trip(const sigb_statement *statement)
{
    sigb_buf once = SIGB_BUF_INIT, twice = SIGB_BUF_INIT;
    sigb_statement *again = NULL;

    write_again(&once, statement);
    FUZZ_REQUIRE(sigb_statement_parse(sigb_buf_bytes(&once), &again, NULL) == SIGB_OK);
    write_again(&twice, again);
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&once), sigb_buf_bytes(&twice)));
    require_same(statement, again);
    sigb_statement_free(again);
    sigb_buf_free(&once);
    sigb_buf_free(&twice);
}

static void check_dump(const sigb_statement *statement)
{
    sigb_buf text = SIGB_BUF_INIT;

    FUZZ_REQUIRE(sigb_statement_dump(statement, &text, NULL) == SIGB_OK);
    FUZZ_REQUIRE(text.len <= DUMP_MOST && sigb_text_is_utf8(sigb_buf_bytes(&text)));
    for (size_t i = 0; i < text.len; i++)
        FUZZ_REQUIRE(text.ptr[i] >= 0x20 || text.ptr[i] == '\n');
    sigb_buf_free(&text);
}

static void check_tbs(const sigb_statement *statement)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    reader in;

    sig_structure_put(&tbs, statement_protected(statement), sigb_statement_payload(statement));
    in = reader_over(sigb_buf_bytes(&tbs), NULL);
    FUZZ_REQUIRE(reader_item(&in, LENGTHS_DEFINITE, NULL) == SIGB_OK && reader_end(&in) == SIGB_OK);
    sigb_buf_free(&tbs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_statement *statement = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_statement_parse(sigb_bytes_of(data, size), &statement, &diag);

    FUZZ_REQUIRE((rc == SIGB_OK) == (statement != NULL));
    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    if (statement == NULL)
        return 0;
    check_round_trip(statement);
    check_dump(statement);
    check_tbs(statement);
    sigb_statement_free(statement);
    return 0;
}
