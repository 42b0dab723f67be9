/* SPDX-License-Identifier: Apache-2.0 */
/* 300 forks while two threads sign: every child signs, none hangs, and the parent goes on. */
#include "tests/support/support.h"

#include <pthread.h>

#include "tests/fork/children.h"

#define FORKS   300
#define SIGNERS 2

static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

typedef struct scene {
    shop shop;
    sigb_signer *signer;
    report *reports;
    atomic_bool over;
} scene;

/* ---- the parent's threads ---- */

#define ROOM                                                                                                 \
    (64U << 20) /* bytes of signatures or statements that a thread keeps; what is beyond is not made */

/* What it makes is verified when the forks are over: only the library's own use of OpenSSL knows of forks. */
typedef struct worker {
    scene *in;
    pthread_t thread;
    bool whole; /* statements instead of signatures */
    sigb_buf made;
    size_t count, bad;
    sigb_diag diag; /* of the last that went wrong */
} worker;

static sigb_rc make(const scene *in, bool whole, sigb_buf *made, sigb_diag *diag)
{
    return whole ? shop_sign(&in->shop, in->signer, TBS, made, diag)
                 : sigb_signer_sign(in->signer, SHOP_ALG, TBS, made, diag);
}

static void *sign_on(void *arg)
{
    worker *me = arg;

    while (!atomic_load(&me->in->over) && me->made.len < ROOM) {
        if (make(me->in, me->whole, &me->made, &me->diag) == SIGB_OK)
            me->count++;
        else
            me->bad++;
    }
    return NULL;
}

static bool accepts(const scene *in, bool whole, sigb_bytes made)
{
    return whole ? shop_accepts(&in->shop, made, TBS) : shop_accepts_signature(&in->shop, TBS, made);
}

/* All that a thread made is of one length. */
static void assert_all_good(const worker *of)
{
    size_t each = of->count == 0 ? 0 : of->made.len / of->count, good = 0;

    for (size_t i = 0; i < of->count; i++)
        good += accepts(of->in, of->whole, sigb_bytes_of(of->made.ptr + i * each, each));
    if (of->bad > 0 || of->count == 0 || good != of->count)
        fail_msg("the parent: %zu made, %zu of them good, %zu refused: %s", of->count, good, of->bad,
                 of->diag.text);
}

/* ---- the children ---- */

/* A signature, or a whole statement by turns: OpenSSL's part of the work must survive the fork too. */
static void sign_in_child(void *arg, size_t number, report *mine)
{
    scene *in = arg;
    sigb_buf made = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = make(in, number % 2 != 0, &made, &diag);

    report_put(mine, rc, &diag, &made);
    sigb_buf_free(&made);
}

static bool is_good(const scene *in, size_t number)
{
    const report *of = &in->reports[number];
    bool accepted = accepts(in, number % 2 != 0, report_made(of));

    if (!accepted)
        print_message("child %zu: %s: %s\n", number, sigb_rc_name(of->rc), of->words);
    return accepted;
}

/* ---- the stories ---- */

static void scene_begin(scene *in, bool reset)
{
    shop_make(&in->shop);
    softhsm_configure(in->shop.hsm, reset ? "library.reset_on_fork = true" : "library.reset_on_fork = false");
    in->signer = shop_open(&in->shop);
    in->reports = shared_new(FORKS * sizeof(*in->reports));
}

static void scene_end(scene *in)
{
    shared_free(in->reports, FORKS * sizeof(*in->reports));
    sigb_signer_free(in->signer);
    shop_free(&in->shop);
}

static void fork_while_threads_sign(scene *in, size_t alive)
{
    worker workers[SIGNERS] = {{.in = in}, {.in = in, .whole = true}};
    size_t lost, good = 0;

    for (size_t i = 0; i < SIGNERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, sign_on, &workers[i]), 0);
    lost = children_run(FORKS, alive, sign_in_child, in, in->reports);
    atomic_store(&in->over, true);
    for (size_t i = 0; i < SIGNERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (size_t i = 0; i < FORKS; i++)
        good += is_good(in, i);
    for (size_t i = 0; i < SIGNERS; i++) {
        assert_all_good(&workers[i]);
        sigb_buf_free(&workers[i].made);
    }
    assert_int_equal(lost, 0);
    assert_int_equal(good, FORKS);
}

static void forks(bool reset, size_t alive)
{
    scene in = {.signer = NULL};
    sigb_buf made = SIGB_BUF_INIT;

    scene_begin(&in, reset);
    fork_while_threads_sign(&in, alive);
    assert_int_equal(sigb_signer_sign(in.signer, SHOP_ALG, TBS, &made, NULL), SIGB_OK); /* still */
    assert_true(shop_accepts_signature(&in.shop, TBS, sigb_buf_bytes(&made)));
    sigb_buf_free(&made);
    scene_end(&in);
}

int main(void)
{
    return children_run_stories(forks);
}
