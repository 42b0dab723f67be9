/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault/sweep.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/internal.h"

#define WORKERS      8
#define LASTING_MS   300 /* deadline of what cannot succeed */
#define MOST_MS      19200
#define QUIET_MS     200 /* so long nothing is called: nobody is left who would */
#define CASE_SECONDS 120 /* a cell that takes longer hangs */

/* ---- the cells ---- */

typedef struct column {
    const char *name;
    bool later, always;
} column;

static const column COLUMNS[] = {{"first, once", false, false},
                                 {"first, always", false, true},
                                 {"later, once", true, false},
                                 {"later, always", true, true}};

static int wanted_in(const sweep *s, const fault_row *row, const column *where)
{
    const int first = where->always ? row->first_always : row->first_once,
              later = where->always ? row->later_always : row->later_once;

    return where->later && !(s->opens_anew && later == NEVER) ? later : first;
}

typedef struct cell {
    const sweep *of;
    const fault_row *row;
    const column *where;
    size_t before; /* number of the event; 0: none is needed */
} cell;

static sweep_scene *scene;
static char current[200]; /* what runs, for whoever finds it hanging */

static struct tally {
    atomic_uint chosen, cases, failures, injected, repeats;
} * tally;

static void object(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void object(const char *format, ...)
{
    va_list arguments;

    atomic_fetch_add(&tally->failures, 1);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

/* ---- one run ---- */

static void plan(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void plan(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(text, sizeof(text), format, arguments) < (int)sizeof(text));
    va_end(arguments);
    if (!scene->fault->plan(text))
        fail_msg("not a plan: %s", text);
}

/* The fault is rule 1 where the event is a rule, else rule 0. */
static size_t plan_run(const sweep_run *r, const char *rule)
{
    plan("serial=%u;%s%s%s", r->serial, rule, rule[0] != '\0' && r->fault[0] != '\0' ? ";" : "", r->fault);
    return rule[0] != '\0';
}

/* The number of the fault's rule. `before`: done once more, after this event; NULL: the first time. */
static size_t play(const sweep *s, sweep_run *r, const sweep_event *before)
{
    size_t rule;

    if (before == NULL) {
        rule = plan_run(r, "");
        s->open(r);
        return rule;
    }
    plan("serial=%u", r->serial);
    s->open(r);
    if (r->rc != SIGB_OK)
        return 0; /* without any fault: tried again with more time, and objected to at last */
    if (before->happen != NULL)
        before->happen();
    rule = plan_run(r, before->rule);
    s->again(r);
    return rule;
}

void sweep_wait_for_quiet(void)
{
    static const struct timespec rest = {0, 10000000};
    unsigned long seen = scene->fault->calls("*");

    for (int quiet = 0; quiet < QUIET_MS / 10; quiet++) {
        (void)nanosleep(&rest, NULL);
        if (scene->fault->inside() > 0 || scene->fault->calls("*") != seen)
            quiet = 0;
        seen = scene->fault->calls("*");
    }
}

/* Every run begins with a module that nobody has started, whatever the one before left. */
static void end(const sweep *s, sweep_run *r)
{
    bool left_behind = r->rc == SIGB_E_TIMEOUT;

    s->close(r);
    r->opened = NULL;
    if (left_behind)
        sweep_wait_for_quiet();
    (void)softhsm_calls(scene->hsm)->C_Finalize(NULL);
}

/*
 * True: the time was over before there was any other answer, on a machine that does other things besides: it is tried again
 * with a longer deadline. An answer is judged, however late it came.
 */
static bool is_out_of_time(sweep_run *r)
{
    if (r->rc != SIGB_E_TIMEOUT || r->timeout_ms == 0 || r->timeout_ms >= MOST_MS)
        return false;
    r->timeout_ms *= 2;
    atomic_fetch_add(&tally->repeats, 1);
    return true;
}

/* Until there is an answer, or it had its time. */
static size_t play_out(const sweep *s, sweep_run *r, const sweep_event *before)
{
    for (;;) {
        size_t rule = play(s, r, before);

        if (!is_out_of_time(r))
            return rule;
        end(s, r);
        r->serial += 100000;
    }
}

/* ---- what is called without any fault ---- */

static const char *const CALLS[] = {
#define CALL_NAME(name, parameters, arguments) #name,
    P11_CALLS(CALL_NAME)
#undef CALL_NAME
};

typedef struct baseline {
    unsigned long first[COUNT(CALLS)];
    unsigned long later[SWEEP_EVENTS][COUNT(CALLS)];
} baseline;

static void measure_one(const sweep *s, const sweep_event *before, unsigned long counts[COUNT(CALLS)])
{
    sweep_run r = {.serial = 1, .fault = ""};

    (void)play_out(s, &r, before);
    if (r.rc != SIGB_OK)
        fail_msg("%s%s: %s", s->name, before == NULL ? "" : before->name, r.diag.text);
    for (size_t i = 0; i < COUNT(CALLS); i++)
        counts[i] = scene->fault->calls(CALLS[i]);
    end(s, &r);
}

static void measure(const sweep *s, baseline *usual)
{
    memset(usual, 0, sizeof(*usual));
    measure_one(s, NULL, usual->first);
    for (size_t e = 0; e < SWEEP_EVENTS && s->events[e].name != NULL; e++)
        measure_one(s, &s->events[e], usual->later[e]);
}

static size_t call_number(const char *name)
{
    size_t i = 0;

    while (i < COUNT(CALLS) && strcmp(CALLS[i], name) != 0)
        i++;
    if (i == COUNT(CALLS))
        fail_msg("the table has a call that the product never makes: %s", name);
    return i;
}

/* SWEEP_EVENTS: this call is not made once more, whatever happened. */
static size_t event_for(const baseline *usual, size_t call)
{
    size_t e = 0;

    while (e < SWEEP_EVENTS && usual->later[e][call] == 0)
        e++;
    return e;
}

/* ---- the rows of a sweep: those that all share, but for its own ---- */

static const fault_row *find_row(const fault_row *rows, size_t count, const char *call, CK_RV code)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].code == code && strcmp(rows[i].call, call) == 0)
            return &rows[i];
    return NULL;
}

static size_t row_count(const sweep *s)
{
    return s->own_count + FAULT_ROW_COUNT;
}

/* NULL: there is one of its own in its place. */
static const fault_row *row_at(const sweep *s, size_t number)
{
    const fault_row *row;

    if (number < s->own_count)
        return &s->own[number];
    row = &FAULT_ROWS[number - s->own_count];
    return find_row(s->own, s->own_count, row->call, row->code) == NULL ? row : NULL;
}

static bool has_row(const sweep *s, const char *call, CK_RV code)
{
    return find_row(s->own, s->own_count, call, code) != NULL ||
           find_row(FAULT_ROWS, FAULT_ROW_COUNT, call, code) != NULL;
}

/* ---- the table is whole ---- */

/* Codes that every call may answer: whatever lies between us and the token may fail. */
static const CK_RV ANYWHERE[] = {CKR_HOST_MEMORY,       CKR_GENERAL_ERROR,  CKR_FUNCTION_FAILED,
                                 CKR_DEVICE_ERROR,      CKR_DEVICE_REMOVED, CKR_CRYPTOKI_NOT_INITIALIZED,
                                 CKR_VENDOR_DEFINED + 1};

static void require_calls(const sweep *s, const baseline *usual)
{
    for (size_t i = 0; i < COUNT(CALLS); i++) {
        if (usual->first[i] == 0 && event_for(usual, i) == SWEEP_EVENTS)
            continue;
        for (size_t j = 0; j < COUNT(ANYWHERE); j++)
            if (!has_row(s, CALLS[i], ANYWHERE[j]))
                object("%s: %s is called, and the table has no row for %#lx", s->name, CALLS[i], ANYWHERE[j]);
    }
}

static bool is_made(const baseline *usual, size_t call, const column *where)
{
    return where->later ? event_for(usual, call) < SWEEP_EVENTS : usual->first[call] > 0;
}

/* Where a row is for several sweeps, one of them may not make the call. */
static bool says_what_is(const sweep *s, const fault_row *row, const column *where, bool made)
{
    bool said = wanted_in(s, row, where) != NEVER;

    return s->is_whole ? said == made : said || !made;
}

static void require_row(const sweep *s, const baseline *usual, const fault_row *row)
{
    size_t call = call_number(row->call);

    for (size_t i = 0; i < COUNT(COLUMNS); i++) {
        bool made = is_made(usual, call, &COLUMNS[i]);

        if (!says_what_is(s, row, &COLUMNS[i], made))
            object("%s: %s is %s called (%s), and its row %#lx says otherwise", s->name, row->call,
                   made ? "indeed" : "never", COLUMNS[i].name, row->code);
    }
}

static void require_one_row(const fault_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (find_row(rows, i, rows[i].call, rows[i].code) != NULL)
            object("%s has two rows for %#lx", rows[i].call, rows[i].code);
}

static void require_rows(const sweep *s, const baseline *usual)
{
    require_calls(s, usual);
    require_one_row(FAULT_ROWS, FAULT_ROW_COUNT);
    require_one_row(s->own, s->own_count);
    for (size_t i = 0; i < row_count(s); i++)
        if (row_at(s, i) != NULL)
            require_row(s, usual, row_at(s, i));
}

/* ---- the judgement ---- */

/* Answers of C_Login after which the PIN was not judged, so that it may be tried once more. */
static bool leaves_pin_unjudged(unsigned long code)
{
    static const CK_RV codes[] = {CKR_OK,
                                  CKR_SLOT_ID_INVALID,
                                  CKR_GENERAL_ERROR,
                                  CKR_SESSION_CLOSED,
                                  CKR_SESSION_HANDLE_INVALID,
                                  CKR_TOKEN_NOT_PRESENT,
                                  CKR_USER_ALREADY_LOGGED_IN,
                                  CKR_USER_PIN_NOT_INITIALIZED,
                                  CKR_CRYPTOKI_NOT_INITIALIZED};

    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* The answer after which a PIN was tried again all the same; CKR_OK: there is none. */
static unsigned long second_attempt(void)
{
    unsigned long codes[64];
    size_t count = scene->fault->logins(codes, COUNT(codes));

    for (size_t i = 0; i + 1 < count && i < COUNT(codes); i++)
        if (!leaves_pin_unjudged(codes[i]))
            return codes[i];
    return CKR_OK;
}

static bool is_about_pin(sigb_rc rc)
{
    return rc == SIGB_E_PIN_INCORRECT || rc == SIGB_E_PIN_LOCKED;
}

/* Codes that say it is done: somebody else did it. The token does it, and then says so. */
static bool says_it_is_done(CK_RV code)
{
    return code == CKR_CRYPTOKI_ALREADY_INITIALIZED || code == CKR_USER_ALREADY_LOGGED_IN;
}

static const char *words_for(const sweep *s, const fault_row *row, char room[24])
{
    for (size_t i = 0; i < s->word_count; i++)
        if (strcmp(s->words[i].call, row->call) == 0 &&
            (s->words[i].code == CKR_OK || s->words[i].code == row->code))
            return s->words[i].says;
    return ckr_name(row->code, room);
}

static void name_cell(const cell *c)
{
    char room[24];

    (void)snprintf(current, sizeof(current), "%s: %s %s (%s%s)", c->of->name, c->row->call,
                   ckr_name(c->row->code, room), c->where->name,
                   c->where->later ? c->of->events[c->before].name : "");
}

static void judge(const cell *c, const sweep_run *r, size_t rule)
{
    int wanted = wanted_in(c->of, c->row, c->where);
    char room[24];

    if (scene->fault->hits(rule) == 0)
        object("%s: was never injected", current);
    else
        atomic_fetch_add(&tally->injected, 1);
    if ((int)r->rc != wanted)
        object("%s: %s (%s), wanted %s", current, sigb_rc_name(r->rc), r->rc == SIGB_OK ? "" : r->diag.text,
               sigb_rc_name((sigb_rc)wanted));
    else if (wanted != SIGB_OK && strstr(r->diag.text, words_for(c->of, c->row, room)) == NULL)
        object("%s: other words are wanted: %s", current, r->diag.text);
    if (second_attempt() != CKR_OK)
        object("%s: a PIN was tried again after %#lx", current, second_attempt());
}

static void go_on(const sweep *s, sweep_run *r)
{
    if (r->opened != NULL)
        s->again(r);
    else
        s->open(r);
}

/* The fault is over: what was open serves again, what was not can be opened. */
static void require_way_back(const sweep *s, sweep_run *r)
{
    bool refused = is_about_pin(r->rc);
    sigb_diag why = r->diag;

    plan("serial=%u", r->serial);
    go_on(s, r);
    if (r->rc == SIGB_E_TIMEOUT) { /* too short for what this machine does besides */
        atomic_fetch_add(&tally->repeats, 1);
        end(s, r);
        r->timeout_ms = 10 * MOST_MS;
        s->open(r);
    }
    if (!refused && r->rc != SIGB_OK)
        object("%s: no way back from \"%s\": %s", current, why.text, r->diag.text);
    if (refused && r->rc != SIGB_OK && scene->fault->calls("C_Login") > 0)
        object("%s: a PIN that was refused is tried again", current);
}

static void try_cell(const cell *c, unsigned serial)
{
    const sweep_event *before = c->where->later ? &c->of->events[c->before] : NULL;
    char rule[64];
    sweep_run r = {
        .serial = serial, .fault = rule, .timeout_ms = c->where->always ? patient_ms(LASTING_MS) : 0};
    size_t number;

    (void)snprintf(rule, sizeof(rule), "%s,%s=%#lx%s", c->row->call,
                   says_it_is_done(c->row->code) ? "post" : "rv", c->row->code,
                   c->where->always ? "" : ",times=1");
    name_cell(c);
    (void)alarm(CASE_SECONDS);
    number = play_out(c->of, &r, before);
    judge(c, &r, number);
    require_way_back(c->of, &r);
    end(c->of, &r);
    (void)alarm(0);
    atomic_fetch_add(&tally->cases, 1);
}

/* ---- the processes ---- */

static void hangs(int signal)
{
    static const char words[] = "hangs: ";

    (void)signal;
    (void)!write(STDERR_FILENO, words, strlen(words));
    (void)!write(STDERR_FILENO, current, strlen(current));
    (void)!write(STDERR_FILENO, "\n", 1);
    _exit(2);
}

/* What is asked for: all of it, one sweep, one call of it. */
typedef struct choice {
    const char *sweep, *call; /* NULL: all */
} choice;

static bool is_chosen(const choice *which, const cell *c, const baseline *usual)
{
    if (c->of->is_alike && c->where->later && c->row != NULL && usual->first[call_number(c->row->call)] > 0)
        return false;
    return c->row != NULL && wanted_in(c->of, c->row, c->where) != NEVER &&
           is_made(usual, call_number(c->row->call), c->where) &&
           (which->call == NULL || strcmp(which->call, c->row->call) == 0);
}

/* Tries this worker's share of a sweep; returns how many cells there are, with `dealt` that were before. */
static unsigned deal(const sweep *s, const choice *which, const baseline *usual, unsigned worker,
                     unsigned dealt)
{
    for (size_t i = 0; i < row_count(s); i++)
        for (size_t j = 0; j < COUNT(COLUMNS); j++) {
            cell c = {s, row_at(s, i), &COLUMNS[j], 0};

            if (!is_chosen(which, &c, usual))
                continue;
            c.before = event_for(usual, call_number(c.row->call));
            if (dealt++ % WORKERS == worker)
                try_cell(&c, 1000 + dealt);
        }
    return dealt;
}

static void work(const sweep *sweeps, size_t count, const choice *which, unsigned worker)
{
    unsigned dealt = 0;
    baseline usual;

    (void)signal(SIGALRM, hangs);
    scene->begin(scene);
    for (size_t i = 0; i < count; i++) {
        if (which->sweep != NULL && strcmp(which->sweep, sweeps[i].name) != 0)
            continue;
        measure(&sweeps[i], &usual);
        if (worker == 0)
            require_rows(&sweeps[i], &usual);
        dealt = deal(&sweeps[i], which, &usual, worker, dealt);
    }
    if (worker == 0)
        atomic_store(&tally->chosen, dealt);
    plan("%s", "");
    scene->end(scene);
}

static bool ended_well(pid_t worker)
{
    int status = -1;

    return waitpid(worker, &status, 0) == worker && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int sweep_all(sweep_scene *where, const sweep *sweeps, size_t count, int argc, char **argv)
{
    const choice which = {argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL};
    unsigned bad = 0;
    pid_t workers[WORKERS];

    scene = where;
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 2;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            work(sweeps, count, &which, i);
            return 0; /* through exit(): leaks are looked for */
        }
    }
    for (unsigned i = 0; i < WORKERS; i++)
        bad += workers[i] < 0 || !ended_well(workers[i]);
    printf("%u cases, %u injected, %u objections, %u repeated for want of time, %u processes that failed\n",
           tally->cases, tally->injected, tally->failures, tally->repeats, bad);
    return tally->cases == 0 || tally->cases != tally->chosen || tally->injected != tally->cases ||
           tally->failures > 0 || bad > 0;
}
