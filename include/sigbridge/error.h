/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results. Every function that can fail returns sigb_rc and takes, last, a
 * sigb_diag that the caller owns (NULL where the words do not matter). The
 * lowest function that knows the cause writes it. Out-parameters are untouched
 * unless the result is SIGB_OK.
 *
 * Numbers never change their meaning. The range says who is to blame: 0 the
 * caller, 20 the token, 40 the bytes, 60 policy, 80 what does not verify,
 * 100 the ledger, 110 time stamps. docs/errors.md explains each one.
 */
#ifndef SIGBRIDGE_ERROR_H
#define SIGBRIDGE_ERROR_H

#if defined(__GNUC__)
#define SIGB_CHECK __attribute__((warn_unused_result))
#else
#define SIGB_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef enum sigb_rc {
    SIGB_OK = 0,

    /* 0..19: the caller */
    SIGB_E_USAGE = 1,    /* an argument is missing, malformed or contradicts another */
    SIGB_E_MEMORY = 2,   /* out of memory */
    SIGB_E_INTERNAL = 3, /* a defect of this library, or a crypto library that refuses its own work */
    SIGB_E_IO = 4,       /* a file or descriptor cannot be read or written */
    SIGB_E_EXISTS = 5,   /* the file, label or id exists and is not overwritten */
    SIGB_E_LIMIT = 6,    /* input is larger, longer or more than a documented limit */
    SIGB_E_URI = 7,      /* not an acceptable pkcs11: URI (RFC 7512) */
    SIGB_E_ANCHOR = 8,   /* verification without anything to trust */
    SIGB_E_PAYLOAD = 9,  /* payload empty, absent, or given where none belongs */
    SIGB_E_CHANGED = 10, /* the artifact changed while it was read */
    SIGB_E_REFUSED = 11, /* the person asked did not confirm */
    SIGB_E_SETUP = 12,   /* no OpenSSL provider that is configured serves */

    /* 20..39: the token */
    SIGB_E_MODULE = 20,          /* the PKCS#11 module or OpenSSL provider cannot be loaded or initialised */
    SIGB_E_TOKEN = 21,           /* a call of a token or provider failed, or returned what it must not */
    SIGB_E_TOKEN_ABSENT = 22,    /* no token matches */
    SIGB_E_TOKEN_AMBIGUOUS = 23, /* several tokens match where one is needed */
    SIGB_E_PIN_NEEDED = 24,      /* a PIN is needed and no source gives one */
    SIGB_E_PIN_INCORRECT = 25,   /* the token refused the PIN; it was tried once */
    SIGB_E_PIN_LOCKED = 26,      /* the token has locked the PIN */
    SIGB_E_PIN_FINAL_TRY = 27,   /* one try is left; nothing was tried */
    SIGB_E_KEY_ABSENT = 28,      /* no key matches */
    SIGB_E_KEY_AMBIGUOUS = 29,   /* several keys match; they are listed */
    SIGB_E_KEY_NO_SIGN = 30,     /* the key exists and is not for signing */
    SIGB_E_KEY_UNSUPPORTED = 31, /* key type, curve or size that no algorithm of ours fits */
    SIGB_E_MECHANISM = 32,       /* the token lacks the mechanism */
    SIGB_E_SIGNATURE_FAULT = 33, /* the signer returned a wrong or short signature */
    SIGB_E_CERT_ABSENT = 34,     /* no certificate for the key */
    SIGB_E_CERT_OTHER_KEY = 35,  /* the certificate is of another key */
    SIGB_E_CERT_AMBIGUOUS = 36,  /* several certificates pass every check */
    SIGB_E_TIMEOUT = 37,         /* the deadline passed */
    SIGB_E_KEY_CHANGED = 38,     /* another key than the one that was opened goes by its name now */
    SIGB_E_FORKED = 39,          /* the module cannot be used in a child of the process that opened it */

    /* 40..59: the bytes */
    SIGB_E_CBOR = 40,          /* not well-formed CBOR (RFC 8949) */
    SIGB_E_INDEFINITE = 41,    /* an indefinite length where none is allowed */
    SIGB_E_DUPLICATE = 42,     /* a map key occurs twice */
    SIGB_E_TRAILING = 43,      /* bytes behind the end */
    SIGB_E_DEPTH = 44,         /* nested too deep */
    SIGB_E_TAG = 45,           /* not tagged as COSE_Sign1 (18) */
    SIGB_E_COSE = 46,          /* well-formed CBOR that is not a COSE_Sign1 (RFC 9052, 4.2) */
    SIGB_E_HEADER = 47,        /* a header is missing, of the wrong type, or in the wrong bucket */
    SIGB_E_CRIT = 48,          /* a critical header that is malformed or not understood */
    SIGB_E_ENVELOPE = 49,      /* hash envelope rules broken (RFC 9995): label 3 beside 258, ... */
    SIGB_E_DIGEST_LEN = 50,    /* a digest whose length is not its algorithm's */
    SIGB_E_CERT_DER = 51,      /* not a readable certificate or CRL */
    SIGB_E_DID = 52,           /* not a did:x509 */
    SIGB_E_ISSUER_METHOD = 53, /* an issuer that is not a did:x509 */
    SIGB_E_UNSUPPORTED = 54,   /* well-formed, and of a kind that this version does not judge */

    /* 60..79: policy */
    SIGB_E_EKU_ABSENT = 60,    /* the leaf has no extended key usage */
    SIGB_E_EKU_MALFORMED = 61, /* the extension is unreadable or repeated */
    SIGB_E_EKU = 62,           /* the leaf lacks the EKU asked for */
    SIGB_E_EKU_AMBIGUOUS = 63, /* several EKUs and none named; they are listed */
    SIGB_E_EKU_ANY = 64,       /* anyExtendedKeyUsage cannot name an issuer */
    SIGB_E_SUBJECT = 65,       /* subject empty, a placeholder, or not the one wanted */
    SIGB_E_SVN = 66,           /* svn missing, not a positive integer, or under the floor */
    SIGB_E_CONTENT_TYPE = 67,  /* content type missing or not a media type */
    SIGB_E_SIZE = 68,          /* the statement is larger than the profile's ledger accepts */
    SIGB_E_ISS = 69,           /* the issuer asked for is not the one derived */
    SIGB_E_ALG_KEY = 70,       /* the algorithm does not fit the key */
    SIGB_E_PROFILE = 71,       /* the profile does not accept this algorithm or shape */
    SIGB_E_EXPIRED = 72,       /* a certificate's validity ended before the time of the check */
    SIGB_E_NOT_YET_VALID = 73, /* a certificate's validity begins after the time of the check */
    SIGB_E_REVOKED = 74,       /* a certificate is on the CRL, or the CRL cannot serve */
    SIGB_E_LEAF_CA = 75,       /* the signing certificate is a CA */
    SIGB_E_KEY_USAGE = 76,     /* keyUsage absent, or without digitalSignature */
    SIGB_E_WEAK_KEY = 77,      /* a key under the security level (RSA under 2048 bits, ...) */
    SIGB_E_WEAK_DIGEST = 78,   /* a certificate signed over SHA-1 or weaker */

    /* 80..99: it does not verify */
    SIGB_E_SIGNATURE = 80,        /* the signature is wrong */
    SIGB_E_CHAIN_INCOMPLETE = 81, /* an issuing certificate is missing */
    SIGB_E_CHAIN_ROOT = 82,       /* the chain does not end in a pinned root */
    SIGB_E_CHAIN_AMBIGUOUS = 83,  /* two paths lead to a pinned root */
    SIGB_E_CHAIN_UNRELATED = 84,  /* certificates that do not belong to the chain */
    SIGB_E_CHAIN = 85,            /* a certificate breaks RFC 5280 as OpenSSL's strict mode judges it */
    SIGB_E_DID_MISMATCH = 86,     /* the did:x509 does not resolve against the chain */
    SIGB_E_ISSUER = 87,           /* the statement's issuer is not the one expected */
    SIGB_E_X5T = 88,              /* the certificate hash is not the leaf's */
    SIGB_E_ARTIFACT = 89,         /* the artifact or payload is not the one that was signed */

    /* 100..109: the ledger */
    SIGB_E_RECEIPT_LEDGER = 100,      /* a receipt of a ledger that no key is known of */
    SIGB_E_RECEIPT_KEY = 101,         /* of a known ledger, by a key that is not among its keys */
    SIGB_E_RECEIPT_SIGNATURE = 102,   /* the receipt's signature is wrong */
    SIGB_E_RECEIPT_UNBOUND = 103,     /* the receipt is for another statement */
    SIGB_E_RECEIPT_MALFORMED = 104,   /* not a receipt, or its proofs are not what its tree demands */
    SIGB_E_RECEIPT_LEGACY = 105,      /* a receipt of the form before COSE receipts */
    SIGB_E_RECEIPT_UNSUPPORTED = 106, /* a tree or an algorithm that is not known */
    SIGB_E_RECEIPT_NEEDED = 107,      /* fewer good receipts than are required */
    SIGB_E_RECEIPT_FORKED = 108,      /* the receipt's tree does not continue the one that is trusted */
    SIGB_E_LEDGER_KEYS = 109,         /* not a file of ledger keys that can be used */

    /* 110..119: time stamps (RFC 3161) */
    SIGB_E_TIMESTAMP_MALFORMED = 110,  /* not a time stamp token or response that can be read */
    SIGB_E_TIMESTAMP_REFUSED = 111,    /* the TSA's response says that it gave no token */
    SIGB_E_TIMESTAMP_IMPRINT = 112,    /* the token is of other bytes than these */
    SIGB_E_TIMESTAMP_NONCE = 113,      /* the token answers another request */
    SIGB_E_TIMESTAMP_UNTRUSTED = 114,  /* the TSA's chain does not lead to a pinned root */
    SIGB_E_TIMESTAMP_SIGNATURE = 115,  /* the signature of the token is wrong */
    SIGB_E_TIMESTAMP_CERT = 116,       /* its certificate is no TSA's, or is not the one that it names */
    SIGB_E_TIMESTAMP_EXPIRED = 117,    /* a certificate of the TSA was not valid at the token's time */
    SIGB_E_TIMESTAMP_WEAK = 118,       /* a hash or a key under the security level */
    SIGB_E_TIMESTAMP_UNSUPPORTED = 119 /* well-formed, and of a hash or version that is not judged */
} sigb_rc;

#define SIGB_DIAG_TEXT 512

/*
 * What went wrong, for a person. Holds no secret. May hold bytes that came
 * from the input: pass text through sigb_text_escape() before a terminal sees it.
 */
typedef struct sigb_diag {
    char text[SIGB_DIAG_TEXT]; /* always terminated; cut at a character's border if too long */
    unsigned long native;      /* the CKR_ or OpenSSL error code behind it, 0 if none */
} sigb_diag;

/* A stable short name, "pin-incorrect"; "unknown" for numbers that are not in the table. Static. */
const char *sigb_rc_name(sigb_rc rc);

/*
 * The exit status of a command that ends with rc: 0 done; 1 signature, chain,
 * DID or binding wrong; 2 refused by policy; 3 token, PIN, device, or something
 * not known or not supported; 4 unreadable, usage or input; 6 memory or internal.
 * (5 is for batches.) Numbers that are not in the table give 6.
 */
int sigb_rc_exit(sigb_rc rc);

/* Remarks that are no failure: a PIN in a URI, a PIN file others can read. put may be NULL. */
typedef struct sigb_notes {
    void (*put)(void *arg, const char *text);
    void *arg;
} sigb_notes;

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
