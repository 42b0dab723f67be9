/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that wraps the one which $SIGB_FAULT_MODULE names and spoils
 * what it does by a plan: $SIGB_FAULT_PLAN when it is loaded, after that
 * whatever a test in the same process sets (control.h).
 *
 *   plan     = [ part *( ";" part ) ]                 no blanks anywhere
 *   part     = rule | property
 *   rule     = call *( "," word )                     of several that strike, the first answer counts
 *   call     = "C_Sign", "C_OpenSession", ... | "*"   "*": every call
 *   number   = 12 | 0x30                              decimal or hexadecimal
 *
 * Words of a rule. It strikes each time unless the first two say otherwise:
 *   after=N      N calls pass first
 *   times=N      N calls are struck, the later ones pass
 *   rv=CODE      answers CODE; the token is not called, but what a failure ends (the operation of C_Sign and
 *                C_FindObjectsFinal) is ended
 *   unended      with rv: it is not
 *   post=CODE    the token is called, then CODE is answered: the reply was lost
 *   delay=MS     waits first
 *   hang         waits until the test calls release()
 *   dead=CODE    the device fails: this and every later call answers CODE until C_Finalize and C_Initialize
 *   key=LABEL    C_SignInit takes the private key of this label, whatever handle it is given
 *   flip         the last bit of the signature is wrong
 *   short        the signature lacks its last byte
 *   empty        the signature has no byte
 *   long         the signature has one byte more
 *   huge         the signature is said to have a million bytes
 *
 * Properties of the token:
 *   sessions=N        opens N at once, then CKR_SESSION_COUNT
 *   only=CKM+CKM      these mechanisms alone; CKM_ECDSA_SHA256, 384 and 512 are made up if the module lacks them
 *   without=CKM+CKM   all but these
 *   hide=CKA+CKA      no object tells these attributes
 *   serial=TEXT       the token's serial number
 *   blank-labels      labels of the token and of all objects are blanks
 *   flags-on=BITS     of CK_TOKEN_INFO
 *   flags-off=BITS
 *   pin-tries=N       N wrong PINs lock the user PIN; flags tell of it; children count too
 *   pin-wrong=N       so many were wrong before the plan began
 *   keypad=PIN        CKF_PROTECTED_AUTHENTICATION_PATH: C_Login takes no PIN, for PIN is typed on the token
 *   no-login=PIN      no CKF_LOGIN_REQUIRED: the token opens by itself
 *   user=NAME         a PIN is NAME:PIN
 *
 * No PIN is ever written anywhere.
 */
#include "tests/fault/internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pkcs11/internal.h"

/* Every call of the product is wrapped: this does not compile where one is missing. */
typedef enum wrapped {
#define IS_WRAPPED(name, parameters, arguments) WRAPPED_##name = FAULT_##name,
    P11_CALLS(IS_WRAPPED)
#undef IS_WRAPPED
} wrapped;

/* ---- what is done besides answering ---- */

/* An operation ends with the call that fails, unless the plan wants a token that forgets to. */
static void end_sign(const fault_hit *hit, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len)
{
    CK_BYTE scratch[2048];
    CK_ULONG room = sizeof(scratch);

    if (hit->instead && !hit->unended)
        (void)token.C_Sign(session, data, len, scratch, &room);
}

static void spoil(fault_shape shape, CK_BYTE *made, CK_ULONG *len, CK_ULONG room)
{
    if (made == NULL || *len == 0)
        return;
    if (shape == FLIPPED)
        made[*len - 1] ^= 1;
    else if (shape == SHORTENED)
        (*len)--;
    else if (shape == EMPTIED)
        *len = 0;
    else if (shape == LENGTHENED && *len < room)
        made[(*len)++] = 0;
    else if (shape == BOUNDLESS)
        *len = 1000000;
}

static CK_OBJECT_HANDLE key_labelled(CK_SESSION_HANDLE session, char *label)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, label, strlen(label)}};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG count = 0;

    if (token.C_FindObjectsInit(session, wanted, COUNT(wanted)) == CKR_OK) {
        (void)token.C_FindObjects(session, &key, 1, &count);
        (void)token.C_FindObjectsFinal(session);
    }
    return key;
}

/* ---- the calls ---- */

static atomic_uint inside;

static fault_hit enter(fault_call call)
{
    atomic_fetch_add(&inside, 1);
    return plan_hit(call);
}

static unsigned calls_inside(void)
{
    return atomic_load(&inside);
}

static CK_RV sign_begin(fault_hit *hit, CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    return token.C_SignInit(session, how, hit->key[0] == '\0' ? key : key_labelled(session, hit->key));
}

static CK_RV sign_end(fault_hit *hit, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                      CK_ULONG *made_len)
{
    CK_ULONG room = *made_len;
    CK_RV rv = token.C_Sign(session, data, len, made, made_len);

    if (rv == CKR_OK)
        spoil(hit->shape, made, made_len, room);
    return rv;
}

static CK_RV answer(const fault_hit *hit, CK_RV rv)
{
    atomic_fetch_sub(&inside, 1);
    return hit->instead || hit->behind ? hit->rv : rv;
}

static CK_RV fault_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    fault_hit hit = enter(FAULT_C_SignInit);

    return answer(&hit, hit.instead ? hit.rv : sign_begin(&hit, session, how, key));
}

static CK_RV fault_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                          CK_ULONG *made_len)
{
    fault_hit hit = enter(FAULT_C_Sign);

    end_sign(&hit, session, data, len);
    return answer(&hit, hit.instead ? hit.rv : sign_end(&hit, session, data, len, made, made_len));
}

static CK_RV fault_C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    fault_hit hit = enter(FAULT_C_FindObjectsFinal);

    return answer(&hit, hit.instead && hit.unended ? hit.rv : token.C_FindObjectsFinal(session));
}

static CK_RV fault_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    fault_hit hit = enter(FAULT_C_Login);
    CK_RV rv = answer(&hit, hit.instead ? hit.rv : token.C_Login(session, user, pin, len));

    counts_login(rv);
    return rv;
}

#define FAULT_DEFINE(name, parameters, arguments)                                                            \
    static CK_RV passed_##name parameters                                                                    \
    {                                                                                                        \
        fault_hit hit = enter(FAULT_##name);                                                                 \
                                                                                                             \
        return answer(&hit, hit.instead ? hit.rv : token.name arguments);                                    \
    }
FAULT_CALLS(FAULT_DEFINE)

/* ---- the module ---- */

static CK_FUNCTION_LIST ours;
static bool usable;

/* What the module exports. */
#define EXPORT __attribute__((visibility("default")))
EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);
EXPORT extern const fault_control fault_controls;

static void begin(void)
{
    const char *plan = getenv("SIGB_FAULT_PLAN");

    if (!token_begin() || !plan_set(plan == NULL ? "" : plan))
        return;
    ours = token;
#define FAULT_FILL(name, parameters, arguments) ours.name = passed_##name;
    FAULT_CALLS(FAULT_FILL)
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_FindObjectsFinal = fault_C_FindObjectsFinal;
    ours.C_Login = fault_C_Login;
    ours.C_SignInit = fault_C_SignInit;
    ours.C_Sign = fault_C_Sign;
    usable = true;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, begin);
    *list = &ours;
    return usable ? CKR_OK : CKR_GENERAL_ERROR;
}

const fault_control fault_controls = {plan_set,      counts_of,    counts_hits,
                                      counts_logins, plan_release, calls_inside};
