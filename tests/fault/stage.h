/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where faults play: a SoftHSM behind the fault module, in a folder of its own,
 * with a CA, keys and their certificates, and whole statements made with them.
 */
#ifndef SIGB_TESTS_FAULT_STAGE_H
#define SIGB_TESTS_FAULT_STAGE_H

#include "tests/support/support.h"

#include "tests/support/fault.h"
#include "tests/support/softhsm.h"

#define STAGE_EKU "2.25.310378212377386446143452183107424412416"

/* A key with a certificate of the stage's root, both on the token. */
typedef struct stage_key {
    char uri[96];
    sigb_issuer *issuer;
} stage_key;

typedef struct stage {
    softhsm *hsm;
    const fault_control *fault;
    sigb_pkcs11_options options; /* through the fault module, with the PIN; tests change their copy */
    sigb_buf root;
    sigb_policy *policy; /* the root and STAGE_EKU */
    stage_key leaf;      /* P-256, label "leaf" */
} stage;

void stage_begin(stage *s);
void stage_end(stage *s);

/* One more. The caller frees the issuer. */
void stage_key_make(stage *s, const char *type, const char *label, stage_key *key);

/* A plan that must be one; the arguments are printf's. */
void stage_plan(const stage *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A statement about nothing much, by this signer. If it is made it verifies, or the test fails. */
sigb_rc stage_state(const stage *s, const stage_key *key, sigb_signer *signer, sigb_diag *diag);

/* The same at this time; the statement is appended. */
sigb_rc stage_put_statement(const stage *s, const stage_key *key, sigb_signer *signer, int64_t at,
                            sigb_buf *statement, sigb_diag *diag);

/* As stage_state(), and it must be made. */
void stage_require_state(const stage *s, const stage_key *key, sigb_signer *signer);

/* A signer that must open. */
sigb_signer *stage_signer(const char *uri, const sigb_pkcs11_options *options);

/* Opens the key, makes a statement, closes it. */
sigb_rc stage_open_and_state(const stage *s, const stage_key *key, const sigb_pkcs11_options *options,
                             sigb_diag *diag);

#endif
