/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What p11-kit's configuration says: of a module that is called by its name, and
 * of those that its proxy stands for. The library is loaded for that alone: with
 * those that it needs it would take a thirtieth of each start.
 */
#include "pkcs11/internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include <p11-kit/p11-kit.h>

#include "base/text.h"

#define LIBRARY "libp11-kit.so.0"

typedef struct p11_kit {
    CK_FUNCTION_LIST **(*load)(const char *, int);
    void (*release)(CK_FUNCTION_LIST **);
    CK_FUNCTION_LIST *(*for_name)(CK_FUNCTION_LIST **, const char *);
    char *(*filename)(CK_FUNCTION_LIST *);
    char *(*option)(CK_FUNCTION_LIST *, const char *);
} p11_kit;

/* RTLD_NODELETE: it has handlers of fork and exit. */
static bool p11_kit_find(p11_kit *kit)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (library == NULL)
        return false;
    *(void **)&kit->load = dlsym(library, "p11_kit_modules_load");
    *(void **)&kit->release = dlsym(library, "p11_kit_modules_release");
    *(void **)&kit->for_name = dlsym(library, "p11_kit_module_for_name");
    *(void **)&kit->filename = dlsym(library, "p11_kit_module_get_filename");
    *(void **)&kit->option = dlsym(library, "p11_kit_config_option");
    (void)dlclose(library);
    return kit->load != NULL && kit->release != NULL && kit->for_name != NULL && kit->filename != NULL &&
           kit->option != NULL;
}

bool module_find_configured(const char *name, sigb_buf *path, sigb_buf *reserved)
{
    p11_kit kit = {NULL, NULL, NULL, NULL, NULL};
    CK_FUNCTION_LIST **all = p11_kit_find(&kit) ? kit.load(NULL, P11_KIT_MODULE_UNMANAGED) : NULL;
    CK_FUNCTION_LIST *found = all == NULL ? NULL : kit.for_name(all, name);
    char *file = found == NULL ? NULL : kit.filename(found);
    char *option = found == NULL ? NULL : kit.option(found, "x-init-reserved");
    bool known = file != NULL;

    text_put(path, known ? file : "");
    text_put(reserved, option == NULL ? "" : option);
    free(file);
    free(option);
    if (all != NULL)
        kit.release(all);
    return known;
}

/* ---- what the proxy stands for ---- */

static bool far;

static bool is_far(const p11_kit *kit, CK_FUNCTION_LIST *module)
{
    char *option = kit->option(module, "remote");
    bool is = option != NULL;

    free(option);
    return is;
}

/* The list is kept: the proxy loads the same modules, and they are not to be loaded twice, nor unloaded. */
static void look_far(void)
{
    static CK_FUNCTION_LIST **all;
    p11_kit kit = {NULL, NULL, NULL, NULL, NULL};

    if (p11_kit_find(&kit))
        all = kit.load(NULL, 0);
    for (size_t i = 0; all != NULL && all[i] != NULL; i++)
        far |= is_far(&kit, all[i]);
}

bool module_configured_far(void)
{
    static pthread_once_t looked = PTHREAD_ONCE_INIT;

    (void)pthread_once(&looked, look_far);
    return far;
}
