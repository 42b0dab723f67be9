/* SPDX-License-Identifier: Apache-2.0 */
/* sigbridge token keygen: a key pair that is made in the token and stays there. */
#include "cli/module.h"
#include "cli/text.h"
#include "cli/token.h"
#include "cli/verbs.h"

struct keygen_args {
    struct token_args token;
    const char *type, *label, *id;
    bool copyable;
};

static const char *const TYPE_CHOICES[] = {"P-256",    "P-384",    "P-521",   "RSA-2048",
                                           "RSA-3072", "RSA-4096", "Ed25519", NULL};

/* clang-format off */
#define AT(field) offsetof(struct keygen_args, field)
static const option OPTIONS[] = {
    {"label",    0, OPTION_TEXT, NEEDED,   AT(label),    "TEXT", NULL, "label of the key; one in use is refused"},
    {"type",     0, OPTION_TEXT, OPTIONAL, AT(type),     "TYPE", TYPE_CHOICES, "kind of key; P-384 if not given"},
    {"id",       0, OPTION_TEXT, OPTIONAL, AT(id),       "HEX",  NULL, "CKA_ID, 1 to 64 bytes; random if not given"},
    {"copyable", 0, OPTION_FLAG, OPTIONAL, AT(copyable), NULL,   NULL, "let the token copy the key into its sessions"},
    TIMEOUT_OPTION(TOKEN_AT(timeout), "300"),
    TOKEN_OPTIONS(OPTIONAL, "the token; may be left out where there is one alone"),
};
#undef AT
/* clang-format on */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    if (at == NULL)
        return -1;
    return (int)(at - digits) < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

static sigb_rc read_id(const char *hex, sigb_buf *id, sigb_diag *diag)
{
    size_t len = hex == NULL ? 0 : strlen(hex);
    bool fine = hex == NULL || (len > 0 && len % 2 == 0 && len / 2 <= SIGB_MAX_KEY_ID);

    for (size_t i = 0; fine && i < len; i += 2) {
        int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        uint8_t byte = (uint8_t)((high & 15) << 4 | (low & 15));
        fine = high >= 0 && low >= 0;
        sigb_buf_append(id, sigb_bytes_of(&byte, 1));
    }
    if (!fine)
        return fail(diag, SIGB_E_USAGE, "'%.140s' is no id; wanted are 1 to %d bytes in hexadecimal", hex,
                    SIGB_MAX_KEY_ID);
    return id->failed ? fail_memory(diag) : SIGB_OK;
}

static sigb_rc keygen_run(const void *arguments, struct report *report, sigb_diag *diag)
{
    const struct keygen_args *args = arguments;
    struct pins pins = {0};
    sigb_pkcs11_options options = token_options(&args->token, &pins, report);
    sigb_buf made = SIGB_BUF_INIT, id = SIGB_BUF_INIT;
    sigb_keygen keygen = {
        .type = args->type == NULL ? "P-384" : args->type, .label = args->label, .copyable = args->copyable};
    sigb_rc rc = read_id(args->id, &id, diag);

    keygen.id = sigb_buf_bytes(&id);
    if (rc == SIGB_OK)
        rc = timeout_option(args->token.timeout, KEYGEN_TIMEOUT_MS, &options.timeout_ms, diag);
    if (rc == SIGB_OK)
        rc = pins_open(&pins, &args->token.pin, NULL, report, diag);
    if (rc == SIGB_OK)
        rc = sigb_token_keygen(token_uri(&args->token), &keygen, &options, &made, diag);
    if (rc == SIGB_OK)
        token_tell_uri(report, "made the key", &made);
    sigb_buf_free(&made);
    sigb_buf_free(&id);
    pins_close(&pins);
    return rc;
}

const struct verb VERB_TOKEN_KEYGEN = {"token keygen", "Generate a signing key in a token.", ROWS(OPTIONS),
                                       sizeof(struct keygen_args), keygen_run};
