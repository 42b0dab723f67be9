/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ecdsa.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include "base/error.h"

static bool put_number(const BIGNUM *number, uint8_t *out, size_t coord)
{
    return !BN_is_negative(number) && BN_bn2binpad(number, out, (int)coord) >= 0;
}

sigb_rc ecdsa_der_to_raw(sigb_bytes der, size_t coord, sigb_buf *raw, sigb_diag *diag)
{
    const unsigned char *p = der.ptr;
    uint8_t rs[2 * ECDSA_MAX_COORD];
    sigb_rc rc;
    ECDSA_SIG *sig = der.len > SIGB_MAX_SIGNATURE ? NULL : d2i_ECDSA_SIG(NULL, &p, (long)der.len);

    if (sig == NULL || p != der.ptr + der.len) {
        rc = sigb_openssl_refused(diag, SIGB_E_SIGNATURE_FAULT,
                                  "ECDSA signature is not one DER SEQUENCE of %zu bytes", der.len);
        goto out;
    }
    /* binpad refuses a number wider than the curve: a broken signer must not make us write before rs */
    if (coord > ECDSA_MAX_COORD || !put_number(ECDSA_SIG_get0_r(sig), rs, coord) ||
        !put_number(ECDSA_SIG_get0_s(sig), rs + coord, coord)) {
        rc = sigb_openssl_refused(diag, SIGB_E_SIGNATURE_FAULT, "ECDSA r or s does not fit %zu bytes", coord);
        goto out;
    }
    sigb_buf_append(raw, sigb_bytes_of(rs, 2 * coord));
    rc = raw->failed ? sigb_no_memory(diag) : SIGB_OK;
out:
    ECDSA_SIG_free(sig);
    return rc;
}

/*
 *   ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }    (RFC 3279, 2.2.3)
 * Written by hand: three short heads, no allocation on the verifying path.
 */
static size_t put_integer(sigb_bytes number, uint8_t *out)
{
    size_t at = 0;

    while (number.len > 1 && number.ptr[0] == 0) {
        number.ptr++;
        number.len--;
    }
    out[at++] = 0x02;
    out[at++] = (uint8_t)(number.len + (number.ptr[0] >> 7));
    if (number.ptr[0] >> 7)
        out[at++] = 0;
    memcpy(out + at, number.ptr, number.len);
    return at + number.len;
}

size_t ecdsa_put_der(const uint8_t *raw, size_t coord, uint8_t der[ECDSA_DER_ROOM])
{
    uint8_t body[2 * (3 + ECDSA_MAX_COORD)];
    size_t at = 0, len = put_integer(sigb_bytes_of(raw, coord), body);

    len += put_integer(sigb_bytes_of(raw + coord, coord), body + len);
    der[at++] = 0x30;
    if (len >= 0x80)
        der[at++] = 0x81;
    der[at++] = (uint8_t)len;
    memcpy(der + at, body, len);
    return at + len;
}

sigb_rc ecdsa_raw_to_der(sigb_bytes raw, size_t coord, sigb_buf *der, sigb_diag *diag)
{
    uint8_t made[ECDSA_DER_ROOM];

    if (coord == 0 || coord > ECDSA_MAX_COORD || raw.len != 2 * coord)
        return sigb_fail(diag, SIGB_E_SIGNATURE, "signature of %zu bytes where %zu are wanted", raw.len,
                         2 * coord);
    sigb_buf_append(der, sigb_bytes_of(made, ecdsa_put_der(raw.ptr, coord, made)));
    return der->failed ? sigb_no_memory(diag) : SIGB_OK;
}
