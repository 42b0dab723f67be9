/* SPDX-License-Identifier: Apache-2.0 */
/* A token for a person to read. Nothing here is checked, so nothing here may sound as if it were. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "issuer/name.h"
#include "timestamp/timestamp.h"

typedef struct dump {
    const sigb_timestamp *timestamp;
    unsigned indent;
    sigb_buf *out;
} dump;

static void begin(const dump *to, const char *what)
{
    for (unsigned i = 0; i < to->indent; i++)
        text_put(to->out, "  ");
    text_putf(to->out, "%s: ", what);
}

/* "2026-07-01T12:00:00.25Z" */
static void put_time(const dump *to)
{
    char room[TIME_TEXT], fraction[16] = "";
    int len = 0;

    if (to->timestamp->nanoseconds > 0) {
        len = snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)to->timestamp->nanoseconds);
        while (fraction[len - 1] == '0')
            fraction[--len] = '\0';
    }
    (void)time_text(to->timestamp->time, room);
    begin(to, "time");
    text_putf(to->out, "%.*s%sZ\n", (int)strcspn(room, "Z"), room, fraction);
}

static void put_accuracy(const dump *to)
{
    int64_t microseconds;

    begin(to, "accuracy");
    if (sigb_timestamp_accuracy(to->timestamp, &microseconds))
        text_putf(to->out, "%lld microseconds\n", (long long)microseconds);
    else
        text_put(to->out, "not told\n");
}

static void put_imprint(const dump *to)
{
    const char *hash = sigb_hash_name(sigb_timestamp_hash(to->timestamp));

    begin(to, "imprint");
    text_putf(to->out, "%s ", hash == NULL ? "by a hash that is not judged here," : hash);
    text_put_hex(to->out, sigb_timestamp_imprint(to->timestamp));
    text_put(to->out, "\n");
}

static void put_number(const dump *to, const char *what, const ASN1_INTEGER *number)
{
    if (number == NULL)
        return;
    begin(to, what);
    text_put(to->out, ASN1_STRING_type(number) == V_ASN1_NEG_INTEGER ? "-0x" : "0x");
    text_put_hex(to->out, sigb_bytes_of(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number)));
    text_put(to->out, "\n");
}

/* What the TSA calls itself; which certificate that is, shows below. */
static void put_tsa(const dump *to)
{
    const GENERAL_NAME *name = TS_TST_INFO_get_tsa(to->timestamp->info);

    if (name == NULL)
        return;
    begin(to, "tsa");
    if (name->type == GEN_DIRNAME) {
        name_put(to->out, name->d.directoryName);
    } else if (name->type == GEN_URI || name->type == GEN_DNS || name->type == GEN_EMAIL) {
        sigb_text_escape(to->out, sigb_bytes_of(ASN1_STRING_get0_data(name->d.ia5),
                                                (size_t)ASN1_STRING_length(name->d.ia5)));
    } else {
        text_put(to->out, "a name of a kind that is not shown");
    }
    text_put(to->out, "\n");
}

static sigb_rc put_certs(const dump *to, sigb_diag *diag)
{
    sigb_bytes rest = sigb_timestamp_certs(to->timestamp), cert;
    sigb_rc rc = SIGB_OK;

    while (rc == SIGB_OK && sigb_certs_next(&rest, &cert)) {
        begin(to, sigb_bytes_equal(cert, sigb_timestamp_signer(to->timestamp)) ? "signer" : "certificate");
        rc = sigb_certs_describe(cert, to->out, diag);
        if (rc != SIGB_E_CERT_DER)
            continue;
        text_putf(to->out, "unreadable, %zu bytes\n", cert.len);
        rc = SIGB_OK;
    }
    return rc;
}

sigb_rc stamp_put(const sigb_timestamp *timestamp, unsigned indent, sigb_buf *text, sigb_diag *diag)
{
    const dump to = {timestamp, indent, text};
    size_t before = text->len;
    sigb_rc rc;

    put_time(&to);
    put_accuracy(&to);
    begin(&to, "ordering");
    text_put(text, sigb_timestamp_ordering(timestamp) ? "by time alone\n" : "not promised\n");
    begin(&to, "policy");
    text_put(text, sigb_timestamp_policy(timestamp));
    text_put(text, "\n");
    put_imprint(&to);
    put_number(&to, "serial", TS_TST_INFO_get_serial(timestamp->info));
    put_number(&to, "nonce", TS_TST_INFO_get_nonce(timestamp->info));
    put_tsa(&to);
    rc = put_certs(&to, diag);
    ERR_clear_error();
    if (rc == SIGB_OK && text->failed)
        rc = sigb_no_memory(diag);
    if (rc != SIGB_OK)
        text->len = before;
    return rc;
}

sigb_rc sigb_timestamp_dump(const sigb_timestamp *timestamp, sigb_buf *text, sigb_diag *diag)
{
    if (timestamp == NULL || text == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a dump needs a time stamp and a place to be put");
    return stamp_put(timestamp, 0, text, diag);
}
