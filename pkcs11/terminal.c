/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIN from the terminal. While echo is off, signals that would end or stop the
 * process only wake us; they are raised again once the terminal is as it was.
 */
#include "pkcs11/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

/* One prompt at a time: there is one terminal, and handlers can reach statics alone. */
static pthread_mutex_t prompting = PTHREAD_MUTEX_INITIALIZER;
static int wake[2] = {-1, -1};

typedef struct terminal {
    int fd;
    struct termios before;
    struct sigaction handlers[COUNT(SIGNALS)];
} terminal;

/* Which signal came, as one byte: a handler may run in any thread. */
static void on_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;

    if (write(wake[1], &byte, 1) != 1)
        byte = 0; /* the pipe is full of signals already */
    errno = saved;
}

static void catch_signals(terminal *tty)
{
    struct sigaction ours;

    memset(&ours, 0, sizeof(ours));
    ours.sa_handler = on_signal;
    (void)sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < COUNT(SIGNALS); i++) {
        (void)sigaction(SIGNALS[i], NULL, &tty->handlers[i]);
        if (tty->handlers[i].sa_handler != SIG_IGN)
            (void)sigaction(SIGNALS[i], &ours, NULL);
    }
}

static void release_signals(const terminal *tty)
{
    for (size_t i = 0; i < COUNT(SIGNALS); i++)
        (void)sigaction(SIGNALS[i], &tty->handlers[i], NULL);
}

static bool quieten(terminal *tty)
{
    struct termios quiet = tty->before;

    catch_signals(tty);
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    return tcsetattr(tty->fd, TCSAFLUSH, &quiet) == 0;
}

static void restore(const terminal *tty)
{
    (void)tcsetattr(tty->fd, TCSAFLUSH, &tty->before);
    release_signals(tty);
}

static bool show(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno != EINTR)
            return false;
        text += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* Waits for a line or a signal: the signal's number, 0 for a line (or the end), -1 for an error. */
static int wait_for_line(int fd)
{
    struct pollfd on[2] = {{.fd = wake[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    unsigned char byte = 0;

    while (poll(on, 2, -1) < 0)
        if (errno != EINTR)
            return -1;
    if ((on[0].revents & POLLIN) != 0)
        return read(wake[0], &byte, 1) == 1 ? byte : -1;
    return 0;
}

/* One line into the PIN; what wait_for_line() says. */
static int read_line(const terminal *tty, sigb_pin *pin)
{
    int said = wait_for_line(tty->fd);
    ssize_t got = -1;

    if (said != 0)
        return said;
    do
        got = read(tty->fd, pin->page, SECRET_ROOM);
    while (got < 0 && errno == EINTR);
    pin->len = got > 0 ? (size_t)got : 0;
    return got < 0 ? -1 : 0;
}

static int prompt_once(terminal *tty, sigb_pin *pin, const char *prompt)
{
    int said = -1;

    secret_cleanse(pin);
    if (tcgetattr(tty->fd, &tty->before) != 0)
        return -1;
    if (quieten(tty) && show(tty->fd, prompt))
        said = read_line(tty, pin);
    restore(tty);
    (void)show(tty->fd, "\n");
    return said;
}

/* A stop is over when the process runs on: then the question is asked again. */
static sigb_rc prompt_until_said(terminal *tty, sigb_pin *pin, const char *prompt, sigb_diag *diag)
{
    int said;

    while ((said = prompt_once(tty, pin, prompt)) > 0) {
        (void)raise(said);
        if (said != SIGTSTP)
            return sigb_fail(diag, SIGB_E_PIN_NEEDED, "interrupted while the PIN was asked for");
    }
    if (said < 0) {
        secret_cleanse(pin);
        return sigb_fail(diag, SIGB_E_PIN_NEEDED, "the terminal cannot be used to ask for the PIN: %s",
                         strerror(errno));
    }
    return pin_settle(pin, diag);
}

static sigb_rc prompt_on(int fd, sigb_pin *pin, const char *prompt, sigb_diag *diag)
{
    terminal tty;
    sigb_rc rc;

    memset(&tty, 0, sizeof(tty));
    tty.fd = fd;
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return sigb_fail(diag, SIGB_E_IO, "no pipe for signals: %s", strerror(errno));
    rc = prompt_until_said(&tty, pin, prompt, diag);
    (void)close(wake[0]);
    (void)close(wake[1]);
    return rc;
}

sigb_rc sigb_pin_read_terminal(sigb_pin *pin, const char *prompt, sigb_diag *diag)
{
    sigb_rc rc;
    int fd;

    if (pin == NULL || prompt == NULL)
        return sigb_fail(diag, SIGB_E_USAGE, "no place for the PIN, or no prompt");
    fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return sigb_fail(
            diag, SIGB_E_PIN_NEEDED,
            "a PIN is needed, and there is no terminal to ask on; give it by file, descriptor or "
            "environment variable");
    (void)pthread_mutex_lock(&prompting);
    rc = prompt_on(fd, pin, prompt, diag);
    (void)pthread_mutex_unlock(&prompting);
    (void)close(fd);
    return rc;
}
