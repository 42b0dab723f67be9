/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token or response of a TSA, as a statement or a stranger brings it: it can be
 * shown, its token parses as the same again, and it is judged without harm, against
 * the statement of RFC 9921, 3.1.1, and with its own last certificate pinned.
 */
#include "tests/support/fuzz.h"

#include <openssl/err.h>

#include <sigbridge/sigbridge.h>

static const uint8_t STATEMENT[] = {
    0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x54, 0x54, 0x68, 0x69, 0x73, 0x20, 0x69, 0x73, 0x20,
    0x74, 0x68, 0x65, 0x20, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x2e, 0x58, 0x40, 0x8e, 0xb3,
    0x3e, 0x4c, 0xa3, 0x1d, 0x1c, 0x46, 0x5a, 0xb0, 0x5a, 0xac, 0x34, 0xcc, 0x6b, 0x23, 0xd5, 0x8f,
    0xef, 0x5c, 0x08, 0x31, 0x06, 0xc4, 0xd2, 0x5a, 0x91, 0xae, 0xf0, 0xb0, 0x11, 0x7e, 0x2a, 0xf9,
    0xa2, 0x91, 0xaa, 0x32, 0xe1, 0x4a, 0xb8, 0x34, 0xdc, 0x56, 0xed, 0x2a, 0x22, 0x34, 0x44, 0x54,
    0x7e, 0x01, 0xf1, 0x1d, 0x3b, 0x09, 0x16, 0xe5, 0xa4, 0xc3, 0x45, 0xca, 0xcb, 0x36};

static void require_dump(const sigb_timestamp *timestamp)
{
    sigb_buf text = SIGB_BUF_INIT;

    FUZZ_REQUIRE(sigb_timestamp_dump(timestamp, &text, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_text_is_utf8(sigb_buf_bytes(&text)));
    for (size_t i = 0; i < text.len; i++)
        FUZZ_REQUIRE(text.ptr[i] >= 0x20 || text.ptr[i] == '\n');
    sigb_buf_free(&text);
}

static void require_same_again(const sigb_timestamp *timestamp)
{
    sigb_timestamp *again = NULL;

    FUZZ_REQUIRE(sigb_timestamp_parse(sigb_timestamp_token(timestamp), &again, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_timestamp_token(timestamp), sigb_timestamp_token(again)));
    FUZZ_REQUIRE(sigb_timestamp_time(timestamp) == sigb_timestamp_time(again));
    FUZZ_REQUIRE(sigb_timestamp_nanoseconds(timestamp) < 1000000000);
    FUZZ_REQUIRE(strcmp(sigb_timestamp_policy(timestamp), sigb_timestamp_policy(again)) == 0);
    sigb_timestamp_free(again);
}

/* What it answers is the unit tests' business; what is attached is there. */
static void judge(const sigb_timestamp *timestamp, const sigb_statement *statement)
{
    sigb_bytes rest = sigb_timestamp_certs(timestamp);
    sigb_timestamp_trust trust = {.certs = SIGB_BYTES_NONE};
    sigb_buf stamped = SIGB_BUF_INIT;
    sigb_timestamp_facts facts;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    while (sigb_certs_next(&rest, &trust.roots)) {
    }
    rc = sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE, &trust,
                               &facts, &diag);
    FUZZ_REQUIRE(rc == SIGB_OK ? facts.latest >= facts.time : diag.text[0] != '\0');
    FUZZ_REQUIRE(ERR_peek_error() == 0);
    FUZZ_REQUIRE(sigb_statement_attach_timestamp(statement, timestamp, &stamped, NULL) == SIGB_OK ||
                 rc != SIGB_OK);
    sigb_buf_free(&stamped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_bytes bytes = sigb_bytes_of(data, size);
    sigb_timestamp *timestamp = NULL;
    sigb_statement *statement = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_timestamp_parse(bytes, &timestamp, &diag);

    FUZZ_REQUIRE((rc == SIGB_OK) == (timestamp != NULL));
    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    FUZZ_REQUIRE(sigb_statement_parse(sigb_bytes_of(STATEMENT, sizeof(STATEMENT)), &statement, NULL) ==
                 SIGB_OK);
    if (timestamp != NULL) {
        require_dump(timestamp);
        require_same_again(timestamp);
        judge(timestamp, statement);
        (void)!sigb_timestamp_check_answer(timestamp, bytes, NULL);
    }
    sigb_statement_free(statement);
    sigb_timestamp_free(timestamp);
    return 0;
}
