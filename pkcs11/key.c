/* SPDX-License-Identifier: Apache-2.0 */
/* The private key that a URI names, and its public half. */
#include "pkcs11/internal.h"

#include <stdatomic.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"

/* A search: class, and label and id where they are known. The template points into it. */
typedef struct search {
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE wanted[3];
    CK_ULONG count;
} search;

static void search_put(search *by, CK_ATTRIBUTE_TYPE type, sigb_bytes value)
{
    if (value.len > 0)
        by->wanted[by->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value.ptr, value.len};
}

static void search_begin(search *by, CK_OBJECT_CLASS class)
{
    by->class = class;
    by->count = 0;
    search_put(by, CKA_CLASS, sigb_bytes_of(&by->class, sizeof(by->class)));
}

/* ---- the private key ---- */

static sigb_rc key_uri(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                       CK_OBJECT_HANDLE key, sigb_buf *text, sigb_diag *diag)
{
    sigb_buf label = SIGB_BUF_INIT, id = SIGB_BUF_INIT;
    p11_name name = {.token = slot->label, .serial = slot->serial, .type = "private"};
    sigb_rc rc = p11_attribute(module, session, key, CKA_LABEL, &label, diag);

    if (rc == SIGB_OK)
        rc = p11_attribute(module, session, key, CKA_ID, &id, diag);
    if (rc == SIGB_OK) {
        name.object = text_c_str(&label);
        name.id = sigb_buf_bytes(&id);
        p11_uri_format(text, &name);
    }
    sigb_buf_free(&label);
    sigb_buf_free(&id);
    return rc == SIGB_OK && text->failed ? sigb_no_memory(diag) : rc;
}

static sigb_rc several_match(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                             const CK_OBJECT_HANDLE *keys, size_t count, sigb_diag *diag)
{
    sigb_buf list = SIGB_BUF_INIT;
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < count && list.len < SIGB_DIAG_TEXT; i++) {
        text_put(&list, i == 0 ? "" : " ");
        rc = key_uri(module, slot, session, keys[i], &list, diag);
    }
    if (rc == SIGB_OK && text_c_str(&list) == NULL)
        rc = sigb_no_memory(diag);
    if (rc == SIGB_OK)
        rc = sigb_fail(diag, SIGB_E_KEY_AMBIGUOUS, "%zu private keys match; say which by id= or object=: %s",
                       count, (const char *)list.ptr);
    sigb_buf_free(&list);
    return rc;
}

static sigb_rc none_matches(const p11_slot *slot, const p11_uri *uri, sigb_diag *diag)
{
    const char *object = p11_uri_object(uri);

    return sigb_fail(
        diag, SIGB_E_KEY_ABSENT,
        "token %s (serial %s) shows no private key that matches the URI (object=%s, id=%s); list "
        "what it holds, and compare object= and id=",
        slot->label, slot->serial, object == NULL ? "any" : object, p11_uri_has_id(uri) ? "as given" : "any");
}

/* Of several keys the first, if the token tells the public half of each, and they are the same. */
static sigb_rc choose_replica(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                              const CK_OBJECT_HANDLE *keys, size_t count, sigb_diag *diag)
{
    sigb_buf first = SIGB_BUF_INIT;
    bool equal = true;
    sigb_rc rc = key_spki(module, session, keys[0], &first, diag);

    for (size_t i = 1; rc == SIGB_OK && equal && i < count; i++) {
        sigb_buf other = SIGB_BUF_INIT;
        rc = key_spki(module, session, keys[i], &other, diag);
        equal = first.len > 0 && sigb_bytes_equal(sigb_buf_bytes(&first), sigb_buf_bytes(&other));
        sigb_buf_free(&other);
    }
    sigb_buf_free(&first);
    return rc == SIGB_OK && !equal ? several_match(module, slot, session, keys, count, diag) : rc;
}

/* What fails here may pass: another user of the module logs out between the search and this. */
static sigb_rc is_in_session(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool *is,
                             sigb_diag *diag)
{
    sigb_buf on_token = SIGB_BUF_INIT;
    sigb_rc rc = p11_attribute(module, session, key, CKA_TOKEN, &on_token, diag);

    *is = on_token.len == sizeof(CK_BBOOL) && on_token.ptr[0] == CK_FALSE;
    if (rc == SIGB_OK && on_token.failed)
        rc = sigb_no_memory(diag);
    sigb_buf_free(&on_token);
    return rc;
}

/*
 * Of several keys those on the token: a copy in a session, of ours or of another user of the module, has its name too.
 * Where all are in sessions they stay, but for whoever makes copies: those are made of the key, and not of each other.
 */
static sigb_rc leave_out_copies(p11_module *module, CK_SESSION_HANDLE session, bool copies,
                                CK_OBJECT_HANDLE *keys, size_t *count, sigb_diag *diag)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        bool is_copy = false;
        sigb_rc rc = is_in_session(module, session, keys[i], &is_copy, diag);

        if (rc != SIGB_OK)
            return rc;
        if (!is_copy)
            keys[kept++] = keys[i];
    }
    if (kept > 0 || copies)
        *count = kept;
    return SIGB_OK;
}

/* What a search finds while a copy is made may be half of one, which still looks as the key does. */
static atomic_uint copies_begun, copies_ended;

void key_copy_begins(void)
{
    (void)atomic_fetch_add(&copies_begun, 1);
}

void key_copy_ends(void)
{
    (void)atomic_fetch_add(&copies_ended, 1);
}

#define LOOKS_MOST 100 /* and one millisecond apart */

static sigb_rc look(p11_module *module, CK_SESSION_HANDLE session, search *by, bool copies,
                    CK_OBJECT_HANDLE **keys, size_t *count, sigb_diag *diag)
{
    sigb_rc rc = p11_objects_find(module, session, by->wanted, by->count, keys, count, diag);

    if (rc == SIGB_OK && (*count > 1 || copies))
        rc = leave_out_copies(module, session, copies, *keys, count, diag);
    if (rc != SIGB_OK) {
        OPENSSL_free(*keys);
        *keys = NULL;
    }
    return rc;
}

/* Nothing that looking again could change, had no copy been made meanwhile: one key at most, or a failure that is repaired. */
static bool is_settled(sigb_rc rc, size_t count, const sigb_diag *diag)
{
    return rc == SIGB_OK ? count <= 1 : diag == NULL || fault_of(rc, diag).class != CKR_FINAL;
}

/* Looks again if a copy was being made meanwhile, and there are several keys, or one that cannot be read. */
static sigb_rc look_undisturbed(p11_module *module, CK_SESSION_HANDLE session, search *by, bool copies,
                                CK_OBJECT_HANDLE **keys, size_t *count, sigb_diag *diag)
{
    static const struct timespec rest = {0, 1000000};

    for (unsigned looks = 1;; looks++) {
        unsigned ended = atomic_load(&copies_ended);
        sigb_rc rc = look(module, session, by, copies, keys, count, diag);

        if (is_settled(rc, *count, diag) || ended == atomic_load(&copies_begun) || looks == LOOKS_MOST)
            return rc;
        OPENSSL_free(*keys);
        *keys = NULL;
        (void)nanosleep(&rest, NULL);
    }
}

static void search_private(search *by, sigb_bytes label, sigb_bytes id)
{
    search_begin(by, CKO_PRIVATE_KEY);
    search_put(by, CKA_LABEL, label);
    search_put(by, CKA_ID, id);
}

sigb_rc p11_private_keys_find(p11_module *module, CK_SESSION_HANDLE session, sigb_bytes label, sigb_bytes id,
                              CK_OBJECT_HANDLE **keys, size_t *count, sigb_diag *diag)
{
    search by;

    search_private(&by, label, id);
    return look_undisturbed(module, session, &by, false, keys, count, diag);
}

sigb_rc key_find(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session, const p11_uri *uri,
                 const sigb_pkcs11_options *options, CK_OBJECT_HANDLE *key, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *keys = NULL;
    size_t count = 0;
    search by;
    sigb_rc rc;

    search_private(&by, sigb_bytes_text(p11_uri_object(uri)), p11_uri_id(uri));
    rc = look_undisturbed(module, session, &by, options->copy_key, &keys, &count, diag);
    if (rc != SIGB_OK)
        return rc;
    if (count == 0)
        rc = none_matches(slot, uri, diag);
    else if (count > 1)
        rc = options->replicas ? choose_replica(module, slot, session, keys, count, diag)
                               : several_match(module, slot, session, keys, count, diag);
    if (rc == SIGB_OK)
        *key = keys[0];
    OPENSSL_free(keys);
    return rc;
}

sigb_rc key_view(p11_view *view, p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                 sigb_diag *diag)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_EC_POINT,
                                              CKA_KEY_TYPE,
                                              CKA_SIGN,
                                              CKA_ID,
                                              CKA_ALWAYS_AUTHENTICATE,
                                              CKA_ALLOWED_MECHANISMS,
                                              CKA_LABEL,
                                              CKA_MODULUS,
                                              CKA_PUBLIC_EXPONENT,
                                              CKA_PUBLIC_KEY_INFO};
    const p11_object of = {module, session, key};

    return view_read(view, &of, types, COUNT(types), diag);
}

sigb_rc key_require_sign(const p11_view *key, sigb_diag *diag)
{
    CK_ULONG type = CK_UNAVAILABLE_INFORMATION;
    bool signs = false;
    sigb_rc rc = view_bool(key, CKA_SIGN, true, &signs, diag);

    if (rc == SIGB_OK)
        rc = view_ulong(key, CKA_KEY_TYPE, &type, diag);
    if (rc != SIGB_OK)
        return rc;
    if (!signs)
        return sigb_fail(diag, SIGB_E_KEY_NO_SIGN,
                         "the key is not for signing (CKA_SIGN is false); choose another key");
    if (type == CK_UNAVAILABLE_INFORMATION)
        return sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                         "the token does not tell the type of the key (CKA_KEY_TYPE); choose another key");
    if (type != CKK_EC && type != CKK_RSA && type != CKK_EC_EDWARDS)
        return sigb_fail(diag, SIGB_E_KEY_UNSUPPORTED,
                         "the key is of PKCS#11 type 0x%lx; wanted: EC, RSA or Edwards (Ed25519, Ed448)",
                         type);
    return SIGB_OK;
}

/* ---- its public half ---- */

/*
 * The SPKI on which all public objects that the search finds agree. Where they
 * differ the token tells nothing that could be relied on.
 */
static sigb_rc agreed_spki(p11_module *module, CK_SESSION_HANDLE session, search *by, sigb_buf *spki,
                           sigb_diag *diag)
{
    CK_OBJECT_HANDLE *keys = NULL;
    size_t count = 0, before = spki->len;
    bool agreed = true;
    sigb_rc rc = p11_objects_find(module, session, by->wanted, by->count, &keys, &count, diag);

    for (size_t i = 0; rc == SIGB_OK && i < count; i++) {
        sigb_buf one = SIGB_BUF_INIT;
        rc = p11_object_spki(module, session, keys[i], &one, diag);
        if (rc == SIGB_OK && spki->len == before)
            sigb_buf_append(spki, sigb_buf_bytes(&one));
        else if (rc == SIGB_OK && one.len > 0)
            agreed = agreed && sigb_bytes_equal(sigb_buf_bytes(&one),
                                                sigb_bytes_of(spki->ptr + before, spki->len - before));
        sigb_buf_free(&one);
    }
    OPENSSL_free(keys);
    if (!agreed)
        spki->len = before;
    return rc == SIGB_OK && spki->failed ? sigb_no_memory(diag) : rc;
}

/* The public object with the same value of this attribute, if the key has one. */
static sigb_rc public_spki(const p11_view *key, CK_ATTRIBUTE_TYPE same, sigb_buf *spki, sigb_diag *diag)
{
    sigb_buf value = SIGB_BUF_INIT;
    CK_ULONG type = CK_UNAVAILABLE_INFORMATION;
    search by;
    sigb_rc rc = view_value(key, same, &value, diag);

    if (rc == SIGB_OK)
        rc = view_ulong(key, CKA_KEY_TYPE, &type, diag);

    search_begin(&by, CKO_PUBLIC_KEY);
    search_put(&by, CKA_KEY_TYPE, sigb_bytes_of(&type, sizeof(type)));
    search_put(&by, same, sigb_buf_bytes(&value));
    if (rc == SIGB_OK && value.len > 0)
        rc = agreed_spki(key->of.module, key->of.session, &by, spki, diag);
    sigb_buf_free(&value);
    return rc;
}

sigb_rc key_view_spki(const p11_view *key, sigb_buf *spki, sigb_diag *diag)
{
    sigb_rc rc = view_spki(key, spki, diag);

    if (rc == SIGB_OK && spki->len == 0)
        rc = public_spki(key, CKA_ID, spki, diag);
    if (rc == SIGB_OK && spki->len == 0)
        rc = public_spki(key, CKA_LABEL, spki, diag);
    return rc;
}

sigb_rc key_spki(p11_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, sigb_buf *spki,
                 sigb_diag *diag)
{
    p11_view view;
    sigb_rc rc = key_view(&view, module, session, key, diag);

    return rc == SIGB_OK ? key_view_spki(&view, spki, diag) : rc;
}
