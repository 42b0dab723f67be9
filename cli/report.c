/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/text.h"

/* What every reader of JSON can hold exactly (RFC 8259, 6). */
#define JSON_EXACT (INT64_C(1) << 53)

void report_begin(struct report *report, const char *verb, bool json)
{
    *report = (struct report){.verb = verb, .json = json};
    report->text = (sigb_buf)SIGB_BUF_INIT;
    report->data = (sigb_buf)SIGB_BUF_INIT;
    report->facts = json_object();
    report->notes = json_array();
    report->escaped = json_array();
}

/* ---- facts ---- */

void report_json(struct report *report, const char *key, json_t *value)
{
    if (json_object_set_new(report->facts, key, value) != 0)
        report->failed = true;
}

json_t *report_string(struct report *report, const char *key, sigb_bytes raw)
{
    sigb_buf shown = SIGB_BUF_INIT;
    json_t *text;

    if (sigb_text_is_utf8(raw))
        return json_stringn(raw.len == 0 ? "" : (const char *)raw.ptr, raw.len);
    sigb_text_escape(&shown, raw);
    text = json_stringn((const char *)shown.ptr, shown.len);
    if (shown.failed || json_array_append_new(report->escaped, json_string(key)) != 0)
        report->failed = true;
    sigb_buf_free(&shown);
    return text;
}

void report_text(struct report *report, const char *key, sigb_bytes raw)
{
    report_json(report, key, report_string(report, key, raw));
}

void report_bool(struct report *report, const char *key, bool value)
{
    report_json(report, key, json_boolean(value));
}

static void report_own(struct report *report, const char *key, sigb_buf *text)
{
    report->failed |= text->failed;
    report_text(report, key, sigb_buf_bytes(text));
    sigb_buf_free(text);
}

void report_int(struct report *report, const char *key, int64_t number)
{
    sigb_buf digits = SIGB_BUF_INIT;

    if (number >= -JSON_EXACT && number <= JSON_EXACT) {
        report_json(report, key, json_integer(number));
        return;
    }
    text_put_int(&digits, number);
    report_own(report, key, &digits);
}

void report_time(struct report *report, const char *key, int64_t at)
{
    sigb_buf text = SIGB_BUF_INIT;

    text_put_time(&text, at);
    report_own(report, key, &text);
}

void report_hex(struct report *report, const char *key, sigb_bytes bytes)
{
    sigb_buf text = SIGB_BUF_INIT;

    text_put_hex(&text, bytes);
    report_own(report, key, &text);
}

json_t *report_list(struct report *report, const char *key, sigb_bytes text)
{
    json_t *lines = json_array();

    while (text.len > 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        if (json_array_append_new(lines, report_string(report, key, sigb_bytes_of(text.ptr, len))) != 0)
            report->failed = true;
        len += end != NULL;
        text = sigb_bytes_of(text.ptr + len, text.len - len);
    }
    return lines;
}

void report_lines(struct report *report, const char *key, sigb_bytes text)
{
    report_json(report, key, report_list(report, key, text));
}

/* ---- for people ---- */

void report_say(struct report *report, const char *label, sigb_bytes raw)
{
    text_put(&report->text, label);
    text_put(&report->text, ": ");
    text_put_raw(&report->text, raw);
    text_put(&report->text, "\n");
}

/* A line on standard error; that it cannot be written is no failure of the verb. */
static void say(sigb_buf *line)
{
    sigb_diag ignored;

    text_put(line, "\n");
    if (output_write(STDERR_FILENO, sigb_buf_bytes(line), "standard error", &ignored) != SIGB_OK)
        return;
}

void report_note(void *arg, const char *text)
{
    struct report *report = arg;
    sigb_buf line = SIGB_BUF_INIT;

    if (json_array_append_new(report->notes, report_string(report, "notes", sigb_bytes_text(text))) != 0)
        report->failed = true;
    if (report->json)
        return;
    text_put(&line, "sigbridge: note: ");
    text_put_raw(&line, sigb_bytes_text(text));
    say(&line);
    sigb_buf_free(&line);
}

/* "sigbridge sign: svn: 0 is not a positive number ..." */
static void say_failure(const struct report *report, sigb_rc rc, const sigb_diag *diag)
{
    sigb_buf line = SIGB_BUF_INIT;

    text_put(&line, "sigbridge");
    text_put(&line, report->verb[0] == '\0' ? "" : " ");
    text_put(&line, report->verb);
    text_put(&line, ": ");
    text_put(&line, sigb_rc_name(rc));
    text_put(&line, ": ");
    text_put_raw(&line, sigb_bytes_text(diag->text));
    say(&line);
    sigb_buf_free(&line);
}

/* ---- the document ---- */

static json_t *error_object(struct report *report, sigb_rc rc, const sigb_diag *diag)
{
    json_t *text = report_string(report, "error.text", sigb_bytes_text(diag->text));

    return json_pack("{s:i, s:s, s:o, s:I}", "code", (int)rc, "name", sigb_rc_name(rc), "text", text,
                     "native", (json_int_t)diag->native);
}

void report_despite_failure(struct report *report)
{
    report->despite = true;
}

/* Facts are told of what succeeded alone: a refusal shows nothing that could be taken for an answer. */
static json_t *document(struct report *report, sigb_rc rc, const sigb_diag *diag)
{
    json_t *error = rc == SIGB_OK ? json_null() : error_object(report, rc, diag);
    json_t *doc = json_pack("{s:s, s:s, s:b, s:i, s:o}", "schema", REPORT_SCHEMA, "verb", report->verb, "ok",
                            rc == SIGB_OK, "exit", sigb_rc_exit(rc), "error", error);

    if (doc == NULL)
        return NULL;
    if (((rc == SIGB_OK || report->despite) && json_object_update(doc, report->facts) != 0) ||
        json_object_set(doc, "notes", report->notes) != 0 ||
        json_object_set(doc, "escaped", report->escaped) != 0) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}

/* The last resort when there is no memory for a document. */
static const char NO_MEMORY[] = "{\"schema\": \"" REPORT_SCHEMA
                                "\", \"verb\": \"\", \"ok\": false, \"exit\": 6, "
                                "\"error\": {\"code\": 2, \"name\": \"memory\", \"text\": \"out of memory\", "
                                "\"native\": 0}, \"notes\": [], \"escaped\": []}\n";

static int put_json(const char *text, size_t len, void *arg)
{
    sigb_buf *out = arg;

    for (size_t i = 0; i < len; i++) /* the one control character that JSON may hold as it is */
        sigb_buf_append(out, text[i] == 0x7F ? sigb_bytes_text("\\u007f") : sigb_bytes_of(text + i, 1));
    return out->failed ? -1 : 0;
}

static sigb_rc write_document(struct report *report, sigb_rc rc, const sigb_diag *diag, sigb_buf *out)
{
    json_t *doc = document(report, rc, diag);
    bool done = doc != NULL && !report->failed &&
                json_dump_callback(doc, put_json, out, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0;

    json_decref(doc);
    if (done)
        text_put(out, "\n");
    if (done && !out->failed)
        return rc;
    sigb_buf_free(out);
    text_put(out, NO_MEMORY);
    return SIGB_E_MEMORY;
}

/* ---- the end ---- */

/* The document goes to its file first: if that fails, the one on standard output says so. */
static sigb_rc put_document(struct report *report, sigb_rc rc, sigb_diag *diag)
{
    sigb_buf doc = SIGB_BUF_INIT;
    sigb_rc written = SIGB_OK;

    rc = write_document(report, rc, diag, &doc);
    if (report->result != NULL)
        written = output_file(report->result, report->force, sigb_buf_bytes(&doc), diag);
    if (written != SIGB_OK) {
        sigb_buf_free(&doc);
        rc = write_document(report, written, diag, &doc);
    }
    if (report->json) {
        written = output_write(STDOUT_FILENO, sigb_buf_bytes(&doc), "standard output", diag);
        report->json = written == SIGB_OK; /* else nobody reads the document, and a line must do */
        rc = written == SIGB_OK ? rc : written;
    }
    sigb_buf_free(&doc);
    return rc;
}

static sigb_rc put_data(struct report *report, sigb_rc rc, sigb_diag *diag)
{
    sigb_rc written;

    if (report->json || (rc != SIGB_OK && !report->despite))
        return rc;
    if (report->text.failed || report->data.failed || report->failed)
        return fail_memory(diag);
    if (rc != SIGB_OK)
        diag = NULL; /* the words are those of the failure */
    written = output_write(STDOUT_FILENO, sigb_buf_bytes(&report->data), "standard output", diag);
    return rc != SIGB_OK ? rc : written;
}

static void put_text(struct report *report, sigb_rc rc, const sigb_diag *diag)
{
    sigb_diag ignored;

    if (report->json)
        return;
    if (rc != SIGB_OK)
        say_failure(report, rc, diag);
    else if (!report->quiet && output_write(STDERR_FILENO, sigb_buf_bytes(&report->text), "standard error",
                                            &ignored) != SIGB_OK)
        return;
}

static void report_free(struct report *report)
{
    sigb_buf_free(&report->text);
    sigb_buf_free(&report->data);
    json_decref(report->facts);
    json_decref(report->notes);
    json_decref(report->escaped);
}

int report_end(struct report *report, sigb_rc rc, const sigb_diag *said)
{
    sigb_diag diag = *said;

    if (rc != SIGB_OK && diag.text[0] == '\0')
        (void)fail(&diag, rc, "%s", sigb_rc_name(rc));
    if (report->json || report->result != NULL)
        rc = put_document(report, rc, &diag);
    rc = put_data(report, rc, &diag);
    put_text(report, rc, &diag);
    report_free(report);
    return sigb_rc_exit(rc);
}
