/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#define BARE_CALL_NAME(call) #call,
static const char *const NAMES[] = {BARE_CALLS(BARE_CALL_NAME)};

static unsigned long counters[CALL_COUNT];
static const CK_FUNCTION_LIST *counted_module;

void bare_counted(enum bare_call call)
{
    counters[call]++;
}

void bare_counts_reset(void)
{
    memset(counters, 0, sizeof(counters));
}

static unsigned long listed(const bare_count *list, enum bare_call call)
{
    for (; list->each != 0; list++)
        if (list->call == call)
            return list->each;
    return 0;
}

bool bare_counts_match(const bare_count *list, unsigned long rounds)
{
    bool match = true;

    for (enum bare_call call = 0; call < CALL_COUNT; call++) {
        unsigned long wanted = listed(list, call) * rounds;

        if (counters[call] != wanted) {
            fprintf(stderr, "bare arm: %s was called %lu times, its list says %lu\n", NAMES[call],
                    counters[call], wanted);
            match = false;
        }
    }
    return match;
}

/* ---- Cryptoki ---- */

static CK_RV counted_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    bare_counted(CALL_C_SignInit);
    return counted_module->C_SignInit(session, mechanism, key);
}

static CK_RV counted_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
                          CK_ULONG *signature_len)
{
    bare_counted(CALL_C_Sign);
    return counted_module->C_Sign(session, data, data_len, signature, signature_len);
}

CK_FUNCTION_LIST *bare_counted_functions(const CK_FUNCTION_LIST *module)
{
    static CK_FUNCTION_LIST counted;

    counted_module = module;
    counted.C_SignInit = counted_sign_init;
    counted.C_Sign = counted_sign;
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
