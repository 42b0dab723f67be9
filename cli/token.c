/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/token.h"

#include "cli/module.h"
#include "cli/text.h"

const char *token_uri(const struct token_args *args)
{
    return args->uri == NULL ? "pkcs11:" : args->uri;
}

sigb_pkcs11_options token_options(const struct token_args *args, struct pins *pins, struct report *report)
{
    return module_options(&args->module, pins, report);
}

static void set(struct report *report, json_t *object, const char *key, sigb_bytes raw)
{
    if (raw.len > 0 && json_object_set_new(object, key, report_string(report, key, raw)) != 0)
        report->failed = true;
}

json_t *token_item_json(struct report *report, const sigb_token_item *item)
{
    json_t *object = json_object();
    sigb_buf id = SIGB_BUF_INIT;

    text_put_hex(&id, item->id);
    set(report, object, "kind", sigb_bytes_text(item->kind));
    set(report, object, "uri", sigb_bytes_text(item->uri));
    set(report, object, "token", sigb_bytes_text(item->token));
    set(report, object, "serial", sigb_bytes_text(item->serial));
    set(report, object, "model", sigb_bytes_text(item->model));
    set(report, object, "label", sigb_bytes_text(item->label));
    set(report, object, "id", sigb_buf_bytes(&id));
    set(report, object, "type", sigb_bytes_text(item->type));
    set(report, object, "note", sigb_bytes_text(item->note));
    report->failed |= id.failed;
    sigb_buf_free(&id);
    return object;
}

static void put_padded(sigb_buf *out, const char *raw, size_t width)
{
    size_t start = out->len;

    text_put_raw(out, sigb_bytes_text(raw));
    text_put_blanks(out, out->len - start < width ? width - (out->len - start) : 1);
}

void token_item_put(sigb_buf *out, const sigb_token_item *item)
{
    put_padded(out, item->kind, 8);
    put_padded(out, item->type, 10);
    text_put_raw(out, sigb_bytes_text(item->uri));
    text_put(out, "\n");
    if (item->note == NULL || item->note[0] == '\0')
        return;
    text_put_blanks(out, 8);
    text_put_raw(out, sigb_bytes_text(item->note));
    text_put(out, "\n");
}

void token_tell_uri(struct report *report, const char *did, const sigb_buf *uri)
{
    report_text(report, "uri", sigb_buf_bytes(uri));
    text_put_raw(&report->data, sigb_buf_bytes(uri));
    text_put(&report->data, "\n");
    text_put(&report->text, did);
    text_put(&report->text, "\n");
}
