/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about each label: its name, where it may stand, what it may be. A new one is a row in headers.c. */
#ifndef SIGB_COSE_HEADERS_H
#define SIGB_COSE_HEADERS_H

#include "cose/reader.h"

#define IN_PROTECTED   1u
#define IN_UNPROTECTED 2u

typedef struct label_row {
    int64_t number;   /* the label, if text is NULL */
    const char *text; /* a label that is text */
    const char *name;
    unsigned buckets;
    unsigned kinds; /* a bit for each item_kind that its value may be */
    bool processed; /* may stand in crit: what it says is judged here or by verify/ */
} label_row;

typedef struct label_table {
    const label_row *rows;
    size_t count;
} label_table;

/* Where the value of each known header lies in an array of slots. */
enum header_slot {
    H_ALG,
    H_CRIT,
    H_CONTENT_TYPE,
    H_KID,
    H_CLAIMS,
    H_TYP,
    H_X5BAG,
    H_X5CHAIN,
    H_X5T,
    H_X5U,
    H_PAYLOAD_HASH,
    H_PREIMAGE_TYPE,
    H_LOCATION,
    H_TTC,
    H_CTT,
    H_LEGACY_ISSUER,
    H_LEGACY_FEED,
    H_RECEIPTS,
    H_VDS,
    H_VDP,
    H_LEGACY_SVN,
    H_ATTESTED,
    H_CCF,
    HEADER_SLOTS
};

enum claim_slot { C_ISS, C_SUB, C_AUD, C_EXP, C_NBF, C_IAT, C_CTI, C_SVN, CLAIM_SLOTS };

extern const label_table HEADERS;
extern const label_table CLAIMS;

/* The slot of a label, or -1. */
int label_find(const label_table *table, const item *label);

#endif
