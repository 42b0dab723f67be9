/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work that cannot be left out, done by hand on Cryptoki and libcrypto:
 * what a statement's cost is held against. Nothing here knows this project.
 *
 * A round returns false on any failure. Each arm has a list of the calls that
 * one round makes.
 */
#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stddef.h>

#include "calls.h"

typedef struct bare_bytes {
    const unsigned char *ptr;
    size_t len;
} bare_bytes;

/* What is signed and verified: all borrowed for the arm's life. */
typedef struct bare_input {
    const char *digest; /* "SHA2-256" */
    bool rsa;           /* signed with RSASSA-PSS; else with ECDSA */
    bare_bytes tbs;     /* what the signature covers */
    bare_bytes
        signature; /* over tbs: DER for ECDSA, the modulus' width for RSASSA-PSS; where it is verified */
    bare_bytes certs[3]; /* DER: leaf, issuing CA, root; where they are needed */
    bare_bytes entry;    /* what a ledger has of a statement; where a receipt is verified */
    bare_bytes spki;     /* DER, of the ledger's key; there too */
    unsigned long x509_flags;
    const char *module;      /* path */
    const char *token, *key; /* labels */
    const char *pin;
} bare_input;

typedef struct bare_arm bare_arm;

/* C_SignInit and C_Sign over a digest that is there already; one EVP_DigestVerify with a key that is there already. */
extern const bare_count BARE_SIGN_CALLS[];
bare_arm *bare_sign_new(const bare_input *input);
bool bare_sign_round(bare_arm *arm);

/* EVP_DigestInit_ex2, EVP_DigestUpdate, EVP_DigestFinal_ex, C_SignInit, C_Sign, in a session of the arm's own. */
extern const bare_count BARE_LOOP_CALLS[];
bare_arm *bare_loop_new(const bare_input *input);
bool bare_loop_round(bare_arm *arm);

/* A round over other bytes than the input's. */
bool bare_loop_over(bare_arm *arm, bare_bytes tbs);

/* The same with a copy of the key in the session. */
bare_arm *bare_copied_loop_new(const bare_input *input);

/* C_SignInit and C_Sign over a digest that is there already, in a session of the arm's own; and with a copy of the key in it. */
extern const bare_count BARE_TWO_CALLS[];
bare_arm *bare_two_new(const bare_input *input);
bare_arm *bare_copied_two_new(const bare_input *input);
bool bare_two_round(bare_arm *arm);

/* All that a program does which signs once: module, slot, session, login, key, hash, signature, C_Finalize. One round. */
extern const bare_count BARE_FIRST_CALLS[];
bare_arm *bare_first_new(const bare_input *input);
bool bare_first_round(bare_arm *arm);

/* A session, the login, the key. Between rounds: bare_lose_sessions(). */
extern const bare_count BARE_LOGIN_CALLS[];
bare_arm *bare_login_new(const bare_input *input);
bool bare_login_round(bare_arm *arm);

/* C_CloseAllSessions, as another user of the module makes it: the login goes with them. */
bool bare_lose_sessions(bare_arm *arm);

/* One EVP_DigestVerify with a key that is there already. */
extern const bare_count BARE_WARM_CALLS[];
bare_arm *bare_warm_new(const bare_input *input);
bool bare_warm_round(bare_arm *arm);

/* d2i_X509 of three certificates, one X509_verify_cert, one EVP_DigestVerify. */
extern const bare_count BARE_COLD_CALLS[];
bare_arm *bare_cold_new(const bare_input *input);
bool bare_cold_round(bare_arm *arm);

/* The hashes of a receipt with a path of this length, and one EVP_DigestVerify with a key that is there already. */
#define BARE_RECEIPT_PATH 20
extern const bare_count BARE_RECEIPT_CALLS[];
bare_arm *bare_receipt_new(const bare_input *input);
bool bare_receipt_round(bare_arm *arm);

void bare_arm_free(bare_arm *arm);

#endif
