/* SPDX-License-Identifier: Apache-2.0 */
/* A signer whose key is in a token. */
#include "pkcs11/internal.h"

#include "base/error.h"
#include "base/signer.h"

/* ---- the back end ---- */

static sigb_rc sign(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag)
{
    const alg_row *row = alg_row_of(alg);
    p11_request what = {.input = tbs};
    p11_made made;
    sigb_rc rc;

    if (row == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no algorithm has the number %d", (int)alg);
    what.scheme = scheme_of_alg(row);
    rc = key_sign(impl, &what, &made, diag);
    if (rc == SIGB_OK)
        sigb_buf_append(signature,
                        sigb_bytes_of(made.bytes, made.len)); /* whether it failed, base/signer.c asks */
    return rc;
}

static void release(void *impl)
{
    key_close(impl);
}

static void doubt(void *impl)
{
    key_doubt(impl);
}

/* For key_sign(), of a key that was found again. */
static sigb_rc verify(void *arg, const p11_request *what, sigb_bytes signature)
{
    return signer_verify(arg, what->scheme.alg->id, what->input, signature, NULL);
}

/* ---- making one ---- */

/* The token must be able to make what the key signs with by default; other algorithms are judged when asked for. */
static sigb_rc require_mechanism(const p11_key *key, const sigb_signer *made, sigb_diag *diag)
{
    p11_mechanism mechanism;
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_rc rc;

    if (signer_key(made) == NULL)
        return SIGB_OK;
    rc = alg_choose(signer_key(made), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);
    for (size_t i = 0; rc == SIGB_OK && i < key->count; i++)
        rc = mechanism_require(&key->replicas[i].mechanisms, alg_row_of(alg), &mechanism, diag);
    return rc;
}

/* Takes the key. */
static sigb_rc make_signer(p11_key *key, sigb_bytes certs, sigb_signer **signer, sigb_diag *diag)
{
    static const signer_backend backend = {{sign, release}, doubt};
    sigb_signer *made = NULL;
    sigb_rc rc = signer_new(&backend, key, sigb_buf_bytes(&key->spki), certs, &made, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = require_mechanism(key, made, diag);
    if (rc == SIGB_OK) {
        key->verify = verify;
        key->verify_arg = made;
        *signer = made;
    } else {
        sigb_signer_free(made);
    }
    return rc;
}

sigb_rc sigb_signer_from_pkcs11(const char *uri, const sigb_pkcs11_options *options, sigb_signer **signer,
                                sigb_diag *diag)
{
    static const sigb_pkcs11_options nothing;
    sigb_buf certs = SIGB_BUF_INIT;
    sigb_diag why = {{0}, 0};
    p11_key *key = NULL;
    sigb_rc rc;

    if (uri == NULL || signer == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a signer needs a pkcs11: URI, and a place to be put");
    if (diag == NULL)
        diag = &why;
    if (options == NULL)
        options = &nothing;
    rc = key_open(uri, options, &key, options->no_certs ? NULL : &certs, diag);
    if (rc == SIGB_OK)
        rc = make_signer(key, sigb_buf_bytes(&certs), signer, diag);
    sigb_buf_free(&certs);
    return rc;
}
