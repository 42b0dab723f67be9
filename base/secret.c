/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/error.h"

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

void secret_lock_memory(const sigb_pin *pin)
{
    (void)mlock(pin->page, pin->page_len);
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

sigb_pin *sigb_pin_new(void)
{
    return secret_new();
}

void sigb_pin_free(sigb_pin *pin)
{
    secret_free(pin);
}

sigb_rc sigb_pin_copy(sigb_pin *pin, const sigb_pin *from, sigb_diag *diag)
{
    if (pin == NULL || from == NULL || pin == from)
        return sigb_fail(diag, SIGB_E_USAGE, "two PINs are needed to copy one");
    if (from->len == 0)
        return sigb_fail(diag, SIGB_E_PIN_NEEDED, "the PIN to copy is empty");
    secret_cleanse(pin);
    memcpy(pin->page, from->page, from->len);
    pin->len = from->len;
    return SIGB_OK;
}

bool sigb_pin_equal(const sigb_pin *a, const sigb_pin *b)
{
    return a != NULL && b != NULL && a->len == b->len && CRYPTO_memcmp(a->page, b->page, a->len) == 0;
}
