/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep (sweep.h) over the OpenSSL provider, through OpenSSL: a private key is
 * loaded and signs, a public key and a certificate are loaded, all that a token
 * holds is listed, a key is generated.
 */
#include "tests/fault/sweep.h"
#include "tests/provider/stage.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#define LEAF TOKEN ";object=leaf"

static prov_stage at;
static EVP_PKEY *leaf; /* the public key, of software */
static X509 *cert;

/* ---- the results ---- */

/*
 * The first refusal of the provider that OpenSSL's queue holds: it names no file, as all of OpenSSL's do. (Numbers of
 * libraries are of no use here: they overflow where a process loads providers hundreds of times.)
 */
static void take_refusal(sweep_run *r)
{
    const char *data = NULL, *file = NULL;
    unsigned long code;
    int flags = 0;

    r->rc = SIGB_E_INTERNAL;
    (void)snprintf(r->diag.text, sizeof(r->diag.text), "%s", "no refusal of the provider");
    while ((code = ERR_get_error_all(&file, NULL, NULL, &data, &flags)) != 0)
        if (file[0] == '\0' && r->rc == SIGB_E_INTERNAL) {
            r->rc = (sigb_rc)ERR_GET_REASON(code);
            (void)snprintf(r->diag.text, sizeof(r->diag.text), "%s", data);
        }
}

/* What succeeds leaves nothing behind in the queue. */
static void take_result(sweep_run *r, bool good)
{
    r->diag = (sigb_diag){{0}, 0};
    r->rc = SIGB_OK;
    if (!good)
        take_refusal(r);
}

/* A library context of its own: the module is held by nobody else. */
static void configure(sweep_run *r)
{
    char lines[64];

    (void)snprintf(lines, sizeof(lines), "token-timeout = %u.%03u", r->timeout_ms / 1000,
                   r->timeout_ms % 1000);
    prov_stage_configure(&at, lines);
    ERR_clear_error();
    r->opened = at.ctx;
}

static void forget_context(sweep_run *r)
{
    (void)r;
    OSSL_LIB_CTX_free(at.ctx);
    at.ctx = NULL;
    ERR_clear_error();
}

/* ---- a signature ---- */

static EVP_PKEY *key;

static void sign(sweep_run *r)
{
    if (key == NULL)
        key = prov_stage_open(&at, LEAF);
    take_result(r, key != NULL && prov_stage_sign(&at, key, "SHA256"));
}

static void load_and_sign(sweep_run *r)
{
    configure(r);
    sign(r);
    if (r->rc == SIGB_OK)
        return;
    EVP_PKEY_free(key); /* another time it is loaded anew */
    key = NULL;
}

static void close_key(sweep_run *r)
{
    EVP_PKEY_free(key);
    key = NULL;
    forget_context(r);
}

/* ---- loads ---- */

/* What came of each kind, all of it as it should be. */
typedef struct loaded {
    unsigned keys, publics, certs, others;
} loaded;

static void judge_info(const OSSL_STORE_INFO *info, loaded *what)
{
    switch (OSSL_STORE_INFO_get_type(info)) {
    case OSSL_STORE_INFO_PKEY:
        what->keys += EVP_PKEY_eq(OSSL_STORE_INFO_get0_PKEY(info), leaf) == 1 &&
                      prov_stage_sign(&at, OSSL_STORE_INFO_get0_PKEY(info), "SHA256");
        break;
    case OSSL_STORE_INFO_PUBKEY:
        what->publics += EVP_PKEY_eq(OSSL_STORE_INFO_get0_PUBKEY(info), leaf) == 1;
        break;
    case OSSL_STORE_INFO_CERT:
        what->certs += X509_cmp(OSSL_STORE_INFO_get0_CERT(info), cert) == 0;
        break;
    default:
        what->others++;
    }
}

static void load(const char *uri, int expected, loaded *what)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, at.ctx, NULL, NULL, NULL, NULL, NULL, NULL);

    assert_non_null(store); /* no module is touched before something is wanted */
    assert_int_equal(OSSL_STORE_expect(store, expected), 1);
    for (unsigned rounds = 0; !OSSL_STORE_eof(store); rounds++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        assert_true(rounds < 8); /* after an error it is over */
        if (info != NULL)
            judge_info(info, what);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
}

static void load_public(sweep_run *r)
{
    loaded what = {0};

    load(LEAF, OSSL_STORE_INFO_PUBKEY, &what);
    take_result(r, what.publics == 1);
}

static void load_cert(sweep_run *r)
{
    loaded what = {0};

    load(LEAF, OSSL_STORE_INFO_CERT, &what);
    take_result(r, what.certs == 1);
}

static void load_all(sweep_run *r)
{
    loaded what = {0};

    load(TOKEN, 0, &what);
    take_result(r, what.publics == 1 && what.certs == 1 && what.keys == 0 && what.others == 0);
}

static void load_private(sweep_run *r)
{
    loaded what = {0};

    load(TOKEN ";type=private", 0, &what);
    take_result(r, what.keys == 1 && what.publics == 0 && what.certs == 0 && what.others == 0);
}

#define OPENS(name)                                                                                          \
    static void open_and_##name(sweep_run *r)                                                                \
    {                                                                                                        \
        configure(r);                                                                                        \
        name(r);                                                                                             \
    }
OPENS(load_public)
OPENS(load_cert)
OPENS(load_all)
OPENS(load_private)

/* ---- a key is made ---- */

/* What OpenSSL says last. */
static const char *last_words(void)
{
    const char *data = "";
    int flags = 0;

    return ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags) == 0 ? "" : data;
}

static EVP_PKEY *generate_at(const char *uri)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(at.ctx, "EC", "provider=sigbridge");
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "P-256", 5),
                           OSSL_PARAM_utf8_string("pkcs11_uri", (char *)(uintptr_t)uri, strlen(uri)),
                           OSSL_PARAM_END};
    EVP_PKEY *made = NULL;

    assert_non_null(ctx);
    assert_true(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_params(ctx, params) > 0);
    if (EVP_PKEY_generate(ctx, &made) <= 0)
        made = NULL;
    EVP_PKEY_CTX_free(ctx);
    return made;
}

/* A refusal leaves no key behind, or says so: one that was made, or may have been. */
static bool tells_of_key(const sweep_run *r, size_t left)
{
    return left == 0 || (r->rc != SIGB_OK && (strstr(r->diag.text, "may still take effect") != NULL ||
                                              strstr(r->diag.text, "it is there still") != NULL));
}

static void generate(sweep_run *r)
{
    static unsigned number;
    char label[32], uri[96];
    bool told_last = false;
    EVP_PKEY *made;
    size_t left;

    (void)snprintf(label, sizeof(label), "made-%u", ++number);
    (void)snprintf(uri, sizeof(uri), TOKEN ";object=%s", label);
    made = generate_at(uri);
    if (made == NULL)
        told_last = strstr(last_words(), "it stays on the token") != NULL;
    take_result(r, made != NULL && EVP_PKEY_get_bits(made) == 256);
    EVP_PKEY_free(made);
    if (r->rc == SIGB_E_TIMEOUT)
        sweep_wait_for_quiet();
    left = softhsm_clear(at.hsm, "stage", label);
    if (r->rc == SIGB_OK ? left != 2 : !told_last && !tells_of_key(r, left))
        fail_msg("%zu objects are left: %s", left, r->diag.text);
}

static void open_and_generate(sweep_run *r)
{
    configure(r);
    generate(r);
}

/* ---- where it plays ---- */

/* Of the leaf, by itself. */
static X509 *self_signed(EVP_PKEY *private)
{
    X509 *made = X509_new_ex(at.soft, NULL);

    assert_non_null(made);
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(made), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 86400));
    assert_true(X509_set_pubkey(made, leaf));
    assert_true(X509_sign(made, private, EVP_sha256()) > 0);
    return made;
}

static void put_cert(void)
{
    EVP_PKEY *private = prov_stage_require(&at, "leaf");
    unsigned char *der = NULL;
    int len;

    leaf = prov_stage_public(&at, private);
    cert = self_signed(private);
    len = i2d_X509(cert, &der);
    assert_true(len > 0);
    softhsm_cert(at.hsm, "stage", "leaf", "leaf", der, (size_t)len);
    OPENSSL_free(der);
    EVP_PKEY_free(private);
}

static void begin(sweep_scene *scene)
{
    prov_stage_begin(&at, "");
    prov_stage_key(&at, "P-256", "leaf");
    put_cert();
    forget_context(NULL);
    scene->hsm = at.hsm;
    scene->fault = at.fault;
}

static void end(sweep_scene *scene)
{
    (void)scene;
    X509_free(cert);
    EVP_PKEY_free(leaf);
    prov_stage_end(&at);
}

static void lose_sessions(void)
{
    softhsm_lose_sessions(at.hsm);
}

static void shut_down(void)
{
    (void)softhsm_calls(at.hsm)->C_Finalize(NULL);
}

/* ---- what it is to come to ---- */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Where the token said what it is not, and nothing failed. */
static const sweep_words WORDS[] = {
    {"C_Finalize", CKR_OK, "CKR_DEVICE_ERROR"}, /* the device is what is wrong */
    {"C_GetMechanismInfo", CKR_MECHANISM_INVALID, "which the token lacks"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE, "does not tell"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, "does not tell"},
};

/* clang-format off */
/* The provider starts the module to keep it up; where that fails, whoever needs it tries again. */
#define HELD                                                                                                 \
    {"C_Initialize",        CKR_NEED_TO_CREATE_THREADS, SIGB_OK, SIGB_E_MODULE, SIGB_OK, SIGB_E_MODULE},         \
    {"C_Initialize",        CKR_CANT_LOCK,              SIGB_OK, SIGB_E_MODULE, SIGB_OK, SIGB_E_MODULE}

static const fault_row SIGNATURE_ROWS[] = {HELD};

/* A second load reads all attributes once more. */
static const fault_row LOAD_ROWS[] = {
    HELD,
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE,    SIGB_OK, SIGB_E_KEY_UNSUPPORTED, SIGB_OK, SIGB_E_KEY_UNSUPPORTED},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, SIGB_OK, SIGB_E_KEY_UNSUPPORTED, SIGB_OK, SIGB_E_KEY_UNSUPPORTED},
};
/* clang-format on */

#define LOADING_EVENTS                                                                                       \
    {                                                                                                        \
        {"", "", NULL}, {" after lost sessions", "", lose_sessions},                                         \
            {" after it was shut down", "", shut_down},                                                      \
            {" after the device died", "C_OpenSession,times=1,dead=0x30", NULL},                             \
        {                                                                                                    \
            " after the device was found dead", "C_GetSlotList,times=1,dead=0x30", NULL                      \
        }                                                                                                    \
    }

/* clang-format off */
/* Reading back is part of it. What may have made a key is not done once more; what cannot have is. */
static const fault_row GENERATION_ROWS[] = {
    HELD,
    {"C_GenerateKeyPair",   CKR_HOST_MEMORY,               SIGB_E_MEMORY, SIGB_E_MEMORY, SIGB_E_MEMORY, SIGB_E_MEMORY},
    {"C_GenerateKeyPair",   CKR_GENERAL_ERROR,             SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_FUNCTION_FAILED,           SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_ARGUMENTS_BAD,             SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_CRYPTOKI_NOT_INITIALIZED,  SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_DEVICE_ERROR,              SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_DEVICE_MEMORY,             SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_DEVICE_REMOVED,            SIGB_E_TOKEN_ABSENT, SIGB_E_TOKEN_ABSENT, SIGB_E_TOKEN_ABSENT, SIGB_E_TOKEN_ABSENT},
    {"C_GenerateKeyPair",   CKR_VENDOR_DEFINED + 1,        SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_SESSION_CLOSED,            SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_SESSION_HANDLE_INVALID,    SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_USER_NOT_LOGGED_IN,        SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_ATTRIBUTE_READ_ONLY,       SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_ATTRIBUTE_TYPE_INVALID,    SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_ATTRIBUTE_VALUE_INVALID,   SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_DOMAIN_PARAMS_INVALID,     SIGB_E_KEY_UNSUPPORTED, SIGB_E_KEY_UNSUPPORTED, SIGB_E_KEY_UNSUPPORTED, SIGB_E_KEY_UNSUPPORTED},
    {"C_GenerateKeyPair",   CKR_FUNCTION_CANCELED,         SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_MECHANISM_INVALID,         SIGB_E_MECHANISM, SIGB_E_MECHANISM, SIGB_E_MECHANISM, SIGB_E_MECHANISM},
    {"C_GenerateKeyPair",   CKR_MECHANISM_PARAM_INVALID,   SIGB_E_MECHANISM, SIGB_E_MECHANISM, SIGB_E_MECHANISM, SIGB_E_MECHANISM},
    {"C_GenerateKeyPair",   CKR_OPERATION_ACTIVE,          SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_PIN_EXPIRED,               SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED},
    {"C_GenerateKeyPair",   CKR_SESSION_READ_ONLY,         SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_TEMPLATE_INCOMPLETE,       SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_TEMPLATE_INCONSISTENT,     SIGB_OK,       SIGB_E_TOKEN,  SIGB_OK,       SIGB_E_TOKEN},
    {"C_GenerateKeyPair",   CKR_TOKEN_WRITE_PROTECTED,     SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    /* it says what it is, here where tokens are set up */
    {"C_Login",             CKR_USER_PIN_NOT_INITIALIZED,  SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED, SIGB_E_PIN_NEEDED},
    /* to be made a key needs no mechanism to sign with */
    {"C_GetMechanismInfo",  CKR_MECHANISM_INVALID,         SIGB_OK,       SIGB_OK,       SIGB_OK,       SIGB_OK},
    /* a key whose name or kind is not told is none that was asked for, and goes again */
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE,       SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID,    SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN,  SIGB_E_TOKEN},
};
/* clang-format on */

static const sweep_words GENERATION_WORDS[] = {
    {"C_Finalize", CKR_OK, "CKR_DEVICE_ERROR"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE, "the token made a key that is"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, "the token made a key that is"},
    {"C_GenerateKeyPair", CKR_MECHANISM_INVALID, "cannot generate P-256 keys"},
};

static const sweep GENERATION = {
    .name = "generation",
    .own = GENERATION_ROWS,
    .own_count = COUNT(GENERATION_ROWS),
    .opens_anew = true,
    .is_alike = true,
    .words = GENERATION_WORDS,
    .word_count = COUNT(GENERATION_WORDS),
    .events = LOADING_EVENTS,
    .open = open_and_generate,
    .again = generate,
    .close = forget_context,
};

static const sweep SIGNATURE = {
    .name = "signature",
    .own = SIGNATURE_ROWS,
    .own_count = COUNT(SIGNATURE_ROWS),
    .words = WORDS,
    .word_count = COUNT(WORDS),
    .events = {{"", "", NULL},
               {" after lost sessions", "", lose_sessions},
               {" after a call that failed", "C_SignInit,times=1,rv=0x5", NULL},
               {" after the device died", "C_SignInit,times=1,dead=0x30", NULL},
               {" after it was shut down", "", shut_down}},
    .open = load_and_sign,
    .again = sign,
    .close = close_key,
};

#define LOAD(what, alike)                                                                                    \
    {                                                                                                        \
        .name = #what, .own = LOAD_ROWS, .own_count = COUNT(LOAD_ROWS), .opens_anew = true,                  \
        .is_alike = (alike), .words = WORDS, .word_count = COUNT(WORDS), .events = LOADING_EVENTS,           \
        .open = open_and_##what, .again = what, .close = forget_context                                      \
    }

int main(int argc, char **argv)
{
    const sweep sweeps[] = {SIGNATURE,
                            LOAD(load_public, false),
                            LOAD(load_cert, false),
                            LOAD(load_all, true),
                            LOAD(load_private, true),
                            GENERATION};
    sweep_scene scene = {NULL, NULL, begin, end};

    return sweep_all(&scene, sweeps, COUNT(sweeps), argc, argv);
}
