/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making keys: on a token where pkcs11_uri says which. Without it, as software
 * does, for OpenSSL asks here first if we are listed before `default`.
 */
#include <strings.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <sigbridge/token.h>

#include "base/error.h"
#include "base/text.h"
#include "provider/provider.h"

#define PARAM_URI   "pkcs11_uri"
#define PARAM_USAGE "pkcs11_key_usage"

struct prov_generation {
    prov_ctx *ctx;
    const prov_type *type;
    int selection;
    char *uri;
    char group[64];
    char encoding[32]; /* of the group */
    char *exponent;    /* in decimal */
    size_t bits, primes;
    EVP_PKEY_CTX *software;
};

/* What OpenSSL calls a group, and what a key on a token is called. */
static const struct group_row {
    const char *name, *also, *type;
} GROUPS[] = {
    {"P-256", "prime256v1", "P-256"},
    {"P-384", "secp384r1", "P-384"},
    {"P-521", "secp521r1", "P-521"},
};

static bool begin_software(prov_generation *g)
{
    bool keypair = (g->selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;

    g->software = EVP_PKEY_CTX_new_from_name(bridge_libctx(), g->type->name, NULL);
    return g->software != NULL &&
           (keypair ? EVP_PKEY_keygen_init(g->software) : EVP_PKEY_paramgen_init(g->software)) > 0;
}

void *prov_gen_init(prov_ctx *ctx, const prov_type *type, int selection, const OSSL_PARAM params[])
{
    prov_generation *g = OPENSSL_zalloc(sizeof(*g));

    if (g == NULL)
        return NULL;
    g->ctx = ctx;
    g->type = type;
    g->selection = selection;
    if (!begin_software(g) || !prov_gen_set_params(g, params)) {
        prov_gen_cleanup(g);
        return NULL;
    }
    return g;
}

/* A key of the template's group. */
int prov_gen_set_template(void *generation, void *template_key)
{
    prov_generation *g = generation;
    const prov_key *key = template_key;
    char group[64];
    size_t len = 0;

    if (key->pkey == NULL)
        return 0;
    return EVP_PKEY_get_group_name(key->pkey, group, sizeof(group), &len) == 1 &&
           EVP_PKEY_CTX_set_group_name(g->software, group) > 0;
}

static bool take_text(const OSSL_PARAM params[], const char *name, char **text)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL)
        return true;
    OPENSSL_free(*text);
    *text = NULL;
    return OSSL_PARAM_get_utf8_string(p, text, 0);
}

static bool take_word(const OSSL_PARAM params[], const char *name, char *word, size_t room)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    return p == NULL || OSSL_PARAM_get_utf8_string(p, &word, room);
}

static bool take_size(const OSSL_PARAM params[], const char *name, size_t *size)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    return p == NULL || OSSL_PARAM_get_size_t(p, size);
}

static bool take_exponent(prov_generation *g, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
    BIGNUM *exponent = NULL;

    if (p == NULL)
        return true;
    OPENSSL_free(g->exponent);
    g->exponent = OSSL_PARAM_get_BN(p, &exponent) ? BN_bn2dec(exponent) : NULL;
    BN_free(exponent);
    return g->exponent != NULL;
}

static int is_for_us(const OSSL_PARAM *p)
{
    return strcmp(p->key, PARAM_URI) == 0 || strcmp(p->key, PARAM_USAGE) == 0;
}

/* Keys here sign, and do nothing else. */
static bool check_usage(prov_generation *g, const OSSL_PARAM params[])
{
    char *usage = NULL;
    bool good = take_text(params, PARAM_USAGE, &usage);

    if (good && usage != NULL && strcmp(usage, "digitalSignature") != 0)
        good = prov_refuse(g->ctx, SIGB_E_USAGE,
                           "a key for \"%.40s\" is not made here: keys on tokens sign, so leave " PARAM_USAGE
                           " out, or say digitalSignature",
                           usage);
    OPENSSL_free(usage);
    return good;
}

/* All but ours, for software judges its own; it is told also where a token will make the key. */
static bool tell_software(const prov_generation *g, const OSSL_PARAM params[])
{
    OSSL_PARAM rest[16];
    size_t count = 0;

    for (const OSSL_PARAM *p = params; p->key != NULL; p++)
        if (!is_for_us(p) && count + 1 < COUNT(rest))
            rest[count++] = *p;
    rest[count] = (OSSL_PARAM)OSSL_PARAM_END;
    return count == 0 || EVP_PKEY_CTX_set_params(g->software, rest) > 0;
}

int prov_gen_set_params(void *generation, const OSSL_PARAM params[])
{
    prov_generation *g = generation;

    if (params == NULL)
        return 1;
    return take_text(params, PARAM_URI, &g->uri) && check_usage(g, params) &&
           take_word(params, OSSL_PKEY_PARAM_GROUP_NAME, g->group, sizeof(g->group)) &&
           take_word(params, OSSL_PKEY_PARAM_EC_ENCODING, g->encoding, sizeof(g->encoding)) &&
           take_size(params, OSSL_PKEY_PARAM_RSA_BITS, &g->bits) &&
           take_size(params, OSSL_PKEY_PARAM_RSA_PRIMES, &g->primes) && take_exponent(g, params) &&
           tell_software(g, params);
}

const OSSL_PARAM *prov_gen_settable_params(void *generation, void *ctx)
{
    static const OSSL_PARAM settable[] = {OSSL_PARAM_utf8_string(PARAM_URI, NULL, 0),
                                          OSSL_PARAM_utf8_string(PARAM_USAGE, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                          OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
                                          OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL),
                                          OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL),
                                          OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                          OSSL_PARAM_END};

    (void)generation;
    (void)ctx;
    return settable;
}

/* ---- on a token ---- */

static bool is_for_pss(const prov_generation *g)
{
    return g->type == &PROV_TYPE[PROV_RSA_PSS];
}

/* What software would do, and a token is not asked for: told before a key is there that is another one. */
static bool check_options(const prov_generation *g)
{
    if (g->exponent != NULL && strcmp(g->exponent, "65537") != 0)
        return prov_refuse(g->ctx, SIGB_E_KEY_UNSUPPORTED,
                           "no key with the public exponent %.40s is made on a token; say 65537, or leave "
                           "the exponent (rsa_keygen_pubexp) out",
                           g->exponent);
    if (g->primes != 0 && g->primes != 2)
        return prov_refuse(g->ctx, SIGB_E_KEY_UNSUPPORTED,
                           "no key of %zu primes is made on a token; say 2, or leave their number "
                           "(rsa_keygen_primes) out",
                           g->primes);
    if (g->encoding[0] != '\0' && strcasecmp(g->encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0)
        return prov_refuse(g->ctx, SIGB_E_KEY_UNSUPPORTED,
                           "no key with %s parameters is made on a token; say " OSSL_PKEY_EC_ENCODING_GROUP
                           ", or leave the encoding (ec_param_enc) out",
                           g->encoding);
    return true;
}

/* "P-256", "RSA-3072", "Ed25519"; NULL after a refusal. */
static const char *keygen_type(const prov_generation *g, char room[32])
{
    if (g->type == &PROV_TYPE[PROV_ED25519])
        return "Ed25519";
    if (g->type == &PROV_TYPE[PROV_ED448])
        return "Ed448";
    if (g->type == &PROV_TYPE[PROV_RSA] || is_for_pss(g)) {
        (void)snprintf(room, 32, "RSA-%zu", g->bits == 0 ? (size_t)3072 : g->bits);
        return room;
    }
    for (size_t i = 0; g->type == &PROV_TYPE[PROV_EC] && i < COUNT(GROUPS); i++)
        if (strcmp(g->group, GROUPS[i].name) == 0 || strcmp(g->group, GROUPS[i].also) == 0)
            return GROUPS[i].type;
    (void)prov_refuse(g->ctx, SIGB_E_KEY_UNSUPPORTED,
                      "no key of type %s%s%s is made on a token; choose P-256, P-384 or P-521", g->type->name,
                      g->group[0] == '\0' ? "" : " ", g->group);
    return NULL;
}

/* object= and id= of the URI are the new key's name; the key then goes by a URI of its own. */
static sigb_rc generate_at(const prov_generation *g, const char *type, const sigb_pkcs11_options *options,
                           sigb_buf *made, sigb_diag *diag)
{
    const bridge_rules rules = prov_rules(g->ctx);
    sigb_buf label = SIGB_BUF_INIT, id = SIGB_BUF_INIT;
    sigb_keygen wanted = {.type = type, .pss_only = is_for_pss(g)};
    char *usable = NULL;
    sigb_rc rc = bridge_uri_place(g->uri, &rules, &usable, &label, &id, diag);

    if (rc == SIGB_OK && label.len == 0)
        rc = sigb_fail(diag, SIGB_E_URI,
                       PARAM_URI " names no object; say object= for the label of the new key");
    if (rc == SIGB_OK && (wanted.label = text_c_str(&label)) == NULL)
        rc = sigb_no_memory(diag);
    wanted.id = sigb_buf_bytes(&id);
    if (rc == SIGB_OK)
        rc = sigb_token_keygen(usable, &wanted, options, made, diag);
    if (rc == SIGB_OK && text_c_str(made) == NULL)
        rc = sigb_no_memory(diag);
    bridge_uri_free(usable);
    sigb_buf_free(&label);
    sigb_buf_free(&id);
    return rc;
}

static prov_key *open_made(const prov_generation *g, const char *uri)
{
    const prov_asker nobody = {.ctx = g->ctx};
    sigb_diag diag = {{0}, 0};
    prov_key *key = NULL;
    sigb_rc rc = prov_key_open_found(uri, g->uri, &nobody, &key, &diag);

    if (rc != SIGB_OK) {
        (void)prov_fail(g->ctx, rc, &diag);
        (void)prov_refuse(
            g->ctx, SIGB_E_TOKEN,
            "the key was made, and could not be opened; it stays on the token: use or delete %s", uri);
    }
    return key;
}

static prov_key *generate_on_token(const prov_generation *g)
{
    prov_asker asker = {.ctx = g->ctx};
    const sigb_pkcs11_options options = prov_options(&asker);
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    prov_key *key = NULL;
    char room[32];
    const char *type = keygen_type(g, room);
    sigb_rc rc;

    if (type == NULL || !check_options(g) || !prov_hold_module(g->ctx))
        return NULL;
    rc = generate_at(g, type, &options, &made, &diag);
    if (rc == SIGB_OK)
        key = open_made(g, (const char *)made.ptr);
    else
        (void)prov_fail(g->ctx, rc, &diag);
    sigb_buf_free(&made);
    return key;
}

/* ---- as software does ---- */

static prov_key *generate_in_software(const prov_generation *g)
{
    prov_key *key = prov_key_new(g->ctx, g->type);

    if (key != NULL && EVP_PKEY_generate(g->software, &key->pkey) <= 0) {
        prov_key_free(key);
        key = NULL;
    }
    return key;
}

void *prov_gen(void *generation, OSSL_CALLBACK *progress, void *progress_arg)
{
    const prov_generation *g = generation;

    (void)progress;
    (void)progress_arg;
    return g->uri == NULL ? generate_in_software(g) : generate_on_token(g);
}

void prov_gen_cleanup(void *generation)
{
    prov_generation *g = generation;

    if (g == NULL)
        return;
    EVP_PKEY_CTX_free(g->software);
    OPENSSL_free(g->exponent);
    OPENSSL_free(g->uri);
    OPENSSL_free(g);
}
