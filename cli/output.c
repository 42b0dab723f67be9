/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"

/* ---- signals ---- */

/* The unfinished file, if any. Named before it is made and cleared when it is gone, for the handler alone. */
static char unfinished[PATH_MAX];
static volatile sig_atomic_t has_unfinished;

static void remove_and_die(int signal)
{
    if (has_unfinished)
        (void)unlink(unfinished);
    (void)raise(signal); /* SA_RESETHAND: this time it kills, once the handler returns */
}

/* write() then says why. A handler and not SIG_IGN, which programs that a PKCS#11 module starts would inherit. */
static void let_write_fail(int signal)
{
    (void)signal;
}

void output_guard_signals(void)
{
    static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = remove_and_die, .sa_flags = (int)SA_RESETHAND}, old;
    struct sigaction refused = {.sa_handler = let_write_fail, .sa_flags = SA_RESTART};

    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(deadly[i], &action, NULL);
    (void)sigaction(SIGPIPE, &refused, NULL);
    (void)sigaction(SIGXFSZ, &refused, NULL);
}

/* ---- descriptors ---- */

sigb_rc output_write(int fd, sigb_bytes content, const char *what, sigb_diag *diag)
{
    while (content.len > 0) {
        ssize_t done = write(fd, content.ptr, content.len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(diag, SIGB_E_IO, "cannot write %.200s: %s", what, strerror(errno));
        content = sigb_bytes_of(content.ptr + done, content.len - (size_t)done);
    }
    return SIGB_OK;
}

/* ---- names ---- */

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* "dir/" of "dir/name", "./" of "name". */
static sigb_rc folder_of(const char *path, char folder[PATH_MAX], sigb_diag *diag)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 2 : (size_t)(slash - path) + 1;

    if (path[0] == '\0' || (slash != NULL && slash[1] == '\0'))
        return fail(diag, SIGB_E_USAGE, "'%.200s' does not name a file", path);
    if (len + 64 > PATH_MAX)
        return fail(diag, SIGB_E_IO, "the name '%.100s...' is too long", path);
    memcpy(folder, slash == NULL ? "./" : path, len);
    folder[len] = '\0';
    return SIGB_OK;
}

static sigb_rc refuse_existing(const char *path, sigb_diag *diag)
{
    return fail(diag, SIGB_E_EXISTS,
                "'%.300s' exists and is not overwritten; name another file or add --force", path);
}

/* Replacing a device or a pipe by its name would destroy it for everybody, so --force does not reach those. */
static sigb_rc check_existing(const char *path, bool force, sigb_diag *diag)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? SIGB_OK
                   : fail(diag, SIGB_E_IO, "cannot look at '%.200s': %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return fail(diag, SIGB_E_IO, "'%.300s' is a folder; name a file", path);
    if (!force)
        return refuse_existing(path, diag);
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return fail(diag, SIGB_E_IO, "'%.300s' is not a regular file; name a file, or - for standard output",
                    path);
    return SIGB_OK;
}

sigb_rc output_check(const char *path, bool force, sigb_diag *diag)
{
    char folder[PATH_MAX];
    sigb_rc rc;

    if (is_stdout(path))
        return isatty(STDOUT_FILENO)
                   ? fail(diag, SIGB_E_USAGE,
                          "standard output is a terminal, and what would be written is binary; "
                          "name a file with -o, or redirect")
                   : SIGB_OK;
    rc = folder_of(path, folder, diag);
    if (rc == SIGB_OK)
        rc = check_existing(path, force, diag);
    if (rc != SIGB_OK)
        return rc;
    if (access(folder, W_OK | X_OK) != 0)
        return fail(diag, SIGB_E_IO, "cannot write in the folder '%.200s': %s", folder, strerror(errno));
    return SIGB_OK;
}

sigb_rc output_check_distinct(const char *path, const char *other, sigb_diag *diag)
{
    if (path == NULL || other == NULL || strcmp(path, other) != 0)
        return SIGB_OK;
    return fail(diag, SIGB_E_USAGE, "two outputs are to be written to '%.200s'; name two files", path);
}

/* ---- the file ---- */

/* A name that nobody else has; 64 random bits, so that a leftover of a crash is never in the way. */
static sigb_rc open_temporary(const char *folder, int *fd, sigb_diag *diag)
{
    unsigned long long random = 0;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return fail(diag, SIGB_E_INTERNAL, "no random bytes: %s", strerror(errno));
    (void)snprintf(unfinished, sizeof(unfinished), "%.*s.sigbridge-%016llx.tmp", PATH_MAX - 64, folder,
                   random);
    has_unfinished = 1;
    *fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd >= 0)
        return SIGB_OK;
    has_unfinished = 0;
    return fail(diag, SIGB_E_IO, "cannot make a file in '%.200s': %s", folder, strerror(errno));
}

static sigb_rc fill(int fd, const char *path, sigb_bytes content, sigb_diag *diag)
{
    sigb_rc rc = output_write(fd, content, path, diag);

    if (rc == SIGB_OK && fsync(fd) != 0)
        rc = fail(diag, SIGB_E_IO, "cannot write %.200s: %s", path, strerror(errno));
    if (close(fd) != 0 && rc == SIGB_OK)
        rc = fail(diag, SIGB_E_IO, "cannot write %.200s: %s", path, strerror(errno));
    return rc;
}

/* Not every file system renames without replacing (EINVAL, ENOSYS): there, a second name does it. */
static int name_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) != 0 ? -1 : unlink(from);
}

static sigb_rc give_name(const char *path, bool force, sigb_diag *diag)
{
    int done = force ? rename(unfinished, path) : name_new(unfinished, path);

    if (done == 0)
        return SIGB_OK;
    if (errno == EEXIST)
        return refuse_existing(path, diag);
    return fail(diag, SIGB_E_IO, "cannot name the file '%.200s': %s", path, strerror(errno));
}

/* So that the name survives a power cut; a folder that cannot be synced does not make the file wrong. */
static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

sigb_rc output_file(const char *path, bool force, sigb_bytes content, sigb_diag *diag)
{
    char folder[PATH_MAX];
    int fd = -1;
    sigb_rc rc = output_check(path, force, diag);

    if (rc == SIGB_OK && is_stdout(path))
        return output_write(STDOUT_FILENO, content, "standard output", diag);
    if (rc == SIGB_OK)
        rc = folder_of(path, folder, diag);
    if (rc == SIGB_OK)
        rc = open_temporary(folder, &fd, diag);
    if (rc != SIGB_OK)
        return rc;
    rc = fill(fd, path, content, diag);
    if (rc == SIGB_OK)
        rc = give_name(path, force, diag);
    if (rc != SIGB_OK)
        (void)unlink(unfinished);
    has_unfinished = 0;
    sync_folder(folder);
    return rc;
}
