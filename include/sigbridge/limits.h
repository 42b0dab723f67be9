/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit on input, in one place. More than this is refused: SIGB_E_LIMIT where no other code is named. */
#ifndef SIGBRIDGE_LIMITS_H
#define SIGBRIDGE_LIMITS_H

#define SIGB_MAX_STATEMENT     16777216 /* bytes of a statement or payload; larger goes by digest */
#define SIGB_MAX_MST_STATEMENT 1048576  /* bytes of a statement under the mst profile: SIGB_E_SIZE */
#define SIGB_MAX_DEPTH         16       /* nesting inside a CBOR header value: SIGB_E_DEPTH */
#define SIGB_MAX_MAP           128      /* entries of a CBOR map */
#define SIGB_MAX_CERTS         16       /* certificates in a set or chain */
#define SIGB_MAX_CERT_LEN      65536    /* bytes of one certificate */
#define SIGB_MAX_CRL_LEN       16777216 /* bytes of one CRL */
#define SIGB_MAX_SUBJECT       8192     /* bytes of a subject (RFC 9943) */
#define SIGB_MAX_DID           8192     /* bytes of an issuer (RFC 9943) */
#define SIGB_MAX_OID           1024     /* characters of a dotted OID */
#define SIGB_MAX_NAME          4096     /* bytes of a certificate subject that is to be made */
#define SIGB_MAX_URI           4096     /* characters of a URI that names a key */
#define SIGB_MAX_PIN_LEN       255      /* bytes of a PIN */
#define SIGB_MAX_SIGNATURE     8192     /* bytes of a raw signature */
#define SIGB_MAX_KEY_ID        64       /* bytes of a CKA_ID we write */
#define SIGB_MAX_TIMESTAMP     65536    /* bytes of a time stamp token, a TSA's response or a request */
#define SIGB_MAX_KEYS          256      /* keys of ledgers that are held at once */
#define SIGB_MAX_KEY_FILE      1048576  /* bytes of a file of ledger keys */
#define SIGB_MAX_RECEIPTS      4096     /* receipts of a statement that are judged; the rest is counted */
#define SIGB_MAX_LEDGERS       16       /* ledgers that a policy demands receipts of */
#define SIGB_MAX_ISSUER        1024     /* bytes of a ledger's name */
#define SIGB_MAX_PATH          64       /* hashes on a path to a root: SIGB_E_RECEIPT_MALFORMED */
#define SIGB_MAX_EVIDENCE      1024     /* bytes of a leaf's evidence (CCF profile): the same */
#define SIGB_MAX_KEPT_MESSAGE  67108864 /* bytes of a message that the provider keeps for a token */
#define SIGB_MAX_PROVIDERS     16       /* OpenSSL providers that are loaded for one signer */
#define SIGB_MAX_CONFIG        1048576  /* bytes of a configuration of OpenSSL's that is named for a signer */

#endif
