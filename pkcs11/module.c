/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 modules. We load and initialise them ourselves: threads are announced
 * and the module's reserved string is handed over, neither of which p11-kit's
 * unmanaged road does.
 */
#include "pkcs11/internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <p11-kit/p11-kit.h>

#include "base/error.h"
#include "base/gate.h"
#include "base/text.h"

typedef enum module_state { STARTING, READY, STOPPING } module_state;

struct p11_module {
    p11_module *next;
    sigb_buf path;
    sigb_buf reserved; /* the module's own initialisation string; empty: none */
    void *library;
    CK_FUNCTION_LIST *calls; /* what tells modules apart: two paths may lead to one */
    module_state state;
    unsigned users;
    bool sockets; /* it writes to sockets, whose other end may go: SIGPIPE */
    bool ours;    /* our C_Initialize took effect, so C_Finalize is ours too */
};

/*
 * All modules of the process. The lock is never held while a module runs: who
 * starts or stops one marks it, and others wait for the change.
 */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t registry_changed = PTHREAD_COND_INITIALIZER;
static p11_module *registry;

/* ---- which module ---- */

/* p11-kit's configuration (NAME.module) knows the file and the reserved string of a name. */
static bool find_configured(p11_module *module, const char *name)
{
    CK_FUNCTION_LIST **all = p11_kit_modules_load(NULL, P11_KIT_MODULE_UNMANAGED);
    CK_FUNCTION_LIST *found = all == NULL ? NULL : p11_kit_module_for_name(all, name);
    char *path = found == NULL ? NULL : p11_kit_module_get_filename(found);
    char *reserved = found == NULL ? NULL : p11_kit_config_option(found, "x-init-reserved");

    text_put(&module->path, path == NULL ? "" : path);
    text_put(&module->reserved, reserved == NULL ? "" : reserved);
    free(path);
    free(reserved);
    if (all != NULL)
        p11_kit_modules_release(all);
    return path != NULL;
}

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
    if (find_configured(module, name) || find_in_folder(module, name))
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
    if (rc == SIGB_OK && text_c_str(&module->path) == NULL)
        rc = sigb_no_memory(diag);
    if (rc == SIGB_OK && module->path.len == 0)
        rc = sigb_fail(diag, SIGB_E_USAGE, "the name of the PKCS#11 module is empty");
    return rc;
}

/* ---- what is known of modules by their file ---- */

/* docs/hsm tells more of each. */
static const struct file_row {
    const char *part; /* of the file's name */
    bool sockets;
} FILES[] = {
    {"p11-kit-client", true},
    {"p11-kit-proxy", true}, /* its configuration may hold remote modules */
    {"pkcs11-proxy", true},
};

static void know(p11_module *module)
{
    for (size_t i = 0; i < COUNT(FILES); i++)
        module->sockets |= FILES[i].sockets && strstr(p11_module_path(module), FILES[i].part) != NULL;
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

static sigb_rc initialise(p11_module *module, sigb_diag *diag)
{
    CK_C_INITIALIZE_ARGS args = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
    char room[24];
    CK_RV rv;

    if (module->reserved.len > 0 &&
        (args.pReserved = (void *)(uintptr_t)text_c_str(&module->reserved)) == NULL)
        return sigb_no_memory(diag);
    (void)ERR_set_mark(); /* a module may share our libcrypto, and what it leaves in the queue is not ours */
    rv = p11_C_Initialize(module, &args);
    (void)ERR_pop_to_mark();
    module->ours = rv == CKR_OK;
    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return SIGB_OK;
    if (rv == CKR_HOST_MEMORY)
        return ckr_fail(diag, rv, "C_Initialize");
    return sigb_fail_native(diag, SIGB_E_MODULE, rv,
                            "PKCS#11 module %s does not start: C_Initialize gave %s; check its configuration",
                            p11_module_path(module), ckr_name(rv, room));
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

    while ((module = registry_find(calls)) != NULL && module->state != READY)
        (void)pthread_cond_wait(&registry_changed, &registry_lock);
    if (module != NULL)
        module->users++;
    return module;
}

/* ---- opening and closing ---- */

/* Of a module that is STARTING, and ours alone. */
static sigb_rc start(p11_module *module, sigb_diag *diag)
{
    sigb_rc rc = initialise(module, diag);

    (void)pthread_mutex_lock(&registry_lock);
    if (rc == SIGB_OK) {
        module->state = READY;
        (void)pthread_cond_broadcast(&registry_changed);
    } else {
        registry_remove(module);
    }
    (void)pthread_mutex_unlock(&registry_lock);
    return rc;
}

sigb_rc p11_module_open(const p11_uri *uri, const sigb_pkcs11_options *options, p11_module **module,
                        sigb_diag *diag)
{
    p11_module *loaded = OPENSSL_zalloc(sizeof(*loaded)), *shared = NULL;
    sigb_rc rc = loaded == NULL ? sigb_no_memory(diag) : choose(loaded, uri, options, diag);

    if (rc == SIGB_OK)
        rc = load(loaded, diag);
    if (rc != SIGB_OK) {
        release(loaded);
        return rc;
    }
    (void)pthread_mutex_lock(&registry_lock);
    shared = registry_share(loaded->calls);
    if (shared == NULL)
        registry_add(loaded);
    (void)pthread_mutex_unlock(&registry_lock);
    if (shared == NULL)
        rc = start(loaded, diag);
    if (shared != NULL || rc != SIGB_OK)
        release(loaded);
    if (rc == SIGB_OK)
        *module = shared != NULL ? shared : loaded;
    return rc;
}

/* Takes one user off; true for the last, whose task it is to stop the module. */
static bool leave(p11_module *module)
{
    bool last;

    (void)pthread_mutex_lock(&registry_lock);
    last = --module->users == 0;
    if (last)
        module->state = STOPPING;
    (void)pthread_mutex_unlock(&registry_lock);
    return last;
}

void p11_module_close(p11_module *module)
{
    if (module == NULL || !leave(module))
        return;
    (void)ERR_set_mark();
    if (module->ours)
        (void)p11_C_Finalize(module, NULL);
    (void)ERR_pop_to_mark();
    (void)pthread_mutex_lock(&registry_lock);
    registry_remove(module);
    (void)pthread_mutex_unlock(&registry_lock);
    release(module);
}

CK_FUNCTION_LIST *p11_module_calls(const p11_module *module)
{
    return module->calls;
}

bool module_is_touchable(const p11_module *module)
{
    (void)module;
    return !gate_is_broken();
}

bool module_writes_to_sockets(const p11_module *module)
{
    return module->sockets;
}

const char *p11_module_path(const p11_module *module)
{
    return (const char *)module->path.ptr;
}
