/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>

void leaks_are_meant(void)
{
    __lsan_disable();
}
#else
void leaks_are_meant(void)
{
}
#endif
