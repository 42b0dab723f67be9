/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#define BARE_CALL_NAME(call) #call,
static const char *const NAMES[] = {BARE_CALLS(BARE_CALL_NAME)};

static _Thread_local unsigned long
    counters[CALL_COUNT]; /* shared ones would slow an arm of several threads */
static atomic_ulong handed_in[CALL_COUNT];
static const CK_FUNCTION_LIST *counted_module;

void bare_counted(enum bare_call call)
{
    counters[call]++;
}

void bare_counts_hand_in(void)
{
    for (enum bare_call call = 0; call < CALL_COUNT; call++)
        (void)atomic_fetch_add(&handed_in[call], counters[call]);
    memset(counters, 0, sizeof(counters));
}

void bare_counts_reset(void)
{
    bare_counts_hand_in();
    for (enum bare_call call = 0; call < CALL_COUNT; call++)
        atomic_store(&handed_in[call], 0);
}

/* Lists of several arms may stand behind one another. */
static unsigned long listed(const bare_count *list, enum bare_call call)
{
    unsigned long each = 0;

    for (; list->each != 0; list++)
        if (list->call == call)
            each += list->each;
    return each;
}

bool bare_counts_match(const bare_count *list, unsigned long rounds)
{
    bool match = true;

    bare_counts_hand_in();
    for (enum bare_call call = 0; call < CALL_COUNT; call++) {
        unsigned long made = atomic_load(&handed_in[call]), wanted = listed(list, call) * rounds;

        if (made != wanted) {
            fprintf(stderr, "bare arm: %s was called %lu times, its list says %lu\n", NAMES[call], made,
                    wanted);
            match = false;
        }
    }
    return match;
}

/* ---- Cryptoki ---- */

#define COUNTED(call, parameters, arguments)                                                                 \
    static CK_RV counted_##call parameters                                                                   \
    {                                                                                                        \
        bare_counted(CALL_##call);                                                                           \
        return counted_module->call arguments;                                                               \
    }

/* clang-format off */
COUNTED(C_Initialize,       (void *args), (args))
COUNTED(C_Finalize,         (void *reserved), (reserved))
COUNTED(C_GetSlotList,      (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count))
COUNTED(C_GetTokenInfo,     (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
COUNTED(C_OpenSession,      (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
        (slot, flags, application, notify, session))
COUNTED(C_CloseAllSessions, (CK_SLOT_ID slot), (slot))
COUNTED(C_Login,            (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len), (session, user, pin, len))
COUNTED(C_FindObjectsInit,  (CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count), (session, wanted, count))
COUNTED(C_FindObjects,      (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count),
        (session, objects, room, count))
COUNTED(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))
COUNTED(C_CopyObject,       (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_ATTRIBUTE *other, CK_ULONG count, CK_OBJECT_HANDLE *copy),
        (session, from, other, count, copy))
COUNTED(C_SignInit,         (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key), (session, mechanism, key))
COUNTED(C_Sign,             (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *signature_len),
        (session, data, len, signature, signature_len))
/* clang-format on */

CK_FUNCTION_LIST *bare_counted_functions(const CK_FUNCTION_LIST *module)
{
    static CK_FUNCTION_LIST counted = {
        .C_Initialize = counted_C_Initialize,
        .C_Finalize = counted_C_Finalize,
        .C_GetSlotList = counted_C_GetSlotList,
        .C_GetTokenInfo = counted_C_GetTokenInfo,
        .C_OpenSession = counted_C_OpenSession,
        .C_CloseAllSessions = counted_C_CloseAllSessions,
        .C_Login = counted_C_Login,
        .C_FindObjectsInit = counted_C_FindObjectsInit,
        .C_FindObjects = counted_C_FindObjects,
        .C_FindObjectsFinal = counted_C_FindObjectsFinal,
        .C_CopyObject = counted_C_CopyObject,
        .C_SignInit = counted_C_SignInit,
        .C_Sign = counted_C_Sign,
    };

    counted_module = module;
    return &counted;
}

/* ---- libcrypto: the linker sends the arms' calls here ---- */

#define WRAP(type, call, parameters, arguments)                                                              \
    type __real_##call parameters;                                                                           \
    type __wrap_##call parameters;                                                                           \
    type __wrap_##call parameters                                                                            \
    {                                                                                                        \
        bare_counted(CALL_##call);                                                                           \
        return __real_##call arguments;                                                                      \
    }

#define WRAP_VOID(call, parameters, arguments)                                                               \
    void __real_##call parameters;                                                                           \
    void __wrap_##call parameters;                                                                           \
    void __wrap_##call parameters                                                                            \
    {                                                                                                        \
        bare_counted(CALL_##call);                                                                           \
        __real_##call arguments;                                                                             \
    }

/* clang-format off */
WRAP(int, EVP_Q_digest,
     (OSSL_LIB_CTX *libctx, const char *name, const char *props, const void *data, size_t len, unsigned char *md, size_t *md_len),
     (libctx, name, props, data, len, md, md_len))
WRAP(int, EVP_DigestInit_ex2, (EVP_MD_CTX *ctx, const EVP_MD *md, const OSSL_PARAM params[]), (ctx, md, params))
WRAP(int, EVP_DigestUpdate, (EVP_MD_CTX *ctx, const void *data, size_t len), (ctx, data, len))
WRAP(int, EVP_DigestFinal_ex, (EVP_MD_CTX *ctx, unsigned char *md, unsigned *len), (ctx, md, len))
WRAP(int, EVP_DigestVerifyInit_ex,
     (EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const char *md, OSSL_LIB_CTX *libctx, const char *props, EVP_PKEY *key, const OSSL_PARAM params[]),
     (ctx, pctx, md, libctx, props, key, params))
WRAP(int, EVP_DigestVerify,
     (EVP_MD_CTX *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *tbs, size_t tbs_len),
     (ctx, sig, sig_len, tbs, tbs_len))
WRAP(EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
WRAP_VOID(EVP_MD_CTX_free, (EVP_MD_CTX *ctx), (ctx))
WRAP(X509 *, d2i_X509, (X509 **cert, const unsigned char **der, long len), (cert, der, len))
WRAP_VOID(X509_free, (X509 *cert), (cert))
WRAP(EVP_PKEY *, X509_get0_pubkey, (const X509 *cert), (cert))
WRAP(OPENSSL_STACK *, OPENSSL_sk_new_null, (void), ())
WRAP(int, OPENSSL_sk_push, (OPENSSL_STACK *stack, const void *data), (stack, data))
WRAP_VOID(OPENSSL_sk_free, (OPENSSL_STACK *stack), (stack))
WRAP(X509_STORE *, X509_STORE_new, (void), ())
WRAP(int, X509_STORE_add_cert, (X509_STORE *store, X509 *cert), (store, cert))
WRAP_VOID(X509_STORE_free, (X509_STORE *store), (store))
WRAP(X509_STORE_CTX *, X509_STORE_CTX_new, (void), ())
WRAP(int, X509_STORE_CTX_init, (X509_STORE_CTX *ctx, X509_STORE *store, X509 *cert, STACK_OF(X509) *chain), (ctx, store, cert, chain))
WRAP(X509_VERIFY_PARAM *, X509_STORE_CTX_get0_param, (const X509_STORE_CTX *ctx), (ctx))
WRAP(int, X509_VERIFY_PARAM_set_flags, (X509_VERIFY_PARAM *param, unsigned long flags), (param, flags))
WRAP_VOID(X509_VERIFY_PARAM_set_auth_level, (X509_VERIFY_PARAM *param, int level), (param, level))
WRAP(int, X509_verify_cert, (X509_STORE_CTX *ctx), (ctx))
WRAP_VOID(X509_STORE_CTX_free, (X509_STORE_CTX *ctx), (ctx))
/* clang-format on */
