/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs within options->timeout_ms. A verb runs as one operation (pkcs11/deadline.h)
 * on copies of what it was given, for it may go on when nobody waits any more. What
 * belongs to the caller, the PIN, notes and whoever is told, is called in the
 * caller's thread, and that time does not count.
 */
#ifndef SIGB_TOKEN_BOUND_H
#define SIGB_TOKEN_BOUND_H

#include "pkcs11/pkcs11.h"

/* What keeps the copies. */
typedef struct bound bound;

typedef struct bound_verb {
    size_t size;                        /* of its arguments, a struct */
    void (*copy)(bound *b, void *args); /* what they point to */
    sigb_rc (*run)(const void *args, const sigb_pkcs11_options *options, sigb_buf *made, sigb_diag *diag);
} bound_verb;

/* Copies that live as long as the verb; NULL stays NULL, and no bytes stay none. */
const char *bound_text(bound *b, const char *text);
sigb_bytes bound_bytes(bound *b, sigb_bytes bytes);

/* Runs the verb. `made` may be NULL; what the verb appends to it is there if it succeeds. SIGB_E_TIMEOUT. */
SIGB_CHECK sigb_rc bound_run(const bound_verb *verb, const void *args, const sigb_pkcs11_options *options,
                             sigb_buf *made, sigb_diag *diag);

#endif
