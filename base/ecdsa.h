/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA signatures between their two forms: DER (X9.62, what OpenSSL speaks) and raw r || s (RFC 9053, 2.1). */
#ifndef SIGB_BASE_ECDSA_H
#define SIGB_BASE_ECDSA_H

#include <sigbridge/bytes.h>

/*
 * Appends r || s, each left-padded to `coord` bytes, to `raw`.
 * SIGB_E_SIGNATURE_FAULT: not one DER SEQUENCE, bytes behind it, or a number
 * that is negative or does not fit.
 */
SIGB_CHECK sigb_rc ecdsa_der_to_raw(sigb_bytes der, size_t coord, sigb_buf *raw, sigb_diag *diag);

/*
 * The DER form of r || s, each of `coord` bytes, at most ECDSA_MAX_COORD; returns
 * how many it takes.
 */
#define ECDSA_MAX_COORD 66 /* P-521 */
#define ECDSA_DER_ROOM  (3 + 2 * (3 + ECDSA_MAX_COORD))
size_t ecdsa_put_der(const uint8_t *raw, size_t coord, uint8_t der[ECDSA_DER_ROOM]);

/* Appends the DER form of an r || s of 2 * coord bytes. SIGB_E_SIGNATURE: another length. */
SIGB_CHECK sigb_rc ecdsa_raw_to_der(sigb_bytes raw, size_t coord, sigb_buf *der, sigb_diag *diag);

#endif
