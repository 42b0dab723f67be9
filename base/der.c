/* SPDX-License-Identifier: Apache-2.0 */
#include "base/der.h"

#include <time.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>

#include "base/error.h"

sigb_rc der_take(sigb_buf *out, unsigned char *written, int len, const char *what, sigb_diag *diag)
{
    if (len <= 0)
        return sigb_openssl_failed(diag, what);
    sigb_buf_append(out, sigb_bytes_of(written, (size_t)len));
    OPENSSL_free(written);
    return out->failed ? sigb_no_memory(diag) : SIGB_OK;
}

bool der_seconds(const ASN1_TIME *time, int64_t *at)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *at = (int64_t)timegm(&tm);
    return true;
}
