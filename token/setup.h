/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examination of OpenSSL's configuration: what the file says (setup_conf.c),
 * what comes of it when OpenSSL loads it (setup_load.c), and what is to be said
 * of both (setup.c).
 */
#ifndef SIGB_TOKEN_SETUP_H
#define SIGB_TOKEN_SETUP_H

#include <openssl/conf.h>
#include <openssl/provider.h>

#include <sigbridge/provider.h>

/* What one check came to; the texts are raw. */
typedef struct setup_answer {
    sigb_verdict verdict;
    sigb_rc rc;
    sigb_buf found, advice;
} setup_answer;

typedef struct setup {
    char *path; /* of the file that is read */
    CONF *conf; /* NULL: it cannot be read; why is in unread */
    sigb_diag unread;
    const char *init; /* names of sections, of conf; NULL: not there */
    const char *providers;
    const char *ours; /* section of this provider; NULL: not named */

    OSSL_LIB_CTX *ctx;
    bool loaded;             /* without an error */
    sigb_buf errors;         /* of loading, a line each */
    sigb_buf active, rivals; /* what is active, and which of it is another way to tokens */
    OSSL_PROVIDER *provider; /* this one, if it is active; of ctx */
} setup;

/* ---- setup_conf.c ---- */

/* Reads the file, `asked` or the one that OpenSSL programs read. SIGB_E_MEMORY alone: what it says may be wrong. */
sigb_rc conf_read(setup *s, const char *asked, sigb_diag *diag);

/* Where OpenSSL looks for a provider that is named without a path. */
const char *conf_folder(void);

/* Appends the path of the provider of this build, or what stands for it where it is not found. */
void conf_put_library(sigb_buf *out);

/* A value of a section, NULL where it has none of this name. */
const char *conf_value(const setup *s, const char *section, const char *name);

/* A provider that the file names; of conf. */
typedef struct conf_entry {
    const char *identity, *section;
} conf_entry;

/* The one at this place, from 0 on; false behind the last. */
bool conf_take_provider(const setup *s, int at, conf_entry *entry);

/* As OpenSSL reads it since 3.2; before, any value activates. */
bool conf_activates(const setup *s, const char *section);

/* The section of the provider that goes by this name, NULL where none does. */
const char *conf_section_of(const setup *s, const char *identity);

/* Appends the lines that are missing: all, or those that activate `default`. */
void conf_put_lines(const setup *s, sigb_buf *out);
void conf_put_default(const setup *s, sigb_buf *out);

/* ---- setup_load.c ---- */

/* Loads the file as a program does, into a library context of its own. SIGB_E_MEMORY. */
sigb_rc load_all(setup *s, sigb_diag *diag);

/* Appends the name of the provider that gives a digest, or opens pkcs11: URIs; false: none does. */
bool load_put_digest(const setup *s, sigb_buf *out);
bool load_put_store(const setup *s, sigb_buf *out, bool *is_ours);

/* What this provider says of itself (pkcs11/asked.h). "" where it does not. */
const char *load_module(const setup *s);
const char *load_init_args(const setup *s);
bool load_put_text(const setup *s, const char *name, sigb_buf *out);

#endif
