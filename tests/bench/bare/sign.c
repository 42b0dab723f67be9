/* SPDX-License-Identifier: Apache-2.0 */
#include "arm.h"

#include <stdlib.h>

const bare_count BARE_SIGN_CALLS[] = {
    {CALL_C_SignInit, 1},       {CALL_C_Sign, 1}, {CALL_EVP_DigestVerifyInit_ex, 1},
    {CALL_EVP_DigestVerify, 1}, {0, 0},
};

bare_arm *bare_sign_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm,
                         arm != NULL && bare_arm_read_key(arm) && bare_token_open(arm) && bare_hash(arm));
}

bool bare_sign_round(bare_arm *arm)
{
    return bare_token_sign(arm) && bare_digest_verify(arm);
}
