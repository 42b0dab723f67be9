/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of statements is told on its command line. */
#ifndef SIGB_TESTS_RECOVERY_OPTIONS_H
#define SIGB_TESTS_RECOVERY_OPTIONS_H

#include <stdbool.h>

typedef struct run_options {
    const char *module, *key, *init_args, *pin_file; /* as sigb_pkcs11_options and its PIN */
    const char *config; /* the key is one of our provider's, as this configuration has it */
    const char *root, *cert, *eku;
    const char *out;     /* folder for the statements */
    const char *event;   /* of events.h; NULL: none */
    unsigned long count; /* statements at least; more where an event takes its time */
    unsigned long threads;
    unsigned long points;                /* at which the event happens */
    unsigned long seed;                  /* of those points; 0: from the clock */
    unsigned long timeout_ms, within_ms; /* the deadline; what no operation may exceed, 0: anything */
    bool replicas, copy_key;
    bool trace;         /* calls that fail are told on standard error */
    bool until_refused; /* a thread ends with its first refusal */
    bool apart;         /* the token must be well after an event, before the next one */
} run_options;

/* Ends the process with a usage message where the arguments are not understood. */
void run_options_parse(run_options *options, int argc, char **argv);

/* A file as bytes of PEM or DER; ends the process where it cannot be read. */
struct sigb_buf;
void read_certs(const char *path, struct sigb_buf *certs);

/* Ends the process: a rig that does not stand proves nothing. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
