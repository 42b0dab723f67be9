/* SPDX-License-Identifier: Apache-2.0 */
#include "null_provider.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include "bare/arm.h"

#define EXPORTED   __attribute__((visibility("default")))
#define MAX_NUMBER 66 /* P-521 */

/* A session, and whether a thread has it. */
typedef struct null_session {
    atomic_flag taken;
    bare_arm *arm;
} null_session;

static null_session sessions[NULL_SESSIONS];
static const bare_input *key;

/* ---- the two calls ---- */

static null_session *take(void)
{
    for (size_t i = 0;; i = (i + 1) % NULL_SESSIONS)
        if (!atomic_flag_test_and_set_explicit(&sessions[i].taken, memory_order_acquire))
            return &sessions[i];
}

static void give_back(null_session *session)
{
    atomic_flag_clear_explicit(&session->taken, memory_order_release);
}

static size_t put_integer(const unsigned char *number, size_t len, unsigned char *out)
{
    size_t zero;

    for (; len > 1 && number[0] == 0; len--)
        number++;
    zero = number[0] >> 7;
    out[0] = 0x02;
    out[1] = (unsigned char)(len + zero);
    out[2] = 0;
    memcpy(out + 2 + zero, number, len);
    return 2 + zero + len;
}

/* Ecdsa-Sig-Value, short enough for a head of two bytes. */
static size_t put_ecdsa(const bare_arm *arm, unsigned char *out)
{
    size_t half = arm->signature_len / 2, len;

    len = put_integer(arm->signature, half, out + 2);
    len += put_integer(arm->signature + half, half, out + 2 + len);
    out[0] = 0x30;
    out[1] = (unsigned char)len;
    return 2 + len;
}

static size_t put_signature(const bare_arm *arm, unsigned char *out)
{
    if (!key->rsa)
        return put_ecdsa(arm, out);
    memcpy(out, arm->signature, arm->signature_len);
    return arm->signature_len;
}

static int digest_sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *tbs,
                       size_t tbs_len)
{
    null_session *session = take();
    int good = bare_loop_over(session->arm, (bare_bytes){tbs, tbs_len});

    (void)ctx;
    (void)room;
    if (good)
        *len = put_signature(session->arm, sig);
    give_back(session);
    return good;
}

/* ---- contexts and keys: there is one of each ---- */

static void *new_ctx(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return sessions;
}

static void *new_key(void *provider)
{
    (void)provider;
    return &key;
}

static void free_nothing(void *nothing)
{
    (void)nothing;
}

static int digest_sign_init(void *ctx, const char *digest, void *keydata, const OSSL_PARAM params[])
{
    (void)ctx;
    (void)digest;
    (void)keydata;
    (void)params;
    return 1;
}

static int has(const void *keydata, int selection)
{
    (void)keydata;
    (void)selection;
    return 1;
}

static int import(void *keydata, int selection, const OSSL_PARAM params[])
{
    (void)keydata;
    (void)selection;
    (void)params;
    return 1;
}

static const OSSL_PARAM *import_types(int selection)
{
    static const OSSL_PARAM none[] = {OSSL_PARAM_END};

    (void)selection;
    return none;
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    static const OSSL_PARAM size[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL), OSSL_PARAM_END};

    (void)provider;
    return size;
}

static int get_params(void *keydata, OSSL_PARAM params[])
{
    OSSL_PARAM *size = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE);

    (void)keydata;
    return size == NULL || OSSL_PARAM_set_int(size, 512);
}

static const char *ecdsa(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- dispatch ---- */

#define FUNCTION(id, function)                                                                               \
    {                                                                                                        \
        OSSL_FUNC_##id, (void (*)(void))(function)                                                           \
    }

static const OSSL_DISPATCH SIGNATURE[] = {FUNCTION(SIGNATURE_NEWCTX, new_ctx),
                                          FUNCTION(SIGNATURE_FREECTX, free_nothing),
                                          FUNCTION(SIGNATURE_DIGEST_SIGN_INIT, digest_sign_init),
                                          FUNCTION(SIGNATURE_DIGEST_SIGN, digest_sign),
                                          {0, NULL}};

#define KEYMGMT_FUNCTIONS                                                                                    \
    FUNCTION(KEYMGMT_NEW, new_key), FUNCTION(KEYMGMT_FREE, free_nothing), FUNCTION(KEYMGMT_HAS, has),        \
        FUNCTION(KEYMGMT_IMPORT, import), FUNCTION(KEYMGMT_IMPORT_TYPES, import_types),                      \
        FUNCTION(KEYMGMT_GET_PARAMS, get_params), FUNCTION(KEYMGMT_GETTABLE_PARAMS, gettable_params)

static const OSSL_DISPATCH RSA_KEYS[] = {KEYMGMT_FUNCTIONS, {0, NULL}};
static const OSSL_DISPATCH EC_KEYS[] = {
    KEYMGMT_FUNCTIONS, FUNCTION(KEYMGMT_QUERY_OPERATION_NAME, ecdsa), {0, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM keymgmts[] = {{"RSA:rsaEncryption:1.2.840.113549.1.1.1",
                                               "provider=" NULL_PROVIDER, RSA_KEYS, NULL},
                                              {"EC:id-ecPublicKey:1.2.840.10045.2.1",
                                               "provider=" NULL_PROVIDER, EC_KEYS, NULL},
                                              {NULL, NULL, NULL, NULL}},
                                signatures[] = {{"RSA:rsaEncryption:1.2.840.113549.1.1.1",
                                                 "provider=" NULL_PROVIDER, SIGNATURE, NULL},
                                                {"ECDSA", "provider=" NULL_PROVIDER, SIGNATURE, NULL},
                                                {NULL, NULL, NULL, NULL}};

    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT ? keymgmts : operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

EXPORTED int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                                const OSSL_DISPATCH **out, void **provider)
{
    static const OSSL_DISPATCH functions[] = {FUNCTION(PROVIDER_QUERY_OPERATION, query), {0, NULL}};

    (void)in;
    *out = functions;
    *provider = (void *)(uintptr_t)core;
    return 1;
}

/* ---- control ---- */

static bool open_sessions(const bare_input *input)
{
    key = input;
    for (size_t i = 0; i < NULL_SESSIONS; i++)
        if ((sessions[i].arm = bare_loop_new(input)) == NULL)
            return false;
    return true;
}

static bool match(unsigned long rounds)
{
    return bare_counts_match(BARE_LOOP_CALLS, rounds);
}

extern const bench_null bench_null_control;
EXPORTED const bench_null bench_null_control = {open_sessions, bare_counts_reset, bare_counts_hand_in, match};
