/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rigs and people do with a token: list, initialise, generate keys, make
 * certificates, delete, and find out why a key does not sign. A label or id that exists is never overwritten. Besides
 * the results that are named, each call can give those of sigb_signer_from_pkcs11().
 * `options` is wanted by each: SIGB_E_USAGE without.
 * options->timeout_ms holds for the whole of a call, but for sigb_token_doctor(); what
 * the caller is asked and told is in their thread, and does not count. After
 * SIGB_E_TIMEOUT the token may still do what it was told to.
 *
 * Threads: one call at a time on one token.
 */
#ifndef SIGBRIDGE_TOKEN_H
#define SIGBRIDGE_TOKEN_H

#include <sigbridge/bytes.h>
#include <sigbridge/issuer.h>
#include <sigbridge/pin.h>
#include <sigbridge/signer.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/*
 * One thing found on a token. Strings are raw (escape to show), valid during the
 * call, empty where the token does not say.
 */
typedef struct sigb_token_item {
    const char *kind;  /* "token", "private", "public", "cert" */
    const char *uri;   /* names exactly this one, or for a public key its pair: a key's URI opens a
                           signer as it stands. Holds no PIN attribute */
    const char *token; /* label */
    const char *serial;
    const char *model;
    const char *label; /* of the object */
    sigb_bytes id;     /* CKA_ID of the object */
    const char *type;  /* "P-384", "RSA-3072", "Ed25519", "X.509", ... */
    const char *note;  /* for a token: "not initialised", "user PIN locked", ...; for a key
                           "sensitive, never extractable, sign" and the like */
} sigb_token_item;

typedef void (*sigb_token_item_fn)(void *arg, const sigb_token_item *item);

/*
 * Lists tokens and the objects on them that match `uri` ("pkcs11:" for all).
 * Without options->pin there is no login, and private keys that the token
 * hides are not listed. SIGB_E_URI, _MODULE, _TOKEN, _PIN_*, _MEMORY.
 */
SIGB_CHECK sigb_rc sigb_token_list(const char *uri, const sigb_pkcs11_options *options,
                                   sigb_token_item_fn item, void *item_arg, sigb_diag *diag);

/*
 * Initialises the free token that `uri` selects (slot-id or serial; without
 * them the first uninitialised one) with `label`, sets the SO PIN and the user
 * PIN, both asked through options->pin (SIGB_PIN_SO, SIGB_PIN_NEW_USER).
 * A label in use on another token, or a token that is initialised already:
 * SIGB_E_EXISTS. Appends the token's URI to `made`.
 */
SIGB_CHECK sigb_rc sigb_token_init(const char *uri, const char *label, const sigb_pkcs11_options *options,
                                   sigb_buf *made, sigb_diag *diag);

typedef struct sigb_keygen {
    const char *type; /* "P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096", "Ed25519", "Ed448" */
    const char *label;
    sigb_bytes id; /* 1..64 bytes; none: chosen at random */
    bool copyable; /* CKA_COPYABLE */
    bool pss_only; /* RSA, else SIGB_E_USAGE: CKA_ALLOWED_MECHANISMS names those of RSASSA-PSS alone */
} sigb_keygen;

/*
 * Generates a key pair on the one token that `uri` names: private key sensitive,
 * never extractable, for signing alone, not modifiable. What the token made is
 * read back and compared. SIGB_E_EXISTS: label or id in use. Appends the private
 * key's URI to `made`.
 */
SIGB_CHECK sigb_rc sigb_token_keygen(const char *uri, const sigb_keygen *keygen,
                                     const sigb_pkcs11_options *options, sigb_buf *made, sigb_diag *diag);

typedef enum sigb_cert_role {
    SIGB_CERT_ROOT = 0,
    SIGB_CERT_CA = 1,  /* issuing CA, pathlen 0 */
    SIGB_CERT_LEAF = 2 /* keyUsage digitalSignature and the EKU asked for */
} sigb_cert_role;

typedef struct sigb_cert_request {
    sigb_cert_role role;
    const char *subject;    /* "CN=Example Root,O=Example": comma separated, \ escapes, UTF-8 */
    const char *eku;        /* leaf: dotted OID; several separated by commas */
    int days;               /* validity from `from` on, 1..36500 */
    int64_t from;           /* SIGB_TIME_NOW */
    const char *key;        /* URI of the private key that the certificate is for */
    const char *issuer_key; /* URI of the signing key; NULL for a root: `key` itself */
    sigb_bytes issuer_cert; /* DER of the issuing certificate; none for a root */
    const char *label;      /* object label on the token; NULL: the key's */
} sigb_cert_request;

/*
 * Makes a certificate for a token key, signed by a token key: version 3, random
 * 16-byte serial, SKI, AKI, critical basicConstraints and keyUsage, as OpenSSL's
 * strict mode and did:x509 demand. Verified before it is written to the token
 * beside the key, under its CKA_ID; appended to `der`.
 * The PIN callback serves both keys. SIGB_E_EXISTS: the token has a certificate
 * with this label. SIGB_E_CERT_DER, _EXPIRED, _NOT_YET_VALID: the issuing
 * certificate cannot be read, or does not cover the dates. SIGB_E_EKU_ANY,
 * _USAGE, _LIMIT: the request. SIGB_E_SIGNATURE_FAULT: nothing was written.
 */
SIGB_CHECK sigb_rc sigb_token_cert(const sigb_cert_request *request, const sigb_pkcs11_options *options,
                                   sigb_buf *der, sigb_diag *diag);

/* Asked once with everything that would go; false keeps it all (SIGB_E_REFUSED). */
typedef bool (*sigb_confirm_fn)(void *arg, const sigb_token_item *items, size_t count);

/*
 * Deletes the objects that `uri` names; it must have object= or id=.
 * SIGB_E_KEY_ABSENT: nothing matches. Where the token refuses one of several,
 * the words say how many have gone.
 */
SIGB_CHECK sigb_rc sigb_token_delete(const char *uri, const sigb_pkcs11_options *options,
                                     sigb_confirm_fn confirm, void *confirm_arg, sigb_diag *diag);

typedef enum sigb_verdict {
    SIGB_VERDICT_OK = 0,
    SIGB_VERDICT_WARN = 1,       /* signing works, and somebody should know */
    SIGB_VERDICT_FAIL = 2,       /* signing does not work */
    SIGB_VERDICT_NOT_CHECKED = 3 /* could not be judged, or was not asked for */
} sigb_verdict;

/* What one check came to. Strings are raw (escape to show), valid during the call, empty where there is nothing to say. */
typedef struct sigb_finding {
    const char *check; /* "module", "token", "key-sign", ...: stable, sigbridge-token(1) lists them */
    sigb_verdict verdict;
    bool essential;       /* a failure of this check decides the result */
    sigb_rc rc;           /* the refusal that signing would meet, or SIGB_OK */
    unsigned long native; /* the CKR_ code behind it, 0 if none */
    const char *found;    /* what there is; a CKR_ code by name and in words */
    const char *wanted;
    const char *advice; /* what to do; empty where the verdict is SIGB_VERDICT_OK */
} sigb_finding;

typedef void (*sigb_finding_fn)(void *arg, const sigb_finding *finding);

/* What a key is examined for. Zero-initialise, then set what is known; NULL stands for all zeros. */
typedef struct sigb_doctor_request {
    sigb_bytes certs; /* DER: the leaf and CAs, as for sigb_issuer_derive(); else those of the token */
    sigb_bytes roots; /* DER: pinned roots. None: chain and issuer are not judged */
    const char *eku;  /* dotted OID that the issuer shall name; NULL: the only one of the leaf */
    sigb_profile profile;
    bool sign; /* have the key make one test signature, over bytes that are no statement and no certificate */
} sigb_doctor_request;

/*
 * Examines the way from `uri` to a signature: module, token, PIN, key, mechanisms,
 * certificates, issuer, and on request one signature. Every check is told to
 * `finding` exactly once, always in the same order, in the caller's thread; after a
 * failure the rest is judged as far as it can be. Changes nothing on the token.
 * Without a PIN (options->pin, or the URI's) there is no login: what the token shows
 * to everybody is judged, and the result is SIGB_E_PIN_NEEDED. A PIN is tried once,
 * and not at all where it is locked, or has one try left and
 * options->allow_final_pin_try is not set.
 * options->timeout_ms holds for each step of the examination: a token that hangs is
 * SIGB_E_TIMEOUT in the check that it hung in.
 * SIGB_OK: no essential check failed, and the key was reached. Else the code and the
 * words of the first one that failed: those of sigb_signer_from_pkcs11(),
 * sigb_issuer_derive() and sigb_signer_sign(). Before anything is examined:
 * SIGB_E_USAGE, _CERT_DER, _LIMIT (the request). At any time SIGB_E_MEMORY.
 * Not checked: revocation, how long the PIN is, and whether the token is the device
 * that it says it is.
 */
SIGB_CHECK sigb_rc sigb_token_doctor(const char *uri, const sigb_doctor_request *request,
                                     const sigb_pkcs11_options *options, sigb_finding_fn finding,
                                     void *finding_arg, sigb_diag *diag);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
