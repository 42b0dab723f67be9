/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and nothing else, as an application would that knows its token and fears nothing. */
#include "arm.h"

const bare_count BARE_LOOP_CALLS[] = {
    {CALL_EVP_DigestInit_ex2, 1}, {CALL_EVP_DigestUpdate, 1}, {CALL_EVP_DigestFinal_ex, 1},
    {CALL_C_SignInit, 1},         {CALL_C_Sign, 1},           {0, 0},
};

bare_arm *bare_loop_new(const bare_input *input)
{
    bare_arm *arm = bare_arm_new(input);

    return bare_arm_made(arm, arm != NULL && bare_arm_ready_hash(arm) && bare_token_open(arm));
}

/* The key as a session object: the token need not read it from its store for each signature. */
static bool copy_key(bare_arm *arm)
{
    CK_BBOOL on_token = CK_FALSE;
    CK_ATTRIBUTE other = {CKA_TOKEN, &on_token, sizeof(on_token)};
    CK_OBJECT_HANDLE copy;

    if (arm->functions->C_CopyObject(arm->session, arm->handle, &other, 1, &copy) != CKR_OK)
        return false;
    arm->handle = copy;
    return true;
}

bare_arm *bare_copied_loop_new(const bare_input *input)
{
    bare_arm *arm = bare_loop_new(input);

    return bare_arm_made(arm, arm != NULL && copy_key(arm));
}

static bool hash(bare_arm *arm, bare_bytes tbs)
{
    unsigned len = 0;

    if (EVP_DigestInit_ex2(arm->hash, NULL, NULL) != 1 ||
        EVP_DigestUpdate(arm->hash, tbs.ptr, tbs.len) != 1 ||
        EVP_DigestFinal_ex(arm->hash, arm->digest, &len) != 1)
        return false;
    arm->digest_len = len;
    return true;
}

bool bare_loop_over(bare_arm *arm, bare_bytes tbs)
{
    return hash(arm, tbs) && bare_token_sign(arm);
}

bool bare_loop_round(bare_arm *arm)
{
    return bare_loop_over(arm, arm->input->tbs);
}

/* ---- the two calls alone ---- */

const bare_count BARE_TWO_CALLS[] = {{CALL_C_SignInit, 1}, {CALL_C_Sign, 1}, {0, 0}};

bare_arm *bare_two_new(const bare_input *input)
{
    bare_arm *arm = bare_loop_new(input);

    return bare_arm_made(arm, arm != NULL && hash(arm, input->tbs));
}

bare_arm *bare_copied_two_new(const bare_input *input)
{
    bare_arm *arm = bare_copied_loop_new(input);

    return bare_arm_made(arm, arm != NULL && hash(arm, input->tbs));
}

bool bare_two_round(bare_arm *arm)
{
    return bare_token_sign(arm);
}
