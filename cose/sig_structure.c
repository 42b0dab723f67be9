/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   Sig_structure = [
 *     context: "Signature1",
 *     body_protected: bstr,    ; the content of the protected bstr, byte for byte as it stands
 *     external_aad: bstr,      ; empty for statements and receipts
 *     payload: bstr            ; also where the statement itself holds nil
 *   ]                                                       (RFC 9052, 4.4)
 */
#include "cose/sig_structure.h"

#include "cose/writer.h"

void sig_structure_put_aad(sigb_buf *out, sigb_bytes body_protected, sigb_bytes external_aad,
                           sigb_bytes payload)
{
    put_array(out, 4);
    put_tstr(out, "Signature1");
    put_bstr(out, body_protected);
    put_bstr(out, external_aad);
    put_bstr(out, payload);
}

void sig_structure_put(sigb_buf *out, sigb_bytes body_protected, sigb_bytes payload)
{
    sig_structure_put_aad(out, body_protected, SIGB_BYTES_NONE, payload);
}
