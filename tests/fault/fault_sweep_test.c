/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep (sweep.h) over a signer of the library: it is opened and makes a statement, then another one. */
#include "tests/fault/stage.h"
#include "tests/fault/sweep.h"

static stage at;

static void state(sweep_run *r)
{
    r->rc = stage_state(&at, &at.leaf, r->opened, &r->diag);
}

static void open_and_state(sweep_run *r)
{
    sigb_pkcs11_options options = at.options;
    sigb_signer *signer = NULL;

    options.timeout_ms = r->timeout_ms;
    r->rc = sigb_signer_from_pkcs11(at.leaf.uri, &options, &signer, &r->diag);
    r->opened = signer;
    if (r->rc == SIGB_OK)
        state(r);
}

static void close_signer(sweep_run *r)
{
    sigb_signer_free(r->opened);
}

static void lose_sessions(void)
{
    softhsm_lose_sessions(at.hsm);
}

/* Where the token said what it is not, and nothing failed. */
static const sweep_words WORDS[] = {
    {"C_Finalize", CKR_OK, "CKR_DEVICE_ERROR"}, /* the device is what is wrong */
    {"C_GetMechanismInfo", CKR_MECHANISM_INVALID, "which the token lacks"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE, "does not tell the type of the key"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, "does not tell the type of the key"},
};

static void begin(sweep_scene *scene)
{
    stage_begin(&at);
    scene->hsm = at.hsm;
    scene->fault = at.fault;
}

static void end(sweep_scene *scene)
{
    (void)scene;
    stage_end(&at);
}

int main(int argc, char **argv)
{
    const sweep statements = {.name = "statement",
                              .is_whole = true,
                              .words = WORDS,
                              .word_count = sizeof(WORDS) / sizeof(WORDS[0]),
                              .events = {{"", "", NULL},
                                         {" after lost sessions", "", lose_sessions},
                                         {" after a call that failed", "C_SignInit,times=1,rv=0x5", NULL},
                                         {" after the device died", "C_SignInit,times=1,dead=0x30", NULL}},
                              .open = open_and_state,
                              .again = state,
                              .close = close_signer};
    sweep_scene scene = {NULL, NULL, begin, end};

    return sweep_all(&scene, &statements, 1, argc, argv);
}
