/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates that a token holds. Which of them is the key's is judged
 * later, by public key; here they are only brought along.
 */
#include "pkcs11/internal.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/certs.h"
#include "base/error.h"

#define MAX_LOOKED_AT (4 * SIGB_MAX_CERTS)

/* What is kept first where a token has more than may come along. */
typedef enum cert_rank { OF_THE_KEY, OF_A_CA, OTHER, UNREADABLE, RANKS = UNREADABLE } cert_rank;

typedef struct candidate {
    CK_OBJECT_HANDLE object;
    sigb_buf der;
    cert_rank rank;
} candidate;

typedef struct collection {
    p11_module *module;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key; /* CK_INVALID_HANDLE if there is none */
    sigb_bytes spki;      /* of the key; no bytes if it is not known */
    sigb_buf key_id;
    const sigb_notes *notes;
    candidate found[MAX_LOOKED_AT];
    size_t count;
} collection;

/* Lack of memory is a failure, and so is a token that fails; anything else is one certificate that cannot be used. */
static sigb_rc pass_over(const collection *of, sigb_rc rc, const sigb_diag *why, sigb_diag *diag)
{
    if (rc == SIGB_E_MEMORY || fault_of(rc, why).class != CKR_FINAL) {
        if (diag != NULL)
            *diag = *why;
        return rc;
    }
    sigb_note(of->notes, "a certificate on the token is passed over: %s", why->text);
    return SIGB_OK;
}

/* ---- which come along, where not all can ---- */

static sigb_rc has_key_id(const collection *of, CK_OBJECT_HANDLE object, bool *same, sigb_diag *diag)
{
    sigb_buf id = SIGB_BUF_INIT;
    sigb_rc rc = of->key_id.len == 0 ? SIGB_OK
                                     : p11_attribute(of->module, of->session, object, CKA_ID, &id, diag);

    *same = id.len > 0 && sigb_bytes_equal(sigb_buf_bytes(&id), sigb_buf_bytes(&of->key_id));
    sigb_buf_free(&id);
    return rc;
}

static sigb_rc rank_of(const collection *of, candidate *one, X509 *cert, sigb_diag *diag)
{
    sigb_buf spki = SIGB_BUF_INIT;
    bool same = false;
    sigb_rc rc = cert_put_spki(cert, &spki, diag);

    if (rc == SIGB_OK)
        rc = has_key_id(of, one->object, &same, diag);
    if (same || (of->spki.len > 0 && sigb_bytes_equal(sigb_buf_bytes(&spki), of->spki)))
        one->rank = OF_THE_KEY;
    else
        one->rank = X509_check_ca(cert) > 0 ? OF_A_CA : OTHER;
    ERR_clear_error();
    sigb_buf_free(&spki);
    return rc;
}

static sigb_rc rank(const collection *of, candidate *one, sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    X509 *cert = NULL;
    sigb_rc rc = cert_parse(sigb_buf_bytes(&one->der), &cert, &why);

    if (rc == SIGB_OK)
        rc = rank_of(of, one, cert, &why);
    X509_free(cert);
    if (rc == SIGB_OK)
        return SIGB_OK;
    one->rank = UNREADABLE;
    return pass_over(of, rc, &why, diag);
}

/* To read a certificate is slow, so none is read where all come along. */
static sigb_rc rank_all(collection *of, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    if (of->count <= SIGB_MAX_CERTS)
        return SIGB_OK;
    sigb_note(of->notes, "of %zu certificates on the token, %d come along: the key's first, then CAs",
              of->count, SIGB_MAX_CERTS);
    if (of->key != CK_INVALID_HANDLE)
        rc = p11_attribute(of->module, of->session, of->key, CKA_ID, &of->key_id, diag);
    for (size_t i = 0; rc == SIGB_OK && i < of->count; i++)
        rc = rank(of, &of->found[i], diag);
    return rc;
}

/* ---- what there is ---- */

/* One whole DER value, as certificates are: they stand one behind the other for those who read them. */
static sigb_rc require_framed(sigb_bytes der, sigb_diag *diag)
{
    sigb_bytes rest = der, one;

    if (sigb_certs_next(&rest, &one) && rest.len == 0)
        return SIGB_OK;
    return sigb_fail(diag, SIGB_E_CERT_DER, "%zu bytes are not one DER certificate; give it as it was issued",
                     der.len);
}

static sigb_rc look_at(collection *of, CK_OBJECT_HANDLE object, sigb_diag *diag)
{
    candidate *next = &of->found[of->count];
    sigb_diag why = {{0}, 0};
    sigb_rc rc = p11_attribute(of->module, of->session, object, CKA_VALUE, &next->der, &why);

    if (rc == SIGB_OK)
        rc = require_framed(sigb_buf_bytes(&next->der), &why);
    if (rc == SIGB_OK) {
        next->object = object;
        of->count++;
        return SIGB_OK;
    }
    sigb_buf_free(&next->der);
    return pass_over(of, rc, &why, diag);
}

static sigb_rc look_at_all(collection *of, sigb_diag *diag)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static const CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, (void *)(uintptr_t) & class, sizeof(class)},
                             {CKA_CERTIFICATE_TYPE, (void *)(uintptr_t)&type, sizeof(type)}};
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = p11_objects_find(of->module, of->session, wanted, COUNT(wanted), &objects, &count, diag);

    if (rc == SIGB_OK && count > MAX_LOOKED_AT)
        sigb_note(of->notes, "the token holds %zu certificates; %d of them are read", count, MAX_LOOKED_AT);
    for (size_t i = 0; rc == SIGB_OK && i < count && i < MAX_LOOKED_AT; i++)
        rc = look_at(of, objects[i], diag);
    OPENSSL_free(objects);
    return rc;
}

static sigb_rc put_by_rank(const collection *of, sigb_buf *certs, sigb_diag *diag)
{
    size_t put = 0;

    for (int rank = 0; rank < RANKS; rank++)
        for (size_t i = 0; i < of->count && put < SIGB_MAX_CERTS; i++)
            if ((int)of->found[i].rank == rank) {
                sigb_buf_append(certs, sigb_buf_bytes(&of->found[i].der));
                put++;
            }
    return certs->failed ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc certs_collect(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, sigb_bytes spki,
                      const sigb_notes *notes, sigb_buf *certs, sigb_diag *diag)
{
    collection *of = OPENSSL_zalloc(sizeof(*of));
    sigb_rc rc;

    if (of == NULL)
        return sigb_no_memory(diag);
    of->module = module;
    of->session = session;
    of->key = key;
    of->spki = spki;
    of->notes = notes;
    rc = look_at_all(of, diag);
    if (rc == SIGB_OK)
        rc = rank_all(of, diag);
    if (rc == SIGB_OK)
        rc = put_by_rank(of, certs, diag);
    for (size_t i = 0; i < of->count; i++)
        sigb_buf_free(&of->found[i].der);
    sigb_buf_free(&of->key_id);
    OPENSSL_free(of);
    return rc;
}
