/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recovery/events.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/recovery/options.h"

#define MOST_SLOTS 16

void other_user_load(other_user *user, const char *path)
{
    CK_C_GetFunctionList get = NULL;
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);

    *user = (other_user){NULL, NULL};
    if (path == NULL)
        return;
    if (library != NULL)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&user->calls) != CKR_OK)
        die("%s is no module", path);
    user->faults = dlsym(library, FAULT_CONTROL);
}

static void each_slot(CK_FUNCTION_LIST *calls, void (*act)(CK_FUNCTION_LIST *calls, CK_SLOT_ID slot))
{
    CK_SLOT_ID slots[MOST_SLOTS];
    CK_ULONG count = MOST_SLOTS;

    if (calls->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        die("no slots");
    for (CK_ULONG i = 0; i < count; i++)
        act(calls, slots[i]);
}

static void close_all_of(CK_FUNCTION_LIST *calls, CK_SLOT_ID slot)
{
    if (calls->C_CloseAllSessions(slot) != CKR_OK)
        die("C_CloseAllSessions");
}

static void close_all(const other_user *user, unsigned long number)
{
    (void)number;
    each_slot(user->calls, close_all_of);
}

/* Nobody may be logged in at the moment: that is as good. */
static void log_out_of(CK_FUNCTION_LIST *calls, CK_SLOT_ID slot)
{
    CK_SESSION_HANDLE session = 0;
    CK_TOKEN_INFO token;

    if (calls->C_GetTokenInfo(slot, &token) != CKR_OK || (token.flags & CKF_TOKEN_INITIALIZED) == 0)
        return;
    if (calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
        die("C_OpenSession");
    (void)calls->C_Logout(session);
    (void)calls->C_CloseSession(session);
}

static void log_out(const other_user *user, unsigned long number)
{
    (void)number;
    each_slot(user->calls, log_out_of);
}

/* The library may begin again on its own between the two. */
static void start_again(const other_user *user, unsigned long number)
{
    CK_C_INITIALIZE_ARGS args = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    CK_RV rv = user->calls->C_Finalize(NULL);

    (void)number;
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_NOT_INITIALIZED)
        die("C_Finalize: 0x%lx", rv);
    rv = user->calls->C_Initialize(&args);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        die("C_Initialize: 0x%lx", rv);
}

/* A device that fails a few calls, each time in another way, whoever made them; then it is well again. */
static void fail_calls(const other_user *user, unsigned long number)
{
    static const char *const plans[] = {
        "C_Sign,times=3,rv=0x30",     "C_SignInit,times=3,rv=0x32", "C_Sign,times=2,rv=0x5",
        "C_SignInit,times=2,rv=0xb3", "C_Sign,times=2,post=0x30",
    };

    if (user->faults == NULL || !user->faults->plan(plans[number % (sizeof(plans) / sizeof(plans[0]))]))
        die("no device errors without the fault module");
}

/* Whoever started us makes it, and answers when it is over. */
static void ask_outside(const other_user *user, unsigned long number)
{
    char answer[16];

    (void)user;
    (void)printf("event %lu\n", number);
    (void)fflush(stdout);
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        die("nobody answers");
}

/* clang-format off */
static const struct event {
    const char *name;
    void (*fire)(const other_user *user, unsigned long number);
    bool here; /* needs the module */
} EVENTS[] = {
    {"close-all-sessions", close_all,   true},
    {"logout",             log_out,     true},
    {"finalize",           start_again, true},
    {"device-errors",      fail_calls,  true},
    {"outside",            ask_outside, false},
};
/* clang-format on */

void event_fire(const char *name, const other_user *user, unsigned long number)
{
    for (size_t i = 0; i < sizeof(EVENTS) / sizeof(EVENTS[0]); i++)
        if (strcmp(EVENTS[i].name, name) == 0) {
            if (EVENTS[i].here && user->calls == NULL)
                die("%s needs --module", name);
            EVENTS[i].fire(user, number);
            return;
        }
    die("no event is called %s", name);
}
