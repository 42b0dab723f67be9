/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, one at a time. Those that signers share are in token.c. */
#include "pkcs11/internal.h"

sigb_rc p11_session_open(p11_module *module, const p11_slot *slot, bool writable, CK_SESSION_HANDLE *session,
                         sigb_diag *diag)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0);
    CK_SESSION_HANDLE opened = CK_INVALID_HANDLE;
    CK_RV rv = p11_C_OpenSession(module, slot->id, flags, &opened);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_OpenSession");
    *session = opened;
    return SIGB_OK;
}

void p11_session_close(p11_module *module, CK_SESSION_HANDLE session)
{
    if (session != CK_INVALID_HANDLE)
        (void)p11_C_CloseSession(module, session);
}
