/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recovery/patient.h"

#include <pthread.h>

#include "tests/recovery/options.h"

#define BENCHES 64

static CK_FUNCTION_LIST bare;
static pthread_rwlock_t door;
static pthread_mutex_t benches[BENCHES];

/* Handles begin at one again after a C_Finalize: two threads may hold the same one, each by right. */
static pthread_mutex_t *bench_of(CK_SESSION_HANDLE session)
{
    return &benches[session % BENCHES];
}

/* clang-format off */
/* What the library calls while it signs and repairs. */
#define SHARED(X) \
    X(C_GetSlotList,       (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count)) \
    X(C_GetSlotInfo,       (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info)) \
    X(C_GetTokenInfo,      (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info)) \
    X(C_GetMechanismList,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count), (slot, list, count)) \
    X(C_GetMechanismInfo,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info)) \
    X(C_OpenSession,       (CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify, CK_SESSION_HANDLE *session), (slot, flags, arg, notify, session))

/* Of these, one at a time in a session. */
#define IN_SESSION(X) \
    X(C_CloseSession,      (CK_SESSION_HANDLE session), (session)) \
    X(C_GetSessionInfo,    (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info)) \
    X(C_Login,             (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len), (session, user, pin, len)) \
    X(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at, CK_ULONG count), (session, object, at, count)) \
    X(C_FindObjectsInit,   (CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count), (session, at, count)) \
    X(C_FindObjects,       (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count), (session, objects, room, count)) \
    X(C_FindObjectsFinal,  (CK_SESSION_HANDLE session), (session)) \
    X(C_CopyObject,        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_ATTRIBUTE *at, CK_ULONG count, CK_OBJECT_HANDLE *copy), (session, from, at, count, copy)) \
    X(C_DestroyObject,     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object)) \
    X(C_SignInit,          (CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key), (session, how, key)) \
    X(C_Sign,              (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made, CK_ULONG *made_len), (session, data, len, made, made_len))

/* What waits for all of those. */
#define ALONE(X) \
    X(C_Initialize,        (void *args), (args)) \
    X(C_Finalize,          (void *reserved), (reserved)) \
    X(C_CloseAllSessions,  (CK_SLOT_ID slot), (slot)) \
    X(C_Logout,            (CK_SESSION_HANDLE session), (session))
/* clang-format on */

#define WITHIN(lock, name, parameters, arguments)                                                            \
    static CK_RV patient_##name parameters                                                                   \
    {                                                                                                        \
        CK_RV rv;                                                                                            \
        (void)lock(&door);                                                                                   \
        rv = bare.name arguments;                                                                            \
        (void)pthread_rwlock_unlock(&door);                                                                  \
        return rv;                                                                                           \
    }
#define ONE_AT_A_TIME(name, parameters, arguments)                                                           \
    static CK_RV patient_##name parameters                                                                   \
    {                                                                                                        \
        pthread_mutex_t *bench = bench_of(session);                                                          \
        CK_RV rv;                                                                                            \
        (void)pthread_rwlock_rdlock(&door);                                                                  \
        (void)pthread_mutex_lock(bench);                                                                     \
        rv = bare.name arguments;                                                                            \
        (void)pthread_mutex_unlock(bench);                                                                   \
        (void)pthread_rwlock_unlock(&door);                                                                  \
        return rv;                                                                                           \
    }
#define WITH_OTHERS(name, parameters, arguments) WITHIN(pthread_rwlock_rdlock, name, parameters, arguments)
#define BY_ITSELF(name, parameters, arguments)   WITHIN(pthread_rwlock_wrlock, name, parameters, arguments)
SHARED(WITH_OTHERS)
IN_SESSION(ONE_AT_A_TIME)
ALONE(BY_ITSELF)

void patient_make(CK_FUNCTION_LIST *calls)
{
    pthread_rwlockattr_t fair;

    /* else those who sign would keep the others out for ever */
    if (pthread_rwlockattr_init(&fair) != 0 ||
        pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) != 0 ||
        pthread_rwlock_init(&door, &fair) != 0)
        die("no lock");
    for (size_t i = 0; i < BENCHES; i++)
        if (pthread_mutex_init(&benches[i], NULL) != 0)
            die("no lock");
    bare = *calls;
#define PUT(name, parameters, arguments) calls->name = patient_##name;
    SHARED(PUT)
    IN_SESSION(PUT)
    ALONE(PUT)
#undef PUT
}
