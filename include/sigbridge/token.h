/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rigs and people do with a token: list, initialise, generate keys, make
 * certificates, delete. A label or id that exists is never overwritten. Besides
 * the results that are named, each call can give those of sigb_signer_from_pkcs11().
 * `options` is wanted by each: SIGB_E_USAGE without.
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
    const char *type; /* "P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096", "Ed25519" */
    const char *label;
    sigb_bytes id; /* 1..64 bytes; none: chosen at random */
    bool copyable; /* CKA_COPYABLE */
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

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
