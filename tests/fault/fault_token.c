/* SPDX-License-Identifier: Apache-2.0 */
/* The token that the plan describes, made of the one behind it: what it tells of itself, its sessions and its PIN. */
#include "tests/fault/internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/evp.h>

CK_FUNCTION_LIST token;

static CK_FUNCTION_LIST *real;
static atomic_ulong open_sessions;

static bool is_in(const fault_list *list, CK_ULONG number)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->of[i] == number)
            return true;
    return false;
}

/* ---- sessions ---- */

static CK_RV token_Initialize(void *args)
{
    CK_RV rv = real->C_Initialize(args);

    if (rv == CKR_OK)
        atomic_store(&open_sessions, 0);
    return rv;
}

static CK_RV token_Finalize(void *reserved)
{
    CK_RV rv = real->C_Finalize(reserved);

    if (rv == CKR_OK) {
        atomic_store(&open_sessions, 0);
        plan_revive();
    }
    return rv;
}

static CK_RV login_unasked(CK_SESSION_HANDLE session, char *pin)
{
    CK_RV rv = real->C_Login(session, CKU_USER, (CK_BYTE *)pin, strlen(pin));

    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv;
}

static CK_RV token_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                               CK_SESSION_HANDLE *session)
{
    fault_token t = plan_token();
    CK_RV rv = CKR_SESSION_COUNT;

    if (atomic_fetch_add(&open_sessions, 1) < t.sessions)
        rv = real->C_OpenSession(slot, flags, arg, notify, session);
    if (rv != CKR_OK)
        atomic_fetch_sub(&open_sessions, 1);
    return rv == CKR_OK && t.no_login[0] != '\0' ? login_unasked(*session, t.no_login) : rv;
}

static CK_RV token_CloseSession(CK_SESSION_HANDLE session)
{
    CK_RV rv = real->C_CloseSession(session);

    if (rv == CKR_OK)
        atomic_fetch_sub(&open_sessions, 1);
    return rv;
}

static CK_RV token_CloseAllSessions(CK_SLOT_ID slot)
{
    CK_RV rv = real->C_CloseAllSessions(slot);

    if (rv == CKR_OK)
        atomic_store(&open_sessions, 0);
    return rv;
}

/* ---- what it tells of itself ---- */

static CK_FLAGS pin_flags(CK_ULONG tries)
{
    CK_ULONG wrong = counts_wrong_pins();
    CK_FLAGS flags = wrong > 0 ? CKF_USER_PIN_COUNT_LOW : 0;

    if (wrong >= tries)
        flags |= CKF_USER_PIN_LOCKED;
    else if (wrong + 1 == tries)
        flags |= CKF_USER_PIN_FINAL_TRY;
    return flags;
}

static CK_RV token_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    const CK_FLAGS about_pins = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    fault_token t = plan_token();
    CK_RV rv = real->C_GetTokenInfo(slot, info);

    if (rv != CKR_OK)
        return rv;
    if (t.blank_labels)
        memset(info->label, ' ', sizeof(info->label));
    for (size_t i = 0; t.serial[0] != '\0' && i < sizeof(info->serialNumber); i++)
        info->serialNumber[i] = (CK_CHAR)(i < strlen(t.serial) ? t.serial[i] : ' ');
    if (t.pin_tries != FAULT_NEVER)
        info->flags = (info->flags & ~about_pins) | pin_flags(t.pin_tries);
    if (t.keypad[0] != '\0')
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (t.no_login[0] != '\0')
        info->flags &= ~(CK_FLAGS)CKF_LOGIN_REQUIRED;
    info->flags = (info->flags | t.flags_on) & ~t.flags_off;
    return CKR_OK;
}

/* ---- mechanisms ---- */

/* What SoftHSM lacks and other tokens have alone: ECDSA that hashes by itself. */
static const struct hashing_row {
    CK_MECHANISM_TYPE type;
    const char *digest;
} HASHING[] = {
    {CKM_ECDSA_SHA256, "SHA2-256"}, {CKM_ECDSA_SHA384, "SHA2-384"}, {CKM_ECDSA_SHA512, "SHA2-512"}};

static const struct hashing_row *hashing_find(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < COUNT(HASHING); i++)
        if (HASHING[i].type == type)
            return &HASHING[i];
    return NULL;
}

static bool is_offered(const fault_token *t, CK_MECHANISM_TYPE type)
{
    return (t->only.count == 0 || is_in(&t->only, type)) && !is_in(&t->without, type);
}

#define MAX_MECHANISMS 512

static CK_RV token_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    fault_token t = plan_token();
    CK_MECHANISM_TYPE all[MAX_MECHANISMS];
    CK_ULONG have = MAX_MECHANISMS, kept = 0, room = *count;
    CK_RV rv = real->C_GetMechanismList(slot, all, &have);

    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < have; i++)
        if (is_offered(&t, all[i]))
            all[kept++] = all[i];
    for (size_t i = 0; i < t.only.count && kept < MAX_MECHANISMS; i++)
        if (hashing_find(t.only.of[i]) != NULL)
            all[kept++] = t.only.of[i];
    *count = kept;
    if (list == NULL)
        return CKR_OK;
    if (room < kept)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, all, kept * sizeof(*all));
    return CKR_OK;
}

static CK_RV token_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    fault_token t = plan_token();

    if (!is_offered(&t, type))
        return CKR_MECHANISM_INVALID;
    return real->C_GetMechanismInfo(slot, hashing_find(type) == NULL ? type : CKM_ECDSA, info);
}

/* ---- the PIN ---- */

static bool counts_as_wrong(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE;
}

/* The PIN of "USER:PIN", where the plan has a user. False: it is not said as this token wants it. */
static bool take_user_off(const fault_token *t, CK_BYTE **pin, CK_ULONG *len)
{
    size_t user = strlen(t->user);

    if (user == 0)
        return true;
    if (*len <= user || memcmp(*pin, t->user, user) != 0 || (*pin)[user] != ':')
        return false;
    *pin += user + 1;
    *len -= user + 1;
    return true;
}

static CK_RV judge_pin(fault_token *t, CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin,
                       CK_ULONG len)
{
    if (pin == NULL && t->keypad[0] != '\0') {
        pin = (CK_BYTE *)t->keypad;
        len = strlen(t->keypad);
    } else if (pin == NULL || t->keypad[0] != '\0') {
        return CKR_ARGUMENTS_BAD;
    }
    return take_user_off(t, &pin, &len) ? real->C_Login(session, user, pin, len) : CKR_PIN_INCORRECT;
}

static CK_RV token_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    fault_token t = plan_token();
    CK_RV rv;

    if (user == CKU_SO)
        return real->C_Login(session, user, pin, len);
    if (counts_wrong_pins() >= t.pin_tries)
        return CKR_PIN_LOCKED;
    rv = judge_pin(&t, session, user, pin, len);
    if (rv == CKR_OK || counts_as_wrong(rv))
        counts_pin(rv == CKR_OK);
    return rv;
}

/* ---- objects ---- */

static CK_RV token_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *at,
                                     CK_ULONG count)
{
    fault_token t = plan_token();
    CK_RV rv = real->C_GetAttributeValue(session, object, at, count);

    for (CK_ULONG i = 0; i < count; i++) {
        if (is_in(&t.hidden, at[i].type)) {
            at[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if (t.blank_labels && at[i].type == CKA_LABEL && at[i].pValue != NULL &&
                   at[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
            memset(at[i].pValue, ' ', at[i].ulValueLen);
        }
    }
    return rv;
}

/* Where all labels are blank, a search for one that is not finds nothing. */
static CK_RV token_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *at, CK_ULONG count)
{
    static const char nobodys[] = "\x01";
    fault_token t = plan_token();
    CK_ATTRIBUTE copy[16];

    if (!t.blank_labels || count > COUNT(copy))
        return real->C_FindObjectsInit(session, at, count);
    for (CK_ULONG i = 0; i < count; i++) {
        copy[i] = at[i];
        if (at[i].type == CKA_LABEL)
            copy[i] = (CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)nobodys, sizeof(nobodys)};
    }
    return real->C_FindObjectsInit(session, copy, count);
}

/* ---- signing where the token hashes ---- */

#define MAX_HASHING 64

/* Sessions in which such a signature was begun. */
static pthread_mutex_t hashing_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: a free place */
    const struct hashing_row *by;
} hashing[MAX_HASHING];

static void hashing_put(CK_SESSION_HANDLE session, const struct hashing_row *by)
{
    size_t i = 0;

    (void)pthread_mutex_lock(&hashing_lock);
    while (i + 1 < MAX_HASHING && hashing[i].session != CK_INVALID_HANDLE && hashing[i].session != session)
        i++;
    hashing[i].session = session;
    hashing[i].by = by;
    (void)pthread_mutex_unlock(&hashing_lock);
}

static const struct hashing_row *hashing_take(CK_SESSION_HANDLE session)
{
    const struct hashing_row *by = NULL;

    (void)pthread_mutex_lock(&hashing_lock);
    for (size_t i = 0; i < MAX_HASHING; i++)
        if (hashing[i].session == session) {
            by = hashing[i].by;
            hashing[i].session = CK_INVALID_HANDLE;
        }
    (void)pthread_mutex_unlock(&hashing_lock);
    return by;
}

static CK_RV token_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    const struct hashing_row *by = hashing_find(how->mechanism);
    fault_token t = plan_token();
    CK_MECHANISM raw = {CKM_ECDSA, NULL, 0};
    CK_RV rv;

    if (!is_offered(&t, how->mechanism))
        return CKR_MECHANISM_INVALID;
    rv = real->C_SignInit(session, by == NULL ? how : &raw, key);
    if (rv == CKR_OK && by != NULL)
        hashing_put(session, by);
    return rv;
}

static CK_RV token_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *made,
                        CK_ULONG *made_len)
{
    const struct hashing_row *by = hashing_take(session);
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t digest_len = 0;

    if (by == NULL)
        return real->C_Sign(session, data, len, made, made_len);
    if (EVP_Q_digest(NULL, by->digest, NULL, data, len, digest, &digest_len) != 1)
        return CKR_HOST_MEMORY;
    return real->C_Sign(session, digest, digest_len, made, made_len);
}

/* ---- */

bool token_begin(void)
{
    const char *path = getenv("SIGB_FAULT_MODULE");
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    CK_C_GetFunctionList get = NULL;

    if (library != NULL)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK)
        return false;
    token = *real;
    token.C_Initialize = token_Initialize;
    token.C_Finalize = token_Finalize;
    token.C_OpenSession = token_OpenSession;
    token.C_CloseSession = token_CloseSession;
    token.C_CloseAllSessions = token_CloseAllSessions;
    token.C_GetTokenInfo = token_GetTokenInfo;
    token.C_GetMechanismList = token_GetMechanismList;
    token.C_GetMechanismInfo = token_GetMechanismInfo;
    token.C_Login = token_Login;
    token.C_GetAttributeValue = token_GetAttributeValue;
    token.C_FindObjectsInit = token_FindObjectsInit;
    token.C_SignInit = token_SignInit;
    token.C_Sign = token_Sign;
    return true;
}
