/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/digest.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"

#define FIRST_SIGN_MS 1000 /* what is done sooner shows nothing */
#define NEXT_SIGN_MS  200

struct progress {
    bool shown;
    int64_t next; /* milliseconds of the monotonic clock */
};

static int64_t now_ms(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show(const char *line)
{
    sigb_diag ignored;

    if (output_write(STDERR_FILENO, sigb_bytes_text(line), "standard error", &ignored) != SIGB_OK)
        return; /* progress is a courtesy */
}

static void show_progress(void *arg, int64_t done, int64_t total)
{
    struct progress *progress = arg;
    char line[64];

    if (now_ms() < progress->next)
        return;
    if (total > 0)
        (void)snprintf(line, sizeof(line), "\rhashing: %3d %% of %lld MiB", (int)(done * 100 / total),
                       (long long)(total >> 20));
    else
        (void)snprintf(line, sizeof(line), "\rhashing: %lld MiB", (long long)(done >> 20));
    show(line);
    progress->shown = true;
    progress->next = now_ms() + NEXT_SIGN_MS;
}

sigb_rc digest_artifact(struct report *report, int fd, sigb_hash hash, sigb_buf *digest, sigb_diag *diag)
{
    struct progress progress = {false, now_ms() + FIRST_SIGN_MS};
    bool watched = isatty(STDERR_FILENO) && !report->quiet && !report->json;
    sigb_rc rc = sigb_artifact_digest(fd, hash, watched ? show_progress : NULL, &progress, digest, diag);

    if (progress.shown)
        show("\r                                        \r");
    return rc;
}
