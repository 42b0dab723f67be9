/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature over 1 KiB, and an end: what a process pays that is made to sign
 * once. Held against first_bare.c, which hashes in OpenSSL's default context.
 *
 *   bench_first KEY-NAME MODULE TOKEN KEY PIN-FILE default|private
 *
 * "default" shares that context; "private" leaves the library its own.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "key.h"
#include "report.h"

static bool choose_context(const char *which)
{
    return strcmp(which, "private") == 0 ||
           sigb_use_libctx(OSSL_LIB_CTX_get0_global_default(), NULL) == SIGB_OK;
}

int main(int argc, char **argv)
{
    static bench_key key;
    static const sigb_pkcs11_options bare = {.no_certs = true};
    static bench_signing signing = {.alg = SIGB_ES256};
    bool good;

    if (argc != 2 + BENCH_KEY_WORDS) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE " default|private\n", argv[0]);
        return BENCH_FAILED;
    }
    good = choose_context(argv[1 + BENCH_KEY_WORDS]) && bench_key_read(&key, argv + 1) &&
           (signing.signer = bench_key_open(&key, &bare)) != NULL && bench_sign_round(&signing);
    bench_signing_close(&signing);
    return good ? BENCH_MET : BENCH_FAILED;
}
