/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkcs11/ share among themselves; what others may use is in pkcs11.h. */
#ifndef SIGB_PKCS11_INTERNAL_H
#define SIGB_PKCS11_INTERNAL_H

#include "pkcs11/pkcs11.h"

#include "base/alg.h"
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

#endif
