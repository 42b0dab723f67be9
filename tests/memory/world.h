/* SPDX-License-Identifier: Apache-2.0 */
/* What the sweep calls things with: a token with a CA and a leaf, and a statement made by it. */
#ifndef SIGB_TESTS_WORLD_H
#define SIGB_TESTS_WORLD_H

#include "tests/memory/sweep.h"
#include "tests/support/softhsm.h"

#define WORLD_EKU     "2.25.310378212377386446143452183107424412416"
#define WORLD_SUBJECT "svc.example"
#define WORLD_KEY     "pkcs11:token=sweep;object=leaf"

struct world {
    softhsm *hsm;
    sigb_pkcs11_options options; /* through quiet_module, with the PIN */
    sigb_buf root, chain;        /* DER: the root; leaf, issuing CA, root */
    sigb_buf root_pem_junk;      /* PEM text that holds no certificate */
    sigb_signer *signer;         /* of the leaf key */
    sigb_issuer *issuer;
    char did[256];
    sigb_buf statement, detached, envelope; /* made by the signer */
    sigb_buf flipped;                       /* the statement with one bit of its signature changed */
    sigb_buf tbs, signature; /* what a builder with the world's claims gives to sign, and its signature */
    sigb_claims claims;
};

extern struct world world;

/* Makes it all; fails the test where it cannot. */
void world_make(void);
void world_free(void);

/* A builder with the world's claims and payload. */
sigb_rc world_builder(sigb_builder **builder);

#define WORLD_PAYLOAD sigb_bytes_text("{\"source\":{\"commit\":\"0\"}}")

#endif
