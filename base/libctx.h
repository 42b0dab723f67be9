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

/* False: the next libctx_get() makes it, which takes OpenSSL a while. */
bool libctx_is_made(void);

/* The same, as a refusal: SIGB_E_MEMORY. */
SIGB_CHECK sigb_rc libctx_require(OSSL_LIB_CTX **ctx, sigb_diag *diag);

/*
 * A digest of that context by OpenSSL name, fetched once and kept; the caller
 * does not free it. NULL when it cannot be fetched.
 */
const EVP_MD *libctx_digest(const char *name);

#endif
