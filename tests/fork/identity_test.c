/* SPDX-License-Identifier: Apache-2.0 */
/* A key that goes, or that another key replaces under its label and id, while threads sign: refused by identity. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fork/shop.h"

#define SIGNERS 2
#define LIMIT_S 60 /* for a refusal, which comes at once or after the 3 seconds of repair */

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static const softhsm_key OTHER = {.type = "P-256", .label = "leaf", .id = "leaf"};
static const softhsm_key OTHER_HIDDEN = {.type = "P-256", .label = "leaf", .id = "leaf", .no_public = true};
static const softhsm_key OTHER_TYPE = {.type = "RSA-2048", .label = "leaf", .id = "leaf"};

/* What happens to the key, and what a signature is told then. */
typedef struct row {
    const char *name;
    bool keep_public; /* the old public object stays */
    const softhsm_key *instead;
    sigb_rc rc;
    const char *words;
} row;

/* clang-format off */
static const row ROWS[] = {
    {"deleted",                                              false, NULL,          SIGB_E_KEY_ABSENT,  "no private key"},
    {"deleted, its public object stays",                     true,  NULL,          SIGB_E_KEY_ABSENT,  "no private key"},
    {"replaced",                                             false, &OTHER,        SIGB_E_KEY_CHANGED, "find out who replaced"},
    {"replaced, the old public object stays",                true,  &OTHER_HIDDEN, SIGB_E_KEY_CHANGED, "find out who replaced"},
    {"replaced, no public object",                           false, &OTHER_HIDDEN, SIGB_E_KEY_CHANGED, "find out who replaced"},
    {"replaced, two public objects that contradict",         true,  &OTHER,        SIGB_E_KEY_CHANGED, "find out who replaced"},
    {"replaced by one of another type",                      false, &OTHER_TYPE,   SIGB_E_KEY_CHANGED, "find out who replaced"},
};
/* clang-format on */

static atomic_bool changed; /* the change is complete: what is told from now on is what the row wants */

typedef struct worker {
    const shop *in;
    sigb_signer *signer;
    pthread_t thread;
    bool whole; /* statements instead of signatures */
    atomic_size_t good;
    size_t foreign;    /* came out, and are not the key's */
    const row *wanted; /* every refusal after the change */
    size_t otherwise;  /* told something else */
    sigb_rc rc;        /* of the last of these */
    sigb_diag why;
    sigb_diag diag;
} worker;

static bool accepts(const worker *me, const sigb_buf *made)
{
    return me->whole ? shop_accepts(me->in, sigb_buf_bytes(made), TBS)
                     : shop_accepts_signature(me->in, TBS, sigb_buf_bytes(made));
}

static sigb_rc make(worker *me, sigb_buf *made)
{
    return me->whole ? shop_sign(me->in, me->signer, TBS, made, &me->diag)
                     : sigb_signer_sign(me->signer, SHOP_ALG, TBS, made, &me->diag);
}

static bool is_as_wanted(const worker *me, sigb_rc rc)
{
    return rc == me->wanted->rc && strstr(me->diag.text, me->wanted->words) != NULL;
}

/* Until the change, and ten times more: a key that has gone does not come back. */
static void *sign_through_the_change(void *arg)
{
    worker *me = arg;
    int more = 10;

    while (more > 0) {
        sigb_buf made = SIGB_BUF_INIT;
        bool after = atomic_load(&changed);
        sigb_rc rc = make(me, &made);

        if (rc == SIGB_OK && accepts(me, &made))
            atomic_fetch_add(&me->good, 1);
        me->foreign += (rc == SIGB_OK && !accepts(me, &made)) || (rc != SIGB_OK && made.len > 0);
        if (after && !is_as_wanted(me, rc)) {
            me->otherwise++;
            me->rc = rc;
            me->why = me->diag;
        }
        more -= after;
        sigb_buf_free(&made);
    }
    return NULL;
}

/* ---- who changes it: another process, which is there before any thread is, for OpenSSL's locks do not survive a fork ---- */

typedef struct changer {
    pid_t process;
    int go; /* a byte, and it begins */
} changer;

/* With one start of the module, before anything changes: SoftHSM writes its token's file anew at each login, and whoever starts meanwhile may see no token. */
static void replace_here(const shop *in, const row *how)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(in->hsm);

    assert_int_equal(calls->C_Initialize(NULL), CKR_OK);
    softhsm_destroy(in->hsm, SHOP_TOKEN, CKO_PRIVATE_KEY, "leaf");
    if (!how->keep_public)
        softhsm_destroy(in->hsm, SHOP_TOKEN, CKO_PUBLIC_KEY, "leaf");
    if (how->instead != NULL)
        softhsm_keygen(in->hsm, SHOP_TOKEN, how->instead);
    assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

static changer changer_new(const shop *in, const row *how)
{
    changer made;
    int ends[2];
    char go;

    assert_int_equal(pipe(ends), 0);
    made.process = fork();
    made.go = ends[1];
    if (made.process == 0) {
        (void)close(ends[1]);
        (void)setenv("CMOCKA_TEST_ABORT", "1", 1); /* what fails here is seen by the signal */
        if (read(ends[0], &go, 1) == 1)
            replace_here(in, how);
        _exit(0);
    }
    assert_true(made.process > 0);
    (void)close(ends[0]);
    return made;
}

static void change(const changer *by)
{
    int status = 0;

    assert_int_equal(write(by->go, "", 1), 1);
    assert_int_equal(waitpid(by->process, &status, 0), by->process);
    assert_int_equal(status, 0);
    (void)close(by->go);
}

/* ---- what is told then ---- */

static void wait_until_they_sign(const worker *workers)
{
    for (size_t i = 0; i < SIGNERS; i++)
        while (atomic_load(&workers[i].good) < 20)
            (void)usleep(1000);
}

/*
 * Until this process sees the change: SoftHSM shows a key to one thread while another is still reading its file, and that
 * one may be off its processor. Until then the old key may still sign, or none be there.
 */
static void wait_until_it_is_seen(const shop *in, sigb_signer *signer, const row *how)
{
    worker looker = {.in = in, .signer = signer, .wanted = how};
    sigb_rc rc;

    do {
        sigb_buf made = SIGB_BUF_INIT;
        rc = make(&looker, &made);
        assert_true(rc == SIGB_OK ? accepts(&looker, &made) : made.len == 0);
        assert_true(rc == SIGB_OK || rc == SIGB_E_KEY_ABSENT || is_as_wanted(&looker, rc));
        sigb_buf_free(&made);
    } while (!is_as_wanted(&looker, rc));
}

static void assert_told(const worker *me)
{
    assert_int_equal(me->foreign, 0);
    if (me->otherwise > 0)
        fail_msg("%zu of 10: %s: %s; wanted %s: ... %s ...", me->otherwise, sigb_rc_name(me->rc),
                 me->why.text, sigb_rc_name(me->wanted->rc), me->wanted->words);
}

static void change_behind(const row *how)
{
    worker workers[SIGNERS] = {{.whole = false}, {.whole = true}};
    changer by;
    shop in;
    sigb_signer *signer;

    shop_make(&in);
    by = changer_new(&in, how);
    signer = shop_open(&in);
    atomic_store(&changed, false);
    for (size_t i = 0; i < SIGNERS; i++) {
        workers[i].in = &in;
        workers[i].signer = signer;
        workers[i].wanted = how;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, sign_through_the_change, &workers[i]), 0);
    }
    wait_until_they_sign(workers);
    (void)alarm(LIMIT_S);
    change(&by);
    wait_until_it_is_seen(&in, signer, how);
    atomic_store(&changed, true);
    for (size_t i = 0; i < SIGNERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    (void)alarm(0);
    for (size_t i = 0; i < SIGNERS; i++)
        assert_told(&workers[i]);
    sigb_signer_free(signer);
    shop_free(&in);
}

static void a_key_that_is_not_the_one_opened_signs_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("%s\n", ROWS[i].name);
        change_behind(&ROWS[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_not_the_one_opened_signs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
