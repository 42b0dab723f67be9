/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/hex.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A file without a name that holds `count` times the byte 'a'. */
static int file_of(size_t count)
{
    char path[] = "/tmp/sigbridge-artifact-XXXXXX";
    uint8_t part[4096];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    memset(part, 'a', sizeof(part));
    while (count > 0) {
        size_t len = count < sizeof(part) ? count : sizeof(part);
        assert_int_equal(write(fd, part, len), (ssize_t)len);
        count -= len;
    }
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void assert_digest(int fd, sigb_hash hash, const char *wanted)
{
    sigb_buf digest = SIGB_BUF_INIT, room = SIGB_BUF_INIT;

    assert_refused(sigb_artifact_digest(fd, hash, NULL, NULL, &digest, diag), SIGB_OK, "");
    assert_true(sigb_bytes_equal(sigb_buf_bytes(&digest), hex_put(&room, wanted)));
    sigb_buf_free(&digest);
    sigb_buf_free(&room);
}

/* Answers of FIPS 180-4 examples: nothing, and a million times 'a'. */
static void digests_are_those_of_fips_180(void **state)
{
    static const struct {
        sigb_hash hash;
        size_t count;
        const char *digest;
    } rows[] = {
        {SIGB_SHA256, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {SIGB_SHA256, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
        {SIGB_SHA384, 1000000,
         "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985"},
        {SIGB_SHA512, 1000000,
         "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31b"
         "eb009c5c2c49aa2e4eadb217ad8cc09b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = file_of(rows[i].count);
        assert_digest(fd, rows[i].hash, rows[i].digest);
        close(fd);
    }
}

static void a_pipe_is_read_to_its_end(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    assert_digest(ends[0], SIGB_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    close(ends[0]);
}

static void reading_begins_where_the_descriptor_stands(void **state)
{
    int fd = file_of(4);

    (void)state;
    assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
    assert_digest(fd, SIGB_SHA256, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    close(fd);
}

static void what_cannot_be_read_is_refused(void **state)
{
    sigb_buf digest = SIGB_BUF_INIT;
    int folder = open("/tmp", O_RDONLY | O_DIRECTORY), file = file_of(1), closed = dup(file);
    char path[64];
    int unreadable;

    (void)state;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    unreadable = open(path, O_WRONLY);
    close(closed);
    assert_refused(sigb_artifact_digest(-1, SIGB_SHA256, NULL, NULL, &digest, diag), SIGB_E_USAGE,
                   "open file");
    assert_refused(sigb_artifact_digest(file, SIGB_HASH_NONE, NULL, NULL, &digest, diag), SIGB_E_USAGE,
                   "sha256");
    assert_refused(sigb_artifact_digest(file, SIGB_SHA256, NULL, NULL, NULL, diag), SIGB_E_USAGE, "a place");
    assert_refused(sigb_artifact_digest(folder, SIGB_SHA256, NULL, NULL, &digest, diag), SIGB_E_IO,
                   "is a directory; a file is wanted");
    assert_refused(sigb_artifact_digest(closed, SIGB_SHA256, NULL, NULL, &digest, diag), SIGB_E_IO,
                   "cannot be examined: Bad file descriptor");
    assert_refused(sigb_artifact_digest(unreadable, SIGB_SHA256, NULL, NULL, &digest, diag), SIGB_E_IO,
                   "cannot be read: Bad file descriptor");
    assert_int_equal(digest.len, 0);
    close(folder);
    close(file);
    close(unreadable);
}

/* ---- files that change while they are read ---- */

typedef struct change {
    int fd;
    void (*what)(int fd);
    int calls;
    int64_t done, total;
} change;

static void change_once(void *arg, int64_t done, int64_t total)
{
    change *made = arg;

    if (made->calls++ == 0 && made->what != NULL)
        made->what(made->fd);
    made->done = done;
    made->total = total;
}

static void grow(int fd)
{
    assert_int_equal(pwrite(fd, "more", 4, 40 << 20), 4);
}

static void shrink(int fd)
{
    assert_int_equal(ftruncate(fd, 20 << 20), 0);
}

static void touch(int fd)
{
    const struct timespec times[2] = {{1, 0}, {1, 0}};

    assert_int_equal(futimens(fd, times), 0);
}

static void a_file_that_changes_is_refused(void **state)
{
    static void (*const rows[])(int) = {grow, shrink, touch};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = file_of(40 << 20);
        change made = {.fd = fd, .what = rows[i]};
        sigb_buf digest = SIGB_BUF_INIT;
        assert_refused(sigb_artifact_digest(fd, SIGB_SHA256, change_once, &made, &digest, diag),
                       SIGB_E_CHANGED, "changed while it was read; try again");
        assert_int_equal(digest.len, 0);
        close(fd);
    }
}

static void a_pipe_has_no_total(void **state)
{
    int ends[2];
    change seen = {.fd = -1};
    sigb_buf digest = SIGB_BUF_INIT;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    assert_refused(sigb_artifact_digest(ends[0], SIGB_SHA256, change_once, &seen, &digest, diag), SIGB_OK,
                   "");
    assert_int_equal(seen.done, 3);
    assert_int_equal(seen.total, -1);
    sigb_buf_free(&digest);
    close(ends[0]);
}

static void progress_is_told(void **state)
{
    int fd = file_of(40 << 20);
    change seen = {.fd = fd};
    sigb_buf digest = SIGB_BUF_INIT;

    (void)state;
    assert_refused(sigb_artifact_digest(fd, SIGB_SHA256, change_once, &seen, &digest, diag), SIGB_OK, "");
    assert_int_equal(seen.calls, 3);
    assert_int_equal(seen.done, 40 << 20);
    assert_int_equal(seen.total, 40 << 20);
    sigb_buf_free(&digest);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_fips_180),
        cmocka_unit_test(a_pipe_is_read_to_its_end),
        cmocka_unit_test(reading_begins_where_the_descriptor_stands),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(a_file_that_changes_is_refused),
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(a_pipe_has_no_total),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
