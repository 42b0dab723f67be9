/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are overtaken. Between a call of the module and what is made of it, another thread starts the module
 * anew, and the numbers of sessions begin again: what belonged to the start before must touch none of the new ones.
 * A thread is held up where its trace is told of a call, when it is out of the module and holds no lock.
 */
#include "tests/fault/stage.h"

#include <pthread.h>
#include <sched.h>

#define SESSIONS 3

static stage scene;

/* ---- a thread that is held up behind a call ---- */

typedef struct holdup {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *call; /* NULL: goes on */
    unsigned skips;   /* so many of them are let go before */
    bool held, released;
    unsigned strays; /* calls with a session that is none, since it was released */
} holdup;

static void told(void *arg, const sigb_trace_call *call)
{
    holdup *h = arg;

    (void)pthread_mutex_lock(&h->lock);
    if (h->released && call->native == CKR_SESSION_HANDLE_INVALID)
        h->strays++;
    if (!h->held && h->call != NULL && strcmp(call->call, h->call) == 0 && h->skips-- == 0) {
        h->held = true;
        (void)pthread_cond_broadcast(&h->changed);
        while (!h->released)
            (void)pthread_cond_wait(&h->changed, &h->lock);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static void hold_at(holdup *h, const char *call, unsigned skips)
{
    (void)pthread_mutex_lock(&h->lock);
    h->call = call;
    h->skips = skips;
    (void)pthread_mutex_unlock(&h->lock);
}

static void wait_until_held(holdup *h)
{
    (void)pthread_mutex_lock(&h->lock);
    while (!h->held)
        (void)pthread_cond_wait(&h->changed, &h->lock);
    (void)pthread_mutex_unlock(&h->lock);
}

static void let_go(holdup *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->released = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
}

/* ---- who signs ---- */

typedef struct worker {
    pthread_t thread;
    sigb_signer *signer;
    sigb_rc rc;
    sigb_diag diag;
} worker;

static void *state_once(void *arg)
{
    worker *w = arg;

    w->rc = stage_state(&scene, &scene.leaf, w->signer, &w->diag);
    return NULL;
}

static void begin(worker *w, sigb_signer *signer)
{
    *w = (worker){.signer = signer};
    assert_int_equal(pthread_create(&w->thread, NULL, state_once, w), 0);
}

static void assert_stated(worker *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    if (w->rc != SIGB_OK)
        fail_msg("%s: %s", sigb_rc_name(w->rc), w->diag.text);
}

/* Two signers with one key share its token; the calls of one of them can be held up. */
typedef struct pair {
    holdup holdup;
    sigb_signer *free, *held;
} pair;

static void pair_open(pair *p)
{
    sigb_pkcs11_options traced = scene.options;

    *p = (pair){.holdup = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER}};
    traced.trace = told;
    traced.trace_arg = &p->holdup;
    stage_plan(&scene, "%s", "");
    p->free = stage_signer(scene.leaf.uri, &scene.options);
    p->held = stage_signer(scene.leaf.uri, &traced);
}

static void pair_close(pair *p)
{
    sigb_signer_free(p->held);
    sigb_signer_free(p->free);
}

/* By the signer that is free: its device dies, and the module is started anew. */
static void restart_meanwhile(const pair *p)
{
    stage_plan(&scene, "C_Sign,times=1,dead=%#lx", CKR_DEVICE_ERROR);
    stage_require_state(&scene, &scene.leaf, p->free);
    assert_int_equal(scene.fault->calls("C_Initialize"), 1);
}

/* ---- tests ---- */

static void a_session_that_was_opened_before_a_restart_serves_nobody_after_it(void **state)
{
    worker busy, late;
    pair p;

    (void)state;
    pair_open(&p);
    hold_at(&p.holdup, "C_OpenSession", 0);
    stage_plan(&scene, "C_Sign,times=1,delay=500");
    begin(&busy, p.free); /* has the only session, so the next one opens another */
    while (scene.fault->calls("C_Sign") == 0)
        (void)sched_yield();
    begin(&late, p.held);
    wait_until_held(&p.holdup);
    assert_stated(&busy);
    restart_meanwhile(&p);
    let_go(&p.holdup);
    assert_stated(&late);
    assert_int_equal(p.holdup.strays, 0);
    pair_close(&p);
}

static void sessions_that_a_repair_replaced_are_not_closed_after_a_restart(void **state)
{
    worker all[SESSIONS], late;
    unsigned long closed;
    pair p;

    (void)state;
    pair_open(&p);
    stage_plan(&scene, "C_Sign,delay=300");
    for (int i = 0; i < SESSIONS; i++)
        begin(&all[i], p.free);
    for (int i = 0; i < SESSIONS; i++)
        assert_stated(&all[i]);
    assert_int_equal(scene.fault->calls("C_OpenSession"), SESSIONS - 1);
    hold_at(&p.holdup, "C_CloseSession", 1); /* the first is of the session that failed */
    stage_plan(&scene, "C_Sign,times=1,rv=%#lx", CKR_DEVICE_ERROR);
    begin(&late, p.held);
    wait_until_held(&p.holdup);
    restart_meanwhile(&p);
    closed = scene.fault->calls("C_CloseSession");
    let_go(&p.holdup);
    assert_stated(&late);
    assert_int_equal(scene.fault->calls("C_CloseSession"), closed);
    assert_int_equal(p.holdup.strays, 0);
    pair_close(&p);
}

/* ---- verbs: the device dies, and is brought back by a signer, behind a call that a verb makes ---- */

typedef struct upset {
    const char *call; /* NULL: it has happened */
    const pair *signers;
    unsigned long touched; /* calls that name a session, until then */
    unsigned strays;
} upset;

/* What a verb would do to a session that is none of its own. */
static unsigned long touches(void)
{
    static const char *const calls[] = {"C_Login",         "C_InitPIN",      "C_FindObjectsInit",
                                        "C_CreateObject",  "C_SignInit",     "C_GenerateKeyPair",
                                        "C_DestroyObject", "C_CloseSession", "C_GetAttributeValue"};
    unsigned long sum = 0;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        sum += scene.fault->calls(calls[i]);
    return sum;
}

static void upset_behind(void *arg, const sigb_trace_call *call)
{
    upset *u = arg;

    u->strays += call->native == CKR_SESSION_HANDLE_INVALID;
    if (u->call == NULL || strcmp(call->call, u->call) != 0)
        return;
    u->call = NULL;
    restart_meanwhile(u->signers);
    u->touched = touches();
}

static void item_told(void *arg, const sigb_token_item *item)
{
    (void)arg;
    (void)item;
}

static void finding_told(void *arg, const sigb_finding *finding)
{
    (void)arg;
    (void)finding;
}

static bool confirmed(void *arg, const sigb_token_item *items, size_t count)
{
    (void)arg;
    (void)items;
    return count > 0;
}

static sigb_rc list_all(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    return sigb_token_list("pkcs11:token=stage", options, item_told, NULL, diag);
}

static sigb_rc delete_root(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    return sigb_token_delete("pkcs11:token=stage;object=root", options, confirmed, NULL, diag);
}

static sigb_rc examine_leaf(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    return sigb_token_doctor(scene.leaf.uri, NULL, options, finding_told, NULL, diag);
}

static sigb_rc certify_leaf(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    const sigb_cert_request request = {
        .key = scene.leaf.uri, .role = SIGB_CERT_ROOT, .subject = "CN=Overtaken", .days = 1, .label = "new"};
    sigb_buf der = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_cert(&request, options, &der, diag);

    sigb_buf_free(&der);
    return rc;
}

static sigb_rc init_labelled(const char *label, const sigb_pkcs11_options *options, sigb_diag *diag)
{
    sigb_buf made = SIGB_BUF_INIT;
    sigb_rc rc = sigb_token_init("pkcs11:", label, options, &made, diag);

    sigb_buf_free(&made);
    return rc;
}

static sigb_rc init_another(const sigb_pkcs11_options *options, sigb_diag *diag)
{
    return init_labelled("another", options, diag);
}

static void a_verb_that_is_overtaken_touches_nothing_of_the_new_start(void **state)
{
    static const struct {
        const char *name;
        sigb_rc (*run)(const sigb_pkcs11_options *options, sigb_diag *diag);
        const char *behind;
    } rows[] = {
        {"list", list_all, "C_GetTokenInfo"},           {"list", list_all, "C_OpenSession"},
        {"list", list_all, "C_FindObjectsFinal"},       {"delete", delete_root, "C_GetTokenInfo"},
        {"delete", delete_root, "C_OpenSession"},       {"delete", delete_root, "C_FindObjectsFinal"},
        {"doctor", examine_leaf, "C_GetTokenInfo"},     {"doctor", examine_leaf, "C_OpenSession"},
        {"doctor", examine_leaf, "C_FindObjectsFinal"}, {"cert", certify_leaf, "C_GetTokenInfo"},
        {"cert", certify_leaf, "C_OpenSession"},        {"init", init_another, "C_OpenSession"},
    };
    pair p;

    (void)state;
    pair_open(&p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        upset u = {.call = rows[i].behind, .signers = &p};
        sigb_pkcs11_options options = scene.options;

        print_message("%s, %s\n", rows[i].name, rows[i].behind);
        options.trace = upset_behind;
        options.trace_arg = &u;
        assert_refused(rows[i].run(&options, diag), SIGB_E_TOKEN, "CKR_SESSION_HANDLE_INVALID");
        assert_null(u.call);
        assert_int_equal(u.strays, 0);
        assert_int_equal(touches(), u.touched);
        stage_require_state(&scene, &scene.leaf, p.free);
    }
    pair_close(&p);
}

/* While a PIN is asked for, the module is started anew. */
static sigb_rc upsetting_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    restart_meanwhile(arg);
    return softhsm_pin(NULL, request, pin, diag);
}

/* Another token may be in the slot by then, and would lose all its keys. */
static void no_token_is_initialised_in_a_slot_of_an_earlier_start(void **state)
{
    sigb_pkcs11_options options = scene.options;
    pair p;

    (void)state;
    pair_open(&p);
    options.pin = upsetting_pin;
    options.pin_arg = &p;
    assert_refused(init_labelled("third", &options, diag), SIGB_E_TOKEN,
                   "C_InitToken: CKR_SESSION_HANDLE_INVALID");
    assert_int_equal(scene.fault->calls("C_InitToken"), 0);
    stage_require_state(&scene, &scene.leaf, p.free);
    pair_close(&p);
}

/* What has done nothing yet begins again, and closes what it opened then. */
static void a_key_is_generated_in_the_new_start(void **state)
{
    const sigb_keygen keygen = {.type = "P-256", .label = "overtaken"};
    sigb_pkcs11_options options = scene.options;
    sigb_buf uri = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    upset u;
    pair p;

    (void)state;
    pair_open(&p);
    u = (upset){.call = "C_OpenSession", .signers = &p};
    options.trace = upset_behind;
    options.trace_arg = &u;
    if (sigb_token_keygen("pkcs11:token=stage", &keygen, &options, &uri, &diag) != SIGB_OK)
        fail_msg("%s", diag.text);
    assert_null(u.call);
    assert_int_equal(u.strays, 0);
    assert_int_equal(scene.fault->calls("C_GenerateKeyPair"), 1);
    assert_int_equal(scene.fault->calls("C_OpenSession"),
                     scene.fault->calls("C_CloseSession") + 1); /* the signer's */
    sigb_buf_free(&uri);
    pair_close(&p);
}

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_was_opened_before_a_restart_serves_nobody_after_it),
        cmocka_unit_test(sessions_that_a_repair_replaced_are_not_closed_after_a_restart),
        cmocka_unit_test(a_verb_that_is_overtaken_touches_nothing_of_the_new_start),
        cmocka_unit_test(no_token_is_initialised_in_a_slot_of_an_earlier_start),
        cmocka_unit_test(a_key_is_generated_in_the_new_start),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
