/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGB_COSE_SIG_STRUCTURE_H
#define SIGB_COSE_SIG_STRUCTURE_H

#include <sigbridge/bytes.h>

/* Appends what is signed (RFC 9052, 4.4): see sig_structure.c for its CDDL. */
void sig_structure_put(sigb_buf *out, sigb_bytes body_protected, sigb_bytes payload);

/* The same where protocols bind bytes of their own; statements bind none. */
void sig_structure_put_aad(sigb_buf *out, sigb_bytes body_protected, sigb_bytes external_aad,
                           sigb_bytes payload);

#endif
