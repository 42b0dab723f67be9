/* SPDX-License-Identifier: Apache-2.0 */
#include "token/item.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/certs.h"
#include "base/error.h"
#include "base/text.h"
#include "base/time.h"
#include "token/place.h"

#define LABEL_IN_URI 255 /* a longer label, percent-encoded, would not be read back */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const CK_OBJECT_CLASS ITEM_CLASS[ITEM_CLASSES] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE};

static const char *class_name(CK_OBJECT_CLASS class)
{
    return class == CKO_PRIVATE_KEY ? "private" : class == CKO_PUBLIC_KEY ? "public" : "cert";
}

void item_free(described *made)
{
    sigb_buf *const owned[] = {&made->uri, &made->label, &made->id, &made->type, &made->note};

    for (size_t i = 0; i < COUNT(owned); i++)
        sigb_buf_free(owned[i]);
    memset(made, 0, sizeof(*made));
}

/* Lets the item point to what was gathered. */
static sigb_rc item_finish(described *made, const p11_slot *slot, const char *kind, sigb_diag *diag)
{
    made->item = (sigb_token_item){.kind = kind,
                                   .uri = text_c_str(&made->uri),
                                   .token = slot->label,
                                   .serial = slot->serial,
                                   .model = slot->model,
                                   .label = text_c_str(&made->label),
                                   .id = sigb_buf_bytes(&made->id),
                                   .type = text_c_str(&made->type),
                                   .note = text_c_str(&made->note)};
    if (made->item.uri == NULL || made->item.label == NULL || made->item.type == NULL ||
        made->item.note == NULL || made->id.failed)
        return sigb_no_memory(diag);
    return SIGB_OK;
}

static void note_put(sigb_buf *note, const char *words)
{
    if (note->len > 0)
        text_put(note, ", ");
    text_put(note, words);
}

/* ---- tokens ---- */

/* What a person must know before a PIN is typed. */
static const struct flag_row {
    CK_FLAGS flag;
    bool set; /* the note is for this state of the flag */
    const char *words;
} TOKEN_NOTES[] = {
    {CKF_USER_PIN_INITIALIZED, false, "user PIN not set"},
    {CKF_USER_PIN_COUNT_LOW, true, "user PIN was entered wrongly"},
    {CKF_USER_PIN_FINAL_TRY, true, "user PIN has one try left"},
    {CKF_USER_PIN_LOCKED, true, "user PIN locked"},
    {CKF_USER_PIN_TO_BE_CHANGED, true, "user PIN must be changed"},
    {CKF_SO_PIN_COUNT_LOW, true, "SO PIN was entered wrongly"},
    {CKF_SO_PIN_FINAL_TRY, true, "SO PIN has one try left"},
    {CKF_SO_PIN_LOCKED, true, "SO PIN locked"},
    {CKF_PROTECTED_AUTHENTICATION_PATH, true, "PIN is entered at the device"},
    {CKF_WRITE_PROTECTED, true, "write protected"},
};

static void note_token(sigb_buf *note, CK_FLAGS flags)
{
    if ((flags & CKF_TOKEN_INITIALIZED) == 0) {
        note_put(note, "not initialised");
        return;
    }
    for (size_t i = 0; i < COUNT(TOKEN_NOTES); i++)
        if (((flags & TOKEN_NOTES[i].flag) != 0) == TOKEN_NOTES[i].set)
            note_put(note, TOKEN_NOTES[i].words);
}

/* A token without label and serial number is named by its slot. */
sigb_rc item_of_token(const p11_slot *slot, described *made, sigb_diag *diag)
{
    if ((slot->token.flags & CKF_TOKEN_INITIALIZED) != 0)
        place_uri(slot, NULL, SIGB_BYTES_NONE, NULL, &made->uri);
    else
        text_putf(&made->uri, "pkcs11:slot-id=%lu", slot->id);
    note_token(&made->note, slot->token.flags);
    return item_finish(made, slot, "token", diag);
}

/* ---- keys ---- */

typedef struct object {
    p11_module *module;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
} object;

static sigb_rc object_number(const object *of, CK_ATTRIBUTE_TYPE type, CK_ULONG *number, sigb_diag *diag)
{
    sigb_buf value = SIGB_BUF_INIT;
    sigb_rc rc = p11_attribute(of->module, of->session, of->handle, type, &value, diag);

    *number = CK_UNAVAILABLE_INFORMATION;
    if (rc == SIGB_OK && value.len == sizeof(*number))
        memcpy(number, value.ptr, sizeof(*number));
    sigb_buf_free(&value);
    return rc;
}

/* "P-384" for the curves of NIST, OpenSSL's name for others, "EC" for what it does not know. */
static void put_curve(sigb_buf *type, sigb_bytes params)
{
    const unsigned char *p = params.ptr;
    ASN1_OBJECT *curve = d2i_ASN1_OBJECT(NULL, &p, (long)params.len);
    int nid = curve == NULL ? NID_undef : OBJ_obj2nid(curve);
    const char *nist = nid == NID_undef ? NULL : EC_curve_nid2nist(nid);

    text_put(type, nist != NULL ? nist : nid != NID_undef ? OBJ_nid2sn(nid) : "EC");
    ASN1_OBJECT_free(curve);
    ERR_clear_error();
}

/* PKCS#11 3.0 names the curve in a PrintableString, RFC 8410 by an OID; both are in use. */
static const struct edwards {
    const char *name;
    uint8_t der[16];
    size_t len;
} EDWARDS[] = {
    {"Ed25519", {0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'}, 14},
    {"Ed25519", {6, 3, 0x2b, 0x65, 0x70}, 5},
    {"Ed448", {0x13, 10, 'e', 'd', 'w', 'a', 'r', 'd', 's', '4', '4', '8'}, 12},
    {"Ed448", {6, 3, 0x2b, 0x65, 0x71}, 5},
};

static void put_edwards(sigb_buf *type, sigb_bytes params)
{
    for (size_t i = 0; i < COUNT(EDWARDS); i++)
        if (sigb_bytes_equal(params, sigb_bytes_of(EDWARDS[i].der, EDWARDS[i].len))) {
            text_put(type, EDWARDS[i].name);
            return;
        }
    text_put(type, "EdDSA");
}

static size_t bits_of(sigb_bytes number)
{
    size_t zeros = 0, bits;

    while (zeros < number.len && number.ptr[zeros] == 0)
        zeros++;
    bits = (number.len - zeros) * 8;
    for (uint8_t top = zeros < number.len ? number.ptr[zeros] : 0x80; (top & 0x80) == 0;
         top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static void put_rsa(sigb_buf *type, sigb_bytes modulus)
{
    if (modulus.len == 0)
        text_put(type, "RSA");
    else
        text_putf(type, "RSA-%zu", bits_of(modulus));
}

/* Which attribute tells a key's size or curve, and how it is read. */
static const struct type_row {
    CK_KEY_TYPE type;
    CK_ATTRIBUTE_TYPE detail;
    void (*put)(sigb_buf *type, sigb_bytes detail);
} KEY_TYPES[] = {
    {CKK_RSA, CKA_MODULUS, put_rsa},
    {CKK_EC, CKA_EC_PARAMS, put_curve},
    {CKK_EC_EDWARDS, CKA_EC_PARAMS, put_edwards},
};

static sigb_rc put_key_type(const object *of, sigb_buf *type, sigb_diag *diag)
{
    sigb_buf detail = SIGB_BUF_INIT;
    CK_ULONG number;
    sigb_rc rc = object_number(of, CKA_KEY_TYPE, &number, diag);

    for (size_t i = 0; rc == SIGB_OK && i < COUNT(KEY_TYPES); i++) {
        if (KEY_TYPES[i].type != number)
            continue;
        rc = p11_attribute(of->module, of->session, of->handle, KEY_TYPES[i].detail, &detail, diag);
        if (rc == SIGB_OK)
            KEY_TYPES[i].put(type, sigb_buf_bytes(&detail));
    }
    if (rc == SIGB_OK && type->len == 0)
        text_putf(type, "key type 0x%lx", number);
    sigb_buf_free(&detail);
    return rc;
}

/* What may be done with a key, and what has been: in words, where the attribute is in the state of the row. */
static const struct attribute_row {
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE_TYPE type;
    bool state;
    const char *words;
} KEY_NOTES[] = {
    {CKO_PRIVATE_KEY, CKA_SENSITIVE, true, "sensitive"},
    {CKO_PRIVATE_KEY, CKA_SENSITIVE, false, "NOT SENSITIVE"},
    {CKO_PRIVATE_KEY, CKA_EXTRACTABLE, true, "EXTRACTABLE"},
    {CKO_PRIVATE_KEY, CKA_NEVER_EXTRACTABLE, true, "never extractable"},
    {CKO_PRIVATE_KEY, CKA_LOCAL, true, "made in the token"},
    {CKO_PRIVATE_KEY, CKA_LOCAL, false, "imported"},
    {CKO_PRIVATE_KEY, CKA_ALWAYS_AUTHENTICATE, true, "PIN at every use"},
    {CKO_PRIVATE_KEY, CKA_SIGN, true, "sign"},
    {CKO_PRIVATE_KEY, CKA_DECRYPT, true, "decrypt"},
    {CKO_PRIVATE_KEY, CKA_UNWRAP, true, "unwrap"},
    {CKO_PRIVATE_KEY, CKA_DERIVE, true, "derive"},
    {CKO_PUBLIC_KEY, CKA_VERIFY, true, "verify"},
    {CKO_PUBLIC_KEY, CKA_ENCRYPT, true, "encrypt"},
    {CKO_PUBLIC_KEY, CKA_WRAP, true, "wrap"},
};

static void note_key(const object *of, CK_OBJECT_CLASS class, sigb_buf *note)
{
    for (size_t i = 0; i < COUNT(KEY_NOTES); i++) {
        const struct attribute_row *row = &KEY_NOTES[i];
        if (row->class == class &&
            p11_attribute_true(of->module, of->session, of->handle, row->type, !row->state) == row->state)
            note_put(note, row->words);
    }
}

/* ---- certificates ---- */

static void note_subject(X509 *cert, sigb_buf *note)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *chars = NULL;
    long len;

    if (text == NULL || X509_NAME_print_ex(text, X509_get_subject_name(cert), 0,
                                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0) {
        note->failed = true;
    } else {
        len = BIO_get_mem_data(text, &chars);
        sigb_buf_append(note, sigb_bytes_of(chars, len < 0 ? 0 : (size_t)len));
    }
    BIO_free(text);
}

static sigb_rc note_cert(const object *of, sigb_buf *note, sigb_diag *diag)
{
    sigb_buf der = SIGB_BUF_INIT;
    X509 *cert = NULL;
    sigb_rc rc = p11_attribute(of->module, of->session, of->handle, CKA_VALUE, &der, diag);

    if (rc == SIGB_OK)
        rc = cert_parse(sigb_buf_bytes(&der), &cert, diag);
    if (rc == SIGB_OK) {
        note_subject(cert, note);
    } else if (rc == SIGB_E_CERT_DER || rc == SIGB_E_LIMIT) {
        note_put(note, "not a certificate that can be read");
        rc = SIGB_OK;
    }
    X509_free(cert);
    sigb_buf_free(&der);
    return rc;
}

static sigb_rc put_cert_type(const object *of, sigb_buf *type, sigb_diag *diag)
{
    CK_ULONG number;
    sigb_rc rc = object_number(of, CKA_CERTIFICATE_TYPE, &number, diag);

    if (rc == SIGB_OK && number == CKC_X_509)
        text_put(type, "X.509");
    else if (rc == SIGB_OK)
        text_putf(type, "certificate type 0x%lx", number);
    return rc;
}

/* ---- objects ---- */

static sigb_rc put_names(const object *of, described *made, sigb_diag *diag)
{
    sigb_rc rc = p11_attribute(of->module, of->session, of->handle, CKA_LABEL, &made->label, diag);

    if (rc == SIGB_OK)
        rc = p11_attribute(of->module, of->session, of->handle, CKA_ID, &made->id, diag);
    return rc;
}

/*
 * A label that no URI can hold is left out of it; the id names the object then.
 * A public key is what a list without login shows of a pair: its URI has no
 * type, so that it serves to open the private half.
 */
static void put_uri(const p11_slot *slot, CK_OBJECT_CLASS class, described *made)
{
    const char *label = text_c_str(&made->label);
    bool writable = label != NULL && made->label.len <= LABEL_IN_URI && strlen(label) == made->label.len;

    place_uri(slot, writable && made->label.len > 0 ? label : NULL, sigb_buf_bytes(&made->id),
              class == CKO_PUBLIC_KEY ? NULL : class_name(class), &made->uri);
}

sigb_rc item_of_object(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                       CK_OBJECT_HANDLE handle, CK_OBJECT_CLASS class, described *made, sigb_diag *diag)
{
    const object of = {module, session, handle};
    bool key = class != CKO_CERTIFICATE;
    sigb_rc rc = put_names(&of, made, diag);

    if (rc == SIGB_OK)
        rc = key ? put_key_type(&of, &made->type, diag) : put_cert_type(&of, &made->type, diag);
    if (rc == SIGB_OK && key)
        note_key(&of, class, &made->note);
    else if (rc == SIGB_OK)
        rc = note_cert(&of, &made->note, diag);
    if (rc != SIGB_OK)
        return rc;
    put_uri(slot, class, made);
    return item_finish(made, slot, class_name(class), diag);
}
