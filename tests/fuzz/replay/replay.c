/* SPDX-License-Identifier: Apache-2.0 */
/* A main() for a fuzz function: feeds it every file of a folder, so that the corpus is a test in any build. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"

#define LARGEST ((size_t)1 << 20)

/* An exact copy on the heap: a read past the end is a read past an allocation. */
static int feed(const char *path)
{
    uint8_t *room = malloc(LARGEST), *exact = NULL;
    FILE *file = fopen(path, "rb");
    size_t len;
    int done = 0;

    if (room == NULL || file == NULL)
        goto out;
    len = fread(room, 1, LARGEST, file);
    if (ferror(file) || !feof(file))
        goto out;
    exact = malloc(len == 0 ? 1 : len);
    if (exact == NULL)
        goto out;
    memcpy(exact, room, len);
    LLVMFuzzerTestOneInput(exact, len);
    done = 1;
out:
    if (!done)
        fprintf(stderr, "%s cannot be read\n", path);
    free(exact);
    free(room);
    if (file != NULL)
        fclose(file);
    return done;
}

static int feed_all(const char *folder, DIR *dir)
{
    char path[PATH_MAX];
    int count = 0;

    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (!feed(path))
            return -1;
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    int count;

    if (dir == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    count = feed_all(argv[1], dir);
    closedir(dir);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
