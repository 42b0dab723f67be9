/* SPDX-License-Identifier: Apache-2.0 */
#include "token/template.h"

void template_put(template *list, CK_ATTRIBUTE_TYPE type, sigb_bytes value)
{
    if (list->count == TEMPLATE_ROOM)
        return;
    /* Cryptoki takes what it only reads without const */
    list->at[list->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value.ptr, value.len};
}

void template_put_bool(template *list, CK_ATTRIBUTE_TYPE type, bool value)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

    template_put(list, type, sigb_bytes_of(value ? &yes : &no, sizeof(yes)));
}

void template_put_number(template *list, CK_ATTRIBUTE_TYPE type, const CK_ULONG *value)
{
    template_put(list, type, sigb_bytes_of(value, sizeof(*value)));
}

void template_drop(template *list, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG kept = 0;

    for (CK_ULONG i = 0; i < list->count; i++)
        if (list->at[i].type != type)
            list->at[kept++] = list->at[i];
    list->count = kept;
}
