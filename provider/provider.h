/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of provider/ share: the context of one loaded provider, its keys, its refusals. */
#ifndef SIGB_PROVIDER_PROVIDER_H
#define SIGB_PROVIDER_PROVIDER_H

#include <stdatomic.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>

#include "pkcs11/bridge.h"
#include "provider/config.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- main.c ---- */

typedef struct prov_ctx {
    const OSSL_CORE_HANDLE *core;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_BIO_read_ex_fn *bio_read;
    OSSL_FUNC_BIO_gets_fn *bio_gets;
    OSSL_FUNC_BIO_ctrl_fn *bio_ctrl;
    OSSL_FUNC_BIO_write_ex_fn *bio_write;
    prov_config *config;
    struct prov_reasons *reasons;         /* NULL: errors show numbers */
    struct prov_operation *operations;    /* what query_operation() tells */
    bridge_module *_Atomic module;        /* held from the first use on */
    struct prov_refusal *_Atomic refusal; /* of a key that a file names, until it is told again (decoder.c) */
} prov_ctx;

/*
 * The refusal as an error of this provider in OpenSSL's queue: reason is the
 * sigb_rc, its words behind. Returns 0, so that a refusal is one statement.
 */
int prov_fail(prov_ctx *ctx, sigb_rc rc, const sigb_diag *diag);
int prov_refuse(prov_ctx *ctx, sigb_rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- reasons.c ---- */

/* From now on OpenSSL's errors have our words for reasons; NULL: they show numbers. `identity` outlives it. */
typedef struct prov_reasons prov_reasons;
prov_reasons *prov_reasons_new(prov_ctx *ctx, const char *identity);
void prov_reasons_free(prov_reasons *reasons);

/* ---- wish.c ---- */

/* What a signature by RSA-PSS was asked to be. */
typedef struct prov_wish {
    bool pss, has_salt;
    int salt; /* bytes, or one of OpenSSL's RSA_PSS_SALTLEN_... */
} prov_wish;

/* False: something else is in the parameters, and nothing was taken. */
bool prov_wish_take(prov_wish *wish, const OSSL_PARAM params[]);

/* False: the twin refuses it. */
bool prov_wish_tell(const prov_wish *wish, EVP_PKEY_CTX *twin);

/* ---- access.c ---- */

/* Who may be asked for a PIN: the configuration, then the application's callback while it waits. */
typedef struct prov_asker {
    prov_ctx *ctx;
    OSSL_PASSPHRASE_CALLBACK *callback; /* NULL: nobody waits */
    void *callback_arg;
} prov_asker;

/* How keys are reached, as the configuration has it; asks `asker`, which outlives what is opened. */
sigb_pkcs11_options prov_options(prov_asker *asker);
bridge_rules prov_rules(const prov_ctx *ctx);

/* Holds the module from now on, so that it is started once. False after prov_fail(): no PIN may be given to it. */
bool prov_hold_module(prov_ctx *ctx);

/* ---- key.c ---- */

/*
 * Before each signature OpenSSL looks for the operation that the key names. Under
 * a name that others have too it finds theirs first, where they are listed first,
 * and tries in vain to give them the key: so ours has a name of its own besides.
 */
#define PROV_OWN(signature) "sigbridge-" signature

/* A type of key: what OpenSSL calls it. */
typedef struct prov_type {
    const char *name;      /* in the library's own context, and of OSSL_OBJECT_PARAM_DATA_TYPE */
    const char *signature; /* that it makes */
    const char *operation; /* the same, as nobody else calls it */
    const char *cipher;    /* that it encrypts with, as nobody else calls it; NULL: none */
    const char *kem;       /* that it encapsulates with, likewise */
} prov_type;

#define PROV_TYPES 5
extern const prov_type PROV_TYPE[PROV_TYPES];
enum { PROV_RSA, PROV_RSA_PSS, PROV_EC, PROV_ED25519, PROV_ED448 };

/* A private key on a token, and who opened it. Shared by the keys that were made of it. */
typedef struct prov_secret {
    atomic_uint users;
    prov_asker asker;
    bridge_key *key;
} prov_secret;

/*
 * What OpenSSL holds as a key of ours: its software half, in the library's own
 * context, and the private key on the token. Without that it is a key like any
 * other: public, or of software, where OpenSSL brings us one because we are
 * listed before `default`.
 */
typedef struct prov_key {
    atomic_uint users;
    prov_ctx *ctx;
    const prov_type *type;
    EVP_PKEY *pkey; /* NULL while it is being made */
    prov_secret *secret;
} prov_key;

prov_key *prov_key_new(prov_ctx *ctx, const prov_type *type);
void prov_key_free(prov_key *key);

/* One more user of the same key; who frees it once more. */
prov_key *prov_key_hold(prov_key *key);

/* Another key of the same halves; NULL: out of memory. */
prov_key *prov_key_share(const prov_key *key);

/* A public key of a SubjectPublicKeyInfo; NULL after prov_fail(). */
prov_key *prov_key_from_spki(prov_ctx *ctx, sigb_bytes spki);

/* Opens the private key that a URI names; the callback is asked during this call alone. NULL after prov_fail(). */
prov_key *prov_key_open(prov_ctx *ctx, const char *uri, OSSL_PASSPHRASE_CALLBACK *callback,
                        void *callback_arg);

/*
 * The same by the URI that was found for it, with the query of the URI that was asked for: its PIN source. Whoever calls
 * tells why not.
 */
sigb_rc prov_key_open_found(const char *found, const char *asked, const prov_asker *asker, prov_key **key,
                            sigb_diag *diag);

/* How a key goes to OpenSSL and comes back; whoever takes it leaves NULL. */
typedef struct prov_reference {
    prov_key *key;
} prov_reference;

/* store.c: hands the key to OpenSSL by reference; takes it. */
int prov_give_key(prov_key *key, OSSL_CALLBACK *callback, void *arg);

/* ---- twin.c ---- */

/* The context of an operation that software does with a key's software half. */
typedef struct prov_twin {
    prov_ctx *prov;
    EVP_PKEY_CTX *ctx; /* in the library's own context; NULL until it begins */
} prov_twin;

void *prov_twin_new(void *provctx);
void prov_twin_free(void *arg);
void *prov_twin_dup(void *arg);

/* 0 after prov_refuse(), or with what OpenSSL says. */
typedef int prov_twin_init(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);
int prov_twin_begin(prov_twin *twin, prov_twin_init *init, const prov_key *key, const OSSL_PARAM params[]);

/* The same for what needs the private half, and is refused where a token has it: in words, of the verb for it. */
int prov_twin_begin_private(prov_twin *twin, prov_twin_init *init, const prov_key *key,
                            const OSSL_PARAM params[], const char *verb);

int prov_twin_get_params(void *arg, OSSL_PARAM params[]);
int prov_twin_set_params(void *arg, const OSSL_PARAM params[]);

/* The names of these are the twin's, which has more of them in later versions of OpenSSL; before it begins, the usual ones. */
const OSSL_PARAM *prov_twin_gettable(const prov_twin *twin, const OSSL_PARAM usual[]);
const OSSL_PARAM *prov_twin_settable(const prov_twin *twin, const OSSL_PARAM usual[]);

/* ---- the operations ---- */

/* Property definitions in these tables get provider=NAME in front, by the name that the configuration loads us under. */
extern const OSSL_ALGORITHM PROV_STORES[], PROV_KEYMGMTS[], PROV_SIGNATURES[], PROV_CIPHERS[], PROV_KEMS[],
    PROV_ENCODERS[], PROV_DECODERS[];

/* generate.c: the OSSL_FUNC_keymgmt_gen_* of all types */
typedef struct prov_generation prov_generation;
void *prov_gen_init(prov_ctx *ctx, const prov_type *type, int selection, const OSSL_PARAM params[]);
int prov_gen_set_template(void *generation, void *template_key);
int prov_gen_set_params(void *generation, const OSSL_PARAM params[]);
const OSSL_PARAM *prov_gen_settable_params(void *generation, void *ctx);
void *prov_gen(void *generation, OSSL_CALLBACK *progress, void *progress_arg);
void prov_gen_cleanup(void *generation);

#endif
