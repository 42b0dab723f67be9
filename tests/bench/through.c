/* SPDX-License-Identifier: Apache-2.0 */
#include "through.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <p11-kit/pkcs11.h>

#define EXPORTED __attribute__((visibility("default")))

extern bench_through bench_through_control;
EXPORTED bench_through bench_through_control;

static CK_FUNCTION_LIST *behind;

static void count(void)
{
    (void)atomic_fetch_add_explicit(&bench_through_control.calls, 1, memory_order_relaxed);
}

#define THROUGH(name, parameters, arguments)                                                                 \
    static CK_RV through_##name parameters                                                                   \
    {                                                                                                        \
        count();                                                                                             \
        return behind->name arguments;                                                                       \
    }

/* What an application calls that signs; whatever else it tries finds no function, and is seen at once. */
/* clang-format off */
THROUGH(C_Initialize,        (void *args), (args))
THROUGH(C_Finalize,          (void *reserved), (reserved))
THROUGH(C_GetInfo,           (CK_INFO *info), (info))
THROUGH(C_GetSlotList,       (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *number), (present, slots, number))
THROUGH(C_GetSlotInfo,       (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info))
THROUGH(C_GetTokenInfo,      (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
THROUGH(C_GetMechanismList,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *number), (slot, list, number))
THROUGH(C_GetMechanismInfo,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info))
THROUGH(C_OpenSession,       (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
                             (slot, flags, application, notify, session))
THROUGH(C_CloseSession,      (CK_SESSION_HANDLE session), (session))
THROUGH(C_CloseAllSessions,  (CK_SLOT_ID slot), (slot))
THROUGH(C_GetSessionInfo,    (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info))
THROUGH(C_Login,             (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len), (session, user, pin, len))
THROUGH(C_Logout,            (CK_SESSION_HANDLE session), (session))
THROUGH(C_CopyObject,        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_ATTRIBUTE *at, CK_ULONG number, CK_OBJECT_HANDLE *object),
                             (session, from, at, number, object))
THROUGH(C_DestroyObject,     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
THROUGH(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at, CK_ULONG number), (session, object, at, number))
THROUGH(C_FindObjectsInit,   (CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG number), (session, at, number))
THROUGH(C_FindObjects,       (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *number), (session, objects, room, number))
THROUGH(C_FindObjectsFinal,  (CK_SESSION_HANDLE session), (session))
/* clang-format on */

static CK_RV through_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    count();
    (void)atomic_fetch_add_explicit(&bench_through_control.sign_inits, 1, memory_order_relaxed);
    return behind->C_SignInit(session, how, key);
}

static void take_time(void)
{
    unsigned us = atomic_load_explicit(&bench_through_control.sign_sleep_us, memory_order_relaxed);
    struct timespec rest = {us / 1000000, (long)(us % 1000000) * 1000};

    if (us == 0)
        return;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* else the kernel wakes a thread up to 50 us late */
    (void)nanosleep(&rest, NULL);
}

static CK_RV through_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                            CK_ULONG *made_len)
{
    count();
    (void)atomic_fetch_add_explicit(&bench_through_control.signs, 1, memory_order_relaxed);
    take_time();
    return behind->C_Sign(session, data, len, made, made_len);
}

static CK_FUNCTION_LIST through = {
    .version = {2, 40},
    .C_Initialize = through_C_Initialize,
    .C_Finalize = through_C_Finalize,
    .C_GetInfo = through_C_GetInfo,
    .C_GetSlotList = through_C_GetSlotList,
    .C_GetSlotInfo = through_C_GetSlotInfo,
    .C_GetTokenInfo = through_C_GetTokenInfo,
    .C_GetMechanismList = through_C_GetMechanismList,
    .C_GetMechanismInfo = through_C_GetMechanismInfo,
    .C_OpenSession = through_C_OpenSession,
    .C_CloseSession = through_C_CloseSession,
    .C_CloseAllSessions = through_C_CloseAllSessions,
    .C_GetSessionInfo = through_C_GetSessionInfo,
    .C_Login = through_C_Login,
    .C_Logout = through_C_Logout,
    .C_CopyObject = through_C_CopyObject,
    .C_DestroyObject = through_C_DestroyObject,
    .C_GetAttributeValue = through_C_GetAttributeValue,
    .C_FindObjectsInit = through_C_FindObjectsInit,
    .C_FindObjects = through_C_FindObjects,
    .C_FindObjectsFinal = through_C_FindObjectsFinal,
    .C_SignInit = through_C_SignInit,
    .C_Sign = through_C_Sign,
};

static CK_FUNCTION_LIST *load_behind(void)
{
    const char *path = getenv(THROUGH_MODULE);
    void *module = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
    CK_FUNCTION_LIST *functions = NULL;
    CK_C_GetFunctionList get;

    if (symbol == NULL)
        return NULL;
    memcpy(&get, &symbol, sizeof(get));
    return get(&functions) == CKR_OK ? functions : NULL;
}

EXPORTED CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (behind == NULL)
        behind = load_behind();
    if (behind == NULL)
        return CKR_GENERAL_ERROR;
    *list = &through;
    return CKR_OK;
}
