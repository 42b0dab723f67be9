/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys, always in the private library context (libctx.h). */
#ifndef SIGB_BASE_PUBKEY_H
#define SIGB_BASE_PUBKEY_H

#include <openssl/types.h>

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>

#include "base/alg.h"

/* Reads one DER SubjectPublicKeyInfo without trailing bytes. The caller frees *key. SIGB_E_KEY_UNSUPPORTED. */
SIGB_CHECK sigb_rc pubkey_parse(sigb_bytes spki, EVP_PKEY **key, sigb_diag *diag);

/*
 * A public key of its numbers, big-endian. SIGB_E_KEY_UNSUPPORTED: they are none
 * of a key of that type: of another length, a point that is not on the curve.
 */
SIGB_CHECK sigb_rc pubkey_of_point(const char *group, sigb_bytes x, sigb_bytes y, EVP_PKEY **key,
                                   sigb_diag *diag); /* the groups of base/alg.c */
SIGB_CHECK sigb_rc pubkey_of_modulus(sigb_bytes n, sigb_bytes e, EVP_PKEY **key, sigb_diag *diag);
SIGB_CHECK sigb_rc pubkey_of_raw(const char *type, sigb_bytes raw, EVP_PKEY **key,
                                 sigb_diag *diag); /* "ED25519", "ED448" */

/* Appends the DER SubjectPublicKeyInfo of a key of any library context. */
SIGB_CHECK sigb_rc pubkey_put_spki(const EVP_PKEY *key, sigb_buf *spki, sigb_diag *diag);

/*
 * Appends the DER SubjectPublicKeyInfo of an uncompressed point (04 || x || y),
 * as OpenSSL writes it. Does not check that the point is on the curve:
 * pubkey_parse() does. False, and nothing appended: another curve than P-256,
 * P-384 and P-521, or another form. `spki` may fail.
 */
bool pubkey_put_point(const char *group, sigb_bytes point, sigb_buf *spki);

/*
 * Verifies a raw COSE signature over tbs. The key must be of the private
 * library context. SIGB_E_ALG_KEY: unknown algorithm, or it does not fit the
 * key. SIGB_E_SIGNATURE: wrong, or of the wrong length.
 */
SIGB_CHECK sigb_rc pubkey_verify(EVP_PKEY *key, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature,
                                 sigb_diag *diag);

/* PSS as RFC 8230 has it: salt as long as the digest, MGF1 over the same digest. Other families need none. */
bool pubkey_set_padding(EVP_PKEY_CTX *ctx, const alg_row *row);

/*
 * A key with what OpenSSL must set up before it can verify kept ready, for keys
 * that verify many signatures: setting up costs up to a tenth of a signature.
 * Immutable; may be shared by threads.
 */
typedef struct verifier verifier;

/*
 * Ready for `alg`, or SIGB_ALG_NONE for the one that fits the key by default;
 * where none does, nothing is kept. Takes a reference to the key, which must be
 * of the private library context. SIGB_E_ALG_KEY.
 */
SIGB_CHECK sigb_rc verifier_new(EVP_PKEY *key, sigb_alg alg, verifier **made, sigb_diag *diag);

EVP_PKEY *verifier_key(const verifier *v);

/* As pubkey_verify(), with any algorithm that fits the key. */
SIGB_CHECK sigb_rc verifier_check(const verifier *v, sigb_alg alg, sigb_bytes tbs, sigb_bytes signature,
                                  sigb_diag *diag);

void verifier_free(verifier *v);

#endif
