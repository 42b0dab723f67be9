/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

#define LONG (SIGB_MAX_PIN_LEN + 8)

static sigb_pin *pin;

static int set_up(void **state)
{
    (void)state;
    pin = secret_new();
    return pin == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    secret_free(pin);
    return 0;
}

static void assert_pin(const char *wanted)
{
    assert_int_equal(pin->len, strlen(wanted));
    assert_memory_equal(pin->page, wanted, pin->len);
}

/* Nothing of a PIN may be left, in the length or in the page. */
static void assert_no_pin(void)
{
    assert_int_equal(pin->len, 0);
    for (size_t i = 0; i < pin->page_len; i++)
        assert_int_equal(pin->page[i], 0);
}

static void put_copies_and_replaces(void **state)
{
    (void)state;
    assert_int_equal(sigb_pin_put(pin, sigb_bytes_text("123456"), NULL), SIGB_OK);
    assert_pin("123456");
    assert_int_equal(sigb_pin_put(pin, sigb_bytes_text("98"), NULL), SIGB_OK);
    assert_pin("98");
    assert_int_equal(pin->page[2], 0);
    assert_refused(sigb_pin_put(pin, SIGB_BYTES_NONE, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_no_pin();
    assert_refused(sigb_pin_put(NULL, sigb_bytes_text("1"), diag), SIGB_E_USAGE, "no place for the PIN");
}

static void a_pin_of_any_bytes_up_to_the_limit_is_taken(void **state)
{
    char text[LONG];

    (void)state;
    memset(text, '7', sizeof(text));
    assert_int_equal(sigb_pin_put(pin, sigb_bytes_of(text, SIGB_MAX_PIN_LEN), NULL), SIGB_OK);
    assert_refused(sigb_pin_put(pin, sigb_bytes_of(text, SIGB_MAX_PIN_LEN + 1), diag), SIGB_E_LIMIT,
                   "more than 255 bytes");
    assert_no_pin();
}

/* What reading these bytes from a descriptor gives. */
static sigb_rc read_bytes(const void *bytes, size_t len, sigb_diag *diag)
{
    int ends[2];
    char beyond;
    sigb_rc rc;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, len), (ssize_t)len);
    assert_int_equal(close(ends[1]), 0);
    rc = sigb_pin_read_fd(pin, ends[0], diag);
    assert_int_equal(read(ends[0], &beyond, 1),
                     0); /* it is open still, and read to the end or to the limit */
    assert_int_equal(close(ends[0]), 0);
    return rc;
}

static void one_trailing_newline_is_not_part_of_it(void **state)
{
    static const struct {
        const char *text, *pin;
    } rows[] = {{"1234", "1234"},     {"1234\n", "1234"},   {"1234\r\n", "1234"}, {"1234\n\n", "1234\n"},
                {"12 34 ", "12 34 "}, {"1234\r", "1234\r"}, {"\n\n", "\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_bytes(rows[i].text, strlen(rows[i].text), NULL), SIGB_OK);
        assert_pin(rows[i].pin);
    }
}

static void an_empty_descriptor_gives_no_pin(void **state)
{
    (void)state;
    assert_refused(read_bytes("", 0, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_refused(read_bytes("\n", 1, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_refused(read_bytes("\r\n", 2, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_no_pin();
    assert_refused(sigb_pin_read_fd(pin, -1, diag), SIGB_E_IO, "cannot be read");
}

static void a_descriptor_is_read_up_to_the_limit(void **state)
{
    char text[LONG];

    (void)state;
    memset(text, '7', sizeof(text));
    memcpy(text + SIGB_MAX_PIN_LEN, "\r\n", 2);
    assert_int_equal(read_bytes(text, SIGB_MAX_PIN_LEN, NULL), SIGB_OK);
    assert_int_equal(pin->len, SIGB_MAX_PIN_LEN);
    assert_int_equal(read_bytes(text, SIGB_MAX_PIN_LEN + 2, NULL), SIGB_OK);
    assert_int_equal(pin->len, SIGB_MAX_PIN_LEN);
    assert_refused(read_bytes(text, SIGB_MAX_PIN_LEN + 3, diag), SIGB_E_LIMIT, "more than 255 bytes");
    assert_no_pin();
    text[SIGB_MAX_PIN_LEN] = '7';
    assert_refused(read_bytes(text, SIGB_MAX_PIN_LEN + 1, diag), SIGB_E_LIMIT, "more than 255 bytes");
    assert_no_pin();
}

static void keep_note(void *arg, const char *text)
{
    text_put(arg, text);
}

static void a_file_is_read_and_its_mode_is_judged(void **state)
{
    char path[] = "/tmp/sigbridge-pin-XXXXXX";
    sigb_buf heard = SIGB_BUF_INIT;
    const sigb_notes notes = {keep_note, &heard};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "5678\n", 5), 5);
    assert_int_equal(close(fd), 0);
    assert_int_equal(sigb_pin_read_file(pin, path, &notes, NULL), SIGB_OK);
    assert_pin("5678");
    assert_int_equal(heard.len, 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(sigb_pin_read_file(pin, path, &notes, NULL), SIGB_OK);
    assert_non_null(strstr(text_c_str(&heard), "can be read by others"));
    assert_null(strstr((const char *)heard.ptr, "5678"));
    assert_int_equal(unlink(path), 0);
    sigb_buf_free(&heard);
}

static void a_file_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    assert_refused(sigb_pin_read_file(pin, "/no/such/pin", NULL, diag), SIGB_E_IO,
                   "/no/such/pin cannot be opened: No such file");
    assert_refused(sigb_pin_read_file(pin, "/tmp", NULL, diag), SIGB_E_IO, "Is a directory");
    assert_refused(sigb_pin_read_file(pin, "/dev/null", NULL, diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_refused(sigb_pin_read_file(pin, "/dev/zero", NULL, diag), SIGB_E_LIMIT, "more than 255 bytes");
    assert_refused(sigb_pin_read_file(pin, NULL, NULL, diag), SIGB_E_USAGE, "no PIN file");
}

static void the_environment_loses_the_pin(void **state)
{
    char *value;

    (void)state;
    assert_int_equal(setenv("SIGB_TEST_PIN", "246813579", 1), 0);
    value = getenv("SIGB_TEST_PIN");
    assert_non_null(value);
    assert_int_equal(sigb_pin_take_env(pin, "SIGB_TEST_PIN", NULL), SIGB_OK);
    assert_pin("246813579");
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(value[i], 0); /* where it was, and not only unset */
    assert_null(getenv("SIGB_TEST_PIN"));
    assert_refused(sigb_pin_take_env(pin, "SIGB_TEST_PIN", diag), SIGB_E_PIN_NEEDED, "SIGB_TEST_PIN");
    assert_no_pin();
}

static void an_environment_variable_that_cannot_serve_goes_all_the_same(void **state)
{
    char text[LONG];

    (void)state;
    memset(text, '7', sizeof(text));
    text[LONG - 1] = '\0';
    assert_int_equal(setenv("SIGB_TEST_PIN", text, 1), 0);
    assert_refused(sigb_pin_take_env(pin, "SIGB_TEST_PIN", diag), SIGB_E_LIMIT, "more than 255 bytes");
    assert_null(getenv("SIGB_TEST_PIN"));
    assert_int_equal(setenv("SIGB_TEST_PIN", "", 1), 0);
    assert_refused(sigb_pin_take_env(pin, "SIGB_TEST_PIN", diag), SIGB_E_PIN_NEEDED, "the PIN is empty");
    assert_refused(sigb_pin_take_env(pin, "", diag), SIGB_E_USAGE, "no name of an environment variable");
    assert_refused(sigb_pin_take_env(pin, "A=B", diag), SIGB_E_USAGE, "no name of an environment variable");
}

/* ---- the terminal: a child on a pseudo terminal, we are its person ---- */

typedef struct person {
    int tty;
    pid_t child;
    char said[1024]; /* what the terminal showed */
    size_t said_len;
} person;

/* Exit status of a child that read what was wanted; others tell what went wrong. */
enum { READ_IT = 42, READ_OTHER = 43, NEEDED = 44, FAILED = 45 };

static void ask_and_exit(void)
{
    sigb_rc rc = sigb_pin_read_terminal(pin, "PIN for it: ", NULL);

    if (rc == SIGB_OK)
        _exit(pin->len == 6 && memcmp(pin->page, "135724", 6) == 0 ? READ_IT : READ_OTHER);
    _exit(rc == SIGB_E_PIN_NEEDED ? NEEDED : FAILED);
}

static void ignore_signal(int number)
{
    (void)number;
}

/* handler: what the child has for SIGINT. */
static person start_child(void (*handler)(int))
{
    person of = {.tty = -1};

    of.child = forkpty(&of.tty, NULL, NULL, NULL);
    assert_true(of.child >= 0);
    if (of.child == 0) {
        (void)signal(SIGINT, handler);
        ask_and_exit();
    }
    return of;
}

/* Reads what the terminal shows until it has this, `times` times. */
static void wait_for(person *of, const char *text, int times)
{
    for (;;) {
        const char *at = of->said;
        int found = 0;
        ssize_t got;

        for (; (at = strstr(at, text)) != NULL; at += strlen(text))
            found++;
        if (found >= times)
            return;
        got = read(of->tty, of->said + of->said_len, sizeof(of->said) - of->said_len - 1);
        assert_true(got > 0);
        of->said_len += (size_t)got;
    }
}

static bool echoes(const person *of)
{
    struct termios now;

    assert_int_equal(tcgetattr(of->tty, &now), 0);
    return (now.c_lflag & ECHO) != 0;
}

/* Everything that is still shown, then the child's status. */
static int finish(person *of)
{
    int status = 0;
    ssize_t got;

    while ((got = read(of->tty, of->said + of->said_len, sizeof(of->said) - of->said_len - 1)) > 0)
        of->said_len += (size_t)got;
    assert_int_equal(waitpid(of->child, &status, 0), of->child);
    assert_int_equal(close(of->tty), 0);
    return status;
}

static void the_terminal_is_asked_without_echo(void **state)
{
    person of = start_child(SIG_DFL);
    int status;

    (void)state;
    wait_for(&of, "PIN for it: ", 1);
    assert_false(echoes(&of));
    assert_int_equal(write(of.tty, "135724\n", 7), 7);
    wait_for(&of, "\n", 1);
    assert_true(echoes(&of));
    status = finish(&of);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), READ_IT);
    assert_null(strstr(of.said, "135724"));
}

static void nothing_typed_is_no_pin(void **state)
{
    person of = start_child(SIG_DFL);
    int status;

    (void)state;
    wait_for(&of, "PIN for it: ", 1);
    assert_int_equal(write(of.tty, "\n", 1), 1);
    status = finish(&of);
    assert_int_equal(WEXITSTATUS(status), NEEDED);
}

static void a_signal_finds_the_terminal_restored(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

    (void)state;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        person of = start_child(SIG_DFL);
        int status;

        wait_for(&of, "PIN for it: ", 1);
        assert_int_equal(write(of.tty, "135", 3), 3);
        assert_false(echoes(&of));
        assert_int_equal(kill(of.child, signals[i]), 0);
        wait_for(&of, "\n", 1);
        assert_true(echoes(&of));
        status = finish(&of);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signals[i]);
        assert_null(strstr(of.said, "135"));
    }
}

static void a_handler_of_the_applications_own_runs_and_the_prompt_ends(void **state)
{
    person of = start_child(ignore_signal);
    int status;

    (void)state;
    wait_for(&of, "PIN for it: ", 1);
    assert_int_equal(write(of.tty, "\003", 1), 1); /* the terminal makes a SIGINT of it */
    wait_for(&of, "\n", 1);
    assert_true(echoes(&of));
    status = finish(&of);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), NEEDED);
}

/* A shell's part: runs the asker in the foreground, finds the echo on when it stops, lets it run on. */
static void shell_and_exit(void)
{
    struct termios now;
    int status = 0;
    pid_t job;

    (void)signal(SIGTTOU, SIG_IGN);
    job = fork();
    if (job == 0) {
        (void)setpgid(0, 0);
        (void)tcsetpgrp(0, getpid());
        (void)signal(SIGTTOU, SIG_DFL);
        ask_and_exit();
    }
    if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status) || tcgetattr(0, &now) != 0 ||
        (now.c_lflag & ECHO) == 0)
        _exit(FAILED);
    (void)kill(job, SIGCONT);
    (void)waitpid(job, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : FAILED);
}

static void a_stopped_process_asks_again_when_it_runs_on(void **state)
{
    person of = {.tty = -1};
    int status;

    (void)state;
    of.child = forkpty(&of.tty, NULL, NULL, NULL);
    assert_true(of.child >= 0);
    if (of.child == 0)
        shell_and_exit();
    wait_for(&of, "PIN for it: ", 1);
    assert_int_equal(write(of.tty, "135\032", 4), 4); /* Ctrl-Z */
    wait_for(&of, "PIN for it: ", 2);
    assert_false(echoes(&of));
    assert_int_equal(write(of.tty, "135724\n", 7), 7);
    status = finish(&of);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), READ_IT);
    assert_null(strstr(of.said, "135"));
}

static void no_terminal_is_said(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        sigb_diag diag = {{0}, 0};
        (void)setsid(); /* without a terminal from here on */
        _exit(sigb_pin_read_terminal(pin, "PIN: ", &diag) == SIGB_E_PIN_NEEDED &&
                      strstr(diag.text, "no terminal to ask on") != NULL
                  ? NEEDED
                  : FAILED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), NEEDED);
    assert_refused(sigb_pin_read_terminal(pin, NULL, diag), SIGB_E_USAGE, "no prompt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_copies_and_replaces),
        cmocka_unit_test(a_pin_of_any_bytes_up_to_the_limit_is_taken),
        cmocka_unit_test(one_trailing_newline_is_not_part_of_it),
        cmocka_unit_test(an_empty_descriptor_gives_no_pin),
        cmocka_unit_test(a_descriptor_is_read_up_to_the_limit),
        cmocka_unit_test(a_file_is_read_and_its_mode_is_judged),
        cmocka_unit_test(a_file_that_cannot_be_read_is_refused),
        cmocka_unit_test(the_environment_loses_the_pin),
        cmocka_unit_test(an_environment_variable_that_cannot_serve_goes_all_the_same),
        cmocka_unit_test(the_terminal_is_asked_without_echo),
        cmocka_unit_test(nothing_typed_is_no_pin),
        cmocka_unit_test(a_signal_finds_the_terminal_restored),
        cmocka_unit_test(a_handler_of_the_applications_own_runs_and_the_prompt_ends),
        cmocka_unit_test(a_stopped_process_asks_again_when_it_runs_on),
        cmocka_unit_test(no_terminal_is_said),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
