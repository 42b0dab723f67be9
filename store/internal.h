/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef SIGB_STORE_INTERNAL_H
#define SIGB_STORE_INTERNAL_H

#include <openssl/types.h>

#include <sigbridge/signer.h>

/* ---- reason.c ---- */

/* What OpenSSL's error queue says, of one call that failed. */
typedef struct store_reason {
    sigb_rc rc; /* SIGB_OK: nothing but that no object was recognised */
    bool ours;  /* said by our own provider: the words say what to do */
    unsigned long native;
    char text[SIGB_DIAG_TEXT]; /* without a PIN that a URI may hold */
} store_reason;

/* Empties the queue. What our own provider says keeps its code; what tells of no cause that is known gets `usual`. */
store_reason reason_take(sigb_rc usual);

/* Appends a URI as a person may see it: without its query, where RFC 7512 has the PIN. */
void put_uri(sigb_buf *out, const char *uri);

/* ---- context.c ---- */

/* A library context of one signer's own, and what is loaded into it. */
typedef struct store_context {
    OSSL_LIB_CTX *lib;
    OSSL_PROVIDER *loaded[SIGB_MAX_PROVIDERS + 1];
    size_t count;
} store_context;

/* `default`, then what options->config says, then the providers that are named. SIGB_E_USAGE, _MODULE, _SETUP, _IO, _LIMIT. */
SIGB_CHECK sigb_rc context_new(const sigb_store_options *options, store_context **made, sigb_diag *diag);

/* NULL is allowed. */
void context_free(store_context *context);

/* Loads one more by its name. SIGB_E_MODULE: *why says why, and diag nothing. SIGB_E_LIMIT, SIGB_E_MEMORY. */
SIGB_CHECK sigb_rc context_load(store_context *context, const char *name, store_reason *why, sigb_diag *diag);

/* ---- config.c ---- */

/* Sets up the providers that a file in openssl.cnf's form names, and loads those that it activates. */
SIGB_CHECK sigb_rc config_load(store_context *context, const char *path, sigb_diag *diag);

/* ---- ask.c ---- */

/* Bridges OpenSSL's UI to the application's callback, which is asked once at most. */
typedef struct store_asker {
    const sigb_store_options *options;
    const char *uri; /* as a person may see it */
    UI_METHOD *method;
    sigb_pin *pin;  /* what was given; NULL: nothing so far */
    bool is_closed; /* nobody is asked any more */
    bool is_used;   /* in the pass over the store that is under way */
    sigb_rc rc;     /* how asking ended */
    sigb_diag *diag;
} store_asker;

SIGB_CHECK sigb_rc asker_new(const sigb_store_options *options, const char *uri, store_asker **made,
                             sigb_diag *diag);

/* Cleanses the PIN. NULL is allowed. */
void asker_free(store_asker *asker);

/* ---- read.c ---- */

/* The one private key that the store has; the caller frees it. */
SIGB_CHECK sigb_rc read_key(const store_context *context, const char *uri, store_asker *asker, EVP_PKEY **key,
                            sigb_diag *diag);

/* Appends the certificates that the store shows. A failure is no refusal, unless a PIN was in play. */
SIGB_CHECK sigb_rc read_certs(const store_context *context, const char *uri, store_asker *asker,
                              sigb_buf *certs, sigb_diag *diag);

/* ---- signer.c ---- */

/* A signer over a key of OpenSSL's. Takes context and query, which may be NULL, and pkey, also on failure. */
SIGB_CHECK sigb_rc evp_signer_new(store_context *context, EVP_PKEY *pkey, char *query, bool has_pin,
                                  sigb_bytes certs, sigb_signer **signer, sigb_diag *diag);

#endif
