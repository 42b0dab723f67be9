/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PINs. A sigb_pin lives in memory that core dumps leave out, locked as far as
 * the process's limits allow, is cleansed when it is freed or replaced, and
 * cannot be read back through this API: only the library hands it to a token.
 *
 * One trailing newline (LF or CRLF) of a file, descriptor or terminal line is
 * not part of the PIN. An empty PIN gives SIGB_E_PIN_NEEDED, one over
 * SIGB_MAX_PIN_LEN bytes SIGB_E_LIMIT. No error text holds any part of a PIN.
 */
#ifndef SIGBRIDGE_PIN_H
#define SIGBRIDGE_PIN_H

#include <sigbridge/bytes.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct sigb_pin sigb_pin;

typedef enum sigb_pin_kind {
    SIGB_PIN_USER = 0,     /* CKU_USER */
    SIGB_PIN_SO = 1,       /* CKU_SO: token initialisation */
    SIGB_PIN_CONTEXT = 2,  /* CKU_CONTEXT_SPECIFIC: a key that asks before every signature */
    SIGB_PIN_NEW_USER = 3, /* the user PIN to set at initialisation */
    SIGB_PIN_STORE = 4     /* what an OpenSSL store wants: a token's PIN, or the passphrase of a file */
} sigb_pin_kind;

/* Who asks. The strings are raw: escape them before they are shown. Valid during the call. */
typedef struct sigb_pin_request {
    sigb_pin_kind kind;
    const char *token;  /* label, trailing blanks removed; of a store the URI or file, without its query */
    const char *serial; /* serial number, trailing blanks removed; of a store "" */
} sigb_pin_request;

/*
 * Fills `pin` with one of the functions below, or refuses (SIGB_E_PIN_NEEDED).
 * Called with no lock held, at most once for each login; never again after the
 * token has refused a PIN.
 */
typedef sigb_rc (*sigb_pin_fn)(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag);

/*
 * A PIN of the application's own, for one that is asked for several times but
 * can be read once (a descriptor, a variable). NULL when no such memory can be had.
 */
sigb_pin *sigb_pin_new(void);

/* Copies the PIN of `from`. SIGB_E_PIN_NEEDED: it is empty. */
SIGB_CHECK sigb_rc sigb_pin_copy(sigb_pin *pin, const sigb_pin *from, sigb_diag *diag);

/* True when both are the same: for a new PIN that is typed twice. Takes as long for any two of one length. */
bool sigb_pin_equal(const sigb_pin *a, const sigb_pin *b);

/* Cleanses and releases what sigb_pin_new() gave. NULL is allowed. */
void sigb_pin_free(sigb_pin *pin);

/* Copies `text` into `pin`. The caller cleanses its own copy. */
SIGB_CHECK sigb_rc sigb_pin_put(sigb_pin *pin, sigb_bytes text, sigb_diag *diag);

/* Reads to the end of an open descriptor, unbuffered; the descriptor stays open. */
SIGB_CHECK sigb_rc sigb_pin_read_fd(sigb_pin *pin, int fd, sigb_diag *diag);

/* Reads a file. A regular file that group or others can read draws a note. */
SIGB_CHECK sigb_rc sigb_pin_read_file(sigb_pin *pin, const char *path, const sigb_notes *notes,
                                      sigb_diag *diag);

/*
 * Takes the value of an environment variable, overwrites it in place and
 * removes it, so that neither children nor cores have it. Not thread safe
 * against other users of the environment. Unset or empty: SIGB_E_PIN_NEEDED.
 */
SIGB_CHECK sigb_rc sigb_pin_take_env(sigb_pin *pin, const char *name, sigb_diag *diag);

/*
 * Prompts on /dev/tty with echo off, which is restored on return and on
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGTSTP. `prompt` is written as it is.
 * No terminal: SIGB_E_PIN_NEEDED.
 */
SIGB_CHECK sigb_rc sigb_pin_read_terminal(sigb_pin *pin, const char *prompt, sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
