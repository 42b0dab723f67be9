/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for PINs: left out of core dumps, locked as far as the limits allow, cleansed before it goes. */
#ifndef SIGB_BASE_SECRET_H
#define SIGB_BASE_SECRET_H

#include <sigbridge/pin.h>

struct sigb_pin {
    uint8_t *page; /* of its own, SIGB_MAX_PIN_LEN + 2 bytes usable: room for CR LF while reading */
    size_t page_len;
    size_t len;
};

/* An empty one; NULL when no such memory can be had. */
sigb_pin *secret_new(void);

/* Cleanses the content; the memory stays for another. */
void secret_cleanse(sigb_pin *pin);

/* Cleanses and releases. NULL is allowed. */
void secret_free(sigb_pin *pin);

/* Once more in a child: locks of memory are not inherited. */
void secret_lock_memory(const sigb_pin *pin);

#define SECRET_ROOM (SIGB_MAX_PIN_LEN + 2)

#endif
