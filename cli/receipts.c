/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/receipts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/input.h"
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

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
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
