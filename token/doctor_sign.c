/* SPDX-License-Identifier: Apache-2.0 */
/* A test signature: made on the road that statements take, and verified here once more. */
#include "token/doctor.h"

#include <openssl/evp.h>

#include "base/error.h"
#include "base/pubkey.h"
#include "base/text.h"

/* The PIN that was asked for once serves here too. */
typedef struct pin_again {
    const sigb_pin *pin;
    const sigb_pkcs11_options *options; /* the caller's, where none was asked for */
} pin_again;

static sigb_rc give_again(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    const pin_again *again = arg;

    if (again->pin != NULL)
        return sigb_pin_copy(pin, again->pin, diag);
    if (again->options->pin != NULL)
        return again->options->pin(again->options->pin_arg, request, pin, diag);
    return sigb_fail(diag, SIGB_E_PIN_NEEDED, "token %s asks for a PIN, and none was given", request->token);
}

static sigb_rc verify(sigb_bytes spki, sigb_alg alg, sigb_bytes signature, sigb_diag *diag)
{
    EVP_PKEY *key = NULL;
    sigb_rc rc = pubkey_parse(spki, &key, diag);

    if (rc == SIGB_OK)
        rc = pubkey_verify(key, alg, sigb_bytes_text(DOCTOR_TEST_TEXT), signature, diag);
    EVP_PKEY_free(key);
    return rc == SIGB_E_SIGNATURE ? SIGB_E_SIGNATURE_FAULT : rc;
}

/* `alg` is what was chosen, also where it does not sign. */
static sigb_rc sign(sigb_signer *signer, sigb_bytes spki, sigb_alg *alg, sigb_buf *signature, sigb_diag *diag)
{
    sigb_rc rc = sigb_signer_expect(signer, spki, diag);

    if (rc == SIGB_OK)
        rc = sigb_alg_for_key(spki, SIGB_ALG_NONE, SIGB_PROFILE_COSE, alg, diag);
    if (rc == SIGB_OK)
        rc = sigb_signer_sign(signer, *alg, sigb_bytes_text(DOCTOR_TEST_TEXT), signature, diag);
    return rc == SIGB_OK ? verify(spki, *alg, sigb_buf_bytes(signature), diag) : rc;
}

void examine_signature(exam *e, const char *uri, const sigb_pkcs11_options *options, sigb_bytes spki)
{
    pin_again again = {e->pin, options};
    sigb_pkcs11_options quiet = *options;
    sigb_alg alg = SIGB_ALG_NONE;
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_signer *signer = NULL;
    sigb_diag why = {{0}, 0};
    sigb_rc rc;

    quiet.notes = (sigb_notes){NULL, NULL}; /* they were told when the key was examined */
    quiet.pin = give_again;
    quiet.pin_arg = &again;
    rc = sigb_signer_from_pkcs11(uri, &quiet, &signer, &why);
    if (rc == SIGB_OK)
        rc = sign(signer, spki, &alg, &signature, &why);
    if (rc != SIGB_OK)
        found_refused(e, CHECK_SIGNATURE, SIGB_VERDICT_FAIL, rc, &why);
    else
        text_putf(found(e, CHECK_SIGNATURE, SIGB_VERDICT_OK, SIGB_OK),
                  "%s, %zu bytes, over a text for this test alone; verifies with the public key",
                  sigb_alg_name(alg), signature.len);
    sigb_signer_free(signer);
    sigb_buf_free(&signature);
}
