/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A throw-away SoftHSM for C tests: a folder of its own under $TMPDIR, named by
 * SOFTHSM2_CONF, with tokens and keys made through bare Cryptoki (no code of the
 * product). Every failure fails the test.
 *
 * The module is initialised around each call unless the product has it open, so
 * a test may make keys before, between and after calls of the product.
 */
#ifndef SIGB_TESTS_SOFTHSM_H
#define SIGB_TESTS_SOFTHSM_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include <sigbridge/pin.h>

#define SOFTHSM_PIN    "1234"
#define SOFTHSM_SO_PIN "12345678"

typedef struct softhsm softhsm;

/* Path of the module. */
const char *softhsm_module(void);

/* A new empty token folder; SOFTHSM2_CONF points to it from now on. */
softhsm *softhsm_new(void);

/* The same with a token "release", and on it a key on P-256, label and id "key". */
softhsm *softhsm_with_key(void);

/* Removes the folder. NULL is allowed. */
void softhsm_free(softhsm *hsm);

/* Adds a line to the configuration; SoftHSM reads it when it is initialised, and the last line of a name counts. */
void softhsm_configure(const softhsm *hsm, const char *line);

const char *softhsm_dir(const softhsm *hsm);
CK_FUNCTION_LIST *softhsm_calls(const softhsm *hsm);

/* Initialises a token with this label, SOFTHSM_SO_PIN and SOFTHSM_PIN; a label may be given twice. */
void softhsm_token(softhsm *hsm, const char *label);

/* A key to generate. Zero means the usual: signs, sensitive, never extractable, no login before each use. */
typedef struct softhsm_key {
    const char *type;  /* "P-256", ..., "secp256k1", "RSA-1024", ..., "Ed25519", "Ed448" */
    const char *label; /* of both halves; NULL: none */
    const char *id;    /* CKA_ID, as characters; NULL: none */
    bool no_sign;
    bool always_authenticate;
    bool no_public;                   /* the public half is not kept in the token */
    CK_MECHANISM_TYPE only_mechanism; /* CKA_ALLOWED_MECHANISMS of this one */
} softhsm_key;

/* Generates a key pair on the token with this label. */
void softhsm_keygen(softhsm *hsm, const char *token, const softhsm_key *key);

/* Writes an X.509 certificate object. label and id may be NULL. */
void softhsm_cert(softhsm *hsm, const char *token, const char *label, const char *id, const void *der,
                  size_t len);

/* The one object of this class and label that a session sees; by any module's calls. */
CK_OBJECT_HANDLE softhsm_the_object(CK_FUNCTION_LIST *calls, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                                    const char *label);

/* Destroys the objects of this class and label. */
void softhsm_destroy(softhsm *hsm, const char *token, CK_OBJECT_CLASS class, const char *label);

/* All objects with this label; how many there were. */
size_t softhsm_clear(softhsm *hsm, const char *token, const char *label);

/*
 * What another user of the module, which is open, does to all of us: every session of every token is closed, the
 * user is logged out, the module is shut down and started anew.
 */
void softhsm_lose_sessions(const softhsm *hsm);
void softhsm_log_out(softhsm *hsm, const char *token);
void softhsm_start_anew(const softhsm *hsm);

/* Flags of the token as they are now. */
CK_FLAGS softhsm_flags(softhsm *hsm, const char *token);

/* Serial number of the nth token (from 0) with this label, blanks removed; room for 17. */
void softhsm_serial(softhsm *hsm, const char *token, size_t nth, char serial[17]);

/* A sigb_pin_fn that gives SOFTHSM_PIN; arg, if not NULL, is an int that counts the calls. */
sigb_rc softhsm_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag);

/* The same with a PIN that is not the token's. */
sigb_rc softhsm_wrong_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag);

#endif
