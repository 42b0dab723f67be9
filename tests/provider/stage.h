/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the provider plays: SoftHSM behind the fault module, and a library
 * context that a configuration file has loaded the provider into, as programs
 * have it. Keys are made in the token; what judges is OpenSSL without us.
 */
#ifndef SIGB_TESTS_PROVIDER_STAGE_H
#define SIGB_TESTS_PROVIDER_STAGE_H

#include "tests/support/support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include "tests/support/fault.h"
#include "tests/support/softhsm.h"

#define TOKEN "pkcs11:token=stage"

typedef struct prov_stage {
    softhsm *hsm;
    const fault_control *fault;
    OSSL_LIB_CTX *ctx;  /* with the provider */
    OSSL_LIB_CTX *soft; /* without */
} prov_stage;

/* Lines are printf's, and go into the provider's section of openssl.cnf. */
void prov_stage_begin(prov_stage *s, const char *lines);
void prov_stage_end(prov_stage *s);

/*
 * One stage for all tests of a program: what begins a group calls the first, with
 * types of keys that are made under their own names; the second ends the group.
 */
prov_stage *prov_stage_begin_for_all(void **state, const char *const types[], size_t count);
int prov_stage_end_for_all(void **state);

/* Another configuration from now on. */
void prov_stage_configure(prov_stage *s, const char *lines);

void prov_stage_key(const prov_stage *s, const char *type, const char *label);

/* The plan of the fault module, with every count at 0. */
void prov_stage_plan(const prov_stage *s, const char *plan);

/* The private key; NULL: it was refused, and OpenSSL's queue says why. */
EVP_PKEY *prov_stage_open(const prov_stage *s, const char *uri);
EVP_PKEY *prov_stage_require(const prov_stage *s, const char *label);

/* The same, for an application that gives PINs: for configurations without one. */
EVP_PKEY *prov_stage_open_asking(const prov_stage *s, const char *uri, pem_password_cb *callback, void *arg);

/* The public half as software has it. */
EVP_PKEY *prov_stage_public(const prov_stage *s, EVP_PKEY *key);

/* A signature over "message", verified by software; NULL: the key's default digest. False: it was refused. */
bool prov_stage_sign(const prov_stage *s, EVP_PKEY *key, const char *digest);

/* A software key as OpenSSL brings it in where we are listed first: a key of ours without a token. */
EVP_PKEY *prov_stage_bring_in(const prov_stage *s, const EVP_PKEY *soft);

/* What the token itself opens with its key, asked by bare Cryptoki: the provider has the module open, and is logged in. */
size_t prov_stage_token_opens(const prov_stage *s, const char *label, CK_MECHANISM mechanism,
                              const unsigned char *sealed, size_t sealed_len, unsigned char *opened,
                              size_t room);

/* OpenSSL's queue holds this refusal of ours, by its code and by its words; empties the queue. */
void assert_raised(sigb_rc rc, const char *words);

#endif
