/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys written down. The private half of a token's key is written as what it is,
 * the URI of a key, in a PEM file that wraps it; the public half, and keys of
 * software, as software writes them.
 */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>

#include <sigbridge/provider.h>

#include "base/error.h"
#include "base/text.h"
#include "pkcs11/wrap.h"
#include "provider/provider.h"

static void *new_ctx(void *provctx)
{
    return provctx;
}

static void free_ctx(void *ctx)
{
    (void)ctx;
}

static int write_all(const prov_ctx *ctx, OSSL_CORE_BIO *to, sigb_bytes bytes)
{
    size_t put = 0;

    return ctx->bio_write(to, bytes.ptr, bytes.len, &put) == 1 && put == bytes.len;
}

/* What the software twin is written as. */
static bool put_twin(const prov_key *key, int selection, const char *format, const char *structure,
                     sigb_buf *out)
{
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(key->pkey, selection, format, structure, NULL);
    unsigned char *bytes = NULL;
    size_t len = 0;
    bool good = ctx != NULL && OSSL_ENCODER_to_data(ctx, &bytes, &len) > 0;

    if (good)
        sigb_buf_append(out, sigb_bytes_of(bytes, len));
    OPENSSL_clear_free(bytes, len);
    OSSL_ENCODER_CTX_free(ctx);
    return good && !out->failed;
}

static bool put_wrapped(prov_ctx *ctx, const prov_key *key, sigb_buf *out)
{
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_provider_wrap(bridge_key_uri(key->secret->key), NULL, out, &diag);

    return rc == SIGB_OK || prov_fail(ctx, rc, &diag);
}

/* A URI is ours to print: its reserved characters are written %XX. */
static bool put_text(const prov_key *key, sigb_buf *out)
{
    text_putf(out, "PKCS#11 private key: %s\n", bridge_key_uri(key->secret->key));
    return put_twin(key, EVP_PKEY_PUBLIC_KEY, "TEXT", NULL, out);
}

/* Who made a key and wants it written as DER learns here where it is. */
static int refuse(prov_ctx *ctx, const prov_key *key)
{
    return prov_refuse(
        ctx, SIGB_E_KEY_UNSUPPORTED,
        "the private key is on a token, and cannot be written; write PEM to have a file that names it. It "
        "stays on the token, also where it was just made: %s",
        bridge_key_uri(key->secret->key));
}

/* Selections of OpenSSL's are sums that include what stands below. */
static int selection_of(int selection)
{
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return EVP_PKEY_KEYPAIR;
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEY_PARAMETERS;
}

static int encode(prov_ctx *ctx, OSSL_CORE_BIO *to, const prov_key *key, int selection, const char *format,
                  const char *structure)
{
    bool is_secret = key != NULL && key->secret != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
    sigb_buf out = SIGB_BUF_INIT;
    int good;

    if (key == NULL || key->pkey == NULL)
        return 0;
    if (!is_secret)
        good = put_twin(key, selection_of(selection), format, structure, &out);
    else if (structure == NULL)
        good = put_text(key, &out);
    else if (strcmp(format, "PEM") == 0)
        good = put_wrapped(ctx, key, &out);
    else
        good = refuse(ctx, key);
    if (good)
        good = write_all(ctx, to, sigb_buf_bytes(&out));
    if (out.len > 0)
        OPENSSL_cleanse(out.ptr, out.len);
    sigb_buf_free(&out);
    return good;
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_ENCODER_##id, (void (*)(void))(function)                                                   \
    }

/* Each encoder knows by its name alone what it writes. */
#define ENCODER(Name, format, structure, selections)                                                         \
    static int selects_##Name(void *provctx, int selection)                                                  \
    {                                                                                                        \
        (void)provctx;                                                                                       \
        return (selection & (selections)) != 0;                                                              \
    }                                                                                                        \
    static int encode_##Name(void *ctx, OSSL_CORE_BIO *to, const void *key, const OSSL_PARAM abstract[],     \
                             int selection, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)                    \
    {                                                                                                        \
        (void)ask;                                                                                           \
        (void)ask_arg;                                                                                       \
        return abstract == NULL && encode(ctx, to, key, selection, format, structure);                       \
    }                                                                                                        \
    static const OSSL_DISPATCH ENCODER_##Name[] = {FUNCTION(NEWCTX, new_ctx),                                \
                                                   FUNCTION(FREECTX, free_ctx),                              \
                                                   FUNCTION(DOES_SELECTION, selects_##Name),                 \
                                                   FUNCTION(ENCODE, encode_##Name),                          \
                                                   {0, NULL}}

ENCODER(public_pem, "PEM", "SubjectPublicKeyInfo", OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
ENCODER(public_der, "DER", "SubjectPublicKeyInfo", OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
ENCODER(private_pem, "PEM", "PrivateKeyInfo", OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
ENCODER(private_der, "DER", "PrivateKeyInfo", OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
ENCODER(traditional_pem, "PEM", "type-specific", OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
ENCODER(traditional_der, "DER", "type-specific", OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
ENCODER(text, "TEXT", NULL, OSSL_KEYMGMT_SELECT_ALL);

#define ENCODERS_OF(names)                                                                                   \
    {names, "output=pem,structure=SubjectPublicKeyInfo", ENCODER_public_pem, "public key"},                  \
        {names, "output=der,structure=SubjectPublicKeyInfo", ENCODER_public_der, "public key"},              \
        {names, "output=pem,structure=PrivateKeyInfo", ENCODER_private_pem, "PEM that wraps a PKCS#11 URI"}, \
        {names, "output=der,structure=PrivateKeyInfo", ENCODER_private_der, "refused for keys of tokens"},   \
        {names, "output=pem,structure=type-specific", ENCODER_traditional_pem,                               \
         "PEM that wraps a PKCS#11 URI"},                                                                    \
        {names, "output=der,structure=type-specific", ENCODER_traditional_der,                               \
         "refused for keys of tokens"},                                                                      \
    {                                                                                                        \
        names, "output=text", ENCODER_text, "for people"                                                     \
    }

const OSSL_ALGORITHM PROV_ENCODERS[] = {
    ENCODERS_OF("RSA:rsaEncryption:1.2.840.113549.1.1.1"),
    ENCODERS_OF("RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"),
    ENCODERS_OF("EC:id-ecPublicKey:1.2.840.10045.2.1"),
    ENCODERS_OF("ED25519:1.3.101.112"),
    ENCODERS_OF("ED448:1.3.101.113"),
    {NULL, NULL, NULL, NULL},
};
