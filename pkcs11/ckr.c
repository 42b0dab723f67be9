/* SPDX-License-Identifier: Apache-2.0 */
/* Return codes of Cryptoki: what each is called, who is to blame, what it leaves usable, what to do. */
#include "pkcs11/internal.h"

#include <stdio.h>

#include "base/error.h"

/* PKCS#11 2.40, 5.1. Codes that no call of ours can give are left out: they show as their number. */
/* clang-format off */
static const struct ckr_row {
    CK_RV rv;
    const char *name;
    sigb_rc rc;
    ckr_class class;
    const char *advice;
} CODES[] = {
    {CKR_CANCEL,                         "CKR_CANCEL",                         SIGB_E_TOKEN,           CKR_FINAL, "cancelled at the token; start again"},
    {CKR_HOST_MEMORY,                    "CKR_HOST_MEMORY",                    SIGB_E_MEMORY,          CKR_OTHER, "the module is out of memory, or has lost the login"},
    {CKR_SLOT_ID_INVALID,                "CKR_SLOT_ID_INVALID",                SIGB_E_TOKEN_ABSENT,    CKR_DEAD,  "the slot has gone; check that the token is connected"},
    {CKR_GENERAL_ERROR,                  "CKR_GENERAL_ERROR",                  SIGB_E_TOKEN,           CKR_OTHER, "the module gives no cause; check its configuration, files and log"},
    {CKR_FUNCTION_FAILED,                "CKR_FUNCTION_FAILED",                SIGB_E_TOKEN,           CKR_OTHER, "the module gives no cause; check the token and try again"},
    {CKR_ARGUMENTS_BAD,                  "CKR_ARGUMENTS_BAD",                  SIGB_E_TOKEN,           CKR_OTHER, "the module refuses an argument; check its configuration"},
    {CKR_NEED_TO_CREATE_THREADS,         "CKR_NEED_TO_CREATE_THREADS",         SIGB_E_MODULE,          CKR_FINAL, "the module wants threads of its own"},
    {CKR_CANT_LOCK,                      "CKR_CANT_LOCK",                      SIGB_E_MODULE,          CKR_FINAL, "the module cannot be used by threads"},
    {CKR_ATTRIBUTE_READ_ONLY,            "CKR_ATTRIBUTE_READ_ONLY",            SIGB_E_TOKEN,           CKR_FINAL, "the token does not let this attribute be set"},
    {CKR_ATTRIBUTE_SENSITIVE,            "CKR_ATTRIBUTE_SENSITIVE",            SIGB_E_TOKEN,           CKR_FINAL, "the token does not reveal this attribute"},
    {CKR_ATTRIBUTE_TYPE_INVALID,         "CKR_ATTRIBUTE_TYPE_INVALID",         SIGB_E_TOKEN,           CKR_FINAL, "the token does not know this attribute"},
    {CKR_ATTRIBUTE_VALUE_INVALID,        "CKR_ATTRIBUTE_VALUE_INVALID",        SIGB_E_TOKEN,           CKR_FINAL, "the token does not accept this value"},
    {CKR_ACTION_PROHIBITED,              "CKR_ACTION_PROHIBITED",              SIGB_E_TOKEN,           CKR_FINAL, "the token's policy forbids it"},
    {CKR_DATA_INVALID,                   "CKR_DATA_INVALID",                   SIGB_E_TOKEN,           CKR_FINAL, "the token refuses what it was to sign"},
    {CKR_DATA_LEN_RANGE,                 "CKR_DATA_LEN_RANGE",                 SIGB_E_TOKEN,           CKR_FINAL, "the token refuses the length of what it was to sign"},
    {CKR_DEVICE_ERROR,                   "CKR_DEVICE_ERROR",                   SIGB_E_TOKEN,           CKR_DEAD,  "the device or the connection to it failed; check it and try again"},
    {CKR_DEVICE_MEMORY,                  "CKR_DEVICE_MEMORY",                  SIGB_E_TOKEN,           CKR_OTHER, "the token is full"},
    {CKR_DEVICE_REMOVED,                 "CKR_DEVICE_REMOVED",                 SIGB_E_TOKEN_ABSENT,    CKR_DEAD,  "the token was removed; connect it again"},
    {CKR_FUNCTION_CANCELED,              "CKR_FUNCTION_CANCELED",              SIGB_E_TOKEN,           CKR_FINAL, "cancelled at the token; start again"},
    {CKR_FUNCTION_NOT_SUPPORTED,         "CKR_FUNCTION_NOT_SUPPORTED",         SIGB_E_TOKEN,           CKR_FINAL, "the module lacks this call"},
    {CKR_KEY_HANDLE_INVALID,             "CKR_KEY_HANDLE_INVALID",             SIGB_E_TOKEN,           CKR_STALE, "the key has gone or the session was lost; open the key anew"},
    {CKR_KEY_SIZE_RANGE,                 "CKR_KEY_SIZE_RANGE",                 SIGB_E_KEY_UNSUPPORTED, CKR_FINAL, "the mechanism does not take a key of this size"},
    {CKR_KEY_TYPE_INCONSISTENT,          "CKR_KEY_TYPE_INCONSISTENT",          SIGB_E_KEY_UNSUPPORTED, CKR_MISNAMED, "the mechanism does not take a key of this type"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED,     "CKR_KEY_FUNCTION_NOT_PERMITTED",     SIGB_E_KEY_NO_SIGN,     CKR_MISNAMED, "the key is not for this use (CKA_SIGN); choose another key"},
    {CKR_MECHANISM_INVALID,              "CKR_MECHANISM_INVALID",              SIGB_E_MECHANISM,       CKR_FINAL, "the token lacks the mechanism, or forbids it for this key"},
    {CKR_MECHANISM_PARAM_INVALID,        "CKR_MECHANISM_PARAM_INVALID",        SIGB_E_MECHANISM,       CKR_FINAL, "the token refuses the mechanism's parameters"},
    {CKR_OBJECT_HANDLE_INVALID,          "CKR_OBJECT_HANDLE_INVALID",          SIGB_E_TOKEN,           CKR_STALE, "the object has gone or the session was lost; open the key anew"},
    {CKR_OPERATION_ACTIVE,               "CKR_OPERATION_ACTIVE",               SIGB_E_TOKEN,           CKR_OTHER, "another operation runs in the session"},
    {CKR_OPERATION_NOT_INITIALIZED,      "CKR_OPERATION_NOT_INITIALIZED",      SIGB_E_TOKEN,           CKR_OTHER, "the token ended the operation by itself; try again"},
    {CKR_PIN_INCORRECT,                  "CKR_PIN_INCORRECT",                  SIGB_E_PIN_INCORRECT,   CKR_FINAL, "the token refused the PIN; it was tried once and is not tried again"},
    {CKR_PIN_INVALID,                    "CKR_PIN_INVALID",                    SIGB_E_PIN_INCORRECT,   CKR_FINAL, "the PIN has characters that the token does not take"},
    {CKR_PIN_LEN_RANGE,                  "CKR_PIN_LEN_RANGE",                  SIGB_E_PIN_INCORRECT,   CKR_FINAL, "the PIN is shorter or longer than the token takes"},
    {CKR_PIN_EXPIRED,                    "CKR_PIN_EXPIRED",                    SIGB_E_PIN_NEEDED,      CKR_FINAL, "the PIN has expired; set a new one with the token's own tool"},
    {CKR_PIN_LOCKED,                     "CKR_PIN_LOCKED",                     SIGB_E_PIN_LOCKED,      CKR_FINAL, "the token has locked the PIN; the security officer can set a new one"},
    {CKR_SESSION_CLOSED,                 "CKR_SESSION_CLOSED",                 SIGB_E_TOKEN,           CKR_GONE,  "the session was closed; open the key anew"},
    {CKR_SESSION_COUNT,                  "CKR_SESSION_COUNT",                  SIGB_E_TOKEN,           CKR_BUSY,  "the token has no session left; close other users of it"},
    {CKR_SESSION_HANDLE_INVALID,         "CKR_SESSION_HANDLE_INVALID",         SIGB_E_TOKEN,           CKR_GONE,  "the session was lost; open the key anew"},
    {CKR_SESSION_READ_ONLY,              "CKR_SESSION_READ_ONLY",              SIGB_E_TOKEN,           CKR_FINAL, "the session cannot write"},
    {CKR_SESSION_EXISTS,                 "CKR_SESSION_EXISTS",                 SIGB_E_TOKEN,           CKR_FINAL, "the token is in use; close its other users"},
    {CKR_SESSION_READ_ONLY_EXISTS,       "CKR_SESSION_READ_ONLY_EXISTS",       SIGB_E_TOKEN,           CKR_FINAL, "the token is in use; close its other users"},
    {CKR_SESSION_READ_WRITE_SO_EXISTS,   "CKR_SESSION_READ_WRITE_SO_EXISTS",   SIGB_E_TOKEN,           CKR_FINAL, "the security officer is logged in; end that session"},
    {CKR_TEMPLATE_INCOMPLETE,            "CKR_TEMPLATE_INCOMPLETE",            SIGB_E_TOKEN,           CKR_FINAL, "the token wants more attributes"},
    {CKR_TEMPLATE_INCONSISTENT,          "CKR_TEMPLATE_INCONSISTENT",          SIGB_E_TOKEN,           CKR_FINAL, "the token does not accept these attributes together"},
    {CKR_TOKEN_NOT_PRESENT,              "CKR_TOKEN_NOT_PRESENT",              SIGB_E_TOKEN_ABSENT,    CKR_DEAD,  "no token in the slot; connect it"},
    {CKR_TOKEN_NOT_RECOGNIZED,           "CKR_TOKEN_NOT_RECOGNIZED",           SIGB_E_TOKEN_ABSENT,    CKR_DEAD,  "the module does not know this token"},
    {CKR_TOKEN_WRITE_PROTECTED,          "CKR_TOKEN_WRITE_PROTECTED",          SIGB_E_TOKEN,           CKR_FINAL, "the token cannot be written"},
    {CKR_USER_ALREADY_LOGGED_IN,         "CKR_USER_ALREADY_LOGGED_IN",         SIGB_E_TOKEN,           CKR_OTHER, "somebody is logged in already"},
    {CKR_USER_NOT_LOGGED_IN,             "CKR_USER_NOT_LOGGED_IN",             SIGB_E_TOKEN,           CKR_STALE, "the login was lost; open the key anew"},
    {CKR_USER_PIN_NOT_INITIALIZED,       "CKR_USER_PIN_NOT_INITIALIZED",       SIGB_E_PIN_NEEDED,      CKR_FINAL, "the token has no user PIN yet; the security officer sets it"},
    {CKR_USER_TYPE_INVALID,              "CKR_USER_TYPE_INVALID",              SIGB_E_TOKEN,           CKR_FINAL, "the token does not know this kind of user"},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", SIGB_E_TOKEN,           CKR_FINAL, "another user is logged in; end that session"},
    {CKR_USER_TOO_MANY_TYPES,            "CKR_USER_TOO_MANY_TYPES",            SIGB_E_TOKEN,           CKR_FINAL, "too many users are logged in; end other sessions"},
    {CKR_DOMAIN_PARAMS_INVALID,          "CKR_DOMAIN_PARAMS_INVALID",          SIGB_E_KEY_UNSUPPORTED, CKR_FINAL, "the token does not know the curve"},
    {CKR_BUFFER_TOO_SMALL,               "CKR_BUFFER_TOO_SMALL",               SIGB_E_TOKEN,           CKR_FINAL, "the token returns more than such a key can give"},
    {CKR_CRYPTOKI_NOT_INITIALIZED,       "CKR_CRYPTOKI_NOT_INITIALIZED",       SIGB_E_TOKEN,           CKR_DEAD,  "the module was shut down; open the key anew"},
    {CKR_CRYPTOKI_ALREADY_INITIALIZED,   "CKR_CRYPTOKI_ALREADY_INITIALIZED",   SIGB_E_MODULE,          CKR_OTHER, "the module is in use already"},
};
/* clang-format on */

static const struct ckr_row *row_find(CK_RV rv)
{
    for (size_t i = 0; i < COUNT(CODES); i++)
        if (CODES[i].rv == rv)
            return &CODES[i];
    return NULL;
}

const char *ckr_name(CK_RV rv, char room[24])
{
    const struct ckr_row *row = row_find(rv);

    if (rv == CKR_OK)
        return "CKR_OK";
    if (row != NULL)
        return row->name;
    (void)snprintf(room, 24, "CKR_0x%lx", rv);
    return room;
}

ckr_class ckr_classify(CK_RV rv)
{
    const struct ckr_row *row = row_find(rv);

    return row == NULL ? CKR_OTHER : row->class;
}

const char *ckr_advice(CK_RV rv)
{
    const struct ckr_row *row = row_find(rv);

    return row == NULL ? "a code of the module's own; see its manual" : row->advice;
}

sigb_rc ckr_fail(sigb_diag *diag, CK_RV rv, const char *call)
{
    const struct ckr_row *row = row_find(rv);
    char room[24];

    return sigb_fail_native(diag, row == NULL ? SIGB_E_TOKEN : row->rc, rv, "%s: %s: %s", call,
                            ckr_name(rv, room), ckr_advice(rv));
}
