/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader against libcbor's decoder, and against itself: what is read and
 * written with shortest heads reads as the same.
 */
#include <string.h>

#include <cbor.h>

#include "cose/diag.h"
#include "cose/reader.h"
#include "cose/writer.h"
#include "tests/support/fuzz.h"

#define ORACLE_MOST 2048  /* bytes: libcbor nests as deep as it is told to */
#define DIAG_MOST   65536 /* characters of the notation of one item */

static sigb_rc read_all(sigb_bytes input, reader_lengths lengths, sigb_diag *diag)
{
    reader in = reader_over(input, diag);
    sigb_rc rc = reader_item(&in, lengths, NULL);

    return rc == SIGB_OK ? reader_end(&in) : rc;
}

/* ---- libcbor ---- */

/* It allocates what a head claims, so only heads whose count is in the first byte reach it. */
static bool oracle_is_safe(sigb_bytes input)
{
    for (size_t i = 0; i < input.len; i++)
        if ((input.ptr[i] >= 0x98 && input.ptr[i] <= 0x9B) || (input.ptr[i] >= 0xB8 && input.ptr[i] <= 0xBB))
            return false;
    return input.len <= ORACLE_MOST;
}

static bool oracle_accepts(sigb_bytes input)
{
    struct cbor_load_result result;
    cbor_item_t *loaded = input.len == 0 ? NULL : cbor_load(input.ptr, input.len, &result);
    bool whole = loaded != NULL && result.read == input.len;

    if (loaded != NULL)
        cbor_decref(&loaded);
    return whole;
}

/* Release 0.8 refuses tags 6 to 20 in one byte, and simple values without a name. */
static bool oracle_is_blind(sigb_bytes checked)
{
    while (checked.len > 0) {
        item head = item_take(&checked);

        if (head.kind == ITEM_TAG && head.width == 0 && head.value >= 6 && head.value <= 20)
            return true;
        if (head.kind == ITEM_SIMPLE && (head.value < SIMPLE_FALSE || head.value > SIMPLE_UNDEFINED))
            return true;
    }
    return false;
}

/* What this reader refuses though it is well-formed. */
static bool is_stricter(sigb_rc rc, const sigb_diag *diag)
{
    return rc == SIGB_E_DUPLICATE || rc == SIGB_E_DEPTH || rc == SIGB_E_LIMIT || rc == SIGB_E_UNSUPPORTED ||
           rc == SIGB_E_INDEFINITE || (rc == SIGB_E_CBOR && strstr(diag->text, "UTF-8") != NULL);
}

static void compare_with_oracle(sigb_bytes input, sigb_rc rc, const sigb_diag *diag)
{
    if (!oracle_is_safe(input))
        return;
    if (oracle_accepts(input))
        FUZZ_REQUIRE(rc == SIGB_OK || is_stricter(rc, diag));
    else
        FUZZ_REQUIRE(rc != SIGB_OK || oracle_is_blind(input));
}

/* ---- the reader itself ---- */

/* One head again, as short as it can be; heads that the writer has no word for are copied. */
static void put_again(sigb_buf *out, const item *head, sigb_bytes encoded)
{
    int64_t number;

    if (item_int(head, &number))
        put_int(out, number);
    else if (head->kind == ITEM_BSTR && !head->indefinite)
        put_bstr(out, head->body);
    else if (head->kind == ITEM_ARRAY && !head->indefinite)
        put_array(out, (size_t)head->value);
    else if (head->kind == ITEM_MAP && !head->indefinite)
        put_map(out, (size_t)head->value);
    else if (head->kind == ITEM_TAG)
        put_tag(out, head->value);
    else if (item_is_null(head))
        put_null(out);
    else
        sigb_buf_append(out, encoded);
}

static void write_again(sigb_buf *out, sigb_bytes checked)
{
    while (checked.len > 0) {
        sigb_bytes before = checked;
        item head = item_take(&checked);

        put_again(out, &head, sigb_bytes_of(before.ptr, before.len - checked.len));
    }
    FUZZ_REQUIRE(!out->failed);
}

static void check_round_trip(sigb_bytes input)
{
    sigb_buf once = SIGB_BUF_INIT, twice = SIGB_BUF_INIT;
    sigb_buf shown = SIGB_BUF_INIT, shown_again = SIGB_BUF_INIT;

    write_again(&once, input);
    FUZZ_REQUIRE(once.len <= input.len);
    FUZZ_REQUIRE(read_all(sigb_buf_bytes(&once), LENGTHS_ANY, NULL) == SIGB_OK);
    write_again(&twice, sigb_buf_bytes(&once));
    FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&once), sigb_buf_bytes(&twice)));

    diag_put(&shown, input);
    diag_put(&shown_again, sigb_buf_bytes(&once));
    FUZZ_REQUIRE(!shown.failed && shown.len <= DIAG_MOST && sigb_text_is_utf8(sigb_buf_bytes(&shown)));
    if (once.len == input.len) /* else the length of a cut item may differ */
        FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&shown), sigb_buf_bytes(&shown_again)));
    sigb_buf_free(&once);
    sigb_buf_free(&twice);
    sigb_buf_free(&shown);
    sigb_buf_free(&shown_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_bytes input = sigb_bytes_of(data, size);
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = read_all(input, LENGTHS_ANY, &diag), strict = read_all(input, LENGTHS_DEFINITE, NULL);

    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    FUZZ_REQUIRE(rc == strict || strict == SIGB_E_INDEFINITE);
    compare_with_oracle(input, rc, &diag);
    if (rc == SIGB_OK)
        check_round_trip(input);
    return 0;
}
