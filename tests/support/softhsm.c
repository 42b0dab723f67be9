/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/softhsm.h"

#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

struct softhsm {
    char dir[256];
    CK_FUNCTION_LIST *calls;
};

#define assert_ckr(call) assert_int_equal((call), CKR_OK)

const char *softhsm_module(void)
{
    static const char *const paths[] = {"/usr/lib/softhsm/libsofthsm2.so",
                                        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (access(paths[i], R_OK) == 0)
            return paths[i];
    fail_msg("SoftHSM is not installed");
    return NULL;
}

static void write_conf(const softhsm *hsm)
{
    char path[512];
    FILE *conf;

    (void)snprintf(path, sizeof(path), "%s/conf", hsm->dir);
    conf = fopen(path, "w");
    assert_non_null(conf);
    assert_true(fprintf(conf,
                        "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
                        "slots.removable = false\n",
                        hsm->dir) > 0);
    assert_int_equal(fclose(conf), 0);
    assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
}

void softhsm_configure(const softhsm *hsm, const char *line)
{
    char path[512];
    FILE *conf;

    (void)snprintf(path, sizeof(path), "%s/conf", hsm->dir);
    conf = fopen(path, "a");
    assert_non_null(conf);
    assert_true(fprintf(conf, "%s\n", line) > 0);
    assert_int_equal(fclose(conf), 0);
}

static void load_module(softhsm *hsm)
{
    void *library = dlopen(softhsm_module(), RTLD_NOW | RTLD_LOCAL); /* stays: OpenSSL has its thread hooks */
    CK_C_GetFunctionList get;

    assert_non_null(library);
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    assert_non_null(get);
    assert_ckr(get(&hsm->calls));
}

softhsm *softhsm_new(void)
{
    softhsm *hsm = calloc(1, sizeof(*hsm));
    const char *tmp = getenv("TMPDIR");
    char tokens[512];

    assert_non_null(hsm);
    (void)snprintf(hsm->dir, sizeof(hsm->dir), "%s/sigbridge-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(hsm->dir));
    (void)snprintf(tokens, sizeof(tokens), "%s/tokens", hsm->dir);
    assert_int_equal(mkdir(tokens, 0700), 0);
    write_conf(hsm);
    load_module(hsm);
    (void)hsm->calls->C_Finalize(NULL); /* it may have been left as it was, with an earlier folder */
    return hsm;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void softhsm_free(softhsm *hsm)
{
    if (hsm == NULL)
        return;
    (void)nftw(hsm->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(hsm);
}

const char *softhsm_dir(const softhsm *hsm)
{
    return hsm->dir;
}

CK_FUNCTION_LIST *softhsm_calls(const softhsm *hsm)
{
    return hsm->calls;
}

/* True if this call initialised the module, so that leave() must finalise it. */
static bool enter(softhsm *hsm)
{
    CK_RV rv = hsm->calls->C_Initialize(NULL);

    assert_true(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    return rv == CKR_OK;
}

static void leave(softhsm *hsm, bool entered)
{
    if (entered)
        assert_ckr(hsm->calls->C_Finalize(NULL));
    ERR_clear_error(); /* SoftHSM shares our libcrypto and leaves entries: tests look for the product's */
}

static bool label_is(const CK_TOKEN_INFO *info, const char *label)
{
    size_t len = strlen(label);

    for (size_t i = 0; i < sizeof(info->label); i++)
        if (info->label[i] != (i < len ? (unsigned char)label[i] : ' '))
            return false;
    return true;
}

/* The nth slot whose token has this label; "" stands for the free token. */
static CK_SLOT_ID slot_of(softhsm *hsm, const char *label, size_t nth, CK_TOKEN_INFO *info)
{
    CK_SLOT_ID slots[32];
    CK_ULONG count = 32;

    assert_ckr(hsm->calls->C_GetSlotList(CK_TRUE, NULL, &count));
    assert_true(count <= 32);
    assert_ckr(hsm->calls->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        bool usable;
        assert_ckr(hsm->calls->C_GetTokenInfo(slots[i], info));
        usable = (info->flags & CKF_TOKEN_INITIALIZED) != 0;
        if (label[0] == '\0' ? !usable : usable && label_is(info, label) && nth-- == 0)
            return slots[i];
    }
    fail_msg("no token \"%s\"", label);
    return 0;
}

static CK_UTF8CHAR *chars(const char *text)
{
    return (CK_UTF8CHAR *)(uintptr_t)text; /* Cryptoki takes what it only reads without const */
}

static CK_SESSION_HANDLE session_as(softhsm *hsm, CK_SLOT_ID slot, CK_USER_TYPE user, const char *pin)
{
    CK_SESSION_HANDLE session;
    CK_RV rv;

    assert_ckr(hsm->calls->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    rv = hsm->calls->C_Login(session, user, chars(pin), strlen(pin));
    assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
    return session;
}

void softhsm_token(softhsm *hsm, const char *label)
{
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;
    CK_SLOT_ID slot = slot_of(hsm, "", 0, &info);
    CK_SESSION_HANDLE session;
    CK_UTF8CHAR padded[32];

    assert_true(strlen(label) <= sizeof(padded));
    for (size_t i = 0; i < sizeof(padded); i++)
        padded[i] = i < strlen(label) ? (CK_UTF8CHAR)label[i] : ' ';
    assert_ckr(hsm->calls->C_InitToken(slot, chars(SOFTHSM_SO_PIN), strlen(SOFTHSM_SO_PIN), padded));
    session = session_as(hsm, slot, CKU_SO, SOFTHSM_SO_PIN);
    assert_ckr(hsm->calls->C_InitPIN(session, chars(SOFTHSM_PIN), strlen(SOFTHSM_PIN)));
    assert_ckr(hsm->calls->C_Logout(session));
    assert_ckr(hsm->calls->C_CloseSession(session));
    leave(hsm, entered);
}

/* Attributes gathered one by one. */
typedef struct bag {
    CK_ATTRIBUTE at[24];
    CK_ULONG count;
} bag;

static void bag_put(bag *attributes, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    assert_true(attributes->count < 24);
    attributes->at[attributes->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

static void bag_put_text(bag *attributes, CK_ATTRIBUTE_TYPE type, const char *text)
{
    if (text != NULL)
        bag_put(attributes, type, text, strlen(text));
}

static void bag_put_bool(bag *attributes, CK_ATTRIBUTE_TYPE type, bool value)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

    bag_put(attributes, type, value ? &yes : &no, sizeof(yes));
}

/* What C_GenerateKeyPair wants for each type: the curve as DER, or the size of the modulus. */
static const struct type_row {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    uint8_t curve[16];
    size_t curve_len;
    CK_ULONG bits;
} TYPES[] = {
    {"P-256", CKM_EC_KEY_PAIR_GEN, {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, 10, 0},
    {"P-384", CKM_EC_KEY_PAIR_GEN, {6, 5, 0x2b, 0x81, 4, 0, 0x22}, 7, 0},
    {"P-521", CKM_EC_KEY_PAIR_GEN, {6, 5, 0x2b, 0x81, 4, 0, 0x23}, 7, 0},
    {"secp256k1", CKM_EC_KEY_PAIR_GEN, {6, 5, 0x2b, 0x81, 4, 0, 0x0a}, 7, 0},
    {"Ed25519",
     CKM_EC_EDWARDS_KEY_PAIR_GEN,
     {0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'},
     14,
     0},
    {"Ed448",
     CKM_EC_EDWARDS_KEY_PAIR_GEN,
     {0x13, 10, 'e', 'd', 'w', 'a', 'r', 'd', 's', '4', '4', '8'},
     12,
     0},
    {"RSA-1024", CKM_RSA_PKCS_KEY_PAIR_GEN, {0}, 0, 1024},
    {"RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, {0}, 0, 2048},
    {"RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, {0}, 0, 3072},
    {"RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, {0}, 0, 4096},
};

static const struct type_row *type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++)
        if (strcmp(TYPES[i].name, name) == 0)
            return &TYPES[i];
    fail_msg("no key type \"%s\"", name);
    abort();
}

static void fill_public(bag *public, const softhsm_key *key, const struct type_row *type)
{
    static const uint8_t exponent[] = {1, 0, 1};

    bag_put_bool(public, CKA_TOKEN, !key->no_public);
    bag_put_bool(public, CKA_PRIVATE, false);
    bag_put_bool(public, CKA_VERIFY, true);
    bag_put_text(public, CKA_LABEL, key->label);
    bag_put_text(public, CKA_ID, key->id);
    if (type->bits != 0) {
        bag_put(public, CKA_MODULUS_BITS, &type->bits, sizeof(type->bits));
        bag_put(public, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
    } else {
        bag_put(public, CKA_EC_PARAMS, type->curve, type->curve_len);
    }
}

static void fill_private(bag *private, const softhsm_key *key)
{
    bag_put_bool(private, CKA_TOKEN, true);
    bag_put_bool(private, CKA_PRIVATE, true);
    bag_put_bool(private, CKA_SENSITIVE, true);
    bag_put_bool(private, CKA_EXTRACTABLE, false);
    bag_put_bool(private, CKA_SIGN, !key->no_sign);
    bag_put_text(private, CKA_LABEL, key->label);
    bag_put_text(private, CKA_ID, key->id);
    if (key->always_authenticate)
        bag_put_bool(private, CKA_ALWAYS_AUTHENTICATE, true);
    if (key->only_mechanism != 0)
        bag_put(private, CKA_ALLOWED_MECHANISMS, &key->only_mechanism, sizeof(key->only_mechanism));
}

void softhsm_keygen(softhsm *hsm, const char *token, const softhsm_key *key)
{
    const struct type_row *type = type_find(key->type);
    bag public = {.count = 0}, private = {.count = 0};
    CK_MECHANISM mechanism = {type->mechanism, NULL, 0};
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session = session_as(hsm, slot_of(hsm, token, 0, &info), CKU_USER, SOFTHSM_PIN);
    CK_OBJECT_HANDLE public_key, private_key;

    fill_public(&public, key, type);
    fill_private(&private, key);
    assert_ckr(hsm->calls->C_GenerateKeyPair(session, &mechanism, public.at, public.count, private.at,
                                             private.count, &public_key, &private_key));
    assert_ckr(hsm->calls->C_CloseSession(session));
    leave(hsm, entered);
}

softhsm *softhsm_with_key(void)
{
    softhsm *hsm = softhsm_new();

    softhsm_token(hsm, "release");
    softhsm_keygen(hsm, "release", &(softhsm_key){.type = "P-256", .label = "key", .id = "key"});
    return hsm;
}

void softhsm_cert(softhsm *hsm, const char *token, const char *label, const char *id, const void *der,
                  size_t len)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static const CK_CERTIFICATE_TYPE type = CKC_X_509;
    bag cert = {.count = 0};
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session = session_as(hsm, slot_of(hsm, token, 0, &info), CKU_USER, SOFTHSM_PIN);
    CK_OBJECT_HANDLE made;

    bag_put(&cert, CKA_CLASS, &class, sizeof(class));
    bag_put(&cert, CKA_CERTIFICATE_TYPE, &type, sizeof(type));
    bag_put_bool(&cert, CKA_TOKEN, true);
    bag_put_bool(&cert, CKA_PRIVATE, false);
    bag_put_text(&cert, CKA_LABEL, label);
    bag_put_text(&cert, CKA_ID, id);
    bag_put(&cert, CKA_SUBJECT, "", 0);
    bag_put(&cert, CKA_VALUE, der, len);
    assert_ckr(hsm->calls->C_CreateObject(session, cert.at, cert.count, &made));
    assert_ckr(hsm->calls->C_CloseSession(session));
    leave(hsm, entered);
}

CK_OBJECT_HANDLE softhsm_the_object(CK_FUNCTION_LIST *calls, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                                    const char *label)
{
    bag wanted = {.count = 0};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;

    bag_put(&wanted, CKA_CLASS, &class, sizeof(class));
    bag_put_text(&wanted, CKA_LABEL, label);
    assert_ckr(calls->C_FindObjectsInit(session, wanted.at, wanted.count));
    assert_ckr(calls->C_FindObjects(session, found, 2, &count));
    assert_ckr(calls->C_FindObjectsFinal(session));
    assert_int_equal(count, 1);
    return found[0];
}

/* Destroys what is described; how many objects that were. */
static size_t destroy(softhsm *hsm, const char *token, bag *wanted)
{
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session = session_as(hsm, slot_of(hsm, token, 0, &info), CKU_USER, SOFTHSM_PIN);
    CK_OBJECT_HANDLE found[16];
    CK_ULONG count;

    assert_ckr(hsm->calls->C_FindObjectsInit(session, wanted->at, wanted->count));
    assert_ckr(hsm->calls->C_FindObjects(session, found, 16, &count));
    assert_ckr(hsm->calls->C_FindObjectsFinal(session));
    for (CK_ULONG i = 0; i < count; i++)
        assert_ckr(hsm->calls->C_DestroyObject(session, found[i]));
    assert_ckr(hsm->calls->C_CloseSession(session));
    leave(hsm, entered);
    return count;
}

void softhsm_destroy(softhsm *hsm, const char *token, CK_OBJECT_CLASS class, const char *label)
{
    bag wanted = {.count = 0};

    bag_put(&wanted, CKA_CLASS, &class, sizeof(class));
    bag_put_text(&wanted, CKA_LABEL, label);
    assert_true(destroy(hsm, token, &wanted) > 0);
}

size_t softhsm_clear(softhsm *hsm, const char *token, const char *label)
{
    bag wanted = {.count = 0};

    bag_put_text(&wanted, CKA_LABEL, label);
    return destroy(hsm, token, &wanted);
}

void softhsm_lose_sessions(const softhsm *hsm)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    assert_ckr(hsm->calls->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++)
        assert_ckr(hsm->calls->C_CloseAllSessions(slots[i]));
}

void softhsm_log_out(softhsm *hsm, const char *token)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;

    assert_ckr(
        hsm->calls->C_OpenSession(slot_of(hsm, token, 0, &info), CKF_SERIAL_SESSION, NULL, NULL, &session));
    assert_ckr(hsm->calls->C_Logout(session));
    assert_ckr(hsm->calls->C_CloseSession(session));
}

void softhsm_start_anew(const softhsm *hsm)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};

    assert_ckr(hsm->calls->C_Finalize(NULL));
    assert_ckr(hsm->calls->C_Initialize(&args));
}

CK_FLAGS softhsm_flags(softhsm *hsm, const char *token)
{
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;

    (void)slot_of(hsm, token, 0, &info);
    leave(hsm, entered);
    return info.flags;
}

void softhsm_serial(softhsm *hsm, const char *token, size_t nth, char serial[17])
{
    bool entered = enter(hsm);
    CK_TOKEN_INFO info;

    (void)slot_of(hsm, token, nth, &info);
    memcpy(serial, info.serialNumber, 16);
    serial[16] = '\0';
    for (size_t len = 16; len > 0 && serial[len - 1] == ' '; len--)
        serial[len - 1] = '\0';
    leave(hsm, entered);
}

static sigb_rc give_pin(void *count, const char *text, sigb_pin *pin, sigb_diag *diag)
{
    if (count != NULL)
        ++*(int *)count;
    return sigb_pin_put(pin, sigb_bytes_text(text), diag);
}

sigb_rc softhsm_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return give_pin(arg, SOFTHSM_PIN, pin, diag);
}

sigb_rc softhsm_wrong_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return give_pin(arg, "9999", pin, diag);
}
