/* SPDX-License-Identifier: Apache-2.0 */
/* One signer, several threads; several signers, opened and freed at once. */
#include "tests/support/support.h"

#include <pthread.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/pubkey.h"
#include "tests/support/softhsm.h"

#define THREADS    4
#define SIGNATURES 50

static softhsm *hsm;
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static CK_FUNCTION_LIST real;
static int sessions_left; /* C_OpenSession says CKR_SESSION_COUNT when there is none */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_with_key();
    real = *softhsm_calls(hsm);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

static sigb_signer *opened(void)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;

    return sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, NULL) == SIGB_OK ? signer : NULL;
}

/* How many signatures were made and verify, as a pointer-sized number. */
static void *sign_many(void *arg)
{
    sigb_signer *signer = arg;
    EVP_PKEY *key = NULL;
    intptr_t good = 0;

    if (pubkey_parse(sigb_signer_spki(signer), &key, NULL) != SIGB_OK)
        return NULL;
    for (int i = 0; i < SIGNATURES; i++) {
        sigb_buf signature = SIGB_BUF_INIT;
        if (sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL) == SIGB_OK &&
            pubkey_verify(key, SIGB_ES256, TBS, sigb_buf_bytes(&signature), NULL) == SIGB_OK)
            good++;
        sigb_buf_free(&signature);
    }
    EVP_PKEY_free(key);
    return (void *)good;
}

static void sign_in_threads(sigb_signer *signer)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, signer), 0);
    for (int i = 0; i < THREADS; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((intptr_t)good, SIGNATURES);
    }
}

static void threads_share_a_signer(void **state)
{
    sigb_signer *signer = opened();

    (void)state;
    assert_non_null(signer);
    sign_in_threads(signer);
    sigb_signer_free(signer);
}

static CK_RV scarce_open(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                         CK_SESSION_HANDLE *session)
{
    bool granted;

    assert_int_equal(pthread_mutex_lock(&counting), 0);
    granted = sessions_left > 0;
    sessions_left -= granted;
    assert_int_equal(pthread_mutex_unlock(&counting), 0);
    return granted ? real.C_OpenSession(slot, flags, arg, notify, session) : CKR_SESSION_COUNT;
}

static void threads_wait_where_the_token_has_few_sessions(void **state)
{
    sigb_signer *signer;

    (void)state;
    sessions_left = 2;
    softhsm_calls(hsm)->C_OpenSession = scarce_open;
    signer = opened();
    assert_non_null(signer);
    sign_in_threads(signer);
    sigb_signer_free(signer);
    *softhsm_calls(hsm) = real;
}

static void no_session_at_all_is_refused(void **state)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = softhsm_pin};
    sigb_signer *signer = NULL;

    (void)state;
    sessions_left = 0;
    softhsm_calls(hsm)->C_OpenSession = scarce_open;
    assert_refused(sigb_signer_from_pkcs11("pkcs11:object=key", &options, &signer, diag), SIGB_E_TOKEN,
                   "C_OpenSession: CKR_SESSION_COUNT");
    *softhsm_calls(hsm) = real;
}

static CK_RV refused_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)session;
    (void)mechanism;
    (void)key;
    return CKR_DEVICE_ERROR;
}

/* Two threads find no session; the second learns it only while the first waits for it. */
static CK_RV open_at_different_speeds(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                                      CK_SESSION_HANDLE *session)
{
    static int within;
    int place;

    (void)slot;
    (void)flags;
    (void)arg;
    (void)notify;
    (void)session;
    assert_int_equal(pthread_mutex_lock(&counting), 0);
    place = within++;
    assert_int_equal(pthread_mutex_unlock(&counting), 0);
    if (place == 0)
        (void)usleep(100000); /* until the second is within */
    if (place == 1)
        (void)usleep(400000); /* until the first waits */
    return CKR_SESSION_COUNT;
}

static void *sign_once(void *arg)
{
    sigb_buf signature = SIGB_BUF_INIT;
    intptr_t rc = sigb_signer_sign(arg, SIGB_ES256, TBS, &signature, NULL);

    sigb_buf_free(&signature);
    return (void *)rc;
}

static void nobody_waits_for_a_session_that_was_never_opened(void **state)
{
    sigb_signer *signer = opened();
    pthread_t threads[2];

    (void)state;
    assert_non_null(signer);
    sessions_left = 0;
    softhsm_calls(hsm)->C_OpenSession = scarce_open;
    softhsm_calls(hsm)->C_SignInit = refused_init;
    assert_int_equal((intptr_t)sign_once(signer), SIGB_E_TOKEN); /* the pool's only session is closed */
    softhsm_calls(hsm)->C_OpenSession = open_at_different_speeds;
    (void)alarm(120); /* a thread that waits for ever ends the test */
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_once, signer), 0);
    for (int i = 0; i < 2; i++) {
        void *rc = NULL;
        assert_int_equal(pthread_join(threads[i], &rc), 0);
        assert_int_equal((intptr_t)rc, SIGB_E_TOKEN);
    }
    (void)alarm(0);
    *softhsm_calls(hsm) = real;
    sigb_signer_free(signer);
}

/* Opens, signs, frees; NULL if all went well. SoftHSM's own login races, so the first signer stays open. */
static void *open_and_sign(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        sigb_signer *signer = opened();
        sigb_buf signature = SIGB_BUF_INIT;
        sigb_rc rc = signer == NULL ? SIGB_E_TOKEN
                                    : sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL);

        sigb_signer_free(signer);
        sigb_buf_free(&signature);
        if (rc != SIGB_OK)
            return &hsm;
    }
    return NULL;
}

static void signers_are_opened_and_freed_side_by_side(void **state)
{
    pthread_t threads[THREADS];
    sigb_signer *first = opened();

    (void)state;
    assert_non_null(first);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_sign, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    sigb_signer_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_signer),
        cmocka_unit_test(threads_wait_where_the_token_has_few_sessions),
        cmocka_unit_test(no_session_at_all_is_refused),
        cmocka_unit_test(nobody_waits_for_a_session_that_was_never_opened),
        cmocka_unit_test(signers_are_opened_and_freed_side_by_side),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
