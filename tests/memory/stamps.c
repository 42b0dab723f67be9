/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/memory/stamps.h"

#include "tests/memory/world.h"
#include "tests/support/corpus.h"
#include "tests/support/hex.h"

#define FOLDER "tests/fuzz/corpus/timestamp/"

/* The signature of RFC 9921, 3.1.1, as it is encoded, and a request for it without and with a nonce. */
#define SIGNATURE                                                                                            \
    "58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e"                                   \
    "2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
#define IMPRINT                                                                                              \
    "3031300d06096086480165030402010500042044C2419D131D53D55584B5DD33B788C24E551C6D44B1AFC8B2B85E6954763B4E"

static sigb_buf response, everything, rejection, signature, sample, question, other_question;
static sigb_buf root; /* of response */

void stamps_make(void)
{
    sigb_timestamp *timestamp = NULL;
    sigb_bytes rest, cert = SIGB_BYTES_NONE;

    (void)file_read(&response, FOLDER "response");
    (void)file_read(&everything, FOLDER "everything");
    (void)file_read(&rejection, FOLDER "rejection");
    (void)hex_put(&signature, SIGNATURE);
    (void)hex_put(&sample, "d28443a10126a054546869732069732074686520636f6e74656e742e" SIGNATURE);
    (void)hex_put(&question, "3036020101" IMPRINT);
    (void)hex_put(&other_question, "3039020101" IMPRINT "02012a");
    assert_int_equal(sigb_timestamp_parse(sigb_buf_bytes(&response), &timestamp, NULL), SIGB_OK);
    rest = sigb_timestamp_certs(timestamp);
    while (sigb_certs_next(&rest, &cert)) {
    }
    sigb_buf_append(&root, cert);
    sigb_timestamp_free(timestamp);
}

void stamps_free(void)
{
    sigb_buf *const all[] = {&response, &everything, &rejection,      &signature,
                             &sample,   &question,   &other_question, &root};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sigb_buf_free(all[i]);
}

sigb_bytes stamps_response(void)
{
    return sigb_buf_bytes(&response);
}

/* ---- requests ---- */

static sigb_rc with_sample(sigb_rc (*use)(const sigb_statement *statement, sigb_buf *out))
{
    sigb_statement *statement = NULL;
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = sigb_statement_parse(sigb_buf_bytes(&sample), &statement, NULL);

    if (rc == SIGB_OK)
        rc = use(statement, &out);
    if (rc != SIGB_OK)
        assert_int_equal(out.len, 0);
    sigb_statement_free(statement);
    sigb_buf_free(&out);
    return rc;
}

static sigb_rc request(const sigb_statement *statement, sigb_buf *out)
{
    return sigb_timestamp_request(statement, out, NULL);
}

sigb_rc stamp_request(void)
{
    return with_sample(request);
}

static sigb_rc with_builder(sigb_rc (*use)(sigb_builder *builder))
{
    sigb_builder *builder = NULL;
    sigb_rc rc = world_builder(&builder);

    if (rc == SIGB_OK)
        rc = sigb_builder_attach(builder, sigb_buf_bytes(&signature), NULL);
    if (rc == SIGB_OK)
        rc = use(builder);
    sigb_builder_free(builder);
    return rc;
}

static sigb_rc payload_request(sigb_builder *builder)
{
    sigb_buf out = SIGB_BUF_INIT;
    sigb_rc rc = sigb_builder_timestamp_request(builder, &out, NULL);

    sigb_buf_free(&out);
    return rc;
}

sigb_rc stamp_payload_request(void)
{
    return with_builder(payload_request);
}

/* ---- reading ---- */

static sigb_rc parse(sigb_bytes bytes)
{
    sigb_timestamp *timestamp = NULL;
    sigb_rc rc = sigb_timestamp_parse(bytes, &timestamp, NULL);

    sigb_timestamp_free(timestamp);
    return rc;
}

sigb_rc stamp_parse_response(void)
{
    return parse(sigb_buf_bytes(&response));
}

sigb_rc stamp_parse_rejection(void)
{
    return parse(sigb_buf_bytes(&rejection));
}

/* Behind the type of its CMS structure, where the content begins. */
sigb_rc stamp_parse_spoilt(void)
{
    sigb_buf spoilt = SIGB_BUF_INIT;
    sigb_rc rc;

    sigb_buf_append(&spoilt, sigb_buf_bytes(&everything));
    if (!spoilt.failed)
        spoilt.ptr[15] ^= 0xFF;
    rc = spoilt.failed ? SIGB_E_MEMORY : parse(sigb_buf_bytes(&spoilt));
    sigb_buf_free(&spoilt);
    return rc;
}

static sigb_rc with_stamp(const sigb_buf *bytes, sigb_rc (*use)(const sigb_timestamp *timestamp))
{
    sigb_timestamp *timestamp = NULL;
    sigb_rc rc = sigb_timestamp_parse(sigb_buf_bytes(bytes), &timestamp, NULL);

    if (rc == SIGB_OK)
        rc = use(timestamp);
    sigb_timestamp_free(timestamp);
    return rc;
}

static sigb_rc dump(const sigb_timestamp *timestamp)
{
    sigb_buf text = SIGB_BUF_INIT;
    sigb_rc rc = sigb_timestamp_dump(timestamp, &text, NULL);

    sigb_buf_free(&text);
    return rc;
}

sigb_rc stamp_dump(void)
{
    return with_stamp(&everything, dump);
}

static sigb_rc answer(const sigb_timestamp *timestamp)
{
    return sigb_timestamp_check_answer(timestamp, sigb_buf_bytes(&question), NULL);
}

sigb_rc stamp_answer(void)
{
    return with_stamp(&response, answer);
}

static sigb_rc other_answer(const sigb_timestamp *timestamp)
{
    return sigb_timestamp_check_answer(timestamp, sigb_buf_bytes(&other_question), NULL);
}

sigb_rc stamp_answer_without_nonce(void)
{
    return with_stamp(&response, other_answer);
}

/* ---- in a statement ---- */

static const sigb_statement *attached_to;
static sigb_buf *attached;

static sigb_rc attach(const sigb_timestamp *timestamp)
{
    return sigb_statement_attach_timestamp(attached_to, timestamp, attached, NULL);
}

static sigb_rc attach_response(const sigb_statement *statement, sigb_buf *out)
{
    attached_to = statement;
    attached = out;
    return with_stamp(&response, attach);
}

sigb_rc stamp_attach(void)
{
    return with_sample(attach_response);
}

static sigb_rc dump_attached(const sigb_statement *statement, sigb_buf *out)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_statement *stamped = NULL;
    sigb_rc rc = attach_response(statement, &made);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(sigb_buf_bytes(&made), &stamped, NULL);
    if (rc == SIGB_OK)
        rc = sigb_statement_dump(stamped, out, NULL);
    sigb_statement_free(stamped);
    sigb_buf_free(&made);
    return rc;
}

sigb_rc stamp_dump_in_statement(void)
{
    return with_sample(dump_attached);
}

static sigb_rc verify_with(sigb_bytes statement_bytes, sigb_bytes anchor)
{
    const sigb_timestamp_trust trust = {anchor, SIGB_BYTES_NONE};
    sigb_timestamp_facts facts;
    sigb_timestamp *timestamp = NULL;
    sigb_statement *statement = NULL;
    sigb_rc rc = sigb_timestamp_parse(sigb_buf_bytes(&response), &timestamp, NULL);

    if (rc == SIGB_OK)
        rc = sigb_statement_parse(statement_bytes, &statement, NULL);
    if (rc == SIGB_OK)
        rc = sigb_timestamp_verify(timestamp, statement, SIGB_TIMESTAMP_SIGNATURE, SIGB_BYTES_NONE, &trust,
                                   &facts, NULL);
    sigb_statement_free(statement);
    sigb_timestamp_free(timestamp);
    return rc;
}

sigb_rc stamp_verify(void)
{
    return verify_with(sigb_buf_bytes(&sample), sigb_buf_bytes(&root));
}

sigb_rc stamp_verify_other(void)
{
    return verify_with(sigb_buf_bytes(&world.statement), sigb_buf_bytes(&root));
}

sigb_rc stamp_verify_stranger(void)
{
    return verify_with(sigb_buf_bytes(&sample), sigb_buf_bytes(&world.root));
}

static sigb_builder *built;

static sigb_rc put_stamp(const sigb_timestamp *timestamp)
{
    const sigb_timestamp_trust trust = {sigb_buf_bytes(&root), SIGB_BYTES_NONE};

    return sigb_builder_timestamp(built, timestamp, &trust, NULL, NULL);
}

static sigb_rc build_stamped(sigb_builder *builder)
{
    sigb_buf tbs = SIGB_BUF_INIT;
    sigb_rc rc;

    built = builder;
    rc = with_stamp(&response, put_stamp);
    if (rc == SIGB_OK)
        rc = sigb_builder_prepare(builder, &tbs, NULL);
    sigb_buf_free(&tbs);
    return rc;
}

sigb_rc stamp_build(void)
{
    return with_builder(build_stamped);
}
