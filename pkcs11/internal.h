/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkcs11/ share among themselves; what others may use is in pkcs11.h. */
#ifndef SIGB_PKCS11_INTERNAL_H
#define SIGB_PKCS11_INTERNAL_H

#include "pkcs11/pkcs11.h"

#include "base/secret.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- ckr.c ---- */

/* What a code leaves usable. Repair after a failure is chosen by this alone. */
typedef enum ckr_class {
    CKR_OTHER = 0, /* says nothing about sessions; never retried blindly */
    CKR_STALE,     /* session, login or handles are lost: a new session serves */
    CKR_DEAD       /* the module or device is: C_Finalize and C_Initialize serve */
} ckr_class;

ckr_class ckr_classify(CK_RV rv);

/* ---- module.c ---- */

/* What call.c asks before and around each call. */
CK_FUNCTION_LIST *p11_module_calls(const p11_module *module);
bool module_is_touchable(const p11_module *module);
bool module_writes_to_sockets(const p11_module *module);

/* ---- uri.c ---- */

/* The PIN of pin-value; NULL where the URI has none. */
const sigb_pin *p11_uri_pin(const p11_uri *uri);

/* True unless the URI asks for another library, slot or token. */
bool p11_uri_fits_library(const p11_uri *uri, const CK_INFO *info);
bool p11_uri_fits_slot(const p11_uri *uri, CK_SLOT_ID id, const CK_SLOT_INFO *info);
bool p11_uri_fits_token(const p11_uri *uri, const CK_TOKEN_INFO *info);

/* ---- object.c ---- */

/* A CK_ULONG attribute; CK_UNAVAILABLE_INFORMATION where the object does not tell. */
CK_ULONG p11_attribute_number(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                              CK_ATTRIBUTE_TYPE type);

/* ---- pin.c ---- */

/* What was read becomes the PIN: one newline goes, length is judged. Cleansed if refused. */
SIGB_CHECK sigb_rc pin_settle(sigb_pin *pin, sigb_diag *diag);

/*
 * p11_login() that hands over the PIN it used, for a later login of the same
 * signer; *kept stays NULL where none was needed. The caller frees it.
 */
SIGB_CHECK sigb_rc p11_login_keeping(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                                     const p11_uri *uri, const sigb_pkcs11_options *options, sigb_pin **kept,
                                     sigb_diag *diag);

/* A PIN that is locked, or would be by one mistake more, is not tried: SIGB_E_PIN_LOCKED, _PIN_FINAL_TRY. */
SIGB_CHECK sigb_rc pin_require_tries(p11_module *module, const p11_slot *slot, sigb_diag *diag);

/* Asks options->pin alone, on behalf of the token in the slot. */
SIGB_CHECK sigb_rc pin_ask(const p11_slot *slot, sigb_pin_kind kind, const sigb_pkcs11_options *options,
                           sigb_pin *pin, sigb_diag *diag);

/* ---- pool.c ---- */

/* Open, logged-in sessions of one token. Any thread may take one; it is that thread's until it is given back. */
typedef struct p11_pool p11_pool;

/* NULL: out of memory. The pool borrows module; slot is copied. */
p11_pool *pool_new(p11_module *module, const p11_slot *slot);

/* Closes the idle sessions; none may be out. NULL is allowed. */
void pool_free(p11_pool *pool);

/* Waits for another thread's session where the token has none left. */
SIGB_CHECK sigb_rc pool_take(p11_pool *pool, CK_SESSION_HANDLE *session, sigb_diag *diag);

/* Counts a session that was opened elsewhere as taken from this pool. */
void pool_adopt(p11_pool *pool);

/* good: every call on it succeeded. A session that is not is closed, for 2.40 has no way to clear its state. */
void pool_give(p11_pool *pool, CK_SESSION_HANDLE session, bool good);

/* ---- sign.c ---- */

/* Between C_SignInit and C_Sign: logs in once more for keys that ask for it. */
typedef sigb_rc (*p11_between_fn)(void *arg, CK_SESSION_HANDLE session, sigb_diag *diag);

/* One signature to make. */
typedef struct p11_signing {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    const p11_mechanism *mechanism;
    sigb_bytes input;       /* the digest, or the message, as the mechanism takes it */
    p11_between_fn between; /* may be NULL */
    void *between_arg;
} p11_signing;

/* Two calls: C_SignInit, C_Sign. Appends what the token returned, unjudged. */
SIGB_CHECK sigb_rc p11_sign(p11_module *module, const p11_signing *what, sigb_buf *signature,
                            sigb_diag *diag);

/* ---- key.c ---- */

/* The one private key that the URI names on the token; _KEY_ABSENT, or _KEY_AMBIGUOUS which lists them. */
SIGB_CHECK sigb_rc key_find(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                            const p11_uri *uri, CK_OBJECT_HANDLE *key, sigb_diag *diag);

/* SIGB_E_KEY_NO_SIGN, SIGB_E_KEY_UNSUPPORTED. */
SIGB_CHECK sigb_rc key_require_sign(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                                    sigb_diag *diag);

#endif
