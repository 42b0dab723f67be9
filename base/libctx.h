/* SPDX-License-Identifier: Apache-2.0 */
/* The private OSSL_LIB_CTX in which all cryptography of ours runs. */
#ifndef SIGB_BASE_LIBCTX_H
#define SIGB_BASE_LIBCTX_H

#include <stdbool.h>

#include <openssl/types.h>

#include <sigbridge/error.h>

/*
 * One context for the process: the default provider alone, no configuration
 * file, so that no openssl.cnf routes verification into a token. Made at first
 * use, from any thread; never freed, because OpenSSL's own teardown may run
 * first. NULL when it cannot be made; asking again tries again. An application
 * may name another before the first use: sigb_use_libctx().
 */
OSSL_LIB_CTX *libctx_get(void);

/*
 * Makes a thread's first call of OpenSSL, which enters it in a list under a lock,
 * where a fork waits for it: a child that found the lock taken would hang at its
 * end. Costs nothing from the second time on.
 */
void libctx_meet_thread(void);

/*
 * Makes it and starts its providers, unless that was done: before a module is loaded, which may be built on the same
 * OpenSSL. The default provider enters its ciphers into one table of the whole process when it is started for the first
 * time, in whichever context, and without a lock (OpenSSL 3.0 to 3.6). A module that meets a table half full lacks the
 * rest for good, and a token takes that for a wrong PIN.
 */
void libctx_start(void);

/* Whether it is there. */
bool libctx_is_made(void);

/* The same, as a refusal: SIGB_E_MEMORY. */
SIGB_CHECK sigb_rc libctx_require(OSSL_LIB_CTX **ctx, sigb_diag *diag);

/*
 * A digest of that context by OpenSSL name, fetched once and kept; the caller
 * does not free it. NULL when it cannot be fetched.
 */
const EVP_MD *libctx_digest(const char *name);

#endif
