/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of Cryptoki and libcrypto that a bare arm may make while it is
 * timed. Each is counted, the Cryptoki ones in a copy of the module's function
 * list in which all others are NULL, the libcrypto ones by the linker's --wrap
 * (bench/CMakeLists.txt; ci/bench holds the arms' undefined symbols against it).
 */
#ifndef BARE_CALLS_H
#define BARE_CALLS_H

#include <stdbool.h>

#include <openssl/crypto.h>
#include <p11-kit/pkcs11.h>

#define BARE_CALLS(X)                                                                                        \
    X(C_Initialize)                                                                                          \
    X(C_Finalize)                                                                                            \
    X(C_GetSlotList)                                                                                         \
    X(C_GetTokenInfo)                                                                                        \
    X(C_OpenSession)                                                                                         \
    X(C_CloseAllSessions)                                                                                    \
    X(C_Login)                                                                                               \
    X(C_FindObjectsInit)                                                                                     \
    X(C_FindObjects)                                                                                         \
    X(C_FindObjectsFinal)                                                                                    \
    X(C_CopyObject)                                                                                          \
    X(C_SignInit)                                                                                            \
    X(C_Sign)                                                                                                \
    X(EVP_Q_digest)                                                                                          \
    X(EVP_DigestInit_ex2)                                                                                    \
    X(EVP_DigestUpdate)                                                                                      \
    X(EVP_DigestFinal_ex)                                                                                    \
    X(EVP_DigestVerifyInit_ex)                                                                               \
    X(EVP_DigestVerify)                                                                                      \
    X(EVP_MD_CTX_new)                                                                                        \
    X(EVP_MD_CTX_free)                                                                                       \
    X(d2i_X509)                                                                                              \
    X(X509_free)                                                                                             \
    X(X509_get0_pubkey)                                                                                      \
    X(OPENSSL_sk_new_null)                                                                                   \
    X(OPENSSL_sk_push)                                                                                       \
    X(OPENSSL_sk_free)                                                                                       \
    X(X509_STORE_new)                                                                                        \
    X(X509_STORE_add_cert)                                                                                   \
    X(X509_STORE_free)                                                                                       \
    X(X509_STORE_CTX_new)                                                                                    \
    X(X509_STORE_CTX_init)                                                                                   \
    X(X509_STORE_CTX_get0_param)                                                                             \
    X(X509_VERIFY_PARAM_set_flags)                                                                           \
    X(X509_VERIFY_PARAM_set_auth_level)                                                                      \
    X(X509_verify_cert)                                                                                      \
    X(X509_STORE_CTX_free)

#define BARE_CALL_NUMBER(call) CALL_##call,
enum bare_call { BARE_CALLS(BARE_CALL_NUMBER) CALL_COUNT };

/* One line of an arm's list: this call, so often in each round. */
typedef struct bare_count {
    enum bare_call call;
    unsigned long each;
} bare_count;

/* Adds one to a call's counter, which is this thread's until bare_counts_hand_in(). */
void bare_counted(enum bare_call call);

/* Adds this thread's counters to those of the process. A thread that made rounds says so before the counts are read. */
void bare_counts_hand_in(void);

/* Sets every counter to zero: those of the process and of this thread. */
void bare_counts_reset(void);

/* True when the counters hold exactly the list, `rounds` times over; tells stderr what differs. */
bool bare_counts_match(const bare_count *list, unsigned long rounds);

/* The module's function list with the calls above alone, each counted. One module in a process. */
CK_FUNCTION_LIST *bare_counted_functions(const CK_FUNCTION_LIST *module);

#endif
