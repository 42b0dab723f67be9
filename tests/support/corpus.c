/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/corpus.h"

static const char *corpus_folder(void)
{
    const char *folder = getenv("SIGBRIDGE_CORPUS");

    return folder == NULL ? "../shared/corpus" : folder;
}

bool corpus_is_here(void)
{
    const char *ci = getenv("CI");

    if (access(corpus_folder(), R_OK) == 0)
        return true;
    if (ci != NULL && strcmp(ci, "true") == 0)
        fail_msg("the corpus is not at %s, and CI must have it", corpus_folder());
    print_message("no corpus at %s: its answers are not asserted here\n", corpus_folder());
    return false;
}

sigb_bytes file_read(sigb_buf *room, const char *path)
{
    uint8_t part[4096];
    size_t len;
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail_msg("%s cannot be read", path);
    while ((len = fread(part, 1, sizeof(part), file)) > 0)
        sigb_buf_append(room, sigb_bytes_of(part, len));
    assert_int_equal(fclose(file), 0);
    assert_false(room->failed);
    return sigb_buf_bytes(room);
}

sigb_bytes corpus_read(sigb_buf *room, const char *name)
{
    char path[512];
    int len = snprintf(path, sizeof(path), "%s/%s", corpus_folder(), name);

    assert_true(len > 0 && (size_t)len < sizeof(path));
    return file_read(room, path);
}
