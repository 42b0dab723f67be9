/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include "tests/support/fault.h"

#include <dlfcn.h>

#include "tests/support/softhsm.h"

const fault_control *fault_load(void)
{
    void *library;
    CK_C_GetFunctionList get;
    CK_FUNCTION_LIST *calls;
    const fault_control *control;

    assert_int_equal(setenv("SIGB_FAULT_MODULE", softhsm_module(), 1), 0);
    library = dlopen(FAULT_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    assert_non_null(library);
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    assert_non_null(get);
    assert_int_equal(get(&calls), CKR_OK); /* it reads its environment here, and never again */
    control = dlsym(library, FAULT_CONTROL);
    assert_non_null(control);
    (void)dlclose(library);
    return control;
}
