/* SPDX-License-Identifier: Apache-2.0 */
/* The checks by name: what each wants, and what to do. */
#include "token/doctor.h"

#include "base/text.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* clang-format off */
static const struct check_row {
    const char *name;
    bool essential;
    const char *wanted;
    const char *advice;    /* where the code says nothing better */
    const char *unchecked; /* where nothing was judged; NULL: nothing to do */
} ROWS[CHECKS] = {
    [CHECK_URI]         = {"uri", true, "a pkcs11: URI (RFC 7512) that names a private key",
                           "copy the URI that sigbridge token list shows", NULL},
    [CHECK_MODULE]      = {"module", true, "a PKCS#11 module that loads and initialises",
                           "check the module's own configuration, and that it is for this machine", NULL},
    [CHECK_TOKEN]       = {"token", true, "one initialised token that the URI names, and a session on it",
                           "compare with sigbridge token list", NULL},
    [CHECK_PIN]         = {"pin", true, "a user PIN that is set, not locked, and without wrong entries",
                           "log in once with the right PIN: that takes wrong entries back", NULL},
    [CHECK_MECHANISMS]  = {"mechanisms", true, "a mechanism for each COSE algorithm that shall be used",
                           "use the algorithms that have one; a proxy or remote module may drop mechanisms of the device", NULL},
    [CHECK_LOGIN]       = {"login", true, "a login, or a token that needs none",
                           "correct what the words say", NULL},
    [CHECK_KEY]         = {"key", true, "one private key that the URI names",
                           "compare with sigbridge token list --login", NULL},
    [CHECK_SIGN]        = {"key-sign", true, "CKA_SIGN is true",
                           "use a key that was made for signing; this attribute is set when a key is made", NULL},
    [CHECK_SENSITIVE]   = {"key-sensitive", false, "CKA_SENSITIVE is true: the token never shows the private key",
                           "make a new key with sigbridge token keygen, and stop using this one", NULL},
    [CHECK_EXTRACTABLE] = {"key-extractable", false, "CKA_EXTRACTABLE is false: the private key cannot leave, not even wrapped",
                           "make a new key with sigbridge token keygen, and stop using this one", NULL},
    [CHECK_LOCAL]       = {"key-local", false, "a key that was made in the token and was never outside",
                           "where others may have a copy, make a new key with sigbridge token keygen", NULL},
    [CHECK_ALWAYS_AUTHENTICATE] = {"key-always-authenticate", false, "CKA_ALWAYS_AUTHENTICATE is false: one login for all signatures",
                           "keep a PIN source ready: the PIN is given again for every signature, or typed at the device", NULL},
    [CHECK_PUBLIC_KEY]  = {"public-key", false, "the public half, told by the key or by a public key object with its id or label",
                           "give the certificate of the key with --cert; the first signature proves that it is the right one", NULL},
    [CHECK_ALGORITHM]   = {"algorithm", true, "EC on P-256, P-384 or P-521, or RSA of 2048 bits and more; Ed25519 under the cose profile",
                           "use another key", NULL},
    [CHECK_MECHANISM]   = {"mechanism", true, "a mechanism for the key's algorithm, which the slot has and the key allows",
                           "use a key of another type, or a token or module that has the mechanism", NULL},
    [CHECK_CERTIFICATE] = {"certificate", true, "a certificate with the key's public key, on the token or given",
                           "give it with --cert or --chain", NULL},
    [CHECK_USAGE]       = {"certificate-usage", true, "an end entity whose keyUsage has digitalSignature",
                           "have the certificate re-issued", NULL},
    [CHECK_EKU]         = {"certificate-eku", true, "one extended key usage, or one that --eku names",
                           "name the one of your service with --eku", NULL},
    [CHECK_VALIDITY]    = {"certificate-validity", true, "certificates that are valid now, and for some time",
                           "renew the certificate in time", NULL},
    [CHECK_CHAIN]       = {"chain", true, "a chain from the certificate to a pinned root",
                           "give the certificates that the token lacks with --chain", "give the root with --root"},
    [CHECK_ISSUER]      = {"issuer", true, "a did:x509 of the pinned root and one EKU",
                           "correct what is said of certificates and chain", "give the root with --root, and the EKU with --eku if there are several"},
    [CHECK_SIGNATURE]   = {"signature", true, "a signature that verifies with the public key",
                           "correct what the words say, then try again", "ask for one with --sign"},
};

/* What to do about a refusal, whatever check met it. */
static const struct advice_row {
    sigb_rc rc;
    const char *advice;
} ADVICE[] = {
    {SIGB_E_MODULE,          "name the module with --module; check that it is for this machine and that its configuration can be read"},
    {SIGB_E_TOKEN,           "look the code up in the vendor's manual; check the connection to the device"},
    {SIGB_E_TOKEN_ABSENT,    "connect the device; compare with sigbridge token list"},
    {SIGB_E_TOKEN_AMBIGUOUS, "add the serial= of one of them to the URI"},
    {SIGB_E_PIN_NEEDED,      "give a PIN: --login at a terminal, or --pin-file, --pin-fd, --pin-env"},
    {SIGB_E_PIN_INCORRECT,   "check the PIN before you try again: every run costs a try"},
    {SIGB_E_PIN_LOCKED,      "the security officer has to reset the PIN with the vendor's tool"},
    {SIGB_E_PIN_FINAL_TRY,   "log in with the vendor's tool and the right PIN, or use --allow-final-pin-try"},
    {SIGB_E_KEY_ABSENT,      "compare with sigbridge token list --login"},
    {SIGB_E_KEY_AMBIGUOUS,   "add the id= of one of them to the URI; for copies of one key use --replicas"},
    {SIGB_E_KEY_UNSUPPORTED, "make a key of a type that is wanted"},
    {SIGB_E_WEAK_KEY,        "make a larger key"},
    {SIGB_E_PROFILE,         "use a key of another type, or --profile cose"},
    {SIGB_E_SIGNATURE_FAULT, "do not trust the device until its fault is found"},
    {SIGB_E_CERT_OTHER_KEY,  "give the certificate that was issued for this key"},
    {SIGB_E_CERT_AMBIGUOUS,  "name one of them with --cert"},
    {SIGB_E_EXPIRED,         "renew the certificate; correct the clock if it is wrong"},
    {SIGB_E_NOT_YET_VALID,   "wait, or correct the clock"},
    {SIGB_E_EKU,             "name an EKU that it has, or use another certificate"},
    {SIGB_E_EKU_ABSENT,      "have the certificate re-issued with the EKU of your service"},
    {SIGB_E_EKU_AMBIGUOUS,   "name the one of your service with --eku"},
    {SIGB_E_TIMEOUT,         "check the device and the connection to it; try again, or give it longer with --token-timeout"},
};
/* clang-format on */

sigb_finding check_describe(check which)
{
    const struct check_row *row = &ROWS[which];

    return (sigb_finding){.check = row->name, .essential = row->essential, .wanted = row->wanted};
}

const char *check_advice(check which, sigb_verdict verdict, sigb_rc rc)
{
    const char *advice = verdict == SIGB_VERDICT_NOT_CHECKED ? ROWS[which].unchecked : ROWS[which].advice;

    if (verdict == SIGB_VERDICT_OK)
        return "";
    for (size_t i = 0; i < COUNT(ADVICE); i++)
        if (ADVICE[i].rc == rc)
            return ADVICE[i].advice;
    return advice == NULL ? "" : advice;
}

/* ---- writing down ---- */

sigb_buf *found(exam *e, check which, sigb_verdict verdict, sigb_rc rc)
{
    outcome *of = &e->of[which];

    of->made = true;
    of->verdict = verdict;
    of->rc = rc;
    return &of->found;
}

void found_refused(exam *e, check which, sigb_verdict verdict, sigb_rc rc, const sigb_diag *why)
{
    e->no_memory |= rc == SIGB_E_MEMORY && why->native == 0; /* CKR_HOST_MEMORY is the module's */
    text_put(found(e, which, verdict, rc), why->text);
    e->of[which].native = why->native;
}
