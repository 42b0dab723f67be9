/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that passes everything on to the one that $QUIET_MODULE
 * names, and counts in quiet_inside how deep the process is in it: a module may
 * use the same libcrypto, and its allocations are not the product's.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST ours;

volatile int quiet_inside;

/* clang-format off */
#define CALLS(X)                                                                                                   \
    X(C_Initialize,        (void *a), (a))                                                                         \
    X(C_Finalize,          (void *a), (a))                                                                         \
    X(C_GetInfo,           (CK_INFO *a), (a))                                                                      \
    X(C_GetSlotList,       (CK_BBOOL a, CK_SLOT_ID *b, CK_ULONG *c), (a, b, c))                                    \
    X(C_GetSlotInfo,       (CK_SLOT_ID a, CK_SLOT_INFO *b), (a, b))                                                \
    X(C_GetTokenInfo,      (CK_SLOT_ID a, CK_TOKEN_INFO *b), (a, b))                                               \
    X(C_GetMechanismList,  (CK_SLOT_ID a, CK_MECHANISM_TYPE *b, CK_ULONG *c), (a, b, c))                           \
    X(C_GetMechanismInfo,  (CK_SLOT_ID a, CK_MECHANISM_TYPE b, CK_MECHANISM_INFO *c), (a, b, c))                   \
    X(C_InitToken,         (CK_SLOT_ID a, CK_UTF8CHAR *b, CK_ULONG c, CK_UTF8CHAR *d), (a, b, c, d))               \
    X(C_InitPIN,           (CK_SESSION_HANDLE a, CK_UTF8CHAR *b, CK_ULONG c), (a, b, c))                           \
    X(C_OpenSession,       (CK_SLOT_ID a, CK_FLAGS b, void *c, CK_NOTIFY d, CK_SESSION_HANDLE *e), (a, b, c, d, e)) \
    X(C_CloseSession,      (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_GetSessionInfo,    (CK_SESSION_HANDLE a, CK_SESSION_INFO *b), (a, b))                                      \
    X(C_Login,             (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_UTF8CHAR *c, CK_ULONG d), (a, b, c, d))        \
    X(C_Logout,            (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_CreateObject,      (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c, CK_OBJECT_HANDLE *d), (a, b, c, d))  \
    X(C_DestroyObject,     (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b))                                      \
    X(C_GetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d))   \
    X(C_SetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d))   \
    X(C_FindObjectsInit,   (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c), (a, b, c))                          \
    X(C_FindObjects,       (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, CK_ULONG c, CK_ULONG *d), (a, b, c, d))      \
    X(C_FindObjectsFinal,  (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_SignInit,          (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c))                  \
    X(C_Sign,              (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    X(C_GenerateKeyPair,   (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_ATTRIBUTE *e,    \
                            CK_ULONG f, CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h), (a, b, c, d, e, f, g, h))
/* clang-format on */

#define DEFINE(name, params, args)                                                                           \
    static CK_RV quiet_##name params                                                                         \
    {                                                                                                        \
        CK_RV rv;                                                                                            \
        quiet_inside++;                                                                                      \
        rv = real->name args;                                                                                \
        quiet_inside--;                                                                                      \
        return rv;                                                                                           \
    }
CALLS(DEFINE)

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("QUIET_MODULE");
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_C_GetFunctionList get = NULL;

    if (library != NULL)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_GetFunctionList = C_GetFunctionList;
#define REPLACE(name, params, args) ours.name = quiet_##name;
    CALLS(REPLACE)
    *list = &ours;
    return CKR_OK;
}
