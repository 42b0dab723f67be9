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
static sigb_rc fetch(const p11_slot *slot, const p11_uri *uri, const sigb_pkcs11_options *options,
                     sigb_pin *pin, sigb_diag *diag)
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

/* As they are now: another process may have tried since the slot was found. */
static CK_FLAGS flags_now(p11_module *module, const p11_slot *slot)
{
    CK_TOKEN_INFO now;

    memset(&now, 0, sizeof(now));
    return p11_C_GetTokenInfo(module, slot->id, &now) == CKR_OK ? now.flags : slot->token.flags;
}

sigb_rc pin_require_tries(p11_module *module, const p11_slot *slot, sigb_diag *diag)
{
    CK_FLAGS flags = flags_now(module, slot);

    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return sigb_fail(diag, SIGB_E_PIN_LOCKED,
                         "the user PIN of token %s (serial %s) is locked; nothing was tried: the security "
                         "officer can set a new one",
                         slot->label, slot->serial);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return sigb_fail(diag, SIGB_E_PIN_FINAL_TRY,
                         "one wrong PIN more locks token %s (serial %s); nothing was tried: log in once with "
                         "the token's own tool",
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

/* pin NULL: the token has a keypad of its own. */
static CK_RV login(p11_module *module, CK_SESSION_HANDLE session, CK_USER_TYPE user, const sigb_pin *pin)
{
    CK_RV rv = p11_C_Login(module, session, user, pin == NULL ? NULL : pin->page, pin == NULL ? 0 : pin->len);

    return rv == CKR_USER_ALREADY_LOGGED_IN && user == CKU_USER ? CKR_OK : rv;
}

static bool has_keypad(const p11_slot *slot)
{
    return (slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

static sigb_rc login_with_pin(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                              const p11_uri *uri, const sigb_pkcs11_options *options, sigb_pin **kept,
                              sigb_diag *diag)
{
    sigb_pin *pin = secret_new();
    sigb_rc rc = pin == NULL ? sigb_no_memory(diag) : fetch(slot, uri, options, pin, diag);

    if (rc == SIGB_OK) {
        CK_RV rv = login(module, session, CKU_USER, pin);
        rc = rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_Login");
    }
    if (rc != SIGB_OK) {
        secret_free(pin);
        return rc;
    }
    *kept = pin;
    return SIGB_OK;
}

sigb_rc p11_login_keeping(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session,
                          const p11_uri *uri, const sigb_pkcs11_options *options, sigb_pin **kept,
                          sigb_diag *diag)
{
    sigb_rc rc;
    CK_RV rv;

    if ((slot->token.flags & CKF_LOGIN_REQUIRED) == 0 || is_logged_in(module, session))
        return SIGB_OK;
    rc = pin_require_tries(module, slot, diag);
    if (rc != SIGB_OK)
        return rc;
    if (!has_keypad(slot))
        return login_with_pin(module, slot, session, uri, options, kept, diag);
    rv = login(module, session, CKU_USER, NULL);
    return rv == CKR_OK ? SIGB_OK : ckr_fail(diag, rv, "C_Login");
}

sigb_rc p11_login(p11_module *module, const p11_slot *slot, CK_SESSION_HANDLE session, const p11_uri *uri,
                  const sigb_pkcs11_options *options, sigb_diag *diag)
{
    sigb_pin *kept = NULL;
    sigb_rc rc = p11_login_keeping(module, slot, session, uri, options, &kept, diag);

    secret_free(kept);
    return rc;
}
