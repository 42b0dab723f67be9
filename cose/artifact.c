/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of an artifact of any size, in constant memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <sigbridge/statement.h>

#include "base/alg.h"
#include "base/error.h"
#include "base/libctx.h"

#define PART           (256 * 1024)       /* fits a level-2 cache: read and hashed while it is there */
#define PROGRESS_EVERY (16 * 1024 * 1024) /* bytes */

typedef struct artifact {
    int fd;
    bool regular;
    struct stat before;
    int64_t start; /* where the descriptor stood */
    int64_t done;
    sigb_progress_fn progress;
    void *progress_arg;
    int64_t reported;
} artifact;

static sigb_rc io_failed(sigb_diag *diag, const char *what, int error)
{
    char room[128];

    return sigb_fail(diag, SIGB_E_IO, "the artifact cannot be %s: %s", what,
                     strerror_r(error, room, sizeof(room)));
}

static sigb_rc open_artifact(artifact *from, sigb_diag *diag)
{
    off_t start;

    if (fstat(from->fd, &from->before) != 0)
        return io_failed(diag, "examined", errno);
    if (S_ISDIR(from->before.st_mode))
        return sigb_fail(diag, SIGB_E_IO, "the artifact is a directory; a file is wanted");
    from->regular = S_ISREG(from->before.st_mode);
    if (!from->regular)
        return SIGB_OK;
    start = lseek(from->fd, 0, SEEK_CUR);
    from->start = start < 0 ? 0 : start;
    (void)posix_fadvise(from->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return SIGB_OK;
}

static void report(artifact *from, bool last)
{
    if (from->progress == NULL || (!last && from->done - from->reported < PROGRESS_EVERY))
        return;
    from->reported = from->done;
    from->progress(from->progress_arg, from->done, from->regular ? from->before.st_size - from->start : -1);
}

static sigb_rc digest_parts(artifact *from, EVP_MD_CTX *ctx, uint8_t *part, sigb_diag *diag)
{
    for (;;) {
        ssize_t len = read(from->fd, part, PART);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return io_failed(diag, "read", errno);
        if (len == 0)
            return SIGB_OK;
        if (EVP_DigestUpdate(ctx, part, (size_t)len) != 1)
            return sigb_openssl_failed(diag, "to hash the artifact");
        from->done += len;
        report(from, false);
    }
}

/* A file that is written to while it is read gives the digest of something that never was. */
static sigb_rc check_unchanged(const artifact *from, sigb_diag *diag)
{
    struct stat after;

    if (!from->regular)
        return SIGB_OK;
    if (fstat(from->fd, &after) != 0)
        return io_failed(diag, "examined", errno);
    if (after.st_size != from->before.st_size || after.st_mtim.tv_sec != from->before.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != from->before.st_mtim.tv_nsec ||
        (from->start <= after.st_size && from->done != after.st_size - from->start))
        return sigb_fail(diag, SIGB_E_CHANGED,
                         "the artifact changed while it was read; try again once nothing writes to it");
    return SIGB_OK;
}

static sigb_rc digest_artifact(artifact *from, const EVP_MD *md, EVP_MD_CTX *ctx, sigb_buf *digest,
                               sigb_diag *diag)
{
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    uint8_t *part = OPENSSL_malloc(PART);
    sigb_rc rc = part == NULL || ctx == NULL ? sigb_no_memory(diag) : SIGB_OK;

    if (rc == SIGB_OK && EVP_DigestInit_ex2(ctx, md, NULL) != 1)
        rc = sigb_openssl_failed(diag, "to hash the artifact");
    if (rc == SIGB_OK)
        rc = digest_parts(from, ctx, part, diag);
    if (rc == SIGB_OK)
        rc = check_unchanged(from, diag);
    if (rc == SIGB_OK && EVP_DigestFinal_ex(ctx, value, &len) != 1)
        rc = sigb_openssl_failed(diag, "to hash the artifact");
    if (rc == SIGB_OK) {
        report(from, true);
        sigb_buf_append(digest, sigb_bytes_of(value, len));
        rc = digest->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    OPENSSL_free(part);
    return rc;
}

sigb_rc sigb_artifact_digest(int fd, sigb_hash hash, sigb_progress_fn progress, void *progress_arg,
                             sigb_buf *digest, sigb_diag *diag)
{
    const hash_row *row = hash_row_of(hash);
    artifact from = {.fd = fd, .progress = progress, .progress_arg = progress_arg};
    const EVP_MD *md;
    EVP_MD_CTX *ctx;
    sigb_rc rc;

    if (fd < 0 || row == NULL || digest == NULL)
        return sigb_fail(diag, SIGB_E_USAGE,
                         "a digest needs an open file, sha256, sha384 or sha512, and a place to be put");
    md = libctx_digest(row->digest);
    if (md == NULL)
        return sigb_openssl_failed(diag, "a digest");
    rc = open_artifact(&from, diag);
    if (rc != SIGB_OK)
        return rc;
    ctx = EVP_MD_CTX_new();
    rc = digest_artifact(&from, md, ctx, digest, diag);
    EVP_MD_CTX_free(ctx);
    return rc;
}
