/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

/*
 * The whole page is ours alone, so that MADV_DONTDUMP covers it and nothing
 * else. A lock that the limits refuse (RLIMIT_MEMLOCK) is done without: the
 * page may then be swapped, but is still in no core.
 */
static uint8_t *page_new(size_t len)
{
    void *page = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, len, MADV_DONTDUMP) != 0) {
        (void)munmap(page, len);
        return NULL;
    }
    (void)mlock(page, len);
    return page;
}

sigb_pin *secret_new(void)
{
    long page_size = sysconf(_SC_PAGESIZE);
    sigb_pin *pin = OPENSSL_zalloc(sizeof(*pin));

    if (pin == NULL)
        return NULL;
    pin->page_len = page_size < SECRET_ROOM ? 4096 : (size_t)page_size;
    pin->page = page_new(pin->page_len);
    if (pin->page == NULL) {
        OPENSSL_free(pin);
        return NULL;
    }
    return pin;
}

void secret_cleanse(sigb_pin *pin)
{
    OPENSSL_cleanse(pin->page, SECRET_ROOM);
    pin->len = 0;
}

void secret_free(sigb_pin *pin)
{
    if (pin == NULL)
        return;
    secret_cleanse(pin);
    (void)munmap(pin->page, pin->page_len);
    OPENSSL_free(pin);
}
