/* SPDX-License-Identifier: Apache-2.0 */
/* Every number of the wire formats, once, with where it is defined. */
#ifndef SIGB_COSE_LABELS_H
#define SIGB_COSE_LABELS_H

#define CBOR_TAG_EPOCH 1  /* RFC 8949, 3.4.2 */
#define COSE_TAG_SIGN1 18 /* RFC 9052, 4.2 */

/* Header parameters */
#define COSE_ALG           1   /* RFC 9052, 3.1 */
#define COSE_CRIT          2   /* RFC 9052, 3.1 */
#define COSE_CONTENT_TYPE  3   /* RFC 9052, 3.1 */
#define COSE_KID           4   /* RFC 9052, 3.1 */
#define COSE_CWT_CLAIMS    15  /* RFC 9597, 2 */
#define COSE_TYP           16  /* RFC 9596 */
#define COSE_X5BAG         32  /* RFC 9360, 2 */
#define COSE_X5CHAIN       33  /* RFC 9360, 2 */
#define COSE_X5T           34  /* RFC 9360, 2 */
#define COSE_X5U           35  /* RFC 9360, 2 */
#define COSE_PAYLOAD_HASH  258 /* RFC 9995: payload-hash-alg */
#define COSE_PREIMAGE_TYPE 259 /* RFC 9995: preimage-content-type */
#define COSE_LOCATION      260 /* RFC 9995: payload-location */
#define COSE_TTC           269 /* RFC 9921: timestamp, then COSE */
#define COSE_CTT           270 /* RFC 9921: COSE, then timestamp */
#define COSE_LEGACY_ISSUER 391 /* before CWT claims */
#define COSE_LEGACY_FEED   392 /* before CWT claims */
#define COSE_RECEIPTS      394 /* RFC 9942 */
#define COSE_VDS           395 /* RFC 9942 */
#define COSE_VDP           396 /* RFC 9942 */

/* Proofs inside 396 (RFC 9942, 5) */
#define VDP_INCLUSION   (-1)
#define VDP_CONSISTENCY (-2)

/* CWT claims (RFC 8392, 3.1) */
#define CWT_ISS 1
#define CWT_SUB 2
#define CWT_AUD 3
#define CWT_EXP 4
#define CWT_NBF 5
#define CWT_IAT 6
#define CWT_CTI 7
#define CWT_SVN "svn" /* a text key: the ledger's own claim */

#endif
