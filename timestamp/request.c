/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   TimeStampReq ::= SEQUENCE { version INTEGER { v1(1) }, messageImprint, reqPolicy OPTIONAL,
 *                      nonce INTEGER OPTIONAL, certReq BOOLEAN DEFAULT FALSE }      (RFC 3161, 2.4.1)
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/der.h"
#include "base/error.h"
#include "base/libctx.h"
#include "timestamp/timestamp.h"

#define NONCE_LEN 8 /* some TSAs take no more */

/* ---- asking ---- */

static bool set_imprint(TS_REQ *request, const hash_row *row, sigb_bytes digest)
{
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    bool set = imprint != NULL && algorithm != NULL &&
               X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(libctx_digest(row->digest))),
                               V_ASN1_NULL, NULL) == 1 &&
               TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
               TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest.ptr, (int)digest.len) ==
                   1 &&
               TS_REQ_set_msg_imprint(request, imprint) == 1;

    X509_ALGOR_free(algorithm); /* the setters copy */
    TS_MSG_IMPRINT_free(imprint);
    return set;
}

/* Positive, and of its full length. */
static bool set_nonce(TS_REQ *request)
{
    uint8_t random[NONCE_LEN];
    BIGNUM *number = NULL;
    ASN1_INTEGER *nonce = NULL;
    bool set;

    if (RAND_bytes_ex(libctx_get(), random, sizeof(random), 0) == 1) {
        random[0] = (uint8_t)((random[0] & 0x7F) | 0x40);
        number = BN_bin2bn(random, sizeof(random), NULL);
    }
    if (number != NULL)
        nonce = BN_to_ASN1_INTEGER(number, NULL);
    set = nonce != NULL && TS_REQ_set_nonce(request, nonce) == 1;
    ASN1_INTEGER_free(nonce);
    BN_free(number);
    return set;
}

static sigb_rc fill(TS_REQ *request, const hash_row *row, sigb_bytes digest, sigb_buf *out, sigb_diag *diag)
{
    unsigned char *der = NULL;
    int len;

    if (request == NULL || TS_REQ_set_version(request, 1) != 1 || !set_imprint(request, row, digest) ||
        !set_nonce(request) || TS_REQ_set_cert_req(request, 1) != 1)
        return sigb_openssl_failed(diag, "a request for a time stamp");
    len = i2d_TS_REQ(request, &der);
    return der_take(out, der, len, "to write a request for a time stamp", diag);
}

sigb_rc request_put(sigb_bytes stamped, sigb_hash hash, sigb_buf *request, sigb_diag *diag)
{
    const hash_row *row = hash_row_of(hash);
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t before = request->len;
    TS_REQ *made;
    sigb_rc rc = stamp_digest(row, stamped, digest, diag);

    if (rc != SIGB_OK)
        return rc;
    ERR_clear_error();
    made = TS_REQ_new();
    rc = fill(made, row, sigb_bytes_of(digest, row->len), request, diag);
    TS_REQ_free(made);
    if (rc != SIGB_OK)
        request->len = before;
    return rc;
}

/* ---- what answers it ---- */

static bool same_imprint(TS_MSG_IMPRINT *a, TS_MSG_IMPRINT *b)
{
    const ASN1_OBJECT *one, *other;

    X509_ALGOR_get0(&one, NULL, NULL, TS_MSG_IMPRINT_get_algo(a));
    X509_ALGOR_get0(&other, NULL, NULL, TS_MSG_IMPRINT_get_algo(b));
    return OBJ_cmp(one, other) == 0 &&
           ASN1_STRING_cmp(TS_MSG_IMPRINT_get_msg(a), TS_MSG_IMPRINT_get_msg(b)) == 0;
}

static sigb_rc check_answer(TS_TST_INFO *info, TS_REQ *request, sigb_diag *diag)
{
    const ASN1_INTEGER *asked = TS_REQ_get_nonce(request), *answered = TS_TST_INFO_get_nonce(info);
    const ASN1_OBJECT *policy = TS_REQ_get_policy_id(request);

    if (!same_imprint(TS_REQ_get_msg_imprint(request), TS_TST_INFO_get_msg_imprint(info)))
        return sigb_fail(
            diag, SIGB_E_TIMESTAMP_IMPRINT,
            "the time stamp is of another digest than the request; give the response to this request");
    if (asked != NULL && (answered == NULL || ASN1_INTEGER_cmp(asked, answered) != 0))
        return sigb_fail(
            diag, SIGB_E_TIMESTAMP_NONCE,
            "the time stamp has %s nonce where the request has one: it answers another request, or is "
            "an old answer; ask the TSA anew",
            answered == NULL ? "no" : "another");
    if (policy != NULL && OBJ_cmp(policy, TS_TST_INFO_get_policy_id(info)) != 0)
        return sigb_fail(diag, SIGB_E_TIMESTAMP_NONCE,
                         "the time stamp is under another policy than the request wants; ask the TSA anew");
    return SIGB_OK;
}

sigb_rc sigb_timestamp_check_answer(const sigb_timestamp *timestamp, sigb_bytes request, sigb_diag *diag)
{
    const unsigned char *p = request.ptr;
    TS_REQ *read;
    sigb_rc rc;

    if (timestamp == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no time stamp to compare with a request");
    if (request.len > SIGB_MAX_TIMESTAMP)
        return sigb_fail(diag, SIGB_E_LIMIT, "a request for a time stamp of %zu bytes: at most %d are read",
                         request.len, SIGB_MAX_TIMESTAMP);
    ERR_clear_error();
    read = request.len == 0 ? NULL : d2i_TS_REQ(NULL, &p, (long)request.len);
    if (read == NULL || p != request.ptr + request.len)
        rc = sigb_openssl_refused(
            diag, SIGB_E_TIMESTAMP_MALFORMED,
            "%zu bytes are not a request for a time stamp (RFC 3161, 2.4.1); give the one that "
            "went to the TSA",
            request.len);
    else
        rc = check_answer(timestamp->info, read, diag);
    TS_REQ_free(read);
    return rc;
}
