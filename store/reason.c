/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's error queue, as one result of ours and its words. */
#include <stdio.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evperr.h>
#include <openssl/pemerr.h>
#include <openssl/pkcs12err.h>
#include <openssl/proverr.h>
#include <openssl/storeerr.h>

#include "base/error.h"
#include "base/text.h"
#include "store/internal.h"

/* How much an entry tells: of several the one that tells most is the reason, and of equals the last. */
enum weight { NOTHING, UNRECOGNISED, VAGUE, SAID, DETAILED, KNOWN, OURS, MEMORY };

static const struct known_row {
    int lib, reason;
    sigb_rc rc;
    enum weight weight;
} KNOWN_REASONS[] = {
    {ERR_LIB_OSSL_STORE, ERR_R_UNSUPPORTED, SIGB_OK, UNRECOGNISED},
    {ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED, SIGB_OK, UNRECOGNISED},
    {ERR_LIB_OSSL_STORE, OSSL_STORE_R_UNREGISTERED_SCHEME, SIGB_OK, UNRECOGNISED},
    {ERR_LIB_OSSL_STORE, OSSL_STORE_R_ERROR_VERIFYING_PKCS12_MAC, SIGB_E_PIN_INCORRECT, KNOWN},
    {ERR_LIB_PROV, PROV_R_BAD_DECRYPT, SIGB_E_PIN_INCORRECT, KNOWN},
    {ERR_LIB_EVP, EVP_R_BAD_DECRYPT, SIGB_E_PIN_INCORRECT, KNOWN},
    {ERR_LIB_PEM, PEM_R_BAD_DECRYPT, SIGB_E_PIN_INCORRECT, KNOWN},
    {ERR_LIB_PKCS12, PKCS12_R_PKCS12_CIPHERFINAL_ERROR, SIGB_E_PIN_INCORRECT, KNOWN},
    {ERR_LIB_PKCS12, PKCS12_R_MAC_VERIFY_FAILURE, SIGB_E_PIN_INCORRECT, KNOWN},
};

/* Our own provider gives its results as reasons, by their names; SIGB_OK: it is none. */
static sigb_rc rc_of(unsigned long code)
{
    enum { MOST = 128 };
    const char *name = ERR_reason_error_string(code);

    if (ERR_SYSTEM_ERROR(code) || ERR_GET_LIB(code) < ERR_LIB_USER) /* what is under it is OpenSSL's own */
        return SIGB_OK;
    for (int rc = 1; name != NULL && rc < MOST; rc++)
        if (strcmp(sigb_rc_name((sigb_rc)rc), name) == 0 && strcmp(name, "unknown") != 0)
            return (sigb_rc)rc;
    return SIGB_OK;
}

static enum weight weigh(unsigned long code, sigb_rc usual, sigb_rc *rc)
{
    sigb_rc named = rc_of(code);

    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE || named == SIGB_E_MEMORY) {
        *rc = SIGB_E_MEMORY;
        return MEMORY;
    }
    *rc = named;
    if (named != SIGB_OK)
        return OURS;
    for (size_t i = 0; i < sizeof(KNOWN_REASONS) / sizeof(KNOWN_REASONS[0]); i++)
        if (KNOWN_REASONS[i].lib == ERR_GET_LIB(code) && KNOWN_REASONS[i].reason == ERR_GET_REASON(code)) {
            *rc = KNOWN_REASONS[i].rc;
            return KNOWN_REASONS[i].weight;
        }
    *rc = usual;
    return !ERR_SYSTEM_ERROR(code) && (ERR_GET_REASON(code) & ERR_RFLAG_COMMON) != 0 ? VAGUE : SAID;
}

/* How much of a text a person may see: from a pin-value on it is none of theirs. */
static size_t public_len(const char *text)
{
    static const char secret[] = "pin-value=";
    size_t len = 0;

    while (text[len] != '\0' && OPENSSL_strncasecmp(text + len, secret, sizeof(secret) - 1) != 0)
        len++;
    return len;
}

static void describe(store_reason *reason, unsigned long code, const char *data)
{
    char said[96] = "";
    const char *words = ERR_reason_error_string(code);

    if (words == NULL) {
        ERR_error_string_n(code, said, sizeof(said));
        words = said;
    }
    if (data == NULL)
        data = "";
    if (reason->ours && data[0] != '\0')
        (void)snprintf(reason->text, sizeof(reason->text), "%s", data);
    else
        (void)snprintf(reason->text, sizeof(reason->text), "%s%s%s%s", words, data[0] == '\0' ? "" : " (",
                       data, data[0] == '\0' ? "" : ")");
    reason->text[public_len(reason->text)] = '\0';
}

store_reason reason_take(sigb_rc usual)
{
    store_reason reason = {.text = "OpenSSL gives no reason"};
    enum weight most = NOTHING;
    const char *data = NULL;
    unsigned long code;
    int flags = 0;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        sigb_rc rc = usual;
        enum weight weight = weigh(code, usual, &rc);

        if (weight == SAID && (flags & ERR_TXT_STRING) != 0 && data[0] != '\0')
            weight = DETAILED;
        if (weight < most)
            continue;
        most = weight;
        reason.rc = rc;
        reason.native = code;
        reason.ours = weight == OURS;
        describe(&reason, code, (flags & ERR_TXT_STRING) != 0 ? data : NULL);
    }
    return reason;
}

void put_uri(sigb_buf *out, const char *uri)
{
    const size_t most = 200;
    size_t query = strcspn(uri, "?"), len = public_len(uri);

    len = len < query ? len : query;
    sigb_buf_append(out, sigb_bytes_of(uri, len < most ? len : most));
    if (len > most)
        text_put(out, "...");
}
