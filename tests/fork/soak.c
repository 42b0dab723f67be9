/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/fork/soak.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* ---- the module ---- */

/*
 * SoftHSM is not built with ThreadSanitizer, which sees the half of what it does
 * and takes it for unordered: while it runs, and only then, nothing is looked at.
 */
#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void look_away(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void look_again(void)
{
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static void look_away(void)
{
}

static void look_again(void)
{
}
#endif

/* clang-format off */
#define CALLS(X) \
    X(C_Initialize,        (void *args), (args)) \
    X(C_Finalize,          (void *reserved), (reserved)) \
    X(C_GetSlotList,       (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count)) \
    X(C_GetSlotInfo,       (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info)) \
    X(C_GetTokenInfo,      (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info)) \
    X(C_GetMechanismList,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count), (slot, list, count)) \
    X(C_GetMechanismInfo,  (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info)) \
    X(C_OpenSession,       (CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify, CK_SESSION_HANDLE *session), \
                           (slot, flags, arg, notify, session)) \
    X(C_CloseSession,      (CK_SESSION_HANDLE session), (session)) \
    X(C_GetSessionInfo,    (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info)) \
    X(C_Login,             (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len), (session, user, pin, len)) \
    X(C_FindObjectsInit,   (CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count), (session, at, count)) \
    X(C_FindObjects,       (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count), \
                           (session, objects, room, count)) \
    X(C_FindObjectsFinal,  (CK_SESSION_HANDLE session), (session)) \
    X(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at, CK_ULONG count), \
                           (session, object, at, count)) \
    X(C_SignInit,          (CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key), (session, how, key)) \
    X(C_Sign,              (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made, CK_ULONG *made_len), \
                           (session, data, len, made, made_len))
/* clang-format on */

static CK_FUNCTION_LIST softhsm_itself, real; /* real: the same, with our eyes closed */

#define DEFINE_UNSEEN(name, parameters, arguments)                                                           \
    static CK_RV unseen_##name parameters                                                                    \
    {                                                                                                        \
        CK_RV rv;                                                                                            \
                                                                                                             \
        look_away();                                                                                         \
        rv = softhsm_itself.name arguments;                                                                  \
        look_again();                                                                                        \
        return rv;                                                                                           \
    }
CALLS(DEFINE_UNSEEN)

/* ---- faults ---- */

/* Each call counts, and every so many fail; a C_Sign that fails has ended its operation, as it must. */
typedef struct fault {
    const char *name;
    CK_RV rv;
    unsigned every;
    atomic_uint calls, struck;
} fault;

static fault sign_init_faults[] = {
    {"C_SignInit: CKR_SESSION_HANDLE_INVALID", CKR_SESSION_HANDLE_INVALID, 97, 0, 0},
    {"C_SignInit: CKR_KEY_HANDLE_INVALID", CKR_KEY_HANDLE_INVALID, 113, 0, 0},
    {"C_SignInit: CKR_USER_NOT_LOGGED_IN", CKR_USER_NOT_LOGGED_IN, 211, 0, 0},
    {"C_SignInit: CKR_CRYPTOKI_NOT_INITIALIZED", CKR_CRYPTOKI_NOT_INITIALIZED, 503, 0, 0},
};
static fault sign_faults[] = {
    {"C_Sign: CKR_SESSION_CLOSED", CKR_SESSION_CLOSED, 101, 0, 0},
    {"C_Sign: CKR_DEVICE_ERROR", CKR_DEVICE_ERROR, 307, 0, 0},
    {"C_Sign: CKR_DEVICE_REMOVED", CKR_DEVICE_REMOVED, 401, 0, 0},
};
static fault open_faults[] = {
    {"C_OpenSession: CKR_SESSION_COUNT", CKR_SESSION_COUNT, 7, 0, 0},
    {"C_OpenSession: CKR_DEVICE_ERROR", CKR_DEVICE_ERROR, 31, 0, 0},
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* What the table says of this call: CKR_OK, or the first row whose turn it is. */
static CK_RV strike(fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((atomic_fetch_add(&faults[i].calls, 1) + 1) % faults[i].every == 0) {
            atomic_fetch_add(&faults[i].struck, 1);
            return faults[i].rv;
        }
    return CKR_OK;
}

static atomic_bool striking;

static CK_RV struck_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    CK_RV rv = atomic_load(&striking) ? strike(sign_init_faults, COUNT_OF(sign_init_faults)) : CKR_OK;

    return rv == CKR_OK ? real.C_SignInit(session, how, key) : rv;
}

static CK_RV struck_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                         CK_ULONG *made_len)
{
    CK_RV rv = atomic_load(&striking) ? strike(sign_faults, COUNT_OF(sign_faults)) : CKR_OK;
    CK_RV done = real.C_Sign(session, data, len, made, made_len);

    return rv == CKR_OK ? done : rv;
}

static CK_RV struck_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                         CK_SESSION_HANDLE *session)
{
    CK_RV rv = atomic_load(&striking) ? strike(open_faults, COUNT_OF(open_faults)) : CKR_OK;

    return rv == CKR_OK ? real.C_OpenSession(slot, flags, arg, notify, session) : rv;
}

void soak_begin(const softhsm *hsm)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(hsm);

    softhsm_itself = real = *calls;
#define PUT_UNSEEN(name, parameters, arguments) real.name = unseen_##name;
    CALLS(PUT_UNSEEN)
    *calls = real;
    calls->C_SignInit = struck_sign_init;
    calls->C_Sign = struck_sign;
    calls->C_OpenSession = struck_open;
}

/* ---- the threads ---- */

typedef struct soaked {
    const soak_work *work;
    void *worker;
    pthread_t thread;
    size_t good, bad;
    char words[SOAK_WORDS]; /* of the last that went wrong */
} soaked;

static atomic_bool over;

static void *work_on(void *arg)
{
    soaked *me = arg;

    while (!atomic_load(&over))
        if (me->work->make(me->worker, me->good, me->words))
            me->good++;
        else
            me->bad++;
    return NULL;
}

static bool sum_up(const soaked *all)
{
    size_t good = 0, bad = 0;

    for (size_t i = 0; i < SOAK_THREADS; i++) {
        good += all[i].good;
        bad += all[i].bad;
        if (all[i].bad > 0)
            printf("thread %zu: %zu bad: %s\n", i, all[i].bad, all[i].words);
    }
    printf("%zu threads: %zu good %s, %zu bad\n", (size_t)SOAK_THREADS, good, all[0].work->what, bad);
    return bad == 0 && good > SOAK_THREADS;
}

bool soak_for(unsigned seconds, const soak_work *work)
{
    const struct timespec while_they_work = {(time_t)seconds, 0};
    soaked all[SOAK_THREADS];

    atomic_store(&striking, true);
    for (size_t i = 0; i < SOAK_THREADS; i++) {
        all[i] = (soaked){.work = work, .worker = (char *)work->workers + i * work->size};
        assert_int_equal(pthread_create(&all[i].thread, NULL, work_on, &all[i]), 0);
    }
    (void)nanosleep(&while_they_work, NULL);
    atomic_store(&over, true);
    for (size_t i = 0; i < SOAK_THREADS; i++)
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    atomic_store(&striking, false);
    return sum_up(all);
}

unsigned soak_seconds(int argc, char **argv)
{
    unsigned seconds = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

    if (seconds == 0)
        fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
    return seconds;
}

/* ---- what struck ---- */

static bool all_struck(const fault *faults, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        printf("%6u times %s\n", atomic_load(&faults[i].struck), faults[i].name);
        all = all && atomic_load(&faults[i].struck) > 0;
    }
    return all;
}

bool soak_all_struck(void)
{
    bool all = all_struck(sign_init_faults, COUNT_OF(sign_init_faults));

    all = all_struck(sign_faults, COUNT_OF(sign_faults)) && all;
    return all_struck(open_faults, COUNT_OF(open_faults)) && all;
}
