/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs with the keys of two modules at once, from four threads that take turns
 * with them, while a fifth opens and closes the key of the second module again and
 * again. Verifies each signature.
 *
 *   two_modules PIN-FILE MODULE INIT-ARGS URI MODULE INIT-ARGS URI
 *
 * INIT-ARGS may be empty. Prints how many signatures of each were good.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <sigbridge/sigbridge.h>

#include "base/pubkey.h"

#define THREADS 4
#define ROUNDS  200
#define REOPENS 20

typedef struct side {
    const char *module, *init_args, *uri;
    sigb_signer *signer;
    sigb_alg alg;
    verifier *judge;
    atomic_uint good;
} side;

static const char *pin_file;
static side sides[2];

static void require(sigb_rc rc, const sigb_diag *diag, const char *what)
{
    if (rc == SIGB_OK)
        return;
    (void)fprintf(stderr, "FAILED: %s: %s: %s\n", what, sigb_rc_name(rc), diag->text);
    exit(EXIT_FAILURE);
}

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)arg;
    (void)request;
    return sigb_pin_read_file(pin, pin_file, NULL, diag);
}

static sigb_signer *open_key(const side *of)
{
    const sigb_pkcs11_options options = {.module = of->module,
                                         .init_args = of->init_args[0] == '\0' ? NULL : of->init_args,
                                         .pin = give_pin,
                                         .no_certs = true};
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    require(sigb_signer_from_pkcs11(of->uri, &options, &signer, &diag), &diag, of->uri);
    return signer;
}

static void sign(side *of, sigb_signer *signer, unsigned number)
{
    const sigb_bytes tbs = sigb_bytes_of(&number, sizeof(number));
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    require(sigb_signer_sign(signer, of->alg, tbs, &signature, &diag), &diag, of->uri);
    require(verifier_check(of->judge, of->alg, tbs, sigb_buf_bytes(&signature), &diag), &diag, of->uri);
    (void)atomic_fetch_add(&of->good, 1);
    sigb_buf_free(&signature);
}

static void *sign_in_turn(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++)
        for (size_t at = 0; at < 2; at++)
            sign(&sides[at], sides[at].signer, i);
    return NULL;
}

static void *open_again(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < REOPENS; i++) {
        sigb_signer *signer = open_key(&sides[1]);

        sign(&sides[1], signer, i);
        sigb_signer_free(signer);
    }
    return NULL;
}

static void begin(side *of, char **words)
{
    EVP_PKEY *key = NULL;
    sigb_bytes spki;
    sigb_diag diag = {{0}, 0};

    of->module = words[0];
    of->init_args = words[1];
    of->uri = words[2];
    of->signer = open_key(of);
    spki = sigb_signer_spki(of->signer);
    require(sigb_alg_for_key(spki, SIGB_ALG_NONE, SIGB_PROFILE_COSE, &of->alg, &diag), &diag, of->uri);
    require(pubkey_parse(spki, &key, &diag), &diag, of->uri);
    require(verifier_new(key, of->alg, &of->judge, &diag), &diag, of->uri);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS + 1];

    if (argc != 8) {
        (void)fputs("usage: two_modules PIN-FILE MODULE INIT-ARGS URI MODULE INIT-ARGS URI\n", stderr);
        return EXIT_FAILURE;
    }
    pin_file = argv[1];
    begin(&sides[0], argv + 2);
    begin(&sides[1], argv + 5);
    for (size_t i = 0; i <= THREADS; i++)
        if (pthread_create(&threads[i], NULL, i < THREADS ? sign_in_turn : open_again, NULL) != 0)
            abort();
    for (size_t i = 0; i <= THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    for (size_t at = 0; at < 2; at++) {
        sigb_signer_free(sides[at].signer);
        verifier_free(sides[at].judge);
    }
    printf("%u %u\n", atomic_load(&sides[0].good), atomic_load(&sides[1].good));
    return EXIT_SUCCESS;
}
