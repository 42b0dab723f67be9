/* SPDX-License-Identifier: Apache-2.0 */
/* One token, opened for work: module, slot, and a logged-in session. */
#ifndef SIGB_TOKEN_PLACE_H
#define SIGB_TOKEN_PLACE_H

#include "pkcs11/pkcs11.h"

#include <sigbridge/token.h>

typedef struct place {
    p11_uri *uri;
    p11_module *module;
    p11_slot slot;
    CK_SESSION_HANDLE session; /* CK_INVALID_HANDLE: none */
    unsigned starts;           /* of the module, to which the session belongs */
} place;

/*
 * The session of a place that has a module and a slot. Until it is closed this thread's calls are for it: once the module
 * was started anew they are refused, and it is not closed either. Another thread goes on with place_bind().
 */
SIGB_CHECK sigb_rc place_session_open(place *at, bool writable, sigb_diag *diag);
void place_session_close(place *at);
void place_bind(const place *at);

/* Opens the one token that the URI names, for reading and writing, and logs in. */
SIGB_CHECK sigb_rc place_open(const char *uri, const sigb_pkcs11_options *options, place *opened,
                              sigb_diag *diag);

/* What is done at a place. *again: if it fails, nothing of it was done, and it may be tried once more. */
typedef sigb_rc (*place_work)(const place *at, void *arg, bool *again, sigb_diag *diag);

/*
 * Opens, works, closes; all of it once more where what failed may pass. The PIN is
 * asked for once, and tried again only where the token cannot have judged it.
 */
SIGB_CHECK sigb_rc place_run(const char *uri, const sigb_pkcs11_options *options, place_work work, void *arg,
                             sigb_diag *diag);

/* Releases everything; fit for a place that was zeroed and never opened, too. */
void place_close(place *opened);

/* The URI of an object on the token of this slot. type: "private", "public", "cert" or NULL. */
void place_uri(const p11_slot *slot, const char *label, sigb_bytes id, const char *type, sigb_buf *uri);

/*
 * Objects of a class (CK_UNAVAILABLE_INFORMATION: any) with this label and this
 * id, each left out where it has no bytes; of private keys no copies in sessions. The caller frees *objects with OPENSSL_free().
 */
SIGB_CHECK sigb_rc place_find(const place *at, CK_OBJECT_CLASS class, sigb_bytes label, sigb_bytes id,
                              CK_OBJECT_HANDLE **objects, size_t *count, sigb_diag *diag);

/*
 * A label that we write: 1 to `room` bytes of UTF-8 that is plain to the eye,
 * without blanks at its ends. `what` names it in the refusal. SIGB_E_USAGE.
 */
SIGB_CHECK sigb_rc label_check(const char *label, size_t room, const char *what, sigb_diag *diag);

#endif
