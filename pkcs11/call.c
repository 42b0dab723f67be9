/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a module is called, and what goes with every call of one. */
#include "pkcs11/internal.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/gate.h"

/* Who is told of this thread's calls: a call is made for one signer, by a module that several share. */
static _Thread_local const p11_tracer *tracing;

const p11_tracer *trace_begin(const p11_tracer *tracer)
{
    const p11_tracer *before = tracing;

    tracing = tracer == NULL || tracer->told == NULL ? NULL : tracer;
    return before;
}

void trace_end(const p11_tracer *before)
{
    tracing = before;
}

static _Thread_local p11_binding bound;

p11_binding call_bind(const p11_module *module, unsigned starts)
{
    const p11_binding before = bound;

    bound = (p11_binding){module, starts};
    return before;
}

typedef struct call {
    p11_module *module;
    const char *name;
    const p11_tracer *tracer; /* NULL: nobody */
    struct timespec began;
    sigset_t mask; /* of the thread, before SIGPIPE was held back */
    bool holds_pipe, pipe_was_pending;
} call;

static bool pipe_is_pending(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void hold_pipe(call *c)
{
    sigset_t pipe;

    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    c->pipe_was_pending = pipe_is_pending();
    c->holds_pipe = pthread_sigmask(SIG_BLOCK, &pipe, &c->mask) == 0;
}

/* A SIGPIPE that the module drew is taken back; one that was there before stays. */
static void release_pipe(const call *c)
{
    static const struct timespec at_once = {0, 0};
    sigset_t pipe;

    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    if (!c->pipe_was_pending && pipe_is_pending())
        (void)sigtimedwait(&pipe, NULL, &at_once);
    (void)pthread_sigmask(SIG_SETMASK, &c->mask, NULL);
}

/* Inside the gate and the module; nobody waits for a module that is being restarted while inside the gate. */
static bool enter(p11_module *module)
{
    while (gate_enter()) {
        if (module_is_touchable(module) && module_enter(module))
            return true;
        (void)gate_leave();
        if (!module_is_touchable(module))
            return false;
        module_wait(module);
    }
    return false;
}

/* Asked inside, where nobody starts the module anew. */
static bool is_outdated(const p11_module *module)
{
    return bound.module == module && bound.starts != p11_module_starts(module);
}

static CK_RV begin(call *c, p11_module *module, const char *name)
{
    if (!enter(module))
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (is_outdated(module)) {
        module_leave(module);
        (void)gate_leave();
        return CKR_SESSION_HANDLE_INVALID;
    }
    c->module = module;
    c->name = name;
    c->holds_pipe = false;
    if (module_writes_to_sockets(module))
        hold_pipe(c);
    c->tracer = tracing;
    c->began = (struct timespec){0, 0};
    if (c->tracer != NULL)
        (void)clock_gettime(CLOCK_MONOTONIC, &c->began);
    return CKR_OK;
}

static void tell(const call *c, CK_RV rv)
{
    struct timespec now;
    char room[24];
    sigb_trace_call told = {.call = c->name, .result = ckr_name(rv, room), .native = rv};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    told.microseconds =
        (uint64_t)((now.tv_sec - c->began.tv_sec) * 1000000 + (now.tv_nsec - c->began.tv_nsec) / 1000);
    c->tracer->told(c->tracer->arg, &told);
}

static CK_RV end(const call *c, CK_RV rv)
{
    if (c->holds_pipe)
        release_pipe(c);
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        module_is_down(c->module);
    module_leave(c->module);
    if (gate_leave() && c->tracer != NULL)
        tell(c, rv);
    return rv;
}

#define P11_DEFINE(name, parameters, arguments)                                                              \
    CK_RV p11_##name parameters                                                                              \
    {                                                                                                        \
        call c;                                                                                              \
        CK_RV rv = begin(&c, module, #name);                                                                 \
                                                                                                             \
        if (rv != CKR_OK)                                                                                    \
            return rv;                                                                                       \
        return end(&c, p11_module_calls(module)->name P11_ARGS arguments);                                   \
    }
#define P11_ARGS(...) (__VA_ARGS__)

P11_CALLS(P11_DEFINE) /* NOLINT(readability-function-size): the parameters are Cryptoki's */
