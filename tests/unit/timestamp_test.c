/* SPDX-License-Identifier: Apache-2.0 */
/* Time stamps: requests, tokens good and bad, each refusal by its code and words. */
#include "tests/support/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ts.h>

#include "tests/support/hex.h"
#include "tests/support/tsa.h"

/* The statement of RFC 9921, 3.1.1 (RFC 8152, C.2.1), in parts. */
#define HEAD    "d28443a10126"
#define MAP     "a104423131"
#define PAYLOAD "54546869732069732074686520636f6e74656e742e"
#define SIGNATURE                                                                                            \
    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e"                                   \
    "2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
#define SHA256_OID "300d06096086480165030402010500"

static pki *ca;
static pki_key *root_key, *issuing_key, *tsa_key;
static X509 *root, *issuing, *tsa, *other_root;
static sigb_buf statement_bytes, signature_item, certs;
static sigb_statement *statement;

/* The usual certificate of a TSA, with what a test wants otherwise: TSA(.usage = ""). */
#define TSA(...) tsa_with((pki_cert){.ca = false, __VA_ARGS__})
/* The usual token, of the statement's signature, but for what is named. */
#define TOKEN(...) ((tsa_token){.usual = true, __VA_ARGS__})

#define OR(field, usual) wanted.field = wanted.field == NULL ? (usual) : wanted.field

static X509 *tsa_with(pki_cert wanted)
{
    OR(key, tsa_key);
    OR(issuer, issuing);
    OR(signer, issuing_key);
    OR(name, "Test TSA");
    OR(eku, TSA_EKU);
    return pki_issue(ca, &wanted);
}

static int make_world(void **state)
{
    (void)state;
    ca = pki_new();
    root_key = pki_keygen(ca, "P-256", "root");
    issuing_key = pki_keygen(ca, "P-256", "issuing");
    tsa_key = pki_keygen(ca, "P-256", "tsa");
    root = pki_issue(ca, &(pki_cert){.ca = true, .key = root_key, .signer = root_key, .name = "Test Root"});
    issuing = pki_issue(
        ca,
        &(pki_cert){.ca = true, .key = issuing_key, .issuer = root, .signer = root_key, .name = "Test CA"});
    other_root = pki_issue(ca,
                           &(pki_cert){.ca = true, .key = tsa_key, .signer = tsa_key, .name = "Other Root"});
    tsa = TSA();
    (void)pki_der(&certs, tsa, issuing, NULL);
    (void)hex_put(&signature_item, SIGNATURE);
    (void)hex_put(&statement_bytes, HEAD MAP PAYLOAD SIGNATURE);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&statement_bytes), &statement, NULL), SIGB_OK);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    sigb_statement_free(statement);
    sigb_buf_free(&statement_bytes);
    sigb_buf_free(&signature_item);
    sigb_buf_free(&certs);
    pki_free(ca);
    return 0;
}

/* ---- short forms ---- */

static void put_token(const tsa_token *says, sigb_buf *token)
{
    tsa_token wanted = *says;

    OR(cert, tsa);
    OR(key, tsa_key);
    if (wanted.stamped.len == 0)
        wanted.stamped = sigb_buf_bytes(&signature_item);
    if (wanted.certs.len == 0)
        wanted.certs = sigb_buf_bytes(&certs);
    tsa_put(ca, &wanted, token);
}

static sigb_timestamp *stamp_of(const tsa_token *says)
{
    sigb_buf token = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;
    sigb_diag diag = {{0}, 0};

    put_token(says, &token);
    if (sigb_timestamp_parse(sigb_buf_bytes(&token), &timestamp, &diag) != SIGB_OK)
        fail_msg("not read: %s", diag.text);
    sigb_buf_free(&token);
    return timestamp;
}

static sigb_rc parse(const tsa_token *says, sigb_diag *diag)
{
    sigb_buf token = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;
    sigb_rc rc;

    put_token(says, &token);
    rc = sigb_timestamp_parse(sigb_buf_bytes(&token), &timestamp, diag);
    assert_int_equal(ERR_peek_error(), 0);
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&token);
    return rc;
}

static sigb_rc verify_by(const sigb_timestamp *timestamp, X509 *anchor, sigb_timestamp_facts *facts,
                         sigb_diag *diag)
{
    sigb_buf roots = SIGB_BUF_INIT;
    sigb_timestamp_trust trust = {.roots = pki_der(&roots, anchor, NULL)};
    sigb_rc rc = sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                       &trust, facts, diag);

    assert_int_equal(ERR_peek_error(), 0);
    sigb_buf_free(&roots);
    return rc;
}

static sigb_rc verify(const tsa_token *says, sigb_diag *diag)
{
    sigb_timestamp *timestamp = stamp_of(says);
    sigb_rc rc = verify_by(timestamp, root, NULL, diag);

    sigb_timestamp_free(timestamp);
    return rc;
}

static void is_hex(sigb_bytes found, const char *wanted)
{
    sigb_buf bytes = SIGB_BUF_INIT;

    assert_true(sigb_bytes_equal(found, hex_put(&bytes, wanted)));
    sigb_buf_free(&bytes);
}

/* ---- requests ---- */

static TS_REQ *request_of(sigb_bytes bytes)
{
    sigb_buf der = SIGB_BUF_INIT;
    sigb_statement *asked = NULL;
    const unsigned char *p;
    TS_REQ *request;

    assert_int_equal(sigb_statement_parse(bytes, &asked, NULL), SIGB_OK);
    assert_int_equal(sigb_timestamp_request(asked, &der, NULL), SIGB_OK);
    p = der.ptr;
    request = d2i_TS_REQ(NULL, &p, (long)der.len);
    assert_non_null(request);
    assert_ptr_equal(p, der.ptr + der.len);
    sigb_statement_free(asked);
    sigb_buf_free(&der);
    return request;
}

static sigb_bytes imprint_of(TS_REQ *request)
{
    const ASN1_OCTET_STRING *imprint = TS_MSG_IMPRINT_get_msg(TS_REQ_get_msg_imprint(request));

    return sigb_bytes_of(ASN1_STRING_get0_data(imprint), (size_t)ASN1_STRING_length(imprint));
}

static void the_sample_of_the_rfc_has_its_imprint(void **state)
{
    TS_REQ *request = request_of(sigb_buf_bytes(&statement_bytes));
    TS_REQ *again = request_of(sigb_buf_bytes(&statement_bytes));
    const ASN1_INTEGER *nonce = TS_REQ_get_nonce(request);

    (void)state;
    is_hex(imprint_of(request), "44C2419D131D53D55584B5DD33B788C24E551C6D44B1AFC8B2B85E6954763B4E");
    assert_int_equal(TS_REQ_get_version(request), 1);
    assert_true(TS_REQ_get_cert_req(request));
    assert_null(TS_REQ_get_policy_id(request));
    assert_int_equal(ASN1_STRING_length(nonce), 8);
    assert_int_equal(ASN1_STRING_type(nonce), V_ASN1_INTEGER);
    assert_int_not_equal(ASN1_INTEGER_cmp(nonce, TS_REQ_get_nonce(again)), 0);
    TS_REQ_free(request);
    TS_REQ_free(again);
}

static void the_hash_is_that_of_the_algorithm(void **state)
{
    static const struct {
        const char *head;
        int nid;
    } rows[] = {{"d28443a10126", NID_sha256},     {"d28444a1013822", NID_sha384},
                {"d28444a1013823", NID_sha512},   {"d28444a1013824", NID_sha256},
                {"d28444a1013825", NID_sha384},   {"d28443a10127", NID_sha512},
                {"d28445a1013903e7", NID_sha512}, {"d28440", NID_sha512}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf bytes = SIGB_BUF_INIT;
        const ASN1_OBJECT *hash;
        TS_REQ *request;
        char text[512];

        (void)snprintf(text, sizeof(text), "%s" MAP PAYLOAD SIGNATURE, rows[i].head);
        request = request_of(hex_put(&bytes, text));
        X509_ALGOR_get0(&hash, NULL, NULL, TS_MSG_IMPRINT_get_algo(TS_REQ_get_msg_imprint(request)));
        assert_int_equal(OBJ_obj2nid(hash), rows[i].nid);
        TS_REQ_free(request);
        sigb_buf_free(&bytes);
    }
}

static void the_signature_counts_as_it_is_encoded(void **state)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    TS_REQ *request = request_of(hex_put(&bytes, HEAD MAP PAYLOAD "590003 010203"));

    (void)state;
    is_hex(imprint_of(request), "468ff06e21927f8bf86a0565b4322a72f73f9769509f542188a7ed797c0f1ce4");
    TS_REQ_free(request);
    sigb_buf_free(&bytes);
}

static void a_request_needs_its_arguments(void **state)
{
    sigb_buf request = SIGB_BUF_INIT;

    (void)state;
    assert_refused(sigb_timestamp_request(NULL, &request, diag), SIGB_E_USAGE, "needs a statement");
    assert_refused(sigb_timestamp_request(statement, NULL, diag), SIGB_E_USAGE, "needs a statement");
}

/* ---- what answers a request ---- */

static sigb_rc answers(const tsa_token *says, const char *request, sigb_diag *diag)
{
    sigb_timestamp *timestamp = stamp_of(says);
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc = sigb_timestamp_check_answer(timestamp, hex_put(&der, request), diag);

    assert_int_equal(ERR_peek_error(), 0);
    sigb_buf_free(&der);
    sigb_timestamp_free(timestamp);
    return rc;
}

#define IMPRINT_OF_SAMPLE                                                                                    \
    "3031" SHA256_OID "042044C2419D131D53D55584B5DD33B788C24E551C6D44B1AFC8B2B85E6954763B4E"

static void an_answer_has_imprint_nonce_and_policy_of_its_request(void **state)
{
    static const char with_nonce[] = "303c020101" IMPRINT_OF_SAMPLE "02012a 0101ff";
    static const char with_policy[] = "303e020101" IMPRINT_OF_SAMPLE "06042a0304020101ff";
    static const char without[] = "3036020101" IMPRINT_OF_SAMPLE;

    (void)state;
    assert_int_equal(answers(&TOKEN(), without, NULL), SIGB_OK);
    assert_int_equal(answers(&TOKEN(.nonce = "020107"), without, NULL), SIGB_OK);
    assert_int_equal(answers(&TOKEN(.nonce = "02012a"), "3039020101" IMPRINT_OF_SAMPLE "02012a", NULL),
                     SIGB_OK);
    assert_int_equal(answers(&TOKEN(.nonce = "02012a"), "303c020101" IMPRINT_OF_SAMPLE "02012a0101ff", NULL),
                     SIGB_OK);
    assert_refused(answers(&TOKEN(), with_nonce, diag), SIGB_E_TIMESTAMP_NONCE, "has no nonce");
    assert_refused(answers(&TOKEN(.nonce = "02012b"), with_nonce, diag), SIGB_E_TIMESTAMP_NONCE,
                   "has another nonce where the request has one");
    assert_refused(answers(&TOKEN(), "303c020101" IMPRINT_OF_SAMPLE "06042a030402", diag),
                   SIGB_E_TIMESTAMP_NONCE, "under another policy");
    assert_int_equal(
        answers(&TOKEN(.policy = "06042a030402"), "303c020101" IMPRINT_OF_SAMPLE "06042a030402", NULL),
        SIGB_OK);
    assert_refused(answers(&TOKEN(.stamped = sigb_bytes_text("else")), without, diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of another digest than the request");
    assert_refused(answers(&TOKEN(), with_policy, diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "are not a request for a time stamp");
    assert_refused(answers(&TOKEN(), "", diag), SIGB_E_TIMESTAMP_MALFORMED, "0 bytes are not a request");
    assert_refused(sigb_timestamp_check_answer(NULL, SIGB_BYTES_NONE, diag), SIGB_E_USAGE, "no time stamp");
}

/* ---- good ones ---- */

static void a_good_token_verifies_however_it_names_its_certificate(void **state)
{
    (void)state;
    for (tsa_names names = TSA_NAMES_V2; names <= TSA_NAMES_BOTH; names++) {
        sigb_timestamp *timestamp = stamp_of(&TOKEN(.names = names));
        sigb_timestamp_facts facts;

        assert_int_equal(verify_by(timestamp, root, &facts, NULL), SIGB_OK);
        assert_int_equal(facts.kind, SIGB_TIMESTAMP_SIGNATURE);
        assert_int_equal(facts.time, PKI_NOW);
        assert_int_equal(facts.latest, PKI_NOW);
        assert_int_equal(facts.nanoseconds, 0);
        assert_false(facts.has_accuracy);
        assert_false(facts.ordering);
        assert_int_equal(facts.hash, SIGB_SHA256);
        assert_string_equal(facts.policy, TSA_POLICY);
        assert_true(sigb_bytes_equal(facts.tsa, sigb_timestamp_signer(timestamp)));
        sigb_timestamp_free(timestamp);
    }
}

static void a_token_is_cut_out_of_its_response(void **state)
{
    static const char *const granted[] = {TSA_GRANTED, "3003020101", "300d020101 30080c0673 6c69676874"};
    sigb_buf token = SIGB_BUF_INIT, response = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;

    (void)state;
    put_token(&TOKEN(), &token);
    for (size_t i = 0; i < sizeof(granted) / sizeof(granted[0]); i++) {
        tsa_put_response(granted[i], sigb_buf_bytes(&token), &response);
        assert_int_equal(sigb_timestamp_parse(sigb_buf_bytes(&response), &timestamp, NULL), SIGB_OK);
        assert_true(sigb_bytes_equal(sigb_timestamp_token(timestamp), sigb_buf_bytes(&token)));
        sigb_timestamp_free(timestamp);
        sigb_buf_free(&response);
    }
    sigb_buf_free(&token);
}

static void time_accuracy_and_ordering_are_told(void **state)
{
    static const struct {
        const char *time, *accuracy, *ordering;
        int64_t whole, micros, latest;
        uint32_t nanos;
    } rows[] = {
        {"20260701000000Z", "", "", 0, 0, 0, 0},
        {"20260701000000.5Z", "", "0101ff", 0, 0, 1, 500000000},
        {"20260701000000.123456789Z", "3003020102", "", 0, 2000000, 3, 123456789},
        {"20260701000000.1234567899Z", "30048002 01f4", "", 0, 500000, 1, 123456789},
        {"20260630235959.999Z", "3008800203e7 810201f4", "", -1, 999500, 1, 999000000},
        {"20260701000000Z", "3000", "", 0, 0, 0, 0},
        {"20260701000000.0000000001Z", "3003020101", "", 0, 1000000, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_timestamp *timestamp = stamp_of(
            &TOKEN(.time = rows[i].time, .accuracy = rows[i].accuracy, .ordering = rows[i].ordering));
        sigb_timestamp_facts facts;

        print_message("%s\n", rows[i].time);
        assert_int_equal(verify_by(timestamp, root, &facts, NULL), SIGB_OK);
        assert_int_equal(facts.time, PKI_NOW + rows[i].whole);
        assert_int_equal(facts.nanoseconds, rows[i].nanos);
        assert_int_equal(facts.has_accuracy, rows[i].accuracy[0] != '\0');
        assert_int_equal(facts.accuracy, rows[i].micros);
        assert_int_equal(facts.latest, PKI_NOW + rows[i].latest);
        assert_int_equal(facts.ordering, rows[i].ordering[0] != '\0');
        sigb_timestamp_free(timestamp);
    }
}

static void certificates_may_come_beside_the_token(void **state)
{
    sigb_timestamp *timestamp = stamp_of(&TOKEN(.no_certs = true));
    sigb_buf roots = SIGB_BUF_INIT;
    sigb_timestamp_trust trust = {.roots = pki_der(&roots, root, NULL), .certs = sigb_buf_bytes(&certs)};
    sigb_timestamp_facts facts;

    (void)state;
    assert_int_equal(sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                           &trust, &facts, NULL),
                     SIGB_OK);
    assert_int_equal(facts.tsa.len, 0);
    assert_refused(verify_by(timestamp, root, NULL, diag), SIGB_E_TIMESTAMP_CERT,
                   "does not bring the certificate that signed it");
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&roots);
}

/* ---- what is read ---- */

static void what_is_no_token_is_malformed(void **state)
{
    static const struct {
        const char *name, *bytes;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"nothing", "", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"a byte", "30", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"an empty sequence", "3000", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"an indefinite length", "3080 06012a 0000", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"a length in too many bytes", "308103 06012a", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"bytes behind it", "3003 06012a 00", SIGB_E_TIMESTAMP_MALFORMED, "not one DER SEQUENCE"},
        {"a number", "3003 020101", SIGB_E_TIMESTAMP_MALFORMED, "neither a time stamp token nor a response"},
        {"a status that is none", "3005 3003 040100", SIGB_E_TIMESTAMP_MALFORMED,
         "neither a time stamp token"},
        {"an OID alone", "3003 06012a", SIGB_E_TIMESTAMP_MALFORMED, "not one CMS structure"},
        {"granted without token", "3005 3003 020100", SIGB_E_TIMESTAMP_REFUSED,
         "granted, yet without a token"},
        {"rejection", "3005 3003 020102", SIGB_E_TIMESTAMP_REFUSED, "status 2 (rejection); ask it why"},
        {"rejection in words", "3010 300e 020102 3009 0c07 62616420616c67", SIGB_E_TIMESTAMP_REFUSED,
         "status 2 (rejection), bad alg; ask"},
        {"waiting", "3005 3003 020103", SIGB_E_TIMESTAMP_REFUSED, "status 3 (waiting)"},
        {"an unknown status", "3005 3003 020109", SIGB_E_TIMESTAMP_REFUSED, "status 9 (unknown)"},
        {"a negative status", "3005 3003 0201ff", SIGB_E_TIMESTAMP_REFUSED, "status 255 (unknown)"},
        {"CMS data", "3011 06092a864886f70d010701 a004 0402 6869", SIGB_E_TIMESTAMP_MALFORMED,
         "its CMS type is not SignedData"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sigb_buf bytes = SIGB_BUF_INIT;
        sigb_timestamp *timestamp = NULL;

        print_message("%s\n", rows[i].name);
        (void)hex_put(&bytes, rows[i].bytes);
        assert_refused(sigb_timestamp_parse(sigb_buf_bytes(&bytes), &timestamp, diag), rows[i].rc,
                       rows[i].words);
        assert_null(timestamp);
        assert_int_equal(ERR_peek_error(), 0);
        sigb_buf_free(&bytes);
    }
    assert_refused(sigb_timestamp_parse(SIGB_BYTES_NONE, NULL, diag), SIGB_E_USAGE, "no place");
}

static void a_token_is_as_the_rfc_has_it(void **state)
{
    (void)state;
    assert_refused(parse(&TOKEN(.content_type = "06092a864886f70d010701"), diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "is no TSTInfo");
    assert_refused(parse(&TOKEN(.more = "0500"), diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "TSTInfo of the time stamp token");
    assert_refused(parse(&TOKEN(.serial = ""), diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "TSTInfo of the time stamp token");
    assert_refused(parse(&TOKEN(.version = "020102"), diag), SIGB_E_TIMESTAMP_UNSUPPORTED,
                   "has version 2; 1 is");
    assert_refused(parse(&TOKEN(.no_signer = true), diag), SIGB_E_TIMESTAMP_MALFORMED, "has 0 signers");
    assert_refused(parse(&TOKEN(.two_signers = true), diag), SIGB_E_TIMESTAMP_MALFORMED, "has 2 signers");
    assert_refused(parse(&TOKEN(.accuracy = "30048002 03e8"), diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "accuracy of the time stamp token is out of range");
    assert_refused(parse(&TOKEN(.accuracy = "30030201ff"), diag), SIGB_E_TIMESTAMP_MALFORMED, "accuracy");
    assert_refused(parse(&TOKEN(.accuracy = "3006020401e28501"), diag), SIGB_E_TIMESTAMP_MALFORMED,
                   "accuracy");
}

static void gen_time_is_utc_to_the_second(void **state)
{
    static const char *const times[] = {"202607011200Z",    "20260701000000",     "20260701000000+0000",
                                        "20260701000000.Z", "20260701000000,5Z",  "20261301120000Z",
                                        "20260230120000Z",  "20260701250000Z",    "20260701000000.5aZ",
                                        "2026070112000aZ",  "20260701000000.-5Z", "Z"};

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        print_message("%s\n", times[i]);
        assert_refused(parse(&TOKEN(.time = times[i]), diag), SIGB_E_TIMESTAMP_MALFORMED, "genTime");
    }
}

static void what_is_too_large_is_refused(void **state)
{
    static uint8_t large[SIGB_MAX_TIMESTAMP + 1];
    sigb_timestamp *timestamp = stamp_of(&TOKEN());
    sigb_buf many = SIGB_BUF_INIT;

    (void)state;
    assert_refused(sigb_timestamp_parse(sigb_bytes_of(large, sizeof(large)), &timestamp, diag), SIGB_E_LIMIT,
                   "a time stamp of 65537 bytes: at most 65536");
    assert_refused(sigb_timestamp_check_answer(timestamp, sigb_bytes_of(large, sizeof(large)), diag),
                   SIGB_E_LIMIT, "a request for a time stamp of 65537 bytes");
    for (int i = 0; i <= SIGB_MAX_CERTS; i++)
        (void)pki_der(&many, tsa, NULL);
    assert_refused(parse(&TOKEN(.certs = sigb_buf_bytes(&many)), diag), SIGB_E_LIMIT,
                   "more than 16 certificates");
    sigb_buf_free(&many);
    sigb_timestamp_free(timestamp);
}

static void what_is_cut_anywhere_is_refused(void **state)
{
    sigb_buf token = SIGB_BUF_INIT, response = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = NULL;

    (void)state;
    put_token(&TOKEN(.nonce = "02012a", .accuracy = "3003020101"), &token);
    tsa_put_response(TSA_GRANTED, sigb_buf_bytes(&token), &response);
    for (size_t len = 0; len < token.len; len++)
        assert_refused(sigb_timestamp_parse(sigb_bytes_of(token.ptr, len), &timestamp, diag),
                       SIGB_E_TIMESTAMP_MALFORMED, "take the response anew");
    for (size_t len = 0; len < response.len; len++)
        assert_refused(sigb_timestamp_parse(sigb_bytes_of(response.ptr, len), &timestamp, diag),
                       SIGB_E_TIMESTAMP_MALFORMED, "take the response anew");
    assert_null(timestamp);
    sigb_buf_free(&token);
    sigb_buf_free(&response);
}

/* A flipped byte is refused, or lies where nothing is said: then the same is told as before. */
static void no_flipped_byte_changes_what_is_told(void **state)
{
    sigb_buf token = SIGB_BUF_INIT;
    size_t accepted = 0;

    (void)state;
    put_token(&TOKEN(.nonce = "02012a", .accuracy = "3003020101"), &token);
    for (size_t at = 0; at < token.len; at++) {
        sigb_timestamp *timestamp = NULL;
        sigb_timestamp_facts facts;
        sigb_diag diag = {{0}, 0};

        token.ptr[at] ^= 1;
        if (sigb_timestamp_parse(sigb_buf_bytes(&token), &timestamp, &diag) == SIGB_OK &&
            verify_by(timestamp, root, &facts, &diag) == SIGB_OK) {
            accepted++;
            assert_int_equal(facts.time, PKI_NOW);
            assert_int_equal(facts.accuracy, 1000000);
            assert_string_equal(facts.policy, TSA_POLICY);
        } else {
            assert_string_not_equal(diag.text, "");
        }
        sigb_timestamp_free(timestamp);
        token.ptr[at] ^= 1;
    }
    assert_true(accepted < 16);
    sigb_buf_free(&token);
}

/* ---- what is judged ---- */

static void other_bytes_have_another_imprint(void **state)
{
    (void)state;
    assert_refused(verify(&TOKEN(.stamped = sigb_bytes_text("something else")), diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of other bytes than these: its sha256 imprint differs");
    /* the signature without its head is not what RFC 9921 has stamped */
    assert_refused(verify(&TOKEN(.stamped = sigb_bytes_of(signature_item.ptr + 2, 64)), diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of other bytes");
    assert_refused(verify(&TOKEN(.hash = "300d06096086480165030402020500"), diag), SIGB_E_TIMESTAMP_IMPRINT,
                   "its sha384 imprint differs");
}

static void weak_and_unknown_hashes_are_refused(void **state)
{
    static const struct {
        const char *algorithm;
        sigb_rc rc;
        const char *words;
    } rows[] = {
        {"300906052b0e03021a0500", SIGB_E_TIMESTAMP_WEAK, "by sha1, which is too weak"},
        {"300c06082a864886f70d02050500", SIGB_E_TIMESTAMP_WEAK, "by md5, which is too weak"},
        {"300d06096086480165030402040500", SIGB_E_TIMESTAMP_WEAK, "by sha224, which is too weak"},
        {"300b0609608648016503040208", SIGB_E_TIMESTAMP_UNSUPPORTED, "by sha3-256, which is not judged here"},
        {"300406022a03", SIGB_E_TIMESTAMP_UNSUPPORTED, "by 1.2.3, which is not judged here"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].words);
        assert_refused(verify(&TOKEN(.hash = rows[i].algorithm), diag), rows[i].rc, rows[i].words);
        assert_refused(verify(&TOKEN(.digest = rows[i].algorithm), diag), rows[i].rc, rows[i].words);
        assert_refused(verify(&TOKEN(.name_hash = rows[i].algorithm), diag), rows[i].rc, rows[i].words);
    }
    assert_refused(verify(&TOKEN(.hash = "300906052b0e03021a0500"), diag), SIGB_E_TIMESTAMP_WEAK,
                   "what was stamped is hashed");
    assert_refused(verify(&TOKEN(.digest = "300906052b0e03021a0500"), diag), SIGB_E_TIMESTAMP_WEAK,
                   "the time stamp's signature is hashed");
    assert_refused(verify(&TOKEN(.name_hash = "300906052b0e03021a0500"), diag), SIGB_E_TIMESTAMP_WEAK,
                   "the name of the TSA's certificate is hashed");
}

static void a_wrong_signature_is_told(void **state)
{
    (void)state;
    assert_refused(verify(&TOKEN(.broken = true), diag), SIGB_E_TIMESTAMP_SIGNATURE,
                   "the time stamp's signature is wrong");
    assert_refused(verify(&TOKEN(.changed = true), diag), SIGB_E_TIMESTAMP_SIGNATURE, "over another content");
    assert_refused(verify(&TOKEN(.content_says = "06092a864886f70d010701"), diag), SIGB_E_TIMESTAMP_SIGNATURE,
                   "does not say that it is over a TSTInfo");
    assert_refused(verify(&TOKEN(.key = issuing_key), diag), SIGB_E_TIMESTAMP_SIGNATURE,
                   "signature is wrong");
}

static void the_certificate_is_the_one_that_is_named(void **state)
{
    (void)state;
    assert_refused(verify(&TOKEN(.names = TSA_NAMES_NONE), diag), SIGB_E_TIMESTAMP_CERT,
                   "does not name the certificate of its TSA");
    assert_refused(verify(&TOKEN(.named = issuing), diag), SIGB_E_TIMESTAMP_CERT,
                   "names another certificate than the one it is shown with");
    assert_refused(verify(&TOKEN(.named = issuing, .names = TSA_NAMES_V1), diag), SIGB_E_TIMESTAMP_CERT,
                   "names another certificate");
    assert_int_equal(verify(&TOKEN(.name_hash = SHA256_OID), NULL), SIGB_OK);
    assert_refused(verify(&TOKEN(.name_hash = "0500"), diag), SIGB_E_TIMESTAMP_CERT, "has no hash");
    assert_refused(verify(&TOKEN(.name_hash = "3000"), diag), SIGB_E_TIMESTAMP_CERT, "hash that names");
}

static sigb_rc verify_cert(X509 *cert, sigb_diag *diag)
{
    sigb_buf with = SIGB_BUF_INIT;
    sigb_rc rc = verify(&TOKEN(.cert = cert, .certs = pki_der(&with, cert, issuing, NULL)), diag);

    sigb_buf_free(&with);
    return rc;
}

static void the_certificate_is_for_time_stamps_alone(void **state)
{
    (void)state;
    assert_int_equal(verify_cert(TSA(.usage = ""), NULL), SIGB_OK);
    assert_int_equal(verify_cert(TSA(.usage = "critical,nonRepudiation"), NULL), SIGB_OK);
    assert_refused(verify_cert(TSA(.eku = ""), diag), SIGB_E_TIMESTAMP_CERT,
                   "'CN=Test TSA' is no certificate of a TSA: its EKU is absent");
    assert_refused(verify_cert(TSA(.eku = "timeStamping"), diag), SIGB_E_TIMESTAMP_CERT,
                   "its EKU is not critical");
    assert_refused(verify_cert(TSA(.eku = "critical,codeSigning"), diag), SIGB_E_TIMESTAMP_CERT,
                   "its EKU is another, or one of several");
    assert_refused(verify_cert(TSA(.eku = "critical,timeStamping,codeSigning"), diag), SIGB_E_TIMESTAMP_CERT,
                   "its EKU is another, or one of several");
    assert_refused(verify_cert(TSA(.eku = "critical,anyExtendedKeyUsage"), diag), SIGB_E_TIMESTAMP_CERT,
                   "its EKU is another, or one of several");
    assert_refused(verify_cert(TSA(.usage = "critical,keyEncipherment"), diag), SIGB_E_TIMESTAMP_CERT,
                   "digitalSignature or nonRepudiation");
    assert_refused(verify_cert(TSA(.basic = "critical,CA:true", .usage = ""), diag), SIGB_E_TIMESTAMP_CERT,
                   "a time stamp is signed by an end entity");
}

static void the_chain_leads_to_a_pinned_root(void **state)
{
    sigb_timestamp *timestamp = stamp_of(&TOKEN());
    sigb_timestamp_trust none = {0}, junk = {.roots = sigb_bytes_text("no certificate")};
    sigb_buf alone = SIGB_BUF_INIT;

    (void)state;
    assert_refused(
        verify_by(timestamp, other_root, NULL, diag), SIGB_E_TIMESTAMP_UNTRUSTED,
        "the TSA's chain: the certificate that issued 'CN=Test CA' is missing: 'CN=Test Root' is wanted");
    assert_int_equal(verify_by(timestamp, issuing, NULL, NULL), SIGB_OK); /* pinned is pinned */
    assert_refused(verify_by(timestamp, tsa, NULL, diag), SIGB_E_TIMESTAMP_UNTRUSTED, "the TSA's chain: ");
    assert_refused(sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                         &none, NULL, diag),
                   SIGB_E_ANCHOR, "no root of a TSA is pinned");
    assert_refused(sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                         NULL, NULL, diag),
                   SIGB_E_ANCHOR, "no root of a TSA is pinned");
    assert_refused(sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE,
                                         &junk, NULL, diag),
                   SIGB_E_CERT_DER, "");
    sigb_timestamp_free(timestamp);
    assert_refused(verify(&TOKEN(.certs = pki_der(&alone, tsa, NULL)), diag), SIGB_E_TIMESTAMP_UNTRUSTED,
                   "the certificate that issued 'CN=Test TSA' is missing");
    sigb_buf_free(&alone);
    assert_refused(verify_cert(TSA(.broken = true), diag), SIGB_E_TIMESTAMP_UNTRUSTED, "the TSA's chain: ");
}

/* Public TSAs have roots that are older than that mode: its user pins one, and cannot have it issued anew. */
static void a_root_need_not_pass_the_strict_mode(void **state)
{
    X509 *old = pki_issue(
        ca,
        &(pki_cert){.ca = true, .key = root_key, .signer = root_key, .name = "Old Root", .basic = "CA:TRUE"});
    X509 *cert = TSA(.issuer = old, .signer = root_key);
    sigb_buf with = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = stamp_of(&TOKEN(.cert = cert, .certs = pki_der(&with, cert, NULL)));

    (void)state;
    assert_int_equal(verify_by(timestamp, old, NULL, NULL), SIGB_OK);
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&with);
}

static void the_chain_is_judged_at_the_time_that_the_token_says(void **state)
{
    (void)state;
    assert_int_equal(verify(&TOKEN(.time = "20260101000000Z"), NULL), SIGB_OK);
    assert_refused(verify(&TOKEN(.time = "20251231235959Z"), diag), SIGB_E_TIMESTAMP_EXPIRED,
                   "is not yet valid");
    assert_refused(verify(&TOKEN(.time = "20270102000000Z"), diag), SIGB_E_TIMESTAMP_EXPIRED,
                   "(valid 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z, judged at 2027-01-02T00:00:00Z)");
    assert_int_equal(verify_cert(TSA(.from = PKI_NOW - 60, .to = PKI_NOW + 60), NULL),
                     SIGB_OK); /* long over by now */
}

static void a_certificate_signed_over_sha1_is_weak(void **state)
{
    (void)state;
    assert_refused(verify_cert(TSA(.sha1 = true), diag), SIGB_E_TIMESTAMP_WEAK, "SHA-1 or weaker");
}

/* ---- the payload ---- */

static sigb_rc verify_payload(const char *bytes, sigb_bytes beside, sigb_bytes stamped, sigb_diag *diag)
{
    sigb_timestamp *timestamp = stamp_of(&TOKEN(.stamped = stamped));
    sigb_buf encoded = SIGB_BUF_INIT, roots = SIGB_BUF_INIT;
    sigb_timestamp_trust trust = {.roots = pki_der(&roots, root, NULL)};
    sigb_timestamp_facts facts = {0};
    sigb_statement *of = NULL;
    sigb_rc rc;

    assert_int_equal(sigb_statement_parse(hex_put(&encoded, bytes), &of, NULL), SIGB_OK);
    rc = sigb_timestamp_verify(timestamp, of, SIGB_TIMESTAMP_PAYLOAD, beside, &trust, &facts, diag);
    assert_int_equal(facts.kind, rc == SIGB_OK ? SIGB_TIMESTAMP_PAYLOAD : 0);
    sigb_statement_free(of);
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&encoded);
    sigb_buf_free(&roots);
    return rc;
}

static void a_token_of_the_payload_is_of_its_bytes(void **state)
{
    static const char attached[] = HEAD MAP PAYLOAD SIGNATURE, detached[] = HEAD MAP "f6" SIGNATURE;
    sigb_bytes payload = sigb_bytes_text("This is the content.");
    sigb_buf wrapped = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(verify_payload(attached, SIGB_BYTES_NONE, payload, NULL), SIGB_OK);
    assert_int_equal(verify_payload(detached, payload, payload, NULL), SIGB_OK);
    assert_refused(verify_payload(attached, SIGB_BYTES_NONE, hex_put(&wrapped, PAYLOAD), diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of other bytes");
    sigb_buf_free(&wrapped);
    assert_refused(verify_payload(attached, SIGB_BYTES_NONE, sigb_buf_bytes(&signature_item), diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of other bytes");
    assert_refused(verify_payload(detached, sigb_bytes_text("another"), payload, diag),
                   SIGB_E_TIMESTAMP_IMPRINT, "of other bytes");
    assert_refused(verify_payload(detached, SIGB_BYTES_NONE, payload, diag), SIGB_E_PAYLOAD, "is detached");
    assert_refused(verify_payload(attached, payload, payload, diag), SIGB_E_PAYLOAD,
                   "has its payload inside");
}

/* ---- in a statement ---- */

static sigb_rc attach(sigb_bytes bytes, const tsa_token *says, sigb_buf *out, sigb_diag *diag)
{
    sigb_timestamp *timestamp = stamp_of(says);
    sigb_statement *of = NULL;
    sigb_rc rc;

    assert_int_equal(sigb_statement_parse(bytes, &of, NULL), SIGB_OK);
    rc = sigb_statement_attach_timestamp(of, timestamp, out, diag);
    sigb_statement_free(of);
    sigb_timestamp_free(timestamp);
    return rc;
}

static void attaching_adds_one_entry_and_nothing_else(void **state)
{
    sigb_buf token = SIGB_BUF_INIT, wanted = SIGB_BUF_INIT, made = SIGB_BUF_INIT;
    sigb_statement *again = NULL;

    (void)state;
    assert_int_equal(attach(sigb_buf_bytes(&statement_bytes), &TOKEN(), &made, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&made), &again, NULL), SIGB_OK);
    sigb_buf_append(&token, sigb_statement_timestamp(again, SIGB_TIMESTAMP_SIGNATURE));
    assert_int_equal(sigb_statement_timestamp(again, SIGB_TIMESTAMP_PAYLOAD).len, 0);
    (void)hex_put(&wanted, HEAD "a2"
                                "04423131"
                                "19010e59");
    sigb_buf_append(&wanted, sigb_bytes_of((uint8_t[]){(uint8_t)(token.len >> 8), (uint8_t)token.len}, 2));
    sigb_buf_append(&wanted, sigb_buf_bytes(&token));
    (void)hex_put(&wanted, PAYLOAD SIGNATURE);
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&made), sigb_buf_bytes(&wanted)));
    sigb_statement_free(again);
    sigb_buf_free(&token);
    sigb_buf_free(&wanted);
    sigb_buf_free(&made);
}

static void only_a_token_of_this_signature_is_attached_and_only_one(void **state)
{
    sigb_buf once = SIGB_BUF_INIT, twice = SIGB_BUF_INIT;
    sigb_timestamp *timestamp = stamp_of(&TOKEN());

    (void)state;
    assert_int_equal(attach(sigb_buf_bytes(&statement_bytes), &TOKEN(), &once, NULL), SIGB_OK);
    assert_refused(attach(sigb_buf_bytes(&once), &TOKEN(), &twice, diag), SIGB_E_EXISTS,
                   "a time stamp of its signature in label 270, which holds one");
    assert_refused(
        attach(sigb_buf_bytes(&statement_bytes), &TOKEN(.stamped = sigb_bytes_text("else")), &twice, diag),
        SIGB_E_TIMESTAMP_IMPRINT, "of other bytes");
    assert_refused(sigb_statement_attach_timestamp(NULL, timestamp, &twice, diag), SIGB_E_USAGE,
                   "attaching needs");
    assert_refused(sigb_statement_attach_timestamp(statement, NULL, &twice, diag), SIGB_E_USAGE,
                   "attaching needs");
    assert_refused(sigb_statement_attach_timestamp(statement, timestamp, NULL, diag), SIGB_E_USAGE,
                   "attaching needs");
    assert_int_equal(twice.len, 0);
    sigb_timestamp_free(timestamp);
    sigb_buf_free(&once);
}

static void a_statement_that_is_full_takes_no_token(void **state)
{
    sigb_buf full = SIGB_BUF_INIT, out = SIGB_BUF_INIT;

    (void)state;
    (void)hex_put(&full, HEAD MAP "5a00ffff98"); /* with what follows, 16 MiB but for a few bytes */
    full.ptr = OPENSSL_realloc(full.ptr, SIGB_MAX_STATEMENT);
    memset(full.ptr + full.len, 'a', 0xffff98);
    full.cap = SIGB_MAX_STATEMENT;
    full.len += 0xffff98;
    (void)hex_put(&full, "4101");
    assert_refused(attach(sigb_buf_bytes(&full), &TOKEN(.stamped = sigb_bytes_of("\x41\x01", 2)), &out, diag),
                   SIGB_E_LIMIT, "at most 16777216 are read");
    assert_int_equal(out.len, 0);
    sigb_buf_free(&full);
}

static void verifying_needs_its_arguments(void **state)
{
    sigb_timestamp *timestamp = stamp_of(&TOKEN());
    sigb_timestamp_trust trust = {.roots = sigb_buf_bytes(&certs)};

    (void)state;
    assert_refused(
        sigb_timestamp_verify(NULL, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE, &trust, NULL, diag),
        SIGB_E_USAGE, "needs a time stamp and its statement");
    assert_refused(
        sigb_timestamp_verify(timestamp, NULL, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE, &trust, NULL, diag),
        SIGB_E_USAGE, "needs a time stamp and its statement");
    assert_refused(sigb_timestamp_verify(timestamp, statement, (sigb_timestamp_kind)1, SIGB_BYTES_NONE,
                                         &trust, NULL, diag),
                   SIGB_E_USAGE, "1 is no kind of time stamp");
    sigb_timestamp_free(timestamp);
}

/* ---- showing ---- */

static void shows(const tsa_token *says, const char *words)
{
    sigb_timestamp *timestamp = stamp_of(says);
    sigb_buf text = SIGB_BUF_INIT;

    assert_int_equal(sigb_timestamp_dump(timestamp, &text, NULL), SIGB_OK);
    sigb_buf_append(&text, sigb_bytes_of("", 1));
    if (strstr((const char *)text.ptr, words) == NULL)
        fail_msg("no '%s' in: %s", words, (const char *)text.ptr);
    assert_null(strstr((const char *)text.ptr, "verified"));
    sigb_buf_free(&text);
    sigb_timestamp_free(timestamp);
}

static void everything_in_it_is_shown_escaped(void **state)
{
    tsa_token says = TOKEN(.time = "20260701000000.250Z", .accuracy = "3003020101", .ordering = "0101ff",
                           .nonce = "02022a2b", .tsa = "a012 a410 300e 310c 300a 0603550403 0c03 411b42");

    (void)state;
    shows(&says, "time: 2026-07-01T00:00:00.25Z\naccuracy: 1000000 microseconds\nordering: by time alone\n"
                 "policy: 1.2.3.4.1\n"
                 "imprint: sha256 44c2419d131d53d55584b5dd33b788c24e551c6d44b1afc8b2b85e6954763b4e\n"
                 "serial: 0x07\nnonce: 0x2a2b\ntsa: CN=A\\x1bB\nsigner: subject 'CN=Test TSA'");
    shows(&says, "\ncertificate: subject 'CN=Test CA'");
    shows(&TOKEN(.serial = "0201f9"), "accuracy: not told\nordering: not promised\n");
    shows(&TOKEN(.serial = "0201f9"), "serial: -0x07\n");
    shows(&TOKEN(.hash = "300406022a03"), "imprint: by a hash that is not judged here, 44c2419d");
    shows(&TOKEN(.tsa = "a00b 8609 68747470733a2f1b62"), "tsa: https:/\\x1bb\n");
    shows(&TOKEN(.tsa = "a006 8704 7f000001"), "tsa: a name of a kind that is not shown\n");
    assert_refused(sigb_timestamp_dump(NULL, NULL, diag), SIGB_E_USAGE, "a dump needs a time stamp");
}

static void a_statement_shows_its_tokens_unread_ones_too(void **state)
{
    sigb_buf made = SIGB_BUF_INIT, text = SIGB_BUF_INIT, odd = SIGB_BUF_INIT;
    sigb_statement *shown = NULL;

    (void)state;
    assert_int_equal(attach(sigb_buf_bytes(&statement_bytes), &TOKEN(), &made, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_parse(sigb_buf_bytes(&made), &shown, NULL), SIGB_OK);
    assert_int_equal(sigb_statement_dump(shown, &text, NULL), SIGB_OK);
    sigb_buf_append(&text, sigb_bytes_of("", 1));
    assert_non_null(strstr((const char *)text.ptr, "    3161-ctt (270): time stamp, "));
    assert_non_null(
        strstr((const char *)text.ptr, " bytes, not checked:\n      time: 2026-07-01T00:00:00Z\n"));
    sigb_statement_free(shown);
    sigb_buf_free(&text);
    assert_int_equal(
        sigb_statement_parse(hex_put(&odd, HEAD "a119010e43 010203" PAYLOAD SIGNATURE), &shown, NULL),
        SIGB_OK);
    assert_int_equal(sigb_statement_dump(shown, &text, NULL), SIGB_OK);
    sigb_buf_append(&text, sigb_bytes_of("", 1));
    assert_non_null(strstr((const char *)text.ptr,
                           "3161-ctt (270): time stamp, 3 bytes that cannot be read (not one DER SEQUENCE"));
    sigb_statement_free(shown);
    sigb_buf_free(&text);
    sigb_buf_free(&made);
    sigb_buf_free(&odd);
}

/* ---- where it runs ---- */

/* The default context of the thread has no algorithm at all: whatever used it would fail. */
static void nothing_runs_in_the_default_context(void **state)
{
    sigb_timestamp *timestamp = stamp_of(&TOKEN(.names = TSA_NAMES_BOTH));
    OSSL_LIB_CTX *empty = OSSL_LIB_CTX_new(), *before;
    OSSL_PROVIDER *none = OSSL_PROVIDER_load(empty, "null");
    sigb_buf request = SIGB_BUF_INIT;

    (void)state;
    assert_non_null(none);
    before = OSSL_LIB_CTX_set0_default(empty);
    assert_null(EVP_MD_fetch(NULL, "SHA2-256", NULL));
    ERR_clear_error();
    assert_int_equal(verify_by(timestamp, root, NULL, NULL), SIGB_OK);
    assert_int_equal(sigb_timestamp_request(statement, &request, NULL), SIGB_OK);
    (void)OSSL_LIB_CTX_set0_default(before);
    assert_int_equal(OSSL_PROVIDER_unload(none), 1);
    OSSL_LIB_CTX_free(empty);
    sigb_buf_free(&request);
    sigb_timestamp_free(timestamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_of_the_rfc_has_its_imprint),
        cmocka_unit_test(the_hash_is_that_of_the_algorithm),
        cmocka_unit_test(the_signature_counts_as_it_is_encoded),
        cmocka_unit_test(a_request_needs_its_arguments),
        cmocka_unit_test(an_answer_has_imprint_nonce_and_policy_of_its_request),
        cmocka_unit_test(a_good_token_verifies_however_it_names_its_certificate),
        cmocka_unit_test(a_token_is_cut_out_of_its_response),
        cmocka_unit_test(time_accuracy_and_ordering_are_told),
        cmocka_unit_test(certificates_may_come_beside_the_token),
        cmocka_unit_test(what_is_no_token_is_malformed),
        cmocka_unit_test(a_token_is_as_the_rfc_has_it),
        cmocka_unit_test(gen_time_is_utc_to_the_second),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(what_is_cut_anywhere_is_refused),
        cmocka_unit_test(no_flipped_byte_changes_what_is_told),
        cmocka_unit_test(other_bytes_have_another_imprint),
        cmocka_unit_test(weak_and_unknown_hashes_are_refused),
        cmocka_unit_test(a_wrong_signature_is_told),
        cmocka_unit_test(the_certificate_is_the_one_that_is_named),
        cmocka_unit_test(the_certificate_is_for_time_stamps_alone),
        cmocka_unit_test(the_chain_leads_to_a_pinned_root),
        cmocka_unit_test(a_root_need_not_pass_the_strict_mode),
        cmocka_unit_test(the_chain_is_judged_at_the_time_that_the_token_says),
        cmocka_unit_test(a_certificate_signed_over_sha1_is_weak),
        cmocka_unit_test(a_token_of_the_payload_is_of_its_bytes),
        cmocka_unit_test(attaching_adds_one_entry_and_nothing_else),
        cmocka_unit_test(only_a_token_of_this_signature_is_attached_and_only_one),
        cmocka_unit_test(a_statement_that_is_full_takes_no_token),
        cmocka_unit_test(verifying_needs_its_arguments),
        cmocka_unit_test(everything_in_it_is_shown_escaped),
        cmocka_unit_test(a_statement_shows_its_tokens_unread_ones_too),
        cmocka_unit_test(nothing_runs_in_the_default_context),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
