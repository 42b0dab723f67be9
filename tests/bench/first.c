/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature over 1 KiB, and an end: what a process pays that is made to sign
 * once. Held against first_bare.c.
 *
 *   bench_first KEY-NAME MODULE TOKEN KEY PIN-FILE
 */
#include <stdio.h>

#include "key.h"
#include "report.h"

int main(int argc, char **argv)
{
    static bench_key key;
    static const sigb_pkcs11_options bare = {.no_certs = true};
    static bench_signing signing = {.alg = SIGB_ES256};
    bool good;

    if (argc != 1 + BENCH_KEY_WORDS) {
        fprintf(stderr, "usage: %s " BENCH_KEY_USAGE "\n", argv[0]);
        return BENCH_FAILED;
    }
    good = bench_key_read(&key, argv + 1) && (signing.signer = bench_key_open(&key, &bare)) != NULL &&
           bench_sign_round(&signing);
    bench_signing_close(&signing);
    return good ? BENCH_MET : BENCH_FAILED;
}
