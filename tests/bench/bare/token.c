/* SPDX-License-Identifier: Apache-2.0 */
/* From a module's path to a key that can sign. */
#include "arm.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static CK_FUNCTION_LIST *load(const char *path)
{
    CK_FUNCTION_LIST *functions = NULL;
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module == NULL ? NULL : dlsym(module, "C_GetFunctionList");
    CK_C_GetFunctionList get;
    CK_RV rv;

    if (symbol == NULL)
        return NULL;
    memcpy(&get, &symbol, sizeof(get));
    if (get(&functions) != CKR_OK)
        return NULL;
    functions = bare_counted_functions(functions);
    rv = functions->C_Initialize(&args);
    return rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? functions : NULL;
}

static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
    unsigned char padded[sizeof(info->label)];

    memset(padded, ' ', sizeof(padded));
    memcpy(padded, label, strlen(label));
    return strlen(label) <= sizeof(padded) && memcmp(padded, info->label, sizeof(padded)) == 0;
}

static bool find_slot(CK_FUNCTION_LIST *functions, const char *label, CK_SLOT_ID *slot)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = sizeof(slots) / sizeof(slots[0]);
    CK_TOKEN_INFO info;

    if (functions->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return false;
    for (CK_ULONG i = 0; i < count; i++)
        if (functions->C_GetTokenInfo(slots[i], &info) == CKR_OK && has_label(&info, label)) {
            *slot = slots[i];
            return true;
        }
    return false;
}

static bool login(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session, const char *pin)
{
    unsigned char copy[64];
    CK_RV rv;

    if (strlen(pin) > sizeof(copy))
        return false;
    memcpy(copy, pin, strlen(pin));
    rv = functions->C_Login(session, CKU_USER, copy, strlen(pin));
    return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN;
}

static bool find_key(CK_FUNCTION_LIST *functions, CK_SESSION_HANDLE session, const char *label,
                     CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char name[64] = {0};
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, {CKA_LABEL, name, strlen(label)}};
    CK_ULONG count = 0;

    if (strlen(label) >= sizeof(name))
        return false;
    memcpy(name, label, strlen(label));
    if (functions->C_FindObjectsInit(session, wanted, 2) != CKR_OK)
        return false;
    if (functions->C_FindObjects(session, key, 1, &count) != CKR_OK)
        return false;
    return functions->C_FindObjectsFinal(session) == CKR_OK && count == 1;
}

static void choose_mechanism(bare_arm *arm)
{
    arm->mechanism = (CK_MECHANISM){CKM_ECDSA, NULL, 0};
    if (!arm->input->rsa)
        return;
    if (strcmp(arm->input->digest, "SHA2-256") == 0)
        arm->pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, 32};
    else
        arm->pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA384, CKG_MGF1_SHA384, 48};
    arm->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &arm->pss, sizeof(arm->pss)};
}

bool bare_token_reach(bare_arm *arm)
{
    arm->functions = load(arm->input->module);
    choose_mechanism(arm);
    return arm->functions != NULL && find_slot(arm->functions, arm->input->token, &arm->slot);
}

bool bare_token_enter(bare_arm *arm)
{
    CK_FUNCTION_LIST *functions = arm->functions;

    return functions->C_OpenSession(arm->slot, CKF_SERIAL_SESSION, NULL, NULL, &arm->session) == CKR_OK &&
           login(functions, arm->session, arm->input->pin) &&
           find_key(functions, arm->session, arm->input->key, &arm->handle);
}

bool bare_token_open(bare_arm *arm)
{
    return bare_token_reach(arm) && bare_token_enter(arm);
}

bool bare_token_sign(bare_arm *arm)
{
    arm->signature_len = sizeof(arm->signature);
    return arm->functions->C_SignInit(arm->session, &arm->mechanism, arm->handle) == CKR_OK &&
           arm->functions->C_Sign(arm->session, arm->digest, arm->digest_len, arm->signature,
                                  &arm->signature_len) == CKR_OK;
}
