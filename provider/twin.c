/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of operations that need the public half of a key alone: software does them, in a twin of each context, in the
 * library's own. A software key that OpenSSL brought us does there what needs the private half, too; with a key on a
 * token nothing but signatures is made, and whoever asks is told so.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "provider/provider.h"

void *prov_twin_new(void *provctx)
{
    prov_twin *twin = OPENSSL_zalloc(sizeof(*twin));

    if (twin != NULL)
        twin->prov = provctx;
    return twin;
}

void prov_twin_free(void *arg)
{
    prov_twin *twin = arg;

    if (twin == NULL)
        return;
    EVP_PKEY_CTX_free(twin->ctx);
    OPENSSL_free(twin);
}

void *prov_twin_dup(void *arg)
{
    const prov_twin *from = arg;
    prov_twin *to = prov_twin_new(from->prov);

    if (to == NULL || from->ctx == NULL)
        return to;
    to->ctx = EVP_PKEY_CTX_dup(from->ctx);
    if (to->ctx == NULL) {
        prov_twin_free(to);
        return NULL;
    }
    return to;
}

int prov_twin_begin(prov_twin *twin, prov_twin_init *init, const prov_key *key, const OSSL_PARAM params[])
{
    bool entered, good;

    EVP_PKEY_CTX_free(twin->ctx);
    twin->ctx = NULL;
    if (key == NULL || key->pkey == NULL)
        return prov_refuse(twin->prov, SIGB_E_USAGE, "there is no key to work with");
    entered = bridge_shelter();
    twin->ctx = EVP_PKEY_CTX_new_from_pkey(bridge_libctx(), key->pkey, NULL);
    good = twin->ctx != NULL && init(twin->ctx, params) > 0;
    bridge_end_shelter(entered);
    return good;
}

int prov_twin_begin_private(prov_twin *twin, prov_twin_init *init, const prov_key *key,
                            const OSSL_PARAM params[], const char *verb)
{
    if (key != NULL && key->secret != NULL)
        return prov_refuse(twin->prov, SIGB_E_MECHANISM,
                           "keys of a token sign here, and %s nothing; %s with another provider or the "
                           "token's own tool",
                           verb, verb);
    return prov_twin_begin(twin, init, key, params);
}

/* ---- parameters: the twin's ---- */

int prov_twin_get_params(void *arg, OSSL_PARAM params[])
{
    const prov_twin *twin = arg;

    return twin->ctx != NULL && EVP_PKEY_CTX_get_params(twin->ctx, params) > 0;
}

int prov_twin_set_params(void *arg, const OSSL_PARAM params[])
{
    const prov_twin *twin = arg;

    return twin->ctx != NULL && EVP_PKEY_CTX_set_params(twin->ctx, params) > 0;
}

const OSSL_PARAM *prov_twin_gettable(const prov_twin *twin, const OSSL_PARAM usual[])
{
    return twin != NULL && twin->ctx != NULL ? EVP_PKEY_CTX_gettable_params(twin->ctx) : usual;
}

const OSSL_PARAM *prov_twin_settable(const prov_twin *twin, const OSSL_PARAM usual[])
{
    return twin != NULL && twin->ctx != NULL ? EVP_PKEY_CTX_settable_params(twin->ctx) : usual;
}
