/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signer.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alg.h"
#include "base/error.h"
#include "base/pubkey.h"

struct sigb_signer {
    sigb_signer_ops ops;
    void *impl;
    sigb_buf certs;
    pthread_mutex_t pinning;
    sigb_buf spki;       /* the pin; empty until it is known, then never changed */
    EVP_PKEY *pubkey;    /* the same, parsed */
    atomic_bool doubted; /* verify the next signature */
};

static sigb_rc pin_key(sigb_signer *signer, sigb_bytes spki, sigb_diag *diag)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, diag);

    if (rc != SIGB_OK)
        return rc;
    sigb_buf_append(&signer->spki, spki);
    if (signer->spki.failed) {
        EVP_PKEY_free(key);
        return sigb_no_memory(diag);
    }
    signer->pubkey = key;
    return SIGB_OK;
}

static sigb_rc fill(sigb_signer *signer, sigb_bytes spki, sigb_bytes certs, sigb_diag *diag)
{
    sigb_buf_append(&signer->certs, certs);
    if (signer->certs.failed)
        return sigb_no_memory(diag);
    return spki.len == 0 ? SIGB_OK : pin_key(signer, spki, diag);
}

sigb_rc signer_new(const sigb_signer_ops *ops, void *impl, sigb_bytes spki, sigb_bytes certs,
                   sigb_signer **signer, sigb_diag *diag)
{
    sigb_signer *made = OPENSSL_zalloc(sizeof(*made));
    sigb_rc rc;

    if (made == NULL) {
        if (ops->free != NULL)
            ops->free(impl);
        return sigb_no_memory(diag);
    }
    made->ops = *ops;
    made->impl = impl;
    atomic_init(&made->doubted, true);
    (void)pthread_mutex_init(&made->pinning, NULL);
    rc = fill(made, spki, certs, diag);
    if (rc != SIGB_OK) {
        sigb_signer_free(made);
        return rc;
    }
    *signer = made;
    return SIGB_OK;
}

sigb_rc sigb_signer_from_ops(const sigb_signer_ops *ops, void *impl, sigb_bytes spki, sigb_signer **signer,
                             sigb_diag *diag)
{
    sigb_alg alg;
    sigb_rc rc;

    if (ops == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs its functions");
    if (ops->sign == NULL || signer == NULL)
        rc = sigb_fail(diag, SIGB_E_USAGE, "a signer needs a sign function, and a place to be put");
    else
        rc = sigb_alg_for_key(spki, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    if (rc != SIGB_OK) {
        if (ops->free != NULL)
            ops->free(impl);
        return rc;
    }
    return signer_new(ops, impl, spki, SIGB_BYTES_NONE, signer, diag);
}

sigb_bytes sigb_signer_spki(const sigb_signer *signer)
{
    return sigb_buf_bytes(&signer->spki);
}

sigb_bytes sigb_signer_certs(const sigb_signer *signer)
{
    return sigb_buf_bytes(&signer->certs);
}

sigb_rc sigb_signer_expect(sigb_signer *signer, sigb_bytes spki, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no signer");
    (void)pthread_mutex_lock(&signer->pinning);
    if (signer->pubkey == NULL)
        rc = pin_key(signer, spki, diag);
    else if (!sigb_bytes_equal(spki, sigb_buf_bytes(&signer->spki)))
        rc = sigb_fail(
            diag, SIGB_E_CERT_OTHER_KEY,
            "the certificate is of another key than the signer's; give the certificate made for this key");
    (void)pthread_mutex_unlock(&signer->pinning);
    return rc;
}

const EVP_PKEY *signer_key(const sigb_signer *signer)
{
    return signer->pubkey;
}

void signer_doubt(sigb_signer *signer)
{
    atomic_store(&signer->doubted, true);
}

static sigb_rc require_usable(const sigb_signer *signer, const alg_row *row, sigb_bytes tbs,
                              const sigb_buf *signature, sigb_diag *diag)
{
    if (signer == NULL || signature == NULL || tbs.len == 0)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a signature needs a signer, something to sign and a place to be put");
    if (signer->pubkey == NULL)
        return sigb_fail(diag, SIGB_E_CERT_ABSENT,
                         "the token does not tell the public key; give the key's certificate first");
    if (row == NULL || !alg_fits_key(row, signer->pubkey))
        return sigb_openssl_refused(diag, SIGB_E_ALG_KEY, "algorithm %s does not fit the key",
                                    row == NULL ? "unknown" : row->name);
    return SIGB_OK;
}

static sigb_rc require_length(const sigb_signer *signer, const alg_row *row, size_t made, sigb_diag *diag)
{
    size_t wanted = alg_signature_len(row, signer->pubkey);

    if (made == wanted)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the signer returned %zu bytes where an %s signature has %zu; nothing was written", made,
                     row->name, wanted);
}

sigb_rc signer_make(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = require_usable(signer, row, tbs, signature, diag);

    if (rc == SIGB_OK)
        rc = signer->ops.sign(signer->impl, alg, tbs, &made, diag);
    if (rc == SIGB_OK && made.failed)
        rc = sigb_no_memory(diag);
    if (rc == SIGB_OK)
        rc = require_length(signer, row, made.len, diag);
    if (rc == SIGB_OK) {
        sigb_buf_append(signature, sigb_buf_bytes(&made));
        rc = signature->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    sigb_buf_free(&made);
    return rc;
}

/* A signer that returns rubbish is caught here, before anybody can use it. */
static sigb_rc prove(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_bytes made, sigb_diag *diag)
{
    sigb_rc rc;

    if (!atomic_exchange(&signer->doubted, false))
        return SIGB_OK;
    rc = pubkey_verify(signer->pubkey, alg, tbs, made, NULL);
    if (rc == SIGB_OK)
        return SIGB_OK;
    signer_doubt(signer);
    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the signer returned a signature that does not verify with the key's public half; "
                     "nothing was written: check the token and that the certificate is this key's");
}

sigb_rc sigb_signer_sign(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature,
                         sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = signature == NULL ? sigb_fail(diag, SIGB_E_USAGE, "a signature needs a place to be put")
                                   : signer_make(signer, alg, tbs, &made, diag);

    if (rc == SIGB_OK)
        rc = prove(signer, alg, tbs, sigb_buf_bytes(&made), diag);
    if (rc == SIGB_OK) {
        sigb_buf_append(signature, sigb_buf_bytes(&made));
        rc = signature->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    sigb_buf_free(&made);
    return rc;
}

void sigb_signer_free(sigb_signer *signer)
{
    if (signer == NULL)
        return;
    if (signer->ops.free != NULL)
        signer->ops.free(signer->impl);
    EVP_PKEY_free(signer->pubkey);
    sigb_buf_free(&signer->spki);
    sigb_buf_free(&signer->certs);
    (void)pthread_mutex_destroy(&signer->pinning);
    OPENSSL_free(signer);
}
