/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examination of a key, from its URI to a signature.
 *
 * What touches the device runs with a deadline, in a thread that may have to be
 * left behind: all that it needs is in an exam, which then goes with it. What it
 * found until then has been taken out and told. See doctor.c.
 */
#ifndef SIGB_TOKEN_DOCTOR_H
#define SIGB_TOKEN_DOCTOR_H

#include "token/place.h"

/* Each is told exactly once, in this order. */
typedef enum check {
    CHECK_URI,
    CHECK_MODULE,
    CHECK_TOKEN,
    CHECK_PIN,
    CHECK_MECHANISMS,
    CHECK_LOGIN,
    CHECK_KEY,
    CHECK_SIGN,
    CHECK_SENSITIVE,
    CHECK_EXTRACTABLE,
    CHECK_LOCAL,
    CHECK_ALWAYS_AUTHENTICATE,
    CHECK_PUBLIC_KEY,
    CHECK_ALGORITHM,
    CHECK_MECHANISM,
    CHECK_CERTIFICATE,
    CHECK_USAGE,
    CHECK_EKU,
    CHECK_VALIDITY,
    CHECK_CHAIN,
    CHECK_ISSUER,
    CHECK_SIGNATURE,
    CHECKS
} check;

/* What a check came to. */
typedef struct outcome {
    bool made;
    sigb_verdict verdict;
    sigb_rc rc;
    unsigned long native;
    sigb_buf found;
} outcome;

/* Why there was no login, or that there was. */
typedef enum login_state {
    LOGIN_UNTRIED,
    LOGIN_DONE,
    LOGIN_NOT_NEEDED,
    LOGIN_WITHOUT_PIN,
    LOGIN_REFUSED
} login_state;

/* On the heap, with everything that it leads to. */
typedef struct exam {
    outcome of[CHECKS];
    sigb_pkcs11_options options; /* its strings are owned, its PIN and notes are those below */
    char *module_path, *init_args;
    place at; /* module NULL, session CK_INVALID_HANDLE: not reached */
    bool has_slot;
    bool has_source; /* of a PIN; without one there is no login, not at a keypad either */
    sigb_pin *pin;   /* asked for beforehand; NULL: none */
    login_state login;
    bool has_key;                  /* `key` is the one private key */
    CK_OBJECT_HANDLE key;          /* else a public key of its name, or CK_INVALID_HANDLE */
    sigb_buf spki, certs, same_id; /* same_id: certificates under the key's CKA_ID, whosever they are */
    bool probed;
    p11_mechanisms mechanisms; /* for this key */
    sigb_buf notes;            /* each ended by NUL */
    bool no_memory;
    void (*task)(struct exam *e); /* what is to be done on the device next */
} exam;

/* NULL: out of memory. `uri` is taken when it succeeds; may be NULL. */
exam *exam_new(p11_uri *uri, const sigb_pkcs11_options *options);

/* Closes session and module, and releases everything: may call the module. */
void exam_free(void *examined);

/* ---- doctor_check.c ---- */

/* The name of a check, what it wants, and whether signing fails without. */
sigb_finding check_describe(check which);

/* What to do about it. */
const char *check_advice(check which, sigb_verdict verdict, sigb_rc rc);

/* Notes what a check came to; the words, raw, are appended to what it returns. */
sigb_buf *found(exam *e, check which, sigb_verdict verdict, sigb_rc rc);

/* The same for a call that refused, by its words; a lack of memory of ours ends the examination. */
void found_refused(exam *e, check which, sigb_verdict verdict, sigb_rc rc, const sigb_diag *why);

/* ---- doctor_token.c: each is one operation on the device ---- */

void examine_module(exam *e);
void examine_token(exam *e); /* and the state of its PIN */
void examine_mechanisms(exam *e);
void examine_login(exam *e);

/* True where a PIN would be tried: then it is asked for beforehand, in the caller's thread. */
bool login_wants_pin(const exam *e);

/* ---- doctor_key.c ---- */

void examine_key(exam *e); /* on the device, and the certificates that are there */

/* Not on the device: the algorithm for the public key, and the mechanism for it. */
void examine_algorithm(exam *e, sigb_bytes spki, sigb_profile profile);

/* ---- doctor_cert.c: nothing of it on the device ---- */

/*
 * Judges the certificates. Appends the SubjectPublicKeyInfo of the leaf, if there
 * is one that is or may be the key's, to `leaf_spki`.
 */
void examine_certs(exam *e, const sigb_doctor_request *request, sigb_buf *leaf_spki);

/* ---- doctor_sign.c ---- */

/*
 * What is signed for a test. It is neither a Sig_structure (RFC 9052, 4.4), a CBOR
 * array whose first byte is 0x84 or 0x85, nor a TBSCertificate or anything else in
 * DER, whose first byte is 0x30: this begins with 's', 0x73. A verifier of statements
 * or certificates never hashes bytes that begin so, and hashes all of them.
 */
#define DOCTOR_TEST_TEXT "sigbridge token doctor: a test signature, which states nothing"

/*
 * Opens the key as signing does, and has it sign: through `uri` and the caller's
 * options, for the exam has let the token go. spki: of the key or its certificate.
 */
void examine_signature(exam *e, const char *uri, const sigb_pkcs11_options *options, sigb_bytes spki);

#endif
