/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signer.h"

#include <stdatomic.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alg.h"
#include "base/error.h"
#include "base/pubkey.h"

/* The public key that signatures must verify against: set once, then never changed. */
typedef struct pin {
    sigb_buf spki;
    EVP_PKEY *pubkey; /* the same, parsed */
} pin;

struct sigb_signer {
    signer_backend backend;
    void *impl;
    sigb_buf certs;
    _Atomic(pin *) pinned; /* NULL until it is known. No lock: a child of a fork would find it held */
    atomic_bool proven;    /* a signature has verified; till then each one is */
    _Atomic(const alg_row *) fitting; /* was found to fit the pinned key, which takes OpenSSL its time */
};

static void pin_free(pin *of)
{
    if (of == NULL)
        return;
    EVP_PKEY_free(of->pubkey);
    sigb_buf_free(&of->spki);
    OPENSSL_free(of);
}

static const pin *pinned(const sigb_signer *signer)
{
    return atomic_load_explicit(&signer->pinned, memory_order_acquire);
}

static sigb_rc pin_new(sigb_bytes spki, pin **made, sigb_diag *diag)
{
    pin *p = OPENSSL_zalloc(sizeof(*p));
    sigb_rc rc = p == NULL ? sigb_no_memory(diag) : pubkey_parse(spki, &p->pubkey, diag);

    if (rc == SIGB_OK) {
        sigb_buf_append(&p->spki, spki);
        rc = p->spki.failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    if (rc == SIGB_OK)
        *made = p;
    else
        pin_free(p);
    return rc;
}

/* Of two threads that pin at once, the first one's is kept. */
static sigb_rc pin_key(sigb_signer *signer, sigb_bytes spki, sigb_diag *diag)
{
    pin *made = NULL, *before = NULL;
    sigb_rc rc = pin_new(spki, &made, diag);

    if (rc == SIGB_OK && !atomic_compare_exchange_strong(&signer->pinned, &before, made))
        pin_free(made);
    return rc;
}

static sigb_rc fill(sigb_signer *signer, sigb_bytes spki, sigb_bytes certs, sigb_diag *diag)
{
    sigb_buf_append(&signer->certs, certs);
    if (signer->certs.failed)
        return sigb_no_memory(diag);
    return spki.len == 0 ? SIGB_OK : pin_key(signer, spki, diag);
}

sigb_rc signer_new(const signer_backend *backend, void *impl, sigb_bytes spki, sigb_bytes certs,
                   sigb_signer **signer, sigb_diag *diag)
{
    sigb_signer *made = OPENSSL_zalloc(sizeof(*made));
    sigb_rc rc;

    if (made == NULL) {
        if (backend->ops.free != NULL)
            backend->ops.free(impl);
        return sigb_no_memory(diag);
    }
    made->backend = *backend;
    made->impl = impl;
    atomic_init(&made->pinned, NULL);
    atomic_init(&made->proven, false);
    atomic_init(&made->fitting, NULL);
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
    return signer_new(&(signer_backend){*ops, NULL}, impl, spki, SIGB_BYTES_NONE, signer, diag);
}

sigb_bytes sigb_signer_spki(const sigb_signer *signer)
{
    const pin *key = pinned(signer);

    return key == NULL ? SIGB_BYTES_NONE : sigb_buf_bytes(&key->spki);
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
    if (pinned(signer) == NULL)
        rc = pin_key(signer, spki, diag);
    if (rc == SIGB_OK && !sigb_bytes_equal(spki, sigb_buf_bytes(&pinned(signer)->spki)))
        rc = sigb_fail(
            diag, SIGB_E_CERT_OTHER_KEY,
            "the certificate is of another key than the signer's; give the certificate made for this key");
    return rc;
}

const EVP_PKEY *signer_key(const sigb_signer *signer)
{
    const pin *key = pinned(signer);

    return key == NULL ? NULL : key->pubkey;
}

bool signer_doubt(sigb_signer *signer)
{
    atomic_store(&signer->proven, false);
    if (signer->backend.doubt == NULL)
        return false;
    signer->backend.doubt(signer->impl);
    return true;
}

static bool fits(sigb_signer *signer, const alg_row *row)
{
    if (atomic_load_explicit(&signer->fitting, memory_order_relaxed) == row)
        return true;
    if (!alg_fits_key(row, pinned(signer)->pubkey))
        return false;
    atomic_store_explicit(&signer->fitting, row, memory_order_relaxed);
    return true;
}

static sigb_rc require_usable(sigb_signer *signer, const alg_row *row, sigb_bytes tbs,
                              const sigb_buf *signature, sigb_diag *diag)
{
    if (signer == NULL || signature == NULL || tbs.len == 0)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a signature needs a signer, something to sign and a place to be put");
    if (pinned(signer) == NULL)
        return sigb_fail(diag, SIGB_E_CERT_ABSENT,
                         "the token does not tell the public key; give the key's certificate first");
    if (row == NULL || !fits(signer, row))
        return sigb_openssl_refused(diag, SIGB_E_ALG_KEY, "algorithm %s does not fit the key",
                                    row == NULL ? "unknown" : row->name);
    return SIGB_OK;
}

static sigb_rc require_length(const sigb_signer *signer, const alg_row *row, size_t made, sigb_diag *diag)
{
    size_t wanted = alg_signature_len(row, pinned(signer)->pubkey);

    if (made == wanted)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the signer returned %zu bytes where an %s signature has %zu; nothing was written", made,
                     row->name, wanted);
}

sigb_rc signer_make(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *made, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    sigb_rc rc = require_usable(signer, row, tbs, made, diag);

    if (rc == SIGB_OK)
        rc = signer->backend.ops.sign(signer->impl, alg, tbs, made, diag);
    if (rc == SIGB_OK && made->failed)
        rc = sigb_no_memory(diag);
    return rc == SIGB_OK ? require_length(signer, row, made->len, diag) : rc;
}

sigb_rc signer_verify(const sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature,
                      sigb_diag *diag)
{
    const pin *key = pinned(signer);

    return key == NULL ? SIGB_OK : pubkey_verify(key->pubkey, alg, tbs, signature, diag);
}

/* A signer that returns rubbish is caught here, before anybody can use it. */
static sigb_rc prove(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_bytes made, sigb_diag *diag)
{
    sigb_rc rc;

    if (atomic_load_explicit(&signer->proven, memory_order_acquire))
        return SIGB_OK;
    rc = signer_verify(signer, alg, tbs, made, NULL);
    if (rc == SIGB_OK) {
        atomic_store_explicit(&signer->proven, true, memory_order_release);
        return SIGB_OK;
    }
    if (rc == SIGB_E_MEMORY)
        return sigb_no_memory(diag);
    return sigb_fail(diag, SIGB_E_SIGNATURE_FAULT,
                     "the signer returned a signature that does not verify with the key's public half; "
                     "nothing was written: check the token and that the certificate is this key's");
}

static sigb_rc make_proven(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *made, sigb_diag *diag)
{
    sigb_rc rc = signer_make(signer, alg, tbs, made, diag);

    return rc == SIGB_OK ? prove(signer, alg, tbs, sigb_buf_bytes(made), diag) : rc;
}

/* Before anything is signed: to a buffer that failed before nothing can be added. */
static sigb_rc require_place(const sigb_buf *signature, sigb_diag *diag)
{
    return signature->failed ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc sigb_signer_sign(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature,
                         sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = signature == NULL ? sigb_fail(diag, SIGB_E_USAGE, "a signature needs a place to be put")
                                   : require_place(signature, diag);

    if (rc == SIGB_OK)
        rc = make_proven(signer, alg, tbs, &made, diag);
    if (rc == SIGB_E_SIGNATURE_FAULT && signer_doubt(signer)) {
        made.len = 0;
        rc = make_proven(signer, alg, tbs, &made, diag);
    }
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
    if (signer->backend.ops.free != NULL)
        signer->backend.ops.free(signer->impl);
    pin_free(atomic_load(&signer->pinned));
    sigb_buf_free(&signer->certs);
    OPENSSL_free(signer);
}
