/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of OSSL_STORE URIs: software keys in files, made here with OpenSSL because
 * they are what is tested; what is refused; and what stays out of the process.
 */
#include "tests/support/support.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include "base/libctx.h"
#include "base/pubkey.h"

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};
static char folder[64];

/* ---- files ---- */

static const char *path_of(const char *name)
{
    static char paths[4][400];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/store_signer_test.XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    DIR *dir = opendir(folder);

    (void)state;
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        (void)remove(path_of(entry->d_name));
    closedir(dir);
    return rmdir(folder);
}

static EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY *key = strncmp(type, "RSA-", 4) == 0
                        ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(type + 4, NULL, 10))
                    : strcmp(type, "Ed25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                                   : EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);

    assert_non_null(key);
    return key;
}

static FILE *create(const char *name, const char *mode)
{
    FILE *file = fopen(path_of(name), mode);

    assert_non_null(file);
    assert_int_equal(chmod(path_of(name), 0600), 0);
    return file;
}

/* Appends to the file, encrypted where a passphrase is given. Takes key. */
static void put_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = create(name, "a");

    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, passphrase == NULL ? NULL : EVP_aes_256_cbc(),
                                               passphrase, passphrase == NULL ? 0 : (int)strlen(passphrase),
                                               NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
}

/* PKCS#1 or SEC 1, and not PKCS#8. */
static void put_traditional(FILE *file, EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new_fp(file, BIO_NOCLOSE);

    assert_int_equal(
        PEM_write_bio_PrivateKey_traditional(bio, key, passphrase == NULL ? NULL : EVP_aes_256_cbc(),
                                             (const unsigned char *)passphrase,
                                             passphrase == NULL ? 0 : (int)strlen(passphrase), NULL, NULL),
        1);
    BIO_free(bio);
}

static void put_text(const char *name, const char *text)
{
    FILE *file = create(name, "w");

    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

/* Self-signed: here it is nothing but bytes. Takes no key. */
static X509 *make_cert(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    assert_non_null(cert);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 1000));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static void put_cert(const char *name, X509 *cert)
{
    FILE *file = create(name, "a");

    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
}

/* ---- PINs and notes ---- */

typedef struct giver {
    const char *passphrase;
    int asked;
    char token[400], note[600];
} giver;

static sigb_rc give(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    giver *g = arg;

    g->asked++;
    assert_int_equal(request->kind, SIGB_PIN_STORE);
    assert_string_equal(request->serial, "");
    snprintf(g->token, sizeof(g->token), "%s", request->token);
    if (g->passphrase == NULL)
        return SIGB_E_PIN_NEEDED;
    return sigb_pin_put(pin, sigb_bytes_text(g->passphrase), diag);
}

static void take_note(void *arg, const char *text)
{
    giver *g = arg;

    snprintf(g->note, sizeof(g->note), "%s", text);
}

static sigb_rc open_as(const char *uri, giver *g, sigb_signer **signer, sigb_diag *diag)
{
    const sigb_store_options options = {.pin = give, .pin_arg = g, .notes = {take_note, g}};

    return sigb_signer_from_store(uri, &options, signer, diag);
}

/* Nothing is left in OpenSSL's queue, and no signer comes out of a refusal. */
static sigb_rc refusal(const char *uri, const sigb_store_options *options, sigb_diag *diag)
{
    sigb_signer *signer = NULL;
    sigb_rc rc = sigb_signer_from_store(uri, options, &signer, diag);

    assert_null(signer);
    assert_int_equal(ERR_peek_error(), 0);
    return rc;
}

/* ---- signing ---- */

static sigb_rc verify(sigb_bytes spki, sigb_alg alg, sigb_bytes signature)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, NULL);

    if (rc == SIGB_OK)
        rc = pubkey_verify(key, alg, TBS, signature, NULL);
    EVP_PKEY_free(key);
    return rc;
}

static bool signs(sigb_signer *signer, sigb_alg alg)
{
    sigb_buf signature = SIGB_BUF_INIT;
    bool good = sigb_signer_sign(signer, alg, TBS, &signature, NULL) == SIGB_OK &&
                verify(sigb_signer_spki(signer), alg, sigb_buf_bytes(&signature)) == SIGB_OK;

    sigb_buf_free(&signature);
    return good;
}

static sigb_signer *require_signer(const char *uri)
{
    giver g = {0};
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    if (open_as(uri, &g, &signer, &diag) != SIGB_OK)
        fail_msg("%s: %s", uri, diag.text);
    assert_int_equal(g.asked, 0);
    return signer;
}

static const struct {
    const char *type;
    sigb_alg alg;
} KEYS[] = {{"P-256", SIGB_ES256},    {"P-384", SIGB_ES384},    {"P-521", SIGB_ES512},
            {"RSA-2048", SIGB_PS256}, {"RSA-3072", SIGB_PS384}, {"RSA-4096", SIGB_PS512},
            {"Ed25519", SIGB_EDDSA}};

static void a_key_of_every_type_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        char uri[440];
        sigb_signer *signer;

        print_message("%s\n", KEYS[i].type);
        put_key(KEYS[i].type, make_key(KEYS[i].type), NULL);
        signer = require_signer(path_of(KEYS[i].type));
        for (int again = 0; again < 3; again++)
            assert_true(signs(signer, KEYS[i].alg));
        assert_int_equal(sigb_signer_certs(signer).len, 0);
        sigb_signer_free(signer);
        snprintf(uri, sizeof(uri), "file:%s", path_of(KEYS[i].type));
        signer = require_signer(uri);
        assert_true(signs(signer, KEYS[i].alg));
        sigb_signer_free(signer);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void der_and_the_older_forms_of_pem_are_read(void **state)
{
    EVP_PKEY *key = make_key("P-256"), *rsa = make_key("RSA-2048");
    FILE *file = create("key.der", "w");
    const char *names[] = {"key.der", "params.pem", "pkcs1.pem"};

    (void)state;
    assert_int_equal(i2d_PrivateKey_fp(file, key), 1);
    fclose(file);
    file = create("params.pem",
                  "w"); /* as `openssl ecparam -genkey` has it: the curve in a block of its own */
    assert_true(
        fputs("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", file) >= 0);
    put_traditional(file, key, NULL);
    fclose(file);
    file = create("pkcs1.pem", "w");
    put_traditional(file, rsa, NULL);
    fclose(file);
    for (size_t i = 0; i < 3; i++) {
        sigb_signer *signer = require_signer(path_of(names[i]));
        assert_true(signs(signer, i == 2 ? SIGB_PS256 : SIGB_ES256));
        sigb_signer_free(signer);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(rsa);
}

static void certificates_in_the_file_come_along(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *cert = make_cert(key), *other = make_cert(key);
    const sigb_store_options without = {.no_certs = true};
    sigb_signer *signer;
    sigb_bytes rest, one;
    int count = 0;

    (void)state;
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(other), 7), 1);
    assert_true(X509_sign(other, key, EVP_sha256()) > 0);
    put_cert("chain.pem", cert);
    put_key("chain.pem", key, NULL);
    put_cert("chain.pem", other);
    signer = require_signer(path_of("chain.pem"));
    rest = sigb_signer_certs(signer);
    while (sigb_certs_next(&rest, &one))
        count++;
    assert_int_equal(count, 2);
    assert_true(signs(signer, SIGB_ES256));
    sigb_signer_free(signer);
    assert_int_equal(sigb_signer_from_store(path_of("chain.pem"), &without, &signer, NULL), SIGB_OK);
    assert_int_equal(sigb_signer_certs(signer).len, 0);
    sigb_signer_free(signer);
    X509_free(cert);
    X509_free(other);
}

static void more_certificates_than_a_set_may_have_draw_a_note(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *cert = make_cert(key);
    giver g = {0};
    sigb_signer *signer = NULL;

    (void)state;
    for (int i = 0; i < SIGB_MAX_CERTS + 1; i++)
        put_cert("many.pem", cert);
    put_key("many.pem", key, NULL);
    assert_int_equal(open_as(path_of("many.pem"), &g, &signer, NULL), SIGB_OK);
    assert_non_null(strstr(g.note, "of 17 certificates that "));
    assert_non_null(strstr(g.note, "the first 16 come along"));
    sigb_signer_free(signer);
    X509_free(cert);
}

/* ---- passphrases ---- */

static void write_pkcs12(const char *name, const char *passphrase)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *cert = make_cert(key);
    PKCS12 *made = PKCS12_create(passphrase, "name", key, cert, NULL, 0, 0, 0, 0, 0);
    FILE *file = create(name, "w");

    assert_non_null(made);
    assert_int_equal(i2d_PKCS12_fp(file, made), 1);
    fclose(file);
    PKCS12_free(made);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void write_traditional(const char *name, const char *passphrase)
{
    EVP_PKEY *key = make_key("P-256");
    FILE *file = create(name, "w");

    put_traditional(file, key, passphrase);
    fclose(file);
    EVP_PKEY_free(key);
}

static void make_encrypted(void)
{
    put_key("encrypted.pem", make_key("P-256"), "open sesame");
    write_traditional("traditional.pem", "open sesame");
    write_pkcs12("key.p12", "open sesame");
}

static const char *const ENCRYPTED[] = {"encrypted.pem", "traditional.pem", "key.p12"};

#define ENCRYPTED_COUNT (sizeof(ENCRYPTED) / sizeof(ENCRYPTED[0]))

static void a_passphrase_is_asked_for_once(void **state)
{
    (void)state;
    make_encrypted();
    for (size_t i = 0; i < ENCRYPTED_COUNT; i++) {
        giver g = {.passphrase = "open sesame"};
        sigb_signer *signer = NULL;
        sigb_diag diag = {{0}, 0};

        print_message("%s\n", ENCRYPTED[i]);
        if (open_as(path_of(ENCRYPTED[i]), &g, &signer, &diag) != SIGB_OK)
            fail_msg("%s", diag.text);
        assert_int_equal(g.asked, 1);
        assert_string_equal(g.token, path_of(ENCRYPTED[i]));
        assert_true(signs(signer, SIGB_ES256));
        assert_int_equal(sigb_signer_certs(signer).len > 0, i == 2);
        sigb_signer_free(signer);
    }
}

static void a_wrong_passphrase_is_tried_once(void **state)
{
    (void)state;
    make_encrypted();
    for (size_t i = 0; i < ENCRYPTED_COUNT; i++) {
        giver g = {.passphrase = "wrong-wrong"};
        sigb_signer *signer = NULL;

        print_message("%s\n", ENCRYPTED[i]);
        assert_refused(open_as(path_of(ENCRYPTED[i]), &g, &signer, diag), SIGB_E_PIN_INCORRECT,
                       "it was tried once: give the right one");
        assert_int_equal(g.asked, 1);
        assert_null(signer);
    }
}

static void without_a_passphrase_nothing_is_opened(void **state)
{
    static const sigb_store_options nobody;

    (void)state;
    make_encrypted();
    for (size_t i = 0; i < ENCRYPTED_COUNT; i++) {
        giver none = {0}, empty = {.passphrase = ""};
        sigb_signer *signer = NULL;

        assert_refused(refusal(path_of(ENCRYPTED[i]), &nobody, diag), SIGB_E_PIN_NEEDED,
                       "wants a PIN or passphrase, and there is no source for one");
        assert_int_equal(open_as(path_of(ENCRYPTED[i]), &none, &signer, NULL), SIGB_E_PIN_NEEDED);
        assert_int_equal(none.asked, 1);
        assert_refused(open_as(path_of(ENCRYPTED[i]), &empty, &signer, diag), SIGB_E_PIN_NEEDED, "empty");
        assert_int_equal(empty.asked, 1);
        assert_null(signer);
    }
}

/* ---- what is refused ---- */

static void a_file_that_holds_no_private_key_is_refused(void **state)
{
    EVP_PKEY *key = make_key("P-256");
    X509 *cert = make_cert(key);
    FILE *file = create("public.pem", "w");

    (void)state;
    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    fclose(file);
    put_cert("cert.pem", cert);
    put_text("text", "no key at all\n");
    put_text("nothing", "");
    assert_refused(refusal(path_of("cert.pem"), NULL, diag), SIGB_E_KEY_ABSENT, "(found: Certificate)");
    assert_refused(refusal(path_of("public.pem"), NULL, diag), SIGB_E_KEY_ABSENT, "(found: Public key)");
    assert_refused(refusal(path_of("text"), NULL, diag), SIGB_E_KEY_ABSENT, "(found: nothing)");
    assert_refused(refusal(path_of("nothing"), NULL, diag), SIGB_E_KEY_ABSENT, "holds no private key");
    assert_refused(refusal(folder, NULL, diag), SIGB_E_KEY_ABSENT, "(found: Name");
    assert_refused(refusal(path_of("absent"), NULL, diag), SIGB_E_IO, "No such file or directory");
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void a_file_without_an_end_is_refused(void **state)
{
    FILE *file = create("endless", "w");

    (void)state;
    for (int i = 0; i < 2000; i++)
        assert_true(fputs("-----BEGIN THING-----\nAAAA\n-----END THING-----\n", file) >= 0);
    fclose(file);
    assert_refused(refusal(path_of("endless"), NULL, diag), SIGB_E_LIMIT, "more than 256 objects");
}

static void two_keys_are_refused_and_listed(void **state)
{
    giver g = {0};
    sigb_signer *signer = NULL;

    (void)state;
    put_key("two.pem", make_key("P-256"), NULL);
    put_key("two.pem", make_key("RSA-2048"), NULL);
    assert_refused(open_as(path_of("two.pem"), &g, &signer, diag), SIGB_E_KEY_AMBIGUOUS, "2 private keys");
    assert_refused(open_as(path_of("two.pem"), &g, &signer, diag), SIGB_E_KEY_AMBIGUOUS,
                   "EC of 256 bits, SHA-256 of its public key ");
    assert_refused(open_as(path_of("two.pem"), &g, &signer, diag), SIGB_E_KEY_AMBIGUOUS,
                   "; RSA of 2048 bits, SHA-256 of its public key ");
    assert_null(signer);
}

static void a_key_that_fits_no_algorithm_is_refused(void **state)
{
    (void)state;
    put_key("koblitz.pem", make_key("secp256k1"), NULL);
    put_key("agreement.pem", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL);
    put_key("short.pem", make_key("RSA-1024"), NULL);
    assert_refused(refusal(path_of("koblitz.pem"), NULL, diag), SIGB_E_KEY_UNSUPPORTED, "fits no algorithm");
    assert_refused(refusal(path_of("agreement.pem"), NULL, diag), SIGB_E_KEY_UNSUPPORTED,
                   "fits no algorithm");
    assert_refused(refusal(path_of("short.pem"), NULL, diag), SIGB_E_WEAK_KEY, "1024 bits");
}

static void calls_that_make_no_sense_are_refused(void **state)
{
    sigb_signer *signer = NULL;
    char *endless = malloc(SIGB_MAX_URI + 2);

    (void)state;
    memset(endless, 'a', SIGB_MAX_URI + 1);
    endless[SIGB_MAX_URI + 1] = '\0';
    assert_refused(sigb_signer_from_store(NULL, NULL, &signer, diag), SIGB_E_USAGE, "needs a URI or file");
    assert_refused(sigb_signer_from_store("", NULL, &signer, diag), SIGB_E_USAGE, "needs a URI or file");
    assert_refused(sigb_signer_from_store("key.pem", NULL, NULL, diag), SIGB_E_USAGE, "a place to be put");
    assert_refused(sigb_signer_from_store(endless, NULL, &signer, diag), SIGB_E_LIMIT, "4096 characters");
    free(endless);
}

static void a_scheme_that_nobody_opens_is_refused_without_its_pin(void **state)
{
    static const char uri[] = "pkcs11:token=a?pin-value=8643", odd[] = "odd:a;PIN-value=8643";

    (void)state;
    assert_refused(refusal(uri, NULL, diag), SIGB_E_SETUP,
                   "no provider that is loaded opens pkcs11:token=a;");
    for (int i = 0; i < 2; i++) {
        sigb_diag diag = {{0}, 0};
        assert_int_equal(refusal(i == 0 ? uri : odd, NULL, &diag), SIGB_E_SETUP);
        assert_null(strstr(diag.text, "8643"));
    }
}

static void a_key_file_that_others_can_read_draws_a_note(void **state)
{
    giver g = {0};
    sigb_signer *signer = NULL;

    (void)state;
    put_key("readable.pem", make_key("P-256"), NULL);
    assert_int_equal(open_as(path_of("readable.pem"), &g, &signer, NULL), SIGB_OK);
    assert_string_equal(g.note, "");
    sigb_signer_free(signer);
    assert_int_equal(chmod(path_of("readable.pem"), 0644), 0);
    assert_int_equal(open_as(path_of("readable.pem"), &g, &signer, NULL), SIGB_OK);
    assert_non_null(strstr(g.note, "can be read by others; make it private (chmod 600)"));
    sigb_signer_free(signer);
}

/* ---- providers and configurations ---- */

static sigb_rc with_providers(const sigb_store_provider *providers, size_t count, sigb_diag *diag)
{
    const sigb_store_options options = {.providers = providers, .provider_count = count};

    return refusal(path_of("key.pem"), &options, diag);
}

static sigb_rc with_provider(const char *name, const char *path, sigb_diag *diag)
{
    const sigb_store_provider provider = {name, path};

    return with_providers(&provider, 1, diag);
}

static void providers_that_cannot_be_are_refused(void **state)
{
    sigb_store_provider many[SIGB_MAX_PROVIDERS + 1] = {{0}};

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    put_text("text.so", "no library\n");
    assert_refused(with_providers(many, SIGB_MAX_PROVIDERS + 1, diag), SIGB_E_LIMIT,
                   "17 providers are more than 16");
    assert_refused(with_provider(NULL, NULL, diag), SIGB_E_USAGE, "'' is no name of a provider");
    assert_refused(with_provider("", NULL, diag), SIGB_E_USAGE, "'' is no name of a provider");
    assert_refused(with_provider("/tmp/x", NULL, diag), SIGB_E_USAGE, "'/tmp/x' is no name of a provider");
    assert_refused(with_provider("x", "/tmp/y.so", diag), SIGB_E_USAGE, "wants it to be called x.so");
    assert_refused(with_provider("x", "/tmp/x", diag), SIGB_E_USAGE, "wants it to be called x.so");
    assert_refused(with_provider("absent", NULL, diag), SIGB_E_MODULE, "absent cannot be loaded");
    assert_refused(with_provider("absent", "/nonexistent/absent.so", diag), SIGB_E_MODULE,
                   "/nonexistent/absent.so");
    assert_refused(with_provider("absent", "absent.so", diag), SIGB_E_MODULE, "./absent.so");
    assert_refused(with_provider("text", path_of("text.so"), diag), SIGB_E_MODULE, "text cannot be loaded");
}

static sigb_rc with_config(const char *text, sigb_diag *diag)
{
    const sigb_store_options options = {.config = path_of("cnf")};
    sigb_signer *signer = NULL;
    sigb_rc rc;

    put_text("cnf", text);
    rc = sigb_signer_from_store(path_of("key.pem"), &options, &signer, diag);
    assert_int_equal(signer == NULL, rc != SIGB_OK);
    sigb_signer_free(signer);
    return rc;
}

#define TO_PROVIDERS "openssl_conf = i\n[i]\nproviders = p\n[p]\n"

static void configurations_that_cannot_be_are_refused(void **state)
{
    const sigb_store_options absent = {.config = "/nonexistent/cnf"}, directory = {.config = folder};
    FILE *file;

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    assert_refused(refusal(path_of("key.pem"), &absent, diag), SIGB_E_IO,
                   "/nonexistent/cnf cannot be opened");
    assert_refused(refusal(path_of("key.pem"), &directory, diag), SIGB_E_IO, "Is a directory");
    assert_refused(with_config("openssl_conf = [[[\n[", diag), SIGB_E_SETUP, "line 2, ");
    assert_refused(with_config("", diag), SIGB_E_SETUP, "leads to no provider");
    assert_refused(with_config("openssl_conf = i\n[i]\nengines = e\n[e]\n", diag), SIGB_E_SETUP,
                   "wanted is openssl_conf = SECTION, and in it providers = SECTION");
    assert_refused(with_config(TO_PROVIDERS "x = y\n[y]\nmodule = /nonexistent/x.so\nactivate = 1\n", diag),
                   SIGB_E_MODULE, "the provider x of the configuration ");
    assert_refused(with_config(TO_PROVIDERS "x = y\n[y]\nmodule = /nonexistent/x.so\nactivate = 1\n", diag),
                   SIGB_E_MODULE, "/nonexistent/x.so");
    file = create("large", "w");
    assert_int_equal(ftruncate(fileno(file), SIGB_MAX_CONFIG + 1), 0);
    fclose(file);
    assert_refused(refusal(path_of("key.pem"), &(sigb_store_options){.config = path_of("large")}, diag),
                   SIGB_E_LIMIT, "more than 1048576 bytes");
}

/* The file may say more than a signer is for: nothing of it reaches the process. */
static void of_a_configuration_the_providers_alone_act(void **state)
{
    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    assert_int_equal(with_config("openssl_conf = i\n[i]\nproviders = p\noid_section = o\nalg_section = a\n"
                                 "engines = e\n[o]\nsigbridgeTestOid = 2.25.77\n[a]\n"
                                 "default_properties = provider=nobody\n[e]\nx = y\n[y]\ndynamic_path = "
                                 "/nonexistent\n[p]\nlegacy = l\n[l]\nactivate = 0\n",
                                 NULL),
                     SIGB_OK);
    assert_int_equal(OBJ_txt2nid("sigbridgeTestOid"), NID_undef);
}

static void a_property_query_that_nobody_fits_is_refused(void **state)
{
    const sigb_store_options options = {.propquery = "provider=nobody"},
                             preferred = {.propquery = "?provider=nobody"};
    sigb_signer *signer = NULL;

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    assert_refused(refusal(path_of("key.pem"), &options, diag), SIGB_E_SETUP, "no provider that is loaded");
    assert_int_equal(sigb_signer_from_store(path_of("key.pem"), &preferred, &signer, NULL), SIGB_OK);
    assert_true(signs(signer, SIGB_ES256));
    sigb_signer_free(signer);
}

/* openssl.cnf of the process names a provider that ends it, and would route everything elsewhere. */
static void the_process_s_configuration_is_not_read(void **state)
{
    sigb_signer *signer;

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    put_text("hostile.cnf",
             "openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n[a]\ndefault_properties = "
             "provider=nobody\n[p]\nx = y\n[y]\nmodule = /nonexistent/x.so\nactivate = 1\n");
    assert_int_equal(setenv("OPENSSL_CONF", path_of("hostile.cnf"), 1), 0);
    signer = require_signer(path_of("key.pem"));
    assert_true(signs(signer, SIGB_ES256));
    sigb_signer_free(signer);
    assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
}

static int count_provider(OSSL_PROVIDER *provider, void *count)
{
    if (strcmp(OSSL_PROVIDER_get0_name(provider), "default") != 0)
        (*(int *)count)++;
    return 1;
}

static void what_is_loaded_for_signing_is_seen_by_nobody_else(void **state)
{
    const sigb_store_provider legacy = {"legacy", NULL};
    const sigb_store_options options = {.providers = &legacy, .provider_count = 1};
    sigb_signer *signer = NULL;
    int others = 0;

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    assert_int_equal(sigb_signer_from_store(path_of("key.pem"), &options, &signer, NULL), SIGB_OK);
    assert_true(signs(signer, SIGB_ES256));
    assert_int_equal(OSSL_PROVIDER_available(NULL, "legacy"), 0);
    assert_int_equal(OSSL_PROVIDER_available(libctx_get(), "legacy"), 0);
    assert_int_equal(OSSL_PROVIDER_do_all(libctx_get(), count_provider, &others), 1);
    assert_int_equal(others, 0);
    sigb_signer_free(signer);
}

/* ---- threads ---- */

static void *sign_many(void *signer)
{
    intptr_t good = 0;

    for (int i = 0; i < 50; i++)
        good += signs(signer, SIGB_ES256);
    return (void *)good;
}

static void *open_many(void *path)
{
    intptr_t good = 0;

    for (int i = 0; i < 5; i++) {
        sigb_signer *signer = NULL;

        if (sigb_signer_from_store(path, NULL, &signer, NULL) == SIGB_OK && signs(signer, SIGB_ES256))
            good++;
        sigb_signer_free(signer);
    }
    return (void *)good;
}

static void in_threads(void *(*run)(void *), void *arg, intptr_t wanted)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    for (size_t i = 0; i < 4; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((intptr_t)good, wanted);
    }
}

static void one_signer_serves_four_threads(void **state)
{
    char path[400];
    sigb_signer *signer;

    (void)state;
    put_key("key.pem", make_key("P-256"), NULL);
    snprintf(path, sizeof(path), "%s", path_of("key.pem"));
    signer = require_signer(path);
    in_threads(sign_many, signer, 50);
    sigb_signer_free(signer);
    in_threads(open_many, path, 5);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(the_process_s_configuration_is_not_read), /* first: OpenSSL reads it once, if at all */
        IN_A_FOLDER(a_key_of_every_type_signs),
        IN_A_FOLDER(der_and_the_older_forms_of_pem_are_read),
        IN_A_FOLDER(certificates_in_the_file_come_along),
        IN_A_FOLDER(more_certificates_than_a_set_may_have_draw_a_note),
        IN_A_FOLDER(a_passphrase_is_asked_for_once),
        IN_A_FOLDER(a_wrong_passphrase_is_tried_once),
        IN_A_FOLDER(without_a_passphrase_nothing_is_opened),
        IN_A_FOLDER(a_file_that_holds_no_private_key_is_refused),
        IN_A_FOLDER(a_file_without_an_end_is_refused),
        IN_A_FOLDER(two_keys_are_refused_and_listed),
        IN_A_FOLDER(a_key_that_fits_no_algorithm_is_refused),
        IN_A_FOLDER(calls_that_make_no_sense_are_refused),
        IN_A_FOLDER(a_scheme_that_nobody_opens_is_refused_without_its_pin),
        IN_A_FOLDER(a_key_file_that_others_can_read_draws_a_note),
        IN_A_FOLDER(providers_that_cannot_be_are_refused),
        IN_A_FOLDER(configurations_that_cannot_be_are_refused),
        IN_A_FOLDER(of_a_configuration_the_providers_alone_act),
        IN_A_FOLDER(a_property_query_that_nobody_fits_is_refused),
        IN_A_FOLDER(what_is_loaded_for_signing_is_seen_by_nobody_else),
        IN_A_FOLDER(one_signer_serves_four_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
