/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stamp.h"

#include "cli/input.h"
#include "cli/text.h"

sigb_rc stamp_require_root(const struct tsa_args *args, sigb_diag *diag)
{
    if (args->cert.count == 0 || args->root.count > 0)
        return SIGB_OK;
    return fail(diag, SIGB_E_USAGE, "--tsa-cert helps to reach a root; add --tsa-root");
}

sigb_rc stamp_read_trust(const struct tsa_args *args, sigb_buf *roots, sigb_buf *certs,
                         sigb_timestamp_trust *trust, sigb_diag *diag)
{
    sigb_rc rc = input_certs(&args->root, "TSA root", roots, diag);

    if (rc == SIGB_OK)
        rc = input_certs(&args->cert, "TSA certificate", certs, diag);
    if (rc == SIGB_OK)
        *trust = (sigb_timestamp_trust){sigb_buf_bytes(roots), sigb_buf_bytes(certs)};
    return rc;
}

static sigb_rc check_answer(const struct stamp_args *args, const sigb_timestamp *timestamp, sigb_diag *diag)
{
    sigb_buf request = SIGB_BUF_INIT;
    sigb_rc rc = input_read(args->request, "time stamp request", &request, diag);

    if (rc == SIGB_OK)
        rc = sigb_timestamp_check_answer(timestamp, sigb_buf_bytes(&request), diag);
    sigb_buf_free(&request);
    return rc;
}

sigb_rc stamp_read(const struct stamp_args *args, sigb_timestamp **timestamp, sigb_diag *diag)
{
    sigb_buf bytes = SIGB_BUF_INIT;
    sigb_rc rc = input_read(args->token, "time stamp", &bytes, diag);

    if (rc == SIGB_OK)
        rc = sigb_timestamp_parse(sigb_buf_bytes(&bytes), timestamp, diag);
    if (rc == SIGB_OK && args->request != NULL)
        rc = check_answer(args, *timestamp, diag);
    sigb_buf_free(&bytes);
    return rc;
}

/* ---- telling ---- */

static void set_text(struct report *report, json_t *object, const char *key, sigb_bytes raw)
{
    if (json_object_set_new(object, key, report_string(report, key, raw)) != 0)
        report->failed = true;
}

static void set_value(struct report *report, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        report->failed = true;
}

static void set_buf(struct report *report, json_t *object, const char *key, sigb_buf *text)
{
    report->failed |= text->failed;
    set_text(report, object, key, sigb_buf_bytes(text));
    sigb_buf_free(text);
}

static void set_time(struct report *report, json_t *object, const char *key, int64_t at)
{
    sigb_buf text = SIGB_BUF_INIT;

    text_put_time(&text, at);
    set_buf(report, object, key, &text);
}

void stamp_tell(struct report *report, const sigb_timestamp_facts *facts)
{
    bool of_signature = facts->kind == SIGB_TIMESTAMP_SIGNATURE;
    json_t *object = json_object();

    set_value(report, object, "label", json_integer(facts->kind));
    set_text(report, object, "of", sigb_bytes_text(of_signature ? "signature" : "payload"));
    set_time(report, object, "time", facts->time);
    set_value(report, object, "nanoseconds", json_integer(facts->nanoseconds));
    if (facts->has_accuracy)
        set_value(report, object, "accuracy_microseconds", json_integer(facts->accuracy));
    set_time(report, object, "latest", facts->latest);
    set_text(report, object, "policy", sigb_bytes_text(facts->policy));
    report_json(report, "timestamp", object);
    text_put(&report->text, of_signature ? "signature" : "payload");
    text_put(&report->text, " stamped at ");
    text_put_time(&report->text, facts->time);
    text_put(&report->text, ", by a TSA of the pinned root\n");
}

/* The certificate that the token names, in a line without its end; nothing where it is not there, or unreadable. */
static sigb_rc set_signer(struct report *report, json_t *object, sigb_bytes cert, sigb_diag *diag)
{
    sigb_buf line = SIGB_BUF_INIT;
    sigb_rc rc = cert.len == 0 ? SIGB_OK : sigb_certs_describe(cert, &line, diag);

    if (line.len > 0)
        set_text(report, object, "signer", sigb_bytes_of(line.ptr, line.len - 1));
    sigb_buf_free(&line);
    return rc == SIGB_E_CERT_DER ? SIGB_OK : rc;
}

static sigb_rc set_token(struct report *report, json_t *object, const sigb_timestamp *timestamp,
                         sigb_diag *diag)
{
    const char *hash = sigb_hash_name(sigb_timestamp_hash(timestamp));
    sigb_buf imprint = SIGB_BUF_INIT;

    set_time(report, object, "time", sigb_timestamp_time(timestamp));
    set_text(report, object, "policy", sigb_bytes_text(sigb_timestamp_policy(timestamp)));
    if (hash != NULL)
        set_text(report, object, "hash", sigb_bytes_text(hash));
    text_put_hex(&imprint, sigb_timestamp_imprint(timestamp));
    set_buf(report, object, "imprint", &imprint);
    return set_signer(report, object, sigb_timestamp_signer(timestamp), diag);
}

static sigb_rc list_one(struct report *report, json_t *list, sigb_bytes token, sigb_timestamp_kind kind,
                        sigb_diag *diag)
{
    json_t *object = json_object();
    sigb_timestamp *timestamp = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_timestamp_parse(token, &timestamp, &why);

    set_value(report, object, "label", json_integer(kind));
    if (rc == SIGB_OK)
        rc = set_token(report, object, timestamp, &why);
    else
        set_text(report, object, "unreadable", sigb_bytes_text(why.text));
    if (json_array_append_new(list, object) != 0)
        report->failed = true;
    sigb_timestamp_free(timestamp);
    return rc == SIGB_E_MEMORY ? fail_memory(diag) : SIGB_OK;
}

sigb_rc stamp_list(struct report *report, const sigb_statement *statement, sigb_diag *diag)
{
    static const sigb_timestamp_kind kinds[] = {SIGB_TIMESTAMP_PAYLOAD, SIGB_TIMESTAMP_SIGNATURE};
    json_t *list = json_array();
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        sigb_bytes token = sigb_statement_timestamp(statement, kinds[i]);

        if (token.len > 0)
            rc = list_one(report, list, token, kinds[i], diag);
    }
    report_json(report, "timestamps", list);
    return rc;
}
