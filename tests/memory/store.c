/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's store, called by the product through here (--wrap), so that the sweep knows when it is inside. */
#include <openssl/store.h>

#include "tests/memory/sweep.h"

OSSL_STORE_CTX *__real_OSSL_STORE_open_ex(const char *uri, OSSL_LIB_CTX *lib, const char *query,
                                          const UI_METHOD *method, void *data, const OSSL_PARAM params[],
                                          OSSL_STORE_post_process_info_fn process, void *process_data);
OSSL_STORE_CTX *__wrap_OSSL_STORE_open_ex(const char *uri, OSSL_LIB_CTX *lib, const char *query,
                                          const UI_METHOD *method, void *data, const OSSL_PARAM params[],
                                          OSSL_STORE_post_process_info_fn process, void *process_data);
OSSL_STORE_INFO *__real_OSSL_STORE_load(OSSL_STORE_CTX *store);
OSSL_STORE_INFO *__wrap_OSSL_STORE_load(OSSL_STORE_CTX *store);

OSSL_STORE_CTX *__wrap_OSSL_STORE_open_ex(const char *uri, OSSL_LIB_CTX *lib, const char *query,
                                          const UI_METHOD *method, void *data, const OSSL_PARAM params[],
                                          OSSL_STORE_post_process_info_fn process, void *process_data)
{
    OSSL_STORE_CTX *store;

    sweep_spare_openssl(true);
    store = __real_OSSL_STORE_open_ex(uri, lib, query, method, data, params, process, process_data);
    sweep_spare_openssl(false);
    return store;
}

OSSL_STORE_INFO *__wrap_OSSL_STORE_load(OSSL_STORE_CTX *store)
{
    OSSL_STORE_INFO *info;

    sweep_spare_openssl(true);
    info = __real_OSSL_STORE_load(store);
    sweep_spare_openssl(false);
    return info;
}
