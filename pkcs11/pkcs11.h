/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pkcs11/ offers to token/ and (later) provider/: a strictly read URI, a
 * module with one initialised state per process, the slots that match, and an
 * open, logged-in session. One noun a file, and internal.h for what they share.
 *
 * Locks: none is held across a C_ call or a PIN callback.
 */
#ifndef SIGB_PKCS11_PKCS11_H
#define SIGB_PKCS11_PKCS11_H

#include <p11-kit/pkcs11.h>

#include <sigbridge/signer.h>

#include "base/alg.h"
#include "pkcs11/scheme.h"

/* ---- uri.c: RFC 7512, strictly ---- */

typedef struct p11_uri p11_uri; /* every attribute decoded; the PIN in secret memory */

/*
 * Refused (SIGB_E_URI): attributes twice, NUL, characters that must be written
 * %XX (blanks, control characters, ...), empty and blank values, unknown path
 * attributes, both PIN attributes, both module attributes, a pin-source that is
 * no file. An unknown query attribute and pin-value draw a note.
 */
SIGB_CHECK sigb_rc p11_uri_parse(const char *text, const sigb_notes *notes, p11_uri **uri, sigb_diag *diag);
void p11_uri_free(p11_uri *uri);

/*
 * Attributes; NULL or no bytes where the URI does not say. Path attributes not
 * named here (manufacturer, model, slot-*, library-*) act in p11_slots_find().
 */
const char *p11_uri_token(const p11_uri *uri); /* label */
const char *p11_uri_serial(const p11_uri *uri);
const char *p11_uri_object(const p11_uri *uri); /* CKA_LABEL */
sigb_bytes p11_uri_id(const p11_uri *uri);      /* CKA_ID */
bool p11_uri_has_id(const p11_uri *uri);
bool p11_uri_class(const p11_uri *uri, CK_OBJECT_CLASS *class); /* type= ; false if absent */
const char *p11_uri_module_path(const p11_uri *uri);
const char *p11_uri_module_name(const p11_uri *uri);
const char *p11_uri_pin_source(const p11_uri *uri);
bool p11_uri_has_pin(const p11_uri *uri); /* pin-value present */

/* How an object is named to p11_uri_format(). Strings may be NULL. */
typedef struct p11_name {
    const char *token, *serial, *manufacturer, *model;
    const char *object;
    sigb_bytes id;
    const char *type; /* "private", "public", "cert" or NULL */
} p11_name;

/* Appends the URI; reading it back names the same thing. Never a PIN attribute. */
void p11_uri_format(sigb_buf *out, const p11_name *name);

/* ---- module.c: one state per module and process ---- */

typedef struct p11_module p11_module;

#include "pkcs11/calls.h" /* needs the name above */

/*
 * Loads and initialises the module that options->module, the URI, PKCS11_MODULE_PATH
 * or p11-kit's proxy names, in this order; a module that the process has open
 * already is shared. SIGB_E_MODULE.
 */
SIGB_CHECK sigb_rc p11_module_open(const p11_uri *uri, const sigb_pkcs11_options *options,
                                   p11_module **module, sigb_diag *diag);

/*
 * C_Finalize only after the last user, only if our C_Initialize was the one that
 * took effect, and not if anybody else in the process was seen to use the module.
 */
void p11_module_close(p11_module *module);

/* Grows whenever the module was started anew: what was learned under another number is void. */
unsigned p11_module_starts(const p11_module *module);

/* This user makes no calls, and is there for the module to stay started; false, before it closes: no longer. */
void p11_module_keep(p11_module *module, bool keeps);

/*
 * p11_module_close() of a module that failed as `why` says, after so many tries before. One that is lost and that
 * others use is started anew, unless that was done since `seen`: to open it again would not do it. Where that
 * fails, `why` tells it too. One that others only keep is started anew when it is opened next.
 */
void p11_module_give_up(p11_module *module, unsigned seen, unsigned tries, sigb_diag *why);

const char *p11_module_path(const p11_module *module);

/* ---- call.c: the calls of a module are in calls.h ---- */

/* Who is told of calls, and of what this signer or verb needs them for. */
typedef struct p11_tracer {
    sigb_trace_fn told; /* NULL: nobody */
    void *arg;
} p11_tracer;

/* Calls of this thread are told to `tracer` (borrowed) until trace_end(), which takes what this returned. */
const p11_tracer *trace_begin(const p11_tracer *tracer);
void trace_end(const p11_tracer *before);

/* Whose sessions a thread works with: those of one start of a module. NULL: nobody's. */
typedef struct p11_binding {
    const p11_module *module;
    unsigned starts;
} p11_binding;

/*
 * This thread's calls of the module are refused once it was started anew (CKR_SESSION_HANDLE_INVALID), for the numbers
 * of its sessions and objects are somebody else's then. Returns what was before. An operation (deadline.h) begins with
 * none, and leaves whoever runs it with theirs.
 */
p11_binding call_bind(const p11_module *module, unsigned starts);

/* ---- slot.c ---- */

typedef struct p11_slot {
    CK_SLOT_ID id;
    unsigned starts;     /* of the module, when it was found: later its number may be another token's */
    CK_TOKEN_INFO token; /* flags as they were when it was found */
    char label[33], serial[17], manufacturer[33], model[17]; /* blanks removed, terminated */
} p11_slot;

/* All slots whose token matches (uri NULL: any); the caller frees *slots with OPENSSL_free(). None: SIGB_E_TOKEN_ABSENT. */
SIGB_CHECK sigb_rc p11_slots_find(p11_module *module, const p11_uri *uri, p11_slot **slots, size_t *count,
                                  sigb_diag *diag);

/* All initialised ones. */
SIGB_CHECK sigb_rc p11_slots_require(p11_module *module, const p11_uri *uri, p11_slot **slots, size_t *count,
                                     sigb_diag *diag);

/* Exactly one initialised token: SIGB_E_TOKEN_ABSENT, or SIGB_E_TOKEN_AMBIGUOUS which lists them. */
SIGB_CHECK sigb_rc p11_slot_require(p11_module *module, const p11_uri *uri, p11_slot *slot, sigb_diag *diag);

/* ---- pin.c ---- */

/*
 * Logs a session in: pin-value of the URI, else pin-source, else options->pin;
 * nothing if the token needs no login or has one. One attempt. *again, if it
 * fails: the token cannot have judged the PIN, which may be tried once more.
 * SIGB_E_PIN_NEEDED, _PIN_INCORRECT, _PIN_LOCKED, _PIN_FINAL_TRY, _TOKEN.
 */
SIGB_CHECK sigb_rc p11_login(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                             const p11_uri *uri, const sigb_pkcs11_options *options, bool *again,
                             sigb_diag *diag);

/* ---- session.c ---- */

/* Opens one session, read-write if asked for. The caller closes it with p11_session_close(). */
SIGB_CHECK sigb_rc p11_session_open(p11_module *module, const p11_slot *slot, bool writable,
                                    CK_SESSION_HANDLE *session, sigb_diag *diag);
void p11_session_close(p11_module *module, CK_SESSION_HANDLE session);

/* ---- object.c ---- */

/* All objects that match the template; the caller frees *objects with OPENSSL_free(). Finding none is SIGB_OK. */
SIGB_CHECK sigb_rc p11_objects_find(p11_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted,
                                    CK_ULONG wanted_count, CK_OBJECT_HANDLE **objects, size_t *count,
                                    sigb_diag *diag);

/* Appends the value of one attribute; an attribute that the object does not have, or hides, appends nothing. */
SIGB_CHECK sigb_rc p11_attribute(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE_TYPE type, sigb_buf *value, sigb_diag *diag);

/* A boolean attribute, `missing` where the object does not tell. */
bool p11_attribute_true(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, bool missing);

/*
 * Appends the DER SubjectPublicKeyInfo of a public key object, or of a private
 * key as far as it tells (CKA_PUBLIC_KEY_INFO, RSA modulus and exponent).
 * Appends nothing where the token does not tell.
 */
SIGB_CHECK sigb_rc p11_object_spki(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                   sigb_buf *spki, sigb_diag *diag);

/* ---- mechanism.c ---- */

/* How a token makes the signatures of one scheme. */
typedef struct p11_mechanism {
    CK_MECHANISM_TYPE type;
    const char *name; /* "CKM_ECDSA"; static */
    bool has_params;
    CK_RSA_PKCS_PSS_PARAMS params;
    bool takes_digest; /* else the message, which the token hashes (or EdDSA takes whole) */
} p11_mechanism;

#define MECHANISM_ROWS 19
#define NO_MECHANISM   CK_UNAVAILABLE_INFORMATION

/* What one key can do on one token, as far as is needed: a row of the table in mechanism.c each. */
typedef struct p11_mechanisms {
    bool usable[MECHANISM_ROWS];
    bool pss_alone; /* CKA_ALLOWED_MECHANISMS lets it make RSASSA-PSS, and no other RSA signature */
} p11_mechanisms;

/* Probes the token. `allowed` is CKA_ALLOWED_MECHANISMS as it stands, no bytes if the key has none. */
SIGB_CHECK sigb_rc mechanisms_probe(p11_module *module, CK_SLOT_ID slot, sigb_bytes allowed,
                                    p11_mechanisms *found, sigb_diag *diag);

/*
 * The mechanism for a scheme, where the message is there or, `hashed`, its digest
 * alone. SIGB_E_MECHANISM names what the token lacks.
 */
SIGB_CHECK sigb_rc mechanism_for(const p11_mechanisms *found, const p11_scheme *scheme, bool hashed,
                                 p11_mechanism *mechanism, sigb_diag *diag);

/* The same for an algorithm of COSE. */
SIGB_CHECK sigb_rc mechanism_require(const p11_mechanisms *found, const alg_row *alg,
                                     p11_mechanism *mechanism, sigb_diag *diag);

/* ---- key.c ---- */

/*
 * The private keys of the token with this label and this id, each left out where it has no bytes; the caller frees
 * *keys with OPENSSL_free(). Those in sessions, which are somebody's copies, are among them only where all are.
 */
SIGB_CHECK sigb_rc p11_private_keys_find(p11_module *module, CK_SESSION_HANDLE session, sigb_bytes label,
                                         sigb_bytes id, CK_OBJECT_HANDLE **keys, size_t *count,
                                         sigb_diag *diag);

/* Appends the SPKI as the private key tells it, or its public object does; nothing where neither tells. */
SIGB_CHECK sigb_rc key_spki(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                            sigb_buf *spki, sigb_diag *diag);

/* ---- cert.c ---- */

/*
 * Appends the X.509 certificates of the token, at most SIGB_MAX_CERTS: first
 * those of the key (by public key or CKA_ID), then CAs, then others. One that
 * cannot be read draws a note. key: CK_INVALID_HANDLE where it is not known.
 */
SIGB_CHECK sigb_rc certs_collect(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                                 sigb_bytes spki, const sigb_notes *notes, sigb_buf *certs, sigb_diag *diag);

/* ---- ckr.c ---- */

/* "CKR_PIN_INCORRECT", static; for a code that has no name "CKR_0x...", written into room. */
const char *ckr_name(CK_RV rv, char room[24]);

/* What there is to do about it, in words; static. */
const char *ckr_advice(CK_RV rv);

/* A failed C_ call as a refusal: the code's class, its name, and what to do. */
sigb_rc ckr_fail(sigb_diag *diag, CK_RV rv, const char *call);

#endif
