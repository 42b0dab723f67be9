/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one table for each verb says what it takes, and drives both the
 * parser and --help. The parser fills a structure of the verb's own, which
 * begins with common_args: a row says at which offset its value goes.
 */
#ifndef SIGB_CLI_OPTIONS_H
#define SIGB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <sigbridge/bytes.h>

typedef enum option_kind {
    OPTION_FLAG, /* bool */
    OPTION_TEXT, /* const char *, once */
    OPTION_LIST  /* option_list, any number */
} option_kind;

typedef enum option_need {
    OPTIONAL,
    NEEDED /* part of the usage line; the verb does not run without */
} option_need;

#define OPTION_LIST_MAX 32

typedef struct option_list {
    const char *items[OPTION_LIST_MAX]; /* of argv */
    size_t count;
} option_list;

typedef struct option {
    const char *name; /* without dashes; NULL: an argument without a name */
    char letter;      /* 0: none */
    option_kind kind;
    option_need need;
    size_t field;               /* offset in the verb's arguments */
    const char *value;          /* what the value is called: "FILE" */
    const char *const *choices; /* the values there are, NULL behind the last; NULL: any */
    const char *help;
} option;

/* What every verb takes; the first member of its arguments. */
typedef struct common_args {
    bool help, version, json, quiet, verbose, force;
    const char *result;
} common_args;

/* Where a PIN comes from: at most one of them. */
typedef struct pin_args {
    const char *file, *fd, *env;
} pin_args;

/* Which module, and how it is used. */
typedef struct module_args {
    const char *path, *init_args;
    bool allow_final_pin_try, trace;
} module_args;

/* How a key is held that signs. */
typedef struct signer_args {
    const char *timeout;
    bool replicas, no_relogin, copy_key;
} signer_args;

/* OpenSSL's providers, of which one has the key. */
typedef struct store_args {
    option_list provider;
    const char *config, *propquery;
} store_args;

/* A key, and all that may be said of how it is reached and held. */
typedef struct key_args {
    const char *name;
    module_args module;
    signer_args signer;
    store_args store;
} key_args;

/* clang-format off */
#define MODULE_OPTIONS(at) \
    {"module", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(module_args, path), "PATH", NULL, \
     "PKCS#11 module; else the URI's module-path or module-name, PKCS11_MODULE_PATH, p11-kit's proxy"}, \
    {"module-init-args", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(module_args, init_args), "STRING", NULL, \
     "what the module is initialised with, as NSS wants it"}, \
    {"allow-final-pin-try", 0, OPTION_FLAG, OPTIONAL, (at) + offsetof(module_args, allow_final_pin_try), NULL, NULL, \
     "log in although a wrong PIN would lock the token"}, \
    {"trace", 0, OPTION_FLAG, OPTIONAL, (at) + offsetof(module_args, trace), NULL, NULL, \
     "each Cryptoki call, its result and duration on standard error; never a PIN"}

/* Of verbs about tokens. */
#define TIMEOUT_OPTION(at, unsaid) \
    {"token-timeout", 0, OPTION_TEXT, OPTIONAL, at, "SECONDS", NULL, \
     "longest wait for the token, such as 30 or 0.5; time in which a PIN is typed does not count; 0 for ever; " unsaid " if not given"}

#define SIGNER_OPTIONS(at) \
    {"token-timeout", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(signer_args, timeout), "SECONDS", NULL, \
     "longest wait for the token, to open the key and for each signature, such as 30 or 0.5; 0 for ever; 30 if not given"}, \
    {"replicas", 0, OPTION_FLAG, OPTIONAL, (at) + offsetof(signer_args, replicas), NULL, NULL, \
     "several keys with one public key are one key, used in order"}, \
    {"no-relogin", 0, OPTION_FLAG, OPTIONAL, (at) + offsetof(signer_args, no_relogin), NULL, NULL, \
     "do not keep the PIN; a login that is lost ends the run"}, \
    {"copy-key", 0, OPTION_FLAG, OPTIONAL, (at) + offsetof(signer_args, copy_key), NULL, NULL, \
     "sign with a copy of the key in the session, where the token allows it"}

#define STORE_OPTIONS(at) \
    {"provider", 0, OPTION_LIST, OPTIONAL, (at) + offsetof(store_args, provider), "NAME[,PATH]", NULL, \
     "OpenSSL provider to load for a store: or file key"}, \
    {"provider-config", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(store_args, config), "FILE", NULL, \
     "set up the providers that this openssl.cnf leads to; no other is read"}, \
    {"propquery", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(store_args, propquery), "QUERY", NULL, \
     "OpenSSL property query, such as ?provider=tpm2"}

/* Three rows: prefix is "pin-" or "so-pin-". */
#define PIN_OPTIONS(prefix, who, at) \
    {prefix "file", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(pin_args, file), "FILE", NULL, who " from a file"}, \
    {prefix "fd", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(pin_args, fd), "N", NULL, who " from an open descriptor"}, \
    {prefix "env", 0, OPTION_TEXT, OPTIONAL, (at) + offsetof(pin_args, env), "NAME", NULL, \
     who " from an environment variable, which is wiped"}
/* clang-format on */

extern const char *const HASH_CHOICES[], *const PROFILE_CHOICES[];

struct report;

struct verb {
    const char *name; /* "token keygen" */
    const char *summary;
    const option *options;
    size_t option_count;
    size_t args_size;
    sigb_rc (*run)(const void *args, struct report *report, sigb_diag *diag);
};

/*
 * Reads argv (behind the verb's words) into `args`, which is zeroed and of
 * verb->args_size. Long options as --name VALUE or --name=VALUE, exact names
 * only; letters as -oVALUE, -o VALUE, flags also bundled; "--" ends options;
 * "-" is an argument. SIGB_E_USAGE: anything unknown, twice, missing, surplus.
 */
SIGB_CHECK sigb_rc options_parse(const struct verb *verb, int argc, char **argv, void *args, sigb_diag *diag);

/* Appends the help of a verb: 80 columns. */
void options_help(const struct verb *verb, sigb_buf *out);

/* True if --json stands among the options: for failures that come before or while parsing. */
bool options_want_json(int argc, char **argv);

/* Appends an argument for a person: escaped, the value of a pin-value attribute left out. */
void options_put_argument(sigb_buf *out, const char *argument);

#endif
