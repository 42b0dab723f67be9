/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What openssl.cnf says to the provider, and the environment: read once, when
 * OpenSSL loads it. Every name that is understood stands in one table, our own
 * names and those of pkcs11-provider and of libp11's provider, so that their
 * users change one path and nothing else.
 *
 * Two names of the configuration that say different things of one setting are
 * refused. Between configuration and environment, each name keeps the place it
 * has where it comes from: PKCS11_PROVIDER_MODULE goes before every name;
 * PKCS11_MODULE_PATH, PKCS11_PIN and PKCS11_FORCE_LOGIN go before libp11's
 * names (pkcs11_module, pin, force_login) and behind all others. A value that
 * is empty says nothing.
 */
#ifndef SIGB_PROVIDER_CONFIG_H
#define SIGB_PROVIDER_CONFIG_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include <sigbridge/pin.h>

/* Before what the store looks for things; a wrapped URI is opened for private keys alone, whatever this says. */
typedef enum config_login {
    CONFIG_LOGIN_PRIVATE = 0, /* private keys */
    CONFIG_LOGIN_AUTO,        /* and for the rest where nothing is found without */
    CONFIG_LOGIN_ALWAYS
} config_login;

/* A name that was given and does nothing, or not what it says; all static. */
typedef struct config_note {
    const char *name, *why;
} config_note;

#define CONFIG_NOTES 40 /* more than names in the table */

typedef struct prov_config {
    char *module, *init_args; /* NULL: not said */
    char *pin_source;         /* absolute path of a file that holds the PIN; NULL where `pin` is */
    sigb_pin *pin;            /* in secret memory, or NULL */
    unsigned timeout_ms;      /* 0: none */
    bool verify_signatures;   /* every signature, not the first alone */
    bool copy_key, replicas, no_relogin, allow_final_pin_try; /* as in sigb_pkcs11_options */
    bool uri_may_name_module; /* module-path= and module-name= of URIs act; else they are passed over */
    bool uri_may_hold_pin;    /* pin-value= of URIs acts; else it is refused */
    config_login login_behaviour;
    config_note notes[CONFIG_NOTES];
    size_t note_count;
} prov_config;

/*
 * Asks the core for every name of the table. SIGB_E_USAGE: a value that is none
 * of its name's, or two names that contradict each other. No PIN is in the words.
 */
SIGB_CHECK sigb_rc config_read(const OSSL_CORE_HANDLE *handle, OSSL_FUNC_core_get_params_fn *get_params,
                               prov_config **config, sigb_diag *diag);

/* NULL is allowed. */
void config_free(prov_config *config);

/* Answers the questions of pkcs11/asked.h among these; 0 where a buffer is too small for the answer. */
int config_tell(const prov_config *config, OSSL_PARAM params[]);

#endif
