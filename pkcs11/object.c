/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a token: finding them and reading their attributes. Public keys are in spki.c. */
#include "pkcs11/internal.h"

#include <openssl/crypto.h>

#include "base/error.h"

#define BATCH       32
#define MAX_OBJECTS 65536 /* of one search; more is a module gone mad */

/* What a search has found so far. */
typedef struct finding {
    CK_OBJECT_HANDLE *objects;
    size_t count, room;
} finding;

static bool finding_reserve(finding *found)
{
    size_t room = found->room == 0 ? BATCH : 2 * found->room;
    CK_OBJECT_HANDLE *grown;

    if (found->room - found->count >= BATCH)
        return true;
    grown = OPENSSL_realloc(found->objects, room * sizeof(*grown));
    if (grown == NULL)
        return false;
    found->objects = grown;
    found->room = room;
    return true;
}

static sigb_rc find_all(p11_module *module, CK_SESSION_HANDLE session, finding *found, sigb_diag *diag)
{
    CK_ULONG got = BATCH;

    while (got > 0) {
        CK_RV rv;

        if (found->count > MAX_OBJECTS)
            return sigb_fail(diag, SIGB_E_LIMIT, "more than %d objects match", MAX_OBJECTS);
        if (!finding_reserve(found))
            return sigb_no_memory(diag);
        got = 0;
        rv = p11_C_FindObjects(module, session, found->objects + found->count, BATCH, &got);
        if (rv != CKR_OK)
            return ckr_fail(diag, rv, "C_FindObjects");
        if (got > BATCH)
            return sigb_fail(diag, SIGB_E_TOKEN, "the module found more objects than it was asked for");
        found->count += got;
    }
    return SIGB_OK;
}

sigb_rc p11_objects_find(p11_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted,
                         CK_ULONG wanted_count, CK_OBJECT_HANDLE **objects, size_t *count, sigb_diag *diag)
{
    finding found = {NULL, 0, 0};
    CK_RV rv = p11_C_FindObjectsInit(module, session, wanted, wanted_count);
    sigb_rc rc;

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_FindObjectsInit");
    rc = find_all(module, session, &found, diag);
    rv = p11_C_FindObjectsFinal(module, session);
    if (rc == SIGB_OK && rv != CKR_OK)
        rc = ckr_fail(diag, rv, "C_FindObjectsFinal");
    if (rc != SIGB_OK) {
        OPENSSL_free(found.objects);
        return rc;
    }
    *objects = found.objects;
    *count = found.count;
    return SIGB_OK;
}

/* Codes by which a token says "that I do not tell". */
static bool is_untold(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE;
}

#define USUAL_ROOM 2048 /* nearly every attribute fits: one call, not two */

/* A value of `room` bytes at most, in one call; *len is what it has, or (CK_ULONG)-1. */
static CK_RV read_value(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, void *room, CK_ULONG *len)
{
    CK_ATTRIBUTE at = {type, room, *len};
    CK_RV rv = p11_C_GetAttributeValue(module, session, object, &at, 1);

    *len = at.ulValueLen;
    return rv;
}

/* One that is larger than usual: its length first. */
static sigb_rc read_large(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_TYPE type, sigb_buf *value, sigb_diag *diag)
{
    CK_ULONG room = 0, len;
    CK_RV rv = read_value(module, session, object, type, NULL, &room);
    uint8_t *copy;

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetAttributeValue");
    if (room > SIGB_MAX_CERT_LEN)
        return sigb_fail(diag, SIGB_E_LIMIT, "an attribute has %lu bytes; at most %d are read", room,
                         SIGB_MAX_CERT_LEN);
    copy = OPENSSL_malloc(room + 1);
    if (copy == NULL)
        return sigb_no_memory(diag);
    len = room;
    rv = read_value(module, session, object, type, copy, &len);
    if (rv == CKR_OK && len <= room)
        sigb_buf_append(value, sigb_bytes_of(copy, len));
    OPENSSL_clear_free(copy, room + 1);
    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetAttributeValue");
    return value->failed ? sigb_no_memory(diag) : SIGB_OK;
}

sigb_rc p11_attribute(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      CK_ATTRIBUTE_TYPE type, sigb_buf *value, sigb_diag *diag)
{
    uint8_t room[USUAL_ROOM];
    CK_ULONG len = sizeof(room);
    CK_RV rv = read_value(module, session, object, type, room, &len);

    if (is_untold(rv) || (rv == CKR_OK && (len == 0 || len == CK_UNAVAILABLE_INFORMATION)))
        return SIGB_OK;
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && len > sizeof(room)))
        return read_large(module, session, object, type, value, diag);
    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetAttributeValue");
    sigb_buf_append(value, sigb_bytes_of(room, len));
    return value->failed ? sigb_no_memory(diag) : SIGB_OK;
}

bool p11_attribute_true(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type, bool missing)
{
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE at = {type, &value, sizeof(value)};
    CK_RV rv = p11_C_GetAttributeValue(module, session, object, &at, 1);

    return rv == CKR_OK && at.ulValueLen == sizeof(value) ? value != CK_FALSE : missing;
}

/* ---- several at once ---- */

/* A value of a fixed size; *told is false where the object does not tell. Another failure is one. */
static sigb_rc read_fixed(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *at, bool *told, sigb_diag *diag)
{
    CK_ULONG size = at->ulValueLen;
    CK_RV rv = p11_C_GetAttributeValue(module, session, object, at, 1);

    *told = rv == CKR_OK && at->ulValueLen == size;
    return rv == CKR_OK || is_untold(rv) ? SIGB_OK : ckr_fail(diag, rv, "C_GetAttributeValue");
}

sigb_rc view_read(p11_view *view, const p11_object *of, const CK_ATTRIBUTE_TYPE *types, size_t count,
                  sigb_diag *diag)
{
    CK_RV rv;

    view->of = *of;
    view->count = count < VIEW_MOST ? count : VIEW_MOST;
    for (size_t i = 0; i < view->count; i++)
        view->at[i] = (CK_ATTRIBUTE){types[i], view->room[i], VIEW_ROOM};
    rv = p11_C_GetAttributeValue(of->module, of->session, of->handle, view->at, view->count);
    view->whole = rv == CKR_OK;
    return rv == CKR_OK || is_untold(rv) || rv == CKR_BUFFER_TOO_SMALL
               ? SIGB_OK
               : ckr_fail(diag, rv, "C_GetAttributeValue");
}

static const CK_ATTRIBUTE *asked_in(const p11_view *view, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->at[i].type == type)
            return &view->at[i];
    return NULL;
}

/* A module that gives up a call for one attribute says that of others as well: it has to have gone on behind this one. */
bool view_lacks(const p11_view *view, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *at = asked_in(view, type), *end = view->at + view->count;

    if (at == NULL || at->ulValueLen != CK_UNAVAILABLE_INFORMATION)
        return false;
    for (at++; at < end; at++)
        if (at->ulValueLen < VIEW_ROOM)
            return true;
    return false;
}

/*
 * What the one call told of this type; NULL: nothing, so it is to be asked for by itself. Cryptoki wants every
 * attribute filled in although one of them is not told. Modules that stop at that one leave the lengths of the others
 * as they were, and a length of the whole room counts as such.
 */
static const CK_ATTRIBUTE *told_in(const p11_view *view, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *at = asked_in(view, type);
    CK_ULONG most = view->whole ? VIEW_ROOM : VIEW_ROOM - 1;

    return at != NULL && at->ulValueLen <= most ? at : NULL;
}

sigb_rc view_value(const p11_view *view, CK_ATTRIBUTE_TYPE type, sigb_buf *value, sigb_diag *diag)
{
    const CK_ATTRIBUTE *at = told_in(view, type);

    if (at == NULL)
        return p11_attribute(view->of.module, view->of.session, view->of.handle, type, value, diag);
    sigb_buf_append(value, sigb_bytes_of(at->pValue, at->ulValueLen));
    return value->failed ? sigb_no_memory(diag) : SIGB_OK;
}

/* Into `value`, of a fixed size; *told as above. */
static sigb_rc view_fixed(const p11_view *view, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size,
                          bool *told, sigb_diag *diag)
{
    const CK_ATTRIBUTE *at = told_in(view, type);
    CK_ATTRIBUTE alone = {type, value, size};

    if (at == NULL)
        return read_fixed(view->of.module, view->of.session, view->of.handle, &alone, told, diag);
    *told = at->ulValueLen == size;
    if (*told)
        memcpy(value, at->pValue, size);
    return SIGB_OK;
}

sigb_rc view_bool(const p11_view *view, CK_ATTRIBUTE_TYPE type, bool missing, bool *value, sigb_diag *diag)
{
    CK_BBOOL read = CK_FALSE;
    bool told = false;
    sigb_rc rc = view_fixed(view, type, &read, sizeof(read), &told, diag);

    if (rc == SIGB_OK)
        *value = told ? read != CK_FALSE : missing;
    return rc;
}

sigb_rc view_ulong(const p11_view *view, CK_ATTRIBUTE_TYPE type, CK_ULONG *value, sigb_diag *diag)
{
    CK_ULONG read = 0;
    bool told = false;
    sigb_rc rc = view_fixed(view, type, &read, sizeof(read), &told, diag);

    if (rc == SIGB_OK)
        *value = told ? read : CK_UNAVAILABLE_INFORMATION;
    return rc;
}
