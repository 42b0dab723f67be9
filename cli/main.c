/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <sigbridge/sigbridge.h>

int main(void)
{
    sigb_ignore_openssl_conf();
    (void)printf("sigbridge %s\n", sigb_version());
    return 0;
}
