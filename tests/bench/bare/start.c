/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does before its first signature, and what is done to a token again after a session was lost. */
#include "arm.h"

const bare_count BARE_FIRST_CALLS[] = {
    {CALL_C_Initialize, 1},
    {CALL_C_GetSlotList, 1},
    {CALL_C_GetTokenInfo, 1},
    {CALL_C_OpenSession, 1},
    {CALL_C_Login, 1},
    {CALL_C_FindObjectsInit, 1},
    {CALL_C_FindObjects, 1},
    {CALL_C_FindObjectsFinal, 1},
    {CALL_EVP_Q_digest, 1},
    {CALL_C_SignInit, 1},
    {CALL_C_Sign, 1},
    {CALL_C_Finalize, 1},
    {0, 0},
};

bare_arm *bare_first_new(const bare_input *input)
{
    return bare_arm_new(input);
}

bool bare_first_round(bare_arm *arm)
{
    return bare_token_open(arm) && bare_hash(arm) && bare_token_sign(arm) &&
           arm->functions->C_Finalize(NULL) == CKR_OK;
}

const bare_count BARE_LOGIN_CALLS[] = {
    {CALL_C_OpenSession, 1},      {CALL_C_Login, 1},
    {CALL_C_FindObjectsInit, 1},  {CALL_C_FindObjects, 1},
    {CALL_C_FindObjectsFinal, 1}, {0, 0},
};

bare_arm *bare_login_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm, arm != NULL && bare_token_reach(arm));
}

bool bare_login_round(bare_arm *arm)
{
    return bare_token_enter(arm);
}

bool bare_lose_sessions(bare_arm *arm)
{
    return arm->functions->C_CloseAllSessions(arm->slot) == CKR_OK;
}
