/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>

#include "cose/statement.h"
#include "cose/writer.h"
#include "tests/support/corpus.h"
#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static sigb_rc parse_hex(const char *text, sigb_statement **statement, sigb_diag *diag)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_parse(hex_put(&room, text), statement, diag);

    sigb_buf_free(&room);
    return rc;
}

/* A statement of a protected map, an unprotected map, the payload and a signature, each as hexadecimal CBOR. */
static sigb_rc parse_parts(const char *protected_map, const char *unprotected, const char *payload,
                           sigb_statement **statement, sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT, room = SIGB_BUF_INIT;
    sigb_rc rc;

    hex_put(&content, protected_map);
    hex_put(&room, "d2 84");
    put_bstr(&room, sigb_buf_bytes(&content));
    hex_put(&room, unprotected);
    hex_put(&room, payload);
    rc = sigb_statement_parse(hex_put(&room, "4101"), statement, diag);
    sigb_buf_free(&content);
    sigb_buf_free(&room);
    return rc;
}

static sigb_rc parse_refused(const char *protected_map, const char *unprotected, const char *payload,
                             sigb_diag *diag)
{
    sigb_statement *statement = NULL;
    sigb_rc rc = parse_parts(protected_map, unprotected, payload, &statement, diag);

    if (rc != SIGB_OK)
        assert_null(statement);
    sigb_statement_free(statement);
    return rc;
}

static bool is_text(sigb_bytes bytes, const char *text)
{
    return sigb_bytes_equal(bytes, sigb_bytes_text(text));
}

/* ---- the envelope ---- */

static void envelopes_that_are_refused(void **state)
{
    static const struct {
        const char *hex;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"", SIGB_E_CBOR, "ends at byte 0"},
        {"84 40 a0 4101 4101", SIGB_E_TAG, "an array where tag 18"},
        {"d1 84 40 a0 4101 4101", SIGB_E_TAG, "tag 17 where tag 18"},
        {"d862 84 40 a0 4101 4101", SIGB_E_TAG, "tag 98"},
        {"30820100", SIGB_E_TAG, "a negative number where tag 18"},
        {"d2", SIGB_E_CBOR, "ends"},
        {"d2 d2 84 40 a0 4101 4101", SIGB_E_COSE, "COSE_Sign1 is a tagged item; an array is wanted"},
        {"d2 83 40 a0 4101", SIGB_E_COSE, "has 3 items"},
        {"d2 85 40 a0 4101 4101 00", SIGB_E_COSE, "has 5 items"},
        {"d2 a0", SIGB_E_COSE, "COSE_Sign1 is a map"},
        {"d2 9f 40 a0 4101 4101 ff", SIGB_E_INDEFINITE, "COSE_Sign1 has an indefinite length"},
        {"d2 84 5f40ff a0 4101 4101", SIGB_E_INDEFINITE, "protected header has an indefinite length"},
        {"d2 84 40 bfff 4101 4101", SIGB_E_INDEFINITE, "unprotected header has an indefinite length"},
        {"d2 84 40 a0 5f4101ff 4101", SIGB_E_INDEFINITE, "payload has an indefinite length"},
        {"d2 84 40 a0 4101 5f4101ff", SIGB_E_INDEFINITE, "signature has an indefinite length"},
        {"d2 84 42bfff a0 4101 4101", SIGB_E_INDEFINITE, "protected header has an indefinite length"},
        {"d2 84 a0 a0 4101 4101", SIGB_E_COSE, "protected header is a map; a byte string is wanted"},
        {"d2 84 60 a0 4101 4101", SIGB_E_COSE, "protected header is a text"},
        {"d2 84 4180 a0 4101 4101", SIGB_E_COSE, "protected header is an array; a map is wanted"},
        {"d2 84 42a000 a0 4101 4101", SIGB_E_TRAILING, "1 bytes behind the end"},
        {"d2 84 40 80 4101 4101", SIGB_E_COSE, "unprotected header is an array"},
        {"d2 84 40 f6 4101 4101", SIGB_E_COSE, "unprotected header is a simple value"},
        {"d2 84 40 a0 6101 4101", SIGB_E_COSE, "payload is a text"},
        {"d2 84 40 a0 f7 4101", SIGB_E_COSE, "payload is a simple value"},
        {"d2 84 40 a0 4101 f6", SIGB_E_COSE, "signature is a simple value"},
        {"d2 84 40 a0 4101", SIGB_E_CBOR, "ends at byte 6"},
        {"d2 84 40 a0", SIGB_E_CBOR, "an array of length 4"},
        {"d2 84 40 a0 4101 4101 00", SIGB_E_TRAILING, "1 bytes behind the end, from byte 8"},
        {"d2 84 41a1 a0 4101 4101", SIGB_E_CBOR, "a map of length 1"},
        {"d2 9a0fffffff", SIGB_E_CBOR, "an array of length"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_statement *statement = NULL;
        print_message("%s\n", rows[i].hex);
        assert_refused(parse_hex(rows[i].hex, &statement, diag), rows[i].rc, rows[i].words);
        assert_null(statement);
    }
}

static void every_prefix_of_a_statement_is_refused(void **state)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_bytes all = hex_put(&room, "d2 84 48 a2012603636d2f6d a1044131 4101 4101");
    sigb_statement *statement = NULL;

    (void)state;
    for (size_t len = 0; len < all.len; len++)
        assert_int_not_equal(sigb_statement_parse(sigb_bytes_of(all.ptr, len), &statement, NULL), SIGB_OK);
    assert_null(statement);
    assert_int_equal(sigb_statement_parse(all, &statement, NULL), SIGB_OK);
    sigb_statement_free(statement);
    sigb_buf_free(&room);
}

static void too_large_is_refused_unread(void **state)
{
    static uint8_t bytes[SIGB_MAX_STATEMENT + 1];
    sigb_statement *statement = NULL;

    (void)state;
    bytes[0] = 0xD2;
    assert_refused(sigb_statement_parse(sigb_bytes_of(bytes, sizeof(bytes)), &statement, diag), SIGB_E_LIMIT,
                   "16777217 bytes: at most 16777216");
    assert_refused(sigb_statement_parse(sigb_bytes_of(bytes, sizeof(bytes) - 1), &statement, diag),
                   SIGB_E_COSE, "a number; an array is wanted");
    assert_refused(sigb_statement_parse(sigb_bytes_of(bytes, 1), NULL, diag), SIGB_E_USAGE, "no place");
    assert_null(statement);
    sigb_statement_free(NULL);
}

/* Both spellings of an empty protected map are met (RFC 9052, 3). */
static void empty_protected_headers_are_read(void **state)
{
    static const char *const rows[] = {"d2 84 40 a0 4101 4101", "d2 84 41a0 a0 4101 4101"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_statement *statement = NULL;
        int64_t number;
        sigb_hash hash;
        sigb_bytes digest;

        assert_refused(parse_hex(rows[i], &statement, diag), SIGB_OK, "");
        assert_int_equal(sigb_statement_alg(statement), 0);
        assert_int_equal(sigb_statement_issuer(statement).len, 0);
        assert_int_equal(sigb_statement_subject(statement).len, 0);
        assert_int_equal(sigb_statement_content_type(statement).len, 0);
        assert_int_equal(sigb_statement_location(statement).len, 0);
        assert_int_equal(sigb_statement_certs(statement).len, 0);
        assert_int_equal(sigb_statement_receipts(statement), 0);
        assert_int_equal(sigb_statement_hash(statement), SIGB_HASH_NONE);
        assert_false(sigb_statement_svn(statement, &number));
        assert_false(sigb_statement_issued_at(statement, &number));
        assert_false(sigb_statement_detached(statement));
        assert_false(statement_has_claims(statement));
        assert_false(statement_is_envelope(statement));
        assert_false(statement_x5t(statement, &hash, &digest));
        assert_int_equal(statement_x5chain(statement).len, 0);
        assert_int_equal(sigb_statement_payload(statement).len, 1);
        assert_int_equal(statement_signature(statement).len, 1);
        sigb_statement_free(statement);
    }
}

/* Signed bytes are never encoded again, so any head will do where a shorter one exists. */
static void longer_heads_are_tolerated(void **state)
{
    sigb_statement *statement = NULL;
    sigb_buf wanted = SIGB_BUF_INIT;

    (void)state;
    assert_refused(
        parse_hex("d812 9804 590006 a11801 390006 b800 5801 2a 5b0000000000000001 2b", &statement, diag),
        SIGB_OK, "");
    assert_int_equal(sigb_statement_alg(statement), SIGB_ES256);
    assert_true(sigb_bytes_equal(statement_protected(statement), hex_put(&wanted, "a11801390006")));
    assert_int_equal(sigb_statement_payload(statement).ptr[0], 0x2a);
    assert_int_equal(statement_signature(statement).ptr[0], 0x2b);
    sigb_buf_free(&wanted);
    sigb_statement_free(statement);
}

/* ---- headers ---- */

#define CERT_A "43300101" /* a byte string that holds a DER SEQUENCE of one byte: enough for the parser */
#define CERT_B "43300102"

static const struct {
    const char *protected_map, *unprotected;
    sigb_rc rc;
    const char *words;
} REFUSED_HEADERS[] = {
    /* labels */
    {"a2 0126 0126", "a0", SIGB_E_DUPLICATE, "twice"},
    {"a2 0126 180126", "a0", SIGB_E_DUPLICATE, "twice"},
    {"a2 6161f6 780161f6", "a0", SIGB_E_DUPLICATE, "twice"},
    {"a0", "a2 04410104 4102", SIGB_E_DUPLICATE, "twice"},
    {"a1 044101", "a1 044101", SIGB_E_HEADER, "in both header maps"},
    {"a1 044101", "a1 1804 4101", SIGB_E_HEADER, "in both header maps"},
    {"a1 190400f6", "a1 190400f6", SIGB_E_HEADER, "in both header maps"},
    {"a1 6161f6", "a1 6161f6", SIGB_E_HEADER, "in both header maps"},
    {"a1 4101f6", "a0", SIGB_E_COSE, "protected header holds a byte string as a label"},
    {"a0", "a1 f4f6", SIGB_E_COSE, "unprotected header holds a simple value as a label"},
    {"a1 80f6", "a0", SIGB_E_COSE, "an array as a label"},
    /* types */
    {"a1 01 654553323536", "a0", SIGB_E_HEADER, "alg in the protected header is a text"},
    {"a1 01 1b8000000000000000", "a0", SIGB_E_HEADER, "alg in the protected header does not fit 64 bits"},
    {"a1 03 20", "a0", SIGB_E_HEADER, "content type in the protected header is a negative number"},
    {"a1 03 4101", "a0", SIGB_E_HEADER, "content type"},
    {"a1 04 6131", "a0", SIGB_E_HEADER, "kid in the protected header is a text"},
    {"a0", "a1 04 01", SIGB_E_HEADER, "kid in the unprotected header is a number"},
    {"a1 0f 80", "a0", SIGB_E_HEADER, "CWT claims in the protected header is an array"},
    {"a1 1821 6130", "a0", SIGB_E_HEADER, "x5chain in the protected header is a text"},
    {"a1 1822 41ff", "a0", SIGB_E_HEADER, "x5t in the protected header is a byte string"},
    {"a1 190102 67736861 2d323536", "a0", SIGB_E_HEADER, "payload hash in the protected header is a text"},
    {"a1 190103 4101", "a0", SIGB_E_HEADER, "preimage content type"},
    {"a1 190104 01", "a0", SIGB_E_HEADER, "payload location"},
    {"a1 190187 01", "a0", SIGB_E_HEADER, "issuer (legacy)"},
    {"a1 19018b 6131", "a0", SIGB_E_HEADER, "vds"},
    {"a1 6373766e 6131", "a0", SIGB_E_HEADER, "svn (legacy)"},
    {"a0", "a1 19018a 4101", SIGB_E_HEADER, "receipts in the unprotected header is a byte string"},
    {"a0", "a1 19018a 80", SIGB_E_HEADER, "receipts is an empty array"},
    {"a0", "a1 19018c 80", SIGB_E_HEADER, "vdp"},
    /* places */
    {"a0", "a1 0126", SIGB_E_HEADER, "alg stands in the unprotected header"},
    {"a0", "a1 0fa0", SIGB_E_HEADER, "CWT claims stands in the unprotected header"},
    {"a0", "a1 1821" CERT_A, SIGB_E_HEADER, "x5chain stands in the unprotected header"},
    {"a0", "a1 1822 822f4101", SIGB_E_HEADER, "x5t stands in the unprotected header"},
    {"a0", "a1 1901022f", SIGB_E_HEADER, "payload hash stands in the unprotected header"},
    {"a0", "a1 1901036161", SIGB_E_HEADER, "preimage content type stands in the unprotected"},
    {"a0", "a1 1901046161", SIGB_E_HEADER, "payload location stands in the unprotected"},
    {"a0", "a1 19018b02", SIGB_E_HEADER, "vds stands in the unprotected header"},
    {"a1 19018a 814101", "a0", SIGB_E_HEADER, "receipts stands in the protected header"},
    {"a1 19018c a0", "a0", SIGB_E_HEADER, "vdp stands in the protected header"},
    {"a1 19010e 4101", "a0", SIGB_E_HEADER, "3161-ctt stands in the protected header"},
    {"a0", "a1 19010d 4101", SIGB_E_HEADER, "3161-ttc stands in the unprotected header"},
    /* lengths and depth */
    {"a1 03 7f6161ff", "a0", SIGB_E_INDEFINITE, "a text of indefinite length"},
    {"a1 0f a1 6161 9fff", "a0", SIGB_E_INDEFINITE, "an array of indefinite length"},
    {"a1 5f6161ff f6", "a0", SIGB_E_INDEFINITE, "a byte string of indefinite length"},
    {"a1 190400 8181818181818181818181818181818181 00", "a0", SIGB_E_DEPTH, "deeper than 16"},
    /* claims */
    {"a1 0f a1 01 01", "a0", SIGB_E_HEADER, "iss in the CWT claims is a number"},
    {"a1 0f a1 02 4101", "a0", SIGB_E_HEADER, "sub in the CWT claims is a byte string"},
    {"a1 0f a1 6373766e 6137", "a0", SIGB_E_HEADER, "svn in the CWT claims is a text"},
    {"a1 0f a1 6373766e f94700", "a0", SIGB_E_HEADER, "svn in the CWT claims is a float"},
    {"a1 0f a1 6373766e c24107", "a0", SIGB_E_HEADER, "svn in the CWT claims is a tagged item"},
    {"a1 0f a1 6373766e 1b8000000000000000", "a0", SIGB_E_HEADER, "svn in the CWT claims does not fit"},
    {"a1 0f a1 4101 01", "a0", SIGB_E_COSE, "CWT claims holds a byte string as a label"},
    {"a1 0f a2 01 6161 1801 6161", "a0", SIGB_E_DUPLICATE, "twice"},
    /* certificates */
    {"a1 1821 80", "a0", SIGB_E_HEADER, "holds no certificate"},
    {"a1 1821 40", "a0", SIGB_E_HEADER, "certificate 1 of x5chain is not one DER SEQUENCE"},
    {"a1 1821 82" CERT_A "443001 0101", "a0", SIGB_E_HEADER, "certificate 2 of x5chain is not one DER"},
    {"a1 1821 82" CERT_A "423001", "a0", SIGB_E_HEADER, "certificate 2 of x5chain is not one DER"},
    {"a1 1821 8201" CERT_A, "a0", SIGB_E_HEADER, "x5chain holds a number"},
    {"a1 1821 91" CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A CERT_A
         CERT_A CERT_A CERT_A CERT_A,
     "a0", SIGB_E_LIMIT, "more than 16 certificates"},
    {"a1 1822 80", "a0", SIGB_E_HEADER, "x5t is not an array of a hash and a digest"},
    {"a1 1822 83 2f 4101 00", "a0", SIGB_E_HEADER, "x5t is not"},
    {"a1 1822 82 4101 4101", "a0", SIGB_E_HEADER, "x5t is not"},
    {"a1 1822 82 2f 6131", "a0", SIGB_E_HEADER, "x5t is not"},
    {"a1 1822 82 2f 4101", "a0", SIGB_E_DIGEST_LEN, "x5t has 1 bytes where a sha256 digest has 32"},
};

static void headers_that_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED_HEADERS); i++) {
        print_message("%s / %s\n", REFUSED_HEADERS[i].protected_map, REFUSED_HEADERS[i].unprotected);
        assert_refused(
            parse_refused(REFUSED_HEADERS[i].protected_map, REFUSED_HEADERS[i].unprotected, "4101", diag),
            REFUSED_HEADERS[i].rc, REFUSED_HEADERS[i].words);
    }
}

static void every_refusal_says_what_to_do(void **state)
{
    static const struct {
        const char *hex, *words;
    } rows[] = {
        {"", "; it is cut, damaged or no statement: take it anew from its source"},
        {"80", "; give the COSE_Sign1 itself, as its maker wrote it, tag included"},
        {"d2 80", "; give a COSE_Sign1, as its maker wrote it"},
        {"d2 84 40 a0 4101 4101 00", "; take the statement anew from its source"},
        {"d2 84 40 a0 4101 5f4101ff", "; have its maker write definite lengths"},
        {"d2 84 45 a2 01 26 01 26 a0 4101 4101", "; have its maker write each key once"},
    };
    sigb_statement *statement = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_diag diag = {{0}, 0};
        assert_int_not_equal(parse_hex(rows[i].hex, &statement, &diag), SIGB_OK);
        assert_string_equal(strrchr(diag.text, ';'), rows[i].words);
    }
    for (size_t i = 0; i < COUNT(REFUSED_HEADERS); i++) {
        sigb_diag diag = {{0}, 0};
        assert_int_not_equal(
            parse_refused(REFUSED_HEADERS[i].protected_map, REFUSED_HEADERS[i].unprotected, "4101", &diag),
            SIGB_OK);
        print_message("%s\n", diag.text);
        assert_non_null(strrchr(diag.text, ';'));
    }
}

static void headers_that_are_read(void **state)
{
    static const struct {
        const char *protected_map, *unprotected;
    } rows[] = {
        {"a1 03 00", "a0"},                                       /* content type as a number */
        {"a0", "a1 03 6161"},                                     /* unprotected, which nobody believes */
        {"a1 190400 9f01ff", "a0"},                               /* indefinite where nothing is known */
        {"a1 190400 bf0102ff", "a1 6178 7f6161ff"},               /* in either map */
        {"a1 190400 81818181818181818181818181818181 00", "a0"},  /* 16 deep */
        {"a2 1b8000000000000000 f6 3b8000000000000000 f6", "a0"}, /* labels beyond 64 bits */
        {"a1 1821" CERT_A, "a0"},
        {"a1 1821 81" CERT_A, "a0"},
        {"a1 1822 82 67 7368612d323536 4101", "a0"}, /* a hash by name: whatever its length */
        {"a1 1822 82 39ffff 4101", "a0"},            /* a hash that is not known */
        {"a0", "a1 19018a 82 00 d28440a0f64101"},    /* receipts of any form: additions prove nothing */
        {"a1 0fa0", "a0"},
        {"a1 0fa1 06 fb41d954fc40000000", "a0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s / %s\n", rows[i].protected_map, rows[i].unprotected);
        assert_refused(parse_refused(rows[i].protected_map, rows[i].unprotected, "4101", diag), SIGB_OK, "");
    }
}

static void a_map_of_many_labels_ends_at_the_limit(void **state)
{
    sigb_buf room = SIGB_BUF_INIT;
    char text[8192] = "b90081";
    size_t at = strlen(text);

    (void)state;
    for (unsigned i = 0; i < SIGB_MAX_MAP + 1; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "19%04xf6", 0x1000 + i);
    assert_refused(parse_refused(text, "a0", "4101", diag), SIGB_E_LIMIT, "more than 128 entries");
    assert_refused(parse_refused("a0", text, "4101", diag), SIGB_E_LIMIT, "more than 128 entries");
    sigb_buf_free(&room);
}

/*
 * 16 MiB of what costs most to check: maps as large as may be, keys in the worst
 * order. Time is not measured here; quadratic work would run into the limit of
 * the test.
 */
static void hostile_maps_are_read_in_good_time(void **state)
{
    sigb_buf room = SIGB_BUF_INIT, map = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    size_t count, start;

    (void)state;
    put_map(&map, SIGB_MAX_MAP);
    for (int64_t i = SIGB_MAX_MAP; i > 0; i--) {
        put_int(&map, -i);
        put_int(&map, 0);
    }
    count = (SIGB_MAX_STATEMENT - 100) / map.len;
    hex_put(&room, "d284 40 a1 190400");
    put_array(&room, count);
    start = room.len;
    for (size_t i = 0; i < count; i++)
        sigb_buf_append(&room, sigb_buf_bytes(&map));
    assert_int_equal(room.len, start + count * map.len);
    assert_refused(sigb_statement_parse(hex_put(&room, "4101 4101"), &statement, diag), SIGB_OK, "");
    sigb_statement_free(statement);
    sigb_buf_free(&room);
    sigb_buf_free(&map);
}

/* ---- crit ---- */

static void critical_headers(void **state)
{
    static const struct {
        const char *protected_map, *unprotected;
        sigb_rc rc;
        const char *words;
        bool mst;
    } rows[] = {
        {"a2 02 810f 0fa0", "a0", SIGB_OK, "", true},
        {"a3 02 820f1821 0fa0 1821" CERT_A, "a0", SIGB_OK, "", true},
        {"a2 02 81180f 0fa0", "a0", SIGB_OK, "", true}, /* the same label, longer */
        {"a2 02 8101 0126", "a0", SIGB_OK, "", false},
        {"a2 02 8102", "a0", SIGB_E_CBOR, "a map of length 2", false},
        {"a1 02 8102", "a0", SIGB_OK, "", false},
        {"a1 02 80", "a0", SIGB_E_CRIT, "crit is empty", false},
        {"a1 02 0f", "a0", SIGB_E_CRIT, "crit in the protected header is a number", false},
        {"a1 02 a0", "a0", SIGB_E_CRIT, "crit in the protected header is a map", false},
        {"a0", "a1 02 8101", SIGB_E_CRIT, "crit stands in the unprotected header", false},
        {"a2 02 814101 0fa0", "a0", SIGB_E_CRIT, "crit lists a byte string", false},
        {"a2 02 820ff6 0fa0", "a0", SIGB_E_CRIT, "crit lists a simple value", false},
        {"a2 02 830f0f0f 0fa0", "a0", SIGB_E_CRIT, "more labels than the protected header has", false},
        {"a1 02 810f", "a0", SIGB_E_CRIT, "not in the protected header", false},
        {"a1 02 8104", "a1 044101", SIGB_E_CRIT, "not in the protected header", false},
        {"a2 02 8104 044101", "a0", SIGB_E_CRIT, "not understood", false},
        {"a2 02 816161 6161f6", "a0", SIGB_E_CRIT, "not understood", false},
        {"a2 02 81190400 190400f6", "a0", SIGB_E_CRIT, "not understood", false},
        {"a2 02 811b8000000000000000 1b8000000000000000f6", "a0", SIGB_E_CRIT, "not understood", false},
        {"a2 02 816b61747465737465647376 63 6b6174746573746564737663 a0", "a0", SIGB_E_CRIT, "not understood",
         false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        sigb_statement *statement = NULL;
        print_message("%s / %s\n", rows[i].protected_map, rows[i].unprotected);
        assert_refused(parse_parts(rows[i].protected_map, rows[i].unprotected, "4101", &statement, diag),
                       rows[i].rc, rows[i].words);
        if (statement != NULL) {
            assert_int_equal(statement_crit_fits(statement, SIGB_PROFILE_MST), rows[i].mst);
            assert_true(statement_crit_fits(statement, SIGB_PROFILE_COSE));
        }
        sigb_statement_free(statement);
    }
}

/* ---- hash envelopes ---- */

#define DIGEST                                                                                               \
    "5820"                                                                                                   \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HASHED "190102 2f"
#define TYPED  "190103 63612f62"

static void hash_envelopes(void **state)
{
    static const struct {
        const char *protected_map, *unprotected, *payload;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"a2" HASHED TYPED, "a0", DIGEST, SIGB_OK, ""},
        {"a2" HASHED "190103 00", "a0", DIGEST, SIGB_OK, ""},
        {"a3" HASHED TYPED "190104 6161", "a0", DIGEST, SIGB_OK, ""},
        {"a2" HASHED TYPED, "a0", "f6", SIGB_OK, ""},
        {"a2 190102 38fe" TYPED, "a0", "4101", SIGB_OK, ""}, /* a hash that is not known */
        {"a2" HASHED TYPED, "a0", "4101", SIGB_E_DIGEST_LEN,
         "the payload has 1 bytes where a sha256 digest has 32"},
        {"a2" HASHED TYPED, "a0", "40", SIGB_E_DIGEST_LEN, "the payload has 0 bytes"},
        {"a2 190102 382a" TYPED, "a0", DIGEST, SIGB_E_DIGEST_LEN, "a sha384 digest has 48"},
        {"a2 190102 382b" TYPED, "a0", DIGEST, SIGB_E_DIGEST_LEN, "a sha512 digest has 64"},
        {"a3 03 63612f62" HASHED TYPED, "a0", DIGEST, SIGB_E_ENVELOPE, "label 3 stands beside 258"},
        {"a2" HASHED TYPED, "a1 03 63612f62", DIGEST, SIGB_E_ENVELOPE, "label 3 stands beside 258"},
        {"a1" HASHED, "a0", DIGEST, SIGB_E_ENVELOPE, "258 stands without 259"},
        {"a1" TYPED, "a0", DIGEST, SIGB_E_ENVELOPE, "without 258"},
        {"a1 190104 6161", "a0", DIGEST, SIGB_E_ENVELOPE, "without 258"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s / %s / %s\n", rows[i].protected_map, rows[i].unprotected, rows[i].payload);
        assert_refused(parse_refused(rows[i].protected_map, rows[i].unprotected, rows[i].payload, diag),
                       rows[i].rc, rows[i].words);
    }
}

/* ---- getters ---- */

static void getters_give_what_stands_there(void **state)
{
    sigb_statement *statement = NULL;
    int64_t number = 0;
    sigb_hash hash = SIGB_HASH_NONE;
    sigb_bytes digest, certs;

    (void)state;
    assert_refused(
        parse_parts("a7 0138 24 0fa4 0163 643a78 0261 73 061903e8 6373766e 07 1821 82" CERT_A CERT_B
                    "1822 822f" DIGEST HASHED TYPED "190104 62753a",
                    "a1 19018a 824101 4102", DIGEST, &statement, diag),
        SIGB_OK, "");
    assert_int_equal(sigb_statement_alg(statement), SIGB_PS256);
    assert_true(is_text(sigb_statement_issuer(statement), "d:x"));
    assert_true(is_text(sigb_statement_subject(statement), "s"));
    assert_true(is_text(sigb_statement_content_type(statement), "a/b"));
    assert_true(is_text(sigb_statement_location(statement), "u:"));
    assert_true(sigb_statement_issued_at(statement, &number));
    assert_int_equal(number, 1000);
    assert_true(sigb_statement_svn(statement, &number));
    assert_int_equal(number, 7);
    assert_int_equal(sigb_statement_hash(statement), SIGB_SHA256);
    assert_true(statement_is_envelope(statement));
    assert_true(statement_has_claims(statement));
    assert_int_equal(sigb_statement_receipts(statement), 2);
    certs = sigb_statement_certs(statement);
    assert_int_equal(certs.len, 6);
    assert_memory_equal(certs.ptr, "\x30\x01\x01\x30\x01\x02", 6);
    assert_int_equal(statement_x5chain(statement).len, 9);
    assert_true(statement_x5t(statement, &hash, &digest));
    assert_int_equal(hash, SIGB_SHA256);
    assert_int_equal(digest.len, 32);
    assert_int_equal(sigb_statement_payload(statement).len, 32);
    sigb_statement_free(statement);
}

/* What the ledger reads as a time, and what it passes over (mst profile). */
static void issued_at_is_a_number_or_absent(void **state)
{
    static const struct {
        const char *iat;
        bool present;
        int64_t value;
    } rows[] = {
        {"1a6949ac3f", true, 1766435903},
        {"c1 1a6949ac3f", true, 1766435903},
        {"20", true, -1},
        {"fb41d954fc40000000", false, 0},
        {"c1 fb41d954fc40000000", false, 0},
        {"6131", false, 0},
        {"c2 4101", false, 0},
        {"1b8000000000000000", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char protected_map[64];
        sigb_statement *statement = NULL;
        int64_t value = 0;

        print_message("%s\n", rows[i].iat);
        (void)snprintf(protected_map, sizeof(protected_map), "a1 0fa1 06 %s", rows[i].iat);
        assert_refused(parse_parts(protected_map, "a0", "4101", &statement, diag), SIGB_OK, "");
        assert_int_equal(sigb_statement_issued_at(statement, &value), rows[i].present);
        assert_true(value == rows[i].value);
        sigb_statement_free(statement);
    }
}

static void unprotected_content_types_are_not_believed(void **state)
{
    sigb_statement *statement = NULL;

    (void)state;
    assert_refused(parse_parts("a0", "a1 03 63612f62", "f6", &statement, diag), SIGB_OK, "");
    assert_int_equal(sigb_statement_content_type(statement).len, 0);
    assert_true(sigb_statement_detached(statement));
    assert_int_equal(sigb_statement_payload(statement).len, 0);
    sigb_statement_free(statement);
}

/* ---- statements of other implementations ---- */

static sigb_statement *parse_corpus(const char *name)
{
    sigb_buf room = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;

    assert_refused(sigb_statement_parse(corpus_read(&room, name), &statement, diag), SIGB_OK, "");
    sigb_buf_free(&room);
    return statement;
}

static void a_ledgers_transparent_statement_is_read(void **state)
{
    sigb_statement *statement;
    int64_t number = 0;
    sigb_hash hash;
    sigb_bytes digest;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = parse_corpus("mst/uvm-transparent.cose");
    assert_int_equal(sigb_statement_alg(statement), SIGB_PS384);
    assert_true(is_text(
        sigb_statement_issuer(statement),
        "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2"));
    assert_true(is_text(sigb_statement_subject(statement), "ContainerPlat-AMD-UVM"));
    assert_true(is_text(sigb_statement_content_type(statement), "application/octet-stream"));
    assert_true(sigb_statement_issued_at(statement, &number));
    assert_int_equal(number, 1766437887);
    assert_true(sigb_statement_svn(statement, &number));
    assert_int_equal(number, 104);
    assert_int_equal(sigb_statement_hash(statement), SIGB_SHA384);
    assert_int_equal(sigb_statement_payload(statement).len, 48);
    assert_int_equal(sigb_statement_receipts(statement), 1);
    assert_true(statement_x5t(statement, &hash, &digest));
    assert_int_equal(hash, SIGB_SHA256);
    assert_true(statement_crit_fits(statement, SIGB_PROFILE_MST));
    sigb_statement_free(statement);
}

static void a_statement_of_cosesigntool_is_read(void **state)
{
    sigb_statement *statement;
    int64_t number;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = parse_corpus("mst/cosesigntool-readme.cose");
    assert_int_equal(sigb_statement_alg(statement), SIGB_ES256);
    assert_true(is_text(sigb_statement_subject(statement), "unknown.intent"));
    assert_true(is_text(sigb_statement_content_type(statement), "application/cose"));
    assert_int_equal(sigb_statement_payload(statement).len, 10301);
    assert_false(sigb_statement_svn(statement, &number));
    assert_int_equal(sigb_statement_receipts(statement), 0);
    assert_false(statement_is_envelope(statement));
    sigb_statement_free(statement);
}

static void a_statement_of_an_attested_service_is_read(void **state)
{
    sigb_statement *statement;
    int64_t number = -1;

    (void)state;
    if (!corpus_is_here())
        return;
    statement = parse_corpus("mst/attestedsvc.cose");
    assert_int_equal(sigb_statement_alg(statement), SIGB_ES384);
    assert_int_equal(strncmp((const char *)sigb_statement_issuer(statement).ptr, "did:attestedsvc:", 16), 0);
    assert_true(sigb_statement_svn(statement, &number));
    assert_int_equal(number, 0);
    assert_false(statement_crit_fits(statement, SIGB_PROFILE_MST));
    assert_int_equal(sigb_statement_certs(statement).len, 0);
    sigb_statement_free(statement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes_that_are_refused),
        cmocka_unit_test(every_prefix_of_a_statement_is_refused),
        cmocka_unit_test(too_large_is_refused_unread),
        cmocka_unit_test(empty_protected_headers_are_read),
        cmocka_unit_test(longer_heads_are_tolerated),
        cmocka_unit_test(headers_that_are_refused),
        cmocka_unit_test(every_refusal_says_what_to_do),
        cmocka_unit_test(headers_that_are_read),
        cmocka_unit_test(a_map_of_many_labels_ends_at_the_limit),
        cmocka_unit_test(hostile_maps_are_read_in_good_time),
        cmocka_unit_test(critical_headers),
        cmocka_unit_test(hash_envelopes),
        cmocka_unit_test(getters_give_what_stands_there),
        cmocka_unit_test(issued_at_is_a_number_or_absent),
        cmocka_unit_test(unprotected_content_types_are_not_believed),
        cmocka_unit_test(a_ledgers_transparent_statement_is_read),
        cmocka_unit_test(a_statement_of_cosesigntool_is_read),
        cmocka_unit_test(a_statement_of_an_attested_service_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
