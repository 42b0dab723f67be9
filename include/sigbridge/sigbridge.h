/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole API. To sign: sigb_signer_from_pkcs11(), sigb_issuer_derive(),
 * sigb_builder_new(), sigb_builder_attach(), sigb_builder_sign(). To verify:
 * sigb_policy_new() and its setters, sigb_statement_parse(),
 * sigb_statement_verify(). Receipts: sigb_keys_put(), sigb_receipt_parse(),
 * sigb_receipt_verify().
 *
 * Cryptography of the library's own runs in a private OSSL_LIB_CTX with the
 * default provider alone and no configuration file, or in the one that
 * sigb_use_libctx() names. Tokens load whatever their
 * modules load.
 */
#ifndef SIGBRIDGE_SIGBRIDGE_H
#define SIGBRIDGE_SIGBRIDGE_H

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/error.h>
#include <sigbridge/issuer.h>
#include <sigbridge/limits.h>
#include <sigbridge/pin.h>
#include <sigbridge/provider.h>
#include <sigbridge/receipt.h>
#include <sigbridge/signer.h>
#include <sigbridge/statement.h>
#include <sigbridge/timestamp.h>
#include <sigbridge/token.h>
#include <sigbridge/verify.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Grows with every incompatible change of a structure or function; the soname's number. */
#define SIGBRIDGE_ABI_VERSION 0

/* The ABI version of the library that was loaded: compare with SIGBRIDGE_ABI_VERSION. */
int sigb_abi_version(void);

/*
 * For a program that owns its whole process: keeps OpenSSL's default context
 * from reading openssl.cnf, so that nothing named there is loaded by a PKCS#11
 * module that uses libcrypto. Call it first; it cannot be undone. The library's
 * own cryptography never depends on it.
 */
void sigb_ignore_openssl_conf(void);

/*
 * Has the library's own cryptography run in `ctx` instead of a private one: for
 * an application with a provider of its own, FIPS say. It must offer the digests
 * and signatures that are to be verified. Borrowed for the rest of the process.
 * SIGB_E_USAGE: no context, or the library has begun to use another.
 */
SIGB_CHECK sigb_rc sigb_use_libctx(OSSL_LIB_CTX *ctx, sigb_diag *diag);

/* The release, "0.1.0". Static. */
const char *sigb_version(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
