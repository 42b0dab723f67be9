/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recovery/options.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sigbridge/bytes.h>

typedef enum row_kind { TEXT, NUMBER, FLAG } row_kind;

/* clang-format off */
static const struct row {
    const char *name;
    row_kind kind;
    size_t offset;
} ROWS[] = {
    {"--module",        TEXT,   offsetof(run_options, module)},
    {"--key",           TEXT,   offsetof(run_options, key)},
    {"--config",        TEXT,   offsetof(run_options, config)},
    {"--init-args",     TEXT,   offsetof(run_options, init_args)},
    {"--pin-file",      TEXT,   offsetof(run_options, pin_file)},
    {"--root",          TEXT,   offsetof(run_options, root)},
    {"--cert",          TEXT,   offsetof(run_options, cert)},
    {"--eku",           TEXT,   offsetof(run_options, eku)},
    {"--out",           TEXT,   offsetof(run_options, out)},
    {"--event",         TEXT,   offsetof(run_options, event)},
    {"--count",         NUMBER, offsetof(run_options, count)},
    {"--threads",       NUMBER, offsetof(run_options, threads)},
    {"--points",        NUMBER, offsetof(run_options, points)},
    {"--seed",          NUMBER, offsetof(run_options, seed)},
    {"--timeout",       NUMBER, offsetof(run_options, timeout_ms)},
    {"--within",        NUMBER, offsetof(run_options, within_ms)},
    {"--replicas",      FLAG,   offsetof(run_options, replicas)},
    {"--copy-key",      FLAG,   offsetof(run_options, copy_key)},
    {"--trace",         FLAG,   offsetof(run_options, trace)},
    {"--until-refused", FLAG,   offsetof(run_options, until_refused)},
    {"--apart",         FLAG,   offsetof(run_options, apart)},
};
/* clang-format on */

void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("FAILED: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    _Exit(1);
}

static const struct row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        if (strcmp(ROWS[i].name, name) == 0)
            return &ROWS[i];
    die("no such option: %s", name);
}

static void store(run_options *options, const struct row *row, const char *value)
{
    void *field = (char *)options + row->offset;
    char *end = NULL;

    if (row->kind == FLAG) {
        *(bool *)field = true;
    } else if (value == NULL) {
        die("%s needs a value", row->name);
    } else if (row->kind == TEXT) {
        *(const char **)field = value;
    } else {
        *(unsigned long *)field = strtoul(value, &end, 10);
        if (end == value || *end != '\0')
            die("%s needs a number", row->name);
    }
}

void run_options_parse(run_options *options, int argc, char **argv)
{
    *options = (run_options){.count = 1000, .threads = 4, .points = 10};
    for (int i = 1; i < argc; i++) {
        const struct row *row = row_of(argv[i]);
        store(options, row, i + 1 < argc ? argv[i + 1] : NULL);
        i += row->kind != FLAG;
    }
    if (options->key == NULL || options->root == NULL || options->cert == NULL || options->out == NULL)
        die("--key, --root, --cert and --out are needed");
    if (options->count == 0 || options->threads == 0 || options->points >= options->count)
        die("more statements than points are needed, and a thread");
    if (options->seed == 0)
        options->seed = (unsigned long)time(NULL);
}

void read_certs(const char *path, sigb_buf *certs)
{
    char block[65536];
    size_t len;
    sigb_diag diag = {{0}, 0};
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        die("no %s", path);
    len = fread(block, 1, sizeof(block), file);
    (void)fclose(file);
    if (sigb_certs_append(certs, sigb_bytes_of(block, len), &diag) != SIGB_OK)
        die("%s: %s", path, diag.text);
}
