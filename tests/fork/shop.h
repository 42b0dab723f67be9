/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token with a key that signs statements, its chain, and who verifies them. No
 * module is initialised once the shop is made: who opens a signer then is the first.
 */
#ifndef SIGB_TESTS_SHOP_H
#define SIGB_TESTS_SHOP_H

#include "tests/support/softhsm.h"

#define SHOP_TOKEN     "shop"
#define SHOP_KEY       "pkcs11:token=shop;object=leaf" /* P-256; the token also holds "root" and "ca" */
#define SHOP_ALG       SIGB_ES256
#define SHOP_STATEMENT 4096 /* no statement of the shop is longer */

typedef struct shop {
    softhsm *hsm;
    sigb_pkcs11_options options; /* SoftHSM, with the PIN */
    sigb_buf root, chain;        /* DER: the root; leaf, issuing CA, root */
    sigb_buf spki;               /* of the leaf */
    sigb_issuer *issuer;
    sigb_policy *policy;
} shop;

/* Makes it all; fails the test where it cannot. */
void shop_make(shop *made);
void shop_free(shop *made);

/* A signer for the key; a refusal fails the test. */
sigb_signer *shop_open(const shop *in);

/* A whole statement over `payload`, as any thread or child makes one. */
sigb_rc shop_sign(const shop *in, sigb_signer *signer, sigb_bytes payload, sigb_buf *statement,
                  sigb_diag *diag);

/* True if the statement is good, and says `payload`. */
bool shop_accepts(const shop *in, sigb_bytes statement, sigb_bytes payload);

/* True if the raw signature over `tbs` is the leaf key's. */
bool shop_accepts_signature(const shop *in, sigb_bytes tbs, sigb_bytes signature);

#endif
