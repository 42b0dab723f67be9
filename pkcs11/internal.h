/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkcs11/ share among themselves; what others may use is in pkcs11.h. */
#ifndef SIGB_PKCS11_INTERNAL_H
#define SIGB_PKCS11_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "pkcs11/bridge.h"
#include "pkcs11/pkcs11.h"

#include "base/secret.h"
#include "pkcs11/deadline.h"
#include "pkcs11/retry.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- ckr.c ---- */

/*
 * What a code says about what is left, and so what is done before the next try.
 * In this order each one repairs what the one before does, and more.
 */
typedef enum ckr_class {
    CKR_FINAL = 0, /* the same again would give the same: never retried */
    CKR_BUSY,      /* too much at once: wait */
    CKR_MISNAMED,  /* as if the handle named another object: find the key again, twice at most */
    CKR_STALE,     /* the login or a handle of an object is lost: log in, find again */
    CKR_GONE,      /* sessions are lost: open them anew, and the above */
    CKR_OTHER,     /* says nothing about sessions: as if they were gone, once */
    CKR_DEAD       /* the module or the device is: C_Finalize and C_Initialize, and the above */
} ckr_class;

ckr_class ckr_classify(CK_RV rv);

/* ---- configured.c ---- */

/* The file of a module by its name in p11-kit's configuration, and its reserved string. False: it has no such name. */
bool module_find_configured(const char *name, sigb_buf *path, sigb_buf *reserved);

/*
 * True if p11-kit's configuration has modules that are reached through a socket or
 * a command, as its proxy does. Learned once in a process.
 */
bool module_configured_far(void);

/* ---- module.c ---- */

/* What call.c asks before and around each call. */
CK_FUNCTION_LIST *p11_module_calls(const p11_module *module);
bool module_is_touchable(const p11_module *module);
bool module_writes_to_sockets(const p11_module *module);
bool module_enter(
    p11_module *module); /* false: it is being restarted, or busy; module_wait() for the end of that */
void module_leave(p11_module *module);
void module_wait(p11_module *module);

/*
 * Starts the module anew, unless somebody did since it had `seen` starts: with
 * C_Finalize if our C_Initialize took effect. In a child it is started without,
 * and so is one that says that somebody else shut it down, unless that was tried
 * in vain. SIGB_E_MODULE; in a child SIGB_E_FORKED, SIGB_E_TIMEOUT.
 */
SIGB_CHECK sigb_rc p11_module_restart(p11_module *module, unsigned seen, bool in_vain, sigb_diag *diag);

/* What sessions, logins or handles that nobody of ours ended tell: somebody else in the process uses it. */
void module_is_shared(p11_module *module);

/* CKR_CRYPTOKI_NOT_INITIALIZED, by the module itself: and shuts it down. */
void module_is_down(p11_module *module);

/* C_GetInfo of the last start. */
CK_INFO p11_module_info(const p11_module *module);

/* ---- uri.c ---- */

/* The PIN of pin-value; NULL where the URI has none. */
const sigb_pin *p11_uri_pin(const p11_uri *uri);

/* Cleanses it. */
void p11_uri_forget_pin(p11_uri *uri);

/* True unless the URI asks for another library, slot or token. */
bool p11_uri_fits_library(const p11_uri *uri, const CK_INFO *info);
bool p11_uri_fits_slot(const p11_uri *uri, CK_SLOT_ID id, const CK_SLOT_INFO *info);
bool p11_uri_fits_token(const p11_uri *uri, const CK_TOKEN_INFO *info);

/* Appends " slot-id=7", and all else beside token= and serial= by which it asks for a token, for people. */
void p11_uri_put_place(sigb_buf *out, const p11_uri *uri);

/* ---- slot.c ---- */

/* Finds the token of *slot again, by label, serial, manufacturer and model: slots move. */
SIGB_CHECK sigb_rc p11_slot_again(p11_module *module, p11_slot *slot, sigb_diag *diag);

/* ---- object.c ---- */

typedef struct p11_object {
    p11_module *module;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
} p11_object;

#define VIEW_MOST 12
#define VIEW_ROOM 640 /* of each: RSA-4096 fits */

/* An object, and those of its attributes that were asked for in one call: tokens are slow to answer. */
typedef struct p11_view {
    p11_object of;
    CK_ATTRIBUTE at[VIEW_MOST];
    size_t count;
    bool whole; /* the token had all of them */
    uint8_t room[VIEW_MOST][VIEW_ROOM];
} p11_view;

/* One call. What it does not tell is no failure: it is asked for by itself, if it is wanted. Not to be copied. */
SIGB_CHECK sigb_rc view_read(p11_view *view, const p11_object *of, const CK_ATTRIBUTE_TYPE *types,
                             size_t count, sigb_diag *diag);

/* True: the one call told that the object has no such attribute, or one of more than VIEW_ROOM bytes. */
bool view_lacks(const p11_view *view, CK_ATTRIBUTE_TYPE type);

/* Like p11_attribute(), p11_attribute_true() but for failures, and for numbers: CK_UNAVAILABLE_INFORMATION where there is none. */
SIGB_CHECK sigb_rc view_value(const p11_view *view, CK_ATTRIBUTE_TYPE type, sigb_buf *value, sigb_diag *diag);
SIGB_CHECK sigb_rc view_bool(const p11_view *view, CK_ATTRIBUTE_TYPE type, bool missing, bool *value,
                             sigb_diag *diag);
SIGB_CHECK sigb_rc view_ulong(const p11_view *view, CK_ATTRIBUTE_TYPE type, CK_ULONG *value, sigb_diag *diag);

/* ---- spki.c ---- */

/* p11_object_spki() of an object that was looked at. */
SIGB_CHECK sigb_rc view_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag);

/* ---- pin.c ---- */

/* What was read becomes the PIN: one newline goes, length is judged. Cleansed if refused. */
SIGB_CHECK sigb_rc pin_settle(sigb_pin *pin, sigb_diag *diag);

/* pin-value of the URI, else pin-source, else options->pin. */
SIGB_CHECK sigb_rc pin_fetch(const p11_slot *slot, const p11_uri *uri, const sigb_pkcs11_options *options,
                             sigb_pin *pin, sigb_diag *diag);

/* How a login is made. */
typedef struct p11_login_how {
    CK_USER_TYPE user;   /* CKU_USER, CKU_CONTEXT_SPECIFIC */
    const sigb_pin *pin; /* NULL: the token has a keypad of its own */
    bool allow_final_try;
    deadline until;
} p11_login_how;

/*
 * One attempt, unless the token would lock, or has refused this PIN before.
 * *again, if it fails: the token cannot have judged the PIN, which may be tried
 * once more.
 */
SIGB_CHECK sigb_rc login_once(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                              const p11_login_how *how, bool *again, sigb_diag *diag);

/*
 * A PIN that is locked, or would be by one mistake more, is not tried:
 * SIGB_E_PIN_LOCKED, _PIN_FINAL_TRY. Judged by what the slot was last seen to
 * say; login_once() looks again.
 */
SIGB_CHECK sigb_rc pin_require_tries(const p11_slot *slot, bool allow_final_try, sigb_diag *diag);

/* True where the token asks for a login and this process has none. */
bool login_is_needed(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session);

bool slot_has_keypad(const p11_slot *slot);

/* Asks options->pin alone, on behalf of the token in the slot. */
SIGB_CHECK sigb_rc pin_ask(const p11_slot *slot, sigb_pin_kind kind, const sigb_pkcs11_options *options,
                           sigb_pin *pin, sigb_diag *diag);

/* ---- attempt.c ---- */

/* A login that is being tried; the token's others wait, in this process and its children. */
typedef struct attempt {
    void *bucket;
    uint8_t fingerprint[32];
    bool orphaned; /* a process was killed while it tried one: the token may have counted it */
    bool refused;  /* to be set before the end */
} attempt;

/* SIGB_E_PIN_INCORRECT: the token has refused this PIN before. SIGB_E_TIMEOUT. Then there is nothing to end. */
SIGB_CHECK sigb_rc attempt_begin(attempt *a, const p11_module *module, const p11_slot *slot,
                                 const sigb_pin *pin, deadline until, sigb_diag *diag);
void attempt_end(attempt *a);

/* ---- token.c ---- */

/*
 * A token that signers of the process share: its login, and its open sessions.
 * What is lost is repaired by whoever notices, one thread at a time; each repair
 * begins a generation, and handles of an older one are void.
 */
typedef struct p11_token p11_token;

/* The token in the slot; one more user of it, who keeps the module open meanwhile. NULL: out of memory. */
p11_token *token_join(p11_module *module, const p11_slot *slot);
void token_leave(p11_token *token);

/* Where it is, as far as is known. */
p11_slot token_slot(p11_token *token);

/* Copies the PIN that is kept for the next login into `copy`, no bytes if there is none. */
void token_copy_pin(p11_token *token, sigb_pin *copy);
bool token_keeps_pin(p11_token *token);

/* The token refused it: whoever needs it next asks. */
void token_forget_pin(p11_token *token);

/* How far a repair may go. */
typedef struct p11_repair {
    deadline until;
    unsigned tries;  /* that have failed before, of the same operation */
    bool may_log_in; /* false: a login that is lost stays lost */
    bool keep_pin;   /* for the next time */
    bool allow_final_try;
    const sigb_pin *pin; /* to log in with; NULL: the kept one, or the token's keypad */
} p11_repair;

typedef struct p11_lease {
    CK_SESSION_HANDLE session;
    unsigned generation; /* 1 is the first */
    unsigned batch;      /* of sessions that live and die together */
    unsigned starts;     /* of the module */
    unsigned epoch;
    bool unfinished; /* an operation that was begun in the session goes on */
} p11_lease;

/* What a failure leaves, and so what may be done about it. */
typedef struct p11_fault {
    ckr_class class;
    bool asks_pin; /* a PIN is wanted, and none is kept */
} p11_fault;

p11_fault fault_of(sigb_rc rc, const sigb_diag *diag);

/* A session, logged in; repairs first what has to be. `diag` and `fault` are written on failure, and wanted. */
SIGB_CHECK sigb_rc token_lease(p11_token *token, const p11_repair *how, p11_lease *lease, p11_fault *fault,
                               sigb_diag *diag);

/* Since the lease began: what failed in it says nothing about the token as it is. */
bool token_was_repaired(p11_token *token, const p11_lease *lease);

/* Since its last repair, or before the first: what fails now has another cause than what was repaired. */
bool token_has_served(p11_token *token, const p11_lease *lease);

/* Gives it back. If a call on it failed it is closed, for 2.40 has no way to clear it. */
void token_return(p11_token *token, const p11_lease *lease, sigb_rc rc, const p11_fault *fault,
                  const sigb_diag *diag);

/* True while the number of the session can be nobody else's. */
bool token_may_close(p11_token *token, const p11_lease *lease);

/* Whoever uses the token next looks for its key again. */
void token_doubt(p11_token *token);

/* ---- retry.c ---- */

/* False: it is too late for another try, whatever the failure was. */
bool retry_allowed(const p11_retry *retry);

/* True: once more, after the pause that it made. */
bool retry_again(p11_retry *retry, const p11_fault *fault);

/* ---- sign.c ---- */

/* Between C_SignInit and C_Sign: logs in once more for keys that ask for it. */
typedef sigb_rc (*p11_between_fn)(void *arg, CK_SESSION_HANDLE session, sigb_diag *diag);

/* What a token returned. */
typedef struct p11_made {
    uint8_t bytes[SIGB_MAX_SIGNATURE];
    size_t len;
} p11_made;

/* One signature to make. */
typedef struct p11_signing {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    p11_mechanism mechanism;
    sigb_bytes input;       /* the digest, or the message, as the mechanism takes it */
    p11_between_fn between; /* may be NULL */
    void *between_arg;
    bool between_failed; /* out: that was it */
} p11_signing;

/* Two calls: C_SignInit, C_Sign. What the token returned is unjudged. */
SIGB_CHECK sigb_rc p11_sign(p11_module *module, p11_signing *what, p11_made *made, sigb_diag *diag);

/* ---- replica.c: a key on one token, and what was found of it there ---- */

typedef struct p11_replica {
    p11_token *token;
    unsigned generation;     /* of the token, to which the next two belong; 0: nothing was found yet */
    unsigned proven;         /* the last one of which a signature was verified */
    CK_OBJECT_HANDLE object; /* that signs: the key, or a copy of it */
    CK_SESSION_HANDLE home;  /* of the copy, which lives as long as its session */
    p11_lease home_lease;    /* of the same batch */
    p11_mechanisms mechanisms;
    bool always_authenticate;
} p11_replica;

#define MAX_REPLICAS 8

/* SIGB_OK also while no public key is known; SIGB_E_MEMORY. */
typedef sigb_rc (*p11_verify_fn)(void *arg, const p11_request *what, sigb_bytes signature);

/* What a signer holds. Operations that were left behind hold it too. */
typedef struct p11_key {
    atomic_uint users;
    p11_module *module;
    p11_uri *uri;
    sigb_pkcs11_options options; /* strings are NULL: they were the opener's */
    p11_tracer tracer;
    sigb_buf spki; /* as the token tells it; empty where it does not */
    p11_replica replicas[MAX_REPLICAS];
    size_t count;
    atomic_size_t current; /* the replica that serves; the next one after it fails */
    atomic_bool doubted;   /* the next signature is verified by whoever asked for it */
    p11_verify_fn verify;  /* a signature of a key that was found again */
    void *verify_arg;
} p11_key;

p11_key *key_new(const sigb_pkcs11_options *options); /* NULL: out of memory */
void key_share(p11_key *key);
void key_drop(p11_key *key);

/* How operations on this key are made. */
p11_repair key_repair(const p11_key *key, deadline until, unsigned tries);

/*
 * The object that signs, in the session of the lease: as found before in this
 * generation, or found again. *unproven: it may be another key's, so whoever
 * signs with it verifies before anybody sees the signature, and says
 * replica_prove(). SIGB_E_KEY_ABSENT, _KEY_AMBIGUOUS; SIGB_E_KEY_CHANGED: it is
 * another key now; SIGB_E_TOKEN_ABSENT: the token shows nothing at all.
 */
SIGB_CHECK sigb_rc replica_object(p11_key *key, p11_replica *replica, const p11_lease *lease,
                                  const sigb_notes *notes, CK_OBJECT_HANDLE *object, bool *unproven,
                                  sigb_diag *diag);
void replica_prove(p11_replica *replica, unsigned generation);

/* Closes the session of its copy, and leaves the token. */
void replica_leave(const p11_key *key, p11_replica *replica);

/* ---- signing.c ---- */

/*
 * The signature as the token makes it: r || s for ECDSA. Repairs what is lost,
 * asks for PINs in the caller's thread, keeps the deadline; a key that was
 * found again is verified to be the same. Else the signature is unjudged.
 */
SIGB_CHECK sigb_rc key_sign(p11_key *key, const p11_request *what, p11_made *made, sigb_diag *diag);

/* A signature was wrong although nothing had been lost: the key is found again before the next one. */
void key_doubt(p11_key *key);

/* key_drop() within the deadline, for closing may hang as signing may. Nothing is verified any more. */
void key_close(p11_key *key);

/* ---- open.c ---- */

/* Finds the key and what the token holds for it. `certs` is appended to; NULL: they are not wanted. */
SIGB_CHECK sigb_rc key_open(const char *uri, const sigb_pkcs11_options *options, p11_key **key,
                            sigb_buf *certs, sigb_diag *diag);

/* ---- key.c ---- */

/*
 * The one private key that the URI names on the token; _KEY_ABSENT, or
 * _KEY_AMBIGUOUS which lists them. With `replicas` several will do that have one
 * public key. Copies in sessions do not count beside the key, nor with `copy_key`
 * without it.
 */
SIGB_CHECK sigb_rc key_find(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                            const p11_uri *uri, const sigb_pkcs11_options *options, CK_OBJECT_HANDLE *key,
                            sigb_diag *diag);

/* Around a call that copies a key: who finds several keys meanwhile looks again. */
void key_copy_begins(void);
void key_copy_ends(void);

/* All that is asked of a private key before it signs. */
SIGB_CHECK sigb_rc key_view(p11_view *view, p11_module *module, CK_SESSION_HANDLE session,
                            CK_OBJECT_HANDLE key, sigb_diag *diag);

/* SIGB_E_KEY_NO_SIGN, SIGB_E_KEY_UNSUPPORTED. */
SIGB_CHECK sigb_rc key_require_sign(const p11_view *key, sigb_diag *diag);

/* key_spki() of a key that was looked at. */
SIGB_CHECK sigb_rc key_view_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag);

/* ---- bridge_uri.c ---- */

/*
 * The URI as the rules let it be used (the caller frees with bridge_uri_free(),
 * for it may hold a PIN), and as it may be shown, without PIN (OPENSSL_free()).
 */
SIGB_CHECK sigb_rc bridge_uri_clean(const char *uri, const bridge_rules *rules, char **usable, char **shown,
                                    sigb_diag *diag);

#endif
