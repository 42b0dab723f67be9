/* SPDX-License-Identifier: Apache-2.0 */
/* From the module to the login. */
#include "token/doctor.h"

#include <openssl/crypto.h>

#include "base/text.h"
#include "token/item.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- module ---- */

/* A field of Cryptoki, padded with blanks. */
static void put_field(sigb_buf *out, const CK_UTF8CHAR *field, size_t len)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
        len--;
    sigb_buf_append(out, sigb_bytes_of(field, len));
}

static void put_library(exam *e, sigb_buf *words)
{
    CK_INFO info;

    memset(&info, 0, sizeof(info));
    if (p11_C_GetInfo(e->at.module, &info) != CKR_OK)
        return;
    text_put(words, ": ");
    put_field(words, info.manufacturerID, sizeof(info.manufacturerID));
    text_put(words, ", ");
    put_field(words, info.libraryDescription, sizeof(info.libraryDescription));
    text_putf(words, " %u.%u, Cryptoki %u.%u", info.libraryVersion.major, info.libraryVersion.minor,
              info.cryptokiVersion.major, info.cryptokiVersion.minor);
}

void examine_module(exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = p11_module_open(e->at.uri, &e->options, &e->at.module, &why);
    sigb_buf *words;

    if (rc != SIGB_OK) {
        found_refused(e, CHECK_MODULE, SIGB_VERDICT_FAIL, rc, &why);
        return;
    }
    words = found(e, CHECK_MODULE, SIGB_VERDICT_OK, SIGB_OK);
    text_put(words, p11_module_path(e->at.module));
    put_library(e, words);
}

/* ---- token ---- */

static void put_token(sigb_buf *words, const p11_slot *slot)
{
    place_uri(slot, NULL, SIGB_BYTES_NONE, NULL, words);
    text_put(words, ", ");
    text_put(words, slot->manufacturer);
    text_put(words, " ");
    text_put(words, slot->model);
    text_putf(words, ", in slot %lu", slot->id);
}

/* By the flags, the worst first. `tries`: of no weight where a PIN is tried all the same. */
static const struct pin_row {
    CK_FLAGS flag;
    bool set;
    sigb_verdict verdict;
    sigb_rc rc;
    const char *words;
} PIN_STATES[] = {
    {CKF_LOGIN_REQUIRED, false, SIGB_VERDICT_OK, SIGB_OK, "the token needs no login"},
    {CKF_USER_PIN_LOCKED, true, SIGB_VERDICT_FAIL, SIGB_E_PIN_LOCKED, "the user PIN is locked"},
    {CKF_USER_PIN_INITIALIZED, false, SIGB_VERDICT_FAIL, SIGB_E_PIN_NEEDED,
     "the user PIN is not set yet: the security officer sets it first"},
    {CKF_USER_PIN_FINAL_TRY, true, SIGB_VERDICT_FAIL, SIGB_E_PIN_FINAL_TRY,
     "one try is left: one wrong PIN more locks the token"},
    {CKF_USER_PIN_TO_BE_CHANGED, true, SIGB_VERDICT_WARN, SIGB_OK,
     "the user PIN is a first one that must be changed"},
    {CKF_USER_PIN_COUNT_LOW, true, SIGB_VERDICT_WARN, SIGB_OK,
     "the user PIN was entered wrongly since the last login"},
    {CKF_PROTECTED_AUTHENTICATION_PATH, true, SIGB_VERDICT_OK, SIGB_OK,
     "the user PIN is set, and entered at the device"},
    {CKF_USER_PIN_INITIALIZED, true, SIGB_VERDICT_OK, SIGB_OK,
     "the user PIN is set; no wrong entry is counted"},
};

static void examine_pin(exam *e)
{
    const struct pin_row *row = PIN_STATES;
    sigb_verdict verdict;
    sigb_buf *words;

    while (((e->at.slot.token.flags & row->flag) != 0) != row->set)
        row++; /* the last two rows of CKF_USER_PIN_INITIALIZED end it */
    verdict = row->verdict;
    if (row->rc == SIGB_E_PIN_FINAL_TRY && e->options.allow_final_pin_try)
        verdict = SIGB_VERDICT_WARN;
    words = found(e, CHECK_PIN, verdict, verdict == SIGB_VERDICT_OK ? SIGB_OK : row->rc);
    text_put(words, row->words);
    if ((e->at.slot.token.flags & CKF_SO_PIN_LOCKED) != 0)
        text_put(words, "; the security officer's PIN is locked, so that nobody can set a new one");
}

void examine_token(exam *e)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = p11_slot_require(e->at.module, e->at.uri, &e->at.slot, &why);

    e->has_slot = rc == SIGB_OK;
    if (rc == SIGB_OK)
        rc = place_session_open(&e->at, false, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_TOKEN, SIGB_VERDICT_FAIL, rc, &why);
    else
        put_token(found(e, CHECK_TOKEN, SIGB_VERDICT_OK, SIGB_OK), &e->at.slot);
    if (e->has_slot)
        examine_pin(e);
}

/* ---- what the slot can do for any key ---- */

static const sigb_alg ALGS[] = {SIGB_ES256, SIGB_ES384, SIGB_ES512, SIGB_ESP256, SIGB_ESP384, SIGB_ESP512,
                                SIGB_PS256, SIGB_PS384, SIGB_PS512, SIGB_EDDSA,  SIGB_ED25519};

static size_t put_mechanisms(sigb_buf *words, const p11_mechanisms *offered, bool there)
{
    p11_mechanism mechanism;
    size_t count = 0;

    for (size_t i = 0; i < COUNT(ALGS); i++) {
        const alg_row *alg = alg_row_of(ALGS[i]);

        if ((mechanism_require(offered, alg, &mechanism, NULL) == SIGB_OK) != there)
            continue;
        text_put(words, count++ == 0 ? "" : ", ");
        text_put(words, alg->name);
        if (there)
            text_putf(words, " %s", mechanism.name);
    }
    return count;
}

void examine_mechanisms(exam *e)
{
    p11_mechanisms offered;
    sigb_diag why = {{0}, 0};
    sigb_buf lacking = SIGB_BUF_INIT, *words;
    sigb_rc rc = mechanisms_probe(e->at.module, e->at.slot.id, SIGB_BYTES_NONE, &offered, &why);
    size_t lacks;

    if (rc != SIGB_OK) {
        found_refused(e, CHECK_MECHANISMS, SIGB_VERDICT_WARN, rc, &why);
        return;
    }
    lacks = put_mechanisms(&lacking, &offered, false);
    words = found(e, CHECK_MECHANISMS, lacks == COUNT(ALGS) ? SIGB_VERDICT_WARN : SIGB_VERDICT_OK, SIGB_OK);
    (void)put_mechanisms(words, &offered, true);
    if (lacks > 0) {
        text_put(words, lacks == COUNT(ALGS) ? "none for " : "; none for ");
        sigb_buf_append(words, sigb_buf_bytes(&lacking));
    }
    words->failed |= lacking.failed;
    sigb_buf_free(&lacking);
}

/* ---- login ---- */

static bool uri_has_pin(const exam *e)
{
    return p11_uri_has_pin(e->at.uri) || p11_uri_pin_source(e->at.uri) != NULL;
}

static bool login_is_possible(const exam *e)
{
    return e->at.session != CK_INVALID_HANDLE && (e->at.slot.token.flags & CKF_LOGIN_REQUIRED) != 0 &&
           e->of[CHECK_PIN].verdict != SIGB_VERDICT_FAIL;
}

static bool has_keypad(const exam *e)
{
    return (e->at.slot.token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

bool login_wants_pin(const exam *e)
{
    return login_is_possible(e) && !has_keypad(e) && !uri_has_pin(e);
}

static void try_login(exam *e)
{
    sigb_diag why = {{0}, 0};
    bool again;
    sigb_rc rc = p11_login(e->at.module, &e->at.slot, e->at.session, e->at.uri, &e->options, &again, &why);

    e->login = rc == SIGB_OK ? LOGIN_DONE : LOGIN_REFUSED;
    if (rc == SIGB_OK)
        text_put(found(e, CHECK_LOGIN, SIGB_VERDICT_OK, SIGB_OK), "the token took the login");
    else
        found_refused(e, CHECK_LOGIN, SIGB_VERDICT_FAIL, rc, &why);
}

void examine_login(exam *e)
{
    if (e->of[CHECK_LOGIN].made)
        return; /* the source of the PIN refused */
    if ((e->at.slot.token.flags & CKF_LOGIN_REQUIRED) == 0) {
        e->login = LOGIN_NOT_NEEDED;
        text_put(found(e, CHECK_LOGIN, SIGB_VERDICT_OK, SIGB_OK), "the token needs no login");
    } else if (!login_is_possible(e)) {
        text_put(found(e, CHECK_LOGIN, SIGB_VERDICT_NOT_CHECKED, SIGB_OK),
                 "nothing was tried, for the state of the PIN; private keys are hidden until login");
    } else if (!e->has_source) {
        e->login = LOGIN_WITHOUT_PIN;
        text_put(found(e, CHECK_LOGIN, SIGB_VERDICT_NOT_CHECKED, SIGB_E_PIN_NEEDED),
                 "no PIN was given; private keys are hidden until login");
    } else {
        try_login(e);
    }
}
