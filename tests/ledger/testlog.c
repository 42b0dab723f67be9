/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of ours at work, for stories and measurements: takes statements in, signs
 * with a key of a token, and writes receipts and the key set.
 *
 *   testlog --key URI --pin-file FILE --tree ccf|rfc9162 --issuer NAME --out FOLDER
 *           [--module PATH] [--before N] [--after N] [--seals N]
 *           [--continuations 1] STATEMENT...
 *
 * Before and after the statements come so many entries of nobody's, none if not
 * given. Then the tree is signed `seals` times, once if not given, with one more
 * such entry between two signatures. In FOLDER: keys.cbor (a COSE_Key set), keys.json (a JWK set),
 * key.der (the SubjectPublicKeyInfo), S.N.receipt for statement S by signature N,
 * and where asked for older.M.N.receipt, by which tree N continues tree M, all
 * from 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ledger/log.h"

#define ROOM (16U << 20)

typedef struct testlog {
    const char *key, *pin_file, *module, *tree, *issuer, *out;
    unsigned long before, after, seals, continuations;
    char **statements;
    size_t count;
    uint64_t *leaves; /* of the statements */
    sigb_signer *signer;
    log_store store;
    sigb_log *log;
} testlog;

static void require(sigb_rc rc, const sigb_diag *diag, const char *what)
{
    if (rc == SIGB_OK)
        return;
    (void)fprintf(stderr, "FAILED: %s: %s: %s\n", what, sigb_rc_name(rc), diag->text);
    exit(EXIT_FAILURE);
}

static void usage(const char *what)
{
    (void)fprintf(stderr, "FAILED: %s: see the head of tests/ledger/testlog.c\n", what);
    exit(EXIT_FAILURE);
}

/* ---- the command line ---- */

static void take(testlog *made, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        unsigned long *number;
    } rows[] = {
        {"--key", &made->key, NULL},       {"--pin-file", &made->pin_file, NULL},
        {"--module", &made->module, NULL}, {"--tree", &made->tree, NULL},
        {"--issuer", &made->issuer, NULL}, {"--out", &made->out, NULL},
        {"--before", NULL, &made->before}, {"--after", NULL, &made->after},
        {"--seals", NULL, &made->seals},   {"--continuations", NULL, &made->continuations},
    };

    for (size_t i = 0; value != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].text != NULL)
            *rows[i].text = value;
        else
            *rows[i].number = strtoul(value, NULL, 10);
        return;
    }
    usage(name);
}

static void parse(testlog *made, int argc, char **argv)
{
    int at = 1;

    made->seals = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at += 2)
        take(made, argv[at], at + 1 < argc ? argv[at + 1] : NULL);
    if (made->key == NULL || made->pin_file == NULL || made->tree == NULL || made->issuer == NULL ||
        made->out == NULL || made->seals == 0 || at >= argc)
        usage("the arguments");
    made->statements = argv + at;
    made->count = (size_t)(argc - at);
}

/* ---- files ---- */

static void read_file(const char *path, sigb_buf *content)
{
    static uint8_t room[ROOM];
    FILE *file = fopen(path, "rb");
    size_t len = file == NULL ? 0 : fread(room, 1, sizeof(room), file);

    if (file == NULL || len == sizeof(room))
        usage(path);
    (void)fclose(file);
    sigb_buf_append(content, sigb_bytes_of(room, len));
}

static void write_file(const testlog *of, const char *name, sigb_buf *content)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", of->out, name);
    file = fopen(path, "wb");
    if (file == NULL || content->failed || fwrite(content->ptr, 1, content->len, file) != content->len ||
        fclose(file) != 0)
        usage(path);
    sigb_buf_free(content);
}

/* ---- the log ---- */

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return sigb_pin_read_file(pin, arg, NULL, diag);
}

static void open_log(testlog *made)
{
    const sigb_pkcs11_options options = {.module = made->module,
                                         .pin = give_pin,
                                         .pin_arg = (void *)(uintptr_t)made->pin_file,
                                         .no_certs = true};
    log_options how = {.vds = strcmp(made->tree, "ccf") == 0 ? SIGB_VDS_CCF : SIGB_VDS_RFC9162,
                       .issuer = made->issuer,
                       .subject = "scitt.ccf.signature.v1",
                       .view = 2};
    sigb_diag diag = {{0}, 0};

    require(sigb_signer_from_pkcs11(made->key, &options, &made->signer, &diag), &diag, made->key);
    require(log_memory_new(&made->store, &diag), &diag, "store");
    how.store = made->store;
    require(log_open(&how, &made->log, &diag), &diag, "log");
    require(log_use_signer(made->log, made->signer, &diag), &diag, made->key);
}

static void close_log(testlog *done)
{
    log_free(done->log);
    log_memory_free(&done->store);
    sigb_signer_free(done->signer);
    free(done->leaves);
}

static void fill(testlog *to, unsigned long count)
{
    sigb_diag diag = {{0}, 0};
    uint64_t leaf;

    for (unsigned long i = 0; i < count; i++) {
        uint64_t number = log_size(to->log);

        require(log_append(to->log, sigb_bytes_of(&number, sizeof(number)), &leaf, &diag), &diag, "entry");
    }
}

static uint64_t take_statement(testlog *to, const char *path)
{
    sigb_buf file = SIGB_BUF_INIT, entry = SIGB_BUF_INIT;
    sigb_statement *statement = NULL;
    sigb_diag diag = {{0}, 0};
    uint64_t leaf = 0;

    read_file(path, &file);
    require(sigb_statement_parse(sigb_buf_bytes(&file), &statement, &diag), &diag, path);
    require(sigb_statement_entry(statement, SIGB_BYTES_NONE, &entry, &diag), &diag, path);
    require(log_append(to->log, sigb_buf_bytes(&entry), &leaf, &diag), &diag, path);
    sigb_statement_free(statement);
    sigb_buf_free(&entry);
    sigb_buf_free(&file);
    return leaf;
}

static void take_statements(testlog *to)
{
    to->leaves = calloc(to->count, sizeof(*to->leaves));
    if (to->leaves == NULL)
        usage("memory");
    for (size_t i = 0; i < to->count; i++)
        to->leaves[i] = take_statement(to, to->statements[i]);
}

static void give_receipts(testlog *of, unsigned long number)
{
    sigb_diag diag = {{0}, 0};
    uint64_t seal = 0;

    require(log_seal(of->log, (int64_t)time(NULL), &seal, &diag), &diag, "seal");
    for (size_t i = 0; i < of->count; i++) {
        const log_receipt_options what = {.has_entry = true, .entry = of->leaves[i]};
        sigb_buf receipt = SIGB_BUF_INIT;
        char name[64];

        require(log_receipt(of->log, seal, &what, &receipt, &diag), &diag, of->statements[i]);
        (void)snprintf(name, sizeof(name), "%zu.%lu.receipt", i + 1, number);
        write_file(of, name, &receipt);
    }
}

static void give_continuations(testlog *of)
{
    sigb_diag diag = {{0}, 0};

    for (unsigned long n = 2; n <= of->seals; n++)
        for (unsigned long m = 1; m < n; m++) {
            const log_receipt_options what = {.has_older = true, .older = m - 1};
            sigb_buf receipt = SIGB_BUF_INIT;
            char name[64];

            require(log_receipt(of->log, n - 1, &what, &receipt, &diag), &diag, "continuation");
            (void)snprintf(name, sizeof(name), "older.%lu.%lu.receipt", m, n);
            write_file(of, name, &receipt);
        }
}

static void give_keys(const testlog *of)
{
    sigb_buf cose = SIGB_BUF_INIT, jwks = SIGB_BUF_INIT, spki = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};

    require(log_put_cose_keys(of->log, &cose, &diag), &diag, "keys");
    require(log_put_jwks(of->log, &jwks, &diag), &diag, "keys");
    write_file(of, "keys.cbor", &cose);
    write_file(of, "keys.json", &jwks);
    sigb_buf_append(&spki, sigb_signer_spki(of->signer));
    write_file(of, "key.der", &spki);
}

int main(int argc, char **argv)
{
    static testlog at;

    parse(&at, argc, argv);
    open_log(&at);
    fill(&at, at.before);
    take_statements(&at);
    fill(&at, at.after);
    for (unsigned long i = 1; i <= at.seals; i++) {
        give_receipts(&at, i);
        fill(&at, 1);
    }
    if (at.continuations > 0)
        give_continuations(&at);
    give_keys(&at);
    close_log(&at);
    return EXIT_SUCCESS;
}
