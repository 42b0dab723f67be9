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

    if (arm != NULL && bare_token_open(arm))
        return arm;
    bare_arm_free(arm);
    return NULL;
}

bool bare_sign_round(bare_arm *arm)
{
    unsigned char signature[512];
    CK_ULONG len = sizeof(signature);

    return arm->functions->C_SignInit(arm->session, &arm->mechanism, arm->handle) == CKR_OK &&
           arm->functions->C_Sign(arm->session, arm->digest, arm->digest_len, signature, &len) == CKR_OK &&
           bare_digest_verify(arm);
}
