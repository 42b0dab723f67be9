/* SPDX-License-Identifier: Apache-2.0 */
/* token cert: a certificate for a token key, signed by a token key, kept beside it. */
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "base/certs.h"
#include "base/der.h"
#include "base/error.h"
#include "token/bound.h"
#include "base/time.h"
#include "token/issue.h"
#include "token/place.h"
#include "token/template.h"

#define LABEL_ROOM 255

/* Signed by the key that a certificate is asked for: its public half is not taken on trust. */
#define POSSESSION "sigbridge: proof that this key is in the token"

/* ---- the key and its place ---- */

/* The private key as an object: what the certificate has in common with it. */
typedef struct key_object {
    sigb_buf label, id;
} key_object;

static void key_object_free(key_object *key)
{
    sigb_buf_free(&key->label);
    sigb_buf_free(&key->id);
}

static sigb_rc key_object_read(const place *at, CK_OBJECT_HANDLE object, key_object *key, sigb_diag *diag)
{
    sigb_rc rc = p11_attribute(at->module, at->session, object, CKA_LABEL, &key->label, diag);

    if (rc == SIGB_OK)
        rc = p11_attribute(at->module, at->session, object, CKA_ID, &key->id, diag);
    if (rc == SIGB_OK && key->id.len == 0)
        rc = sigb_fail(diag, SIGB_E_TOKEN,
                       "the key has no CKA_ID that a certificate could share; give it one first");
    return rc;
}

static sigb_rc key_object_find(const place *at, key_object *key, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc = place_find(at, CKO_PRIVATE_KEY, sigb_bytes_text(p11_uri_object(at->uri)),
                            p11_uri_id(at->uri), &objects, &count, diag);

    if (rc == SIGB_OK && count == 0)
        rc = sigb_fail(diag, SIGB_E_KEY_ABSENT, "token \"%s\" has no such private key", at->slot.label);
    else if (rc == SIGB_OK && count > 1)
        rc = sigb_fail(diag, SIGB_E_KEY_AMBIGUOUS,
                       "%zu private keys on token \"%s\" match; add id= to name one", count, at->slot.label);
    if (rc == SIGB_OK)
        rc = key_object_read(at, objects[0], key, diag);
    OPENSSL_free(objects);
    return rc;
}

/* ---- what exists is not overwritten ---- */

static sigb_rc require_none(const place *at, template *wanted, const char *what, sigb_diag *diag)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_OBJECT_HANDLE *objects = NULL;
    size_t count = 0;
    sigb_rc rc;

    template_put_number(wanted, CKA_CLASS, &class);
    rc = p11_objects_find(at->module, at->session, wanted->at, wanted->count, &objects, &count, diag);
    OPENSSL_free(objects);
    if (rc == SIGB_OK && count > 0)
        rc = sigb_fail(diag, SIGB_E_EXISTS,
                       "token \"%s\" has a certificate with this %s; it is not overwritten: choose another "
                       "label, or delete the old one first",
                       at->slot.label, what);
    return rc;
}

static sigb_rc require_label_free(const place *at, sigb_bytes label, sigb_diag *diag)
{
    template wanted = {.count = 0};

    template_put(&wanted, CKA_LABEL, label);
    return require_none(at, &wanted, "label", diag);
}

static sigb_rc require_der_free(const place *at, sigb_bytes der, sigb_diag *diag)
{
    template wanted = {.count = 0};

    template_put(&wanted, CKA_VALUE, der);
    return require_none(at, &wanted, "content", diag);
}

/* ---- the certificate as an object ---- */

/* DER of the fields that Cryptoki wants beside the certificate itself. */
typedef struct fields {
    sigb_buf subject, issuer, serial;
} fields;

static void fields_free(fields *of)
{
    sigb_buf_free(&of->subject);
    sigb_buf_free(&of->issuer);
    sigb_buf_free(&of->serial);
}

static sigb_rc fields_read(X509 *cert, fields *of, sigb_diag *diag)
{
    static const char what[] = "to write a certificate's field";
    unsigned char *subject = NULL, *issuer = NULL, *serial = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(cert), &subject);
    sigb_rc rc = der_take(&of->subject, subject, len, what, diag);

    if (rc == SIGB_OK) {
        len = i2d_X509_NAME(X509_get_issuer_name(cert), &issuer);
        rc = der_take(&of->issuer, issuer, len, what, diag);
    }
    if (rc == SIGB_OK) {
        len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &serial);
        rc = der_take(&of->serial, serial, len, what, diag);
    }
    return rc;
}

static void fill_object(template *list, const fields *of, sigb_bytes der, sigb_bytes label, sigb_bytes id)
{
    static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    static const CK_CERTIFICATE_TYPE type = CKC_X_509;

    template_put_number(list, CKA_CLASS, &class);
    template_put_number(list, CKA_CERTIFICATE_TYPE, &type);
    template_put_bool(list, CKA_TOKEN, true);
    template_put_bool(list, CKA_PRIVATE, false);
    template_put_bool(list, CKA_MODIFIABLE, false);
    template_put(list, CKA_LABEL, label);
    template_put(list, CKA_ID, id);
    template_put(list, CKA_SUBJECT, sigb_buf_bytes(&of->subject));
    template_put(list, CKA_ISSUER, sigb_buf_bytes(&of->issuer));
    template_put(list, CKA_SERIAL_NUMBER, sigb_buf_bytes(&of->serial));
    template_put(list, CKA_VALUE, der);
}

/* A certificate is public and proves itself: a token that keeps it modifiable will do. */
static CK_RV create(const place *at, template *list, CK_OBJECT_HANDLE *object)
{
    CK_RV rv = p11_C_CreateObject(at->module, at->session, list->at, list->count, object);

    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT ||
        rv == CKR_ATTRIBUTE_READ_ONLY) {
        template_drop(list, CKA_MODIFIABLE);
        rv = p11_C_CreateObject(at->module, at->session, list->at, list->count, object);
    }
    return rv;
}

static sigb_rc check_kept(const place *at, CK_OBJECT_HANDLE object, sigb_bytes der, sigb_diag *diag)
{
    sigb_buf kept = SIGB_BUF_INIT;
    sigb_rc rc = p11_attribute(at->module, at->session, object, CKA_VALUE, &kept, diag);

    if (rc == SIGB_OK && !sigb_bytes_equal(sigb_buf_bytes(&kept), der))
        rc = sigb_fail(diag, SIGB_E_TOKEN,
                       "the token keeps other bytes than the certificate's; it was deleted again");
    if (rc != SIGB_OK)
        (void)p11_C_DestroyObject(at->module, at->session, object);
    sigb_buf_free(&kept);
    return rc;
}

static sigb_rc store(const place *at, sigb_bytes der, sigb_bytes label, sigb_bytes id, sigb_diag *diag)
{
    template list = {.count = 0};
    fields of = {SIGB_BUF_INIT, SIGB_BUF_INIT, SIGB_BUF_INIT};
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    X509 *cert = NULL;
    CK_RV rv = CKR_OK;
    sigb_rc rc = cert_parse(der, &cert, diag);

    if (rc == SIGB_OK)
        rc = fields_read(cert, &of, diag);
    if (rc == SIGB_OK) {
        fill_object(&list, &of, der, label, id);
        rv = create(at, &list, &object);
        rc = rv == CKR_OK ? check_kept(at, object, der, diag) : ckr_fail(diag, rv, "C_CreateObject");
    }
    X509_free(cert);
    fields_free(&of);
    return rc;
}

/* ---- signing ---- */

/* A signature by the key, verified with the public half that the token shows for it. */
static sigb_rc prove_possession(sigb_signer *key, sigb_diag *diag)
{
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_rc rc = sigb_alg_for_key(sigb_signer_spki(key), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &alg, diag);

    if (rc == SIGB_OK)
        rc = sigb_signer_sign(key, alg, sigb_bytes_text(POSSESSION), &signature, diag);
    sigb_buf_free(&signature);
    return rc;
}

static sigb_rc open_key(const char *uri, const sigb_pkcs11_options *options, sigb_signer **key,
                        sigb_diag *diag)
{
    sigb_rc rc = sigb_signer_from_pkcs11(uri, options, key, diag);

    if (rc == SIGB_OK && sigb_signer_spki(*key).len == 0)
        rc =
            sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                      "the token does not show the key's public half; generate the key with a public object");
    return rc;
}

/* plan: all but the key. */
static sigb_rc issue_by(const char *issuer_key, cert_plan plan, sigb_signer *key,
                        const sigb_pkcs11_options *options, sigb_buf *der, sigb_diag *diag)
{
    sigb_signer *by = NULL;
    sigb_rc rc;

    plan.spki = sigb_signer_spki(key);
    if (plan.issuer == NULL)
        return cert_issue(&plan, key, der, diag);
    rc = prove_possession(key, diag);
    if (rc == SIGB_OK)
        rc = sigb_signer_from_pkcs11(issuer_key, options, &by, diag);
    if (rc == SIGB_OK)
        rc = cert_issue(&plan, by, der, diag);
    sigb_signer_free(by);
    return rc;
}

/* Stores what was made, and hands it to the caller: both or neither. */
static sigb_rc deliver(const place *at, sigb_bytes made, sigb_bytes label, sigb_bytes id, sigb_buf *der,
                       sigb_diag *diag)
{
    size_t before = der->len;
    sigb_rc rc = require_der_free(at, made, diag);

    if (rc != SIGB_OK)
        return rc;
    sigb_buf_append(der, made);
    rc = der->failed ? sigb_no_memory(diag) : store(at, made, label, id, diag);
    if (rc != SIGB_OK)
        der->len = before;
    return rc;
}

/* ---- the request ---- */

static cert_plan plan_of(const sigb_cert_request *request, X509 *issuer)
{
    return (cert_plan){.role = request->role,
                       .subject = request->subject,
                       .eku = request->eku,
                       .from = time_resolve(request->from),
                       .days = request->days,
                       .issuer = issuer};
}

static sigb_rc check_request(const sigb_cert_request *request, sigb_diag *diag)
{
    bool root = request->role == SIGB_CERT_ROOT;

    if (request->key == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a certificate needs the URI of the key that it is for");
    if (root != (request->issuer_key == NULL) || root != (request->issuer_cert.len == 0))
        return sigb_fail(diag, SIGB_E_USAGE, "%s",
                         root ? "a root signs itself; leave the issuer's key and certificate out"
                              : "an issuing CA or a leaf needs its issuer's key and certificate");
    if (request->label != NULL)
        return label_check(request->label, LABEL_ROOM, "the certificate's label", diag);
    return SIGB_OK;
}

/* Issues and stores; `at` holds the key's token open. */
static sigb_rc cert_at(const place *at, const sigb_cert_request *request, const cert_plan *plan,
                       const sigb_pkcs11_options *options, sigb_buf *der, sigb_diag *diag)
{
    key_object object = {SIGB_BUF_INIT, SIGB_BUF_INIT};
    sigb_buf made = SIGB_BUF_INIT;
    sigb_signer *key = NULL;
    sigb_bytes label;
    sigb_rc rc = key_object_find(at, &object, diag);

    label = request->label == NULL ? sigb_buf_bytes(&object.label) : sigb_bytes_text(request->label);
    if (rc == SIGB_OK && label.len == 0)
        rc = sigb_fail(diag, SIGB_E_USAGE, "the key has no label for its certificate to share; give one");
    if (rc == SIGB_OK)
        rc = require_label_free(at, label, diag);
    if (rc == SIGB_OK)
        rc = open_key(request->key, options, &key, diag);
    if (rc == SIGB_OK)
        rc = issue_by(request->issuer_key, *plan, key, options, &made, diag);
    if (rc == SIGB_OK)
        rc = deliver(at, sigb_buf_bytes(&made), label, sigb_buf_bytes(&object.id), der, diag);
    sigb_signer_free(key);
    sigb_buf_free(&made);
    key_object_free(&object);
    return rc;
}

/* ---- the verb ---- */

static void cert_copy(bound *b, void *args)
{
    sigb_cert_request *copied = args;

    copied->subject = bound_text(b, copied->subject);
    copied->eku = bound_text(b, copied->eku);
    copied->key = bound_text(b, copied->key);
    copied->issuer_key = bound_text(b, copied->issuer_key);
    copied->issuer_cert = bound_bytes(b, copied->issuer_cert);
    copied->label = bound_text(b, copied->label);
}

static sigb_rc cert_run(const void *args, const sigb_pkcs11_options *options, sigb_buf *der, sigb_diag *diag)
{
    const sigb_cert_request *request = args;
    place at = {0};
    cert_plan plan = {0};
    X509 *issuer = NULL;
    sigb_rc rc = check_request(request, diag);

    if (rc == SIGB_OK && request->issuer_cert.len > 0)
        rc = cert_parse(request->issuer_cert, &issuer, diag);
    if (rc == SIGB_OK) {
        plan = plan_of(request, issuer);
        rc = plan_check(&plan, diag); /* before a PIN is asked for */
    }
    if (rc == SIGB_OK)
        rc = place_open(request->key, options, &at, diag);
    if (rc == SIGB_OK)
        rc = cert_at(&at, request, &plan, options, der, diag);
    place_close(&at);
    X509_free(issuer);
    return rc;
}

sigb_rc sigb_token_cert(const sigb_cert_request *request, const sigb_pkcs11_options *options, sigb_buf *der,
                        sigb_diag *diag)
{
    static const bound_verb verb = {sizeof(*request), cert_copy, cert_run};

    if (request == NULL || options == NULL || der == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "a certificate needs a request, options and a place to be put");
    return bound_run(&verb, request, options, der, diag);
}
