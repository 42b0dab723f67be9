/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For users of the OpenSSL provider, sigbridge.so: key files for software that
 * takes nothing else, and why a program does not find it.
 *
 * Threads: sigb_provider_wrap() any; sigb_provider_check() one at a time.
 */
#ifndef SIGBRIDGE_PROVIDER_H
#define SIGBRIDGE_PROVIDER_H

#include <sigbridge/bytes.h>
#include <sigbridge/token.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/*
 * Appends a PEM file that wraps the URI of a private key: OpenSSL reads it like
 * a key file where the provider is active (or pkcs11-provider, whose format it
 * is). The URI is checked as sigb_signer_from_pkcs11() does, but no token is
 * asked; without type= it is written with type=private, which others need. SIGB_E_URI: not such a URI, of another kind of object, or with a
 * pin-value, because files are copied and kept. SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_provider_wrap(const char *uri, const sigb_notes *notes, sigb_buf *pem,
                                      sigb_diag *diag);

/*
 * Examines whether OpenSSL programs find the provider: reads the configuration
 * file (`config`, or NULL for the one that such programs read: OPENSSL_CONF, else
 * OpenSSL's own), loads all that it names into a library context of its own, and
 * tells each check to `finding` once, always in the same order. Lines of the
 * advice after its first are to be written into the file as they stand.
 * What the configuration names is loaded into this process, and may do to it what
 * it does to any program: a program that must not end of it asks from a child.
 * Logs in nowhere and changes nothing.
 * SIGB_OK: no essential check failed. SIGB_E_SETUP: the configuration lacks
 * something. SIGB_E_MODULE, _TOKEN: the PKCS#11 module cannot be used. SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_provider_check(const char *config, sigb_finding_fn finding, void *finding_arg,
                                       sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
