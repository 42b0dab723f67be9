/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of our reasons, for people who read OpenSSL's errors. OpenSSL offers to do
 * this for a provider, and takes the names out again with the provider, which may
 * be after its own end: a program that frees its last key in an exit handler then
 * crashes. So it is done here, where that is known.
 */
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <sigbridge/error.h>

#include "provider/provider.h"

#define MOST 128 /* reasons, and the provider's name and an end */

struct prov_reasons {
    int library; /* that OpenSSL counts our errors under */
    ERR_STRING_DATA rows[MOST + 1];
};

/* It says so of itself once its end has begun, and what it says of that to its own queue goes nowhere. */
static bool openssl_has_ended(void)
{
    return OPENSSL_init_crypto(0, NULL) != 1;
}

/* OpenSSL does not tell the number to a provider, but for the errors that it raises. 0: they go to another libcrypto. */
static int library_of(prov_ctx *ctx)
{
    int library;

    (void)ERR_set_mark();
    (void)prov_refuse(ctx, SIGB_E_INTERNAL, "%s", "");
    library = ERR_GET_LIB(ERR_peek_last_error());
    (void)ERR_pop_to_mark();
    return library;
}

prov_reasons *prov_reasons_new(prov_ctx *ctx, const char *identity)
{
    prov_reasons *reasons;
    int library = library_of(ctx);

    if (library < ERR_LIB_USER || (reasons = OPENSSL_zalloc(sizeof(*reasons))) == NULL)
        return NULL;
    reasons->library = library;
    reasons->rows[0] = (ERR_STRING_DATA){ERR_PACK(library, 0, 0), identity};
    for (unsigned rc = 1; rc < MOST; rc++)
        reasons->rows[rc] = (ERR_STRING_DATA){ERR_PACK(library, 0, rc), sigb_rc_name((sigb_rc)rc)};
    (void)ERR_load_strings(library, reasons->rows);
    return reasons;
}

void prov_reasons_free(prov_reasons *reasons)
{
    if (reasons == NULL)
        return;
    if (!openssl_has_ended())
        (void)ERR_unload_strings(reasons->library, reasons->rows);
    OPENSSL_free(reasons);
}
