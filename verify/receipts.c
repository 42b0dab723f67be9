/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/receipts.h"

#include <strings.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "ledger/receipt.h"

/* ---- judging ---- */

static sigb_rc parse_one(sigb_bytes bytes, sigb_receipt_form form, sigb_receipt **receipt, sigb_diag *diag)
{
    if (form == SIGB_RECEIPT_OTHER)
        return sigb_fail(diag, SIGB_E_RECEIPT_MALFORMED,
                         "what stands among the receipts is neither a byte string nor a tagged COSE_Sign1");
    return sigb_receipt_parse(bytes, receipt, diag);
}

static sigb_rc refuse(judged_receipts *judged, size_t place, sigb_rc rc, const sigb_diag *why,
                      sigb_diag *diag)
{
    char *words;

    if (rc == SIGB_E_MEMORY || rc == SIGB_E_INTERNAL)
        return sigb_fail_native(diag, rc, why->native, "%s", why->text);
    words = OPENSSL_strdup(why->text);
    if (words == NULL)
        return sigb_no_memory(diag);
    judged->refused[judged->refused_count++] = (refused_receipt){place, rc, words};
    return SIGB_OK;
}

/* What all receipts of a statement are judged with: the entry's hashes are made once. */
typedef struct bench {
    entry about;
    hasher with;
    const sigb_keys *keys;
} bench;

static sigb_rc judge_one(judged_receipts *judged, bench *b, size_t place, sigb_bytes bytes,
                         sigb_receipt_form form, sigb_diag *diag)
{
    sigb_receipt *receipt = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc = parse_one(bytes, form, &receipt, &why);

    if (rc == SIGB_OK)
        rc = receipt_judge(receipt, &b->about, &b->with, b->keys, &judged->good[judged->good_count], &why);
    if (rc == SIGB_OK) {
        judged->kept[judged->good_count++] = receipt;
        return SIGB_OK;
    }
    sigb_receipt_free(receipt);
    return refuse(judged, place, rc, &why, diag);
}

static sigb_rc judge_all(judged_receipts *judged, const sigb_statement *statement, bench *b, sigb_diag *diag)
{
    sigb_bytes rest = sigb_statement_receipt_list(statement), receipt;
    sigb_receipt_form form;
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < SIGB_MAX_RECEIPTS && sigb_receipts_next(&rest, &receipt, &form);
         i++)
        rc = judge_one(judged, b, i, receipt, form, diag);
    return rc;
}

static bool make_room(judged_receipts *judged, size_t count)
{
    judged->unjudged = count > SIGB_MAX_RECEIPTS ? count - SIGB_MAX_RECEIPTS : 0;
    count -= judged->unjudged;
    judged->kept = OPENSSL_zalloc(count * sizeof(sigb_receipt *));
    judged->good = OPENSSL_zalloc(count * sizeof(*judged->good));
    judged->refused = OPENSSL_zalloc(count * sizeof(*judged->refused));
    return judged->kept != NULL && judged->good != NULL && judged->refused != NULL;
}

sigb_rc receipts_judge(judged_receipts *made, const sigb_statement *statement, sigb_bytes payload,
                       const sigb_policy *policy, sigb_diag *diag)
{
    size_t count = sigb_statement_receipts(statement);
    bench b = {.keys = policy->ledger_keys};
    sigb_rc rc;

    if (policy->ledger_keys == NULL || count == 0)
        return SIGB_OK;
    rc = make_room(made, count) ? hasher_init(&b.with, diag) : sigb_no_memory(diag);
    if (rc == SIGB_OK)
        rc = entry_of_statement(&b.about, statement, payload, diag);
    if (rc == SIGB_OK)
        rc = judge_all(made, statement, &b, diag);
    hasher_free(&b.with);
    return rc;
}

void receipts_free(judged_receipts *judged)
{
    for (size_t i = 0; i < judged->good_count; i++)
        sigb_receipt_free(judged->kept[i]);
    for (size_t i = 0; i < judged->refused_count; i++)
        OPENSSL_free(judged->refused[i].why);
    OPENSSL_free(judged->kept);
    OPENSSL_free(judged->good);
    OPENSSL_free(judged->refused);
    memset(judged, 0, sizeof(*judged));
}

/* ---- what is demanded ---- */

/* Host names are compared without regard to case. */
static bool is_of(const sigb_receipt_facts *receipt, const char *ledger)
{
    return receipt->pinned && receipt->issuer.len == strlen(ledger) &&
           strncasecmp((const char *)receipt->issuer.ptr, ledger, receipt->issuer.len) == 0;
}

static bool has_one_of(const judged_receipts *judged, const char *ledger)
{
    for (size_t i = 0; i < judged->good_count; i++)
        if (is_of(&judged->good[i], ledger))
            return true;
    return false;
}

/* The first that was refused tells most about what went wrong. */
static sigb_rc needed(const judged_receipts *judged, sigb_diag *diag, const char *wanted)
{
    const refused_receipt *first = judged->refused;

    if (judged->refused_count == 0)
        return sigb_fail(
            diag, SIGB_E_RECEIPT_NEEDED,
            "%s, and the statement has %zu good ones; have it registered, and attach the receipt", wanted,
            judged->good_count);
    return sigb_fail(diag, SIGB_E_RECEIPT_NEEDED,
                     "%s, and the statement has %zu good ones; receipt %zu: %s: %.240s", wanted,
                     judged->good_count, first->place + 1, sigb_rc_name(first->rc), first->why);
}

static sigb_rc require_all(const judged_receipts *judged, sigb_diag *diag)
{
    if (judged->good_count > 0 && judged->refused_count + judged->unjudged == 0)
        return SIGB_OK;
    return needed(judged, diag, "all receipts must be good, and one at least");
}

sigb_rc receipts_require(const judged_receipts *judged, const sigb_policy *policy, sigb_diag *diag)
{
    char wanted[SIGB_MAX_ISSUER / 4];

    if (policy->all_receipts && require_all(judged, diag) != SIGB_OK)
        return SIGB_E_RECEIPT_NEEDED;
    for (size_t i = 0; i < policy->ledger_count; i++)
        if (!has_one_of(judged, policy->ledgers[i])) {
            (void)snprintf(wanted, sizeof(wanted),
                           "a good receipt of %.160s, by a key pinned to it, is wanted", policy->ledgers[i]);
            return needed(judged, diag, wanted);
        }
    if (judged->good_count >= policy->least_receipts)
        return SIGB_OK;
    (void)snprintf(wanted, sizeof(wanted), "%zu good receipts are wanted", policy->least_receipts);
    return needed(judged, diag, wanted);
}

/* ---- time ---- */

/* Where ledgers are demanded by name, only they are believed what time it was. */
static bool is_accepted(const sigb_receipt_facts *receipt, const sigb_policy *policy)
{
    for (size_t i = 0; i < policy->ledger_count; i++)
        if (is_of(receipt, policy->ledgers[i]))
            return true;
    return policy->ledger_count == 0;
}

bool receipts_time(const judged_receipts *judged, const sigb_policy *policy, int64_t *at)
{
    bool found = false;

    for (size_t i = 0; i < judged->good_count; i++) {
        const sigb_receipt_facts *receipt = &judged->good[i];

        if (receipt->has_time && is_accepted(receipt, policy) && (!found || receipt->time < *at)) {
            *at = receipt->time;
            found = true;
        }
    }
    return found;
}
