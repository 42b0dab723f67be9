/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

/* base/error.h makes macros of these for the analyzer */
#undef sigb_fail
#undef sigb_fail_native
#undef sigb_no_memory

#define EXIT_VERIFY 1 /* signature, chain, DID or binding wrong */
#define EXIT_POLICY 2 /* refused by policy */
#define EXIT_DEVICE 3 /* token, PIN, device; not known or not supported */
#define EXIT_INPUT  4 /* unreadable, usage or input */
#define EXIT_INTERN 6 /* memory or internal */

/* One row a result: number, stable name, exit status. docs/errors.md has the words. */
static const struct rc_row {
    sigb_rc rc;
    const char *name;
    int exit;
} RCS[] = {
    {SIGB_OK, "ok", 0},
    {SIGB_E_USAGE, "usage", EXIT_INPUT},
    {SIGB_E_MEMORY, "memory", EXIT_INTERN},
    {SIGB_E_INTERNAL, "internal", EXIT_INTERN},
    {SIGB_E_IO, "io", EXIT_INPUT},
    {SIGB_E_EXISTS, "exists", EXIT_INPUT},
    {SIGB_E_LIMIT, "limit", EXIT_INPUT},
    {SIGB_E_URI, "uri", EXIT_INPUT},
    {SIGB_E_ANCHOR, "anchor-missing", EXIT_INPUT},
    {SIGB_E_PAYLOAD, "payload", EXIT_INPUT},
    {SIGB_E_CHANGED, "artifact-changed", EXIT_INPUT},
    {SIGB_E_REFUSED, "not-confirmed", EXIT_INPUT},
    {SIGB_E_SETUP, "openssl-setup", EXIT_INPUT},
    {SIGB_E_MODULE, "module", EXIT_DEVICE},
    {SIGB_E_TOKEN, "token", EXIT_DEVICE},
    {SIGB_E_TOKEN_ABSENT, "token-absent", EXIT_DEVICE},
    {SIGB_E_TOKEN_AMBIGUOUS, "token-ambiguous", EXIT_DEVICE},
    {SIGB_E_PIN_NEEDED, "pin-needed", EXIT_DEVICE},
    {SIGB_E_PIN_INCORRECT, "pin-incorrect", EXIT_DEVICE},
    {SIGB_E_PIN_LOCKED, "pin-locked", EXIT_DEVICE},
    {SIGB_E_PIN_FINAL_TRY, "pin-final-try", EXIT_DEVICE},
    {SIGB_E_KEY_ABSENT, "key-absent", EXIT_DEVICE},
    {SIGB_E_KEY_AMBIGUOUS, "key-ambiguous", EXIT_DEVICE},
    {SIGB_E_KEY_NO_SIGN, "key-no-sign", EXIT_DEVICE},
    {SIGB_E_KEY_UNSUPPORTED, "key-unsupported", EXIT_DEVICE},
    {SIGB_E_MECHANISM, "mechanism", EXIT_DEVICE},
    {SIGB_E_SIGNATURE_FAULT, "signature-fault", EXIT_DEVICE},
    {SIGB_E_CERT_ABSENT, "cert-absent", EXIT_DEVICE},
    {SIGB_E_CERT_OTHER_KEY, "cert-other-key", EXIT_DEVICE},
    {SIGB_E_CERT_AMBIGUOUS, "cert-ambiguous", EXIT_DEVICE},
    {SIGB_E_TIMEOUT, "timeout", EXIT_DEVICE},
    {SIGB_E_KEY_CHANGED, "key-changed", EXIT_DEVICE},
    {SIGB_E_FORKED, "forked", EXIT_DEVICE},
    {SIGB_E_CBOR, "cbor", EXIT_INPUT},
    {SIGB_E_INDEFINITE, "cbor-indefinite", EXIT_INPUT},
    {SIGB_E_DUPLICATE, "cbor-duplicate", EXIT_INPUT},
    {SIGB_E_TRAILING, "trailing-bytes", EXIT_INPUT},
    {SIGB_E_DEPTH, "cbor-depth", EXIT_INPUT},
    {SIGB_E_TAG, "tag", EXIT_INPUT},
    {SIGB_E_COSE, "cose", EXIT_INPUT},
    {SIGB_E_HEADER, "header", EXIT_INPUT},
    {SIGB_E_CRIT, "crit", EXIT_INPUT},
    {SIGB_E_ENVELOPE, "hash-envelope", EXIT_INPUT},
    {SIGB_E_DIGEST_LEN, "digest-length", EXIT_INPUT},
    {SIGB_E_CERT_DER, "cert-unreadable", EXIT_INPUT},
    {SIGB_E_DID, "did", EXIT_INPUT},
    {SIGB_E_ISSUER_METHOD, "issuer-method", EXIT_DEVICE},
    {SIGB_E_UNSUPPORTED, "unsupported", EXIT_DEVICE},
    {SIGB_E_EKU_ABSENT, "eku-absent", EXIT_POLICY},
    {SIGB_E_EKU_MALFORMED, "eku-malformed", EXIT_POLICY},
    {SIGB_E_EKU, "eku", EXIT_POLICY},
    {SIGB_E_EKU_AMBIGUOUS, "eku-ambiguous", EXIT_POLICY},
    {SIGB_E_EKU_ANY, "eku-any", EXIT_POLICY},
    {SIGB_E_SUBJECT, "subject", EXIT_POLICY},
    {SIGB_E_SVN, "svn", EXIT_POLICY},
    {SIGB_E_CONTENT_TYPE, "content-type", EXIT_POLICY},
    {SIGB_E_SIZE, "statement-size", EXIT_POLICY},
    {SIGB_E_ISS, "iss-differs", EXIT_POLICY},
    {SIGB_E_ALG_KEY, "alg-key", EXIT_POLICY},
    {SIGB_E_PROFILE, "profile", EXIT_POLICY},
    {SIGB_E_EXPIRED, "expired", EXIT_POLICY},
    {SIGB_E_NOT_YET_VALID, "not-yet-valid", EXIT_POLICY},
    {SIGB_E_REVOKED, "revoked", EXIT_POLICY},
    {SIGB_E_LEAF_CA, "leaf-ca", EXIT_POLICY},
    {SIGB_E_KEY_USAGE, "key-usage", EXIT_POLICY},
    {SIGB_E_WEAK_KEY, "weak-key", EXIT_POLICY},
    {SIGB_E_WEAK_DIGEST, "weak-digest", EXIT_POLICY},
    {SIGB_E_SIGNATURE, "signature", EXIT_VERIFY},
    {SIGB_E_CHAIN_INCOMPLETE, "chain-incomplete", EXIT_VERIFY},
    {SIGB_E_CHAIN_ROOT, "chain-root", EXIT_VERIFY},
    {SIGB_E_CHAIN_AMBIGUOUS, "chain-ambiguous", EXIT_VERIFY},
    {SIGB_E_CHAIN_UNRELATED, "chain-unrelated", EXIT_VERIFY},
    {SIGB_E_CHAIN, "chain", EXIT_VERIFY},
    {SIGB_E_DID_MISMATCH, "did-mismatch", EXIT_VERIFY},
    {SIGB_E_ISSUER, "issuer", EXIT_VERIFY},
    {SIGB_E_X5T, "x5t", EXIT_VERIFY},
    {SIGB_E_ARTIFACT, "artifact", EXIT_VERIFY},
    {SIGB_E_RECEIPT_LEDGER, "receipt-ledger", EXIT_DEVICE},
    {SIGB_E_RECEIPT_KEY, "receipt-key", EXIT_DEVICE},
    {SIGB_E_RECEIPT_SIGNATURE, "receipt-signature", EXIT_VERIFY},
    {SIGB_E_RECEIPT_UNBOUND, "receipt-unbound", EXIT_VERIFY},
    {SIGB_E_RECEIPT_MALFORMED, "receipt-malformed", EXIT_INPUT},
    {SIGB_E_RECEIPT_LEGACY, "receipt-legacy", EXIT_DEVICE},
    {SIGB_E_RECEIPT_UNSUPPORTED, "receipt-unsupported", EXIT_DEVICE},
    {SIGB_E_RECEIPT_NEEDED, "receipt-needed", EXIT_POLICY},
    {SIGB_E_RECEIPT_FORKED, "receipt-forked", EXIT_VERIFY},
    {SIGB_E_LEDGER_KEYS, "ledger-keys", EXIT_INPUT},
    {SIGB_E_TIMESTAMP_MALFORMED, "timestamp-malformed", EXIT_INPUT},
    {SIGB_E_TIMESTAMP_REFUSED, "timestamp-refused", EXIT_DEVICE},
    {SIGB_E_TIMESTAMP_IMPRINT, "timestamp-imprint", EXIT_VERIFY},
    {SIGB_E_TIMESTAMP_NONCE, "timestamp-nonce", EXIT_VERIFY},
    {SIGB_E_TIMESTAMP_UNTRUSTED, "timestamp-untrusted", EXIT_DEVICE},
    {SIGB_E_TIMESTAMP_SIGNATURE, "timestamp-signature", EXIT_VERIFY},
    {SIGB_E_TIMESTAMP_CERT, "timestamp-cert", EXIT_POLICY},
    {SIGB_E_TIMESTAMP_EXPIRED, "timestamp-expired", EXIT_POLICY},
    {SIGB_E_TIMESTAMP_WEAK, "timestamp-weak", EXIT_POLICY},
    {SIGB_E_TIMESTAMP_UNSUPPORTED, "timestamp-unsupported", EXIT_DEVICE},
};

static const struct rc_row *rc_find(sigb_rc rc)
{
    for (size_t i = 0; i < sizeof(RCS) / sizeof(RCS[0]); i++)
        if (RCS[i].rc == rc)
            return &RCS[i];
    return NULL;
}

const char *sigb_rc_name(sigb_rc rc)
{
    const struct rc_row *row = rc_find(rc);

    return row == NULL ? "unknown" : row->name;
}

int sigb_rc_exit(sigb_rc rc)
{
    const struct rc_row *row = rc_find(rc);

    return row == NULL ? EXIT_INTERN : row->exit;
}

/* vsnprintf cuts anywhere: take a UTF-8 character off that lost its tail. */
static void cut_at_character(char *text, size_t len)
{
    size_t tail = 0;
    unsigned char first;

    while (tail < len && tail < 3 && ((unsigned char)text[len - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail == len)
        return;
    first = (unsigned char)text[len - 1 - tail];
    if (first >= 0xC0 && tail < (first >= 0xF0 ? 3U : first >= 0xE0 ? 2U : 1U))
        text[len - 1 - tail] = '\0';
}

__attribute__((format(printf, 3, 0))) static void diag_write(sigb_diag *diag, unsigned long native,
                                                             const char *format, va_list args)
{
    int len;

    if (diag == NULL)
        return;
    diag->native = native;
    len = vsnprintf(diag->text, sizeof(diag->text), format, args);
    if (len < 0)
        diag->text[0] = '\0';
    else if ((size_t)len >= sizeof(diag->text))
        cut_at_character(diag->text, sizeof(diag->text) - 1);
}

sigb_rc sigb_fail(sigb_diag *diag, sigb_rc rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    diag_write(diag, 0, format, args);
    va_end(args);
    return rc;
}

sigb_rc sigb_fail_native(sigb_diag *diag, sigb_rc rc, unsigned long native, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    diag_write(diag, native, format, args);
    va_end(args);
    return rc;
}

/* OpenSSL of today raises an error for each allocation of ours, too, that fails: what is refused next must not be taken for it. */
sigb_rc sigb_no_memory(sigb_diag *diag)
{
    ERR_clear_error();
    return sigb_fail(diag, SIGB_E_MEMORY, "out of memory");
}

/* True if any entry of the error queue is a refused allocation; *first is the oldest entry. */
static bool queue_tells_no_memory(unsigned long *first)
{
    bool no_memory = false;
    unsigned long code;

    *first = ERR_peek_error();
    while ((code = ERR_get_error()) != 0)
        no_memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    return no_memory;
}

sigb_rc sigb_openssl_failed(sigb_diag *diag, const char *what)
{
    unsigned long code;
    char words[160] = "no reason given";

    if (queue_tells_no_memory(&code))
        return sigb_no_memory(diag);
    if (code != 0)
        ERR_error_string_n(code, words, sizeof(words));
    return sigb_fail_native(diag, SIGB_E_INTERNAL, code, "OpenSSL refused %s: %s", what, words);
}

sigb_rc sigb_openssl_refused(sigb_diag *diag, sigb_rc rc, const char *format, ...)
{
    unsigned long code;
    va_list args;

    if (queue_tells_no_memory(&code))
        return sigb_no_memory(diag);
    va_start(args, format);
    diag_write(diag, code, format, args);
    va_end(args);
    return rc;
}

void sigb_note(const sigb_notes *notes, const char *format, ...)
{
    char text[SIGB_DIAG_TEXT];
    va_list args;

    if (notes == NULL || notes->put == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    notes->put(notes->arg, text);
}
