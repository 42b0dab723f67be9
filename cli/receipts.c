/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/receipts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/text.h"

/* ---- keys ---- */

/* LEDGER=FILE: what stands before the sign is no part of a path. */
static const char *split(const char *named, char ledger[SIGB_MAX_ISSUER + 1])
{
    size_t len = strcspn(named, "=/");

    if (named[len] != '=' || len == 0 || len > SIGB_MAX_ISSUER)
        return named;
    memcpy(ledger, named, len);
    ledger[len] = '\0';
    return named + len + 1;
}

static sigb_rc read_file(const char *named, sigb_keys *keys, sigb_diag *diag)
{
    char ledger[SIGB_MAX_ISSUER + 1] = "";
    const char *path = split(named, ledger);
    sigb_buf content = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = input_read(path, "key file", &content, diag);

    if (rc == SIGB_OK) {
        rc = sigb_keys_put(keys, sigb_buf_bytes(&content), ledger[0] == '\0' ? NULL : ledger, &why);
        if (rc != SIGB_OK)
            (void)fail(diag, rc, "'%.200s': %.280s", path, why.text);
    }
    sigb_buf_free(&content);
    return rc;
}

sigb_rc receipts_read_keys(const option_list *files, sigb_keys **keys, sigb_diag *diag)
{
    sigb_keys *made;
    sigb_rc rc = SIGB_OK;

    if (files->count == 0)
        return SIGB_OK;
    made = sigb_keys_new();
    if (made == NULL)
        return fail_memory(diag);
    for (size_t i = 0; rc == SIGB_OK && i < files->count; i++)
        rc = read_file(files->items[i], made, diag);
    if (rc == SIGB_OK)
        *keys = made;
    else
        sigb_keys_free(made);
    return rc;
}

/* ---- a statement that changes ---- */

static sigb_rc check_output(const receipts_job *job, sigb_diag *diag)
{
    sigb_rc rc = output_check_distinct(job->to, job->report->result, diag);

    if (rc == SIGB_OK && job->report->json && strcmp(job->to, "-") == 0)
        rc = fail(diag, SIGB_E_USAGE,
                  "--json and the statement cannot share standard output; name a file with -o");
    if (rc == SIGB_OK && input_is_same_file(job->from, job->to))
        rc = fail(diag, SIGB_E_USAGE, "the result would replace the statement '%.200s'; name another file",
                  job->to);
    return rc == SIGB_OK ? output_check(job->to, job->force, diag) : rc;
}

sigb_rc receipts_job_begin(receipts_job *job, sigb_diag *diag)
{
    sigb_rc rc = check_output(job, diag);

    if (rc == SIGB_OK)
        rc = input_read(job->from, "statement", &job->bytes, diag);
    return rc == SIGB_OK ? sigb_statement_parse(sigb_buf_bytes(&job->bytes), &job->statement, diag) : rc;
}

sigb_rc receipts_job_end(receipts_job *job, const char *done, sigb_diag *diag)
{
    struct report *report = job->report;
    sigb_rc rc = output_file(job->to, job->force, sigb_buf_bytes(&job->made), diag);

    if (rc != SIGB_OK)
        return rc;
    report_text(report, "statement", sigb_bytes_text(job->to));
    report_int(report, "statement_bytes", (int64_t)job->made.len);
    text_put(&report->text, done);
    text_put(&report->text, ": ");
    text_put_raw(&report->text, sigb_bytes_text(job->from));
    text_put(&report->text, " -> ");
    text_put_raw(&report->text, sigb_bytes_text(job->to));
    text_put(&report->text, "\n");
    return SIGB_OK;
}

void receipts_job_free(receipts_job *job)
{
    sigb_statement_free(job->statement);
    sigb_buf_free(&job->bytes);
    sigb_buf_free(&job->made);
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && strlen(text) < 10 && text[strspn(text, "0123456789")] == '\0';
}

sigb_rc receipts_number(const char *text, size_t *place, sigb_diag *diag)
{
    if (!is_number(text) || strtoul(text, NULL, 10) == 0)
        return fail(diag, SIGB_E_USAGE, "'%.40s' is no number of a receipt; 1 is the first", text);
    *place = strtoul(text, NULL, 10) - 1;
    return SIGB_OK;
}

sigb_rc receipts_find(const sigb_statement *statement, size_t place, sigb_bytes *receipt, sigb_diag *diag)
{
    sigb_bytes rest = sigb_statement_receipt_list(statement);
    size_t count = sigb_statement_receipts(statement);

    if (place >= count)
        return fail(diag, SIGB_E_USAGE, "the statement has %zu receipts, and number %zu is asked for", count,
                    place + 1);
    for (size_t i = 0; i <= place && sigb_receipts_next(&rest, receipt, NULL); i++)
        continue;
    return SIGB_OK;
}

/* ---- demands ---- */

static bool is_pinned(const sigb_keys *keys, const char *ledger)
{
    for (size_t i = 0; keys != NULL && i < sigb_keys_count(keys); i++) {
        const char *issuer = sigb_keys_issuer(keys, i);

        if (issuer != NULL && strcasecmp(issuer, ledger) == 0)
            return true;
    }
    return false;
}

static sigb_rc put_demand(const char *demand, const sigb_keys *keys, sigb_policy *policy, sigb_diag *diag)
{
    if (strcmp(demand, "any") == 0)
        return sigb_policy_require_receipts(policy, 1, diag);
    if (strcmp(demand, "all") == 0)
        return sigb_policy_require_all_receipts(policy, diag);
    if (is_number(demand))
        return sigb_policy_require_receipts(policy, strtoul(demand, NULL, 10), diag);
    if (!is_pinned(keys, demand))
        return fail(diag, SIGB_E_USAGE,
                    "a receipt of '%.160s' is required, and no keys are pinned to it: give them with "
                    "--ledger-keys %.160s=FILE",
                    demand, demand);
    return sigb_policy_require_ledger(policy, demand, diag);
}

sigb_rc receipts_put_demands(const option_list *demands, const sigb_keys *keys, sigb_policy *policy,
                             sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (demands->count > 0 && keys == NULL)
        return fail(diag, SIGB_E_USAGE, "--require-receipt needs the keys of ledgers: give --ledger-keys");
    for (size_t i = 0; rc == SIGB_OK && i < demands->count; i++)
        rc = put_demand(demands->items[i], keys, policy, diag);
    return rc;
}

/* ---- telling ---- */

static void set(struct report *report, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        report->failed = true;
}

static void put_to(struct report *report, json_t *list, json_t *object)
{
    if (json_array_append_new(list, object) != 0)
        report->failed = true;
}

static void set_time(struct report *report, json_t *object, int64_t at)
{
    sigb_buf text = SIGB_BUF_INIT;

    text_put_time(&text, at);
    set(report, object, "time", report_string(report, "receipts", sigb_buf_bytes(&text)));
    sigb_buf_free(&text);
}

static void say_part(struct report *report, const char *label, sigb_bytes raw)
{
    if (raw.len == 0)
        return;
    text_put(&report->text, label);
    text_put_raw(&report->text, raw);
}

static void say_good(struct report *report, const sigb_receipt_facts *facts)
{
    text_put(&report->text, "receipt: good");
    say_part(report, ", ledger ", facts->issuer);
    text_put(&report->text, facts->pinned ? " (pinned)" : " (claimed)");
    say_part(report, ", entry ", facts->entry_txid);
    say_part(report, ", signed ", facts->signature_txid);
    if (facts->has_time) {
        text_put(&report->text, ", at ");
        text_put_time(&report->text, facts->time);
    }
    text_put(&report->text, ", key ");
    text_put(&report->text, facts->kid);
    text_put(&report->text, "\n");
}

void receipts_tell_good(struct report *report, json_t *list, const sigb_receipt_facts *facts)
{
    json_t *object = json_object();

    set(report, object, "outcome", json_string("good"));
    set(report, object, "ledger", report_string(report, "receipts", facts->issuer));
    set(report, object, "pinned", json_boolean(facts->pinned));
    set(report, object, "kid", json_string(facts->kid));
    if (facts->entry_txid.len > 0)
        set(report, object, "entry", report_string(report, "receipts", facts->entry_txid));
    if (facts->signature_txid.len > 0)
        set(report, object, "signed", report_string(report, "receipts", facts->signature_txid));
    if (facts->has_time)
        set_time(report, object, facts->time);
    put_to(report, list, object);
    say_good(report, facts);
}

void receipts_tell_refused(struct report *report, json_t *list, size_t place, sigb_rc rc, const char *why)
{
    json_t *object = json_object();

    set(report, object, "outcome", json_string(sigb_rc_name(rc)));
    set(report, object, "place", json_integer((json_int_t)place));
    set(report, object, "why", report_string(report, "receipts", sigb_bytes_text(why)));
    put_to(report, list, object);
    text_put(&report->text, "receipt ");
    text_put_int(&report->text, (int64_t)place + 1);
    text_put(&report->text, " not good: ");
    text_put(&report->text, sigb_rc_name(rc));
    text_put(&report->text, ": ");
    text_put_raw(&report->text, sigb_bytes_text(why));
    text_put(&report->text, "\n");
}

/* ---- in full ---- */

#define SHOWN_IN_FULL 16

static sigb_rc put_in_full(sigb_bytes bytes, sigb_buf *text, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_receipt_parse(bytes, &receipt, &why);

    if (rc == SIGB_OK)
        rc = sigb_receipt_dump(receipt, text, &why);
    sigb_receipt_free(receipt);
    if (rc == SIGB_E_MEMORY)
        return fail_memory(diag);
    if (rc == SIGB_OK)
        return SIGB_OK;
    text_put(text, "not read as a receipt: ");
    text_put(text, sigb_rc_name(rc));
    text_put(text, ": ");
    sigb_text_escape(text, sigb_bytes_text(why.text));
    text_put(text, "\n");
    return SIGB_OK;
}

static sigb_rc show_one(struct report *report, json_t *list, size_t place, sigb_bytes bytes, sigb_diag *diag)
{
    sigb_buf text = SIGB_BUF_INIT;
    sigb_rc rc = put_in_full(bytes, &text, diag);

    if (rc == SIGB_OK) {
        put_to(report, list, report_list(report, "receipts_in_full", sigb_buf_bytes(&text)));
        text_put(&report->data, "receipt ");
        text_put_int(&report->data, (int64_t)place + 1);
        text_put(&report->data, " in full:\n");
        sigb_buf_append(&report->data, sigb_buf_bytes(&text));
        report->failed |= text.failed;
    }
    sigb_buf_free(&text);
    return rc;
}

sigb_rc receipts_show(struct report *report, const sigb_statement *statement, sigb_diag *diag)
{
    sigb_bytes rest = sigb_statement_receipt_list(statement), receipt;
    json_t *list = json_array();
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < SHOWN_IN_FULL && sigb_receipts_next(&rest, &receipt, NULL); i++)
        rc = show_one(report, list, i, receipt, diag);
    if (rest.len > 0)
        text_put(&report->data, "... and more: receipt inspect --number shows each\n");
    report_json(report, "receipts_in_full", list);
    return rc;
}
