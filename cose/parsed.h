/* SPDX-License-Identifier: Apache-2.0 */
/* What a sigb_statement is made of; for the parser, the getters and the dump. */
#ifndef SIGB_COSE_PARSED_H
#define SIGB_COSE_PARSED_H

#include <sigbridge/statement.h>

#include "cose/headers.h"

/* Slots hold encoded values, checked, of the labels that are known; empty where absent. */
struct sigb_statement {
    sigb_buf bytes; /* everything below but certs is a view into it */
    sigb_bytes protected_map, unprotected_map;
    sigb_bytes protected_slots[HEADER_SLOTS], unprotected_slots[HEADER_SLOTS];
    sigb_bytes claim_slots[CLAIM_SLOTS];
    sigb_bytes payload, signature;
    sigb_bytes signature_item; /* the signature as it is encoded, its head included */
    bool detached;
    sigb_buf certs; /* x5chain without its CBOR */
};

#endif
