/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key URI in a PEM file, for software that takes a key *file* and nothing
 * else. The format is the one that users of pkcs11-provider (and p11sak of
 * opencryptoki) already have:
 *
 *     -----BEGIN PKCS#11 PROVIDER URI-----
 *     SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }, DER
 *     -----END PKCS#11 PROVIDER URI-----
 *
 * Exported for the provider of the same build, as pkcs11/bridge.h is.
 */
#ifndef SIGB_PKCS11_WRAP_H
#define SIGB_PKCS11_WRAP_H

#include <sigbridge/bytes.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define WRAP_PEM_NAME "PKCS#11 PROVIDER URI"

/*
 * Appends the PEM of a URI that names a private key (type= absent or private).
 * SIGB_E_URI: what p11_uri_parse() refuses, a type that is no private key, or a
 * pin-value: files are copied, kept and mailed, a PIN never stands in one.
 * On error `pem` is as it was.
 */
SIGB_CHECK sigb_rc wrap_write(const char *uri, const sigb_notes *notes, sigb_buf *pem, sigb_diag *diag);

/*
 * False: what begins with these bytes, all that there are up to WRAP_HEAD, is
 * something else. So that of a file which may be another's private key no more
 * is read than its head.
 */
#define WRAP_HEAD 6
bool wrap_begins(sigb_bytes der);

/*
 * Reads the DER behind the PEM; the caller frees *uri with OPENSSL_free().
 * SIGB_E_URI: anything but the one encoding of this structure. SIGB_E_LIMIT: a
 * URI longer than SIGB_MAX_URI. What the URI says is not judged: it comes from
 * a file that anybody may have written, and whoever opens it applies the rules
 * for such URIs.
 */
SIGB_CHECK sigb_rc wrap_read(sigb_bytes der, char **uri, sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
