/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every Cryptoki call that the project makes, one row each. call.c makes of each
 * row a function p11_C_...(module, ...), the only way to the module: inside the
 * gate that forks wait for, with SIGPIPE held back where the module writes to a
 * socket, and told to the tracer. Besides the module's own codes they give
 * CKR_CRYPTOKI_NOT_INITIALIZED where the module must not be touched any more.
 */
#ifndef SIGB_PKCS11_CALLS_H
#define SIGB_PKCS11_CALLS_H

/* clang-format off */
#define P11_CALLS(X) \
    X(C_Initialize,        (p11_module *module, void *args), (args)) \
    X(C_Finalize,          (p11_module *module, void *reserved), (reserved)) \
    X(C_GetInfo,           (p11_module *module, CK_INFO *info), (info)) \
    X(C_GetSlotList,       (p11_module *module, CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count)) \
    X(C_GetSlotInfo,       (p11_module *module, CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info)) \
    X(C_GetTokenInfo,      (p11_module *module, CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info)) \
    X(C_GetMechanismList,  (p11_module *module, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count), (slot, list, count)) \
    X(C_GetMechanismInfo,  (p11_module *module, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info), (slot, type, info)) \
    X(C_InitToken,         (p11_module *module, CK_SLOT_ID slot, CK_BYTE *pin, CK_ULONG len, CK_BYTE *label), (slot, pin, len, label)) \
    X(C_InitPIN,           (p11_module *module, CK_SESSION_HANDLE session, CK_BYTE *pin, CK_ULONG len), (session, pin, len)) \
    X(C_OpenSession,       (p11_module *module, CK_SLOT_ID slot, CK_FLAGS flags, CK_SESSION_HANDLE *session), (slot, flags, NULL, NULL, session)) \
    X(C_CloseSession,      (p11_module *module, CK_SESSION_HANDLE session), (session)) \
    X(C_GetSessionInfo,    (p11_module *module, CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info)) \
    X(C_Login,             (p11_module *module, CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len), (session, user, pin, len)) \
    X(C_Logout,            (p11_module *module, CK_SESSION_HANDLE session), (session)) \
    X(C_CreateObject,      (p11_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count, CK_OBJECT_HANDLE *object), (session, at, count, object)) \
    X(C_CopyObject,        (p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_ATTRIBUTE *at, CK_ULONG count, CK_OBJECT_HANDLE *object), (session, from, at, count, object)) \
    X(C_DestroyObject,     (p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object)) \
    X(C_GetAttributeValue, (p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at, CK_ULONG count), (session, object, at, count)) \
    X(C_FindObjectsInit,   (p11_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count), (session, at, count)) \
    X(C_FindObjects,       (p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count), (session, objects, room, count)) \
    X(C_FindObjectsFinal,  (p11_module *module, CK_SESSION_HANDLE session), (session)) \
    X(C_GenerateKeyPair,   (p11_module *module, CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_ATTRIBUTE *public_at, CK_ULONG public_count, \
                            CK_ATTRIBUTE *private_at, CK_ULONG private_count, CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key), \
                           (session, how, public_at, public_count, private_at, private_count, public_key, private_key)) \
    X(C_SignInit,          (p11_module *module, CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key), (session, how, key)) \
    X(C_Sign,              (p11_module *module, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made, CK_ULONG *made_len), (session, data, len, made, made_len))

#define P11_DECLARE(name, parameters, arguments) CK_RV p11_##name parameters;
P11_CALLS(P11_DECLARE)
#undef P11_DECLARE
/* clang-format on */

#endif
