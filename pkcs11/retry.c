/* SPDX-License-Identifier: Apache-2.0 */
/* What is tried again, how often, and how long the pauses are. */
#include "pkcs11/internal.h"

#include <time.h>
#include <unistd.h>

#include "base/gate.h"

#define STALE_TRIES 4 /* each repairs what can be; more would not help. Waiting for a device is not counted */
#define NAME_TRIES  2 /* another user of the module may start it anew between two of ours */
#define OTHER_TRIES 3 /* a new session; the module started anew; once more, if that was cut off */
#define SURE_TRIES  3 /* whatever the budget, which slow calls or a busy machine may use up in one */
#define PAUSE_MS    4 /* before the second repair, and doubled for each one after */
#define PAUSE_MAX   250

/* Other results may have a code of OpenSSL's behind them. */
static bool is_of_token(sigb_rc rc, const sigb_diag *diag)
{
    return (rc >= SIGB_E_MODULE && rc <= SIGB_E_FORKED) || diag->native == CKR_HOST_MEMORY;
}

p11_fault fault_of(sigb_rc rc, const sigb_diag *diag)
{
    p11_fault fault = {CKR_FINAL, false};

    if (rc == SIGB_OK || !is_of_token(rc, diag))
        return fault;
    if (diag->native != CKR_OK)
        fault.class = ckr_classify(diag->native);
    else if (rc == SIGB_E_TOKEN_ABSENT)
        fault.class = CKR_DEAD;
    return fault;
}

/* Processes that failed together must not come back together. */
static unsigned jittered(unsigned ms)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return ms / 2 + ((unsigned)now.tv_nsec ^ (unsigned)getpid() * 2654435761U) % (ms / 2 + 1);
}

static void pause_before(const p11_retry *retry, deadline until)
{
    unsigned ms = PAUSE_MS;

    for (unsigned i = 2; i < retry->tries && ms < PAUSE_MAX; i++)
        ms *= 2;
    ms = deadline_left_ms(until, jittered(ms < PAUSE_MAX ? ms : PAUSE_MAX));
    (void)nanosleep(&(struct timespec){0, (long)ms * 1000000}, NULL);
}

static bool may_help(p11_retry *retry, ckr_class class)
{
    switch (class) {
    case CKR_FINAL:
        return false;
    case CKR_MISNAMED:
        return retry->misnamed++ < NAME_TRIES;
    case CKR_STALE:
    case CKR_GONE:
        return retry->stales++ < STALE_TRIES;
    case CKR_OTHER:
        return retry->others++ < OTHER_TRIES;
    case CKR_BUSY:
    case CKR_DEAD:
        return true;
    }
    return false;
}

/* The caller's deadline holds always, and the budget once the tries that are sure have been made. */
static deadline end_of(const p11_retry *retry)
{
    return retry->tries < SURE_TRIES ? retry->until : deadline_sooner(retry->until, retry->budget);
}

bool retry_allowed(const p11_retry *retry)
{
    return !gate_is_closed() && !gate_is_abandoned() &&
           !deadline_passed(deadline_sooner(retry->until, retry->budget));
}

bool retry_again(p11_retry *retry, const p11_fault *fault)
{
    const deadline end = end_of(retry);

    if (retry->tries == 0)
        retry->budget = deadline_in(retry->budget_ms);
    if (!may_help(retry, fault->class) || gate_is_closed() || gate_is_abandoned() || deadline_passed(end))
        return false;
    if (++retry->tries > 1) /* the first one comes at once */
        pause_before(retry, end);
    return !deadline_passed(end);
}

bool p11_retry_failed(p11_retry *retry, sigb_rc rc, const sigb_diag *why)
{
    const p11_fault fault = fault_of(rc, why);

    return rc != SIGB_OK && retry_again(retry, &fault);
}
