/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/findings.h"

#include "cli/text.h"

#define VERDICT_WIDTH 13
#define CHECK_WIDTH   25
#define ADVICE_WIDTH  4 /* further, the lines of an advice that are to be written somewhere */

static const struct verdict_row {
    sigb_verdict verdict;
    const char *name;  /* in the document */
    const char *shown; /* to people: a failure stands out without colour */
} VERDICTS[] = {
    {SIGB_VERDICT_OK, "ok", "ok"},
    {SIGB_VERDICT_WARN, "warn", "WARN"},
    {SIGB_VERDICT_FAIL, "fail", "FAIL"},
    {SIGB_VERDICT_NOT_CHECKED, "not checked", "not checked"},
};

static const struct verdict_row *row_of(sigb_verdict verdict)
{
    const struct verdict_row *row = VERDICTS;

    while (row->verdict != verdict)
        row++;
    return row;
}

/* ---- for people ---- */

static void put_column(sigb_buf *out, const char *word, size_t width)
{
    size_t len = strlen(word);

    text_put(out, word);
    text_put_blanks(out, len < width ? width - len : 1);
}

/* Further lines stand under the first. */
static void put_lines(sigb_buf *out, const char *label, const char *raw)
{
    size_t indent = VERDICT_WIDTH;

    for (const char *at = raw; *at != '\0'; indent = VERDICT_WIDTH + ADVICE_WIDTH) {
        size_t len = strcspn(at, "\n");
        text_put_blanks(out, indent);
        text_put(out, at == raw ? label : "");
        text_put_raw(out, sigb_bytes_of(at, len));
        text_put(out, "\n");
        at += len + (at[len] == '\n');
    }
}

void finding_put(sigb_buf *out, const sigb_finding *finding)
{
    put_column(out, row_of(finding->verdict)->shown, VERDICT_WIDTH);
    put_column(out, finding->check, CHECK_WIDTH);
    text_put_raw(out, sigb_bytes_text(finding->found));
    text_put(out, "\n");
    if (finding->verdict == SIGB_VERDICT_OK)
        return;
    if (finding->verdict != SIGB_VERDICT_NOT_CHECKED)
        put_lines(out, "wanted: ", finding->wanted);
    put_lines(out, "what to do: ", finding->advice);
}

/* ---- in the document ---- */

json_t *finding_json(struct report *report, const sigb_finding *finding)
{
    json_t *error = finding->rc == SIGB_OK
                        ? json_null()
                        : json_pack("{s:i, s:s, s:I}", "code", (int)finding->rc, "name",
                                    sigb_rc_name(finding->rc), "native", (json_int_t)finding->native);

    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:s, s:o}", "check", finding->check, "verdict",
                     row_of(finding->verdict)->name, "essential", finding->essential, "error", error, "found",
                     report_string(report, finding->check, sigb_bytes_text(finding->found)), "wanted",
                     finding->wanted, "advice",
                     report_string(report, finding->check, sigb_bytes_text(finding->advice)));
}

bool finding_of_json(const json_t *member, sigb_finding *finding)
{
    const char *verdict = json_string_value(json_object_get(member, "verdict"));
    const json_t *error = json_object_get(member, "error");

    *finding = (sigb_finding){.check = json_string_value(json_object_get(member, "check")),
                              .essential = json_is_true(json_object_get(member, "essential")),
                              .rc = (sigb_rc)json_integer_value(json_object_get(error, "code")),
                              .native = (unsigned long)json_integer_value(json_object_get(error, "native")),
                              .found = json_string_value(json_object_get(member, "found")),
                              .wanted = json_string_value(json_object_get(member, "wanted")),
                              .advice = json_string_value(json_object_get(member, "advice"))};
    if (verdict == NULL || finding->check == NULL || finding->found == NULL || finding->wanted == NULL ||
        finding->advice == NULL)
        return false;
    for (size_t i = 0; i < sizeof(VERDICTS) / sizeof(VERDICTS[0]); i++)
        if (strcmp(VERDICTS[i].name, verdict) == 0) {
            finding->verdict = VERDICTS[i].verdict;
            return true;
        }
    return false;
}
