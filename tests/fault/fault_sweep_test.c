/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every cell of the table (table.c): one fault, one result. It is wrong as well
 * if a call is made that has no row, if a cell was never injected, if a PIN is
 * tried again that the token may have judged, if a signer does not come back
 * when the fault is over, and if anything crashes, leaks or hangs.
 *
 * The cells are dealt to several processes: most of their time is waiting.
 *   fault_sweep_test [CALL]   the cells of one call
 */
#include "tests/fault/stage.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkcs11/internal.h"
#include "tests/fault/table.h"

#define WORKERS      6
#define LASTING_MS   300 /* deadline of what cannot succeed */
#define MOST_MS      19200
#define CASE_SECONDS 120 /* a cell that takes longer hangs */

/* ---- how a cell is brought about ---- */

/* What happens before the second statement; the first in which a call is made is the one to spoil it in. */
typedef enum event { NOTHING, SESSIONS_LOST, CALL_FAILED, DEVICE_DEAD, EVENTS } event;

static const struct event_row {
    const char *name, *rule; /* the rule that brings it about; "": none does */
} EVENT_ROWS[] = {
    {"", ""},
    {" after lost sessions", ""},
    {" after a call that failed", "C_SignInit,times=1,rv=0x5"},
    {" after the device died", "C_SignInit,times=1,dead=0x30"},
};

typedef struct column {
    const char *name;
    bool later, always;
} column;

static const column COLUMNS[] = {{"first, once", false, false},
                                 {"first, always", false, true},
                                 {"later, once", true, false},
                                 {"later, always", true, true}};

static int wanted_in(const fault_row *row, const column *where)
{
    if (where->later)
        return where->always ? row->later_always : row->later_once;
    return where->always ? row->first_always : row->first_once;
}

/* The functions of calls.h, and how often each was called without any fault. */
static const char *const CALLS[] = {
#define CALL_NAME(name, parameters, arguments) #name,
    P11_CALLS(CALL_NAME)
#undef CALL_NAME
};

typedef struct baseline {
    unsigned long opening[COUNT(CALLS)]; /* with the first statement */
    unsigned long second[EVENTS][COUNT(CALLS)];
} baseline;

static stage scene;
static baseline usual;

static struct tally {
    atomic_uint cases, failures, injected;
} * tally;

/* ---- one run ---- */

/* What is tried: where it begins, with which fault. */
typedef struct run {
    unsigned serial; /* of the token: what it refused once is remembered under its name */
    bool later;
    event before;
    const char *fault; /* a rule; "": none */
    sigb_pkcs11_options options;
    sigb_signer *signer;
    sigb_rc rc;
    sigb_diag diag;
} run;

static void make_statement(run *r)
{
    r->rc = stage_state(&scene, &scene.leaf, r->signer, &r->diag);
}

static void open_key(run *r)
{
    r->rc = sigb_signer_from_pkcs11(scene.leaf.uri, &r->options, &r->signer, &r->diag);
    if (r->rc == SIGB_OK)
        make_statement(r);
}

/* The fault is rule 1 where the event is a rule, else rule 0. */
static size_t plan_run(const run *r, event before)
{
    const char *rule = EVENT_ROWS[before].rule;

    stage_plan(&scene, "serial=%u;%s%s%s", r->serial, rule, rule[0] != '\0' && r->fault[0] != '\0' ? ";" : "",
               r->fault);
    return rule[0] != '\0';
}

/* The number of the fault's rule. */
static size_t play(run *r)
{
    size_t rule;

    if (!r->later) {
        rule = plan_run(r, NOTHING);
        open_key(r);
        return rule;
    }
    stage_plan(&scene, "serial=%u", r->serial);
    open_key(r);
    if (r->rc == SIGB_E_TIMEOUT)
        return 0; /* tried again with more time, and objected to at last */
    if (r->rc != SIGB_OK)
        fail_msg("without a fault: %s", r->diag.text);
    if (r->before == SESSIONS_LOST)
        stage_lose_sessions(&scene);
    rule = plan_run(r, r->before);
    make_statement(r);
    return rule;
}

/* Every run begins with a module that nobody has started, whatever the one before left. */
static void end(run *r)
{
    sigb_signer_free(r->signer);
    r->signer = NULL;
    (void)softhsm_calls(scene.hsm)->C_Finalize(NULL);
}

/* ---- what is made of calls without a fault ---- */

static void count_calls(unsigned long counts[COUNT(CALLS)])
{
    for (size_t i = 0; i < COUNT(CALLS); i++)
        counts[i] = scene.fault->calls(CALLS[i]);
}

static void measure(void)
{
    run r = {.serial = 1, .fault = "", .options = scene.options};

    (void)play(&r);
    assert_int_equal(r.rc, SIGB_OK);
    count_calls(usual.opening);
    end(&r);
    for (int e = NOTHING; e < EVENTS; e++) {
        r = (run){.serial = 1, .fault = "", .options = scene.options, .later = true, .before = (event)e};
        (void)play(&r);
        if (r.rc != SIGB_OK)
            fail_msg("second statement%s: %s", EVENT_ROWS[e].name, r.diag.text);
        count_calls(usual.second[e]);
        end(&r);
    }
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

/* EVENTS: the second statement never makes this call. */
static event event_for(size_t call)
{
    int e = NOTHING;

    while (e < EVENTS && usual.second[e][call] == 0)
        e++;
    return (event)e;
}

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

static bool has_row(const char *call, CK_RV code)
{
    for (size_t i = 0; i < FAULT_ROW_COUNT; i++)
        if (strcmp(FAULT_ROWS[i].call, call) == 0 && (code == CKR_OK || FAULT_ROWS[i].code == code))
            return true;
    return false;
}

/* Codes that every call may answer: whatever lies between us and the token may fail. */
static const CK_RV ANYWHERE[] = {CKR_HOST_MEMORY,       CKR_GENERAL_ERROR,  CKR_FUNCTION_FAILED,
                                 CKR_DEVICE_ERROR,      CKR_DEVICE_REMOVED, CKR_CRYPTOKI_NOT_INITIALIZED,
                                 CKR_VENDOR_DEFINED + 1};

static void require_rows(void)
{
    for (size_t i = 0; i < COUNT(CALLS); i++) {
        if (usual.opening[i] == 0 && event_for(i) == EVENTS)
            continue;
        for (size_t j = 0; j < COUNT(ANYWHERE); j++)
            if (!has_row(CALLS[i], ANYWHERE[j]))
                object("%s is called, and the table has no row for %#lx", CALLS[i], ANYWHERE[j]);
    }
    for (size_t i = 0; i < FAULT_ROW_COUNT; i++) {
        size_t call = call_number(FAULT_ROWS[i].call);
        if ((FAULT_ROWS[i].first_once == NEVER) != (usual.opening[call] == 0) ||
            (FAULT_ROWS[i].first_always == NEVER) != (usual.opening[call] == 0))
            object("%s is called %lu times while a key is opened, and its row %#lx says otherwise",
                   CALLS[call], usual.opening[call], FAULT_ROWS[i].code);
        if ((FAULT_ROWS[i].later_once == NEVER) != (event_for(call) == EVENTS) ||
            (FAULT_ROWS[i].later_always == NEVER) != (event_for(call) == EVENTS))
            object("%s is %s called later, and its row %#lx says otherwise", CALLS[call],
                   event_for(call) == EVENTS ? "never" : "indeed", FAULT_ROWS[i].code);
        for (size_t j = 0; j < i; j++)
            if (strcmp(FAULT_ROWS[i].call, FAULT_ROWS[j].call) == 0 &&
                FAULT_ROWS[i].code == FAULT_ROWS[j].code)
                object("%s has two rows for %#lx", CALLS[call], FAULT_ROWS[i].code);
    }
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
    size_t count = scene.fault->logins(codes, COUNT(codes));

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

/* What the words of a refusal hold where it is not the code: the token said what it is not, and nothing failed. */
static const struct words_row {
    const char *call;
    CK_RV code; /* CKR_OK: any */
    const char *says;
} WORDS[] = {
    {"C_Finalize", CKR_OK, "CKR_DEVICE_ERROR"}, /* the device is what is wrong */
    {"C_GetMechanismInfo", CKR_MECHANISM_INVALID, "which the token lacks"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE, "does not tell the type of the key"},
    {"C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, "does not tell the type of the key"},
};

static const char *words_for(const fault_row *row, char room[24])
{
    for (size_t i = 0; i < COUNT(WORDS); i++)
        if (strcmp(WORDS[i].call, row->call) == 0 && (WORDS[i].code == CKR_OK || WORDS[i].code == row->code))
            return WORDS[i].says;
    return ckr_name(row->code, room);
}

typedef struct cell {
    const fault_row *row;
    const column *where;
    event before;
} cell;

static char current[160]; /* what runs, for whoever finds it hanging */

static void name_cell(const cell *c)
{
    char room[24];

    (void)snprintf(current, sizeof(current), "%s %s (%s%s)", c->row->call, ckr_name(c->row->code, room),
                   c->where->name, c->where->later ? EVENT_ROWS[c->before].name : "");
}

static void judge(const cell *c, const run *r, size_t rule)
{
    int wanted = wanted_in(c->row, c->where);
    char room[24];

    if (scene.fault->hits(rule) == 0)
        object("%s: was never injected", current);
    else
        atomic_fetch_add(&tally->injected, 1);
    if ((int)r->rc != wanted)
        object("%s: %s (%s), wanted %s", current, sigb_rc_name(r->rc), r->rc == SIGB_OK ? "" : r->diag.text,
               sigb_rc_name((sigb_rc)wanted));
    else if (wanted != SIGB_OK && strstr(r->diag.text, words_for(c->row, room)) == NULL)
        object("%s: other words are wanted: %s", current, r->diag.text);
    if (second_attempt() != CKR_OK)
        object("%s: a PIN was tried again after %#lx", current, second_attempt());
}

static void go_on(run *r)
{
    if (r->signer != NULL)
        make_statement(r);
    else
        open_key(r);
}

/* The fault is over: what was open serves again, what was not can be opened. */
static void require_way_back(run *r)
{
    bool refused = is_about_pin(r->rc);
    sigb_diag why = r->diag;

    stage_plan(&scene, "serial=%u", r->serial);
    go_on(r);
    for (int more = 3; more > 0 && !refused && r->rc != SIGB_OK && r->options.timeout_ms > 0; more--)
        go_on(r); /* the deadline is short */
    if (!refused && r->rc != SIGB_OK)
        object("%s: no way back from \"%s\": %s", current, why.text, r->diag.text);
    if (refused && scene.fault->calls("C_Login") > (r->rc == SIGB_OK))
        object("%s: a PIN that was refused is tried again", current);
}

/* A machine that does much else runs into the short deadline: then it is given more time. */
static void try_cell(const cell *c, unsigned serial)
{
    char rule[64];
    run r = {.serial = serial,
             .later = c->where->later,
             .before = c->before,
             .fault = rule,
             .options = scene.options};
    size_t number;

    (void)snprintf(rule, sizeof(rule), "%s,%s=%#lx%s", c->row->call,
                   says_it_is_done(c->row->code) ? "post" : "rv", c->row->code,
                   c->where->always ? "" : ",times=1");
    r.options.timeout_ms = c->where->always ? patient_ms(LASTING_MS) : 0;
    name_cell(c);
    (void)alarm(CASE_SECONDS);
    while (number = play(&r), r.rc == SIGB_E_TIMEOUT && r.options.timeout_ms < MOST_MS) {
        end(&r);
        r.serial += 100000;
        r.options.timeout_ms *= 2;
    }
    judge(c, &r, number);
    require_way_back(&r);
    end(&r);
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

static void sweep(unsigned worker, const char *only)
{
    unsigned number = 0;

    (void)signal(SIGALRM, hangs);
    stage_begin(&scene);
    measure();
    if (worker == 0)
        require_rows();
    for (size_t i = 0; i < FAULT_ROW_COUNT; i++)
        for (size_t j = 0; j < COUNT(COLUMNS); j++) {
            cell c = {&FAULT_ROWS[i], &COLUMNS[j], event_for(call_number(FAULT_ROWS[i].call))};
            bool mine = number++ % WORKERS == worker;
            if (mine && wanted_in(c.row, c.where) != NEVER &&
                (only == NULL || strcmp(only, c.row->call) == 0))
                try_cell(&c, 1000 + number);
        }
    stage_end(&scene);
}

static unsigned cells_to_try(const char *only)
{
    unsigned count = 0;

    for (size_t i = 0; i < FAULT_ROW_COUNT; i++)
        for (size_t j = 0; j < COUNT(COLUMNS); j++)
            count += wanted_in(&FAULT_ROWS[i], &COLUMNS[j]) != NEVER &&
                     (only == NULL || strcmp(only, FAULT_ROWS[i].call) == 0);
    return count;
}

static bool ended_well(pid_t worker)
{
    int status = -1;

    return waitpid(worker, &status, 0) == worker && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    pid_t workers[WORKERS];
    unsigned bad = 0;

    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 2;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            sweep(i, only);
            return 0; /* through exit(): leaks are looked for */
        }
    }
    for (unsigned i = 0; i < WORKERS; i++)
        bad += workers[i] < 0 || !ended_well(workers[i]);
    printf("%u cases, %u injected, %u objections, %u processes that failed\n", tally->cases, tally->injected,
           tally->failures, bad);
    return tally->cases != cells_to_try(only) || tally->injected != tally->cases || tally->failures > 0 ||
           bad > 0;
}
