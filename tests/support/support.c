/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
static int leaks_are_no_matter;

/* LeakSanitizer asks this at the end of a process. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return leaks_are_no_matter;
}

void leaks_are_meant(void)
{
    leaks_are_no_matter = 1;
}
#else
void leaks_are_meant(void)
{
}
#endif

#define PROBE_US      6000 /* of processor time: more than a busy scheduler gives at once */
#define MOST_PATIENCE 32

static long us_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

unsigned patient_ms(unsigned usual_ms)
{
    const long began = us_of(CLOCK_MONOTONIC), used = us_of(CLOCK_THREAD_CPUTIME_ID);
    long took;

    while (us_of(CLOCK_THREAD_CPUTIME_ID) - used < PROBE_US)
        ;
    took = us_of(CLOCK_MONOTONIC) - began;
    if (took > MOST_PATIENCE * PROBE_US)
        took = MOST_PATIENCE * PROBE_US;
    return (unsigned)(usual_ms * (unsigned long)took / PROBE_US);
}

const char *affordable_type(const char *type)
{
    bool is_large_rsa = strcmp(type, "RSA-3072") == 0 || strcmp(type, "RSA-4096") == 0;

    return is_large_rsa && getenv("SIGBRIDGE_UNDER") != NULL ? "RSA-2048" : type;
}

sigb_rc sign_something(sigb_signer *signer, sigb_diag *diag)
{
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_rc rc = sigb_signer_sign(signer, SIGB_ES256, sigb_bytes_text("something"), &signature, diag);

    sigb_buf_free(&signature);
    return rc;
}
