/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two providers against each other at the same key: EVP_DigestSign over 1 KiB, a
 * context for each signature, in one thread and in two. Each has a process of its
 * own, so that neither meets the other's module, and both are timed in turn. How a
 * process happens to lie in memory, and the processor that it is on, decide a per
 * cent and more: there are several sittings, each with new processes, and one
 * thread stays on the processor that both have.
 *
 *   bench_peers NAME AGAINST KEY-NAME TOKEN KEY OURS THEIRS
 *
 * OURS and THEIRS are configurations of OpenSSL. Each knows its module and PIN.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"
#include "evp_key.h"
#include "report.h"

#define SITTINGS      7
#define SITTING_PAIRS 45
#define PAIRS         (SITTINGS * SITTING_PAIRS)
#define SLICE_SECONDS 0.02
#define PROBE_ROUNDS  5
#define MOST_THREADS  2
#define MICROSECONDS  1e6

/* ---- a provider's process ---- */

typedef struct peer_order {
    unsigned threads;
    unsigned long rounds;
} peer_order;

typedef struct peer {
    pid_t process;
    int line; /* orders go in, seconds come out */
} peer;

/* To the first of the processors that this thread may use. */
static void stay_on_one(const cpu_set_t *usable)
{
    cpu_set_t one;
    size_t first = 0;

    while (first + 1 < CPU_SETSIZE && !CPU_ISSET(first, usable))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
}

static double work(bench_crew *crews[], bench_side *side, const peer_order *order)
{
    cpu_set_t usable;
    double seconds;

    if (order->threads > 1)
        return bench_crew_run(crews[order->threads - 1], side, order->rounds, BENCH_WALL);
    (void)sched_getaffinity(0, sizeof(usable), &usable);
    stay_on_one(&usable);
    seconds = bench_crew_run(crews[0], side, order->rounds, BENCH_PROCESSOR);
    (void)sched_setaffinity(0, sizeof(usable), &usable);
    return seconds;
}

static bool get_ready(const bench_key *key, const char *configuration, bench_side *side)
{
    static bench_evp evp;
    static bench_evp_arm arms[MOST_THREADS];

    if (!bench_evp_open(&evp, key, configuration))
        return false;
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        if (!bench_evp_arm_ready(&arms[i], &evp) || !side->round(&arms[i]) ||
            !bench_evp_require_right(&arms[i], evp.key))
            return false;
        side->arms[i] = &arms[i];
    }
    return true;
}

/* Takes orders until there are no more. It ends without what OpenSSL and the modules do at exit: some crash there. */
static _Noreturn void serve(const bench_key *key, const char *configuration, int line)
{
    bench_side side = {.round = bench_evp_digest_round};
    bench_crew *crews[MOST_THREADS] = {bench_crew_new(1), bench_crew_new(2)};
    peer_order order;

    if (crews[0] == NULL || crews[1] == NULL || !get_ready(key, configuration, &side))
        _exit(BENCH_FAILED);
    while (read(line, &order, sizeof(order)) == sizeof(order)) {
        double seconds = work(crews, &side, &order);

        if (write(line, &seconds, sizeof(seconds)) != sizeof(seconds))
            break;
    }
    _exit(BENCH_MET);
}

static bool peer_begin(peer *p, const bench_key *key, const char *configuration)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    p->process = fork();
    if (p->process == 0) {
        close(ends[0]);
        serve(key, configuration, ends[1]);
    }
    close(ends[1]);
    p->line = ends[0];
    return p->process > 0;
}

/* All lines before any wait: the second process was forked with our end of the first one's. */
static void peers_end(const peer peers[2])
{
    for (size_t i = 0; i < 2; i++)
        if (peers[i].process > 0)
            close(peers[i].line);
    for (size_t i = 2; i-- > 0;)
        if (peers[i].process > 0)
            (void)waitpid(peers[i].process, NULL, 0);
}

/* Seconds that a thread takes for a round; negative on failure. */
static double slice(const peer *p, unsigned threads, unsigned long rounds)
{
    const peer_order order = {threads, rounds};
    double seconds = -1;

    if (send(p->line, &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order) ||
        read(p->line, &seconds, sizeof(seconds)) != sizeof(seconds))
        return -1;
    return seconds / (double)rounds;
}

static unsigned long slice_rounds(const peer *p, unsigned threads)
{
    double each = slice(p, threads, PROBE_ROUNDS);

    if (each < 0)
        return 0;
    return each >= SLICE_SECONDS ? 1 : (unsigned long)(SLICE_SECONDS / each) + 1;
}

/* ---- the contest ---- */

/* In so many threads: seconds of all sittings. */
typedef struct contest {
    double times[2][PAIRS], ratios[PAIRS];
    size_t count;
} contest;

static bool take_pairs(const peer peers[2], unsigned threads, contest *taken)
{
    const unsigned long rounds[2] = {slice_rounds(&peers[0], threads), slice_rounds(&peers[1], threads)};

    for (size_t i = 0; i < SITTING_PAIRS; i++, taken->count++) {
        double *times[2] = {&taken->times[0][taken->count], &taken->times[1][taken->count]};

        for (size_t turn = 0; turn < 2; turn++) {
            size_t who = (i + turn) % 2;

            *times[who] = rounds[who] == 0 ? -1 : slice(&peers[who], threads, rounds[who]);
            if (*times[who] < 0)
                return false;
        }
        taken->ratios[taken->count] = *times[1] / *times[0];
    }
    return true;
}

static bool sit(const bench_key *key, char *const configurations[2], contest contests[MOST_THREADS])
{
    peer peers[2] = {{0, -1}, {0, -1}};
    bool good = peer_begin(&peers[0], key, configurations[0]) &&
                peer_begin(&peers[1], key, configurations[1]);

    for (unsigned threads = 1; good && threads <= MOST_THREADS; threads++)
        good = take_pairs(peers, threads, &contests[threads - 1]);
    peers_end(peers);
    return good;
}

static bench_outcome tell(char *const words[], unsigned threads, contest *taken)
{
    char name[128];
    bench_line line = {name, 0, "us", words[1], 0, 1, true};

    snprintf(name, sizeof(name), "%s, %s, %u thread%s", words[0], words[2], threads, threads == 1 ? "" : "s");
    line.ratio = bench_median(taken->ratios, taken->count);
    line.value = bench_median(taken->times[0], taken->count) * MICROSECONDS;
    return bench_line_print(&line);
}

int main(int argc, char **argv)
{
    static contest contests[MOST_THREADS];
    bench_key key = {0};
    bench_outcome outcome = BENCH_MET;

    if (argc != 8) {
        fprintf(stderr, "usage: %s NAME AGAINST KEY-NAME TOKEN KEY OURS THEIRS\n", argv[0]);
        return BENCH_FAILED;
    }
    key.name = argv[3];
    key.token = argv[4];
    key.label = argv[5];
    for (size_t i = 0; i < SITTINGS; i++)
        if (!sit(&key, argv + 6, contests)) {
            fprintf(stderr, "%s, %s: no measurement\n", argv[1], argv[3]);
            return BENCH_FAILED;
        }
    for (unsigned threads = 1; threads <= MOST_THREADS; threads++)
        outcome = bench_worse(outcome, tell(argv + 1, threads, &contests[threads - 1]));
    return (int)outcome;
}
