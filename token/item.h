/* SPDX-License-Identifier: Apache-2.0 */
/* A token or an object on it, as a sigb_token_item. */
#ifndef SIGB_TOKEN_ITEM_H
#define SIGB_TOKEN_ITEM_H

#include "pkcs11/pkcs11.h"

#include <sigbridge/token.h>

/* An item and what its strings point to. Zero-initialise. */
typedef struct described {
    sigb_token_item item;
    sigb_buf uri, label, id, type, note;
} described;

/* Describes a token: its state stands in the note. */
SIGB_CHECK sigb_rc item_of_token(const p11_slot *slot, described *made, sigb_diag *diag);

/* Describes an object of one of the three classes (item_class()). */
SIGB_CHECK sigb_rc item_of_object(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                                  CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class, described *made,
                                  sigb_diag *diag);

/* Takes `made` out of service; fit for one that failed half-way. */
void item_free(described *made);

/* The classes that are listed and deleted, in the order in which they are shown. */
#define ITEM_CLASSES 3
extern const CK_OBJECT_CLASS ITEM_CLASS[ITEM_CLASSES];

#endif
