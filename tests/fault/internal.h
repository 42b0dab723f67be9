/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fault module share: the calls it wraps, the plan, the token behind it. */
#ifndef SIGB_TESTS_FAULT_INTERNAL_H
#define SIGB_TESTS_FAULT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "tests/fault/control.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* clang-format off */
#define FAULT_CALLS(X)                                                                                             \
    X(C_Initialize,        (void *a), (a))                                                                         \
    X(C_Finalize,          (void *a), (a))                                                                         \
    X(C_GetInfo,           (CK_INFO *a), (a))                                                                      \
    X(C_GetSlotList,       (CK_BBOOL a, CK_SLOT_ID *b, CK_ULONG *c), (a, b, c))                                    \
    X(C_GetSlotInfo,       (CK_SLOT_ID a, CK_SLOT_INFO *b), (a, b))                                                \
    X(C_GetTokenInfo,      (CK_SLOT_ID a, CK_TOKEN_INFO *b), (a, b))                                               \
    X(C_GetMechanismList,  (CK_SLOT_ID a, CK_MECHANISM_TYPE *b, CK_ULONG *c), (a, b, c))                           \
    X(C_GetMechanismInfo,  (CK_SLOT_ID a, CK_MECHANISM_TYPE b, CK_MECHANISM_INFO *c), (a, b, c))                   \
    X(C_InitToken,         (CK_SLOT_ID a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d), (a, b, c, d))                       \
    X(C_InitPIN,           (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c))                               \
    X(C_SetPIN,            (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e), (a, b, c, d, e)) \
    X(C_OpenSession,       (CK_SLOT_ID a, CK_FLAGS b, void *c, CK_NOTIFY d, CK_SESSION_HANDLE *e), (a, b, c, d, e)) \
    X(C_CloseSession,      (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_CloseAllSessions,  (CK_SLOT_ID a), (a))                                                                    \
    X(C_GetSessionInfo,    (CK_SESSION_HANDLE a, CK_SESSION_INFO *b), (a, b))                                      \
    X(C_Login,             (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_BYTE *c, CK_ULONG d), (a, b, c, d))            \
    X(C_Logout,            (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_CreateObject,      (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c, CK_OBJECT_HANDLE *d), (a, b, c, d))  \
    X(C_CopyObject,        (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e), \
                           (a, b, c, d, e))                                                                        \
    X(C_DestroyObject,     (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b))                                      \
    X(C_GetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d))   \
    X(C_SetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d))   \
    X(C_FindObjectsInit,   (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c), (a, b, c))                          \
    X(C_FindObjects,       (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, CK_ULONG c, CK_ULONG *d), (a, b, c, d))      \
    X(C_FindObjectsFinal,  (CK_SESSION_HANDLE a), (a))                                                             \
    X(C_GenerateKeyPair,   (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_ATTRIBUTE *e,    \
                            CK_ULONG f, CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h), (a, b, c, d, e, f, g, h))       \
    X(C_GenerateRandom,    (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c))                               \
    X(C_SignInit,          (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c))                  \
    X(C_Sign,              (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e))
/* clang-format on */

typedef enum fault_call {
#define FAULT_NUMBER(name, parameters, arguments) FAULT_##name,
    FAULT_CALLS(FAULT_NUMBER)
#undef FAULT_NUMBER
        FAULT_CALL_COUNT,
    FAULT_ANY = FAULT_CALL_COUNT /* every call */
} fault_call;

/* ---- fault_plan.c ---- */

#define FAULT_RULES 32
#define FAULT_LIST  16 /* numbers in one list of a plan */
#define FAULT_TEXT  64 /* characters of a label or PIN in a plan */
#define FAULT_NEVER CK_UNAVAILABLE_INFORMATION

typedef enum fault_shape { AS_MADE, FLIPPED, SHORTENED, EMPTIED, LENGTHENED, BOUNDLESS } fault_shape;

/* What the rules say about one call that is being made. */
typedef struct fault_hit {
    bool instead; /* rv: answered without the token */
    bool behind;  /* rv: answered in place of what the token said */
    CK_RV rv;
    bool unended; /* C_Sign that is answered with an error leaves its operation active */
    fault_shape shape;
    char key[FAULT_TEXT]; /* label of the key to sign with, whatever was asked for; "": that one */
} fault_hit;

typedef struct fault_list {
    CK_ULONG of[FAULT_LIST];
    size_t count;
} fault_list;

/* What the token is like while the plan is in force. */
typedef struct fault_token {
    CK_ULONG sessions;        /* open at once; FAULT_NEVER: as many as you like */
    CK_ULONG pin_tries;       /* until the PIN is locked; FAULT_NEVER: as the token has it */
    fault_list only, without; /* mechanisms */
    fault_list hidden;        /* attributes */
    CK_FLAGS flags_on, flags_off;
    bool blank_labels;
    char serial[FAULT_TEXT];
    char keypad[FAULT_TEXT];   /* the PIN that is typed on it */
    char no_login[FAULT_TEXT]; /* the PIN that the module logs in with by itself */
    char user[FAULT_TEXT];     /* PINs are USER:PIN */
} fault_token;

bool plan_set(const char *text);
fault_token plan_token(void);

/* Counts the call, waits as the plan says, and tells what else is to happen. */
fault_hit plan_hit(fault_call call);

/* The module was shut down: a dead device comes back. */
void plan_revive(void);

void plan_release(void);

/* ---- fault_counts.c ---- */

void counts_reset(CK_ULONG wrong_pins);
void counts_call(fault_call call);
void counts_hit(size_t rule);
void counts_login(CK_RV answer);
unsigned long counts_of(const char *function);
unsigned long counts_hits(size_t rule);
size_t counts_logins(unsigned long *codes, size_t room);

/* Wrong PINs since the last right one, of this process and its children. */
CK_ULONG counts_wrong_pins(void);
void counts_pin(bool right);

/* FAULT_CALL_COUNT: no such function. */
fault_call call_named(const char *name, size_t len);

/* ---- fault_token.c ---- */

/* The wrapped module's functions, changed as the plan's properties say. False: there is no module to wrap. */
bool token_begin(void);
extern CK_FUNCTION_LIST token;

#endif
