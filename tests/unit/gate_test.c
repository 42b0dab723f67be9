/* SPDX-License-Identifier: Apache-2.0 */
/* The gate that forks wait for. It is the process's own, so what would spoil it is done in a child. */
#include "tests/support/support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/gate.h"

#define HANGS_S       60 /* a child that takes longer is killed, and fails the test */
#define STORMERS      4
#define FORKS         100
#define TICKETS       20000
#define STOPPED_MS    2500 /* longer than a fork waits */
#define STOP_AFTER_MS 300
#define ROUND_TRIP    1000 /* ms: more than a fork needs that waits for nobody, even on a busy machine */

/* ---- tools ---- */

static void sleep_ms(long ms)
{
    const struct timespec rest = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&rest, NULL);
}

static long now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for(const atomic_bool *flag)
{
    while (!atomic_load(flag))
        sleep_ms(1);
}

/* What look() returns in a child, as its exit status. */
static int in_child(int (*look)(void))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(HANGS_S);
        _exit(look());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("the child was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* A thread that is inside until it is let out. */
typedef struct visitor {
    pthread_t thread;
    gate_ticket *ticket; /* NULL: none */
    atomic_bool is_in, let_out, is_out;
    bool left, entered_again; /* what the gate said */
} visitor;

static void *visit(void *arg)
{
    visitor *me = arg;

    gate_use_ticket(me->ticket);
    if (!gate_enter())
        return me;
    atomic_store(&me->is_in, true);
    wait_for(&me->let_out);
    atomic_store(&me->is_out, true);
    me->left = gate_leave();
    me->entered_again = gate_enter();
    if (me->entered_again)
        (void)gate_leave();
    gate_use_ticket(NULL);
    return me;
}

static void visit_begin(visitor *who)
{
    assert_int_equal(pthread_create(&who->thread, NULL, visit, who), 0);
    wait_for(&who->is_in);
}

static void visit_end(visitor *who)
{
    atomic_store(&who->let_out, true);
    assert_int_equal(pthread_join(who->thread, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    gate_install();
    gate_install(); /* once is enough: twice would count epochs by two */
    return 0;
}

/* ---- entering ---- */

static void a_thread_enters_as_often_as_it_likes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(gate_enter());
    for (int i = 0; i < 3; i++)
        assert_true(gate_leave());
    assert_false(gate_is_broken());
}

static int epoch_is_here(void)
{
    return (int)gate_epoch();
}

static int epoch_of_a_grandchild(void)
{
    return in_child(epoch_is_here);
}

static void the_epoch_grows_in_children_alone(void **state)
{
    int here = (int)gate_epoch();

    (void)state;
    assert_int_equal(in_child(epoch_is_here), here + 1);
    assert_int_equal(in_child(epoch_of_a_grandchild), here + 2);
    assert_int_equal(gate_epoch(), here);
}

/* ---- forks ---- */

/* 0: usable by this thread and by others. */
static int gate_is_usable(void)
{
    visitor other = {.ticket = NULL};

    if (gate_is_broken() || !gate_enter() || !gate_leave())
        return 1;
    visit_begin(&other);
    visit_end(&other);
    return other.left ? 0 : 2;
}

static int leaves_what_the_parent_entered(void)
{
    return gate_leave() && gate_leave() ? gate_is_usable() + in_child(gate_is_usable) : 3;
}

static void a_fork_by_a_thread_inside_does_not_wait_for_itself(void **state)
{
    long began = now_ms();

    (void)state;
    assert_true(gate_enter());
    assert_true(gate_enter());
    assert_int_equal(in_child(leaves_what_the_parent_entered), 0);
    assert_true(now_ms() - began < ROUND_TRIP);
    assert_true(gate_leave());
    assert_true(gate_leave());
    assert_int_equal(in_child(gate_is_usable), 0);
}

static visitor *watched;

static int watched_is_out(void)
{
    return atomic_load(&watched->is_out) && !gate_is_broken();
}

static void *let_out_later(void *arg)
{
    sleep_ms(200);
    atomic_store(&((visitor *)arg)->let_out, true);
    return NULL;
}

static void a_fork_waits_for_who_is_inside(void **state)
{
    visitor other = {.ticket = NULL};
    pthread_t porter;

    (void)state;
    watched = &other;
    visit_begin(&other);
    assert_int_equal(pthread_create(&porter, NULL, let_out_later, &other), 0);
    assert_int_equal(in_child(watched_is_out), 1);
    visit_end(&other);
    assert_int_equal(pthread_join(porter, NULL), 0);
    assert_true(other.left);
}

static atomic_bool fork_began;

static void note_fork(void)
{
    atomic_store(&fork_began, true);
}

/* Lets `watched` out when a newcomer has waited for a while. */
static void *come_during_fork(void *arg)
{
    visitor *newcomer = arg;

    wait_for(&fork_began);
    sleep_ms(50); /* from the first handler to the gate's */
    assert_int_equal(pthread_create(&newcomer->thread, NULL, visit, newcomer), 0);
    sleep_ms(200);
    atomic_store(&watched->let_out, true);
    return NULL;
}

static visitor *newcomer_of_the_fork;

static int newcomer_never_came(void)
{
    return !atomic_load(&newcomer_of_the_fork->is_in) && watched_is_out();
}

static void newcomers_wait_until_the_fork_is_over(void **state)
{
    visitor other = {.ticket = NULL}, newcomer = {.ticket = NULL};
    pthread_t usher;

    (void)state;
    watched = &other;
    newcomer_of_the_fork = &newcomer;
    visit_begin(&other);
    assert_int_equal(pthread_atfork(note_fork, NULL, NULL), 0); /* the last one added is the first to run */
    atomic_store(&fork_began, false);
    assert_int_equal(pthread_create(&usher, NULL, come_during_fork, &newcomer), 0);
    assert_int_equal(in_child(newcomer_never_came), 1);
    wait_for(&newcomer.is_in); /* and comes now */
    assert_int_equal(pthread_join(usher, NULL), 0);
    visit_end(&other);
    visit_end(&newcomer);
    assert_true(newcomer.left);
}

static int gate_says_broken(void)
{
    return gate_is_broken();
}

static int broken_here_and_in_a_grandchild(void)
{
    return gate_is_broken() && in_child(gate_says_broken) == 1;
}

static void a_fork_waits_two_seconds_for_who_is_stuck(void **state)
{
    visitor stuck = {.ticket = NULL};
    long began, took;

    (void)state;
    visit_begin(&stuck);
    began = now_ms();
    assert_int_equal(in_child(broken_here_and_in_a_grandchild), 1);
    took = now_ms() - began;
    assert_true(took >= 2000);
    assert_true(took < 2000 + ROUND_TRIP);
    assert_false(gate_is_broken()); /* the parent goes on */
    assert_true(gate_enter());
    assert_true(gate_leave());
    visit_end(&stuck);
    assert_int_equal(in_child(gate_is_usable), 0);
}

/* Lets `watched` out soon after the clock jumped. */
static void *let_out_after_the_stop(void *arg)
{
    long last = now_ms(), now = last;

    (void)arg;
    while (now - last < STOPPED_MS / 2) {
        last = now;
        sleep_ms(1);
        now = now_ms();
    }
    sleep_ms(5);
    atomic_store(&watched->let_out, true);
    return NULL;
}

static void stop_parent(void)
{
    pid_t parent = getppid();

    (void)kill(parent, SIGSTOP);
    sleep_ms(STOPPED_MS);
    (void)kill(parent, SIGCONT);
}

static int forks_while_stopped(void)
{
    visitor other = {.ticket = NULL};
    pthread_t porter;
    pid_t stopper = fork();

    if (stopper == 0) {
        sleep_ms(STOP_AFTER_MS); /* the fork waits by then */
        stop_parent();
        _exit(0);
    }
    watched = &other;
    visit_begin(&other);
    return pthread_create(&porter, NULL, let_out_after_the_stop, NULL) == 0 ? in_child(watched_is_out) : 2;
}

static void a_fork_does_not_count_the_time_that_the_process_was_stopped(void **state)
{
    (void)state;
    assert_int_equal(in_child(forks_while_stopped), 1);
}

/* ---- tickets ---- */

static void a_fork_does_not_wait_for_the_abandoned(void **state)
{
    gate_ticket ticket;
    visitor stuck = {.ticket = &ticket};
    long began;

    (void)state;
    gate_ticket_init(&ticket);
    visit_begin(&stuck);
    assert_true(gate_abandon(&ticket));
    assert_false(gate_abandon(&ticket)); /* nobody is counted off twice */
    began = now_ms();
    assert_int_equal(in_child(gate_is_usable), 0);
    assert_true(now_ms() - began < ROUND_TRIP);
    visit_end(&stuck);
    assert_false(stuck.left); /* it learns what happened, */
    assert_false(stuck.entered_again);
    assert_int_equal(in_child(gate_is_usable), 0); /* and coming back counts nothing off */
}

static void who_was_abandoned_outside_stays_outside(void **state)
{
    gate_ticket ticket;
    visitor late = {.ticket = &ticket};

    (void)state;
    gate_ticket_init(&ticket);
    assert_false(gate_abandon(&ticket));
    assert_int_equal(pthread_create(&late.thread, NULL, visit, &late), 0);
    visit_end(&late);
    assert_false(atomic_load(&late.is_in));
    assert_int_equal(in_child(gate_is_usable), 0);
}

/* A module that forks in a call that was left behind: the thread is inside, and is not counted. */
static void *fork_abandoned(void *arg)
{
    gate_ticket ticket;
    long result;

    (void)arg;
    gate_ticket_init(&ticket);
    gate_use_ticket(&ticket);
    if (!gate_enter() || !gate_abandon(&ticket))
        return NULL;
    result = in_child(watched_is_out) == 1 ? 1 : 2;
    (void)gate_leave();
    gate_use_ticket(NULL);
    return (void *)result;
}

static void the_abandoned_wait_for_others_when_they_fork(void **state)
{
    visitor other = {.ticket = NULL};
    pthread_t porter, forker;
    void *result = NULL;

    (void)state;
    watched = &other;
    visit_begin(&other);
    assert_int_equal(pthread_create(&porter, NULL, let_out_later, &other), 0);
    assert_int_equal(pthread_create(&forker, NULL, fork_abandoned, NULL), 0);
    assert_int_equal(pthread_join(forker, &result), 0);
    assert_int_equal((intptr_t)result, 1);
    visit_end(&other);
    assert_int_equal(pthread_join(porter, NULL), 0);
}

/* ---- the end ---- */

static int closes(void)
{
    visitor stuck = {.ticket = NULL};
    long began = now_ms();

    visit_begin(&stuck);
    if (gate_close(100) || now_ms() - began < 100)
        return 1; /* somebody is inside */
    if (gate_enter())
        return 2;
    visit_end(&stuck); /* who is inside may end what it does */
    if (!stuck.left || stuck.entered_again)
        return 3;
    return gate_close(0) ? 0 : 4;
}

static void nobody_enters_a_closed_gate(void **state)
{
    (void)state;
    assert_int_equal(in_child(closes), 0);
    assert_int_equal(in_child(gate_is_usable), 0);
}

static int closes_from_inside(void)
{
    return gate_enter() && gate_close(0) && gate_enter() && gate_leave() && gate_leave() && !gate_enter() ? 0
                                                                                                          : 1;
}

static void who_closes_from_inside_does_not_wait_for_itself(void **state)
{
    (void)state;
    assert_int_equal(in_child(closes_from_inside), 0);
}

/* ---- all at once ---- */

static atomic_int started, within;
static atomic_bool over;

/* One of the threads that enter and leave all the time, now and then under a ticket that is taken away. */
typedef struct stormer {
    pthread_t thread;
    gate_ticket tickets[TICKETS];
    atomic_uint used; /* of them */
} stormer;

static void pass_with_a_ticket(stormer *me)
{
    unsigned next = atomic_load(&me->used);

    if (next == TICKETS)
        return;
    gate_use_ticket(&me->tickets[next]);
    if (gate_enter()) {
        sched_yield();
        (void)gate_leave();
    }
    gate_use_ticket(NULL);
    atomic_store(&me->used, next + 1);
}

static void pass(void)
{
    assert_true(gate_enter());
    atomic_fetch_add(&within, 1);
    sched_yield();
    atomic_fetch_sub(&within, 1);
    assert_true(gate_leave());
}

static void *storm(void *arg)
{
    atomic_fetch_add(&started, 1);
    while (!atomic_load(&over)) {
        pass_with_a_ticket(arg);
        for (int i = 0; i < 10; i++)
            pass();
    }
    return NULL;
}

static void *abandon_many(void *arg)
{
    stormer *all = arg;

    atomic_fetch_add(&started, 1);
    while (!atomic_load(&over))
        for (int i = 0; i < STORMERS; i++) {
            (void)gate_abandon(&all[i].tickets[atomic_load(&all[i].used) % TICKETS]);
            sched_yield();
        }
    return NULL;
}

static int nobody_is_within(void)
{
    return atomic_load(&within) == 0 && gate_is_usable() == 0;
}

static void no_child_of_a_storm_has_anybody_inside(void **state)
{
    static stormer all[STORMERS];
    pthread_t taker;

    (void)state;
    for (int i = 0; i < STORMERS; i++) {
        for (int k = 0; k < TICKETS; k++)
            gate_ticket_init(&all[i].tickets[k]);
        assert_int_equal(pthread_create(&all[i].thread, NULL, storm, &all[i]), 0);
    }
    assert_int_equal(pthread_create(&taker, NULL, abandon_many, all), 0);
    while (atomic_load(&started) < STORMERS + 1)
        sleep_ms(1); /* a thread that starts allocates, and a child could find the allocator locked */
    for (int i = 0; i < FORKS; i++)
        assert_int_equal(in_child(nobody_is_within), 1);
    atomic_store(&over, true);
    for (int i = 0; i < STORMERS; i++)
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
    assert_int_equal(pthread_join(taker, NULL), 0);
    assert_int_equal(in_child(gate_is_usable), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_enters_as_often_as_it_likes),
        cmocka_unit_test(the_epoch_grows_in_children_alone),
        cmocka_unit_test(a_fork_by_a_thread_inside_does_not_wait_for_itself),
        cmocka_unit_test(a_fork_waits_for_who_is_inside),
        cmocka_unit_test(newcomers_wait_until_the_fork_is_over),
        cmocka_unit_test(a_fork_waits_two_seconds_for_who_is_stuck),
        cmocka_unit_test(a_fork_does_not_count_the_time_that_the_process_was_stopped),
        cmocka_unit_test(a_fork_does_not_wait_for_the_abandoned),
        cmocka_unit_test(who_was_abandoned_outside_stays_outside),
        cmocka_unit_test(the_abandoned_wait_for_others_when_they_fork),
        cmocka_unit_test(nobody_enters_a_closed_gate),
        cmocka_unit_test(who_closes_from_inside_does_not_wait_for_itself),
        cmocka_unit_test(no_child_of_a_storm_has_anybody_inside),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
