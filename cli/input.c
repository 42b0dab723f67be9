/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"

static const char *stdin_reader; /* what standard input is read for */

sigb_rc input_take_stdin(const char *what, sigb_diag *diag)
{
    if (stdin_reader != NULL)
        return fail(diag, SIGB_E_USAGE, "standard input cannot be both the %s and the %s; give one as a file",
                    stdin_reader, what);
    stdin_reader = what;
    return SIGB_OK;
}

static sigb_rc cannot_read(const char *path, const char *what, int error, sigb_diag *diag)
{
    return fail(diag, SIGB_E_IO, "cannot read the %s '%.300s': %s", what, path, strerror(error));
}

sigb_rc input_open(const char *path, const char *what, int *fd, sigb_diag *diag)
{
    bool from_stdin = strcmp(path, "-") == 0;
    struct stat info;
    int opened;

    if (from_stdin) {
        sigb_rc rc = input_take_stdin(what, diag);
        if (rc != SIGB_OK)
            return rc;
    }
    opened = from_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                        : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (opened < 0)
        return cannot_read(path, what, errno, diag);
    if (fstat(opened, &info) == 0 && S_ISDIR(info.st_mode)) {
        (void)close(opened);
        return cannot_read(path, what, EISDIR, diag);
    }
    *fd = opened;
    return SIGB_OK;
}

/* Up to `limit` bytes. */
static sigb_rc read_up_to(int fd, size_t limit, sigb_buf *out, int *error)
{
    uint8_t chunk[65536];
    size_t room = limit;

    while (room > 0 && !out->failed) {
        ssize_t got = read(fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        *error = errno;
        if (got < 0)
            return SIGB_E_IO;
        if (got == 0)
            break;
        sigb_buf_append(out, sigb_bytes_of(chunk, (size_t)got));
        room -= (size_t)got;
    }
    return out->failed ? SIGB_E_MEMORY : SIGB_OK;
}

sigb_rc input_read(const char *path, const char *what, sigb_buf *out, sigb_diag *diag)
{
    int fd, error = 0;
    sigb_rc rc = input_open(path, what, &fd, diag);

    if (rc != SIGB_OK)
        return rc;
    rc = read_up_to(fd, (size_t)SIGB_MAX_STATEMENT + 1, out, &error);
    (void)close(fd);
    if (rc == SIGB_E_IO)
        return cannot_read(path, what, error, diag);
    return rc == SIGB_OK ? SIGB_OK : fail_memory(diag);
}

/* The library knows no file names: its words come behind the file's. */
static sigb_rc append_certs(const char *path, const char *what, sigb_bytes content, sigb_buf *certs,
                            sigb_diag *diag)
{
    sigb_diag why = {{0}, 0};
    sigb_rc rc = sigb_certs_append(certs, content, &why);

    if (rc == SIGB_OK)
        return SIGB_OK;
    (void)fail(diag, rc, "%s '%.200s': %.280s", what, path, why.text);
    diag->native = why.native;
    return rc;
}

static sigb_rc read_certs(const char *path, const char *what, sigb_buf *certs, sigb_diag *diag)
{
    sigb_buf content = SIGB_BUF_INIT;
    sigb_rc rc = input_read(path, what, &content, diag);

    if (rc == SIGB_OK && content.len > SIGB_MAX_STATEMENT)
        rc = fail(diag, SIGB_E_LIMIT, "%s '%.200s' is larger than %d bytes", what, path, SIGB_MAX_STATEMENT);
    if (rc == SIGB_OK)
        rc = append_certs(path, what, sigb_buf_bytes(&content), certs, diag);
    sigb_buf_free(&content);
    return rc;
}

sigb_rc input_certs(const option_list *files, const char *what, sigb_buf *certs, sigb_diag *diag)
{
    sigb_rc rc = SIGB_OK;

    for (size_t i = 0; rc == SIGB_OK && i < files->count; i++)
        rc = read_certs(files->items[i], what, certs, diag);
    return rc;
}

bool input_is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}
