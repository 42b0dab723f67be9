/* SPDX-License-Identifier: Apache-2.0 */
/* A list of attributes for Cryptoki, gathered one by one. Values are borrowed. */
#ifndef SIGB_TOKEN_TEMPLATE_H
#define SIGB_TOKEN_TEMPLATE_H

#include <p11-kit/pkcs11.h>

#include <sigbridge/bytes.h>

#define TEMPLATE_ROOM 24

typedef struct template
{
    CK_ATTRIBUTE at[TEMPLATE_ROOM];
    CK_ULONG count;
}
template;

/* Start with {.count = 0}. Our own lists are short: more than TEMPLATE_ROOM is a defect and is left out. */
void template_put(template *list, CK_ATTRIBUTE_TYPE type, sigb_bytes value);
void template_put_bool(template *list, CK_ATTRIBUTE_TYPE type, bool value);

/* The number must outlive the list. */
void template_put_number(template *list, CK_ATTRIBUTE_TYPE type, const CK_ULONG *value);

/* Takes one attribute out again, for a token that does not know it. */
void template_drop(template *list, CK_ATTRIBUTE_TYPE type);

#endif
