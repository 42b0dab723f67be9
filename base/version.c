/* SPDX-License-Identifier: Apache-2.0 */
#include <sigbridge/sigbridge.h>

#include <openssl/crypto.h>

int sigb_abi_version(void)
{
    return SIGBRIDGE_ABI_VERSION;
}

const char *sigb_version(void)
{
    return SIGBRIDGE_VERSION; /* from the build: one place, CMakeLists.txt */
}

void sigb_ignore_openssl_conf(void)
{
    /* OpenSSL reads its configuration once; claiming that once for "none" makes it final */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}
