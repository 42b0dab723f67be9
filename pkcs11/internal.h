/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pkcs11/ share among themselves; what others may use is in pkcs11.h. */
#ifndef SIGB_PKCS11_INTERNAL_H
#define SIGB_PKCS11_INTERNAL_H

#include "pkcs11/pkcs11.h"

#include "base/alg.h"
#include "base/secret.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- uri.c ---- */

/* The PIN of pin-value; NULL where the URI has none. */
const sigb_pin *p11_uri_pin(const p11_uri *uri);

/* True unless the URI asks for another library, slot or token. */
bool p11_uri_fits_library(const p11_uri *uri, const CK_INFO *info);
bool p11_uri_fits_slot(const p11_uri *uri, CK_SLOT_ID id, const CK_SLOT_INFO *info);
bool p11_uri_fits_token(const p11_uri *uri, const CK_TOKEN_INFO *info);

#endif
