/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For users of the OpenSSL provider, sigbridge.so: key files for software that
 * takes nothing else.
 *
 * Threads: any.
 */
#ifndef SIGBRIDGE_PROVIDER_H
#define SIGBRIDGE_PROVIDER_H

#include <sigbridge/bytes.h>

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
 * asked. SIGB_E_URI: not such a URI, of another kind of object, or with a
 * pin-value, because files are copied and kept. SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_provider_wrap(const char *uri, const sigb_notes *notes, sigb_buf *pem,
                                      sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
