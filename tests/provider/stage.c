/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/provider/stage.h"

#include <sys/stat.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

/* What the lines do not say themselves. */
static void put_usual(char *text, size_t room, const char *lines, const char *name, const char *value)
{
    size_t used = strlen(text);

    if (strstr(lines, name) == NULL)
        snprintf(text + used, room - used, "%s = %s\n", name, value);
}

void prov_stage_configure(prov_stage *s, const char *lines)
{
    char conf[512], pin[512], text[4096];

    snprintf(conf, sizeof(conf), "%s/openssl.cnf", softhsm_dir(s->hsm));
    snprintf(pin, sizeof(pin), "%s/pin", softhsm_dir(s->hsm));
    write_file(pin, SOFTHSM_PIN "\n");
    snprintf(text, sizeof(text),
             "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = software\n"
             "sigbridge = sigbridge\n[software]\nactivate = 1\n[sigbridge]\nmodule = %s\nactivate = 1\n%s\n",
             PROVIDER_MODULE, lines);
    put_usual(text, sizeof(text), lines, "module-path", FAULT_MODULE);
    put_usual(text, sizeof(text), lines, "pin-source", pin);
    assert_true(strlen(text) + 1 < sizeof(text));
    write_file(conf, text);
    OSSL_LIB_CTX_free(s->ctx);
    s->ctx = OSSL_LIB_CTX_new();
    assert_non_null(s->ctx);
    assert_int_equal(OSSL_LIB_CTX_load_config(s->ctx, conf), 1);
    assert_true(OSSL_PROVIDER_available(s->ctx, "sigbridge"));
}

void prov_stage_begin(prov_stage *s, const char *lines)
{
    memset(s, 0, sizeof(*s));
    s->hsm = softhsm_new();
    s->fault = fault_load();
    s->soft = OSSL_LIB_CTX_new();
    assert_non_null(s->soft);
    softhsm_token(s->hsm, "stage");
    prov_stage_plan(s, "");
    prov_stage_configure(s, lines);
}

void prov_stage_end(prov_stage *s)
{
    prov_stage_plan(s, "");
    OSSL_LIB_CTX_free(s->ctx);
    OSSL_LIB_CTX_free(s->soft);
    softhsm_free(s->hsm);
}

void prov_stage_key(const prov_stage *s, const char *type, const char *label)
{
    const softhsm_key key = {.type = type, .label = label, .id = label};

    softhsm_keygen(s->hsm, "stage", &key);
}

prov_stage *prov_stage_begin_for_all(void **state, const char *const types[], size_t count)
{
    static prov_stage s;

    prov_stage_begin(&s, "");
    for (size_t i = 0; i < count; i++)
        prov_stage_key(&s, types[i], types[i]);
    *state = &s;
    return &s;
}

int prov_stage_end_for_all(void **state)
{
    prov_stage_end(*state);
    return 0;
}

void prov_stage_plan(const prov_stage *s, const char *plan)
{
    assert_true(s->fault->plan(plan));
}

static EVP_PKEY *open_with(const prov_stage *s, const char *uri, const UI_METHOD *method, void *arg)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, s->ctx, NULL, method, arg, NULL, NULL, NULL);
    EVP_PKEY *key = NULL;

    if (store == NULL)
        return NULL;
    assert_int_equal(OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY), 1);
    for (unsigned rounds = 0; !OSSL_STORE_eof(store); rounds++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        assert_true(rounds < 8); /* after an error it is over */
        if (info == NULL)
            continue;
        assert_null(key);
        key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return key;
}

EVP_PKEY *prov_stage_open(const prov_stage *s, const char *uri)
{
    return open_with(s, uri, NULL, NULL);
}

EVP_PKEY *prov_stage_open_asking(const prov_stage *s, const char *uri, pem_password_cb *callback, void *arg)
{
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(callback, 0);
    EVP_PKEY *key;

    assert_non_null(method);
    key = open_with(s, uri, method, arg);
    UI_destroy_method(method);
    return key;
}

EVP_PKEY *prov_stage_require(const prov_stage *s, const char *label)
{
    char uri[128];
    EVP_PKEY *key;

    snprintf(uri, sizeof(uri), TOKEN ";object=%s", label);
    key = prov_stage_open(s, uri);
    if (key == NULL)
        ERR_print_errors_fp(stderr);
    assert_non_null(key);
    return key;
}

EVP_PKEY *prov_stage_public(const prov_stage *s, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    const unsigned char *at;
    int len = i2d_PUBKEY(key, &der);
    EVP_PKEY *made;

    assert_true(len > 0);
    at = der;
    made = d2i_PUBKEY_ex(NULL, &at, len, s->soft, NULL);
    OPENSSL_free(der);
    assert_non_null(made);
    return made;
}

bool prov_stage_sign(const prov_stage *s, EVP_PKEY *key, const char *digest)
{
    static const unsigned char message[] = "message";
    unsigned char signature[1024];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *judge = EVP_MD_CTX_new();
    EVP_PKEY *pub;
    bool made;

    assert_non_null(ctx);
    assert_non_null(judge);
    made = EVP_DigestSignInit_ex(ctx, NULL, digest, s->ctx, NULL, key, NULL) > 0 &&
           EVP_DigestSign(ctx, signature, &len, message, sizeof(message)) > 0;
    if (made) {
        pub = prov_stage_public(s, key);
        assert_int_equal(EVP_DigestVerifyInit_ex(judge, NULL, digest, s->soft, NULL, pub, NULL), 1);
        assert_int_equal(EVP_DigestVerify(judge, signature, len, message, sizeof(message)), 1);
        EVP_PKEY_free(pub);
    }
    EVP_MD_CTX_free(ctx);
    EVP_MD_CTX_free(judge);
    return made;
}

EVP_PKEY *prov_stage_bring_in(const prov_stage *s, const EVP_PKEY *soft)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(s->ctx, EVP_PKEY_get0_type_name(soft),
                                                   "provider=sigbridge");
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;

    assert_int_equal(EVP_PKEY_todata(soft, EVP_PKEY_KEYPAIR, &params), 1);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "sigbridge");
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

size_t prov_stage_token_opens(const prov_stage *s, const char *label, CK_MECHANISM mechanism,
                              const unsigned char *sealed, size_t sealed_len, unsigned char *opened,
                              size_t room)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(s->hsm);
    CK_BYTE *in = (CK_BYTE *)(uintptr_t)sealed;
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2, len = room;
    CK_SESSION_HANDLE session;

    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(
        calls->C_DecryptInit(session, &mechanism, softhsm_the_object(calls, session, CKO_PRIVATE_KEY, label)),
        CKR_OK);
    assert_int_equal(calls->C_Decrypt(session, in, sealed_len, opened, &len), CKR_OK);
    assert_int_equal(calls->C_CloseSession(session), CKR_OK);
    ERR_clear_error();
    return len;
}

void assert_raised(sigb_rc rc, const char *words)
{
    const char *data = NULL;
    bool found = false;
    unsigned long code;
    int flags = 0;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0)
        found |= ERR_GET_REASON(code) == (int)rc && strstr(data, words) != NULL;
    if (!found)
        fail_msg("OpenSSL's queue has no \"%s\" (%s)", words, sigb_rc_name(rc));
}
