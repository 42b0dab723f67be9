/* SPDX-License-Identifier: Apache-2.0 */
#include "cose/headers.h"

#include "cose/labels.h"

#define UINT (1u << ITEM_UINT)
#define INT  (1u << ITEM_UINT | 1u << ITEM_NINT)
#define BSTR (1u << ITEM_BSTR)
#define TSTR (1u << ITEM_TSTR)
#define LIST (1u << ITEM_ARRAY)
#define MAP  (1u << ITEM_MAP)
#define ANY  ~0u

#define PROT IN_PROTECTED
#define UNPR IN_UNPROTECTED
#define BOTH (IN_PROTECTED | IN_UNPROTECTED)

/*
 * Buckets and types as the ledger reads them, which demands more than the RFCs:
 * whatever names the issuer, the key or the payload is protected, or it is refused.
 */
/* clang-format off */
static const label_row header_rows[HEADER_SLOTS] = {
    /* slot               label               text           name                     where value         crit */
    [H_ALG]           = {COSE_ALG,           NULL,          "alg",                   PROT, INT,          true},
    [H_CRIT]          = {COSE_CRIT,          NULL,          "crit",                  PROT, LIST,         true},
    [H_CONTENT_TYPE]  = {COSE_CONTENT_TYPE,  NULL,          "content type",          BOTH, TSTR | UINT,  true},
    [H_KID]           = {COSE_KID,           NULL,          "kid",                   BOTH, BSTR,         false},
    [H_CLAIMS]        = {COSE_CWT_CLAIMS,    NULL,          "CWT claims",            PROT, MAP,          true},
    [H_TYP]           = {COSE_TYP,           NULL,          "typ",                   BOTH, TSTR | UINT,  false},
    [H_X5BAG]         = {COSE_X5BAG,         NULL,          "x5bag",                 BOTH, BSTR | LIST,  false},
    [H_X5CHAIN]       = {COSE_X5CHAIN,       NULL,          "x5chain",               PROT, BSTR | LIST,  true},
    [H_X5T]           = {COSE_X5T,           NULL,          "x5t",                   PROT, LIST,         true},
    [H_X5U]           = {COSE_X5U,           NULL,          "x5u",                   BOTH, ANY,          false},
    [H_PAYLOAD_HASH]  = {COSE_PAYLOAD_HASH,  NULL,          "payload hash",          PROT, INT,          true},
    [H_PREIMAGE_TYPE] = {COSE_PREIMAGE_TYPE, NULL,          "preimage content type", PROT, TSTR | UINT,  true},
    [H_LOCATION]      = {COSE_LOCATION,      NULL,          "payload location",      PROT, TSTR,         true},
    [H_TTC]           = {COSE_TTC,           NULL,          "3161-ttc",              PROT, BSTR,         false},
    [H_CTT]           = {COSE_CTT,           NULL,          "3161-ctt",              UNPR, BSTR,         false},
    [H_LEGACY_ISSUER] = {COSE_LEGACY_ISSUER, NULL,          "issuer (legacy)",       BOTH, TSTR,         false},
    [H_LEGACY_FEED]   = {COSE_LEGACY_FEED,   NULL,          "feed (legacy)",         BOTH, TSTR,         false},
    [H_RECEIPTS]      = {COSE_RECEIPTS,      NULL,          "receipts",              UNPR, LIST,         false},
    [H_VDS]           = {COSE_VDS,           NULL,          "vds",                   PROT, INT,          false},
    [H_VDP]           = {COSE_VDP,           NULL,          "vdp",                   UNPR, MAP,          false},
    [H_LEGACY_SVN]    = {0,                  CWT_SVN,       "svn (legacy)",          BOTH, INT,          false},
    [H_ATTESTED]      = {0,                  "attestedsvc", "attested service",      PROT, MAP,          false},
    [H_CCF]           = {0,                  "ccf.v1",      "ledger",                PROT, MAP,          false},
};

/* RFC 8392, 3.1; iat may be anything: what is no number of seconds counts as absent, as the ledger has it. */
static const label_row claim_rows[CLAIM_SLOTS] = {
    [C_ISS] = {CWT_ISS, NULL,    "iss", BOTH, TSTR,        false},
    [C_SUB] = {CWT_SUB, NULL,    "sub", BOTH, TSTR,        false},
    [C_AUD] = {CWT_AUD, NULL,    "aud", BOTH, ANY,         false},
    [C_EXP] = {CWT_EXP, NULL,    "exp", BOTH, ANY,         false},
    [C_NBF] = {CWT_NBF, NULL,    "nbf", BOTH, ANY,         false},
    [C_IAT] = {CWT_IAT, NULL,    "iat", BOTH, ANY,         false},
    [C_CTI] = {CWT_CTI, NULL,    "cti", BOTH, BSTR,        false},
    [C_SVN] = {0,       CWT_SVN, "svn", BOTH, INT,         false},
};
/* clang-format on */

const label_table HEADERS = {header_rows, HEADER_SLOTS};
const label_table CLAIMS = {claim_rows, CLAIM_SLOTS};

static bool label_is(const label_row *row, const item *label, int64_t number)
{
    if (row->text == NULL)
        return label->kind != ITEM_TSTR && row->number == number;
    return label->kind == ITEM_TSTR && sigb_bytes_equal(label->body, sigb_bytes_text(row->text));
}

int label_find(const label_table *table, const item *label)
{
    int64_t number = 0;

    if (label->kind != ITEM_TSTR && !item_int(label, &number))
        return -1;
    for (size_t i = 0; i < table->count; i++)
        if (label_is(&table->rows[i], label, number))
            return (int)i;
    return -1;
}
