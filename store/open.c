/* SPDX-License-Identifier: Apache-2.0 */
/* A signer over the one private key that an OSSL_STORE URI names. */
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/error.h"
#include "base/text.h"
#include "store/internal.h"

typedef struct opening {
    const char *uri;
    const sigb_store_options *options;
    store_context *context;
    store_asker *asker;
    EVP_PKEY *key;
    sigb_buf certs;
    char *query;
} opening;

/* What the caller asked for, else the key's own provider before all others. */
static sigb_rc choose_provider(opening *o, sigb_diag *diag)
{
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(o->key);
    sigb_buf query = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    if (o->options->propquery != NULL) {
        text_put(&query, o->options->propquery);
    } else if (provider != NULL) {
        text_put(&query, "?provider=");
        text_put(&query, OSSL_PROVIDER_get0_name(provider));
    }
    if (text_c_str(&query) == NULL || (o->query = OPENSSL_strdup((const char *)query.ptr)) == NULL)
        rc = sigb_no_memory(diag);
    sigb_buf_free(&query);
    return rc;
}

/* A key of software in a file that others can read: as with a PIN file, a note. */
static void warn_of_readers(const opening *o)
{
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(o->key);
    const char *path = strncmp(o->uri, "file:", 5) == 0 ? o->uri + 5 : o->uri;
    struct stat info;

    if (o->asker->pin == NULL && provider != NULL &&
        strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0 && stat(path, &info) == 0 &&
        S_ISREG(info.st_mode) && (info.st_mode & (S_IRGRP | S_IROTH)) != 0)
        sigb_note(&o->options->notes, "the key file %s can be read by others; make it private (chmod 600)",
                  path);
}

static sigb_rc read_store(opening *o, const char *shown, sigb_diag *diag)
{
    sigb_rc rc = context_new(o->options, &o->context, diag);

    if (rc == SIGB_OK)
        rc = asker_new(o->options, shown, &o->asker, diag);
    /* The key last: to some providers what is loaded twice is one, and gone when the second is freed. */
    if (rc == SIGB_OK && !o->options->no_certs)
        rc = read_certs(o->context, o->uri, o->asker, &o->certs, diag);
    if (rc == SIGB_OK)
        rc = read_key(o->context, o->uri, o->asker, &o->key, diag);
    if (rc == SIGB_OK)
        rc = choose_provider(o, diag);
    if (rc == SIGB_OK)
        warn_of_readers(o);
    return rc;
}

static sigb_rc open_signer(opening *o, sigb_signer **signer, sigb_diag *diag)
{
    sigb_buf shown = SIGB_BUF_INIT;
    bool has_pin;
    sigb_rc rc;

    put_uri(&shown, o->uri);
    rc = text_c_str(&shown) == NULL ? sigb_no_memory(diag) : read_store(o, (const char *)shown.ptr, diag);
    has_pin = o->asker != NULL && o->asker->pin != NULL;
    asker_free(o->asker);
    sigb_buf_free(&shown);
    if (rc == SIGB_OK)
        return evp_signer_new(o->context, o->key, o->query, has_pin, sigb_buf_bytes(&o->certs), signer, diag);
    EVP_PKEY_free(o->key);
    OPENSSL_free(o->query);
    context_free(o->context);
    return rc;
}

sigb_rc sigb_signer_from_store(const char *uri, const sigb_store_options *options, sigb_signer **signer,
                               sigb_diag *diag)
{
    static const sigb_store_options nothing;
    opening o = {.uri = uri, .options = options == NULL ? &nothing : options, .certs = SIGB_BUF_INIT};
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (uri == NULL || uri[0] == '\0' || signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs a URI or file, and a place to be put");
    if (strlen(uri) > SIGB_MAX_URI)
        return sigb_fail(diag, SIGB_E_LIMIT, "the URI has more than %d characters", SIGB_MAX_URI);
    rc = open_signer(&o, signer, diag == NULL ? &why : diag);
    sigb_buf_free(&o.certs);
    return rc;
}
