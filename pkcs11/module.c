/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 modules. We load and initialise them ourselves: threads are announced
 * and the module's reserved string is handed over, neither of which p11-kit's
 * unmanaged road does.
 */
#include "pkcs11/internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/error.h"
#include "base/gate.h"
#include "base/libctx.h"
#include "base/tally.h"
#include "base/text.h"

typedef enum module_state { STARTING, READY, STOPPING } module_state;

struct p11_module {
    p11_module *next;
    sigb_buf path;
    sigb_buf reserved; /* the module's own initialisation string; empty: none */
    void *library;
    CK_FUNCTION_LIST *calls; /* what tells modules apart: two paths may lead to one */
    bool sockets;            /* it writes to sockets, whose other end may go: SIGPIPE */
    bool breaks_in_children; /* a child of a process that uses it must not */
    bool one_at_a_time;      /* two calls at once may wait for each other for ever, or break it */
    CK_INFO info;            /* under the lock: a restart learns it anew */
    module_state state;
    unsigned users, keepers; /* keepers are users that make no calls */
    bool worn;      /* what it shows is not what is there, so it is started anew before it is used again */
    atomic_bool up; /* initialised, by whomever */
    bool ours;      /* our C_Initialize took effect: a repair may call C_Finalize */
    atomic_bool shared;  /* others in the process were seen to use it: the last of us leaves it as it is */
    atomic_bool down;    /* its sessions have ended, and not by us: it says that it was shut down */
    bool watched;        /* the end of the process is */
    atomic_uint epoch;   /* of the process that it was started in */
    atomic_bool wary;    /* somebody asked for deadlines: calls of it may hang */
    atomic_uint starts;  /* grows whenever sessions have ended: handles of an earlier start are void */
    tally inside;        /* calls that run, abandoned ones too */
    atomic_bool stopped; /* none begins, but of the thread that is `stopping` it */
    atomic_bool taken;   /* by the call that runs, where they are made one at a time */
};

static _Thread_local const p11_module *stopping;

/*
 * All modules of the process. The lock is never held while a module runs: who
 * starts or stops one marks it, and others wait for the change.
 */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t registry_changed;
static p11_module *registry;
static bool registry_begun;
static unsigned registry_epoch;

/* A child makes the condition anew: threads of the parent may have waited for it. */
static void lock_registry(void)
{
    (void)pthread_mutex_lock(&registry_lock);
    if (registry_begun && registry_epoch == gate_epoch())
        return;
    registry_begun = true;
    registry_epoch = gate_epoch();
    deadline_cond_init(&registry_changed);
}

#define LOOK_MS 100  /* how often those who wait for their turn look whether they were left behind */
#define HOLD_MS 1000 /* how long a restart waits for calls that run */
#define EXIT_MS 1000 /* how long the end of the process may be held up */

static void watch_exit(void);

/* ---- which module ---- */

/* RFC 7512, 2.4: the name comes without its "lib" and its ".so". */
static bool find_in_folder(p11_module *module, const char *name)
{
    static const struct {
        const char *before, *after;
    } forms[] = {{"", ""}, {"", ".so"}, {"lib", ".so"}};

    for (size_t i = 0; i < COUNT(forms); i++) {
        module->path.len = 0;
        text_putf(&module->path, "%s/%s%s%s", SIGBRIDGE_P11_FOLDER, forms[i].before, name, forms[i].after);
        if (text_c_str(&module->path) != NULL && access((const char *)module->path.ptr, R_OK) == 0)
            return true;
    }
    module->path.len = 0;
    return false;
}

static sigb_rc find_by_name(p11_module *module, const char *name, sigb_diag *diag)
{
    if (module_find_configured(name, &module->path, &module->reserved) || find_in_folder(module, name))
        return SIGB_OK;
    if (module->path.failed)
        return sigb_no_memory(diag);
    return sigb_fail(diag, SIGB_E_MODULE,
                     "no PKCS#11 module is called %s, neither by p11-kit's configuration nor in %s; "
                     "name its file (module-path=)",
                     name, SIGBRIDGE_P11_FOLDER);
}

/* The first of: the options, the URI, the environment, p11-kit's proxy. */
static sigb_rc choose(p11_module *module, const p11_uri *uri, const sigb_pkcs11_options *options,
                      sigb_diag *diag)
{
    const char *from_env = secure_getenv("PKCS11_MODULE_PATH");
    const char *path = options == NULL ? NULL : options->module;
    sigb_rc rc = SIGB_OK;

    if (path == NULL && p11_uri_module_name(uri) != NULL)
        rc = find_by_name(module, p11_uri_module_name(uri), diag);
    else if (path != NULL || (path = p11_uri_module_path(uri)) != NULL)
        text_put(&module->path, path);
    else
        text_put(&module->path, from_env == NULL || from_env[0] == '\0' ? SIGBRIDGE_P11_PROXY : from_env);
    if (options != NULL && options->init_args != NULL) {
        module->reserved.len = 0;
        text_put(&module->reserved, options->init_args);
    }
    if (rc == SIGB_OK && (text_c_str(&module->path) == NULL || module->reserved.failed))
        rc = sigb_no_memory(diag);
    if (rc == SIGB_OK && module->path.len == 0)
        rc = sigb_fail(diag, SIGB_E_USAGE, "the name of the PKCS#11 module is empty");
    return rc;
}

/* ---- what is known of modules by their file ---- */

static bool always(void)
{
    return true;
}

/* docs/hsm tells more of each. */
static const struct file_row {
    const char *part; /* of the file's name */
    bool sockets, breaks_in_children;
    bool (*one_at_a_time)(void); /* NULL: never. What is behind such a module takes no two at once either */
} FILES[] = {
    /* When its connection breaks, of several threads that wait for an answer only one may be told. */
    {"p11-kit-client", true, false, always},
    {"p11-kit-proxy", true, false, module_configured_far},
    {"pkcs11-proxy", true, false, NULL},
    /* Shares the connection to the TPM with its parent, and breaks both; no lock guards its table of sessions, so two
       threads that open one at once are given the same. */
    {"tpm2_pkcs11", false, true, always},
};

static void know(p11_module *module)
{
    for (size_t i = 0; i < COUNT(FILES); i++)
        if (strstr(p11_module_path(module), FILES[i].part) != NULL) {
            module->sockets |= FILES[i].sockets;
            module->breaks_in_children |= FILES[i].breaks_in_children;
            module->one_at_a_time |= FILES[i].one_at_a_time != NULL && FILES[i].one_at_a_time();
        }
}

/* ---- loading ---- */

/* RTLD_NODELETE: a module's exit handlers and thread hooks must not outlive its code. */
static sigb_rc load(p11_module *module, sigb_diag *diag)
{
    CK_C_GetFunctionList get = NULL;
    const char *path = p11_module_path(module);
    CK_RV rv;

    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (module->library == NULL)
        return sigb_fail(diag, SIGB_E_MODULE,
                         "the PKCS#11 module cannot be loaded: %s; check its path and installation",
                         dlerror());
    *(void **)&get = dlsym(module->library, "C_GetFunctionList");
    if (get == NULL)
        return sigb_fail(
            diag, SIGB_E_MODULE,
            "%s is a library but not a PKCS#11 module: it lacks C_GetFunctionList; name the module's file",
            path);
    rv = get(&module->calls);
    if (rv != CKR_OK || module->calls == NULL)
        return sigb_fail_native(diag, SIGB_E_MODULE, rv, "%s gives no functions (C_GetFunctionList)", path);
    know(module);
    return SIGB_OK;
}

static void release(p11_module *module)
{
    if (module == NULL)
        return;
    if (module->library != NULL)
        (void)dlclose(module->library);
    sigb_buf_free(&module->path);
    sigb_buf_free(&module->reserved);
    OPENSSL_free(module);
}

/* ---- starting and stopping ---- */

static CK_RV call_initialize(p11_module *module)
{
    CK_C_INITIALIZE_ARGS args = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    CK_RV rv;

    if (module->reserved.len > 0)
        args.pReserved = (void *)(uintptr_t)text_c_str(&module->reserved);
    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    rv = p11_C_Initialize(module, &args);
    (void)ERR_pop_to_mark();
    return rv;
}

/* False: it fails, and the module is still what our C_Initialize made it, and still ours. */
static bool call_finalize(p11_module *module)
{
    CK_RV rv;

    (void)ERR_set_mark();
    rv = p11_C_Finalize(module, NULL);
    (void)ERR_pop_to_mark();
    module->ours = rv != CKR_OK && rv != CKR_CRYPTOKI_NOT_INITIALIZED;
    return !module->ours;
}

/* What is known from an earlier start is as good. */
static sigb_rc learn_info(p11_module *module, sigb_diag *diag)
{
    CK_INFO info;
    bool known;
    CK_RV rv;

    memset(&info, 0, sizeof(info));
    rv = p11_C_GetInfo(module, &info);
    lock_registry();
    if (rv == CKR_OK)
        module->info = info;
    known = rv == CKR_OK || module->info.cryptokiVersion.major > 0;
    (void)pthread_mutex_unlock(&registry_lock);
    return known ? SIGB_OK : ckr_fail(diag, rv, "C_GetInfo");
}

static sigb_rc refuse_child(const p11_module *module, sigb_diag *diag)
{
    return sigb_fail(diag, SIGB_E_FORKED,
                     "module %s was opened by the parent of this process and breaks when a child uses it; "
                     "nothing was tried: open the key after the fork, in the child alone",
                     p11_module_path(module));
}

/* After a fork that could not wait for a call, anything of a module may be half done. */
static sigb_rc require_whole(sigb_diag *diag)
{
    if (!gate_is_broken())
        return SIGB_OK;
    return sigb_fail(
        diag, SIGB_E_TIMEOUT,
        "this process was forked while a call into a PKCS#11 module ran that did not end in time; no "
        "module is touched here: sign in the parent, or in a new process");
}

/* *anew: sessions of before are void. One that others have initialised meanwhile is ours as little or much as before. */
static sigb_rc initialise(p11_module *module, bool *anew, sigb_diag *diag)
{
    char room[24];
    CK_RV rv = call_initialize(module);

    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED && !module->ours && module->breaks_in_children &&
        gate_epoch() > 0)
        return refuse_child(module, diag); /* by whom? Most likely by the parent */
    *anew |= rv == CKR_OK;
    atomic_store(&module->down, false);
    if (rv == CKR_OK && !module->up) /* nobody had it */
        atomic_store(&module->shared, false);
    module->ours = rv == CKR_OK || (module->ours && rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    module->up = rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (rv == CKR_HOST_MEMORY)
        return ckr_fail(diag, rv, "C_Initialize");
    if (!module->up)
        return sigb_fail_native(diag, SIGB_E_MODULE, rv,
                                "PKCS#11 module %s does not start: C_Initialize gave %s: %s",
                                p11_module_path(module), ckr_name(rv, room), ckr_advice(rv));
    return learn_info(module, diag);
}

/* No call begins from now on but this thread's; false if one still runs after a while. */
static bool hold_calls(p11_module *module)
{
    static const struct timespec rest = {0, 100000};

    stopping = module;
    atomic_store(&module->stopped, true);
    for (int left = HOLD_MS * 10; left > 0 && tally_sum(&module->inside) > 0; left--)
        (void)nanosleep(&rest, NULL);
    return tally_sum(&module->inside) == 0;
}

static void let_calls(p11_module *module)
{
    stopping = NULL;
    lock_registry();
    atomic_store(&module->stopped, false);
    (void)pthread_cond_broadcast(&registry_changed);
    (void)pthread_mutex_unlock(&registry_lock);
}

static bool is_stopper(p11_module *module)
{
    return atomic_load(&module->stopped) && stopping == module;
}

static bool take_turn(p11_module *module)
{
    bool free = false;

    return !module->one_at_a_time || atomic_compare_exchange_strong(&module->taken, &free, true);
}

/* The stopper needs no turn: a call that never comes back may have it. */
bool module_enter(p11_module *module)
{
    tally_raise(&module->inside);
    if (is_stopper(module) || (!atomic_load(&module->stopped) && take_turn(module)))
        return true;
    tally_lower(&module->inside);
    return false;
}

/* Nobody tells a thread that it was left behind, so it looks at times. */
void module_wait(p11_module *module)
{
    lock_registry();
    while ((atomic_load(&module->stopped) || atomic_load(&module->taken)) && !gate_is_abandoned())
        (void)deadline_wait(&registry_changed, &registry_lock, deadline_in(LOOK_MS));
    (void)pthread_mutex_unlock(&registry_lock);
}

void module_leave(p11_module *module)
{
    bool had_turn = module->one_at_a_time && !is_stopper(module);

    tally_lower(&module->inside);
    if (!had_turn)
        return;
    lock_registry();
    atomic_store(&module->taken, false);
    (void)pthread_cond_broadcast(&registry_changed);
    (void)pthread_mutex_unlock(&registry_lock);
}

/* ---- the registry; each of these is called with the lock held ---- */

static p11_module *registry_find(const CK_FUNCTION_LIST *calls)
{
    p11_module *module = registry;

    while (module != NULL && module->calls != calls)
        module = module->next;
    return module;
}

static void registry_add(p11_module *module)
{
    module->state = STARTING;
    module->epoch = gate_epoch();
    module->users = 1;
    module->next = registry;
    registry = module;
}

static void registry_remove(const p11_module *module)
{
    p11_module **at = &registry;

    while (*at != module)
        at = &(*at)->next;
    *at = module->next;
    (void)pthread_cond_broadcast(&registry_changed);
}

/* The module of these calls once it is ready, with one more user; NULL if nobody has it. */
static p11_module *registry_share(const CK_FUNCTION_LIST *calls)
{
    p11_module *module;

    while ((module = registry_find(calls)) != NULL && module->state != READY && module->epoch == gate_epoch())
        (void)pthread_cond_wait(&registry_changed, &registry_lock);
    if (module != NULL)
        module->users++;
    return module;
}

/* ---- opening and closing ---- */

/* In a child the module is as the parent left it, whatever that was. */
static bool is_inherited(const p11_module *module)
{
    return module->epoch != gate_epoch();
}

static sigb_rc require_usable_in_child(const p11_module *module, sigb_diag *diag)
{
    sigb_rc rc = require_whole(diag);

    return rc == SIGB_OK && module->breaks_in_children ? refuse_child(module, diag) : rc;
}

/* What a child finds: locks and counts of threads that it does not have. Its C_Finalize would be the parent's. */
static void disinherit(p11_module *module)
{
    module->epoch = gate_epoch();
    module->ours = false;
    atomic_store(&module->shared, false);
    atomic_store(&module->down, true);
    tally_clear(&module->inside);
    atomic_store(&module->stopped, false);
    atomic_store(&module->taken, false);
}

/* Of a module that is STARTING, and this thread's alone. `anew`: its sessions have ended already. */
static sigb_rc start(p11_module *module, bool anew, sigb_diag *diag)
{
    sigb_rc rc = initialise(module, &anew, diag);

    if (module->up && !module->watched)
        watch_exit();
    module->watched |= module->up;

    lock_registry();
    (void)atomic_fetch_add(&module->starts, anew ? 1 : 0);
    module->worn = false;
    module->state = READY;
    (void)pthread_cond_broadcast(&registry_changed);
    (void)pthread_mutex_unlock(&registry_lock);
    return rc;
}

/*
 * C_Finalize, if it is ours to call and nobody is in the module who might not come back; then C_Initialize. One that
 * says it was shut down by somebody else may be theirs by now, and is only initialised, unless that was `in_vain`.
 */
static sigb_rc start_again(p11_module *module, bool in_vain, sigb_diag *diag)
{
    bool anew = atomic_load(&module->down);
    sigb_rc rc;

    if (module->up && module->ours && (!anew || in_vain) && hold_calls(module))
        anew |= call_finalize(module);
    rc = start(module, anew, diag);
    let_calls(module);
    return rc;
}

sigb_rc p11_module_restart(p11_module *module, unsigned seen, bool in_vain, sigb_diag *diag)
{
    bool inherited, mine;
    sigb_rc rc = SIGB_OK;

    lock_registry();
    inherited = is_inherited(module);
    while (!inherited && module->state != READY)
        (void)pthread_cond_wait(&registry_changed, &registry_lock);
    if (inherited)
        rc = require_usable_in_child(module, diag);
    mine = rc == SIGB_OK && (inherited || !module->up || atomic_load(&module->starts) == seen);
    if (mine) {
        module->state = STARTING;
        if (inherited)
            disinherit(module);
    }
    (void)pthread_mutex_unlock(&registry_lock);
    return mine ? start_again(module, in_vain, diag) : rc;
}

unsigned p11_module_starts(const p11_module *module)
{
    return atomic_load(&module->starts);
}

void module_is_shared(p11_module *module)
{
    atomic_store(&module->shared, true);
}

void module_is_down(p11_module *module)
{
    atomic_store(&module->shared, true);
    atomic_store(&module->down, true);
}

/* One that the process has already: a child may have to start it anew, or who comes after a start that failed. */
static sigb_rc join(p11_module *module, sigb_diag *diag)
{
    bool worn;

    lock_registry();
    worn = module->worn;
    (void)pthread_mutex_unlock(&registry_lock);
    return worn || is_inherited(module) || !module->up
               ? p11_module_restart(module, p11_module_starts(module), worn, diag)
               : SIGB_OK;
}

/* Loads what was chosen, or shares what the process has of it. */
static sigb_rc load_or_share(p11_module *loaded, p11_module **module, sigb_diag *diag)
{
    p11_module *shared;
    sigb_rc rc;

    lock_registry();
    shared = registry_share(loaded->calls);
    if (shared == NULL)
        registry_add(loaded);
    (void)pthread_mutex_unlock(&registry_lock);
    if (shared != NULL) {
        release(loaded);
        rc = join(shared, diag);
    } else {
        shared = loaded;
        rc = start(loaded, true, diag);
    }
    if (rc == SIGB_OK)
        *module = shared;
    else
        p11_module_close(shared);
    return rc;
}

sigb_rc p11_module_open(const p11_uri *uri, const sigb_pkcs11_options *options, p11_module **module,
                        sigb_diag *diag)
{
    p11_module *loaded = OPENSSL_zalloc(sizeof(*loaded));
    sigb_rc rc = loaded == NULL ? sigb_no_memory(diag) : choose(loaded, uri, options, diag);

    gate_install();
    gate_guard(&registry_lock);
    libctx_start();
    if (rc == SIGB_OK)
        rc = require_whole(diag);
    if (rc == SIGB_OK)
        rc = load(loaded, diag);
    if (rc != SIGB_OK) {
        release(loaded);
        return rc;
    }
    rc = load_or_share(loaded, module, diag);
    if (rc == SIGB_OK && options != NULL && options->timeout_ms > 0)
        (*module)->wary = true;
    return rc;
}

/*
 * Takes one user off; true for the last, whose task it is to stop the module. One that others use too stays as it is,
 * and stays in the registry: who opens it next may have to start it anew.
 */
static bool leave(p11_module *module)
{
    bool last;

    lock_registry();
    last = --module->users == 0;
    if (last && module->ours && atomic_load(&module->shared) && !is_inherited(module)) {
        last = false;
        atomic_store(&module->up, false);
        memset(&module->info, 0, sizeof(module->info));
    }
    if (last)
        module->state = STOPPING;
    (void)pthread_mutex_unlock(&registry_lock);
    return last;
}

/* A call that was left behind, or a parent's module: neither is finalised, nor is its memory given back. */
void p11_module_close(p11_module *module)
{
    bool forsaken;

    if (module == NULL || !leave(module))
        return;
    forsaken = is_inherited(module) || tally_sum(&module->inside) > 0;
    if (module->ours && !forsaken)
        (void)call_finalize(module);
    lock_registry();
    registry_remove(module);
    (void)pthread_mutex_unlock(&registry_lock);
    if (!forsaken)
        release(module);
}

/* It, and nothing but it, said so: a name that no token has is no reason to end the sessions of others. */
static bool is_lost(const sigb_diag *why)
{
    return why->native != CKR_OK && ckr_classify(why->native) == CKR_DEAD;
}

static bool has_others(p11_module *module)
{
    bool has;

    lock_registry();
    has = module->users > 1;
    (void)pthread_mutex_unlock(&registry_lock);
    return has;
}

/* Nobody else has a session that would end. */
static bool is_only_kept(const p11_module *module)
{
    return module->users == module->keepers + 1 && module->ours && !atomic_load(&module->shared);
}

/* Without keepers it would be finalised now, and started anew by who opens it next. */
static bool wear_out(p11_module *module)
{
    bool worn;

    lock_registry();
    worn = module->keepers > 0 && is_only_kept(module);
    module->worn |= worn;
    (void)pthread_mutex_unlock(&registry_lock);
    return worn;
}

/* The code stays that of the first failure, which says what may be done about it. */
static void add_words(sigb_diag *why, const sigb_diag *of_restart)
{
    const sigb_diag first = *why;

    (void)!sigb_fail_native(why, SIGB_E_MODULE, first.native, "%s; and then: %s", first.text,
                            of_restart->text);
}

void p11_module_give_up(p11_module *module, unsigned seen, unsigned tries, sigb_diag *why)
{
    sigb_diag of_restart = {{0}, 0};

    if (module == NULL)
        return;
    if (!wear_out(module) && tries > 0 && is_lost(why) && has_others(module) &&
        p11_module_restart(module, seen, tries > 1, &of_restart) != SIGB_OK)
        add_words(why, &of_restart);
    p11_module_close(module);
}

void p11_module_keep(p11_module *module, bool keeps)
{
    lock_registry();
    module->keepers += keeps ? 1 : -1U;
    (void)pthread_mutex_unlock(&registry_lock);
}

CK_FUNCTION_LIST *p11_module_calls(const p11_module *module)
{
    return module->calls;
}

const char *p11_module_path(const p11_module *module)
{
    return (const char *)module->path.ptr;
}

CK_INFO p11_module_info(const p11_module *module)
{
    CK_INFO info;

    lock_registry();
    info = module->info;
    (void)pthread_mutex_unlock(&registry_lock);
    return info;
}

bool module_is_touchable(const p11_module *module)
{
    return !gate_is_broken() && !is_inherited(module);
}

bool module_writes_to_sockets(const p11_module *module)
{
    return module->sockets;
}

/* ---- the end of the process ---- */

#define MAX_AT_EXIT 32

typedef struct at_exit {
    p11_module *ours[MAX_AT_EXIT];
    size_t count;
    bool wary;
} at_exit;

static void find_ours(at_exit *all)
{
    lock_registry();
    for (p11_module *module = registry; module != NULL && all->count < MAX_AT_EXIT; module = module->next)
        if (module->state == READY && module->ours && !atomic_load(&module->shared) &&
            !is_inherited(module) && tally_sum(&module->inside) == 0) {
            all->ours[all->count++] = module;
            all->wary |= module->wary;
        }
    (void)pthread_mutex_unlock(&registry_lock);
}

/* Not through call.c: its gate is closed by now. */
static sigb_rc finalize_all(void *arg, sigb_diag *diag)
{
    const at_exit *all = arg;

    (void)diag;
    for (size_t i = 0; i < all->count; i++)
        (void)all->ours[i]->calls->C_Finalize(NULL);
    return SIGB_OK;
}

/*
 * Runs before OpenSSL's teardown and the module's own, for it was registered
 * after theirs. Nobody enters a module any more; what is still open is closed by
 * C_Finalize, unless a call is under way that may never end.
 */
static void on_exit_close_all(void)
{
    static at_exit all; /* an operation that is left behind still has it */
    static const operation finalize = {finalize_all, NULL, &all};
    bool left_behind;

    if (gate_is_closed() || !gate_close(EXIT_MS))
        return;
    find_ours(&all);
    deadline_stop_idle();
    (void)!deadline_run(&finalize, deadline_in(all.wary ? EXIT_MS : 0), NULL, &left_behind, NULL);
}

static void watch_exit(void)
{
    (void)OPENSSL_init_crypto(0, NULL);
    (void)atexit(on_exit_close_all);
}
