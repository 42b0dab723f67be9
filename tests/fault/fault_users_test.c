/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One module, four users in one process, all signing while the device fails now
 * and then: signers of the library, a key of our OpenSSL provider and one of
 * libp11 behind EVP_PKEYs, and bare Cryptoki. Ours are always good. What the others
 * lose is theirs, and never a wrong statement. The library is the shared one, which
 * the provider links too: there is one registry of modules, as programs have it.
 */
#include "tests/fault/stage.h"
#include "tests/provider/stage.h"

#include <dlfcn.h>
#include <pthread.h>

#include "tests/provider/libp11.h"

#define OURS       3   /* two of the library, one of the provider */
#define STATEMENTS 100 /* of each thread */
#define FAULTS     8

static stage scene;

static int set_up(void **state)
{
    (void)state;
    stage_begin(&scene);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_end(&scene);
    return 0;
}

/* ---- bare Cryptoki, on the module that the others have ---- */

static CK_FUNCTION_LIST *calls_of_module(void)
{
    void *library = dlopen(FAULT_MODULE, RTLD_NOW | RTLD_LOCAL);
    CK_FUNCTION_LIST *calls = NULL;
    CK_C_GetFunctionList get = NULL;

    assert_non_null(library);
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    assert_non_null(get);
    assert_int_equal(get(&calls), CKR_OK);
    return calls;
}

typedef struct bare {
    CK_FUNCTION_LIST *calls;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    unsigned good, failed;
} bare;

static void bare_open(bare *user)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    user->calls = calls_of_module();
    assert_int_equal(user->calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(user->calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &user->session),
                     CKR_OK);
    user->key = softhsm_the_object(user->calls, user->session, CKO_PRIVATE_KEY, "leaf");
}

static void *bare_signs(void *arg)
{
    bare *user = arg;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_BYTE digest[32] = {1}, signature[64];

    for (int i = 0; i < STATEMENTS; i++) {
        CK_ULONG len = sizeof(signature);
        CK_RV rv = user->calls->C_SignInit(user->session, &ecdsa, user->key);
        if (rv == CKR_OK)
            rv = user->calls->C_Sign(user->session, digest, sizeof(digest), signature, &len);
        user->good += rv == CKR_OK;
        user->failed += rv == CKR_DEVICE_ERROR;
    }
    return NULL;
}

/* ---- signers ---- */

typedef struct worker {
    pthread_t thread;
    sigb_signer *signer;
    unsigned good, refused;
} worker;

static void *states(void *arg)
{
    worker *w = arg;

    for (int i = 0; i < STATEMENTS; i++) {
        if (stage_state(&scene, &scene.leaf, w->signer, NULL) == SIGB_OK)
            w->good++;
        else
            w->refused++;
    }
    return NULL;
}

/* One failing C_Sign in every forty, whoever makes it. */
static void plan_faults(void)
{
    char plan[64 * FAULTS] = "";

    for (unsigned i = 1; i <= FAULTS; i++)
        (void)snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%sC_Sign,after=%u,times=1,rv=0x30",
                       i == 1 ? "" : ";", i * 40);
    stage_plan(&scene, "%s", plan);
}

static void assert_all_struck(void)
{
    for (size_t i = 0; i < FAULTS; i++)
        assert_int_equal(scene.fault->hits(i), 1);
}

static sigb_signer *provider_signer(prov_stage *provider)
{
    EVP_PKEY *key;
    sigb_signer *signer = NULL;
    sigb_diag diag = {{0}, 0};

    provider->hsm = scene.hsm;
    prov_stage_configure(provider, "");
    key = prov_stage_open(provider, scene.leaf.uri);
    assert_non_null(key);
    assert_int_equal(sigb_signer_from_evp_pkey(key, &signer, &diag), SIGB_OK);
    EVP_PKEY_free(key);
    return signer;
}

static void users_of_one_module_sign_while_the_device_fails(void **state)
{
    libp11_key libp11;
    bare other = {.good = 0};
    worker all[OURS + 1];
    prov_stage provider = {.ctx = NULL};
    pthread_t bare_thread;
    sigb_diag diag = {{0}, 0};

    (void)state;
    memset(all, 0, sizeof(all));
    stage_plan(&scene, "%s", "");
    libp11_open(&libp11, "leaf"); /* the module is libp11's: it was there first */
    for (int i = 0; i + 1 < OURS; i++)
        assert_int_equal(sigb_signer_from_pkcs11(scene.leaf.uri, &scene.options, &all[i].signer, &diag),
                         SIGB_OK);
    all[OURS - 1].signer = provider_signer(&provider);
    assert_int_equal(sigb_signer_from_evp_pkey(libp11.pkey, &all[OURS].signer, &diag), SIGB_OK);
    bare_open(&other);
    plan_faults();
    assert_int_equal(pthread_create(&bare_thread, NULL, bare_signs, &other), 0);
    for (int i = 0; i <= OURS; i++)
        assert_int_equal(pthread_create(&all[i].thread, NULL, states, &all[i]), 0);
    for (int i = 0; i <= OURS; i++)
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    assert_int_equal(pthread_join(bare_thread, NULL), 0);

    assert_all_struck();
    for (int i = 0; i < OURS; i++)
        assert_int_equal(all[i].good, STATEMENTS);
    print_message("libp11: %u good, %u refused; bare: %u good, %u failed\n", all[OURS].good,
                  all[OURS].refused, other.good, other.failed);
    assert_int_equal(all[OURS].good + all[OURS].refused, STATEMENTS);
    assert_true(all[OURS].good >= STATEMENTS - FAULTS);
    assert_int_equal(other.good + other.failed, STATEMENTS);
    for (int i = 0; i <= OURS; i++)
        sigb_signer_free(all[i].signer);
    OSSL_LIB_CTX_free(provider.ctx);
    assert_int_equal(scene.fault->calls("C_Finalize"), 0); /* the others go on */
    (void)bare_signs(&other);
    assert_int_equal(other.good + other.failed, 2 * STATEMENTS);
    libp11_close(&libp11);
}

/* Whoever came first may leave first; the module is started once, logged in to once, and shut down by the last. */
static void the_library_and_the_provider_share_one_start_of_a_module(void **state)
{
    (void)state;
    for (int library_first = 0; library_first < 2; library_first++) {
        prov_stage provider = {.ctx = NULL};
        sigb_signer *signers[2], *of_library, *of_provider;

        stage_plan(&scene, "%s", "");
        if (library_first)
            of_library = stage_signer(scene.leaf.uri, &scene.options);
        of_provider = provider_signer(&provider);
        if (!library_first)
            of_library = stage_signer(scene.leaf.uri, &scene.options);
        signers[0] = library_first ? of_library : of_provider;
        signers[1] = library_first ? of_provider : of_library;
        for (int i = 0; i < 2; i++)
            stage_require_state(&scene, &scene.leaf, signers[i]);
        assert_int_equal(scene.fault->calls("C_Initialize"), 1);
        assert_int_equal(scene.fault->calls("C_Login"), 1);

        sigb_signer_free(signers[0]);
        if (!library_first)
            OSSL_LIB_CTX_free(provider.ctx);
        assert_int_equal(scene.fault->calls("C_Finalize"), 0);
        stage_require_state(&scene, &scene.leaf, signers[1]);
        sigb_signer_free(signers[1]);
        if (library_first)
            OSSL_LIB_CTX_free(provider.ctx);
        assert_int_equal(scene.fault->calls("C_Finalize"), 1);
        assert_int_equal(scene.fault->calls("C_Initialize"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_and_the_provider_share_one_start_of_a_module),
        cmocka_unit_test(users_of_one_module_sign_while_the_device_fails),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
