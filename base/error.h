/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a result down where it is known. */
#ifndef SIGB_BASE_ERROR_H
#define SIGB_BASE_ERROR_H

#include <sigbridge/error.h>

/* Refusals are rare: what leads to one is laid out away from what does not, which then fits into fewer lines of a cache. */
#ifdef __GNUC__
#define RARE __attribute__((cold))
#else
#define RARE
#endif

/* Writes the words into diag (may be NULL) and returns rc, so that a refusal is one statement. */
RARE sigb_rc sigb_fail(sigb_diag *diag, sigb_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the CKR_ or OpenSSL code behind it. */
RARE sigb_rc sigb_fail_native(sigb_diag *diag, sigb_rc rc, unsigned long native, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* SIGB_E_MEMORY with its words. */
RARE sigb_rc sigb_no_memory(sigb_diag *diag);

/*
 * For an OpenSSL call of ours that failed though its input was good: SIGB_E_MEMORY
 * if OpenSSL's error queue says so, else SIGB_E_INTERNAL naming `what`. Empties the queue.
 */
RARE sigb_rc sigb_openssl_failed(sigb_diag *diag, const char *what);

/*
 * For an OpenSSL call that judged input: `rc` and the words, unless the error
 * queue holds a refused allocation, which is SIGB_E_MEMORY: a lack of memory is
 * never reported as bad input. Empties the queue.
 */
RARE sigb_rc sigb_openssl_refused(sigb_diag *diag, sigb_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* clang's analyzer reads one file at a time: without this it thinks that a refusal may be SIGB_OK. */
#ifdef __clang_analyzer__
#define sigb_fail(diag, rc, ...)                (sigb_fail((diag), (rc), __VA_ARGS__), (rc))
#define sigb_fail_native(diag, rc, native, ...) (sigb_fail_native((diag), (rc), (native), __VA_ARGS__), (rc))
#define sigb_no_memory(diag)                    (sigb_no_memory(diag), SIGB_E_MEMORY)
#endif

/* Passes a note on, if anybody listens. */
void sigb_note(const sigb_notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
