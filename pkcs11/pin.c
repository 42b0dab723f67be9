/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PINs: where they come from, and the one attempt that is made with each. Bytes
 * of a PIN go from the system call straight into secret memory. The terminal is
 * in terminal.c.
 */
#include "pkcs11/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/error.h"

/* ---- sources ---- */

static sigb_rc is_empty(sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_PIN_NEEDED, "the PIN is empty; give one, or another source of it");
}

static sigb_rc is_too_long(sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_LIMIT, "the PIN has more than %d bytes", SIGB_MAX_PIN_LEN);
}

sigb_rc pin_settle(sigb_pin *pin, sigb_diag *diag)
{
    const uint8_t *p = pin->page;
    sigb_rc rc = SIGB_OK;

    if (pin->len > 0 && p[pin->len - 1] == '\n')
        pin->len -= pin->len > 1 && p[pin->len - 2] == '\r' ? 2 : 1;
    if (pin->len == 0)
        rc = is_empty(diag);
    else if (pin->len > SIGB_MAX_PIN_LEN)
        rc = is_too_long(diag);
    if (rc != SIGB_OK)
        secret_cleanse(pin);
    return rc;
}

sigb_rc sigb_pin_put(sigb_pin *pin, sigb_bytes text, sigb_diag *diag)
{
    if (pin == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the PIN");
    secret_cleanse(pin);
    if (text.len == 0)
        return is_empty(diag);
    if (text.len > SIGB_MAX_PIN_LEN)
        return is_too_long(diag);
    memcpy(pin->page, text.ptr, text.len);
    pin->len = text.len;
    return SIGB_OK;
}

static ssize_t read_some(int fd, uint8_t *into, size_t room)
{
    ssize_t got;

    do
        got = read(fd, into, room);
    while (got < 0 && errno == EINTR);
    return got;
}

/* To the end, or until there is no room; true in *more if something is left then. */
static bool read_all(sigb_pin *pin, int fd, bool *more)
{
    uint8_t beyond = 0;
    ssize_t got = 1;

    while (got > 0 && pin->len < SECRET_ROOM) {
        got = read_some(fd, pin->page + pin->len, SECRET_ROOM - pin->len);
        pin->len += got > 0 ? (size_t)got : 0;
    }
    if (got > 0)
        got = read_some(fd, &beyond, 1);
    OPENSSL_cleanse(&beyond, sizeof(beyond));
    *more = got > 0;
    return got >= 0;
}

static sigb_rc read_descriptor(sigb_pin *pin, int fd, const char *name, sigb_diag *diag)
{
    bool more = false;

    secret_cleanse(pin);
    if (!read_all(pin, fd, &more)) {
        int cause = errno;
        secret_cleanse(pin);
        return sigb_fail(diag, SIGB_E_IO, "the PIN cannot be read from %s: %s", name, strerror(cause));
    }
    if (more) {
        secret_cleanse(pin);
        return is_too_long(diag);
    }
    return pin_settle(pin, diag);
}

sigb_rc sigb_pin_read_fd(sigb_pin *pin, int fd, sigb_diag *diag)
{
    if (pin == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the PIN");
    return read_descriptor(pin, fd, "the descriptor", diag);
}

sigb_rc sigb_pin_read_file(sigb_pin *pin, const char *path, const sigb_notes *notes, sigb_diag *diag)
{
    struct stat info;
    sigb_rc rc;
    int fd;

    if (pin == NULL || path == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the PIN, or no PIN file");
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return sigb_fail(diag, SIGB_E_IO, "the PIN file %s cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & (S_IRGRP | S_IROTH)) != 0)
        sigb_note(notes, "the PIN file %s can be read by others; make it private (chmod 600)", path);
    rc = read_descriptor(pin, fd, path, diag);
    (void)close(fd);
    return rc;
}

sigb_rc sigb_pin_take_env(sigb_pin *pin, const char *name, sigb_diag *diag)
{
    char *value;
    sigb_rc rc;

    if (pin == NULL || name == NULL || name[0] == '\0' || strchr(name, '=') != NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the PIN, or no name of an environment variable");
    secret_cleanse(pin);
    value = secure_getenv(name);
    if (value == NULL)
        return sigb_fail(
            diag, SIGB_E_PIN_NEEDED,
            "the environment variable %s that should hold the PIN is not set; set it, or name another source",
            name);
    rc = sigb_pin_put(pin, sigb_bytes_text(value), diag);
    OPENSSL_cleanse(value, strlen(value));
    (void)unsetenv(name);
    return rc;
}

/* ---- logging in ---- */

sigb_rc pin_ask(const p11_slot *slot, sigb_pin_kind kind, const sigb_pkcs11_options *options, sigb_pin *pin,
                sigb_diag *diag)
{
    const sigb_pin_request request = {kind, slot->label, slot->serial};
    sigb_rc rc;

    if (options == NULL || options->pin == NULL)
        return sigb_fail(diag, SIGB_E_PIN_NEEDED,
                         "token %s (serial %s) asks for a PIN, and there is no source for one", slot->label,
                         slot->serial);
    rc = options->pin(options->pin_arg, &request, pin, diag);
    return rc == SIGB_OK && pin->len == 0 ? is_empty(diag) : rc;
}

/* pin-value, pin-source, or the callback. The URI holds no other form of pin-source than these two. */
sigb_rc pin_fetch(const p11_slot *slot, const p11_uri *uri, const sigb_pkcs11_options *options, sigb_pin *pin,
                  sigb_diag *diag)
{
    const sigb_pin *given = p11_uri_pin(uri);
    const char *source = p11_uri_pin_source(uri);

    if (given != NULL)
        return sigb_pin_put(pin, sigb_bytes_of(given->page, given->len), diag);
    if (source != NULL)
        return sigb_pin_read_file(pin, source[0] == '/' ? source : strchr(source, '/'),
                                  options == NULL ? NULL : &options->notes, diag);
    return pin_ask(slot, SIGB_PIN_USER, options, pin, diag);
}

/* A PIN that is locked, or would be by one mistake more, is not tried. */
sigb_rc pin_require_tries(const p11_slot *slot, bool allow_final_try, sigb_diag *diag)
{
    CK_FLAGS flags = slot->token.flags;

    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return sigb_fail(diag, SIGB_E_PIN_LOCKED,
                         "the user PIN of token %s (serial %s) is locked; nothing was tried: the security "
                         "officer can set a new one",
                         slot->label, slot->serial);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0 && !allow_final_try)
        return sigb_fail(diag, SIGB_E_PIN_FINAL_TRY,
                         "one wrong PIN more locks token %s (serial %s); nothing was tried: log in once with "
                         "the token's own tool, or allow the final try",
                         slot->label, slot->serial);
    return SIGB_OK;
}

/* Login is a state of the token, shared by all sessions of the process. */
static bool is_logged_in(p11_module *module, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    memset(&info, 0, sizeof(info));
    return p11_C_GetSessionInfo(module, session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

bool login_is_needed(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session)
{
    return (slot->token.flags & CKF_LOGIN_REQUIRED) != 0 && !is_logged_in(module, session);
}

bool slot_has_keypad(const p11_slot *slot)
{
    return (slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

/*
 * After these the token cannot have looked at the PIN. CKR_GENERAL_ERROR and
 * CKR_USER_PIN_NOT_INITIALIZED are what SoftHSM gives while another process
 * rewrites the token's file.
 */
static bool cannot_have_judged(CK_RV rv)
{
    static const CK_RV codes[] = {
        CKR_GENERAL_ERROR,   CKR_USER_PIN_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,
        CKR_SLOT_ID_INVALID, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_TOKEN_NOT_PRESENT,
    };

    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i] == rv)
            return true;
    return false;
}

static CK_RV call_login(p11_module *module, CK_SESSION_HANDLE session, const p11_login_how *how)
{
    CK_RV rv = p11_C_Login(module, session, how->user, how->pin == NULL ? NULL : how->pin->page,
                           how->pin == NULL ? 0 : how->pin->len);

    return rv == CKR_USER_ALREADY_LOGGED_IN && how->user == CKU_USER ? CKR_OK : rv;
}

static bool is_refusal(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE;
}

/* As the token is now: another process may have tried since the slot was found. */
static void look_again(p11_module *module, p11_slot *slot)
{
    CK_TOKEN_INFO now;

    memset(&now, 0, sizeof(now));
    if (p11_C_GetTokenInfo(module, slot->id, &now) == CKR_OK)
        slot->token.flags = now.flags;
}

/* Of an attempt that has begun. */
static sigb_rc try_login(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                         const p11_login_how *how, attempt *a, bool *again, sigb_diag *diag)
{
    p11_slot now = *slot;
    sigb_rc rc;
    CK_RV rv;

    look_again(module, &now);
    rc = pin_require_tries(&now, how->allow_final_try, diag);

    if (rc != SIGB_OK)
        return rc;
    if (a->orphaned && (now.token.flags & CKF_USER_PIN_COUNT_LOW) != 0)
        return sigb_fail(
            diag, SIGB_E_PIN_INCORRECT,
            "a login to token %s (serial %s) was cut off, and the token has counted a wrong PIN; it is "
            "not tried again: log in once with the token's own tool",
            slot->label, slot->serial);
    rv = call_login(module, session, how);
    a->refused = is_refusal(rv);
    *again = cannot_have_judged(rv);
    return rv == CKR_OK
               ? SIGB_OK
               : ckr_fail(diag, rv, how->user == CKU_USER ? "C_Login" : "C_Login (for this signature)");
}

sigb_rc login_once(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                   const p11_login_how *how, bool *again, sigb_diag *diag)
{
    attempt a;
    sigb_rc rc = attempt_begin(&a, module, slot, how->pin, how->until, diag);

    *again = false;
    if (rc != SIGB_OK)
        return rc;
    rc = try_login(module, slot, session, how, &a, again, diag);
    attempt_end(&a);
    return rc;
}

sigb_rc p11_login(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session, const p11_uri *uri,
                  const sigb_pkcs11_options *options, bool *again, sigb_diag *diag)
{
    p11_login_how how = {.user = CKU_USER, .until = {.never = true}};
    sigb_pin *pin = NULL;
    sigb_rc rc = SIGB_OK;

    *again = false;
    if (!login_is_needed(module, slot, session))
        return SIGB_OK;
    how.allow_final_try = options != NULL && options->allow_final_pin_try;
    rc = pin_require_tries(slot, how.allow_final_try, diag);
    if (rc == SIGB_OK && !slot_has_keypad(slot)) {
        pin = secret_new();
        rc = pin == NULL ? sigb_no_memory(diag) : pin_fetch(slot, uri, options, pin, diag);
        how.pin = pin;
    }
    if (rc == SIGB_OK)
        rc = login_once(module, slot, session, &how, again, diag);
    secret_free(pin);
    return rc;
}
