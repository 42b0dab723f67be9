/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module that passes everything on to the one that $SIGB_FAULTY_MODULE
 * names, and spoils signatures as $SIGB_FAULTY_PLAN says at each C_Sign: "flip"
 * changes the last bit, "short" drops the last byte, "empty" drops all.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST ours;

static CK_RV spoiled_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
                          CK_ULONG *signature_len)
{
    const char *plan = getenv("SIGB_FAULTY_PLAN");
    CK_RV rv = real->C_Sign(session, data, data_len, signature, signature_len);

    if (rv != CKR_OK || signature == NULL || plan == NULL || *signature_len == 0)
        return rv;
    if (strcmp(plan, "flip") == 0)
        signature[*signature_len - 1] ^= 1;
    else if (strcmp(plan, "short") == 0)
        (*signature_len)--;
    else if (strcmp(plan, "empty") == 0)
        *signature_len = 0;
    return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("SIGB_FAULTY_MODULE");
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_C_GetFunctionList get = NULL;

    if (library != NULL)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_Sign = spoiled_sign;
    *list = &ours;
    return CKR_OK;
}
