/* SPDX-License-Identifier: Apache-2.0 */
/* A key on one token: found, found again after a repair, and known to be the same. */
#include "pkcs11/internal.h"

#include <pthread.h>

#include <openssl/crypto.h>

#include "base/error.h"
#include "base/gate.h"

/* Over `generation`, `proven`, `object` and `home` of all replicas; never held across a call. */
static pthread_mutex_t replicas_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the key as a whole ---- */

p11_key *key_new(const sigb_pkcs11_options *options)
{
    p11_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key == NULL)
        return NULL;
    gate_guard(&replicas_lock);
    atomic_init(&key->users, 1);
    atomic_init(&key->current, 0);
    atomic_init(&key->doubted, false);
    key->options = *options;
    key->options.module = key->options.init_args = NULL;
    key->options.notes = (sigb_notes){NULL, NULL};
    key->tracer = (p11_tracer){options->trace, options->trace_arg};
    return key;
}

void key_share(p11_key *key)
{
    (void)atomic_fetch_add(&key->users, 1);
}

void key_drop(p11_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->users, 1) > 1)
        return;
    for (size_t i = 0; i < key->count; i++)
        replica_leave(key, &key->replicas[i]);
    p11_module_close(key->module);
    p11_uri_free(key->uri);
    sigb_buf_free(&key->spki);
    OPENSSL_free(key);
}

p11_repair key_repair(const p11_key *key, deadline until, unsigned tries)
{
    return (p11_repair){.until = until,
                        .tries = tries,
                        .may_log_in = true,
                        .keep_pin = !key->options.no_relogin,
                        .allow_final_try = key->options.allow_final_pin_try};
}

/* ---- a copy in a session ---- */

static void close_home(const p11_key *key, const p11_replica *replica)
{
    if (replica->home != CK_INVALID_HANDLE && token_may_close(replica->token, &replica->home_lease))
        p11_session_close(key->module, replica->home);
}

/* CKR_OK, or why there is none. */
static CK_RV copy_in(p11_module *module, CK_SESSION_HANDLE home, CK_OBJECT_HANDLE object,
                     CK_OBJECT_HANDLE *copy)
{
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE in_session[] = {{CKA_TOKEN, &no, sizeof(no)}};
    CK_RV rv;

    key_copy_begins();
    rv = p11_C_CopyObject(module, home, object, in_session, COUNT(in_session), copy);
    key_copy_ends();
    return rv;
}

/* The copy takes the key's place in *found; a token that does not allow it signs with the key itself. */
static void replace_by_copy(p11_key *key, const p11_slot *slot, const p11_lease *lease, p11_replica *found,
                            const sigb_notes *notes)
{
    CK_SESSION_HANDLE home = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    sigb_diag why = {{0}, 0};
    char room[24];
    CK_RV rv;

    if (p11_session_open(key->module, slot, false, &home, &why) != SIGB_OK) {
        sigb_note(notes, "the key is not copied, for there is no session for the copy: %s", why.text);
        return;
    }
    rv = copy_in(key->module, home, found->object, &copy);
    if (rv != CKR_OK) {
        p11_session_close(key->module, home);
        sigb_note(notes, "the token does not copy the key (C_CopyObject: %s); it is used where it is",
                  ckr_name(rv, room));
        return;
    }
    found->object = copy;
    found->home = home;
    found->home_lease = *lease;
}

/* ---- identity ---- */

/*
 * Another user of the module may have ended the login, by a C_Finalize and C_Initialize for one: private keys are then
 * hidden, and only that. A token that has gone shows no object at all; a key that was deleted leaves others behind, in
 * nearly all cases.
 */
static sigb_rc absent_or_lost(p11_key *key, const p11_slot *slot, const p11_lease *lease, sigb_diag *diag)
{
    CK_OBJECT_HANDLE *all = NULL;
    size_t count = 0;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    if (login_is_needed(key->module, slot, lease->session))
        return ckr_fail(diag, CKR_USER_NOT_LOGGED_IN, "C_FindObjects");
    rc = p11_objects_find(key->module, lease->session, NULL, 0, &all, &count, &why);
    OPENSSL_free(all);
    if (rc == SIGB_OK && count > 0)
        return SIGB_E_KEY_ABSENT;
    return sigb_fail(
        diag, SIGB_E_TOKEN_ABSENT,
        "token %s (serial %s) shows no object any more, so it is taken for lost; check the device and "
        "the connection to it",
        slot->label, slot->serial);
}

static sigb_rc require_same(const p11_key *key, const p11_view *seen, sigb_diag *diag)
{
    sigb_buf spki = SIGB_BUF_INIT;
    sigb_rc rc = key_view_spki(seen, &spki, diag);

    if (rc == SIGB_OK && spki.len > 0 && key->spki.len > 0 &&
        !sigb_bytes_equal(sigb_buf_bytes(&spki), sigb_buf_bytes(&key->spki)))
        rc = sigb_fail(
            diag, SIGB_E_KEY_CHANGED,
            "the key that goes by this name has another public key than the one that was opened; "
            "nothing was signed with it: find out who replaced it, and open it anew if it is right");
    sigb_buf_free(&spki);
    return rc;
}

/* The first time there is nothing to compare with: the key is learned. */
static sigb_rc learn(p11_key *key, p11_replica *found, const p11_view *seen, CK_SLOT_ID slot, sigb_diag *diag)
{
    sigb_buf allowed = SIGB_BUF_INIT;
    sigb_rc rc = key_require_sign(seen, diag);

    if (rc == SIGB_OK && key->spki.len == 0)
        rc = key_view_spki(seen, &key->spki, diag);
    else if (rc == SIGB_OK)
        rc = require_same(key, seen, diag);
    if (rc == SIGB_OK)
        rc = view_value(seen, CKA_ALLOWED_MECHANISMS, &allowed, diag);
    if (rc == SIGB_OK)
        rc = mechanisms_probe(key->module, slot, sigb_buf_bytes(&allowed), &found->mechanisms, diag);
    if (rc == SIGB_OK)
        rc = view_bool(seen, CKA_ALWAYS_AUTHENTICATE, false, &found->always_authenticate, diag);
    sigb_buf_free(&allowed);
    return rc;
}

/* What the URI names now, known to be the key that was opened if one was. */
static sigb_rc find_known(p11_key *key, p11_replica *found, const p11_slot *slot, const p11_lease *lease,
                          sigb_diag *diag)
{
    p11_view seen;
    sigb_rc rc = key_find(key->module, slot, lease->session, key->uri, &key->options, &found->object, diag);

    if (rc == SIGB_OK)
        rc = key_view(&seen, key->module, lease->session, found->object, diag);
    if (rc != SIGB_OK)
        return rc;
    return found->generation == 0 ? learn(key, found, &seen, slot->id, diag) : require_same(key, &seen, diag);
}

static sigb_rc find(p11_key *key, p11_replica *found, const p11_lease *lease, const sigb_notes *notes,
                    sigb_diag *diag)
{
    const p11_slot slot = token_slot(found->token);
    sigb_rc rc = find_known(key, found, &slot, lease, diag);

    if (rc == SIGB_E_KEY_ABSENT && found->generation != 0) {
        rc = absent_or_lost(key, &slot, lease, diag);
        if (rc == SIGB_E_KEY_ABSENT) /* or hidden, by a logout that was repaired since */
            rc = find_known(key, found, &slot, lease, diag);
    }
    found->home = CK_INVALID_HANDLE;
    if (rc == SIGB_OK && key->options.copy_key)
        replace_by_copy(key, &slot, lease, found, notes);
    if (found->generation == 0)
        found->proven = lease->generation; /* of what was opened, the signer verifies the first signature */
    found->generation = lease->generation;
    return rc;
}

/*
 * What does not change is left alone, for others read it without the lock. Of two
 * threads that found it at once, the first one's is kept. *found becomes what goes,
 * but for the object that serves.
 */
static void publish(p11_replica *replica, p11_replica *found)
{
    p11_replica before;

    (void)pthread_mutex_lock(&replicas_lock);
    before = *replica;
    if (before.generation == 0)
        *replica = *found;
    if ((int)(before.generation - found->generation) >= 0) {
        found->object = before.object;
    } else {
        replica->generation = found->generation;
        replica->object = found->object;
        replica->home = found->home;
        replica->home_lease = found->home_lease;
        found->home = before.home;
        found->home_lease = before.home_lease;
    }
    (void)pthread_mutex_unlock(&replicas_lock);
}

/* True: in *object. Else *found is what is known of it, to be found anew. */
static bool is_known(const p11_replica *replica, const p11_lease *lease, CK_OBJECT_HANDLE *object,
                     bool *unproven, p11_replica *found)
{
    bool known;

    (void)pthread_mutex_lock(&replicas_lock);
    known = replica->generation == lease->generation;
    *unproven = replica->proven != lease->generation;
    if (known)
        *object = replica->object;
    else
        *found = *replica;
    (void)pthread_mutex_unlock(&replicas_lock);
    return known;
}

sigb_rc replica_object(p11_key *key, p11_replica *replica, const p11_lease *lease, const sigb_notes *notes,
                       CK_OBJECT_HANDLE *object, bool *unproven, sigb_diag *diag)
{
    p11_replica found;
    sigb_rc rc;

    if (is_known(replica, lease, object, unproven, &found))
        return SIGB_OK;
    rc = find(key, &found, lease, notes, diag);
    if (rc != SIGB_OK)
        return rc;
    publish(replica, &found);
    close_home(key, &found);
    *object = found.object;
    return SIGB_OK;
}

void replica_prove(p11_replica *replica, unsigned generation)
{
    (void)pthread_mutex_lock(&replicas_lock);
    if (replica->generation == generation)
        replica->proven = generation;
    (void)pthread_mutex_unlock(&replicas_lock);
}

void replica_leave(const p11_key *key, p11_replica *replica)
{
    close_home(key, replica);
    token_leave(replica->token);
    replica->token = NULL;
}
