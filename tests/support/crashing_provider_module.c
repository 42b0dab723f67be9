/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenSSL provider that ends whatever process loads it: for an openssl.cnf that means harm. */
#include <stdlib.h>

int OSSL_provider_init(const void *handle, const void *in, const void **out, void **context);

int OSSL_provider_init(const void *handle, const void *in, const void **out, void **context)
{
    (void)handle;
    (void)in;
    (void)out;
    (void)context;
    abort();
}
