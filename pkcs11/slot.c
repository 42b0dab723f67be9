/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose token a URI names. */
#include "pkcs11/internal.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/text.h"

#define MAX_SLOTS   4096 /* more is a module gone mad */
#define USUAL_SLOTS 16

/* Cryptoki pads its fixed fields with blanks; some modules end them with NUL all the same. */
static void field_repair(CK_UTF8CHAR *field, size_t len)
{
    CK_UTF8CHAR *end = memchr(field, '\0', len);

    if (end != NULL)
        memset(end, ' ', len - (size_t)(end - field));
}

/* text has room for len + 1. */
static void field_text(const CK_UTF8CHAR *field, size_t len, char *text)
{
    while (len > 0 && field[len - 1] == ' ')
        len--;
    memcpy(text, field, len);
    text[len] = '\0';
}

static void slot_fill(p11_slot *slot, CK_SLOT_ID id, const CK_TOKEN_INFO *token)
{
    slot->id = id;
    slot->token = *token;
    field_text(token->label, sizeof(token->label), slot->label);
    field_text(token->serialNumber, sizeof(token->serialNumber), slot->serial);
    field_text(token->manufacturerID, sizeof(token->manufacturerID), slot->manufacturer);
    field_text(token->model, sizeof(token->model), slot->model);
}

static bool library_fits(p11_module *module, const p11_uri *uri)
{
    CK_INFO info = p11_module_info(module);

    if (uri == NULL)
        return true;
    field_repair(info.manufacturerID, sizeof(info.manufacturerID));
    field_repair(info.libraryDescription, sizeof(info.libraryDescription));
    return p11_uri_fits_library(uri, &info);
}

/* A slot that did not answer. */
typedef struct silence {
    const char *call; /* NULL: they all did */
    CK_RV rv;
} silence;

/* A slot that does not answer holds no token that could serve; it must not hide the others. */
static bool slot_answers(p11_module *module, CK_SLOT_ID id, CK_SLOT_INFO *info, CK_TOKEN_INFO *token,
                         silence *why)
{
    CK_RV rv = p11_C_GetSlotInfo(module, id, info);

    if (rv != CKR_OK) {
        *why = (silence){"C_GetSlotInfo", rv};
        return false;
    }
    rv = p11_C_GetTokenInfo(module, id, token);
    if (rv != CKR_OK)
        *why = (silence){"C_GetTokenInfo", rv};
    return rv == CKR_OK;
}

static bool slot_fits(p11_module *module, const p11_uri *uri, CK_SLOT_ID id, p11_slot *slot, silence *why)
{
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;

    memset(&info, 0, sizeof(info));
    memset(&token, 0, sizeof(token));
    if (!slot_answers(module, id, &info, &token, why))
        return false;
    field_repair(info.slotDescription, sizeof(info.slotDescription));
    field_repair(info.manufacturerID, sizeof(info.manufacturerID));
    field_repair(token.label, sizeof(token.label));
    field_repair(token.serialNumber, sizeof(token.serialNumber));
    field_repair(token.manufacturerID, sizeof(token.manufacturerID));
    field_repair(token.model, sizeof(token.model));
    if (uri != NULL && (!p11_uri_fits_slot(uri, id, &info) || !p11_uri_fits_token(uri, &token)))
        return false;
    slot_fill(slot, id, &token);
    return true;
}

/* Another list each time it is asked, so room is left for tokens that come meanwhile. */
static sigb_rc more_slot_ids(p11_module *module, CK_SLOT_ID **ids, CK_ULONG *count, sigb_diag *diag)
{
    CK_ULONG room = 0, found;
    CK_SLOT_ID *list;
    CK_RV rv = p11_C_GetSlotList(module, CK_TRUE, NULL, &room);

    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetSlotList");
    if (room > MAX_SLOTS)
        return sigb_fail(diag, SIGB_E_LIMIT, "the module tells of %lu slots; at most %d are read", room,
                         MAX_SLOTS);
    room += USUAL_SLOTS;
    list = OPENSSL_realloc(*ids, room * sizeof(*list));
    if (list == NULL)
        return sigb_no_memory(diag);
    *ids = list;
    found = room;
    rv = p11_C_GetSlotList(module, CK_TRUE, list, &found);
    if (rv != CKR_OK)
        return ckr_fail(diag, rv, "C_GetSlotList");
    *count = found < room ? found : room;
    return SIGB_OK;
}

/* Ids of all slots with a token; the caller frees. One call where there are few. */
static sigb_rc slot_ids(p11_module *module, CK_SLOT_ID **ids, CK_ULONG *count, sigb_diag *diag)
{
    CK_SLOT_ID *list = OPENSSL_zalloc(USUAL_SLOTS * sizeof(*list));
    CK_ULONG found = USUAL_SLOTS;
    sigb_rc rc = SIGB_OK;
    CK_RV rv;

    if (list == NULL)
        return sigb_no_memory(diag);
    rv = p11_C_GetSlotList(module, CK_TRUE, list, &found);
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && found > USUAL_SLOTS))
        rc = more_slot_ids(module, &list, &found, diag);
    else if (rv != CKR_OK)
        rc = ckr_fail(diag, rv, "C_GetSlotList");
    if (rc != SIGB_OK) {
        OPENSSL_free(list);
        return rc;
    }
    *ids = list;
    *count = found;
    return SIGB_OK;
}

/* What was looked for, and why it may not have been found. */
typedef struct quest {
    const p11_uri *uri;         /* NULL: any */
    const char *label, *serial; /* of the token, for the words alone; NULL: any */
    bool other_library;
    silence why;
} quest;

static const char *remark(const quest *of, char room[96])
{
    char code[24];

    if (of->other_library)
        return ", and is another library than the URI names";
    if (of->why.call == NULL)
        return "";
    (void)snprintf(room, 96, ", of which one does not answer (%s: %s)", of->why.call,
                   ckr_name(of->why.rv, code));
    return room;
}

static sigb_rc none_fits(p11_module *module, const quest *of, size_t looked_at, sigb_diag *diag)
{
    sigb_buf place = SIGB_BUF_INIT;
    const char *others;
    char room[96];
    sigb_rc rc;

    if (of->uri != NULL)
        p11_uri_put_place(&place, of->uri);
    others = text_c_str(&place);
    rc = others == NULL
             ? sigb_no_memory(diag)
             : sigb_fail(diag, SIGB_E_TOKEN_ABSENT,
                         "no token matches the URI (token=%s serial=%s%s); module %s shows %zu%s: check that "
                         "the token is connected and that the module is the right one",
                         of->label == NULL ? "any" : of->label, of->serial == NULL ? "any" : of->serial,
                         others, p11_module_path(module), looked_at, remark(of, room));
    sigb_buf_free(&place);
    return rc;
}

static sigb_rc look_for(p11_module *module, quest *of, p11_slot **slots, size_t *count, sigb_diag *diag)
{
    CK_SLOT_ID *ids = NULL;
    CK_ULONG id_count = 0;
    p11_slot *found = NULL;
    size_t fitting = 0;
    const unsigned starts = p11_module_starts(module);
    sigb_rc rc = slot_ids(module, &ids, &id_count, diag);

    if (rc != SIGB_OK)
        return rc;
    found = OPENSSL_zalloc((id_count + 1) * sizeof(*found));
    if (found == NULL) {
        OPENSSL_free(ids);
        return sigb_no_memory(diag);
    }
    of->other_library = !library_fits(module, of->uri);
    for (CK_ULONG i = 0; !of->other_library && i < id_count; i++)
        if (slot_fits(module, of->uri, ids[i], &found[fitting], &of->why))
            found[fitting++].starts = starts;
    OPENSSL_free(ids);
    if (fitting == 0) {
        OPENSSL_free(found);
        return none_fits(module, of, id_count, diag);
    }
    *slots = found;
    *count = fitting;
    return SIGB_OK;
}

sigb_rc p11_slots_find(p11_module *module, const p11_uri *uri, p11_slot **slots, size_t *count,
                       sigb_diag *diag)
{
    quest of = {.uri = uri};

    if (uri != NULL) {
        of.label = p11_uri_token(uri);
        of.serial = p11_uri_serial(uri);
    }
    return look_for(module, &of, slots, count, diag);
}

static sigb_rc several_fit(const p11_slot *slots, size_t count, sigb_diag *diag)
{
    sigb_buf list = SIGB_BUF_INIT;
    const char *text;
    sigb_rc rc;

    for (size_t i = 0; i < count; i++) {
        const p11_name name = {.token = slots[i].label, .serial = slots[i].serial};
        text_put(&list, i == 0 ? "" : " ");
        p11_uri_format(&list, &name);
    }
    text = text_c_str(&list);
    rc = text == NULL ? sigb_no_memory(diag)
                      : sigb_fail(diag, SIGB_E_TOKEN_AMBIGUOUS,
                                  "%zu tokens match the URI; say which by serial=: %s", count, text);
    sigb_buf_free(&list);
    return rc;
}

/* Moves the initialised tokens to the front and counts them. */
static size_t keep_initialised(p11_slot *slots, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if ((slots[i].token.flags & CKF_TOKEN_INITIALIZED) != 0)
            slots[kept++] = slots[i];
    return kept;
}

sigb_rc p11_slots_require(p11_module *module, const p11_uri *uri, p11_slot **slots, size_t *count,
                          sigb_diag *diag)
{
    p11_slot *found = NULL;
    size_t fitting = 0;
    sigb_rc rc = p11_slots_find(module, uri, &found, &fitting, diag);

    if (rc != SIGB_OK)
        return rc;
    *count = keep_initialised(found, fitting);
    if (*count == 0) {
        OPENSSL_free(found);
        return sigb_fail(diag, SIGB_E_TOKEN_ABSENT,
                         "the token that matches the URI is not initialised yet; initialise it first");
    }
    *slots = found;
    return SIGB_OK;
}

sigb_rc p11_slot_require(p11_module *module, const p11_uri *uri, p11_slot *slot, sigb_diag *diag)
{
    p11_slot *slots = NULL;
    size_t count = 0;
    sigb_rc rc = p11_slots_require(module, uri, &slots, &count, diag);

    if (rc != SIGB_OK)
        return rc;
    if (count > 1)
        rc = several_fit(slots, count, diag);
    else
        *slot = slots[0];
    OPENSSL_free(slots);
    return rc;
}

static bool is_same_token(const p11_slot *a, const p11_slot *b)
{
    return strcmp(a->label, b->label) == 0 && strcmp(a->serial, b->serial) == 0 &&
           strcmp(a->manufacturer, b->manufacturer) == 0 && strcmp(a->model, b->model) == 0;
}

/* A token of its name, which is another by what else it says. NULL: there is none. */
static const p11_slot *namesake(const p11_slot *slots, size_t count, const p11_slot *of)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(slots[i].label, of->label) == 0)
            return &slots[i];
    return NULL;
}

static sigb_rc none_is_it(p11_module *module, const quest *of, const p11_slot *slots, size_t count,
                          const p11_slot *slot, sigb_diag *diag)
{
    const p11_slot *other = namesake(slots, count, slot);

    if (other == NULL)
        return none_fits(module, of, count, diag);
    return sigb_fail(
        diag, SIGB_E_TOKEN_ABSENT,
        "token %s (serial %s, model %s) is not there any more, and another of its name is (serial "
        "%s, model %s), to which no PIN was given: connect the right one",
        slot->label, slot->serial, slot->model, other->serial, other->model);
}

/* Where there are several of one name and serial, it is the one in the slot where it was. */
static sigb_rc choose_again(p11_module *module, const quest *of, const p11_slot *slots, size_t count,
                            p11_slot *slot, sigb_diag *diag)
{
    const p11_slot *chosen = NULL;
    size_t same = 0;

    for (size_t i = 0; i < count; i++)
        if (is_same_token(&slots[i], slot)) {
            same++;
            if (chosen == NULL || slots[i].id == slot->id)
                chosen = &slots[i];
        }
    if (chosen == NULL)
        return none_is_it(module, of, slots, count, slot, diag);
    if (same > 1 && chosen->id != slot->id)
        return sigb_fail(diag, SIGB_E_TOKEN_AMBIGUOUS,
                         "%zu tokens are called %s (serial %s) now, and none is where it was", same,
                         slot->label, slot->serial);
    *slot = *chosen;
    return SIGB_OK;
}

sigb_rc p11_slot_again(p11_module *module, p11_slot *slot, sigb_diag *diag)
{
    quest of = {.label = slot->label, .serial = slot->serial};
    p11_slot *slots = NULL;
    size_t count = 0;
    sigb_rc rc = look_for(module, &of, &slots, &count, diag);

    if (rc == SIGB_OK)
        rc = choose_again(module, &of, slots, count, slot, diag);
    OPENSSL_free(slots);
    return rc;
}
